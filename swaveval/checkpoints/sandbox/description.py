"""What the reading process says of a file, checked before anything believes it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str, ...]

FLOATING = frozenset({"F64", "F32", "F16", "BF16"})
OWN_METADATA = "swaveval"
ITEM_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Name, dtype (safetensors' words; anything else is one it does not have) and shape of one tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def nbytes(self) -> int:
        return self.elements * ITEM_BYTES.get(self.dtype, 0)


@dataclass(frozen=True, slots=True)
class Description:
    """Attributes:
    kind: `torch zip`, `torch legacy` or `safetensors`.
    keys: top-level keys.
    root: type of the top-level object.
    containers: key path → the tensors directly under it, for the paths asked for and found.
    scalars: key path → small plain value, for the paths asked for and found.
    optimiser_bytes, data_bytes: bytes of optimiser state, and of all tensor data.
    notes: findings that do not prevent use.
    metadata: of a safetensors file.
    modules: key path → module → its class and numbers, where a whole module was saved.
    """

    kind: str
    keys: tuple[str, ...]
    root: str
    containers: Mapping[Path, tuple[TensorInfo, ...]]
    scalars: Mapping[Path, Any]
    optimiser_bytes: int
    data_bytes: int
    notes: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[Path, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)


def parse(message: Mapping[str, Any]) -> Description:
    """A Description from JSON that may come from a reader a hostile file has taken over.

    Raises:
        ValueError: it has not the form of one.
    """
    try:
        containers = {
            _path(entry["path"]): tuple(_tensor(row) for row in entry["tensors"]) for entry in message["containers"]
        }
        scalars = {_path(path): value for path, value in message["scalars"] if value is not None}
        scalars |= _facts(message["metadata"].get(OWN_METADATA))
        return Description(
            kind=_text(message["kind"]),
            keys=tuple(_text(key) for key in message["keys"]),
            root=_text(message["root"]),
            containers=containers,
            scalars=scalars,
            optimiser_bytes=_count(message["optimiser_bytes"]),
            data_bytes=_count(message["data_bytes"]),
            notes=tuple(_text(note) for note in message["notes"]),
            metadata={_text(key): _text(value) for key, value in message["metadata"].items()},
            modules={
                _path(entry["path"]): {_text(name): dict(facts) for name, facts in entry["modules"].items()}
                for entry in message["containers"]
                if entry["modules"]
            },
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a description: {error!r}") from error


def _facts(text: Any) -> dict[Path, Any]:
    """What `swaveval compress` keeps of a checkpoint beside its tensors; {} where it is not ours."""
    try:
        rows = json.loads(text) if isinstance(text, str) else []
        return {_path(path): value for path, value in rows[:200] if path}
    except (ValueError, TypeError, RecursionError):
        return {}


def _tensor(row: Any) -> TensorInfo:
    name, dtype, shape = row
    return TensorInfo(_text(name), _text(dtype), tuple(_count(size) for size in shape))


def _path(keys: Any) -> Path:
    return tuple(_text(key) for key in keys)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value
