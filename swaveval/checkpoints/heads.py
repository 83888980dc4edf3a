"""Projection head and prototypes, rebuilt from the shapes of their weights."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from swaveval.checkpoints.backbone import PrototypeHead


@dataclass(frozen=True, slots=True)
class BuiltHead:
    """Attributes:
    head: projection and prototypes, or None.
    prototypes: K, also when the head cannot be used; None without prototypes.
    warning: why the head is None although the file has parts of one; else empty.
    """

    head: PrototypeHead | None
    prototypes: int | None
    warning: str = ""


def build_head(projection: Mapping[str, Tensor], prototypes: Mapping[str, Tensor], feature_dim: int) -> BuiltHead:
    """The head that these weights belong to.

    Args:
        projection: `0.weight`, `1.running_mean` … of a Sequential, or `weight`, `bias` of a single layer.
        prototypes: `weight` (K, p), with `bias` in lightly's; or the parts of a weight-normed layer.
        feature_dim: what the projection must take.
    """
    weight = prototype_weight(prototypes)
    if weight is None or weight.dim() != 2:
        return BuiltHead(None, None, "the file has no usable prototypes" if prototypes else "")
    count, dimensions = int(weight.shape[0]), int(weight.shape[1])
    layers = _layers(projection)
    if isinstance(layers, str):
        return BuiltHead(None, count, f"the projection head is not used: {layers}")
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    entry, leave = (linear[0].in_features, linear[-1].out_features) if linear else (feature_dim, feature_dim)
    if entry != feature_dim or leave != dimensions:
        reason = (
            f"it maps {entry} to {leave} dimensions, between features of {feature_dim} and prototypes of {dimensions}"
        )
        return BuiltHead(None, count, f"the projection head is not used: {reason}")
    bias = prototypes.get("bias")
    last = nn.Linear(dimensions, count, bias=bias is not None)
    with torch.no_grad():
        last.weight.copy_(weight)
        if bias is not None:
            if bias.shape != last.bias.shape:
                return BuiltHead(None, count, "the prototypes' bias has another size than the prototypes")
            last.bias.copy_(bias)
    head = PrototypeHead(nn.Sequential(*layers), last)
    head.eval().requires_grad_(False)
    return BuiltHead(head, count)


def prototype_weight(prototypes: Mapping[str, Tensor]) -> Tensor | None:
    """The prototypes (K, p), float32; weight norm (g·v/‖v‖, rows) is resolved."""
    for g_name, v_name in (
        ("weight_g", "weight_v"),
        ("parametrizations.weight.original0", "parametrizations.weight.original1"),
    ):
        if v_name in prototypes:
            direction = prototypes[v_name].float()
            norm = direction.norm(dim=1, keepdim=True) if direction.dim() == 2 else None
            g = prototypes.get(g_name)
            if norm is None or g is None or g.numel() != direction.shape[0]:
                return None
            return g.float().reshape(-1, 1) * direction / norm
    weight = prototypes.get("weight")
    return None if weight is None else weight.float()


def _layers(projection: Mapping[str, Tensor]) -> list[nn.Module] | str:
    """The numbered layers as modules; indices without weights are ReLUs. A sentence when they make no head."""
    if set(projection) <= {"weight", "bias"}:
        projection = {f"0.{name}": tensor for name, tensor in projection.items()}
    groups: dict[int, dict[str, Tensor]] = {}
    for name, tensor in projection.items():
        index, _, rest = name.partition(".")
        if not index.isdecimal() or int(index) > 50:
            return f"a layer called {index}"
        groups.setdefault(int(index), {})[rest] = tensor
    layers: list[nn.Module] = []
    for position in range(max(groups, default=-1) + 1):
        layer = nn.ReLU() if position not in groups else _layer(groups[position])
        if layer is None:
            return f"layer {position} is neither linear nor batch normalisation"
        layers.append(layer)
    return layers


def _layer(tensors: Mapping[str, Tensor]) -> nn.Module | None:
    weight = tensors.get("weight")
    layer: nn.Module
    if weight is not None and weight.dim() == 2:
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias="bias" in tensors)
    elif "running_mean" in tensors:
        layer = nn.BatchNorm1d(tensors["running_mean"].numel(), affine=weight is not None)
    else:
        return None
    values = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    try:
        layer.load_state_dict(values, strict=False)
    except RuntimeError:
        return None
    return layer
