"""The result of an evaluation, for a program and for a notebook."""

import webbrowser
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from swaveval.convergence import Verdict, judge
from swaveval.results import Series
from swaveval.results.columns import columns_of
from swaveval.results.export import rows
from swaveval.results.exporters import format_of, make_exporter
from swaveval.results.places import locate
from swaveval.results.roles import SPOKEN, VISIBLE
from swaveval.runs.outcome import RunOutcome


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was found.

    Attributes:
        series: the checkpoints with their metrics.
        verdict: `verdict.sentence`, `verdict.verdict`, `verdict.best`, and what they rest on.
        page: the convergence report, one offline HTML file.
        problems: what could not be evaluated, cells that failed and figures that could not be drawn, a sentence each.
    """

    series: Series
    verdict: Verdict
    page: Path
    problems: tuple[str, ...] = ()

    @classmethod
    def of(cls, outcome: RunOutcome) -> "Evaluation":
        failed = tuple(f"{evaluator} failed on {name}: {reason}" for evaluator, name, reason in outcome.failed)
        unusable = tuple(f"{name} was not evaluated: {reason}" for name, reason in outcome.unusable)
        written = outcome.written
        return cls(written.series, written.verdict, written.page, (*unusable, *failed, *written.problems))

    @classmethod
    def load(cls, out: str | Path) -> "Evaluation":
        """An evaluation that was stored earlier; `out` as `swaveval report` takes it.

        Raises:
            StoreError: there are no results.
        """
        place = locate(Path(out))
        series = Series.load(place)
        return cls(series, judge(series, seed=series.manifest.seed), place / "index.html")

    def frame(self) -> Any:
        """Every metric of every checkpoint and baseline as a pandas DataFrame, a row each.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas  # type: ignore[import-untyped,unused-ignore]
        except ImportError as error:
            raise ImportError("frame() needs pandas: pip install pandas") from error
        return pandas.DataFrame(rows(self.series))

    def export(self, target: str | Path, format: str = "") -> None:
        """Write every metric of every checkpoint to a file, as `swaveval export` does.

        Args:
            format: `csv`, `json`, `parquet`, or an installed exporter's name; default: by the suffix, else `csv`.

        Raises:
            PluginError: there is no such exporter. ExportError: it cannot write there.
        """
        make_exporter(format or format_of(str(target))).write(self.series, str(target))

    def show(self) -> None:
        """Open the page in a browser."""
        webbrowser.open(self.page.resolve().as_uri())

    def __str__(self) -> str:
        return f"{self.verdict.line}\n{self.page}"

    def _repr_html_(self) -> str:
        """Verdict, table with a small curve for each metric, and where the page is."""
        asked = dict([*columns_of(self.series), (VISIBLE, f"{SPOKEN[VISIBLE]}, leave-one-out")])
        shown = {name: label for name, label in asked.items() if np.isfinite(self.series.values(name)).any()}
        head = "".join(f"<th>{escape(point.record.name)}</th>" for point in self.series.points)
        lines = "".join(
            f"<tr><th style='text-align:left'>{escape(label)}</th><td>{_curve(self.series.values(name))}</td>"
            + "".join(f"<td>{_number(value)}</td>" for value in self.series.values(name))
            + "</tr>"
            for name, label in shown.items()
        )
        return (
            f"<div><p><b>{escape(self.verdict.verdict)}</b>: {escape(self.verdict.sentence)}</p>"
            f"<table><tr><th></th><th></th>{head}</tr>{lines}</table>"
            f"<p><code>{escape(str(self.page))}</code></p></div>"
        )


def _number(value: float) -> str:
    return "–" if not np.isfinite(value) else f"{value:.3g}"


def _curve(values: Any) -> str:
    """A line of 80 × 18 px through the finite values."""
    finite = np.isfinite(values)
    if finite.sum() < 2:
        return ""
    low, high = float(values[finite].min()), float(values[finite].max())
    across = np.linspace(2, 78, len(values))
    up = 16 - 14 * (values - low) / (high - low or 1.0)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y, known in zip(across, up, finite, strict=True) if known)
    line = f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5"/>'
    return f'<svg width="80" height="18" role="img" aria-label="curve">{line}</svg>'
