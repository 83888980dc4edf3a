"""Why a file could not be read, in the words the load report uses."""

from typing import Literal

from swaveval.text import printable as visible

FailureKind = Literal["corrupt", "unsupported", "refused"]


class Failure(Exception):
    """A file that cannot be read; the message is one sentence.

    Attributes:
        kind: the state the file gets.
        cut_short: whether the end of the file seems to be missing, as in a file that is still being written.
    """

    def __init__(self, kind: FailureKind, reason: str, *, cut_short: bool = False) -> None:
        super().__init__(reason)
        self.kind: FailureKind = kind
        self.cut_short = cut_short


def printable(text: object, limit: int = 300) -> str:
    """Text from a hostile file on one line, what is not visible escaped, its end left out beyond `limit`."""
    line = visible(str(text)[: 4 * limit].replace("\n", " "))
    return line if len(line) <= limit else line[: limit - 1] + "…"
