"""`swaveval sweep`: pretrain each setting, evaluate each, compare. Killed anywhere, the same command goes on."""

import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from swaveval.pretrain.config import PretrainConfig
from swaveval.pretrain.errors import Diverged
from swaveval.pretrain.reporter import Reporter, SilentReporter
from swaveval.pretrain.train import check_settings, pretrain
from swaveval.runs.checks import check_evaluation
from swaveval.runs.compare import Compared, compare_runs
from swaveval.runs.outcome import RunOutcome
from swaveval.runs.progress import Progress, Silent
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.run import run

WHOLE = ("prototypes", "batch_size", "seed")
INSTEAD = (
    "Take lower learning rates or a longer warm-up; stop_on_nan = false under [training] in the file of --config "
    "trains on regardless"
)


@dataclass(frozen=True, slots=True)
class SweepAxis:
    """One hyper-parameter that is varied.

    Attributes:
        name: as it stands in run.json's hyperparameters: `prototypes`, `learning_rate`, `batch_size`, `data_fraction`,
            `seed`.
        values: the values, in the order they are run.
    """

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """What to train and how to evaluate it.

    Attributes:
        base: settings that all runs share.
        axes: what differs; several axes are combined with one another.
        out: `out/<setting>/` holds each run, `out/index.html` the comparison.
        evaluation: how each run is evaluated; its checkpoints, out and name are filled in for each. Its budget is of
            all together: each has an equal share of what is left.
    """

    base: PretrainConfig
    axes: tuple[SweepAxis, ...]
    out: Path
    evaluation: RunRequest


def configure(base: PretrainConfig, setting: dict[str, float]) -> PretrainConfig:
    """The base settings with one point of the grid filled in."""
    place: dict[str, Callable[[PretrainConfig, float], PretrainConfig]] = {
        "prototypes": lambda c, v: replace(c, swav=replace(c.swav, prototypes=int(v))),
        "learning_rate": lambda c, v: replace(c, optimiser=replace(c.optimiser, learning_rate=float(v))),
        "batch_size": lambda c, v: replace(c, training=replace(c.training, batch_size=int(v))),
        "data_fraction": lambda c, v: replace(c, data=replace(c.data, fraction=float(v))),
        "seed": lambda c, v: replace(c, training=replace(c.training, seed=int(v))),
    }
    for name, value in setting.items():
        base = place[name](base, value)
    return base


def grid(axes: Sequence[SweepAxis]) -> list[dict[str, float]]:
    """Every combination of the axes' values, the last axis changing fastest.

    Raises:
        RunError: no axis, an axis with a value twice, or a part of a number where it counts something.
    """
    if not axes:
        raise RunError(
            "a sweep needs something to vary: --prototypes 30,100,300, --learning-rates, --batch-sizes, --seeds …"
        )
    for axis in axes:
        if len(set(axis.values)) < len(axis.values):
            raise RunError(f"{axis.name} lists a value twice: {', '.join(f'{value:g}' for value in axis.values)}")
        if axis.name in WHOLE and (parts := [f"{value:g}" for value in axis.values if value != int(value)]):
            raise RunError(f"{axis.name} takes whole numbers, found {', '.join(parts)}; name whole ones")
    names = [axis.name for axis in axes]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*(axis.values for axis in axes))]


def run_name(setting: dict[str, float]) -> str:
    """`prototypes=30`, or `prototypes=30,learning_rate=0.002`: the run's directory and its name on the page."""
    return ",".join(f"{name}={_written(value)}" for name, value in setting.items())


def _written(value: float) -> str:
    """Six digits where they say it all: 1234567 and 1234568 are two seeds, and two directories."""
    short = f"{value:g}"
    return short if float(short) == value else str(int(value) if value == int(value) else value)


def sweep(
    request: SweepRequest,
    *,
    training: Callable[[], AbstractContextManager[Reporter]] = lambda: nullcontext(SilentReporter()),
    evaluating: Callable[[], AbstractContextManager[Progress]] = lambda: nullcontext(Silent()),
    comparing: Callable[[Compared], None] = lambda found: None,
    left_out: Callable[[str], None] = lambda said: None,
) -> tuple[Path, list[RunOutcome]]:
    """Train, evaluate and compare; what is finished is not done again.

    Args:
        request: what to vary and where to put it.
        training, evaluating: make what is told about a training and about an evaluation, one of each per run.
        comparing: is told what the comparison found.
        left_out: is told of each setting that could not be trained, and why.

    Returns:
        The comparison page (the run's own page when there is one run only) and the outcome of each run. A setting whose
        loss becomes NaN or infinite ends its own training alone and is left out.

    Raises:
        RunError: nothing to vary. PluginError, DeviceError, OutputError: the evaluations cannot be as asked for;
            nothing is trained then. ConfigError: a setting cannot work; nothing is trained then. Diverged: none of the
            settings could be trained. Errors of `pretrain` and `run` pass through; finished runs are kept.
    """
    settings = grid(request.axes)
    check_evaluation(request.evaluation, Silent())
    with training() as reporter:
        check_settings({run_name(setting): configure(request.base, setting) for setting in settings}, reporter)
    outcomes: list[RunOutcome] = []
    shared, budget = request.evaluation, request.evaluation.budget
    lost: dict[str, str] = {}
    for position, setting in enumerate(settings):
        name = run_name(setting)
        directory = request.out / name
        with training() as reporter:
            reporter.notice(f"run {position + 1} of {len(settings)}: {name}")
            try:
                pretrain(
                    configure(request.base, setting),
                    directory,
                    resume=True,
                    reporter=reporter,
                    command=request.evaluation.command,
                )
            except Diverged as error:
                lost[name] = error.found
        if name in lost:
            left_out(f"{name} is left out: {lost[name]}. {INSTEAD}")
            continue
        share = None if budget is None else max(0.0, budget) / (len(settings) - position)
        evaluation = replace(
            shared, checkpoints=directory / "checkpoints", out=directory / "report", name=name, budget=share
        )
        began = time.monotonic()
        with evaluating() as progress:
            outcomes.append(run(evaluation, progress))
        budget = None if budget is None else budget - (time.monotonic() - began)
        # Features of different precisions are not compared: what the first run may have, all have.
        shared = replace(shared, precision=outcomes[-1].written.series.manifest.data.precision)
    if not outcomes:
        raise Diverged("; ".join(f"{name}: {found}" for name, found in lost.items()), INSTEAD)
    if len(outcomes) == 1:
        return outcomes[0].written.page, outcomes
    names = [name for setting in settings if (name := run_name(setting)) not in lost]
    compared = compare_runs(
        [request.out / name / "report" for name in names],
        request.out / "index.html",
        images=request.evaluation.images,
        untrained=tuple(f"{name}: {found}" for name, found in lost.items()),
    )
    comparing(compared)
    return compared.page, outcomes
