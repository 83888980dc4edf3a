"""Labels in JSON and in cells, and which row means which image: each rule by itself."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaveval.data.errors import DataError
from swaveval.data.tables.label_json import rows_of_json
from swaveval.data.tables.label_matching import match_rows
from swaveval.data.tables.label_values import most_frequent_present, read_values

# -- JSON --------------------------------------------------------------------------------------------------------------

PAIRS = [["a.png", "cat"], ["b.png", "3"]]


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ({"a.png": "cat", "b.png": 3}, PAIRS), ({"labels": {"a.png": "cat", "b.png": 3}}, PAIRS),
        ({"labels": [["a.png", "cat"], ["b.png", 3]]}, PAIRS), ([["a.png", "cat", 7], ["b.png", 3]], PAIRS),
        ({"labels": [["a.png", "cat"], ["lonely"], "ab", ["b.png", 3]]}, PAIRS),
        ([{"file": "a.png", "label": "cat"}, {"file": "b.png", "label": 3}], PAIRS),
        ({"a.png": None, "b.png": ["x", 1]}, [["a.png", ""], ["b.png", '["x", "1"]']]),
        ([{"file": "a.png"}, {"file": "b.png", "label": " é "}], [["a.png", ""], ["b.png", "é"]]),
    ],
)  # fmt: skip
def test_forms_of_json(body: Any, rows: list[list[str]]) -> None:
    header, found = rows_of_json(json.dumps(body), name="x.json")
    assert found == list(enumerate(rows, 1))
    assert header == (
        ["file", "label"] if isinstance(body, list) and isinstance(body[0], dict) else ["filename", "label"]
    )


IMAGES = frozenset("abcd")
BY_CLASS = {"cat": ["a.png", "x/b.png"], "dog": ["c.png"]}


@pytest.mark.parametrize(
    ("body", "header", "rows"),
    [
        (BY_CLASS, ["filename", "label"], [["a.png", "cat"], ["x/b.png", "cat"], ["c.png", "dog"]]),
        # the keys are the images' names: several labels each
        ({"a": ["cat", "dog"], "b": ["dog"]}, ["filename", "label"], [["a", '["cat", "dog"]'], ["b", '["dog"]']]),
        ({"train": BY_CLASS, "val": {"cat": ["d.png"]}}, ["filename", "label", "split"],
         [["a.png", "cat", "train"], ["x/b.png", "cat", "train"], ["c.png", "dog", "train"], ["d.png", "cat", "val"]]),
        ({"train": [["a.png", 0, "cat"]], "test": [["b.png", 1, "dog"]]}, ["filename", "label", "split"],
         [["a.png", "0", "train"], ["b.png", "1", "test"]]),
        ({"train": {"a.png": "cat"}, "test": {"b.png": "dog"}}, ["filename", "label", "split"],
         [["a.png", "cat", "train"], ["b.png", "dog", "test"]]),
        ({"images": [{"filename": "a.png", "split": "test", "label": "cat"}]}, ["filename", "split", "label"],
         [["a.png", "test", "cat"]]),
    ],
)  # fmt: skip
def test_json_by_class_and_by_split(body: Any, header: list[str], rows: list[list[str]]) -> None:
    assert rows_of_json(json.dumps(body), IMAGES, name="x.json") == (header, list(enumerate(rows, 1)))


@pytest.mark.parametrize(
    "body", [{"train": {"a": {"b": 1}}, "test": {"a": "b"}}, {"train": [{"a": 1}], "test": [["a", 1]]}]
)
def test_splits_of_different_forms_are_said(body: Any) -> None:
    with pytest.raises(DataError, match="JSON of a form that is not known"):
        rows_of_json(json.dumps(body), IMAGES, name="x.json")


def test_json_lines() -> None:
    header, rows = rows_of_json('{"file": "a.png", "label": 1}\n\n{"file": "b.png", "more": 2}\n', name="x.jsonl")
    assert (header, rows) == (["file", "label", "more"], [(1, ["a.png", "1", ""]), (2, ["b.png", "", "2"])])


def test_coco() -> None:
    body = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}, {"id": 3, "file_name": "c.png"},
        {"id": 4}],
        "annotations": [
            {"image_id": 1, "category_id": 7}, {"image_id": 1, "category_id": 7}, {"image_id": 3, "category_id": 8},
            {"image_id": 3, "category_id": 7}, {"image_id": 4, "category_id": 99},
        ],
        "categories": [{"id": 7, "name": "cat"}, {"id": 8}],
    }  # fmt: skip
    assert rows_of_json(json.dumps(body), name="x") == (
        ["filename", "label"],
        [(1, ["a.png", '["cat"]']), (2, ["b.png", ""]), (3, ["c.png", '["8", "cat"]']), (4, ["", '["99"]'])],
    )


@pytest.mark.parametrize(
    "text",
    ["3", "null", '"ab"', "[]", "{}", "[1, 2]", '[["a"]]', '["ab", "cd"]', '[["a", "b"], ["c"]]', '[["a", "b"], 7]',
     '[{"a": 1}, 7]', '{"a": {"b": 1}}', '{"labels": {}}'],
)  # fmt: skip
def test_json_of_another_form_is_said(text: str) -> None:
    with pytest.raises(DataError, match="JSON of a form that is not known"):
        rows_of_json(text, name="x.json")


@pytest.mark.parametrize("text", ["", "{", "a,b\n", "[" * 100_000, '{"a": 1}\nno\n'])
def test_what_is_no_json_is_said(text: str) -> None:
    with pytest.raises(DataError, match=r"x\.json is not JSON|not known"):
        rows_of_json(text, name="x.json")


# -- cells -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("cat dog cat", "cat dog cat"), ("cat NaN None", "cat - -"), ("cat -1 dog", "cat - dog"), ("0 1 -1", "0 1 -"),
        ("1 -1 1", "1 -1 1"), ("-1 -2 3", "-1 -2 3"),
        ("-0.5 -1 cat", "-0.5 -1 cat"), ("1 -1 cat", "1 - cat"), ("1.0 -1.0 1.0", "1.0 -1.0 1.0"),
        ("1 1.0 01 2", "1 1 1 2"), ("1.0 2.0", "1.0 2.0"), ("01 1 cat", "01 1 cat"), ("007 7 7.50", "7 7 7.50"),
        ("Cat cat", "Cat cat"), ("1e3 1000", "1000 1000"),
    ],
)  # fmt: skip
def test_labels_of_cells(cells: str, words: str) -> None:
    found = read_values(cells.split())
    assert found.words == tuple(None if word == "-" else word for word in words.split())
    assert (found.several, found.refusal) == (None, "")


@pytest.mark.parametrize(
    ("numbers", "refused"),
    [
        ([f"{n}.5" for n in range(21)], True), ([f"{n}.5" for n in range(2)], False),
        ([f"{n}.5" for n in range(3)], True),
        ([f"{n}.5" for n in range(20)] * 5, False), ([f"{n}.5" for n in range(21)] * 5, True),
        ([f"{n}.5" for n in range(20)] * 4, True), ([str(n) for n in range(50)], False),
        ([str(n) for n in range(51)], True),
        ([str(n) for n in range(51)] * 2, True), ([str(n) for n in range(51)] * 3, False),
        ([f"{n}.0" for n in range(30)], False),
    ],
)  # fmt: skip
def test_numbers_that_are_measurements(numbers: list[str], refused: bool) -> None:
    found = read_values(numbers, column="age")
    assert bool(found.refusal) == refused
    if refused:
        assert f"column age holds measurements ({len(set(numbers))} different numbers from" in found.refusal
        assert set(found.words) == {None}


SEVERAL = [("cat", "dog"), ("cat",), ("dog", "fox"), ("fox",)]


@pytest.mark.parametrize("separator", ["|", ";", ",", ", ", "+", "/", " | "])
def test_several_labels_in_a_cell(separator: str) -> None:
    cells = [separator.join(labels) for labels in SEVERAL]
    found = read_values([*cells, ""])
    assert found.several == (*SEVERAL, ())
    assert found.words == (*cells, None)
    assert found.notes == ("2 rows with several labels in column label.",)


@pytest.mark.parametrize("form", ['["{}"]', "['{}']", "({})", "[{}]"])
def test_lists_in_a_cell(form: str) -> None:
    inner = {'["{}"]': '", "', "['{}']": "', '"}.get(form, ", ")
    cells = [form.replace("{}", inner.join(labels)) for labels in SEVERAL]
    assert read_values([*cells, "[]"]).several == (*SEVERAL, ())
    single = read_values([form.replace("{}", word) for word in ("cat", "dog")])
    assert (single.words, single.several) == (("cat", "dog"), None)


@pytest.mark.parametrize(
    "cells",
    [
        ["Smith, John", "Brown, Ann", "Lee, Bo"], ["black, white", "cat", "dog"], ["a/b", "a", "b"], ["a+b", "a", "b"],
        ["[a]", "[b", "c"], ["cat dog", "cat", "dog"], ["a|b", "c|d", "e"], ["a|b", "b|a"],
    ],
)  # fmt: skip
def test_words_that_are_one_label_with_a_mark_in_it(cells: list[str]) -> None:
    assert read_values(cells).several is None
    assert read_values(cells).words == tuple(cells)


def test_spaces_separate_numbers_and_tags() -> None:
    assert read_values(["cat dog", "cat", "dog fox"], column="Tags").several == (
        ("cat", "dog"),
        ("cat",),
        ("dog", "fox"),
    )
    assert read_values(["1 2", "1", "2 3"], column="x").several == (("1", "2"), ("1",), ("2", "3"))


def test_what_is_said_of_cells() -> None:
    assert read_values(["cat", "NA", "na", "?", ""]).notes == (
        "3 rows read as unlabelled: NA (1), na (1), ? (1); a class needs another name.",
    )
    assert read_values(["1", "01", "2"]).notes == ("Numbers written in several ways are one class each (01, 1).",)
    assert read_values(["Cat", "dog"]).notes == ()


def test_the_label_that_most_images_carry() -> None:
    chosen, counts = most_frequent_present(
        {"a": ("x", "y"), "b": ("y",), "c": (), "d": ("z", "w"), "e": ("y", "y", "x")}
    )
    assert chosen == {"a": "y", "b": "y", "d": "w", "e": "y"}
    assert counts == {"x": 2, "y": 3, "z": 1, "w": 1}


# -- rows and files ----------------------------------------------------------------------------------------------------

FILES = ["a/1.png", "a/2.png", "b/1.png", "c/é 3.JPG", "deep/er/4.tif"]


@pytest.mark.parametrize(
    ("written", "file"),
    [
        ("a/1.png", "a/1.png"), ("./a/1.png", "a/1.png"), ("/data/set/a/1.png", "a/1.png"), ("a\\1.png", "a/1.png"),
        ("C:\\x\\a\\1.png", "a/1.png"), ("a/1", "a/1.png"), ("a/1.jpg", "a/1.png"), ("A/1.PNG", "a/1.png"),
        ("2.png", "a/2.png"),
        ("2", "a/2.png"), ("photos/a/2.png", "a/2.png"), ("er/4.tif", "deep/er/4.tif"), ("4", "deep/er/4.tif"),
        ("c/e\u0301 3.JPG", "c/é 3.JPG"), ("https://host/c/%C3%A9%203.JPG?size=1#x", "c/é 3.JPG"),
        ("file:///home/me/a/2.png", "a/2.png"), ("1.png", "ambiguous"), ("x/2.png", "missing"), ("", "missing"),
        ("b/2.png", "missing"), ("2.5", "missing"), ("a", "missing"),
    ],
)  # fmt: skip
def test_which_image_a_row_means(written: str, file: str) -> None:
    found = match_rows([written], FILES, root="/home/me/photos")
    assert dict(found.file_of) == ({0: file} if file in FILES else {})
    assert (found.ambiguous, found.missing) == ((0,) * (file == "ambiguous"), (0,) * (file == "missing"))
    assert found.loose == 0


def test_exact_names_come_first_over_the_whole_table() -> None:
    found = match_rows(["1.png", "a/1.png"], ["a/1.png", "b/1.png"])
    assert dict(found.file_of) == {0: "b/1.png", 1: "a/1.png"}
    found = match_rows(["x", "x.png"], ["x.jpg", "x.png"])
    assert dict(found.file_of) == {0: "x.jpg", 1: "x.png"}


def test_rows_of_one_name_share_an_image_and_rows_of_two_names_do_not() -> None:
    assert dict(match_rows(["1.png", "1.png"], ["1.png", "2.png"]).file_of) == {0: "1.png", 1: "1.png"}
    both = match_rows(["x/1", "y/1", "2"], ["1.png", "2.png"])
    assert (dict(both.file_of), both.ambiguous) == ({2: "2.png"}, (0, 1))


@pytest.mark.parametrize(
    ("written", "files", "expected"),
    [
        (["7", "12.0"], ["0007.png", "0012.png"], {0: "0007.png", 1: "0012.png"}),
        (["7", "13"], ["0007.png", "0012.png"], {0: "0007.png"}), (["7", "x"], ["0007.png", "0012.png"], {}),
        (["7"], ["0007.png", "7a.png"], {}), (["7"], ["0007.png", "007.png"], {}),
        (["7", "7.0"], ["0007.png", "0012.png"], {}),
        (["x/7"], ["0007.png"], {}), (["7.5"], ["0007.png"], {}),
    ],
)  # fmt: skip
def test_numbers_alone(written: list[str], files: list[str], expected: dict[int, str]) -> None:
    found = match_rows(written, files)
    assert dict(found.file_of) == expected
    assert found.loose == len(expected)


@given(st.lists(st.sampled_from(["a", "b", "1", "1.png", "a/1", "b/1.png", "", "B/1.PNG", "7", "7.0"]), max_size=6))
def test_every_row_is_matched_ambiguous_or_missing_and_no_two_names_share_an_image(written: list[str]) -> None:
    found = match_rows(written, ["a/1.png", "b/1.png", "1.jpg", "7.png"])
    sides = [*found.file_of, *found.ambiguous, *found.missing]
    assert sorted(sides) == list(range(len(written)))
    names: dict[str, set[str]] = {}
    for row, file in found.file_of.items():
        names.setdefault(file, set()).add(written[row])
    assert all(len(those) == 1 for those in names.values())
