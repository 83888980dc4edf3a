"""What is said of a table: what it tears apart, what it was not read for, and which column to name."""

import json
from pathlib import Path

import pytest

from swaveval.data import DataError
from tests.data.table_trials import placed, said, table_at, told

COUNT = 24
FILES = [f"im{n}.png" for n in range(COUNT)]
WORDS = ("heron", "moth", "newt")
TRUTH = {file: WORDS[n % 3] for n, file in enumerate(FILES)}


# -- what belongs together ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["label", "vogel"])
@pytest.mark.parametrize(
    "title", ["patient_id", "Patient ID", "lesion_id", "subject", "PatientId", "video", "case_no", "individual_id"]
)
def test_a_drawn_split_tears_groups_apart(title: str, label: str, tmp_path: Path) -> None:
    lines = [f"{file},{WORDS[n % 3]},p{n // 4}" for n, file in enumerate(FILES)]
    found = placed(table_at(tmp_path / "t.csv", f"image,{label},{title}", *lines), FILES)
    assert told(found) == TRUTH
    assert f"The split is drawn: images of one {title} (a column of t.csv) may be on both sides" in said(found)
    given = [f"{line},{'train' if n < 16 else 'test'}" for n, line in enumerate(lines)]
    found = placed(table_at(tmp_path / "t.csv", f"image,{label},{title},split", *given), FILES)
    assert "The split is drawn" not in said(found)


@pytest.mark.parametrize("cell", ["p{0}", "", "one", "{1}"])
@pytest.mark.parametrize("title", ["patient_id", "site", "weight"])
def test_nothing_is_torn_where_each_image_is_alone(title: str, cell: str, tmp_path: Path) -> None:
    if title == "patient_id" and cell == "{1}":
        return
    lines = [f"{file},{WORDS[n % 3]},{cell.format(n, n // 4)}" for n, file in enumerate(FILES)]
    assert "is drawn" not in said(placed(table_at(tmp_path / "t.csv", f"image,label,{title}", *lines), FILES))


# -- labels that were not read -----------------------------------------------------------------------------------------


def test_measurements_are_not_said_to_be_read(tmp_path: Path) -> None:
    """Galaxy Zoo's `Class1.1`: shares of votes."""
    lines = [f"{file},{n / 31:.4f},{n}" for n, file in enumerate(FILES)]
    found = placed(table_at(tmp_path / "t.csv", "GalaxyID,Class1.1,Class1.2", *lines), FILES, "Class1.1")
    assert not told(found)
    assert "the images were read without labels" in said(found)
    assert "Labels were read" not in said(found)
    assert "other columns: Class1.2" in said(found)


# -- which column to name ----------------------------------------------------------------------------------------------

VIA = (
    "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes",
    *(f'{file},{9000 + n},"{{}}",1,0,"{{""name"":""rect"",""x"":{n}}}","{{""bird"":""moth""}}"' for n, file in
      enumerate(FILES)),
)  # fmt: skip
SOFTMAX = ("image,heron,moth,newt", *(f"{file},0.{n + 10},0.1,0.{89 - n}" for n, file in enumerate(FILES)))
VERTEX = tuple(
    json.dumps({
        "imageGcsUri": f"gs://b/{file}", "classificationAnnotation": {"displayName": TRUTH[file]},
        "dataItemResourceLabels": {"aiplatform.googleapis.com/ml_use": "training"},
    })
    for file in FILES
)  # fmt: skip


@pytest.mark.parametrize(("name", "lines"), [("t.csv", VIA), ("t.csv", SOFTMAX), ("t.jsonl", VERTEX)])
def test_no_column_is_advised_that_holds_no_labels(name: str, lines: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"it has no label") as refused:
        placed(table_at(tmp_path / name, *lines), FILES)
    assert "name it" not in str(refused.value)
    assert "write filename,label" in str(refused.value)


def test_columns_that_may_hold_labels_are_advised(tmp_path: Path) -> None:
    lines = (f'{file},{n / 7:.3f},{TRUTH[file]},a,"{{""x"": 1}}"' for n, file in enumerate(FILES))
    table = table_at(tmp_path / "t.csv", "file,weight,vogel,site,meta", *lines)
    with pytest.raises(DataError, match=r"name it: --labels .*t\.csv:COLUMN \(site, vogel\)"):
        placed(table, FILES)


def test_a_manifest_of_sagemaker(tmp_path: Path) -> None:
    """Its job's column is the only one of plain cells."""
    lines = (
        json.dumps({"source-ref": f"s3://b/{file}", "birds": n % 3, "birds-metadata": {"class-name": TRUTH[file]}})
        for n, file in enumerate(FILES)
    )
    found = placed(table_at(tmp_path / "t.manifest", *lines), FILES)
    assert told(found) == {file: str(n % 3) for n, file in enumerate(FILES)}


@pytest.mark.parametrize(
    ("column", "labels"),
    [("3", WORDS), ("number 3", WORDS), ("2", "ab"), ("4", ("test", "train")), ("9", "pqr"), ("Vogel", WORDS)],
)
def test_a_column_by_its_number(column: str, labels: tuple[str, ...] | str, tmp_path: Path) -> None:
    """Where no title is that number."""
    lines = (
        f"{file},{'ab'[n % 2]},{WORDS[n % 3]},{('train', 'test')[n % 2]},{'pqr'[n % 3]}" for n, file in enumerate(FILES)
    )
    table = table_at(tmp_path / "t.csv", "file,site,vogel,split,9", *lines)
    assert set(told(placed(table, FILES, column)).values()) == set(labels)
    for missing in ("7", "0", "1", "x"):
        with pytest.raises(DataError, match=rf"no column {missing} of labels \(found: .*; give one .* by number"):
            placed(table, FILES, missing)


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("filename,lesion,site", ("nevus,arm", "melanoma,leg")), ("image,individual,camera", ("rex,c1", "ada,c2")),
        ("image,scene,season", ("forest,winter", "city,summer")), ("image,video,camera", ("a,c1", "b,c2")),
        ("image,lesion_id,site", ("l1,arm", "l2,leg")), ("image,person,weather", ("ann,rain", "bo,sun")),
        ("image,person_id,camera_id", ("p1,c1", "p2,c2")),
    ],
)  # fmt: skip
def test_what_may_be_a_class_or_a_group_is_asked_for(header: str, cells: tuple[str, str], tmp_path: Path) -> None:
    lines = [f"{file},{cells[n % 2]}" for n, file in enumerate(FILES)]
    with pytest.raises(DataError, match=r"it has no label .*name it: --labels"):
        placed(table_at(tmp_path / "t.csv", header, *lines), FILES)


@pytest.mark.parametrize("title", ["lesion", "scene", "individual", "person", "video", "slide"])
def test_words_are_no_groups(title: str, tmp_path: Path) -> None:
    lines = [f"{file},{WORDS[n % 3]},{('forest', 'city', 'coast', 'heath')[n % 4]}" for n, file in enumerate(FILES)]
    found = placed(table_at(tmp_path / "t.csv", f"image,label,{title}", *lines), FILES)
    assert told(found) == TRUTH
    assert "is drawn" not in said(found)
