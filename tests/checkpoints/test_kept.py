"""Networks that were read once are kept, for this process and for those that it starts."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from torch import nn
from torchvision.models import resnet18

from swaveval.checkpoints import Backbone, LoadOptions, PrototypeHead, load, random_backbone
from swaveval.checkpoints.kept import KeptBackbones
from tests.checkpoints.test_sources import checkpoint
from tests.field.around_runs import environment


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[KeptBackbones]:
    found = KeptBackbones.below(tmp_path)
    yield found
    found.close()


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


def with_head(backbone: Backbone) -> Backbone:
    head = PrototypeHead(nn.Sequential(nn.Linear(64, 16), nn.BatchNorm1d(16)), nn.Linear(16, 5, bias=False))
    return replace(backbone, head=head.eval(), digest="with head")


def odd(backbone: Backbone) -> Backbone:
    return replace(backbone, module=Odd().eval().requires_grad_(False), feature_dim=4, digest="odd")


@pytest.mark.parametrize("changed", [lambda backbone: backbone, with_head, odd], ids=["own", "with head", "odd"])
def test_kept_networks_are_what_was_read(
    changed: Callable[[Backbone], Backbone], kept: KeptBackbones, tmp_path: Path
) -> None:
    backbone = changed(load(checkpoint(tmp_path / "a.pth", 0)))
    assert kept.get(backbone.digest) is None
    kept.put(backbone)
    again, third = kept.get(backbone.digest), kept.get(backbone.digest)
    assert again is not None
    assert third is not None
    assert same(backbone, again)
    assert torch.equal(features(backbone), features(again))
    assert again.report == backbone.report
    next(again.module.parameters()).add_(1)  # is nobody else's
    assert same(backbone, third)
    assert not same(again, third)
    assert not [path for path in tmp_path.iterdir() if path.name != "a.pth"]  # the file has no name


def features(backbone: Backbone) -> torch.Tensor:
    images = torch.linspace(-1, 1, 2 * 3 * 64 * 64).reshape(2, 3, 64, 64)
    with torch.inference_mode():
        return backbone.module(images)


def test_a_disk_that_changes_what_was_kept_is_noticed(kept: KeptBackbones, tmp_path: Path) -> None:
    backbone = load(checkpoint(tmp_path / "a.pth", 0))
    kept.put(backbone)
    os.pwrite(kept.descriptor, b"\xff", 5000)
    assert kept.get(backbone.digest) is None


def test_a_file_that_became_shorter_is_noticed(kept: KeptBackbones, tmp_path: Path) -> None:
    backbone = load(checkpoint(tmp_path / "a.pth", 0))
    kept.put(backbone)
    os.ftruncate(kept.descriptor, 5000)
    assert kept.get(backbone.digest) is None


def test_what_finds_no_room_is_not_kept(kept: KeptBackbones, tmp_path: Path) -> None:
    backbone = load(checkpoint(tmp_path / "a.pth", 0))
    kept._room = 1000
    kept.put(backbone)
    assert kept.get(backbone.digest) is None


ELSEWHERE = """
import pickle, sys
import torch
from swaveval.checkpoints import random_backbone
from swaveval.checkpoints.kept import KeptBackbones
handed, images = pickle.loads(open(sys.argv[2], "rb").read())
kept = KeptBackbones(int(sys.argv[1]), handed=handed)
found = {}
for digest in [*handed, *handed]:
    backbone = kept.get(digest)
    if backbone is not None:
        with torch.inference_mode():
            made = random_backbone(backbone, 1).module
            found[digest] = (backbone.module(images), made(images), backbone.head is not None, backbone.report)
        kept.put(backbone)
open(sys.argv[2], "wb").write(pickle.dumps(found))
"""


def test_another_process_takes_them_without_reading(kept: KeptBackbones, tmp_path: Path) -> None:
    """Weights, untrained networks and report; what it cannot have (a class of somebody's file) it is not given."""
    torch.save(resnet18().state_dict(), tmp_path / "b.pth")
    torch.save(timm.create_model("test_resnet", num_classes=0).state_dict(), tmp_path / "c.pth")
    (tmp_path / "nets.py").write_text(THEIRS)
    own = load(checkpoint(tmp_path / "a.pth", 0))
    theirs = LoadOptions(backbone=f"{tmp_path / 'nets.py'}:Net")
    torch.save({"conv.weight": torch.randn(8, 3, 3, 3)}, tmp_path / "d.pth")
    networks = [
        own,
        with_head(own),
        load(tmp_path / "b.pth", options=LoadOptions(backbone="torchvision:resnet18")),
        load(tmp_path / "c.pth", options=LoadOptions(backbone="timm:test_resnet")),
        load(tmp_path / "d.pth", options=theirs),
    ]
    for backbone in networks:
        kept.put(backbone)
    os.lseek(kept.descriptor, 7, os.SEEK_SET)  # where the file stands is everybody's, and nobody's business
    before = os.fstat(kept.descriptor).st_size
    images = torch.linspace(-1, 1, 2 * 3 * 64 * 64).reshape(2, 3, 64, 64)
    parcel = tmp_path / "parcel"
    parcel.write_bytes(pickle.dumps((kept.hand_over(), images)))
    command = [sys.executable, "-c", ELSEWHERE, str(kept.descriptor), str(parcel)]
    subprocess.run(command, check=True, pass_fds=[kept.descriptor], env=environment())
    found = pickle.loads(parcel.read_bytes())
    assert list(found) == [backbone.digest for backbone in networks[:-1]]
    for backbone in networks[:-1]:
        given, untrained, has_head, report = found[backbone.digest]
        assert torch.equal(given, features(backbone))
        assert torch.equal(untrained, features(random_backbone(backbone, 1)))
        assert (has_head, report) == (backbone.head is not None, backbone.report)
    assert os.fstat(kept.descriptor).st_size == before


THEIRS = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, bias=False)

    def forward(self, images):
        return self.conv(images).mean((2, 3))
"""
