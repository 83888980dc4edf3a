"""Two gloo processes: Sinkhorn over both, one series, weights alike, resumed exactly."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from swaveval.pretrain.series import progress_of

ROOT = Path(__file__).parents[2]

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


SETTINGS = {
    "--accelerator": "cpu",
    "--devices": "2",
    "--strategy": "ddp",
    "--batch-size": "8",
    "--workers": "0",
    "--width": "4",
    "--crop-sizes": "16,8",
    "--prototypes": "6",
    "--frozen-prototype-steps": "3",
    "--queue": "8",
    "--queue-start-epoch": "0",
    "--warmup-steps": "1",
    "--epochs": "3",
}


def pretrain_command(*options: str) -> list[str]:
    return [sys.executable, "-m", "swaveval.cli.app", "pretrain", "--quiet", *options]


@pytest.mark.torture
def test_two_processes_write_one_series_and_resume_exactly(image_folder: Path, tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for run in (whole, stopped):
        settings = [word for option in SETTINGS.items() for word in option]
        command = pretrain_command("--data", str(image_folder), "--out", str(run), *settings)
        subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    # As if it had been killed after the second epoch.
    (stopped / "checkpoints/last.ckpt").unlink()
    (stopped / "checkpoints/epoch=3-step=6.ckpt").unlink()
    assert progress_of(stopped / "checkpoints/epoch=2-step=4.ckpt") == (2, 4)
    subprocess.run(pretrain_command("--resume", "--out", str(stopped)), cwd=ROOT, check=True, timeout=300)
    ends = [torch.load(run / "checkpoints/last.ckpt", weights_only=True) for run in (whole, stopped)]
    assert ends[0]["swaveval_queue"]["banks"].shape == (2, 2, 8, 128)
    assert not torch.equal(ends[0]["swaveval_queue"]["banks"][0], ends[0]["swaveval_queue"]["banks"][1])
    for name, value in ends[0]["state_dict"].items():
        assert torch.equal(value, ends[1]["state_dict"][name]), name
    assert (whole / "metrics.csv").read_text() == (stopped / "metrics.csv").read_text()
