"""The checkpoint to use, where it outlives its file: `OUT/best.ckpt`, or `OUT/best/` where it is several files."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from swaveval.checkpoints.lookout import beside_of, copied
from swaveval.checkpoints.piece_names import files_of
from swaveval.checkpoints.watched import stamp_of
from swaveval.results.atomic import link, write_text

BEST = "best"
# Says what was kept: whatever else is called so is not ours to replace.
RECORD = "results/best.txt"


def kept_best(out: Path) -> Path | None:
    """Where it is; None where none was kept."""
    name = _ours(out)
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
    name, before = BEST if several else f"{BEST}{place.suffix}", _ours(out)
    if name != before and os.path.lexists(out / name):
        return f"the checkpoint to use is not kept as {out / name}, which is there already and is not ours"
    target = out / name / place.name if several else out / name
    if stamp_of(target) != stamp_of(place):
        write_text(out / RECORD, name)  # first: what a kill leaves is ours
        if several:
            _directory(out / name, files, beside, take)
        else:
            take(place, target)
    if before and before != name:
        old = out / before
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
    return ""


def _ours(out: Path) -> str:
    """The name under which a checkpoint was kept; empty where none was."""
    try:
        name = (out / RECORD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return name if name == BEST or (name.startswith(f"{BEST}.") and Path(name).name == name) else ""


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
