"""What the name of one checkpoint file says, word by word and number by number.

A number is told by the word beside it: `epoch=9`, `800ep`, `step-100`; `loss_6.02` and every other decimal is a metric
and says nothing about when a file was written; `seed1`, `fold0`, `version_1` name a run. A number beside no such
word may be an order: that is decided over the whole directory (`arrangement`), never here.
"""

import re
import unicodedata
from dataclasses import dataclass

from swaveval.checkpoints.name_dates import without_dates
from swaveval.checkpoints.name_numbers import UNREADABLE, ends_another, groups_behind, plainly
from swaveval.checkpoints.name_words import COUNTED, EPOCH, LATEST, METRIC, ORDINAL, RUN, STATUS, STEP, tells
from swaveval.checkpoints.piece_names import without_piece

SUFFIX = re.compile(r"(\.(ckpt|pth|pt|tar|torch|safetensors|bin))+$", re.IGNORECASE)
_AFTER = re.compile(
    r"([kKmM])?[_\-]?(epochs?|epochen?|ep|e|steps?|iters?|iterations?|it|轮次?|輪|步数?)(?![^\W\d_]|[=_\-]?\d)",
    re.IGNORECASE,
)
_THOUSANDS = re.compile(r" ?([km])(?![^\W\d_])", re.IGNORECASE)  # `step_10k`, `step_1.5m`
# `epoch=-1`, `epoch -1`: before the first; `epoch-1`, `epoch--1` and `epoch_-1` are separators.
_MINUS = re.compile(r"[=:\s][-−]$")
_SAID = re.compile(r"\s*[=:\s]\s*")
_TIMES = {"": 1, "k": 1000, "m": 1_000_000}
_VERSION = re.compile(r"-v(\d+)$")
_OPAQUE = re.compile(
    r"(?<![0-9a-z])(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)(?!\d+e\d+(?![0-9a-z]))[0-9a-f]{7,64}"
    r"|(?=(?:[a-z]+\d+){2,}[a-z]*(?![0-9a-z])|(?:\d+[a-z]+){2,}\d*(?![0-9a-z]))(?![a-z0-9]*ep\d)[a-z0-9]{8})(?![0-9a-z])"
)
_PIECE = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?(?:e[-+]?\d+(?![0-9a-z]))?")
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class NameReading:
    """What a relative path states.

    Attributes:
        epoch, step: under such a word; None where there is none.
        numbers: whole numbers beside no telling word, in order, with that word (`model`, or empty).
        run: what names a run rather than a moment: directories' words, `seed 1`, words of the file name.
        moments: dates and times in the file name, as sortable text.
        opaque: hashes and ids in the file name.
        status: whether the name says only `last`, `best`, `checkpoint`: no number, no word of its own.
        best: whether it says `best`, which may be any moment. latest: whether it says `last` or `final`.
        metric: whether it holds a metric.
        version: `v1`, which Lightning adds where the name was taken.
    """

    epoch: float | None = None
    step: int | None = None
    numbers: tuple[tuple[str, int], ...] = ()
    run: tuple[str, ...] = ()
    moments: tuple[str, ...] = ()
    opaque: tuple[str, ...] = ()
    status: bool = False
    best: bool = False
    latest: bool = False
    metric: bool = False
    version: str = ""


def read_name(name: str) -> NameReading:
    """Read a path relative to the directory of checkpoints."""
    *parents, file = name.replace("\\", "/").split("/")
    file = SUFFIX.sub("", without_piece(file))
    own = _Part(file, directory=False)
    above = [_Part(parent, directory=True) for parent in parents]
    epoch, step = own.epoch, own.step
    for part in reversed(above):
        epoch, step = (part.epoch if epoch is None else epoch), (part.step if step is None else step)
    words = tuple(word for word in own.words if word not in STATUS)
    numbered = bool(own.numbers or own.moments or own.opaque) or own.epoch is not None or own.step is not None
    return NameReading(
        epoch=epoch,
        step=step,
        numbers=(*(number for part in above for number in part.numbers), *own.numbers),
        run=(*("/".join((*part.words, *part.run, *part.moments, *part.opaque)) for part in above), *words, *own.run),
        moments=tuple(own.moments),
        opaque=tuple(own.opaque),
        status=not numbered and not words and not own.run and not own.metric,
        best="best" in own.words,
        latest=any(word in LATEST for word in own.words),
        metric=own.metric,
        version=own.version,
    )


class _Part:
    """One component of a path, split into words and numbers."""

    def __init__(self, text: str, *, directory: bool) -> None:
        self.epoch: float | None = None
        self.step: int | None = None
        self.numbers: list[tuple[str, int]] = []
        self.words: list[str] = []
        self.run: list[str] = []
        self.opaque: list[str] = []
        self.metric = False
        version = None if directory else _VERSION.search(text)
        self.version = "" if version is None else f"v{version.group(1)}"
        text = text if version is None else text[: version.start()]
        text, self.moments = without_dates(unicodedata.normalize("NFC", text).lower())
        text = _OPAQUE.sub(self._id, plainly(text))
        self.metric = UNREADABLE in text
        self._read(text, directory=directory)

    def _id(self, match: re.Match[str]) -> str:
        self.opaque.append(match.group())
        return " "

    def _read(self, text: str, *, directory: bool) -> None:
        label, place, behind = "", 0, 0
        pending: list[str] = []
        while (match := _PIECE.search(text, place)) is not None:
            piece, place = match.group(), match.end()
            if not piece[0].isdecimal():
                if label:
                    pending.append(label)
                label, behind = piece, place
                continue
            after = _AFTER.match(text, place)
            if after is not None and ends_another(piece, text[: match.start()]):
                after = None
            if after is not None and label not in EPOCH | STEP and ("." not in piece or after.group(1)):
                self._number(_times(piece, after.group(1)), after.group(2).lower(), directory=directory)
                place = after.end()
                if label:
                    pending.append(label)
                label = ""
                continue
            if label in EPOCH | STEP and re.match(r"\.\d", text[place:]) and "." in piece:
                # `epoch.10.6.02`: the epoch, then a decimal.
                piece = piece.split(".")[0]
                place = match.start() + len(piece)
            if label in STEP and (groups := groups_behind(piece, text, place)):
                place += len(groups)
                if not _SAID.fullmatch(text[behind : match.start()]):
                    # `step_1_000`: one number or two, which would be other moments.
                    self.numbers += [(label, int(piece)), *(("", int(group)) for group in groups[1:].split(groups[0]))]
                    label = ""
                    continue
                piece += "".join(groups.split(groups[0]))
            before = text[: match.start()]
            if label in EPOCH | STEP and _MINUS.search(before) and "." not in piece:
                piece = f"-{piece}"
            thousands = _THOUSANDS.match(text, place)
            if thousands is not None and "e" not in piece and (label in STEP or not tells(label)):
                piece, place = _times(piece, thousands.group(1)), thousands.end()
                label = "step" if label in COUNTED else label  # `ckpt_500k`
            hyphened = text[max(0, match.start() - 1) : match.start()] == "-"
            if directory and label == "checkpoint" and hyphened:
                label = "step"  # transformers' Trainer: checkpoint-500/
            self._number(piece, label, directory=directory)
            if not tells(label):
                pending.append(label)
            label = ""
        pending.append(label)
        self.words = [word for word in pending if word and not tells(word) and word not in ORDINAL]
        self.metric = self.metric or any(word in METRIC for word in pending)

    def _number(self, piece: str, label: str, *, directory: bool) -> None:
        decimal = "." in piece or "e" in piece
        digits = piece.split(".")[0].split("e")[0][:_MOST_DIGITS]
        if label in EPOCH or label == "e" and directory:
            self.epoch = float(piece) if decimal and len(piece) < _MOST_DIGITS else float(int(digits))
        elif label == "e":
            self.numbers.append((label, int(digits)))
        elif label in STEP and "." not in piece:
            self.step = int(float(piece)) if decimal and len(piece) < 6 else int(digits)
        elif label in RUN:
            self.run.append(f"{label} {piece}")
        elif directory and label in COUNTED and not decimal:
            self.numbers.append((label, int(digits)))  # Ray Tune: checkpoint_000003/
        elif directory:
            # `lr0.1/`, `exp3/`, `1/`: a number of a directory that is no epoch or step counts runs.
            self.run.append(f"{label} {piece}".strip())
        elif label in METRIC or label == "best" or decimal:
            self.metric = True
        else:
            self.numbers.append((label, int(digits)))


def _times(piece: str, sign: str | None) -> str:
    """`1.5` and `m` as `1500000`."""
    factor = _TIMES[(sign or "").lower()]
    return str(round(float(piece) * factor)) if "." in piece and "e" not in piece else piece + str(factor)[1:]
