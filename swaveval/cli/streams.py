"""Standard output and error that take every text: what an encoding lacks is written in plain letters instead."""

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_HANDLER = "swaveval.plain"
_OUTPUT = "standard output"
_PLAIN = {
    "±": "+/-", "×": "x", "·": "*", "–": "-", "—": "-", "−": "-", "→": "->", "←": "<-", "≥": ">=", "≤": "<=",
    "…": "...", "‘": "'", "’": "'", "“": '"', "”": '"', "ε": "epsilon", "√": "sqrt", "‖": "||", "≈": "~", "•": "*",
    "█": "#", "▏": "|", "━": "-", "─": "-", "│": "|", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "★": "*", "✓": "ok",
}  # fmt: skip


def prepare_streams() -> None:
    """Make stdout and stderr write any text; a stream that was closed (`>&-`) becomes one that swallows it."""
    codecs.register_error(_HANDLER, _replace)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)
    if type(sys.stdout) is io.TextIOWrapper:  # nobody else's stand-in for it
        given = sys.stdout
        encoding, lines, through = given.encoding, given.line_buffering, given.write_through
        sys.stdout = _Output(given.detach(), encoding, _HANDLER, line_buffering=lines, write_through=through)


def output_fails(error: Exception) -> bool:
    """Whether a fault is that of standard output."""
    return isinstance(error, OSError) and error.filename == _OUTPUT


class _Output(io.TextIOWrapper):
    """Standard output whose faults say that they are its own: the system names no file."""

    def write(self, text: str, /) -> int:
        with _named():
            return super().write(text)

    def flush(self) -> None:
        with _named():
            super().flush()


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        error.filename = _OUTPUT
        raise


def swallow_rest() -> None:
    """Nobody reads any more, or the disk is full: what is still buffered goes nowhere, without a word at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for characters that the encoding has not: plain letters, `?`, or a file name's own bytes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    if any("\udc80" <= letter <= "\udcff" for letter in text):  # bytes of a name that were no text
        return b"".join(_bytes(letter) for letter in text), error.end
    return "".join(_PLAIN.get(letter, "?") for letter in text), error.end


def _bytes(letter: str) -> bytes:
    if "\udc80" <= letter <= "\udcff":
        return bytes([ord(letter) - 0xDC00])
    return _PLAIN.get(letter, "?").encode("ascii")
