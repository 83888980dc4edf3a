"""The loss in the text that training programs print: swav, VISSL, DINO, MoCo, lightly's examples, mmengine, keras, own.

One pattern each for the epoch, the step and the loss of a line. What a line does not state is taken from the lines
before it (keras prints the epoch on a line of its own).
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from swaveval.runs.loss_rows import MOST_ROWS, Row, bounded, whole_lines

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?"
_EPOCH = re.compile(r"\bep(?:ochs?)?(?:\s*\(train\))?['\"]?\s*[:=#]?\s*[\[(]?\s*(\d+(?:\.\d+)?)", re.IGNORECASE)
_STEP = re.compile(
    r"\b(?:global[_ ]?step|step|iter(?:ation)?)s?\b['\"]?\s*[:=#]?\s*[\[(]?\s*(\d+)(?![\d.]*\s*/)", re.IGNORECASE
)
_LOSS = re.compile(
    r"(?<![a-z_])(?:(?:train(?:ing)?|total|swav|avg|average|mean|running)[_ /.-]*){0,2}loss(?:[_ ]train)?"
    rf"['\"]?\s*(?:[:=]|is)?\s*({_NUMBER}|nan|-?inf)(?![a-z])",
    re.IGNORECASE,
)
_RATE = re.compile(rf"\b(?:lr|learning[_ ]rate)\b['\"]?\s*[:=]?\s*({_NUMBER})", re.IGNORECASE)
_OTHER = re.compile(r"\b(?:val(?:id(?:ation)?)?|test|eval(?:uation)?)\b", re.IGNORECASE)
_LONGEST = 4000


def text_rows(path: Path) -> list[Row]:
    """Rows of a text log; [] where no line states a loss."""
    bounded(path)
    with path.open(encoding="utf-8", errors="replace") as lines:
        whole = whole_lines(lines, path)
        return list(_rows(piece for line in islice(whole, MOST_ROWS) for piece in re.split(r"[\r\b]+", line)))


def _rows(lines: Iterable[str]) -> Iterator[Row]:
    epoch: float | None = None
    for line in lines:
        text = line[:_LONGEST]
        if (match := _EPOCH.search(text)) is not None:
            epoch = float(match.group(1))
        loss = _LOSS.search(text)
        # `Test: … Loss 3` is another loss; `loss: 2.1 - val_loss: 2.3` begins with the right one.
        if loss is None or _OTHER.search(text, 0, loss.start()):
            continue
        step, rate = _STEP.search(text), _RATE.search(text)
        yield Row(
            float(loss.group(1)),
            epoch,
            None if step is None else int(step.group(1)[:18]),
            None if rate is None else float(rate.group(1)),
        )
