"""A record becomes features: extracted once, as the weights and the settings say, and found again."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from swaveval.checkpoints import random_backbone
from swaveval.data.transforms import EvalTransform
from swaveval.features.arrays import Arrays
from swaveval.features.baselines import colour_histogram, raw_pixels
from swaveval.features.extract import ExtractSettings, extract
from swaveval.features.untrained import settle_batchnorm
from swaveval.results import CheckpointRecord
from swaveval.runs import workspace as module
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.plan import EvaluatorSpec
from swaveval.runs.records import record_of
from swaveval.runs.workspace import Workspace
from tests.features.tiny_network import Network, tiny_images, tiny_pixels
from tests.runs.watching import Counting

SETTINGS = ExtractSettings(transform=EvalTransform(size=16), device="cpu", n_view_images=8, n_views=2)
IMAGES = tiny_images()


@dataclass
class Told:
    stages: list[str] = field(default_factory=list)

    def stage(self, name: str, total: int) -> None:
        self.stages.append(f"{name} of {total}")

    def advance(self, done: int, total: int) -> None:
        assert 0 < done <= total

    def message(self, text: str) -> None:
        raise AssertionError(text)


def seen(seed: int) -> nn.Module:
    """A network whose BatchNorm has seen images, as a trained one's has."""
    torch.manual_seed(seed)
    network = Network().train()
    with torch.no_grad():
        network(torch.randn(16, 3, 16, 16))
    return network.eval()


def made(out: Path, **networks: nn.Module) -> tuple[Workspace, list[CheckpointRecord], Counting]:
    source = Counting(dict(networks) or {"a": seen(0), "b": seen(1)})
    loader = CheckpointLoader(source)
    records = []
    for entry in source.entries():
        record = record_of(entry.name, source.backbone(entry, loader.options).report)
        loader.entries[str(record.digest)] = entry
        records.append(record)
    source.read.clear()
    return Workspace(out, IMAGES, SETTINGS, loader, seed=5), records, source


def test_the_key_of_a_cell_names_all_that_its_numbers_depend_on(tmp_path: Path) -> None:
    workspace, _, _ = made(tmp_path)
    key = workspace.key("b" * 64, EvaluatorSpec("knn", "knn(k=5)", version=3, parameters=(("k", 5),)))
    assert (key.backbone, key.data, key.transform) == ("b" * 64, IMAGES.fingerprint, SETTINGS.id)
    assert (key.evaluator, key.version, key.parameters, key.seed) == ("knn", 3, {"k": 5}, 5)


def test_features_are_those_of_the_checkpoints_own_network(tmp_path: Path) -> None:
    workspace, (first, second), source = made(tmp_path)
    workspace.progress = told = Told()
    found = workspace.checkpoint_features(first)
    truth = extract(workspace.loader.load(str(first.digest)), IMAGES, tiny_pixels(), settings=SETTINGS)
    assert np.array_equal(found.train, truth.train)
    assert np.array_equal(found.test, truth.test)
    assert found.views is not None
    assert truth.views is not None
    assert np.array_equal(found.views.features, truth.views.features)
    assert told.stages == ["decoding images of 40", "features of 40"]
    other = workspace.checkpoint_features(second)
    assert not np.array_equal(other.train, found.train)
    assert told.stages[2:] == ["features of 40"]  # decoded once
    assert source.read == {"a": 2, "b": 1}


def test_each_is_extracted_once_also_for_the_next_run(tmp_path: Path) -> None:
    workspace, records, source = made(tmp_path)
    first = [workspace.checkpoint_features(record) for record in records]
    assert [workspace.checkpoint_features(record) for record in records] == first
    assert source.read == {"a": 1, "b": 1}
    again, records, source = made(tmp_path)
    for record, before in zip(records, first, strict=True):
        assert np.array_equal(again.checkpoint_features(record).train, before.train)
    assert not source.read
    assert "pixels" not in again.__dict__  # nor was an image opened
    other, records, source = made(tmp_path)
    other.settings = ExtractSettings(transform=EvalTransform(size=16), device="cpu", n_view_images=8, n_views=3)
    other.checkpoint_features(records[0])
    assert source.read == {"a": 1}


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    workspace, (record, _), _ = made(tmp_path)
    assert workspace.held_features(str(record.digest)) is None
    workspace.checkpoint_features(record)
    assert workspace.held_features(str(record.digest)) is not None


def test_a_checkpoint_that_holds_other_weights_now_has_no_features(tmp_path: Path) -> None:
    workspace, (first, second), _ = made(tmp_path)
    workspace.loader.entries[str(first.digest)] = workspace.loader.entries[str(second.digest)]
    with pytest.raises(RuntimeError, match="changed while it was being evaluated"):
        workspace.checkpoint_features(first)
    assert not list(tmp_path.glob("cache/features/*"))


def test_features_that_were_given_need_no_store(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((40, 5), np.float32)
    source = Arrays({"epoch 1": rows}, {}, IMAGES)
    (entry,) = source.entries()
    workspace = Workspace(tmp_path, IMAGES, SETTINGS, CheckpointLoader(source))
    found = workspace.held_features(str(source.report(entry).digest))
    assert found is not None
    assert np.array_equal(found.train, rows[~IMAGES.is_test])
    assert not (tmp_path / "cache").exists()


def test_of_small_sets_many_are_kept(tmp_path: Path) -> None:
    workspace, records, _ = made(tmp_path, **{name: seen(n) for n, name in enumerate("abcdef")})
    for record in records:
        workspace.checkpoint_features(record)
    assert len(workspace._kept) == 6


def test_the_oldest_features_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    per_backbone = 40 * module.SEARCH_BYTES_PER_IMAGE
    for room, kept in ((0, "bc"), (per_backbone, "bc"), (3 * per_backbone - 1, "bc"), (3 * per_backbone, "abc")):
        monkeypatch.setattr(module, "SEARCHES_KEPT_BYTES", room)
        workspace, records, _ = made(tmp_path / str(room), a=seen(0), b=seen(1), c=seen(2))
        for record in records:
            workspace.checkpoint_features(record)
        names = {record.digest: record.name for record in records}
        assert "".join(names[digest] for digest in workspace._kept) == kept


def test_features_are_stored_for_another_process(tmp_path: Path) -> None:
    workspace, (record, _), _ = made(tmp_path)
    pixels = CheckpointRecord("raw pixels", kind="baseline", baseline="pixels", digest="p" * 64)
    for one, features in (
        (record, workspace.checkpoint_features(record)),
        (pixels, workspace.baseline_features(pixels, str(record.digest))),
    ):
        for _ in range(2):
            place = workspace.stored_features(str(one.digest), features)
        assert (place.backbone, place.settings, place.data) == (one.digest, SETTINGS.id, IMAGES.fingerprint)
        assert place.images == 40
        assert place.directory.is_absolute()
        assert place.directory == tmp_path / "cache" / "features"
        stored = workspace.feature_store.get(place.backbone, place.settings, place.data)
        assert stored is not None
        assert np.array_equal(stored.train, features.train)


@pytest.mark.parametrize(("kind", "build"), [("pixels", raw_pixels), ("colours", colour_histogram)])
def test_plain_baselines_look_at_the_pixels(kind: str, build: object, tmp_path: Path) -> None:
    workspace, (record, _), source = made(tmp_path)
    baseline = CheckpointRecord(kind, kind="baseline", baseline=kind, digest=kind * 8)  # type: ignore[arg-type]
    found = workspace.baseline_features(baseline, str(record.digest))
    truth = build(IMAGES, tiny_pixels(), settings=SETTINGS)  # type: ignore[operator]
    assert np.array_equal(found.train, truth.train)
    assert not source.read


def random_record(seed: int) -> CheckpointRecord:
    return CheckpointRecord(f"random {seed}", kind="baseline", baseline="random", seed=seed, digest=f"{seed}" * 64)


def test_untrained_networks_are_drawn_by_their_seed_and_settled_on_the_images(tmp_path: Path) -> None:
    workspace, (record, _), _ = made(tmp_path)
    like = str(record.digest)
    found = [workspace.baseline_features(random_record(seed), like) for seed in (0, 1)]
    assert not np.array_equal(found[0].train, found[1].train)
    untrained = random_backbone(workspace.loader.load(like), 1)
    unsettled = extract(untrained, IMAGES, tiny_pixels(), settings=SETTINGS)
    settle_batchnorm(untrained, IMAGES, tiny_pixels(), settings=SETTINGS)
    truth = extract(untrained, IMAGES, tiny_pixels(), settings=SETTINGS)
    assert np.array_equal(found[1].train, truth.train)
    assert not np.array_equal(unsettled.train, truth.train)


def test_an_untrained_network_is_drawn_once(tmp_path: Path) -> None:
    workspace, (record, _), source = made(tmp_path)
    first = workspace.baseline_features(random_record(0), str(record.digest))
    assert workspace.baseline_features(random_record(0), str(record.digest)) is first
    assert source.read == {"a": 1}


def test_beside_networks_that_saw_nothing_baselines_are_as_they_are_drawn(tmp_path: Path) -> None:
    torch.manual_seed(0)
    workspace, (record,), _ = made(tmp_path, new=Network())
    assert record.load["untouched"]
    found = workspace.baseline_features(random_record(1), str(record.digest))
    untrained = random_backbone(workspace.loader.load(str(record.digest)), 1)
    truth = extract(untrained, IMAGES, tiny_pixels(), settings=SETTINGS)
    assert np.array_equal(found.train, truth.train)


def test_what_is_silent_by_default_does_the_same(tmp_path: Path) -> None:
    workspace, records, _ = made(tmp_path)
    assert workspace.seed == 5
    assert Workspace(tmp_path, IMAGES, SETTINGS, workspace.loader).seed == 0
    assert workspace.store.directory == tmp_path / "results"
    assert len(records) == 2
