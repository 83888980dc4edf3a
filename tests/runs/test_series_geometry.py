"""What a sample of the images says of a network: decisions from numbers worked out by hand, and from real networks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from swaveval.checkpoints import Backbone, Directory, Entry, LoadOptions, build_resnet
from swaveval.checkpoints.geometry import Geometry
from swaveval.checkpoints.live import Live
from swaveval.checkpoints.vit import ViT, ViTSpec
from swaveval.data import ImageSet
from swaveval.data.transforms import EvalTransform
from swaveval.features.geometry import Fit, Sample
from swaveval.results import CheckpointRecord
from swaveval.runs import geometry
from swaveval.runs.geometry import Findings, annotated, find_out, most_trained, shapeless
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.progress import Silent
from swaveval.runs.records import record_of
from swaveval.runs.request import RunRequest
from tests.features.tiny_network import Network, tiny_images, tiny_pixels

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


def decided(*fits: Fit, told: Mapping[str, Any] = USUAL, size: int = 64) -> Findings:
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
        assert f"(off by {zoomed:.2f}, at this size 0.30), or stem of stride 1 (--stem-stride 1) was" in found.notes[0]
    else:
        assert found.geometry == Geometry(stem_stride=1)


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

SHOWN = EvalTransform(size=16)
# Channels that differ, so that their order matters.
REDDISH = (tiny_pixels(64).pixels * np.array([1, 0.7, 0.35])).astype(np.uint8)
PLAIN = EvalTransform(size=16, mean=(0.0,) * 3, std=(1.0,) * 3)


def sampled(transform: EvalTransform = SHOWN) -> Sample:
    return Sample(REDDISH, transform)


def images_of(n: int = 64) -> ImageSet:
    """The first n of the same images, a quarter of them for testing."""
    return replace(tiny_images(n), open=lambda position: Image.fromarray(REDDISH[position]))


def seen(transform: EvalTransform, *, off: float = 0.0) -> Network:
    """A network whose BatchNorm has recorded the sample so processed, or something else."""
    torch.manual_seed(0)
    network = Network()
    network.normalisation.momentum = None
    network.train()
    with torch.no_grad():
        for batch in sampled().shown(transform)[0]:
            network(batch)
        network.normalisation.running_mean += off * torch.randn(12)  # type: ignore[operator]
        network.normalisation.running_var *= 1 + off  # type: ignore[operator]
    return network.eval()


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


# -- the whole, remembered ---------------------------------------------------------------------------------------------


class Counting(Live):
    read = 0

    def backbone(self, entry: Entry, options: LoadOptions) -> Backbone:
        self.read += 1
        return super().backbone(entry, options)


def source(network: torch.nn.Module) -> tuple[CheckpointLoader, list[CheckpointRecord]]:
    loader = CheckpointLoader(Counting({"epoch 5": network}))
    (entry,) = loader.source.entries()
    found = record_of(entry.name, loader.source.backbone(entry, loader.options).report)
    loader.entries[str(found.digest)] = entry
    loader.source.read = 0  # type: ignore[attr-defined]
    return loader, [found]


def look(loader: CheckpointLoader, records: Sequence[CheckpointRecord], memory: Path, **more: Any) -> Findings:
    options: dict[str, Any] = {"settled": False, "memory": memory, "device": "cpu"} | more
    images = options.pop("images", images_of())
    return find_out(records, loader, images, options.pop("transform", SHOWN), **options)


def test_what_was_found_out_is_remembered(tmp_path: Path) -> None:
    loader, records = source(seen(PLAIN))
    first = look(loader, records, tmp_path)
    assert first.transform == PLAIN
    assert (first.evidence["checkpoint"], first.evidence["images"]) == ("epoch 5", 48)  # of 64, a quarter for testing
    assert loader.source.read == 1  # type: ignore[attr-defined]
    assert look(loader, records, tmp_path) == first
    assert loader.source.read == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "changed",
    [
        {"settled": True},
        {"transform": replace(SHOWN, interpolation="bicubic")},
        {"images": replace(images_of(), fingerprint="0" * 64)},
    ],
    ids=["settled", "transform", "images"],
)
def test_other_questions_are_asked_anew(changed: dict[str, Any], tmp_path: Path) -> None:
    loader, records = source(seen(PLAIN))
    look(loader, records, tmp_path)
    look(loader, records, tmp_path, **changed)
    assert loader.source.read == 2  # type: ignore[attr-defined]


def test_a_damaged_memory_is_found_out_again(tmp_path: Path) -> None:
    loader, records = source(seen(PLAIN))
    first = look(loader, records, tmp_path)
    (place,) = tmp_path.iterdir()
    place.write_bytes(place.read_bytes().replace(b"epoch 5", b"epoch 6"))
    assert look(loader, records, tmp_path) == first
    assert loader.source.read == 2  # type: ignore[attr-defined]


def test_findings_survive_being_stored() -> None:
    found = Findings(
        Geometry(stem_stride=1, maxpool=False),
        replace(PLAIN, order="BGR"),
        True,
        ("a note",),
        {"fits": [["as read", 0.1]]},
    )
    assert geometry._read(geometry._plain(found)) == found
    assert geometry._read(geometry._plain(Findings())) == Findings()


def test_too_few_images_bear_no_witness(tmp_path: Path) -> None:
    loader, records = source(seen(PLAIN))
    assert look(loader, records, tmp_path, images=images_of(20)) == Findings()  # 15 to train on
    assert loader.source.read == 0  # type: ignore[attr-defined]
    assert look(loader, records, tmp_path, images=images_of(22)).evidence["images"] == 16


def test_a_checkpoint_that_changed_since_decides_nothing(tmp_path: Path) -> None:
    loader, records = source(seen(PLAIN))
    other = [replace(records[0], digest="0" * 64)]
    assert look(loader, other, tmp_path) == Findings()
    assert look(loader, [], tmp_path) == Findings()


@pytest.mark.parametrize(("depth", "looked_at"), [(10, 75), (50, 64)])
def test_a_deep_network_looks_at_fewer_images(depth: int, looked_at: int, tmp_path: Path) -> None:
    """Of 75 to train on; bottlenecks take more time for each."""
    torch.manual_seed(0)
    network, _ = build_resnet(depth=depth, stem="small", width=8)
    with torch.no_grad():
        network.train()(torch.randn(16, 3, 16, 16))
    loader, records = source(network.eval())
    images = replace(tiny_images(100), open=lambda position: Image.fromarray(REDDISH[position % 64]))
    assert look(loader, records, tmp_path, images=images).evidence["images"] == looked_at


@pytest.mark.parametrize(("stem", "said"), [("small", True), ("imagenet", False)])
def test_an_untrained_network_bears_no_witness(stem: Any, said: bool, tmp_path: Path) -> None:
    """BatchNorm as it was initialised; a 7×7 stem has a stride and pooling that nobody doubts."""
    torch.manual_seed(0)
    network, _ = build_resnet(depth=10, stem=stem, width=8)
    torch.save({"state_dict": network.state_dict(), "epoch": 5}, tmp_path / "epoch=5.pth")
    loader = CheckpointLoader(Directory(tmp_path / "epoch=5.pth"))
    (entry,) = loader.source.entries()
    found = record_of(entry.name, loader.source.backbone(entry, loader.options).report)
    loader.entries[str(found.digest)] = entry
    notes = look(loader, [found], tmp_path / "memory").notes
    assert len(notes) == said
    if said:
        assert notes[0].startswith(
            "stem of stride 1, no max-pooling: assumed: the file does not tell, and no BatchNorm"
        )


# -- heads of a transformer --------------------------------------------------------------------------------------------


def transformer(*, heads: int | None, grown: int = 0, seed: int = 0) -> ViT:
    """Width 64 and two blocks; its attention grown in so many groups of channels to different strengths, or not."""
    torch.manual_seed(seed)
    network = ViTSpec(dim=64, depth=2, patch=8, grid=2, hidden=64, heads=heads).build()
    for name, value in network.named_parameters():
        torch.nn.init.normal_(value, std=0.2)
        if grown and ("attn.qkv.weight" in name or "attn.proj.weight" in name):
            strength = torch.exp(torch.randn(grown)).repeat_interleave(64 // grown)
            with torch.no_grad():
                value *= strength if "proj" in name else strength.repeat(3)[:, None]
    return network.eval()


def test_heads_that_have_grown_apart_are_counted() -> None:
    found = geometry._with_heads(transformer(heads=4, grown=4), sampled())
    assert (found.geometry, found.confirmed, found.notes) == (Geometry(), True, ())
    assert found.evidence["by"] == "weights"
    counts = [count for count, _ in found.evidence["fits"]]
    assert counts[0] == 4
    assert [nats for _, nats in found.evidence["fits"]] == sorted(
        (nats for _, nats in found.evidence["fits"]), reverse=True
    )


def test_other_heads_than_the_usual_are_taken_and_said() -> None:
    found = geometry._with_heads(transformer(heads=1, grown=4), sampled())
    assert (found.geometry, found.confirmed) == (Geometry(heads=4), False)
    assert found.notes[0].startswith(
        "4 heads instead of the 1 usual for a ViT of width 64: the file does not tell, but"
    )
    assert "grew in 4 groups" in found.notes[0]
    assert found.notes[0].endswith("; --heads N overrules it")


@pytest.mark.parametrize("seed", range(4))
def test_where_nothing_has_grown_the_usual_heads_are_assumed(seed: int) -> None:
    """Chance decides nothing: neither in the weights, nor which number finds a view more or less."""
    found = geometry._with_heads(transformer(heads=None, seed=seed), sampled())
    assert (found.geometry, found.confirmed) == (Geometry(), False)
    assert found.notes[0].startswith("1 heads are assumed for the ViT of width 64, as is usual")
    assert [count for count, _ in found.evidence["retrieval"]] == sorted({1, 2, 4, 8})
    assert all(0 <= share <= 1 for _, share in found.evidence["retrieval"])


# -- what the request becomes ------------------------------------------------------------------------------------------

REQUEST = RunRequest(Path("checkpoints"), Path("report"), device="cpu", transform=SHOWN)
HALF = [[0.5] * 3, [0.25] * 3]


def named(records: list[CheckpointRecord], *normalisations: object) -> list[CheckpointRecord]:
    return [
        replace(records[0], name=f"{n}", load={"geometry": {"normalisation": pair} if pair else {}})
        for n, pair in enumerate(normalisations)
    ]


def asked(request: RunRequest, tmp_path: Path, *pairs: object, images: Any = None) -> tuple[RunRequest, Findings]:
    loader, records = source(seen(SHOWN))
    request = replace(request, out=tmp_path)
    return shapeless(request, named(records, *pairs), loader, images or images_of(), Silent())


def test_the_normalisation_that_all_files_name_is_taken_and_said(tmp_path: Path) -> None:
    request, found = asked(REQUEST, tmp_path, HALF, HALF)
    assert request.normalisation == {"mean": (0.5,) * 3, "std": (0.25,) * 3}
    assert found.notes[0] == "pixels are normalised as the checkpoints say: mean and std 0.5,0.5,0.5 and 0.25,0.25,0.25"


def test_imagenets_own_needs_no_word(tmp_path: Path) -> None:
    request, found = asked(REQUEST, tmp_path, [list(SHOWN.mean), list(SHOWN.std)])
    assert request.normalisation == {"mean": SHOWN.mean, "std": SHOWN.std}
    assert found.notes == ()


@pytest.mark.parametrize("pairs", [(HALF, None), (None, HALF), (HALF, [[0.1] * 3, [0.2] * 3]), ()], ids=str)
def test_what_not_all_files_name_is_not(pairs: tuple[object, ...], tmp_path: Path) -> None:
    request, _ = asked(REQUEST, tmp_path, *pairs)
    assert request.normalisation == {}


@pytest.mark.parametrize(
    "request_",
    [
        replace(REQUEST, normalisation={"mean": (0.1,) * 3}),
        replace(REQUEST, normalisation={"order": "BGR"}),
        replace(REQUEST, transform_recorded=True),
    ],
    ids=["mean", "order", "recorded"],
)
def test_what_the_user_or_the_training_said_stands(request_: RunRequest, tmp_path: Path) -> None:
    request, _ = asked(request_, tmp_path, HALF)
    assert request == replace(request_, out=tmp_path)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_numbers_of_channels_are_not_tried(channels: int, tmp_path: Path) -> None:
    others = replace(images_of(), channels=channels, open=lambda position: np.zeros((16, 16, channels), np.uint8))
    request, found = asked(REQUEST, tmp_path, HALF, images=others)
    assert (request.normalisation, found) == ({}, Findings())


def test_what_is_found_out_goes_into_the_request(tmp_path: Path) -> None:
    loader, records = source(seen(PLAIN))
    request, found = shapeless(replace(REQUEST, out=tmp_path), records, loader, images_of(), Silent())
    assert request.normalisation == {"mean": (0.0,) * 3, "std": (1.0,) * 3, "order": "RGB"}
    assert found.transform == PLAIN
    assert (tmp_path / "cache" / "geometry").is_dir()
