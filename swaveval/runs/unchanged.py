"""A second run that has nothing to do is told so from the disk: no checkpoint is opened and torch is not imported.

As make does it: a run that ended well leaves the size and times of every file that it depends on (checkpoints, images,
labels, logs, the code of its evaluators) and of every file that it wrote for a reader. While all of them are as they
were, and every stored result still is what was written, what the run said is said again. Whatever differs, or is not
certain, leads to the ordinary way, which looks at everything.
"""

import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from swaveval.checkpoints import Directory
from swaveval.convergence.verdict import Verdict
from swaveval.data.label_option import is_word, table_and_column
from swaveval.errors import SwavevalError
from swaveval.evaluators.registry import KIND
from swaveval.results import Series
from swaveval.results.atomic import write_bytes
from swaveval.results.encoding import digest, seal, unseal
from swaveval.results.versions import versions
from swaveval.runs.loss_stores import place_and_run, runs_above
from swaveval.runs.outcome import RunOutcome, Written
from swaveval.runs.request import RunRequest, resolve
from swaveval.specification import PluginError, split

# Where a run lies among more files than this, looking at each is no shortcut.
MOST_FILES = 300_000
# What is asked for, but changes nothing that lies on disk.
_NO_MATTER = ("command", "source", "opened", "budget", "cell_timeout", "published", "retry")

Stamps = dict[str, list[int]]


def earlier(request: RunRequest) -> tuple[RunOutcome, tuple[str, ...]] | None:
    """What the last run with this request came to and what it had told, where nothing has changed since; else None."""
    try:
        body = unseal(_place(request.out).read_bytes())
        if body["asked"] != _asked(request) or request.force or body["before"] != inputs(request):
            return None
        if body["written"] != _written(request.out):
            return None
        series = Series.load(request.out)
        if series.lost:
            return None
        verdict = Verdict.from_json(body["verdict"])
        written = Written(request.out / "index.html", series, verdict)
        unusable = tuple((name, reason) for name, reason in body["unusable"])
        return RunOutcome(written, 0, (), (), unusable), tuple(body["told"])
    # Of another version, torn, removed meanwhile: the ordinary way finds out, and says it better.
    except (OSError, ValueError, KeyError, TypeError, SwavevalError):
        return None


def remember(request: RunRequest, outcome: RunOutcome, before: Stamps | None, told: Sequence[str]) -> None:
    """Leave what `earlier` looks for. Not after a run that another one would do differently.

    Args:
        before: `inputs` of before the run began: what changed while it ran is new to the next.
    """
    place = _place(request.out)
    with suppress(OSError):
        place.unlink(missing_ok=True)
        # An error is tried again, and so is a file that was being written.
        fetched = not isinstance(request.source, Directory) or request.source.complete()
        unfinished = not fetched or outcome.failed or outcome.writing or outcome.waiting or outcome.written.problems
        if before is None or unfinished:
            return
        body = {
            "asked": _asked(request),
            "before": before,
            "written": _written(request.out),
            "verdict": outcome.written.verdict.to_json(),
            "unusable": [list(each) for each in outcome.unusable],
            "told": list(told),
        }
        with suppress(ValueError, TypeError):  # a number that JSON has no word for
            write_bytes(place, seal(body))


def inputs(request: RunRequest) -> Stamps | None:
    """Stamps of every file that a run depends on; None where they cannot be told.

    Named data sets are taken to stay as they are.
    """
    if request.in_memory or request.opened is not None:
        return None
    try:
        resolved = resolve(request)
        out = request.out.resolve()
        elsewhere = resolved.source.stamps() if isinstance(resolved.source, Directory) else None
        stamps = elsewhere or {}
        for path in (*(() if elsewhere else _run(resolved)), *_named(resolved), *_code(request.evaluators)):
            stamps.update(_tree(path, out))
            if len(stamps) > MOST_FILES:
                return None
        return stamps
    except (OSError, SwavevalError):
        return None


def _run(request: RunRequest) -> set[Path]:
    """The directory of the checkpoints, and the one above it."""
    run = request.directory.resolve()
    return {run, run.parent} if run.parent != run.parent.parent else {run}


def _named(request: RunRequest) -> Iterator[Path]:
    """Images, labels and log."""
    if request.data is not None and Path(request.data).exists():
        yield Path(request.data).resolve()
    if request.labels is not None and not is_word(str(request.labels)):
        yield Path(table_and_column(request.labels)[0]).resolve()
    if request.loss_log is not None:
        yield place_and_run(request.loss_log)[0].resolve()
    else:
        yield from (path.resolve() for run in runs_above(request.directory) for path in run.files)


def _code(evaluators: Sequence[str]) -> Iterator[Path]:
    """The files that evaluators are made from: our own package, and each plugin's module.

    Raises:
        OSError: a module is nowhere to be found.
    """
    yield Path(__file__).parents[1]
    for specification in evaluators:
        with suppress(PluginError):
            target = split(specification)[0]
            target = target if ":" in target else KIND.named(target).target
            place = target.rpartition(":")[0]
            if place.endswith(".py"):
                yield Path(place).expanduser().resolve()
            elif not place.startswith("swaveval."):
                found = importlib.util.find_spec(place.partition(".")[0])
                if found is None or found.origin is None:
                    raise OSError(f"{place} is nowhere to be found")
                origin = Path(found.origin)
                yield origin.parent if origin.name == "__init__.py" else origin


def _tree(place: Path, out: Path) -> Stamps:
    """Stamps of a file, or of every file below a place but for what lies in `out` and compiled code.

    Links to directories are followed, as class folders often are some; a directory is looked at once by each name.
    """
    if not place.is_dir():
        return {str(place): _stamp(place.stat())} if place.exists() else {str(place): []}
    stamps: Stamps = {}
    waiting = [place]
    while waiting:
        directory = waiting.pop()
        with os.scandir(directory) as entries:
            for entry in entries:
                path = Path(entry.path)
                if path == out or entry.name == "__pycache__" or entry.name.endswith(".pyc"):
                    continue
                if entry.is_dir():
                    # One that leads back to where it lies has no end.
                    if not entry.is_symlink() or path.resolve() not in path.absolute().parents:
                        waiting.append(path)
                else:
                    stamps[entry.path] = _stamp(entry.stat())
                if len(stamps) > MOST_FILES:
                    return stamps
    return stamps


def _stamp(found: os.stat_result) -> list[int]:
    """Size and times. The last is the file system's own: no program sets it back."""
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _written(out: Path) -> Stamps:
    """Stamps of what was written for readers. Stored results have checksums of their own."""
    pages = [out / "index.html", out / "verdict.json", *sorted((out / "figures").glob("**/*"))]
    pages += sorted((out / "cache" / "names").glob("*"))
    return {path.relative_to(out).as_posix(): _stamp(path.stat()) for path in pages if not path.is_dir()}


def _asked(request: RunRequest) -> str:
    """The request, where it was made, and the versions that answered it."""
    given: Mapping[str, Any] = {
        one.name: repr(getattr(request, one.name)) for one in fields(request) if one.name not in _NO_MATTER
    }
    return digest([given, str(Path.cwd()), versions()])


def _place(out: Path) -> Path:
    return out / "cache" / "finished.json"
