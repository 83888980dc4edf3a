"""What `--labels` may say: a table, a table's column, or a word about the folders."""

import re
from pathlib import Path

NONE = "none"
FOLDERS = "folders"
_LEVEL = re.compile(rf"^{FOLDERS}(?::(-?[1-9][0-9]?))?$")


def is_word(option: Path | str | None) -> bool:
    """Whether the option says something about folders instead of naming a file (`./none` is a file)."""
    return option is not None and (str(option) == NONE or _LEVEL.match(str(option)) is not None)


def level_of(option: Path | str) -> int:
    """Which folder of a path is the class: 2 of `folders:2`, 1 of `folders`."""
    found = _LEVEL.match(str(option))
    return int(found[1]) if found and found[1] else 1


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
