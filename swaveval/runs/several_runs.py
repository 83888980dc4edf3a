"""The sentence for a directory of several runs, with the commands that evaluate each and compare them."""

import shlex
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path, PurePosixPath

from swaveval.checkpoints import Directory
from swaveval.checkpoints.discovery import fixed_directory
from swaveval.checkpoints.membership import Division
from swaveval.runs.names import slugs
from swaveval.runs.request import RunError, RunRequest

_DROPPED = {"--ckpt-dir": 1, "-c": 1, "--out": 1, "-o": 1, "--one-run": 0, "--name": 1}
# A list of names longer than this is no command to type.
_MOST_NAMES = 30


def several_runs(division: Division, request: RunRequest) -> RunError:
    """The refusal of checkpoints that are not one run."""
    reasons = "; ".join(division.reasons[:4]) + (
        f"; and {len(division.reasons) - 4} more" * (len(division.reasons) > 4)
    )
    what = "have no order together" if division.orderless else f"are {_count(division)}, not one"
    head = f"the checkpoints of {request.place} {what}: {reasons}."
    base = fixed_directory(request.checkpoints)
    groups = {name: [entry.record.name for entry in group] for name, group in division.runs.items()}
    paths = {name: _path(base, group, groups) for name, group in groups.items()}
    lines = [head]
    out = request.out if request.out.name else request.out.resolve()
    if all(path is not None for path in paths.values()) and len(paths) <= 8:
        outs = {name: out.with_name(f"{out.name}-{ending}") for name, ending in slugs(paths).items()}
        lines.append("Evaluate the ones, or the others:" if division.orderless else "Evaluate each and compare them:")
        lines += [_command(request, _words(request, str(path)), outs[name], name) for name, path in paths.items()]
        if len(outs) > 1 and not division.orderless:
            page = out.with_name(f"{out.name}-compared.html")
            lines.append(shlex.join(["swaveval", "compare", *map(str, outs.values()), "--out", str(page)]))
    else:
        lines.append("Put the files of each run into a directory of its own.")
    lines.append(
        "With --one-run those that state a step stand after those that state an epoch."
        if division.orderless
        else "If they are one run all the same, say so with --one-run; the page repeats what speaks against it."
    )
    return RunError("\n  ".join(lines))


def _words(request: RunRequest, path: str) -> str:
    """The path as --ckpt-dir takes it, which is an address where the files lie elsewhere."""
    return request.source.shown(Path(path)) if isinstance(request.source, Directory) else path


def _count(division: Division) -> str:
    return f"{len(division.runs)} runs" if len(division.runs) > 1 else "several runs"


def _path(base: Path, group: Sequence[str], groups: dict[str, list[str]]) -> str | None:
    """What --ckpt-dir takes for exactly these files of the runs (copies may come along): a directory or a pattern."""
    others = {name for other in groups.values() for name in other} - set(group)
    if len(group) == 1:
        return str(base / group[0])
    above = _common_directory(group)
    if above != "." and not any(name.startswith(f"{above}/") for name in others):
        return str(base / above)
    if all(str(PurePosixPath(name).parent) == above for name in group):
        names = [PurePosixPath(name).name for name in group]
        beside = [PurePosixPath(name).name for name in others if str(PurePosixPath(name).parent) == above]
        start = _common_start(names)
        end = _common_start([name[len(start) :][::-1] for name in names])[::-1]
        pattern = f"{_quoted(start)}*{_quoted(end)}"
        if not any(fnmatchcase(name, pattern) for name in beside):
            return str(base / above / pattern)
    if len(group) <= _MOST_NAMES and not any(sign in name for name in group for sign in "{},*?["):
        return str(base / ("{" + ",".join(group) + "}"))
    return None


def _common_directory(names: Sequence[str]) -> str:
    parents = [PurePosixPath(name).parent.parts for name in names]
    shared = takewhile(lambda parts: len(set(parts)) == 1, zip(*parents, strict=False))
    return "/".join(parts[0] for parts in shared) or "."


def _common_start(names: Sequence[str]) -> str:
    shortest = min(names, key=len)
    ends = (end for end, sign in enumerate(shortest) if any(name[end] != sign for name in names))
    return shortest[: next(ends, len(shortest))]


def _quoted(text: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in text)


def _command(request: RunRequest, path: str, out: Path, name: str) -> str:
    """The user's own command on one run; from the request where it was no command."""
    words = shlex.split(request.command) if request.command.startswith("swaveval run") else []
    if not words:
        words = ["swaveval", "run", *(["--data", request.data] if request.data else [])]
    kept: list[str] = []
    skip = 0
    for word in words:
        option = word.split("=", 1)[0]
        if skip:
            skip -= 1
        elif option in _DROPPED:
            skip = _DROPPED[option] if "=" not in word else 0
        else:
            kept.append(word)
    where = ["--ckpt-dir", path, "--out", str(out), "--name", name]
    return shlex.join([*kept[:2], *where, *kept[2:]])
