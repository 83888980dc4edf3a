"""Which class is taken for which, at every checkpoint."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from swaveval.report import wording
from swaveval.report.contents import Array, Contents
from swaveval.report.packing import blob, deltas

# Beside the name of an evaluator that is not built in.
TITLES = {"knn": "kNN", "linear": "linear probe"}


def title_of(artifact_id: str) -> str:
    """The protocol of a confusion matrix, or of recalls per class, in words."""
    evaluator = artifact_id.split(".", 1)[0]
    return TITLES.get(evaluator, wording.clipped(evaluator, 40))


@dataclass(frozen=True)
class Confusion:
    """Confusion matrices of one protocol.

    Attributes:
        name: of its evaluator. frames: positions of the checkpoints. counts: int, shape `(frames, C, C)`, rows true.
    """

    name: str
    frames: tuple[int, ...]
    counts: Array

    def about(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": title_of(self.name),
            "frames": list(self.frames),
            "classes": int(self.counts.shape[1]),
        }

    def packed(self) -> str:
        return blob(deltas(self.counts))


def confusions(contents: Contents, *, budget_bytes: int) -> tuple[tuple[Confusion, ...], bool]:
    """The matrices of every protocol, and whether checkpoints were left out to stay within the budget.

    The first, the last and the best checkpoint are never left out.
    """
    made, left_out = [], False
    for artifact in contents.of_kind("confusion"):
        name, frames = artifact.split(".", 1)[0], contents.frames(artifact)
        counts = [rows["counts"] for i in frames if (rows := contents.artifacts[artifact][i]) is not None]
        if not counts or any(c.shape != counts[0].shape or c.size == 0 for c in counts):
            continue
        drawn = Confusion(name, frames, np.stack(counts).astype(np.int64))
        while len(drawn.frames) > 3 and len(drawn.packed()) > budget_bytes:
            drawn, left_out = _halved(drawn, contents.best), True
        made.append(drawn)
    return tuple(made), left_out


def _halved(drawn: Confusion, best: int | None) -> Confusion:
    last = len(drawn.frames) - 1
    keep = [i for i, frame in enumerate(drawn.frames) if i % 2 == 0 or i == last or frame == best]
    if len(keep) == len(drawn.frames):
        keep = sorted({0, last, *(i for i, frame in enumerate(drawn.frames) if frame == best)})
    return Confusion(drawn.name, tuple(drawn.frames[i] for i in keep), drawn.counts[keep])


@dataclass(frozen=True)
class ClassRow:
    """Recall of one class at the first, the best (or last) and the last checkpoint."""

    name: str
    n: int
    first: float
    last: float


def per_class(contents: Contents) -> tuple[str, tuple[ClassRow, ...]]:
    """Protocol title and the classes, hardest at the last checkpoint first; empty without labels."""
    for artifact in contents.of_kind("per_class"):
        frames = contents.frames(artifact)
        if not frames:
            continue
        first, last = (contents.artifacts[artifact][frames[i]] for i in (0, -1))
        if first is None or last is None or first["recall"].shape != last["recall"].shape:
            continue
        names = contents.class_names
        rows = [
            ClassRow(
                names[c] if c < len(names) else f"class {c}",
                int(last["n"][c]),
                float(first["recall"][c]),
                float(last["recall"][c]),
            )
            for c in range(len(last["recall"]))
        ]
        return title_of(artifact), tuple(sorted(rows, key=lambda row: (not np.isfinite(row.last), row.last)))
    return "", ()
