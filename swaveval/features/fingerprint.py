"""BatchNorm's running statistics as a record of what went through a network in training.

A pass of like images through the same geometry, normalised by its own batches as in training, has like statistics
layer by layer; through another stride, pooling, padding or normalisation it has not.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

BatchNorm = nn.modules.batchnorm._BatchNorm


@dataclass(frozen=True, slots=True)
class Mismatch:
    """How far the statistics of a sample lie from the running statistics, for each BatchNorm in order of execution.

    Attributes:
        mean: root mean square over channels of (mean − running mean)/running standard deviation.
        variance: mean over channels of |ln(variance/running variance)|.
    """

    mean: tuple[float, ...]
    variance: tuple[float, ...]

    @property
    def all(self) -> float:
        """Root mean square over the layers of both together; 0 for equal statistics."""
        return float(np.sqrt(np.mean(np.square(self.mean) + np.square(self.variance))))

    @property
    def first(self) -> float:
        """Both together at the first layer, which knows the images and nothing of stride or pooling."""
        return float(np.hypot(self.mean[0], self.variance[0]))


def records(module: nn.Module) -> list[BatchNorm]:
    """The BatchNorm layers that have running statistics from training (not those of initialisation)."""
    found = []
    for layer in module.modules():
        if isinstance(layer, BatchNorm) and layer.running_mean is not None and layer.running_var is not None:
            untouched = not layer.running_mean.any() and bool((layer.running_var == 1).all())
            found += [] if untouched else [layer]
    return found


# What is left of the first values in running statistics that are settled, at most: of the mean (28 batches at a
# momentum of .1 leave .05), and of the median channel's variance. Measured on small SwaV trainings shown their own
# images: from these on nothing is off by more than a long training is; at half of the share everything seems strange.
_LEFT, _SHARE = 0.05, 0.25


def settled(module: nn.Module, batches: int | None) -> bool:
    """Whether running statistics are those of images, and no longer those that they began with (mean 0, variance 1).

    Args:
        batches: how many each BatchNorm has seen; where nobody counted them, the statistics are taken as they are.
    """
    asked = [layer for layer in records(module) if layer.momentum is not None]  # else an average of all from the first
    if not batches or batches < 0:
        return True
    left = [(1 - float(layer.momentum or 0)) ** batches for layer in asked]
    shares = [share / layer.running_var.clamp(min=1e-12) for share, layer in zip(left, asked, strict=True)]  # type: ignore[union-attr]
    # No variance is below what is left of its first value: then the momentum, which no file states, was another one.
    if any(bool((share > 1.01).any()) for share in shares):
        return True
    return all(one <= _LEFT for one in left) and all(float(share.median()) <= _SHARE for share in shares)


@dataclass(frozen=True, slots=True)
class Layer:
    """What went through one BatchNorm beside what it has a record of; float64, one value a channel.

    Attributes:
        mean: of the sample, as it differs from the running mean. variance: of the sample.
        running: running variance. eps: that BatchNorm adds to both variances.
    """

    mean: Tensor
    variance: Tensor
    running: Tensor
    eps: float


class _Enough(Exception):
    """Raised inside a forward pass when the last layer that is asked for has been reached."""


@contextmanager
def _as_in_training(module: nn.Module, layers: Sequence[BatchNorm]) -> Iterator[None]:
    """These layers normalise by their batches, all else is in eval mode; afterwards everything is what it was.

    Copying a network for each pass took as long as small passes.
    """
    modes = {part: part.training for part in module.modules()}
    momenta = [layer.momentum for layer in layers]
    buffers = [(part, part._buffers) for part in modes if part._buffers]
    try:
        module.eval()
        for part, held in buffers:  # a pass writes into these
            part._buffers = {name: None if value is None else value.clone() for name, value in held.items()}
        for layer in layers:
            layer.training, layer.momentum = True, 0.0
        yield
    finally:
        for part, held in buffers:
            part._buffers = held
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for part, training in modes.items():
            part.training = training


@torch.inference_mode()
def passed(module: nn.Module, batches: Iterable[Tensor], *, layers: int | None = None) -> list[Layer] | None:
    """Statistics of images at every BatchNorm with a record, in order of execution.

    Every BatchNorm normalises by its batch, as in training: so a difference in an early layer is not carried on into
    all later ones, and images other than those of the training differ less.

    Args:
        module: left as it is.
        batches: float32 images `(B, C, H, W)` as the network takes them, B > 1.
        layers: how many BatchNorms to look at; the pass ends there. None takes all.

    Returns:
        None where no BatchNorm has a record, or the images are too small for the network.
    """
    asked = records(module)
    if not asked:
        return None
    sums: dict[BatchNorm, tuple[int, Tensor, Tensor]] = {}

    def recorder(layer: BatchNorm) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            values = inputs[0]
            # Deviations from the running mean, so that float32 does not lose small variances beside large means.
            off = values - layer.running_mean.view((1, -1) + (1,) * (values.dim() - 2))  # type: ignore[union-attr]
            over = [axis for axis in range(values.dim()) if axis != 1]
            first, second = off.sum(over).double(), (off * off).sum(over).double()
            count = values.numel() // values.shape[1]
            if layer in sums:
                earlier = sums[layer]
                count, first, second = count + earlier[0], first + earlier[1], second + earlier[2]
            sums[layer] = (count, first, second)
            if layers is not None and len(sums) >= layers:
                raise _Enough

        return hook

    with _as_in_training(module, asked), ExitStack() as hooks:
        for layer in asked:
            hooks.callback(layer.register_forward_pre_hook(recorder(layer)).remove)
        for batch in batches:
            try:
                module(batch)
            except _Enough:
                continue
            except (RuntimeError, ValueError):  # nothing left of the image, or one value per channel
                return None
    found = []
    for layer, (count, first, second) in sums.items():
        mean = first / count
        variance = (second / count - mean * mean).clamp(min=0)
        found.append(Layer(mean, variance, layer.running_var.double(), layer.eps))  # type: ignore[union-attr]
    return found or None


def compared(layers: Sequence[Layer], other: Sequence[Layer] | None = None, share: float = 0.0) -> Mismatch:
    """How far statistics lie from the running ones.

    Args:
        other: those of other images at the same layers. share: their part in the running average.
    """
    means, variances = [], []
    for position, layer in enumerate(layers):
        mean, variance = layer.mean, layer.variance
        if other is not None:
            mean = torch.lerp(mean, other[position].mean, share)
            variance = torch.lerp(variance, other[position].variance, share)
        means.append(float((mean * mean / (layer.running + layer.eps)).mean().sqrt()))
        variances.append(float(((variance + layer.eps) / (layer.running + layer.eps)).log().abs().mean()))
    return Mismatch(tuple(means), tuple(variances))


def mismatch(module: nn.Module, batches: Iterable[Tensor], *, layers: int | None = None) -> Mismatch | None:
    """Hold the statistics of images against the running statistics of a network; arguments as of `passed`."""
    found = passed(module, batches, layers=layers)
    held = compared(found) if found else None
    return held if held is not None and np.isfinite(held.all) else None


# The part of small crops in a running average of momentum .1, where 2 large crops and then 4, 6, 8 small ones pass one
# by one (lightly, DINO), and where those of a size pass together (swav).
SHARES = (1 - 0.9**4) / (1 - 0.9**6), (1 - 0.9**6) / (1 - 0.9**8), (1 - 0.9**8) / (1 - 0.9**10), 0.1 / 0.19


# A mixture of two crops fits more easily than one: it must fit so much better.
_MIXED = 1.15


def best_of(module: nn.Module, samples: Sequence[Sequence[Tensor]], *, layers: int | None = None) -> Mismatch | None:
    """The smallest mismatch over several samples of one image set: as they are, and as training may have shown them."""
    found = [held for sample in samples if (held := mismatch(module, sample, layers=layers)) is not None]
    return min(found, key=lambda held: held.first if layers == 1 else held.all) if found else None


def least_off(
    module: nn.Module, samples: Sequence[Sequence[Tensor]], small: Sequence[Tensor] = (), *, layers: int | None = None
) -> float:
    """Mismatch over all layers of the sample that fits best; infinite where none can be had.

    Args:
        samples: of one image set, as large crops. small: small ones, of a network that may have been trained with both:
            its running statistics mix them in one of `SHARES`.
    """
    crops = passed(module, small, layers=layers) if small else None
    found = [np.inf]
    for sample in samples:
        whole = passed(module, sample, layers=layers)
        if whole is not None:
            found.append(compared(whole).all)
            found += [_MIXED * compared(whole, crops, share).all for share in SHARES if crops is not None]
    return float(np.nanmin(found))
