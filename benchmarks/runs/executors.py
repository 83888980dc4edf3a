"""What spreading costs: the same 16 checkpoints done by one process, two, Ray and Slurm, one after the other.

    python -m benchmarks runs.executors

Ray and Slurm are begun on this machine (Slurm where its daemons are installed and this is root), so that what they take
beside the work shows: there are no more processors than `local` has.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.features.machine import describe, save
from swaveval.runs.request import RunRequest
from swaveval.runs.run import run
from tests.field.around_runs import write_checkpoints
from tests.scale.clusters import RayNodes, slurm, slurm_is_here
from tests.tiny_images import write_images

CHECKPOINTS, REPEATS = 16, 3
EVALUATORS = ("knn", "linear", "clusters", "spectrum", "views")


def timed(place: Path, executor: str, jobs: int) -> float:
    """Median seconds of whole evaluations, less what decoding and the page take: all that is spread."""
    taken = []
    for repeat in range(REPEATS):
        request = RunRequest(
            checkpoints=place / "run" / "checkpoints",
            out=place / f"{executor[:5]}-{jobs}-{repeat}",
            data=str(place / "bars"),
            evaluators=EVALUATORS,
            executor=executor,
            jobs=jobs,
            figures=False,
        )
        started = time.perf_counter()
        outcome = run(request)
        taken.append(time.perf_counter() - started)
        assert not outcome.failed, outcome.failed
    return statistics.median(taken)


def main() -> None:
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    os.environ["RAY_AUTH_MODE"] = "disabled"
    machine, found = describe(), dict[str, float]()
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        write_images(place / "bars", per_class=100)
        write_checkpoints(place / "run" / "checkpoints", count=CHECKPOINTS)
        found["local, 1 job"] = timed(place, "local", 1)
        found["local, 2 jobs"] = timed(place, "local", 2)
        nodes = RayNodes(processors=2)
        try:
            found["ray, 2 processors"] = timed(place, f"ray(address={nodes.address!r}, threads=1)", 1)
        finally:
            nodes.close()
        if slurm_is_here():
            with slurm(place / "slurm") as environment:
                os.environ.update(environment)
                found["slurm, 2 processors, 8 checkpoints a job"] = timed(place, "slurm(cpus=1, tasks=8)", 1)
    results = {"seconds": {name: round(seconds, 1) for name, seconds in found.items()}, "checkpoints": CHECKPOINTS}
    save(Path(__file__).with_suffix(".json"), {"machine": machine, "task": {"repeats": REPEATS}, "results": results})


if __name__ == "__main__":
    main()
