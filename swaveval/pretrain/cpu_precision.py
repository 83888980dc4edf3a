"""Half precision on processors: there is no float16, and bf16 leaves part of some convolutions' gradient unset."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from swaveval.pretrain.config import HardwareConfig, Precision
from swaveval.pretrain.errors import ConfigError


def on_cpu(hardware: HardwareConfig) -> bool:
    """Whether Lightning trains on the processor."""
    return hardware.accelerator == "cpu" or (
        hardware.accelerator == "auto" and not (torch.cuda.is_available() or torch.backends.mps.is_available())
    )


def possible_precision(hardware: HardwareConfig) -> Precision:
    """What the training is in: a CPU has no float16, and Lightning takes bf16 there without a word."""
    return "bf16" if hardware.precision == "16" and on_cpu(hardware) else hardware.precision


def check_cpu_precision(module: nn.Module, crop_sizes: Sequence[int], hardware: HardwareConfig) -> None:
    """Refuse bf16 on a CPU where a crop is down to one pixel before a strided convolution.

    There torch (seen with 2.15, oneDNN) fills only the kernel's centre and leaves the rest of the weights' gradient
    as the memory was: about every second run becomes NaN, the others are wrong.

    Raises:
        ConfigError: naming the crop size and what to do.
    """
    if hardware.precision == "32" or not on_cpu(hardware):
        return
    for size in crop_sizes:
        if _strides_over_one_pixel(module, size):
            raise ConfigError(
                f"precision {hardware.precision} on a CPU: crops of {size} px are down to one pixel before a strided "
                "convolution, where torch leaves part of the gradient uninitialised. Use --precision 32, larger crops "
                "(--crop-sizes), or --stem-stride 1"
            )


@torch.no_grad()
def _strides_over_one_pixel(module: nn.Module, size: int) -> bool:
    found = False

    def look(convolution: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal found
        assert isinstance(convolution, nn.Conv2d)
        strided = max(convolution.stride) > 1 and max(convolution.kernel_size) > 1
        found = found or (strided and min(inputs[0].shape[-2:]) == 1)

    hooks = [part.register_forward_pre_hook(look) for part in module.modules() if isinstance(part, nn.Conv2d)]
    training = module.training
    try:
        module.eval()(torch.zeros(1, 3, size, size))
    finally:
        module.train(training)
        for hook in hooks:
            hook.remove()
    return found
