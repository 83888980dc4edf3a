"""Label files that are no plain table: what they are, or how they become one."""

import re
from pathlib import Path

from swaveval.data.errors import DataError
from swaveval.text import shortened

_FOREIGN = (
    (b"PK\x03\x04", "a spreadsheet or an archive"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"PAR1", "a Parquet file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"SQLite format 3", "a database"),
    (b"\x1f\x8b", "a gzip file"),
    (b"%PDF", "a PDF document"),
    (b"ARROW1", "an Arrow file"),
)
_PICKLE = re.compile(rb"^\x80[\x02-\x05]")
_XML = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<(?:\?xml|!doctype|[a-z_]+[\s/>])", re.IGNORECASE)
_NUMBERED = re.compile(r"^(\d+)\s+(\S.*)$")
_MOST_BYTES = 256 << 20


def check_table(content: bytes, name: str) -> None:
    """Raises DataError where the content is known to be something else than text in rows."""
    found = next((words for mark, words in _FOREIGN if content.startswith(mark)), "")
    if not found and _PICKLE.match(content):
        found = "a pickle, which is never loaded"
    if not found and _XML.match(content):
        found = "XML (one annotation an image, as VOC and CVAT write it)"
    if found:
        raise DataError(f"the label file {name} is {found}; write it as a CSV file filename,label[,split]")


def by_number(path: Path, text: str) -> str:
    """CUB-200's `image_class_labels.txt` (`7 2`) with the names that `images.txt` beside it gives the numbers.

    Raises:
        DataError: there is no such file beside it.
    """
    if path.name != "image_class_labels.txt":
        return text
    beside = path.parent / "images.txt"
    try:
        lines = beside.read_text(encoding="utf-8", errors="replace") if beside.stat().st_size < _MOST_BYTES else ""
    except OSError as error:
        raise DataError(
            f"{shortened(str(path))} calls images by the numbers of images.txt, which is not beside it; put it there"
        ) from error
    names = {found[1]: found[2] for line in lines.splitlines() if (found := _NUMBERED.match(line.strip()))}
    rows = (found.groups() for line in text.splitlines() if (found := _NUMBERED.match(line.strip())))
    return "".join(f"{names[number].strip()} {label.strip()}\n" for number, label in rows if number in names)
