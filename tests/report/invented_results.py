"""Plausible evaluations of any size, written through the real store: what the report is developed and tested on."""

from dataclasses import replace
from pathlib import Path

from swaveval.results import Artifact, Cell, ResultStore, Series
from tests.report.invented_checkpoint_cells import checkpoint_cells
from tests.report.invented_plan import ALL, USUAL, Plan
from tests.report.invented_run import Run
from tests.report.invented_series_cells import data_cell, series_cells
from tests.report.invented_verdict import verdict

__all__ = ["ALL", "Plan", "verdict", "write"]


def write(out: Path, plan: Plan = USUAL) -> Series:
    """Write `OUT/results` and read it back."""
    store = ResultStore(out / "results")
    run = Run(plan)
    cells = [store.put(cell, artifacts) for cell, artifacts in _cells(run)]
    store.write_manifest(replace(run.manifest(), cells=tuple(cell.key.digest for cell in cells)))
    return Series.load(out)


def _cells(run: Run) -> list[tuple[Cell, list[Artifact]]]:
    done = [data_cell(run)]
    for position, record in enumerate(run.records):
        done += checkpoint_cells(run, record, position, float(run.quality[position]))
    for position, record in enumerate(run.baselines):
        done += checkpoint_cells(run, record, None, run.plan.start - (0.0, 0.01, 0.005, -0.02, 0.4)[position])
    done += series_cells(run)
    return done
