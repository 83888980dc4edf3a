"""Text from disk on its way to a terminal or a page, and the natural order of names; imports nothing heavy.

Every string that somebody else chose (file names, class names, texts in files, messages of exceptions) is hostile.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

_BREAKS = "\n\r\t"
_DIGITS = re.compile(r"([0-9]+)")

Natural = tuple[tuple[str | int, ...], str]


def natural_key(name: str) -> Natural:
    """Sort key under which `img2` comes before `img10`; ties (`img01`, `img1`) fall back to the text."""
    parts = _DIGITS.split(name)
    # Split alternates text and digits and always starts with text, so positions compare like with like.
    return tuple(int(part) if place % 2 else part.casefold() for place, part in enumerate(parts)), name


def printable(text: str) -> str:
    r"""`text` with everything that is not a visible character escaped.

    Undecodable bytes of a file name (surrogates), control characters, terminal escapes and text-direction overrides
    become `\xNN` or `\uNNNN`; the result always encodes to UTF-8.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # os.fsdecode keeps an odd byte as a surrogate
        return f"\\x{code - 0xDC00:02x}"
    if character == " " or unicodedata.category(character)[0] not in "CZ":
        return character
    return f"\\x{code:02x}" if code < 0x100 else (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def shortened(text: str, limit: int = 200) -> str:
    """`text` on one line, printable, its end left out where it is longer than `limit`."""
    line = printable(" ".join(text[: 20 * limit].split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def some(names: Sequence[str], most: int = 8) -> str:
    """`a, b, c and 4 more`."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def by_reason(said: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """What is said of names, pairs of a name and a reason: reason → names, both as they come."""
    names: dict[str, list[str]] = {}
    for name, reason in said:
        names.setdefault(reason, []).append(name)
    return names


def clipped(text: object, longest: int) -> str:
    """`text` printable, its middle left out where it is longer than `longest`; spaces of any width stay as they are."""
    whole = str(text)[: 20 * longest]
    if not (whole.isascii() and whole.isprintable()):
        spaced = (" " if c in _BREAKS else c for c in whole)
        whole = "".join(c if unicodedata.category(c) == "Zs" else printable(c) for c in spaced)
    if len(whole) <= longest:
        return whole
    half = (longest - 1) // 2
    return f"{whole[:half]}…{whole[-half:]}"


def listed(names: Iterable[str]) -> str:
    """The first four names, in natural order, and how many there are where there are more."""
    shown = [shortened(name, 40) for name in sorted(names, key=natural_key)]
    return ", ".join(shown[:4]) + (f" … ({len(shown)})" if len(shown) > 4 else "")


def counted(count: int, noun: str) -> str:
    """`1 image`, `1,200 images`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def size(count: int) -> str:
    """Bytes for people: `46.4 MB`."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}" if unit != "B" else f"{count} B"
