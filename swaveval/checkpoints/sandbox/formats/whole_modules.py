"""Whole modules (`torch.save(model)`): their weights and geometry without their classes.

A pickled `nn.Module` is a record of attributes, among them its parameters, buffers and children. The inert stand-in
that was rebuilt in its place holds that record; so its state dict is read off without importing or running anything.
"""

from collections.abc import Iterator
from typing import Any

from torch import nn

from swaveval.checkpoints.sandbox.formats.stand_ins import StandIn
from swaveval.checkpoints.sandbox.values import LONGEST_NAME, MOST_TENSORS, TensorTable, is_mapping, is_tensor

_MOST_MODULES = 20_000
_DEEPEST = 60
# What shapes do not tell of a layer.
_FACTS = (
    "stride",
    "padding",
    "padding_mode",
    "dilation",
    "kernel_size",
    "ceil_mode",
    "num_heads",
    "num_attention_heads",
    "eps",
    "approximate",
    "global_pool",
)


def state_of_module(value: Any) -> TensorTable | None:
    """Name → tensor, as its `state_dict()` would have it; None of what is no module."""
    if isinstance(value, nn.Module):  # only where the user vouched for the file
        return {name: item for name, item in value.state_dict().items() if is_tensor(item)}
    if _parts_of(value) is None:
        return None
    found: TensorTable = {}
    for prefix, parts in _walk(value):
        dropped = parts.get("_non_persistent_buffers_set")
        for group in ("_parameters", "_buffers"):
            for name, item in parts[group].items():
                transient = group == "_buffers" and type(dropped) is set and name in dropped
                if type(name) is str and is_tensor(item) and not transient and len(prefix + name) <= LONGEST_NAME:
                    found[prefix + name] = item
        if len(found) > MOST_TENSORS:
            break
    return found


def facts_of_modules(value: Any) -> dict[str, dict[str, Any]]:
    """Of each module inside one: its class and what its shapes do not tell, plain numbers only; {} of what is none."""
    if isinstance(value, nn.Module):
        named = [(name, type(part).__name__, vars(part)) for name, part in value.named_modules()]
    elif _parts_of(value) is not None:
        named = [(prefix[:-1], parts["class"], parts) for prefix, parts in _walk(value)]
    else:
        return {}
    return {
        name: {"class": kind}
        | {fact: _numbers(parts[fact]) for fact in _FACTS if _numbers(parts.get(fact)) is not None}
        for name, kind, parts in named[:_MOST_MODULES]
    }


def _numbers(value: Any) -> Any:
    """A number, a word (`same`), or a pair of equal numbers as one; None of anything else."""
    if type(value) is tuple and value and all(item == value[0] for item in value):
        value = value[0]
    return value if type(value) in (int, float, bool) or (type(value) is str and len(value) < 20) else None


def _parts_of(value: Any) -> dict[str, Any] | None:
    state = value.state if isinstance(value, StandIn) else None
    if not is_mapping(state) or not all(is_mapping(state.get(key)) for key in ("_parameters", "_buffers", "_modules")):
        return None
    return {**state, "class": type(value).named.rsplit(".", 1)[-1]}


def _walk(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """(prefix, attributes) of a module and all inside it, in the order of a state dict."""
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    for _ in range(_MOST_MODULES):
        if not waiting:
            return
        prefix, module, depth = waiting.pop()
        parts = _parts_of(module)
        if parts is None or depth > _DEEPEST or len(prefix) > LONGEST_NAME:
            continue
        yield prefix, parts
        inside = [
            (f"{prefix}{name}.", child, depth + 1) for name, child in parts["_modules"].items() if type(name) is str
        ]
        waiting.extend(reversed(inside[:_MOST_MODULES]))
