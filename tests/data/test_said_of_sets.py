"""What a whole data set is told to be: its name, files that lie about, arrays that are tables, equal images."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from swaveval.data import DataError, open_images
from swaveval.data.array_sets import check_tables, flattened, table_advice
from swaveval.data.arrays import array_samples
from swaveval.data.audit import audit
from swaveval.data.errors import Undecodable
from swaveval.data.facts import ImageFacts
from swaveval.data.reading import Reading
from swaveval.data.scan import ScanRecord

Save = Callable[..., Path]


# -- the audit ---------------------------------------------------------------------------------------------------------


def test_an_audit_by_hand() -> None:
    contents = ["a", "a", "b", "c", "c", "c", "d", "e"]
    sizes = [(8, 6), (8, 6), (100, 1), (32, 33), (32, 33), (32, 33), (1, 1), (64, 65)]
    records = [
        ScanRecord(content, width, height, "RGB" if content < "d" else "L", "PNG" if content != "e" else "")
        for content, (width, height) in zip(contents, sizes, strict=True)
    ]
    labels = np.array([0, 1, 0, 2, 2, 2, -1, 1])
    is_test = np.array([False, True, False, True, False, True, False, True])
    found = audit([f"{n}.png" for n in range(8)], records, labels, ["x", "y", "z"], is_test)
    assert (found["n"], found["n_train"], found["n_test"], found["unlabelled"]) == (8, 4, 4, 1)
    assert found["class_counts"] == {"x": [2, 0], "y": [0, 2], "z": [1, 2]}
    assert found["duplicates"] == {
        "groups": 2, "images": 3, "examples": [["0.png", "1.png"], ["3.png", "4.png", "5.png"]]
    }  # fmt: skip
    assert found["duplicates_across_splits"] == {
        "count": 3, "test_index": [1, 3, 5], "examples": [["0.png", "1.png"], ["4.png", "3.png"]]
    }  # fmt: skip
    assert found["label_conflicts"] == 1
    assert found["modes"] == {"RGB": 6, "L": 2}
    assert found["formats"] == {"PNG": 7}
    assert found["notes"] == [
        "3 of 4 test images stand in training as well (1.png is 0.png): numbers on test images are too good. The "
        "verdict rests on training images, each asked without itself.",
        "Class x has 2 train images and no test image.",
        "Class y has 2 test images and no train image.",
    ]
    assert found["sizes"] == {
        "min": [1, 1], "median": [32.0, 19.5], "max": [64, 65], "median_short_side": 19.0,
        "short_sides": [[1, 1, 2], [5, 8, 2], [17, 32, 3], [33, 64, 1]],
    }  # fmt: skip
    bare = audit(["0", "1"], records[:2], None, (), is_test[:2])
    assert (bare["unlabelled"], bare["class_counts"], bare["label_conflicts"], bare["notes"]) == (2, {}, 0, [])


@pytest.mark.parametrize(("copies", "tested", "said"), [(0, 50, False), (1, 200, False), (1, 100, True), (9, 9, True)])
def test_copies_of_training_images_are_said_where_they_are_many(copies: int, tested: int, said: bool) -> None:
    """As many as CIFAR-10's test set has (.3 %) are no news."""
    names = [f"{n}" for n in range(2 * tested)]
    contents = [f"{n % tested if n % tested < copies else n}" for n in range(2 * tested)]
    records = [ScanRecord(content, 8, 8, "RGB", "PNG") for content in contents]
    found = audit(names, records, np.zeros(len(names), int), ["x"], np.arange(len(names)) >= tested)
    assert found["duplicates_across_splits"]["count"] == copies
    assert any("stand in training as well" in note for note in found["notes"]) == said


def test_many_classes_on_one_side_are_one_sentence() -> None:
    records = [ScanRecord(f"{n}", 8, 8, "RGB", "PNG") for n in range(30)]
    names = [f"class {n}" for n in range(15)]
    found = audit([f"{n}" for n in range(30)], records, np.arange(30) % 15, names, np.arange(30) % 15 > 10)
    assert found["notes"] == [
        "11 classes (class 0, class 1, class 2, class 3 … (11)) have train images and no test image.",
        "4 classes (class 11, class 12, class 13, class 14) have test images and no train image.",
    ]


# -- arrays that are tables --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "square"),
    [(3072, (32, 3)), (784, (28, 1)), (192, (8, 3)), (64, (8, 1)), (49, None), (147, None), (1000, None), (3073, None)],
)
def test_the_square_pictures_whose_values_a_row_may_be(columns: int, square: tuple[int, int] | None) -> None:
    assert flattened(columns) == square


def test_what_to_do_with_a_table() -> None:
    assert table_advice(1000) == "features have no pixels: give the images that they were made from"
    assert "(3,072 = 32×32×3), write each as PNG: Image.fromarray(row.reshape(32, 32, 3))" in table_advice(3072)
    assert ".reshape(3, 32, 32).transpose(1, 2, 0) where channels come first; if" in table_advice(3072)
    assert "(784 = 28×28), write each as PNG: Image.fromarray(row.reshape(28, 28))" in table_advice(784)
    assert "channels come first" not in table_advice(784)


def arrays(*shapes: tuple[int, int]) -> list[ImageFacts]:
    return [ImageFacts(width, height, "float32 × 1", "NumPy", 1, 1, 1, 0) for height, width in shapes]


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        (arrays((40, 50)), "the one array there would be one grey picture"), (arrays((40, 50), (40, 50)), "note"),
        (arrays((40, 50), (41, 50)), "each of the 2 arrays there"), (arrays((40, 50), (40, 51)), "note"),
        (arrays((400, 50), (400, 51)), "each of the 2"), (arrays((399, 50), (399, 51)), "note"),
        (arrays((40, 784), (40, 784)), "each of the 2"), (arrays((30, 784), (30, 784)), "note"),
        (arrays((784, 784), (784, 784)), "note"), (arrays((40, 50), (41, 50)) * 15, "note"),
        (arrays((40, 50)) * 30, ""),
        (arrays((40, 50), (41, 50)) * 14, "each of the 28"), (arrays((40, 50)) * 29, "note"),
        ([*arrays((40, 50)), None], ""), ([ImageFacts(8, 6, "L", "PNG", bands=1)], ""), ([], ""),
    ],
)  # fmt: skip
def test_arrays_of_two_axes(facts: list[ImageFacts | None], verdict: str) -> None:
    files = [f"{n}.npy" for n in range(len(facts))]
    if verdict in ("", "note"):
        assert len(check_tables(files, facts)) == (verdict == "note")
        return
    with pytest.raises(DataError, match=verdict):
        check_tables(files, facts)


@pytest.mark.parametrize(
    ("shape", "read"),
    [((20, 30, 5), (20, 30, 5)), ((160, 10, 5), (160, 10, 5)), ((161, 10, 5), None), ((20, 9, 9), None),
     ((9, 30, 8), (9, 30, 8)), ((5, 30, 20), (30, 20, 5)), ((64, 4), None), ((63, 4), (63, 4, 1)),
     ((80, 5), (80, 5, 1)), ((40, 5), (40, 5, 1)), ((4, 64), None)],
)  # fmt: skip
def test_which_axes_of_an_array_are_a_picture(shape: tuple[int, ...], read: tuple[int, ...] | None) -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(shape, np.uint8))
    if read is None:
        with pytest.raises(Undecodable, match="an array of shape"):
            array_samples(stream.getvalue(), 0)
    else:
        assert array_samples(stream.getvalue(), 0).values.shape == read


# -- directories -------------------------------------------------------------------------------------------------------


def flat(save: Save, count: int = 4) -> None:
    for number in range(count):
        save(f"{number}.png", number)


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("images/labels.csv", "labels.csv inside the directory was not used; give it with --labels for labels."),
        ("metadata.jsonl", "metadata.jsonl beside the directory was not used"), ("other.csv", ""),
        ("images/train/annotations.csv", "annotations.csv in train/ was not used"),
    ],
)  # fmt: skip
def test_a_label_file_that_lies_about(name: str, note: str, save: Save, tmp_path: Path) -> None:
    flat(save)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("", encoding="utf-8")
    notes = open_images(str(tmp_path / "images")).audit["notes"]
    assert [said for said in notes if "was not used" in said] == [said for said in notes if note and note in said]
    assert any(note in said for said in notes) or not note


@pytest.mark.parametrize("ending", [".cls", ".txt", ".json", ".xml"])
def test_files_that_lie_beside_each_image(ending: str, save: Save, tmp_path: Path) -> None:
    flat(save)
    beside = [tmp_path / "images" / f"{number}{ending}" for number in range(4)]
    for file in beside:
        file.write_text("3", encoding="utf-8")
    notes = open_images(str(tmp_path / "images")).audit["notes"]
    (note,) = [said for said in notes if "not used" in said]
    assert note.startswith(f"The {ending} files beside the images (0{ending} …) were not used; labels are read from")
    beside[1].unlink()
    assert not [said for said in open_images(str(tmp_path / "images")).audit["notes"] if "not used" in said]


def test_a_label_file_of_a_labelled_set_is_no_news(save: Save, tmp_path: Path) -> None:
    for number in range(4):
        save(f"{'ab'[number % 2]}/{number}.png", number)
    (tmp_path / "labels.csv").write_text("", encoding="utf-8")
    assert not [note for note in open_images(str(tmp_path / "images")).audit["notes"] if "was not used" in note]


def test_a_table_inside_the_images_may_count_from_its_own_folder(save: Save, tmp_path: Path) -> None:
    for side in ("train", "test"):
        for number in range(4):
            save(f"{side}/{number}.png", number + 10 * (side == "test"))
    table = tmp_path / "images" / "train" / "metadata.csv"
    table.write_text("file_name,label\n" + "".join(f"{n}.png,{'ab'[n % 2]}\n" for n in range(4)), encoding="utf-8")
    images = open_images(str(tmp_path / "images"), labels=table)
    named = {file for file, label in zip(images.files, images.labels, strict=True) if label >= 0}  # type: ignore[arg-type]
    assert named == {f"train/{n}.png" for n in range(4)}


def test_links_and_arrays_beside_images_are_counted(save: Save, tmp_path: Path) -> None:
    for number in range(4):
        save(f"real/{number}.png", number)
    root = tmp_path / "images"
    (root / "again").symlink_to(root / "real")
    for name in ("x.npy", "y.npy"):
        (root / name).write_bytes(b"")
    notes = open_images(str(root)).audit["notes"]
    assert "1 link to folders that were already listed not followed." in notes
    assert "2 arrays (.npy) beside the images not read." in notes


def test_one_image_says_what_else_was_there(save: Save, tmp_path: Path) -> None:
    save("a.png", 1)
    (tmp_path / "images" / "b.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"holds 1 usable image \(1 file left out: b\.png: .* …\); an evaluation needs"):
        open_images(str(tmp_path / "images"))


def test_images_that_the_network_cannot_be_shown(save: Save, tmp_path: Path) -> None:
    flat(save)
    with pytest.raises(DataError, match=r"none of the 4 image files in .* can be used \(first: 0\.png: has 3 bands"):
        open_images(str(tmp_path / "images"), channels=4)
    grey = open_images(str(tmp_path / "images"), reading=Reading(bands=(2,)), channels=1)
    assert grey.channels == 1
    assert np.asarray(grey.open(0)).shape == (10, 12, 1)


def test_a_fingerprint_sees_the_name_of_every_class(save: Save, tmp_path: Path) -> None:
    """Of the first class as well, and whether an image has a label at all."""
    flat(save, 6)

    def fingerprint(*words: str) -> str:
        table = tmp_path / "t.csv"
        table.write_text(
            "file,label\n" + "".join(f"{n}.png,{word}\n" for n, word in enumerate(words)), encoding="utf-8"
        )
        return open_images(str(tmp_path / "images"), labels=table).fingerprint

    given = [
        ("cat", "cat", "cat", "dog", "dog", "dog"), ("ant", "ant", "ant", "dog", "dog", "dog"),
        ("cat", "cat", "cat", "fox", "fox", "fox"), ("", "cat", "cat", "dog", "dog", "dog"),
    ]  # fmt: skip
    assert len({fingerprint(*words) for words in given}) == 4


def test_digits_for_networks_of_other_channels() -> None:
    colour, grey = open_images("digits"), open_images("digits", channels=1)
    assert (len(colour), colour.channels, grey.channels) == (1797, 3, 1)
    pixels = np.asarray(grey.open(7))
    assert pixels.shape == (32, 32, 1)
    assert np.array_equal(np.repeat(pixels, 3, axis=2), np.asarray(colour.open(7)))
    with pytest.raises(DataError, match="the network takes 4 channels and this data set's images have three"):
        open_images("digits", channels=4)
