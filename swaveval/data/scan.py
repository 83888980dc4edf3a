"""One pass over the files: contents hashed, decodability proved, facts noted; remembered where that took long."""

import hashlib
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import PIL

from swaveval.data.errors import Undecodable
from swaveval.data.facts import ImageFacts
from swaveval.data.image_file import LARGEST_FILE, inspect_image, quiet_pillow
from swaveval.data.parallel import Progress, ordered_map
from swaveval.data.places import cache_directory
from swaveval.data.reading import AS_LOADERS, Reading
from swaveval.results.atomic import write_bytes
from swaveval.results.encoding import seal, unseal

SCHEMA = 3
# A scan faster than this is not worth a file in the user's cache directory.
REMEMBER_AFTER_SECONDS = 3.0
# A file changed this shortly before it was read could be changed again without its time stamps showing it.
SETTLED_NS = 2_000_000_000

Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class ScanRecord:
    """What is known of one image.

    Attributes:
        sha256: of the file's bytes, or of the pixels where there is no file or the image is one page of several; empty
            when it could not be read.
        width, height: in pixels, as read; 0 when undecodable.
        mode, format: as Pillow names them; empty when undecodable.
        reason: why it cannot be used, or empty.
        facts: everything else that decoding showed; None when undecodable or without a file.
        file_sha256: of the file, where `sha256` is of a page.
    """

    sha256: str
    width: int = 0
    height: int = 0
    mode: str = ""
    format: str = ""
    reason: str = ""
    facts: ImageFacts | None = None
    file_sha256: str = ""

    @property
    def origin(self) -> str:
        """What the pages of one file have in common, and else nobody."""
        return self.file_sha256 or self.sha256


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


def scan_file(path: str, reading: Reading = AS_LOADERS) -> tuple[ScanRecord, ...]:
    """Read, hash and decode one file: one record, or with `--pages all` one per page."""
    sha256 = ""
    try:
        content = read_file(Path(path))
        sha256 = hashlib.sha256(content).hexdigest()
        pages = inspect_image(content, reading)
    except Undecodable as error:
        return (ScanRecord(sha256, reason=str(error)),)
    return tuple(_record(sha256, facts, alone=len(pages) == 1) for facts in pages)


def _record(sha256: str, facts: ImageFacts, *, alone: bool) -> ScanRecord:
    """A record; `alone`: the file holds no other picture that is an image of the set."""
    size = (facts.width, facts.height, facts.mode, facts.format)
    if alone:
        return ScanRecord(sha256, *size, facts=facts)
    return ScanRecord(facts.pixels, *size, facts=facts, file_sha256=sha256)


def scan_files(
    root: Path,
    files: Sequence[str],
    *,
    reading: Reading = AS_LOADERS,
    progress: Progress | None = None,
    memory: Path | None = None,
    remember_after: float = REMEMBER_AFTER_SECONDS,
    partly: bool = False,
) -> list[tuple[ScanRecord, ...]]:
    """The records of each file, in order: one, or with `--pages all` one per page.

    Records of an earlier scan are taken over for files whose size, times and inode are those of then. What was
    forgotten, damaged or written by another Pillow is scanned again.

    Args:
        root: the directory; files: names relative to it.
        reading: which pages are meant, and whether sizes are upright.
        progress: called with (done, total).
        memory: directory for remembered scans; the user's cache directory by default.
        remember_after: seconds a scan has to take to be remembered.
        partly: whether there are other files, of which what is remembered is kept.
    """
    started_ns = time.time_ns()
    # What else was said about the pixels changes nothing that is noted here.
    meant = "".join(f"\n{word}" for word in (reading.pages, reading.exif) if word not in ("first", "ignore"))
    place = hashlib.sha256(os.fsencode(root.resolve()) + meant.encode()).hexdigest()[:32]
    note = (memory or cache_directory() / "scans") / f"{place}.json"
    stamps = [_stamp(root / name) for name in files]
    known = _recall(note)
    records: list[tuple[ScanRecord, ...] | None] = [
        _known(known.get(name), stamp) for name, stamp in zip(files, stamps, strict=True)
    ]
    todo = [position for position, record in enumerate(records) if record is None]
    done, started = len(files) - len(todo), time.monotonic()
    with quiet_pillow():
        fresh = ordered_map(partial(scan_file, reading=reading), [str(root / files[position]) for position in todo])
        for position, record in zip(todo, fresh, strict=True):
            records[position] = record
            done += 1
            if progress:
                progress(done, len(files))
    complete = [record for record in records if record is not None]
    if todo and time.monotonic() - started >= remember_after:
        settled = started_ns - SETTLED_NS
        entries = zip(files, stamps, complete, strict=True)
        fresh_ones = {name: _entry(s, r) for name, s, r in entries if s and max(s[1], s[2]) < settled}
        _remember(note, {**known, **fresh_ones} if partly else fresh_ones)
    return complete


def _stamp(path: Path) -> Stamp | None:
    """Size, modification and change time, inode; the change time shows what a copied-back modification time hides."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _entry(stamp: Stamp, records: tuple[ScanRecord, ...]) -> list[Any]:
    pages = [[r.sha256, r.file_sha256, r.reason, None if r.facts is None else list(astuple(r.facts))] for r in records]
    return [*stamp, pages]


def _known(entry: list[Any] | None, stamp: Stamp | None) -> tuple[ScanRecord, ...] | None:
    if entry is None or stamp is None or tuple(entry[:4]) != stamp:
        return None
    records = []
    for sha256, file_sha256, reason, noted in entry[4]:
        facts = None if noted is None else ImageFacts(*noted)
        size = (0, 0, "", "") if facts is None else (facts.width, facts.height, facts.mode, facts.format)
        records.append(ScanRecord(sha256, *size, reason=reason, facts=facts, file_sha256=file_sha256))
    return tuple(records)


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
