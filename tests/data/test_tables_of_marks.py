"""Columns of 0 and 1: which of them are classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from swaveval.data import DataError
from tests.data.table_trials import placed, said, table_at, told

COUNT = 24
FILES = [f"im{n}.png" for n in range(COUNT)]
WORDS = ("newt", "moth", "heron", "lynx")


def table(folder: Path, columns: Mapping[str, Sequence[object]]) -> Path:
    lines = (",".join(map(str, (file, *cells))) for file, *cells in zip(FILES, *columns.values(), strict=True))
    return table_at(folder / "t.csv", ",".join(["image", *columns]), *lines)


def bits(period: int) -> list[int]:
    return [int(n % period == 0) for n in range(COUNT)]


def words(*several: str) -> list[str]:
    return [several[n % len(several)] for n in range(COUNT)]


ONE_HOT = {word: [int(n % 4 == at) for n in range(COUNT)] for at, word in enumerate(WORDS)}
ONE_OF_FOUR = {file: WORDS[n % 4] for n, file in enumerate(FILES)}
AGES = [20 + 7 * n % 50 for n in range(COUNT)]


@pytest.mark.parametrize(
    "columns",
    [
        {"age": AGES, "sex": bits(2), "smoker": bits(3), "tumor_type": words("glioma", "none found")},
        {"laterality": words("L", "R"), "age": AGES, "cancer": [0] * COUNT, "biopsy": bits(3), "invasive": [0] * COUNT,
         "implant": bits(4), "density": words("A", "B", "C", "")},
        {"male": bits(2), "female": [1 - bit for bit in bits(2)], "tumor_type": words("a", "b", "c")},
        {"sex": bits(2), "smoker": bits(3)}, {"age": AGES, "sex": bits(2), "smoker": bits(3)},
        {"train": bits(24), "is_blurry": bits(3), "flipped": bits(5), "bird": words("heron", "moth")},
        {"kind_of_bird": words("heron", "moth"), "at_night": bits(2), "in_rain": bits(5)},
    ],
)  # fmt: skip
def test_marks_beside_words_are_asked_for(columns: Mapping[str, Sequence[object]], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"it has no label .*name it: --labels .*t\.csv:COLUMN"):
        placed(table(tmp_path, columns), FILES)


@pytest.mark.parametrize(
    "others",
    [
        {"male": bits(3), "flipped": bits(5)}, {"is_valid": bits(6)}, {"sex": bits(3)}, {"augmented": bits(2)},
        {"observer": words("ann", "bo")}, {"weight": AGES}, {"male": bits(3), "observer": words("ann", "bo")},
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", [False, True])
def test_exactly_one_mark_a_row_is_the_class(
    first: bool, others: Mapping[str, Sequence[object]], tmp_path: Path
) -> None:
    found = placed(table(tmp_path, {**others, **ONE_HOT} if first else {**ONE_HOT, **others}), FILES)
    assert told(found) == ONE_OF_FOUR
    assert found.origin == "t.csv, 4 columns of 0 and 1 (heron, lynx, moth, newt)"
    if "is_valid" not in others:
        assert f"other columns: {', '.join(sorted(others))}" in said(found)


@pytest.mark.parametrize("others", [{}, {"age": AGES}, {"Sex": words("f", "m"), "view": words("PA", "AP", "L")},
                                    {"Frontal/Lateral": words("Frontal", "Lateral"), "AP/PA": words("AP", "")},
                                    {"caption": [f"a photo of {n} newts" for n in range(COUNT)]}])  # fmt: skip
def test_several_marks_a_row_where_they_are_what_is_left(
    others: Mapping[str, Sequence[object]], tmp_path: Path
) -> None:
    """CheXpert's and CelebA's forms: nothing else could be the classes."""
    found = placed(table(tmp_path, {**others, "newt": bits(2), "moth": bits(3)}), FILES)
    assert found.several == {"newt": 12, "moth": 8}
    assert not others or f"other columns: {', '.join(sorted(others))}" in said(found)


def test_well_known_marks_are_no_classes_beside_others(tmp_path: Path) -> None:
    columns = {"male": bits(2), "smiling": bits(3), "hat": bits(4)}  # an attribute among attributes
    assert placed(table(tmp_path, columns), FILES).several == {"male": 12, "smiling": 8, "hat": 6}
    with pytest.raises(DataError, match="it has no label"):
        placed(table(tmp_path, {"sex": bits(2), "is_smoker": bits(3), "tumour": words("a", "b", "c")}), FILES)


def test_one_mark_beside_well_known_ones_has_two_values(tmp_path: Path) -> None:
    found = placed(table(tmp_path, {"male": bits(2), "cancer": bits(3)}), FILES)
    assert told(found) == {file: str(bit) for file, bit in zip(FILES, bits(3), strict=True)}
    assert found.origin == "t.csv, column cancer"
    assert "other columns: male" in said(found)
    both = {"male": bits(2), "female": [1 - bit for bit in bits(2)]}
    assert set(told(placed(table(tmp_path, both), FILES)).values()) == {"male", "female"}


@pytest.mark.parametrize("others", [{"on_a_rainy_day": bits(3)}, {"glaucoma": bits(3), "other": bits(5)}])
@pytest.mark.parametrize("first", [False, True])
def test_columns_that_exclude_each_other_take_no_other_marks_away(
    first: bool, others: Mapping[str, Sequence[object]], tmp_path: Path
) -> None:
    """ODIR, CheXpert: three findings that no image has together are not the classes of all."""
    columns = {**others, **ONE_HOT} if first else {**ONE_HOT, **others}
    found = placed(table(tmp_path, columns), FILES)
    assert found.several == {word: sum(map(int, map(str, marks))) for word, marks in columns.items()}


@pytest.mark.parametrize("title", ["hospital", "modality", "race", "eye", "weather", "kamera", "site_2"])
@pytest.mark.parametrize("exclusive", [False, True])
def test_a_few_words_beside_many_marks_are_not_their_classes(title: str, exclusive: bool, tmp_path: Path) -> None:
    findings = {"effusion": bits(2), "mass": bits(3), "nodule": bits(5)}
    marks: Mapping[str, Sequence[object]] = ONE_HOT if exclusive else findings
    found = placed(table(tmp_path, {title: words("aa", "bb", "cc"), **marks}), FILES)
    if exclusive:
        assert told(found) == ONE_OF_FOUR
    else:
        assert found.several == {"effusion": 12, "mass": 8, "nodule": 5}
    assert f"other columns: {title}" in said(found)


def test_words_that_are_called_like_classes_are_asked_for(tmp_path: Path) -> None:
    marks = {"effusion": bits(2), "mass": bits(3), "nodule": bits(5)}
    for title in ("tumor_type", "density", "bird species"):
        with pytest.raises(DataError, match="it has no label"):
            placed(table(tmp_path, {title: words("aa", "bb", "cc"), **marks}), FILES)
