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
from swaveval.runs.baselines import baseline_records, model_record
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


def test_without_labels_no_majority_and_without_checkpoints_nothing() -> None:
    unlabelled = baseline_records([CHECKPOINT], fingerprint="images", labelled=False, settings=USUAL)
    assert [record.baseline for record in unlabelled] == ["random"] * 3 + ["pixels", "colours"]
    broken = replace(CHECKPOINT, state="corrupt")
    for records in ([], [broken]):
        assert baseline_records(records, fingerprint="images", labelled=True, settings=USUAL) == []


def test_untrained_networks_that_were_given_are_the_only_ones() -> None:
    given = [CheckpointRecord("mine", kind="baseline", baseline="random", digest="3" * 64)]
    for labelled in (True, False):
        found = baseline_records([CHECKPOINT], fingerprint="images", labelled=labelled, settings=USUAL, given=given)
        assert [record.name for record in found] == ["mine", "majority class"][: 1 + labelled]


def test_untrained_networks_are_like_the_first_that_saw_images_with_the_fewest_blocks_asleep() -> None:
    def loaded(name: str, **load: object) -> CheckpointRecord:
        return CheckpointRecord(name, digest=name, load=load)

    untouched, three, none, also = (
        loaded("untouched", untouched=True, asleep=0),
        loaded("three", asleep=3),
        loaded("none", asleep=0),
        loaded("also", asleep=None),
    )
    assert model_record([untouched, three, none, also]).name == "none"
    assert model_record([untouched, three]).name == "three"
    assert model_record([also, none]).name == "also"
    assert model_record([untouched]).name == "untouched"


def test_how_a_library_starts_its_networks_is_part_of_the_identity() -> None:
    def randoms(**load: object) -> list[str | None]:
        record = replace(CHECKPOINT, load=dict(CHECKPOINT.load) | load)
        found = baseline_records([record], fingerprint="images", labelled=False, settings=USUAL)
        return [one.digest for one in found if one.baseline == "random"]

    usual = randoms()
    assert randoms(start="") == usual
    assert randoms(untouched=False) == usual
    kinds = [usual, randoms(start="as timm does"), randoms(untouched=True), randoms(architecture="resnet34")]
    assert len({digest for found in kinds for digest in found}) == 12
    started = digest(["random init, BatchNorm settled on 512 images at random", ["resnet18", 512], 0, "as timm does"])
    assert randoms(start="as timm does")[0] == started
    unsettled = digest(
        [
            "random init, BatchNorm settled on 512 images at random",
            ["resnet18", 512],
            0,
            "BatchNorm as it is initialised",
        ]
    )
    assert randoms(untouched=True)[0] == unsettled


def test_usual_baselines_keep_the_digests_of_earlier_results() -> None:
    found = digests(USUAL)
    assert found["pixels", None] == digest(["raw pixels", "images"])
    assert found["colours", None] == digest(["colour histogram", "images"])
    assert found["majority", None] == digest(["majority class", "images"])
    settled = digest(["random init, BatchNorm settled on 512 images at random", ["resnet18", 512], 1])
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
