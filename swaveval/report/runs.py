"""Runs side by side: which may share an axis, what differs, and which are repeats of one another."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from swaveval.convergence.quality import diverged
from swaveval.convergence.verdict import Verdict
from swaveval.convergence.wording import listed
from swaveval.report import wording
from swaveval.report.contents import Contents, gather
from swaveval.report.glossary import Glossary
from swaveval.report.options import IncomparableRuns
from swaveval.results import DataSummary, Metric, Role, Series
from swaveval.results.precision import WORDS
from swaveval.results.roles import RISES_WITH_K, declared

AXES = ("prototypes", "learning_rate", "batch_size", "data_fraction", "epochs", "temperature", "epsilon")
SEED = "seed"
# Why a run cannot be recommended, the gravest first: of repeats that differ the first of these is said.
COLLAPSED, NO_LOSS, NO_WEIGHTS = "collapsed", "its loss became NaN", "its weights are not finite at the end"
NOT_LEARNING, NONE = "not learning", "no checkpoint to recommend"
UNFIT = (COLLAPSED, NO_LOSS, NO_WEIGHTS, NOT_LEARNING, NONE)
# What stands between a run's name and its seed.
_BETWEEN = " ,;:-_=/("


@dataclass(frozen=True, eq=False)
class Run:
    """One evaluation in a comparison.

    Attributes:
        name: unique in its group. contents: what was read. settings: hyper-parameters.
    """

    name: str
    contents: Contents
    settings: Mapping[str, Any]

    @property
    def best(self) -> int | None:
        """The checkpoint its numbers are of: the one to use, the last where there is none; None without checkpoints."""
        if not self.contents.points:
            return None
        return self.contents.best if self.contents.best is not None else len(self.contents.points) - 1

    @property
    def unfit(self) -> str:
        """Why nobody should train like this, one of `UNFIT`; empty where nothing speaks against it.

        A training that broke may have been good until then, and its own page may name a checkpoint of that time.
        """
        verdict = self.contents.verdict
        found = {
            COLLAPSED: verdict.verdict == "collapsed",
            NOT_LEARNING: verdict.verdict == "not-learning",
            NO_LOSS: verdict.loss.state == "nan",
            NO_WEIGHTS: diverged(self.contents.series) is not None,
            NONE: self.contents.best is None,
        }
        return next((why for why in UNFIT if found[why]), "")

    @property
    def weights(self) -> tuple[str, ...]:
        """What its checkpoints hold, in order; equal for copies of one training."""
        return tuple(str(point.record.digest) for point in self.contents.points)

    @property
    def compared(self) -> str:
        """The weights that its numbers are of; empty without checkpoints."""
        return "" if self.best is None else self.weights[self.best]

    def metric(self, metric_id: str, *, final: bool = False) -> Metric | None:
        """The metric at the checkpoint to use, or at the last one."""
        position = -1 if final else self.best
        return None if position is None else self.contents.metric(metric_id, position)

    @property
    def seconds(self) -> float | None:
        """Training time where it is known."""
        return _positive(self.contents.series.manifest.training_seconds)

    @property
    def seconds_per_epoch(self) -> float | None:
        """Of training, where both are known."""
        epochs = _positive(self.contents.series.manifest.training_epochs)
        return None if self.seconds is None or epochs is None else self.seconds / epochs


@dataclass(frozen=True)
class Setting:
    """Runs that differ by their seed alone; mostly one.

    Attributes:
        name: `K = 100`, or the run's name where no one hyper-parameter tells them apart. runs: positions in the group.
    """

    name: str
    runs: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Group:
    """Runs whose numbers may share an axis.

    Attributes:
        runs: in the order of the axis, else as given. differing: setting to its value in each run.
        axis: the numeric setting the runs are ordered by, or empty. x: its value in each run.
        settings: every run in one of them, in the order of their first.
    """

    runs: tuple[Run, ...]
    differing: dict[str, tuple[str, ...]]
    axis: str
    x: tuple[float, ...]
    settings: tuple[Setting, ...]

    @property
    def repeated(self) -> bool:
        """Whether some setting was trained with several seeds."""
        return len(self.settings) < len(self.runs)

    def of(self, setting: Setting) -> tuple[Run, ...]:
        return tuple(self.runs[position] for position in setting.runs)

    def unfit(self, setting: Setting) -> str:
        """Why a setting cannot be recommended: a repeat that collapsed may happen again."""
        found = [run.unfit for run in self.of(setting) if run.unfit]
        if not found:
            return ""
        why = min(found, key=UNFIT.index)
        return why if len(setting.runs) == 1 else f"{why} with {found.count(why)} of {len(setting.runs)} seeds"

    def copies(self) -> tuple[tuple[int, ...], ...]:
        """Settings whose numbers are of the same weights, two or more at a time: between them nothing is compared."""
        found: dict[str, dict[int, None]] = {}
        for place, setting in enumerate(self.settings):
            for run in self.of(setting):
                if run.compared:
                    found.setdefault(run.compared, {})[place] = None
        return tuple(dict.fromkeys(tuple(places) for places in found.values() if len(places) > 1))

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
        raise IncomparableRuns(
            f"These runs cannot be compared: {'; '.join(list(reasons)[:4])}. {_apart(runs, groups)}. Evaluate them on "
            "the same images with the same settings, or use --force to see them apart."
        )
    called = _called(runs)
    named = tuple(_group(group, [called[id(run)] for run in group]) for group in groups)
    return named, tuple(reasons) if len(groups) > 1 else ()


def names_apart(runs: Sequence[tuple[Series, Verdict]]) -> list[str]:
    """What each run is called; those of one name are numbered."""
    return _unique([wording.clipped(series.manifest.name, 60) or "unnamed" for series, _ in runs])


def _called(runs: Sequence[tuple[Series, Verdict]]) -> dict[int, str]:
    return dict(zip(map(id, runs), names_apart(runs), strict=True))


def _apart(runs: Sequence[tuple[Series, Verdict]], groups: Sequence[Sequence[tuple[Series, Verdict]]]) -> str:
    """`Comparable are “a” and “b”, apart from “c”`: which run is the odd one."""
    called = _called(runs)
    sets = [listed([f"“{called[id(run)]}”" for run in group[:6]]) for group in groups[:4]]
    more = ", …" if len(groups) > 4 or any(len(group) > 6 for group in groups) else ""
    if len(groups) == len(runs):
        return f"Each stands alone: {', '.join(sets)}{more}"
    return f"On one page go {'; on another '.join(sets)}{more}"


def _images(data: DataSummary) -> str:
    """`1,797 images of digits in 10 classes (3f2a…)`."""
    count = wording.count(data.n_train + data.n_test, "image")
    classes = f"in {wording.count(len(data.class_names), 'class', 'classes')}" if data.labelled else "without labels"
    return f"{count} of {wording.clipped(data.name, 40)} {classes} ({data.fingerprint[:8]})"


def differences_between(a: Series, b: Series) -> list[str]:
    """One sentence part for everything that keeps two runs from sharing an axis."""
    said = []
    one, other = a.manifest.data, b.manifest.data
    if one.fingerprint != other.fingerprint:
        said.append(f"different images or labels, {_images(one)} and {_images(other)}")
    if one.transform != other.transform:
        said.append(
            "different eval transforms "
            f"({wording.clipped(one.transform, 80)} and {wording.clipped(other.transform, 80)})"
        )
    if one.precision != other.precision:
        words = [WORDS.get(name, wording.clipped(name, 20)) for name in (one.precision, other.precision)]
        said.append(f"networks run in different precisions ({words[0]} and {words[1]}: give both the same --precision)")
    mine = {name: (version, parameters) for name, version, parameters in a.manifest.evaluators}
    for name, version, parameters in b.manifest.evaluators:
        if name in mine and _canonical(mine[name]) != _canonical((version, parameters)):
            said.append(f"different protocols for {wording.clipped(name, 40)}")
    return said


def _group(runs: Sequence[tuple[Series, Verdict]], names: Sequence[str]) -> Group:
    made = [
        Run(name, gather(series, verdict), dict(series.manifest.hyperparameters))
        for name, (series, verdict) in zip(names, runs, strict=True)
    ]
    differing = _differing(made)
    axis = next((key for key in (*AXES, *differing) if key in differing and key != SEED and _numeric(made, key)), "")
    if axis:
        made.sort(key=lambda run: float(run.settings[axis]))
        differing = _differing(made)
    x = tuple(float(run.settings[axis]) for run in made) if axis else ()
    return Group(tuple(made), differing, axis, x, _settings(made, differing, axis))


def _settings(runs: Sequence[Run], differing: Mapping[str, Sequence[str]], axis: str) -> tuple[Setting, ...]:
    found: dict[str, list[int]] = {}
    for position, run in enumerate(runs):
        found.setdefault(_repeat_of(run) or f"run {position}", []).append(position)
    together: list[list[int]] = []
    for positions in found.values():
        # The same seed or the same weights twice is the same training twice, and says nothing about other seeds.
        seeds = [_canonical(runs[position].settings.get(SEED)) for position in positions]
        held = [runs[position].compared or f"run {position}" for position in positions]
        apart = len(set(seeds)) == len(set(held)) == len(positions)
        together += [positions] if apart else [[position] for position in positions]
    together.sort()
    alone = bool(axis) and set(differing) <= {axis, SEED}
    values = [runs[positions[0]].settings.get(axis) for positions in together]
    called = f"{'K' if axis == 'prototypes' else axis.replace('_', ' ')} = " if alone else ""
    alone = alone and len({_canonical(value) for value in values}) == len(values)
    names = [
        f"{called}{float(runs[positions[0]].settings[axis]):g}" if alone else _shared_name(runs, positions)
        for positions in together
    ]
    return tuple(Setting(name, tuple(positions)) for name, positions in zip(_unique(names), together, strict=True))


def _repeat_of(run: Run) -> str:
    """Equal for runs that differ by their seed alone and were evaluated at the same moments; empty where unknown."""
    manifest = run.contents.series.manifest
    seed = run.settings.get(SEED)
    if not manifest.recipe or not isinstance(seed, int) or isinstance(seed, bool):
        return ""
    moments = [[point.record.epoch, point.record.step] for point in run.contents.points]
    rest = {key: value for key, value in run.settings.items() if key != SEED}
    return _canonical([manifest.recipe, rest, moments])


def _shared_name(runs: Sequence[Run], positions: Sequence[int]) -> str:
    """The run's name; of repeats what the names have in common, else the first's."""
    names = [runs[position].name for position in positions]
    if len(names) == 1:
        return names[0]
    alike = takewhile(lambda signs: len(set(signs)) == 1, zip(*names, strict=False))
    shared = "".join(signs[0] for signs in alike).rstrip("0123456789")
    for ending in ("seed", "s"):
        before = shared.rstrip(_BETWEEN)
        shared = before.removesuffix(ending) if before.removesuffix(ending)[-1:] in _BETWEEN else before
    shared = shared.rstrip(_BETWEEN)
    return shared if len(shared) > 1 else f"{names[0]} and its repeats"


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


def _positive(value: float | None) -> float | None:
    return value if isinstance(value, int | float) and math.isfinite(value) and value > 0 else None


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
