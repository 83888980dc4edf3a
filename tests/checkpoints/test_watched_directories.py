"""Which contents of a changing directory are points of the series, and what becomes of those whose files are gone."""

import os
from pathlib import Path
from typing import Any

import pytest

from swaveval.checkpoints import CheckpointRefused, LoadOptions
from swaveval.checkpoints.lookout import Lookout
from swaveval.checkpoints.source import KEPT_AT_FIRST
from swaveval.checkpoints.watched import Watched, is_of_one_moment, read_ledger, stamp_of
from tests.crashes.samples import checkpoint

POLL = 3600.0  # a test looks when it wants to


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where checkpoints land."""
    directory = tmp_path / "checkpoints"
    directory.mkdir()
    return directory


def looking(place: Path) -> tuple[Watched, Lookout]:
    """A watch of `place`/checkpoints that has not begun."""
    watched = Watched.of(place / "checkpoints", place / "out" / "results" / "watched.json", "here")
    return watched, Lookout(watched, place / "out" / "cache" / ".watch", POLL, lambda text: None)


def look(watched: Watched, lookout: Lookout, times: int = 2) -> list[str]:
    """Names of the entries that there are after looking."""
    for _ in range(times):
        lookout.look()
    for file, stamp, copy in lookout.taken():
        watched.admit(file, stamp, copy)
    return [entry.name for entry in watched.entries()]


def learn(watched: Watched, lookout: Lookout) -> list[str]:
    """As after a round in which every entry was read."""
    reports: dict[str, dict[str, Any]] = {}
    for entry in watched.entries():
        if watched.report(entry) is None:
            try:
                reports[entry.name] = watched.backbone(entry, LoadOptions()).report.to_json()
            except CheckpointRefused as refused:
                reports[entry.name] = refused.report.to_json()
    fresh = watched.learn(reports)
    lookout.sweep(watched.copies())
    return fresh


def steps(watched: Watched) -> list[float]:
    return [version.moment[1] for version in watched.versions if version.moment is not None]


@pytest.mark.parametrize(
    "name, one", [("epoch=3.ckpt", True), ("last.ckpt", False), ("checkpoint.pth", False), ("step_10.pt", True)]
)
def test_names_of_one_moment(name: str, one: bool) -> None:
    assert is_of_one_moment(name) is one


def test_a_file_is_whole_when_it_did_not_change_between_two_looks(tmp_path: Path) -> None:
    place = tmp_path / "checkpoints"
    watched, lookout = looking(tmp_path)
    assert look(watched, lookout) == []  # there is no directory yet
    place.mkdir()
    content = checkpoint(1, 0)
    written = place / "epoch=1.ckpt"
    for length in range(1, len(content), len(content) // 5):
        written.write_bytes(content[:length])
        assert look(watched, lookout, times=1) == []
    written.write_bytes(content)
    assert look(watched, lookout, times=1) == []
    assert look(watched, lookout, times=1) == ["epoch=1.ckpt"]


def test_what_was_whole_for_one_look_is_kept_when_the_trainer_removes_it(tmp_path: Path, place: Path) -> None:
    watched, lookout = looking(tmp_path)
    names = [f"epoch={number}.ckpt" for number in range(1, KEPT_AT_FIRST + 2)]
    for number, name in enumerate(names, 1):
        (place / name).write_bytes(checkpoint(number, number))
    assert look(watched, lookout) == names
    for name in names:
        (place / name).unlink()
    look(watched, lookout)
    assert learn(watched, lookout) == names
    # The weights of the first and the last are kept, to tell what moved since.
    assert [watched.is_gone(entry) for entry in watched.entries()] == [False, *[True] * (len(names) - 2), False]
    again, _ = looking(tmp_path)
    gone = {entry.name: again.report(entry) for entry in again.entries()}
    assert {name: report.step for name, report in gone.items() if report} == {
        name: 10 * number for number, name in enumerate(names, 1)
    }
    with pytest.raises(CheckpointRefused, match="its file is gone"):
        again.backbone(again.entry("epoch=2.ckpt"), LoadOptions())


@pytest.mark.parametrize("renamed", [False, True])
def test_a_file_that_is_written_over_is_as_many_checkpoints_as_it_had_contents(
    tmp_path: Path, place: Path, renamed: bool
) -> None:
    watched, lookout = looking(tmp_path)
    for number in (1, 2, 3):
        target = place / "checkpoint.pth"
        (place / ".new" if renamed else target).write_bytes(checkpoint(number, number % 3))
        if renamed:
            (place / ".new").replace(target)
        look(watched, lookout)
    assert learn(watched, lookout) == ["checkpoint (1).pth", "checkpoint (2).pth", "checkpoint (3).pth"]
    assert steps(watched) == [10, 20, 30]


def test_copies_of_named_epochs_do_not_pile_up(tmp_path: Path, place: Path) -> None:
    """`last.ckpt` is the newest epoch each time: once an older one is gone, it says nothing more."""
    watched, lookout = looking(tmp_path)
    for number in (1, 2, 3):
        for name in (f"epoch={number}.ckpt", "last.ckpt"):
            (place / name).write_bytes(checkpoint(number, number % 3))
        look(watched, lookout)
        learn(watched, lookout)
    assert sorted(entry.name for entry in watched.entries()) == [
        "epoch=1.ckpt",
        "epoch=2.ckpt",
        "epoch=3.ckpt",
        "last.ckpt",
    ]


def test_a_training_that_went_back_replaces_what_it_wrote_since(tmp_path: Path, place: Path) -> None:
    watched, lookout = looking(tmp_path)
    for number in (1, 2, 3, 2):
        (place / "checkpoint.pth").write_bytes(checkpoint(number, number % 3))
        look(watched, lookout)
        learn(watched, lookout)
    assert steps(watched) == [10, 20]
    (place / "epoch=7.ckpt").write_bytes(checkpoint(7, 0))
    look(watched, lookout)
    learn(watched, lookout)
    (place / "epoch=7.ckpt").write_bytes(checkpoint(7, 1))
    look(watched, lookout)
    assert sum(version.file == "epoch=7.ckpt" for version in watched.versions) == 1


def test_a_file_without_end_is_no_checkpoint_until_it_changes(tmp_path: Path, place: Path) -> None:
    """A trainer that pauses in the middle of writing, for longer than two looks."""
    watched, lookout = looking(tmp_path)
    content = checkpoint(1, 0)
    (place / "epoch=1.ckpt").write_bytes(content[: len(content) // 2])
    assert look(watched, lookout) == ["epoch=1.ckpt"]
    assert learn(watched, lookout) == []
    assert look(watched, lookout) == []
    (place / "epoch=1.ckpt").write_bytes(content)
    assert look(watched, lookout) == ["epoch=1.ckpt"]
    assert learn(watched, lookout) == ["epoch=1.ckpt"]


def test_taken_and_not_evaluated_when_killed_is_taken_up_again(tmp_path: Path, place: Path) -> None:
    for number, name in enumerate(("epoch=1.ckpt", "checkpoint.pth"), 1):
        (place / name).write_bytes(checkpoint(number, number))
    watched, lookout = looking(tmp_path)
    assert len(look(watched, lookout)) == 2
    for path in place.iterdir():
        path.unlink()
    again, after = looking(tmp_path)
    with after:
        assert sorted(look(again, after)) == ["checkpoint.pth", "epoch=1.ckpt"]
    assert sorted(learn(again, after)) == ["checkpoint.pth", "epoch=1.ckpt"]


def test_where_links_cannot_be_had_files_are_copied(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    written = place / "epoch=1.ckpt"
    written.write_bytes(checkpoint(1, 0))
    watched, lookout = looking(tmp_path)
    monkeypatch.setattr(os, "link", refuse)
    look(watched, lookout)
    copy = watched.versions[0].copy
    assert copy is not None
    assert stamp_of(copy) == stamp_of(written)
    written.unlink()
    assert learn(watched, lookout) == ["epoch=1.ckpt"]


def test_a_link_to_a_file_that_was_written_over_is_no_copy(tmp_path: Path, place: Path) -> None:
    (place / "epoch=1.ckpt").write_bytes(checkpoint(1, 0))
    watched, lookout = looking(tmp_path)
    look(watched, lookout)
    with (place / "epoch=1.ckpt").open("wb") as stream:
        stream.write(checkpoint(1, 1))
    assert all(watched.is_gone(entry) for entry in watched.entries())
    # It was not whole when it was taken: nobody is told of it, and what stands there now is taken anew.
    assert learn(watched, lookout) == []
    assert look(watched, lookout) == ["epoch=1.ckpt"]
    assert learn(watched, lookout) == ["epoch=1.ckpt"]


def test_what_transformers_writes_beside_weights_is_kept_with_them(tmp_path: Path) -> None:
    place = tmp_path / "checkpoints" / "checkpoint-10"
    place.mkdir(parents=True)
    (place / "model.safetensors").write_bytes(b"weights")
    (place / "config.json").write_text("{}")
    (place.parent / "config.json").write_text("[]")
    watched, lookout = looking(tmp_path)
    (name,) = look(watched, lookout)
    copy = watched.place(watched.entry(name))
    assert copy.is_relative_to(tmp_path / "out")
    assert (copy.parent / "config.json").read_text() == "{}"
    assert (copy.parent.parent / "config.json").read_text() == "[]"


def test_what_is_remembered_is_of_one_directory(tmp_path: Path, place: Path) -> None:
    """Results that another evaluation has taken over bring nothing of the first one into it."""
    (place / "epoch=1.ckpt").write_bytes(checkpoint(1, 1))
    watched, lookout = looking(tmp_path)
    look(watched, lookout)
    learn(watched, lookout)
    assert read_ledger(watched.ledger, "here")[0]
    assert read_ledger(watched.ledger, "elsewhere") == ((), {})


def test_a_damaged_memory_is_none(tmp_path: Path) -> None:
    ledger = tmp_path / "watched.json"
    for content in (b"", b"{", b"[]", b'{"owner": "here"}', b"\xff"):
        ledger.write_bytes(content)
        assert read_ledger(ledger, "here") == ((), {})
