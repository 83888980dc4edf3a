"""What a sample of the images says of a network: decisions from numbers worked out by hand, and from real networks."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from swaveval.checkpoints.geometry import Geometry
from swaveval.data.transforms import EvalTransform
from swaveval.features.geometry import Fit, Sample
from swaveval.results import CheckpointRecord
from swaveval.runs import geometry
from swaveval.runs.geometry import Findings, annotated, most_trained
from tests.features.tiny_network import Network, tiny_pixels
from tests.runs.geometry_samples import PLAIN, SHOWN, sampled, seen

# -- which checkpoint decides, and what its record says afterwards -----------------------------------------------------


def record(name: str, **facts: Any) -> CheckpointRecord:
    return CheckpointRecord(name, digest=facts.pop("digest", name), **facts)


@pytest.mark.parametrize(
    ("records", "wanted"),
    [
        ([], None),
        ([record("a", digest=None)], None),
        ([record("a", state="corrupt")], None),
        ([record("a", kind="baseline")], None),
        ([record("a", alias=True)], None),
        ([record("a"), record("b")], "b"),
        ([record("a", step=20), record("b", step=10), record("c")], "a"),
        ([record("a", epoch=2.0), record("b", epoch=1.0)], "a"),
        ([record("a", epoch=9.0, step=5), record("b", epoch=1.0, step=6)], "b"),
        ([record("a", step=5, epoch=2.0), record("b", step=5, epoch=1.0)], "a"),
        ([record("a", step=5), record("b", step=5)], "b"),
        ([record("a", step=5), record("b", step=9, state="writing"), record("c", step=9, kind="baseline")], "a"),
    ],
)
def test_the_most_trained_decides(records: list[CheckpointRecord], wanted: str | None) -> None:
    found = most_trained(records)
    assert (None if found is None else found.name) == wanted


TOLD = {"stem_stride": [2, "usual"], "maxpool": [True, "option"], "normalisation": [[0.5], [0.5]]}
ASSUMED = "stem of stride 2: assumed, the file does not tell (--stem-stride 1)"


def test_a_record_carries_facts_in_words_and_the_evidence() -> None:
    before = record("a", load={"geometry": TOLD, "warnings": [ASSUMED, "other"]})
    after = annotated(before, Findings(evidence={"by": "x"}))
    assert after.load["geometry"]["words"] == [["option", "max-pooling"], ["usual", "stem of stride 2"]]
    assert after.load["geometry"]["evidence"] == {"by": "x"}
    assert after.load["warnings"] == [ASSUMED, "other"]
    assert before.load == {"geometry": TOLD, "warnings": [ASSUMED, "other"]}
    assert "evidence" not in annotated(before, Findings()).load["geometry"]


@pytest.mark.parametrize("found", [Findings(confirmed=True), Findings(Geometry(stem_stride=1))])
def test_what_was_found_out_is_not_assumed_any_more(found: Findings) -> None:
    after = annotated(record("a", load={"geometry": TOLD, "warnings": [ASSUMED, "other"]}), found)
    assert after.load["warnings"] == ["other"]


def test_nothing_to_say_leaves_a_record_alone() -> None:
    plain = record("a", load={"architecture": "x"})
    assert annotated(plain, Findings(confirmed=True)) is plain
    assert annotated(plain, Findings(evidence={"by": "x"})).load["geometry"] == {"words": [], "evidence": {"by": "x"}}


# -- from fits to a geometry -------------------------------------------------------------------------------------------

USUAL: Mapping[str, Any] = {"stem_stride": [2, "usual"], "maxpool": [True, "family"], "dilated": [0, "usual"]}
STRIDE: dict[str, int | bool] = {"stem_stride": 1}


def decided(*fits: Fit, told: Mapping[str, Any] = USUAL, size: int | None = 64) -> Findings:
    return geometry._with_geometry(Findings(), fits, told, size)


def test_a_present_geometry_that_fits_is_confirmed() -> None:
    found = decided(Fit({}, 0.06))
    assert (found.geometry, found.confirmed, found.notes) == (Geometry(), True, ())
    assert found.evidence == {"by": "BatchNorm's running statistics", "fits": [["as read", 0.06]]}
    worse = decided(Fit({}, 0.06), Fit(STRIDE, 0.5), Fit({"maxpool": False}, 0.3))
    assert (worse.geometry, worse.confirmed, worse.notes) == (Geometry(), True, ())
    assert worse.evidence["fits"] == [["as read", 0.06], ["no max-pooling", 0.3], ["stem of stride 1", 0.5]]


@pytest.mark.parametrize(
    ("present", "best", "taken"),
    [
        # Where the best fits well, a quarter better is enough; where nothing does, three fifths are asked for.
        (0.126, 0.1, True),
        (0.124, 0.1, False),
        (0.251, 0.2, True),
        (0.249, 0.2, False),
        (0.34, 0.21, True),
        (0.33, 0.21, False),
    ],
)
def test_how_much_better_another_must_fit(present: float, best: float, taken: bool) -> None:
    found = decided(Fit({}, present), Fit(STRIDE, best))
    assert found.geometry == (Geometry(stem_stride=1) if taken else Geometry())
    assert not found.confirmed
    assert f"off by {best:.2f}, as read {present:.2f}" in found.notes[0]
    if taken:
        assert found.notes[0].startswith("stem of stride 1: taken because BatchNorm's running statistics fit it best")
        assert found.notes[0].endswith("; the file does not tell")
    else:
        assert found.notes[0].startswith("stem of stride 2: assumed, the file does not tell; BatchNorm's")


def test_a_rival_of_what_is_taken_is_named() -> None:
    near = decided(Fit({}, 0.5), Fit(STRIDE, 0.1), Fit({"maxpool": False}, 0.108), Fit({"last_stride": 1}, 0.109))
    assert "; no max-pooling (--no-maxpool) fits nearly as well; the file does not tell" in near.notes[0]
    far = decided(Fit({}, 0.5), Fit(STRIDE, 0.1), Fit({"maxpool": False}, 0.111))
    assert "nearly as well" not in far.notes[0]
    same = decided(Fit({}, 0.5), Fit(STRIDE, 0.1), Fit({"maxpool": False}, 0.10005))
    assert "nearly as well" not in same.notes[0]  # no other network on these images


@pytest.mark.parametrize(
    ("present", "other", "words"),
    [
        (0.1, 0.109, "about as well"),
        (0.1, 0.099, "about as well"),
        (0.1, 0.111, ""),
        (0.3, 0.21, "better, on images that fit neither"),
    ],
)
def test_an_assumption_with_a_rival_is_said(present: float, other: float, words: str) -> None:
    found = decided(Fit({}, present), Fit(STRIDE, other))
    assert found.confirmed == (words == "")
    assert found.geometry == Geometry()
    assert (f"fit stem of stride 1 (--stem-stride 1) {words} (off by" in found.notes[0]) if words else not found.notes


def test_no_padding_at_all_is_no_rival() -> None:
    assert decided(Fit({}, 0.1), Fit({"stem_padding": 0}, 0.1)).confirmed


@pytest.mark.parametrize(("zoomed", "said"), [(0.1, True), (0.11, True), (0.112, False)])
def test_images_shown_smaller_than_in_training(zoomed: float, said: bool) -> None:
    """At twice the size the present network fits as the best other one does here."""
    found = decided(Fit({}, 0.3), Fit(STRIDE, 0.1), Fit({}, zoomed, zoom=2))
    if said:
        assert found.geometry == Geometry()
        assert "shown images 2 times smaller than in training (--size 128)" in found.notes[0]
        assert f"(off by {zoomed:.2f}, at this size 0.30)" in found.notes[0]
        # Of a recorded size there is no doubt; that the weights speak for another network is left.
        kept = found.without_doubts("images", "pre-processing").notes
        assert [note for note in kept if "stem of stride 1 (--stem-stride 1) was trained rather" in note] == list(kept)
        assert len(kept) == 1
    else:
        assert found.geometry == Geometry(stem_stride=1)


def test_where_no_other_size_is_believed_none_hides_another_geometry() -> None:
    """Of BatchNorm that has seen few batches the note on sizes is dropped, and the other stem was named in it alone."""
    fits = (Fit({}, 0.84), Fit(STRIDE, 0.39), Fit({}, 0.42, zoom=2))
    assert decided(*fits).geometry == Geometry()
    assert decided(*fits, size=None).geometry == Geometry(stem_stride=1)
    assert not any("times smaller" in note for note in decided(*fits, size=None).notes)


def test_a_zoom_needs_to_be_clearly_better_than_none() -> None:
    assert not decided(Fit({}, 0.12), Fit({}, 0.1, zoom=2)).notes
    found = decided(Fit({}, 0.13), Fit({}, 0.1, zoom=4))
    assert "shown images 4 times smaller than in training (--size 256)" in found.notes[0]
    assert " or " not in found.notes[0].split("(off by")[1].split(")")[1]


@pytest.mark.parametrize(
    ("told", "score", "strange"),
    [
        (USUAL, 0.19, False),
        (USUAL, 0.21, True),
        # What the file or the user names is doubted later.
        ({"stem_stride": [2, "file"], "maxpool": [True, "option"]}, 0.34, False),
        ({"stem_stride": [2, "file"], "maxpool": [True, "option"]}, 0.36, True),
        ({"heads": [3, "usual"]}, 0.34, False),
    ],
)
def test_where_nothing_fits_it_is_said(told: Mapping[str, Any], score: float, strange: bool) -> None:
    found = decided(Fit({}, score), told=told)
    assert ("others" in found.evidence) == strange
    assert bool(found.notes) == strange
    if strange:
        assert found.notes[0].startswith("no geometry fits BatchNorm's running statistics on these images (off by 0.")
    assert decided(Fit({}, score), Fit({}, 0.15, zoom=2), told=told).evidence.get("others") is None


def test_statistics_that_are_no_numbers_decide_nothing() -> None:
    assert decided(Fit({}, float("nan"))) == Findings()
    assert decided(Fit({}, float("inf")), Fit(STRIDE, 0.1)) == Findings()


def test_six_fits_are_kept_as_evidence() -> None:
    fits = [Fit({}, 0.05), *(Fit({"stem_padding": n}, n / 10) for n in range(1, 9)), Fit({}, 0.01, zoom=2)]
    kept = decided(*fits).evidence["fits"]
    assert [score for _, score in kept] == [0.05, 0.1, 0.2, 0.3, 0.4, 0.5]


# -- pre-processing ----------------------------------------------------------------------------------------------------


def test_the_usual_pre_processing_needs_no_word() -> None:
    found, sample = geometry._preprocessing(seen(SHOWN), sampled(), settled=False)
    assert (found.transform, found.notes) == (None, ())
    assert found.evidence["preprocessing"][0][0] == "mean 0.485,0.456,0.406, std 0.229,0.224,0.225, RGB"
    assert found.evidence["preprocessing"][0][1] < 0.1
    assert len(found.evidence["preprocessing"]) == 8  # four normalisations in two orders
    assert sample.transform == SHOWN


@pytest.mark.parametrize("trained", [PLAIN, replace(SHOWN, order="BGR")], ids=["none", "BGR"])
def test_another_pre_processing_is_taken_where_nobody_told(trained: EvalTransform) -> None:
    found, sample = geometry._preprocessing(seen(trained), sampled(), settled=False)
    assert found.transform == sample.transform == trained
    (note,) = found.notes
    assert "was taken for the network's pre-processing (the first layer's running statistics are off by 0.0" in note
    assert note.endswith(
        "--mean 0,0,0 --std 1,1,1)"
        if trained == PLAIN
        else "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --channel-order BGR)"
    )


def test_what_was_told_stays_and_the_other_is_named() -> None:
    found, sample = geometry._preprocessing(seen(PLAIN), sampled(), settled=True)
    assert (found.transform, sample.transform) == (None, SHOWN)
    assert found.notes[0].startswith("the network seems to have been trained with other pre-processing: mean 0,0,0")
    assert found.notes[0].endswith("--mean 0,0,0 --std 1,1,1 takes it")


def test_images_unlike_those_of_the_training_are_said() -> None:
    found, sample = geometry._preprocessing(seen(SHOWN, off=3.0), sampled(), settled=False)
    assert (found.transform, sample.transform) == (None, SHOWN)
    assert found.evidence["others"] is True
    assert found.notes[0].startswith("the images are not like those the network was trained on")


def test_what_fits_is_not_doubted_because_another_fits_better() -> None:
    """Channels that are nearly alike: their order hardly matters."""
    alike = Sample(tiny_pixels(64).pixels, SHOWN)
    torch.manual_seed(0)
    network = Network()
    network.normalisation.momentum = None
    network.train()
    with torch.no_grad():
        for batch in alike.shown(replace(SHOWN, order="BGR"))[0]:
            network(batch)
    found, _ = geometry._preprocessing(network.eval(), alike, settled=False)
    scores = [score for _, score in found.evidence["preprocessing"]]
    assert scores[0] > 2.5 * min(scores)
    assert scores[0] < 0.45
    assert (found.transform, found.notes) == (None, ())


def test_from_a_half_on_images_are_said_to_be_others() -> None:
    """Statistics ever further from those of the images; .1 to .4 is usual."""
    seen_scores = []
    for off in (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 2.0):
        found, _ = geometry._preprocessing(seen(SHOWN, off=off), sampled(), settled=False)
        score = found.evidence["preprocessing"][0][1]
        seen_scores.append(score)
        assert found.evidence.get("others", False) == (score >= 0.5)
        assert bool(found.notes) == (score >= 0.5)
    assert sum(score < 0.5 for score in seen_scores) >= 2
    assert any(0.5 <= score < 1.5 for score in seen_scores)


def test_without_batchnorm_nothing_is_known() -> None:
    network = torch.nn.Conv2d(3, 4, 3)
    sample = sampled()
    found, same = geometry._preprocessing(network, sample, settled=False)
    assert found == Findings()
    assert same is sample


def test_another_pre_processing_that_fits_but_is_not_taken_is_kept_as_options() -> None:
    """Statistics ever further from those of the images: taken up to .35, beyond it named, as long as it fits."""
    kept = []
    for off in (0.0, 0.02, 0.045, 0.05, 0.06, 0.1):
        network = seen(PLAIN, off=off)
        found, sample = geometry._preprocessing(network, sampled(), settled=False)
        least = min(score for _, score in found.evidence["preprocessing"])
        assert (found.transform == PLAIN) is (least <= 0.35)
        assert ("fitting" in found.evidence) is (0.35 < least < 0.5)
        assert set(found.doubts) == (set() if found.transform else set(found.notes))
        if "fitting" in found.evidence:
            kept.append(found.evidence["fitting"])
            assert sample.transform == PLAIN  # which the geometry is then asked of
        assert "fitting" not in geometry._preprocessing(network, sampled(), settled=True)[0].evidence
    assert kept
    assert set(kept) == {"--mean 0,0,0 --std 1,1,1"}
