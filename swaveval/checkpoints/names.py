"""What the name of one checkpoint file says, word by word and number by number.

A number is told by the word beside it: `epoch=9`, `800ep`, `step-100`; `loss_6.02` and every other decimal is a metric
and says nothing about when a file was written; `seed1`, `fold0`, `version_1` name a run. A number beside no such
word may be an order: that is decided over the whole directory (`arrangement`), never here.
"""

import re
from dataclasses import dataclass

from swaveval.checkpoints.piece_names import without_piece

SUFFIX = re.compile(r"(\.(ckpt|pth|pt|tar|torch|safetensors|bin))+$", re.IGNORECASE)
_EPOCH = frozenset({"epoch", "epochs", "ep", "eps", "ckp", "phase"})
_STEP = frozenset(
    {"step", "steps", "globalstep", "iter", "iters", "iteration", "iterations", "it", "update", "updates", "training"}
)
_METRIC = frozenset(
    {
        "loss", "acc", "accuracy", "val", "valid", "top", "auc", "auroc", "map", "miou", "iou", "score", "knn", "err",
        "error", "psnr", "fid", "nmi", "ami", "ari", "purity", "recall", "precision", "lr", "metric", "perplexity",
        "bpd", "rankme", "test", "train", "dice", "rmse", "mse", "mae",
    }
)  # fmt: skip
_RUN = frozenset(
    {
        "seed", "fold", "run", "version", "trial", "exp", "experiment", "split", "cv", "rep", "repeat", "attempt",
        "job", "k", "bs", "batch", "batchsize", "dim", "width", "prototypes", "proto", "temp", "temperature", "wd",
        "rank", "task", "group",
    }
)  # fmt: skip
STATUS = frozenset(
    {"last", "latest", "best", "final", "newest", "current", "checkpoint", "ckpt", "chkpt", "model", "weights", "state"}
)
_COUNTED = frozenset({"checkpoint", "ckpt", "chkpt"})
LATEST = frozenset({"last", "latest", "final", "newest"})
_AFTER = re.compile(r"([kKmM])?[_\-]?(epochs?|ep|e|steps?|iters?|iterations?|it)(?![a-z]|[=_\-]?\d)", re.IGNORECASE)
_THOUSANDS = re.compile(r"([km])(?![a-z])", re.IGNORECASE)  # `step_10k`
# `epoch=-1`: before the first; `epoch-1` and `epoch--1` are separators.
_MINUS = re.compile(r"=-$")
_ZEROS = {"": "", "k": "000", "m": "000000"}
_VERSION = re.compile(r"-v(\d+)$")
_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])"
    r"(?:[-_T .]*([01]\d|2[0-3])[-_.:hH]?([0-5]\d)(?:[-_.:mM]?([0-5]\d))?)?(?!\d)"
)
_OPAQUE = re.compile(
    r"(?<![0-9a-z])(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)(?!\d+e\d+(?![0-9a-z]))[0-9a-f]{7,64}"
    r"|(?=(?:[a-z]+\d+){2,}[a-z]*(?![0-9a-z])|(?:\d+[a-z]+){2,}\d*(?![0-9a-z]))(?![a-z0-9]*ep\d)[a-z0-9]{8})(?![0-9a-z])"
)
_PIECE = re.compile(r"[a-z]+|\d+(?:\.\d+)?(?:e[-+]?\d+(?![0-9a-z]))?")
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
        self.moments: list[str] = []
        self.opaque: list[str] = []
        self.metric = False
        version = None if directory else _VERSION.search(text)
        self.version = "" if version is None else f"v{version.group(1)}"
        text = text if version is None else text[: version.start()]
        text = text.lower()
        text = _DATE.sub(self._date, text)
        text = _OPAQUE.sub(self._id, text)
        self._read(text, directory=directory)

    def _date(self, match: re.Match[str]) -> str:
        if re.search(r"(epochs?|ep|steps?|iter|it)[_\-=]?$", match.string[: match.start()]):
            return match.group()
        self.moments.append("".join(piece or "00" for piece in match.groups()))
        return " "

    def _id(self, match: re.Match[str]) -> str:
        self.opaque.append(match.group())
        return " "

    def _read(self, text: str, *, directory: bool) -> None:
        label, place = "", 0
        pending: list[str] = []
        while (match := _PIECE.search(text, place)) is not None:
            piece, place = match.group(), match.end()
            if piece[0].isalpha():
                if label:
                    pending.append(label)
                label = piece
                continue
            after = _AFTER.match(text, place)
            if after is not None and label not in _EPOCH | _STEP and "." not in piece:
                self._number(
                    piece + _ZEROS[(after.group(1) or "").lower()], after.group(2).lower(), directory=directory
                )
                place = after.end()
                if label:
                    pending.append(label)
                label = ""
                continue
            if label in _EPOCH | _STEP and re.match(r"\.\d", text[place:]) and "." in piece:
                # `epoch.10.6.02`: the epoch, then a decimal.
                piece = piece.split(".")[0]
                place = match.start() + len(piece)
            before = text[: match.start()]
            if label in _EPOCH | _STEP and _MINUS.search(before) and "." not in piece:
                piece = f"-{piece}"
            thousands = _THOUSANDS.match(text, place)
            if thousands is not None and label in _STEP and "." not in piece:
                piece, place = piece + _ZEROS[thousands.group(1)], thousands.end()
            hyphened = text[max(0, match.start() - 1) : match.start()] == "-"
            if directory and label == "checkpoint" and hyphened:
                label = "step"  # transformers' Trainer: checkpoint-500/
            self._number(piece, label, directory=directory)
            if not _tells(label):
                pending.append(label)
            label = ""
        pending.append(label)
        self.words = [word for word in pending if word and not _tells(word) and word != "global"]
        self.metric = self.metric or any(word in _METRIC for word in pending)

    def _number(self, piece: str, label: str, *, directory: bool) -> None:
        decimal = "." in piece or "e" in piece
        digits = piece.split(".")[0].split("e")[0][:_MOST_DIGITS]
        if label in _EPOCH or label == "e" and directory:
            self.epoch = float(piece) if decimal and len(piece) < _MOST_DIGITS else float(int(digits))
        elif label == "e":
            self.numbers.append((label, int(digits)))
        elif label in _STEP and "." not in piece:
            self.step = int(float(piece)) if decimal and len(piece) < 6 else int(digits)
        elif label in _RUN:
            self.run.append(f"{label} {piece}")
        elif directory and label in _COUNTED and not decimal:
            self.numbers.append((label, int(digits)))  # Ray Tune: checkpoint_000003/
        elif directory:
            # `lr0.1/`, `exp3/`, `1/`: a number of a directory that is no epoch or step counts runs.
            self.run.append(f"{label} {piece}".strip())
        elif label in _METRIC or label == "best" or decimal:
            self.metric = True
        else:
            self.numbers.append((label, int(digits)))


def _tells(word: str) -> bool:
    return word in _EPOCH or word in _STEP or word in _RUN or word in _METRIC
