"""Which networks of timm a refusal has tried, and what it names."""

from importlib import import_module
from pathlib import Path

import pytest
import timm
import torch

from swaveval.checkpoints import CheckpointRefused, LoadOptions, load

# The package gives the function of this name.
fitting = import_module("swaveval.checkpoints.named.fitting")


@pytest.mark.parametrize("name", ["resnet18d", "resnetv2_50", "mobilenetv3_small_050", "efficientnet_b0"])
def test_what_is_named_reads_the_file(name: str, tmp_path: Path) -> None:
    fitting._fitting.cache_clear()
    network = timm.create_model(name, pretrained=False, num_classes=0).eval()
    torch.save({"model": {f"backbone.{key}": value for key, value in network.state_dict().items()}}, tmp_path / "a.pth")
    with pytest.raises(CheckpointRefused, match=rf"--backbone timm:{name} has its names and shapes"):
        load(tmp_path / "a.pth")
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        read = load(tmp_path / "a.pth", options=LoadOptions(backbone=f"timm:{name}")).module.eval()
        assert torch.equal(read(images), network(images))


def test_small_networks_of_every_kind_come_first_and_tensorflows_last() -> None:
    listed = fitting._listed("timm", ("efficientnet_b*", "mobilenetv3_*", "tf_efficientnet_b*"))
    assert {name.partition("_")[0] for name in listed[:4]} == {"efficientnet", "mobilenetv3"}
    foreign = [name.startswith("tf_") for name in listed]
    assert any(foreign)
    assert foreign == sorted(foreign)
    assert len(set(listed)) == len(listed)
