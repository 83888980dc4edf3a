"""The loss in the text that training programs print: swav, VISSL, DINO, MoCo, lightly's examples, mmengine, keras, own.

One pattern each for the epoch, the step and the loss of a line. What a line does not state is taken from the lines
before it (keras prints the epoch on a line of its own).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from swaveval.runs.loss_columns import Column
from swaveval.runs.loss_rows import MOST_ROWS, Row, bounded, whole_lines

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?"
_EPOCH = re.compile(r"\bep(?:ochs?)?(?:\s*\(train\))?['\"]?\s*[:=#]?\s*[\[(]?\s*(\d+(?:\.\d+)?)", re.IGNORECASE)
_STEP = re.compile(
    r"\b(?:global[_ ]?step|step|iter(?:ation)?)s?\b['\"]?\s*[:=#]?\s*[\[(]?\s*(\d+)(?![\d.]*\s*/)", re.IGNORECASE
)
_LOSS = re.compile(
    r"(?<![a-z_])(?:(?:train(?:ing)?|total|swav|avg|average|mean|running)[_ /.-]*){0,2}loss"
    r"(?:[_ /]?(?:train|total|all|sum)\b)?"
    rf"['\"]?\s*(?:[:=]|is)?\s*({_NUMBER}|nan|-?inf)(?![a-z])",
    re.IGNORECASE,
)
_RATE = re.compile(rf"\b(?:lr|learning[_ ]rate)\b['\"]?\s*[:=]?\s*({_NUMBER})", re.IGNORECASE)
_TOTAL = re.compile(r"total|[_ /](?:all|sum)\b", re.IGNORECASE)
_TRAIN = re.compile(r"train", re.IGNORECASE)
# `kd loss`: a part, where the line has another; words that say nothing of which loss it is.
_PART = re.compile(r"([a-z]\w*)[-_. ]*$", re.IGNORECASE)
_NO_PART = re.compile(r"(?:ep(?:och)?|step|iter(?:ation)?|batch|the|and|global)s?", re.IGNORECASE)
_OTHER = re.compile(r"\b(?:val(?:id(?:ation)?)?|test|eval(?:uation)?)\b", re.IGNORECASE)
_LONGEST = 4000


def text_rows(path: Path) -> list[Row]:
    """Rows of a text log; [] where no line states a loss."""
    bounded(path)
    with path.open(encoding="utf-8", errors="replace") as lines:
        whole = whole_lines(lines, path)
        return _rows(piece for line in islice(whole, MOST_ROWS) for piece in re.split(r"[\r\b]+", line))


def _rows(lines: Iterable[str]) -> list[Row]:
    """Rows of the lines that state a loss.

    Where the first ones come before any epoch and others state theirs, those are sums over the epoch that ends there:
    what stands before them belongs to no epoch that is stated, and is left out.
    """
    rows, stating = [], []
    for row, stated in _read(lines):
        rows.append(row)
        if stated:
            stating.append(row)
    return stating if rows and rows[0].epoch is None and len(stating) > 1 else rows


def _read(lines: Iterable[str]) -> Iterator[tuple[Row, bool]]:
    """Rows, and whether their own line states the epoch."""
    epoch: float | None = None
    for line in lines:
        text = line[:_LONGEST]
        own = _EPOCH.search(text)
        if own is not None:
            epoch = float(own.group(1))
        found = _losses(text)
        if not found:
            continue
        loss, *others = found
        step, rate = _STEP.search(text), _RATE.search(text)
        row = Row(
            float(loss.group(1)),
            epoch,
            None if step is None else int(step.group(1)[:18]),
            None if rate is None else float(rate.group(1)),
            _column(loss, others) if others else None,
        )
        yield row, own is not None


def _losses(text: str) -> list[re.Match[str]]:
    """The training loss of a line: its total, else one without a word of its own before it; else all there are.

    `Test: … Loss 3` is another loss, and so is the first of `val loss: 9.0 | train loss: 5.7`.
    """
    found = [
        match
        for match in _LOSS.finditer(text)
        if _TRAIN.search(match.group()) or not _OTHER.search(text, 0, match.start())
    ]
    whole = [match for match in found if _TOTAL.search(match.group())]
    plain = [match for match in found if _word(match) is None]
    return whole[:1] or plain[:1] or found


def _word(loss: re.Match[str]) -> str | None:
    """The word before a loss that says of what it is a part: `kd loss`."""
    word = _PART.search(loss.string[max(0, loss.start() - 40) : loss.start()])
    return None if word is None or _NO_PART.fullmatch(word.group(1)) else word.group(1)


def _column(loss: re.Match[str], others: Sequence[re.Match[str]]) -> Column:
    return Column(f"{_word(loss)} loss", tuple(f"{_word(other)} loss" for other in others), sure=False)
