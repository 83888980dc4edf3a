"""The process that matches a user's pattern against a log: one that never comes to an end costs this process only."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from swaveval.runs.child import serve

# Of a line; no log states its loss further on.
LONGEST_LINE = 4000
_LONGEST_VALUE = 64
_CHUNK = 64 * 1024
_PIECES = re.compile(r"[\r\b]+")

# What `loss`, `epoch` and `step` matched; None for what did not.
Match = tuple[str | None, str | None, str | None]


def main() -> None:
    connection = serve()
    request: dict[str, Any] = connection.recv()
    try:
        connection.send(matches(request["path"], request["pattern"], request["most"]))
    except OSError as error:
        connection.send(f"{error.strerror or error}")


def matches(path: str, pattern: str, most: int) -> tuple[list[Match], str]:
    """What the groups matched on each line that the pattern is found in; and a line as an example."""
    sought = re.compile(pattern)
    names = [name if name in sought.groupindex else None for name in ("loss", "epoch", "step")]
    found: list[Match] = []
    hit = likely = last = ""
    for line in islice(_lines(path), most):
        if (match := sought.search(line)) is not None:
            values = [None if name is None else match.group(name) for name in names]
            loss, epoch, step = (None if value is None else value[:_LONGEST_VALUE] for value in values)
            found.append((loss, epoch, step))
            hit = hit or line
        elif line.strip():
            last = line
            likely = likely or (line if "loss" in line.lower() else "")
    return found, hit or likely or last


def _lines(path: str) -> Iterator[str]:
    """Lines, and what progress bars write over one another in one, each cut off where it is too long."""
    with Path(path).open(encoding="utf-8", errors="replace", newline="\n") as file:
        while line := file.readline(_CHUNK):
            yield from (piece[:LONGEST_LINE] for piece in _PIECES.split(line.rstrip("\n")))
