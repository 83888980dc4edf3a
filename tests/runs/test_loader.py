"""Networks by their digests: what was kept, else what the source holds, and never another's."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from swaveval.checkpoints import CheckpointRefused, Directory, Entry
from swaveval.features.arrays import Arrays
from swaveval.runs.loader import CheckpointLoader
from tests.features.tiny_network import Network, tiny_images
from tests.runs.watching import Counting


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return Network()


@pytest.fixture
def loader() -> Iterator[CheckpointLoader]:
    """Of two networks, whose digests it knows."""
    made = CheckpointLoader(Counting({"a": network(0), "b": network(1)}))
    for entry in made.source.entries():
        made.entries[made.source.backbone(entry, made.options).digest] = entry
    made.source.read.clear()  # type: ignore[attr-defined]
    yield made
    made.close()


def read(loader: CheckpointLoader) -> dict[str, int]:
    return dict(loader.source.read)  # type: ignore[attr-defined]


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_without_keeping_each_is_read_anew(loader: CheckpointLoader) -> None:
    a, b = loader.entries
    for _ in range(2):
        assert loader.load(a).digest == a
    assert loader.load(b).digest == b
    assert read(loader) == {"a": 2, "b": 1}


def test_what_is_kept_is_read_once_and_is_the_same(loader: CheckpointLoader, tmp_path: Path) -> None:
    loader.keep(tmp_path / "new" / "cache")
    a, b = loader.entries
    first, second = loader.load(a), loader.load(a)
    other = loader.load(b)
    assert read(loader) == {"a": 1, "b": 1}
    assert first is not second
    assert same(first.module, second.module)
    assert not same(first.module, other.module)
    assert list((tmp_path / "new" / "cache").iterdir()) == []  # no name, so that nothing is left behind
    second.module.state_dict()["convolution.weight"].zero_()
    assert same(loader.load(a).module, first.module)


def test_what_was_seen_need_not_be_read(loader: CheckpointLoader, tmp_path: Path) -> None:
    a, _ = loader.entries
    backbone = loader.source.backbone(loader.entries[a], loader.options)
    loader.seen(backbone)  # nothing is kept yet: no more than that
    loader.keep(tmp_path)
    loader.seen(backbone)
    loader.load(a)
    assert read(loader) == {"a": 1}


def test_where_nothing_can_be_kept_it_is_read_anew(loader: CheckpointLoader, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    loader.keep(tmp_path / "file" / "cache")
    assert loader.kept is None
    a, _ = loader.entries
    loader.load(a)
    loader.load(a)
    assert read(loader) == {"a": 2}


def test_closing_forgets(loader: CheckpointLoader, tmp_path: Path) -> None:
    loader.close()
    loader.keep(tmp_path)
    a, _ = loader.entries
    loader.load(a)
    loader.close()
    assert loader.kept is None
    loader.load(a)
    assert read(loader) == {"a": 2}


def test_an_entry_that_holds_other_weights_now(loader: CheckpointLoader) -> None:
    a, b = loader.entries
    loader.entries[a] = loader.entries[b]
    with pytest.raises(RuntimeError, match=r"^b changed while it was being evaluated; run again$"):
        loader.load(a)
    with pytest.raises(KeyError):
        loader.load("0" * 64)


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    loader = CheckpointLoader(Directory(tmp_path), entries={"d": Entry("gone.pth")})
    with pytest.raises(CheckpointRefused):
        loader.load("d")


def test_features_that_came_with_the_source() -> None:
    images = tiny_images(8)
    rows = np.random.default_rng(0).random((8, 5), np.float32)
    source = Arrays({"epoch 1": rows}, {}, images)
    loader = CheckpointLoader(source)
    (entry,) = source.entries()
    report = loader.report(entry)
    assert report is not None
    assert (report.state, report.epoch, report.feature_dim) == ("ready", 1, 5)
    given = loader.features(str(report.digest))
    assert given is not None
    assert np.array_equal(given.test, rows[images.is_test])
    assert loader.features("0" * 64) is None


def test_networks_bring_none(loader: CheckpointLoader) -> None:
    assert loader.report(next(iter(loader.entries.values()))) is None
    assert loader.features(next(iter(loader.entries))) is None
