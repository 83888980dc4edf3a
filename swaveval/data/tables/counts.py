"""Columns that count the rows of a table: they name no images and are no labels."""

from collections.abc import Sequence

_FEWEST, _ENOUGH = 3, 10


def whole_numbers(cells: Sequence[str]) -> list[int] | None:
    """The numbers in these cells, or None where one is none."""
    if not all(cell.isascii() and cell.isdigit() and len(cell) < 16 for cell in cells):
        return None
    return [int(cell) for cell in cells]


def counts_rows(cells: Sequence[str]) -> bool:
    """Whether they are 0, 1, 2 … or 1, 2, 3 … in order."""
    numbers = whole_numbers(cells) or []
    return len(numbers) >= _FEWEST and numbers[0] in (0, 1) and _in_order(numbers)


def tells_rows_apart(cells: Sequence[str]) -> bool:
    """Whether each is another whole number: a count of rows that were shuffled or dealt since, no class."""
    numbers = whole_numbers(cells)
    return numbers is not None and len(cells) >= _ENOUGH and len(set(numbers)) == len(numbers)


def _in_order(numbers: Sequence[int]) -> bool:
    return all(number == numbers[0] + place for place, number in enumerate(numbers))
