"""Layouts as public sets and tools leave them, as lists of names: which images, classes and splits are read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from swaveval.data import open_images
from swaveval.data.classes import as_classes
from swaveval.data.folders.layout import Placing, place_by_first_folder, place_by_folders

WORDS = ("heron", "lynx", "moth", "otter")


def classes(*tops: str, count: int = 9, words: tuple[str, ...] = WORDS) -> list[str]:
    """Images of each class below each folder, no two of the same name."""
    return [f"{top}/{word}/{word[0]}{top[:9]}{n}x.png" for top in tops for word in words for n in range(count)]


def numbered(*folders: str, ending: str = "", count: int = 9) -> list[str]:
    """The same names that merely count in each folder."""
    return [f"{folder}/{n}{ending}.png" for folder in folders for n in range(count)]


@dataclass(frozen=True)
class Case:
    """What is brought, and what is right."""

    name: str
    files: list[str]
    classes: set[str]
    splits: dict[str, int]
    used: int
    note: str = ""


def given(
    name: str, files: list[str], train: int, test: int, *, words: tuple[str, ...] = WORDS, note: str = ""
) -> Case:
    return Case(name, files, set(words), {"train": train, "test": test}, train + test, note)


def splits() -> Iterator[Case]:
    for top in ("trainval", "train_val", "train-val", "TrainVal", "train_and_val", "training_validation"):
        for words in (WORDS, WORDS[:2]):
            each = 9 * len(words)
            yield given(f"{top} of {len(words)}", classes(top, "test", words=words), each, each, words=words)
    for top in ("train_aug", "augmented_train", "train_lt", "train_balanced"):
        yield given(top, classes(top, "test"), 36, 36)
    yield given("two kinds", classes("train_noisy", "test_clean"), 36, 36, note="name splits and kinds of image")
    yield given("batches", classes("data_batch_1", "data_batch_2", "test_batch"), 72, 36)
    yield given("augmented copies beside", classes("train", "train_aug", "test"), 36, 36, note="36 images outside")
    both = classes("train", "id_val", "id_test", "ood_test")
    yield Case("WILDS", both, set(WORDS), {"train": 36, "validation": 36, "test": 72}, 144)


def masks() -> Iterator[Case]:
    for no in ("Non Mask", "no_mask", "nomask", "unmasked"):
        yield Case(f"mask and {no}", numbered("Mask", no), {"Mask", no}, {}, 18, "its opposite stands beside it")
    yield Case("gestures", numbered("thumb", "index"), set(), {}, 9, "--labels folders reads them as classes")
    yield Case("lungs", numbered("lungs", "lung masks"), set(), {}, 9, "--labels folders reads them as classes")
    yield Case("labels beside labeled", numbered("labels", "labeled"), set(), {}, 9, "--labels folders reads them")
    yield Case("scans", numbered("scans", "masks"), set(), {}, 9, "--labels folders reads them as classes")
    yield Case(
        "masks of the face", numbered("helmets", "face masks"), {"helmets", "face masks"}, {}, 18, "merely count"
    )
    covid = [
        f"{c}/{kind}/{c}{n}.png" for c in ("COVID", "Normal") for kind in ("images", "lung masks") for n in range(9)
    ]
    yield Case("COVID-QU-Ex", covid, {"COVID", "Normal"}, {}, 18, "masks or annotations")
    isic = [f"ISIC_{n:07d}{end}" for n in range(9) for end in (".jpg", "_superpixels.png")]
    yield Case("ISIC 2017", isic, set(), {}, 9, "names with superpixels")
    chase = [f"Image_{n:02d}L{end}" for n in range(9) for end in (".jpg", "_1stHO.png", "_2ndHO.png")]
    yield Case("CHASE_DB1", chase, set(), {}, 9, "1stho")
    drive = [f"training/{kind}/{n}_training.png" for kind in ("images", "1st_manual", "mask") for n in range(21, 30)]
    yield Case("DRIVE", drive, set(), {"train": 9}, 9, "masks or annotations")
    yield Case("LEVIR-CD", numbered("train/A", "train/B", "train/label"), set(), {"train": 18}, 18, "label")
    supervisely = [f"{kind}/s{n}b.png" for kind in ("img", "mask_visual", "masks_machine") for n in range(9)]
    yield Case("Supervisely", supervisely, set(), {}, 9, "masks or annotations")
    derived = [f"{w}/{w}{n}{end}.png" for w in WORDS for n in range(9) for end in ("", "_thumb", "_aug0", "-150x150")]
    yield Case("copies beside images", derived, set(WORDS), {}, 36, "108 images left out: copies")
    yield Case("images and others", numbered("Images", "Results"), set(), {}, 18, "hold files of the same names")


def domains() -> Iterator[Case]:
    alphabets = [
        f"{a}/character{c:02d}/{a}{c}_{n}.png"
        for a, many in (("Greek", 9), ("Latin", 14))
        for c in range(many)
        for n in range(4)
    ]
    yield Case("Omniglot", alphabets, {"Greek", "Latin"}, {}, 92, "folders:1-2 each with its outer one")
    digits = [f"{a}/{s}/{c}/{a}{s}{c}.png" for a in ("mnist", "syn") for s in ("train", "val") for c in range(9)]
    yield Case(
        "Digits-DG", digits, {"mnist", "syn"}, {"train": 18, "validation": 18}, 36, "folders:2 reads the inner ones"
    )
    plants = [
        f"{p}/{state}/{p}{state}{n}.png" for p in ("Apple", "Tomato") for state in ("healthy", "rust") for n in range(9)
    ]
    yield Case("plants", plants, {"Apple", "Tomato"}, {}, 36, "folders:1-2 each with its outer one")


def classes_all_the_same() -> Iterator[Case]:
    """Words and numbers that look like something else and are classes."""
    pairs = ("manual automatic", "polygons circles", "overlay control", "original fake", "raw cooked", "photos memes")
    for pair in (*pairs, "cloth_masks surgical_masks", "AfricanMasks AsianMasks", "photo drawing painting"):
        words = tuple(pair.split())
        yield Case(f"classes: {pair}", numbered(*words), set(words), {}, 9 * len(words))
    for split in ("train_station test_track", "training_shoes test_tubes"):
        one, other = split.split()
        files = classes(one, other, words=("day", "night"))
        yield Case(split, files, {one, other}, {}, 36)
    tiles = ["scene.png", *(f"scene_{row:04d}x{column:04d}.png" for row in (0, 256) for column in (0, 256, 512))]
    yield Case("tiles of a scene", tiles, set(), {}, 7)
    words = ("apple", "nokia", "pear", "plum")
    named = [f"{word}/{word}{end}.png" for word in words for end in ("", "_rot", "_flip", "_0256x0512")]
    yield Case("rotten apples", named, set(words), {}, 16)
    for inside in (("n01440764", "n01443537", "n01484850", "n01491361"), ("grade0", "grade1", "grade2", "grade3")):
        tops = [f"{top}/{name}/{top}{name}{n}.png" for top in ("photo", "sketch") for name in inside for n in range(4)]
        yield Case(f"domains of {inside[0]}", tops, set(inside), {}, 32, "several kinds of picture")
    files = [f"{top}/{top}{n}x.png" for top in ("train_pos", "train_neg", "test_pos") for n in range(9)]
    yield Case("a class that one split lacks", files, {"pos", "neg"}, {"train": 18, "test": 9}, 27)


CASES = {case.name: case for cases in (splits(), masks(), domains(), classes_all_the_same()) for case in cases}


@pytest.mark.parametrize("name", CASES)
def test_what_is_brought(name: str) -> None:
    case = CASES[name]
    placing = place_by_folders(case.files)
    assert set(placing.labels.values()) - {None} == case.classes
    assert len(placing.labels) == case.used
    assert Counter((placing.splits or {}).values()) == case.splits
    assert case.note in " ".join(placing.notes)


def read(files: list[str], *levels: int) -> tuple[Placing, set[str | None]]:
    placing = place_by_first_folder(files, *levels)
    return placing, set(placing.labels.values())


def test_options_keep_the_split_wherever_it_stands() -> None:
    files = CASES["Digits-DG"].files
    for levels in ((2,), (-1,)):
        placing, found = read(files, *levels)
        assert found == {str(digit) for digit in range(9)}
        assert Counter((placing.splits or {}).values()) == {"train": 18, "validation": 18}
    placing, found = read(files, 1, 2)
    assert found == {f"{name}/{digit}" for name in ("mnist", "syn") for digit in range(9)}
    assert placing.origin == "class folders (--labels folders:1-2)"
    above, found = read(classes("trainval", "test"))
    assert (found, len(above.splits or {})) == (set(WORDS), 72)


def test_a_class_of_files_that_cannot_be_read_is_no_flat_folder(tmp_path: Path) -> None:
    for word, ending in (("heron", "png"), ("lynx", "png"), ("otter", "pcx")):
        (tmp_path / word).mkdir()
        for n in range(4):
            Image.new("RGB", (8, 8), (60 * n, len(word), 0)).save(tmp_path / word / f"{n}.{ending}")
    images = open_images(str(tmp_path))
    assert set(images.class_names) == {"heron", "lynx"}
    assert len(images.audit["broken"]) == 4
    assert any("otter" in note and "4 files" in note for note in images.notes)


@pytest.mark.parametrize("other", ["Heron", "heron ", "HERON", "he ron"])
def test_classes_that_differ_only_in_case_or_spaces_are_said(other: str) -> None:
    files = [f"{word}/{word}{n}.png" for word in ("heron", other, "lynx") for n in range(4)]
    read = as_classes(place_by_folders(files), files, None)
    assert len(read.names) == 3
    assert any("differ only in letter case or spaces" in note for note in read.notes) == (other != "he ron")
