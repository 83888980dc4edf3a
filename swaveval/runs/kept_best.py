"""The checkpoint to use, where it outlives its file: `OUT/best.ckpt`, or `OUT/best/` where it is several files.

Where none is the one to use any more, what was kept is called `OUT/former-best.ckpt`, until another one is kept.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from swaveval.checkpoints.lookout import beside_of, copied
from swaveval.checkpoints.piece_names import files_of
from swaveval.checkpoints.watched import stamp_of
from swaveval.results.atomic import link, write_text

BEST, FORMER = "best", "former-best"
# Says what was kept, and in a second line what was before: whatever else is called so is not ours to replace.
RECORD = "results/best.txt"


def kept_best(out: Path) -> Path | None:
    """Where it is; None where none was kept."""
    name, _ = _ours(out)
    return out / name if name and (out / name).exists() else None


def keep_best(place: Path, out: Path, *, lasting: bool) -> str:
    """Link it, or copy what may be written over in place, with the other files of it and what a model is built from.

    What lies there and was not put there by this function is somebody else's: it stays.

    Args:
        place: the file that stands for the checkpoint.
        lasting: whether its files are never written over.

    Returns:
        why it could not be kept; empty where it is.

    Raises:
        OSError: it is gone, or the disk is full; what was kept before stays.
    """
    beside = [path for path in beside_of(place) if path.is_file()]
    files = files_of(place)
    take = link if lasting else copied
    several = bool(beside) or len(files) > 1
    name = BEST if several else f"{BEST}{place.suffix}"
    before, former = _ours(out)
    if name != before and os.path.lexists(out / name):
        return f"the checkpoint to use is not kept as {out / name}, which is there already and is not ours"
    target = out / name / place.name if several else out / name
    if stamp_of(target) != stamp_of(place):
        write_text(out / RECORD, f"{name}\n{former}")  # first: what a kill leaves is ours
        if several:
            _directory(out / name, files, beside, take)
        else:
            take(place, target)
    if before and before != name:
        _remove(out / before)
    if former:
        _remove(out / former)
        write_text(out / RECORD, name)
    return ""


def set_aside(out: Path) -> str:
    """Call what was kept `former-best…`: by what was evaluated since, it is not the checkpoint to use.

    It is not removed: where the training has removed its file, this is all that is left of it.

    Returns:
        what was done, or why it could not be; empty where nothing was kept.

    Raises:
        OSError: the disk does not let it.
    """
    name, former = _ours(out)
    if not name or not os.path.lexists(out / name):
        return ""
    aside = name.replace(BEST, FORMER, 1)
    if aside != former and os.path.lexists(out / aside):
        return f"{out / name} is not the checkpoint to use any more (and {aside}, which is not ours, is in its way)"
    write_text(out / RECORD, f"{name}\n{aside}")
    if former:
        _remove(out / former)
    (out / name).rename(out / aside)
    write_text(out / RECORD, f"\n{aside}")
    return f"there is no checkpoint to use any more: {out / name} is called {aside} now"


def _remove(old: Path) -> None:
    shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)


def _ours(out: Path) -> tuple[str, str]:
    """The names under which a checkpoint is kept, and was before; empty where none is."""
    try:
        lines = (out / RECORD).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return "", ""
    return _named(lines[0], BEST), _named(lines[1] if len(lines) > 1 else "", FORMER)


def _named(name: str, kind: str) -> str:
    return name if name == kind or (name.startswith(f"{kind}.") and Path(name).name == name) else ""


def _directory(target: Path, files: list[Path], beside: list[Path], take: Callable[[Path, Path], None]) -> None:
    fresh = target.with_name(f".{target.name}.fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for path in files:
        take(path, fresh / path.name)
    for path in reversed(beside):  # what lies nearest comes last, and stays
        copied(path, fresh / path.name)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
