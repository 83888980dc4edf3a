"""Checkpoints of several files, as transformers and FSDP write them."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch.distributed.checkpoint as dcp
from safetensors.torch import save_file


def sharded(content: dict[str, Any], path: Path) -> Path:
    """`checkpoint-20/model-00001-of-00002.safetensors` and its like, beside `path`."""
    directory, state = path.with_name(f"checkpoint-{content['global_step']}"), content["state_dict"]
    directory.mkdir()
    pieces = {f"model-0000{part + 1}-of-00002.safetensors": list(state)[part::2] for part in (0, 1)}
    for piece, names in pieces.items():
        save_file({name: state[name] for name in names}, directory / piece)
    held = {name: piece for piece, names in pieces.items() for name in names}
    (directory / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": held}))
    return directory


def distributed(content: dict[str, Any], path: Path) -> Path:
    """A directory called as the file would be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save(content, checkpoint_id=path, no_dist=True)
    return path


PIECES: dict[str, Callable[[dict[str, Any], Path], Path]] = {"safetensors": sharded, "fsdp": distributed}
