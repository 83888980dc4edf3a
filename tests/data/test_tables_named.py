"""Which column of a table names the images, where a column of numbers counts its rows."""

import random
from pathlib import Path

import pytest

from swaveval.data import DataError
from tests.data.table_trials import placed, said, table_at, told

COUNT = 60
FILES = [f"{n}.png" for n in range(COUNT)]
ORDER = random.Random(0).sample(range(COUNT), COUNT)
WORD = {n: ("heron", "moth", "newt")[n % 3] for n in range(COUNT)}
TRUTH = {f"{n}.png": word for n, word in WORD.items()}


def rows(start: int = 0) -> list[str]:
    return [f"{start + at},{number},{WORD[number]}" for at, number in enumerate(ORDER)]


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("index", ["Unnamed: 0", "Unnamed: 0.1", "", "index", "level_0", "No.", "row_id", "#"])
@pytest.mark.parametrize("title", ["photo_no", "img_number", "nummer", "id", "image"])
def test_an_index_is_never_preferred_to_another_column(title: str, index: str, start: int, tmp_path: Path) -> None:
    table = table_at(tmp_path / "t.csv", f"{index},{title},label", *rows(start))
    assert told(placed(table, FILES)) == TRUTH
    turned = (",".join(row.split(",")[::-1]) for row in rows(start))
    assert told(placed(table_at(tmp_path / "t.csv", f"label,{title},{index}", *turned), FILES)) == TRUTH


def test_nor_where_the_other_column_names_one_image_fewer(tmp_path: Path) -> None:
    """Photos 1 to 60, of which the last is not there, and row 0 is."""
    table = table_at(tmp_path / "t.csv", "Unnamed: 0,photo_no,label", *rows(1), f"0,{COUNT},moth")
    found = placed(table, FILES)
    assert told(found) == TRUTH
    assert "column photo_no" in said(found)


def test_an_index_that_alone_names_images_is_said(tmp_path: Path) -> None:
    table = table_at(tmp_path / "t.csv", "Unnamed: 0,label", *(f"{n},{WORD[n]}" for n in range(COUNT)))
    found = placed(table, FILES)
    assert told(found) == TRUTH
    assert "named by column Unnamed: 0, which counts the rows" in said(found)


def test_a_count_of_the_rows_without_titles(tmp_path: Path) -> None:
    """pandas' `to_csv(header=False)`."""
    found = placed(table_at(tmp_path / "t.csv", *rows()), FILES)
    assert told(found) == TRUTH
    assert "column number 2" in said(found)


def test_a_count_of_lines(tmp_path: Path) -> None:
    assert told(placed(table_at(tmp_path / "t.txt", *(row.replace(",", " ") for row in rows())), FILES)) == TRUTH


def test_numbered_images_and_labels_of_two_words(tmp_path: Path) -> None:
    lines = (f"{n} Boeing {n % 3 + 7}07" for n in range(COUNT))
    found = told(placed(table_at(tmp_path / "t.txt", *lines), [*FILES, "707.png"]))
    assert found == {f"{n}.png": f"Boeing {n % 3 + 7}07" for n in range(COUNT)}


def test_two_indices(tmp_path: Path) -> None:
    """A data frame that was written and read twice."""
    lines = (f"{at},{row}" for at, row in enumerate(rows()))
    table = table_at(tmp_path / "t.csv", "Unnamed: 0.1,Unnamed: 0,photo_no,label", *lines)
    assert told(placed(table, FILES)) == TRUTH


@pytest.mark.parametrize("header", ["nr_a,nr_b,label", "id,photo_no,label", "sample,photo_no,label"])
def test_two_columns_that_could_both_be_meant_are_named(header: str, tmp_path: Path) -> None:
    first, second, _ = header.split(",")
    with pytest.raises(DataError, match=f"columns {first} and {second} .* call the one that is meant filename"):
        placed(table_at(tmp_path / "t.csv", header, *rows()), FILES)


def test_two_columns_of_one_content_are_one(tmp_path: Path) -> None:
    table = table_at(tmp_path / "t.csv", "nr_a,nr_b,label", *(f"{n},{n},{WORD[n]}" for n in range(COUNT)))
    assert told(placed(table, FILES)) == TRUTH


def test_numbers_of_another_meaning_do_not_name_images(tmp_path: Path) -> None:
    """An identifier that counts the rows stays one beside ages, years and numbers of classes."""
    lines = (f"{n},{20 + n % 40},{n % 10},{WORD[n]}" for n in range(COUNT))
    assert told(placed(table_at(tmp_path / "t.csv", "id,age,site_no,label", *lines), FILES)) == TRUTH


# -- a count of rows is no label ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("ending", ["", ".png"])
def test_a_count_of_rows_is_no_label(ending: str, shuffled: bool, tmp_path: Path) -> None:
    """MXNet's list (index, label, path) and pandas' rows without titles (index, name, label)."""
    files, label = [f"im{n}.png" for n in range(COUNT)], {f"im{n}.png": str(n % 3) for n in range(COUNT)}
    order = ORDER if shuffled else range(COUNT)
    listed = (f"{at}\t{n % 3}\tim{n}{ending}" for at, n in zip(order, range(COUNT), strict=True))
    assert told(placed(table_at(tmp_path / "train.lst", *listed), files)) == label
    framed = (f"{at},im{n}{ending},{n % 3}" for at, n in zip(order, range(COUNT), strict=True))
    assert told(placed(table_at(tmp_path / "t.csv", *framed), files)) == label


def test_a_count_of_rows_beside_a_column_of_an_unknown_title(tmp_path: Path) -> None:
    lines = (f"im{n}.png,{n + 1},{WORD[n]}" for n in range(COUNT))
    found = placed(table_at(tmp_path / "t.csv", "file,lfd,vogel", *lines), [f"im{n}.png" for n in range(COUNT)])
    assert list(told(found).values()) == list(WORD.values())


# -- numbers of something else -----------------------------------------------------------------------------------------

FEW = [f"{n}.png" for n in range(1, 25)]


@pytest.mark.parametrize(
    "header",
    ["nr;klasse", "No.;Rings", "", "index;patient;label", "#;Rings;label", "row;patient;label", "id;patient;label",
     "index;age;label", "index;age;klasse", "id;age;label", "nr;image_class;label", "Unnamed: 0;age;label"],
)  # fmt: skip
@pytest.mark.parametrize("turned", [False, True])
def test_numbers_of_something_else_name_no_images(header: str, turned: bool, tmp_path: Path) -> None:
    """Classes and patients repeat; ages that do not are no names where an index is there."""
    ages = random.Random(1).sample(range(1, 25), 24)
    numbers = [ages[n - 1] if "age;" in header else n % 13 + 1 for n in range(1, 25)]
    words = {f"{n}.png": WORD[n] if header.count(";") > 1 else str(numbers[n - 1]) for n in range(1, 25)}
    cells = [
        [str(n), str(numbers[n - 1]), *([words[f"{n}.png"]] if header.count(";") > 1 else [])] for n in range(1, 25)
    ]
    lines = [header.split(";"), *cells] if header else cells
    if turned and header:
        lines = [line[::-1] for line in lines]
    found = placed(table_at(tmp_path / "t.csv", *(",".join(line) for line in lines)), FEW,
                   "klasse" if "age;klasse" in header else None)  # fmt: skip
    assert told(found) == words


def test_an_index_of_more_rows_than_images_names_none(tmp_path: Path) -> None:
    """Three rows an image."""
    lines = [f"{at},{at // 3 + 1},{WORD[at // 3 + 1]}" for at in range(72)]
    found = placed(table_at(tmp_path / "t.csv", "Unnamed: 0,photo_no,label", *lines), FEW)
    assert told(found) == {f"{n}.png": WORD[n] for n in range(1, 25)}
    assert "column photo_no" in said(found)
