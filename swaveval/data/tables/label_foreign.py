"""Label files that are no text in rows, told by their first bytes."""

import re

from swaveval.data.errors import DataError

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


def check_table(content: bytes, name: str) -> None:
    """Raises DataError where the content is known to be something else than text in rows."""
    found = next((words for mark, words in _FOREIGN if content.startswith(mark)), "")
    if not found and _PICKLE.match(content):
        found = "a pickle, which is never loaded"
    if not found and _XML.match(content):
        found = "XML (one annotation an image, as VOC and CVAT write it)"
    if found:
        raise DataError(f"the label file {name} is {found}; write it as a CSV file filename,label[,split]")
