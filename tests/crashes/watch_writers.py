"""What a watch and a monitor write while a training runs, as `tests.crashes.points` takes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from swaveval.api.losses import COLUMNS, LossFile
from swaveval.checkpoints.snapshots import SUFFIX, Moment, Snapshots
from swaveval.checkpoints.watched import Watched, read_ledger
from swaveval.results.atomic import link
from tests.crashes.points import NOTHING, Writer

READY = {"state": "ready", "digest": "d" * 64}


def watch(root: Path) -> Iterator[None]:
    """Two checkpoints that come and are evaluated, one after the other."""
    found = Watched(root / "run", ledger=root / "results" / "watched.json", owner="run")
    for epoch in (1, 2):
        found.admit(f"epoch={epoch}.ckpt", (9, epoch))
        names = [entry.name for entry in found.entries()]
        found.learn({name: {**READY, "epoch": epoch} for name in names})
        yield


def watched(root: Path) -> Any:
    versions, _ = read_ledger(root / "results" / "watched.json", "run")
    return [version.file for version in versions] or NOTHING


def snapshots(root: Path) -> Snapshots:
    return Snapshots(root / "snapshots", root / "results" / "snapshots.json", nn.Linear(20, 10))


def monitor(root: Path) -> Iterator[None]:
    """Three snapshots, each evaluated; the best is linked, and files of others are let go."""
    one = snapshots(root)
    for epoch in (1, 2, 3):
        one.take(Moment(epoch=epoch), weights(epoch))
        yield
        one.learn({entry.name: {**READY, "epoch": epoch} for entry in one.entries()})
        link(root / "snapshots" / f"{epoch:06d} epoch {epoch}{SUFFIX}", root / f"best{SUFFIX}")
        one.keep([f"epoch {epoch}"])
        yield


def weights(epoch: int) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((10, 20), float(epoch)), "bias": torch.zeros(10)}


def monitored(root: Path) -> Any:
    """The moments of the series; every file in it must be the whole network of its moment."""
    one = snapshots(root)
    for path in [*(root / "snapshots").glob(f"[!.]*{SUFFIX}"), *root.glob(f"best{SUFFIX}")]:
        held = load_file(path)
        epoch = held["weight"][0, 0].item()
        assert torch.equal(held["weight"], weights(int(epoch))["weight"]), "torn"
        assert path.stem in ("best", f"{int(epoch):06d} epoch {int(epoch)}")
    return [entry.name for entry in one.entries()] or NOTHING


def tell(root: Path) -> Iterator[None]:
    """Losses of a training, and of the same gone on with."""
    for first in (0, 3):
        log = LossFile(root / "loss.csv")
        log.open(Moment(step=first + 1))
        yield
        for step in range(first + 1, first + 4):
            log.write(Moment(epoch=step / 4, step=step), 3.0 + step / 7)
        log.close()  # a row outlives the process, and the machine once the training is gone on with


def told(root: Path) -> Any:
    """What a monitor that goes on would keep."""
    if not (root / "loss.csv").exists():
        return NOTHING
    rows = LossFile(root / "loss.csv")._rows()
    assert all(float(loss) == 3.0 + int(step) / 7 for _, step, loss in rows), f"torn: {rows}"
    return [COLUMNS, *rows]


def grown(value: Any, old: Any, new: Any) -> bool:
    """Rows between two states of a list that grows."""
    if NOTHING in (value, new):
        return False
    return bool(value == new[: len(value)] and len(value) >= (0 if old == NOTHING else len(old)))


WATCH_WRITERS = (
    Writer("list of a watch", watch, watched),
    Writer("snapshots of a monitor", monitor, monitored),
    Writer("losses told to a monitor", tell, told, between=grown),
)
