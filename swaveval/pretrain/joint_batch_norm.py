"""BatchNorm over the joint batch of all processes, on any device and for any network's BatchNorm layers.

torch's SyncBatchNorm works on accelerators only, and exchanges the layers for others: those that do more than normalise
(timm's BatchNormAct2d holds the activation, too) would lose the rest. Here the layers stay as they are, so checkpoints
keep their keys, and it is their call of `torch.nn.functional.batch_norm` that is answered over all processes.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional
from torch.nn.modules._functions import SyncBatchNorm
from torch.overrides import TorchFunctionMode


class JointBatchNorm(TorchFunctionMode):
    """While it is entered, BatchNorm in training takes mean and variance over the batches of all processes.

    Every process must call it in the same order, with batches of the same shape. The gradients of weight and bias are
    those of this process's part, as DistributedDataParallel expects them, which averages them afterwards.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is functional.batch_norm:
            return _batch_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, *rest: Any, **named: Any
) -> Tensor:
    """`torch.nn.functional.batch_norm`, with its arguments."""
    names = ("weight", "bias", "training", "momentum", "eps")
    given: dict[str, Any] = {"weight": None, "bias": None, "training": False, "momentum": 0.1, "eps": 1e-5}
    given |= dict(zip(names, rest, strict=False)) | named
    if not given["training"] or not dist.is_initialized() or dist.get_world_size() == 1:
        return functional.batch_norm(input, running_mean, running_var, **given)
    weight, bias, eps, momentum = given["weight"], given["bias"], given["eps"], given["momentum"]
    if input.is_cuda:
        normalised: Tensor = SyncBatchNorm.apply(
            input, weight, bias, running_mean, running_var, eps, momentum, dist.group.WORLD, dist.get_world_size()
        )
        return normalised
    normalised, mean, variance = _Normalised.apply(input, weight, bias, eps)
    if running_mean is not None and running_var is not None:
        count = input.numel() // input.shape[1] * dist.get_world_size()
        running_mean.mul_(1 - momentum).add_(mean, alpha=momentum)
        running_var.mul_(1 - momentum).add_(variance, alpha=momentum * count / max(count - 1, 1))
    return normalised


class _Normalised(torch.autograd.Function):
    """(x − μ) / √(σ² + eps) · weight + bias with μ, σ² of all processes (Ioffe and Szegedy 2015), and μ and σ²."""

    @staticmethod
    def forward(
        context: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`x` is `(B, C, …)`; μ and σ² (biased) are float32 of shape `(C,)`."""
        axes = [axis for axis in range(x.dim()) if axis != 1]
        variance, mean = torch.var_mean(x.float(), axes, correction=0)
        # Shares are of one size, so the joint σ² is the mean of the shares' σ² plus the σ² of their means.
        mine = torch.stack([mean, variance]).double()
        all_ = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
        dist.all_gather(all_, mine)
        means, variances = torch.stack(all_).unbind(1)
        joint_mean = means.mean(0).float()
        joint_variance = (variances.mean(0) + means.var(0, correction=0)).float()
        context.save_for_backward(x, weight, joint_mean, (joint_variance + eps).rsqrt())
        context.mark_non_differentiable(joint_mean, joint_variance)
        out = functional.batch_norm(x, joint_mean, joint_variance, weight, bias, eps=eps)
        return out, joint_mean, joint_variance

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None]:
        x, weight, mean, scale = context.saved_tensors
        gradient = gradients[0].float()
        axes = [axis for axis in range(x.dim()) if axis != 1]
        shape = [1, -1] + [1] * (x.dim() - 2)
        centred = (x.float() - mean.view(shape)) * scale.view(shape)
        mine = torch.stack([gradient.sum(axes), (gradient * centred).sum(axes)])
        joint = mine.double()
        dist.all_reduce(joint)
        joint /= x.numel() // x.shape[1] * dist.get_world_size()
        by, along = (part.float().view(shape) for part in joint)
        factor = scale if weight is None else scale * weight
        of_x = (gradient - by - centred * along) * factor.view(shape)
        needs_weight, needs_bias = context.needs_input_grad[1:3]
        return of_x.to(x.dtype), mine[1] if needs_weight else None, mine[0] if needs_bias else None, None
