"""The witnesses that the verdict hears: metrics with an outcome per image, and what is known of each beforehand.

One metric does not suffice. On digits raw pixels reach 99 % by kNN, so that kNN has no room, while the linear probe and
low-shot accuracy rise by 3 and 16 points; on photos kNN often ties with untrained networks where the probe rises by 8.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from swaveval.convergence.quality import Quality, read
from swaveval.results import Role, Series
from swaveval.results.roles import declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A metric the verdict hears. Numbers are fractions: 0.01 is one percentage point.

    Attributes:
        metric: its id.
        confirms: the same asked of the test images, or empty.
        weight: its share of the family's error, relative to the others' (see `family`).
        gain: a gain of this size would matter; the verdict denies learning only where it is excluded.
        plateau: a change of less than this over the last third is none; None where the metric scatters too much to
            tell.
        jitter: standard deviation between neighbouring checkpoints that is assumed before any is seen.
        spread: the same between untrained networks.
        margin: a gain has to be larger than this to count.
        labelled: whether it rests on labels.
        chooses: whether a checkpoint may be chosen by it: it looks at no test label.
    """

    metric: str
    confirms: str = ""
    weight: float = 0.05
    gain: float = 0.02
    plateau: float | None = 0.01
    jitter: float = 0.005
    spread: float = 0.02
    margin: float = 0.0
    labelled: bool = True
    chooses: bool = True


# The order is that of the sentences. kNN has most of the family's error: it needs no fit and has no setting to choose,
# and small gains are looked for with it; the others see gains that are far larger than their noise, or none.
# Jitter and spread: docs/verdict.md, "What is assumed".
LABELLED = (
    Witness(metric="knn.loo_top1", confirms="knn.top1", weight=0.85),
    Witness(metric="linear.fold_top1", confirms="linear.top1"),
    Witness(metric="lowshot.train_top1[shots=5]", gain=0.03, plateau=0.02),
    # k-means starts anew at every checkpoint, so that purity scatters by more than the images explain.
    Witness(metric="clusters.train_purity", gain=0.05, plateau=None, jitter=0.02, spread=0.03),
)
# Where nothing was measured on the training images.
ON_TEST = (Witness(metric="knn.top1", weight=0.85, chooses=False), Witness(metric="linear.top1", chooses=False))
# Views are pulled together in every training, so that their retrieval rises a little also where nothing is learned.
RETRIEVAL = Witness(metric="views.retrieval", margin=0.01, labelled=False)


@dataclass(frozen=True, eq=False)
class Heard:
    """A witness and what it saw."""

    witness: Witness
    quality: Quality


def labelled(series: Series) -> tuple[Heard, ...]:
    """The witnesses that rest on labels and have outcomes, plugins' last; those of the test images where no other has.

    What they saw is of the same checkpoints; one that has seen fewer than most is left out.
    """
    if not series.manifest.data.labelled:
        return ()
    found = tuple(_heard(series, LABELLED)) or tuple(_heard(series, ON_TEST))
    return _of_the_same((*found, *_heard(series, _declared(series))))


def label_free(series: Series) -> tuple[Heard, ...]:
    """View retrieval, and of images without labels what plugins declare a witness."""
    declared = () if series.manifest.data.labelled else _declared(series, labelled=False)
    return _of_the_same(tuple(_heard(series, (RETRIEVAL, *declared))))


def on_test(series: Series) -> tuple[Heard, ...]:
    """The witnesses of the test images alone."""
    return _of_the_same(tuple(_heard(series, ON_TEST)))


def of_the_same_as(first: Heard, others: tuple[Heard, ...]) -> tuple[Heard, ...]:
    """Those of `others` that saw the same checkpoints as `first`."""
    names = _checkpoints(first)
    return tuple(one for one in others if _checkpoints(one) == names)


def _declared(series: Series, *, labelled: bool = True) -> tuple[Witness, ...]:
    """What plugins declare a witness. Nobody knows which of them look at test labels, so none of them chooses."""
    return tuple(
        Witness(metric=metric, labelled=labelled, chooses=False) for metric in declared(series.manifest, Role.WITNESS)
    )


def _heard(series: Series, witnesses: tuple[Witness, ...]) -> Iterator[Heard]:
    for witness in witnesses:
        quality = read(series, witness.metric, jitter=witness.jitter, spread=witness.spread)
        if quality is not None:
            yield Heard(witness, quality)


def _of_the_same(found: tuple[Heard, ...]) -> tuple[Heard, ...]:
    if not found:
        return ()
    checkpoints = [_checkpoints(one) for one in found]
    most = max(checkpoints, key=lambda names: (len(names), -checkpoints.index(names)))
    return tuple(one for one, names in zip(found, checkpoints, strict=True) if names == most)


def _checkpoints(one: Heard) -> tuple[str, ...]:
    return tuple(point.record.name for point in one.quality.points)
