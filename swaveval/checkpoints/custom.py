"""`--backbone timm:NAME` and `--backbone module:factory`: an architecture that the user names."""

import contextlib
import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from swaveval.checkpoints.description import TensorInfo
from swaveval.checkpoints.sandbox.failure import Failure, printable


@dataclass(frozen=True, slots=True)
class NamedModel:
    """Attributes:
    build: makes it, randomly initialised.
    words: what the report calls it.
    feature_dim: d of its output `(B, d)`.
    shapes: names and shapes of its parameters and buffers.
    """

    build: Callable[[], nn.Module]
    words: str
    feature_dim: int
    shapes: Mapping[str, tuple[int, ...]]


def named_model(text: str, tensors: Mapping[str, TensorInfo], image_size: int | None) -> NamedModel:
    """The architecture called `timm:NAME` or `module:factory`.

    Args:
        tensors: of the file, by name: a timm transformer is built for the image size its position embeddings show.
        image_size: side in pixels, where it is known; overrides what the tensors show.

    Raises:
        Failure: there is none of this name, or its output is not `(B, d)`.
    """
    kind, _, name = text.partition(":")
    if not kind or not name:
        raise Failure("unsupported", f"--backbone {printable(text, 80)} is neither timm:NAME nor module:factory")
    size = image_size or _trained_size(tensors)
    build = _timm(name, size) if kind == "timm" else _factory(kind, name)
    module = build().eval()
    return NamedModel(
        build=build,
        words=f"timm {name}" if kind == "timm" else f"{kind}:{name}",
        feature_dim=_feature_dim(module, text, size),
        shapes={name: tuple(tensor.shape) for name, tensor in module.state_dict().items()},
    )


def best_prefix(tensors: Mapping[str, TensorInfo], shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """The prefix under which most elements of a model with these shapes are found; None when nothing is."""
    candidates = {""}
    for probe in sorted(shapes, key=lambda name: -math.prod(shapes[name]))[:3]:
        candidates |= {name[: -len(probe)] for name in tensors if name == probe or name.endswith("." + probe)}

    def found(prefix: str) -> int:
        hits = (name for name, shape in shapes.items() if _shape(tensors, prefix + name) == shape)
        return sum(math.prod(shapes[name]) for name in hits)

    best = max(sorted(candidates, key=len), key=found)
    return best if found(best) else None


def _shape(tensors: Mapping[str, TensorInfo], name: str) -> tuple[int, ...] | None:
    info = tensors.get(name)
    return None if info is None else info.shape


def _timm(name: str, size: int | None) -> Callable[[], nn.Module]:
    try:
        import timm
    except ImportError:
        raise Failure("unsupported", f"timm:{name} needs timm: pip install 'swaveval[timm]'") from None
    # Transformers must be told the size and that it varies; convolutional networks refuse the words.
    attempts: list[dict[str, Any]] = [{"img_size": size, "dynamic_img_size": True}] if size else []
    for options in (*attempts, {"dynamic_img_size": True}, {}):
        with contextlib.suppress(TypeError):
            try:
                timm.create_model(name, pretrained=False, num_classes=0, **options)
            except (RuntimeError, ValueError) as error:
                raise Failure("unsupported", f"timm does not build {printable(name, 60)}: {printable(error)}") from None
            return lambda chosen=options: timm.create_model(name, pretrained=False, num_classes=0, **chosen)  # type: ignore[misc]
    raise Failure("unsupported", f"timm does not build {printable(name, 60)} without further arguments")


def _factory(module_name: str, name: str) -> Callable[[], nn.Module]:
    try:
        made = getattr(importlib.import_module(module_name), name)
        module = made()
    except Exception as error:
        reason = f"--backbone {module_name}:{name} does not give a model: {type(error).__name__}: {printable(error)}"
        raise Failure("unsupported", reason) from error
    if not isinstance(module, nn.Module):
        reason = f"--backbone {module_name}:{name} gives a {type(module).__name__}, not a torch.nn.Module"
        raise Failure("unsupported", reason)
    return made


@torch.no_grad()
def _feature_dim(module: nn.Module, text: str, size: int | None) -> int:
    """d, by one blank image."""
    shapes = []
    for side in (size, 224, 64, 32):
        if side is None:
            continue
        try:
            output = module(torch.zeros(1, 3, side, side))
        except (RuntimeError, AssertionError, ValueError) as error:
            shapes.append(printable(error, 100))
            continue
        if isinstance(output, torch.Tensor) and output.dim() == 2:
            return int(output.shape[1])
        shapes.append(str(tuple(output.shape)) if isinstance(output, torch.Tensor) else type(output).__name__)
    reason = f"--backbone {printable(text, 80)} must give features (B, d) for images (B, 3, H, W); it gave {shapes[0]}"
    raise Failure("unsupported", reason)


def _trained_size(tensors: Mapping[str, TensorInfo]) -> int | None:
    """The image size that position embeddings and patch size show, or None."""
    for name, info in tensors.items():
        if name.endswith("pos_embed") and len(info.shape) == 3:
            patch = tensors.get(name[: -len("pos_embed")] + "patch_embed.proj.weight")
            if patch is not None and len(patch.shape) == 4:
                return math.isqrt(info.shape[1]) * patch.shape[2]
    return None
