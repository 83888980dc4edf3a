"""What a training loop tells: numbers of any kind, one sentence for anything else; networks of other channels."""

import inspect
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import swaveval
from swaveval.api.moments import loss_said, moment_said
from swaveval.checkpoints import CheckpointRefused, load
from swaveval.checkpoints.snapshots import Moment
from swaveval.data import DataError
from swaveval.runs.request import RunError
from tests.checkpoints.originals import torchvision_resnet


@pytest.mark.parametrize(
    ("epoch", "step", "moment"),
    [
        (3, None, Moment(3.0)), (2.5, 10, Moment(2.5, 10)), (np.int64(3), np.float32(10), Moment(3.0, 10)),
        (torch.tensor(3), torch.tensor([10.0]), Moment(3.0, 10)), (None, None, Moment()), (0, 0, Moment(0.0, 0)),
    ],
)  # fmt: skip
def test_numbers_of_any_kind_are_a_moment(epoch: Any, step: Any, moment: Moment) -> None:
    assert moment_said(epoch, step) == moment


@pytest.mark.parametrize("value", ["3", [3], torch.ones(2), object(), float("nan"), float("inf"), -1, np.ones(3)])
def test_anything_else_is_said_in_one_sentence(value: Any) -> None:
    with pytest.raises(RunError, match="give a number, of finished epochs"):
        moment_said(value, None)
    with pytest.raises(RunError, match="give a number, of optimiser steps"):
        moment_said(None, value)
    with pytest.raises(RunError, match="a whole number"):
        moment_said(None, 1.5)


def test_a_loss_is_one_number() -> None:
    loss = torch.tensor(2.0, requires_grad=True)
    assert [loss_said(one) for one in (loss, loss[None], 2, np.float32(2))] == [2.0] * 4
    assert np.isnan(loss_said(float("nan")))
    for wrong in (torch.ones(4), "2.0", [2.0], None, {"loss": 2.0}):
        with pytest.raises(RunError, match=r"give one number, such as loss\.mean\(\)"):
            loss_said(wrong)


def grey(count: int = 40) -> list[tuple[np.ndarray, int]]:
    draw = np.random.default_rng(0)
    return [(draw.integers(0, 255, (16, 16), dtype=np.uint8), at % 2) for at in range(count)]


def network(channels: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return torchvision_resnet(stem=nn.Conv2d(channels, 16, 3, padding=1, bias=False))


def test_a_monitor_takes_a_network_and_says_when_it_is_closed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    step = inspect.unwrap(swaveval.Monitor.step)  # as it is for people, whose types nobody checks
    monitor = swaveval.Monitor(grey(), out=tmp_path, evaluators=("knn",), size=16, mode="process")
    with pytest.raises(RunError, match=r"a torch\.nn\.Module, and not a SGD"):
        step(monitor, torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1), epoch=0)
    with pytest.raises(RunError, match="epoch is a str"):
        step(monitor, network(3, 0), epoch="3")
    monitor.close()
    with caplog.at_level(logging.WARNING):
        assert monitor.step(network(3, 0), epoch=1) is None
    assert "the monitor is closed" in caplog.text


@pytest.mark.parametrize("first, last", [(0, 3), (1, 2), (0, 2), (1, 3)])
def test_a_loss_stands_at_the_epoch_that_it_was_told_of(tmp_path: Path, first: int, last: int) -> None:
    """With one of the untrained network or without, and with or without one of the last checkpoint."""
    with swaveval.Monitor(grey(), out=tmp_path, evaluators=("spectrum",), size=16, mode="process", every=3) as monitor:
        for epoch in range(4):
            monitor.step(network(3, 0), epoch=epoch, loss=5.0 - epoch if first <= epoch <= last else None)
    curve = swaveval.Evaluation.load(tmp_path).series.manifest.loss
    assert curve is not None
    assert dict(zip(curve.epochs, curve.values, strict=True)) == {at: 5.0 - at for at in range(first, last + 1)}
    assert curve.note == ""


def test_networks_are_named() -> None:
    with pytest.raises(RunError, match="a directory or networks by name, and not a list"):
        inspect.unwrap(swaveval.evaluate)([network(3, 0)], data=grey())


@pytest.mark.parametrize("colours", [1, 3])
def test_a_network_of_one_channel_is_shown_grey(colours: int) -> None:
    data = grey() if colours == 1 else [(np.repeat(image[..., None], 3, axis=2), label) for image, label in grey()]
    models = {f"epoch {at}": network(1, at) for at in range(2)}
    found = swaveval.evaluate(models, data=data, evaluators=("knn",), size=16)
    assert not found.problems
    assert all("knn.top1" in point.metrics for point in found.series.points)
    with pytest.raises(DataError, match="takes images of 5 channels, and these have 3"):
        swaveval.evaluate({"epoch 1": network(5, 0)}, data=data, evaluators=("knn",), size=16)


def test_the_advice_on_several_networks_saves_the_one(tmp_path: Path) -> None:
    """As it is written, from a file whose names begin with a wrapper's."""
    rgb, ir = (network(3, seed).state_dict() for seed in (1, 2))
    weights = {f"module.rgb.{name}": value for name, value in rgb.items()}
    weights |= {f"module.ir.{name}": value for name, value in ir.items()}
    torch.save({"model": weights}, tmp_path / "two.pth")
    with pytest.raises(CheckpointRefused) as refused:
        load(tmp_path / "two.pth")
    advice = str(refused.value).partition("by itself, ")[2]
    place = tmp_path / "weights.pt"
    exec(advice.replace("'weights.pt'", "place"), {"torch": torch, "weights": weights, "place": place})
    assert load(place).report.matched == 1.0
