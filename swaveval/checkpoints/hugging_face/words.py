"""The words of a `config.json`, each checked for its type and range when it is asked for."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from swaveval.checkpoints.sandbox.failure import Failure, printable

# transformers' names of activations (`ACT2FN`).
ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_python": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "relu": F.relu,
    "relu6": F.relu6,
    "leaky_relu": F.leaky_relu,
    "silu": F.silu,
    "swish": F.silu,
    "mish": F.mish,
    "tanh": torch.tanh,
}


class Words:
    """A `config.json`. Every question names the value that transformers takes where the file says nothing."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._said = said

    def count(self, name: str, usual: int, *, least: int = 1, most: int = 1 << 16) -> int:
        """A whole number."""
        value = self._said.get(name, usual)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._wrong(name, f"a number from {least} to {most}")
        return value

    def number(self, name: str, usual: float, *, most: float = 1e3) -> float:
        """A number from 0."""
        value = self._said.get(name, usual)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
            raise self._wrong(name, f"a number from 0 to {most:g}")
        return float(value)

    def flag(self, name: str, usual: bool) -> bool:
        """true or false."""
        value = self._said.get(name, usual)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def choice(self, name: str, usual: str, known: Mapping[str, Any]) -> str:
        """One of some words."""
        value = self._said.get(name, usual)
        if not isinstance(value, str) or value not in known:
            raise self._wrong(name, f"one of {', '.join(known)}")
        return value

    def counts(self, name: str, usual: tuple[int, ...], *, length: int | None = None) -> tuple[int, ...]:
        """A list of whole numbers."""
        value = self._said.get(name, list(usual))
        whole = isinstance(value, list | tuple) and all(
            isinstance(item, int) and not isinstance(item, bool) and 1 <= item <= 1 << 16 for item in value
        )
        if not whole or not 1 <= len(value) <= 8 or (length is not None and len(value) != length):
            raise self._wrong(name, f"a list of {length or '1 to 8'} numbers")
        return tuple(value)

    def depths(self, usual: tuple[int, ...], *, length: int | None = None) -> tuple[int, ...]:
        """Blocks of each stage."""
        found = self.counts("depths", usual, length=length)
        if sum(found) > 1000:
            raise Failure("refused", f"config.json says {sum(found)} blocks, more than any network has")
        return found

    def side(self, name: str, usual: int) -> int:
        """A side in pixels, given as one number or as two equal ones."""
        value = self._said.get(name, usual)
        if isinstance(value, list | tuple) and len(value) == 2 and value[0] == value[1]:
            value = value[0]
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1 << 14:
            raise self._wrong(name, "a side in pixels (of a square)")
        return value

    def _wrong(self, name: str, wanted: str) -> Failure:
        value = printable(repr(self._said.get(name)), 60)
        return Failure("refused", f"config.json says {name}: {value}, which is not {wanted}")
