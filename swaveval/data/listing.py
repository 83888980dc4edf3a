"""Which files below a directory are meant as images."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from swaveval.data.arrays import SUFFIX
from swaveval.data.errors import DataError
from swaveval.data.image_file import looks_like_image
from swaveval.data.names import stem
from swaveval.text import natural_key, printable, shortened

_READ = "jpg jpeg jpe jfif mpo png apng webp gif bmp dib tif tiff ppm pgm pbm pnm jp2 j2k jpx avif"
# Not read here, but images all the same: better listed as undecodable than silently ignored.
_NOT_READ = "heic heif tga psd jxl pcx ico icns dds sgi ras exr"
EXTENSIONS = frozenset(f".{extension}" for extension in f"{_READ} {_NOT_READ}".split())
# Files that may be a table of labels; the last two are also what lies beside single images.
TABLES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".lst", ".list", ".txt", ".json"})
_SINGLE = frozenset({".txt", ".json"})
_TABLES_A_FOLDER = 60
# Labels in a form that is not read: Oxford flowers' imagelabels.mat.
PACKED = frozenset({".mat", ".xlsx", ".xls", ".parquet", ".feather", ".pkl", ".pickle"})
# What systems and tools leave: resource forks, thumbnails of storage servers, bins.
_NOT_DATA = frozenset(
    {"__MACOSX", "lightly_outputs", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found"}
)


@dataclass(slots=True)
class Listing:
    """What lies below a directory.

    Attributes:
        files: relative names of files meant as images, `/` between folders, naturally sorted.
        ignored: how many files are not images (texts, hidden files, sockets …).
        ignored_examples: the first few of them, printable.
        unreadable: (printable name, reason) of directories that could not be listed.
        repeated: links to directories that had been listed already (loops among them).
        folders: how many directories were listed, the root not counted.
        arrays: relative names of `.npy` files that stand beside images and may be anything: labels, features, depth.
        tables: relative names of files that may be tables of labels, in a form that is read or not; of each folder the
            first few.
    """

    files: list[str] = field(default_factory=list)
    ignored: int = 0
    ignored_examples: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    repeated: int = 0
    folders: int = 0
    arrays: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)

    def ignore(self, name: str) -> None:
        self.ignored += 1
        if len(self.ignored_examples) < 5:
            self.ignored_examples.append(shortened(name, 80))


def list_images(root: Path) -> Listing:
    """Every file below `root` that has an image's extension or an image's signature, or is an array among arrays.

    Symbolic links are followed, each directory is listed once; hidden files and directories are ignored.

    Raises:
        DataError: `root` itself cannot be listed.
    """
    listing = Listing()
    seen: set[tuple[int, int]] = set()
    pending: list[str] = [""]
    # Links are followed after all real directories, so that a link never takes the place of the folder it points to.
    links: list[str] = []
    while pending or links:
        folder = pending.pop() if pending else links.pop(0)
        try:
            found = (root / folder).stat()
            if (found.st_dev, found.st_ino) in seen:
                listing.repeated += 1
                continue
            seen.add((found.st_dev, found.st_ino))
            with os.scandir(root / folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if not folder:
                raise DataError(
                    f"{printable(str(root))} cannot be listed ({error.strerror}); give a directory that can be read"
                ) from error
            listing.unreadable.append((printable(folder) + "/", error.strerror or "cannot be listed"))
            continue
        listing.folders += bool(folder)
        listing.tables += [f"{folder}/{name}" if folder else name for name in tables_among(e.name for e in inside)]
        for entry in inside:
            name = f"{folder}/{entry.name}" if folder else entry.name
            _sort_in(entry, name, listing, pending, links)
    if len(listing.arrays) > len(listing.files):  # arrays are the images, unless others are
        listing.files += listing.arrays
        listing.arrays = []
    for name in listing.arrays:
        listing.ignore(name)
    listing.files.sort(key=natural_key)
    return listing


def tables_among(names: Iterable[str]) -> list[str]:
    """Those that may be tables of labels, read or not, the likeliest first, no more than a few dozen."""
    found = [name for name in names if ending(name) in TABLES | PACKED and not name.startswith(".")]
    return sorted(found, key=lambda name: (ending(name) in _SINGLE | PACKED, name))[:_TABLES_A_FOLDER]


def ending(name: str) -> str:
    """`.csv` of `a/Labels.CSV`."""
    return name.rpartition("/")[2].removeprefix(stem(name)).lower()


def _sort_in(entry: os.DirEntry[str], name: str, listing: Listing, pending: list[str], links: list[str]) -> None:
    """Put one directory entry where it belongs."""
    hidden = entry.name.startswith(".") or entry.name in _NOT_DATA
    try:
        if entry.is_dir():
            if not hidden:
                (links if entry.is_symlink() else pending).append(name)
            return
        # A fifo would block the reader, a device never end. A broken link is a file that cannot be read.
        regular = stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        regular = True
    if regular and not hidden and entry.name.lower().endswith(SUFFIX):
        listing.arrays.append(name)
    elif regular and not hidden and (Path(entry.name).suffix.lower() in EXTENSIONS or _has_signature(entry.path)):
        listing.files.append(name)
    else:
        listing.ignore(name)


def _has_signature(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return looks_like_image(file.read(32))
    except OSError:
        return False
