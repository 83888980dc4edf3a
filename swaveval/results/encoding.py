"""Strict JSON for results: non-finite numbers survive, key order never matters, hashes are over canonical bytes."""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

Json = None | bool | int | float | str | list[Any] | dict[str, Any]

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode_number(value: float | None) -> float | str | None:
    """A float as strict JSON; NaN and the infinities, which JSON lacks, become their names."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def decode_number(value: float | str | None) -> float | None:
    """The inverse of `encode_number`."""
    if isinstance(value, str):
        return _NON_FINITE[value]
    return None if value is None else float(value)


def canonical(value: Any) -> bytes:
    """UTF-8 bytes of `value` that are equal for equal values: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def seal(body: Mapping[str, Any]) -> bytes:
    """`body` with its own checksum, as the bytes of a file that `unseal` can verify."""
    return json.dumps(
        {"sha256": digest(body), "body": body}, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False
    ).encode()


def unseal(content: bytes) -> dict[str, Any]:
    """The body written by `seal`.

    Raises:
        ValueError: the content is not what was written (torn, edited or bit-flipped).
    """
    try:
        document = json.loads(content)
        body, expected = document["body"], document["sha256"]
        found = digest(body)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"not a sealed result file: {error}") from error
    if not isinstance(body, dict) or found != expected:
        raise ValueError("checksum does not match the content")
    return body
