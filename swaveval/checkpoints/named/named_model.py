"""A network by name: built once, its output looked at, its classifier taken off; then held against a file's weights."""

import contextlib
import copy
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy

from swaveval.checkpoints.input_channels import input_channels
from swaveval.checkpoints.named.factories import factory_model
from swaveval.checkpoints.named.made import Made
from swaveval.checkpoints.named.output import (
    CLASS_COUNTS,
    Pooled,
    is_called_head,
    look,
    out_features,
    rule,
)
from swaveval.checkpoints.named.placing import best_place
from swaveval.checkpoints.named.timm_models import timm_model
from swaveval.checkpoints.named.torchvision_models import torchvision_model, trained_side
from swaveval.checkpoints.sandbox.description import TensorInfo
from swaveval.checkpoints.sandbox.failure import Failure, printable

_KINDS = "timm:NAME, torchvision:NAME, module:factory or path/to/file.py:factory"
_TORCHVISION = ("torchvision", "torchvision.models")
# Tables that have as many rows as the images have patches, or windows pixels, and the sizes people train at.
_SIZED = re.compile(r"pos_embed|relative_position|rel_pos|attn_mask|attention_bias")
_TRAINED_SIDES = (224, 256, 384, 192, 128, 96, 64, 32, 448, 512)


@dataclass(frozen=True, slots=True)
class NamedModel:
    """Attributes:
    build: makes it at random initialisation from torch's global generator.
    template: one that was made, in eval mode; to be copied, never filled.
    words: what the report calls it.
    feature_dim: d of its output `(B, d)`.
    shapes: names and shapes of its parameters and buffers.
    optional: of these, the names that no feature depends on.
    heads: names a classifier would add, which it was made without.
    notes: what was assumed.
    channels: of the images it takes.
    """

    build: Callable[[], nn.Module]
    template: nn.Module
    words: str
    feature_dim: int
    shapes: Mapping[str, tuple[int, ...]]
    optional: frozenset[str] = frozenset()
    heads: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    channels: int = 3


def named_model(text: str, tensors: Mapping[str, TensorInfo], image_size: int | None) -> NamedModel:
    """The architecture called `timm:NAME`, `torchvision:NAME`, `module:factory` or `path/to/file.py:factory`.

    Args:
        tensors: of the file, by name: a transformer is built for the image size its position embeddings show, and a
            timm model for as many channels as the file's first convolution takes.
        image_size: side in pixels, where it is known; overrides what the tensors show.

    Raises:
        Failure: there is none of this name, or its output is nothing that becomes features `(B, d)`.
    """
    kind, _, name = text.rpartition(":") if not text.startswith("timm:") else ("timm", "", text[5:])
    if not kind or not name:
        raise Failure("unsupported", f"--backbone {printable(text, 80)} is not {_KINDS}{_meant(text)}")
    if kind == "timm":
        return _timm_for(name, tensors, image_size)
    if kind in _TORCHVISION:
        side = trained_side(tensors)
        model = _of_torchvision(name, side, 3)
        channels = _channels(model, _other_shapes(model, tensors))
        return model if channels is None else _of_torchvision(name, side, channels)
    return _of_factory(kind, name, _stamp(kind))


def _timm_for(name: str, tensors: Mapping[str, TensorInfo], size: int | None) -> NamedModel:
    """timm's model for the channels and the image size that the file's shapes show, where its own do not fit."""
    model = _of_timm(name, size, 3)
    other = _other_shapes(model, tensors)
    if (channels := _channels(model, other)) is not None:
        model = _of_timm(name, size, channels)
        other = _other_shapes(model, tensors)
    if any(_SIZED.search(ours) for ours in other):
        shown = _trained_size(tensors)
        for side in dict.fromkeys((*([shown] if shown else []), *_TRAINED_SIDES)):
            with contextlib.suppress(Failure):
                tried = _of_timm(name, side, model.channels)
                if not _other_shapes(tried, tensors):
                    return tried
    return model


def _other_shapes(model: NamedModel, tensors: Mapping[str, TensorInfo]) -> dict[str, tuple[int, ...]]:
    """The network's names that the file has in another shape, with that shape."""
    place = best_place(tensors, model.shapes, model.optional)
    if place is None:
        return {}
    found = {ours: tensors.get(place.prefix + place.inside(ours)) for ours in model.shapes}
    return {ours: info.shape for ours, info in found.items() if info is not None and info.shape != model.shapes[ours]}


def _channels(model: NamedModel, other: Mapping[str, tuple[int, ...]]) -> int | None:
    """Of the file's first convolution, where it takes other channels than the model's and is alike for the rest."""
    found = {shape[1] for ours, shape in other.items() if _first_channels(model.shapes[ours], shape)}
    return found.pop() if len(found) == 1 else None


def _first_channels(ours: tuple[int, ...], theirs: tuple[int, ...]) -> bool:
    """Whether two shapes are of a first convolution for three and for another number of channels."""
    return len(ours) == len(theirs) == 4 and ours[1] == 3 and (ours[0], *ours[2:]) == (theirs[0], *theirs[2:])


@lru_cache(maxsize=4)
def _of_timm(name: str, size: int | None, channels: int) -> NamedModel:
    return finished(timm_model(name, size=size, channels=channels), channels=channels)


@lru_cache(maxsize=4)
def _of_torchvision(name: str, side: int | None, channels: int) -> NamedModel:
    return finished(torchvision_model(name, side=side, channels=channels), channels=channels)


@lru_cache(maxsize=4)
def _of_factory(place: str, name: str, stamp: Any) -> NamedModel:
    made = factory_model(place, name)
    return finished(made, channels=input_channels(made.module) or 3)


def _stamp(place: str) -> Any:
    """Changes with a file that is named by its path."""
    try:
        return Path(place).stat().st_mtime_ns
    except OSError:
        return None


def finished(made: Made, *, channels: int) -> NamedModel:
    """The network with features as its output.

    Raises:
        Failure: it takes no images, or its output is nothing that becomes features `(B, d)`.
    """
    module = made.module
    if any(is_lazy(parameter) for parameter in module.parameters()):
        reason = f"{made.words} has layers whose size is not known until they saw an image (torch.nn.Lazy…)"
        raise Failure("unsupported", f"{reason}; {made.advice.sizes}")
    # What is looked at has run, and some classes keep tables from their first run (timm's LeViT).
    template = copy.deepcopy(module)
    by_name = made.scores is False  # timm's features depend on all it has
    seen = look(module, made.sides, channels, made.words, idle=not by_name)
    notes, heads = list(made.notes), set(made.heads)
    if made.scores and not seen.last:
        reason = f"{made.words} does not end in a classifier of images; name a factory whose network gives features"
        raise Failure("unsupported", reason)
    cut = _cut(made, module, seen.last, notes)
    if cut:
        heads |= {f"{cut}.{name}" for name in module.get_submodule(cut).state_dict()}
        module.set_submodule(cut, nn.Identity())
        seen = look(module, (seen.side,), channels, made.words, idle=not by_name)
    how = rule(module, seen.output, made.words, made.advice.output)
    if how:
        notes.append(f"{made.words} gives {_given(seen.output)}: features are its {how}")
        module.register_forward_hook(Pooled(how))
        seen = look(module, (seen.side,), channels, made.words, idle=not by_name)
    width = int(seen.output.shape[1])
    return NamedModel(
        build=_Built(made.build, cut, how),
        template=_finish(template, cut, how).eval().requires_grad_(False),
        words=made.words,
        feature_dim=width,
        shapes={name: tuple(tensor.shape) for name, tensor in module.state_dict().items()},
        optional=seen.idle,
        heads=frozenset(heads),
        notes=tuple(notes),
        channels=channels,
    )


def _cut(made: Made, module: nn.Module, last: str, notes: list[str]) -> str:
    """The classifier to take off, or ""; what is only suspected becomes a note."""
    if not last or made.scores is False:
        return ""
    outputs = out_features(module.get_submodule(last))
    if made.scores:
        return last
    if outputs in CLASS_COUNTS:
        notes.append(
            f"{made.words} ends in {printable(last, 60)}, which gives {outputs} class scores: features are what goes in"
        )
        return last
    if is_called_head(last):
        notes.append(
            f"the features are the {outputs} outputs of {printable(last, 60)}, the last layer of {made.words}: where "
            f"that is a classifier or a projection, {made.advice.head}"
        )
    return ""


@dataclass(frozen=True, slots=True)
class _Built:
    """Makes the network anew, its classifier taken off and its output pooled."""

    made: Callable[[], nn.Module]
    cut: str
    how: str

    def __call__(self) -> nn.Module:
        return _finish(self.made(), self.cut, self.how)


def _finish(module: nn.Module, cut: str, how: str) -> nn.Module:
    """Without the layer called `cut`, its output pooled by the rule `how`; in place."""
    if cut:
        module.set_submodule(cut, nn.Identity())
    if how:
        module.register_forward_hook(Pooled(how))
    return module


def _given(output: Any) -> str:
    if hasattr(output, "shape"):
        return "(B, " + ", ".join(map(str, output.shape[1:])) + ")"
    return f"a {type(output).__name__}"


def _meant(text: str) -> str:
    """A hint for a name without a kind."""
    from torchvision import models

    if text in models.list_models(module=models):
        return f"; torchvision:{text} is"
    return ""


def _trained_size(tensors: Mapping[str, TensorInfo]) -> int | None:
    """The image size that position embeddings and patch size show, or None."""
    for name, info in tensors.items():
        if name.endswith("pos_embed") and len(info.shape) == 3:
            patch = tensors.get(name[: -len("pos_embed")] + "patch_embed.proj.weight")
            if patch is not None and len(patch.shape) == 4:
                return math.isqrt(info.shape[1]) * patch.shape[2]
    return None
