"""The checkpoint to use, where it outlives its file: `OUT/best.ckpt`, or `OUT/best/` where it is several files."""

import shutil
from collections.abc import Callable
from pathlib import Path

from swaveval.checkpoints.lookout import beside_of, copied
from swaveval.checkpoints.piece_names import files_of
from swaveval.checkpoints.watched import stamp_of
from swaveval.results.atomic import link

BEST = "best"


def kept_best(out: Path) -> Path | None:
    """Where it is; None where none was kept."""
    directory = out / BEST
    return directory if directory.is_dir() else next(iter(sorted(out.glob(f"{BEST}.*"))), None)


def keep_best(place: Path, out: Path, *, lasting: bool) -> None:
    """Link it, or copy what may be written over in place, with the other files of it and what a model is built from.

    Args:
        place: the file that stands for the checkpoint.
        lasting: whether its files are never written over.

    Raises:
        OSError: it is gone, or the disk is full; what was kept before stays.
    """
    beside = [path for path in beside_of(place) if path.is_file()]
    files = files_of(place)
    take = link if lasting else copied
    several = bool(beside) or len(files) > 1
    target = out / BEST / place.name if several else out / f"{BEST}{place.suffix}"
    if stamp_of(target) != stamp_of(place):
        if several:
            _directory(out / BEST, files, beside, take)
        else:
            take(place, target)
    for other in out.glob(f"{BEST}*"):
        if other != (out / BEST if several else target) and (other.name == BEST or other.name.startswith(f"{BEST}.")):
            shutil.rmtree(other) if other.is_dir() else other.unlink()


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
