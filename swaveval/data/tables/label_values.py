"""What stands in a table's label cells: no label, a class, a number, several labels, or a measurement."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from swaveval.text import counted, listed, shortened

UNLABELLED = frozenset(
    {"", "nan", "none", "null", "na", "n/a", "<na>", "nat", "?", "-", "--", "unlabeled", "unlabelled"}
)
_MINUS_ONE = frozenset({"-1", "-1.0", "-1.", "-1.00"})
NUMBER = re.compile(r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$", re.IGNORECASE)
_BOXES = re.compile(r"^(?:(?![+-]?[\d.]+(?:\s|$))\S+(?:\s+[+-]?(?:\d+\.?\d*|\.\d+)){4}(?:\s+|$))+$")
_TAG_HEADERS = frozenset({"tags", "labels", "attributeids", "findings", "categories", "keywords", "classes", "target"})
# Numbers with decimals are classes only when they are few and each stands for many images.
_FEW_VALUES = 20
_IMAGES_PER_VALUE = 5
# Whole numbers are measurements when hardly any of many stands for more than two images.
_MANY_VALUES = 50


@dataclass(frozen=True, slots=True)
class Values:
    """The cells of a label column, read.

    Attributes:
        words: the label of each cell; None for no label; for several labels the cell as written.
        several: the labels of each cell, where cells hold several; None when each holds one.
        notes: what was read in a way the user should know of.
        refusal: why these are no classes, or empty.
    """

    words: tuple[str | None, ...]
    several: tuple[tuple[str, ...], ...] | None = None
    notes: tuple[str, ...] = ()
    refusal: str = ""


def read_values(cells: Sequence[str], *, column: str = "label") -> Values:
    """Labels of a column.

    Args:
        cells: the column's cells, stripped.
        column: its header, for messages; `tags` and the like may be separated by spaces.
    """
    notes: list[str] = []
    cells = _without_boxes(cells, column, notes)
    words = _unlabelled(cells, notes)
    present = [word for word in words if word is not None]
    several = _several(words, column)
    if several is not None and all(len(labels) < 2 for labels in several):  # `["cat"]`
        words, several = [labels[0] if labels else None for labels in several], None
    if several is not None:
        many = sum(len(labels) > 1 for labels in several)
        notes.append(f"{counted(many, 'row')} with several labels in column {shortened(column, 40)}.")
        return Values(tuple(words), several, tuple(notes))
    numbers = [float(word) for word in present if NUMBER.match(word)]
    if present and len(numbers) == len(present):
        if refusal := _measurement(numbers, column):
            return Values(tuple(None for _ in words), notes=tuple(notes), refusal=refusal)
        words = _one_spelling(words, notes)
    return Values(tuple(words), notes=tuple(notes))


def _without_boxes(cells: Sequence[str], column: str, notes: list[str]) -> Sequence[str]:
    """ImageNet's `n03995372 85 1 499 272`: a word and a box, repeated for more boxes; the words, if all cells are so.

    Where a cell has several different words, cells become lists.
    """
    present = [cell for cell in cells if cell.casefold() not in UNLABELLED]
    if not present or not all(_BOXES.match(cell) for cell in present):
        return cells
    words = [list(dict.fromkeys(cell.split()[::5])) if _BOXES.match(cell) else [] for cell in cells]
    notes.append(
        f"Cells of column {shortened(column, 40)} are labels with four numbers each, read as boxes and left out."
    )
    if all(len(found) < 2 for found in words):
        return [found[0] if found else cell for cell, found in zip(cells, words, strict=True)]
    return [json.dumps(found, ensure_ascii=False) if found else cell for cell, found in zip(cells, words, strict=True)]


def _unlabelled(cells: Sequence[str], notes: list[str]) -> list[str | None]:
    """Cells without what stands for *no label*; `-1` is a class beside 1 alone, or beside other negative numbers."""
    others = {cell for cell in cells if cell.casefold() not in UNLABELLED and cell not in _MINUS_ONE}
    numbers = {float(cell) for cell in others if NUMBER.match(cell)}
    class_of_its_own = any(number < 0 for number in numbers) or (numbers == {1.0} and len(others) == len(numbers))
    dropped = UNLABELLED if class_of_its_own else UNLABELLED | _MINUS_ONE
    words: list[str | None] = [None if cell.casefold() in dropped else cell for cell in cells]
    spelled = Counter(cell for cell, word in zip(cells, words, strict=True) if word is None and cell)
    if spelled:
        shown = ", ".join(f"{shortened(word, 20)} ({count:,})" for word, count in spelled.most_common(4))
        notes.append(
            f"{counted(sum(spelled.values()), 'row')} read as unlabelled: {shown}; a class needs another name."
        )
    return words


def _one_spelling(words: Sequence[str | None], notes: list[str]) -> list[str | None]:
    """`1`, `1.0` and `01` are one class, called by its number; spellings that occur alone stay as they are."""
    spellings: dict[float, set[str]] = {}
    for word in words:
        if word is not None:
            spellings.setdefault(float(word), set()).add(word)
    merged = {value: names for value, names in spellings.items() if len(names) > 1}
    if merged:
        example = listed(next(iter(merged.values())))
        notes.append(f"Numbers written in several ways are one class each ({example}).")
    return [None if word is None else f"{float(word):g}" if float(word) in merged else word for word in words]


def _measurement(numbers: Sequence[float], column: str) -> str:
    """Why these numbers are no classes, or an empty string."""
    counts = Counter(numbers)
    median = sorted(counts.values())[len(counts) // 2]
    whole = all(number.is_integer() for number in counts)
    many = len(counts) > _FEW_VALUES or median < _IMAGES_PER_VALUE
    if (not whole and many and len(counts) > 2) or (whole and len(counts) > _MANY_VALUES and median <= 2):
        return (
            f"column {shortened(column, 40)} holds measurements ({len(counts):,} different numbers from "
            f"{min(counts):g} to {max(counts):g}), no classes"
        )
    return ""


def _several(words: Sequence[str | None], column: str) -> tuple[tuple[str, ...], ...] | None:
    """The labels of each cell, or None when cells hold one label each."""
    present = [word for word in words if word is not None]
    split = _lists(present)
    if split is None:
        plain = re.sub(r"[\s_\-]+", "", column.casefold())
        spaced = plain in _TAG_HEADERS or all(re.fullmatch(r"\d+(?: \d+)*", word) for word in present)
        for separator in ("|", ";", ",", "+", "/", *((" ",) if spaced else ())):
            split = _separated(present, separator)
            if split is not None:
                break
    if split is None:
        return None
    remaining = iter(split)
    return tuple(() if word is None else next(remaining) for word in words)


def _lists(present: Sequence[str]) -> list[tuple[str, ...]] | None:
    """Cells written as lists: `["a", "b"]`, `['a', 'b']`, `{a, b}`."""
    marked = [word for word in present if (word[0] + word[-1]) in ("[]", "{}", "()")]
    if not marked or len(marked) < len(present):
        return None
    return [_members(word) for word in present]


def _members(word: str) -> tuple[str, ...]:
    try:
        body = json.loads(word)
        parts = [str(part) for part in body] if isinstance(body, list) else []
    except (ValueError, RecursionError):
        parts = [part.strip().strip("'\"") for part in re.split(r"[,;|]", word[1:-1])]
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip().casefold() not in UNLABELLED))


def _separated(present: Sequence[str], separator: str) -> list[tuple[str, ...]] | None:
    """Cells split at `separator`, if their parts behave like labels that come together in changing company.

    They do when cells hold different numbers of parts, and most parts of cells with several also stand in another cell,
    alone or beside others. `Smith, John` beside `Brown, Ann` does not, `black, white` once neither.
    """
    split = [tuple(dict.fromkeys(part.strip() for part in word.split(separator) if part.strip())) for word in present]
    joint = {parts for parts in split if len(parts) > 1}
    if not joint or (separator in "+/" and len(joint) < 2):
        return None
    lengths = {len(parts) for parts in split}
    everywhere: Counter[str] = Counter(part for parts in set(split) for part in parts)
    shared = [part for parts in joint for part in parts if everywhere[part] > 1]
    total = sum(len(parts) for parts in joint)
    if len(lengths) < 2 or 2 * len(shared) < total:
        return None
    return split


def most_frequent_present(
    labels: Mapping[str, Sequence[str]], votes: Mapping[str, Sequence[str]] | None = None
) -> tuple[dict[str, str], Counter[str]]:
    """Of each image the label that most images of the set carry; ties go by name. And how many carry each.

    Args:
        votes: what each row of an image says; the label of most rows comes first.
    """
    counts: Counter[str] = Counter(label for several in labels.values() for label in set(several))
    said = {file: Counter((votes or {}).get(file, ())) for file in labels}
    chosen = {
        file: min(several, key=lambda label: (-said[file][label], -counts[label], label))
        for file, several in labels.items()
        if several
    }
    return chosen, counts


def most_of_rows(votes: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Of each image whose rows differ the label of more rows than any other, where one has that; no label is none."""
    decided = {}
    for file, words in votes.items():
        (first, most), *others = Counter(filter(None, words)).most_common(2) or [("", 0)]
        if others and most > others[0][1]:
            decided[file] = first
    return decided
