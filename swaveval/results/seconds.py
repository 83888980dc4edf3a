"""What the steps took that cells share: reading, decoding, passes of images, searches, the page.

No result depends on it.

Layout: `results/seconds/<key>.json`, one sealed file for each backbone on one image set, and for what the whole
evaluation shares. What is missing or damaged is unknown, never an error: times are looked at, not calculated with.
"""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from swaveval.results.atomic import write_bytes
from swaveval.results.cell import CellKey
from swaveval.results.encoding import digest, seal, unseal

# Of one backbone, in the order in which they happen; searches are made within evaluators.
OF_BACKBONE: Mapping[str, str] = {
    "reading": "read",
    "forward": "forward",
    "forward_views": "forward of views",
    "storing": "store",
}  # fmt: skip
SEARCHES = "searches"
# Of the whole evaluation.
DECODING, PAGE, FIGURES = "decoding", "page", "figures"
# Under which page and figures are kept: they depend on everything.
OF_PAGE = ("", "", "")


@dataclass(frozen=True, slots=True)
class StageSeconds:
    """Wall-clock seconds of what the cells of one backbone share.

    Attributes:
        stages: `reading` (or building) the network, `forward` (images) and `forward_views` through it, `storing` the
            features; of the whole evaluation `decoding`, `page`, `figures`. What it took the last time it was done.
        searches: evaluator to the part of its cell's seconds in which neighbours were searched: the first that asks
            has it made for all others.
    """

    stages: Mapping[str, float] = field(default_factory=dict)
    searches: Mapping[str, float] = field(default_factory=dict)


class SecondsStore:
    """The times under `OUT/results/seconds`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def get(self, backbone: str, data: str, transform: str) -> StageSeconds:
        """What is known; empty where nothing is."""
        try:
            body = unseal(self._path(backbone, data, transform).read_bytes())
            return StageSeconds(_numbers(body["stages"]), _numbers(body["searches"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return StageSeconds()

    def put(self, backbone: str, data: str, transform: str, stages: Mapping[str, float]) -> None:
        """Note what stages took; those that are not named keep what is known of them."""
        held = self.get(backbone, data, transform)
        self._write(self._path(backbone, data, transform), StageSeconds({**held.stages, **stages}, held.searches))

    def forget(self, backbone: str, data: str, transform: str, *, stage: str) -> None:
        """It will take its time anew."""
        held = self.get(backbone, data, transform)
        if stage in held.stages:
            stages = {name: seconds for name, seconds in held.stages.items() if name != stage}
            self._write(self._path(backbone, data, transform), StageSeconds(stages, held.searches))

    def searched(self, key: CellKey, seconds: float) -> None:
        """Note what of a cell's time went into searches."""
        held = self.get(key.backbone, key.data, key.transform)
        if seconds or key.evaluator in held.searches:
            searches = {**held.searches, key.evaluator: seconds}
            self._write(self._path(key.backbone, key.data, key.transform), StageSeconds(held.stages, searches))

    def _write(self, path: Path, known: StageSeconds) -> None:
        with suppress(OSError):  # where the disk is full, the next result says so
            write_bytes(path, seal({"stages": dict(known.stages), "searches": dict(known.searches)}))

    def _path(self, backbone: str, data: str, transform: str) -> Path:
        return self.directory / f"{digest([backbone, data, transform])[:32]}.json"


class Stopwatch:
    """Adds up what named stages take, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """The time in which this is entered belongs to the stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def _numbers(stored: Mapping[str, float]) -> dict[str, float]:
    found = {str(name): float(value) for name, value in stored.items()}
    if not all(math.isfinite(value) and value >= 0 for value in found.values()):
        raise ValueError("a time that is none")
    return found
