"""Baselines are known by kind, seed and what their features depend on."""

from dataclasses import replace

import numpy as np
import pytest

from swaveval.data.transforms import EvalTransform
from swaveval.features.baselines import colour_histogram, raw_pixels
from swaveval.features.extract import ExtractSettings
from swaveval.results import CheckpointRecord
from swaveval.results.encoding import digest
from swaveval.runs import baselines
from swaveval.runs.baselines import baseline_records
from tests.features.tiny_network import tiny_images, tiny_pixels

USUAL = ExtractSettings(transform=EvalTransform(size=16))
CHECKPOINT = CheckpointRecord("a.pth", digest="1" * 64, load={"architecture": "resnet18", "feature_dim": 512})


def made(settings: ExtractSettings = USUAL, *, untrained: bool = False) -> list[CheckpointRecord]:
    records = [CHECKPOINT, replace(CHECKPOINT, name="b.pth", digest="2" * 64, step=0 if untrained else 7)]
    return baseline_records(records, fingerprint="images", labelled=True, settings=settings)


def digests(settings: ExtractSettings) -> dict[object, object]:
    return {(record.baseline, record.seed): record.digest for record in made(settings)}


def test_kinds_and_seeds() -> None:
    assert [(record.baseline, record.seed) for record in made()] == [
        ("random", 0),
        ("random", 1),
        ("random", 2),
        ("pixels", None),
        ("colours", None),
        ("majority", None),
    ]
    assert sum(record.baseline == "random" for record in made(untrained=True)) == 2
    assert len({record.digest for record in made()}) == 6


def test_usual_baselines_keep_the_digests_of_earlier_results() -> None:
    found = digests(USUAL)
    assert found["pixels", None] == digest(["raw pixels", "images"])
    assert found["colours", None] == digest(["colour histogram", "images"])
    assert found["majority", None] == digest(["majority class", "images"])
    settled = digest(["random init, BatchNorm settled", ["resnet18", 512], 1])
    assert found["random", 1] == settled


@pytest.mark.parametrize("changed", [{"flip": False}, {"seed": 3}, {"n_views": 2}, {"n_view_images": 40}])
def test_other_views_make_other_plain_baselines_and_leave_networks_alone(changed: dict[str, int]) -> None:
    usual, other = digests(USUAL), digests(replace(USUAL, **changed))
    assert {key for key in usual if usual[key] != other[key]} == {("pixels", None), ("colours", None)}


@pytest.mark.parametrize(("kind", "name"), [("pixels", "side"), ("colours", "bins"), ("colours", "band_bins")])
def test_another_side_or_number_of_bins_is_another_baseline(
    kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digests(USUAL)
    monkeypatch.setitem(baselines.PARAMETERS[kind], name, 5)  # type: ignore[index]
    after = digests(USUAL)
    assert [key for key in before if before[key] != after[key]] == [(kind, None)]


def test_views_of_plain_baselines_are_drawn_as_the_run_draws_them() -> None:
    images, pixels = tiny_images(), tiny_pixels()
    for build in (raw_pixels, colour_histogram):
        usual, other = (
            build(images, pixels, settings=replace(USUAL, flip=flip, seed=seed)).views
            for flip, seed in ((True, 0), (False, 5))
        )
        assert usual is not None
        assert other is not None
        assert "no flip" in other.protocol
        assert "seed 5" in other.protocol
        assert not np.array_equal(usual.features, other.features)
