"""Geometry, heads and pre-processing that shapes do not tell: each case of the field read right, or said.

The networks have seen images in training mode through their true geometry, so that BatchNorm has a record of it; the
files hold nothing but weights, as MoCo's, Tiny-ImageNet recipes' and dense methods' do.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from swaveval.checkpoints import CheckpointRefused, LoadOptions, load
from swaveval.checkpoints.geometry import Geometry
from swaveval.convergence.advice import advise
from swaveval.convergence.training import Training
from swaveval.convergence.verdict import LossState
from swaveval.data.transforms import EvalTransform
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.run import Prepared, prepare
from swaveval.runs.transform_choice import choose_transform, interpolated
from tests.convergence.simulated import case, decided, hearing, measured

SIDE = 64
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 colour images with structure at every scale, in two classes."""
    root = tmp_path_factory.mktemp("photos")
    generator = torch.Generator().manual_seed(0)
    colours = torch.tensor([0.55, 0.4, 0.25]).view(3, 1, 1)
    for row in range(48):
        image = colours + 0.06 * torch.randn(3, 1, 1, generator=generator)
        for side, strength in ((4, 0.2), (8, 0.12), (16, 0.08), (64, 0.04)):
            grain = torch.randn(1, 3, side, side, generator=generator) * strength
            image = image + nn.functional.interpolate(grain, size=(SIDE, SIDE), mode="bicubic")[0]
        pixels = (image.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
        place = root / ("light", "dark")[row % 2] / f"{row:03}.png"
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(place)
    return root


def pixels_of(photos: Path) -> torch.Tensor:
    files = sorted(photos.rglob("*.png"))
    stacked = np.stack([np.asarray(Image.open(file)) for file in files])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 255


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    return (pixels - MEAN.view(1, 3, 1, 1)) / STD.view(1, 3, 1, 1)


def resnet(
    *,
    kernel: int = 7,
    stride: int = 2,
    pool: bool = True,
    block: type[BasicBlock] | type[Bottleneck] = BasicBlock,
    dilated: bool = False,
    last_stride: int = 2,
) -> ResNet:
    """torchvision's own ResNet, 8 channels wide, one block a stage, with another stem or last stage."""
    torch.manual_seed(3)
    network = ResNet(block, [1, 1, 1, 1])
    network.inplanes = 8
    network.conv1 = nn.Conv2d(3, 8, kernel, stride=stride, padding=kernel // 2, bias=False)
    network.bn1 = nn.BatchNorm2d(8)
    for stage in range(4):
        step = (1, 2, 2, last_stride)[stage]
        last = stage == 3
        made = network._make_layer(block, 8 * 2**stage, 1 + last, stride=step, dilate=last and dilated)
        setattr(network, f"layer{stage + 1}", made)
    for module in network.modules():  # weights of training are not those of an initialisation: some variety
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    if not pool:
        network.maxpool = nn.Identity()
    network.fc = nn.Identity()
    return network


def seen(network: nn.Module, images: torch.Tensor) -> nn.Module:
    """The network after BatchNorm has recorded these images passing through it."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    network.train()
    with torch.no_grad():
        for batch in images.split(32):
            network(batch)
    return network.eval()


def prepared(network: nn.Module, photos: Path, root: Path, **more: Any) -> Prepared:
    root.mkdir(parents=True, exist_ok=True)
    content = {"state_dict": network.state_dict(), "epoch": 5} | more.pop("content", {})
    torch.save(content, root / "epoch=5.pth")
    return prepare(RunRequest(checkpoints=root / "epoch=5.pth", out=root / "report", data=str(photos), **more))


def same_features(found: Prepared, network: nn.Module, images: torch.Tensor) -> None:
    """What is evaluated gives the true network's own features."""
    backbone = found.workspace.loader.load(str(found.records[0].digest))
    assert backbone.digest == found.records[0].digest
    with torch.inference_mode():
        assert (backbone.module(images) - network(images)).abs().max() < 1e-4


STEMS: dict[str, dict[str, Any]] = {
    "usual": {},
    "7x7 of stride 1 (Tiny-ImageNet recipes)": {"stride": 1},
    "7x7 without pooling (Tiny-ImageNet recipes)": {"pool": False},
    "3x3 of stride 1 (CIFAR recipes)": {"kernel": 3, "stride": 1, "pool": False},
    "3x3 of stride 2 (Tiny-ImageNet recipes)": {"kernel": 3, "stride": 2, "pool": False},
    "3x3 of stride 2 with pooling": {"kernel": 3, "stride": 2},
    "5x5 of stride 2": {"kernel": 5, "stride": 2, "pool": False},
    "dilated last stage (DenseCL)": {"block": Bottleneck, "dilated": True},
    "last stage of stride 1 (re-identification)": {"last_stride": 1},
}


@pytest.mark.parametrize("name", STEMS)
def test_the_geometry_of_the_training_is_read(name: str, photos: Path, tmp_path: Path) -> None:
    images = normalised(pixels_of(photos))
    network = seen(resnet(**STEMS[name]), images)
    found = prepared(network, photos, tmp_path)
    same_features(found, network, images[:4])
    taken = [note for note in found.said if "taken because BatchNorm" in note]
    usual = name in ("usual", "3x3 of stride 1 (CIFAR recipes)")
    assert len(taken) == (0 if usual else 1)
    record = found.records[0]
    assert record.load["geometry"]["evidence"]["fits"]
    assert not record.load["warnings"]  # nothing is merely assumed any more


def test_what_is_usual_keeps_its_digest(photos: Path, tmp_path: Path) -> None:
    network = seen(resnet(), normalised(pixels_of(photos)))
    found = prepared(network, photos, tmp_path)
    assert not found.said
    assert found.records[0].digest == load(tmp_path / "epoch=5.pth").digest
    assert found.workspace.settings.transform == EvalTransform(size=64)


def test_the_users_word_stands_against_evidence(photos: Path, tmp_path: Path) -> None:
    network = seen(resnet(stride=1), normalised(pixels_of(photos)))
    said = LoadOptions(geometry=Geometry(stem_stride=2, maxpool=False))
    found = prepared(network, photos, tmp_path, load=said)
    assert found.records[0].load["architecture"].startswith("resnet of basic blocks 1-1-1-2, 7×7 stem, stride 2")
    assert found.records[0].load["geometry"]["stem_stride"] == [2, "option"]


def test_one_choice_for_the_series_by_its_most_trained(photos: Path, tmp_path: Path) -> None:
    images = normalised(pixels_of(photos))
    untrained, trained = resnet(stride=1), seen(resnet(stride=1), images)
    (tmp_path / "run").mkdir()
    torch.save({"state_dict": untrained.state_dict(), "epoch": 0}, tmp_path / "run" / "epoch=0.pth")
    torch.save({"state_dict": trained.state_dict(), "epoch": 5}, tmp_path / "run" / "epoch=5.pth")
    found = prepare(RunRequest(checkpoints=tmp_path / "run", out=tmp_path / "out", data=str(photos)))
    words = {record.load["architecture"] for record in found.records if record.kind == "checkpoint"}
    assert len(words) == 1
    assert "stride 1" in words.pop()


def test_group_normalisation_is_another_network(tmp_path: Path) -> None:
    """It has a ResNet's names without running statistics; --allow-partial would normalise by none."""
    network = torchvision.models.resnet18(norm_layer=lambda channels: nn.GroupNorm(8, channels))
    torch.save({"state_dict": network.state_dict(), "epoch": 5}, tmp_path / "epoch=5.pth")
    for allowed in (False, True):
        with pytest.raises(CheckpointRefused, match=r"GroupNorm\?.*--backbone path/to/file.py:factory"):
            load(tmp_path / "epoch=5.pth", options=LoadOptions(allow_partial=allowed))


def test_where_no_file_can_be_read_each_says_why(photos: Path, tmp_path: Path) -> None:
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).write_text("hello")
    with pytest.raises(RunError, match=r"none of 2 .*a\.pth \(unsupported\): the file is text.*b\.pth"):
        prepare(RunRequest(checkpoints=tmp_path, out=tmp_path / "out", data=str(photos)))


def test_interpolation_leaves_the_size_to_the_images(photos: Path, tmp_path: Path) -> None:
    assert choose_transform(None, "bicubic") is None
    found = prepared(resnet(), photos, tmp_path, normalisation=interpolated("bicubic"))
    assert found.workspace.settings.transform == EvalTransform(size=64, interpolation="bicubic")


PREPROCESSINGS: dict[str, tuple[Any, EvalTransform]] = {
    "none": (lambda x: x, EvalTransform(size=64, mean=(0.0,) * 3, std=(1.0,) * 3)),
    "mean .5, std .5": (lambda x: (x - 0.5) / 0.5, EvalTransform(size=64, mean=(0.5,) * 3, std=(0.5,) * 3)),
    "0 to 255": (lambda x: 255 * x, EvalTransform(size=64, mean=(0.0,) * 3, std=(1 / 255,) * 3)),
    "BGR": (lambda x: normalised(x.flip(1)), EvalTransform(size=64, order="BGR")),
}


@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_the_pre_processing_of_the_training_is_taken_and_said(name: str, photos: Path, tmp_path: Path) -> None:
    process, transform = PREPROCESSINGS[name]
    network = seen(resnet(), process(pixels_of(photos)))
    found = prepared(network, photos, tmp_path)
    assert found.workspace.settings.transform == transform
    assert any("taken for the network's pre-processing" in note and "--mean" in note for note in found.said)


def test_pre_processing_that_the_user_names_stays(photos: Path, tmp_path: Path) -> None:
    network = seen(resnet(), pixels_of(photos))
    wanted = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    found = prepared(network, photos, tmp_path, normalisation=wanted)
    assert found.workspace.settings.transform == EvalTransform(size=64, **wanted)
    assert any("seems to have been trained with other pre-processing" in note for note in found.said)


def test_a_file_that_names_its_normalisation(photos: Path, tmp_path: Path) -> None:
    network = seen(resnet(), (pixels_of(photos) - 0.5) / 0.5)
    words = {"hyper_parameters": {"augmentations": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}}
    found = prepared(network, photos, tmp_path, content=words)
    assert found.workspace.settings.transform.mean == (0.5, 0.5, 0.5)
    assert any("as the checkpoints say" in note for note in found.said)


def vit(heads: int, *, width: int = 192, grown: bool = True) -> VisionTransformer:
    """timm's ViT; `grown`: its heads have grown to different strengths, as they do in training."""
    torch.manual_seed(0)
    network = VisionTransformer(
        img_size=64, patch_size=16, embed_dim=width, depth=3, num_heads=heads, num_classes=0, global_pool="token"
    )
    with torch.no_grad():
        for block in network.blocks if grown else ():
            scale = (1 + 0.3 * torch.randn(3, heads, 1)).clamp(0.3, 2.0)
            rows = (scale * torch.ones(3, heads, width // heads)).reshape(-1, 1)
            block.attn.qkv.weight.mul_(rows * 4)  # type: ignore[union-attr, operator]
    return network.eval()


@pytest.mark.parametrize("heads", [3, 6, 12])
def test_heads_of_a_trained_transformer(heads: int, photos: Path, tmp_path: Path) -> None:
    network = vit(heads)
    found = prepared(network, photos, tmp_path)
    same_features(found, network, normalised(pixels_of(photos))[:4])
    said = [note for note in found.said if f"{heads} heads instead of the 3 usual" in note]
    assert len(said) == (0 if heads == 3 else 1)


def test_heads_of_an_untrained_transformer_are_said_to_be_assumed(photos: Path, tmp_path: Path) -> None:
    found = prepared(vit(12, grown=False), photos, tmp_path)
    assert any(note.startswith("3 heads are assumed") and "--heads" in note for note in found.said)


@pytest.mark.parametrize(
    ("width", "words", "heads"),
    [
        (384, {"arch": "vit_small"}, 12),  # facebookresearch/moco-v3
        (192, {"hyper_parameters": {"method": "mocov3", "backbone": {"name": "vit_tiny"}}}, 12),  # solo-learn
        (192, {"hyper_parameters": {"method": "dino", "backbone": {"name": "vit_tiny"}}}, 3),
        (192, {"hyper_parameters": {"num_heads": 6, "decoder": {"num_heads": 4}}}, 6),
        (192, {"args": {"model": "vit_tiny_patch16_224"}}, 3),
    ],
)
def test_heads_in_the_files_own_words(width: int, words: dict[str, Any], heads: int, tmp_path: Path) -> None:
    network = vit(heads, width=width)
    state = network.state_dict()
    if words.get("arch"):
        state = {f"module.base_encoder.{name}": tensor for name, tensor in state.items()}
        state |= {"module.predictor.0.weight": torch.zeros(4, 4)}
    torch.save({"state_dict": state, "epoch": 3} | words, tmp_path / "a.pth")
    report = load(tmp_path / "a.pth").report
    assert report.geometry["heads"] == [heads, "file"]
    backbone = load(tmp_path / "a.pth")
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert (backbone.module(images) - network(images)).abs().max() < 1e-4


def test_huge_transformers_have_sixteen_heads() -> None:
    """MAE's, I-JEPA's and timm's ViT-H: 16 of 80, not 20 of 64."""
    from swaveval.checkpoints.vit import usual_heads

    assert [usual_heads(width) for width in (192, 384, 768, 1024, 1280, 1408, 1664)] == [3, 6, 12, 16, 16, 16, 16]


def test_options_name_every_fact() -> None:
    from swaveval.checkpoints.geometry import as_options, in_words

    facts = {"stem_stride": 1, "maxpool": False, "dilated": 2, "last_stride": 1, "heads": 12, "stem_padding": 2}
    assert as_options(facts) == (
        "--stem-stride 1 --no-maxpool --dilation 2 --last-stride 1 --heads 12 --stem-padding 2"
    )
    assert "last 2 stages dilated" in in_words(facts)
    assert replace(Geometry(heads=3), heads=None) == Geometry()


@pytest.mark.parametrize("name", ["resnetblur18", pytest.param("resnetaa50", marks=pytest.mark.torture)])
def test_a_network_that_blurs_where_ours_strides_is_said(name: str, photos: Path, tmp_path: Path) -> None:
    """timm's anti-aliased ResNets have the shapes of plain ones: nothing in the file tells, BatchNorm does."""
    torch.manual_seed(1)
    network = seen(timm.create_model(name, num_classes=0), normalised(pixels_of(photos)))
    found = prepared(network, photos, tmp_path / "run")
    assert any("another one with weights of the same shapes" in note for note in found.said), found.said


@pytest.mark.parametrize("others", [False, True])
def test_advice_knows_of_other_images(others: bool) -> None:
    """A network shown images it was not trained on is not told to raise its learning rate."""
    quiet = LossState()
    found = decided("not-learning", hearing(measured([0.5, 0.5, 0.5]), case(none_p=0.01)))
    given = advise(found, best=None, loss=quiet, training=Training({}, 0), others=others)
    assert any("images like those it was trained on" in one.action for one in given) is others
    assert any("learning rate" in one.action for one in given) is not others
