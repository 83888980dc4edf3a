"""`compare` and `sweep` for a program; training is `swaveval.pretrain.train.pretrain`."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swaveval.api.evaluating import several
from swaveval.api.evaluation import Evaluation
from swaveval.pretrain.config import PretrainConfig
from swaveval.runs.compare import compare_runs
from swaveval.runs.request import RunRequest
from swaveval.runs.sweep import SweepAxis, SweepRequest
from swaveval.runs.sweep import sweep as run_sweep


def compare(*evaluations: Evaluation | str | Path, page: str | Path = "comparison.html", force: bool = False) -> Path:
    """Set stored evaluations side by side on one page; returns it.

    Args:
        evaluations: results, or directories as `swaveval compare` takes them.
        force: show runs on different data apart instead of refusing.

    Raises:
        RunError: fewer than two. StoreError: no results. IncomparableRuns: other data, transform or protocol.
    """
    places = [one.page.parent if isinstance(one, Evaluation) else Path(one) for one in evaluations]
    return compare_runs(places, Path(page), force=force).page


def sweep(
    config: PretrainConfig, vary: Mapping[str, Sequence[float]], out: str | Path, **evaluation: Any
) -> tuple[Path, list[Evaluation]]:
    """Train each setting, evaluate each, compare: the comparison page and the evaluations.

    Args:
        config: settings that all runs share.
        vary: `prototypes`, `learning_rate`, `batch_size`, `data_fraction`, `seed` → values; combined with one another.
        evaluation: fields of an evaluation that all runs share: `evaluators`, `seed`, `device`.

    A setting whose loss becomes NaN is left out, with a warning.

    Raises:
        RunError: nothing to vary. ConfigError: a setting cannot work. Diverged: none of the settings could be trained.
    """
    axes = tuple(SweepAxis(name, tuple(values)) for name, values in vary.items())
    if "evaluators" in evaluation:
        evaluation["evaluators"] = several(evaluation["evaluators"])
    base = RunRequest(checkpoints=Path(out), out=Path(out), **evaluation)
    page, outcomes = run_sweep(
        SweepRequest(config, axes, Path(out), base), left_out=lambda said: warnings.warn(said, stacklevel=3)
    )
    return page, [Evaluation.of(outcome) for outcome in outcomes]
