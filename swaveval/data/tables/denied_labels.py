"""Rows that say what an image is not, or how sure a label is: OpenImages, Prodigy, a network's scores."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from swaveval.data.folders.folder_names import words_of
from swaveval.data.tables.label_titles import plain
from swaveval.data.tables.label_values import NUMBER
from swaveval.data.tables.name_column import title_of
from swaveval.text import counted, listed, shortened

_PRESENCE = words_of("present presence ispresent confidence exists applies")
_SCORES = words_of("score scores prob probs probability probabilities confidence predscore")
_BOXES = words_of("bbox box boxes x y w h xmin ymin xmax ymax x1 y1 x2 y2 left top right bottom xcenter ycenter")
_ANSWERS = words_of("accept accepted reject rejected ignore ignored")
_ACCEPTED = words_of("accept accepted")
_ABSENT = words_of("0 false no")


@dataclass(frozen=True, slots=True)
class Kept:
    """Which rows are of use.

    Attributes:
        rows: their places, in order.
        emptied: those among them whose label is none: every row of the image denies what it names.
        notes: what was left out, and why.
        objects: whether rows are objects in an image, of which each has its label, not readings of it.
    """

    rows: tuple[int, ...]
    emptied: frozenset[int]
    notes: tuple[str, ...]
    objects: bool = False


def affirmed(
    header: Sequence[str],
    values: Callable[[int], list[str]],
    names: Sequence[str],
    labels: Sequence[str],
    others: Sequence[int],
    short: str,
) -> Kept:
    """The rows that say what an image is; of several labels with different scores, the one of the highest.

    Where an image has one row a 0 or a `reject` may say anything (`scratch,reject`), but for Prodigy's `answer`.

    Args:
        names, labels: of each row. others: columns that are of nothing else. short: of the file, for notes.
    """
    denied, notes = _denied(header, values, others, short, long=_has_several_rows(names))
    named = {name for at, name in enumerate(names) if at not in denied}
    emptied: dict[str, int] = {}
    for at in sorted(denied):
        if names[at] not in named:
            emptied.setdefault(names[at], at)
    kept = [at for at in range(len(names)) if at not in denied or emptied.get(names[at]) == at]
    scored = next((place for place in others if plain(header[place]) in _SCORES), None)
    objects = _are_objects(header, values, names, labels, kept)
    if scored is not None and not objects:
        cells, several = values(scored), _several(names, labels, kept)
        best = _highest(cells, several)
        if best:
            kept = [at for at in kept if names[at] not in best or at == best[names[at]]]
            notes.append(
                f"{counted(len(best), 'image')} with several labels in {short}: the one with the highest "
                f"{shortened(title_of(header, scored), 40)} was taken."
            )
    return Kept(tuple(kept), frozenset(emptied.values()), tuple(notes), objects)


def _denied(
    header: Sequence[str], values: Callable[[int], list[str]], others: Sequence[int], short: str, *, long: bool
) -> tuple[set[int], list[str]]:
    """The rows that deny what they name, and what is said of them.

    Args:
        long: whether images have several rows.
    """
    denied: set[int] = set()
    notes = []
    for place in others:
        cells = values(place) if long or plain(header[place]) == "answer" else []
        absent = _denying(header[place], cells, long=long)
        if absent and len(absent) < len(set(cells)):
            found = [at for at, cell in enumerate(cells) if cell in absent]
            denied.update(found)
            notes.append(
                f"{counted(len(found), 'row')} of {short} with {listed(absent)} in column "
                f"{shortened(title_of(header, place), 40)} say what an image is not, and were not used."
            )
    return denied, notes


def _denying(title: str, cells: Sequence[str], *, long: bool) -> set[str]:
    """The cells of a column that deny a label: 0 of a presence, `reject` beside `accept`."""
    folded = {cell.casefold() for cell in cells}
    if folded <= _ANSWERS | {""} and folded & _ACCEPTED:
        return {cell for cell in set(cells) if cell.casefold() in _ANSWERS - _ACCEPTED}
    return {cell for cell in set(cells) if _is_nothing(cell)} if long and _is_presence(title, cells) else set()


def _has_several_rows(names: Sequence[str]) -> bool:
    """Whether most images have several rows."""
    rows = Counter(names)
    return 2 * sum(count > 1 for count in rows.values()) > len(rows)


def _are_objects(
    header: Sequence[str],
    values: Callable[[int], list[str]],
    names: Sequence[str],
    labels: Sequence[str],
    kept: Sequence[int],
) -> bool:
    """Whether rows are objects in an image: in boxes of their own, or a class more than once with how sure it is."""
    pairs = [(names[at], labels[at]) for at in kept]
    titles = [plain(title) for title in header]
    if len(set(pairs)) < len(pairs) and (_SCORES | {"conf"}) & set(titles):
        return True
    boxes = [values(place) for place, title in enumerate(titles) if title in _BOXES]
    places = {(names[at], *(cells[at] for cells in boxes)) for at in kept}
    return len(places) > len({names[at] for at in kept})


def _is_presence(title: str, cells: Sequence[str]) -> bool:
    """Whether 0 under a title means that a label is absent; of shares or levels of sureness it is the lowest."""
    numbers = [float(cell) for cell in cells if NUMBER.match(cell)]
    return plain(title) in _PRESENCE and all(number in (0, 1) for number in numbers)


def _is_nothing(cell: str) -> bool:
    return cell.casefold() in _ABSENT or bool(NUMBER.match(cell) and float(cell) == 0)


def _several(names: Sequence[str], labels: Sequence[str], kept: Sequence[int]) -> dict[str, list[int]]:
    """The rows of each image that has several labels."""
    rows: dict[str, list[int]] = {}
    for at in kept:
        rows.setdefault(names[at], []).append(at)
    return {name: those for name, those in rows.items() if len({labels[at] for at in those}) > 1}


def _highest(cells: Sequence[str], several: dict[str, list[int]]) -> dict[str, int]:
    """The row with the highest score of each image where one is higher than all others."""
    best: dict[str, int] = {}
    for name, rows in several.items():
        if not all(NUMBER.match(cells[at]) for at in rows):
            continue
        first, second, *_ = sorted(rows, key=lambda at: -float(cells[at]))
        if float(cells[first]) > float(cells[second]):
            best[name] = first
    return best
