"""Files are whole or absent; results are found from what a user names; nothing is begun that cannot be written."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from swaveval.results.atomic import atomic_path, remove_leftovers, write_bytes, write_text
from swaveval.results.places import OutputError, check_writable, locate
from swaveval.results.store import StoreError


@pytest.mark.parametrize("address", ["s3://bucket/report", "hf://user/model"])
def test_an_address_is_called_one(address: str) -> None:
    with pytest.raises(StoreError, match=f"{address} is an address"):
        locate(Path(address))


# -- atomic files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", ["a", "é", "語", "🂡"], ids=["1 byte", "2 bytes", "3 bytes", "4 bytes"])
def test_a_name_of_any_length_that_the_file_system_takes(letter: str, tmp_path: Path) -> None:
    target = tmp_path / (letter * (255 // len(letter.encode())))
    write_bytes(target, b"whole")
    assert target.read_bytes() == b"whole"
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_folders_are_made_and_an_old_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "new" / "deep" / "file"
    write_bytes(target, b"old, and longer")
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_file_is_as_public_as_any_other_of_the_user(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write_bytes(tmp_path / "ours", b"")
        (tmp_path / "plain").write_bytes(b"")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "plain")}
    assert modes == {0o666 & ~mask}


def test_an_exception_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    writing = atomic_path(target)
    writing.__enter__().write_bytes(b"half")
    interrupt = KeyboardInterrupt()
    assert not writing.__exit__(KeyboardInterrupt, interrupt, None)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"old"


def test_an_error_of_the_system_names_the_file_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full") as caught, atomic_path(tmp_path / "file"):
        raise OSError(28, "full", "elsewhere")
    assert caught.value.filename == str(tmp_path / "file")
    with pytest.raises(ValueError, match="plain"), atomic_path(tmp_path / "file"):
        raise ValueError("plain")


def test_a_temporary_that_is_gone_already_hides_no_error(tmp_path: Path) -> None:
    writing = atomic_path(tmp_path / "file")
    writing.__enter__().unlink()
    error = ValueError("the reason")
    assert not writing.__exit__(ValueError, error, None)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_leaves_is_removed_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from swaveval.results.atomic import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as place: place.write_bytes(b'half'); print(flush=True); time.sleep(600)"
    )
    target = tmp_path / "below" / "file"
    writer = subprocess.Popen([sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE)
    with writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        remove_leftovers(tmp_path)
        (left,) = target.parent.iterdir()
        writer.kill()
        writer.wait()
    assert left.read_bytes() == b"half"
    (tmp_path / ".hidden.tmp.txt").write_bytes(b"not ours")
    with atomic_path(tmp_path / "file") as writing:
        remove_leftovers(tmp_path)
        writing.write_bytes(b"whole")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".hidden.tmp.txt", "below", "file"]


def test_half_a_surrogate_pair_is_written_as_a_question_mark(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "naïve \ud83d語")
    assert (tmp_path / "file").read_bytes() == "naïve ?語".encode()


# -- where results are -------------------------------------------------------------------------------------------------


def evaluated(place: Path) -> Path:
    (place / "results").mkdir(parents=True)
    (place / "results" / "run.json").write_text("{}", encoding="utf-8")
    (place / "page.html").write_text("", encoding="utf-8")
    return place


@pytest.mark.parametrize("named", ["", "report", "report/results", "checkpoints", "report/page.html", "report/figures"])
def test_results_are_found_from_their_run_and_from_everything_around_them(named: str, tmp_path: Path) -> None:
    place = evaluated(tmp_path / "run" / "report")
    (place / "figures").mkdir()
    (tmp_path / "run" / "checkpoints").mkdir()
    assert locate(tmp_path / "run" / named) == place


@pytest.mark.parametrize("named", ["other", "report/other", "other.html"])
def test_results_are_not_taken_from_beside_what_is_named(named: str, tmp_path: Path) -> None:
    """A folder of any other name beside `report/`, or a file that is not there, is not the run's."""
    evaluated(tmp_path / "run" / "report")
    if not named.endswith(".html"):
        (tmp_path / "run" / named).mkdir()
    with pytest.raises(StoreError, match="no results in"):
        locate(tmp_path / "run" / named)


def test_evaluations_below_are_named_the_first_five(tmp_path: Path) -> None:
    for number in range(4):
        evaluated(tmp_path / f"run {number}")
        evaluated(tmp_path / "deep" / f"run {number}" / "report")
        evaluated(tmp_path / "deep" / f"more {number}")
    with pytest.raises(StoreError) as caught:
        locate(tmp_path)
    expected = [tmp_path / "deep" / f"more {n}" for n in range(4)] + [tmp_path / "run 0"]
    assert f"evaluations below it: {', '.join(map(str, expected))}. " in str(caught.value)


def test_nothing_below_is_not_spoken_of(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        locate(tmp_path)
    assert "evaluations below" not in str(caught.value)
    with pytest.raises(StoreError, match="there is no such file or directory"):
        locate(tmp_path / "none")


@pytest.mark.parametrize("made", ["cache/reads", "results/cells"])
@pytest.mark.parametrize("named", ["", "report"])
def test_of_a_run_that_was_stopped_it_is_said_that_it_has_not_ended(made: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "run" / "report" / made).mkdir(parents=True)
    with pytest.raises(StoreError, match=r"has not come to its end\. Run it again with the same --out where"):
        locate(tmp_path / "run" / named)
    evaluated(tmp_path / "run" / "report" / "inner")
    with pytest.raises(StoreError, match="evaluations below it"):
        locate(tmp_path / "run")


# -- where results go --------------------------------------------------------------------------------------------------


def test_what_can_be_written_is_not_made(tmp_path: Path) -> None:
    check_writable(tmp_path)
    check_writable(tmp_path / "new" / "deep")
    check_writable(Path("new here"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    for directory in (file, file / "deep" / "deeper"):
        with pytest.raises(OutputError) as caught:
            check_writable(directory, option="--there")
        assert str(caught.value) == (
            f"cannot write to {directory}: {file} is a file, not a directory; name another directory with --there"
        )


def test_a_path_that_is_too_long_is_shown_by_its_ends(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="the path is too long") as caught:
        check_writable(tmp_path / ("x" * 300) / "the end")
    shown = str(caught.value).removeprefix("cannot write to ").split(":")[0]
    assert shown.startswith(str(tmp_path)[:80])
    assert shown.endswith("the end")
    assert len(shown) == 90 + 3 + 90


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_directory_of_somebody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="may not be written to by you"):
        check_writable(tmp_path / "new")


def test_what_no_option_mends_has_its_own_advice(tmp_path: Path) -> None:
    """`report` said: name a directory that can be written to with a copy of it."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=r"is a file, not a directory; copy it$"):
        check_writable(tmp_path / "file", advice="copy it")
