"""A sample of the images: seeded, of each class its share, of each side of a split its share, and blind to order."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int
from PIL import Image

from swaveval.data.errors import DataError

Array = np.ndarray[Any, np.dtype[Any]]

TRAIN, TEST, EITHER = 0, 1, -1


@dataclass(frozen=True, slots=True)
class Sample:
    """How many images are to be evaluated, and what draws them.

    Attributes:
        count: of images. seed: another draws others.
    """

    count: int
    seed: int = 0

    def words(self, whole: int, *, labelled: bool) -> str:
        """`2,000 of 12,000 images, drawn at random within classes, seed 0`."""
        within = " within classes" if labelled else ""
        return f"{self.count:,} of {whole:,} images, drawn at random{within}, seed {self.seed}"

    def too_large(self, whole: int) -> str:
        """What is said where there is nothing to draw."""
        return f"--images {self.count:,}: there are {whole:,}, and all of them were taken."


@dataclass(frozen=True, slots=True)
class Draw:
    """What chance decides when images are opened, besides a split.

    Attributes:
        trained: first 16 letters of the content hashes that were trained on; a drawn split does not test on them.
        sample: of how many images; None for all.
    """

    trained: frozenset[str] = frozenset()
    sample: Sample | None = None


NOTHING = Draw()


@dataclass(frozen=True, eq=False)
class Some:
    """The images of another opener at `positions`."""

    opener: Callable[[int], Image.Image | Array]
    positions: tuple[int, ...]

    def __call__(self, position: int) -> Image.Image | Array:
        return self.opener(self.positions[position])


def drawn(
    sample: Sample, names: Sequence[str], labels: Int[np.ndarray, " n"], sides: Int[np.ndarray, " n"]
) -> Int[np.ndarray, " m"]:
    """Positions of the images that are drawn, ascending; all of them where no more are there.

    Every class has its share to within one image, so has each side of the split within a class, and nearly so the sides
    altogether; but at least one image stands on each side of a class, and two in one whose split is still to be drawn,
    at the cost of the larger ones. The draw orders images by SHA-256 of seed and name: it depends neither on their
    order nor on a library's random stream, a larger sample holds nearly all of a smaller one, and an image added later
    moves hardly any other.

    Args:
        names: of the images, unique.
        labels: class of each image, -1 for unlabelled ones (a class of their own).
        sides: `TRAIN`, `TEST`, or `EITHER` where no split is given.

    Raises:
        DataError: the sample is too small to hold every class on both sides.
    """
    if sample.count >= len(names):
        return np.arange(len(names), dtype=np.int64)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    least = [_least(sides[own]) for own in members]
    if sample.count < sum(least):
        needed = sum(least)
        raise DataError(
            f"--images {sample.count:,} is too few: {_classes(len(members))} with an image to train and one to test "
            f"with need {needed:,}; take --images {needed:,} or more"
        )
    ranks = [hashlib.sha256(f"{sample.seed}:{name}".encode("utf-8", "surrogateescape")).digest() for name in names]
    chosen: list[int] = []
    owed = 0.0  # test images that rounding has kept from the classes so far
    for own, count in zip(members, allotted([len(own) for own in members], least, sample.count), strict=True):
        test, other = own[sides[own] == TEST], own[sides[own] != TEST]
        exact = count * len(test) / len(own)
        tested = _tested(exact, owed, count, len(test), len(other))
        owed = float(np.clip(owed + exact - tested, -1, 1))
        for part, share in ((test, tested), (other, count - tested)):
            chosen += sorted(part.tolist(), key=ranks.__getitem__)[:share]
    return np.asarray(sorted(chosen), dtype=np.int64)


def _tested(exact: float, owed: float, count: int, test: int, other: int) -> int:
    """Test images of a class: its exact share rounded down or up, so that the classes' sum is as it should be."""
    rounded = int(exact) + (exact - int(exact) + owed >= 0.5 and exact > int(exact))
    return min(max(rounded, min(1, test), count - other), test, count - min(1, other))


def _classes(count: int) -> str:
    return "one class" if count == 1 else f"{count:,} classes"


def _least(sides: Int[np.ndarray, " n"]) -> int:
    """Images that a class needs: one on each side, or two of which a split can make one each."""
    present = np.unique(sides)
    return min(2, len(sides)) if EITHER in present else len(present)


def allotted(counts: Sequence[int], least: Sequence[int], total: int) -> list[int]:
    """`total` divided in proportion to `counts` by largest remainders (Hamilton), nobody below their least.

    Args:
        counts: positive. least: at most the counts, and together at most `total`. total: at most their sum.
    """
    given: dict[int, int] = {}
    # Whose share is below what they need gets that, and the others divide the rest.
    while True:
        rest = [part for part in range(len(counts)) if part not in given]
        left = total - sum(given.values())
        whole = sum(counts[part] for part in rest)
        short = [part for part in rest if counts[part] * left < least[part] * whole]
        if not short:
            break
        given |= {part: least[part] for part in short}
    exact = {part: counts[part] * left for part in rest}  # in parts of `whole`: whole numbers have no rounding
    given |= {part: exact[part] // whole for part in rest}
    over = sorted(rest, key=lambda part: (-(exact[part] % whole), -counts[part], part))
    for part in over[: total - sum(given.values())]:
        given[part] += 1
    return [given[part] for part in range(len(counts))]
