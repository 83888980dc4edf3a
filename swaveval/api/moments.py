"""What a training loop says of itself, as numbers."""

import math
from numbers import Real
from typing import Any

from swaveval.checkpoints.snapshots import Moment
from swaveval.runs.request import RunError


def moment_said(epoch: Any, step: Any) -> Moment:
    """The moment of a call.

    Args:
        epoch, step: numbers (NumPy's and tensors of one too), or None.

    Raises:
        RunError: one of them is none, or below zero.
    """
    epochs, steps = _number("epoch", epoch), _number("step", step)
    if steps is not None and not steps.is_integer():
        raise RunError(f"step is {steps:g}; give the number of optimiser steps, a whole number")
    return Moment(epochs, None if steps is None else int(steps))


def loss_said(loss: Any) -> float:
    """A loss as a number; NaN is one.

    Raises:
        RunError: it is none.
    """
    found = _plain(loss)
    if found is None:
        raise RunError(f"loss is {_described(loss)}; give one number, such as loss.mean()")
    return found


def _number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    found = _plain(value)
    if found is None or not math.isfinite(found) or found < 0:
        said = _described(value) if found is None else f"{found:g}"
        raise RunError(
            f"{name} is {said}; give a number, of {'finished epochs' if name == 'epoch' else 'optimiser steps'}"
        )
    return found


def _plain(value: Any) -> float | None:
    """The number that something is; None of texts, lists and tensors of several."""
    value = value.detach() if hasattr(value, "detach") else value
    if not isinstance(value, Real) and math.prod(getattr(value, "shape", (0,))) != 1:
        return None
    try:
        return float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError, RuntimeError):
        return None


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"a {type(value).__name__}" + (
        f" of shape {tuple(shape)}" if shape is not None else f" ({str(value)[:20]!r})"
    )
