"""Folders called 0, 1, 2 …: classes (as MNIST is exported), or parts of a long list? The file names tell."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from swaveval.data.folders.folder_names import range_of
from swaveval.data.names import stem

FIRST_LETTERS = "each file's name begins with its folder's"
_NUMBER = re.compile(r"([0-9]+)(?=[^0-9]*$)")
_BLOCKS = (10, 16, 32, 50, 64, 100, 128, 200, 250, 256, 500, 512, 1000, 1024, 2000, 2048, 5000, 4096, 8192, 10000)
_HEX = re.compile(r"^[0-9a-f]{1,4}$", re.IGNORECASE)
_HASH = re.compile(r"^[0-9a-f]+$", re.IGNORECASE)


def parts_of_a_list(folders: Mapping[str, Sequence[str]]) -> str:
    """Why these folders only divide the files, in words; empty when nothing says so.

    - `000-099/` holds the files of these numbers.
    - Each file's name goes on where its folder's name ends (`3f/3fa91c….jpg`): folders by the first letters of a hash.
    - Each file's number ends with its folder's (`0006/1006`).
    - File numbers go on from folder to folder, in blocks of one size (`0/0000 … 0/0999, 1/1000 …`), the last may be
      smaller.
    - All folders but the last hold equally many files, the last fewer, and no file's name occurs twice.

    Args:
        folders: name of each folder to the names of its files (the last parts of their paths), folders in natural
            order. Names are numbers, ranges or short hexadecimal numbers.
    """
    if len(folders) < 2:
        return ""
    stems = {folder: [stem(file) for file in files] for folder, files in folders.items()}
    if _by_first_letters(stems):
        return FIRST_LETTERS
    numbers = {folder: _numbers(names) for folder, names in stems.items()}
    if all(numbers.values()):
        known = {folder: values for folder, values in numbers.items() if values}
        if _by_last_digits(known):
            return "each file's number ends with its folder's"
        if _within_ranges(known):
            return "each folder holds the files whose numbers it names"
        if _in_blocks(list(known.values())):
            return "file numbers go on from folder to folder"
    sizes = [len(names) for names in stems.values()]
    everything = [name for names in stems.values() for name in names]
    if (
        len(sizes) > 2
        and len(set(sizes[:-1])) == 1
        and sizes[-1] < sizes[0]
        and len(set(everything)) == len(everything)
    ):
        return "all folders but the last hold equally many files and no name occurs twice"
    return ""


def initials(inside: Mapping[str, set[str]]) -> bool:
    """Whether folders are an index of those inside, by their first letters or digits: `a/abbey a/alley b/bakery`.

    `A/A1` does not count: there the letter is a word of its own, with a number.

    Args:
        inside: name of each folder to the names of the folders in it.
    """
    named = [(folder.lower(), inner.lower()) for folder, inners in inside.items() for inner in inners]
    if len(inside) < 2 or len(named) <= len(inside) or not all(inside.values()):
        return False
    if not all(inner.startswith(folder) for folder, inner in named):
        return False
    rests = [(folder, inner[len(folder) :]) for folder, inner in named]
    words = all(len(folder) <= 2 and folder.isalpha() and rest[:1].isalpha() for folder, rest in rests)
    # `p10/p10000032`: the first digits of a number.
    return words or all(folder[-1].isdigit() and rest.isdigit() and len(rest) > 1 for folder, rest in rests)


def letters_of_a_hash(inside: Mapping[str, set[str]]) -> bool:
    """Whether folders and those inside are a hash cut up: `3f/a0/3fa09c….jpg`, `a/ab/…`, `3/f/3fa09c71/1.jpg`."""
    inner = set[str]().union(*inside.values())
    return (
        len(inside) > 1
        and all(inside.values())
        and _cut(inside)
        and any(name[-1].isdigit() for name in inside)  # `A/A1 B/B1` are letters, not digits of sixteen
        and (_cut(inner) or all(len(name) >= 6 and _HASH.match(name) for name in inner))
        and not all(name.isdigit() for name in inner | set(inside))
    )


def _cut(names: Iterable[str]) -> bool:
    return len({len(name) for name in names}) == 1 and all(len(name) <= 4 and _HEX.match(name) for name in names)


def _numbers(stems: Sequence[str]) -> list[int] | None:
    found = [_NUMBER.search(stem) for stem in stems]
    return None if None in found else [int(match[1]) for match in found if match is not None]


def _by_first_letters(stems: Mapping[str, Sequence[str]]) -> bool:
    """`3f/3fa9…`; `0/0_12` does not count: the mark says that the folder's name is a word of its own there."""
    if not all(_HEX.match(folder) for folder in stems):
        return False
    named = [(folder.lower(), stem.lower()) for folder, names in stems.items() for stem in names]
    return all(
        len(stem) > len(folder) + 1 and stem.startswith(folder) and stem[len(folder)].isalnum()
        for folder, stem in named
    )


def _by_last_digits(numbers: Mapping[str, Sequence[int]]) -> bool:
    """`0006/1006 0006/2006 0017/3017`: folders by the last digits of the number."""
    return all(folder.isdigit() for folder in numbers) and any(
        all(value % rest == int(folder) for folder, values in numbers.items() for value in values)
        for rest in (100, 1000, 10000)
    )


def _within_ranges(numbers: Mapping[str, Sequence[int]]) -> bool:
    limits = {folder: range_of(folder) for folder in numbers}
    return all(
        limit is not None and all(limit[0] <= value <= limit[1] for value in numbers[folder])
        for folder, limit in limits.items()
    )


def _in_blocks(numbers: Sequence[Sequence[int]]) -> bool:
    """Ascending, not overlapping, and of one size: by count, or by the round number that divides them."""
    if any(max(before) >= min(after) for before, after in pairwise(numbers)):
        return False
    sizes = [len(values) for values in numbers]
    if max(sizes) < 2:
        return False
    if len(set(sizes[:-1])) == 1 and sizes[-1] <= sizes[0]:
        return True
    # Some files of a block may be missing; a class order has blocks of any length.
    return any(
        len({value // block for values in numbers for value in values}) == len(numbers)
        and all(len({value // block for value in values}) == 1 for values in numbers)
        for block in _BLOCKS
    )
