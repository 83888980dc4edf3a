"""Runs side by side: which may share an axis, what differs, which is best, and what cannot be told apart."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from swaveval.convergence.paired import PairedDifference, holm, paired_difference
from swaveval.convergence.verdict import Verdict
from swaveval.report import wording
from swaveval.report.contents import Contents, gather
from swaveval.report.glossary import Glossary
from swaveval.report.options import IncomparableRuns
from swaveval.results import Metric, Role, Series
from swaveval.results.roles import CHOOSES_RUNS, RISES_WITH_K, TESTS_RUNS, declared

ALPHA = 0.05
AXES = ("prototypes", "learning_rate", "batch_size", "data_fraction", "epochs", "temperature", "epsilon")
ALL_PAIRS = 6


@dataclass(frozen=True, eq=False)
class Run:
    """One evaluation in a comparison.

    Attributes:
        name: unique in its group. contents: what was read. settings: hyper-parameters.
        best: position of its own checkpoint to use (its last where the verdict names none); None without checkpoints.
    """

    name: str
    contents: Contents
    settings: Mapping[str, Any]

    @property
    def best(self) -> int | None:
        if not self.contents.points:
            return None
        return self.contents.best if self.contents.best is not None else len(self.contents.points) - 1

    def metric(self, metric_id: str, *, final: bool = False) -> Metric | None:
        """The metric at the checkpoint to use, or at the last one."""
        position = -1 if final else self.best
        return None if position is None else self.contents.metric(metric_id, position)

    @property
    def seconds(self) -> float | None:
        """Training time where it is known."""
        return self.contents.series.manifest.training_seconds


@dataclass(frozen=True, eq=False)
class Group:
    """Runs whose numbers may share an axis.

    Attributes:
        runs: in the order of the axis, else as given. differing: setting to its value in each run.
        axis: the numeric setting the runs are ordered by, or empty. x: its value in each run.
    """

    runs: tuple[Run, ...]
    differing: dict[str, tuple[str, ...]]
    axis: str
    x: tuple[float, ...]

    @property
    def metric_ids(self) -> tuple[str, ...]:
        """Metrics that at least two runs have (or the only run), without those that rise with K where K differs."""
        counts: dict[str, int] = {}
        for run in self.runs:
            for name in run.contents.metric_ids:
                counts[name] = counts.get(name, 0) + run.contents.has(name)
        hidden = set(RISES_WITH_K) if "prototypes" in self.differing else set()
        kept = tuple(name for name, n in counts.items() if n >= min(2, len(self.runs)) and name not in hidden)
        return self.words.page_order(kept)

    @property
    def words(self) -> Glossary:
        """What the metrics of these runs are called and mean."""
        return Glossary.of(run.contents.series.manifest for run in self.runs)

    def declared(self, *roles: Role) -> tuple[str, ...]:
        """The metrics that some run's evaluators declared for any of these roles."""
        found = (name for run in self.runs for role in roles for name in declared(run.contents.series.manifest, role))
        return tuple(dict.fromkeys(found))

    @property
    def chosen_by(self) -> str:
        """The metric that every run has and that chooses between them, or empty."""
        asked = (*CHOOSES_RUNS, *self.declared(Role.SELECTS))
        return next((name for name in asked if all(_finite(run.metric(name)) for run in self.runs)), "")


def grouped(runs: Sequence[tuple[Series, Verdict]], *, force: bool) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """The runs in groups that may share axes, and why the groups are apart.

    Raises:
        IncomparableRuns: more than one group, and not `force`.
    """
    groups: list[list[tuple[Series, Verdict]]] = []
    reasons: dict[str, None] = {}
    for run in runs:
        for group in groups:
            differences = [text for member in group for text in differences_between(member[0], run[0])]
            if not differences:
                group.append(run)
                break
            reasons |= dict.fromkeys(differences)
        else:
            groups.append([run])
    if len(groups) > 1 and not force:
        names = ", ".join(f"“{wording.clipped(series.manifest.name, 60)}”" for series, _ in runs[:6])
        raise IncomparableRuns(
            f"These runs cannot be compared ({names}): {'; '.join(list(reasons)[:4])}. Evaluate them on the same "
            "images with the same settings, or use --force to see them apart."
        )
    return tuple(_group(group) for group in groups), tuple(reasons) if len(groups) > 1 else ()


def differences_between(a: Series, b: Series) -> list[str]:
    """One sentence part for everything that keeps two runs from sharing an axis."""
    said = []
    one, other = a.manifest.data, b.manifest.data
    if one.fingerprint != other.fingerprint:
        said.append(f"different images (fingerprints {one.fingerprint[:8]} and {other.fingerprint[:8]})")
    if one.transform != other.transform:
        said.append(
            "different eval transforms "
            f"({wording.clipped(one.transform, 80)} and {wording.clipped(other.transform, 80)})"
        )
    mine = {name: (version, parameters) for name, version, parameters in a.manifest.evaluators}
    for name, version, parameters in b.manifest.evaluators:
        if name in mine and _canonical(mine[name]) != _canonical((version, parameters)):
            said.append(f"different protocols for {wording.clipped(name, 40)}")
    return said


def _group(runs: Sequence[tuple[Series, Verdict]]) -> Group:
    names = _unique([wording.clipped(series.manifest.name, 60) or "unnamed" for series, _ in runs])
    made = [
        Run(name, gather(series, verdict), dict(series.manifest.hyperparameters))
        for name, (series, verdict) in zip(names, runs, strict=True)
    ]
    differing = _differing(made)
    axis = next((key for key in (*AXES, *differing) if key in differing and _numeric(made, key)), "")
    if axis:
        made.sort(key=lambda run: float(run.settings[axis]))
        differing = _differing(made)
    return Group(tuple(made), differing, axis, tuple(float(run.settings[axis]) for run in made) if axis else ())


def _differing(runs: Sequence[Run]) -> dict[str, tuple[str, ...]]:
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    found = {}
    for key in keys:
        values = [run.settings.get(key) for run in runs]
        if len({_canonical(value) for value in values}) > 1:
            found[key] = tuple(
                "not recorded" if value is None else wording.clipped(_plain(value), 60) for value in values
            )
    return dict(sorted(found.items(), key=lambda entry: AXES.index(entry[0]) if entry[0] in AXES else len(AXES)))


def _numeric(runs: Sequence[Run], key: str) -> bool:
    values = [run.settings.get(key) for run in runs]
    return all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values)


def _unique(names: list[str]) -> list[str]:
    return [
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})" for i, name in enumerate(names)
    ]


@dataclass(frozen=True)
class Pair:
    """Two runs on the same images, each at its checkpoint to use."""

    metric: str
    a: int
    b: int
    found: PairedDifference
    corrected: float


def pairs(group: Group) -> tuple[Pair, ...]:
    """Paired differences, Holm-corrected over the whole table: all pairs of few runs, else each against the best."""
    best = choose(group).best if len(group.runs) > ALL_PAIRS else None
    made: list[tuple[str, int, int, PairedDifference]] = []
    for metric in (*TESTS_RUNS, *group.declared(Role.SELECTS, Role.CONFIRMS, Role.WITNESS)):
        for a in range(len(group.runs)):
            for b in range(a + 1, len(group.runs)):
                if best is None or best in (a, b):
                    found = _between(group, metric, a, b)
                    if found is not None:
                        made.append((metric, a, b, found))
    corrected = holm([found.p for *_, found in made])
    return tuple(Pair(metric, a, b, found, p) for (metric, a, b, found), p in zip(made, corrected, strict=True))


@dataclass(frozen=True)
class Choice:
    """The best run and the ones that cannot be told apart from it.

    Attributes:
        metric: what chose. best: position, or None. tied: positions. how: how ties were found, in words.
    """

    metric: str
    best: int | None
    tied: tuple[int, ...] = ()
    how: str = ""


def choose(group: Group) -> Choice:
    """Highest (or lowest, as the metric says) at each run's own checkpoint to use; ties by paired tests with Holm."""
    metric = group.chosen_by
    if not metric or len(group.runs) < 2:
        return Choice(metric, None)
    values = np.asarray([found.value if (found := run.metric(metric)) is not None else math.nan for run in group.runs])
    sample = group.runs[0].contents.sample(metric)
    best = int(np.argmin(values) if sample.better == "lower" else np.argmax(values))
    others = [i for i in range(len(values)) if i != best]
    tests = [_between(group, metric, best, i) for i in others]
    if all(test is not None for test in tests):
        corrected = holm([test.p for test in tests if test is not None])
        tied = tuple(i for i, p in zip(others, corrected, strict=True) if p > ALPHA)
        return Choice(metric, best, tied, "exact McNemar on the same images, Holm over the runs")
    own = group.runs[best].metric(metric)
    tied = tuple(i for i in others if _overlap(own, group.runs[i].metric(metric)))
    return Choice(metric, best, tied, "overlapping 95 % intervals (no outcomes on the same images)")


def _between(group: Group, metric: str, a: int, b: int) -> PairedDifference | None:
    """Run a minus run b at their checkpoints to use, or None where they lack outcomes on the same images."""
    rows = []
    for position in (a, b):
        run = group.runs[position]
        found = run.contents.outcomes.get(metric)
        at_best = None if found is None or run.best is None else found[run.best]
        if at_best is None:
            return None
        rows.append(at_best)
    (one, here), (other, there) = rows
    if len(one) == 0 or not np.array_equal(here, there):
        return None
    return paired_difference(one, other)


def _overlap(one: Metric | None, other: Metric | None) -> bool:
    if one is None or other is None or one.ci95 is None or other.ci95 is None:
        return False
    return one.ci95[0] <= other.ci95[1] and other.ci95[0] <= one.ci95[1]


def _finite(metric: Metric | None) -> bool:
    return metric is not None and math.isfinite(metric.value)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
