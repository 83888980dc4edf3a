"""A source's checkpoints → records in natural order, each read once as long as it does not change."""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from swaveval import __version__
from swaveval.checkpoints import (
    Arrangement,
    CheckpointRefused,
    Entry,
    LoadReport,
    arrange,
)
from swaveval.checkpoints.arrangement import as_given
from swaveval.checkpoints.by_weights import divide_by_weights
from swaveval.checkpoints.lineage import Sample, sample
from swaveval.checkpoints.numbered_directories import one_training
from swaveval.checkpoints.renamed import one_training_renamed
from swaveval.checkpoints.source import is_ordered
from swaveval.results import CheckpointRecord
from swaveval.results.atomic import write_bytes
from swaveval.results.encoding import digest, seal, unseal
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.progress import Progress
from swaveval.runs.request import RunError

# Part of what is remembered of a file: another way to read the same bytes forgets it.
_READING = 9


class NothingReady(RunError):
    """No checkpoint can be evaluated.

    Attributes:
        records: of those that there are, each with its reason.
    """

    def __init__(self, records: Sequence[CheckpointRecord]) -> None:
        shown = "; ".join(f"{one.name} ({one.state}): {one.reason or 'try again later'}" for one in records[:5])
        more = f"; and {len(records) - 5} more" if len(records) > 5 else ""
        super().__init__(f"none of {len(records)} checkpoint files can be evaluated: {shown}{more}")
        self.records = tuple(records)


def read_records(loader: CheckpointLoader, *, memory: Path, progress: Progress) -> Arrangement:
    """Records of every checkpoint of a source, in the order they were written, or the runs they are of.

    What an entry holds is remembered under `memory` by its name and stamp, so that a second run does not read hundreds
    of megabytes to learn that nothing changed.

    Args:
        loader: told which entry holds which weights, and of each network that is read.

    Raises:
        RunError: there is no checkpoint at all.
    """
    source = loader.source
    entries = source.entries()
    if not entries:
        raise RunError(source.nothing())
    progress.stage("reading checkpoints", len(entries))
    records: list[CheckpointRecord] = []
    samples: dict[str, Sample] = {}
    known = {entry.name: _from_memory(loader, entry, memory) for entry in entries}
    loader.expect([entry for entry in entries if known[entry.name] is None])
    for position, entry in enumerate(entries):
        report, weights = known[entry.name] or _read(loader, entry, memory)
        record = record_of(entry.name, report)
        if record.state == "ready" and record.digest:
            loader.entries.setdefault(record.digest, entry)
            samples[record.digest] = weights
        records.append(record)
        progress.advance(position + 1, len(entries))
    if is_ordered(source):
        return as_given(records)
    times = {entry.name: (entry.stamp[1] / 1e9, entry.stamp[0]) for entry in source.entries() if entry.stamp}
    return arranged(records, times, samples)


def arranged(
    records: Sequence[CheckpointRecord], files: Mapping[str, tuple[float, int]], samples: Mapping[str, Sample]
) -> Arrangement:
    """Records in their order, divided into runs by their names and by their weights.

    Args:
        files: time and size of each (see `arrange`). samples: of their weights, by digest; those that are missing tell
            nothing.
    """
    found = arrange(records, files)
    if found.division.reasons:
        one = one_training(records, files, samples) or one_training_renamed(records, files, samples)
        found = one or found
    division = divide_by_weights(found.division, found.order, samples)
    notes = dict.fromkeys((*division.notes, *found.notes))  # what speaks against the order comes first
    return replace(found, division=division, notes=tuple(notes))


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


def _from_memory(loader: CheckpointLoader, entry: Entry, memory: Path) -> tuple[LoadReport, Sample] | None:
    """The load report of an entry and some of its weights where it has not changed since it was read, else None."""
    if (given := loader.report(entry)) is not None:
        return given, {}
    try:
        held = unseal(_place(loader, entry, memory).read_bytes())
        if entry.stamp is not None and held["stamp"] == list(entry.stamp):
            return LoadReport.from_json(held["report"]), {
                name: _unpacked(text) for name, text in held["weights"].items()
            }
    except (OSError, ValueError, KeyError, TypeError):
        pass  # never read before, or a damaged memory: read the checkpoint itself
    return None


def _read(loader: CheckpointLoader, entry: Entry, memory: Path) -> tuple[LoadReport, Sample]:
    """The load report of an entry and some of its weights from the checkpoint itself, which is remembered."""
    started = time.perf_counter()
    try:
        backbone = loader.source.backbone(entry, loader.options)
    except CheckpointRefused as refusal:
        return refusal.report, {}
    report, weights = backbone.report, sample(backbone)
    loader.seen(backbone)
    loader.watch.seconds[backbone.digest] = time.perf_counter() - started
    # Only good news is remembered: what could not be read is looked at again, it may have been finished or repaired.
    if report.state == "ready" and entry.stamp is not None and loader.source.unchanged(entry):
        body = {"stamp": list(entry.stamp), "report": json.loads(json.dumps(report.to_json()))}
        body["weights"] = {
            name: base64.b64encode(values.astype("<f4").tobytes()).decode() for name, values in weights.items()
        }
        with suppress(OSError):  # `plan` looks at places it may not write to
            write_bytes(_place(loader, entry, memory), seal(body))
    return report, weights


def _place(loader: CheckpointLoader, entry: Entry, memory: Path) -> Path:
    """Where an entry is remembered."""
    return memory / f"{digest([loader.source.key(entry), repr(loader.options), __version__, _READING])[:32]}.json"


def _unpacked(text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.frombuffer(base64.b64decode(text), dtype="<f4").astype(np.float32)
