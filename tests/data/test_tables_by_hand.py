"""Label tables read from their bytes, and placed on files: columns, marks, repeated rows, and what is said."""

from pathlib import Path

import pytest

from swaveval.data.errors import DataError
from swaveval.data.folders.layout import Placing
from swaveval.data.tables.label_table import LabelTable, read_labels
from swaveval.data.tables.labels import place_by_rows

FILES = [f"{letter}.png" for letter in "abcde"]


def table(tmp_path: Path, text: str, column: str | None = None) -> LabelTable:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return read_labels(path, FILES, column=column)


def placed(tmp_path: Path, text: str, files: list[str] = FILES) -> Placing:
    return place_by_rows(files, table(tmp_path, text), name="t.csv")


def test_columns_of_marks_name_one_class_each(tmp_path: Path) -> None:
    one = table(tmp_path, "file,cat,dog\na.png,1,0\nb.png,0,1\nc.png,0,0\n")
    assert [row.label for row in one.rows] == ["cat", "dog", ""]
    assert (one.multiple, one.column) == (False, "2 columns of 0 and 1 (cat, dog)")
    several = table(tmp_path, "file,cat,dog\na.png,1,true\nb.png,0,yes\n")
    assert (several.multiple, [row.several for row in several.rows]) == (True, [("cat", "dog"), ("dog",)])


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("file,p,q\na.png,3,4\n", None, r"it has no label \(found: file,p,q\); name it: --labels .*t\.csv:COLUMN"),
        ("file,p,q\na.png,yes,heron\nb.png,no,lynx\n", None, r"it has no label \(found: file,p,q\)"),
        ("file,x,y\na.png,3,4\n", "z", r"no column z of labels \(found: file,x,y\)"),
        ("file\na.png\n", None, r"no label \(found: file\)"), ("", None, "is empty; the first line must name"),
        ("file,label\n", None, "has a header but no rows"),
        ("x,label\n7,cat\n8,dog\n", None, r"no filename \(found: x,label\)"),
        ("file,label\na.png," + "x" * 140_000 + "\n", None, "line 2 of .* is not CSV"),
        ("file,label,split\na.png,cat,train\nb.png,cat,later\n", None, "line 3 of .* has the split 'later'"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_read_are_said(text: str, column: str | None, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        table(tmp_path, text, column)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("a.png;cat\nb.png;dog\n", ["cat", "dog"]), ("a.png cat\nb.png dog\n", ["cat", "dog"]),
        ("a.png\tcat\nb.png\tdog\n", ["cat", "dog"]), ("file|label\na.png|cat\n", ["cat"]),
        ("\ufefffile,label\na.png,cat\n", ["cat"]), ('file,label\n"a.png", "big, cat"\n', ["big, cat"]),
        ("label,file\ncat,a.png\n", ["cat"]), ("# file,label\na.png,cat\n", ["cat"]),
        ("file,label\n\na.png,cat\n\n", ["cat"]),
        ("a,cat\nb,dog\n", ["cat", "dog"]), ("id,y,label\na,1,cat\n", ["cat"]),
    ],
)  # fmt: skip
def test_forms_of_tables(text: str, labels: list[str], tmp_path: Path) -> None:
    found = table(tmp_path, text)
    assert [row.label for row in found.rows] == labels
    assert found.rows[0].filename.startswith("a")
    assert not found.multiple


@pytest.mark.parametrize(("repeated", "several"), [("a b", False), ("a b c", True)])
def test_two_labels_of_an_image_are_a_mistake_when_rare(repeated: str, several: bool, tmp_path: Path) -> None:
    rows = [f"{file},cat" for file in FILES] + [f"{letter}.png,dog" for letter in repeated.split()]
    found = placed(tmp_path, "\n".join(["file,label", *rows]))
    unsure = {f"{letter}.png" for letter in repeated.split()}
    if several:
        assert found.several == {"cat": 5, "dog": 3}
        assert set(found.labels.values()) == {"cat"}
        assert found.origin == "t.csv: several labels an image, the most frequent one present is its class"
    else:
        assert found.several is None
        assert {file for file, label in found.labels.items() if label is None} == unsure
        assert found.origin == "t.csv"
        assert "2 images with two labels, read as unlabelled (a.png)." in found.notes


def test_what_is_said_of_rows_and_images_without_each_other(tmp_path: Path) -> None:
    found = placed(tmp_path, "file,label\na.png,cat\nx.png,dog\nb.png,\n")
    assert "3 images in no row of t.csv, kept without a label (first: c.png)." in found.notes
    assert "1 row of t.csv without an image (line 3: x.png)." in found.notes
    assert found.labels == {"a.png": "cat"} | dict.fromkeys(FILES[1:])
    with pytest.raises(DataError, match=r"no row of t\.csv .*\(1 row; first row: x\.png; first image: a\.png\)"):
        placed(tmp_path, "file,label\nx.png,dog\n")
    most = placed(tmp_path, "file,label\na.png,cat\n" + "".join(f"x{n}.png,dog\n" for n in range(2)))
    assert any(
        note.startswith("Only 1 of 3 rows of t.csv name an image that is there; not found: line 3")
        for note in most.notes
    )
    half = placed(tmp_path, "file,label\na.png,cat\nx.png,dog\n")
    assert not any(note.startswith("Only") for note in half.notes)


@pytest.mark.parametrize(
    ("rows", "splits", "note"),
    [
        ("a,cat,train b,dog,test", {"a.png": "train", "b.png": "test", "c.png": "train"},
         "3 images without a split counted"),
        ("a,cat,0 b,dog,1", {"a.png": "train", "b.png": "test"}, "read as 0 train, 1 test."),
        ("a,cat,0 b,dog,1 c,cat,2", {"b.png": "validation", "c.png": "test"}, "0 train, 1 validation, 2 test."),
        ("a,cat,Training b,dog,VAL c,cat,dev", {"a.png": "train", "b.png": "validation", "c.png": "validation"}, ""),
    ],
)  # fmt: skip
def test_the_split_of_a_table(rows: str, splits: dict[str, str], note: str, tmp_path: Path) -> None:
    found = placed(tmp_path, "file,label,split\n" + rows.replace(" ", "\n"))
    assert found.splits is not None
    assert {file: found.splits[file] for file in splits} == splits
    assert note in " ".join(found.notes)
    assert found.source == "t.csv"


def test_the_split_of_the_folders_where_the_table_has_none(tmp_path: Path) -> None:
    files = ["train/a.png", "train/b.png", "test/c.png", "test/d.png"]
    both = placed(tmp_path, "file,label\na.png,cat\nb.png,dog\nc.png,cat\n", files)
    assert (list((both.splits or {}).values()), both.source) == (["train", "train", "test", "test"], "folders")
    one = placed(tmp_path, "file,label\na.png,cat\nb.png,dog\n", files)
    assert one.splits is None
    assert "The folders' split was not used: only its train side has labels." in one.notes
