"""Which row of a table means which image: exact names first over the whole table, then looser readings of the rest."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

from swaveval.data.listing import EXTENSIONS
from swaveval.data.names import without_suffix

Parts = tuple[str, ...]
Variant = Callable[[Parts], Parts]


@dataclass(frozen=True, slots=True)
class Matches:
    """What was found.

    Attributes:
        file_of: row number to file; several rows of one written name reach one file.
        ambiguous: rows that could mean several images, or share an image with rows of other names.
        missing: rows without an image.
        loose: how many rows were matched by their number alone (`7` for `0007.png`).
    """

    file_of: Mapping[int, str]
    ambiguous: tuple[int, ...]
    missing: tuple[int, ...]
    loose: int = 0


def match_rows(written: Sequence[str], files: Sequence[str], *, root: str = "") -> Matches:
    """Pair rows and files.

    Readings, each for the rows and files that are still without a partner: the whole relative name; a row that names
    the end of a file's path, the image directory's own folders included (`sub/1.png`, `1.png`, `photos/sub/1.png` for
    the directory `photos`); a row whose path ends in the file's whole relative name (`C:\\data\\sub\\1.png`). Each
    exactly, then without extension or with another one, then not by letter case. A row whose folder is another than
    the file's never matches by the bare name. Last, where all names are numbers, by the number.

    Args:
        written: the names as they stand in the table.
        files: relative names of the images.
        root: the image directory's absolute path.
    """
    # Rows that mean the same file are one: several labels, or several objects, of one image.
    numbers: dict[Parts, list[int]] = {}
    for number, name in enumerate(written):
        if parts := _parts(name):
            numbers.setdefault(parts, []).append(number)
    rows = dict.fromkeys(numbers)
    open_files = {_composed(tuple(file.split("/"))): file for file in files}
    above = tuple(part for part in root.split("/") if part)
    found: dict[Parts, str] = {}
    doubtful: dict[Parts, None] = {}
    for relation in (_whole, _row_is_end_of_file(above), _file_is_end_of_row):
        for variant in _VARIANTS:
            pairs, doubts = relation(rows, open_files, variant)
            for row, parts in pairs.items():
                found[row] = open_files.pop(parts)
                rows.pop(row)
                doubtful.pop(row, None)
            doubtful |= dict.fromkeys(row for row in doubts if row in rows)
    by_number = _by_number(rows, open_files)
    for row, parts in by_number.items():
        found[row] = open_files[parts]
        rows.pop(row)
        doubtful.pop(row, None)
    return Matches(
        file_of={number: file for row, file in found.items() for number in numbers[row]},
        ambiguous=tuple(sorted(number for row in doubtful for number in numbers[row])),
        missing=tuple(
            sorted(
                {number for row in rows if row not in doubtful for number in numbers[row]}
                | {number for number, name in enumerate(written) if not _parts(name)}
            )
        ),
        loose=len(by_number),
    )


# -- readings --------------------------------------------------------------------------------------------------------


def _parts(written: str) -> Parts:
    """The parts of a path as people write it: `./a`, `/data/a`, `C:\\a`, `file:///a`, `https://host/a.jpg?size=1`."""
    text = _SERVED.sub("", written)
    if re.match(r"^[a-z][a-z0-9+.\-]*://", text, re.IGNORECASE):
        text = unquote(re.sub(r"[?#].*$", "", text.split("://", 1)[1]))
    if "\\" in text:
        text = text.replace("\\", "/")
    return _composed(tuple(part for part in text.split("/") if part not in {"", "."}))


def _composed(parts: Parts) -> Parts:
    # macOS writes é as two characters, most editors as one.
    return tuple(part if part.isascii() else unicodedata.normalize("NFC", part) for part in parts)


def _exactly(parts: Parts) -> Parts:
    return parts


def _bare(parts: Parts) -> Parts:
    """Without the extension of an image; `v1.2` is no extension."""
    last = parts[-1]
    return (*parts[:-1], without_suffix(last)) if PurePosixPath(last).suffix.lower() in EXTENSIONS else parts


def _folded(parts: Parts) -> Parts:
    return tuple(part.casefold() for part in parts)


def _uploaded(parts: Parts) -> Parts:
    """Without what Label Studio puts before the name of an upload: `1eff1078-photo.jpg`."""
    last = parts[-1]
    return (*parts[:-1], last[9:]) if _UPLOADED.match(last) else parts


# Where Label Studio serves uploads and local files from, which are no folders of anybody's.
_SERVED = re.compile(r"^/data/(?:upload/(?:\d+/)?|local-files/\?d=)")
_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.*\.[A-Za-z]+$)")
_VARIANTS: tuple[Variant, ...] = (_exactly, _bare, _folded, lambda parts: _folded(_bare(parts)), _uploaded)

Rows = Mapping[Parts, None]
Files = Mapping[Parts, str]
Found = tuple[dict[Parts, Parts], list[Parts]]


def _whole(rows: Rows, files: Files, variant: Variant) -> Found:
    return _unique(
        {row: _variants_of([row], variant) for row in rows}, {file: _variants_of([file], variant) for file in files}
    )


def _row_is_end_of_file(above: Parts) -> Callable[[Rows, Files, Variant], Found]:
    def relation(rows: Rows, files: Files, variant: Variant) -> Found:
        ends = {file: _variants_of(_ends((*above, *file)), variant) for file in files}
        return _unique({row: _variants_of([row], variant) for row in rows}, ends)

    return relation


def _file_is_end_of_row(rows: Rows, files: Files, variant: Variant) -> Found:
    return _unique(
        {row: _variants_of(_ends(row), variant) for row in rows},
        {file: _variants_of([file], variant) for file in files},
    )


def _ends(parts: Parts) -> list[Parts]:
    """The path without its first folder, its first two …, longest first."""
    return [parts[start:] for start in range(len(parts))]


def _variants_of(paths: Sequence[Parts], variant: Variant) -> list[Parts]:
    return [variant(parts) for parts in paths]


def _unique(rows: Mapping[Parts, Sequence[Parts]], files: Mapping[Parts, Sequence[Parts]]) -> Found:
    """Rows and files that share a key and no other partner at the longest key they share."""
    by_key: dict[Parts, list[Parts]] = {}
    for file, keys in files.items():
        for key in keys:
            by_key.setdefault(key, []).append(file)
    wanted: dict[Parts, list[Parts]] = {}
    doubts: list[Parts] = []
    for row, keys in rows.items():
        candidates = next((by_key[key] for key in keys if key in by_key), [])
        if len(candidates) == 1:
            wanted.setdefault(candidates[0], []).append(row)
        elif candidates:
            doubts.append(row)
    pairs: dict[Parts, Parts] = {}
    for file, those in wanted.items():
        if len(those) == 1:
            pairs[those[0]] = file
        else:
            doubts += those
    return pairs, doubts


def _by_number(rows: Rows, files: Files) -> dict[Parts, Parts]:
    """`7` or `7.0`, as spreadsheets leave of `0007`: only where every file and every row is one distinct number."""
    meant = {row: _number(row[-1]) for row in rows if len(row) == 1}
    held = {file: _number(without_suffix(file[-1])) for file in files}
    if not rows or len(meant) < len(rows) or None in meant.values() or None in held.values():
        return {}
    if len(set(held.values())) < len(held) or len(set(meant.values())) < len(meant):
        return {}
    place = {number: file for file, number in held.items()}
    return {row: place[number] for row, number in meant.items() if number in place}


def _number(text: str) -> int | None:
    found = re.fullmatch(r"(\d{1,18})(?:\.0+)?", text)
    return int(found[1]) if found else None
