"""The runs of the bank that are made from others' checkpoints: shuffled, damaged, cut, never moving, repeated."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

State = dict[str, Any]


def derive(name: str, directory: Path) -> None:
    """Make DIR/name from the run it derives from, which must be there."""
    source, change = DERIVED[name].source, DERIVED[name].change
    out = directory / name
    temporary = directory / f".{name}"
    shutil.rmtree(temporary, ignore_errors=True)
    (temporary / "checkpoints").mkdir(parents=True)
    states = [_read(path) for path in series(directory / source)]
    change(states, temporary / "checkpoints")
    for file in ("run.json", "metrics.csv"):
        if (directory / source / file).exists():
            shutil.copy(directory / source / file, temporary / file)
    temporary.rename(out)


def series(run: Path) -> list[Path]:
    """Checkpoints of a run by step, then by name, without `last.ckpt`."""
    found = [path for path in (run / "checkpoints").glob("*.ckpt") if path.name != "last.ckpt"]
    return sorted(found, key=lambda path: (int(path.stem.split("step=")[-1]), path.name))


def _read(path: Path) -> State:
    return torch.load(path, map_location="cpu", weights_only=True)


def _write(state: State, directory: Path, *, like: State) -> None:
    """Write `state` with the epoch and step of `like`."""
    moment = {name: like[name] for name in ("swaveval_epoch", "global_step", "epoch") if name in like}
    name = f"epoch={like.get('swaveval_epoch', like['epoch'])}-step={like['global_step']}.ckpt"
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
        name = f"copy-of-epoch={state['swaveval_epoch']}-step={state['global_step']}.ckpt"
        torch.save({**state, "optimizer_states": []}, out / name)


def _without_first(states: list[State], out: Path, *, left: int = 1) -> None:
    """The first `left` checkpoints were never saved."""
    for state in states[left:]:
        _write(state, out, like=state)


def _from_collapse_on(states: list[State], out: Path) -> None:
    """Only the second half was saved: the first file is already collapsed."""
    _without_first(states, out, left=len(states) // 2)


def _three(states: list[State], out: Path) -> None:
    for place in (0, len(states) // 2, len(states) - 1):
        _write(states[place], out, like=states[place])


@dataclass(frozen=True, slots=True)
class Derived:
    """A run made from another's checkpoints: from which, by what."""

    source: str
    change: Callable[[list[State], Path], None]


DERIVED: dict[str, Derived] = {
    "shuffled": Derived("long-k100", _shuffled),
    "damaged-gradually": Derived("long-k100", _gradually),
    "damaged-at-once": Derived("flat-t3-long", _at_once),
    "nan-half-way": Derived("long-k100-again", _nan_half_way),
    "never-changing": Derived("rising-k100", _never_changing),
    "each-file-twice": Derived("flat-t3", _each_twice),
    "collapsed-from-the-first-file": Derived("collapsed-epsilon", _from_collapse_on),
    "flowers-simclr-shuffled": Derived("flowers-simclr", _shuffled),
    "cifar-simclr-damaged-at-once": Derived("cifar-simclr", _at_once),
    "clothing-simclr-nan-half-way": Derived("clothing-simclr", _nan_half_way),
    "textures-barlow-damaged-gradually": Derived("textures-barlow", _gradually),
    "flowers-simclr-three": Derived("flowers-simclr", _three),
    "cifar-simclr-without-step-0": Derived("cifar-simclr", _without_first),
    "flowers-byol-collapsed-from-the-first-file": Derived("flowers-byol-collapsed", _from_collapse_on),
    "cifar-barlow-never-changing": Derived("cifar-barlow", _never_changing),
}
