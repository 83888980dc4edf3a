"""What the bad days are made of: tiny checkpoints, images in several versions, and the cells that are right of each."""

import io
import tempfile
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from swaveval.checkpoints import build_resnet
from swaveval.evaluators.knn import Knn
from swaveval.results.encoding import unseal
from swaveval.runs.request import RunRequest
from swaveval.runs.run import run
from tests.tiny_images import write_images

WEIGHTS, DATA, VERSIONS, NUMBERS = range(3), range(3), range(1, 4), range(1, 5)
PICTURES = "data"


@cache
def checkpoint(number: int, weights: int) -> bytes:
    """A checkpoint file of epoch `number` with one of some weights."""
    generator = torch.Generator().manual_seed(weights)
    torch.manual_seed(0)
    network, _ = build_resnet(depth=10, stem="small", width=4)
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    state = {f"backbone.{name}": value.clone() for name, value in network.state_dict().items()}
    written = io.BytesIO()
    torch.save({"state_dict": state, "epoch": number - 1, "global_step": 10 * number}, written)
    return written.getvalue()


@cache
def images(data: int) -> dict[str, bytes]:
    """Files of an image set: the first, the same with one image changed, and another."""
    with tempfile.TemporaryDirectory() as place:
        root = write_images(Path(place) / "bars", per_class=5 if data == 2 else 4)
        files = {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*.png"))}
    if data == 1:
        first, second = list(files)[:2]
        files[first] = files[second]
    return files


def write_set(root: Path, data: int) -> None:
    """An image set in place of what is there."""
    wanted = images(data)
    for path in list(root.rglob("*.png")):
        if path.relative_to(root).as_posix() not in wanted:
            path.unlink()
    for name, content in wanted.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists() or place.read_bytes() != content:
            place.write_bytes(content)


def request_in(place: Path) -> RunRequest:
    return RunRequest(
        place / "run" / "checkpoints",
        place / "run" / "report",
        data=str(place / "bars"),
        evaluators=("knn", "spectrum"),
        device="cpu",
        figures=False,
        one_run=True,
        jobs=1,
    )


@cache
def right(weights: int, data: int, version: int) -> dict[str, dict[str, Any]]:
    """Every cell of an evaluation of one checkpoint in an empty directory, by digest; `version` is that of kNN."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        request = request_in(place)
        request.checkpoints.mkdir(parents=True)  # type: ignore[union-attr]
        (request.checkpoints / "epoch=1.ckpt").write_bytes(checkpoint(1, weights))  # type: ignore[operator]
        write_set(place / "bars", data)
        with patch.object(Knn, "version", version):
            run(request)
        found = {path.stem: content(path) for path in (request.out / "results" / "cells").glob("*.json")}
    return {name: body for name, body in found.items() if body["key"]["evaluator"] != PICTURES}


def content(path: Path) -> dict[str, Any]:
    """A stored cell but for times; its arrays stand in it by their checksums.

    Raises:
        ValueError: it is not what was written.
    """
    return {name: value for name, value in unseal(path.read_bytes()).items() if name not in ("seconds", "created")}
