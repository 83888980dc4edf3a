"""Tables of the splits in one directory: which belong together, what is read, and the split they give."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swaveval.data import ImageSet, open_images
from swaveval.data.tables.split_namesakes import named_split, side_by_side

SPLITS = ("train", "val", "test")


def put(root: Path, *names: str) -> None:
    draw = np.random.default_rng(len(names))
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(root / name)


def table(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def sides(images: ImageSet) -> dict[str, str]:
    return {file: "test" if test else "train" for file, test in zip(images.files, images.is_test, strict=True)}


def labels(images: ImageSet) -> dict[str, str | None]:
    assert images.labels is not None
    return {
        file: images.class_names[label] if label >= 0 else None
        for file, label in zip(images.files, images.labels.tolist(), strict=True)
    }


def names(split: str) -> list[str]:
    return [f"{split}_{n}" for n in range(6)]


@pytest.mark.parametrize(
    ("file", "split", "rest"),
    [
        ("train.csv", "train", "/.csv"), ("Ebay_test.txt", "test", "ebay_/.txt"), ("val1.txt", "validation", "/1.txt"),
        ("TrainImages.txt", "train", "/images.txt"), ("images_variant_val.txt", "validation", "images_variant_/.txt"),
        ("instances_train2017.json", "train", "instances_/2017.json"), ("Testing_01.txt", "test", "/_01.txt"),
        ("trainlist01.txt", "train", "/list01.txt"), ("trainval.txt", "train", "/.txt"), ("labels.csv", None, ""),
        ("contest.csv", None, ""), ("train_test_split.txt", None, ""), ("restrain.csv", None, ""),
    ],
)  # fmt: skip
def test_the_split_in_a_name(file: str, split: str | None, rest: str) -> None:
    found = named_split(Path(file))
    assert (None if found is None else found.split) == split
    assert found is None or found.rest == rest


@pytest.mark.parametrize(
    ("given", "files", "together"),
    [
        ("train.csv", "test.csv train.txt val.csv x.csv", "train.csv val.csv test.csv"),
        ("train1.txt", "test1.txt test2.txt val2.txt", "train1.txt test1.txt"),
        ("TestImages.txt", "TrainImages.txt Train.txt", "TrainImages.txt TestImages.txt"),
        ("a_train.txt", "a_trainval.txt a_val.txt a_test.txt", "a_train.txt a_val.txt a_test.txt"),
        ("a_trainval.txt", "a_train.txt a_val.txt a_test.txt", "a_trainval.txt a_test.txt"),
        ("a_test.txt", "a_train.txt a_trainval.txt a_val.txt", "a_train.txt a_val.txt a_test.txt"),
        ("a_test.txt", "a_trainval.txt a_val.txt", "a_trainval.txt a_test.txt"),
        ("a_val.txt", "a_trainval.txt a_test.txt", "a_val.txt a_test.txt"),
        ("clipart_train.txt", "real_test.txt", "clipart_train.txt"), ("labels.csv", "train.csv", ""),
    ],
)  # fmt: skip
def test_which_files_belong_together(given: str, files: str, together: str, tmp_path: Path) -> None:
    for name in [given, *files.split()]:
        table(tmp_path / name)
    assert [one.path.name for one in side_by_side(tmp_path / given)] == together.split()


@pytest.mark.parametrize("given", SPLITS)
@pytest.mark.parametrize(
    ("form", "row", "header"),
    [
        ("{}.csv", "{file}.png,{word}", "filename,label"), ("labels/{}.txt", "{file}.png {word}", ""),
        ("images_family_{}.txt", "{file} Boeing {word}", ""), ("{}1.txt", "{word}/{file}", ""),
    ],
)  # fmt: skip
def test_the_tables_of_the_splits(given: str, form: str, row: str, header: str, tmp_path: Path) -> None:
    """RVL-CDIP, FGVC aircraft, DTD: whichever is given, the official split."""
    words = dict.fromkeys([name for split in SPLITS for name in names(split)], "")
    for split in SPLITS:
        words |= {name: ("a737", "b")[n % 2] for n, name in enumerate(names(split))}
        rows = [row.format(file=name, word=words[name]) for name in names(split)]
        table(tmp_path / form.format(split), *[header] * bool(header), *rows)
    put(
        tmp_path,
        *(f"images/{word}/{name}.png" if "1" in form else f"images/{name}.png" for name, word in words.items()),
    )
    images = open_images(str(tmp_path), labels=tmp_path / form.format(given))
    prefix = "Boeing " if "Boeing" in row else ""
    assert {Path(file).stem: label for file, label in labels(images).items()} == {
        name: prefix + word for name, word in words.items()
    }
    assert all(side == ("test" if "test_" in file else "train") for file, side in sides(images).items())
    together = ", ".join(Path(form.format(split)).name for split in SPLITS)
    assert f"{together} read together." in images.audit["notes"]
    assert images.split_origin == f"given by {together}: train and validation for train, test for test"
    assert images.label_origin.startswith(together)


def two(root: Path, train: list[str], test: list[str], head: str = "filename,label") -> Path:
    put(root, *(f"images/{name}.png" for split in ("train", "test") for name in names(split)))
    table(root / "test.csv", *test)
    return table(root / "train.csv", head, *train)


TRAIN = [f"{name},{'ab'[n % 2]}" for n, name in enumerate(names("train"))]


@pytest.mark.parametrize(
    ("test", "why"),
    [
        (["filename", *names("test")], "test.csv has no column label of labels (found: filename)"),
        (["filename,sex", *(f"{name},m" for name in names("test"))], "test.csv has no column label of labels"),
        (["filename,label", "elsewhere_1,a", "elsewhere_2,b"], "it names no image that is there"),
        (["filename,label", *(f"{name}," for name in names("test"))], "it holds no label"),
        (["filename,label", *(f"{name},{'ba'[n % 2]}" for n, name in enumerate(names("train")))],
         "it names the same images"),
        ([""], "test.csv is empty"),
    ],
)  # fmt: skip
def test_namesakes_that_are_left_out(test: list[str], why: str, tmp_path: Path) -> None:
    """As competitions' test.csv; one table left gives no split by its name."""
    images = open_images(str(tmp_path), labels=two(tmp_path, TRAIN, test))
    note = next(note for note in images.audit["notes"] if note.startswith("test.csv was not read with train.csv: "))
    assert why in note
    assert str(tmp_path) not in note
    assert {file for file, label in labels(images).items() if label} == {
        f"images/{name}.png" for name in names("train")
    }
    assert labels(images)["images/train_1.png"] == "b"
    assert images.split_origin.startswith("none given")
    assert images.label_origin == "train.csv"


def test_classes_on_one_side_only(tmp_path: Path) -> None:
    """miniImageNet's and Stanford Online Products' tables: all rows are read, their split is not taken."""
    test = ["filename,label", *(f"{name},{'cd'[n % 2]}" for n, name in enumerate(names("test")))]
    images = open_images(str(tmp_path), labels=two(tmp_path, TRAIN, test))
    assert images.class_names == ("a", "b", "c", "d")
    assert None not in labels(images).values()
    assert images.split_origin.startswith("none given")
    assert (
        "No class stands on both sides of the split into train.csv, test.csv, so it was not taken."
        in (images.audit["notes"])
    )


def test_a_split_column_wins_over_the_name(tmp_path: Path) -> None:
    train = [f"{row},{'test' if n < 2 else 'train'}" for n, row in enumerate(TRAIN)]
    test = ["filename,label", *(f"{name},{'ab'[n % 2]}" for n, name in enumerate(names("test")))]
    found = sides(open_images(str(tmp_path), labels=two(tmp_path, train, test, "filename,label,split")))
    expected = {f"images/train_{n}.png" for n in range(2)} | {f"images/{name}.png" for name in names("test")}
    assert {file for file, side in found.items() if side == "test"} == expected


def test_columns_of_marks_in_both(tmp_path: Path) -> None:
    """CheXpert: a column that is empty in one table is read in the other."""
    train = [f"{name},{n % 2},{(n + 1) % 2}," for n, name in enumerate(names("train"))]
    test = ["path,p,q,r", *(f"{name},{int(n < 3)},0,{int(n > 2)}" for n, name in enumerate(names("test")))]
    images = open_images(str(tmp_path), labels=two(tmp_path, train, test, "path,p,q,r"))
    assert images.class_names == ("p", "q", "r")
    assert labels(images)["images/test_5.png"] == "r"
    assert images.split_origin == "given by train.csv, test.csv: train for train, test for test"


def test_numbers_are_judged_over_all_tables(tmp_path: Path) -> None:
    """52 classes, one image each in test.csv: alone they would be measurements."""
    put(tmp_path, *(f"i/{n}.png" for n in range(52 * 4)))
    table(tmp_path / "test.txt", *(f"{n}.png {n}" for n in range(52)))
    given = table(tmp_path / "train.txt", *(f"{n}.png {n % 52}" for n in range(52, 208)))
    images = open_images(str(tmp_path), labels=given)
    assert len(images.class_names) == 52
    assert int(images.is_test.sum()) == 52


def test_in_the_folder_of_one_split_the_other_tables_are_not_read(tmp_path: Path) -> None:
    """`train/0.png` and `test/0.png` are two images; a table of `test` says nothing of `train`."""
    put(tmp_path, *(f"{split}/{n}.png" for split in ("train", "test") for n in range(8)))
    table(tmp_path / "test.csv", "filename,label", *(f"{n}.png,{'ba'[n % 2]}" for n in range(4, 8)))
    given = table(tmp_path / "train.csv", "filename,label", *(f"{n}.png,{'ab'[n % 2]}" for n in range(4)))
    images = open_images(str(tmp_path / "train"), labels=given)
    assert labels(images) == {f"{n}.png": "ab"[n % 2] if n < 4 else None for n in range(8)}
