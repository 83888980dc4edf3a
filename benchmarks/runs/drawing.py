"""All figures of an evaluation, drawn by one process and by as many as there are cores, in turns; both include judging.

    python -m benchmarks.runs.drawing REPORT [--repeats 5]

REPORT is a directory that `swaveval run` wrote; it is copied.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks.features.machine import describe, save
from swaveval.convergence import judge
from swaveval.results import Series
from swaveval.runs.drawing import Drawers


def seconds(out: Path, jobs: int | None) -> tuple[float, int]:
    """Of drawing all figures; and how many there are."""
    started = time.perf_counter()
    series = Series.load(out)
    with closing(Drawers(out, series, judge(series, seed=series.manifest.seed), jobs)) as drawers:
        drawn = drawers.write()
    return time.perf_counter() - started, len(drawn.paths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    machine, took = describe(), {"one process": list[float](), "as many as cores": list[float]()}
    with tempfile.TemporaryDirectory() as place:
        out = Path(shutil.copytree(asked.report, Path(place) / "report"))
        files = seconds(out, 1)[1]  # fonts and bytecode are there from now on
        for _ in range(asked.repeats):
            for (name, found), jobs in zip(took.items(), (1, None), strict=True):
                found.append(seconds(out, jobs)[0])
                print(f"{name}: {found[-1]:.1f} s")
    medians = {f"{name}, s": round(statistics.median(found), 2) for name, found in took.items()}
    one, many = medians.values()
    results = {"files": files, **medians, "times faster": round(one / many, 2)}
    save(Path(__file__).with_suffix(".json"), {"machine": machine, "repeats": asked.repeats, "results": results})


if __name__ == "__main__":
    main()
