"""The inside of a checkpoint: what is where, described without walking what nobody asked for."""

import math
import struct
from collections.abc import Sequence
from typing import Any

import torch

from swaveval.checkpoints.sandbox.config_text import CONFIG_TEXT, backbone_said
from swaveval.checkpoints.sandbox.entries import at_path, entries_of, places_of, tensors_at
from swaveval.checkpoints.sandbox.failure import printable
from swaveval.checkpoints.sandbox.formats.stand_ins import StandIn
from swaveval.checkpoints.sandbox.formats.torch_files import Opened
from swaveval.checkpoints.sandbox.formats.whole_modules import facts_of_modules
from swaveval.checkpoints.sandbox.values import dtype_name, is_mapping, is_tensor

_SCALAR_NODES = 2_000
_OPTIMISER_NODES = 500_000

OPTIMISER_KEYS = ("optimizer_states", "optimizer_state_dict", "optimizer", "optim", "opt", "fp16_scaler")


def describe(opened: Opened, containers: list[list[str]], scalars: list[list[str]]) -> dict[str, Any]:
    """Everything the parent needs to decide which tensors it wants, as JSON.

    Args:
        containers: where weights may be, beyond all places of few keys, which are searched.
    """
    root = opened.root
    found = []
    for path in (*containers, *(place for place in places_of(root) if place not in containers)):
        tensors = tensors_at(root, path)
        if tensors:
            rows = [[name, dtype_name(value), list(value.shape)] for name, value in tensors.items()]
            found.append({"path": path, "tensors": rows, "modules": facts_of_modules(at_path(root, path))})
    return {
        "kind": opened.kind,
        "keys": [printable(key, 80) for key in list(entries_of(root))[:20]],
        "root": _type_name(root),
        "containers": found,
        "scalars": [[path, _scalar(path, at_path(root, path))] for path in scalars],
        "optimiser_bytes": _optimiser_bytes(root),
        "data_bytes": opened.data_bytes,
        "notes": list(opened.notes),
        "metadata": dict(opened.metadata),
    }


def _scalar(path: Sequence[str], value: Any) -> Any:
    if type(value) is str and tuple(path) == CONFIG_TEXT:
        return {"backbone": backbone_said(value)}
    return _plain(value, 6, [_SCALAR_NODES])


def _type_name(value: Any) -> str:
    return printable(type(value).named if isinstance(value, StandIn) else type(value).__name__, 120)


def _plain(value: Any, depth: int, budget: list[int]) -> Any:
    """A small value as JSON; what is too deep, too large or of another type becomes None."""
    budget[0] -= 1
    if budget[0] < 0 or depth < 0:
        return None
    if isinstance(value, StandIn):
        return _plain(_content(value), depth, budget)
    if value is None or type(value) is bool:
        return value
    if type(value) is int:
        return value if abs(value) < 2**62 else None
    if type(value) is float:
        return value if math.isfinite(value) else None
    if type(value) is str:
        return printable(value, 500)
    if is_tensor(value) and value.numel() == 1 and not value.is_complex():
        return _plain(value.detach().reshape(()).item(), 0, budget)
    if type(value) in (list, tuple):
        return [_plain(item, depth - 1, budget) for item in value[:200]]
    if is_mapping(value):
        pairs = [(key, value[key]) for key in list(value)[:300] if type(key) in (str, int)]
        return {printable(key, 100): _plain(item, depth - 1, budget) for key, item in pairs}
    return None


def _content(stand_in: StandIn) -> Any:
    """The value an inert object stood for: Namespace and OmegaConf state, a path's parts, a numpy scalar's number."""
    state = stand_in.state
    name = type(stand_in).__name__
    if name == "Namespace":
        return state
    if is_mapping(state) and "_content" in state:
        return state["_content"]
    if is_mapping(state) and "_val" in state:
        return state["_val"]
    if name.endswith(("Path", "PosixPath")):
        return "/".join(part for part in stand_in.arguments if type(part) is str)
    if name == "scalar" and len(stand_in.arguments) == 2:
        return _numpy_scalar(*stand_in.arguments)
    return None


def _numpy_scalar(dtype: Any, content: Any) -> float | int | None:
    codes = {"f8": "<d", "f4": "<f", "i8": "<q", "i4": "<i", "b1": "<?"}
    code = codes.get(str(dtype.arguments[0])) if isinstance(dtype, StandIn) and dtype.arguments else None
    if code is None or type(content) is not bytes or len(content) != struct.calcsize(code):
        return None
    (number,) = struct.unpack(code, content)
    return number


def _optimiser_bytes(root: Any) -> int:
    """Bytes of distinct storages under the optimiser's keys; each object is looked at once, at most half a million."""
    if not is_mapping(root):
        return 0
    waiting = [root[key] for key in OPTIMISER_KEYS if key in root]
    seen: set[int] = set()
    storages: dict[int, int] = {}
    while waiting and len(seen) < _OPTIMISER_NODES:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if is_tensor(value) and value.layout == torch.strided and value.device.type == "cpu":
            storage = value.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        elif is_mapping(value):
            waiting.extend(list(value.values())[:_OPTIMISER_NODES])
        elif type(value) in (list, tuple):
            waiting.extend(value[:_OPTIMISER_NODES])
    return sum(storages.values())
