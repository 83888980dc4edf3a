"""A training whose weights are not finite any more is called diverged, whatever form its checkpoints are given in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import swaveval
from swaveval.api.rounds import Rounds
from swaveval.checkpoints import CheckpointRefused, LoadOptions, load
from swaveval.checkpoints.live import Live
from swaveval.checkpoints.load_report import LoadReport
from swaveval.checkpoints.snapshots import Moment, Snapshots, weights_of
from swaveval.checkpoints.source import Entry
from swaveval.convergence.quality import broken
from swaveval.runs.records import record_of
from tests.api.trainings import Model, pictures
from tests.checkpoints.originals import torchvision_resnet

NAME = "epoch 7"


def spoilt(value: float) -> nn.Module:
    network: nn.Module = torchvision_resnet()
    for weights in network.parameters():
        nn.init.constant_(weights, value)
    return network


def as_network(network: nn.Module, place: Path) -> LoadReport:
    return refused(lambda: Live({NAME: network}).backbone(Entry(NAME), LoadOptions()))


def as_snapshot(network: nn.Module, place: Path) -> LoadReport:
    snapshots = Snapshots(place / "snapshots", place / "ledger.json", torchvision_resnet())
    (place / "snapshots").mkdir()
    snapshots.take(Moment(7), weights_of(network))
    return refused(lambda: snapshots.backbone(Entry(NAME), LoadOptions()))


def as_file(network: nn.Module, place: Path) -> LoadReport:
    torch.save(network.state_dict(), place / "epoch=7.pth")
    return refused(lambda: load(place / "epoch=7.pth"))


def refused(read: Callable[[], object]) -> LoadReport:
    with pytest.raises(CheckpointRefused, match="this training diverged") as refusal:
        read()
    return refusal.value.report


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("form", [as_network, as_snapshot, as_file])
def test_the_count_stays_in_the_report(
    tmp_path: Path, form: Callable[[nn.Module, Path], LoadReport], value: float
) -> None:
    report = form(spoilt(value), tmp_path)
    record = record_of(NAME, report)
    assert broken(record)
    assert (record.epoch, record.digest, report.state) == (7, None, "refused")
    assert report.nonfinite > 1000


def diverging() -> dict[str, nn.Module]:
    """A start, a trained network, and two of NaN weights."""
    torch.manual_seed(0)
    found: dict[str, nn.Module] = {f"epoch {at}": Model().backbone for at in range(4)}
    for name in ("epoch 2", "epoch 3"):
        nn.init.constant_(found[name][0].weight, float("nan"))  # type: ignore[index]
    return found


def evaluated(place: Path) -> Any:
    options: Any = {"data": pictures(60), "size": 16, "evaluators": ("knn",), "device": "cpu", "out": place}
    return swaveval.evaluate(diverging(), **options).verdict


def from_features(place: Path) -> Any:
    draw, labels = np.random.default_rng(0), np.arange(120) % 3
    start, trained = (draw.normal(size=(120, 8)) + gain * labels[:, None] for gain in (0, 4))
    lost = np.full((120, 8), np.nan)
    given = {"epoch 0": start, "epoch 1": trained, "epoch 2": lost, "epoch 3": lost.copy()}
    return swaveval.evaluate(features=given, labels=labels, evaluators=("knn",), out=place).verdict


def watched(place: Path) -> Any:
    options: Any = {"size": 16, "evaluators": ("knn",), "device": "cpu", "mode": "process", "out": place}
    with swaveval.Monitor(pictures(60), stop_on=("regressed",), **options) as monitor:
        for epoch, network in enumerate(diverging().values()):
            monitor.step(network, epoch=epoch)
    assert isinstance(monitor._rounds, Rounds)
    # Remembered as it was found: the next evaluation reads what is remembered.
    assert monitor._rounds.snapshots.known()["epoch 3"]["nonfinite"] > 0
    assert monitor.should_stop
    return monitor.verdict


@pytest.mark.parametrize("form", [evaluated, from_features, watched])
def test_the_verdict_says_so(tmp_path: Path, form: Callable[[Path], Any]) -> None:
    verdict = form(tmp_path)
    assert verdict.verdict == "regressed"
    assert "diverged" in verdict.sentence
    assert "not finite from epoch 2 on" in verdict.sentence
