"""Checkpoints of Hugging Face's transformers, built from the `config.json` beside them. transformers is not needed."""

from swaveval.checkpoints.hugging_face.beside import beside, stamps_beside, trained_beside
from swaveval.checkpoints.hugging_face.network import Network, network_of, timm_name, without_config

__all__ = ["Network", "beside", "network_of", "stamps_beside", "timm_name", "trained_beside", "without_config"]
