"""Label files that belong to one another: of the splits side by side, or of one name in the splits' folders."""

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from swaveval.data.folders.folder_names import SPLITS, WORDS, split_name

# `trainset`, `testlist`: what is glued to the split's word has to be equal in all names.
_GLUED = re.compile(
    r"(train|training|trainval|test|testing|val|valid|validation)"
    r"(set|data|list|labels?|lbls?|images?|imgs?|files?|split|annotations?)"
)
_ORDER = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Named:
    """A file whose name says a split.

    Attributes:
        path: the file.
        split: `train`, `test` or `validation`.
        rest: its name without the split's word; equal in files that belong together.
        whole: whether the word is `trainval`, which holds what `train` and `val` hold.
    """

    path: Path
    split: str
    rest: str
    whole: bool = False


def named_split(path: Path) -> Named | None:
    """`Ebay_train.txt`, `train1.txt`, `TrainImages.txt`; None where no word says a split, or several do."""
    found = []
    for match in WORDS.finditer(path.stem):
        word, more = match[0].lower(), ""
        if glued := _GLUED.fullmatch(word):
            word, more = glued[1], glued[2]
        split = next((split for split, spellings in SPLITS.items() if word in spellings), None)
        if split is not None:
            rest = f"{path.stem[: match.start()]}/{more}{path.stem[match.end() :]}{path.suffix}".casefold()
            found.append(Named(path, split, rest, word == "trainval"))
    return found[0] if len(found) == 1 else None


def side_by_side(path: Path) -> list[Named]:
    """The file and its namesakes of the other splits in its directory, in the order train, validation, test.

    One file a split. Of `train` and `trainval` the one that was given, else `train`; beside `trainval` no `val`, which
    it holds.
    """
    own = named_split(path)
    if own is None:
        return []
    others: list[Named] = []
    with contextlib.suppress(OSError):
        for entry in sorted(path.parent.iterdir()):
            other = named_split(entry)
            if other is not None and other.rest == own.rest and other.split != own.split and entry.is_file():
                others.append(other)
    # `train` before `trainval`, `val` before `validation`.
    others.sort(key=lambda other: (other.whole, len(other.path.name)))
    if own.split == "validation":
        others = [other for other in others if not other.whole]
    chosen = {own.split: own}
    for other in others:
        chosen.setdefault(other.split, other)
    if chosen.get("train", own).whole:
        chosen.pop("validation", None)
    return [chosen[split] for split in _ORDER if split in chosen]


def in_split_folders(path: Path, root: Path) -> list[Path]:
    """Files of the same name in the folders of the other splits of the image directory."""
    own = path.resolve().parent
    if own.parent != root.resolve() or split_name(own.name) is None:
        return []
    with contextlib.suppress(OSError):
        beside = sorted(
            folder for folder in own.parent.iterdir() if folder != own and split_name(folder.name) is not None
        )
        return [folder / path.name for folder in beside if (folder / path.name).is_file()]
    return []
