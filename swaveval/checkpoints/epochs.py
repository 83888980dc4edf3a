"""How far a training was when a file was written: finished epochs and optimiser steps."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from swaveval.checkpoints.names import read_name
from swaveval.checkpoints.sandbox.description import Description

_LOOP = ("loops", "fit_loop")
_LAST_BATCH = (*_LOOP, "epoch_loop.batch_progress", "is_last_batch")
_BATCHES = (*_LOOP, "epoch_loop.batch_progress", "total", "completed")

# Settings that stay the same while one run trains, by the last part of their name. Others (paths, lengths, devices,
# numbers of workers) change when a run is continued.
_LASTING = frozenset(
    {
        "seed", "random_seed", "lr", "learning_rate", "base_lr", "base_learning_rate", "batch_size", "temperature",
        "epsilon", "momentum", "weight_decay", "optimizer", "optimiser", "nmb_prototypes", "num_prototypes",
        "n_prototypes", "prototypes", "hidden_mlp", "feat_dim", "proj_output_dim", "projection_dim", "out_dim",
        "method", "loss", "fold", "split_seed", "dataset",
    }
)  # fmt: skip
_PLACES = (("hyper_parameters",), ("args",), ("cfg",))
_MOST_SETTINGS = 40
_NUMBER = re.compile(r"-?\d{1,12}(?:\.\d{1,12})?")


def progress(description: Description, name: str) -> dict[str, Any]:
    """What a file says about its place in a training; the name is asked where the file says nothing.

    Lightning counts epochs from 0 and writes the running one: at the end of an epoch E it has finished E + 1, in the
    middle of it E and a part that the file does not tell. Others (swav, DINO, mmengine) write finished epochs.

    Returns:
        `epoch`, finished epochs, and `step`, optimiser steps, or None; `named`: which of the two were taken from the
        name; `untrained`: whether the file itself states that no step was taken; `settings`: see `settings_of`.
    """
    epoch, step, untrained = _inside(description)
    stated = read_name(name)
    named = []
    if epoch is None and stated.epoch is not None:
        epoch, named = stated.epoch, ["epoch"]
    if step is None and stated.step is not None:
        step = stated.step
        named.append("step")
    return {
        "epoch": epoch,
        "step": step,
        "named": tuple(named),
        "untrained": untrained,
        "settings": settings_of(description),
    }


def _inside(description: Description) -> tuple[float | None, int | None, bool]:
    step = _count(description, ("global_step",), ("step",), ("iteration",), ("iter",), ("meta", "iter"))
    own = description.scalars.get(("swaveval_epoch",))
    if isinstance(own, int | float) and not isinstance(own, bool) and own >= 0:
        # A step of 0 after an epoch is a counter that nobody advanced.
        return float(own), step if step or own == 0 else None, own == 0 and not step
    epoch = _first(description, ("epoch",), ("meta", "epoch"), ("phase_idx",), least=-1)
    if ("pytorch-lightning_version",) in description.scalars and epoch is not None:
        if step == 0 and epoch == 0 and not _count(description, _BATCHES):
            return 0.0, step, True
        running = description.scalars.get(_LAST_BATCH) is False
        # Lightning counts no step of an optimiser that the user drives by hand.
        return float(epoch if running else epoch + 1), step or None, False
    return None if epoch is None else float(epoch), step, step == 0 and (epoch or 0) <= 0


def settings_of(description: Description) -> dict[str, str | int | float | bool]:
    """The training settings a run keeps from its first to its last checkpoint, as far as the file states them."""
    found: dict[str, str | int | float | bool] = {}
    for place in _PLACES:
        for name, value in _leaves(description.scalars.get(place), "", 4):
            if name.rsplit(".", 1)[-1] in _LASTING and len(found) < _MOST_SETTINGS:
                found.setdefault(name, value)
    return found


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, str | int | float | bool]]:
    if isinstance(value, Mapping) and depth >= 0:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key), depth - 1)
    elif path and isinstance(value, str | int | float | bool):
        yield path[:100], value[:100] if isinstance(value, str) else value


def _count(description: Description, *paths: tuple[str, ...]) -> int | None:
    value = _first(description, *paths, least=0)
    return None if value is None or value != int(value) else int(value)


def _first(description: Description, *paths: tuple[str, ...], least: float) -> float | None:
    """The first number there, as programs write it: `5`, `5.0`, `5.5`, `'5'`. An epoch of -1 is before the first."""
    for path in paths:
        value = description.scalars.get(path)
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            value = float(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value < 10**12:
            return value
    return None
