"""Every writer of ours, crashed before, within and after each file operation: nothing torn, nothing kept is lost.

`python -m tests.crashes.report` runs all of it and writes reports/crash-points.*.
"""

import json
import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crashes.points import NOTHING, Writer, crash_everywhere, modelled, really_crashed
from tests.crashes.writers import WRITERS, first_cell, stored

# Their files are large or their reader is slow: of their operations, a part suffices every day.
SPARSE = {"page and verdict": 4, "checkpoints of a training": 9, "features": 3}


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_nothing_is_torn_and_nothing_kept_is_lost(writer: Writer, tmp_path: Path) -> None:
    tally = crash_everywhere(writer, tmp_path, every=SPARSE.get(writer.name, 1))
    assert tally.torn == []
    assert tally.lost == []
    assert tally.states >= 3


@pytest.mark.torture
@pytest.mark.parametrize("writer", [one for one in WRITERS if one.name in SPARSE], ids=lambda writer: writer.name)
def test_at_every_operation(writer: Writer, tmp_path: Path) -> None:
    tally = crash_everywhere(writer, tmp_path)
    assert (tally.torn, tally.lost) == ([], [])


# -- the harness itself finds the faults it is for ---------------------------------------------------------------------


def read_text(root: Path) -> Any:
    path = root / "result.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return NOTHING


def naive(root: Path) -> Iterator[None]:
    for value in (1, 2):
        (root / "result.json").write_text(json.dumps({"value": [value] * 20}), encoding="utf-8")
        yield


def unsynced(root: Path) -> Iterator[None]:
    """The well-known half of the trick: a temporary and a rename, nothing synced."""
    for value in (1, 2):
        (root / "new").write_text(json.dumps({"value": [value] * 20}), encoding="utf-8")
        (root / "new").replace(root / "result.json")
        yield


def unsynced_directory(root: Path) -> Iterator[None]:
    for value in (1, 2):
        with (root / "new").open("w", encoding="utf-8") as file:
            file.write(json.dumps({"value": [value] * 20}))
            file.flush()
            os.fsync(file.fileno())
        (root / "new").replace(root / "result.json")
        yield


def appended(root: Path) -> Iterator[None]:
    for value in (1, 2, 3):
        with (root / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"value": value}) + "\n")
        yield


def read_log(root: Path) -> Any:
    path = root / "log.jsonl"
    if not path.exists():
        return NOTHING
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] or NOTHING


def test_a_naive_writer_is_caught(tmp_path: Path) -> None:
    tally = crash_everywhere(Writer("naive", naive, read_text), tmp_path)
    assert any("JSONDecodeError" in fault for fault in tally.torn)
    assert tally.lost


def test_an_append_log_is_caught(tmp_path: Path) -> None:
    tally = crash_everywhere(Writer("log", appended, read_log), tmp_path)
    assert any("JSONDecodeError" in fault for fault in tally.torn)
    assert tally.lost


def test_a_rename_without_sync_is_caught(tmp_path: Path) -> None:
    tally = crash_everywhere(Writer("unsynced", unsynced, read_text), tmp_path)
    assert any("JSONDecodeError" in fault for fault in tally.torn)


def test_a_directory_that_is_not_synced_is_caught(tmp_path: Path) -> None:
    """Nothing is torn then, but the second result is gone although it was said to be kept."""
    tally = crash_everywhere(Writer("unsynced directory", unsynced_directory, read_text), tmp_path)
    assert tally.lost
    assert not any("JSONDecodeError" in fault for fault in tally.torn)


def test_the_model_says_what_a_process_that_stops_dead_leaves(tmp_path: Path) -> None:
    """Held against forks of this process that leave within the operation itself."""
    writer = Writer("cell", first_cell, stored)
    moments = list(modelled(writer, tmp_path / "model"))
    assert len(moments) > 20
    for moment, state in moments:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside torch's threads; it only writes files
            assert really_crashed(writer, tmp_path, moment) == state, moment
    shutil.rmtree(tmp_path / "real")
