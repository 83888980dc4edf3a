"""Vision transformers as their authors' own code writes them, without a config.json, held to timm's own classes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from swaveval.checkpoints import LoadOptions, load
from swaveval.checkpoints.compression import form_named, probe_images, write_form
from swaveval.checkpoints.initial import random_backbone
from tests.field.field_networks import State, lived_in, prefixed, read_as, refusal, saved, small_vit

timm = pytest.importorskip("timm")
from timm.models.deit import VisionTransformerDistilled  # noqa: E402
from timm.models.eva import Eva  # noqa: E402
from timm.models.vision_transformer import VisionTransformer  # noqa: E402

TINY: dict[str, Any] = {"img_size": 32, "patch_size": 8, "embed_dim": 128, "depth": 2, "num_heads": 2, "num_classes": 0}
Network = Callable[[], nn.Module]


def made(kind: Callable[..., nn.Module], **options: Any) -> nn.Module:
    """A network of timm's whose every parameter matters."""
    torch.manual_seed(3)
    network = kind(**TINY, **options)
    for name, value in network.named_parameters():
        if "token" in name or "pos_embed" in name or name.endswith(("bias", "gamma_1", "gamma_2")):
            nn.init.normal_(value, std=0.5)
    return lived_in(network)


def decoy(state: State) -> State:
    """Another copy of the same network, which is not the one to be read."""
    return {name: torch.randn_like(value) for name, value in state.items()}


ijepa = partial(made, VisionTransformer, class_token=False, global_pool="avg", fc_norm=False)
averaged = partial(made, VisionTransformer, global_pool="avg", fc_norm=True)
averaged_with_registers = partial(
    made, VisionTransformer, class_token=False, reg_tokens=4, no_embed_class=True, global_pool="avg", fc_norm=True
)
gap_with_registers = partial(
    made, VisionTransformer, class_token=False, reg_tokens=4, no_embed_class=True, global_pool="avg", fc_norm=False
)
registers = partial(
    made,
    VisionTransformer,
    reg_tokens=4,
    no_embed_class=True,
    init_values=1.0,
    global_pool="token",
    dynamic_img_size=True,
)
distilled = partial(made, VisionTransformerDistilled)
rotary: dict[str, Any] = {
    "global_pool": "token", "class_token": True, "num_reg_tokens": 4, "use_rot_pos_emb": True, "use_abs_pos_emb": False,
    "rope_type": "dinov3", "rope_temperature": 100, "rope_rotate_half": True, "init_values": 1.0,
    "dynamic_img_size": True, "use_fc_norm": False, "norm_layer": partial(nn.LayerNorm, eps=1e-5), "qkv_bias": True,
}  # fmt: skip
dinov3 = partial(made, Eva, **rotary)
dinov3_gated = partial(made, Eva, **rotary, swiglu_mlp=True, swiglu_align_to=8)


def as_meta_writes(network: nn.Module) -> State:
    """facebookresearch/dinov3's names: one matrix of queries, keys and values, a bias whose keys are masked away."""
    state = network.state_dict()
    written: State = {"mask_token": torch.zeros(1, 128), "rope_embed.periods": network.rope.periods.clone()}
    for name, value in state.items():
        if name.endswith("q_bias"):
            place = name.removesuffix("q_bias")
            keys = torch.randn(128)
            written[place + "qkv.bias"] = torch.cat([value, keys, state[place + "v_bias"]])
            written[place + "qkv.bias_mask"] = torch.tensor([1.0, 0.0, 1.0]).repeat_interleave(128)
        elif not name.endswith(("v_bias", "k_bias")):
            renamed = name.replace("gamma_1", "ls1.gamma").replace("gamma_2", "ls2.gamma")
            renamed = renamed.replace("reg_token", "storage_tokens").replace("mlp.fc1_g", "mlp.w1")
            gated = "blocks.0.mlp.fc1_g.weight" in state
            renamed = renamed.replace("mlp.fc1_x", "mlp.w2").replace("mlp.fc2", "mlp.w3" if gated else "mlp.fc2")
            written[renamed] = value
    return written


def as_mmpretrain_writes(state: State) -> State:
    written: State = {}
    for name, value in state.items():
        renamed = name.replace("patch_embed.proj", "patch_embed.projection").replace("blocks.", "layers.")
        renamed = renamed.replace(".mlp.fc1.", ".ffn.layers.0.0.").replace(".mlp.fc2.", ".ffn.layers.1.")
        renamed = renamed.replace(".norm1.", ".ln1.").replace(".norm2.", ".ln2.")
        written["ln1." + renamed.removeprefix("norm.") if renamed.startswith("norm.") else renamed] = value
    return written


@dataclass(frozen=True)
class Case:
    """Attributes: network, content (of a file, from its weights), says (in the report)."""

    network: Network
    content: Callable[[nn.Module], Any]
    says: str


CASES = {
    "I-JEPA's training file": Case(
        ijepa,
        lambda network: {
            "encoder": prefixed("module.", decoy(network.state_dict())),
            "predictor": {
                "module.predictor_embed.weight": torch.ones(8, 128),
                "module.mask_token": torch.ones(1, 1, 8),
            },
            "target_encoder": prefixed("module.", network.state_dict()),
            "epoch": 3,
        },
        "no class token",
    ),
    "MSN's training file": Case(
        small_vit,
        lambda network: {
            "encoder": prefixed("module.", decoy(network.state_dict())),
            "target_encoder": prefixed("module.", network.state_dict() | {"fc.fc1.weight": torch.ones(8, 128)}),
            "prototypes": torch.ones(4, 8),
            "epoch": 3,
        },
        "vit_128",
    ),
    "iBOT's training file": Case(
        small_vit,
        lambda network: {
            "student": prefixed("module.backbone.", decoy(network.state_dict()) | {"masked_embed": torch.ones(1, 128)}),
            "teacher": prefixed("backbone.", network.state_dict() | {"masked_embed": torch.ones(1, 128)})
            | {"head.mlp.0.weight": torch.ones(8, 128), "head.last_layer.weight_v": torch.ones(9, 8)},
            "epoch": 3,
        },
        "vit_128",
    ),
    "MAE's training file": Case(
        small_vit,
        lambda network: {
            "model": network.state_dict()
            | {"mask_token": torch.ones(1, 1, 8), "decoder_pos_embed": torch.ones(1, 17, 8)}
            | prefixed("decoder_blocks.0.", {"norm1.weight": torch.ones(8), "attn.qkv.weight": torch.ones(24, 8)}),
            "epoch": 3,
        },
        "vit_128",
    ),
    "DeiT, distilled": Case(distilled, lambda network: {"model": network.state_dict() | heads()}, "two class tokens"),
    "timm, registers": Case(registers, lambda network: network.state_dict(), "4 registers"),
    "timm, registers and no class token": Case(
        gap_with_registers, lambda network: network.state_dict(), "4 registers, no class token"
    ),
    "MAE, tuned with the mean of patches": Case(
        averaged,
        lambda network: {"model": network.state_dict() | {"head.weight": torch.ones(10, 128)}, "epoch": 3},
        "norm of the mean of patches",
    ),
    "timm's gap with registers": Case(
        averaged_with_registers, lambda network: network.state_dict(), "norm of the mean of patches"
    ),
    "mmpretrain's MAE": Case(
        small_vit,
        lambda network: {
            "meta": {"epoch": 3},
            "state_dict": prefixed("backbone.", as_mmpretrain_writes(network.state_dict()))
            | {"neck.decoder_embed.weight": torch.ones(8, 128), "neck.mask_token": torch.ones(1, 1, 8)}
            | {"data_preprocessor.mean": torch.ones(3, 1, 1), "head.x": torch.ones(1)},
        },
        "vit_128",
    ),
    "mmselfsup's MoCo v3": Case(
        small_vit,
        lambda network: {
            "meta": {"epoch": 3},
            "state_dict": prefixed("backbone.", as_mmpretrain_writes(network.state_dict()))
            | prefixed("momentum_encoder.module.0.", as_mmpretrain_writes(decoy(network.state_dict())))
            | {"neck.fc0.weight": torch.ones(8, 128), "head.predictor.fc0.weight": torch.ones(8, 8)},
        },
        "vit_128",
    ),
    "DINOv3": Case(dinov3, as_meta_writes, "rotary positions, 2 blocks, layer scale, 4 registers"),
    "DINOv3, SwiGLU": Case(dinov3_gated, as_meta_writes, "SwiGLU"),
    "DINOv3's training file": Case(
        dinov3,
        lambda network: {"teacher": prefixed("backbone.", as_meta_writes(network)) | dino_heads()},
        "rotary positions",
    ),
}


def heads() -> State:
    return {
        "head.weight": torch.ones(10, 128),
        "head_dist.weight": torch.ones(10, 128),
        "head_dist.bias": torch.ones(10),
    }


def dino_heads() -> State:
    return {"dino_head.mlp.0.weight": torch.ones(8, 128), "ibot_head.last_layer.weight": torch.ones(9, 8)}


@pytest.mark.parametrize("name", CASES)
def test_features_are_those_of_the_network_that_wrote_the_file(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    network = case.network()
    path = saved(tmp_path / "checkpoint.pth", case.content(network))
    report = read_as(path, network, side=32)
    assert report.matched == 1
    assert case.says in report.architecture


@pytest.mark.parametrize("name", ["DINOv3", "timm, registers"])
def test_at_another_size_too(name: str, tmp_path: Path) -> None:
    network = CASES[name].network()
    read_as(saved(tmp_path / "checkpoint.pth", CASES[name].content(network)), network, side=48)


def test_the_periods_of_the_file_are_taken_and_tell_the_heads(tmp_path: Path) -> None:
    """Meta's are rounded to bfloat16; 8 periods are those of heads of 32 channels, where 64 are usual."""
    network = made(Eva, **rotary)
    state = as_meta_writes(network)
    state["rope_embed.periods"] = network.rope.periods.bfloat16().float()[:8]
    report = load(saved(tmp_path / "checkpoint.pth", state), options=LoadOptions()).report
    assert report.geometry["heads"] == [4, "file"]


def test_a_network_of_several_widths_is_none_of_these(tmp_path: Path) -> None:
    """Hiera has patch and position embeddings too."""
    state: dict[str, Tensor] = ijepa().state_dict()
    state["blocks.1.norm1.weight"] = torch.ones(256)
    assert "not a plain ViT's" in refusal(saved(tmp_path / "checkpoint.pth", state)).reason


@pytest.mark.parametrize("name", ["DINOv3", "I-JEPA's training file", "DeiT, distilled"])
def test_untrained_networks_and_compressed_files_are_of_the_same_kind(name: str, tmp_path: Path) -> None:
    network = CASES[name].network()
    path = saved(tmp_path / "checkpoint.pth", CASES[name].content(network))
    backbone = load(path)
    fresh = random_backbone(backbone, 0).module
    fresh.load_state_dict(backbone.module.state_dict())
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(fresh(images), backbone.module(images))
    form = form_named("safetensors")
    read_as(write_form(path, form, tmp_path / f"small{form.suffix}", options=LoadOptions()), network, side=32)
    assert probe_images(backbone).shape[-1] in (32, 112)


@pytest.mark.parametrize("make", [ijepa, averaged, distilled, registers, gap_with_registers])
def test_whole_modules(make: Network, tmp_path: Path) -> None:
    network = make()
    read_as(saved(tmp_path / "model.pth", network), network, side=32)


def averages() -> nn.Module:
    return made(VisionTransformer, global_pool="avg", fc_norm=False)


def test_a_whole_module_that_averages_its_patches_beside_a_class_token_says_so(tmp_path: Path) -> None:
    """Its weights alone are those of a network whose feature is the class token."""
    path = saved(tmp_path / "model.pth", averages())
    assert "its features are pooled by global_pool='avg'" in refusal(path).reason
    read_as(path, averages(), side=32, backbone=f"{__file__}:averages")


@pytest.mark.parametrize("theirs", ["moco-v3", "mmselfsup"])
def test_the_small_transformer_of_moco_v3_has_twelve_heads(theirs: str, tmp_path: Path) -> None:
    """Without a word on the architecture in the file: both code bases have one ViT of this width."""
    network = VisionTransformer(**TINY | {"embed_dim": 384, "depth": 1, "num_heads": 12}, global_pool="token")
    state = lived_in(network).state_dict()
    if theirs == "moco-v3":
        content = prefixed("module.base_encoder.", state) | {"module.predictor.0.weight": torch.ones(8, 8)}
    else:
        content = prefixed("backbone.", as_mmpretrain_writes(state)) | {"head.predictor.fc0.weight": torch.ones(8, 8)}
        content |= prefixed("momentum_encoder.module.0.", as_mmpretrain_writes(decoy(state)))
    report = read_as(saved(tmp_path / "epoch_3.pth", {"state_dict": content}), network, side=32)
    assert report.geometry["heads"] == [12, "file"]
