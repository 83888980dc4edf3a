"""Ways into a checkpoint: what lies under which keys, and where weights may be."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from swaveval.checkpoints.sandbox.failure import Failure
from swaveval.checkpoints.sandbox.formats.stand_ins import StandIn
from swaveval.checkpoints.sandbox.formats.whole_modules import state_of_module
from swaveval.checkpoints.sandbox.values import LONGEST_NAME, MOST_TENSORS, TensorTable, is_mapping, is_tensor

_DEEPEST = 3  # keys; what lies deeper is looked for by name alone
_MOST_NODES = 2_000
_MOST_CHILDREN = 500
_MOST_PLACES = 24
_LONGEST_KEY = 100
_LONGEST_LIST = 16
# Under keys that begin so lie no weights of the model, though there are tensors.
_BESIDE = (
    "optim",
    "opt_",
    "lr_sched",
    "sched",
    "scaler",
    "grad_scaler",
    "amp",
    "rng",
    "random_state",
    "callbacks",
    "loops",
)


def at_path(root: Any, path: list[str]) -> Any:
    """What lies under the keys of `path`, or None."""
    for key in path:
        entries = entries_of(root)
        if key not in entries:
            return None
        root = entries[key]
    return root


def entries_of(value: Any) -> Mapping[Any, Any]:
    """What is inside a mapping, a short list, a whole module (its state dict) or another object (its attributes).

    {} of the rest. In a list, as of `torch.save((model.state_dict(), epoch), file)`, places are keys.
    """
    if is_mapping(value):
        return value
    if type(value) in (list, tuple) and len(value) <= _LONGEST_LIST:
        return {str(place): item for place, item in enumerate(value)}
    module = state_of_module(value)
    if module is not None:
        return module
    state = value.state if isinstance(value, StandIn) else None
    if type(state) is tuple and len(state) == 2:  # of an object with slots
        state = state[1]
    return state if is_mapping(state) else {}


def tensors_at(root: Any, path: list[str]) -> TensorTable:
    """The named tensors directly under `path`; {} where there are none.

    Raises:
        Failure: there are more than any model has.
    """
    container = entries_of(at_path(root, path))
    if len(container) > MOST_TENSORS:
        raise Failure("refused", f"the file names {len(container)} tensors, more than any model")
    return {
        name: value
        for name, value in container.items()
        if type(name) is str and len(name) <= LONGEST_NAME and is_tensor(value)
    }


def places_of(root: Any) -> list[list[str]]:
    """Key paths of at most three keys under which tensors lie directly, outer ones first, in the order of the file.

    Bounded whatever the file: an object is looked at once, and not all of a crowd.
    """
    found: list[list[str]] = []
    level: list[tuple[list[str], Any]] = [([], root)]
    seen: set[int] = set()
    for depth in range(_DEEPEST + 1):
        following: list[tuple[list[str], Any]] = []
        for path, value in level:
            if id(value) in seen or len(seen) >= _MOST_NODES or len(found) >= _MOST_PLACES:
                continue
            seen.add(id(value))
            entries = entries_of(value)
            if len(entries) > MOST_TENSORS:
                continue
            items = [(key, item) for key, item in entries.items() if type(key) is str and len(key) <= _LONGEST_KEY]
            if any(is_tensor(item) for _, item in items):
                found.append(path)
            inside = [(key, item) for key, item in items if is_mapping(item) or isinstance(item, StandIn | nn.Module)]
            if depth < _DEEPEST:
                kept = [(key, item) for key, item in inside if not key.lower().startswith(_BESIDE)]
                following += [([*path, key], item) for key, item in kept[:_MOST_CHILDREN]]
        level = following
    return found
