"""Models as their own libraries build them, small enough for a test, and how their checkpoints are wrapped."""

import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
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
        counted: outputs of a head that is not SwaV's.
        summed: whether the training's loss is one of several, added.
    """

    path: Path
    family: str
    features: nn.Module
    scores: Scores | None = None
    size: int = 64
    backbone: str | None = None
    counted: int | None = None
    summed: bool = False


@dataclass(frozen=True)
class Layout:
    """Attributes: name (as in the docs), verified (how the original was built), write (into a directory)."""

    name: str
    verified: str
    write: Callable[[Path], Written]


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


def weight_normed(last: nn.Linear) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # solo-learn and DINO use the old one, which torch calls deprecated
        return nn.utils.weight_norm(last)
