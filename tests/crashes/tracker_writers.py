"""What trackers write, and what is kept for them, as `tests.crashes.points` takes it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from swaveval.results.file_names import keep_file_names, kept_file_names
from swaveval.trackers.identity import NAME, identity_of
from swaveval.trackers.own_directory import MARK, replace_files
from tests.crashes.points import NOTHING, Writer

FILES = ("a.png", "b\n.png", "\udcff.png")


def write_names(root: Path) -> Iterator[None]:
    keep_file_names(root, "f" * 64, FILES)
    yield


def read_names(root: Path) -> Any:
    held = kept_file_names(root, "f" * 64)
    return NOTHING if held is None else list(held)


def write_own(root: Path) -> Iterator[None]:
    """A list and the file that it names; then another of each."""
    for name in ("one", "two"):
        replace_files(root / "logs", "e" * 16, {"list": name.encode(), name: name.encode() * 9}, last=("list",))
        yield


def read_own(root: Path) -> Any:
    place = root / "logs"
    files = {path.name for path in place.glob("*") if not path.name.startswith(".")}
    if files:  # the next call knows each of them
        assert files - {MARK} <= set(json.loads((place / MARK).read_text(encoding="utf-8"))["files"])
    if "list" not in files:
        return NOTHING
    named = (place / "list").read_text()
    assert (place / named).read_text() == named * 9
    return named


def draw(root: Path) -> Iterator[None]:
    (root / "results").mkdir(exist_ok=True)
    identity_of(root)
    yield


def drawn(root: Path) -> Any:
    known = (root / "results" / NAME).exists() and identity_of(root)
    return known or NOTHING


TRACKER_WRITERS = (
    Writer("names of all images", write_names, read_names, again=True),
    Writer("a tracker's directory", write_own, read_own),
    Writer("number of an evaluation", draw, drawn, again=True, between=lambda value, old, new: True),
)
