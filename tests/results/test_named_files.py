"""What a user names to be written to: a file is whole or absent, a link stays one, a device or pipe gets the bytes."""

import errno
import os
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from swaveval.errors import machine_fault
from swaveval.results.atomic import named_path, write_bytes, write_named, write_text
from swaveval.results.places import OutputError, check_file, check_writable

NULL, FULL = os.makedev(1, 3), os.makedev(1, 7)


def zipped(target: Path) -> None:
    """As the archives of embeddings are: by jumping back and forth in the file."""
    with named_path(target) as temporary, zipfile.ZipFile(temporary, "w") as packed:
        packed.writestr("name", b"new")


WRITERS = [lambda target: write_text(target, "new"), lambda target: write_named(target, b"new"), zipped]


def arrived(content: bytes) -> bool:
    return content == b"new" or content.startswith(b"PK")


def device(place: Path, number: int) -> Path:
    """A device of our own: those of the system are nobody's to try this on."""
    try:
        os.mknod(place, 0o666 | stat.S_IFCHR, number)
        place.open("wb").close()
    except PermissionError:
        pytest.skip("no devices can be made or opened here")
    return place


@pytest.mark.parametrize("write", WRITERS)
def test_a_device_stays_one(write: Callable[[Path], None], tmp_path: Path) -> None:
    null = device(tmp_path / "null", NULL)
    before = null.stat()
    link = tmp_path / "link"
    link.symlink_to(null.name)
    for named in (null, link):
        check_file(named, option="--to")
        write(named)
    after = null.stat()
    assert (after.st_ino, after.st_rdev, after.st_mode) == (before.st_ino, NULL, before.st_mode)
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "null"]


@pytest.mark.parametrize("write", WRITERS)
def test_a_device_that_takes_no_more_is_a_sentence(write: Callable[[Path], None], tmp_path: Path) -> None:
    full = device(tmp_path / "full", FULL)
    with pytest.raises(OSError, match="No space") as caught:
        write(full)
    said = str(machine_fault(caught.value, option="--to"))
    assert said.startswith(f"no space is left for {full}")
    assert "--to" in said
    assert "--out" not in said
    assert full.stat().st_rdev == FULL


@pytest.mark.parametrize("write", WRITERS)
def test_who_reads_a_pipe_gets_the_bytes(write: Callable[[Path], None], tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write(pipe)
    reader.join(60)
    assert arrived(read[0])
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("links", [0, 1, 3])
def test_what_links_lead_to_is_written(links: int, there: bool, write: Callable[[Path], None], tmp_path: Path) -> None:
    """The link became a file, and what it led to kept its old content."""
    real = tmp_path / "elsewhere" / "real"
    real.parent.mkdir()
    if there:
        real.write_bytes(b"old")
    named, before = real, real.stat().st_ino if there else 0
    for number in range(links):
        link = tmp_path / f"link {number}"
        link.symlink_to(os.path.relpath(named, tmp_path))
        named = link
    check_file(named, option="--to")
    write(named)
    assert arrived(real.read_bytes())
    assert real.stat().st_ino != before, "a new file took its place at once"
    assert not real.is_symlink()
    assert [path.name for path in real.parent.iterdir()] == ["real"]
    assert all(path.is_symlink() for path in tmp_path.glob("link *"))


def test_a_file_of_ours_takes_the_place_of_a_link(tmp_path: Path) -> None:
    """What lies in a store is found by its name there; where somebody's link leads is nothing of ours."""
    mine, link = tmp_path / "mine", tmp_path / "link"
    mine.write_bytes(b"mine")
    link.symlink_to(mine)
    write_bytes(link, b"ours")
    assert (link.is_symlink(), link.read_bytes(), mine.read_bytes()) == (False, b"ours", b"mine")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system shows no open files")
@pytest.mark.parametrize("named", ["/proc/self/fd/1", "/dev/fd/1", "/dev/stdout", "link"])
def test_an_open_stream_is_written_to_where_it_stands(named: str, tmp_path: Path) -> None:
    """Also where it is a file: replacing that would take it from everybody who has it open."""
    (tmp_path / "link").symlink_to("/proc/self/fd/1")
    code = "import sys; from pathlib import Path; from swaveval.results.atomic import write_text; "
    code += "print('before', flush=True); write_text(Path(sys.argv[1]), 'new\\n'); print('after')"
    told = tmp_path / "told"
    with told.open("wb") as output:
        subprocess.run([sys.executable, "-c", code, named], cwd=tmp_path, stdout=output, check=True)
    assert told.read_text() == "before\nnew\nafter\n"


def test_links_in_a_circle_and_directories_are_faults_with_a_name(tmp_path: Path) -> None:
    circle = tmp_path / "circle"
    circle.symlink_to("circle")
    for target, number in ((circle, errno.ELOOP), (tmp_path, errno.EISDIR)):
        with pytest.raises(OSError) as caught:
            write_text(target, "new")
        assert (caught.value.errno, caught.value.filename) == (number, str(target))
    assert circle.is_symlink()
    for check in (lambda: check_file(circle, option="--to"), lambda: check_writable(circle / "in", option="--to")):
        with pytest.raises(OutputError, match=r"symbolic links lead in a circle; name another .* with --to"):
            check()


def test_a_directory_behind_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    """It was called a file, after everything had been read."""
    link = tmp_path / "link"
    link.symlink_to("not here")
    for directory in (link, link / "below"):
        with pytest.raises(OutputError) as caught:
            check_writable(directory)
        assert str(caught.value) == (
            f"cannot write to {directory}: {link} is a link to not here, which is not there; make that directory, or "
            "name another directory with --out"
        )
