"""Fonts that can draw the names a run brings; what no installed font can draw is escaped, never an empty box."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

FIRST = "DejaVu Sans"  # comes with matplotlib
# What `wording.plot_text` writes for signs that have a meaning in Bokeh's texts.
_PLAIN = {"＄": "$", "＼": "\\"}


def drawable(text: str) -> str:
    r"""`text` with every character that no installed font has as `\uXXXX`."""
    if text.isascii():
        return text
    parts = (c if _family_of(c) is not None else _PLAIN.get(c, f"\\u{ord(c):04x}") for c in text)
    return "".join(parts)


def families(text: str) -> list[str]:
    """Font families in the order in which matplotlib shall look for the glyphs of `text`: DejaVu first."""
    found = [FIRST]
    for character in dict.fromkeys(text):
        family = _family_of(character)
        if family is not None and family not in found:
            found.append(family)
    return found


@contextmanager
def quiet_fonts() -> Iterator[None]:
    """What matplotlib says of missing glyphs is no news: they were escaped, or combine with others."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        warnings.filterwarnings("ignore", message=r"Matplotlib currently does not support")
        yield


@lru_cache(maxsize=4096)
def _family_of(character: str) -> str | None:
    """The first installed family with a glyph for the character; None when there is none."""
    if ord(character) < 0x20 or ord(character) in _coverage(font_manager.findfont(FIRST)):
        return FIRST
    for entry in font_manager.fontManager.ttflist:
        if entry.style == "normal" and ord(character) in _coverage(entry.fname):
            return str(entry.name)
    return None


@lru_cache(maxsize=512)
def _coverage(path: str) -> frozenset[int]:
    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # a font that was removed, or is none
        return frozenset()
