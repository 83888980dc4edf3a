"""Checkpoints of DINO, DINOv2, timm and stable-pretraining: timm's network under their documented names."""

import argparse
from pathlib import Path
from typing import Any

import torch
from originals import Written, lightning, lived_in, prefixed, save, scores, swav_head, torchvision_resnet, weight_normed
from safetensors.torch import save_file
from timm.layers import SwiGLUPacked
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck


def timm_vit(**options: Any) -> VisionTransformer:
    """timm's own class, two blocks of width 128 on 4 × 4 patches of 8 pixels."""
    settings: dict[str, Any] = {"img_size": 32, "patch_size": 8, "embed_dim": 128, "depth": 2, "num_heads": 2}
    network = VisionTransformer(**(settings | {"num_classes": 0, "global_pool": "token"} | options))
    for name, parameter in network.named_parameters():
        if name.endswith("gamma"):
            nn.init.uniform_(parameter, 0.5, 1.5)
        if name in ("cls_token", "reg_token", "pos_embed"):
            nn.init.normal_(parameter, std=0.5)
    return lived_in(network)  # type: ignore[return-value]


def dino_head(dim: int) -> dict[str, Tensor]:
    mlp = nn.Sequential(nn.Linear(dim, 16), nn.GELU(), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 8))
    last = weight_normed(nn.Linear(8, 30, bias=False))
    return prefixed("mlp.", mlp.state_dict()) | prefixed("last_layer.", last.state_dict())


def dino_run(directory: Path) -> Written:
    teacher, student = timm_vit(), timm_vit()
    content = {
        "student": prefixed("module.backbone.", student.state_dict()) | prefixed("module.head.", dino_head(128)),
        "teacher": prefixed("backbone.", teacher.state_dict()) | prefixed("head.", dino_head(128)),
        "optimizer": {"state": {}, "param_groups": []},
        "epoch": 20,
        "args": argparse.Namespace(arch="vit_small", patch_size=8, data_path=Path("/data")),
        "dino_loss": {"center": torch.zeros(1, 30)},
    }
    return Written(save(directory / "checkpoint0020.pth", content), "dino", teacher, size=32, counted=30)


def dino_student(directory: Path) -> Written:
    student = torchvision_resnet(block=Bottleneck, width=8)
    state = prefixed("module.backbone.", student.state_dict()) | prefixed("module.head.", dino_head(256))
    return Written(save(directory / "student.pth", {"student": state, "epoch": 1}), "dino", student, counted=30)


def dinov2_names(
    network: VisionTransformer, *, chunks: int, registers: bool = False, gated: bool = False
) -> dict[str, Tensor]:
    """timm's weights under facebookresearch/dinov2's names: chunked blocks, w12/w3, a position for the class token."""
    state: dict[str, Tensor] = {"mask_token": torch.zeros(1, 128)}
    for name, tensor in network.state_dict().items():
        if name.startswith("blocks."):
            index = int(name.split(".")[1])
            name = name.replace("blocks.", f"blocks.{index // chunks}." if chunks else "blocks.", 1)
        if gated:
            name = name.replace("mlp.fc1", "mlp.w12").replace("mlp.fc2", "mlp.w3")
        state[name.replace("reg_token", "register_tokens")] = tensor.clone()
    if registers:  # timm folds the class token's position into the token itself
        position = torch.full((1, 1, 128), 0.3)
        state["cls_token"] -= position
        state["pos_embed"] = torch.cat([position, state["pos_embed"]], dim=1)
    return state


def dinov2_teacher(directory: Path) -> Written:
    network = timm_vit(init_values=1e-5)
    state = prefixed("backbone.", dinov2_names(network, chunks=1))
    state |= prefixed("dino_head.", dino_head(128)) | prefixed("ibot_head.", dino_head(128))
    (directory / "training_1249").mkdir()
    path = save(directory / "training_1249" / "teacher_checkpoint.pth", {"teacher": state})
    return Written(path, "dino", network, size=32, counted=30, summed=True)


def dinov2_registers(directory: Path) -> Written:
    network = timm_vit(init_values=1e-5, reg_tokens=4, no_embed_class=True)
    path = save(directory / "dinov2_vits14_reg4.pth", dinov2_names(network, chunks=0, registers=True))
    return Written(path, "plain backbone", network, size=32)


def dinov2_gated(directory: Path) -> Written:
    network = timm_vit(init_values=1e-5, mlp_layer=SwiGLUPacked, act_layer=nn.SiLU)
    path = save(directory / "dinov2_vitg14.pth", dinov2_names(network, chunks=0, gated=True))
    return Written(path, "plain backbone", network, size=32)


def timm_registers(directory: Path) -> Written:
    network = timm_vit(init_values=1e-5, reg_tokens=4, no_embed_class=True)
    save_file(network.state_dict(), directory / "model.safetensors")
    return Written(directory / "model.safetensors", "plain backbone", network, size=32)


def stable_pretraining(directory: Path) -> Written:
    network = timm_vit()
    head, last = swav_head(128)
    state = prefixed("backbone.", network.state_dict()) | prefixed("projector.", head.state_dict())
    state |= prefixed("prototypes.", last.state_dict())
    state |= prefixed("callbacks_modules.linear_probe.", nn.Linear(128, 10).state_dict())
    path = save(directory / "spt.ckpt", lightning(state))
    return Written(path, "stable-pretraining", network, scores(head, last), size=32)
