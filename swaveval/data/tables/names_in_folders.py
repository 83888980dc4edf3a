"""Lists of names whose folders are the labels: Food-101's `apple_pie/1005649`, SUN397's `/a/abbey/x.jpg`."""

from collections.abc import Sequence

from swaveval.data.folders.layout import place_by_folders
from swaveval.data.tables.label_titles import named

# Names of a folder by which its meaning is read; a list may have millions.
_EXAMPLES = 50
FOLDERS = "the folders in its names"


def folders_of(names: Sequence[str], present: frozenset[str]) -> list[str] | None:
    """The folder part of each name, or None where it is no label.

    It is one where the names are of images that are there, hold two different folders or more, and these would be read
    as classes of a directory too: splits, parts, dates and cameras are none.

    Args:
        names: as they stand in the list. present: bare names of the images that are there.
    """
    if not named(names, present):
        return None
    parts = [[part for part in name.replace("\\", "/").split("/") if part not in ("", ".")] for name in names]
    folders = ["/".join(path[:-1]) for path in parts]
    if len(set(folders)) < 2:
        return None
    examples: dict[str, list[str]] = {}
    for path, folder in zip(parts, folders, strict=True):
        some = examples.setdefault(folder, [])
        if path and len(some) < _EXAMPLES:
            some.append("/".join(path))
    read = place_by_folders(list(dict.fromkeys(name for some in examples.values() for name in some)))
    return folders if read.labelled and read.splits is None else None
