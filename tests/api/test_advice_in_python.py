"""Advice of the command line reaches a program as the keywords that it takes."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import swaveval
from swaveval.api.in_python import in_python
from swaveval.checkpoints import CheckpointRefused, LoadOptions
from swaveval.checkpoints.live import Live
from swaveval.checkpoints.source import Entry
from swaveval.errors import SwavevalError
from tests.api.trainings import pictures

ADVICE = 'backbone="path/to/file.py:factory", a function'
evaluate = inspect.unwrap(swaveval.evaluate)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("give it: --backbone path/to/file.py:factory, a function", f"give it: {ADVICE}"),
        ("by --backbone timm:NAME; else", 'by backbone="timm:NAME"; else'),
        ("--loss-pattern is found in one line", "loss_pattern= is found in one line"),
        ("lower --images 500, or name --data DIR.", "lower images=500, or name data=DIR."),
        ("--image-size and x--data, --allow-partial", "--image-size and x--data, --allow-partial"),  # of no keyword
    ],
)
def test_options_are_keywords(said: str, wanted: str) -> None:
    assert in_python(said) == wanted


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.b = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten())

    def forward(self, images: Tensor) -> tuple[Tensor, int]:
        return self.b(images), 1


def test_a_network_that_gives_more_than_features(tmp_path: Path) -> None:
    """What is advised is taken."""
    with pytest.raises(CheckpointRefused, match=r"a tuple of .*; give the part of it that does") as refused:
        Live({"epoch 1": Two()}).backbone(Entry("epoch 1"), LoadOptions())
    assert "factory" not in refused.value.reason
    assert 'network="its name"' in refused.value.reason
    assert Live({"epoch 1": Two().b}).backbone(Entry("epoch 1"), LoadOptions()).feature_dim == 32
    options: Any = {"evaluators": "spectrum", "size": 16, "mode": "process", "out": tmp_path}
    with swaveval.Monitor(pictures(30), network="b", **options) as monitor:
        monitor.step(Two(), epoch=0)
    assert monitor.verdict is not None


def test_a_classifier_at_the_end_is_noted_without_a_factory() -> None:
    network = nn.Sequential()
    network.add_module("body", Two().b)
    network.add_module("fc", nn.Linear(32, 7))
    notes = Live({"epoch 1": network}).backbone(Entry("epoch 1"), LoadOptions()).report.warnings
    assert any("put torch.nn.Identity() in its place" in note for note in notes)
    assert not any("factory" in note for note in notes)


@pytest.mark.parametrize("way", ["evaluate", "monitor"])
def test_files_of_an_unknown_network(tmp_path: Path, way: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "saved").mkdir()
    torch.save({"state_dict": Two().state_dict()}, tmp_path / "saved" / "epoch=1.ckpt")
    options: Any = {"evaluators": "spectrum", "size": 16, "out": tmp_path / "out"}
    if way == "evaluate":
        with pytest.raises(SwavevalError) as refused:
            evaluate(tmp_path / "saved", data=pictures(30), **options)
        said = str(refused.value)
    else:
        options |= {"mode": "checkpoints", "checkpoints": tmp_path / "saved"}
        with swaveval.Monitor(pictures(30), **options) as monitor:
            monitor.step(None, epoch=1)
        said = caplog.text
    assert ADVICE in said
    assert "--backbone" not in said
