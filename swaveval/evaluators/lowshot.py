"""Low-shot accuracy: how much a classifier can learn from 1, 5, 10 or 25 labelled images per class."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from swaveval.evaluators import ridge
from swaveval.evaluators.contract import Need, Skip, require_finite
from swaveval.evaluators.intervals import small_sample, student
from swaveval.evaluators.standardise import blocks, mean_and_scale
from swaveval.evaluators.supervised import Labelled, labelled
from swaveval.evaluators.threads import one_thread
from swaveval.features.features import Features
from swaveval.results import Artifact, Metric, Term
from swaveval.results.words import words_of

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class LowShot:
    """Closed-form ridge on z-scored features, targets ±1, mean over seeded draws of the labelled images.

    Attributes:
        shots: images per class; a number that no class has is left out.
        draws: how often the images are drawn anew.
        penalties: of which each draw takes the one with the smallest leave-one-out error.
    """

    shots: tuple[int, ...] = (1, 5, 10, 25)
    draws: int = 10
    penalties: tuple[float, ...] = tuple(10.0**power for power in range(-1, 6))

    name: ClassVar[str] = "lowshot"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[Need]] = frozenset({Need.LABELS, Need.TRAIN_SPLIT})
    terms: ClassVar[Mapping[str, Term]] = words_of("lowshot")

    def __post_init__(self) -> None:
        if not self.shots or min(*self.shots, self.draws) < 1 or not self.penalties or min(self.penalties) <= 0:
            raise ValueError("lowshot: shots and draws must be at least 1, penalties above 0")

    def __call__(self, features: Features, *, seed: int) -> Iterable[Metric | Artifact]:
        require_finite(features)
        given = labelled(features)
        known, target = np.unique(given.train, return_inverse=True)
        if len(known) < 2:
            raise Skip("all labelled train images are of one class: there is nothing to tell apart")
        sizes = np.bincount(target)
        scaling = mean_and_scale(given.features.train)
        for shots in self.shots:
            if shots > sizes.max():
                continue
            with one_thread():
                draws = [np.random.default_rng([seed, shots, draw]) for draw in range(self.draws)]
                values = [self._accuracy(given, (known, target), scaling, draw_rows(target, shots, d)) for d in draws]
            yield self._metric(given, shots, sizes, np.asarray(values))

    def _accuracy(
        self, given: Labelled, classes: tuple[Array, Array], scaling: tuple[Array, Array], rows: Array
    ) -> float:
        """Test accuracy of a classifier fitted to the train images `rows`."""
        (known, target), (mean, scale) = classes, scaling
        support = (np.asarray(given.features.train[rows], np.float64) - mean) / scale
        fitted = ridge.fit(support, target[rows], len(known), self.penalties)
        hits, at = 0, 0
        for block in blocks(given.features.test):
            predicted = known[fitted.scores((block - mean) / scale).argmax(axis=1)]
            hits += int(np.count_nonzero(predicted == given.test[at : at + len(block)]))
            at += len(block)
        return hits / len(given.test)

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


def draw_rows(labels: Array, shots: int, draw: np.random.Generator) -> Array:
    """`shots` random positions of every class, or all where it has fewer; labels of shape `(n,)`."""
    order = draw.permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    sizes = np.bincount(labels)
    place = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(by_class[place < shots])
