"""A directory in somebody's log folder whose files are replaced as a whole: what was written earlier never stays."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from swaveval.results.atomic import remove_leftovers, sync_directory, write_bytes, write_text

MARK = "swaveval.json"


def own_directory(parent: Path, name: str, identity: str) -> Path:
    """The directory `parent/name` of an evaluation; `name-2` … where another evaluation has that one.

    Args:
        identity: of the evaluation, as `Content.identity`.
    """
    number = 1
    while True:
        place = parent / (name if number == 1 else f"{name}-{number}")
        if not place.exists() or _mark(place).get("evaluation") == identity:
            return place
        if place.is_dir() and not any(place.iterdir()):
            return place
        number += 1


def replace_files(place: Path, identity: str, files: Mapping[str, bytes], *, last: Iterable[str] = ()) -> None:
    """Write files and remove those of ours that are not among them.

    Each is whole or absent, and before any is written, all that may be there are written down: whoever is killed in
    between leaves nothing that the next call does not know of.

    Args:
        place: from `own_directory`.
        files: relative path to content.
        last: names that are written after all others, as they name them.
    """
    remove_leftovers(place)
    before = {str(name) for name in _listed(place)}
    _write_mark(place, identity, before | set(files))
    ending = [name for name in last if name in files]
    for name in [*(name for name in files if name not in ending), *ending]:
        write_bytes(place / name, files[name])
    stale = sorted(before - set(files))
    for name in stale:
        (place / name).unlink(missing_ok=True)
        with suppress(OSError):  # others' files are in it
            (place / name).parent.rmdir()
    # They are gone for good before they are no longer written down.
    for directory in {place, *((place / name).parent for name in stale)}:
        sync_directory(directory)
    _write_mark(place, identity, set(files))


def _write_mark(place: Path, identity: str, files: set[str]) -> None:
    write_text(place / MARK, json.dumps({"evaluation": identity, "files": sorted(files)}, indent=1) + "\n")


def _mark(place: Path) -> Mapping[str, object]:
    try:
        body = json.loads((place / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return body if isinstance(body, dict) else {}


def _listed(place: Path) -> list[str]:
    """Files of ours; a name that leads out of the directory is none."""
    names = _mark(place).get("files")
    known = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return [name for name in known if not Path(name).is_absolute() and ".." not in Path(name).parts]
