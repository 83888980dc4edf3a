"""What is given in another form than the one asked for: taken where it can mean one thing only, else one sentence."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import swaveval
from swaveval.errors import SwavevalError
from swaveval.lightning import Evaluate
from tests.api.trainings import pictures

ROWS = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
NAMED = {"epoch 1": ROWS}
# As they are for people, whose types nobody checks.
evaluate, step = inspect.unwrap(swaveval.evaluate), inspect.unwrap(swaveval.Monitor.step)


@pytest.mark.parametrize(
    "given", [[ROWS, ROWS + 1], (ROWS, ROWS), ROWS, torch.zeros(60, 8), "features.npz", [("a", ROWS)]]
)
def test_features_are_by_name(given: Any) -> None:
    kind = type(given).__name__
    with pytest.raises(SwavevalError, match=rf"features are arrays by name, and not a {kind}: \{{'epoch 1': z1"):
        evaluate(features=given, labels=np.arange(60) % 3)
    with pytest.raises(SwavevalError, match=rf"baselines are arrays by name, and not a {kind}: \{{'seed 0': z0"):
        evaluate(features=NAMED, baselines=given)
    with pytest.raises(SwavevalError, match="baselines go with features"):
        evaluate({"epoch 1": nn.Flatten()}, data=pictures(), baselines=given)


def test_one_text_is_one_name(tmp_path: Path) -> None:
    numbers: list[int] = []
    options: Any = {"evaluators": "spectrum", "size": 16, "mode": "process", "stop_on": "collapsed", "patience": 1}
    constant = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    log = [lambda _, at: numbers.append(at)]
    with swaveval.Monitor(pictures(30), out=tmp_path, log=log[0], **options) as monitor:
        monitor.step(constant, epoch=0)
    assert numbers == [0]
    assert monitor._stop_on == {"collapsed"}
    assert {name.partition(".")[0] for name in swaveval.Evaluation.load(tmp_path).series.points[0].metrics} == {
        "spectrum"
    }
    with pytest.raises(SwavevalError, match=r"stop_on knows learning, .*; not colapsed"):
        swaveval.Monitor(pictures(30), out=tmp_path, stop_on="colapsed")
    with pytest.raises(SwavevalError, match="no evaluator called 'knm'"):
        evaluate(features=NAMED, evaluators="knm")


@pytest.mark.parametrize("lazy", [nn.LazyLinear(10), nn.Sequential(nn.Flatten(), nn.LazyBatchNorm1d(affine=False))])
def test_a_network_that_has_no_sizes_yet_is_said(tmp_path: Path, lazy: nn.Module) -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten(), lazy)
    options: Any = {"evaluators": "spectrum", "size": 16, "mode": "process"}
    with swaveval.Monitor(pictures(30), out=tmp_path, **options) as monitor:
        with pytest.raises(SwavevalError, match=r"the model has layers .* call it once on a batch"):
            monitor.step(network, epoch=0)
        with torch.no_grad():
            network(torch.rand(4, 3, 16, 16))  # as it is told to
        monitor.step(network, epoch=0, evaluate=False)
    again = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.LazyLinear(10))
    with pytest.raises(SwavevalError, match=r"epoch 1 has layers .* call it once on a batch of images first"):
        evaluate({"epoch 1": again}, data=pictures(30), evaluators="spectrum", size=16)


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (nn.Flatten(), "network is a Flatten; it takes the name of a part"),
        (3, "network is a int; it takes the name of a part"),
        (lambda model: model.state_dict(), "the function network= gave a OrderedDict; return a part of the model"),
    ],
)
def test_a_part_is_a_name_or_a_function(tmp_path: Path, network: Any, sentence: str) -> None:
    options: Any = {"out": tmp_path, "network": network, "mode": "process"}
    with pytest.raises(SwavevalError, match=sentence), swaveval.Monitor(pictures(30), **options) as monitor:
        monitor.step(nn.Flatten(), epoch=0)


def test_the_callback_takes_one_function() -> None:
    assert Evaluate("digits", log=print, stop_on="collapsed").monitor is None


def test_a_function_of_the_users_that_fails_ends_no_training(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def gone(numbers: dict[str, float], at: int) -> None:
        raise ConnectionError("no route to the tracker")

    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    options: Any = {"evaluators": "spectrum", "size": 16, "mode": "process"}
    with swaveval.Monitor(pictures(30), out=tmp_path, log=gone, **options) as monitor:
        monitor.step(network, epoch=0)
    assert monitor.verdict is not None
    assert "log= failed, and the training goes on: ConnectionError: no route to the tracker" in caplog.text
