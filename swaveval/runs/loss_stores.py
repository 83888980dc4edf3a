"""Stores of trackers around the checkpoints, and the run in them that the checkpoints are of, where that can be told.

A store holds many runs. Taken by itself is only a run whose id is in the path of the checkpoints (Lightning's
`PROJECT/ID/checkpoints`, solo-learn's `trained_models/METHOD/ID`, `mlruns/EXPERIMENT/ID/artifacts`), or the only one
with a loss in the store beside them. Among several nothing is guessed: a sentence lists them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from swaveval.runs.loss_mlflow import mlflow_runs
from swaveval.runs.loss_runs import TrackedRun, listed
from swaveval.runs.loss_wandb import wandb_runs
from swaveval.runs.request import RunError
from swaveval.text import shortened

_READERS = (wandb_runs, mlflow_runs)
# Directories above the run's own in which a store may lie, when the checkpoints' path names one of its runs.
_ABOVE = 4


def place_and_run(option: Path) -> tuple[Path, str | None]:
    """`mlruns:brisk-sun-3`: the place, and the run in it when one was named."""
    if not option.exists():
        place, colon, run = str(option).rpartition(":")
        if colon and run and Path(place).expanduser().exists():
            return Path(place).expanduser(), run
    return option.expanduser(), None


def tracked_runs(place: Path) -> list[TrackedRun]:
    """Runs with a loss of every tracker whose store is there.

    Raises:
        RunError: one that is there cannot be read.
    """
    return [run for reader in _READERS for run in reader(place)]


def own_runs(places: Sequence[Path], ckpt_dir: Path) -> tuple[list[TrackedRun], tuple[str, ...]]:
    """Runs that the checkpoints may be taken to be of, the surest first, and a sentence on each store that is left out.

    Args:
        places: where stores are looked for. ckpt_dir: of the checkpoints.
    """
    told: list[str] = []
    found: list[TrackedRun] = []
    above = {_key(run): run for run in runs_above(ckpt_dir)}
    path = _names(ckpt_dir)
    for reader in _READERS:
        runs: dict[tuple[str, str], TrackedRun] = {}
        for place in places:
            try:
                # A store, its experiments and its runs are places, each: one run may be met several times.
                runs = {_key(run): run for run in reader(place)} | runs
            except RunError as error:
                told.append(f"a store beside the checkpoints is left out: {shortened(str(error), 300)}")
        above |= {key: run for key, run in runs.items() if run.id in path}
        if len(runs) == 1:
            found += runs.values()
        elif runs:
            told.append(_undecided(list(runs.values())))
    return (list(above.values()), ()) if above else (found, tuple(told))


def _key(run: TrackedRun) -> tuple[str, str]:
    return run.tracker, run.id


def runs_above(ckpt_dir: Path) -> Iterator[TrackedRun]:
    """Runs of stores further above, whose id is in the checkpoints' path."""
    path = _names(ckpt_dir)
    absolute = ckpt_dir.absolute()
    for place in list(absolute.parents)[1 : 1 + _ABOVE]:
        for reader in _READERS:
            try:
                yield from reader(place, ids=path)
            except RunError:
                continue


def _names(ckpt_dir: Path) -> frozenset[str]:
    return frozenset(ckpt_dir.absolute().parts)


def _undecided(runs: Sequence[TrackedRun]) -> str:
    return (
        f"{runs[0].tracker} has the losses of {len(runs):,} runs beside the checkpoints ({listed(runs)}), and which "
        "one they are of is not said: --loss-log PLACE:RUN takes one"
    )
