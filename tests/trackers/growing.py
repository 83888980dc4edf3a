"""An evaluation that grows by a checkpoint, and what a tracker must hold of it in the end."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from swaveval.results import ResultStore, Series
from swaveval.results.scalars import scalars, tracker_axis
from tests.report.invented_results import Plan, write

SMALL = Plan(
    name="mine", epochs=(0.0, 1.0, 2.0, 3.0), classes=3, n_train=40, n_test=20, map_points=30, prototypes=6,
    thumbnail=4, hyperparameters={"learning_rate": 0.3, "crops": [2, 6]},
)  # fmt: skip

Expected = dict[tuple[str, int], float]


def first_of(out: Path, count: int) -> Series:
    """The evaluation as it was when so many of its checkpoints were there."""
    store = ResultStore(out / "results")
    manifest = store.read_manifest()
    reached = [point.record.digest for point in Series.load(out).points][:count]
    known = [each for each in manifest.checkpoints if each.kind == "baseline" or each.digest in reached]
    store.write_manifest(replace(manifest, checkpoints=tuple(known)))
    series = Series.load(out)
    store.write_manifest(manifest)
    return series


def expected(series: Series, *, settled: bool = False) -> Expected:
    """Every scalar by name and step."""
    return {
        (name, step): value
        for step, point in zip(tracker_axis(series).positions, series.points, strict=True)
        for name, value in scalars(point, settled=settled).items()
    }


def killed_at(writes: int, act: Callable[[], object]) -> bool:
    """Do something in a process that is killed before its nth file gets its name; whether it came to that."""
    child = os.fork()
    if child == 0:
        left = [writes]
        finish = Path.replace

        def counted(self: Path, target: Path) -> Path:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return finish(self, target)

        Path.replace = counted  # type: ignore[assignment,method-assign]
        try:
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def invented(out: Path, plan: Plan = SMALL) -> Path:
    write(out, plan)
    return out
