"""What stands above the titles of a table, and what its bytes mean."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from swaveval.data import DataError
from tests.data.table_trials import placed, said, table_at, told

COUNT = 12
FILES = [f"im{n}.png" for n in range(COUNT)]
WORDS = ("heron", "moth", "newt")
TRUTH = {file: WORDS[n % 3] for n, file in enumerate(FILES)}


def lines(separator: str, header: str = "filename,label", words: Sequence[str] = WORDS) -> list[str]:
    return [header.replace(",", separator), *(f"{file}{separator}{words[n % 3]}" for n, file in enumerate(FILES))]


HEADS: dict[str, list[str]] = {
    "a comment": ["# made by x"],
    "comments with commas": ["# made by x, on a rainy day, in May", "# filename: of the image, label: of the bird"],
    "a comment and a blank line": ["# made by x", ""],
    "Excel's separator": ["sep={}"],
    "quoted": ['"sep={}"'],
    "a title": ["Birds of 2021"],
    "a title in cells": ["Birds of 2021{}"],
    "a title and a date": ["Birds of 2021{}", "{}", "as of May"],
    "both": ["sep={}", "# made by x"],
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_lines_above_the_titles(separator: str, head: str, tmp_path: Path) -> None:
    above = [line.format(separator) for line in HEADS[head]]
    found = placed(table_at(tmp_path / "t.csv", *above, *lines(separator)), FILES)
    assert told(found) == TRUTH
    assert ("t.csv passed over" in said(found)) == (head not in ("Excel's separator", "quoted"))


def test_comments_above_rows_without_titles(tmp_path: Path) -> None:
    assert told(placed(table_at(tmp_path / "t.csv", "# made by x", *lines(",")[1:]), FILES)) == TRUTH
    assert told(placed(table_at(tmp_path / "t.csv", "# filename,label", *lines(",")[1:]), FILES)) == TRUTH


def test_the_numbers_of_lines_are_those_of_the_file(tmp_path: Path) -> None:
    rows = [f"{row},train" for row in lines(",", "filename,label")[1:]]
    table = table_at(tmp_path / "t.csv", "# made by x", "filename,label,split", *rows, "x.png,moth,tset")
    with pytest.raises(DataError, match=r"line 15 of .* has the split 'tset'"):
        placed(table, FILES)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("\n".join(lines(",", words=("Bär", "Eule", "мышь"))).encode(encoding))
    assert set(told(placed(tmp_path / "t.csv", FILES)).values()) == {"Bär", "Eule", "мышь"}


@pytest.mark.parametrize(
    ("encoding", "words", "name"),
    [
        ("gbk", ("苍鹭", "飞蛾", "蝾螈"), "GBK"), ("gb18030", ("波斯猫", "狗", "newt"), "GBK"),
        ("latin-1", ("Bär", "Föhre", "newt"), "Latin-1"), ("cp1252", ("Bär", "Bär’s", "newt"), "Latin-1"),
        ("latin-1", ("Märchen", "Größe", "Süßwasser"), "Latin-1"),
    ],
)  # fmt: skip
def test_other_encodings_are_said(encoding: str, words: Sequence[str], name: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("\n".join(lines(",", words=words)).encode(encoding))
    found = placed(tmp_path / "t.csv", FILES)
    assert set(told(found).values()) == set(words)
    assert f"t.csv is not UTF-8 and was read as {name}" in said(found)


def test_words_that_are_read_wrongly_are_at_least_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("\n".join(lines(",", words=("мышь", "сова", "ёж"))).encode("cp1251"))
    assert "t.csv is not UTF-8 and was read as Latin-1" in said(placed(tmp_path / "t.csv", FILES))
    plain = table_at(tmp_path / "u.csv", *lines(","))
    assert "UTF-8" not in said(placed(plain, FILES))


@pytest.mark.parametrize("first", ["im99.png,heron", "im99,heron", "x1,heron", "99,moth"])
def test_a_first_row_whose_image_is_not_there_is_no_header(first: str, tmp_path: Path) -> None:
    rows = [f"{file[:-4]},{WORDS[n % 3]}" for n, file in enumerate(FILES)]
    found = placed(table_at(tmp_path / "t.csv", first, *rows), FILES)
    assert told(found) == TRUTH
    assert "1 row of t.csv without an image (line 1" in said(found)
    assert "column " + first.split(",")[1] not in found.origin


@pytest.mark.parametrize("header", ["Bild,Vogel", "nr,x", "image,moth", ",0", "a1,b2", "datei,heron"])
def test_titles_that_nobody_knows_are_titles(header: str, tmp_path: Path) -> None:
    assert told(placed(table_at(tmp_path / "t.csv", *lines(",", header)), FILES)) == TRUTH


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("Größe", "klein"), "Latin-1"), (("créé", "vide"), "Latin-1"), (("huono sää", "talvi"), "Latin-1"),
        (("Größe", "créé"), "Latin-1"), (("sää", "jäässä"), "Latin-1"), (("ÄÖÜ", "klein"), "Latin-1"),
        (("ÄÖÜß", "Größe"), "Latin-1"), (("øøøø", "ééàà"), "Latin-1"),
        (("B超图像", "CT图像"), "GBK"), (("良性", "恶性"), "GBK"), (("狗 (哈士奇)", "猫"), "GBK"),
    ],
)  # fmt: skip
def test_letters_with_accents_side_by_side_are_no_chinese(words: Sequence[str], name: str, tmp_path: Path) -> None:
    encoding = "gbk" if name == "GBK" else "latin-1"
    rows = [f"{file},{words[n % 2]}" for n, file in enumerate(FILES)]
    (tmp_path / "t.csv").write_bytes("\n".join(["filename,label", *rows]).encode(encoding))
    found = placed(tmp_path / "t.csv", FILES)
    assert set(told(found).values()) == set(words)
    assert f"was read as {name}" in said(found)
