"""Tiny checkpoint directories with known truth: which file is of which run, and when it was written."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from swaveval.checkpoints import Arrangement, Directory, build_resnet
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.progress import Silent
from swaveval.runs.records import read_records

BEGAN = 1_700_000_000.0
EPOCH_STEPS = 10


def weights(run: int, index: float, *, width: int = 8) -> dict[str, torch.Tensor]:
    """The weights of a run at a place in its training: a line from its own random start."""
    generator = torch.Generator().manual_seed(1000 + run)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run)
        network, _ = build_resnet(blocks=(1, 1, 1, 1), block="basic", width=width, stem="small")
    state = network.state_dict()
    return {
        name: value + 0.01 * index * torch.randn(value.shape, generator=generator)
        if value.is_floating_point() and "running" not in name
        else value
        for name, value in state.items()
    }


@dataclass(frozen=True)
class File:
    """A checkpoint file.

    Attributes:
        path: relative to the directory.
        index: when it was written; equal indices of one run are the same weights.
        run: of which run it is.
        inside: what it holds beside `state_dict`; None for a bare state dict.
        minutes: its modification time; None for `index`.
        epoch: the epochs finished in truth, for what is stated to be held against.
        width: of the network.
    """

    path: str
    index: float
    run: int = 0
    inside: dict[str, Any] | None = None
    minutes: float | None = None
    epoch: float | None = None
    width: int = 8
    heads: dict[str, torch.Tensor] = field(default_factory=dict)


def write(directory: Path, files: Sequence[File]) -> None:
    for file in files:
        place = directory / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        state = {f"backbone.{name}": value for name, value in weights(file.run, file.index, width=file.width).items()}
        state |= file.heads
        torch.save(state if file.inside is None else {"state_dict": state, **file.inside}, place)
    for file in files:
        moment = BEGAN + 60 * (file.index if file.minutes is None else file.minutes)
        os.utime(directory / file.path, (moment, moment))


def read(directory: Path) -> Arrangement:
    """As `swaveval run` reads it; what it remembers of the files lies beside and is removed."""
    base = directory if directory.is_dir() else directory.parent
    memory = base.parent / f"{base.name}-memory"
    try:
        return read_records(CheckpointLoader(Directory(directory)), memory=memory, progress=Silent())
    finally:
        shutil.rmtree(memory, ignore_errors=True)


def lightning(epoch: int, step: int, *, running: bool = False, **more: Any) -> dict[str, Any]:
    """Lightning's own entries after `epoch + 1` finished epochs, or in the middle of one."""
    progress = {"is_last_batch": not running, "total": {"completed": step}}
    return {
        "epoch": epoch,
        "global_step": step,
        "pytorch-lightning_version": "2.5.0",
        "loops": {"fit_loop": {"epoch_loop.batch_progress": progress}},
        **more,
    }
