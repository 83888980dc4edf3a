"""`swaveval report` on the demo with its figures whole and with every one drawn anew, and `--help` of every command.

Whole commands, from the start of Python to its end, with bytecode beside the code as an installed package has it; the
processor time is that of the command and of the processes it started. Needs `runs/demo` (make demo).

    python -m benchmarks report.again
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer.main

from benchmarks.features.machine import describe, save
from swaveval.cli.app import app

REPEATS = 5
DEMO = Path("runs/demo/report")
SECONDS = dict[str, float]


def called(*arguments: object, bytecode: Path) -> SECONDS:
    """Wall-clock and processor seconds of one command."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "swaveval.cli.app", *map(str, arguments)]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": time.perf_counter() - started, "cpu_s": used}


def medians(call: Callable[[], SECONDS], prepare: Callable[[], object] = lambda: None) -> SECONDS:
    """Of some calls after one that warms up."""
    prepare()
    call()
    found = []
    for _ in range(REPEATS):
        prepare()
        found.append(call())
    return {name: round(statistics.median(one[name] for one in found), 3) for name in found[0]}


def measured(out: Path, bytecode: Path) -> dict[str, Any]:
    def report() -> SECONDS:
        return called("report", out, bytecode=bytecode)

    def without_figures() -> None:
        shutil.rmtree(out / "figures", ignore_errors=True)

    anew, whole = medians(report, without_figures), medians(report)
    names = ["", *typer.main.get_command(app).commands]  # type: ignore[attr-defined]
    helps = {
        f"swaveval {name} --help".replace("  ", " "): medians(
            lambda name=name: called(*filter(None, [name]), "--help", bytecode=bytecode)
        )
        for name in names
    }
    return {
        "report, every figure drawn": anew,
        "report, figures whole": whole,
        "ratio": round(anew["wall_s"] / whole["wall_s"], 1),
        "figures": len(list((out / "figures").glob("*.*g"))),
        **helps,
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        out = Path(shutil.copytree(DEMO, Path(place) / "report"))
        results = measured(out, Path(place) / "bytecode")
    save(Path(__file__).with_suffix(".json"), {"machine": describe(), "repeats": REPEATS, "results": results})


if __name__ == "__main__":
    main()
