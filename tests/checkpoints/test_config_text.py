"""What OpenMMLab's configuration, kept as text in its checkpoints, says of the network."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import resnet50
from torchvision.models.resnet import Bottleneck

from swaveval.checkpoints import CheckpointRefused, load
from swaveval.checkpoints.sandbox.config_text import backbone_said
from tests.checkpoints.originals import prefixed, torchvision_resnet

TEXT = (
    """dataset_type = 'ImageNet'  # (see the paper)
data = dict(samples_per_gpu=32, train=dict(pipeline=[dict(type='RandomResizedCrop', size=224)]))
model = dict(
    type='DenseCL',
    backbone=dict({settings}),
    neck=dict(type='DenseCLNeck', depth=3, style='other'))
"""
    + "# a long file\n" * 200
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEXT.format(settings="type='ResNet', depth=50, norm_cfg=dict(type='BN', style='no'), dilations=(1, 1, 2, 4)"),
         {"type": "ResNet", "depth": 50, "dilations": [1, 1, 2, 4]}),
        ("model = {'backbone': {'type': 'ResNet', 'style': \"caffe\", 'out': lambda x: x}}",
         {"type": "ResNet", "style": "caffe"}),
        ("backbone = dict(arch='mocov3-small', type='MoCoV3ViT', strides=(1, 'a'))",
         {"arch": "mocov3-small", "type": "MoCoV3ViT"}),
        ("model = dict(neck=dict(depth=3))", {}), ("backbone=dict(", {}), ("", {}), ("[" * 100_000, {}),
        ("-" * 100_000 + "1", {}), ("backbone = __import__('os').system('true')", {}),
    ],
)  # fmt: skip
def test_the_first_backbone_in_a_text(text: str, said: dict[str, Any]) -> None:
    assert backbone_said(text) == said


def save(path: Path, settings: str) -> Path:
    weights = torchvision_resnet(block=Bottleneck, blocks=(1, 2, 2, 2)).state_dict()
    meta = {"epoch": 3, "cfg": TEXT.format(settings=settings), "mmselfsup_version": "1.0"}
    torch.save({"meta": meta, "state_dict": prefixed("backbone.", weights)}, path)
    return path


@pytest.mark.parametrize(
    ("dilations", "stages"), [("(1, 1, 1, 1)", 0), ("(1, 1, 1, 2)", 1), ("(1, 1, 2, 4)", 2), ("[1, 2, 4, 8]", 3)]
)
def test_dilated_stages_are_the_files_own_words(dilations: str, stages: int, tmp_path: Path) -> None:
    place = save(tmp_path / "x.pth", f"type='ResNet', depth=26, dilations={dilations}, style='pytorch'")
    assert load(place).report.geometry["dilated"] == [stages, "file"]


def test_strides_in_the_first_convolution_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointRefused, match=r"style='caffe'.*--backbone path/to/file\.py:factory"):
        load(save(tmp_path / "x.pth", "type='ResNet', depth=26, style='caffe'"))


def test_dilation_as_torchvision_has_it(tmp_path: Path) -> None:
    place = save(tmp_path / "x.pth", "type='ResNet', dilations=(1, 1, 2, 4), strides=(1, 2, 1, 1)")
    torch.manual_seed(0)
    network = resnet50(replace_stride_with_dilation=[False, True, True]).eval()
    content = torch.load(place)
    content["state_dict"] = {f"backbone.{k}": v for k, v in network.state_dict().items() if not k.startswith("fc.")}
    torch.save(content, place)
    network.fc = torch.nn.Identity()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(load(place).module(images), network(images), atol=1e-5)
