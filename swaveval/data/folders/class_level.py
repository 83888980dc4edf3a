"""Which level of folders holds the classes, below the split: parts, dates and cameras are passed over."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from swaveval.data.folders.annotations import counts_up, with_gaps
from swaveval.data.folders.folder_names import PAIRS, Meaning, kinds
from swaveval.data.folders.inner_folders import FolderOptions, domains
from swaveval.data.folders.shards import FIRST_LETTERS, initials, letters_of_a_hash, parts_of_a_list
from swaveval.data.names import stem
from swaveval.text import listed, natural_key

Members = dict[str, tuple[str, ...]]
_NAMED = {
    "part": "are parts of one set",
    "date": "are dates",
    "place": "are cameras or places",
    "person": "are patients or subjects",
    "container": "only hold the images",
    "identifier": "are identifiers",
    "unlabelled": "hold images without labels",
    "derived": "hold copies",
    "annotation": "hold annotations",
    "split": "name splits",
}
_IMAGES = frozenset({"image", "images", "img", "imgs", "jpegimages"})
_DOUBTFUL = ("part", "date", "place", "person", "container", "identifier")
_BAND = re.compile(r"^[_\-. ]?b(?:and)?[_\-]?[0-9]{1,2}a?$", re.IGNORECASE)
_HASHED = "are letters of a hash"
_BY_HASH = (_HASHED, f"({FIRST_LETTERS})")


@dataclass(frozen=True, slots=True)
class Level:
    """Where the classes are.

    Attributes:
        groups: the members of each split, folders above the class level removed.
        reason: what was passed over, or why no level holds classes; empty for plain class folders.
        flat: whether there are no classes.
        unlabelled: folders among the classes whose images have no label.
        splits_inside: whether the next folders are splits.
    """

    groups: list[Members]
    reason: str
    flat: bool = False
    unlabelled: frozenset[str] = frozenset()
    splits_inside: bool = False


def class_level(
    groups: list[Members], notes: list[str], reasons: Sequence[str], options: FolderOptions, *, dated: bool = False
) -> Level:
    """The first level of folders that can be classes.

    Args:
        groups: files to folders and name, of each split (or of everything).
        notes: sentences are added to it.
        reasons: what is known of the layout already.
        options: for advice that was tried.
        dated: whether everything lies in the folder of a year or month.
    """
    passed: list[str] = []
    while True:
        folders = _folders(groups)
        if not folders:
            return Level(groups, "; ".join(passed), flat=bool(passed or reasons))
        said = kinds(folders)
        words = {name for name, found in said.items() if found.kind in ("word", "number", "range")}
        unlabelled = (
            frozenset(name for name, found in said.items() if found.kind == "unlabelled") if words else frozenset()
        )
        if unlabelled:
            notes.append(f"The images in {listed(unlabelled)} stay in without a label.")
        hashed = bool(passed) and passed[-1].endswith(_BY_HASH)
        why = _no_classes(folders, said, groups, dated=dated) or _above_classes(groups, hashed=hashed)
        if not why:
            return Level(groups, "; ".join([*passed, *_about(folders, said, notes)]), unlabelled=unlabelled)
        passed.append(why)
        dated = dated or why.endswith(_NAMED["date"])
        first = {name: parts[0] if len(parts) > 1 else None for group in groups for name, parts in group.items()}
        option = options.that_reads(first)
        advice = f"; {option} reads them so" if option else ""
        notes.append(f"{why[0].upper()}{why[1:]}, so they were not read as classes{advice}.")
        groups = [{name: parts[1:] if len(parts) > 1 else parts for name, parts in group.items()} for group in groups]
        inside = _folders(groups)
        splits = [found.split for found in kinds(inside).values() if found.kind == "split"]
        if inside and (len(splits) == len(inside) or ("train" in splits and len(set(splits)) > 1)):
            return Level(groups, "; ".join(passed), splits_inside=True)
        if len(inside) == 1 and not any(len(parts) == 1 for group in groups for parts in group.values()):
            # One folder inside every part (`images_001/images/1.png`) divides nothing.
            groups = [{name: parts[1:] for name, parts in group.items()} for group in groups]


def _above_classes(groups: Sequence[Members], *, hashed: bool) -> str:
    """Why the classes are inside these folders: an index of their first letters, or kinds of picture of them all.

    Args:
        hashed: whether the folders above were letters of a hash.
    """
    members = [parts for group in groups for parts in group.values() if len(parts) > 1]
    inside: dict[str, set[str]] = {}
    for parts in members:
        inside.setdefault(parts[0], set()).update(parts[1:-1][:1])
    if letters_of_a_hash(inside) or (hashed and all(_short_hex(folder) for folder in inside)):
        return f"the folders {listed(inside)} {_HASHED}"
    if initials(inside):
        return f"the folders {listed(inside)} are the first letters of those inside"
    return domains(members)


def _folders(groups: Sequence[Members]) -> dict[str, list[str]]:
    """Each first folder with the names of its files, in natural order."""
    found: dict[str, list[str]] = {}
    for group in groups:
        for parts in group.values():
            if len(parts) > 1:
                found.setdefault(parts[0], []).append(parts[-1])
    return {name: found[name] for name in sorted(found, key=natural_key)}


def _no_classes(
    folders: Mapping[str, Sequence[str]], found: Mapping[str, Meaning], groups: Sequence[Members], *, dated: bool
) -> str:
    """Why these folders are no classes, in words; empty when they may be. `dated`: they stand inside a date's."""
    present = {meaning.kind for meaning in found.values()}
    names = listed(folders)
    if not present & {"word", "number", "range"}:
        if present == {"unlabelled"} or len(folders) == 1 and present <= {"split"}:
            return f"the folders {names} {_NAMED[present.pop()]}"
        described = sorted(_NAMED[kind] for kind in present)
        return f"the folders {names} {' or '.join(described)}"
    if dated and all(name.isdigit() and 1 <= int(name) <= 31 for name in folders):
        return f"the folders {names} are dates"
    if present <= {"number", "range", "word", "container"}:
        direct = all(len(parts) < 3 for group in groups for parts in group.values())
        if (pair := _parallel(groups, counting=direct and any(name.lower() in _IMAGES for name in folders))) != "":
            return f"the folders {names} {pair}"
        countable = all(meaning.kind != "word" or _short_hex(name) for name, meaning in found.items())
        if countable and (why := parts_of_a_list(folders)):
            return f"the folders {names} are numbered parts ({why})"
    return ""


def _short_hex(name: str) -> bool:
    return len(name) <= 4 and all(letter in "0123456789abcdef" for letter in name.lower())


def _parallel(groups: Sequence[Members], *, counting: bool) -> str:
    """Folders that hold the same scenes in several forms: the same file names everywhere, which do not merely count in
    each split; or the bands of a scene each (`scene_7/scene_7_B01.tif`).

    Args:
        counting: whether names that merely count tell as well, since one of the folders is called `images`.
    """
    held: list[dict[str, set[str]]] = []
    for group in groups:
        held.append({})
        for parts in group.values():
            if len(parts) > 1:
                held[-1].setdefault(parts[0], set()).add(stem(parts[-1]))
    folders = sorted(set().union(*held), key=natural_key)
    stems = [set().union(*(inside.get(folder, ()) for inside in held)) for folder in folders]
    if len(stems) < 2:
        return ""
    if len(stems[0]) > 3 and all(other == stems[0] for other in stems[1:]):
        if frozenset(name.lower() for name in folders) in PAIRS:
            return "are pairs: several pictures of the same scenes"
        if not counting and all(counts_up(set().union(*inside.values())) for inside in held if inside):
            return ""
        return "hold files of the same names: several pictures of the same scenes"
    bands = [
        {each.removeprefix(folder) for each in found if each.startswith(folder)}
        for folder, found in zip(folders, stems, strict=True)
    ]
    same = len(stems) > 2 and len(bands[0]) == len(stems[0]) > 1 and all(other == bands[0] for other in bands)
    return "each hold the bands of one scene" if same and all(map(_BAND.match, bands[0])) else ""


def _about(folders: Mapping[str, Sequence[str]], found: Mapping[str, Meaning], notes: list[str]) -> list[str]:
    """What to say of folders that were read as classes although their names leave a doubt."""
    doubts = []
    stems = [{stem(file) for file in files} for files in folders.values()]
    if len(stems) == 2 and len(stems[0]) > 3 and stems[0] == stems[1] and with_gaps(stems[0]):
        notes.append(
            f"Both folders ({listed(folders)}) hold files of the same names; if they show the same scenes twice, they "
            "are no classes: --labels none."
        )
    if all(meaning.kind in ("number", "range") for meaning in found.values()):
        doubts.append("numbers read as classes; --labels none if they only divide the files")
    splits = [name for name, said in found.items() if said.kind == "split"]
    if splits:
        notes.append(
            f"The {'folder' if len(splits) == 1 else 'folders'} {listed(splits)} among other folders read as "
            f"{'a class' if len(splits) == 1 else 'classes'}, not as a split."
        )
    strange = [name for name, said in found.items() if said.kind in _DOUBTFUL]
    if strange:
        described = ", ".join(sorted({_NAMED[found[name].kind] for name in strange}))
        notes.append(
            f"The folders {listed(strange)} were read as classes beside the others, although by their names they "
            f"{described}."
        )
    return doubts
