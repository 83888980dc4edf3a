"""What `--labels` may say: a table, a table's column, or a word about folders and file names."""

import re
from pathlib import Path

NONE = "none"
FOLDERS = "folders"
NAMES = "names"
_NAMES = re.compile(rf"^{NAMES}(?::(.+))?$", re.DOTALL)
# folders, folders:2, folders:-1, folders:1-2: of the last the second number is the larger.
_RANGES = "|".join(f"{first}-[{first + 1}-9]" for first in range(1, 9))
_LEVEL = re.compile(rf"^{FOLDERS}(?::(-?[1-9][0-9]?|{_RANGES}))?$")


def is_word(option: Path | str | None) -> bool:
    """Whether the option says something about folders or names instead of naming a file (`./none` is a file)."""
    said = str(option)
    return option is not None and (said == NONE or any(form.match(said) for form in (_LEVEL, _NAMES)))


def is_of_names(option: Path | str) -> bool:
    """Whether labels are to be read off the files' names: `names`, or `names:REGEX`."""
    return _NAMES.match(str(option)) is not None


def pattern_of(option: Path | str) -> str | None:
    """The regular expression of `names:REGEX`; None of `names`."""
    found = _NAMES.match(str(option))
    return found[1] if found else None


def levels_of(option: Path | str) -> tuple[int, int]:
    """Which folders of a path are the class, first and last: (2, 2) of `folders:2`, (1, 2) of `folders:1-2`."""
    found = _LEVEL.match(str(option))
    if found is None or found[1] is None:
        return 1, 1
    if re.fullmatch("-?[0-9]+", found[1]):
        return int(found[1]), int(found[1])
    first, last = found[1].split("-")
    return int(first), int(last)


def table_and_column(option: Path) -> tuple[Path, str | None]:
    """`labels.csv` or `labels.csv:diagnosis`: the file, and the column its labels stand in when that was said."""
    if not option.exists():
        path, colon, column = str(option).rpartition(":")
        if colon and column and Path(path).expanduser().is_file():
            return Path(path).expanduser(), column
    return option.expanduser(), None


def absolute(option: str) -> str:
    """The option independent of the working directory; a word as it is."""
    if not option or is_word(option):
        return option
    path, column = table_and_column(Path(option))
    if not path.exists():
        return option
    return str(path.resolve()) + (f":{column}" if column else "")
