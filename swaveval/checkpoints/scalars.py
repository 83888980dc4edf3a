"""What a file says beside its weights: every value of its settings with the path to it."""

from collections.abc import Iterator, Mapping
from typing import Any

_DEPTH = 5
_MOST = 2000


def leaves(scalars: Mapping[tuple[str, ...], Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(path, value) of every leaf, a list counting as one, breadth bounded."""
    waiting: list[tuple[tuple[str, ...], Any]] = [(tuple(path), value) for path, value in scalars.items()]
    seen = 0
    while waiting and seen < _MOST:
        path, value = waiting.pop(0)
        seen += 1
        if isinstance(value, Mapping):
            if len(path) < _DEPTH:
                waiting += [((*path, str(name)), item) for name, item in list(value.items())[:_MOST]]
        elif path:
            yield path, value
