"""Two processes that srun starts train as two that the command starts; put into the queue again, the job goes on."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.field.around_runs import environment
from tests.pretrain.test_two_processes import curve
from tests.scale.clusters import command, slurm, slurm_is_here
from tests.tiny_images import write_images

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif(not slurm_is_here(), reason="needs slurmctld, slurmd and munge, and to be root"),
]
OPTIONS = (
    *("--devices", 2, "--accelerator", "cpu", "--workers", 0, "--threads", 1, "--backbone", "resnet10", "--width", 4),
    *("--prototypes", 6, "--crop-sizes", "16,8", "--crop-counts", "2,1", "--epochs", 40, "--batch-size", 8, "--quiet"),
)


def test_srun_and_a_requeue(tmp_path: Path) -> None:
    images = write_images(tmp_path / "bars", per_class=12)
    alone = command("pretrain", "--data", images, "--out", tmp_path / "alone", *OPTIONS)
    subprocess.run(alone, check=True, env=environment(), timeout=300)
    out = tmp_path / "slurm"
    script = "srun " + " ".join(map(str, command("pretrain", "--data", images, "--out", out, *OPTIONS)))
    with slurm(tmp_path / "cluster") as known:
        env = {**os.environ, **known, "PYTHONPATH": environment()["PYTHONPATH"]}
        said = tmp_path / "said.txt"
        asked = ["sbatch", "--parsable", "--requeue", "--ntasks-per-node=2", "--open-mode=append", f"--output={said}"]
        job = subprocess.run(
            [*asked, f"--wrap={script}"], capture_output=True, text=True, check=True, env=env
        ).stdout.strip()
        _until(lambda: len(list(out.glob("checkpoints/*.ckpt"))) > 4, 120, said)
        # What `--signal=USR1@120` has Slurm send: to every process of the step.
        subprocess.run(["scancel", "--signal=USR1", job], check=True, env=env)
        _until(lambda: "is in the queue again" in said.read_text(), 60, said)
        done = len(list(out.glob("checkpoints/*.ckpt")))
        assert done < 41
        # Slurm lets a requeued job wait for two minutes.
        _until(lambda: len(list(out.glob("checkpoints/*.ckpt"))) == 41, 300, said)
        _until(lambda: not subprocess.run(["squeue", "-h"], capture_output=True, check=True, env=env).stdout, 60, said)
    assert curve(out) == curve(tmp_path / "alone")
    assert "Traceback" not in said.read_text()
    print(f"requeued after {done} checkpoints")


def _until(what: object, seconds: float, said: Path) -> None:
    assert callable(what)
    limit = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < limit, said.read_text(errors="replace") if said.exists() else "nothing was said"
        time.sleep(0.3)
