"""Which files are taken for images, among everything a file system can hold."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from swaveval.data.listing import list_images
from swaveval.data.names import distinct
from swaveval.text import counted, natural_key, printable, shortened

Save = Callable[..., Path]


def test_other_files_are_ignored_with_a_count(save: Save, tmp_path: Path) -> None:
    root = tmp_path / "images"
    save("b.png", 1)
    for name in ("notes.txt", ".hidden.png", ".DS_Store", "labels.csv"):
        (root / name).write_text("BM text")
    save("a.png", 2).rename(root / "no_extension")
    save("c.png", 2).rename(root / "wrong.dat")
    save(".cache/d.png", 3)
    save("__MACOSX/e.png", 3)
    listing = list_images(root)
    assert listing.files == ["b.png", "no_extension", "wrong.dat"]
    assert listing.ignored == 4
    assert "notes.txt" in listing.ignored_examples


def test_arrays_are_images_where_there_are_no_more_others(save: Save, tmp_path: Path) -> None:
    root = tmp_path / "images"
    save("a.png", 1)
    for name in ("b.npy", "c.NPY", ".d.npy"):
        (root / name).write_bytes(b"")
    listing = list_images(root)
    assert (listing.files, listing.arrays, listing.ignored) == (["a.png", "b.npy", "c.NPY"], [], 1)
    save("e.png", 1)
    listing = list_images(root)
    assert (listing.files, listing.arrays, listing.ignored) == (["a.png", "e.png"], ["b.npy", "c.NPY"], 3)


def test_natural_order(save: Save, tmp_path: Path) -> None:
    for name in ("img10.png", "img2.png", "a/img1.png", "img01.png", "img1.png"):
        save(name, 1)
    assert list_images(tmp_path / "images").files == ["a/img1.png", "img01.png", "img1.png", "img2.png", "img10.png"]


def test_link_loops_end_and_links_to_files_are_followed(save: Save, tmp_path: Path) -> None:
    root = tmp_path / "images"
    image = save("real/a.png", 1)
    (root / "real" / "loop").symlink_to(root)
    (root / "early").symlink_to(root / "real")  # sorts before the folder it points to, and must not take its place
    (root / "link.png").symlink_to(image)
    (root / "gone.png").symlink_to(root / "nothing")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    image.rename(elsewhere / "a.png")
    (root / "linked").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(root)
    save("real/b.png", 2)
    listing = list_images(root)
    assert listing.files == ["gone.png", "link.png", "linked/a.png", "real/b.png"]
    assert listing.repeated == 3


def test_special_files_are_never_opened(save: Save, tmp_path: Path) -> None:
    save("a.png", 1)
    os.mkfifo(tmp_path / "images" / "pipe.png")
    listing = list_images(tmp_path / "images")
    assert (listing.files, listing.ignored) == (["a.png"], 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_unreadable_folder_is_named(save: Save, tmp_path: Path) -> None:
    save("a.png", 1)
    closed = save("closed/b.png", 2).parent
    closed.chmod(0)
    listing = list_images(tmp_path / "images")
    closed.chmod(0o700)
    assert listing.unreadable == [("closed/", "Permission denied")]


@pytest.mark.parametrize(
    "name, shown",
    [
        ("plain é 猫.png", "plain é 猫.png"),
        (os.fsdecode(b"a\xffb.png"), "a\\xffb.png"),
        ("tab\there\n\x1b[31m", "tab\\x09here\\x0a\\x1b[31m"),
        ("right\u202eto left", "right\\u202eto left"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_printable_names(name: str, shown: str) -> None:
    assert printable(name) == shown
    shown.encode("utf-8")


def test_names_stay_distinct_and_short() -> None:
    assert distinct(["a", "b", "a", "a"]) == ["a", "b", "a (2)", "a (3)"]
    assert shortened("x" * 500, 20) == "x" * 19 + "…"
    assert sorted(["b", "a10", "a9", "A1"], key=natural_key) == ["A1", "a9", "a10", "b"]
    assert (counted(1, "image"), counted(1200, "image")) == ("1 image", "1,200 images")
