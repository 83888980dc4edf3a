"""What a sample of the images says of a whole series: remembered, bounded, and put into the request."""

from collections.abc import Sequence
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
from swaveval.data.transforms import EvalTransform
from swaveval.results import CheckpointRecord
from swaveval.runs import geometry
from swaveval.runs.geometry import Findings, find_out, shapeless
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.progress import Silent
from swaveval.runs.records import record_of
from swaveval.runs.request import RunRequest
from tests.features.tiny_network import tiny_images
from tests.runs.geometry_samples import PLAIN, REDDISH, SHOWN, images_of, sampled, seen

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
        {"a note": "images"},
    )
    assert Findings.from_json(found.to_json()) == found
    assert Findings.from_json(Findings().to_json()) == Findings()


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


@pytest.mark.parametrize(("batches", "momentum", "doubted"), [(7, 0.1, False), (60, 0.1, True), (0, 0.1, True)])
@pytest.mark.parametrize("trained", [SHOWN, PLAIN], ids=["other images", "other pre-processing"])
def test_statistics_that_have_not_settled_doubt_nothing(
    trained: EvalTransform, batches: int, momentum: float, doubted: bool, tmp_path: Path
) -> None:
    """After seven batches half of them is what they began with. Where no batches are counted, they are as they are."""
    network = seen(trained, off=3.0 if trained == SHOWN else 0.0)
    network.normalisation.num_batches_tracked.fill_(batches)  # type: ignore[operator, union-attr]
    network.normalisation.momentum = momentum
    network.normalisation.running_var.clamp_(min=0.5)  # type: ignore[operator, union-attr]
    loader, records = source(network)
    found = look(loader, records, tmp_path, settled=True)
    assert bool(found.notes) is doubted
    assert bool(found.doubts) is doubted
    assert not found.evidence.get("others") or doubted
    assert look(loader, records, tmp_path, settled=False).transform is None or doubted


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


RECORDED = replace(REQUEST, trained_with=SHOWN)


@pytest.mark.parametrize(
    ("request_", "network", "kinds"),
    [
        # What was trained with is recorded and done here: there is nothing to recommend.
        (replace(RECORDED, transform_recorded=True), seen(PLAIN), set()),
        (replace(RECORDED, transform_recorded=True), seen(SHOWN, off=3.0), set()),
        # Other images shown in the recorded way may still be others.
        (replace(RECORDED, normalisation={"mean": SHOWN.mean}), seen(PLAIN), set()),
        (replace(RECORDED, normalisation={"mean": SHOWN.mean}), seen(SHOWN, off=3.0), {"images"}),
        # Not the recorded one is done here, or nothing is recorded.
        (replace(RECORDED, normalisation={"mean": (0.1,) * 3}), seen(PLAIN), {"pre-processing"}),
        (replace(REQUEST, normalisation={"mean": SHOWN.mean}), seen(PLAIN), {"pre-processing"}),
    ],
    ids=["own", "own, diverged", "named as recorded", "other images", "named otherwise", "no record"],
)
def test_what_the_training_recorded_is_not_doubted(
    request_: RunRequest, network: torch.nn.Module, kinds: set[str], tmp_path: Path
) -> None:
    loader, records = source(network)
    request, found = shapeless(replace(request_, out=tmp_path), records, loader, images_of(), Silent())
    assert set(found.doubts.values()) == kinds
    assert len(found.notes) == len(kinds)
    assert ("others" in found.evidence) is ("images" in kinds)
    assert request.normalisation == request_.normalisation


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
