"""SwaV's temperature, ε and Sinkhorn iterations, wherever a file's hyper-parameters keep them."""

from collections.abc import Mapping
from typing import Any

from swaveval.checkpoints.sandbox.description import Description

_NAMES = {
    "temperature": ("temperature", "sinkhorn_temperature"),
    "epsilon": ("epsilon", "sinkhorn_epsilon"),
    "sinkhorn_iterations": ("sinkhorn_iterations", "sk_iters"),
}
_PLACES = (("hyper_parameters",), ("args",), ("cfg",))


def swav_settings(description: Description) -> dict[str, float | int]:
    """`temperature`, `epsilon` and `sinkhorn_iterations` as far as the file tells; sane positive numbers only."""
    found: dict[str, float | int] = {}
    for place in _PLACES:
        for name, value in _walk(description.scalars.get(place), 3):
            for setting, spellings in _NAMES.items():
                if name in spellings and isinstance(value, int | float) and 0 < value <= 1000:
                    found.setdefault(setting, value)
    return found


def _walk(value: Any, depth: int) -> list[tuple[str, Any]]:
    """(name, value) of a nested mapping, outer ones first."""
    if not isinstance(value, Mapping) or depth < 0:
        return []
    own = [(str(name), item) for name, item in value.items()]
    return own + [pair for _, item in own for pair in _walk(item, depth - 1)]
