"""What is said when there are no images where the user points."""

import difflib
import re
from pathlib import Path

from swaveval.data.errors import DataError
from swaveval.data.listing import Listing
from swaveval.data.named import NAMES
from swaveval.text import counted, printable, shortened

_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")

_WRITE = "write each picture as PNG, TIFF (16 bits and floating point are read) or .npy"
_ARCHIVE = (
    "NumPy archives: save each array in it by itself (np.save('images.npy', np.load('FILE.npz')['x'])), pictures as "
    "N×H×W×C, which --pages all reads as N images"
)
_OTHERS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({".dcm", ".dicom", ".ima", ".nii", ".mha", ".mhd", ".nrrd", ".gz"}), f"medical volumes: {_WRITE}"),
    (frozenset({".npz"}), _ARCHIVE),
    (frozenset({".h5", ".hdf5", ".mat", ".zarr", ".fits", ".exr", ".hdr"}), f"arrays: {_WRITE}"),
    (frozenset({".svs", ".ndpi", ".mrxs", ".scn", ".czi", ".lif", ".nd2"}), f"whole slides: cut tiles, and {_WRITE}"),
    (frozenset({".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf"}), f"camera raw files: {_WRITE}"),
    (frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm"}), "videos: write their frames as JPEG or PNG"),
    (frozenset({".tar", ".zip", ".tgz", ".7z", ".rar"}), "archives: unpack them"),
    (frozenset({".parquet", ".arrow", ".tfrecord", ".tfrecords", ".lmdb", ".mdb", ".rec", ".beton", ".pkl"}),
     f"a data set packed by another program: {_WRITE}"),
    (frozenset({".svg", ".pdf", ".eps"}), "drawings: write them as PNG"),
)  # fmt: skip


_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]+://")


def check_directory(path: str, directory: Path) -> None:
    """Raises DataError, with a suggestion, unless `directory` is one."""
    shown = shortened(path)
    if not path.strip():
        raise DataError("no directory was named; give a directory of images")
    if _ADDRESS.match(path):
        raise DataError(f"{shown} is an address; images are read from this machine: fetch them, and give the directory")
    try:
        if directory.is_dir():
            return
        exists = directory.exists()
    except (OSError, ValueError) as error:  # a name that is too long, a null byte
        raise DataError(
            f"{shown} is not a usable path ({shortened(str(error))}); give a directory of images"
        ) from error
    if exists and directory.suffix.lower() in _ARCHIVES:
        raise DataError(f"{shown} is an archive; unpack it and give the directory")
    if exists and directory.suffix.lower() == ".npz":
        raise DataError(f"{shown} is no directory; {_ARCHIVE}; give the directory they lie in")
    if exists and directory.suffix.lower() in {".csv", ".tsv", ".txt"}:
        raise DataError(f"{shown} is a text file; give the directory of images as data, and this file as labels")
    if exists:
        raise DataError(f"{shown} is a file; give the directory that holds the images")
    raise DataError(f"there is no directory {shown}{_did_you_mean(path, directory)}")


def _did_you_mean(path: str, directory: Path) -> str:
    """The nearest data set name or neighbouring directory, as the end of a sentence."""
    known = {name.replace("-", "").lower(): name for name in NAMES}
    plain = path.replace("-", "").replace("_", "").replace(" ", "").lower()
    close = difflib.get_close_matches(plain, known, n=1, cutoff=0.7)
    if close:
        return f"; did you mean {known[close[0]]}?"
    try:
        beside = [entry.name for entry in directory.parent.iterdir() if entry.is_dir()]
    except OSError:
        beside = []
    near = difflib.get_close_matches(directory.name, beside, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {printable(str(directory.parent / near[0]))}?"
    return "; give a directory of images or one of digits, cifar10, cifar100 …"


def nothing_there(root: Path, listing: Listing) -> str:
    shown = shortened(str(root))
    if not listing.folders and not listing.ignored:
        return f"{shown} is empty; give a directory that holds images"
    parts = [
        counted(count, noun) for count, noun in ((listing.folders, "folder"), (listing.ignored, "other file")) if count
    ]
    example = f", e.g. {listing.ignored_examples[0]}" if listing.ignored_examples else ""
    endings = {Path(name).suffix.lower() for name in listing.ignored_examples}
    known = next((words for suffixes, words in _OTHERS if endings & suffixes), "")
    if known:
        return f"{shown} holds no images that are read here (found {' and '.join(parts)}{example}): {known}"
    return f"{shown} holds no images (found {' and '.join(parts)}{example}); give a directory that holds images"
