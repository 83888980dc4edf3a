"""Standard output and error that take every text: what an encoding lacks is written in plain letters instead."""

import codecs
import os
import sys
from contextlib import suppress

_HANDLER = "swaveval.plain"
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


def output_fails(error: Exception) -> bool:
    """Whether a fault without the name of a file is that of standard output, which keeps what it could not write."""
    if not isinstance(error, OSError) or error.filename is not None:
        return False
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False


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
