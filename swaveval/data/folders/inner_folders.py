"""Folders inside folders: domains above classes, and what lies inside the class folders and was not read."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from swaveval.data.folders.annotations import counts_up, with_gaps
from swaveval.data.folders.folder_names import kinds, split_name, words_of
from swaveval.data.names import stem
from swaveval.text import counted, listed

Parts = tuple[str, ...]
Key = TypeVar("Key", bound=Hashable)
_LEAST, _SHARED = 4, 0.8
_DEEPEST, _LOOKED_AT = 8, 5000
# Conditions that pictures of a class are taken under: names that stand in every class and are none.
_CONDITIONS = words_of(
    "front back rear left right top bottom side up down upper lower near far inside outside indoor indoors outdoor "
    "outdoors day night morning noon evening dawn dusk summer autumn fall winter spring sunny cloudy rainy rain snow "
    "snowy fog foggy clear dry wet rgb depth ir nir thermal color colour gray grey grayscale axial coronal sagittal "
    "oblique 40x 100x 200x 400x good bad ok easy medium hard small large closed open"
)


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """`--labels folders` and `--labels folders:N`, to be tried before they are advised.

    Attributes:
        files: all files of the directory.
        read: the labels that the option gives to files, by the first and the last folder that name them.
    """

    files: Sequence[str]
    read: Callable[[Sequence[str], int, int], Mapping[str, str | None]]

    def that_reads(self, wanted: Mapping[str, str | None]) -> str:
        """The option that gives these labels to these files and takes no others; empty where none does.

        Args:
            wanted: file to label.
        """
        some = self.files[:: -(-len(self.files) // _LOOKED_AT) or 1]
        labels = {file: wanted[file] for file in some if file in wanted}
        joined = any("/" in label for label in labels.values() if label is not None)
        for level in range(1, _DEEPEST) if labels else ():
            last = level + joined
            if self.read(some, level, last) == labels:
                return "--labels folders" + (f":{level}-{last}" if joined else f":{level}" if level > 1 else "")
        return ""


def domains(members: Iterable[Parts]) -> str:
    """Why folders are no classes that each hold the same, more numerous folders (`photo/dog … sketch/dog …`).

    Fewer inner folders than outer ones, or names of conditions (`front`, `night`), are what classes are divided by.

    Args:
        members: folders and name of each file, the folders in question first.
    """
    members = [parts for parts in members if len(parts) > 1]
    inside = _held(_dividing({parts[:-1]: (parts[0], parts[1:-1]) for parts in members}).values())
    if _same_paths(members) and len(_shared(inside)) > 1:
        return f"the folders {listed(inside)} hold the same files: several kinds of picture of the same classes"
    shared, everything = _shared(inside), set[str]().union(*inside.values())
    if len(shared) < max(_LEAST, len(inside) + 1) or len(shared) < _SHARED * len(everything):
        return ""
    if 2 * sum(name.lower() in _CONDITIONS for name in shared) >= len(shared):
        return ""
    if any(said.kind != "word" for said in kinds(shared).values()):
        return ""
    return (
        f"the folders {listed(inside)} each hold the same folders ({listed(shared)}): several kinds of picture of the "
        "same classes"
    )


def _same_paths(members: Iterable[Parts]) -> bool:
    """Whether each first folder holds the same folders with files of the same names, which do not merely count."""
    held: dict[str, set[Parts]] = {}
    for parts in members:
        held.setdefault(parts[0], set()).add(parts[1:])
    paths = list(held.values())
    if len(paths) < 2 or any(other != paths[0] for other in paths[1:]):
        return False
    stems = {stem(path[-1]) for path in paths[0]}
    return len(stems) > 3 and (not counts_up(stems) or with_gaps(stems))


def not_read(labels: Mapping[str, str | None], options: FolderOptions, *, split: bool) -> str:
    """A sentence on the folders inside the class folders, with the option that reads them; empty where none divides.

    Args:
        labels: file to its class folder.
        options: to see which reads those folders.
        split: whether the split is given; one that is drawn may tear a folder's images apart.
    """
    if all(label is None or file.rsplit("/", 2)[-2:-1] == [label] for file, label in labels.items()):
        return ""  # every class folder holds its files itself
    paths = {file: (label, file.split("/")[:-1]) for file, label in labels.items() if label is not None}
    if any(label not in folders for label, folders in paths.values()):
        return ""
    deeper = {file: (label, folders[folders.index(label) + 1 :]) for file, (label, folders) in paths.items()}
    inner = _dividing(
        {file: (label, tuple(f for f in after if not split_name(f))) for file, (label, after) in deeper.items()}
    )
    inside = _held(inner.values())
    if max(map(len, inside.values()), default=0) < 2 or 2 * sum(map(bool, inside.values())) < len(inside):
        return ""
    option = options.that_reads({file: name or None for file, (_, name) in inner.items()})
    if shared := _shared(inside):
        both = options.that_reads({file: f"{outer}/{name}" for file, (outer, name) in inner.items() if name})
        advice = f"; {option} reads the inner ones" if option else ""
        advice += f", {both} each with its outer one" if both and option else ""
        return (
            f"Each of the folders {listed(inside)} holds the same folders ({listed(shared)}): the outer ones were read "
            f"as classes{advice}."
        )
    names = set[str]().union(*inside.values())
    advice = f"; {option} reads them so" if option else ""
    torn = "" if split else " The split that is drawn may put images of one of them on both sides."
    return (
        f"Inside the class folders are {counted(len(names), 'further folder')} ({listed(names)}), which were not read "
        f"as classes{advice}.{torn}"
    )


def _dividing(paths: Mapping[Key, tuple[str, Sequence[str]]]) -> dict[Key, tuple[str, str]]:
    """Of a folder and those in it, the first in it that divides anything: levels on which each folder holds one folder
    only are looked through. Empty where there is none."""
    level = 0
    while True:
        first: dict[str, set[str]] = {}
        for folder, inner in paths.values():
            first.setdefault(folder, set()).add(inner[level] if level < len(inner) else "")
        if not first or any(len(names) > 1 or "" in names for names in first.values()):
            return {key: (folder, inner[level] if level < len(inner) else "") for key, (folder, inner) in paths.items()}
        level += 1


def _held(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Each folder with the names of those in it."""
    found: dict[str, set[str]] = {}
    for folder, inner in pairs:
        found.setdefault(folder, set()).update([inner] if inner else [])
    return found


def _shared(inside: Mapping[str, set[str]]) -> set[str]:
    """Names that stand in every folder, two at least."""
    shared = set.intersection(*inside.values()) if len(inside) > 1 else set()
    return shared if len(shared) > 1 else set()


def levelled(members: Mapping[str, Parts], level: int, last: int | None = None) -> dict[str, Parts]:
    """The `level`-th folder of each path first; files that have none stand alone.

    Args:
        level: 1 for the first folder, 2 for the one in it; -1 for the folder that the file lies in.
        last: where it is a later one, the folders from `level` to it as one (`Greek/character01`).
    """
    found: dict[str, Parts] = {}
    for name, parts in members.items():
        place = level - 1 if level > 0 else len(parts) - 1 + level
        end = place + 1 if last is None else place + 1 + last - level
        inside = 0 <= place < end < len(parts)
        found[name] = ("/".join(parts[place:end]), *parts[end:]) if inside else parts[-1:]
    return found
