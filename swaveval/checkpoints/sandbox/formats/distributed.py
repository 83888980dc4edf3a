"""Checkpoints of `torch.distributed.checkpoint` (FSDP, Lightning's FSDP): a directory of `.metadata` and `*.distcp`.

`.metadata` is a pickle of a few small classes. It is unpickled with stand-ins for all globals but torch's dtypes, sizes
and dictionaries, so nothing of it is imported or run. Each piece of a tensor lies in a `.distcp` file as `torch.save`
wrote it and is read by the restricted unpickler, as any other file.
"""

import contextlib
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.sandbox.formats.container import open_regular
from swaveval.checkpoints.sandbox.formats.rules import Use
from swaveval.checkpoints.sandbox.formats.stand_ins import StandIn, stand_in
from swaveval.checkpoints.sandbox.formats.torch_files import LARGEST_PICKLE, Opened
from swaveval.checkpoints.sandbox.formats.zip_files import open_zip
from swaveval.checkpoints.sandbox.values import MOST_TENSORS, is_mapping, is_tensor

_TORCH = {"torch.Size": torch.Size, "collections.OrderedDict": dict} | {
    f"torch.{name}": getattr(torch, name)
    for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
}
_SKIPPED = ("optim", "opt_", "lr_sched", "sched")
_FACTS = ("epoch", "global_step", "pytorch-lightning_version", "loops", "hyper_parameters")
_LARGEST_FACT = 8192  # bytes, as torch.save wrote a number
_COMMAND = "python -m torch.distributed.checkpoint.format_utils dcp_to_torch"


class _Unpickler(pickle.Unpickler):
    """Every global is torch's plain value or a stand-in of its own."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.made: dict[str, Any] = {}

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = f"{module_name}.{global_name}"
        if name not in _TORCH and not module_name.startswith(("torch.distributed.", "torch.serialization", "pathlib")):
            raise Failure("refused", f"the directory's .metadata names {printable(name, 100)}, which no such file does")
        return _TORCH.get(name) or self.made.setdefault(name, stand_in(name, Use.CALLED))

    def persistent_load(self, pid: Any, /) -> Any:
        raise Failure("refused", "the directory's .metadata points outside itself")


def open_distributed(file: BinaryIO, size: int, path: str) -> Opened:
    """The tensors of the directory that `path`, its open `.metadata`, lies in; optimisers' are left out.

    Raises:
        Failure: it is no such checkpoint, or damaged.
    """
    if size > LARGEST_PICKLE:
        raise Failure("refused", f"the .metadata has {size} bytes, more than any checkpoint's")
    try:
        metadata = _attributes(_Unpickler(file).load())
        described, stored = metadata["state_dict_metadata"], metadata["storage_data"]
        places = {} if metadata.get("planner_data") is None else metadata["planner_data"]
        whole: dict[str, Any] = {}
        for name, item in list(described.items())[:MOST_TENSORS]:
            row = _attributes(item)
            if type(name) is str and "size" in row and not name.lower().startswith(_SKIPPED):
                _put(whole, _path(places, name), torch.empty(tuple(row["size"]), dtype=_dtype(row["properties"])))
        directory = Path(path).parent
        for index, info in stored.items():
            _fill(whole, places, _attributes(index), _attributes(info), directory)
    except Failure:
        raise
    except MemoryError:
        raise Failure("refused", "the directory describes more than its files hold") from None
    except Exception as error:
        reason = (
            f"the directory's checkpoint cannot be put together here: {type(error).__name__}: {printable(error, 100)}"
        )
        raise Failure("unsupported", f"{reason}; {_COMMAND} {printable(directory_of(path))} FILE does it") from None
    facts = _beside(Path(path).parent)
    whole |= {name: value for name, value in facts.items() if name not in whole}
    held = sum(entry.stat().st_size for entry in os.scandir(Path(path).parent) if entry.name.endswith(".distcp"))
    note = "a directory of torch.distributed.checkpoint, put together from its pieces"
    return Opened(file, "torch distributed", whole, None, held, 2 * held + size, (note,))


def _beside(directory: Path) -> dict[str, Any]:
    """What Lightning keeps beside the pieces in `meta.pt`: how far the training was, and its settings."""
    try:
        file, status = open_regular(str(directory / "meta.pt"))
        with file:
            if status.st_size > LARGEST_PICKLE:
                return {}
            root = open_zip(file, status.st_size, trust=False, verify_all=True).root
    except (Failure, OSError):
        return {}  # the weights are none the worse
    return {name: root[name] for name in _FACTS if name in root} if is_mapping(root) else {}


def directory_of(path: str) -> str:
    return str(Path(path).parent)


def _attributes(value: Any) -> dict[str, Any]:
    state = value.state if isinstance(value, StandIn) else value
    return state if is_mapping(state) else {}


def _dtype(properties: Any) -> torch.dtype:
    state = properties.state
    return state[0] if type(state) is tuple else state["dtype"]


def _path(places: Any, name: str) -> list[str]:
    """Where a name lay before it was flattened."""
    path = places.get(name) if is_mapping(places) else None
    return [str(key) for key in path] if isinstance(path, tuple | list) and 0 < len(path) <= 8 else [name]


def _put(root: dict[str, Any], path: list[str], tensor: Tensor) -> None:
    for key in path[:-1]:
        root = root.setdefault(key, {})
    root[path[-1]] = tensor


def _put_fact(root: dict[str, Any], path: list[str], content: bytes) -> None:
    """A number or word that was saved beside the tensors (`epoch`); anything else is left out."""
    with contextlib.suppress(Exception):  # no weight depends on it
        value = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        for key in path[:-1]:
            root = root.setdefault(key, {})
        if type(value) in (int, float, bool, str) and path[-1] not in root:
            root[path[-1]] = value


def _fill(whole: dict[str, Any], places: Any, index: dict[str, Any], info: dict[str, Any], directory: Path) -> None:
    """Copy one stored piece to its place in its tensor."""
    target: Any = whole
    for key in _path(places, index["fqn"]):
        target = target.get(key) if is_mapping(target) else None
    fact = target is None and "offset" in info and int(info["length"]) <= _LARGEST_FACT
    if (not is_tensor(target) and not fact) or index["fqn"].lower().startswith(_SKIPPED):
        return
    relative, start, length = info["relative_path"], int(info["offset"]), int(info["length"])
    if os.path.basename(relative) != relative or info.get("transform_descriptors"):  # noqa: PTH119
        raise Failure("refused", "the directory's .metadata names a file outside itself, or packed ones")
    with (directory / relative).open("rb") as stream:
        stream.seek(start)
        content = stream.read(length)
    if len(content) < length:
        raise Failure("corrupt", f"{printable(relative, 80)} is cut short", cut_short=True)
    if fact and not zipfile.is_zipfile(io.BytesIO(content)):
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        damaged = archive.testzip()
    if damaged:
        raise Failure("corrupt", f"{printable(relative, 80)} is damaged: {printable(damaged, 60)}")
    if fact:
        _put_fact(whole, _path(places, index["fqn"]), content)
        return
    piece = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    offset = index.get("offset")
    corner = tuple(offset) if offset is not None else (0,) * target.dim()
    if not is_tensor(piece) or piece.dim() != target.dim() or len(corner) != target.dim():
        raise Failure("corrupt", f"a piece of {printable(index['fqn'], 80)} has another shape than its description")
    target[tuple(slice(at, at + n) for at, n in zip(corner, piece.shape, strict=True))] = piece
