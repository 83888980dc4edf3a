"""What trainers write beside a network: states of optimisers and schedules, heads in files of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn, optim
from torchvision.models import resnet18

from swaveval.checkpoints import CheckpointRefused, load
from swaveval.cli.run import _left_out


def head() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))


def trained(make: Callable[..., optim.Optimizer], **settings: float) -> optim.Optimizer:
    network = head()
    found = make(network.parameters(), lr=0.1, **settings)
    network(torch.randn(4, 8)).sum().backward()
    found.step()
    return found


OPTIMISERS = {
    "before its first step": lambda: optim.SGD(head().parameters(), lr=0.1),
    "SGD": lambda: trained(optim.SGD, momentum=0.9),
    "Adam": lambda: trained(optim.Adam),
    "AdamW": lambda: trained(optim.AdamW),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_optimisers_state_is_called_one(name: str, tmp_path: Path) -> None:
    torch.save(OPTIMISERS[name]().state_dict(), tmp_path / "trunk_optimizer_1.pth")
    with pytest.raises(CheckpointRefused, match=r"an optimiser's state, and no network's"):
        load(tmp_path / "trunk_optimizer_1.pth")


@pytest.mark.parametrize("make", [head, lambda: nn.Linear(8, 4), lambda: nn.ModuleList([head(), head()])])
def test_a_head_is_called_one(make: Callable[[], nn.Module], tmp_path: Path) -> None:
    torch.save(make().state_dict(), tmp_path / "projector.pth")
    with pytest.raises(CheckpointRefused, match=r"a head without its backbone: none of its \d+ tensors .* sees images"):
        load(tmp_path / "projector.pth")


def test_a_network_of_convolutions_is_no_head(tmp_path: Path) -> None:
    odd = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, 4))
    torch.save(odd.state_dict(), tmp_path / "odd.pth")
    with pytest.raises(CheckpointRefused, match="no backbone of a known layout"):
        load(tmp_path / "odd.pth")


def test_a_transformer_of_matrices_alone_is_no_head(tmp_path: Path) -> None:
    """lucidrains' SimpleViT: patches through a linear layer, positions computed."""
    names = ("to_patch_embedding.2.weight", "transformer.layers.0.0.to_qkv.weight", "linear_head.weight")
    torch.save({name: torch.ones(8, 8) for name in names}, tmp_path / "a.pth")
    with pytest.raises(CheckpointRefused, match="no backbone of a known layout"):
        load(tmp_path / "a.pth")


def cut(*after: nn.Module) -> nn.Module:
    """A ResNet cut into its children, with other layers after its stages."""
    children = list(resnet18(num_classes=1).children())[:-2]
    return nn.Sequential(*children, *after)


def test_a_linear_layer_after_the_stages_is_no_part_of_a_cut_resnet(tmp_path: Path) -> None:
    torch.save(cut(nn.Flatten(), nn.Linear(512, 8), nn.BatchNorm1d(8)).state_dict(), tmp_path / "a.pth")
    assert load(tmp_path / "a.pth").report.unexpected == ()


@pytest.mark.parametrize("between", [nn.BatchNorm2d(512), nn.Conv2d(512, 8, 1)], ids=["a norm", "a convolution"])
def test_what_lies_before_it_is_another_networks(between: nn.Module, tmp_path: Path) -> None:
    torch.save(cut(between, nn.Flatten(), nn.Linear(8, 8)).state_dict(), tmp_path / "a.pth")
    with pytest.raises(CheckpointRefused, match=r"no place for, so it is another network: 8\."):
        load(tmp_path / "a.pth")


def test_files_with_one_reason_are_one_line() -> None:
    many = [(f"optimizer_{e}.pt", "an optimiser's state") for e in range(30)]
    said = _left_out([*many, ("torn.ckpt", "ends too soon")])
    assert said[0].startswith("left out: optimizer_0.pt, optimizer_1.pt, ")
    assert said[0].endswith("optimizer_7.pt and 22 more: an optimiser's state")
    assert said[1:] == ["left out: torn.ckpt: ends too soon"]
