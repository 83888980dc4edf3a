"""Label files as people write them."""

from pathlib import Path

import pytest

from swaveval.data import DataError
from swaveval.data.folders.layout import Placing
from swaveval.data.tables.labels import place_by_rows, read_labels

FILES = ["a.png", "b.png", "sub/c.jpg", "sub/d é.png"]


def placed(tmp_path: Path, text: str | bytes, files: list[str] = FILES) -> Placing:
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return place_by_rows(files, read_labels(path, files), name="labels.csv")


def test_labels_and_splits(tmp_path: Path) -> None:
    placing = placed(tmp_path, "filename,label,split\na.png,cat,train\nb.png,dog,test\nsub/c.jpg,cat,val\n")
    assert dict(placing.labels) == {"a.png": "cat", "b.png": "dog", "sub/c.jpg": "cat", "sub/d é.png": None}
    assert placing.splits == {"a.png": "train", "b.png": "test", "sub/c.jpg": "validation", "sub/d é.png": "train"}
    assert placing.notes == (
        "1 image in no row of labels.csv, kept without a label (first: sub/d é.png).",
        "1 image without a split counted to train.",
    )


def told(placing: Placing) -> dict[str, str | None]:
    """The files that have a label."""
    return {file: label for file, label in placing.labels.items() if label is not None}


@pytest.mark.parametrize(
    "text",
    [
        "filename,label\na.png,black cat\n",
        'filename,label\r\n"a.png","black cat"\r\n\r\n',
        "\ufefffilename,label\na.png,black cat\n",
        "filename,label\na.png,black cat\n".encode("utf-16"),
        "filename;label\na.png;black cat\n",
        "Filename\tLabel\na.png\tblack cat\n",
        "  filename , label \n  a.png ,  black cat  \n",
        "id,label,filename\n7,black cat,a.png\n",
        "image,class\na.png,black cat",
        "filename|label\na.png|black cat\n",
        "a.png,black cat\n",
        "a.png\tblack cat\n",
        "Image Index,Finding Labels\na.png,black cat\n",
        "id_code,diagnosis\na,black cat\n",
        ",img,target\n0,a.png,black cat\n",
        "fname,y\nC:\\photos\\a.png,black cat\n",
        "filename,lable\na.png,black cat\n",
        "filename,cat,black cat\na.png,0,1\n",
    ],
)
def test_ways_of_writing_the_same(tmp_path: Path, text: str | bytes) -> None:
    assert told(placed(tmp_path, text)) == {"a.png": "black cat"}


def test_quoted_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    placing = placed(tmp_path, 'filename,label\n"x, ""y"".png","one\ntwo, three"\n', files=['x, "y".png'])
    assert dict(placing.labels) == {'x, "y".png': "one\ntwo, three"}


def test_latin_1(tmp_path: Path) -> None:
    assert told(placed(tmp_path, "filename,label\na.png,Bär\n".encode("latin-1"))) == {"a.png": "Bär"}


@pytest.mark.parametrize(
    "written, meant",
    [
        ("a", "a.png"),
        ("a.jpeg", "a.png"),
        ("./a.png", "a.png"),
        ("images/a.png", "a.png"),
        ("/home/her/images/sub/c.jpg", "sub/c.jpg"),
        ("sub\\c.jpg", "sub/c.jpg"),
        ("c.jpg", "sub/c.jpg"),
        ("c", "sub/c.jpg"),
        ("A.PNG", "a.png"),
        ("sub/d e\u0301.png", "sub/d é.png"),
    ],
)
def test_ways_of_naming_a_file(tmp_path: Path, written: str, meant: str) -> None:
    assert told(placed(tmp_path, f"filename,label\n{written},x\n")) == {meant: "x"}


def test_an_exact_name_wins_over_a_loose_one(tmp_path: Path) -> None:
    files = ["a.jpg", "a.png", "sub/a.png"]
    placing = placed(tmp_path, "filename,label\na.png,x\nsub/a.png,y\n", files)
    assert told(placing) == {"a.png": "x", "sub/a.png": "y"}


def test_ambiguous_missing_and_repeated_rows_are_counted(tmp_path: Path) -> None:
    text = "filename,label\na,x\nq.png,x\nb.png,y\nb.png,y\nc.png,y\nc.png,z\n"
    placing = placed(tmp_path, text, ["a.jpg", "a.png", "b.png", "c.png"])
    assert dict(placing.labels) == {"a.jpg": None, "a.png": None, "b.png": "y", "c.png": None}
    assert placing.notes == (
        "2 images in no row of labels.csv, kept without a label (first: a.jpg).",
        "1 row of labels.csv without an image (line 3: q.png).",
        "1 row of labels.csv that could mean several images, not used (line 2: a).",
        "2 rows of labels.csv that repeat an image, not used.",
        "1 image with two labels, read as unlabelled (c.png).",
    )


def test_an_empty_label_is_an_unlabelled_image(tmp_path: Path) -> None:
    placing = placed(tmp_path, "filename,label,split\na.png,,train\nb.png,dog\n")
    assert told(placing) == {"b.png": "dog"}
    assert placing.notes[-1] == "3 images without a split counted to train."


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "must name the columns filename,label"),
        ("number,note\n1,cat\n", "it has no filename \\(found: number,note\\)"),
        ("filename,lable,note\na.png,cat,x\n", "it has no label .*name it: --labels .*labels.csv:COLUMN"),
        ("filename,label\n", "has a header but no rows"),
        ("filename,label,split\na.png,cat,tset\n", "line 2 .* has the split 'tset'; use train, test or validation"),
        ("filename,label\nzebra.png,x\n", "no row of labels.csv .*1 row; first row: zebra.png; first image: a.png"),
        ("filename,label\n" + "x" * 200_000 + ",a\n", "is not CSV"),
    ],
)
def test_refusals(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        placed(tmp_path, text)


def test_missing_label_file_and_directory(tmp_path: Path) -> None:
    for path in (tmp_path / "no.csv", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_labels(path)
