"""Names as parts of file names, and exceptions as reasons."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaveval.runs.failures import ends_the_run, sentence
from swaveval.runs.names import slug, slugs


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("version 1", "version-1"),
        ("epoch=3.ckpt", "epoch=3.ckpt"),
        ("a/b\\c:d", "a-b-c-d"),
        ("..", "run"),
        ("-x-", "x"),
        ("", "run"),
        ("日本", "run"),
        ("<b>", "b"),
        ("x" * 61, "x" * 60),
    ],
)
def test_slugs(name: str, wanted: str) -> None:
    assert slug(name) == wanted


@given(st.text())
def test_a_slug_is_one_plain_visible_part_of_a_path(name: str) -> None:
    found = slug(name)
    assert found.isascii()
    assert 0 < len(found) <= 60
    assert Path(found).name == found
    assert found[0] not in ".-"


def test_names_that_differ_have_slugs_that_differ() -> None:
    assert slugs(["version 1", "version 2"]) == {"version 1": "version-1", "version 2": "version-2"}
    assert slugs(["猫", "犬", "run-2"]) == {"猫": "run", "犬": "run-2", "run-2": "run-2-2"}


@given(st.lists(st.text(max_size=70)))
def test_no_two_names_share_a_place(names: list[str]) -> None:
    found = slugs(names)
    assert list(found) == list(dict.fromkeys(names))
    assert len(set(found.values())) == len(found)


def test_an_exception_is_one_line_with_its_kind() -> None:
    assert sentence(ValueError("two\n  lines\tand\x0bmore")) == "ValueError: two lines and more"
    assert sentence(KeyError()) == "KeyError: no message"
    assert sentence(RuntimeError("  ")) == "RuntimeError: no message"


def test_a_long_exception_is_cut() -> None:
    found = sentence(RuntimeError("x" * 1000))
    assert found == "RuntimeError: " + "x" * (500 - len("RuntimeError: "))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG])
def test_a_full_disk_ends_the_run(number: int) -> None:
    assert ends_the_run(OSError(number, os.strerror(number)))


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOENT, "gone"), OSError("no number"), FileNotFoundError(2, "gone"), ValueError(errno.ENOSPC)],
)
def test_what_is_wrong_with_one_file_does_not(error: BaseException) -> None:
    assert not ends_the_run(error)
