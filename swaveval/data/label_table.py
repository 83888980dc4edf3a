"""Reading a table of labels: encodings, separators, headers, and which column is which."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from swaveval.data.errors import DataError
from swaveval.data.folder_names import SPLITS
from swaveval.data.label_foreign import by_number, check_table
from swaveval.data.label_json import rows_of_json
from swaveval.data.label_values import read_values
from swaveval.data.listing import EXTENSIONS
from swaveval.data.names import without_suffix
from swaveval.text import counted, listed, printable, shortened

_FILENAMES = (
    "filename file image path filepath imagepath imgpath imgname imagename img fname imagefile imageid imgid id idcode "
    "imageindex isicid filepaths relpath relativepath photo picture name key uri url uuid sampleid itemid sample index"
)
_LABELS = (
    "label labels class classname category categoryname target y diagnosis dx findinglabels finding findings disease "
    "condition species breed variety cultivar labelname classlabel labelid classid categoryid attributeids groundtruth "
    "gt tag tags annotation style genre type kind level grade severity answer classes categories cls lbl"
)
_SPLITS = "split set subset partition dataset phase datasplit"
_IGNORED = frozenset(
    {"", "unnamed0", "index", "idx", "no", "nr", "row", "rownumber", "width", "height", "md5", "sha256"}
)
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_YES = frozenset({"1", "1.0", "true", "yes"})
_NO = frozenset({"0", "0.0", "false", "no", "", "-1", "-1.0", "nan"})
SHAPE = "filename,label[,split]"


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row: the file name as written, its label (empty: none), its split (None: not said), all of several labels."""

    line: int
    filename: str
    label: str
    split: str | None
    several: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelTable:
    """A table, read.

    Attributes:
        rows: in the file's order.
        column: what the labels were read from, in words; empty when nothing needs saying.
        multiple: whether images have several labels.
        notes: what was read in a way the user should know of.
        refusal: why the labels are no classes, or empty.
    """

    rows: tuple[LabelRow, ...]
    column: str = ""
    multiple: bool = False
    notes: tuple[str, ...] = ()
    refusal: str = ""


def read_labels(path: Path, files: Sequence[str] = (), *, column: str | None = None) -> LabelTable:
    """The rows of a label file.

    CSV with comma, semicolon, tab or `|`, or lines `path label`; UTF-8 (with or without BOM), UTF-16 or Latin-1; with a
    header or without; JSON as StyleGAN, COCO and Hugging Face write it.

    Args:
        path: the file.
        files: relative names of the images; they tell which column names files and whether there is a header.
        column: header of the label column, when the user named one.

    Raises:
        DataError: there is no such file, it has no usable columns or no rows, or a split is not one.
    """
    name = shortened(str(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"the label file {name} cannot be read ({error.strerror}); give a CSV file {SHAPE}, or one of the words "
            "none and folders"
        ) from error
    check_table(content, name)
    text = by_number(path, _decoded(content))
    if path.suffix.lower() in {".json", ".jsonl", ".ndjson"}:
        header, records = rows_of_json(text, name=name)
    else:
        header, records = _cells(text, files, name=name)
    if not records:
        raise DataError(f"{name} has a header but no rows; write one line per image: {SHAPE}")
    return _table(header, records, files, column=column, name=name)


def _decoded(content: bytes) -> str:
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


# -- cells -----------------------------------------------------------------------------------------------------------


def _cells(text: str, files: Sequence[str], *, name: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header (invented where there is none) and the rows with their line numbers."""
    rows: list[tuple[int, list[str]]] = []
    delimiter = _delimiter(text)
    if delimiter == " ":
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        rows = _in_columns(lines) or [(number, _by_spaces(line)) for number, line in lines]
    else:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        try:
            for cells in reader:
                stripped = [cell.strip() for cell in cells]
                if any(stripped):
                    rows.append((reader.line_num, stripped))
        except csv.Error as error:
            raise DataError(f"line {reader.line_num} of {name} is not CSV ({error}); write {SHAPE}") from error
    if not rows:
        raise DataError(f"{name} is empty; the first line must name the columns {SHAPE}")
    first = [cell.lstrip("#").strip() for cell in rows[0][1]]
    if _is_header(first, files):
        return first, rows[1:]
    width = max(len(cells) for _, cells in rows)
    return ["" for _ in range(width)], rows


def _delimiter(text: str) -> str:
    """The separator under which the first lines have equally many cells, more than one; a space if none has."""
    lines = "\n".join(text.splitlines()[:50])
    best, best_score = " ", (0.5, 0)
    for candidate in ",;\t|":
        try:
            counts = [len(cells) for cells in csv.reader(io.StringIO(lines), delimiter=candidate) if cells]
        except csv.Error:
            counts = [line.count(candidate) + 1 for line in lines.splitlines()[:1]]
        if counts and counts[0] > 1:
            score = (sum(count == counts[0] for count in counts) / len(counts), counts[0])
            if score > best_score:
                best, best_score = candidate, score
    return best


def _by_spaces(line: str) -> list[str]:
    """`some path/1.jpg 7`: everything before the last space is the name, as names may hold spaces."""
    parts = line.strip().rsplit(None, 1)
    return [part.strip().strip("\"'") for part in parts]


def _in_columns(lines: Sequence[tuple[int, str]]) -> list[tuple[int, list[str]]]:
    """CelebA's `list_attr_celeba.txt`: a count, the names of the columns but the first, then a name and as many cells;
    [] where the lines are not like that."""
    cells = [(number, line.split()) for number, line in lines]
    if len(cells) < 2:
        return []
    if len(cells) > 2 and len(cells[0][1]) == 1 and cells[0][1][0].isdigit():
        cells = cells[1:]
    width = len(cells[-1][1])
    body = cells[1:]
    if width < 3 or len(cells[0][1]) != width - 1 or any(len(row) != width for _, row in body):
        return []
    if not all(PurePosixPath(row[0]).suffix.lower() in EXTENSIONS for _, row in body):
        return []
    return [(cells[0][0], ["filename", *cells[0][1]]), *body]


def _is_header(cells: Sequence[str], files: Sequence[str]) -> bool:
    if any(PurePosixPath(cell.replace("\\", "/")).suffix.lower() in EXTENSIONS for cell in cells):
        return False
    known = set(f"{_FILENAMES} {_LABELS} {_SPLITS}".split())
    if any(_plain(cell) in known for cell in cells):
        return True
    present = {without_suffix(PurePosixPath(file).name).casefold() for file in files}
    return not any(_bare(cell) in present for cell in cells)


def _plain(header: str) -> str:
    return re.sub(r"[\s_\-.:]+", "", header.casefold())


# -- columns ---------------------------------------------------------------------------------------------------------


def _table(
    header: Sequence[str],
    records: Sequence[tuple[int, list[str]]],
    files: Sequence[str],
    *,
    column: str | None,
    name: str,
) -> LabelTable:
    cells = [row for _, row in records]

    def values(position: int) -> list[str]:
        return [row[position] if position < len(row) else "" for row in cells]

    filename = _filename_column(header, values, files, name)
    split, words, notes = _split_column(header, values, filename, [line for line, _ in records], name)
    rest = [place for place in range(len(header)) if place not in (filename, split)]
    chosen = _label_columns(header, values, rest, column, name)
    if len(chosen) > 1:
        several = [
            tuple(header[place] for place in chosen if place < len(row) and row[place].casefold() in _YES)
            for row in cells
        ]
        multiple = any(len(labels) > 1 for labels in several)
        column_said = f"{len(chosen)} columns of 0 and 1 ({listed(header[place] for place in chosen)})"
        labels = ["|".join(found) for found in several]
        refusal = ""
    else:
        title = header[chosen[0]] or f"number {chosen[0] + 1}"
        read = read_values(values(chosen[0]), column=title)
        labels = [word or "" for word in read.words]
        several = list(read.several or [() for _ in labels])
        multiple, refusal = read.several is not None, read.refusal
        notes += read.notes
        others = [header[place] for place in rest if place != chosen[0] and _plain(header[place]) not in _IGNORED]
        column_said = "" if _plain(title) == "label" else f"column {shortened(title, 40)}"
        if others:
            column_said = f"column {shortened(title, 40)}"
            notes.append(
                f"Labels were read from column {shortened(title, 40)} of {name}; other columns: {listed(others)} "
                "(--labels FILE:COLUMN reads one of them)."
            )
    rows = tuple(
        LabelRow(line, row[filename] if filename < len(row) else "", label, word, found if multiple else ())
        for (line, row), label, word, found in zip(records, labels, words, several, strict=True)
    )
    return LabelTable(rows, column_said, multiple, tuple(notes), refusal)


def _filename_column(header: Sequence[str], values: Callable[[int], list[str]], files: Sequence[str], name: str) -> int:
    """The column whose cells name most images; among equals the one whose header says so first."""
    order = {word: place for place, word in enumerate(_FILENAMES.split())}
    present = {without_suffix(PurePosixPath(file).name).casefold() for file in files}

    def hits(place: int) -> int:
        return sum(_bare(cell) in present for cell in values(place)) if present else 0

    known = [place for place, title in enumerate(header) if _plain(title) in order]
    candidates = known or [place for place in range(len(header)) if hits(place) or _names_files(values(place))]
    if not candidates:
        shown = shortened(",".join(header), 80) or "nothing"
        raise DataError(f"the first line of {name} must name the columns {SHAPE}; it has no filename (found: {shown})")
    return max(candidates, key=lambda place: (hits(place), -order.get(_plain(header[place]), 99), -place))


def _bare(cell: str) -> str:
    base = PurePosixPath(cell.replace("\\", "/")).name
    return (without_suffix(base) if PurePosixPath(base).suffix.lower() in EXTENSIONS else base).casefold()


def _names_files(cells: Sequence[str]) -> bool:
    named = sum(PurePosixPath(cell.replace("\\", "/")).suffix.lower() in EXTENSIONS for cell in cells)
    return 2 * named > len(cells)


def _split_column(
    header: Sequence[str], values: Callable[[int], list[str]], filename: int, lines: Sequence[int], name: str
) -> tuple[int | None, list[str | None], list[str]]:
    """Position of the split column, each row's split, notes."""
    nothing: list[str | None] = [None for _ in lines]
    for place, title in enumerate(header):
        if place == filename or _plain(title) not in _SPLITS.split():
            continue
        cells = values(place)
        words = [_split(cell) for cell in cells]
        if set(cells) <= {"0", "1", "2", ""} and "0" in cells:
            numbered = {"0": "train", "1": "validation" if "2" in cells else "test", "2": "test", "": None}
            note = f"Split numbers of {name} read as 0 train, 1 {numbered['1']}{', 2 test' if '2' in cells else ''}."
            return place, [numbered[cell] for cell in cells], [note]
        odd = next((at for at, cell in enumerate(cells) if cell and words[at] is None), None)
        if odd is None:
            return place, list(words), []
        if _plain(title) == "split" or any(words):
            raise DataError(
                f"line {lines[odd]} of {name} has the split {printable(cells[odd])[:40]!r}; "
                "use train, test or validation"
            )
    return None, nothing, []


def _split(word: str) -> str | None:
    plain = word.strip().lower()
    return next((split for split, spellings in SPLITS.items() if plain in spellings), None)


def _label_columns(
    header: Sequence[str], values: Callable[[int], list[str]], rest: Sequence[int], column: str | None, name: str
) -> list[int]:
    """The label column, or the columns of 0 and 1 that name one class each."""
    shown = shortened(",".join(header), 80) or "nothing"
    if column is not None:
        exact = [place for place in rest if header[place] == column]
        alike = [place for place in rest if _plain(header[place]) == _plain(column)]
        if exact or alike:
            return (exact or alike)[:1]
        raise DataError(f"{name} has no column {shortened(column, 40)} of labels (found: {shown})")
    order = {word: place for place, word in enumerate(_LABELS.split())}
    known = sorted((place for place in rest if _plain(header[place]) in order), key=lambda p: order[_plain(header[p])])
    if known:
        return known[:1]
    open_ones = [place for place in rest if _plain(header[place]) not in _IGNORED or not any(header)]
    marked = [place for place in open_ones if _is_mark(values(place))]
    if len(marked) > 1 and any(cell.casefold() in _YES for place in marked for cell in values(place)):
        return marked
    if len(open_ones) == 1:
        return open_ones
    if not any(header) and rest:  # no header: the first column beside the names
        return list(rest[:1])
    advice = f"name it: --labels {name}:COLUMN" if open_ones else f"write {SHAPE}"
    raise DataError(
        f"the first line of {name} must name the columns {SHAPE}; it has no label (found: {shown}); {advice}"
    )


def _is_mark(cells: Sequence[str]) -> bool:
    plain = {cell.casefold() for cell in cells}
    return plain <= _YES | _NO and plain != {""}


def described(table: LabelTable, name: str) -> str:
    """The table and its column, for the origin of labels."""
    return f"{name}, {table.column}" if table.column else name


__all__ = ["LabelRow", "LabelTable", "Mapping", "counted", "described", "read_labels"]
