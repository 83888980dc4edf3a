"""A path in, an ImageSet out: layouts, fingerprint, audit, and every refusal."""

import csv
import json
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from swaveval.data import DataError, ImageSet, open_images

Save = Callable[..., Path]


def class_folders(save: Save, per_class: int = 4) -> None:
    for number in range(per_class):
        save(f"cat/{number}.png", number)
        save(f"dog/{number}.png", 100 + number)


def test_class_folders(save: Save, tmp_path: Path) -> None:
    class_folders(save)
    images = open_images(str(tmp_path / "images"))
    assert images.class_names == ("cat", "dog")
    assert images.labels is not None
    assert images.labels.tolist() == [0] * 4 + [1] * 4
    assert images.is_test.sum() == 2
    assert images.split_origin == "none given: stratified, 25 % for test, seed 0"
    assert images.audit["class_counts"] == {"cat": [3, 1], "dog": [3, 1]}
    assert json.loads(json.dumps(images.audit)) == images.audit
    with Image.open(tmp_path / "images" / images.files[5]) as expected:
        np.testing.assert_array_equal(np.asarray(images.open(5)), np.asarray(expected))


def test_images_can_be_opened_in_a_worker_process(save: Save, tmp_path: Path) -> None:
    class_folders(save)
    images = open_images(str(tmp_path / "images"))
    copy = pickle.loads(pickle.dumps(images))
    np.testing.assert_array_equal(np.asarray(copy.open(3)), np.asarray(images.open(3)))


@pytest.mark.parametrize("test_folder", ["test", "val", "validation"])
def test_split_folders(save: Save, tmp_path: Path, test_folder: str) -> None:
    for number, name in enumerate(("train/a/1.png", "train/a/2.png", "train/b/1.png", f"{test_folder}/b/1.png")):
        save(name, number)
    images = open_images(str(tmp_path / "images"))
    assert images.is_test.tolist() == [file.startswith(test_folder) for file in images.files]
    assert images.split_origin.startswith("given by folders: train for train")
    assert images.audit["notes"] == ["Class a has 2 train images and no test image."]


def test_three_splits_join_validation_to_train(save: Save, tmp_path: Path) -> None:
    for number, split in enumerate(("train", "val", "test")):
        save(f"{split}/a/1.png", number)
        save(f"{split}/b/1.png", 10 + number)
    images = open_images(str(tmp_path / "images"))
    assert images.split_origin == "given by folders: train and validation for train, test for test"
    assert images.is_test.sum() == 2


def test_train_alone_is_split(save: Save, tmp_path: Path) -> None:
    for number in range(4):
        save(f"train/a/{number}.png", number)
        save(f"train/b/{number}.png", 10 + number)
    images = open_images(str(tmp_path / "images"))
    assert images.is_test.sum() == 2
    assert "All images stand in the train split, so a split was drawn." in images.audit["notes"]


def test_flat_folder_with_and_without_labels(save: Save, tmp_path: Path) -> None:
    for number in range(9):
        save(f"{number}.png", number)
    table = tmp_path / "labels.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "label", "split"])
        writer.writerows([f"{n}.png", "odd" if n % 2 else "even", "test" if n > 5 else "train"] for n in range(8))
    bare = open_images(str(tmp_path / "images"))
    assert (bare.labels, bare.class_names, len(bare)) == (None, (), 9)
    assert bare.split_origin == "none given: random, 25 % for test, seed 0"
    assert bare.is_test.sum() == 3
    assert "labels.csv beside the directory was not used" in bare.audit["notes"][0]
    told = open_images(str(tmp_path / "images"), labels=table)
    assert told.labels is not None
    assert told.class_names == ("even", "odd")
    assert (told.labels.tolist(), told.is_test.tolist()) == ([0, 1] * 4 + [-1], [False] * 6 + [True] * 2 + [False])
    assert "1 image in no row of labels.csv, kept without a label (first: 8.png)." in told.audit["notes"]
    assert (bare.label_origin, told.label_origin) == ("none: one flat folder", "labels.csv")


def test_broken_images_are_listed_by_name_and_left_out(save: Save, tmp_path: Path) -> None:
    class_folders(save)
    root = tmp_path / "images"
    (root / "cat" / "empty.png").touch()
    (root / "cat" / "cut.png").write_bytes(save("cat/whole.png", 77).read_bytes()[:200])
    (root / "dog" / "notes.txt").write_text("hello")
    odd = os.fsdecode(b"\xff\x1b[31m.png")
    (root / "dog" / odd).write_bytes(b"no image")
    images = open_images(str(root))
    assert len(images) == 9
    assert [name for name, _ in images.audit["broken"]] == ["cat/cut.png", "cat/empty.png", "dog/\\xff\\x1b[31m.png"]
    assert images.audit["broken"][1][1] == "the file is empty"
    assert images.audit["ignored"] == 1
    json.dumps(images.audit, ensure_ascii=False).encode("utf-8")


def test_hostile_names_are_usable(save: Save, tmp_path: Path) -> None:
    root = tmp_path / "images"
    names = ["<script>", os.fsdecode(b"\xff\xfe"), "x" * 200, "new\nline", "up\\..", "\u202etxt"]
    for number, name in enumerate(names):
        for copy in range(2):
            (root / name).mkdir(parents=True, exist_ok=True)
            save("plain.png", 10 * number + copy).rename(root / name / f"{name[:100]}{copy}.png")
    images = open_images(str(root))
    assert len(images.class_names) == len(names)
    for text in (*images.files, *images.class_names):
        assert text.isprintable()
        text.encode("utf-8")
    for position in range(len(images)):
        assert images.open(position).size == (12, 10)


def test_duplicates_are_counted_within_and_across_splits(save: Save, tmp_path: Path) -> None:
    for number in range(3):
        save(f"train/a/{number}.png", number)
        save(f"train/b/{number}.png", 10 + number)
        save(f"test/a/{number}.png", 20 + number)
        save(f"test/b/{number}.png", 30 + number)
    save("train/a/copy.png", 0)  # within train
    save("test/a/leak.png", 1)  # across
    save("test/b/wrong.png", 2)  # across, and under another class
    images = open_images(str(tmp_path / "images"))
    audit = images.audit
    assert (audit["duplicates"]["groups"], audit["duplicates"]["images"]) == (3, 3)
    assert audit["duplicates"]["examples"][0] == ["test/a/leak.png", "train/a/1.png"]
    across = audit["duplicates_across_splits"]
    assert across["count"] == 2
    assert [images.files[position] for position in across["test_index"]] == ["test/a/leak.png", "test/b/wrong.png"]
    assert across["examples"] == [["train/a/1.png", "test/a/leak.png"], ["train/a/2.png", "test/b/wrong.png"]]
    assert audit["label_conflicts"] == 1


def test_sizes_and_modes(save: Save, tmp_path: Path) -> None:
    for number, size in enumerate([(10, 40), (100, 20), (32, 32)]):
        save(f"{number}.png", number, size=size)
    Image.new("L", (5, 5)).save(tmp_path / "images" / "grey.png")
    audit = open_images(str(tmp_path / "images")).audit
    sizes = audit["sizes"]
    assert (sizes["min"], sizes["max"], sizes["median"]) == ([5, 5], [100, 20], [21.0, 26.0])
    assert sizes["median_short_side"] == 15.0
    assert sizes["short_sides"] == [[5, 8, 1], [9, 16, 1], [17, 32, 2]]
    assert (audit["modes"], audit["formats"]) == ({"RGB": 3, "L": 1}, {"PNG": 4})


def test_one_class_says_nothing(save: Save, tmp_path: Path) -> None:
    for number in range(4):
        save(f"train/a/{number}.png", number)
        save(f"test/a/{number}.png", 10 + number)
    table = tmp_path / "one.csv"
    table.write_text("filename,label\n" + "".join(f"train/a/{n}.png,a\n" for n in range(4)))
    folders, listed = open_images(str(tmp_path / "images")), open_images(str(tmp_path / "images"), labels=table)
    assert (folders.labels, listed.labels) == (None, None)
    assert any("The only class is a, which says nothing" in note for note in listed.audit["notes"])
    assert listed.label_origin == "none: the only class is a (one.csv)"
    assert folders.is_test.sum() == 4


def test_a_class_of_one_image_stands_in_train(save: Save, tmp_path: Path) -> None:
    class_folders(save)
    save("lone/1.png", 500)
    images = open_images(str(tmp_path / "images"))
    assert images.audit["class_counts"]["lone"] == [1, 0]
    assert "Class lone has 1 train image and no test image." in images.audit["notes"]


def test_one_image_per_class_is_read_without_labels(save: Save, tmp_path: Path) -> None:
    for number in range(6):
        save(f"{number}/1.png", number)
    images = open_images(str(tmp_path / "images"))
    assert images.labels is None
    assert images.is_test.sum() == 2


def test_a_file_that_changes_later_is_named(save: Save, tmp_path: Path) -> None:
    class_folders(save)
    images = open_images(str(tmp_path / "images"))
    (tmp_path / "images" / images.files[2]).write_bytes(b"")
    with pytest.raises(DataError, match=r"cat/2.png could be read .* not now \(the file is empty\)"):
        images.open(2)


def small_tree(root: Path, seeds: list[int]) -> None:
    for position, seed in enumerate(seeds):
        path = root / "ab"[position % 2] / f"{position}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)


def opened(root: Path, seed: int = 0) -> ImageSet:
    return open_images(str(root), seed=seed)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 50), min_size=6, max_size=10), st.integers(0, 5), st.sampled_from(["pixel", "move", "name"])
)
def test_fingerprint_sees_content_label_and_name_but_not_the_place(seeds: list[int], which: int, change: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory, "one")
        small_tree(root, seeds)
        before = opened(root).fingerprint
        shutil.copytree(root, Path(directory, "deeper", "two"))
        assert opened(Path(directory, "deeper", "two")).fingerprint == before
        path = root / "ab"[which % 2] / f"{which}.png"
        if change == "pixel":
            with Image.open(path) as image:
                altered = np.array(image)
            altered[0, 0, 0] ^= 1
            Image.fromarray(altered).save(path)
        else:
            path.rename(root / "ba"[which % 2] / path.name if change == "move" else path.with_name(f"new{which}.png"))
        assert opened(root).fingerprint != before


def test_fingerprint_sees_the_split(save: Save, tmp_path: Path) -> None:
    class_folders(save, 8)
    prints = {opened(tmp_path / "images", seed).fingerprint for seed in range(4)}
    assert len(prints) == 4
    assert opened(tmp_path / "images", 2).fingerprint in prints


def test_empty_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is empty; give a directory that holds images"):
        open_images(str(tmp_path))


def test_directory_without_images(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"holds no images \(found 2 folders and 1 other file, e.g. a/notes.txt\)"):
        open_images(str(tmp_path))


def test_nothing_but_broken_images(tmp_path: Path) -> None:
    for name in ("a.png", "b.jpg"):
        (tmp_path / name).write_bytes(b"\0" * 20)
    with pytest.raises(
        DataError, match=r"none of the 2 image files .* \(first: a.png: the file holds nothing but zero"
    ):
        open_images(str(tmp_path))


def test_one_image(save: Save, tmp_path: Path) -> None:
    (save("a.png", 1).parent / "b.png").touch()
    with pytest.raises(DataError, match=r"holds 1 usable image \(1 file left out: b.png: the file is empty …\)"):
        open_images(str(tmp_path / "images"))


def test_a_split_whose_test_images_are_all_broken_is_drawn_anew(save: Save, tmp_path: Path) -> None:
    for number in range(4):
        save(f"train/a/{number}.png", number)
        save(f"train/b/{number}.png", 10 + number)
    save("test/a/1.png", 50).write_bytes(b"")
    images = open_images(str(tmp_path / "images"))
    assert images.split_origin.startswith("none given")
    assert images.is_test.sum() == 2


def test_misspelt_and_mistaken_paths(save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save("a.png", 1)
    Path("images.zip").write_bytes(b"PK")
    Path("labels.csv").write_text("filename,label\n")
    Path("weights.pt").touch()
    Path("arrays.npz").touch()
    for path, message in {
        "imags": "there is no directory imags; did you mean images\\?",
        "cifar-1O": "did you mean cifar10\\?",
        "Digits": "did you mean digits\\?",
        "nowhere/at/all": "there is no directory nowhere/at/all; give a directory of images or one of digits",
        "images.zip": "is an archive; unpack it",
        "labels.csv": "give the directory of images as data, and this file as labels",
        "arrays.npz": "is no directory; NumPy archives: save each array",
        "gone.npz": "there is no directory gone.npz",
        "s3://bucket/images": "s3://bucket/images is an address; images are read from this machine: fetch them",
        "hf://datasets/me/set": "is an address",
        "weights.pt": "is a file; give the directory",
        "": "no directory was named",
        "x" * 5000: "is not a usable path|there is no directory",
        "nul\0l": "is not a usable path|there is no directory",
    }.items():
        with pytest.raises(DataError, match=message) as refusal:
            open_images(path)
        assert "\n" not in str(refusal.value)
        assert len(str(refusal.value)) < 600


def test_labels_for_a_named_data_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="digits brings its own labels"):
        open_images("digits", labels=tmp_path / "labels.csv")


def test_a_missing_label_file_is_named(save: Save, tmp_path: Path) -> None:
    save("a.png", 1)
    with pytest.raises(DataError, match=r"the label file .*nope.csv cannot be read"):
        open_images(str(tmp_path / "images"), labels=tmp_path / "nope.csv")


def test_short_names(save: Save, tmp_path: Path) -> None:
    save("a.png", 1)
    save("b.png", 2)
    assert open_images(str(tmp_path / "images")).name == f"{tmp_path.name}/images"
    (tmp_path / "images").rename(tmp_path / "clothing")
    assert open_images(str(tmp_path / "clothing")).name == "clothing"
