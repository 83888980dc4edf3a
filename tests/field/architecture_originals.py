"""Classifiers of timm and torchvision with weights of their own, their pooled features, and how people wrap a file."""

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

SIDES = (64, 96, 128, 160, 192, 224, 256)

# The last layer of torchvision's classes, whose input are their pooled features.
_TORCHVISION_HEADS = {
    "alexnet": "classifier.6",
    "convnext": "classifier.2",
    "densenet": "classifier",
    "efficientnet": "classifier.1",
    "googlenet": "fc",
    "inception": "fc",
    "maxvit": "classifier.5",
    "mnasnet": "classifier.1",
    "mobilenet_v2": "classifier.1",
    "mobilenet_v3": "classifier.3",
    "regnet": "fc",
    "resnet": "fc",
    "resnext": "fc",
    "shufflenet": "fc",
    "swin": "head",
    "vgg": "classifier.6",
    "vit": "heads.head",
    "wide_resnet": "fc",
}


WRAPPERS: dict[str, Callable[[dict[str, Tensor]], Any]] = {
    "bare": lambda state: state,
    "state_dict: module.*": lambda state: {"state_dict": {f"module.{name}": value for name, value in state.items()}},
    "model": lambda state: {"model": state},
    "Lightning": lambda state: {
        "epoch": 3,
        "global_step": 400,
        "pytorch-lightning_version": "2.6.0",
        "state_dict": {f"backbone.{name}": value for name, value in state.items()},
    },
}


@dataclass(frozen=True)
class Original:
    """Attributes: name (as `--backbone` takes it), module (with classifier), features (its own, pooled), side (px)."""

    name: str
    module: nn.Module
    features: Callable[[Tensor], Tensor]
    side: int

    def images(self, count: int = 2) -> Tensor:
        """Noise with structure at several scales, about normalised."""
        generator = torch.Generator().manual_seed(1)
        coarse = torch.randn(count, 3, 8, 8, generator=generator)
        fine = torch.randn(count, 3, self.side, self.side, generator=generator)
        return nn.functional.interpolate(coarse, (self.side, self.side), mode="bilinear") + 0.3 * fine


@contextmanager
def undrawn() -> Iterator[None]:
    """Random initialisation costs more than everything else here and is overwritten: zeros instead."""
    names = ("normal_", "uniform_", "trunc_normal_", "erfinv_")
    before = {name: getattr(Tensor, name) for name in names if hasattr(Tensor, name)}
    try:
        for name in before:
            setattr(Tensor, name, lambda self, *args, **options: self.zero_())
        yield
    finally:
        for name, method in before.items():
            setattr(Tensor, name, method)


def names() -> list[str]:
    """All of timm's and torchvision's classifiers, in a fixed random order."""
    import timm
    from torchvision import models

    found = [f"timm:{name}" for name in timm.list_models()]
    found += [f"torchvision:{name}" for name in models.list_models(module=models)]
    random.Random(13).shuffle(found)
    return found


def parameters(name: str) -> int:
    """How many it has; built without memory where that is possible."""
    try:
        with torch.device("meta"):
            module = _created(name)
    except Exception:
        module = _created(name)
    return sum(parameter.numel() for parameter in module.parameters())


def _created(name: str) -> nn.Module:
    kind, _, rest = name.partition(":")
    if kind == "timm":
        import timm

        return timm.create_model(rest, pretrained=False)
    from torchvision import models

    return models.get_model(rest, weights=None)


def original(name: str) -> Original:
    """The model as its library builds it, every weight and statistic another than at its initialisation."""
    with undrawn():
        module = _created(name).eval().requires_grad_(False)
    _fill(module, seed=name)
    features = _timm_features(module) if name.startswith("timm:") else _torchvision_features(name, module)
    made = Original(name, module, features, _side(module))
    _settle(module, made.images(4))
    _round(module)
    return made


def _pool() -> Tensor:
    global _POOL
    if _POOL is None:
        _POOL = torch.randn(1 << 22, generator=torch.Generator().manual_seed(0))
    return _POOL


_POOL: Tensor | None = None


def _fill(module: nn.Module, *, seed: str) -> None:
    """Weights from one pool of normal numbers, each tensor from another place in it."""
    pool, dice = _pool(), random.Random(seed)
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        count = tensor.numel()
        start = dice.randrange(len(pool) - min(count, len(pool) - 1))
        drawn = pool[start : start + count] if count < len(pool) else pool.repeat(count // len(pool) + 1)[:count]
        drawn = drawn.reshape(tensor.shape)
        last = name.rsplit(".", 1)[-1]
        if last == "running_var":
            tensor.copy_(drawn.abs() * 0.3 + 0.5)
        elif last in ("running_mean", "bias"):
            tensor.copy_(0.1 * drawn)
        elif tensor.dim() <= 1 or max(tensor.shape) == count:
            tensor.copy_((1 if last == "weight" else 0.5) + 0.1 * drawn)
        elif last == "weight":
            tensor.copy_(drawn / math.sqrt(max(1, count // tensor.shape[0])))
        else:
            tensor.copy_(0.3 * drawn)


def _settle(module: nn.Module, images: Tensor) -> None:
    """BatchNorm's statistics as training leaves them: those of what goes through."""
    layers = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    if not layers:
        return
    for layer in layers:
        layer.train()
        layer.momentum = 1.0
    try:
        with torch.inference_mode():
            module(images)
    except ValueError:  # one value per channel has no variance
        pass
    finally:
        for layer in layers:
            layer.eval()


def _round(module: nn.Module) -> None:
    """Weights that half precision holds exactly, so that the files are half as large."""
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(tensor.clamp(-6e4, 6e4).half().float())


def _side(module: nn.Module) -> int:
    config = getattr(module, "pretrained_cfg", None) or {}
    own = config.get("input_size", (3, 224, 224))[-1]
    sides = (own,) if config.get("fixed_input_size") else (*(side for side in SIDES if side < own), own)
    for side in sides:
        try:
            with torch.inference_mode():
                module(torch.zeros(1, 3, side, side))
        except (RuntimeError, AssertionError, ValueError, TypeError, IndexError):
            continue
        return int(side)
    raise RuntimeError(f"takes no images of {sides} px")


def _timm_features(module: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda images: module.forward_head(module.forward_features(images), pre_logits=True)


def _torchvision_features(name: str, module: nn.Module) -> Callable[[Tensor], Tensor]:
    rest = name.partition(":")[2]
    if rest.startswith("squeezenet"):  # its classifier is a convolution: ReLU and pooling of what goes in
        return lambda images: module.features(images).relu().mean((2, 3))
    kind = max((kind for kind in _TORCHVISION_HEADS if rest.startswith(kind)), key=len)
    head = module.get_submodule(_TORCHVISION_HEADS[kind])

    def features(images: Tensor) -> Tensor:
        seen: list[Tensor] = []
        handle = head.register_forward_pre_hook(lambda part, inputs: seen.append(inputs[0]))
        module(images)
        handle.remove()
        return seen[0]

    return features
