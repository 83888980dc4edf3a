"""Sources of checkpoints."""

import os
from pathlib import Path

import pytest
import torch

from swaveval.checkpoints import (
    CheckpointRefused,
    CheckpointSource,
    Directory,
    LoadOptions,
    build_resnet,
    load,
)


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
