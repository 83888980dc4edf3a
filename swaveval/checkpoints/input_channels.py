"""How many channels of an image a network takes."""

from torch import nn


def input_channels(module: nn.Module) -> int | None:
    """Of the first convolution, in the order of the modules; None for a network without one."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            return part.in_channels
    return None
