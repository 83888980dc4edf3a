"""Tables whose rows name the images, and words in the files' names, that nobody asked for: a note names them."""

import os
from pathlib import Path

import pytest

from swaveval.data import open_images
from swaveval.data.listing import tables_among
from tests.data.conftest import Save

WORDS = ("heron", "otter")


def flat(save: Save, count: int = 12) -> list[str]:
    files = [f"photo_{number:04d}.png" for number in range(count)]
    for number, file in enumerate(files):
        save(file, number)
    return files


def by_class(save: Save, count: int = 12) -> list[str]:
    files = [f"{WORDS[number % 2]}/photo_{number:04d}.png" for number in range(count)]
    for number, file in enumerate(files):
        save(file, number)
    return files


def hints(directory: Path, labels: Path | None = None) -> list[str]:
    notes = open_images(str(directory), labels=labels).audit["notes"]
    return [note for note in notes if "not used" in note or "not read" in note]


def write(path: Path, rows: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("head", "row"),
    [("# a list", "{}.png 1"), ("# a list", "{} 1 2 1"), ("p,file,label", "x,{},3"), ("file;label", '"{}.png";heron'),
     ("file\tlabel\tbox", "{}\t4\t0 1 2 3")],
)  # fmt: skip
@pytest.mark.parametrize("place", ["images/meta/table.txt", "images/ground truth.csv", "any.lst"])
def test_a_table_is_known_by_its_rows(head: str, row: str, place: str, save: Save, tmp_path: Path) -> None:
    stems = [file.removesuffix(".png") for file in flat(save)]
    path = write(tmp_path / place, [head, *(row.format(stem) for stem in stems)])
    (note,) = hints(tmp_path / "images")
    assert note.startswith(path.name)
    assert note.endswith("was not used; give it with --labels for labels.")


def test_a_table_in_json_on_one_line(save: Save, tmp_path: Path) -> None:
    rows = ", ".join(f'{{"file_name": "{file}", "id": 3}}' for file in flat(save))
    write(tmp_path / "images/annotations/instances.json", [f'{{"images": [{rows}]}}'])
    assert hints(tmp_path / "images") == [
        "instances.json in annotations/ was not used; give it with --labels for labels."
    ]


@pytest.mark.parametrize(
    "rows", [["1 2 3"] * 12, ["heron", "otter", "lynx"], [f"other_{n}.png 1" for n in range(12)], [], ["a note"]]
)
def test_other_texts_are_no_tables(rows: list[str], save: Save, tmp_path: Path) -> None:
    flat(save)
    write(tmp_path / "images/classes.txt", rows)
    assert hints(tmp_path / "images") == []


def test_a_list_of_names_holds_no_labels(save: Save, tmp_path: Path) -> None:
    files = flat(save)
    write(tmp_path / "images/all.txt", files)
    assert hints(tmp_path / "images") == []
    write(tmp_path / "images/marks.csv", ["file,p,q", *(f"{file},3,4" for file in files)])
    (note,) = hints(tmp_path / "images")
    assert note.startswith("marks.csv inside"), "which column is asked then"


def test_short_numbers_are_no_names(save: Save, tmp_path: Path) -> None:
    for number in range(12):
        save(f"{number}.png", number)
    write(tmp_path / "images/boxes.txt", ["0 3 4 5 7"] * 12)
    assert hints(tmp_path / "images") == []


def test_a_table_that_was_asked_for_is_no_news(save: Save, tmp_path: Path) -> None:
    files = flat(save)
    table = write(tmp_path / "images/train.csv", ["file,a,b", *(f"{file},1," for file in files)])
    assert hints(tmp_path / "images", labels=table.with_name("train.csv:b")) == []
    assert len(hints(tmp_path / "images")) == 1


def test_class_folders_and_the_lists_of_a_split(save: Save, tmp_path: Path) -> None:
    files = by_class(save)
    for split, part in (("train", files[:8]), ("test", files[8:])):
        write(tmp_path / "images" / "meta" / f"{split}.txt", [file.removesuffix(".png") for file in part])
    assert hints(tmp_path / "images") == [
        "test.txt, train.txt in meta/ name these images and were not used: labels are the folders'; "
        "--labels FILE reads one of them."
    ]


def test_tables_of_one_class_are_no_labels(save: Save, tmp_path: Path) -> None:
    files = by_class(save)
    write(tmp_path / "images/heron/boxes.txt", [f"{file.partition('/')[2]} 0 0 4 4" for file in files])
    assert hints(tmp_path / "images") == []
    write(tmp_path / "images/meta/list.txt", [f"{file} 0" for file in files])
    (note,) = hints(tmp_path / "images")
    assert note.startswith("list.txt in meta/ names these images")


def test_what_is_no_file_is_not_opened(save: Save, tmp_path: Path) -> None:
    flat(save)
    os.mkfifo(tmp_path / "pipe.csv")
    os.mkfifo(tmp_path / "images/pipe.txt")
    (tmp_path / "images/folder.csv").mkdir()
    (tmp_path / "images/gone.csv").symlink_to("nowhere")
    assert hints(tmp_path / "images") == []


def test_a_submission_is_no_table_of_labels(save: Save, tmp_path: Path) -> None:
    files = flat(save)
    write(tmp_path / "sample_submission.csv", ["id,label", *(f"{file},0" for file in files)])
    assert hints(tmp_path / "images") == []


def test_images_that_are_called_by_number(save: Save, tmp_path: Path) -> None:
    files = by_class(save)
    write(tmp_path / "images.txt", [f"{number} {file}" for number, file in enumerate(files)])
    write(tmp_path / "image_class_labels.txt", [f"{number} {number % 2}" for number in range(len(files))])
    (note,) = hints(tmp_path / "images")
    assert note.startswith("image_class_labels.txt beside the directory names these images and was not used")


@pytest.mark.parametrize(
    "name", ["images/imagelabels.mat", "images/devkit/cars_train_annos.mat", "setid.mat", "images/a.xlsx"]
)
def test_labels_in_a_form_that_is_not_read(name: str, save: Save, tmp_path: Path) -> None:
    flat(save)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"MATLAB 5.0 MAT-file")
    assert hints(tmp_path / "images") == [
        f"{Path(name).name} may hold labels in a form that is not read; write a table filename,label[,split] and give "
        "it with --labels."
    ]


@pytest.mark.parametrize("name", ["results.xlsx", "images/photo_0003.mat", "images/.a.mat"])
def test_what_is_of_something_else(name: str, save: Save, tmp_path: Path) -> None:
    flat(save)
    (tmp_path / name).write_bytes(b"MATLAB 5.0 MAT-file")
    assert hints(tmp_path / "images") == []


def test_words_in_names(save: Save, tmp_path: Path) -> None:
    for number in range(24):
        save(f"{WORDS[number % 2]}.{number}.png", number)
    (note,) = hints(tmp_path / "images")
    assert note == (
        "The files' names begin with 2 words (heron, otter), which were not read as labels; --labels names reads them "
        "so."
    )
    images = open_images(str(tmp_path / "images"), labels=Path("names"))
    assert images.class_names == WORDS
    assert images.label_origin == "the files' names (--labels names)"


def test_of_one_image_a_word_nothing_is_said(save: Save, tmp_path: Path) -> None:
    for number in range(12):
        save(f"{'abcdefghijkl'[number] * 3}_1.png", number)
    assert hints(tmp_path / "images") == []


def test_few_tables_of_a_folder_and_the_likeliest_first() -> None:
    names = [f"{number}.txt" for number in range(100)] + ["z.csv", ".hidden.csv", "image.png", "y.JSONL"]
    found = tables_among(names)
    assert len(found) == 60
    assert found[:2] == ["y.JSONL", "z.csv"]
    assert ".hidden.csv" not in found
