"""Label tables inside the folders of splits: Hugging Face's image folders, and what their names count from."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swaveval.data import DataError, open_images

CLASSES = ("daisy", "rose")


def folder(root: Path, split: str, count: int, *, table: str = "metadata.csv", labelled: bool = True) -> Path:
    """A split: images 0000.png …, the same names in each, of alternating classes that begin with another."""
    place = root / split
    place.mkdir(parents=True)
    draw = np.random.default_rng(len(split))
    rows = []
    for number in range(count):
        Image.fromarray(draw.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(place / f"{number:04d}.png")
        label = {"label": CLASSES[(number + len(split)) % 2]} if labelled else {}
        rows.append({"file_name": f"{number:04d}.png"} | label)
    path = place / table
    if table.endswith("jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            written = csv.DictWriter(file, list(rows[0]))
            written.writeheader()
            written.writerows(rows)
    return path


def label_of(root: Path, file: str, table: Path) -> str | None:
    images = open_images(str(root), labels=table)
    assert images.labels is not None
    label = int(images.labels[images.files.index(file)])
    return images.class_names[label] if label >= 0 else None


@pytest.mark.parametrize("table", ["metadata.csv", "metadata.jsonl"])
@pytest.mark.parametrize("other", ["test", "validation"])
def test_the_tables_of_all_splits_are_read(tmp_path: Path, table: str, other: str) -> None:
    first = folder(tmp_path, "train", 12, table=table)
    second = folder(tmp_path, other, 6, table=table)
    for given in (first, second):
        images = open_images(str(tmp_path), labels=given)
        assert (images.audit["n_train"], images.audit["n_test"]) == (12, 6)
        assert images.labels is not None
        assert (images.labels >= 0).all()
        assert f"{table} of {', '.join(sorted((other + '/', 'train/')))} read together." in images.audit["notes"]
        # The same names in both: each table speaks of its own.
        for split in ("train", other):
            assert label_of(tmp_path, f"{split}/0003.png", given) == CLASSES[(3 + len(split)) % 2]


def test_a_row_without_its_image_is_not_of_another_split(tmp_path: Path) -> None:
    table = folder(tmp_path, "train", 12)
    folder(tmp_path, "test", 14)
    (tmp_path / "test" / "metadata.csv").unlink()
    table.write_text(table.read_text() + "0013.png,rose\n")
    images = open_images(str(tmp_path), labels=table)
    assert label_of(tmp_path, "test/0013.png", table) is None
    assert images.labels is not None
    assert int((images.labels >= 0).sum()) == 12


def test_a_table_without_labels_is_named_and_left(tmp_path: Path) -> None:
    table = folder(tmp_path, "train", 12)
    folder(tmp_path, "test", 6, labelled=False)
    images = open_images(str(tmp_path), labels=table)
    assert any(note.startswith("test/metadata.csv was not read:") for note in images.audit["notes"])
    assert images.labels is not None
    assert int((images.labels >= 0).sum()) == 12


def test_names_from_the_root_are_found_too(tmp_path: Path) -> None:
    folder(tmp_path, "train", 4)
    table = tmp_path / "train" / "all.csv"
    table.write_text("file,label\n" + "".join(f"train/{number:04d}.png,{CLASSES[number % 2]}\n" for number in range(4)))
    images = open_images(str(tmp_path), labels=table)
    assert images.labels is not None
    assert (images.labels >= 0).all()


def test_a_folder_that_is_no_split_has_no_namesakes(tmp_path: Path) -> None:
    table = folder(tmp_path, "north", 8)
    folder(tmp_path, "south", 8)
    images = open_images(str(tmp_path), labels=table)
    assert images.labels is not None
    assert int((images.labels >= 0).sum()) == 8
    with pytest.raises(DataError):
        open_images(str(tmp_path), labels=tmp_path / "train" / "metadata.csv")
