"""The pass over the files, and what it may remember."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from swaveval.data import scan
from swaveval.data.reading import Reading
from swaveval.data.scan import ScanRecord, scan_file, scan_files

Save = Callable[..., Path]


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files written by the test count as settled."""
    monkeypatch.setattr(scan, "SETTLED_NS", -60_000_000_000)


def test_facts_and_reasons(save: Save, tmp_path: Path) -> None:
    root = tmp_path / "images"
    good = save("good.png", 1, size=(12, 10))
    (root / "empty.png").touch()
    (root / "text.jpg").write_text("not at all")
    (root / "gone.png").symlink_to(root / "nothing")
    (root / "folder.png").mkdir()
    names = ["good.png", "empty.png", "text.jpg", "gone.png", "folder.png", "absent.png"]
    records = [record for (record,) in scan_files(root, names)]
    facts = records[0].facts
    assert facts is not None
    assert (facts.width, facts.height, facts.bands, facts.kind, facts.pages) == (12, 10, 3, "byte", 1)
    sha256 = hashlib.sha256(good.read_bytes()).hexdigest()
    assert records[0] == ScanRecord(sha256, 12, 10, "RGB", "PNG", facts=facts)
    reasons = [record.reason for record in records[1:]]
    assert reasons[0] == "the file is empty"
    assert "not an image" in reasons[1]
    assert reasons[2:] == ["a link to nothing", "not a regular file", "the file is gone"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(save: Save) -> None:
    path = save("a.png", 1)
    path.chmod(0)
    assert scan_file(str(path))[0].reason == "cannot be read: Permission denied"


def test_too_large_a_file_is_not_read(save: Save, tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(scan.LARGEST_FILE + 1)  # sparse: takes no space
    assert "files above" in scan_file(str(path))[0].reason


def test_progress_reaches_the_end_in_order(save: Save, tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(40)]
    for number, name in enumerate(names):
        save(name, number)
    seen: list[tuple[int, int]] = []
    scan_files(tmp_path / "images", names, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 40) for number in range(1, 41)]


def test_a_second_scan_reads_only_what_changed(
    save: Save, tmp_path: Path, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, memory = tmp_path / "images", tmp_path / "memory"
    for number in range(5):
        save(f"{number}.png", number)
    names = [f"{number}.png" for number in range(5)]
    first = scan_files(root, names, memory=memory, remember_after=0)
    read: list[str] = []

    def counted(path: str, reading: Reading) -> tuple[ScanRecord, ...]:
        read.append(Path(path).name)
        return scan_file(path, reading)

    monkeypatch.setattr(scan, "scan_file", counted)
    assert scan_files(root, names, memory=memory, remember_after=0) == first
    assert read == []
    before = (root / "3.png").stat()
    content = (root / "3.png").read_bytes()
    # Size and modification time stay as they were; only the change time tells, and it ticks every few milliseconds.
    while (root / "3.png").stat().st_ctime_ns == before.st_ctime_ns:
        (root / "3.png").write_bytes(content[:-20] + bytes(20))
        os.utime(root / "3.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    second = scan_files(root, names, memory=memory, remember_after=0)
    assert read == ["3.png"]
    assert second[3] != first[3]
    assert second[:3] + second[4:] == first[:3] + first[4:]


def test_what_is_remembered_of_a_broken_file_is_what_was_found(save: Save, tmp_path: Path, settled: None) -> None:
    root, memory = tmp_path / "images", tmp_path / "memory"
    save("good.png", 1)
    (root / "broken.png").write_bytes(b"broken")
    scans = [scan_files(root, ["good.png", "broken.png"], memory=memory, remember_after=0) for _ in range(2)]
    assert scans[0] == scans[1]
    assert list(memory.iterdir())
    (broken,) = scans[1][1]
    assert (broken.width, broken.height, broken.mode, broken.format, broken.facts) == (0, 0, "", "", None)


def test_a_name_that_is_too_long_is_one_short_reason(tmp_path: Path) -> None:
    assert scan_file(str(tmp_path / ("x" * 300)))[0].reason == "cannot be read: File name too long"


def test_a_file_just_written_is_not_remembered(save: Save, tmp_path: Path) -> None:
    save("a.png", 1)
    scan_files(tmp_path / "images", ["a.png"], memory=tmp_path / "memory", remember_after=0)
    (note,) = (tmp_path / "memory").iterdir()
    assert scan._recall(note) == {}


@pytest.mark.parametrize("damage", ["cut", "flip", "other"])
def test_damaged_memory_is_forgotten(save: Save, tmp_path: Path, settled: None, damage: str) -> None:
    save("a.png", 1)
    root, memory = tmp_path / "images", tmp_path / "memory"
    first = scan_files(root, ["a.png"], memory=memory, remember_after=0)
    (note,) = memory.iterdir()
    content = note.read_bytes()
    sha = first[0][0].sha256.encode()
    broken = {"cut": content[:-9], "flip": content.replace(sha, sha[::-1]), "other": b"[1, 2]"}[damage]
    assert broken != content
    note.write_bytes(broken)
    assert scan_files(root, ["a.png"], memory=memory, remember_after=0) == first


def test_memory_that_cannot_be_written_costs_nothing_else(save: Save, tmp_path: Path) -> None:
    save("a.png", 1)
    blocked = tmp_path / "memory"
    blocked.write_text("a file where the directory should be")
    assert len(scan_files(tmp_path / "images", ["a.png"], memory=blocked, remember_after=0)) == 1


def test_only_long_scans_are_remembered(save: Save, tmp_path: Path, own_cache: Path) -> None:
    save("a.png", 1)
    scan_files(tmp_path / "images", ["a.png"], remember_after=1e6)
    assert list(own_cache.iterdir()) == []
    scan_files(tmp_path / "images", ["a.png"], remember_after=0)
    assert len(list((own_cache / "scans").iterdir())) == 1


def test_what_was_noted_of_pages_is_kept_apart(tmp_path: Path, settled: None) -> None:
    """A scan for `--pages all` is no scan for the first page, and the other way round."""
    frames = [Image.new("L", (8, 8), level) for level in (10, 20, 20)]
    (tmp_path / "images").mkdir()
    frames[0].save(tmp_path / "images" / "a.tif", save_all=True, append_images=frames[1:])
    for reading, count in ((Reading(), 1), (Reading(pages="all"), 3), (Reading(), 1), (Reading(pages="all"), 3)):
        ((*records,),) = scan_files(
            tmp_path / "images", ["a.tif"], reading=reading, memory=tmp_path / "memory", remember_after=0
        )
        assert len(records) == count
    assert records[1].sha256 == records[2].sha256 != records[0].sha256, "equal pages are found as duplicates"
    assert {record.origin for record in records} == {
        hashlib.sha256((tmp_path / "images/a.tif").read_bytes()).hexdigest()
    }
