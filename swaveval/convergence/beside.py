"""The checkpoint beside what can be had without learning: raw pixels and colours, in pairs on the same images."""

from dataclasses import dataclass

import numpy as np

from swaveval.convergence.paired import PairedDifference, holm, paired_difference
from swaveval.convergence.quality import Quality
from swaveval.convergence.thresholds import ALPHA
from swaveval.convergence.verdict import Evidence
from swaveval.convergence.wording import half_width, p_text, points
from swaveval.results import Series

PLAIN = ("pixels", "colours")


@dataclass(frozen=True, slots=True)
class Beside:
    """One comparison.

    Attributes:
        baseline: its name. value: its accuracy. found: checkpoint minus baseline, exact McNemar p.
        p_corrected: Holm's, over the baselines.
    """

    baseline: str
    value: float
    found: PairedDifference
    p_corrected: float

    @property
    def below(self) -> bool:
        """Whether the checkpoint is shown to be worse than this baseline."""
        return self.found.effect < 0 and self.p_corrected <= ALPHA

    @property
    def above(self) -> bool:
        return self.found.effect > 0 and self.p_corrected <= ALPHA


def beside(series: Series, quality: Quality, row: int, *, seed: int) -> tuple[Beside, ...]:
    """The checkpoint in `row` of `quality` against each plain baseline that was measured on the same images."""
    image = series.artifact(f"{quality.metric}.outcomes", quality.points[row].record.digest)
    given: list[tuple[str, float, PairedDifference]] = []
    for point in series.baselines:
        stored = series.artifact(f"{quality.metric}.outcomes", point.record.digest)
        if point.record.baseline not in PLAIN or stored is None or image is None:
            continue
        if np.array_equal(stored["index"], image["index"]):
            correct = np.asarray(stored["correct"], dtype=np.bool_)
            found = paired_difference(quality.correct[row], correct, seed=seed)
            given.append((point.record.name, float(correct.mean()), found))
    corrected = holm([found.p for *_, found in given]) if given else ()
    return tuple(Beside(name, value, found, p) for (name, value, found), p in zip(given, corrected, strict=True))


def clause(quality: Quality, row: int, compared: tuple[Beside, ...], *, linear: tuple[Beside, ...] = ()) -> str:
    """What the first sentence must not hide: that pixels or colours alone do better. Empty where none is shown to.

    Args:
        linear: the same comparison by the linear probe, which may say otherwise.
    """
    worst = [one for one in compared if one.below]
    if not worst:
        return ""
    most = max(worst, key=lambda one: -one.found.effect).found
    by = f"{points(most.effect)} ± {points(half_width(most.ci95))} points"
    said = " and ".join(f"{_called(one.baseline)} ({100 * one.value:.1f} %)" for one in worst)
    better = {one.baseline for one in linear if one.above}
    other = " (by the linear probe above)" if all(one.baseline in better for one in worst) else ""
    upto = "up to " if len(worst) > 1 else ""
    return f"by {quality.name} {quality.moment(row)} is {upto}{by} below {said}{other}"


def evidence(quality: Quality, row: int, compared: tuple[Beside, ...]) -> list[Evidence]:
    """A row for each comparison; it says what the features are worth, neither for nor against learning."""
    rows = []
    for one in compared:
        place = "above" if one.found.effect >= 0 else "below"
        reach = points(half_width(one.found.ci95))
        claim = (
            f"{quality.name} at {quality.moment(row)} is {points(one.found.effect)} ± {reach} points {place} that of "
            f"{_called(one.baseline)} (n = {one.found.n:,}, {p_text(one.found.p)})"
        )
        rows.append(
            Evidence(
                claim,
                quality.metric,
                effect=one.found.effect,
                ci95=one.found.ci95,
                test="paired bootstrap over images, exact McNemar; Holm over the plain baselines",
                p=one.found.p,
                p_corrected=one.p_corrected,
                n=one.found.n,
            )
        )
    return rows


def _called(baseline: str) -> str:
    return f"a {baseline}" if baseline.startswith("colour") else baseline
