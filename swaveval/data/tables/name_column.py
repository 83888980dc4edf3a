"""Which column of a table names images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from swaveval.data.errors import DataError
from swaveval.data.folders.folder_names import WORDS, words_of
from swaveval.data.tables.counts import counts_rows, whole_numbers
from swaveval.data.tables.label_rows import SHAPE
from swaveval.data.tables.label_titles import (
    FILENAMES,
    LABELS,
    SPLIT_TITLES,
    is_ignored,
    named,
    names_files,
    plain,
)
from swaveval.text import shortened

Values = Callable[[int], list[str]]
# Titles that may be those of an image as well as those of a row.
_OF_ROWS_TOO = frozenset({"id", "key", "sample", "sampleid", "itemid"})


# Numbers of something else (patients, classes, ages) name images by accident: those of images are nearly all different
# and name nearly all images.
_NEARLY_ALL = 0.9
_LIKE_NAMES = words_of(
    "image images img photo picture pic frame file name names id no nr num number nummer key bild foto figure fig slice"
)


def title_of(header: Sequence[str], place: int) -> str:
    """A column's title, or its number where it has none."""
    return header[place] or f"number {place + 1}"


def filename_column(
    header: Sequence[str], values: Values, present: frozenset[str], name: str, short: str
) -> tuple[int, tuple[str, ...]]:
    """The column whose cells name most images, and what is said of it.

    Columns called like names come first, and among equals the one whose title says so first; a column of file names
    wins over them where it names more of the images that are there (Waterbirds' `img_filename` beside `img_id`). A
    column of numbers never does: labels may equal the names of images by accident. So may a count of the table's rows,
    which every table of numbered images can have: it never wins over another column that names as many.

    Raises:
        DataError: no column is called like names, names an image or looks like names; or two could both be meant.
    """
    columns = [values(place) for place in range(len(header))]
    hits = [named(cells, present) for cells in columns]
    files = [at for at, cells in enumerate(columns) if names_files(cells)]
    table = _Table(header, columns.__getitem__, hits, files, len(present))
    known = [place for place, title in enumerate(header) if plain(title) in FILENAMES and not table.is_index(place)]
    if known:
        best = max(known, key=lambda place: (table.hits[place], -table.order(place), -place))
        better = [place for place in table.files if table.hits[place] > table.hits[best]]
        if best in table.files or not better:
            if plain(header[best]) in _OF_ROWS_TOO and counts_rows(values(best)):
                _check_alone(table, best, name)
            return best, ()
        found = max(better, key=lambda place: (table.hits[place], -place))
        return found, (
            f"Images of {short} are named by column {shortened(title_of(header, found), 40)}: "
            f"{shortened(header[best], 40)} names {'fewer' if table.hits[best] else 'none'} of those that are there.",
        )
    candidates = [place for place in range(len(header)) if table.hits[place] or place in table.files]
    if not candidates:
        shown = shortened(",".join(header), 80) or "nothing"
        raise DataError(f"the first line of {name} must name the columns {SHAPE}; it has no filename (found: {shown})")
    best = max(
        candidates,
        key=lambda p: (p in table.files and hits[p] > 0, hits[p], table.is_like_names(p) or table.is_index(p), -p),
    )
    return _not_a_count(table, best, name, short)


@dataclass(frozen=True, slots=True)
class _Table:
    """Attributes: hits: how many images each column names. files: columns of file names. images: how many are there."""

    header: Sequence[str]
    values: Values
    hits: Sequence[int]
    files: Sequence[int]
    images: int

    def order(self, place: int) -> int:
        """How surely a title says that a column holds names; the least is the surest."""
        return FILENAMES.get(plain(self.header[place]), len(FILENAMES))

    def is_index(self, place: int) -> bool:
        """Whether a column is called like the number of a row, and holds numbers."""
        return is_ignored(self.header[place]) and whole_numbers(self.values(place)) is not None

    def names_all(self, place: int) -> bool:
        """Whether a column of numbers names nearly all images, or an image in nearly each row, each number once."""
        cells = self.values(place)
        most = min(self.images, len(cells))
        return len(set(cells)) >= _NEARLY_ALL * len(cells) and self.hits[place] >= _NEARLY_ALL * most

    def names_each_row(self, place: int) -> bool:
        """Whether a column that is called like names has an image in nearly each row, whose rows may be several."""
        cells = self.values(place)
        numbers = len(set(cells))
        return self.is_like_names(place) and self.hits[place] >= _NEARLY_ALL * max(numbers, 1)

    def is_like_names(self, place: int) -> bool:
        """Whether a title may be that of images: `photo_no`, `Nummer`; without titles any is."""
        words = {word.lower() for word in WORDS.findall(self.header[place])}
        return not any(self.header) or plain(self.header[place]) in FILENAMES or bool(words & _LIKE_NAMES)

    def rivals(self, place: int) -> list[int]:
        """Other columns of numbers that name images as well as `place` does; those of most first."""
        own = self.values(place)
        loose = self.hits[place] < _NEARLY_ALL * len(set(own))  # a count of more rows than images
        found = [
            other
            for other, title in enumerate(self.header)
            if other != place
            and plain(title) not in LABELS
            and plain(title) not in SPLIT_TITLES
            and self.hits[other] >= max(1, _NEARLY_ALL * self.hits[place])
            and (self.names_all(other) or (loose and self.names_each_row(other)))
            and whole_numbers(self.values(other)) is not None
            and self.values(other) != own
        ]
        return sorted(found, key=lambda other: (-self.hits[other], other))


def _check_alone(table: _Table, place: int, name: str) -> None:
    rivals = [rival for rival in table.rivals(place) if table.hits[rival] >= table.hits[place]]
    if rivals := [rival for rival in rivals if table.is_like_names(rival) and not table.is_index(rival)]:
        raise _two(table, place, rivals[0], name)


def _not_a_count(table: _Table, best: int, name: str, short: str) -> tuple[int, tuple[str, ...]]:
    """The best of columns without a title that says names; another one, where it merely counts the rows.

    Raises:
        DataError: two of them could be meant.
    """
    if best in table.files or whole_numbers(table.values(best)) is None:
        return best, ()
    titled = any(table.header)
    counting = counts_rows(table.values(best))

    def is_suspect(place: int) -> bool:
        # Without titles a count is what a data frame numbers its rows with; a title says that somebody meant it.
        return table.is_index(place) if titled else counts_rows(table.values(place))

    suspect = is_suspect(best)
    rivals = [place for place in table.rivals(best) if not is_suspect(place)]
    if suspect:
        rivals = [place for place in rivals if table.is_like_names(place)]
    else:
        rivals = [place for place in rivals if table.hits[place] >= table.hits[best]]
    shown = shortened(title_of(table.header, best), 40)
    if not rivals:
        said = f"Images of {short} are named by column {shown}, which counts the rows; no column of names is beside it."
        return best, (said,) if suspect and counting else ()
    if suspect and len(rivals) == 1:
        other = shortened(title_of(table.header, rivals[0]), 40)
        return rivals[0], (f"Images of {short} are named by column {other}; {shown} numbers the rows.",)
    first, second = (best, *rivals)[:2] if len(rivals) == 1 else rivals[:2]
    raise _two(table, first, second, name)


def _two(table: _Table, first: int, second: int, name: str) -> DataError:
    one, other = (shortened(title_of(table.header, place), 40) for place in sorted((first, second)))
    return DataError(
        f"the columns {one} and {other} of {name} both name images that are there, and not the same in each row; call "
        "the one that is meant filename in the first line"
    )
