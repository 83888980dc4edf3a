"""Folders beside the class folders that are none: a copy of them all, more of the same classes, a bare test set."""

import re
from collections.abc import Mapping
from itertools import pairwise

from swaveval.data.folders.folder_names import Meaning, is_held_out, meaning
from swaveval.text import counted, shortened

Parts = tuple[str, ...]
Members = dict[str, Parts]
_LETTERS_OF_A_HASH = re.compile("^[0-9a-f]{1,4}$", re.IGNORECASE)


def without_nested_copy(members: Members, notes: list[str]) -> Members:
    """`flowers/rose/1.png` beside `rose/1.png` is the same picture; `more/rose/9.png` is one more of that class."""
    folder, files, copies = nested_copy(members)
    if not folder or meaning(folder).kind == "split":
        return members
    if copies:
        notes.append(
            f"{counted(len(files), 'image')} in {shortened(folder, 60)} left out: it holds the folders that stand "
            "beside it once more, with files of the same names."
        )
        return {name: parts for name, parts in members.items() if name not in files}
    notes.append(
        f"The folder {shortened(folder, 60)} holds folders of the same names as those beside it: its images were read "
        "as of these classes."
    )
    return {name: parts[1:] if name in files else parts for name, parts in members.items()}


def without_repeated_folders(members: Members) -> Members:
    """`cats/cats/1.png`, where the outer folder holds nothing but the inner one, is `cats/1.png`."""
    if not any(_doubled(a, b) for parts in members.values() for a, b in pairwise(parts[:-1])):
        return members
    inside: dict[Parts, set[str]] = {}
    for parts in members.values():
        for depth in range(1, len(parts)):
            inside.setdefault(parts[:depth], set()).add(parts[depth])
    return {
        name: tuple(
            part
            for depth, part in enumerate(parts)
            if not (0 < depth < len(parts) - 1 and _doubled(parts[depth - 1], part) and len(inside[parts[:depth]]) == 1)
        )
        for name, parts in members.items()
    }


def _doubled(outer: str, inner: str) -> bool:
    return outer == inner and not _LETTERS_OF_A_HASH.match(outer)


def train_is_a_class(members: Members, found: Mapping[str, Meaning]) -> bool:
    """`bus/1.png car/2.png train/3.png`: no split, where it is the only one, and like the others in form and size.

    Args:
        found: the meaning of the first folders.
    """
    splits = [folder for folder, said in found.items() if said.kind == "split"]
    words = sum(said.kind == "word" for said in found.values())
    if len(splits) != 1 or words < 2 or words + 1 < len(found) or any(len(parts) != 2 for parts in members.values()):
        return False
    return 2 * sum(parts[0] == splits[0] for parts in members.values()) <= len(members)


def nested_copy(members: Mapping[str, Parts]) -> tuple[str, set[str], bool]:
    """A folder that holds the same folders as stand beside it: `flowers/rose` beside `rose`.

    Returns:
        the folder (empty: there is none), its files, and whether they have the names of those beside it: copies.
    """
    inside: dict[str, dict[str, set[str]]] = {}
    for parts in members.values():
        if len(parts) > 2:
            inside.setdefault(parts[0], {}).setdefault(parts[1], set()).add("/".join(parts[2:]))
    held: dict[str, set[str]] = {}
    for parts in members.values():
        if len(parts) > 1:
            held.setdefault(parts[0], set()).add("/".join(parts[1:]))
    for folder, inner in inside.items():
        others = held.keys() - {folder}
        if not others or inner.keys() != others:
            continue
        copies = all(inner[top] <= held[top] for top in others)
        classes = others if len(others) > 1 else {file.split("/")[0] for file in held[min(others)] if "/" in file}
        if len(classes) > 1 and (len(others) > 1 or copies):
            return folder, {name for name, parts in members.items() if parts[0] == folder}, copies
    return "", set(), False


def without_bare_test_set(members: Members, notes: list[str]) -> Members:
    """`animals_testset/1.png` beside `animals/cat/… animals/dog/…`: images without classes are no class."""
    inside: dict[str, set[Parts]] = {}
    for parts in members.values():
        inside.setdefault(parts[0] if len(parts) > 1 else "", set()).add(parts[1:-1])
    bare = {folder for folder, paths in inside.items() if len(paths) == 1 and is_held_out(folder)}
    others = [paths for folder, paths in inside.items() if folder not in bare]
    if not bare or not others or any(meaning(folder).split == "train" for folder in inside):
        return members  # a given split, read as one
    if any(len({path[:1] for path in paths}) < 2 or () in paths for paths in others):
        return members  # the others are classes themselves
    kept = {name: parts for name, parts in members.items() if parts[0] not in bare}
    left = len(members) - len(kept)
    notes.append(
        f"{counted(left, 'image')} in {shortened(', '.join(sorted(bare)), 60)} without class folders left out."
    )
    return kept
