"""Folders inside folders: which are domains, which are conditions, which hold the same once more."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaveval.data import label_option, open_images
from swaveval.data.errors import DataError
from swaveval.data.folders.beside_classes import (
    nested_copy,
    train_is_a_class,
    without_bare_test_set,
    without_nested_copy,
    without_repeated_folders,
)
from swaveval.data.folders.folder_names import kinds
from swaveval.data.folders.inner_folders import FolderOptions, domains, levelled, not_read
from swaveval.data.folders.layout import place_by_first_folder, place_by_folders
from swaveval.data.folders.shards import initials, letters_of_a_hash
from swaveval.data.labels_by_name import place_by_names

ANIMALS = ("ape", "bee", "cow", "dog", "eel", "fox")


def crossed(outer: tuple[str, ...], inner: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [(one, other, f"{number}.png") for number, one in enumerate(outer) for other in inner]


@pytest.mark.parametrize(
    ("outer", "inner", "above"),
    [
        (("photo", "sketch"), ANIMALS[:4], True),
        (("photo", "sketch"), ANIMALS[:3], False),
        (ANIMALS[:3], ANIMALS[:4], True),
        (ANIMALS[:4], ANIMALS[2:], False),
        (("car", "bus"), ("front", "back", "left", "right"), False),
        (("car", "bus"), ("front", "back", "left", "ape"), False),
        (("car", "bus"), ("front", "ape", "bee", "cow", "dog"), True),
        (("cat", "dog"), ("0", "1", "2", "3", "4"), False),
        (("cat", "dog"), ("2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"), False),
        (("photo",), ANIMALS, False),
    ],
)
def test_domains_stand_above_more_classes_than_they_are(
    outer: tuple[str, ...], inner: tuple[str, ...], above: bool
) -> None:
    assert bool(domains(crossed(outer, inner))) == above
    through = [(one, "images", *rest) for one, *rest in crossed(outer, inner)]
    assert bool(domains(through)) == above


def test_domains_may_lack_a_class_in_five() -> None:
    whole = crossed(("photo", "sketch"), ANIMALS[:5])
    assert domains(whole[1:])
    assert not domains(whole[2:])
    assert domains([*whole, ("photo", "1.png")]) == domains(whole), "files beside the classes are no class"


def test_a_copy_inside_and_more_of_the_same_classes() -> None:
    files = [f"{top}{word}/{number}.png" for top in ("", "x/") for word in ("ape", "bee") for number in range(3)]
    members = {file: tuple(file.split("/")) for file in files}
    folder, held, copies = nested_copy(members)
    assert (folder, len(held), copies) == ("x", 6, True)
    more = members | {"x/ape/9.png": ("x", "ape", "9.png")}
    assert nested_copy(more)[2] is False
    other = members | {"cow/1.png": ("cow", "1.png")}
    assert nested_copy(other)[0] == "", "x lacks a class"
    one = {file: parts for file, parts in members.items() if "bee" not in parts}
    assert nested_copy(one)[0] == "", "one class is none"


def test_a_copy_below_a_split_is_the_split_and_plain_classes_need_no_word() -> None:
    classes = ["ape/1.png", "bee/2.png"]
    members = {file: tuple(file.split("/")) for file in [*classes, *(f"train/{file}" for file in classes)]}
    notes: list[str] = []
    assert without_nested_copy(members, notes) == members
    assert not notes
    assert place_by_folders(classes).notes == ()


@pytest.mark.parametrize(
    ("files", "left"),
    [
        (["animals/cat/1.png", "animals/dog/2.png", "animals_testset/3.png"], 2),
        (["animals/cat/1.png", "animals/dog/2.png", "test/test/3.png"], 2),
        (["animals/cat/1.png", "animals/dog/2.png", "test/cat/3.png", "test/dog/4.png"], 4),
        (["animals/cat/1.png", "test/3.png"], 2),
        (["animals/1.png", "animals/cat/1.png", "animals/dog/1.png", "test/3.png"], 4),
        (["cat/1.png", "dog/2.png", "test/3.png"], 3),
        (["test/3.png", "val/4.png"], 2),
        (["glass/beaker/1.png", "glass/flask/2.png", "test_tube/3.png"], 3),
        (["animals/cat/1.png", "animals/dog/2.png", "val_256/3.png"], 2),
        (["animals/cat/1.png", "animals/dog/2.png", "train_images/3.png"], 3),
    ],
)
def test_a_bare_test_set_beside_classes(files: list[str], left: int) -> None:
    notes: list[str] = []
    kept = without_bare_test_set({file: tuple(file.split("/")) for file in files}, notes)
    assert len(kept) == left
    assert [note.startswith(f"{len(files) - left} image") for note in notes] == [True] * (left < len(files))


@pytest.mark.parametrize(
    ("inside", "letters"),
    [
        ({"a": {"abbey", "alley"}, "b": {"bar"}}, True),
        ({"A": {"abbey", "alley"}, "B": {"bar"}}, True),
        ({"ab": {"abbey", "abacus"}, "ba": {"bar"}}, True),
        ({"a": {"abbey"}, "b": {"bar"}}, False),
        ({"a": {"abbey", "bar"}, "b": {"bay"}}, False),
        ({"A": {"A1", "A2"}, "B": {"B1"}}, False),
        ({"p10": {"p10007921", "p10008253"}, "p11": {"p11007921"}}, True),
        ({"p10": {"p101", "p102"}, "p11": {"p111"}}, False),
        ({"a": {"a", "abbey"}, "b": {"bar"}}, False),
        ({"a": {"abbey", "alley"}, "b": set()}, False),
        ({"a": {"abbey", "alley"}}, False),
        ({"abc": {"abcd", "abce"}, "b": {"bar"}}, False),
    ],
)
def test_first_letters(inside: dict[str, set[str]], letters: bool) -> None:
    assert initials(inside) == letters


@pytest.mark.parametrize(
    ("inside", "cut"),
    [
        ({"3f": {"a0"}, "b7": {"0c"}}, True),
        ({"3": {"3f"}, "b": {"b7"}}, True),
        ({"3": {"3fa09c71"}, "b": {"b7a09c71"}}, True),
        ({"a": {"a1"}, "b": {"b1"}}, False),
        ({"3": {"30"}, "4": {"41"}}, False),
        ({"3f": {"a0"}, "b": {"0c"}}, False),
        ({"3f": {"a0"}, "b7": set()}, False),
        ({"3f": {"day"}, "b7": {"0c"}}, False),
        ({"3f": {"a0"}}, False),
    ],
)
def test_letters_of_a_hash(inside: dict[str, set[str]], cut: bool) -> None:
    assert letters_of_a_hash(inside) == cut


def test_a_level_from_either_end() -> None:
    members = {"a/b/c/1.png": ("a", "b", "c", "1.png"), "d/2.png": ("d", "2.png"), "3.png": ("3.png",)}
    first = {level: {name: parts[0] for name, parts in levelled(members, level).items()} for level in (1, 2, 3, -1, -2)}
    assert first[1] == {"a/b/c/1.png": "a", "d/2.png": "d", "3.png": "3.png"}
    assert first[2] == {"a/b/c/1.png": "b", "d/2.png": "2.png", "3.png": "3.png"}
    assert first[3]["a/b/c/1.png"] == first[-1]["a/b/c/1.png"] == "c"
    assert first[-1]["d/2.png"] == "d"
    assert first[-2] == {"a/b/c/1.png": "b", "d/2.png": "2.png", "3.png": "3.png"}


@given(st.lists(st.lists(st.sampled_from(["ape", "bee", "train", "test"]), max_size=4), min_size=1, max_size=8))
def test_of_any_folders_something_is_read_and_nothing_breaks(paths: list[list[str]]) -> None:
    files = [f"{'/'.join([*path, str(number)])}.png" for number, path in enumerate(paths)]
    for level in (1, 2, -1):
        assert set(place_by_first_folder(files, level).labels) <= set(files)
    placing = place_by_folders(files)
    assert set(placing.labels) <= set(files)
    assert len(placing.notes) == len(set(placing.notes))


def test_an_option_is_named_where_it_takes_the_same_images_only() -> None:
    files = ["a/ape/1.png", "a/bee/2.png", "b/ape/3.png", "b/bee/4.png"]
    options = FolderOptions(files, lambda some, level, last: place_by_first_folder(some, level, last).labels)
    wanted = {file: file.split("/")[1] for file in files}
    assert options.that_reads(wanted) == "--labels folders:2"
    assert options.that_reads({file: file.split("/")[0] for file in files}) == "--labels folders"
    assert options.that_reads({file: file.rpartition("/")[0] for file in files}) == "--labels folders:1-2"
    assert options.that_reads({files[0]: "ape"}) == "", "the others would come in"
    assert options.that_reads(dict.fromkeys(files, "cow")) == ""
    assert options.that_reads({}) == ""
    assert not_read({file: file.split("/")[0] for file in files}, options, split=True).endswith(
        "were read as classes; --labels folders:2 reads the inner ones, --labels folders:1-2 each with its outer one."
    )
    assert not_read(wanted, options, split=True) == "", "the innermost hold nothing but files"


@pytest.mark.parametrize(
    ("option", "word", "levels", "pattern"),
    [("folders", True, (1, 1), None), ("folders:2", True, (2, 2), None), ("folders:-1", True, (-1, -1), None),
     ("folders:1-2", True, (1, 2), None), ("folders:2-4", True, (2, 4), None), ("names", True, (1, 1), None),
     ("names:^(a|b)", True, (1, 1), "^(a|b)"), ("none", True, (1, 1), None), ("folders:0", False, (1, 1), None),
     ("folders:", False, (1, 1), None), ("folders:two", False, (1, 1), None), ("names:", False, (1, 1), None),
     ("./names", False, (1, 1), None), ("folders:3-2", False, (1, 1), None), ("folders:2-2", False, (1, 1), None)],
)  # fmt: skip
def test_words_of_the_option(option: str, word: bool, levels: tuple[int, int], pattern: str | None) -> None:
    assert label_option.is_word(Path(option) if option != "./names" else option) == word
    assert label_option.levels_of(option) == levels
    assert label_option.pattern_of(option) == pattern
    assert label_option.is_of_names(option) == (word and option.startswith("names"))
    assert label_option.absolute(option) == option or not word


@pytest.mark.parametrize(
    ("file", "label"),
    [("cat.0.jpg", "cat"), ("american_bulldog_12.jpg", "american_bulldog"), ("x/n01532829_7.JPEG", "n01532829"),
     ("img001-00012.png", "img001"), ("photo (3).png", "photo"), ("obj1__0.png", "obj1"), ("17.png", None),
     ("cat.jpg", None), ("猫 12.png", "猫"), ("a1b2.png", "a1b")],
)  # fmt: skip
def test_what_stands_before_the_number(file: str, label: str | None) -> None:
    placing = place_by_names([file, "ape_1.png"])
    assert placing.labels == {file: label, "ape_1.png": "ape"}
    assert any("without a label in the name" in note for note in placing.notes) == (label is None)


@pytest.mark.parametrize("option", ["names", "names:^a", "folders:2"])
def test_images_by_name_have_no_folders(option: str) -> None:
    with pytest.raises(DataError, match="digits brings its own labels; leave --labels out"):
        open_images("digits", labels=Path(option))


def test_eval_is_a_validation_beside_a_test() -> None:
    files = [f"{split}/{word}/1.png" for split in ("train", "eval", "test") for word in ("ape", "bee")]
    for placing in (place_by_folders(files), place_by_first_folder(files)):
        assert set((placing.splits or {}).values()) == {"train", "validation", "test"}
        assert (placing.splits or {})["eval/ape/1.png"] == "validation"
    without = place_by_first_folder([file for file in files if not file.startswith("test")])
    assert (without.splits or {})["eval/ape/1.png"] == "test"


def test_an_expression_that_is_none_or_finds_nothing() -> None:
    with pytest.raises(DataError, match="is no regular expression"):
        place_by_names(["a_1.png"], "(")
    with pytest.raises(DataError, match="no file's name holds a label that --labels names:\\^b looks for"):
        place_by_names(["a_1.png"], "^b")


@pytest.mark.parametrize(
    ("file", "read"),
    [("cats/cats/1.png", "cats/1.png"), ("cats/cats/cats/1.png", "cats/1.png"), ("a/cats/cats/1.png", "a/cats/1.png"),
     ("cats/dogs/1.png", "cats/dogs/1.png"), ("3f/3f/1.png", "3f/3f/1.png"), ("cats/cats", "cats/cats")],
)  # fmt: skip
def test_a_folder_that_holds_nothing_but_its_namesake(file: str, read: str) -> None:
    assert without_repeated_folders({file: tuple(file.split("/"))}) == {file: tuple(read.split("/"))}
    beside = f"{file.split('/')[0]}/2.png"
    both = {name: tuple(name.split("/")) for name in (file, beside)}
    inner = {name: parts for name, parts in without_repeated_folders(both).items() if name == file}
    if file.startswith("cats/cats/"):
        assert inner[file][:2] == ("cats", "cats"), "the outer one holds an image of its own"


@pytest.mark.parametrize(
    ("counts", "is_class"),
    [
        ({"bus": 3, "car": 3, "train": 3}, True),
        ({"bus": 3, "car": 3, "train": 6}, True),
        ({"bus": 3, "car": 3, "train": 7}, False),
        ({"bus": 3, "train": 3}, False),
        ({"bus": 3, "car": 3, "train": 3, "test": 3}, False),
        ({"bus": 3, "car": 3, "train": 3, "2021-03-01": 3}, False),
        ({"bus": 3, "car": 3}, False),
    ],
)
def test_train_as_a_class(counts: dict[str, int], is_class: bool) -> None:
    members = {f"{top}/{n}.png": (top, f"{n}.png") for top, count in counts.items() for n in range(count)}
    assert train_is_a_class(members, kinds(counts)) == is_class
    deeper = members | {"bus/red/1.png": ("bus", "red", "1.png")}
    assert not train_is_a_class(deeper, kinds(counts))


@pytest.mark.parametrize(
    ("names", "same"),
    [(["a", "b", "c", "d"], True), (["1", "2", "3", "4"], False), (["1", "2", "3", "5"], True),
     (["a", "b", "c"], False)],
)  # fmt: skip
def test_the_same_files_in_two_folders(names: list[str], same: bool) -> None:
    whole = [(size, word, f"{name}.png") for size in ("raw", "small") for word in ("ape", "bee") for name in names]
    assert bool(domains(whole)) == same
    assert not domains(whole[1:])
    assert not domains([parts for parts in whole if parts[1] == "ape"]), "one class divides nothing"
