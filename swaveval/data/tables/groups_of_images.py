"""Columns that say which images belong together (`patient_id`), so that a split should not come between them."""

from collections.abc import Callable, Sequence

from swaveval.data.folders.folder_names import WORDS, words_of
from swaveval.data.tables.label_values import UNLABELLED

_PATIENTS = words_of("patient patients pat participant volunteer donor")
# These may be called by a word of a class too (`scene`: forest, city), so that a number or a code has to say it.
_GROUPS = _PATIENTS | words_of(
    "subject subj individual person lesion case study exam specimen nodule slide video clip sequence session scene"
)
_OF_NUMBERS = words_of("id ids no nr number num name code uid key pid")
_FEWEST = 3
_NEARLY_ALL = 0.9


def group_column(
    header: Sequence[str], values: Callable[[int], list[str]], names: Sequence[str], others: Sequence[int]
) -> str:
    """The title of the column whose groups are largest; empty where no group has two images.

    Args:
        names: of the images. others: columns that are of nothing else.
    """
    found: dict[str, int] = {}
    for place in others:
        if not groups_images(header[place], values(place)):
            continue
        pairs = zip(values(place), names, strict=True)
        members = {pair for pair in pairs if pair[0].casefold() not in UNLABELLED}
        groups = {group for group, _ in members}
        if _FEWEST <= len(groups) < len(members):
            found[header[place]] = len(groups)
    return min(found, key=lambda title: found[title], default="")


def groups_images(title: str, cells: Sequence[str]) -> bool:
    """Whether a column is what several images may be of: `patient_id`, `Case No`, a `video` of `v01`, `v02` …"""
    words = {word.lower() for word in WORDS.findall(title)}
    if not words & _GROUPS or not words <= _GROUPS | _OF_NUMBERS:
        return False
    return bool(words & (_PATIENTS | _OF_NUMBERS)) or _are_codes(cells)


def _are_codes(cells: Sequence[str]) -> bool:
    """Whether nearly all cells have a number in them, and many different ones."""
    present = [cell for cell in cells if cell.casefold() not in UNLABELLED]
    coded = [cell for cell in present if any(character.isdigit() for character in cell)]
    return len(set(coded)) > _FEWEST and len(coded) >= _NEARLY_ALL * len(present)
