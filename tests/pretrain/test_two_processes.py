"""Several gloo processes, started by the command, on two machines or by torchrun, train as one with the joint batch."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from swaveval.pretrain.config import PretrainConfig
from swaveval.pretrain.config_file import apply
from swaveval.pretrain.train import pretrain

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "swaveval.cli.app", "pretrain"]

GATHERED = """
import os, sys, torch
import torch.distributed as dist
os.environ["LIGHTLY_DID_VERSION_CHECK"] = "True"
from pathlib import Path
from lightly.loss.swav_loss import sinkhorn
from swaveval.pretrain.config import PretrainConfig, HardwareConfig, SwavConfig
from swaveval.pretrain.backbones import build_backbone
from swaveval.pretrain.config import BackboneConfig
from swaveval.pretrain.config import AugmentationConfig
from swaveval.pretrain.module import SwavModule

dist.init_process_group("gloo")
rank = dist.get_rank()
config = PretrainConfig(
    backbone=BackboneConfig(name="resnet10", stem="small", stem_stride=2, width=4),
    swav=SwavConfig(prototypes=5, epsilon=0.05),
    augmentation=AugmentationConfig(crop_sizes=(16, 8), crop_counts=(2, 1)),
    hardware=HardwareConfig(devices=2, accelerator="cpu"),
)
module = SwavModule(config, build_backbone(config.backbone, (16, 8)), steps_per_epoch=1, hyperparameters={})
scores = torch.randn(12, 5, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
other = torch.randn(12, 5, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
mine = module.criterion([scores[rank::2], other[rank::2]], [])
dist.all_reduce(mine)
whole = module.criterion.__class__(temperature=0.1, sinkhorn_epsilon=0.05)([scores, other], [])
assert torch.allclose(mine / 2, whole, rtol=1e-5), (mine / 2, whole)
alone = module.criterion.__class__(temperature=0.1, sinkhorn_epsilon=0.05)([scores[rank::2], other[rank::2]], [])
dist.all_reduce(alone)
assert not torch.allclose(alone / 2, whole, rtol=1e-5)
print("same")
"""


@pytest.mark.torture
def test_codes_of_two_processes_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    """The mean of both processes' losses is the loss one process has on all images; without gathering it is not."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", GATHERED],
            cwd=ROOT,
            env=os.environ | {"RANK": rank, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    outputs = [process.communicate(timeout=300) for process in processes]
    assert [output[0].strip() for output in outputs] == ["same", "same"], outputs


SECTIONS: dict[str, dict[str, Any]] = {
    "backbone": {"name": "resnet10", "stem": "small", "stem_stride": 2, "width": 4},
    "swav": {"prototypes": 6, "epsilon": 0.05, "frozen_prototype_steps": 2, "projection_dim": 8},
    "queue": {"size": 16, "start_epoch": 0},
    "augmentation": {
        "crop_sizes": [16, 8],
        "crop_counts": [2, 1],
        "crop_min_scales": [0.4, 0.2],
        "crop_max_scales": [1.0, 0.4],
    },
    "optimiser": {"name": "adamw", "learning_rate": 1e-3, "warmup_steps": 1},
    "training": {"epochs": 3, "batch_size": 8, "seed": 1},
    "hardware": {"accelerator": "cpu", "workers": 0, "threads": 1},
}
SAME = 1e-5  # relative; one process with other convolution kernels differs as much from itself


def train_alone(out: Path, **sections: dict[str, Any]) -> Path:
    """One process, in this one."""
    return pretrain(apply(PretrainConfig(), SECTIONS | sections, origin="test"), out)


def command(out: Path, *options: str, **sections: dict[str, Any]) -> list[str]:
    """The real command with SECTIONS in a settings file beside `out`."""
    file = out.with_suffix(".toml")
    body = (SECTIONS | sections).items()
    lines = [
        line for name, keys in body for line in (f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in keys.items()))
    ]
    file.write_text("\n".join(lines))
    return [*COMMAND, "--config", str(file), "--out", str(out), *options]


def finished(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        words, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=300, check=False
    )


def curve(run: Path) -> dict[tuple[str, int], float]:
    """Kind and step → loss; every step once."""
    with (run / "metrics.csv").open() as stream:
        rows = [((row["kind"], int(row["step"])), float(row["loss"])) for row in csv.DictReader(stream)]
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def assert_same_curve(one: Path, other: Path, tolerance: float) -> None:
    assert curve(one) == {key: pytest.approx(loss, rel=tolerance) for key, loss in curve(other).items()}


def content(run: Path, name: str = "last.ckpt") -> dict[str, Any]:
    return dict(torch.load(run / "checkpoints" / name, weights_only=True))


def relatives(pid: int) -> list[int]:
    """Child processes."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_two_processes_train_as_one_with_the_joint_batch(image_folder: Path, tmp_path: Path) -> None:
    """Loss, weights and queue to rounding; written once; an ordinary checkpoint; the rank that speaks is the first."""
    data = {"path": str(image_folder)}
    one, two = train_alone(tmp_path / "one", data=data), tmp_path / "two"
    done = finished(*command(two, "--devices", "2", data=data))
    assert (done.returncode, done.stderr.count("epoch 3/3"), done.stdout.count("holds the series")) == (0, 1, 1), done
    assert len(curve(two)) == 9
    assert_same_curve(one, two, SAME)
    assert sorted(path.name for path in two.rglob("*")) == sorted(path.name for path in one.rglob("*"))
    ends = [content(one), content(two)]
    assert ends[0].keys() == ends[1].keys()
    assert ends[0]["state_dict"].keys() == ends[1]["state_dict"].keys()
    for name, value in ends[0]["state_dict"].items():
        assert value.numpy() == pytest.approx(ends[1]["state_dict"][name].numpy(), rel=1e-3, abs=1e-4), name
    for name, value in ends[0]["swaveval_queue"].items():
        assert value.numpy() == pytest.approx(ends[1]["swaveval_queue"][name].numpy(), rel=1e-3, abs=1e-3), name
    said = [json.loads((run / "run.json").read_text()) for run in (one, two)]
    assert [(body["hyperparameters"]["devices"], body["hyperparameters"]["nodes"]) for body in said] == [(1, 1), (2, 1)]
    assert {body["hyperparameters"]["batch_size"] for body in said} == {8}
    assert (one / "images.txt").read_text() == (two / "images.txt").read_text()


@pytest.mark.torture
@pytest.mark.filterwarnings("ignore:TF32 acceleration")
@pytest.mark.parametrize(
    ("optimiser", "views"), [("adamw", "batch"), ("adamw", "lightly"), ("lars", "batch"), ("sgd", "batch")]
)
def test_sixty_steps_of_two_processes(tmp_path: Path, optimiser: str, views: str) -> None:
    """Rounding grows from step to step, no faster than between two runs of one process that round differently."""
    sections = {
        "data": {"path": "digits", "fraction": 0.3},
        "queue": {"size": 128, "start_epoch": 0},
        "swav": SECTIONS["swav"] | {"prototypes": 20, "projection_dim": 128},
        "optimiser": {"name": optimiser},
        "augmentation": SECTIONS["augmentation"] | {"views": views},
        "training": {"epochs": 10, "batch_size": 64},
    }
    alone = train_alone(tmp_path / "alone", **sections)
    with torch.backends.mkldnn.flags(enabled=False):
        again = train_alone(tmp_path / "again", **sections)
    both = tmp_path / "both"
    done = finished(*command(both, "--devices", "2", "--quiet", **sections))
    assert done.returncode == 0, done.stderr
    expected = curve(alone)
    assert len(expected) == 70
    apart = {run: max(abs(curve(run)[key] / loss - 1) for key, loss in expected.items()) for run in (both, again)}
    print(
        f"\n{optimiser}, {views}: from one process two differ by {apart[both]:.1e}, other kernels by {apart[again]:.1e}"
    )
    assert apart[both] <= max(ROUNDING, 3 * apart[again])


ROUNDING = 1e-3  # relative, over 60 steps; from where two runs of one process are further apart, three times as much


@pytest.mark.torture
def test_two_machines_train_as_one(image_folder: Path, tmp_path: Path) -> None:
    """Two commands that meet by address and port; the second writes and says nothing. Then one of them is killed."""
    data = {"path": str(image_folder)}
    one, two = train_alone(tmp_path / "one", data=data), tmp_path / "two"
    ended = [started.communicate(timeout=300) for started in on_two_machines(two, data=data)]
    assert [said.count("holds the series") for said, _ in ended] == [1, 0]
    assert ended[1] == ("", "")
    assert_same_curve(one, two, SAME)

    lost = tmp_path / "lost"
    first, second = on_two_machines(lost, data=data, training={"epochs": 400, "batch_size": 8, "seed": 1})
    wait_for(lost / "checkpoints/epoch=2-step=4.ckpt")
    second.kill()
    _, said = first.communicate(timeout=60)
    second.communicate()
    assert first.returncode == 2
    assert "connection to another process of this training was lost" in said
    assert "swaveval pretrain --resume" in said
    assert "Traceback" not in said


@pytest.mark.torture
def test_machines_that_see_other_images_are_told_apart(image_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(image_folder, other)
    (other / "train/warm/0.png").unlink()
    started = on_two_machines(tmp_path / "run", paths=(str(image_folder), str(other)))
    for process, (_, said) in [(process, process.communicate(timeout=120)) for process in started]:
        assert process.returncode == 2
        assert "do not agree: the fingerprint of the images is" in said


@pytest.mark.torture
def test_torchrun_starts_the_processes(image_folder: Path, tmp_path: Path) -> None:
    data = {"path": str(image_folder)}
    one, two = train_alone(tmp_path / "one", data=data), tmp_path / "two"
    words = command(two, "--devices", "2", data=data)
    run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *words[1:]]
    done = finished(*run, MASTER_PORT=str(free_port()))
    assert (done.returncode, done.stdout.count("holds the series")) == (0, 1), done
    assert_same_curve(one, two, SAME)


@pytest.mark.torture
@pytest.mark.parametrize(
    ("number", "which", "code", "sentence"),
    [
        (signal.SIGKILL, "second", 2, "swaveval: process 2 of 2 on this machine was killed by signal 9. Finished"),
        (signal.SIGKILL, "first", -signal.SIGKILL, ""),
        (signal.SIGTERM, "first", 130, "go on with: swaveval pretrain --resume --out"),
        (signal.SIGINT, "first", 130, "go on with: swaveval pretrain --resume --out"),
        (signal.SIGINT, "both", 130, "go on with: swaveval pretrain --resume --out"),
    ],
)
def test_a_process_that_is_lost_ends_all_and_the_run_goes_on(
    image_folder: Path, tmp_path: Path, number: signal.Signals, which: str, code: int, sentence: str
) -> None:
    """One sentence, no orphan; resumed under two processes the curve is that of an undisturbed run, bit for bit."""
    data = {"path": str(image_folder)}
    long = {"training": {"epochs": 60, "batch_size": 8, "seed": 1}, "series": {"checkpoint_every": "10"}}
    out, whole = tmp_path / "run", tmp_path / "whole"
    words = command(out, "--devices", "2", "--quiet", data=data, **long)
    first = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(out / "checkpoints/epoch=10-step=20.ckpt")
    (second,) = relatives(first.pid)
    for pid in {"first": [first.pid], "second": [second], "both": [first.pid, second]}[which]:
        os.kill(pid, number)
    _, said = first.communicate(timeout=60)
    assert first.returncode == code, said
    assert sentence in said
    assert said.count("resume") == bool(sentence)
    assert "Traceback" not in said
    wait_until(lambda: not is_alive(second))
    assert "epoch=60-step=120.ckpt" not in {path.name for path in (out / "checkpoints").iterdir()}
    assert finished(*COMMAND, "--resume", "--quiet", "--out", str(out)).returncode == 0
    assert finished(*command(whole, "--devices", "2", "--quiet", data=data, **long)).returncode == 0
    assert curve(out) == curve(whole)
    for name, value in content(whole)["state_dict"].items():
        assert torch.equal(value, content(out)["state_dict"][name]), name


@pytest.mark.torture
def test_a_run_goes_on_with_another_number_of_processes(image_folder: Path, tmp_path: Path) -> None:
    """Begun by two, ended by one, and the other way round: the queue is dealt out anew."""
    data = {"path": str(image_folder)}
    whole = train_alone(tmp_path / "whole", data=data)
    for begun, ended in (("2", "1"), ("1", "2")):
        out = tmp_path / f"from-{begun}"
        assert finished(*command(out, "--devices", begun, data=data)).returncode == 0
        # As if it had been killed after the second epoch.
        (out / "checkpoints/last.ckpt").unlink()
        (out / "checkpoints/epoch=3-step=6.ckpt").unlink()
        done = finished(*COMMAND, "--resume", "--devices", ended, "--out", str(out))
        assert done.returncode == 0, done.stderr
        assert_same_curve(whole, out, SAME)


def on_two_machines(
    out: Path, *, paths: tuple[str, str] = ("", ""), **sections: dict[str, Any]
) -> list["subprocess.Popen[str]"]:
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    started = []
    for rank, path in enumerate(paths):
        words = command(out, "--nodes", "2", *(("--data", path) if path else ()), **sections)
        surroundings = os.environ | meeting | {"NODE_RANK": str(rank)}
        started.append(
            subprocess.Popen(
                words, cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
    return started


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(path: Path) -> None:
    wait_until(path.exists)


def wait_until(holds: Callable[[], bool], patience: float = 120) -> None:
    until = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)
