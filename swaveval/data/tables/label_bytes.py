"""From the bytes of a label file to its text: which encoding, and what is said of it."""

import re

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_HIGH = re.compile(rb"[\x80-\xff]+")
_LOOKED_AT = 1 << 16
_FIRST, _LAST_FREQUENT = 0xB0, 0xD7


def decoded(content: bytes, short: str = "") -> tuple[str, tuple[str, ...]]:
    """The text of a file (UTF-8 with or without mark, UTF-16, GBK, else Latin-1), and what is said of a guess.

    Args:
        short: the file's name, for notes.
    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace"), ()
    if encoding := _utf_16(content[:_LOOKED_AT]):
        return content.decode(encoding, errors="replace"), ()
    try:
        return content.decode("utf-8"), ()
    except UnicodeDecodeError:
        pass
    text, name = _of_one_country(content)
    return text, (f"{short} is not UTF-8 and was read as {name}; if names or classes look wrong, save it as UTF-8.",)


def _utf_16(head: bytes) -> str:
    """The order of bytes of UTF-16 without its mark: every other one is 0 in ASCII, of which separators are."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) * 4 < len(head):
        return ""
    return "utf-16-be" if even > odd else "utf-16-le"


def _of_one_country(content: bytes) -> tuple[str, str]:
    """Chinese has two high bytes a character, so that they stand in even numbers; letters with accents stand alone."""
    if _is_chinese(content):
        try:
            b"".join(_HIGH.findall(content)).decode("gb2312")
            return content.decode("gb18030"), "GBK"
        except UnicodeDecodeError:
            pass
    try:  # Windows' superset: curly quotes and dashes
        return content.decode("cp1252"), "Latin-1"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "Latin-1"


def _is_chinese(content: bytes) -> bool:
    """Whether high bytes are pairs, more words of them than letters in Latin words, and most of frequent characters.

    GB 2312 has these under lead bytes of 0xB0 to 0xD7, above signs and kana.
    """
    runs = list(_HIGH.finditer(content))
    if any(len(run[0]) % 2 for run in runs):
        return False
    words = sum(len(run[0]) > 2 for run in runs)
    in_latin = sum(len(run[0]) == 2 and _touches_letters(content, run) for run in runs)
    leads = [lead for run in runs for lead in run[0][::2] if lead >= _FIRST]
    return words > in_latin and 2 * sum(lead <= _LAST_FREQUENT for lead in leads) >= len(leads) > 0


def _touches_letters(content: bytes, run: "re.Match[bytes]") -> bool:
    return content[run.start() - 1 : run.start()].isalpha() or content[run.end() : run.end() + 1].isalpha()
