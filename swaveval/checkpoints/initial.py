"""A network nobody trained: what the training of a checkpoint would have started from."""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from swaveval.checkpoints.backbone import Backbone
from swaveval.checkpoints.load_report import LoadReport
from swaveval.checkpoints.weights_digest import tensor_hashes, weights_digest

# A factor this small lets nothing through; CaiT, DINOv2 and ConvNeXt start theirs at 1e-5 or 1e-6.
_ASLEEP = 1e-4
_FACTOR = re.compile(r"(gamma|gamma_?\d|lambda_?\d|layer_scale(_?\d)?|scale|alpha|skipinit_gain|ls\d|grn_weight)$")


def random_backbone(like: Backbone, seed: int) -> Backbone:
    """The same architecture at random initialisation, head included: the baseline beside the checkpoints.

    It is built as the network itself is built. Blocks whose last factor starts at zero (timm's `zero_init_last`, layer
    scale) take no part in an untrained network and take part in every trained one, from the first step on; they take
    part here as they do in the checkpoint (`asleep`), or any training would look like a rise from chance.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = _fresh(like, seed)
        head = None if like.head is None else reset(copy.deepcopy(like.head))
        follow(module, like.module)
    module.eval().requires_grad_(False)
    hashes = tensor_hashes(_named("backbone", module.state_dict()))
    digest = weights_digest(hashes, like.architecture)
    full = digest
    if head is not None:
        head.eval().requires_grad_(False)
        full = weights_digest(hashes | tensor_hashes(_named("head", head.state_dict())), like.architecture)
    report = LoadReport(
        file=f"random initialisation, seed {seed}",
        state="ready",
        architecture=like.architecture,
        matched=1.0,
        feature_dim=like.feature_dim,
        prototypes=like.report.prototypes,
        digest=full,
        backbone_digest=digest,
        dtype="F32",
    )
    return replace(like, module=module, head=head, digest=full, report=report)


def asleep(module: nn.Module) -> frozenset[str]:
    """Names of factors that let nothing of their block through: all of them zero, or layer scales next to it."""
    return frozenset(name for name, _, value in _factors(module) if _asleep(value.detach()))


def _asleep(value: Tensor) -> bool:
    # The first value decides for nearly all of them. A whole layer is asleep at zero only (gMLP's gates start near it).
    most = _ASLEEP if max(value.shape, default=1) == value.numel() else 0.0
    return abs(float(value.flatten()[0])) <= most and float(value.abs().max()) <= most


def untouched(module: nn.Module) -> bool:
    """Whether no BatchNorm of a network that has some has ever seen an image: all running means 0, all variances 1."""
    layers = [
        (layer.running_mean, layer.running_var)
        for layer in module.modules()
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.running_mean is not None
    ]
    return bool(layers) and all(
        not mean.any() and variance is not None and bool((variance == 1).all()) for mean, variance in layers
    )


def batches(module: nn.Module) -> int | None:
    """How many batches each BatchNorm has seen, the fewest; None where there is none that counts them."""
    counts = [
        int(layer.num_batches_tracked)
        for layer in module.modules()
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.num_batches_tracked is not None
    ]
    return min(counts, default=None)


def started(built: nn.Module | None, filled: nn.Module) -> str:
    """How the baselines of a checkpoint start otherwise than its library lets them; "" where they do not.

    Args:
        built: the architecture as its library makes it, None for our own. filled: with the checkpoint's weights.
    """
    fresh, now = asleep(built) if built is not None else frozenset(), asleep(filled)
    woken, put_to_sleep = len(fresh - now), len(now - fresh)
    words = [f"{woken} factors of residual blocks at 1, not 0"] if woken else []
    return ", ".join(words + ([f"{put_to_sleep} at 0, not 1"] if put_to_sleep else []))


@torch.no_grad()
def follow(module: nn.Module, checkpoint: nn.Module) -> None:
    """Let the blocks of a fresh network take part where they do in the checkpoint, and only there; in place."""
    fresh, theirs = asleep(module), asleep(checkpoint)
    for name, owner, value in _factors(module):
        if name in fresh - theirs:
            # A convolution at zero (preactivated blocks end in one) is drawn; a factor is one.
            owner.reset_parameters() if value.dim() > 1 else value.fill_(1)  # type: ignore[operator]
        elif name in theirs - fresh:
            value.zero_()


def _factors(module: nn.Module) -> Iterator[tuple[str, nn.Module, Tensor]]:
    """Scales of normalisations, layer scales and the like, and whole layers at zero: (name, its module, the values)."""
    for place, owner in module.named_modules():
        for name, value in owner.named_parameters(recurse=False):
            if value.numel() == 0 or value.device.type == "meta":
                continue
            scale = name == "weight" and value.dim() == 1 and "norm" in type(owner).__name__.lower()
            layer = name == "weight" and isinstance(owner, nn.Linear | nn.modules.conv._ConvNd)
            if scale or layer or (_FACTOR.match(name) and value.dim() <= 4):
                yield (f"{place}.{name}" if place else name), owner, value


def _fresh(like: Backbone, seed: int) -> nn.Module:
    """Built anew; where there is nothing to build with, or building gives the same weights each time, drawn anew."""
    if like.build is None:
        return reset(copy.deepcopy(like.module))
    module = like.build()
    if _same(module, like.build()):  # a factory that loads weights, or sets the seed itself
        torch.manual_seed(seed)
        return reset(module)
    return module


def _same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(left, right) for left, right in pairs)


@torch.no_grad()
def reset(module: Any) -> Any:
    """Every parameter drawn anew, in place: as its layer does, else as the network's own `init_weights` does.

    What belongs to no layer that resets itself (tokens, position embeddings, factors) would keep what was learned: such
    matrices are drawn from a normal distribution of standard deviation .02, vectors become what they are called.
    """
    drawn: set[int] = set()
    for part in module.modules():
        if isinstance(part, nn.Module) and callable(getattr(part, "reset_parameters", None)):
            part.reset_parameters()  # type: ignore[operator]
            drawn |= {id(value) for value in part.parameters()}
    for name, value in module.named_parameters():
        if id(value) in drawn or not value.is_floating_point():
            continue
        if max(value.shape, default=1) == value.numel() and "token" not in name:
            value.fill_(0.0 if name.endswith("bias") else 1.0)
        else:
            nn.init.trunc_normal_(value, std=0.02)
    return module


def _named(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}
