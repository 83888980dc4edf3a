"""What to make up: the size, the course and the oddities of an invented evaluation."""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from swaveval.runs.request import DEFAULT_EVALUATORS

ALL = DEFAULT_EVALUATORS
CREATED = "2026-03-05T14:02:11+00:00"


@dataclass(frozen=True)
class Plan:
    """What to make up.

    Attributes:
        epochs: one checkpoint per entry.
        start, end: kNN accuracy at the first and the last checkpoint.
        hostile: strings put before every name (run, class, file, checkpoint, directory, reason, setting), a different
            one for each; `rotation` deals them out anew.
        nonfinite: put NaN and infinities where a broken run would.
    """

    name: str = "digits-demo"
    epochs: tuple[float, ...] = tuple(range(16))
    classes: int = 10
    labelled: bool = True
    prototypes: int = 100
    n_train: int = 1347
    n_test: int = 450
    map_points: int = 600
    thumbnail: int = 32
    start: float = 0.87
    end: float = 0.975
    evaluators: tuple[str, ...] = ALL
    natural: bool = False
    nonfinite: bool = False
    refused: bool = True
    hostile: tuple[str, ...] = ()
    rotation: int = 0
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    training_seconds: float | None = None
    seed: int = 0
    fingerprint: str = "d1" * 32

    def named(self, plain: str) -> str:
        """`plain`, or a hostile string made unique by it."""
        if not self.hostile:
            return plain
        return self.hostile[(zlib.crc32(plain.encode()) + self.rotation) % len(self.hostile)] + plain


USUAL = Plan()


def class_name(position: int) -> str:
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return words[position] if position < 10 else f"class {position}"


def digest(seed: int, position: int) -> str:
    return hashlib.sha256(f"{seed}/{position}".encode()).hexdigest()
