"""Rows without folders where the folders of the splits hold files of the same names."""

from pathlib import Path

import pytest

from swaveval.data import DataError
from tests.data.table_trials import placed, said, table_at, told

COUNT = 12
WORDS = ("moth", "newt")
FORMS = ["{}/{}.png", "{}/images/{}.png", "cars_{0}/cars_{0}/{1:05}.jpg", "{}_set/Image_{}.jpg", "x/{}/{}.png"]


def both(form: str, train: int = COUNT, test: int = COUNT) -> list[str]:
    sides = (("train", train), ("test", test))
    return [form.format(side, n) for side, count in sides for n in range(1, count + 1)]


def rows(form: str, *, turned: bool = False, ending: bool = False) -> list[str]:
    files = (form.format("train", n).rpartition("/")[2] for n in range(1, COUNT + 1))
    return [f"{file if ending else file[:-4]},{WORDS[(n + turned) % 2]}" for n, file in enumerate(files)]


@pytest.mark.parametrize("ending", [False, True])
@pytest.mark.parametrize("name", ["trainLabels.csv", "train.csv", "Training_set.csv", "train_labels.csv"])
@pytest.mark.parametrize("form", FORMS)
def test_rows_of_a_table_called_train_are_of_its_folder(form: str, name: str, ending: bool, tmp_path: Path) -> None:
    """Kaggle's CIFAR-10; more rows than the other folder has files, as in the butterflies' sets; a row too many."""
    for count in (COUNT, COUNT // 2, COUNT + 3):
        table = table_at(tmp_path / name, "id,label", *rows(form, ending=ending))
        found = placed(table, both(form, test=count))
        assert told(found) == {form.format("train", n + 1): WORDS[n % 2] for n in range(COUNT)}
        assert "the same names" in said(found)
    without_last = [file for file in both(form) if file != form.format("train", COUNT)]
    found = placed(table, without_last)
    assert form.format("test", COUNT) not in told(found)
    assert "1 row of" in said(found)


@pytest.mark.parametrize("form", FORMS)
def test_and_of_a_table_called_test(form: str, tmp_path: Path) -> None:
    found = placed(table_at(tmp_path / "test_labels.csv", "id,label", *rows(form)), both(form))
    assert told(found) == {form.format("test", n + 1): WORDS[n % 2] for n in range(COUNT)}


@pytest.mark.parametrize("given", ["cars_train.csv", "cars_test.csv"])
@pytest.mark.parametrize("form", FORMS)
def test_tables_of_both_splits(form: str, given: str, tmp_path: Path) -> None:
    """Stanford Cars: each row of its own folder, whichever table is given."""
    table_at(tmp_path / "cars_train.csv", "id,label", *rows(form, ending=True))
    table_at(tmp_path / "cars_test.csv", "id,label", *rows(form, turned=True, ending=True))
    found = placed(tmp_path / given, both(form))
    truth = {form.format("train", n + 1): WORDS[n % 2] for n in range(COUNT)}
    assert told(found) == truth | {form.format("test", n + 1): WORDS[(n + 1) % 2] for n in range(COUNT)}
    assert found.splits == {file: "test" if "test" in file else "train" for file in both(form)}
    assert "cars_train.csv, cars_test.csv read together" in said(found)


@pytest.mark.parametrize("name", ["labels.csv", "train.csv"])
@pytest.mark.parametrize("form", FORMS)
def test_a_column_of_splits_says_it_too(form: str, name: str, tmp_path: Path) -> None:
    lines = [f"{row},{side}" for side in ("train", "test") for row in rows(form, turned=side == "test")]
    found = placed(table_at(tmp_path / name, "id,label,split", *lines), both(form))
    assert told(found)[form.format("train", 1)] == "moth"
    assert told(found)[form.format("test", 1)] == "newt"
    assert len(told(found)) == 2 * COUNT


def test_a_split_inside_the_folder_that_the_table_is_called_by(tmp_path: Path) -> None:
    """Of a competition's `train/`; `test/` has no labels."""
    lines = [f"{row},{'test' if n < 4 else 'train'}" for n, row in enumerate(rows("{}/{}.png"))]
    found = placed(table_at(tmp_path / "train.csv", "id,label,split", *lines), both("{}/{}.png"))
    assert told(found) == {f"train/{n + 1}.png": WORDS[n % 2] for n in range(COUNT)}


def test_numbers_without_their_zeros(tmp_path: Path) -> None:
    lines = (f"{n},{WORDS[n % 2]}" for n in range(1, COUNT + 1))
    form = "{}/{:05}.jpg"
    found = placed(table_at(tmp_path / "train.csv", "id,label", *lines), both(form))
    assert told(found) == {form.format("train", n): WORDS[n % 2] for n in range(1, COUNT + 1)}


def test_names_that_only_one_folder_has_are_found_wherever_they_are(tmp_path: Path) -> None:
    files = [f"{'train' if n < 8 else 'test'}/{n}.png" for n in range(1, COUNT + 1)]
    lines = [f"{n},{WORDS[n % 2]}" for n in range(1, COUNT + 1)]
    assert len(told(placed(table_at(tmp_path / "train.csv", "id,label", *lines), files))) == COUNT


@pytest.mark.parametrize(
    ("files", "first", "second"),
    [
        (both("{}/{}.png"), "train/1.png", "test/1.png"),
        (both("site_{}/{}.png"), "site_train/1.png", "site_test/1.png"),
        ([f"{n}.{ending}" for n in range(1, COUNT + 1) for ending in ("jpg", "png")], "1.jpg", "1.png"),
    ],
)  # fmt: skip
def test_a_name_of_two_images_is_said_to_be_one(files: list[str], first: str, second: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"names exactly one image .* 1 may be {first} or {second}"):
        placed(table_at(tmp_path / "labels.csv", "id,label", *rows("{}/{}.png")), files)
    mixed = [*files, "x.png", "y.png"]
    found = placed(table_at(tmp_path / "labels.csv", "id,label", *rows("{}/{}.png"), "x,moth", "y,newt"), mixed)
    assert "12 rows of labels.csv that could mean several images" in said(found)
    assert "name an image that is there" not in said(found)


@pytest.mark.parametrize("shared", [1, 3])
def test_few_repeated_names_do_not_cost_the_others(shared: int, tmp_path: Path) -> None:
    """Only a row that may mean two images is looked for in one folder."""
    files = [f"train/{n}.png" for n in range(1, 21)] + [f"val/{n}.png" for n in range(21, 31)]
    files += [f"val/{n}.png" for n in range(5, 5 + shared)]
    lines = [f"{n}.png,{WORDS[n % 2]}" for n in range(1, 32)]
    found = placed(table_at(tmp_path / "train_labels.csv", "id,label", *lines), files)
    assert told(found) == {file: WORDS[int(file.split("/")[1][:-4]) % 2] for file in files[:30]}
    assert found.splits is not None
    assert {file: found.splits[file] for file in files[:30]} == {
        file: "validation" if "val" in file else "train" for file in files[:30]
    }
    assert "1 row of train_labels.csv without an image (line 32: 31.png)" in said(found)


def test_names_are_shown_as_the_file_has_them(tmp_path: Path) -> None:
    found = placed(table_at(tmp_path / "train.csv", "id,label", *rows("{}/{}.png"), "99,moth"), both("{}/{}.png"))
    assert "(line 14: 99)" in said(found)
