"""Checkpoint files → records in natural order, each file read once as long as it does not change."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from swaveval import __version__
from swaveval.checkpoints import CheckpointFile, CheckpointRefused, LoadOptions, LoadReport, discover, load, order
from swaveval.results import CheckpointRecord
from swaveval.results.atomic import write_bytes
from swaveval.results.encoding import digest, seal, unseal
from swaveval.runs.progress import Progress
from swaveval.runs.request import RunError


def read_records(
    directory: Path, options: LoadOptions, *, memory: Path, progress: Progress
) -> tuple[list[CheckpointRecord], dict[str, Path]]:
    """Records of every checkpoint under `directory` in natural order, and where each digest can be read.

    What a file holds is remembered under `memory` by its path, size and times, so that a second run does not read
    hundreds of megabytes to learn that nothing changed.

    Raises:
        RunError: the directory holds no checkpoint file at all.
    """
    files = discover(directory) if directory.is_dir() else [CheckpointFile(directory, directory.name)]
    if not files:
        raise RunError(
            f"no checkpoint file in {directory}: looked for .ckpt .pth .pt .tar .torch .bin .safetensors, also in "
            "subdirectories"
        )
    progress.stage("reading checkpoints", len(files))
    records: list[CheckpointRecord] = []
    places: dict[str, Path] = {}
    for position, file in enumerate(files):
        report = _remembered(file, options, memory)
        record = _record(file, report)
        if record.state == "ready" and record.digest:
            places.setdefault(record.digest, file.path)
        records.append(record)
        progress.advance(position + 1, len(files))
    return mark_duplicates(order(records)), places


def mark_duplicates(records: Iterable[CheckpointRecord]) -> list[CheckpointRecord]:
    """Point equal weights at the first record that has them.

    The same weights at the same epoch and step are one checkpoint under two names (`last.ckpt`): an alias. The same
    weights at another epoch are a finding of their own and keep their place on the curves.
    """
    first: dict[str, CheckpointRecord] = {}
    marked: list[CheckpointRecord] = []
    for record in records:
        original = first.get(record.digest or "")
        if record.state != "ready" or record.digest is None:
            marked.append(record)
        elif original is None:
            first[record.digest] = record
            marked.append(record)
        else:
            moment = (record.epoch, record.step)
            alias = moment in {(original.epoch, original.step), (None, None)}
            marked.append(replace(record, same_as=original.name, alias=alias))
    return marked


def _record(file: CheckpointFile, report: LoadReport) -> CheckpointRecord:
    return CheckpointRecord(
        name=file.name,
        state=report.state,
        reason=report.refusal,
        digest=report.digest if report.state == "ready" else None,
        epoch=report.epoch,
        step=report.step,
        load=report.to_json(),
    )


def _remembered(file: CheckpointFile, options: LoadOptions, memory: Path) -> LoadReport:
    """The load report of a file, from memory when the file has not changed since."""
    place = memory / f"{digest([str(file.path.absolute()), repr(options), __version__])[:32]}.json"
    before = _stamp(file.path)
    try:
        held = unseal(place.read_bytes())
        if held["stamp"] == before:
            return _report(held["report"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # never read before, or a damaged memory: read the file itself
    try:
        report = load(file.path, options=options).report
    except CheckpointRefused as refusal:
        report = refusal.report
    # Only good news is remembered: what could not be read is looked at again, it may have been finished or repaired.
    if report.state == "ready" and before is not None and _stamp(file.path) == before:
        write_bytes(place, seal({"stamp": before, "report": json.loads(json.dumps(report.to_json()))}))
    return report


def _report(body: dict[str, Any]) -> LoadReport:
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
    return LoadReport(**fields)


def _stamp(path: Path) -> list[int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
