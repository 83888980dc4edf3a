"""What a training loop says of itself, as numbers; where it is by that."""

import logging
import math
from numbers import Real
from typing import Any

from swaveval.checkpoints.snapshots import Moment
from swaveval.runs.request import RunError

logger = logging.getLogger("swaveval")


class Clock:
    """Where a training is by what its calls said, and when it is evaluated.

    Epochs are compared with epochs and steps with steps, never one with the other.
    """

    def __init__(self, every: int) -> None:
        """Args:
        every: epochs (steps, where no epochs are given) from one evaluation to the next.
        """
        self._every = every
        self._now = Moment()
        self._evaluated = Moment()
        self._first: int | None = None  # of steps that were told without an epoch
        self._before = self._pace = 0

    def counted(self, moment: Moment) -> Moment:
        """The moment, its step counted on where a loop counts anew in each epoch and tells no epoch.

        Such a count falls to where it began, to 0 or 1; no training goes back there and goes on.
        """
        if moment.epoch is not None or moment.step is None:
            return moment
        newest = self._now.step
        if self._first is None:
            self._first = moment.step
        elif newest is not None and moment.step == self._first <= 1 and moment.step < newest - self._before:
            if not self._before:
                logger.warning(
                    "the steps begin anew at %d without an epoch: they are counted on from %d; tell the steps since "
                    "the training began, or epoch= beside them",
                    moment.step,
                    newest,
                )
            self._before = newest + self._pace - moment.step
        step = moment.step + self._before
        if newest is not None and step > newest:
            self._pace = step - newest
        return Moment(None, step)

    def tell(self, moment: Moment) -> Moment | None:
        """Take note of a call. Gives from where on the training takes its steps again, where it went back; else None.

        A step that falls while the epoch grows is a count within the epoch.
        """
        epoch_fell = _fell(moment.epoch, self._now.epoch)
        step_fell = _fell(moment.step, self._now.step)
        same = None in (moment.epoch, self._now.epoch) or moment.epoch == self._now.epoch
        if not epoch_fell and not (step_fell and same):
            self._now = _joined(moment, self._now)
            return None
        self._now, self._evaluated = moment, Moment()
        # Where the epoch alone fell, the count of steps goes on: it tells nothing of what was before.
        return moment if step_fell else Moment(moment.epoch)

    def is_due(self, moment: Moment) -> bool:
        """Whether an evaluation is."""
        by_epoch = moment.epoch is not None
        now, last = (one.epoch if by_epoch else one.step for one in (moment, self._evaluated))
        return last is None or math.floor((now or 0) / self._every) > math.floor(last / self._every)

    def evaluated(self, moment: Moment) -> bool:
        """Take note of an evaluation. Gives whether it is of the moment of the one before."""
        before, self._evaluated = self._evaluated, _joined(moment, self._evaluated)
        return before == moment


def _fell(now: float | None, before: float | None) -> bool:
    return now is not None and before is not None and now < before


def _joined(moment: Moment, before: Moment) -> Moment:
    """The newest epoch and the newest step that were said."""
    epoch = before.epoch if moment.epoch is None else moment.epoch
    return Moment(epoch, before.step if moment.step is None else moment.step)


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
