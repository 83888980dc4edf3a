"""Checkpoints of swav, VISSL, mmselfsup, solo-learn and bolts: torchvision's network under their documented names."""

from pathlib import Path
from typing import Any

import torch
from originals import Written, lightning, prefixed, save, scores, swav_head, torchvision_resnet, weight_normed
from torch import nn
from torchvision.models.resnet import Bottleneck, ResNet


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
