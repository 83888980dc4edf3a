"""When a training is stopped by its verdicts: `python -m benchmarks.verdicts.stopping` writes stopping.md.

Every run of the bank is judged after each of its checkpoints, as a monitor does that sees no more than those so far.
What a run deserves is in expected.toml, written before any verdict saw it: runs that learn or have converged are not to
be stopped by `collapsed`, runs that still rise at their end not by `converged`. Reads tests/convergence/bank only.
"""

import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.verdicts.fixture import BANK, load, without_labels
from swaveval.convergence import judge
from swaveval.results import Series

HERE = Path(__file__).parent
TABLE = HERE / "stopping.md"
PATIENCE = (1, 2, 3)
LEARNS = ("learning", "converged")


@dataclass(frozen=True, slots=True)
class Run:
    """Attributes:
    expected: what it deserves. verdicts: after each checkpoint, with labels; views: likewise, without.
    """

    name: str
    expected: str
    verdicts: tuple[str, ...]
    views: tuple[str, ...]


def so_far(series: Series, count: int) -> Series:
    """The series as it was after so many checkpoints."""
    points = series.points[:count]
    names = {point.record.name for point in points} | {point.record.name for point in series.baselines}
    manifest = series.manifest
    records = tuple(record for record in manifest.checkpoints if record.name in names)
    loss = manifest.loss
    end = points[-1].record
    if loss is not None:
        reached = end.epoch if loss.axis == "epoch" else end.step
        kept = sum(place <= reached for place in loss.epochs) if reached is not None else len(loss.epochs)
        cut = {name: getattr(loss, name)[:kept] for name in ("epochs", "values", "steps", "learning_rates")}
        loss = replace(loss, **cut) if kept > 1 else None
    return replace(series, points=points, manifest=replace(manifest, checkpoints=records, loss=loss))


def stop(verdicts: Sequence[str], on: Collection[str], patience: int) -> int | None:
    """After how many evaluations a training is stopped; None where it is not."""
    row = 0
    for place, verdict in enumerate(verdicts, 1):
        row = row + 1 if verdict in on else 0
        if row >= patience:
            return place
    return None


def measured() -> list[Run]:
    """Every run of the bank, judged after each checkpoint."""
    runs = []
    for name, entry in tomllib.loads((HERE / "expected.toml").read_text(encoding="utf-8")).items():
        series = load(BANK / f"{name}.npz")
        parts = [so_far(series, count) for count in range(1, len(series.points) + 1)]
        judged = tuple(judge(part).verdict for part in parts)
        runs.append(Run(name, entry["verdict"], judged, tuple(judge(without_labels(part)).verdict for part in parts)))
    return runs


def table(runs: Sequence[Run]) -> str:
    """What each rule stops, with labels and without."""
    learns = [run for run in runs if run.expected in LEARNS]
    rises = [run for run in runs if run.expected == "learning"]
    collapsed = [run for run in runs if run.expected == "collapsed"]
    lines = [
        "# Stopping a training by its verdicts",
        "",
        f"Written by `python -m benchmarks.verdicts.stopping`: the bank's {len(runs)} runs, judged after each of their "
        f"checkpoints ({min(len(run.verdicts) for run in runs)} to {max(len(run.verdicts) for run in runs)}). "
        f"{len(learns)} learn or have converged by a truth that no verdict saw, {len(rises)} of them still rise, "
        f"{len(collapsed)} collapse.",
        "",
        "| stop_on | patience | labels | stopped wrongly | stopped as they deserve | after (median, most) |",
        "|---|---|---|---|---|---|",
    ]
    for on, spared in ((("collapsed",), learns), (("converged",), rises), (("collapsed", "converged"), rises)):
        for patience in PATIENCE:
            for labels in (True, False):
                wrong = [run.name for run in spared if stop(_verdicts(run, labels), on, patience)]
                deserve = [run for run in runs if run.expected in on]
                found = sorted(at for run in deserve if (at := stop(_verdicts(run, labels), on, patience)))
                caught = f"{len(found)} of {len(deserve)}"
                when = f"{found[len(found) // 2]}, {found[-1]}" if found else "–"
                lines.append(
                    f"| {', '.join(on)} | {patience} | {'yes' if labels else 'no'} | {len(wrong)} of {len(spared)}"
                    f"{': ' + ', '.join(wrong) if wrong else ''} | {caught} | {when} |"
                )
    lines += ["", "## After each checkpoint", "", "| run | deserves | verdicts, with labels |", "|---|---|---|"]
    lines += [f"| {run.name} | {run.expected} | {', '.join(run.verdicts)} |" for run in runs]
    return "\n".join(lines) + "\n"


def _verdicts(run: Run, labels: bool) -> tuple[str, ...]:
    return run.verdicts if labels else run.views


if __name__ == "__main__":
    TABLE.write_text(table(measured()), encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))
