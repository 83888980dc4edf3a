"""A path to an ImageSet: sources, splits, audit, fingerprint, and pixels decoded once."""
