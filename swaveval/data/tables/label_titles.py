"""What the columns of label tables are called, and which cells name an image that is there."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from swaveval.data.folders.folder_names import EVALUATION, SPLITS, WORDS, words_of
from swaveval.data.listing import EXTENSIONS

_FILENAMES = (
    "filename file image path filepath imagepath imgpath imgname imagename img fname imagefile imageid imgid id idcode "
    "imageindex isicid filepaths relpath relativepath photo picture name key uri url uuid sampleid itemid sample index"
)
_LABELS = (
    "label labels class classname category categoryname target y diagnosis dx findinglabels finding findings disease "
    "condition species breed variety cultivar labelname classlabel labelid classid categoryid attributeids groundtruth "
    "gt tag tags annotation style genre type kind level grade severity answer classes categories cls lbl "
    "choice choices"
)
# Title → its place; the first is the surest.
FILENAMES = {word: place for place, word in enumerate(_FILENAMES.split())}
LABELS = {word: place for place, word in enumerate(_LABELS.split())}
SPLIT_TITLES = frozenset({"split", "set", "subset", "partition", "dataset", "phase", "datasplit"})
_IGNORED = words_of(
    "index idx no nr # row rowid rowno rownumber rownames sno slno srno serialno lfd lfdnr width height md5 sha256 "
    "filesize regioncount regionid"
)
_OF_DATA_FRAMES = re.compile(r"^(?:unnamed|level)\d+$")


def plain(title: str) -> str:
    """A title without letter case, spaces and marks: `Image_ID` is `imageid`."""
    return re.sub(r"[\s_\-.:]+", "", title.casefold())


def is_ignored(title: str) -> bool:
    """Whether a title is that of a row's number, or of what is measured of every file; or none."""
    word = plain(title)
    return not word or word in _IGNORED or _OF_DATA_FRAMES.match(word) is not None


def is_known(title: str) -> bool:
    """Whether names, labels or splits are called so."""
    word = plain(title)
    return word in FILENAMES or word in LABELS or word in SPLIT_TITLES


def is_header(cells: Sequence[str], present: frozenset[str]) -> bool:
    """Whether a first row holds titles: known ones, or none of its cells names an image.

    Args:
        cells: of the row. present: what `present_names` gave.
    """
    if any(has_image_ending(cell) for cell in cells):
        return False
    if any(is_known(cell) for cell in cells):
        return True
    if len(cells) == 1 and "/" in cells[0]:  # a list of names with folders has no title like that
        return False
    return not any(bare(cell) in present for cell in cells)


def split_word(word: str) -> str | None:
    """`train`, `test` or `validation` for a cell that says so in one word."""
    found = word.strip().lower()
    if found == "validate":  # of Vertex and BigQuery
        return "validation"
    return next((split for split, spellings in SPLITS.items() if found in spellings), None)


def split_among(cell: str) -> str | None:
    """The same for a cell of a column of splits, where one word of several says it: `id_val`, `test (unseen)`."""
    said = split_word(cell)
    found = {said} if said else {split for word in WORDS.findall(cell) if (split := split_word(word))}
    return found.pop() if len(found) == 1 else None


def is_evaluation(cell: str, *, whole: bool = False) -> bool:
    """Whether a cell, or a word in it, is one of those that mean a test, or the validation beside one."""
    words = [cell.strip()] if whole else WORDS.findall(cell)
    return any(word.lower() in EVALUATION for word in words)


# -- names of images ---------------------------------------------------------------------------------------------------


def bare(cell: str) -> str:
    """The last part of a path without an image's ending, letter case folded."""
    base = cell.replace("\\", "/").rpartition("/")[2]
    stem, _, ending = base.rpartition(".")
    name = stem if stem and f".{ending.lower()}" in EXTENSIONS else base
    return (name if name.isascii() else unicodedata.normalize("NFC", name)).casefold()


def present_names(files: Iterable[str]) -> frozenset[str]:
    """The bare names of the images that are there."""
    return frozenset(bare(file) for file in files) - {""}


def named(cells: Iterable[str], present: frozenset[str]) -> int:
    """How many different names of images that are there stand in these cells."""
    return len({bare(cell) for cell in cells} & present) if present else 0


def has_image_ending(cell: str) -> bool:
    """Whether a cell ends as a file of an image does."""
    stem, _, ending = cell.replace("\\", "/").rpartition("/")[2].rpartition(".")
    return bool(stem) and f".{ending.lower()}" in EXTENSIONS


def names_files(cells: Sequence[str]) -> bool:
    """Whether most cells end as image files do."""
    return 2 * sum(has_image_ending(cell) for cell in cells) > len(cells)
