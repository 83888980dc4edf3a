"""Cross-validation on disk: folds that each bring their own train and test. One is a split; together they leak."""

import re
from collections.abc import Mapping

from swaveval.data.folders.folder_names import meaning
from swaveval.text import counted, listed, natural_key, shortened

Parts = tuple[str, ...]
Members = dict[str, Parts]

_FOLD = re.compile(r"^(?:[a-z]*[-_ ]?)?(?:k?fold|folds|cv)[-_ ]*(?:\d+|[a-z])$|^\d+[-_ ]?fold$", re.IGNORECASE)
_REPEATED = re.compile(r"^(?:split|partition|rep|repeat|trial|seed|run|iter|iteration)s?[-_ ]*\d+$", re.IGNORECASE)


def first_fold(members: Members) -> tuple[Members, str]:
    """The images of the first fold, without its folder, and the note; as given and no note where there are no folds.

    Folds are two or more folders called `fold0`, `cv_1`, `split2` … that each hold `train` and another split, or
    whatever folders do so where all hold the same files and deal them differently; or such folders inside each split.
    """
    outside = _folds_of_splits(members)
    if outside:
        first = outside[0]
        kept: Members = {}
        for name, parts in members.items():
            if parts[0] == first:
                kept[name] = parts[1:]
            elif parts[0] not in outside and len(parts) > 1 and _split(parts[0]):
                kept[name] = parts  # a test set apart, beside the folds
        left = len(members) - len(kept) - sum(parts[0] in outside[1:] for parts in members.values())
        return kept, _note(outside, first, "its own directory") + (
            f" {counted(left, 'image')} beside the folds left out." if left else ""
        )
    inside = _folds_in_splits(members)
    if inside:
        first = inside[0]
        kept = {n: (parts[0], *parts[2:]) for n, parts in members.items() if len(parts) > 2 and parts[1] == first}
        return kept, _note(inside, first, "a directory that holds only it")
    return members, ""


def _note(folds: list[str], first: str, where: str) -> str:
    return (
        f"{counted(len(folds), 'fold')} of a cross-validation ({listed(folds)}): {shortened(first, 60)} is read, its "
        "train and test as they are; together, images of one fold's test would be in another's train. "
        f"For another fold give {where}."
    )


def _folds_of_splits(members: Members) -> list[str]:
    inner: dict[str, set[str]] = {}
    files: dict[str, dict[Parts, str]] = {}
    for parts in members.values():
        if len(parts) > 2:
            inner.setdefault(parts[0], set()).add(parts[1])
            files.setdefault(parts[0], {})[parts[2:]] = parts[1]
    found = [top for top, folders in inner.items() if _dealt(folders)]
    named = sorted((top for top in found if _FOLD.match(top) or _REPEATED.match(top)), key=natural_key)
    if len(named) > 1:
        return named
    found.sort(key=natural_key)
    return found if len(found) > 1 and len(found) == len(inner) and _same_files([files[top] for top in found]) else []


def _folds_in_splits(members: Members) -> list[str]:
    inner: dict[str, set[str]] = {}
    files: dict[str, dict[Parts, str]] = {}
    for parts in members.values():
        if len(parts) < 3 or not _split(parts[0]):
            return []
        inner.setdefault(parts[0], set()).add(parts[1])
        files.setdefault(parts[1], {})[parts[2:]] = parts[0]
    several = list(inner.values())
    if not _dealt(set(inner)) or not all(folds == several[0] for folds in several):
        return []
    folds = sorted(several[0], key=natural_key)
    named = len(folds) > 1 and all(_FOLD.match(fold) for fold in folds)
    # Where each fold has its own files, folds are the parts of one split.
    return folds if named and _same_files([files[fold] for fold in folds]) else []


def _dealt(folders: set[str]) -> bool:
    splits = [_split(folder) for folder in folders]
    return None not in splits and "train" in splits and len(set(splits)) > 1


def _split(folder: str) -> str | None:
    return meaning(folder).split


def _same_files(folds: list[Mapping[Parts, str]]) -> bool:
    """Whether all hold the same files, and not all at the same side."""
    first = folds[0]
    return (
        len(first) > 3
        and all(fold.keys() == first.keys() for fold in folds)
        and any(fold[name] != first[name] for fold in folds[1:] for name in first)
    )
