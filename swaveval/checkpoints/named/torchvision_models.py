"""`torchvision:NAME` (or `torchvision.models:NAME`): torchvision's own class, whose classifier is taken off later."""

import difflib
import math
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import nn

from swaveval.checkpoints.named.made import Made
from swaveval.checkpoints.sandbox.description import TensorInfo
from swaveval.checkpoints.sandbox.failure import Failure, printable

# Their training code normalises inside the network when it was given torchvision's own weights.
_TRANSFORM_INPUT = ("googlenet", "inception_v3")


def torchvision_model(name: str, *, side: int | None, channels: int = 3) -> Made:
    """torchvision's model of this name, with its classifier, at random initialisation.

    Args:
        side: of the images that a transformer's position embeddings are made for; None leaves torchvision's own.
        channels: of the images; for others than three the first convolution is replaced, as people do.

    Raises:
        Failure: torchvision has none of this name.
    """
    from torchvision import models

    known = models.list_models(module=models)  # of other modules (detection …) some download a backbone when built
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.7)
        hint = f"; near it are {', '.join(near)}" if near else ""
        raise Failure("unsupported", f"torchvision has no classifier called {printable(name, 60)}{hint}")
    options: dict[str, Any] = {}
    if side and name.startswith("vit_"):
        options["image_size"] = side
    # With weights that follow, drawing these networks' truncated normals would cost seconds for nothing.
    quick = {"init_weights": False} if name in _TRANSFORM_INPUT else {}
    slow = {"init_weights": True} if name in _TRANSFORM_INPUT else {}
    try:
        module = _built(name, options | quick, channels)
    except (RuntimeError, ValueError, TypeError) as error:
        raise Failure("unsupported", f"torchvision does not build {name}: {printable(error)}") from None
    notes = (
        (f"torchvision's own weights of {name} expect images it normalises itself (transform_input); these do not",)
        if name in _TRANSFORM_INPUT
        else ()
    )
    return Made(
        build=partial(_built, name, options | slow, channels),
        module=module,
        words=f"torchvision {name}",
        scores=True,
        sides=(side,) if side else (),
        notes=notes,
    )


def _built(name: str, options: dict[str, Any], channels: int) -> nn.Module:
    from torchvision import models

    with warnings.catch_warnings():  # of a default that may change
        warnings.simplefilter("ignore")
        return _taking(models.get_model(name, weights=None, **options), channels)


def _taking(module: nn.Module, channels: int) -> nn.Module:
    """The network with a first convolution for so many channels, drawn as widely as the one in its place; in place."""
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d):
            if part.in_channels != channels and part.groups == 1:
                other = nn.Conv2d(
                    channels,
                    part.out_channels,
                    part.kernel_size,  # type: ignore[arg-type]
                    stride=part.stride,  # type: ignore[arg-type]
                    padding=part.padding,  # type: ignore[arg-type]
                    bias=part.bias is not None,
                )
                nn.init.normal_(other.weight, std=float(part.weight.std()))
                module.set_submodule(name, other)
            break
    return module


def trained_side(tensors: Mapping[str, TensorInfo]) -> int | None:
    """The image size that position embeddings and patch size show, or None."""
    for name, info in tensors.items():
        if name.endswith("encoder.pos_embedding") and len(info.shape) == 3:
            patch = tensors.get(name[: -len("encoder.pos_embedding")] + "conv_proj.weight")
            if patch is not None and len(patch.shape) == 4:
                return math.isqrt(info.shape[1] - 1) * patch.shape[2]
    return None
