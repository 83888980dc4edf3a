"""Networks that take images of one size only (window transformers, torchvision's ViT) or of other channels, and what is
said of it."""

import torch
from torch import nn

from swaveval.features.errors import FeatureError
from swaveval.text import counted

# Sizes people train at, tried from the nearest to the one that was refused.
CHANNELS = (1, 3, 4, 2)
SIDES = (224, 256, 384, 192, 128, 96, 64, 32, 299, 336, 448, 512, 518)


def refused(module: nn.Module, shape: tuple[int, ...], error: Exception) -> FeatureError:
    """What to say when a network does not take images of shape `(B, C, H, W)`; the sizes it names were tried."""
    taken = [side for side in SIDES if _takes(module, shape[1], side)]
    line = " ".join(str(error).split())[:160]
    if not taken and (other := next((count for count in CHANNELS if _takes(module, count, shape[3])), 0)):
        return FeatureError(
            f"the network takes images of {counted(other, 'channel')}, and these have {shape[1]} "
            f"({type(error).__name__}: {line})"
        )
    said = f"the network does not take images of {shape[3]}×{shape[2]} px ({type(error).__name__}: {line})"
    if not taken:
        return FeatureError(f"{said}, nor of any size people train at")
    return FeatureError(f"{said}; it takes {', '.join(map(str, taken[:4]))}: evaluate with --size {taken[0]}")


@torch.inference_mode()
def _takes(module: nn.Module, channels: int, side: int) -> bool:
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    try:
        module(torch.zeros(1, channels, side, side, device=device))
    except (RuntimeError, AssertionError, ValueError, IndexError):
        return False
    return True
