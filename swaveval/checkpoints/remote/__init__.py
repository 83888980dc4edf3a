"""Checkpoints that lie elsewhere: in a bucket, on a hub, behind ssh. Fetched once, then read as local files are."""
