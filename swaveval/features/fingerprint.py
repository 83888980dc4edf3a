"""BatchNorm's running statistics as a record of what went through a network in training.

A forward pass on like images through the same geometry has like statistics; through another stride, pooling, padding
or normalisation it has not.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

BatchNorm = nn.modules.batchnorm._BatchNorm
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """How far the statistics of a sample lie from the running statistics, for each BatchNorm in order of execution.

    Attributes:
        layers: names.
        mean: root mean square over channels of (mean − running mean)/running standard deviation.
        variance: mean over channels of |ln(variance/running variance)|.
    """

    layers: tuple[str, ...]
    mean: tuple[float, ...]
    variance: tuple[float, ...]

    def of_mean(self, layers: slice = slice(None)) -> float:
        """Root mean square over the layers of how far the means are off, in standard deviations."""
        return float(np.sqrt(np.mean(np.square(self.mean[layers]))))

    def of_variance(self, layers: slice = slice(None)) -> float:
        """Mean over the layers of |ln of the variance ratio|."""
        return float(np.mean(self.variance[layers]))


def records(module: nn.Module) -> list[BatchNorm]:
    """The BatchNorm layers that have running statistics from training (not those of initialisation)."""
    return [
        layer
        for layer in module.modules()
        if isinstance(layer, BatchNorm)
        and layer.running_mean is not None
        and layer.running_var is not None
        and not (bool((layer.running_mean == 0).all()) and bool((layer.running_var == 1).all()))
    ]


class Enough(Exception):
    """Raised inside a forward pass when the last layer that is asked for has been reached."""


@torch.inference_mode()
def mismatch(module: nn.Module, batches: Iterable[Tensor], *, layers: int | None = None) -> Mismatch:
    """Hold the statistics of images against the running statistics of a network in eval mode.

    Args:
        module: in eval mode.
        batches: float32 images `(B, C, H, W)` as the network takes them.
        layers: how many BatchNorms to look at in order of execution; the pass ends there. None takes all.
    """
    names = {layer: name for name, layer in module.named_modules()}
    sums: dict[BatchNorm, tuple[float, Tensor, Tensor]] = {}
    asked = records(module)

    def record(layer: BatchNorm) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            values = inputs[0].detach()
            # Deviations from the running mean, so that float32 does not lose small variances beside large means.
            shape = (1, -1) + (1,) * (values.dim() - 2)
            off = values - layer.running_mean.view(shape)  # type: ignore[union-attr]
            over = [axis for axis in range(values.dim()) if axis != 1]
            count, first, second = sums.get(layer, (0.0, torch.zeros(()), torch.zeros(())))
            total = values.numel() / values.shape[1]
            sums[layer] = (count + total, first + off.sum(over).double(), second + (off * off).sum(over).double())
            if layers is not None and len(sums) >= layers:
                raise Enough

        return hook

    with _hooked([(layer, record(layer)) for layer in asked]):
        for batch in batches:
            try:
                module(batch)
            except Enough:
                continue
    mean, variance = [], []
    for layer, (count, first, second) in sums.items():
        running = layer.running_var.double() + layer.eps  # type: ignore[union-attr]
        off = first / count
        spread = (second / count - off * off).clamp(min=0) + layer.eps
        mean.append(float((off * off / running).mean().sqrt()))
        variance.append(float((spread / running).log().abs().mean()))
    return Mismatch(tuple(names[layer] for layer in sums), tuple(mean), tuple(variance))


@contextmanager
def _hooked(hooks: list[tuple[BatchNorm, Callable[..., None]]]) -> Iterator[None]:
    handles = [layer.register_forward_pre_hook(hook) for layer, hook in hooks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
