"""Small evaluations that are done by this one and that one, and what must be equal then."""

from pathlib import Path

from swaveval.results.encoding import unseal
from swaveval.runs.request import RunRequest

EVALUATORS = ("knn", "spectrum", "views", "stability")


def cells(out: Path) -> dict[str, object]:
    """Every cell but for times, and the arrays byte for byte; not what a job that was killed was writing (hidden)."""
    found: dict[str, object] = {}
    for path in sorted((out / "results" / "cells").glob("[!.]*")):
        if path.suffix == ".json":
            body = unseal(path.read_bytes())
            found[path.name] = {name: value for name, value in body.items() if name not in ("seconds", "created")}
        else:
            found[path.name] = path.read_bytes()
    return found


def request(checkpoints: Path, images: Path, out: Path, executor: str = "local", **more: object) -> RunRequest:
    given = {"evaluators": EVALUATORS, "jobs": 1, **more}
    return RunRequest(checkpoints=checkpoints, out=out, data=str(images), executor=executor, **given)  # type: ignore[arg-type]
