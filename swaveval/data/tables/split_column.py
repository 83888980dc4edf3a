"""Which column of a table says the split."""

from collections.abc import Sequence

from swaveval.data.errors import DataError
from swaveval.data.tables.label_titles import SPLIT_TITLES, plain, split_among, split_word
from swaveval.data.tables.name_column import Values, title_of
from swaveval.text import printable, shortened


def split_column(
    header: Sequence[str], values: Values, filename: int, lines: Sequence[int], name: str, short: str
) -> tuple[int | None, list[str | None], list[str]]:
    """Position of the split column, each row's split, notes.

    Args:
        name, short: of the file, for errors and for notes.

    Raises:
        DataError: a cell of a column that is called `split` says none.
    """
    nothing: list[str | None] = [None for _ in lines]
    for place, title in enumerate(header):
        if place == filename or plain(title) not in SPLIT_TITLES:
            continue
        cells = values(place)
        words = [split_among(cell) for cell in cells]
        if set(cells) <= {"0", "1", "2", ""} and "0" in cells:
            numbered = {"0": "train", "1": "validation" if "2" in cells else "test", "2": "test", "": None}
            note = f"Split numbers of {short} read as 0 train, 1 {numbered['1']}{', 2 test' if '2' in cells else ''}."
            return place, [numbered[cell] for cell in cells], [note]
        odd = next((at for at, cell in enumerate(cells) if cell and words[at] is None), None)
        if odd is None:
            read = {cell: word for cell, word in zip(cells, words, strict=True) if word and split_word(cell) is None}
            said = ", ".join(f"{shortened(cell, 40)} as {word}" for cell, word in sorted(read.items())[:6])
            return place, list(words), [f"Splits of {short} read by a word in them: {said}."] if read else []
        if plain(title) == "split" or any(words):
            raise DataError(
                f"line {lines[odd]} of {name} has the split {printable(cells[odd])[:40]!r}; "
                "use train, test or validation"
            )
    if not any(header) and len(header) > 2:
        for place in range(len(header)):
            words = [split_word(cell) for cell in values(place)]
            if place != filename and all(words) and "train" in words and len(set(words)) > 1:
                return place, words, [f"Column {title_of(header, place)} of {short} read as the split."]
    return None, nothing, []
