"""Every layout people have, written by the original classes or after the documented format, small enough for a test.

`python tests/checkpoints/checkpoint_layouts.py` prints the table of docs/checkpoints.md; `--write` puts it there.
"""

import argparse
import copy
import sys
import tempfile
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightly.models import ResNetGenerator
from lightly.models.modules import SwaVProjectionHead, SwaVPrototypes
from safetensors.torch import save_file
from timm.layers import SwiGLUPacked
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import resnet18
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

Scores = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Written:
    """A checkpoint on disk and the model that wrote it.

    Attributes:
        path: the file.
        family: what the reader should call it.
        features: the original backbone, images to `(B, d)`.
        scores: the original head, features to prototype scores; None where the file has no SwaV head.
        size: side of test images.
        backbone: `--backbone`, where the layout needs it.
    """

    path: Path
    family: str
    features: nn.Module
    scores: Scores | None = None
    size: int = 64
    backbone: str | None = None


@dataclass(frozen=True)
class Layout:
    """Attributes: name (as in the docs), verified (how the original was built), write (into a directory)."""

    name: str
    verified: str
    write: Callable[[Path], Written]


# -- originals -------------------------------------------------------------------------------------------------------


def lived_in(module: nn.Module) -> nn.Module:
    """As after training: no running statistic, scale or bias at its initial value; eval mode."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d):
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 2)
            part.num_batches_tracked.fill_(7)
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d | nn.LayerNorm):
            nn.init.normal_(part.weight, 1, 0.1)
            nn.init.normal_(part.bias, 0, 0.1)
    return module.eval().requires_grad_(False)


def torchvision_resnet(
    *,
    block: type[BasicBlock] | type[Bottleneck] = BasicBlock,
    blocks: tuple[int, ...] = (1, 1, 1, 1),
    width: int = 16,
    stem: nn.Conv2d | None = None,
    maxpool: bool = True,
    **options: Any,
) -> ResNet:
    """torchvision's own class with fewer channels, as every wrapper library narrows or widens it."""
    network = ResNet(block, list(blocks), **options)
    network.inplanes = width
    network.conv1 = stem or nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
    network.bn1 = nn.BatchNorm2d(width)
    for stage, depth in enumerate(blocks):
        layer = network._make_layer(block, width * 2**stage, depth, stride=1 if stage == 0 else 2)
        setattr(network, f"layer{stage + 1}", layer)
    if not maxpool:
        network.maxpool = nn.Identity()
    network.fc = nn.Identity()
    return lived_in(network)


def dimension(features: nn.Module, size: int = 64) -> int:
    with torch.inference_mode():
        return features(torch.zeros(1, 3, size, size)).flatten(1).shape[1]


def swav_head(dim: int, prototypes: int = 12) -> tuple[nn.Sequential, nn.Linear]:
    """Head and prototypes of facebookresearch/swav: linear, batch norm, ReLU, linear; no bias on the prototypes."""
    head = nn.Sequential(nn.Linear(dim, 24), nn.BatchNorm1d(24), nn.ReLU(inplace=True), nn.Linear(24, 8))
    last = nn.Linear(8, prototypes, bias=False)
    return lived_in(head), last.eval().requires_grad_(False)


def scores(head: nn.Module, prototypes: nn.Module) -> Scores:
    return lambda features: prototypes(F.normalize(head(features), dim=1, p=2))


def prefixed(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


def lightning(state: dict[str, Tensor], **more: Any) -> dict[str, Any]:
    """What Lightning's `Trainer.save_checkpoint` writes at the end of epoch 3."""
    return {
        "epoch": 3,
        "global_step": 400,
        "pytorch-lightning_version": "2.6.0",
        "state_dict": OrderedDict(state),
        "loops": {"fit_loop": {"epoch_loop.batch_progress": {"is_last_batch": True}}},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_path": "", "current_score": None}},
        "optimizer_states": [
            {"state": {0: {"step": torch.tensor(4.0), "exp_avg": torch.zeros(5)}}, "param_groups": []}
        ],
        "lr_schedulers": [],
        **more,
    }


def save(path: Path, content: Any, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


# -- lightly ---------------------------------------------------------------------------------------------------------


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


# -- swav, VISSL, mmselfsup, solo-learn, bolts -----------------------------------------------------------------------


def swav_network(**options: Any) -> nn.Sequential:
    """facebookresearch/swav's: one pixel of padding in front of a convolution with one less of its own."""
    width = options.get("width", 16)
    stem = options.pop("stem", nn.Conv2d(3, width, 7, stride=2, padding=2, bias=False))
    return nn.Sequential(nn.ConstantPad2d(1, 0.0), torchvision_resnet(stem=stem, **options)).eval()


class SwavModel(nn.Module):
    """The names of facebookresearch/swav: everything beside each other."""

    def __init__(self, network: ResNet, head: nn.Module, prototypes: nn.Module) -> None:
        super().__init__()
        for name, child in network.named_children():
            if name != "fc":
                self.add_module(name, child)
        self.projection_head, self.prototypes = head, prototypes


def swav_run(directory: Path) -> Written:
    network = swav_network(block=Bottleneck, width=8)
    head, last = swav_head(256)
    wrapped = nn.DataParallel(SwavModel(network[1], head, last))
    content = {"epoch": 26, "state_dict": wrapped.state_dict(), "optimizer": {"state": {}, "param_groups": []}}
    return Written(save(directory / "ckp-25.pth", content), "swav", network, scores(head, last))


def swav_zoo(directory: Path) -> Written:
    network = swav_network(block=Bottleneck, width=8)
    head, last = swav_head(256)
    state = nn.DataParallel(SwavModel(network[1], head, last)).state_dict()
    path = save(directory / "swav_800ep_pretrain.pth.tar", state, _use_new_zipfile_serialization=False)
    return Written(path, "swav", network, scores(head, last))


def swav_wide_multi_head(directory: Path) -> Written:
    # `widen=2` doubles the channels and the bottleneck's inner width as well.
    network = swav_network(block=Bottleneck, width=16, width_per_group=128)
    head, last = swav_head(512)
    heads = nn.Module()
    heads.prototypes0, heads.prototypes1 = last, nn.Linear(8, 20, bias=False)
    content = {"epoch": 3, "state_dict": prefixed("module.", SwavModel(network[1], head, heads).state_dict())}
    return Written(save(directory / "multi.pth.tar", content), "swav", network, scores(head, last))


def vissl(directory: Path) -> Written:
    network = torchvision_resnet(block=Bottleneck, width=8)
    head, last = swav_head(256)
    heads = prefixed("0.projection_head.", head.state_dict()) | prefixed("0.prototypes0.", last.state_dict())
    model = {"trunk": prefixed("_feature_blocks.", network.state_dict()), "heads": heads}
    content = {
        "phase_idx": 5,
        "iteration": 600,
        "type": "consolidated",
        "classy_state_dict": {"base_model": {"model": model}, "optim": {}},
    }
    return Written(save(directory / "model_phase4.torch", content), "vissl", network, scores(head, last))


def mmselfsup(directory: Path) -> Written:
    network = torchvision_resnet(block=Bottleneck, width=8)
    head, last = swav_head(256)
    state = prefixed("backbone.", network.state_dict()) | prefixed("neck.projection_neck.", head.state_dict())
    state |= prefixed("neck.bn.", head[1].state_dict()) | prefixed("head.loss.prototypes.", last.state_dict())
    content = {"meta": {"epoch": 12, "iter": 3000, "cfg": "…"}, "state_dict": state, "optimizer": {}}
    return Written(save(directory / "epoch_12.pth", content), "mmselfsup / mmpretrain", network, scores(head, last))


def mmpretrain(directory: Path) -> Written:
    network = torchvision_resnet(block=Bottleneck, width=8)
    head, last = swav_head(256)
    state = prefixed("backbone.", network.state_dict()) | prefixed("neck.projection_neck.", head.state_dict())
    state |= prefixed("head.loss_module.prototypes.", last.state_dict())
    state |= {"data_preprocessor.mean": torch.zeros(3, 1, 1)}
    content = {"meta": {"epoch": 2, "iter": 30}, "state_dict": state}
    return Written(save(directory / "epoch_2.pth", content), "mmselfsup / mmpretrain", network, scores(head, last))


def weight_normed(last: nn.Linear) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # solo-learn and DINO use the old one, which torch calls deprecated
        return nn.utils.weight_norm(last)


def solo_learn(directory: Path, prefix: str = "backbone.", *, cifar: bool = False) -> Written:
    stem = nn.Conv2d(3, 16, 3, stride=1, padding=2, bias=False) if cifar else None
    network = torchvision_resnet(stem=stem, maxpool=not cifar)
    head, last = swav_head(128)
    normed = weight_normed(last)
    state = prefixed(prefix, network.state_dict()) | prefixed("projector.", head.state_dict())
    state |= prefixed("prototypes.", normed.state_dict()) | prefixed("classifier.", nn.Linear(128, 10).state_dict())
    state |= {"queue": torch.zeros(2, 5, 8)} | prefixed("momentum_" + prefix, network.state_dict())
    path = save(directory / "swav-cifar10-x1y2-ep=9.ckpt", lightning(state))
    return Written(path, "solo-learn", network, scores(head, normed), size=32 if cifar else 64)


def solo_learn_cifar(directory: Path) -> Written:
    return solo_learn(directory, cifar=True)


def solo_learn_encoder(directory: Path) -> Written:
    return solo_learn(directory, "encoder.")


def solo_learn_parametrised(directory: Path) -> Written:
    network = torchvision_resnet()
    head, last = swav_head(128)
    normed = nn.utils.parametrizations.weight_norm(last)
    state = prefixed("backbone.", network.state_dict()) | prefixed("projector.", head.state_dict())
    state |= prefixed("prototypes.", normed.state_dict())
    return Written(save(directory / "new.ckpt", lightning(state)), "solo-learn", network, scores(head, normed))


def bolts_cifar(directory: Path) -> Written:
    stem = nn.Conv2d(3, 16, 3, stride=1, padding=1, bias=False)
    network = swav_network(stem=stem, maxpool=False)
    head, last = swav_head(128)
    state = prefixed("model.", SwavModel(network[1], head, last).state_dict())
    parameters = {"arch": "resnet18", "first_conv": False, "maxpool1": False, "temperature": 0.1, "epsilon": 0.05}
    path = save(directory / "bolts.ckpt", lightning(state, hyper_parameters=parameters))
    return Written(path, "bolts", network, scores(head, last), size=32)


def stable_pretraining(directory: Path) -> Written:
    network = timm_vit()
    head, last = swav_head(128)
    state = prefixed("backbone.", network.state_dict()) | prefixed("projector.", head.state_dict())
    state |= prefixed("prototypes.", last.state_dict())
    state |= prefixed("callbacks_modules.linear_probe.", nn.Linear(128, 10).state_dict())
    path = save(directory / "spt.ckpt", lightning(state))
    return Written(path, "stable-pretraining", network, scores(head, last), size=32)


# -- transformers ----------------------------------------------------------------------------------------------------


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
    return Written(save(directory / "checkpoint0020.pth", content), "dino", teacher, size=32)


def dino_student(directory: Path) -> Written:
    student = torchvision_resnet(block=Bottleneck, width=8)
    state = prefixed("module.backbone.", student.state_dict()) | prefixed("module.head.", dino_head(256))
    return Written(save(directory / "student.pth", {"student": state, "epoch": 1}), "dino", student)


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
    return Written(path, "dino", network, size=32)


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


# -- backbones by themselves -----------------------------------------------------------------------------------------


def torchvision_dict(directory: Path) -> Written:
    network = lived_in(resnet18())
    path = save(directory / "resnet18.pth", network.state_dict())
    features = copy.deepcopy(network)
    features.fc = nn.Identity()
    return Written(path, "plain backbone", features)


def torchvision_safetensors(directory: Path) -> Written:
    network = torchvision_resnet(block=Bottleneck, width=8, groups=4, width_per_group=32)
    save_file(network.state_dict(), directory / "resnext.safetensors")
    return Written(directory / "resnext.safetensors", "plain backbone", network)


def timm_ema(directory: Path) -> Written:
    network = timm_vit()
    content = {"epoch": 4, "arch": "vit", "state_dict": timm_vit().state_dict(), "state_dict_ema": network.state_dict()}
    return Written(save(directory / "model_best.pth.tar", content), "plain backbone", network, size=32)


def timm_resnet(directory: Path) -> Written:
    import timm

    network = lived_in(timm.create_model("resnet18", num_classes=0))
    save_file(network.state_dict(), directory / "resnet18.safetensors")
    return Written(directory / "resnet18.safetensors", "plain backbone", network)


def lightly_train_export(directory: Path) -> Written:
    network = torchvision_resnet()
    (directory / "exported_models").mkdir()
    path = save(directory / "exported_models" / "exported_last.pt", network.state_dict())
    return Written(path, "plain backbone", network)


def unknown_prefix(directory: Path) -> Written:
    network = torchvision_resnet(stem=nn.Conv2d(3, 16, 3, stride=1, padding=1, bias=False), maxpool=False)
    wrapped = nn.DataParallel(network)
    state = prefixed("net.image_tower.", wrapped.state_dict())
    return Written(save(directory / "own.pt", {"model": state}), "plain backbone", network, size=32)


def half_precision(directory: Path) -> Written:
    network = torchvision_resnet()
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in network.state_dict().items()
    }
    network.load_state_dict(state)
    return Written(save(directory / "half.pt", state), "plain backbone", network)


def by_timm_name(directory: Path) -> Written:
    import timm

    network = lived_in(timm.create_model("convnext_atto", num_classes=0))
    path = save(directory / "convnext.ckpt", lightning(prefixed("backbone.", network.state_dict())))
    return Written(path, "stable-pretraining", network, backbone="timm:convnext_atto")


def own_factory() -> nn.Module:
    """A user's own network, named by `--backbone checkpoint_layouts:own_factory`."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(1), nn.Linear(8, 6)
    )


def by_factory(directory: Path) -> Written:
    network = lived_in(own_factory())
    path = save(directory / "own.ckpt", lightning(prefixed("model.encoder.", network.state_dict())))
    return Written(path, "plain backbone", network, backbone="checkpoint_layouts:own_factory")


def swaveval_pretrain(directory: Path) -> Written:
    stem = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
    model = LightlyModel(torchvision_resnet(stem=stem, maxpool=False), 128)
    body = {"kind": "resnet", "blocks": [1, 1, 1, 1], "block": "basic", "width": 16, "stem": "small"}
    parameters = {
        "backbone": body | {"stem_stride": 2, "maxpool": False},
        "swav": {"temperature": 3.0, "epsilon": 0.03},
    }
    content = lightning(model.state_dict(), hyper_parameters=parameters, swaveval_epoch=4)
    return Written(save(directory / "epoch=4.ckpt", content), "swaveval", model.backbone, model.scores, size=32)


def swaveval_timm(directory: Path) -> Written:
    import timm

    network = lived_in(timm.create_model("convnext_atto", num_classes=0))
    model = LightlyModel(network, 320)
    parameters = {"backbone": {"kind": "timm", "name": "convnext_atto", "image_size": 64}}
    content = lightning(model.state_dict(), hyper_parameters=parameters, swaveval_epoch=4)
    return Written(save(directory / "epoch=4.ckpt", content), "swaveval", network, model.scores)


LIGHTLY, TORCHVISION, TIMM = "lightly's classes", "torchvision's class", "timm's class"
FORMAT = "torchvision's class under the documented names"
TIMM_FORMAT = "timm's class under the documented names"

LAYOUTS = (
    Layout("lightly example", "lightly's and torchvision's classes", lightly_example),
    Layout("lightly, head before 2022-10", f"{LIGHTLY}, old head after the documented names", lightly_old_head),
    Layout("lightly CIFAR benchmark", LIGHTLY, lightly_cifar),
    Layout("lightly CIFAR benchmark, bottleneck", LIGHTLY, lightly_cifar_bottleneck),
    Layout("lightly ImageNet benchmark", "lightly's and torchvision's classes", lightly_imagenet),
    Layout("lightly after torch.compile", "torch.compile on torchvision's class", lightly_compiled),
    Layout("facebookresearch/swav run", f"{FORMAT}, DataParallel", swav_run),
    Layout("facebookresearch/swav zoo (torch < 1.6 format)", f"{FORMAT}, DataParallel", swav_zoo),
    Layout("facebookresearch/swav, wide, several prototype heads", FORMAT, swav_wide_multi_head),
    Layout("solo-learn", f"{FORMAT}, torch's weight norm", solo_learn),
    Layout("solo-learn CIFAR (padding 2)", f"{FORMAT}, torch's weight norm", solo_learn_cifar),
    Layout("solo-learn, `encoder.` names", f"{FORMAT}, torch's weight norm", solo_learn_encoder),
    Layout("solo-learn, parametrised weight norm", f"{FORMAT}, torch's parametrisation", solo_learn_parametrised),
    Layout("VISSL", FORMAT, vissl),
    Layout("mmselfsup", FORMAT, mmselfsup),
    Layout("mmpretrain", FORMAT, mmpretrain),
    Layout("lightning-bolts CIFAR", FORMAT, bolts_cifar),
    Layout("stable-pretraining", TIMM_FORMAT, stable_pretraining),
    Layout("DINO run (teacher)", TIMM_FORMAT, dino_run),
    Layout("DINO student, ResNet", FORMAT, dino_student),
    Layout("DINOv2 teacher, chunked blocks", TIMM_FORMAT, dinov2_teacher),
    Layout("DINOv2 with registers", TIMM_FORMAT, dinov2_registers),
    Layout("DINOv2 giant (SwiGLU)", TIMM_FORMAT, dinov2_gated),
    Layout("timm ViT with registers, safetensors", TIMM, timm_registers),
    Layout("timm training script, EMA", TIMM, timm_ema),
    Layout("timm ResNet, safetensors", TIMM, timm_resnet),
    Layout("torchvision dict", TORCHVISION, torchvision_dict),
    Layout("torchvision ResNeXt, safetensors", TORCHVISION, torchvision_safetensors),
    Layout("lightly-train export", TORCHVISION, lightly_train_export),
    Layout("own prefix, DDP", TORCHVISION, unknown_prefix),
    Layout("half precision", TORCHVISION, half_precision),
    Layout("any timm model by `--backbone timm:NAME`", TIMM, by_timm_name),
    Layout("anything by `--backbone module:factory`", "the factory itself", by_factory),
    Layout("swaveval pretrain", "torchvision's and lightly's classes", swaveval_pretrain),
    Layout("swaveval pretrain, timm backbone", "timm's and lightly's classes", swaveval_timm),
)


# -- the proof -------------------------------------------------------------------------------------------------------


def difference(written: Written) -> tuple[float, float | None]:
    """Largest absolute difference of features, and of prototype scores, between original and what was read."""
    from swaveval.checkpoints import LoadOptions, load

    read = load(written.path, options=LoadOptions(backbone=written.backbone))
    images = torch.randn(3, 3, written.size, written.size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = written.features(images).flatten(1)
        features = read.module(images)
        if features.shape != expected.shape or read.feature_dim != expected.shape[1]:
            raise AssertionError(f"features {tuple(features.shape)} in place of {tuple(expected.shape)}")
        if written.scores is None:
            return float((features - expected).abs().max()), None
        assert read.head is not None, read.report.warnings
        gap = (read.head(expected) - written.scores(expected)).abs().max()
        return float((features - expected).abs().max()), float(gap)


def table() -> str:
    """The Markdown table of docs/checkpoints.md."""
    rows = ["| layout | original built from | family | features | prototype scores |", "|---|---|---|---|---|"]
    for layout in LAYOUTS:
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as directory:
            written = layout.write(Path(directory))
            features, head = difference(written)
        shown = "–" if head is None else _number(head)
        rows.append(f"| {layout.name} | {layout.verified} | {written.family} | {_number(features)} | {shown} |")
    return "\n".join(rows)


def _number(value: float) -> str:
    return "0" if value == 0 else f"{value:.0e}"


BEGIN, END = "<!-- layouts: begin -->", "<!-- layouts: end -->"


def main() -> None:
    text = table()
    if "--write" not in sys.argv:
        print(text)
        return
    page = Path(__file__).parents[2] / "docs" / "checkpoints.md"
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
