"""What a tracker is told of an evaluation, the same for all of them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from swaveval.convergence.judging import judge
from swaveval.convergence.verdict import Verdict
from swaveval.results import Point, Series
from swaveval.results.encoding import digest
from swaveval.results.scalars import FIRST_GROUP, TrackerAxis, scalars, tracker_axis
from swaveval.text import printable, shortened
from swaveval.trackers.identity import identity_of

BASELINE_GROUP = "swaveval-baselines"
_ODD = re.compile(r"[^\w.=+-]+", re.ASCII)


@dataclass(frozen=True, eq=False)
class Content:
    """A series as a tracker sees it.

    Attributes:
        series, verdict: what it is about.
        axis: where its points stand.
    """

    series: Series
    verdict: Verdict
    axis: TrackerAxis

    @classmethod
    def of(cls, series: Series) -> "Content":
        return cls(series, judge(series, seed=series.manifest.seed), tracker_axis(series))

    @property
    def name(self) -> str:
        """The run's name, one printable line."""
        return shortened(self.series.manifest.name, 100) or "run"

    @property
    def out(self) -> Path | None:
        """The directory of the results; None for a series that was never stored."""
        store = self.series.store
        return None if store is None else store.directory.parent

    @cached_property
    def identity(self) -> str:
        """Tells one evaluation from another: 16 hexadecimal digits.

        It stays when checkpoints are added and results are moved. A series that was never stored is told by its data
        and name.
        """
        if self.out is not None:
            return identity_of(self.out)
        manifest = self.series.manifest
        return digest([printable(manifest.name), manifest.data.fingerprint])[:16]

    @property
    def steps(self) -> tuple[tuple[int, Point], ...]:
        """Each point and its whole number on the axis, ascending."""
        return tuple(zip(self.axis.positions, self.series.points, strict=True))

    @property
    def last(self) -> int:
        """Where the last point stands; 0 where there is none."""
        return self.axis.positions[-1] if self.axis.positions else 0

    def baselines(self) -> dict[str, dict[str, float]]:
        """Baseline to its metrics of the first group, both by name."""
        found: dict[str, dict[str, float]] = {}
        for point in self.series.baselines:
            own = {name: value for name, value in scalars(point).items() if name.startswith(f"{FIRST_GROUP}/")}
            if own:
                found[shortened(point.record.name, 80)] = own
        return found

    def settings(self) -> dict[str, Any]:
        """The training's hyperparameters, and under `swaveval/` what the evaluation was made with."""
        manifest = self.series.manifest
        data = manifest.data
        own = {
            "data": printable(data.name),
            "train_images": data.n_train,
            "test_images": data.n_test,
            "labelled": data.labelled,
            "precision": data.precision,
            "transform": data.transform,
            "seed": manifest.seed,
        }
        given = {printable(str(name)): _plain(value) for name, value in manifest.hyperparameters.items()}
        return given | {f"swaveval/{name}": value for name, value in own.items()}

    def facts(self) -> dict[str, str]:
        """The verdict and what it says, as texts."""
        best = self.verdict.best
        return {
            "verdict": self.verdict.verdict,
            "sentence": printable(self.verdict.sentence),
            "best": "" if best is None else printable(best.checkpoint),
            "axis": self.axis.name,
            "output": "" if self.out is None else printable(str(self.out.resolve())),
        }

    def markdown(self) -> str:
        """The verdict in a few lines."""
        facts = self.facts()
        lines = [f"**{facts['verdict']}**: {facts['sentence']}"]
        if facts["best"]:
            lines.append(f"The checkpoint to use: `{facts['best']}`")
        lines += [f"The numbers stand at the {facts['axis']} of each checkpoint.", f"Page: `{facts['output']}`"]
        return "\n\n".join(lines)

    @property
    def page(self) -> Path | None:
        """`index.html`, where it is written."""
        return self._written("index.html")

    def _written(self, name: str) -> Path | None:
        place = None if self.out is None else self.out / name
        return place if place is not None and place.is_file() else None

    def figures(self) -> tuple[Path, ...]:
        """The figures that were drawn, as PNG."""
        return () if self.out is None else tuple(sorted((self.out / "figures").glob("*.png")))


def folder_names(names: Iterable[str]) -> dict[str, str]:
    """Each name as that of a directory, all different: letters, digits and a few signs."""
    taken: dict[str, str] = {}
    for name in names:
        plain = _ODD.sub("-", name).strip("-.")[:80] or "run"
        own, number = plain, 2
        while own in taken.values():
            own, number = f"{plain}-{number}", number + 1
        taken[name] = own
    return taken


def _plain(value: Any) -> Any:
    """A setting as JSON has it, texts printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(str(name)): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, bool | int | float) or value is None else printable(str(value))
