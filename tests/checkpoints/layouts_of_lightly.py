"""Checkpoints of lightly's examples and benchmarks."""

import copy
from pathlib import Path
from typing import Any

import torch
from lightly.models import ResNetGenerator
from lightly.models.modules import (
    DINOProjectionHead,
    DINOv2ProjectionHead,
    MaskedVisionTransformerTIMM,
    SwaVProjectionHead,
    SwaVPrototypes,
)
from originals import Written, lightning, lived_in, prefixed, save, scores, torchvision_resnet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torchvision.models import resnet18
from torchvision.models.resnet import Bottleneck


class LightlyModel(nn.Module):
    """lightly's SwaV example: backbone, SwaVProjectionHead, SwaVPrototypes."""

    def __init__(self, backbone: nn.Module, dim: int, **prototypes: Any) -> None:
        super().__init__()
        self.backbone = backbone
        self.projection_head = lived_in(SwaVProjectionHead(dim, 24, 8))
        self.prototypes = SwaVPrototypes(8, 12, **prototypes)

    def scores(self, features: Tensor) -> Tensor:
        return scores(self.projection_head, self.prototypes)(features)


def pooled(backbone: nn.Module) -> nn.Module:
    return nn.Sequential(backbone, nn.Flatten(1)).eval()


def lightly_example(directory: Path) -> Written:
    model = LightlyModel(nn.Sequential(*list(lived_in(resnet18()).children())[:-1]), 512)
    content = lightning(model.state_dict(), hyper_parameters={})
    path = save(directory / "epoch=3-step=400.ckpt", content)
    return Written(path, "lightly", pooled(model.backbone), model.scores)


class LightlyDino(nn.Module):
    """lightly's DINO example: a student and a teacher side by side."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("student", "teacher"):
            backbone = nn.Sequential(*list(torchvision_resnet().children())[:-1])
            setattr(self, f"{name}_backbone", backbone)
            setattr(self, f"{name}_head", DINOProjectionHead(128, 24, 8, 30))


def lightly_dino(directory: Path) -> Written:
    model = LightlyDino()
    state = model.state_dict() | {"criterion.center": torch.zeros(1, 1, 30)}
    path = save(directory / "epoch=3-step=400.ckpt", lightning(state))
    return Written(path, "dino", pooled(model.teacher_backbone), counted=30)  # type: ignore[arg-type]


class LightlyDinov2Head(nn.Module):
    """One head for class tokens and masked patches, under two names, as the example has it by default."""

    def __init__(self) -> None:
        super().__init__()
        self.dino_head = self.ibot_head = DINOv2ProjectionHead(128, 24, 8, 30)


def lightly_dinov2(directory: Path) -> Written:
    model = nn.Module()
    for name in ("student", "teacher"):
        vit = VisionTransformer(
            img_size=32, patch_size=8, embed_dim=128, depth=2, num_heads=2, init_values=1e-5, dynamic_img_size=True
        )
        setattr(model, f"{name}_backbone", MaskedVisionTransformerTIMM(vit=lived_in(vit), antialias=False))
        setattr(model, f"{name}_head", LightlyDinov2Head())
    state = model.state_dict() | {"dino_criterion.center": torch.zeros(1, 1, 30)}
    path = save(directory / "epoch=3-step=400.ckpt", lightning(state))
    return Written(path, "dino", model.teacher_backbone.eval(), counted=30, size=32, summed=True)  # type: ignore[union-attr, arg-type]


def lightly_old_head(directory: Path) -> Written:
    model = LightlyModel(nn.Sequential(*list(torchvision_resnet().children())[:-1]), 128)
    old = nn.Linear(8, 12, bias=False)
    state = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("prototypes.")}
    content = lightning(state | {"prototypes.layers.weight": old.weight.detach()})
    return Written(
        save(directory / "old.ckpt", content), "lightly", pooled(model.backbone), scores(model.projection_head, old)
    )


def lightly_cifar(directory: Path) -> Written:
    network = lived_in(ResNetGenerator("resnet-9", width=0.25))
    model = LightlyModel(nn.Sequential(*list(network.children())[:-1], nn.AdaptiveAvgPool2d(1)), 128)
    path = save(directory / "cifar.ckpt", lightning(model.state_dict()))
    return Written(path, "lightly", pooled(model.backbone), model.scores, size=32)


def lightly_cifar_bottleneck(directory: Path) -> Written:
    network = lived_in(ResNetGenerator("resnet-50", width=0.125))
    model = LightlyModel(nn.Sequential(*list(network.children())[:-1], nn.AdaptiveAvgPool2d(1)), 256)
    path = save(directory / "cifar50.ckpt", lightning(model.state_dict()))
    return Written(path, "lightly", pooled(model.backbone), model.scores, size=32)


def lightly_imagenet(directory: Path) -> Written:
    model = LightlyModel(torchvision_resnet(block=Bottleneck, width=8), 256)
    state = model.state_dict() | prefixed("online_classifier.", nn.Linear(256, 10).state_dict())
    path = save(directory / "epoch=99-step=500400.ckpt", lightning(state, hyper_parameters={"num_classes": 10}))
    return Written(path, "lightly", model.backbone, model.scores)


def lightly_compiled(directory: Path) -> Written:
    model = LightlyModel(torchvision_resnet(), 128)
    original = copy.deepcopy(model.backbone)
    model.backbone = torch.compile(model.backbone)  # type: ignore[assignment]
    path = save(directory / "compiled.ckpt", lightning(model.state_dict()))
    return Written(path, "lightly", original, model.scores)
