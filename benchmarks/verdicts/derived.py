"""The runs of the bank that are made from others' checkpoints: shuffled, damaged, never moving, repeated."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

State = dict[str, Any]


def derive(name: str, directory: Path) -> None:
    """Make DIR/name from the run it derives from, which must be there."""
    source, change = DERIVED[name]
    out = directory / name
    temporary = directory / f".{name}"
    shutil.rmtree(temporary, ignore_errors=True)
    (temporary / "checkpoints").mkdir(parents=True)
    states = [_read(path) for path in series(directory / source)]
    change(states, temporary / "checkpoints")
    for file in ("run.json", "metrics.csv"):
        shutil.copy(directory / source / file, temporary / file)
    temporary.rename(out)


def series(run: Path) -> list[Path]:
    """Checkpoints of a run by epoch, without `last.ckpt`."""
    found = list((run / "checkpoints").glob("epoch=*.ckpt"))
    return sorted(found, key=lambda path: int(path.name.split("=")[1].split("-")[0]))


def _read(path: Path) -> State:
    return torch.load(path, map_location="cpu", weights_only=True)


def _write(state: State, directory: Path, *, like: State) -> None:
    """Write `state` with the epoch and step of `like`."""
    moment = {name: like[name] for name in ("swaveval_epoch", "global_step", "epoch")}
    name = f"epoch={like['swaveval_epoch']}-step={like['global_step']}.ckpt"
    torch.save({**state, **moment, "optimizer_states": []}, directory / name)


def _backbone(state: State) -> list[torch.Tensor]:
    return [
        tensor
        for name, tensor in state["state_dict"].items()
        if name.startswith("backbone.") and tensor.is_floating_point() and "running" not in name
    ]


def _shuffled(states: list[State], out: Path) -> None:
    """The trained checkpoints under each other's epochs; step 0 stays."""
    order = [0, *(1 + np.random.default_rng(3).permutation(len(states) - 1))]
    for place, like in zip(order, states, strict=True):
        _write(states[int(place)], out, like=like)


def _damaged(states: list[State], out: Path, *, last: int, strength: float) -> None:
    """Noise on the backbone's weights, growing over the last checkpoints to `strength` of each tensor's spread."""
    generator = torch.Generator().manual_seed(0)
    for place, state in enumerate(states):
        share = strength * max(0, place - (len(states) - 1 - last)) / last
        for tensor in _backbone(state):
            if share and tensor.numel() > 1:
                tensor += share * tensor.std() * torch.randn(tensor.shape, generator=generator)
        _write(state, out, like=state)


def _gradually(states: list[State], out: Path) -> None:
    _damaged(states, out, last=5, strength=1.2)


def _at_once(states: list[State], out: Path) -> None:
    _damaged(states, out, last=1, strength=1.2)


def _nan_half_way(states: list[State], out: Path) -> None:
    for place, state in enumerate(states):
        if place > len(states) // 2:
            for tensor in _backbone(state):
                tensor.fill_(float("nan"))
        _write(state, out, like=state)


def _never_changing(states: list[State], out: Path) -> None:
    for like in states:
        _write(states[0], out, like=like)


def _each_twice(states: list[State], out: Path) -> None:
    for state in states:
        _write(state, out, like=state)
        name = f"copy-of-epoch={state['swaveval_epoch']}.ckpt"
        torch.save({**state, "optimizer_states": []}, out / name)


DERIVED: dict[str, tuple[str, Callable[[list[State], Path], None]]] = {
    "shuffled": ("long-k100", _shuffled),
    "damaged-gradually": ("long-k100", _gradually),
    "damaged-at-once": ("flat-t3-long", _at_once),
    "nan-half-way": ("long-k100-again", _nan_half_way),
    "never-changing": ("rising-k100", _never_changing),
    "each-file-twice": ("flat-t3", _each_twice),
}
