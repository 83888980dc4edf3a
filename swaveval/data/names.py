"""File and class names: natural order, and a printable form of names that anybody may have chosen."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
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


def distinct(names: list[str]) -> list[str]:
    """`names` made unique by ` (2)`, ` (3)` …, in order."""
    taken: set[str] = set()
    result: list[str] = []
    for name in names:
        candidate, count = name, 1
        while candidate in taken:
            count += 1
            candidate = f"{name} ({count})"
        taken.add(candidate)
        result.append(candidate)
    return result


def shortened(text: str, limit: int = 200) -> str:
    """`text` on one line, printable, at most `limit` characters."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def listed(names: Iterable[str]) -> str:
    """The first four names, in natural order, and how many there are where there are more."""
    shown = [shortened(name, 40) for name in sorted(names, key=natural_key)]
    return ", ".join(shown[:4]) + (f" … ({len(shown)})" if len(shown) > 4 else "")


def described_labels(class_names: Sequence[str], origin: str) -> str:
    """`5 classes (daisy, dandelion, rose, sunflower …) from class folders`, or `no labels (one flat folder)`."""
    if not class_names:
        reason = origin.removeprefix("none").removeprefix(":").strip()
        return f"no labels ({shortened(reason, 200)})" if reason else "no labels"
    shown = ", ".join(shortened(name, 30) for name in class_names[:4]) + (" …" if len(class_names) > 4 else "")
    return f"{len(class_names):,} classes ({shown})" + (f" from {shortened(origin, 200)}" if origin else "")


def without_suffix(name: str) -> str:
    """A relative file name without its last extension."""
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.name else name


def counted(count: int, noun: str) -> str:
    """`1 image`, `1,200 images`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
