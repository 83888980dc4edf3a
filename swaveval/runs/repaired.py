"""Stored results that were lost and are computed again: which, and since when the page says so."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from swaveval.results import Cell, ResultStore, RunManifest, StoreError


def earlier_manifest(store: ResultStore) -> RunManifest | None:
    """That of the evaluation that lies here; None where there is none that can be read."""
    try:
        return store.read_manifest()
    except StoreError:
        return None


def repaired(earlier: RunManifest | None, lost: Collection[str], cells: Iterable[Cell]) -> dict[str, str]:
    """Digest to the day (ISO 8601, UTC) of each result that was found lost and is whole now; the latest day counts.

    Args:
        earlier: the manifest of before, whose results are remembered as long as they belong to the evaluation.
        lost: digests of what this command found damaged or missing.
        cells: of the evaluation, as they are now stored.
    """
    before = {} if earlier is None else dict(earlier.repaired)
    today = datetime.now(UTC).date().isoformat()
    found: dict[str, str] = {}
    for cell in cells:
        name = cell.key.digest
        if name in lost and cell.status != "error":
            found[name] = today
        elif name in before:
            found[name] = before[name]
    return found
