"""A run in a tracker's store, and which of several is meant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from swaveval.runs.loss_rows import Row
from swaveval.runs.request import RunError
from swaveval.text import natural_key, printable, shortened

# Runs of a store that are looked at, and names that a sentence lists.
MOST_RUNS = 1000
_LISTED = 6


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """One run as a tracker keeps it.

    Attributes:
        tracker: `W&B` or `MLflow`.
        id: the tracker's own, unique in its store. name: what people call it; several runs may have one name.
        files: where its numbers stand.
        read: gives the rows of its loss; raises RunError, with a sentence, where they cannot be told.
    """

    tracker: str
    id: str
    name: str
    files: tuple[Path, ...]
    read: Callable[[], list[Row]]

    @property
    def shown(self) -> str:
        """`brisk-sun-3 (abcd1234)`."""
        return shortened(f"{self.name} ({self.id})" if self.name and self.name != self.id else self.id, 80)

    @property
    def source(self) -> str:
        return f"{self.tracker} run {self.shown}"


def chosen(runs: Sequence[TrackedRun], wanted: str | None, place: Path) -> TrackedRun:
    """The run that was named, by its id or name; the only one where none was.

    Raises:
        RunError: there is no such run, or there are several.
    """
    if not runs:
        raise RunError(f"{place} holds no run with a training loss")
    fitting = list(runs)
    if wanted is not None:
        fitting = [run for run in runs if run.id == wanted] or [run for run in runs if run.name == wanted]
        if not fitting:
            raise RunError(
                f"{place} holds no run {printable(wanted)[:80]!r} with a training loss; it holds {listed(runs)}"
            )
    if len(fitting) > 1:
        what = "runs" if wanted is None else f"runs called {printable(wanted)[:80]!r}"
        raise RunError(
            f"{place} holds the losses of {len(fitting):,} {what}: {listed(fitting)}; say which these checkpoints are "
            f"of, as --loss-log {place}:{fitting[0].id}"
        )
    return fitting[0]


def listed(runs: Sequence[TrackedRun]) -> str:
    """Names and ids of the first few."""
    shown = [run.shown for run in sorted(runs, key=lambda run: natural_key(run.shown))]
    return ", ".join(shown[:_LISTED]) + (f" … ({len(shown):,})" if len(shown) > _LISTED else "")
