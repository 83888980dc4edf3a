"""Columns that say which images belong together (`patient_id`), so that a split should not come between them."""

from collections.abc import Callable, Sequence

from swaveval.data.folders.folder_names import WORDS, words_of
from swaveval.data.tables.label_values import UNLABELLED

_GROUPS = words_of(
    "patient patients pat subject subj participant volunteer individual person donor lesion case study exam specimen "
    "nodule slide video clip sequence session scene"
)
_OF_NUMBERS = words_of("id ids no nr number num name code uid key pid")
_FEWEST = 3


def group_column(
    header: Sequence[str], values: Callable[[int], list[str]], names: Sequence[str], others: Sequence[int]
) -> str:
    """The title of the column whose groups are largest; empty where no group has two images.

    Args:
        names: of the images. others: columns that are of nothing else.
    """
    found: dict[str, int] = {}
    for place in others:
        if not groups_images(header[place]):
            continue
        pairs = zip(values(place), names, strict=True)
        members = {pair for pair in pairs if pair[0].casefold() not in UNLABELLED}
        groups = {group for group, _ in members}
        if _FEWEST <= len(groups) < len(members):
            found[header[place]] = len(groups)
    return min(found, key=lambda title: found[title], default="")


def groups_images(title: str) -> bool:
    """Whether a column is called like what several images may be of: `patient_id`, `Case No`."""
    words = {word.lower() for word in WORDS.findall(title)}
    return bool(words & _GROUPS) and words <= _GROUPS | _OF_NUMBERS
