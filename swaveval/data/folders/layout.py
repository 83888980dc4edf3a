"""What folders mean: labels, splits, or nothing. A pure function of relative file names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from swaveval.data.folders.annotations import beside
from swaveval.data.folders.beside_classes import (
    train_is_a_class,
    without_bare_test_set,
    without_nested_copy,
    without_repeated_folders,
)
from swaveval.data.folders.class_level import Level, class_level
from swaveval.data.folders.folder_names import PAIRS, Meaning, kinds, meaning, split_name, splits_with_classes
from swaveval.data.folders.folds import first_fold
from swaveval.data.folders.inner_folders import FolderOptions, levelled, not_read
from swaveval.text import counted, listed, printable, shortened

Parts = tuple[str, ...]
Members = dict[str, Parts]
FOLDERS_ARE = "--labels folders reads them as classes"
COCO = re.compile(r"^(?:train|val|test)20\d\d$")


@dataclass(frozen=True, slots=True)
class Placing:
    """Labels and split of the files that are used.

    Attributes:
        labels: file to its label (None: no label); the keys are the files used, in the order given.
        labelled: whether there are labels at all.
        splits: file to `train`, `test` or `validation`, or None when nothing says so.
        source: what said so: `folders`, or the label file's name.
        notes: sentences on what was left out or read in an unexpected way.
        origin: where the labels came from, or why there are none (`none: …`).
        several: for labels of several words an image, how many images carry each; empty for one label an image.
    """

    labels: Mapping[str, str | None]
    labelled: bool
    splits: Mapping[str, str] | None = None
    source: str = "folders"
    notes: tuple[str, ...] = ()
    origin: str = ""
    several: Mapping[str, int] | None = None


def place_by_folders(files: Sequence[str]) -> Placing:
    """Read class and split folders off the names.

    - Masks, drawn annotations, thumbnails and augmented copies beside the images are left out.
    - `train/`, `test/`, `val/` or `validation/`, and names like `train2017`, `train_images` or `imagesTr`: a given
      split, classes inside. Splits may also stand inside the class folders.
    - Folds of a cross-validation that each hold train and test: the first of them.
    - Folders that are parts (`batch_1`, numbered shards), dates, cameras, places or patients: no classes; what is
      inside them is read instead.
    - Folders that are an index of those inside (first letters, letters of a hash) or domains that hold the same, more
      numerous classes: likewise.
    - Folders that hold the others once more, and a test set without classes beside classes: left out.
    - Other folders that hold images: classes, by the first folder (as torchvision's ImageFolder).
    - Images directly in the directory: flat, no labels (lightly's LightlyDataset), unless they are fewer than the class
      folders beside them; such strays are left out.
    - A folder that holds everything is no class: what is inside it is read instead.
    """
    parts, notes, reasons = _images_alone(files, labels=True)
    placing = _placed(files, parts, notes, reasons, labels=True)
    inside = not_read(placing.labels, _options(files), split=placing.splits is not None)
    return replace(placing, notes=(*placing.notes, inside)) if inside else placing


def place_without_labels(files: Sequence[str]) -> Placing:
    """Every image, without labels; masks and copies are left out and the split that folders name is kept."""
    parts, notes, _ = _images_alone(files, labels=False)
    placing = _placed(files, parts, notes, [], labels=False)
    return replace(placing, origin="none: --labels none")


def place_by_first_folder(files: Sequence[str], level: int = 1, last: int | None = None) -> Placing:
    """Folders as classes whatever they are called; only `train`, `test` and `val` themselves are splits, above the
    others or inside the first ones.

    Args:
        files: relative names.
        level: which folder of a path, splits not counted: 1 the first, 2 the one in it; -1 the one that the file lies
            in.
        last: where it is a later one, the folders from `level` to it together.
    """
    notes: list[str] = []
    parts = _class_then_split(_without_common(_split_parts(files), exact=True), notes)
    tops = {inner[0] for inner in parts.values() if len(inner) > 1}
    found = {top: said for top, said in kinds(tops).items() if said.exact}
    if "train" in {said.split for said in found.values()} or (tops and len(found) == len(tops)):
        groups, named = _grouped(parts, found, notes)
        groups = {split: levelled(members, level, last) for split, members in _without_common_classes(groups).items()}
        placing = _place_groups(files, groups, named, notes, [], labels=True, roles=False)
    else:
        labels = _classes(levelled(parts, level, last), notes, "")
        placing = Placing(labels or dict.fromkeys(files), labels is not None, notes=tuple(notes))
    levels = f":{level}-{last}" if last not in (None, level) else f":{level}" if level != 1 else ""
    option = f"folders{levels}"
    said = f"class folders (--labels {option})" if placing.labelled else "none: no folder divides the images"
    return replace(placing, origin=said)


def _options(files: Sequence[str]) -> FolderOptions:
    return FolderOptions(files, lambda some, level, last: place_by_first_folder(some, level, last).labels)


# -- steps -----------------------------------------------------------------------------------------------------------


def _split_parts(files: Iterable[str]) -> Members:
    return without_repeated_folders({name: tuple(name.split("/")) for name in files})


def _images_alone(files: Sequence[str], *, labels: bool) -> tuple[Members, list[str], list[str]]:
    """The images below the folder that holds everything, notes on what was left out, and words on the layout.

    Args:
        labels: whether images are wanted for their labels, so that those of a set without any are of no use.
    """
    everything = _without_common(_split_parts(files))
    found = beside(everything)
    notes: list[str] = []
    if found.masks:
        where = [f"the folders {listed(found.mask_folders)}"] if found.mask_folders else []
        where += [f"names with {listed(found.suffixes)}"] if found.suffixes else []
        advice = f"; {FOLDERS_ARE}" if found.doubtful and found.mask_folders else ""
        by = " and ".join(where)
        notes.append(f"{counted(len(found.masks), 'image')} left out: masks or annotations by {by}{advice}.")
    if found.copies:
        where = [f"in {listed(found.copy_folders)}"] if found.copy_folders else []
        where += ["by their names"] if found.copied else []
        advice = f"; {FOLDERS_ARE}" if found.doubtful and found.copy_folders else ""
        by = " and ".join(where)
        notes.append(f"{counted(len(found.copies), 'image')} left out: copies of other images {by}{advice}.")
    said = kinds({parts[0] for parts in everything.values()})
    notes += [
        f"The folder {shortened(folder, 60)} is called like masks or copies, but its {why}: it was read like any other "
        "folder."
        for folder, why in found.kept.items()
        if folder not in said or said[folder].kind != "split"
    ]
    kept = {name: parts for name, parts in everything.items() if name not in found.masks | found.copies}
    inner = _without_common(kept) if len(kept) < len(everything) else kept
    reasons = []
    if len(kept) < len(everything):
        copies = ["copies by their names"] * bool(found.copied)
        aside = listed([*found.mask_folders, *found.copy_folders, *(f"…{word}" for word in found.suffixes), *copies])
        container = sorted({next(iter(kept.values()))[0]}) if kept and inner != kept else []
        reasons.append(
            f"{_known_layout(container)}{listed(container)} holds the images, {aside} what belongs to them"
            if container
            else f"{aside} left out"
        )
    inner, folds = first_fold(inner)
    notes += [folds] * bool(folds)
    if labels:
        inner = _without_common(without_bare_test_set(inner, notes))
    return _without_common(without_nested_copy(inner, notes)), notes, reasons


def _dated(parts: Members) -> bool:
    """Whether the folders that hold everything are a date's (`2021/03/…`)."""
    name, inner = next(iter(parts.items()), ("", ()))
    return any(meaning(folder).kind == "date" for folder in name.split("/")[: -len(inner) or None] if inner)


def _known_layout(folders: Iterable[str]) -> str:
    return "VOC layout: " if "JPEGImages" in folders else ""


def _placed(files: Sequence[str], parts: Members, notes: list[str], reasons: list[str], *, labels: bool) -> Placing:
    parts = _class_then_split(parts, notes)
    inside: dict[str, set[str]] = {}
    for inner in parts.values():
        if len(inner) > 1:
            inside.setdefault(inner[0], set()).update(inner[1:-1][:1])
    found = kinds(inside) | splits_with_classes(inside)
    splits = {top: said for top, said in found.items() if said.kind == "split"}
    only = all(said.kind == "split" for said in found.values() if said.kind not in ("unlabelled", "container"))
    trains = [said for said in splits.values() if said.split == "train"]
    given = only or any(said.exact for said in trains) or (trains and len(trains) < len(splits))
    if splits and given and not train_is_a_class(parts, found):
        groups, aside = _grouped(parts, splits, notes)
        if any(not said.exact for said in splits.values()):
            coco = "COCO layout: " if any(COCO.match(top) for top in splits) else ""
            reasons.append(f"{coco}{listed(splits)} name {'the split' if len(splits) > 1 else 'a split'}")
        return _place_groups(files, groups, aside, notes, reasons, labels=labels, roles=True)
    if not labels:
        return Placing({name: None for name in files if name in parts}, False, notes=tuple(notes))
    level = class_level([parts], notes, reasons, _options(files), dated=_dated(parts))
    if level.splits_inside and level.reason:
        return _placed(files, level.groups[0], notes, [*reasons, level.reason], labels=True)
    members = level.groups[0]
    classes = None if level.flat else _classes(members, notes, "", level.unlabelled)
    used = {name: (classes or {}).get(name) for name in files if name in (members if classes is None else classes)}
    return Placing(used, classes is not None, notes=tuple(notes), origin=_origin(classes, level, reasons))


def _origin(classes: object, level: Level, reasons: Sequence[str]) -> str:
    why = "; ".join(reason for reason in [level.reason, *reasons] if reason)
    if classes is not None:
        return f"class folders ({why})" if why else "class folders"
    return f"none: {why or 'one flat folder'}"


def _class_then_split(parts: Members, notes: list[str]) -> Members:
    """`cat/train/1.png dog/test/2.png`: the split stands inside each class; turned round."""
    tops: dict[str, set[str]] = {}
    for inner in parts.values():
        tops.setdefault(inner[0], set()).add(inner[1] if len(inner) > 2 else "")
    if without := sorted(top for top, folders in tops.items() if "" in folders):
        split = sorted(top for top, folders in tops.items() if len({meaning(f).split for f in folders} - {None}) > 1)
        if len(split) > 1:
            have = "has" if len(without) == 1 else "have"
            notes.append(f"The split inside {listed(split)} was not read: {listed(without)} {have} none.")
        return parts
    inside = set().union(*tops.values()) if tops else set()
    named = {folder: meaning(folder) for folder in inside}
    if (
        len(tops) < 2
        or len({said.split for said in named.values()}) < 2
        or not all(said.kind == "split" and not said.rest for said in named.values())
        or any(said.kind not in ("word", "number", "identifier") for said in kinds(tops).values())
    ):
        return parts
    notes.append(f"The split was read inside the class folders ({listed(sorted(inside))}).")
    return {name: (inner[1], inner[0], *inner[2:]) for name, inner in parts.items()}


def _grouped(parts: Members, splits: Mapping[str, Meaning], notes: list[str]) -> tuple[dict[str, Members], bool]:
    """The images of each split without its folder; whether the names of the splits name classes (`train_cats`)."""
    rests = {said.rest for said in splits.values()}
    words = [set(rest.split()) for rest in rests]
    # `set_train_HR set_train_LR`: two kinds of picture of the same scenes.
    pairs = any(pair <= set().union(*words) and not any(pair <= said for said in words) for pair in PAIRS)
    sides: dict[str, set[str | None]] = {}
    for each in splits.values():
        sides.setdefault(each.rest, set()).add(each.split)
    shared = any(len(on) > 1 for rest, on in sides.items() if rest)
    classes = all(len(rest) > 1 and not rest.isdigit() for rest in rests)
    named = len(rests - {""}) > 1 and shared and classes and not pairs
    if len(rests - {""}) > 1 and not named:
        notes.append(
            f"The folders {listed(splits)} name splits and kinds of image that were not read as classes; {FOLDERS_ARE}."
        )
    groups: dict[str, Members] = {}
    for name, inner in parts.items():
        said = splits.get(inner[0]) if len(inner) > 1 else None
        if said is not None and said.split is not None:
            groups.setdefault(said.split, {})[name] = (said.rest, *inner[1:]) if named else inner[1:]
    outside = len(parts) - sum(len(members) for members in groups.values())
    if outside:
        notes.append(f"{counted(outside, 'image')} outside the folders {listed(splits)} left out.")
    return groups, named


def _place_groups(
    files: Sequence[str],
    groups: dict[str, Members],
    named: bool,
    notes: list[str],
    reasons: list[str],
    *,
    labels: bool,
    roles: bool,
) -> Placing:
    """Labels inside the split folders; splits without labels are of no use beside a split with labels."""
    level = Level([], "")
    if labels and not named:
        groups = _without_common_classes(groups)
        if roles:
            dated = any(_dated(members) for members in groups.values())
            level = class_level(list(groups.values()), notes, reasons, _options(files), dated=dated)
            groups = dict(zip(groups, level.groups, strict=True))
    found: dict[str, dict[str, str | None] | None] = {
        split: None if level.flat or not labels else _classes(members, notes, f"{split}: ", level.unlabelled)
        for split, members in groups.items()
    }
    bare = [split for split, classes in found.items() if classes is None]
    labelled = len(bare) < len(found)
    if labelled and bare:
        count = sum(len(groups[split]) for split in bare)
        notes.append(f"{counted(count, 'image')} in {listed(bare)} without class folders left out.")
        found = {split: classes for split, classes in found.items() if classes is not None}
    placed = {
        name: (split, label)
        for split, classes in found.items()
        for name, label in (classes or dict.fromkeys(groups[split])).items()
    }
    used = [name for name in files if name in placed]
    why = "; ".join(reason for reason in [level.reason, *reasons] if reason)
    bare_origin = f"none: {why or 'the split folders hold no class folders'}"
    return Placing(
        labels={name: placed[name][1] for name in used},
        labelled=labelled,
        splits={name: placed[name][0] for name in used},
        notes=tuple(notes),
        origin=(f"class folders ({why})" if why else "class folders") if labelled else bare_origin,
    )


def _classes(
    members: Mapping[str, Parts], notes: list[str], where: str, unlabelled: frozenset[str] = frozenset()
) -> dict[str, str | None] | None:
    """File to class folder for the files that have one, or None when the folder is flat."""
    direct = [name for name, parts in members.items() if len(parts) == 1]
    labels: dict[str, str | None] = {
        name: None if parts[0] in unlabelled else parts[0] for name, parts in members.items() if len(parts) > 1
    }
    classes = {label for label in labels.values() if label is not None}
    if not direct:
        return labels
    if len(direct) < len(classes):
        example = shortened(direct[0], 60)
        notes.append(f"{where}{counted(len(direct), 'image')} beside the class folders left out ({example}).")
        return labels
    if classes:
        notes.append(
            f"{where}{counted(len(direct), 'image')} directly in the folder: read as one flat folder without labels, "
            f"its {counted(len(classes), 'subfolder')} included."
        )
    return None


def _without_common(members: Members, *, exact: bool = False) -> Members:
    """Drop leading folders that all files share, down to a folder that names a split."""
    while members:
        tops = {parts[0] for parts in members.values()}
        if len(tops) > 1 or any(len(parts) == 1 for parts in members.values()) or split_name(next(iter(tops))):
            return members
        members = {name: parts[1:] for name, parts in members.items()}
    return members


def _without_common_classes(groups: dict[str, Members]) -> dict[str, Members]:
    """`train/images/cat/…`, and `val/images/…` beside `train/cat/…`: `images` is no class."""
    everything = [parts for members in groups.values() for parts in members.values()]
    while len({parts[0] for parts in everything}) == 1 and all(len(parts) > 1 for parts in everything):
        groups = {split: {n: parts[1:] for n, parts in members.items()} for split, members in groups.items()}
        everything = [parts for members in groups.values() for parts in members.values()]
    tops = {split: {parts[0] for parts in members.values() if len(parts) > 1} for split, members in groups.items()}
    # Tiny-ImageNet: `train/n01443537/images/…` has classes, `val/images/…` and `test/images/…` have none.
    if any(len(folders) > 1 for folders in tops.values()):
        bare = {
            s for s, folders in tops.items() if len(folders) == 1 and meaning(next(iter(folders))).kind == "container"
        }
        groups = {split: _without_common(members) if split in bare else members for split, members in groups.items()}
        tops = {split: set() if split in bare else folders for split, folders in tops.items()}
    others = {split: set().union(*(tops[other] for other in groups if other != split)) for split in groups}
    return {
        split: members if tops[split] & others[split] else _without_common(members) for split, members in groups.items()
    }


__all__ = [
    "Placing",
    "place_by_first_folder",
    "place_by_folders",
    "place_without_labels",
    "printable",
    "split_name",
]
