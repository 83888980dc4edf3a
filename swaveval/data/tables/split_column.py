"""Which column of a table says the split: in words, numbers or marks."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from swaveval.data.errors import DataError
from swaveval.data.folders.folder_names import WORDS, words_of
from swaveval.data.tables.label_titles import LABELS, SPLIT_TITLES, is_evaluation, plain, split_among, split_word
from swaveval.data.tables.label_values import UNLABELLED
from swaveval.data.tables.mark_columns import YES, is_mark
from swaveval.data.tables.name_column import Values, title_of
from swaveval.text import listed, printable, shortened

# Titles under which numbers are splits; under `dataset` and `phase` they are as likely sources and visits.
_BY_NUMBER = frozenset({"split", "set", "subset", "partition", "datasplit"})
# Titles under which a word among any others says it.
_SPLITS = words_of("split datasplit splitname")
# Titles under which one does among words that say nothing else; under any other the cell is the word, written out.
_BY_WORD = SPLIT_TITLES | words_of("usage mode stage datatype foldname splitname purpose mluse role")
_FULL = words_of("train training test testing val valid validation")
_FILLERS = words_of(
    "public private id ood in out of distribution domain set split data images image easy medium hard clean noisy seen "
    "unseen known unknown small large full final"
)
_ABOUT_SPLITS = words_of("or and set split data name type fold")
_FLAG = re.compile(
    r"^(?!invalid$)(?:is|in)?(?:the)?(train|training|test|testing|val|valid|validation)(?:set|split|image|data)?$"
)
_NO_SPLIT = UNLABELLED | {"unassigned"}
# How many times as many rows 1 has as 0, or one number as 0, where 0 cannot be the training images.
_MORE, _FAR_MORE = 1.5, 2
# But for splits that are known to be so: rows of 0, 1 and 2 of Flowers-102.
_KNOWN = {(1020, 1020, 6149)}
# Under a title that says nothing more different cells than these are no splits.
_MOST_WORDS = 20


@dataclass(frozen=True, slots=True)
class Split:
    """What a table says of the split.

    Attributes:
        places: the columns that say it, and others that would; none of them holds labels.
        splits: of each row `train`, `test`, `validation` or None.
        notes: how it was read.
    """

    places: frozenset[int]
    splits: tuple[str | None, ...]
    notes: tuple[str, ...] = ()


def split_column(
    header: Sequence[str], values: Values, taken: Sequence[int], lines: Sequence[int], name: str, short: str
) -> Split:
    """The split of each row.

    Args:
        taken: columns that are of something else. lines: line numbers of the rows. name, short: of the file, for errors
            and for notes.

    Raises:
        DataError: a cell of a column that is called `split` says none.
    """
    open_ones = [place for place in range(len(header)) if place not in taken]
    found: list[Split] = []
    refused: list[str] = []
    called = [place for place in open_ones if plain(header[place]) in SPLIT_TITLES]
    for place in sorted(called, key=lambda place: plain(header[place]) != "split"):
        title = plain(header[place])
        cells, by_number = values(place), title in _BY_NUMBER
        if set(cells) <= {"0", "1", "2", ""} and "0" in cells:
            if by_number and (read := _by_number(cells, short)):
                found.append(Split(frozenset({place}), *read))
            elif by_number:
                refused.append(_no_numbers(header[place], cells, short))
        elif read := _by_word(cells, short, among=title in _SPLITS):
            found.append(Split(frozenset({place}), *read))
        elif title == "split":
            _check_words(cells, lines, name)
        elif odd := _odd_word(cells):
            refused.append(
                f"Column {shortened(header[place], 40)} of {short} was not read as the split: {shortened(odd, 40)} is "
                "none; write train, test or validation."
            )
    flags, why = _by_flags(header, values, open_ones, short)
    found += [flags] if flags else []
    refused += why
    untitled = [_of_any_title(header, place, values(place), short) for place in open_ones if place not in called]
    found += [one for one in untitled if one is not None]
    if not found:
        return Split(frozenset(), tuple(None for _ in lines), tuple(refused))
    others = [place for other in found[1:] for place in other.places if place not in found[0].places]
    unused = (
        f"Column {shortened(title_of(header, place), 40)} of {short} says a split too, and was not used."
        for place in others
    )
    return Split(found[0].places.union(others), found[0].splits, (*found[0].notes, *refused, *unused))


def splits_of(cells: Sequence[str], *, whole: bool = False) -> list[str | None]:
    """The split that each cell says; `eval` is the validation beside a test, else the test, as for folders.

    Args:
        whole: whether a cell has to be the word itself, not hold it among others.
    """
    read = {cell: split_word(cell) if whole else split_among(cell) for cell in set(cells)}
    evaluation = "validation" if "test" in read.values() else "test"
    read |= {cell: evaluation for cell, split in read.items() if split is None and is_evaluation(cell, whole=whole)}
    return [read[cell] for cell in cells]


def _with_fillers(cells: Sequence[str]) -> list[str | None]:
    """The same, of cells in which nothing else stands than words of splits and what is said of these; train among."""
    found = splits_of(cells)
    said = {cell for cell, split in zip(cells, found, strict=True) if split and _says_splits_only(cell)}
    read = [split if cell in said else None for cell, split in zip(cells, found, strict=True)]
    return read if "train" in read else splits_of(cells, whole=True)


def _says_splits_only(cell: str) -> bool:
    words = [word.lower() for word in WORDS.findall(cell) if not word.isdigit()]
    return split_word(cell) is not None or all(
        word in _FILLERS or split_word(word) or is_evaluation(word, whole=True) for word in words
    )


# -- words -------------------------------------------------------------------------------------------------------------


def _by_word(cells: Sequence[str], short: str, *, among: bool) -> tuple[tuple[str | None, ...], tuple[str, ...]] | None:
    """Splits and what is said of them; None where a cell says none.

    Args:
        among: whether a word among any others says it.
    """
    words = splits_of(cells) if among else _with_fillers(cells)
    if any(word is None and cell.casefold() not in _NO_SPLIT for cell, word in zip(cells, words, strict=True)):
        return None
    if not any(words):
        return None
    return tuple(words), _said_of(cells, words, short)


def _said_of(cells: Sequence[str], words: Sequence[str | None], short: str) -> tuple[str, ...]:
    read = {cell: word for cell, word in zip(cells, words, strict=True) if word and split_word(cell) is None}
    said = ", ".join(f"{shortened(cell, 40)} as {word}" for cell, word in sorted(read.items())[:6])
    return (f"Splits of {short} read by a word in them: {said}.",) if read else ()


def _check_words(cells: Sequence[str], lines: Sequence[int], name: str) -> None:
    """Stops at a misspelt split."""
    words = splits_of(cells)
    odd = [at for at, cell in enumerate(cells) if words[at] is None and cell.casefold() not in _NO_SPLIT]
    if odd:
        raise DataError(
            f"line {lines[odd[0]]} of {name} has the split {printable(cells[odd[0]])[:40]!r}; "
            "use train, test or validation"
        )


def _odd_word(cells: Sequence[str]) -> str:
    """The first cell that is no split where most are; else empty: a `dataset` of three sources."""
    words = splits_of(cells, whole=True)
    odd = [cell for cell, word in zip(cells, words, strict=True) if word is None and cell.casefold() not in _NO_SPLIT]
    return odd[0] if odd and len(odd) < sum(word is not None for word in words) else ""


def _of_any_title(header: Sequence[str], place: int, cells: Sequence[str], short: str) -> Split | None:
    """A column that holds nothing but the words of splits, train among them."""
    title = header[place]
    if plain(title) in LABELS or (not any(header) and len(header) < 3):
        return None
    if len(set(cells)) > _MOST_WORDS:
        return None
    if plain(title) in _SPLITS or _names_splits(title):
        words = splits_of(cells)
    elif plain(title) in _BY_WORD:
        words = _with_fillers(cells)
    elif not any(header):
        words = splits_of(cells, whole=True)
    else:
        words = [word if cell.lower() in _FULL else None for cell, word in zip(cells, splits_of(cells), strict=True)]
    if "train" not in words or len(set(words) - {None}) < 2:
        return None
    if any(word is None and cell.casefold() not in _NO_SPLIT for cell, word in zip(cells, words, strict=True)):
        return None
    said = f"Column {shortened(title_of(header, place), 40)} of {short} read as the split."
    return Split(frozenset({place}), tuple(words), (said, *_said_of(cells, words, short)))


def _names_splits(title: str) -> bool:
    """`train_or_test`, `train/val`."""
    words = [word.lower() for word in WORDS.findall(title)]
    splits = [word for word in words if split_word(word)]
    return len(splits) > 1 and set(words) <= {*splits, *_ABOUT_SPLITS}


# -- numbers and marks -------------------------------------------------------------------------------------------------


def _by_number(cells: Sequence[str], short: str) -> tuple[tuple[str | None, ...], tuple[str, ...]] | None:
    """0 is train, unless far more rows have another number: nobody knows then."""
    counts = Counter(cells)
    if "2" in counts:
        known = (counts["0"], counts["1"], counts["2"]) in _KNOWN
        if max(counts["1"], counts["2"]) > _FAR_MORE * counts["0"] and not known:
            return None
        numbered = {"0": "train", "1": "validation", "2": "test"}
        said = "0 train, 1 validation, 2 test"
    elif counts["1"] > _MORE * counts["0"]:
        return None
    else:
        numbered, said = {"0": "train", "1": "test"}, "0 train, 1 test"
    return tuple(numbered.get(cell) for cell in cells), (f"Split numbers of {short} read as {said}.",)


def _no_numbers(title: str, cells: Sequence[str], short: str) -> str:
    most = Counter(cells).most_common(1)[0][0]
    return (
        f"The numbers of column {shortened(title, 40)} of {short} were not read as a split: most rows are {most}, and "
        f"0 would be train; write train, {'validation and ' * ('2' in cells)}test."
    )


def _by_flags(
    header: Sequence[str], values: Values, open_ones: Sequence[int], short: str
) -> tuple[Split | None, list[str]]:
    """`is_valid` of 0 and 1, or a column for each split; and what is said of one that was not read."""
    flags: dict[int, str] = {}
    for place in open_ones:
        match = _FLAG.match(plain(header[place]))
        if match and is_mark(values(place)) and any(cell.casefold() in YES for cell in values(place)):
            flags[place] = split_word(match[1]) or ""
    alone = [place for place in flags if not plain(header[place]).startswith(("is", "in"))]
    if len(set(flags.values())) < 2:  # `train` alone may be a vehicle
        flags = {place: split for place, split in flags.items() if place not in alone}
    if "train" not in flags.values() and (odd := [place for place in flags if _is_validity(header, values, place)]):
        titles = listed(header[place] for place in odd)
        return None, [
            f"Column {titles} of {short} was not read as the split: most rows are marked, which may say that they are "
            "valid; write a column split of train, test or validation."
        ]
    if not flags or len(set(flags.values())) < len(flags):
        return None, []
    rest = next((split for split in ("train", "test", "validation") if split not in flags.values()), None)
    marked = [
        [split for cell, split in zip(cells, flags.values(), strict=True) if cell.casefold() in YES]
        for cells in zip(*(values(place) for place in flags), strict=True)
    ]
    if any(len(several) > 1 for several in marked):
        return None, []
    splits = tuple(several[0] if several else rest for several in marked)
    if len(set(splits)) < 2:
        return None, []
    titles = ", ".join(shortened(header[place], 40) for place in flags)
    said = f"marked ones for {' and '.join(flags.values())}" + (f", others for {rest}" if rest in splits else "")
    note = f"The split of {short} was read from column{'s' * (len(flags) > 1)} {titles}: {said}."
    return Split(frozenset(flags), splits, (note,)), []


def _is_validity(header: Sequence[str], values: Values, place: int) -> bool:
    """Whether `is_valid` is marked for more than half of the rows."""
    cells = values(place)
    return "valid" in plain(header[place]) and 2 * sum(cell.casefold() in YES for cell in cells) > len(cells)
