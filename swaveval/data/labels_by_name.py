"""Labels that stand in the files' names: `cat.17.jpg`, `american_bulldog_203.jpg`."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from swaveval.data.errors import DataError
from swaveval.data.folders.folder_names import kinds
from swaveval.data.folders.layout import Placing, place_without_labels
from swaveval.data.label_option import NAMES
from swaveval.text import counted, listed, shortened

# What stands before the last number; a name that is all number has no word.
_BEFORE_THE_NUMBER = re.compile(r"^(.*[^\W\d_].*?)[\s_.\-]*\(?[0-9]+\)?(?:\.[^.]*)?$")
_EACH, _MOST = 3, 0.25


def place_by_names(files: Sequence[str], pattern: str | None = None) -> Placing:
    """Labels from the files' names; the split from the folders, masks and copies left out.

    Args:
        files: relative names.
        pattern: a regular expression looked for in each name, its ending included, whose first group (or the whole, if
            it has none) is the label, as in fastai's `from_name_re`; None: what stands before the last number.

    Raises:
        DataError: the pattern is none, or no name has it.
    """
    try:
        wanted = _BEFORE_THE_NUMBER if pattern is None else re.compile(pattern)
    except re.error as error:
        raise DataError(
            f"--labels {NAMES}:{shortened(str(pattern), 80)} is no regular expression ({error}); write one whose first "
            f"group is the label, such as '{NAMES}:^(.+)_[0-9]+'"
        ) from error
    folders = place_without_labels(files)
    labels = {file: _label(file, wanted) for file in folders.labels}
    without = [file for file, label in labels.items() if label is None]
    if len(without) == len(labels):
        raise DataError(
            f"no file's name holds a label that --labels {NAMES}{f':{pattern}' if pattern else ''} looks for (first: "
            f"{shortened(files[0], 80)}); give an expression whose first group is the label, such as "
            f"'{NAMES}:^(.+)_[0-9]+'"
        )
    example = f" (first: {shortened(without[0], 60)})" if without else ""
    bare = f"{counted(len(without), 'image')} without a label in the name, kept without one{example}."
    said = f"--labels {NAMES}" + (f":{shortened(pattern, 60)}" if pattern else "")
    notes = (*folders.notes, bare) if without else folders.notes
    return replace(folders, labels=labels, labelled=True, notes=notes, origin=f"the files' names ({said})")


def words_in_names(files: Iterable[str]) -> str:
    """A note on names that seem to hold classes which nobody asked for; empty where they do not.

    Several images of each word, and words that name no split, part or container.
    """
    counts = Counter(label for file in files if (label := _label(file, _BEFORE_THE_NUMBER)) is not None)
    words = [word for word, said in kinds(counts).items() if said.kind == "word"]
    several = [count for word, count in counts.items() if count >= _EACH]
    if len(words) < 2 or len(words) < len(counts) or len(several) < len(counts) or len(words) > _MOST * counts.total():
        return ""
    return (
        f"The files' names begin with {counted(len(words), 'word')} ({listed(words)}), which were not read as labels; "
        f"--labels {NAMES} reads them so."
    )


def _label(file: str, pattern: re.Pattern[str]) -> str | None:
    found = pattern.search(PurePosixPath(file).name)
    if found is None:
        return None
    return (found[1] if pattern.groups else found[0]) or None
