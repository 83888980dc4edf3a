"""Backbones by themselves, architectures that must be named, and swaveval's own checkpoints."""

import copy
from pathlib import Path

from layouts_of_lightly import LightlyModel
from layouts_of_transformers import timm_vit
from originals import Written, lightning, lived_in, prefixed, save, torchvision_resnet
from safetensors.torch import save_file
from torch import nn
from torchvision.models import resnet18
from torchvision.models.resnet import Bottleneck


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
    """A user's own network, named by `--backbone layouts_of_backbones:own_factory`."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(1), nn.Linear(8, 6)
    )


def by_factory(directory: Path) -> Written:
    network = lived_in(own_factory())
    path = save(directory / "own.ckpt", lightning(prefixed("model.encoder.", network.state_dict())))
    return Written(path, "plain backbone", network, backbone="layouts_of_backbones:own_factory")


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
