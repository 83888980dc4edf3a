"""Small things said of images: options, names, places, and what a training saw."""

import os
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from swaveval.data.errors import DataError
from swaveval.data.imageset import ImageSet
from swaveval.data.label_option import absolute, is_word, table_and_column
from swaveval.data.names import described_labels, distinct, stem, without_suffix
from swaveval.data.parallel import ordered_map, worker_count
from swaveval.data.places import cache_directory
from swaveval.data.reading import Reading, reading_from, usual_range
from swaveval.data.trained import TrainingImages, read_training_images, write_training_images

# -- names -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["a", "a (2)", "a (3)", "b"]), max_size=8))
def test_distinct_names(names: list[str]) -> None:
    made = distinct(names)
    assert len(set(made)) == len(made) == len(names)
    assert all(new.startswith(old) for new, old in zip(made, names, strict=True))
    assert [new for new, old in zip(made, names, strict=True) if old == "b"][:1] == ["b"] * ("b" in names)


def test_names_are_numbered_from_two_in_order() -> None:
    assert distinct(["a", "a", "b", "a", "a (2)"]) == ["a", "a (2)", "b", "a (3)", "a (2) (2)"]


@pytest.mark.parametrize(
    ("names", "origin", "words"),
    [
        ((), "none: one flat folder", "no labels (one flat folder)"), ((), "none", "no labels"), ((), "", "no labels"),
        (("a", "b"), "class folders", "2 classes (a, b) from class folders"), (("a", "b"), "", "2 classes (a, b)"),
        (tuple("abcd"), "", "4 classes (a, b, c, d)"), (tuple("abcde"), "", "5 classes (a, b, c, d …)"),
        (("x" * 31, "\x1b"), "", f"2 classes ({'x' * 29}…, \\x1b)"),
        (tuple(map(str, range(1200))), "a table", "1,200 classes (0, 1, 2, 3 …) from a table"),
    ],
)  # fmt: skip
def test_labels_in_words(names: tuple[str, ...], origin: str, words: str) -> None:
    assert described_labels(names, origin) == words


@pytest.mark.parametrize(
    ("name", "without"), [("a/b.tar.gz", "a/b.tar"), ("a", "a"), ("a.b/c", "a.b/c"), (".hidden", ".hidden"), ("", "")]
)
def test_a_name_without_its_last_extension(name: str, without: str) -> None:
    assert without_suffix(name) == without


@given(st.text(st.characters(blacklist_categories=("Cs",)), max_size=12))
def test_the_stem_of_a_name(name: str) -> None:
    if name.rpartition("/")[2] not in ("", "."):  # which pathlib does not count as parts
        assert stem(name) == PurePosixPath(name).stem


# -- the option --labels -----------------------------------------------------------------------------------------------


def test_words_of_the_option() -> None:
    assert is_word("none")
    assert is_word(Path("folders"))
    assert not is_word(None)
    assert not is_word("./none")
    assert not is_word("None")


def test_a_table_and_the_column_that_was_named(tmp_path: Path) -> None:
    table, odd = tmp_path / "labels.csv", tmp_path / "labels.csv:odd"
    table.write_text("", encoding="utf-8")
    assert table_and_column(table) == (table, None)
    assert table_and_column(Path(f"{table}:diagnosis")) == (table, "diagnosis")
    assert table_and_column(Path(f"{table}:")) == (Path(f"{table}:"), None)
    assert table_and_column(Path(f"{table}x:diagnosis")) == (Path(f"{table}x:diagnosis"), None)
    assert table_and_column(Path(f"{tmp_path}:diagnosis")) == (Path(f"{tmp_path}:diagnosis"), None)
    odd.write_text("", encoding="utf-8")
    assert table_and_column(odd) == (odd, None)


def test_a_table_in_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "labels.csv").write_text("", encoding="utf-8")
    assert table_and_column(Path("~/labels.csv")) == (tmp_path / "labels.csv", None)
    assert table_and_column(Path("~/labels.csv:dx")) == (tmp_path / "labels.csv", "dx")


def test_an_option_means_the_same_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.csv").write_text("", encoding="utf-8")
    table = (tmp_path / "labels.csv").resolve()
    assert absolute("labels.csv") == str(table)
    assert absolute("labels.csv:dx") == f"{table}:dx"
    assert [absolute(option) for option in ("", "none", "folders", "gone.csv")] == ["", "none", "folders", "gone.csv"]


# -- the cache directory -----------------------------------------------------------------------------------------------


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("SWAVEVAL_DATA", "~/mine")
    assert cache_directory() == tmp_path / "mine"
    monkeypatch.delenv("SWAVEVAL_DATA")
    assert cache_directory() == tmp_path / "xdg" / "swaveval"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_directory() == tmp_path / ".cache" / "swaveval"


# -- threads -----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 90), st.integers(1, 20))
def test_results_come_in_the_order_of_the_work(count: int, chunk: int) -> None:
    seen: list[int] = []

    def double(number: int) -> int:
        seen.append(number)
        return 2 * number

    assert list(ordered_map(double, range(count), chunk=chunk)) == [2 * number for number in range(count)]
    assert sorted(seen) == list(range(count))


def test_only_a_few_pieces_are_in_flight() -> None:
    begun: list[int] = []
    results = ordered_map(begun.append, range(10_000), chunk=1)
    next(results)
    assert len(begun) <= 4 * worker_count() + 4
    results.close()  # type: ignore[attr-defined]
    assert len(begun) <= 4 * worker_count() + 4


def test_a_fault_comes_out_where_it_happened() -> None:
    def work(number: int) -> int:
        if number == 40:
            raise ValueError("forty")
        return number

    results, got = ordered_map(work, range(100), chunk=10), []
    with pytest.raises(ValueError, match="forty"):
        got.extend(results)
    assert got == list(range(40))


def test_work_is_done_by_threads_that_may_run_here() -> None:
    names = set(ordered_map(lambda _: threading.current_thread().name, range(64), chunk=1))
    assert all(name.startswith("swaveval-data") for name in names)
    assert 1 <= worker_count() <= min(16, os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes are not bound to processors here")
def test_a_process_that_may_use_one_processor_has_one_worker() -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert worker_count() == 1
    finally:
        os.sched_setaffinity(0, allowed)


# -- how pixels are read -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "reading"),
    [
        ({}, Reading()), ({"range": "", "pages": None}, Reading()), ({"range": "0:4095"}, Reading(range=(0.0, 4095.0))),
        ({"range": "-1e3:0.5"}, Reading(range=(-1000.0, 0.5))), ({"range": " full "}, Reading(range="full")),
        ({"bands": "4, 3,2"}, Reading(bands=(4, 3, 2))), ({"bands": "99999"}, Reading(bands=(99999,))),
        ({"pages": "all"}, Reading(pages="all")), ({"pages": "bands"}, Reading(pages="bands")),
        ({"pages": "first"}, Reading()), ({"pages": "12"}, Reading(pages=12)),
        ({"alpha": "white", "exif": " apply"}, Reading(alpha="white", exif="apply")),
        ({"alpha": "drop", "exif": "ignore"}, Reading()),
    ],
)  # fmt: skip
def test_options_are_read_and_written_back(said: dict[str, str | None], reading: Reading) -> None:
    assert reading_from(**said) == reading
    assert reading_from(**reading.words()) == reading
    default = Reading()
    changed = {name for name in Reading.__dataclass_fields__ if getattr(reading, name) != getattr(default, name)}
    assert set(reading.words()) == changed


@pytest.mark.parametrize(
    "said",
    [
        {"range": "5"}, {"range": "5:5"}, {"range": "6:5"}, {"range": "0:inf"}, {"range": "-inf:0"}, {"range": "nan:1"},
        {"range": "0:1:2"}, {"range": ":"}, {"range": "FULL"}, {"bands": "0"}, {"bands": "1,,2"}, {"bands": "1;2"},
        {"bands": "100000"}, {"bands": "-1"}, {"pages": "0"}, {"pages": "12345678"}, {"pages": "last"},
        {"alpha": "red"}, {"exif": "yes"},
    ],
    ids=str,
)  # fmt: skip
def test_options_that_say_nothing_usable(said: dict[str, str]) -> None:
    ((name, text),) = said.items()
    with pytest.raises(DataError, match=f"--{name} takes .*; ?not {text[:3]}"):
        reading_from(**said)


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_any_range_survives_its_text(low: float, high: float) -> None:
    if low < high:
        assert reading_from(**Reading(range=(low, high)).words()).range == (low, high)


@pytest.mark.parametrize(
    ("low", "high", "whole", "expected"),
    [
        (0, 255, True, (0, 255)), (0, 256, True, (0, 1023)), (0, 64, True, (0, 255)), (0, 63, True, (0, 63)),
        (0, 4095, True, (0, 4095)), (0, 10_000, True, (0, 10_000)), (200, 12_000, True, (0, 16_383)),
        (0, 65_535, True, (0, 65_535)), (-1024, 3071, True, (-1024, 3071)), (-1025, 3071, True, (-1025, 3071)),
        (0, 1, False, (0, 1)), (0, 0.25, False, (0, 1)), (0, 0.2, False, (0, 0.2)), (-1, 1, False, (-1, 1)),
        (-0.3, 0.3, False, (-1, 1)), (0, 1.5, False, (0, 1.5)), (0, 255, False, (0, 255)), (7, 7, True, (7, 8)),
        (0, 70_000, True, (0, 70_000)), (0, 1, True, (0, 1)),
    ],
)  # fmt: skip
def test_the_first_usual_range_of_which_a_quarter_is_filled(
    low: float, high: float, whole: bool, expected: tuple[float, float]
) -> None:
    assert usual_range(low, high, whole=whole) == expected


# -- what a training saw -----------------------------------------------------------------------------------------------


def images(contents: str, test: str) -> ImageSet:
    """One image a letter, those of `test` for testing."""

    def none(position: int) -> Image.Image:
        raise AssertionError(position)

    is_test = np.array([letter in test for letter in contents], dtype=np.bool_)
    opener: Callable[[int], Image.Image] = none
    full = tuple(letter * 64 for letter in contents)
    return ImageSet("x", "", full, None, (), is_test, "", "f", opener, contents=full)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_training_images(tmp_path, images("dabca", "cd"))
    assert (tmp_path / "images.txt").read_text(encoding="ascii") == "".join(
        f"{side} {letter * 16}\n" for side, letter in [("test", "c"), ("test", "d"), ("train", "a"), ("train", "b")]
    )
    seen = read_training_images(tmp_path)
    assert seen == TrainingImages(frozenset({"a" * 16, "b" * 16}), frozenset({"c" * 16, "d" * 16}))


@pytest.mark.parametrize("text", [None, b"", b"nothing\n", b"test aaaa\n", b"\xff\xfe", b"train a b\n"])
def test_what_says_nothing_of_a_training(text: bytes | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "images.txt").write_bytes(text)
    assert read_training_images(tmp_path) is None


@pytest.mark.parametrize(
    ("now", "test", "words"),
    [
        ("abcd", "cd", ""),  # the same
        ("dcba", "ab", ""),  # the same contents, otherwise split
        ("xyz", "z", ""),  # another set altogether
        ("abcde", "cde", "1 added, 0 gone; no image that was trained on is tested on"),
        ("abc", "c", "0 added, 1 gone; no image that was trained on is tested on"),
        ("abx", "x", "1 added, 2 gone; no image that was trained on is tested on"),
        ("abcdef", "abf", "2 added, 0 gone; 2 of those trained on are tested on, because the split is given"),
    ],
)
def test_what_changed_since_a_training(now: str, test: str, words: str, tmp_path: Path) -> None:
    write_training_images(tmp_path, images("abcd", "cd"))
    seen = read_training_images(tmp_path)
    assert seen is not None
    expected = f"The images changed since training: {words}." if words else ""
    assert seen.compared(images(now, test)) == expected


def test_positions_of_both_sides() -> None:
    found = images("abcd", "bd")
    assert (found.train_index.tolist(), found.test_index.tolist(), len(found)) == ([0, 2], [1, 3], 4)
    assert not found.labelled
