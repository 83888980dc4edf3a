"""Slurm's own daemons on this machine: arrays of jobs, one requeued at work, and the command inside an array."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from swaveval.runs.run import run
from tests.field.around_runs import environment, write_checkpoints
from tests.scale.clusters import command, slurm, slurm_is_here
from tests.scale.evaluations import cells, request
from tests.tiny_images import write_images

pytest.importorskip("submitit", reason="needs the extra 'slurm'")
pytestmark = pytest.mark.skipif(not slurm_is_here(), reason="needs slurmctld, slurmd and munge, and to be root")
EXECUTOR = "slurm(cpus=1, minutes=10, look_seconds=0.3)"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with slurm(tmp_path_factory.mktemp("slurm")) as known, pytest.MonkeyPatch.context() as patch:
        for name, value in {**known, "PYTHONPATH": environment()["PYTHONPATH"]}.items():
            patch.setenv(name, value)
        yield


def evaluated_here(place: Path, count: int) -> tuple[Path, Path]:
    """Images and checkpoints, of which `here` holds what this process makes."""
    images = write_images(place / "bars", per_class=8)
    checkpoints = write_checkpoints(place / "run" / "checkpoints", count=count)
    run(request(checkpoints, images, place / "here"))
    return images, checkpoints


@pytest.mark.torture  # half a minute of waiting for the scheduler; Ray's is in the default suite
@pytest.mark.usefixtures("cluster")
def test_an_array_gives_the_same_results(tmp_path: Path) -> None:
    images, checkpoints = evaluated_here(tmp_path, 2)
    outcome = run(request(checkpoints, images, tmp_path / "slurm", EXECUTOR))
    assert not outcome.failed
    assert cells(tmp_path / "slurm") == cells(tmp_path / "here")
    limit = time.monotonic() + 30  # a job that is over is being completed for a moment
    while queued := subprocess.run(["squeue", "--noheader"], capture_output=True, check=True).stdout:
        assert time.monotonic() < limit, queued
        time.sleep(0.5)


@pytest.mark.torture
@pytest.mark.usefixtures("cluster")
def test_a_job_is_requeued_at_work(tmp_path: Path) -> None:
    """20 checkpoints in jobs of five; one job is requeued once it has begun."""
    images, checkpoints = evaluated_here(tmp_path, 20)
    out, requeued = tmp_path / "slurm", list[str]()

    def requeue() -> None:
        while len(list((out / "results" / "cells").glob("*.json"))) < 8:
            time.sleep(0.05)
        listed = subprocess.run(
            ["squeue", "--noheader", "--array", "--states=RUNNING", "--format=%A"],
            capture_output=True,
            text=True,
            check=True,
        )
        job = listed.stdout.split()[0]
        subprocess.run(["scontrol", "requeue", job], check=True)
        requeued.append(job)

    requeuer = threading.Thread(target=requeue)
    requeuer.start()
    outcome = run(request(checkpoints, images, out, "slurm(cpus=1, minutes=10, tasks=5, look_seconds=0.3)"))
    requeuer.join()
    assert requeued
    assert not outcome.failed
    assert cells(out) == cells(tmp_path / "here")
    print(f"20 of 20 checkpoints; job {requeued[0]} requeued")


@pytest.mark.torture
@pytest.mark.usefixtures("cluster")
def test_the_command_in_every_job_of_an_array(tmp_path: Path) -> None:
    """Two jobs of an array run the same command on one output directory: they share the work."""
    images, checkpoints = evaluated_here(tmp_path, 8)
    arguments = ("run", "-c", checkpoints, "-d", images, "--out", tmp_path / "array", "--executor", "slurm", "--quiet")
    evaluators = ("--evaluators", "knn,spectrum,views,stability", "--precision", "fp32", "--no-figures")
    script = " ".join(map(str, command(*arguments, *evaluators)))
    sent = subprocess.run(
        ["sbatch", "--wait", "--array=0-1", f"--output={tmp_path}/%a.txt", f"--wrap={script}"],
        capture_output=True,
        check=False,
        env={**os.environ},
    )
    said = [path.read_text(encoding="utf-8") for path in sorted(tmp_path.glob("*.txt"))]
    assert sent.returncode == 0, said
    assert len(said) == 2
    assert not any("ANOTHER RESULT" in each for each in said)
    assert cells(tmp_path / "array") == cells(tmp_path / "here")
