"""Features and networks by name: their order, names that hold NaN, evaluations of the same rows side by side."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import swaveval
from swaveval.api.evaluation import Evaluation
from swaveval.features.errors import FeatureError
from tests.checkpoints.originals import torchvision_resnet
from tests.field.series_files import File, read, write

COUNT = 120
LABELS = np.arange(COUNT) % 3


def features(quality: float, seed: int = 0) -> np.ndarray:
    """Rows whose classes are the further apart the better they are."""
    draw = np.random.default_rng(seed)
    return (draw.normal(size=(COUNT, 8)) + quality * np.eye(8)[LABELS]).astype(np.float32)


def evaluated(named: dict[str, Any], **options: Any) -> Evaluation:
    return swaveval.evaluate(features=named, labels=LABELS, evaluators=("knn", "linear"), **options)


@pytest.mark.parametrize("word", ["epoch", "step"])
def test_features_are_in_the_order_of_their_moments(word: str) -> None:
    named = {f"{word} {at}": features(at / 3, at) for at in (0, 3, 10, 12)}
    given = evaluated(named)
    for order in (sorted(named), sorted(named, reverse=True)):
        found = evaluated({name: named[name] for name in order})
        assert [point.record.name for point in found.series.points] == list(named)
        assert found.verdict.sentence == given.verdict.sentence
        assert any("order of the moments" in note for note in found.series.manifest.notes) == (order != list(named))


def test_names_without_a_moment_keep_their_order() -> None:
    named = {"z": features(0), "a": features(1, 1), "epoch 3": features(2, 2)}
    assert [point.record.name for point in evaluated(named).series.points] == list(named)


@pytest.mark.parametrize("name", ["NaN-net", "Infinity", "-Infinity NaN"])
def test_names_may_hold_any_word(name: str, tmp_path: Path) -> None:
    found = evaluated({f"{name} 0": features(0), f"{name} 1": features(1, 1)}, out=tmp_path / "out", figures=True)
    assert name in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert not found.problems


def test_two_models_of_the_same_rows_are_compared(tmp_path: Path) -> None:
    runs = [
        evaluated({f"epoch {at}": features(at, 10 * model + at) for at in range(3)}, out=tmp_path / f"m{model}")
        for model in range(2)
    ]
    assert len({run.series.manifest.data.fingerprint for run in runs}) == 1
    assert swaveval.compare(tmp_path / "m0", tmp_path / "m1", page=tmp_path / "both.html").is_file()


def test_a_first_file_that_never_saw_an_image_is_untrained(tmp_path: Path) -> None:
    """Called step 0, and its BatchNorm is as it was made, which that of later files is not."""
    torch.manual_seed(0)
    network = torchvision_resnet()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()
    for at in (0, 10, 20):
        if at:
            network.train()(torch.rand(4, 3, 32, 32) + at)
        torch.save(network.state_dict(), tmp_path / f"step_{at}.pth")
    assert [record.is_untrained for record in read(tmp_path).records] == [True, False, False]


def test_of_files_that_all_saw_none_no_one_is_untrained(tmp_path: Path) -> None:
    write(tmp_path, [File(f"epoch_{at}.pth", at + 1) for at in range(3)])
    assert not any(record.is_untrained for record in read(tmp_path).records)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_left_out_and_said(value: float) -> None:
    named = {f"epoch {at}": features(at / 2, at) for at in range(4)}
    few = evaluated(named | {"epoch 3": np.where(np.arange(COUNT)[:, None] == 5, value, named["epoch 3"])})
    assert [point.record.name for point in few.series.points] == ["epoch 0", "epoch 1", "epoch 2"]
    assert any("epoch 3" in said and "1 of 120 rows" in said for said in few.problems)
    assert "diverged" not in few.verdict.sentence
    assert "diverged" in evaluated(named | {"epoch 3": np.full((COUNT, 8), value)}).verdict.sentence
    with pytest.raises(FeatureError, match="the baseline mine has 120 of 120 rows"):
        evaluated(named, baselines={"mine": np.full((COUNT, 8), value)})


def test_one_checkpoint_alone_is_compared_with_nothing() -> None:
    alone = evaluated({"epoch 3": features(2)})
    assert "nothing to compare the only checkpoint with" in alone.verdict.sentence
    beside = evaluated({"epoch 3": features(2)}, baselines={f"seed {n}": features(0, 5 + n) for n in range(3)})
    assert "nothing to compare" not in beside.verdict.sentence


def test_the_untrained_network_alone_is_not_the_one_to_use() -> None:
    named = {"epoch 0": features(2)} | {f"epoch {at}": np.full((COUNT, 8), np.nan) for at in (1, 2)}
    found = evaluated(named, baselines={f"seed {n}": features(2, 5 + n) for n in range(3)})
    assert found.verdict.best is None
    assert "diverged" in found.verdict.sentence


def test_features_that_are_the_same_are_not_called_weights() -> None:
    same = features(1.0)
    verdict = evaluated({f"epoch {at}": same for at in (1, 2, 3)}).verdict
    assert verdict.sentence == "Not learning: the features are the same in all 3 checkpoints."
    assert verdict.advice[0].action == "check that each checkpoint's own features were given"
