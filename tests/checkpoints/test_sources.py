"""Sources of checkpoints, and networks that are kept after they were read."""

import os
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from swaveval.checkpoints import (
    Backbone,
    CheckpointRefused,
    CheckpointSource,
    Directory,
    LoadOptions,
    build_resnet,
    load,
)
from swaveval.checkpoints.kept import KeptBackbones


def checkpoint(place: Path, seed: int, **more: object) -> Path:
    torch.manual_seed(seed)
    place.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": build_resnet(depth=10, stem="small", width=8)[0].state_dict(), **more}, place)
    return place


def test_a_directory_a_file_and_a_pattern_are_sources(tmp_path: Path) -> None:
    places = [checkpoint(tmp_path / "run" / "ckpt" / f"epoch={epoch}.pth", epoch) for epoch in (2, 10)]
    (tmp_path / "run" / "run.json").write_text("{}")
    for path, names in (
        (tmp_path / "run" / "ckpt", ["epoch=2.pth", "epoch=10.pth"]),
        (places[1], ["epoch=10.pth"]),
        (tmp_path / "run" / "ckpt" / "epoch=*.pth", ["epoch=2.pth", "epoch=10.pth"]),
    ):
        source = Directory(path)
        assert isinstance(source, CheckpointSource)
        entries = source.entries()
        assert [entry.name for entry in entries] == names
        assert source.backbone(entries[-1], LoadOptions()).digest == load(places[1]).digest
        assert Directory(path).place(entries[-1]) == places[1]  # as another process asks
        assert source.beside("run.json") == b"{}"
        assert source.beside("images.txt") is None


def test_a_stamp_changes_with_the_content(tmp_path: Path) -> None:
    place = checkpoint(tmp_path / "a.pth", 0)
    source = Directory(tmp_path)
    (entry,) = source.entries()
    assert source.unchanged(entry)
    checkpoint(place, 1)
    os.utime(place, ns=(entry.stamp[1], entry.stamp[1]) if entry.stamp else None)
    assert not source.unchanged(entry)
    place.unlink()
    assert not source.unchanged(entry)
    with pytest.raises(CheckpointRefused):
        source.backbone(entry, LoadOptions())


def same(one: Backbone, other: Backbone) -> bool:
    states = [
        [] if module is None else list(module.state_dict().items())
        for backbone in (one, other)
        for module in (backbone.module, backbone.head)
    ]
    return all(
        left[0] == right[0] and torch.equal(left[1], right[1])
        for ours, theirs in ((states[0], states[2]), (states[1], states[3]))
        for left, right in zip(ours, theirs, strict=True)
    )


class Odd(nn.Module):
    """Weights that two names share, and a table that is no part of the state."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.register_buffer("table", torch.arange(4.0), persistent=False)
        self.register_buffer("count", torch.tensor(7))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pooled = images.mean((2, 3))
        padded = nn.functional.pad(pooled, (0, 1))
        return self.second(self.first(padded)) + self.table * self.count


@pytest.mark.parametrize("kind", ["own", "with head", "odd"])
def test_kept_networks_are_what_was_read(kind: str, tmp_path: Path) -> None:
    backbone = load(checkpoint(tmp_path / "a.pth", 0))
    if kind == "with head":
        from swaveval.checkpoints import PrototypeHead

        head = PrototypeHead(nn.Sequential(nn.Linear(64, 16), nn.BatchNorm1d(16)), nn.Linear(16, 5, bias=False))
        backbone = Backbone(**{**vars_of(backbone), "head": head.eval()})
    if kind == "odd":
        backbone = Backbone(**{**vars_of(backbone), "module": Odd().eval().requires_grad_(False), "feature_dim": 4})
    kept = KeptBackbones(tmp_path)
    try:
        assert kept.get(backbone.digest) is None
        kept.put(backbone)
        again, third = kept.get(backbone.digest), kept.get(backbone.digest)
        assert again is not None
        assert third is not None
        assert same(backbone, again)
        images = torch.randn(2, 3, 32, 32)
        with torch.inference_mode():
            assert torch.equal(backbone.module(images), again.module(images))
        assert again.report == backbone.report
        next(again.module.parameters()).add_(1)  # is nobody else's
        assert same(backbone, third)
        assert not same(again, third)
        assert not [path for path in tmp_path.iterdir() if path.name != "a.pth"]  # the file has no name
    finally:
        kept.close()


def vars_of(backbone: Backbone) -> dict[str, object]:
    return {name: getattr(backbone, name) for name in Backbone.__dataclass_fields__}


def test_a_disk_that_changes_what_was_kept_is_noticed(tmp_path: Path) -> None:
    backbone = load(checkpoint(tmp_path / "a.pth", 0))
    kept = KeptBackbones(tmp_path)
    try:
        kept.put(backbone)
        kept._file.seek(5000)
        kept._file.write(b"\xff")
        kept._file.flush()
        assert kept.get(backbone.digest) is None
    finally:
        kept.close()


def test_what_finds_no_room_is_not_kept(tmp_path: Path) -> None:
    backbone = load(checkpoint(tmp_path / "a.pth", 0))
    kept = KeptBackbones(tmp_path)
    try:
        kept._room = 1000
        kept.put(backbone)
        assert kept.get(backbone.digest) is None
    finally:
        kept.close()


def test_a_kept_network_of_another_library_computes_alike(tmp_path: Path) -> None:
    torch.save(resnet18().state_dict(), tmp_path / "a.pth")
    backbone = load(tmp_path / "a.pth", options=LoadOptions(backbone="torchvision:resnet18"))
    kept = KeptBackbones(tmp_path)
    try:
        kept.put(backbone)
        again = kept.get(backbone.digest)
        images = torch.randn(2, 3, 64, 64)
        assert again is not None
        with torch.inference_mode():
            assert torch.equal(backbone.module(images), again.module(images))
    finally:
        kept.close()
