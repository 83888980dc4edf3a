"""What a directory of checkpoints holds, file by file: reports, twins, several runs, and how far each layer moved."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swaveval.checkpoints import Backbone, CheckpointRefused, Directory, LoadOptions, LoadReport, load, order
from swaveval.checkpoints import inspect as inspect_file
from swaveval.checkpoints.drift import Drift, drift
from swaveval.checkpoints.lineage import Sample, sample
from swaveval.results import CheckpointRecord
from swaveval.runs.records import arranged, record_of

Entry = tuple[str, Path, LoadReport]
Samples = dict[str, Sample]


def read(files: Sequence[tuple[str, Path]], options: LoadOptions, source: Directory | None = None) -> list[Entry]:
    """Load reports of the files, in the order in which they were written.

    Args:
        source: whose files they are; None where the paths alone tell.
    """
    source = source or Directory(Path())
    if source.elsewhere:
        source.expect(source.entries())
    reports = {name: _report(name, path, options, source) for name, path in files}
    paths = dict(files)
    records = [
        CheckpointRecord(name, epoch=report.epoch, step=report.step, load={"named": report.named})
        for name, report in reports.items()
    ]
    times = {name: (path.stat().st_mtime, path.stat().st_size) for name, path in files if path.exists()}
    return [(record.name, paths[record.name], reports[record.name]) for record in order(records, times)]


def _report(name: str, path: Path, options: LoadOptions, source: Directory) -> LoadReport:
    if not source.elsewhere:
        return inspect_file(path, options=options)
    try:
        return source.backbone(source.entry(name), options).report
    except CheckpointRefused as refused:
        return refused.report


def several_runs(entries: Sequence[Entry], samples: Samples) -> str:
    """What speaks against the files' being one run; an empty string where nothing does."""
    times = {name: (path.stat().st_mtime, path.stat().st_size) for name, path, _ in entries if path.exists()}
    division = arranged([record_of(name, report) for name, _, report in entries], times, samples).division
    by = "" if samples else "by their names, "
    what = "have no order together" if division.orderless else "are not one run"
    return f"swaveval: {by}these {what}: {'; '.join(division.reasons[:4])}" if division.reasons else ""


def movement(
    entries: Sequence[Entry], options: LoadOptions, samples: Samples, source: Directory | None = None
) -> tuple[list[str], Drift] | None:
    """Names of the ready checkpoints with weights of their own, and how far their layers moved; None under two.

    Some weights of each are put into `samples`.
    """

    def sampled(name: str, path: Path) -> Backbone:
        far = source is not None and bool(source.elsewhere)
        backbone = source.backbone(source.entry(name), options) if source and far else load(path, options=options)
        samples[str(digests[name])] = sample(backbone)
        return backbone

    distinct = {report.digest: (name, path) for name, path, report in reversed(entries) if report.state == "ready"}
    chosen = list(reversed(distinct.values()))
    if len(chosen) < 2:
        return None
    digests = {name: report.digest for name, _, report in entries}
    return [name for name, _ in chosen], drift(sampled(name, path) for name, path in chosen)


def same_as(entries: Sequence[Entry]) -> dict[str, str]:
    """File → the earlier file with the same weights."""
    first: dict[str | None, str] = {}
    return {
        name: original
        for name, _, report in entries
        if report.state == "ready" and (original := first.setdefault(report.digest, name)) != name
    }


def as_rows(entries: Sequence[Entry], moved: tuple[list[str], Drift] | None) -> list[dict[str, Any]]:
    """One plain object for each file."""
    twins = same_as(entries)
    rows: list[dict[str, Any]] = []
    for name, _, report in entries:
        row = report.to_json() | {"same_as": twins.get(name), "drift": None}
        if moved is not None and name in moved[0][1:]:
            row["drift"] = _movement_at(moved[1], moved[0].index(name))
        rows.append(row)
    return rows


def _movement_at(moved: Drift, column: int) -> dict[str, Any]:
    tables = {
        "relative_l2": moved.relative_l2,
        "cosine": moved.cosine,
        "beyond_allclose": moved.beyond,
        "from_first": moved.from_first,
    }
    layers = {
        str(name): {key: _finite(float(table[row, column])) for key, table in tables.items()}
        for row, name in enumerate(moved.names)
    }
    return {
        "relative_l2": _finite(float(moved.overall[column - 1])),
        "layers": layers,
        "never_moved": list(moved.never_moved),
    }


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None
