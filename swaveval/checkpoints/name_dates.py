"""Dates and times in file names, as sortable text.

`04-05-2024` may be of April or of May: it is kept as it stands, and is a date once one reading fits a whole directory.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

_TIME = r"(?:[-_T .]*([01]\d|2[0-3])[-_.:hH]?([0-5]\d)(?:[-_.:mM]?([0-5]\d))?)?(?!\d)"
_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])" + _TIME)
_YEAR_LAST = re.compile(r"(?<![\d.])(0[1-9]|[12]\d|3[01])([-_.])(0[1-9]|[12]\d|3[01])\2((?:19|20)\d\d)" + _TIME)
# Seconds, or milliseconds, since 1970; from 2017 to 2033.
_SECONDS = re.compile(r"(?<![\d.])(1[5-9]\d{8})(?:\d{3})?(?![\d.])")
_COUNTED = re.compile(r"(?:epochs?|ep|steps?|iter|it)[_\-=]?$")
_OPEN = "?"


def without_dates(text: str) -> tuple[str, list[str]]:
    """A name without its dates, and these."""
    found: list[str] = []

    def taken(match: re.Match[str], date: str) -> str:
        if _COUNTED.search(match.string[: match.start()]):
            return match.group()
        found.append(date)
        return " "

    text = _YEAR_LAST.sub(lambda match: taken(match, _year_last(match)), text)
    text = _DATE.sub(lambda match: taken(match, "".join(piece or "00" for piece in match.groups())), text)
    text = _SECONDS.sub(lambda match: taken(match, f"{datetime.fromtimestamp(int(match[1]), UTC):%Y%m%d%H%M%S}"), text)
    return text, found


def _year_last(match: re.Match[str]) -> str:
    first, sign, second, year, *time = match.groups()
    clock = "".join(piece or "00" for piece in time)
    if int(second) > 12 or int(first) > 12 or sign == ".":
        day, month = (second, first) if int(second) > 12 else (first, second)
        # Kept open all the same: one that is plain tells how the others beside it are meant.
        return f"{_OPEN}{'m' if int(second) > 12 else 'd'}{year}{month}{day}{clock}"
    return f"{_OPEN}?{year}{first}{second}{clock}"


def sortable(names: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]] | None:
    """The dates of each name as text that sorts; None where a date may be read in two ways that sort differently."""
    orders = {date[1] for dates in names for date in dates if date.startswith(_OPEN)}
    if len(orders - {"?"}) > 1:
        return None  # `28-04-2024` beside `04-28-2024`
    plain = [_read(names, order) for order in (orders - {"?"} or {"d", "m"} if orders else {"d"})]
    places = [sorted(range(len(names)), key=dates.__getitem__) for dates in plain]
    return plain[0] if all(order == places[0] for order in places) else None


def _read(names: Sequence[tuple[str, ...]], order: str) -> list[tuple[str, ...]]:
    return [tuple(_closed(date, order) for date in dates) for dates in names]


def _closed(date: str, order: str) -> str:
    if not date.startswith(_OPEN):
        return date
    year, first, second, clock = date[2:6], date[6:8], date[8:10], date[10:]
    return f"{year}{second}{first}{clock}" if date[1] == "?" and order == "d" else f"{year}{first}{second}{clock}"
