"""What folders mean: labels, splits, or nothing. A pure function of relative file names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from swaveval.data.names import counted, printable, shortened

TRAIN = frozenset({"train", "training"})
TEST = frozenset({"test", "testing"})
VALIDATION = frozenset({"val", "valid", "validation"})

Parts = tuple[str, ...]


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
    """

    labels: Mapping[str, str | None]
    labelled: bool
    splits: Mapping[str, str] | None = None
    source: str = "folders"
    notes: tuple[str, ...] = ()
    origin: str = ""


def split_name(word: str) -> str | None:
    """`train`, `test` or `validation` for the ways people write them, else None."""
    word = word.strip().lower()
    for name, spellings in (("train", TRAIN), ("test", TEST), ("validation", VALIDATION)):
        if word in spellings:
            return name
    return None


def place_by_folders(files: Sequence[str]) -> Placing:
    """Read class and split folders off the names.

    - `train/`, `test/`, `val/` or `validation/`: a given split, classes inside.
    - other folders that hold images: classes, by the first folder (as torchvision's ImageFolder).
    - images directly in the directory: flat, no labels (lightly's LightlyDataset), unless they are fewer than the
      class folders beside them; such strays are left out.
    - a folder that holds everything is no class: what is inside it is read instead.
    """
    notes: list[str] = []
    parts = _without_common({name: tuple(name.split("/")) for name in files})
    tops = {inner[0] for inner in parts.values() if len(inner) > 1}
    meaning = {top: split_name(top) for top in tops}
    if "train" not in meaning.values() and not (tops and all(meaning.values())):
        labels = _classes(parts, notes, "")
        if labels is None and files and "/" in files[0]:
            notes.append("The images lie in folders that name no classes, so they were read without labels.")
        origin = "none: one flat folder" if labels is None else "class folders"
        return Placing(labels or dict.fromkeys(parts), labels is not None, notes=tuple(notes), origin=origin)

    groups: dict[str, dict[str, Parts]] = {}
    for name, inner in parts.items():
        split = meaning.get(inner[0]) if len(inner) > 1 else None
        if split is not None:
            groups.setdefault(split, {})[name] = inner[1:]
    outside = len(parts) - sum(len(members) for members in groups.values())
    if outside:
        notes.append(f"{counted(outside, 'image')} outside the folders {_listed(groups)} left out.")
    return _place_groups(files, groups, notes)


def _place_groups(files: Sequence[str], groups: dict[str, dict[str, Parts]], notes: list[str]) -> Placing:
    """Labels inside the split folders; splits without labels are of no use beside a split with labels."""
    groups = _without_common_classes(groups)
    found = {split: _classes(members, notes, f"{split}: ") for split, members in groups.items()}
    bare = [split for split, labels in found.items() if labels is None]
    labelled = len(bare) < len(found)
    if labelled and bare:
        count = sum(len(groups[split]) for split in bare)
        notes.append(f"{counted(count, 'image')} in {_listed(bare)} without class folders left out.")
        found = {split: labels for split, labels in found.items() if labels is not None}
    placed = {
        name: (split, label)
        for split, labels in found.items()
        for name, label in (labels or dict.fromkeys(groups[split])).items()
    }
    used = [name for name in files if name in placed]
    return Placing(
        labels={name: placed[name][1] for name in used},
        labelled=labelled,
        splits={name: placed[name][0] for name in used},
        notes=tuple(notes),
        origin="class folders" if labelled else "none: the split folders hold no class folders",
    )


def _classes(members: Mapping[str, Parts], notes: list[str], where: str) -> dict[str, str | None] | None:
    """File to class folder for the files that have one, or None when the folder is flat."""
    direct = [name for name, parts in members.items() if len(parts) == 1]
    labels: dict[str, str | None] = {name: parts[0] for name, parts in members.items() if len(parts) > 1}
    classes = set(labels.values())
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


def _without_common(members: dict[str, Parts]) -> dict[str, Parts]:
    """Drop leading folders that all files share, down to a folder that names a split."""
    while members:
        tops = {parts[0] for parts in members.values()}
        if len(tops) > 1 or any(len(parts) == 1 for parts in members.values()) or split_name(next(iter(tops))):
            return members
        members = {name: parts[1:] for name, parts in members.items()}
    return members


def _without_common_classes(groups: dict[str, dict[str, Parts]]) -> dict[str, dict[str, Parts]]:
    """`train/images/cat/…`, and `val/images/…` beside `train/cat/…`: `images` is no class."""
    everything = [parts for members in groups.values() for parts in members.values()]
    while len({parts[0] for parts in everything}) == 1 and all(len(parts) > 1 for parts in everything):
        groups = {split: {n: parts[1:] for n, parts in members.items()} for split, members in groups.items()}
        everything = [parts for members in groups.values() for parts in members.values()]
    tops = {split: {parts[0] for parts in members.values() if len(parts) > 1} for split, members in groups.items()}
    others = {split: set().union(*(tops[other] for other in groups if other != split)) for split in groups}
    return {
        split: members if tops[split] & others[split] else _without_common(members) for split, members in groups.items()
    }


def _listed(names: Iterable[str]) -> str:
    return ", ".join(printable(name) for name in names)


def place_without_labels(files: Sequence[str]) -> Placing:
    """Every image, without labels; the split that folders name is kept."""
    parts = _without_common({name: tuple(name.split("/")) for name in files})
    splits = {name: split_name(inner[0]) if len(inner) > 1 else None for name, inner in parts.items()}
    given = {name: split for name, split in splits.items() if split is not None}
    return Placing(
        labels=dict.fromkeys(files),
        labelled=False,
        splits={name: given.get(name, "train") for name in files} if len(set(given.values())) > 1 else None,
        origin="none: --labels none",
    )
