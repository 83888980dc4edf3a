"""The figures as files: all of them and each what was drawn, or known not to be.

`figures/figures.json` is written last and removed first, so a directory with one is complete unless something happened
to its files since; their checksums tell.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swaveval import __version__
from swaveval.convergence.verdict import Verdict
from swaveval.results import Series
from swaveval.results.atomic import write_bytes
from swaveval.results.encoding import digest, seal, unseal
from swaveval.results.export import rows

MANIFEST = "figures.json"


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
    """A digest of everything that figures show: another one means that they are of other results."""
    loss = None if series.manifest.loss is None else series.manifest.loss.to_json()
    said = json.loads(json.dumps(verdict.to_json(), default=str).replace("NaN", '"NaN"').replace("Infinity", '"inf"'))
    return digest([__version__, rows(series), said, loss])


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


def write_all(
    directory: Path, source: str, figures: Iterable[tuple[str, Callable[[], Any]]], encode: Callable[[Any, str], bytes]
) -> Drawn:
    """Draw every figure and write it as PNG and SVG; one that cannot be drawn costs itself only.

    Args:
        directory: `OUT/figures`.
        source: from `source_of`.
        figures: name and what draws it.
        encode: figure and `png` or `svg` to the bytes of a file.
    """
    before = _listed(directory)
    (directory / MANIFEST).unlink(missing_ok=True)
    files: dict[str, str] = {}
    problems: list[str] = []
    for name, draw in figures:
        try:
            drawn = draw()
            encoded = {f"{name}.{kind}": encode(drawn, kind) for kind in ("png", "svg")}
        except Exception as error:
            problems.append(f"the figure {name} could not be drawn: {type(error).__name__}: {error}"[:300])
            continue
        for file, content in encoded.items():
            write_bytes(directory / file, content)
            files[file] = hashlib.sha256(content).hexdigest()
    for stale in set(before) - set(files):
        (directory / stale).unlink(missing_ok=True)  # of checkpoints or metrics that are no longer there
    write_bytes(directory / MANIFEST, seal({"source": source, "files": files}))
    return Drawn(tuple(directory / file for file in files), tuple(problems))


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
