"""The header of a safetensors file."""

import json
import struct
from collections.abc import Iterable

Row = tuple[str, str, list[int], int]  # name, dtype in the format's words, shape, bytes


def safetensors_header(rows: Iterable[Row]) -> bytes:
    """For tensors whose bytes follow one after another in this order."""
    entries, end = {}, 0
    for name, dtype, shape, size in rows:
        start, end = end, end + size
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text
