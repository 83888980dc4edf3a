"""What every way to name a network gives: a fresh network, and what is known of it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, slots=True)
class Made:
    """A network before its output was looked at.

    Attributes:
        build: makes it at random initialisation from torch's global generator.
        module: one that was made.
        words: what the report calls it.
        scores: whether its output is a classifier's; None where that has to be seen from its output.
        heads: names that a classifier, which this network was made without, would add.
        sides: sides in pixels of images it was made for, the likeliest first.
        notes: what its makers say that the file does not.
    """

    build: Callable[[], nn.Module]
    module: nn.Module
    words: str
    scores: bool | None = None
    heads: frozenset[str] = frozenset()
    sides: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
