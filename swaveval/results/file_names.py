"""The names of all images, kept beside the features: position in the image set to name, byte for byte.

Results hold the names of the images that a page shows. Whoever takes features elsewhere needs every one; like the
features, they can be made again, so they lie in the cache.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from swaveval.results.atomic import write_bytes
from swaveval.results.encoding import seal, unseal


def keep_file_names(out: Path, fingerprint: str, files: Sequence[str]) -> None:
    """Write them below `out/cache`, unless they are there.

    Args:
        fingerprint: of the image set.
        files: relative names in the order of the set; undecodable bytes as surrogates.
    """
    place = _place(out, fingerprint)
    if not place.exists():
        write_bytes(place, seal({"files": list(files)}))


def kept_file_names(out: Path, fingerprint: str) -> tuple[str, ...] | None:
    """What `keep_file_names` was given; None where nothing is kept, or not as it was written."""
    try:
        files = unseal(_place(out, fingerprint).read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError, json.JSONDecodeError):
        return None
    return tuple(map(str, files))


def _place(out: Path, fingerprint: str) -> Path:
    return out / "cache" / "names" / f"{fingerprint[:32]}.json"
