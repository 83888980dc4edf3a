"""A network without its weights, and how a file's tensors fit it: by name, shape and kind of number."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from swaveval.checkpoints.families import Parts
from swaveval.checkpoints.geometry import Settled
from swaveval.checkpoints.sandbox.description import FLOATING, ITEM_BYTES, TensorInfo


@dataclass(frozen=True)
class Model:
    """An architecture without weights.

    Attributes:
        build: makes the module, randomly initialised from torch's global generator.
        words: the architecture in words.
        feature_dim: d.
        notes: what was assumed.
        template: of a network the user named, one that was made: others than our own may compute tables when built, so
            they are not built without memory. None for our own.
        optional: names that no feature depends on.
        geometry: what shapes do not tell, and who said it; None for a network that the user named.
    """

    build: Callable[[], nn.Module]
    words: str
    feature_dim: int
    notes: tuple[str, ...] = ()
    template: nn.Module | None = None
    optional: frozenset[str] = frozenset()
    geometry: Settled | None = None

    @cached_property
    def empty(self) -> nn.Module:
        """The module, to be looked at: without memory, or the template."""
        if self.template is not None:
            return self.template
        with torch.device("meta"):
            return self.build()

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of parameters and buffers."""
        return {name: tuple(tensor.shape) for name, tensor in self.empty.state_dict().items()}

    @cached_property
    def floating(self) -> frozenset[str]:
        """Names of the parameters and buffers that are floating point."""
        return frozenset(name for name, tensor in self.empty.state_dict().items() if tensor.is_floating_point())


@dataclass(frozen=True, slots=True)
class Match:
    """How a file's tensors fit a module.

    Attributes:
        names: the module's name → name in the view, for those that fit.
        missing: the module's names without a fitting tensor, with what is wrong.
        share: of the module's elements that fit, 0…1.
    """

    names: Mapping[str, str]
    missing: tuple[str, ...]
    share: float


def match(model: Model, names: Mapping[str, str], tensors: Mapping[str, TensorInfo]) -> Match:
    """Hold a model's parameters and buffers against the file's tensors, by name and shape.

    `num_batches_tracked` is not counted: it changes nothing in eval mode, and files before PyTorch 0.4.1 lack it. Nor
    is anything that no feature depends on, where the file has none of it.
    """
    fitting: dict[str, str] = {}
    missing: list[str] = []
    total = found = 0
    for name, shape in model.shapes.items():
        if name.endswith("num_batches_tracked") or (name in model.optional and names.get(name) not in tensors):
            continue
        total += math.prod(shape)
        info = tensors.get(names.get(name, ""))
        if info is None:
            missing.append(name)
        elif info.shape != shape:
            missing.append(f"{name} (shape {_words(info.shape)} in the file, {_words(shape)} expected)")
        elif info.dtype not in ITEM_BYTES or (info.dtype in FLOATING) != (name in model.floating):
            missing.append(f"{name} (dtype {info.dtype} in the file)")
        else:
            fitting[name] = names[name]
            found += math.prod(shape)
    share = found / total if total else 0.0
    # Rounding must not turn "all but one weight" into "all".
    return Match(fitting, tuple(missing), 1.0 if not missing else min(share, 0.9999999))


def unplaced(parts: Parts, found: Match) -> tuple[str, ...]:
    """Names that look like the backbone's, and that the architecture has no place for."""
    used = set(found.names.values())
    counters = "num_batches_tracked"
    inside = (name for name in parts.backbone.values() if name not in used and not name.endswith(counters))
    shapes_differ = {name.split(" ")[0] for name in found.missing}
    named = {theirs: ours for ours, theirs in parts.backbone.items()}
    return (*(name for name in inside if named[name] not in shapes_differ), *parts.unexpected)


def _words(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"
