"""Checkpoint files → records in natural order, each file read once as long as it does not change."""

import base64
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from swaveval import __version__
from swaveval.checkpoints import (
    Arrangement,
    CheckpointFile,
    CheckpointRefused,
    LoadOptions,
    LoadReport,
    arrange,
    discover,
    load,
)
from swaveval.checkpoints.by_weights import divide_by_weights
from swaveval.checkpoints.discovery import is_pattern
from swaveval.checkpoints.foreign import foreign
from swaveval.checkpoints.hugging_face import stamps_beside
from swaveval.checkpoints.lineage import Sample, sample
from swaveval.results import CheckpointRecord
from swaveval.results.atomic import write_bytes
from swaveval.results.encoding import digest, seal, unseal
from swaveval.runs.progress import Progress
from swaveval.runs.request import RunError

# Part of what is remembered of a file: another way to read the same bytes forgets it.
_READING = 3


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """What lies below a checkpoint directory.

    Attributes:
        arrangement: the records in the order they were written, or the runs they are of.
        places: digest to the file that holds it.
    """

    arrangement: Arrangement
    places: dict[str, Path]


def read_records(directory: Path, options: LoadOptions, *, memory: Path, progress: Progress) -> FoundRecords:
    """Records of every checkpoint under `directory` (or of a file, or of a pattern), and where each can be read.

    What a file holds is remembered under `memory` by its path, size and times, so that a second run does not read
    hundreds of megabytes to learn that nothing changed.

    Raises:
        RunError: there is no checkpoint file at all.
    """
    single = not directory.is_dir() and not is_pattern(directory)
    files = [CheckpointFile(directory, directory.name)] if single else discover(directory)
    if not files:
        where = f"matches {directory}" if is_pattern(directory) else f"in {directory}"
        raise RunError(
            f"no checkpoint file {where}: looked for .ckpt .pth .pt .tar .torch .bin .safetensors, also in "
            f"subdirectories{foreign(directory)}"
        )
    progress.stage("reading checkpoints", len(files))
    records: list[CheckpointRecord] = []
    places: dict[str, Path] = {}
    samples: dict[str, Sample] = {}
    for position, file in enumerate(files):
        report, weights = _remembered(file, options, memory)
        record = record_of(file.name, report)
        if record.state == "ready" and record.digest:
            places.setdefault(record.digest, file.path)
            samples[record.digest] = weights
        records.append(record)
        progress.advance(position + 1, len(files))
    times = {file.name: (stamp[1] / 1e9, stamp[0]) for file in files if (stamp := _stamp(file.path)) is not None}
    found = arrange(records, times)
    division = divide_by_weights(found.division, found.order, samples)
    notes = dict.fromkeys((*division.notes, *found.notes))  # what speaks against the order comes first
    return FoundRecords(replace(found, division=division, notes=tuple(notes)), places)


def record_of(name: str, report: LoadReport) -> CheckpointRecord:
    """What was found in a file, by the name it has in its directory."""
    return CheckpointRecord(
        name=name,
        state=report.state,
        reason=report.refusal,
        digest=report.digest if report.state == "ready" else None,
        epoch=report.epoch,
        step=report.step,
        untrained=report.untrained,
        load=report.to_json(),
    )


def _remembered(file: CheckpointFile, options: LoadOptions, memory: Path) -> tuple[LoadReport, Sample]:
    """The load report of a file and some of its weights, from memory when the file has not changed since."""
    place = memory / f"{digest([str(file.path.absolute()), repr(options), __version__, _READING])[:32]}.json"
    before = _stamp(file.path)
    try:
        held = unseal(place.read_bytes())
        if held["stamp"] == before:
            return _report(held["report"]), {name: _unpacked(text) for name, text in held["weights"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        pass  # never read before, or a damaged memory: read the file itself
    try:
        backbone = load(file.path, options=options)
    except CheckpointRefused as refusal:
        return refusal.report, {}
    report, weights = backbone.report, sample(backbone)
    # Only good news is remembered: what could not be read is looked at again, it may have been finished or repaired.
    if report.state == "ready" and before is not None and _stamp(file.path) == before:
        body = {"stamp": before, "report": json.loads(json.dumps(report.to_json()))}
        body["weights"] = {
            name: base64.b64encode(values.astype("<f4").tobytes()).decode() for name, values in weights.items()
        }
        with suppress(OSError):  # `plan` looks at places it may not write to
            write_bytes(place, seal(body))
    return report, weights


def _unpacked(text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.frombuffer(base64.b64decode(text), dtype="<f4").astype(np.float32)


def _report(body: dict[str, Any]) -> LoadReport:
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
    return LoadReport(**fields)


def _stamp(path: Path) -> list[int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, *stamps_beside(path)]
