"""The figures as files: all of them and each what was drawn, or known not to be.

`figures/figures.json` is written last and removed first, so a directory with one is complete unless something happened
to its files since; their checksums tell. It also names what they were drawn from and by what, so that figures which are
whole need not be drawn again.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from swaveval import __version__
from swaveval.convergence.verdict import Verdict
from swaveval.results import Series
from swaveval.results.atomic import write_bytes
from swaveval.results.encoding import digest, seal, unseal
from swaveval.results.export import rows

MANIFEST = "figures.json"
KINDS = ("png", "svg")
# What came of drawing a figure: its bytes by kind, or a sentence.
Made = dict[str, bytes] | str
# Of a run's manifest, what no figure shows and another run on the same results may change.
_UNSEEN = ("created", "command", "versions", "training_seconds", "cells", "notes", "repaired")


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of drawing.

    Attributes:
        paths: of the files, in the order they were written.
        problems: one sentence per figure that could not be drawn.
    """

    paths: tuple[Path, ...]
    problems: tuple[str, ...] = ()


def source_of(series: Series, verdict: Verdict) -> str:
    """A digest of everything that figures show and of what draws them: another one means that they are to be drawn."""
    manifest = {name: value for name, value in series.manifest.to_json().items() if name not in _UNSEEN}
    # NaN, which JSON lacks, as a word.
    said = json.loads(json.dumps(verdict.to_json(), default=str), parse_constant=str)
    return digest([drawn_by(), manifest, rows(series), _arrays(series), said])


def _arrays(series: Series) -> list[list[str]]:
    """Name, checkpoint and checksum of every artifact."""
    stored = [
        [*place, next((sha for name, _, sha in cell.artifacts if name == place[0]), "")]
        for place, cell in series.artifact_index.items()
    ]
    held = []
    for place, artifact in series.arrays.items():
        hashed = hashlib.sha256()
        for name, array in sorted(artifact.arrays.items()):
            hashed.update(f"{name} {array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        held.append([*place, hashed.hexdigest()])
    return sorted(stored + held)


@cache
def drawn_by() -> str:
    """What draws: our version and matplotlib's, and the code."""
    return f"swaveval {__version__}, matplotlib {version('matplotlib')}, {code_below(Path(__file__).parents[1])}"


def code_below(package: Path) -> str:
    """A digest of the modules that draw and of those that say what values are called."""
    found = hashlib.sha256()
    for path in (*sorted((package / "report").glob("*.py")), *sorted((package / "results").glob("*.py"))):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def faults(directory: Path, source: str) -> tuple[str, ...] | None:
    """Names of figures that are missing or damaged, () where all are whole; None where they are of other results, or
    were never finished."""
    try:
        held = unseal((directory / MANIFEST).read_bytes())
        if held["source"] != source:
            return None
        wanted = {str(name): str(sha) for name, sha in held["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return tuple(name for name, sha in wanted.items() if _checksum(directory / name) != sha)


def write_all(directory: Path, source: str, names: Sequence[str], made: Iterable[tuple[str, Made]]) -> Drawn:
    """Write every figure as it is drawn; one that cannot be drawn costs itself only.

    Args:
        directory: `OUT/figures`.
        source: from `source_of`.
        names: of all figures, in their order.
        made: name and what came of it, each once, in any order.
    """
    before = _listed(directory)
    (directory / MANIFEST).unlink(missing_ok=True)
    written: dict[str, str] = {}
    problems: dict[str, str] = {}
    for name, files in made:
        if isinstance(files, str):
            problems[name] = files
            continue
        for kind, content in files.items():
            write_bytes(directory / f"{name}.{kind}", content)
            written[f"{name}.{kind}"] = hashlib.sha256(content).hexdigest()
    checksums = {file: written[file] for name in names for kind in KINDS if (file := f"{name}.{kind}") in written}
    for stale in set(before) - set(checksums):
        (directory / stale).unlink(missing_ok=True)  # of checkpoints or metrics that are no longer there
    write_bytes(directory / MANIFEST, seal({"source": source, "files": checksums}))
    return Drawn(
        tuple(directory / file for file in checksums), tuple(problems[name] for name in names if name in problems)
    )


def remove(directory: Path) -> None:
    """Remove what the list of figures names, and the list."""
    for name in _listed(directory):
        (directory / name).unlink(missing_ok=True)
    (directory / MANIFEST).unlink(missing_ok=True)


def _listed(directory: Path) -> Sequence[str]:
    """Figures that an earlier manifest names; a name that leads elsewhere is none of ours."""
    try:
        names = [str(name) for name in unseal((directory / MANIFEST).read_bytes())["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    return [name for name in names if Path(name).name == name and Path(name).suffix in (".png", ".svg")]


def _checksum(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
