"""Weights of other programs: what a directory without a file of PyTorch's or safetensors' holds, and what to do."""

import json
import os
import shlex
from pathlib import Path, PurePosixPath

from swaveval.checkpoints.sandbox.failure import printable

# Both were tried with transformers 4.49: the file they write has the features of the network. Version 5 reads neither.
_BY_TRANSFORMERS = {
    "tf_model.h5": ("TensorFlow's weights of a Hugging Face model", "from_tf=True", "tensorflow tf-keras"),
    "flax_model.msgpack": ("Flax's weights of a Hugging Face model", "from_flax=True", "flax"),
}
_EXPORTED = "an exported network; give the PyTorch checkpoint that it was exported from"
_KINDS = {
    (".onnx", ".tflite", ".mlmodel", ".mlpackage", ".engine", ".trt"): _EXPORTED,
    (".h5", ".keras", ".pb", ".index"): "of TensorFlow or Keras, whose networks cannot be read",
    (".msgpack", ".orbax"): "of Flax, whose networks cannot be read",
    (".pdparams",): "PaddlePaddle's weights; written by torch.save under PyTorch's names they are read (its `_mean` "
    "and `_variance` are running_mean and running_var, its weights of linear layers lie transposed)",
    (".gguf",): "a quantised language model",
    (".pkl", ".pickle", ".npz", ".npy"): "objects of Python or NumPy; PyTorch weights are what torch.save writes",
    (".zip", ".gz", ".tgz", ".xz", ".zst", ".7z"): "packed; unpack it first",
}
_MOST = 20_000  # files that are looked at


def foreign(directory: Path) -> str:
    """What of other programs lies below a directory, after a semicolon, and what makes a checkpoint of it.

    Empty where nothing does. Hidden directories are left out.
    """
    names = _names(directory)
    for name in names:
        if known := _BY_TRANSFORMERS.get(PurePosixPath(name).name):
            words, option, packages = known
            place = json.dumps(printable((directory / name).parent, 1000), ensure_ascii=False)
            load = f"AutoModel.from_pretrained({place}, {option})"
            code = shlex.quote(f"from transformers import AutoModel; {load}.save_pretrained({place})")
            return (
                f"; there is {printable(name, 80)}, {words}; with pip install 'transformers<5' {packages}, this writes "
                f"model.safetensors beside it, which is read: python -c {code}"
            )
    for suffixes, words in _KINDS.items():
        found = [name for name in names if name.lower().endswith(suffixes)]
        if found:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            return f"; there is {printable(found[0], 80)}{more}, {words}"
    return ""


def _names(directory: Path) -> list[str]:
    """Of files below a directory, relative to it, those on top first."""
    found: list[str] = []
    for parent, directories, files in os.walk(directory):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        found += [Path(parent, name).relative_to(directory).as_posix() for name in sorted(files)]
        if len(found) > _MOST:
            break
    return found
