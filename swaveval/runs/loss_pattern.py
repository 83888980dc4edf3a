"""The loss in a text log of any form, by a user's regular expression with the groups `loss`, `epoch` and `step`."""

import re
from pathlib import Path

from swaveval.runs.child import Child, ChildDied, ChildHangs
from swaveval.runs.loss_columns import number
from swaveval.runs.loss_matching import Match
from swaveval.runs.loss_rows import MOST_ROWS, Row, bounded
from swaveval.runs.request import RunError
from swaveval.text import shortened

GROUPS = ("loss", "epoch", "step")
_SECONDS = 120.0
# What stands around a number that `\S+` takes along: `loss=6.28,`.
_AROUND = " \t,;:()[]{}'\"%"


def check_pattern(pattern: str) -> None:
    """
    Raises:
        RunError: it is no regular expression, or does not say where the loss is.
    """
    try:
        named = set(re.compile(pattern).groupindex)
    except (re.error, RecursionError, OverflowError) as error:
        raise RunError(f"--loss-pattern is no regular expression: {error}; it was {shortened(pattern, 200)}") from error
    if "loss" not in named:
        raise RunError(
            f"--loss-pattern names no group `loss`, as in 'loss=(?P<loss>\\S+)'; it was {shortened(pattern, 200)}"
        )
    if other := sorted(named - set(GROUPS)):
        raise RunError(f"--loss-pattern takes the groups loss, epoch and step; not {', '.join(other)[:200]}")


def pattern_rows(path: Path, pattern: str, *, seconds: float = _SECONDS) -> list[Row]:
    """A row for each line that the pattern is found in; what a line does not state is taken from those before it.

    Args:
        path: of the log. pattern: one that `check_pattern` let pass. seconds: that the matching may take.

    Raises:
        RunError: the log cannot be read, nothing in it matches, or the pattern takes longer than that.
    """
    try:
        bounded(path)
        child = Child("swaveval.runs.loss_matching")
    except (OSError, ValueError) as error:
        raise RunError(f"the loss log {path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        child.send({"path": str(path.absolute()), "pattern": pattern, "most": MOST_ROWS})
        answer = child.receive(seconds=seconds)
    except ChildHangs as error:
        raise RunError(
            f"--loss-pattern took longer than {seconds:.0f} seconds on {path.name}: a repetition within a repetition, "
            "such as (a+)+, tries every way to cut a line"
        ) from error
    except ChildDied as error:
        raise RunError(f"--loss-pattern could not be tried on {path.name}: its process {error}") from error
    except BaseException:
        child.kill()
        raise
    child.end()
    if isinstance(answer, str):
        raise RunError(f"the loss log {path} cannot be read: {answer}")
    found, example = answer
    rows = _rows(found)
    if not rows:
        raise RunError(f"--loss-pattern {_nothing(found)} in {path.name}, which has lines such as: {_shown(example)}")
    return rows


def _rows(found: list[Match]) -> list[Row]:
    rows: list[Row] = []
    epoch: float | None = None
    for loss, at, step in found:
        epoch = _number(at) if _number(at) is not None else epoch
        value, count = _number(loss), _number(step)
        if value is not None:
            rows.append(Row(value, epoch, int(count) if count is not None and abs(count) < 1e18 else None))
    return rows


def _number(text: str | None) -> float | None:
    return number(text.strip(_AROUND)) if text else None


def _nothing(found: list[Match]) -> str:
    if not found:
        return "is found nowhere"
    words = next((loss for loss, _, _ in found if loss), None)
    return "finds no loss" if words is None else f"finds {shortened(words, 40)!r} for a loss, which is no number,"


def _shown(line: str) -> str:
    return shortened(line, 160) or "nothing but empty ones"
