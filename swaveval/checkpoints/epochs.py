"""How far a training was when a file was written: finished epochs and optimiser steps."""

from swaveval.checkpoints.description import Description
from swaveval.checkpoints.discovery import epoch_in_name, step_in_name

_LAST_BATCH = ("loops", "fit_loop", "epoch_loop.batch_progress", "is_last_batch")


def progress(description: Description, name: str) -> tuple[float | None, int | None]:
    """(finished epochs, optimiser steps), from the file where it says so, else from its name, else None.

    Lightning counts epochs from 0 and writes the running one: at the end of an epoch E it has finished E + 1, in the
    middle of it E and a part that the file does not tell. Others (swav, DINO, mmengine) write finished epochs.
    """
    step = _count(description, ("global_step",), ("step",), ("iteration",), ("iter",), ("meta", "iter"))
    if step is None:
        step = step_in_name(name)
    own = description.scalars.get(("swaveval_epoch",))
    if isinstance(own, int | float) and not isinstance(own, bool) and own >= 0:
        return float(own), step
    epoch = _count(description, ("epoch",), ("meta", "epoch"), ("phase_idx",))
    if ("pytorch-lightning_version",) in description.scalars and epoch is not None:
        if step == 0:
            return 0.0, step
        running = description.scalars.get(_LAST_BATCH) is False
        return float(epoch if running else epoch + 1), step
    if epoch is None:
        named = epoch_in_name(name)
        return (None if named is None else float(named)), step
    return float(epoch), step


def _count(description: Description, *paths: tuple[str, ...]) -> int | None:
    for path in paths:
        value = description.scalars.get(path)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12:
            return value
    return None
