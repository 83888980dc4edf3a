"""Shapes tell the architecture: every one that can be built is inferred again, and torchvision's give their numbers."""

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from originals import lived_in
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.nn import functional as F

from swaveval.checkpoints import build_resnet
from swaveval.checkpoints.architectures import ResNetSpec, UnknownArchitecture, infer_resnet
from swaveval.checkpoints.vit import ViTSpec, infer_vit

SMALL = ("resnet18", "resnet34", "resnet50", "resnext50_32x4d")
LARGE = ("resnet101", "resnet152", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2")


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def on_meta(build: object) -> nn.Module:
    with torch.device("meta"):
        return build()  # type: ignore[operator]


@pytest.mark.parametrize("name", SMALL + LARGE)
def test_torchvision_names_and_shapes(name: str) -> None:
    original = on_meta(lambda: torchvision.models.get_model(name))
    shapes = {key: shape for key, shape in shapes_of(original).items() if not key.startswith("fc.")}
    spec = infer_resnet(shapes)
    assert shapes_of(on_meta(spec.build)) == shapes
    assert spec.feature_dim == original.fc.in_features
    assert spec.words.startswith(name.split("_")[0])


def same_features(name: str) -> None:
    torch.manual_seed(0)
    original = lived_in(torchvision.models.get_model(name))
    original.fc = nn.Identity()
    ours = infer_resnet(shapes_of(original)).build().eval()
    ours.load_state_dict(original.state_dict())
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert (ours(images) - original(images)).abs().max() <= 1e-6


@pytest.mark.parametrize("name", SMALL)
def test_torchvision_features(name: str) -> None:
    same_features(name)


@pytest.mark.torture
@pytest.mark.parametrize("name", LARGE)
def test_torchvision_features_of_large_networks(name: str) -> None:
    same_features(name)


conventional = st.sampled_from([(7, 2, True), (3, 1, False), (5, 1, False)])


@given(
    st.sampled_from(["basic", "bottleneck"]),
    st.lists(st.integers(1, 3), min_size=1, max_size=5).map(tuple),
    st.sampled_from([8, 16, 24]),
    st.sampled_from([(1, 64), (1, 128), (4, 32), (2, 64)]),
    conventional,
)
@settings(max_examples=40, deadline=None)
def test_what_is_built_is_inferred(
    block: str, blocks: tuple[int, ...], width: int, grouping: tuple[int, int], stem: tuple[int, int, bool]
) -> None:
    groups, per_group = grouping if block == "bottleneck" else (1, 64)
    kernel, stride, maxpool = stem
    spec = ResNetSpec(
        block=block,  # type: ignore[arg-type]
        blocks=blocks,
        width=width,
        groups=groups,
        width_per_group=per_group,
        stem_kernel=kernel,
        stem_stride=stride,
        stem_padding=kernel // 2,
        maxpool=maxpool,
    )
    found = infer_resnet(shapes_of(on_meta(spec.build)))
    assert shapes_of(on_meta(found.build)) == shapes_of(on_meta(spec.build))
    assert found.feature_dim == spec.feature_dim
    assert (found.stem_stride, found.maxpool) == (stride, maxpool)


@given(
    st.sampled_from([64, 128, 192]), st.integers(1, 3), st.sampled_from([4, 8]), st.integers(2, 4),
    st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0, 4]), st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_what_is_built_is_inferred_for_transformers(
    dim: int, depth: int, patch: int, grid: int, gated: bool, bias: bool, scale: bool, registers: int, position: bool
) -> None:
    spec = ViTSpec(
        dim=dim, depth=depth, patch=patch, grid=grid, hidden=96, gated=gated, qkv_bias=bias, layer_scale=scale,
        registers=registers, class_position=position,
    )  # fmt: skip
    assert infer_vit(shapes_of(on_meta(spec.build))) == spec


def test_build_resnet_by_depth() -> None:
    network, dim = build_resnet(depth=18, stem="small", width=16)
    assert dim == 128
    assert network(torch.randn(2, 3, 32, 32)).shape == (2, 128)
    assert build_resnet(depth=50)[1] == 2048
    with pytest.raises(ValueError, match="no ResNet of depth 17"):
        build_resnet(depth=17)


def test_shapes_of_something_else_are_named() -> None:
    with pytest.raises(UnknownArchitecture, match="no network anybody trains"):
        infer_resnet({"conv1.weight": (8, 0, 3, 3), "layer1.0.conv1.weight": (8, 8, 3, 3)})
    with pytest.raises(UnknownArchitecture, match="no network anybody trains"):
        infer_vit({"patch_embed.proj.weight": (64, 0, 8, 8), "pos_embed": (1, 4, 64)})
    with pytest.raises(UnknownArchitecture, match="not a square"):
        infer_vit({"patch_embed.proj.weight": (64, 3, 8, 8), "pos_embed": (1, 7, 64)})


def vit(**options: object) -> tuple[VisionTransformer, nn.Module]:
    torch.manual_seed(0)
    settings = {"img_size": 32, "patch_size": 8, "embed_dim": 64, "depth": 1, "num_heads": 1, "num_classes": 0}
    original = lived_in(VisionTransformer(**settings, **options))  # type: ignore[arg-type]
    nn.init.normal_(original.pos_embed, std=0.5)
    shapes = {name.replace("reg_token", "register_tokens"): shape for name, shape in shapes_of(original).items()}
    ours = infer_vit(shapes).build().eval()
    ours.load_state_dict({name.replace("reg_token", "register_tokens"): t for name, t in original.state_dict().items()})
    return original, ours


def test_positions_at_another_size_are_interpolated_as_dino_does() -> None:
    original, ours = vit(global_pool="token", dynamic_img_size=True)
    grid = original.pos_embed[:, 1:].reshape(1, 4, 4, 64).permute(0, 3, 1, 2)
    # facebookresearch/dino, interpolate_pos_encoding, at 48 px: 6 patches a side, 0.1 more against rounding.
    larger = F.interpolate(grid, scale_factor=(6.1 / 4, 6.1 / 4), mode="bicubic").permute(0, 2, 3, 1).reshape(1, 36, 64)
    images = torch.randn(2, 3, 48, 48)
    with torch.inference_mode():
        tokens = original.patch_embed.proj(images).flatten(2).transpose(1, 2) + larger
        tokens = torch.cat([(original.cls_token + original.pos_embed[:, :1]).expand(2, -1, -1), tokens], dim=1)
        expected = original.norm(original.blocks(tokens))[:, 0]
        assert (ours(images) - expected).abs().max() <= 1e-6


def test_positions_with_registers_are_interpolated_as_timm_does() -> None:
    original, ours = vit(global_pool="token", dynamic_img_size=True, reg_tokens=4, no_embed_class=True)
    images = torch.randn(2, 3, 48, 64)
    with torch.inference_mode():
        assert (ours(images) - original(images)).abs().max() <= 1e-6
