"""Labels of images in no row of a table, by a folder that is called like one of its labels.

Tiny-ImageNet has class folders in `train/` and a table for `val/` alone.
"""

from collections.abc import Collection, Mapping, Sequence

from swaveval.data.folders.folder_names import meaning

_NO_CLASS = frozenset({"split", "container", "annotation", "derived", "unlabelled"})


def labels_by_folder(files: Sequence[str], labels: Mapping[str, str | None], rowed: Collection[str]) -> dict[str, str]:
    """The label of each file in no row that has exactly one folder called like a label of the table.

    None at all where an image with a row lies in a folder called like another label than its own: the folders mean
    something else then. Numbers are labels only where all folders beside them are labels too, as shards are numbered.

    Args:
        files: all images. labels: of those with a row. rowed: those with a row.
    """
    words = {label for label in labels.values() if label is not None}
    words = {word for word in words if meaning(word).kind not in _NO_CLASS}
    beside: dict[str, set[str]] = {}
    found: dict[str, tuple[str, str]] = {}
    for file in files:
        folders = file.split("/")[:-1]
        for place, folder in enumerate(folders):
            beside.setdefault("/".join(folders[:place]), set()).add(folder)
        places = [place for place, folder in enumerate(folders) if folder in words]
        if file in rowed:
            own = labels.get(file)
            if own is not None and any(folders[place] != own for place in places):
                return {}
        elif len(places) == 1:
            found[file] = (folders[places[0]], "/".join(folders[: places[0]]))
    return {file: word for file, (word, above) in found.items() if not word.isdigit() or beside[above] <= words}
