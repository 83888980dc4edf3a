"""Labels that lie apart from the images: a CSV file `filename,label[,split]`."""

import csv
import io
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from swaveval.data.errors import DataError
from swaveval.data.layout import Placing, split_name
from swaveval.data.listing import EXTENSIONS
from swaveval.data.names import counted, printable, shortened, without_suffix

_COLUMNS = {
    "filename": {"filename", "file", "file_name", "image", "path", "filepath", "image_path"},
    "label": {"label", "labels", "class", "category", "class_name"},
    "split": {"split", "set", "subset", "partition"},
}
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row: the file name as written, its label (empty: none) and its split (None: not said)."""

    line: int
    filename: str
    label: str
    split: str | None


def read_labels(path: Path) -> list[LabelRow]:
    """The rows of a label file: UTF-8 (with or without BOM), UTF-16 or Latin-1; comma, semicolon or tab.

    Raises:
        DataError: there is no such file, it has no usable header or no rows, or a split is not one.
    """
    name = shortened(str(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"the label file {name} cannot be read ({error.strerror}); give a CSV file filename,label[,split]"
        ) from error
    text = _decoded(content)
    delimiter = max(",;\t", key=(text.splitlines() or [""])[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows: list[LabelRow] = []
    try:
        columns = _columns(next(reader, []), name)
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if any(cells):
                rows.append(_row(cells, columns, reader.line_num, name))
    except csv.Error as error:
        raise DataError(
            f"line {reader.line_num} of {name} is not CSV ({error}); write filename,label[,split]"
        ) from error
    if not rows:
        raise DataError(f"{name} has a header but no rows; write one line per image: filename,label[,split]")
    return rows


def place_by_rows(files: Sequence[str], rows: Sequence[LabelRow], *, name: str) -> Placing:
    """Labels and split of the listed files.

    A row finds its file by relative name, with or without extension and folders, and not by letter case if need be.
    Files in no row are left out; rows without a file, or with several, are counted in the notes. A file with two
    labels keeps none.

    Args:
        files: relative names in the image directory.
        rows: what `read_labels` gave.
        name: of the label file, for messages.

    Raises:
        DataError: no row matches a file.
    """
    finder = _Finder(files)
    labels: dict[str, str | None] = {}
    splits: dict[str, str | None] = {}
    missing: list[LabelRow] = []
    ambiguous: list[LabelRow] = []
    repeated, contradicted = 0, set[str]()
    for row in rows:
        candidates = finder.find(row.filename)
        if len(candidates) != 1:
            (ambiguous if candidates else missing).append(row)
            continue
        file = candidates[0]
        if file in labels:
            repeated += 1
            if labels[file] != (row.label or None):
                contradicted.add(file)
            continue
        labels[file], splits[file] = row.label or None, row.split
    if not labels:
        raise DataError(
            f"no row of {name} names an image that is there ({counted(len(rows), 'row')}; first row: "
            f"{shortened(rows[0].filename, 80)}; first image: {shortened(files[0], 80)}); "
            "write names relative to the image directory"
        )
    labels |= dict.fromkeys(contradicted)
    used = [file for file in files if file in labels]
    given = {file: splits[file] or "train" for file in used}
    unsplit = sum(splits[file] is None for file in used)
    has_split = unsplit < len(used)
    remarks = (
        (len(files) - len(used), "image", f"in no row of {name} left out", ""),
        (len(missing), "row", f"of {name} without an image", _example(missing)),
        (len(ambiguous), "row", f"of {name} that could mean several images, not used", _example(ambiguous)),
        (repeated, "row", f"of {name} that repeat an image, not used", ""),
        (
            len(contradicted),
            "image",
            "with two labels, read as unlabelled",
            shortened(next(iter(sorted(contradicted)), "")),
        ),
        (unsplit if has_split else 0, "image", "without a split counted to train", ""),
    )
    return Placing(
        labels={file: labels[file] for file in used},
        labelled=any(label is not None for label in labels.values()),
        splits=given if has_split else None,
        source=name,
        origin=name,
        notes=tuple(
            f"{counted(count, noun)} {text}{f' ({example})' if example else ''}."
            for count, noun, text, example in remarks
            if count
        ),
    )


class _Finder:
    """Files by the names that people write for them."""

    def __init__(self, files: Sequence[str]) -> None:
        self._keys: list[Callable[[str], str]] = [
            _composed,
            lambda file: _composed(without_suffix(file)),
            lambda file: _composed(PurePosixPath(file).name),
            lambda file: _composed(without_suffix(PurePosixPath(file).name)),
        ]
        self._keys += [lambda file, key=key: key(file).casefold() for key in tuple(self._keys)]  # type: ignore[misc]
        self._maps: list[dict[str, list[str]]] = []
        for key in self._keys:
            entries: dict[str, list[str]] = {}
            for file in files:
                entries.setdefault(key(file), []).append(file)
            self._maps.append(entries)

    def find(self, written: str) -> list[str]:
        """The files that `written` can mean, by the strictest reading that finds any."""
        for name in dict.fromkeys((written, written.replace("\\", "/"))):
            parts = [part for part in name.split("/") if part not in {"", "."}]
            suffixes = ["/".join(parts[start:]) for start in range(len(parts))]
            for fold in (False, True):
                for text in suffixes:
                    found = self._look_up(text, fold)
                    if found:
                        return found
        return []

    def _look_up(self, text: str, fold: bool) -> list[str]:
        exact, bare, base, bare_base = self._maps[4:] if fold else self._maps[:4]
        text = _composed(text).casefold() if fold else _composed(text)
        attempts = [(exact, text), (bare, text)]
        if PurePosixPath(text).suffix.lower() in EXTENSIONS:  # brings an extension, though another one
            attempts.append((bare, without_suffix(text)))
        if "/" not in text:
            attempts += [(base, text), (bare_base, text)]
            if PurePosixPath(text).suffix.lower() in EXTENSIONS:
                attempts.append((bare_base, without_suffix(text)))
        return next((names[key] for names, key in attempts if key in names), [])


def _composed(text: str) -> str:
    # macOS writes é as two characters, most editors as one.
    return unicodedata.normalize("NFC", text)


def _decoded(content: bytes) -> str:
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _columns(header: Sequence[str], name: str) -> dict[str, int]:
    """Position of each known column."""
    found: dict[str, int] = {}
    for position, cell in enumerate(header):
        for column, spellings in _COLUMNS.items():
            if cell.strip().lower() in spellings:
                found.setdefault(column, position)
    for column in ("filename", "label"):
        if column not in found:
            shown = shortened(",".join(header), 80) or "nothing"
            raise DataError(
                f"the first line of {name} must name the columns filename,label[,split]; "
                f"it has no {column} (found: {shown})"
            )
    return found


def _row(cells: Sequence[str], columns: dict[str, int], line: int, name: str) -> LabelRow:
    filename, label, word = (
        cells[columns[column]] if columns.get(column, len(cells)) < len(cells) else ""
        for column in ("filename", "label", "split")
    )
    split = split_name(word) if word else None
    if word and split is None:
        raise DataError(f"line {line} of {name} has the split {printable(word)[:40]!r}; use train, test or validation")
    return LabelRow(line, filename, label, split)


def _example(rows: Sequence[LabelRow]) -> str:
    return f"line {rows[0].line}: {shortened(rows[0].filename, 60)}" if rows else ""
