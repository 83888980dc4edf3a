"""Tables that a rule could read as something that they are not: the plain reading, or a question."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.data.table_trials import placed, said, table_at, told

COUNT = 24
FILES = [f"im{n}.png" for n in range(COUNT)]
WORDS = ("heron", "moth", "newt")
TRUTH = {file: WORDS[n % 3] for n, file in enumerate(FILES)}


# -- marks that are no split -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("title", ["invalid", "Invalid", "in-valid"])
def test_invalid_is_no_validation(title: str, tmp_path: Path) -> None:
    lines = [f"{file},{TRUTH[file]},{int(n % 5 == 0)}" for n, file in enumerate(FILES)]
    found = placed(table_at(tmp_path / "t.csv", f"filename,label,{title}", *lines), FILES)
    assert (told(found), found.splits) == (TRUTH, None)
    marks = [f"{file},{n % 2},{1 - n % 2}" for n, file in enumerate(FILES)]
    found = placed(table_at(tmp_path / "t.csv", "filename,valid,invalid", *marks), FILES)
    assert told(found) == {file: ("invalid", "valid")[n % 2] for n, file in enumerate(FILES)}
    assert found.splits is None


# -- rows of one image -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("votes", "label", "counted"),
    [
        (("", "", "cat"), "cat", False), (("cat", "", ""), "cat", False), (("nan", "cat", "?"), "cat", False),
        (("", "cat", "cat"), "cat", False), (("", "", "cat", "cat", "dog"), "cat", True),
        (("", "", ""), None, False), (("", "", "", "cat", "dog"), None, False),
    ],
)  # fmt: skip
def test_a_row_without_a_label_is_no_vote(
    votes: Sequence[str], label: str | None, counted: bool, tmp_path: Path
) -> None:
    lines = [f"im0,{vote}" for vote in votes] + [f"im{n},{WORDS[n % 3]}" for n in range(1, COUNT)]
    found = placed(table_at(tmp_path / "t.csv", "filename,label", *lines), FILES)
    assert found.labels["im0.png"] == label
    assert ("1 image whose rows in t.csv differ: the most frequent" in said(found)) == counted
    assert ("1 image with two labels" in said(found)) == (label is None and "dog" in votes)


@pytest.mark.parametrize(
    ("title", "cells"),
    [
        ("decision", ("accept", "reject")), ("status", ("accepted", "ignored")), ("review", ("accept", "ignore")),
        ("present", ("1", "0")), ("exists", ("1", "0")), ("presence", ("true", "false")), ("confidence", ("1", "0")),
    ],
)  # fmt: skip
def test_nothing_is_denied_where_an_image_has_one_row(title: str, cells: Sequence[str], tmp_path: Path) -> None:
    lines = [f"{file},{TRUTH[file]},{cells[n % 3 > 0]}" for n, file in enumerate(FILES)]
    found = placed(table_at(tmp_path / "t.csv", f"filename,label,{title}", *lines), FILES)
    assert told(found) == TRUTH
    assert "say what an image is not" not in said(found)


def test_prodigys_answer_denies_the_only_row(tmp_path: Path) -> None:
    lines = [f"{file},{TRUTH[file]},{'reject' if n < 3 else 'accept'}" for n, file in enumerate(FILES)]
    found = placed(table_at(tmp_path / "t.csv", "filename,label,answer", *lines), FILES)
    assert told(found) == {file: TRUTH[file] for file in FILES[3:]}


@pytest.mark.parametrize("title", ["conf", "confidence", "score"])
@pytest.mark.parametrize("boxes", [False, True])
def test_objects_are_no_readings_of_an_image(title: str, boxes: bool, tmp_path: Path) -> None:
    """Two cars and a person: the person is surer, and still one of them."""
    objects = [("car", 0.6), ("person", 0.99)] if boxes else [("car", 0.6), ("car", 0.7), ("person", 0.99)]
    lines = [f"{file},{word},{sure}" + f",{at},{at + 5}" * boxes for file in FILES
             for at, (word, sure) in enumerate(objects)]  # fmt: skip
    lines += [f"z.png,car,0.5{',0,5' * boxes}"]
    found = placed(
        table_at(tmp_path / "t.csv", f"image,label,{title}{',xmin,xmax' * boxes}", *lines), [*FILES, "z.png"]
    )
    assert set(told(found).values()) == {"car"}
    assert found.several == {"car": COUNT + 1, "person": COUNT}
    assert "highest" not in said(found)
    assert "rows in t.csv differ" not in said(found)


# -- titles ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("archivo,edad,tumor", [("40", "tumor"), ("50", "normal")]),
        ("fn,hospital,pneumonia", [("A", "pneumonia"), ("B", "normal")]),
        ("archivo,tumor", [("tumor",), ("normal",)]),
        ("Bild,Ort,Maske", [("Ulm", "Maske"), ("Bonn", "keine")]),
        ("pic,cat,dog,x", [("x", "", "x"), ("", "x", "")]),
        ("pic,cat,dog,x", [("cat", "a", "b"), ("b", "dog", "b")]),
    ],
)  # fmt: skip
def test_a_title_that_is_a_class_too_is_a_title(header: str, rows: Sequence[Sequence[str]], tmp_path: Path) -> None:
    lines = [",".join((file[:-4], *rows[n % 2])) for n, file in enumerate(FILES)]
    last = header.split(",")[-1]
    found = placed(table_at(tmp_path / "t.csv", header, *lines), FILES, last)
    assert found.origin == f"t.csv, column {last}"
    assert "line 1" not in said(found)
