"""One pass over the files: contents hashed, decodability proved, facts noted; remembered where that took long."""

import hashlib
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import PIL

from swaveval.data.image_file import LARGEST_FILE, Undecodable, inspect_image, quiet_pillow
from swaveval.data.parallel import Progress, ordered_map
from swaveval.data.places import cache_directory
from swaveval.results.atomic import write_bytes
from swaveval.results.encoding import seal, unseal

SCHEMA = 1
# A scan faster than this is not worth a file in the user's cache directory.
REMEMBER_AFTER_SECONDS = 3.0
# A file changed this shortly before it was read could be changed again without its time stamps showing it.
SETTLED_NS = 2_000_000_000

Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class ScanRecord:
    """What is known of one image.

    Attributes:
        sha256: of the file's bytes (of the pixels for images that have no file); empty when it could not be read.
        width, height: in pixels, upright; 0 when undecodable.
        mode, format: as Pillow names them; empty when undecodable.
        reason: why it cannot be used, or empty.
    """

    sha256: str
    width: int = 0
    height: int = 0
    mode: str = ""
    format: str = ""
    reason: str = ""


def read_file(path: Path) -> bytes:
    """The bytes of a regular file.

    Raises:
        Undecodable: it cannot be read, is no regular file or is larger than `LARGEST_FILE`.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise Undecodable("not a regular file")
        if found.st_size > LARGEST_FILE:
            raise Undecodable(f"{found.st_size:,} bytes; files above {LARGEST_FILE:,} are not read")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise Undecodable("a link to nothing" if path.is_symlink() else "the file is gone") from error
    except OSError as error:
        raise Undecodable(f"cannot be read: {error.strerror or error}") from error


def scan_file(path: str) -> ScanRecord:
    """Read, hash and decode one file."""
    sha256 = ""
    try:
        content = read_file(Path(path))
        sha256 = hashlib.sha256(content).hexdigest()
        facts = inspect_image(content)
    except Undecodable as error:
        return ScanRecord(sha256, reason=str(error))
    return ScanRecord(sha256, facts.width, facts.height, facts.mode, facts.format)


def scan_files(
    root: Path,
    files: Sequence[str],
    *,
    progress: Progress | None = None,
    memory: Path | None = None,
    remember_after: float = REMEMBER_AFTER_SECONDS,
) -> list[ScanRecord]:
    """One record per file, in order.

    Records of an earlier scan are taken over for files whose size, times and inode are those of then. What was
    forgotten, damaged or written by another Pillow is scanned again.

    Args:
        root: the directory; files: names relative to it.
        progress: called with (done, total).
        memory: directory for remembered scans; the user's cache directory by default.
        remember_after: seconds a scan has to take to be remembered.
    """
    started_ns = time.time_ns()
    place = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:32]
    note = (memory or cache_directory() / "scans") / f"{place}.json"
    stamps = [_stamp(root / name) for name in files]
    known = _recall(note)
    records = [_known(known.get(name), stamp) for name, stamp in zip(files, stamps, strict=True)]
    todo = [position for position, record in enumerate(records) if record is None]
    done, started = len(files) - len(todo), time.monotonic()
    with quiet_pillow():
        fresh = ordered_map(scan_file, [str(root / files[position]) for position in todo])
        for position, record in zip(todo, fresh, strict=True):
            records[position] = record
            done += 1
            if progress:
                progress(done, len(files))
    complete = [record for record in records if record is not None]
    if todo and time.monotonic() - started >= remember_after:
        settled = started_ns - SETTLED_NS
        entries = zip(files, stamps, complete, strict=True)
        _remember(note, {name: _entry(s, r) for name, s, r in entries if s and max(s[1], s[2]) < settled})
    return complete


def _stamp(path: Path) -> Stamp | None:
    """Size, modification and change time, inode; the change time shows what a copied-back modification time hides."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _entry(stamp: Stamp, record: ScanRecord) -> list[Any]:
    facts = (record.sha256, record.width, record.height, record.mode, record.format, record.reason)
    return [*stamp, *facts]


def _known(entry: list[Any] | None, stamp: Stamp | None) -> ScanRecord | None:
    if entry is None or stamp is None or tuple(entry[:4]) != stamp:
        return None
    return ScanRecord(*entry[4:])


def _recall(note: Path) -> dict[str, list[Any]]:
    try:
        body = unseal(note.read_bytes())
    except (OSError, ValueError):
        return {}
    same = body.get("schema") == SCHEMA and body.get("pillow") == PIL.__version__
    return dict(body["files"]) if same else {}


def _remember(note: Path, files: dict[str, list[Any]]) -> None:
    try:
        write_bytes(note, seal({"schema": SCHEMA, "pillow": PIL.__version__, "files": files}))
    except OSError:
        return  # a read-only or full home directory costs speed, nothing else
