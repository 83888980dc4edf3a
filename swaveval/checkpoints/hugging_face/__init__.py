"""Checkpoints of Hugging Face's transformers, built from the `config.json` beside them. transformers is not needed."""
