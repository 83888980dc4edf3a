"""Several rows an image: rejected and absent labels, scores, and raters who disagree."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.data.table_trials import placed, said, table_at, told

COUNT = 24
FILES = [f"im{n}.png" for n in range(COUNT)]
WORDS = ("heron", "moth", "newt")
TRUTH = {file: WORDS[n % 3] for n, file in enumerate(FILES)}


@pytest.mark.parametrize(
    ("title", "yes", "no"),
    [
        ("Confidence", "1", "0"), ("Confidence", "1.0", "0.0"), ("present", "1", "0"), ("Present", "True", "False"),
        ("is_present", "yes", "no"), ("answer", "accept", "reject"), ("answer", "accept", "ignore"),
        ("state of review", "accepted", "rejected"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", [True, False])
def test_labels_that_a_row_says_are_absent(title: str, yes: str, no: str, source: bool, tmp_path: Path) -> None:
    """OpenImages' verified labels, Prodigy's answers: each image has one label of three, and the two others denied."""
    lines = [
        f"im{n},{'verification,' * source}{word},{yes if word == WORDS[n % 3] else no}"
        for n in range(COUNT)
        for word in WORDS
    ]
    found = placed(table_at(tmp_path / "t.csv", f"ImageID,{'Source,' * source}LabelName,{title}", *lines), FILES)
    assert told(found) == TRUTH
    assert f"48 rows of t.csv with {no} in column {title} say what an image is not, and were not used" in said(found)
    assert found.several is None


def test_an_image_whose_every_label_is_denied_has_none(tmp_path: Path) -> None:
    lines = [f"im{n},{WORDS[at]},{int(n > 3 and at == n % 3)}" for n in range(COUNT) for at in range(3)]
    found = placed(table_at(tmp_path / "t.csv", "image,label,present", *lines), FILES)
    assert told(found) == {file: word for file, word in TRUTH.items() if file not in FILES[:4]}
    assert "in no row" not in said(found)


@pytest.mark.parametrize("sure", ["0.00 0.25 0.50", "0 1 2 3"])
def test_how_sure_somebody_was_denies_nothing(sure: str, tmp_path: Path) -> None:
    lines = [f"im{n},{WORDS[n % 3]},{sure.split()[n // 3 % 3]}" for n in range(COUNT)]
    assert told(placed(table_at(tmp_path / "t.csv", "image,label,confidence", *lines), FILES)) == TRUTH


def test_prodigy(tmp_path: Path) -> None:
    records = [
        json.dumps({"image": f"im{n}.png", "label": word, "answer": "accept" if word == WORDS[n % 3] else "reject"})
        for n in range(COUNT)
        for word in WORDS
    ]
    assert told(placed(table_at(tmp_path / "t.jsonl", *records), FILES)) == TRUTH


@pytest.mark.parametrize("title", ["score", "Probability", "confidence", "prob", "pred_score"])
def test_the_label_with_the_highest_score(title: str, tmp_path: Path) -> None:
    lines = [f"im{n},{word},{0.6 if word == WORDS[n % 3] else 0.1 + at / 10}" for n in range(COUNT)
             for at, word in enumerate(WORDS)]  # fmt: skip
    found = placed(table_at(tmp_path / "t.csv", f"image,label,{title}", *lines), FILES)
    assert told(found) == TRUTH
    assert f"24 images with several labels in t.csv: the one with the highest {title} was taken" in said(found)


@pytest.mark.parametrize("title", ["weight", "label_no", "xmin"])
def test_numbers_of_another_title_decide_nothing(title: str, tmp_path: Path) -> None:
    lines = [f"im{n},{word},{at}" for n in range(COUNT) for at, word in enumerate(("moth", WORDS[n % 3]))]
    found = placed(table_at(tmp_path / "t.csv", f"image,label,{title}", *lines), FILES)
    assert set(told(found).values()) == {"moth"}


def test_labels_of_equal_scores_are_several(tmp_path: Path) -> None:
    lines = [f"im{n},{word},1" for n in range(COUNT) for word in ("moth", WORDS[n % 3])]
    found = placed(table_at(tmp_path / "t.csv", "image,label,confidence", *lines), FILES)
    assert found.several == {"moth": 24, "heron": 8, "newt": 8}


def raters(tmp_path: Path, votes: Sequence[str]) -> tuple[dict[str, str], str]:
    """Each cell: the words of the raters of one image."""
    lines = [f"im{n},{word}" for n, several in enumerate(votes) for word in several.split()]
    found = placed(table_at(tmp_path / "t.csv", "image,label", *lines), FILES)
    return told(found), said(found)


@pytest.mark.parametrize("rare", [False, True])
def test_most_of_the_raters_of_an_image_decide(rare: bool, tmp_path: Path) -> None:
    """Not what most images of the set are."""
    votes = ["heron heron heron"] * COUNT
    for at in range(2 if rare else 10):
        votes[at] = "moth heron moth"
    found, note = raters(tmp_path, votes)
    assert found == {file: "moth" if at < (2 if rare else 10) else "heron" for at, file in enumerate(FILES)}
    assert "images whose rows in t.csv differ: the most frequent of their labels was taken" in note


def test_where_raters_are_equal_the_set_decides(tmp_path: Path) -> None:
    votes = ["moth newt", "moth moth newt", "newt newt moth", "moth heron"] * 6
    found, note = raters(tmp_path, votes)
    assert [found[file] for file in FILES[:4]] == ["moth", "moth", "newt", "moth"]
    assert "12 images whose rows in t.csv differ: the most frequent of their labels was taken" in note
    assert "12 images with several labels in t.csv (3 labels): the one of them that most images carry" in note
