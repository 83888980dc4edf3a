"""What every way to name a network gives: a fresh network, and what is known of it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, slots=True)
class Advice:
    """What helps where a network gives no features: of its `output`, a `head` at its end, `sizes` that it lacks."""

    output: str
    head: str
    sizes: str


OF_A_FACTORY = Advice(
    output="name a factory whose network gives features alone",
    head="let the factory put torch.nn.Identity() in its place",
    sizes="let the factory make them with their sizes",
)


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
        advice: to whoever named or gave it.
    """

    build: Callable[[], nn.Module]
    module: nn.Module
    words: str
    scores: bool | None = None
    heads: frozenset[str] = frozenset()
    sides: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    advice: Advice = OF_A_FACTORY
