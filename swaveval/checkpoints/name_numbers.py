"""How people write a number in a name: `1,000`, `1'000`, `1_000`, `1.000.000`, `1,5`."""

import re

# Of letters between groups of three digits these are nothing else; `_` and a space also end a number.
_WRITTEN = re.compile(r"\d+(?:[.,'’\u00a0\u2009\u202f]\d+)+")
_GROUPS = re.compile(r"([1-9]\d{0,2}(?:([,'’\u00a0\u2009\u202f])\d{3})(?:\2\d{3})*)(\.\d+)?")
_DOTTED = re.compile(r"[1-9]\d{0,2}(?:\.\d{3}){2,}")
_APART = re.compile(r"([_ ])\d{3}(?:\1\d{3})*(?![^\W_])")
_SHORT = re.compile(r"[1-9]\d{0,2}")
UNREADABLE = "\N{REPLACEMENT CHARACTER}"


def plainly(text: str) -> str:
    """A name with its numbers as digits and at most one point; one that has no such reading is `UNREADABLE`."""
    return _WRITTEN.sub(lambda match: _plain(match.group()), text)


def _plain(written: str) -> str:
    if not re.search(r"[^\d.]", written):
        return written.replace(".", "") if _DOTTED.fullmatch(written) else written
    if grouped := _GROUPS.fullmatch(written):
        return re.sub(r"\D", "", grouped[1]) + (grouped[3] or "")
    if written.count(",") == 1 and re.fullmatch(r"\d+,\d+", written):
        return written.replace(",", ".")
    return UNREADABLE


def groups_behind(piece: str, text: str, place: int) -> str:
    """The groups of three digits that stand behind `piece` at `place`, apart by `_` or a space: `_000` of `1_000`."""
    found = _APART.match(text, place) if _SHORT.fullmatch(piece) else None
    return "" if found is None else found.group()


def ends_another(piece: str, before: str) -> bool:
    """Whether `piece` is the end of a larger number: `000` of `1_000steps`."""
    return bool(re.fullmatch(r"0\d\d", piece) and re.search(r"(?<!\d)[1-9]\d{0,2}[_ ]$", before))
