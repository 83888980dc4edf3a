"""What tells one evaluation from another, wherever it is evaluated: a number drawn once, kept with its results.

A path would not do: nodes of a cluster reach one directory, machines have others under the same path, and results are
moved.
"""

import json
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from swaveval.results.encoding import digest

NAME = "tracked.json"
_DRAWN = re.compile(r"[0-9a-f]{16}")


def identity_of(out: Path) -> str:
    """16 hexadecimal digits, from `out/results/tracked.json`, which is made where it is missing.

    Where nothing can be written, by where the results lie.
    """
    place = out / "results" / NAME
    known = _read(place)
    if known:
        return known
    with suppress(OSError):
        if place.exists() and not _read(place):  # not as it was written
            place.unlink()
        own = place.with_name(f".{NAME}.{secrets.token_hex(8)}.tmp")
        own.write_text(json.dumps({"id": secrets.token_hex(8)}) + "\n", encoding="utf-8")
        # A link is refused where another process was faster; then its number counts.
        with suppress(FileExistsError):
            os.link(own, place)
        own.unlink()
        known = _read(place)
    return known or digest(os.fsencode(out.resolve()).hex())[:16]


def _read(place: Path) -> str:
    try:
        drawn = json.loads(place.read_text(encoding="utf-8"))["id"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return drawn if isinstance(drawn, str) and _DRAWN.fullmatch(drawn) else ""
