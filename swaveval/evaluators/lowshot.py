"""Low-shot accuracy: how much a classifier can learn from 1, 5, 10 or 25 labelled images per class."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from swaveval.evaluators import ridge, ridge_on_gpu
from swaveval.evaluators.contract import Need, Skip, require_finite
from swaveval.evaluators.intervals import small_sample, student
from swaveval.evaluators.standardise import BLOCK, mean_and_scale
from swaveval.evaluators.supervised import Labelled, labelled, shares
from swaveval.evaluators.threads import each
from swaveval.features.exact import row_blocks
from swaveval.features.features import Features
from swaveval.results import Artifact, Metric, Term
from swaveval.results.words import words_of

Array = np.ndarray[Any, np.dtype[Any]]

# Of the accuracy that the verdict hears; of other settings the nearest number.
WITNESS_SHOTS = 5


@dataclass(frozen=True)
class LowShot:
    """Closed-form ridge on z-scored features, targets ±1, mean over seeded draws of the labelled images.

    The train images outside a draw are asked as well: in what share of the draws each was right is what the verdict
    hears (`lowshot.train_top1`), as they are more than the test images, and no label of those is used.

    Attributes:
        shots: images per class; a number that no class has is left out.
        draws: how often the images are drawn anew.
        train_queries: train images that are asked, a fixed seeded sample above so many.
        penalties: of which each draw takes the one with the smallest leave-one-out error.
    """

    shots: tuple[int, ...] = (1, 5, 10, 25)
    draws: int = 10
    train_queries: int = 20_000
    penalties: tuple[float, ...] = tuple(10.0**power for power in range(-1, 6))

    name: ClassVar[str] = "lowshot"
    version: ClassVar[int] = 2
    needs: ClassVar[frozenset[Need]] = frozenset({Need.LABELS, Need.TRAIN_SPLIT})
    terms: ClassVar[Mapping[str, Term]] = words_of("lowshot")

    def __post_init__(self) -> None:
        counts = (*self.shots, self.draws, self.train_queries)
        if not self.shots or min(counts) < 1 or not self.penalties or min(self.penalties) <= 0:
            raise ValueError("lowshot: shots, draws and train_queries must be at least 1, penalties above 0")

    def __call__(self, features: Features, *, seed: int) -> Iterable[Metric | Artifact]:
        require_finite(features)
        given = labelled(features)
        known, target = np.unique(given.train, return_inverse=True)
        if len(known) < 2:
            raise Skip("all labelled train images are of one class: there is nothing to tell apart")
        sizes = np.bincount(target)
        scaling = mean_and_scale(given.features.train)
        witness = min(self.shots, key=lambda shots: (abs(shots - WITNESS_SHOTS), shots))
        for shots in self.shots:
            if shots > sizes.max():
                continue
            generators = [np.random.default_rng([seed, shots, draw]) for draw in range(self.draws)]
            drawn = [draw_rows(target, shots, generator) for generator in generators]
            fits = each(lambda rows: self._fit(given, target, len(known), scaling, rows), drawn)
            right = _right(fits, given.features.test, np.searchsorted(known, given.test), given.features.device)
            right &= np.isin(given.test, known)  # a class that train does not have is never right
            yield self._metric(given, shots, sizes, right.mean(axis=1))
            if shots == witness:
                asked = self._asked(len(target), seed)
                right = _right(fits, given.features.train[asked], target[asked], given.features.device)
                yield from self._witness(given, shots, asked, right, outside=_outside(asked, drawn))

    def _fit(
        self, given: Labelled, target: Array, classes: int, scaling: tuple[Array, Array], rows: Array
    ) -> tuple[Array, Array]:
        """Weight `(d, C)` and bias `(C,)` on raw features of a classifier fitted to the train images `rows`."""
        mean, scale = scaling
        support = (np.asarray(given.features.train[rows], np.float64) - mean) / scale
        if (device := given.features.device).startswith("cuda"):
            there, label = (torch.from_numpy(part).to(device) for part in (support, target[rows]))
            *both, _ = ridge_on_gpu.fit(there, label, classes, self.penalties)
            weight, bias = (part.cpu().numpy() for part in both)
        else:
            fitted = ridge.fit(support, target[rows], classes, self.penalties)
            weight, bias = fitted.weight, fitted.bias
        weight = weight / scale[:, None]
        return weight, bias - mean @ weight

    def _asked(self, n: int, seed: int) -> Array:
        """Train rows that are asked, ascending."""
        if n <= self.train_queries:
            return np.arange(n)
        return np.sort(np.random.default_rng([seed, n]).choice(n, self.train_queries, replace=False))

    def _witness(
        self, given: Labelled, shots: int, asked: Array, right: Array, *, outside: Array
    ) -> Iterable[Metric | Artifact]:
        """The share of the draws without it in which each train image was right; nothing where all are always drawn."""
        times = outside.sum(axis=0)
        kept = np.flatnonzero(times)
        if not len(kept):
            return
        share, rows = (right & outside).sum(axis=0)[kept] / times[kept], asked[kept]
        index = given.features.train_index
        name = f"lowshot.train_top1[shots={shots}]"
        yield Metric(
            id=name,
            value=float(share.mean()),
            bounds=(0.0, 1.0),
            ci95=student(share, bounds=(0.0, 1.0)),
            n=len(share),
            protocol=given.protocol(
                f"as lowshot.top1[shots={shots}], asked of the train images outside each draw; the interval is "
                "Student's over the images",
                f"on a seeded sample of {len(asked)} train images" if len(asked) < len(given.train) else "",
            ),
        )
        yield shares(name, share, index[rows] if len(index) else rows)

    def _metric(self, given: Labelled, shots: int, sizes: Array, values: Array) -> Metric:
        short = int((sizes < shots).sum())
        protocol = given.protocol(
            f"ridge on z-scored features, {shots} train image{'s' if shots > 1 else ''} per class, mean over "
            f"{self.draws} seeded draws of them, {len(given.test)} test images; the interval is Student's over the "
            "draws, it does not cover other test images",
            f"{short} classes have fewer than {shots} train images and give all they have" if short else "",
            small_sample(len(given.test)),
        )
        return Metric(
            id=f"lowshot.top1[shots={shots}]",
            value=float(values.mean()),
            bounds=(0.0, 1.0),
            ci95=student(values, bounds=(0.0, 1.0)),
            n=len(values),
            protocol=protocol,
        )


def _outside(asked: Array, drawn: list[Array]) -> Array:
    """Whether each of the `asked` train images is outside each draw, bool `(draws, len(asked))`."""
    return np.stack([~np.isin(asked, rows) for rows in drawn])


def _right(fits: list[tuple[Array, Array]], features: Array, label: Array, device: str) -> Array:
    """Whether each classifier gives each row's class, bool `(draws, n)`; `label` counts the columns of the scores."""
    if device.startswith("cuda"):
        return ridge_on_gpu.right(fits, features, label, device)

    def one(part: slice) -> Array:
        rows = np.asarray(features[part], dtype=np.float64)
        # The scores of all draws at once would be gigabytes.
        return np.stack([(rows @ weight + bias).argmax(axis=1) == label[part] for weight, bias in fits])

    nothing = np.zeros((len(fits), 0), dtype=np.bool_)
    return np.concatenate([nothing, *each(one, row_blocks(len(label), BLOCK))], axis=1)


def draw_rows(labels: Array, shots: int, draw: np.random.Generator) -> Array:
    """`shots` random positions of every class, or all where it has fewer; labels of shape `(n,)`."""
    order = draw.permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    sizes = np.bincount(labels)
    place = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(by_class[place < shots])
