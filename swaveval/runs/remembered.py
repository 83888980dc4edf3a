"""Checkpoints that were evaluated while they were watched, in evaluations that come after."""

from dataclasses import replace
from pathlib import Path

from swaveval.checkpoints.watched import Watched, read_ledger
from swaveval.runs.progress import Progress
from swaveval.runs.request import RunRequest


def ledger(out: Path) -> Path:
    """Where it is remembered which checkpoints were evaluated while they were there."""
    return out / "results" / "watched.json"


def remembering(request: RunRequest, progress: Progress) -> RunRequest:
    """For an evaluation that does not watch: the request with what an earlier watch evaluated and is gone by now."""
    if request.source is not None or not read_ledger(ledger(request.out), request.source_in_results)[0]:
        return request
    watched = Watched.of(request.checkpoints, ledger(request.out), request.source_in_results)
    watched.look()
    watched.entries()
    if not watched.gone:
        return request
    progress.message(
        f"note: {len(watched.gone)} checkpoints that were evaluated under --watch are not in {request.place} any more; "
        f"they stay in the series (remove {ledger(request.out)} to leave them out)"
    )
    return replace(request, source=watched)
