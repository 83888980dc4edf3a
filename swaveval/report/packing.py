"""Data inside a page: deflated and in base64, so that no stored string can end a script or start one."""

import base64
import json
import math
import re
import zlib
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def blob(content: bytes) -> str:
    """Bytes as base64 of a zlib stream: what `DecompressionStream("deflate")` reads."""
    return base64.b64encode(zlib.compress(content, 6)).decode("ascii")


def json_blob(value: Any) -> str:
    return blob(json.dumps(plain(value), separators=(",", ":"), allow_nan=False).encode("utf-8"))


def plain(value: Any) -> Any:
    """`value` as strict JSON: NaN and the infinities become null, floats keep five significant digits."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def deltas(frames: Array) -> bytes:
    """Frames of non-negative integers as the difference to the frame before, byte planes apart, lowest first.

    Args:
        frames: int, shape `(t, …)`, values below 2³⁰. Frames that follow each other differ little, so all planes but
            the lowest are almost constant and deflate to nothing.

    Returns:
        One byte for the number of planes (2 or 4), then the planes.
    """
    change = np.diff(frames.astype(np.int32), axis=0, prepend=np.zeros((1, *frames.shape[1:]), np.int32)).reshape(-1)
    small = len(change) == 0 or (int(change.min()) >= -32768 and int(change.max()) <= 32767)
    width = 2 if small else 4
    words = change.astype(np.int16 if small else np.int32).view(np.uint8).reshape(-1, width)
    return bytes([width]) + b"".join(words[:, plane].tobytes() for plane in range(width))


_BOKEH_ID = re.compile(r'"p(\d{4,})"')


def numbered(item: str) -> str:
    """Bokeh's JSON with its process-wide ids renumbered, so that equal pages are equal bytes."""
    seen: dict[str, str] = {}
    return _BOKEH_ID.sub(lambda match: f'"p{seen.setdefault(match[1], str(1000 + len(seen)))}"', item)
