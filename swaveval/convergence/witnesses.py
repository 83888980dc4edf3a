"""The witnesses that the verdict hears: metrics with an outcome per image, and what is known of each beforehand.

One metric does not suffice. On digits raw pixels reach 99 % by kNN, so that kNN has no room, while the linear probe and
low-shot accuracy rise by 3 and 16 points; on photos kNN often ties with untrained networks where the probe rises by 8.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from swaveval.convergence.quality import Quality, read
from swaveval.results import Role, Series
from swaveval.results.roles import ON_TEST, RETRIEVAL, WITNESSES, declared
from swaveval.results.witness import Witness


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
    found = tuple(_heard(series, WITNESSES)) or tuple(_heard(series, ON_TEST))
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
