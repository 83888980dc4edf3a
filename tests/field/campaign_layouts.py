"""Forty labelled images in the layouts and tables people bring; the part of the layout campaign about labels."""

import random
from collections.abc import Callable, Iterable, Mapping

from tests.field.brought import ASIDE, CLASS_OF, CLASSES, EACH, IMAGES, IS_TEST, TEST, Brought, trial
from tests.field.campaign import Trial
from tests.field.fold_layouts import fold_layouts
from tests.field.known_layouts import known_layouts
from tests.field.label_cells import several_labels, values
from tests.field.label_files import incomplete_tables, other_tables, tables
from tests.field.public_sets import public_sets

NAMES: dict[str, Callable[[int], str]] = {
    "one counter": lambda number: f"{(number * 7 + 3) % 89:05d}.png",
    "a counter a class": lambda number: f"{number % EACH}.png",
    "img_ counter": lambda number: f"IMG_{number % EACH + 1:04d}.png",
    "hashes": lambda number: f"{(number * 2654435761 + 12345) % 2**32:08x}.png",
    "words": lambda number: f"photo of {number} (copy).png",
}
SPLITS: dict[str, tuple[str, str]] = {
    "train/test": ("train", "test"),
    "Train/Val": ("Train", "Val"),
    "training/validation": ("training", "validation"),
    "train2017/val2017": ("train2017", "val2017"),
    "train_images/test_images": ("train_images", "test_images"),
    "images_train/images_test": ("images_train", "images_test"),
    "x_train/x_test": ("x_train", "x_test"),
    "trainset/testset": ("trainset", "testset"),
    "ILSVRC2012_img_train": ("ILSVRC2012_img_train", "ILSVRC2012_img_val"),
    "train-set/test-set": ("train-set", "test-set"),
    "imagesTr/imagesTs": ("imagesTr", "imagesTs"),
}
WRAPS = ("", "images/", "data/mine/", "my set/")
# Folders that say nothing of the content, by number of the image.
PARTS: dict[str, Callable[[int], str]] = {
    "part-000": lambda number: f"part-{number % 3:03d}",
    "batch_1": lambda number: f"batch_{number % 3 + 1}",
    "images_001": lambda number: f"images_{number % 4 + 1:03d}",
    "shard": lambda number: f"shard {number % 3}",
    "days": lambda number: f"2021-03-{number % 5 + 1:02d}",
    "plain days": lambda number: f"2021030{number % 5 + 1}",
    "years": lambda number: f"{2018 + number % 3}",
    "months": lambda number: ("March 2020", "April 2020", "May 2020")[number % 3],
    "cameras": lambda number: f"cam{number % 3}",
    "CAM_FRONT": lambda number: ("CAM_FRONT", "CAM_BACK")[number % 2],
    "DCIM": lambda number: ("100CANON", "101CANON", "102_PANA")[number % 3],
    "sites": lambda number: f"site{'ABC'[number % 3]}",
    "patients": lambda number: f"patient_{number % 7:03d}",
    "sub-01": lambda number: f"sub-{number % 4 + 1:02d}",
    "folds": lambda number: f"fold{number % 5}",
    "uuids": lambda number: f"{number % 4:08x}-0000-4000-8000-00000000000{number % 4}",
    "nested days": lambda number: f"2021/{number % 2 + 3:02d}/{number % 5 + 1:02d}",
    "VOC years": lambda number: f"VOC20{('07', '12')[number % 2]}",
}
# Whole names: folders by the file's own number or hash.
NUMBERED: dict[str, Callable[[int], str]] = {
    "blocks of ten": lambda number: f"{number // 12}/{number:05d}.png",
    "thousands": lambda number: f"{number // 10 * 1000:05d}/{number // 10 * 1000 + number % 10 * 97:05d}.png",
    "ranges": lambda number: f"{number // 10 * 10:03d}-{number // 10 * 10 + 9:03d}/{number:03d}.png",
    "hash prefix": lambda number: f"{number * 37 % 256:02x}/{number * 37 % 256:02x}{number * 7919 + 4096:06x}.png",
    "hash prefix of one": lambda number: f"{number % 16:x}/{number % 16:x}{number * 7919 + 4096:06x}.png",
    "full but the last": lambda number: f"{number // 11}/{NAMES['hashes'](number)}",
    "padded blocks": lambda number: f"{number // 12:03d}/frame_{number:06d}.png",
}


def masks(files: Mapping[str, int], form: str) -> dict[str, int]:
    """Masks, thumbnails or augmented copies beside the images, in one of the ways they are stored."""
    added: dict[str, int] = {}
    for name, number in files.items():
        folder, slash, file = name.rpartition("/")
        stem, _, suffix = file.rpartition(".")
        if form.startswith("_"):
            added[f"{folder}{slash}{stem}{form}.{suffix}"] = ASIDE + number
        else:
            added[f"{form}/{name}"] = ASIDE + number
    return added


BESIDE = ("", "", "_mask", "_gt", "_seg", "-label", "masks", "ground_truth", "thumbs", "augmented", "SegmentationClass")


def with_beside(files: dict[str, int], form: str) -> dict[str, int]:
    """The images with what lies beside them; a folder of masks stands beside a folder of images."""
    if not form:
        return files
    if form[0] in "_-":
        return files | masks(files, form)
    inside = (
        files if any(name.split("/")[0] == "images" for name in files) else {f"images/{n}": k for n, k in files.items()}
    )
    return inside | {f"{form}/{name.split('/', 1)[1]}": ASIDE + number for name, number in inside.items()}


def class_folders(dice: random.Random, count: int) -> Iterable[Trial]:
    """Real classes in folders: read as classes, whatever they are called and whatever lies around them."""
    for index in range(count):
        titles = list(CLASSES)[index % len(CLASSES)]
        split = (None, *SPLITS)[dice.randrange(len(SPLITS) + 1)]
        wrap, naming, form = dice.choice(WRAPS), dice.choice(list(NAMES)), dice.choice(BESIDE)
        order = dice.choice(("split first", "split inside")) if split == "train/test" else "split first"
        files: dict[str, int] = {}
        for number in IMAGES:
            name = NAMES[naming](number)
            title = CLASSES[titles][CLASS_OF[number]]
            if split is None:
                files[f"{wrap}{title}/{name}"] = number
            elif order == "split first":
                files[f"{wrap}{SPLITS[split][IS_TEST[number]]}/{title}/{name}"] = number
            else:
                files[f"{wrap}{title}/{SPLITS[split][IS_TEST[number]]}/{name}"] = number
        brought = Brought(
            with_beside(files, form),
            {number: CLASSES[titles][CLASS_OF[number]] for number in IMAGES},
            TEST if split else None,
            # Numbers as class names, and one counter through all classes: numbered parts look the same.
            said="numbered parts .*--labels folders" if titles in ("digits", "padded") and naming == "words" else "",
        )
        yield trial("class folders", f"{titles}, {naming}, {split or 'no split'}, {order}, {wrap}…, {form}", brought)


def folders_without_meaning(dice: random.Random, count: int) -> Iterable[Trial]:
    """Parts, dates, cameras, patients, numbered shards: no classes, and it is said."""
    kinds = [*((name, "parts") for name in PARTS), *((name, "numbered") for name in NUMBERED)]
    for index in range(count):
        name, form = kinds[index % len(kinds)]
        split = (None, *SPLITS)[dice.randrange(len(SPLITS) + 1)] if index >= len(kinds) else None
        wrap, naming = dice.choice(WRAPS), dice.choice(("one counter", "hashes", "words"))
        aside = dice.choice(BESIDE) if form == "parts" else ""
        files = {}
        for number in IMAGES:
            inner = f"{PARTS[name](number)}/{NAMES[naming](number)}" if form == "parts" else NUMBERED[name](number)
            before = f"{SPLITS[split][IS_TEST[number]]}/" if split else ""
            files[f"{wrap}{before}{inner}"] = number
        brought = Brought(with_beside(files, aside), None, TEST if split else None, must="none: ")
        yield trial(
            "folders that are no classes", f"{name}, {naming}, {split or 'no split'}, {wrap}…, {aside}", brought
        )


def classes_inside_parts(dice: random.Random) -> Iterable[Trial]:
    """Parts above class folders: the classes are found below."""
    for name, part in PARTS.items():
        titles = dice.choice(("words", "wnids", "numbered words"))
        naming = dice.choice(("one counter", "hashes"))
        files = {f"{part(n)}/{CLASSES[titles][CLASS_OF[n]]}/{NAMES[naming](n)}": n for n in IMAGES}
        labels = {number: CLASSES[titles][CLASS_OF[number]] for number in IMAGES}
        yield trial("classes inside parts", f"{name}, {titles}", Brought(files, labels))


def flat(dice: random.Random) -> Iterable[Trial]:
    """No class folders at all."""
    for wrap in ("", "images/", "JPEGImages/", "2021/03/", "img_align_celeba/", "masks/"):
        for form in ("", "_mask", "_gt", "_seg", "_segmentation"):
            files = {f"{wrap}{NAMES['one counter'](number)}": number for number in IMAGES}
            aside = masks(files, form) if form else {}
            yield trial("flat", f"{wrap}… {form}", Brought(files | aside, None, must="none: "))
    for split, (train, test) in SPLITS.items():
        for form in ("", "masks", "labels"):
            files = {}
            for number in IMAGES:
                base = f"{(train, test)[IS_TEST[number]]}/{NAMES['one counter'](number)}"
                files[f"images/{base}" if form else base] = number
                if form:
                    files[f"{form}/{base}"] = ASIDE + number
            yield trial("flat", f"{split} {form}", Brought(files, None, TEST, must="none: "))


def words_of_the_option(dice: random.Random) -> Iterable[Trial]:
    """`--labels none` and `--labels folders` win over whatever the folders look like."""
    for titles, names in CLASSES.items():
        for split in (None, "train/test", "train2017/val2017"):
            files = {}
            for number in IMAGES:
                before = f"{SPLITS[split][IS_TEST[number]]}/" if split else ""
                files[f"{before}{names[CLASS_OF[number]]}/{NAMES['one counter'](number)}"] = number
            brought = Brought(files, None, TEST if split else None, option="none", must="none: --labels none")
            yield trial("--labels none", f"{titles}, {split or 'no split'}", brought)
    for name, part in PARTS.items():
        if name == "nested days":
            continue
        files = {f"{part(number)}/{NAMES['hashes'](number)}": number for number in IMAGES}
        brought = Brought(files, {n: part(n) for n in IMAGES}, option="folders", must="--labels folders")
        yield trial("--labels folders", name, brought)


def trials() -> list[Trial]:
    """Every trial of this file, the same each time."""
    return [
        *class_folders(random.Random("classes"), 99),
        *folders_without_meaning(random.Random("parts"), 75),
        *classes_inside_parts(random.Random("inside")),
        *flat(random.Random("flat")),
        *known_layouts(),
        *public_sets(),
        *fold_layouts(),
        *words_of_the_option(random.Random("option")),
        *tables(random.Random("tables"), 72),
        *values(),
        *several_labels(),
        *incomplete_tables(),
        *other_tables(),
    ]
