"""What a family of checkpoints is: where to look, which names to expect, what shapes do not tell."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from swaveval.checkpoints.families.copies import container_rank
from swaveval.checkpoints.sandbox.description import Description, Path, TensorInfo

# What torch.compile, DistributedDataParallel and FSDP put between the parts of a name.
_WRAPPERS = frozenset({"module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})

Key = tuple[Path, str]
Containers = tuple[tuple[Path, str], ...]


@dataclass(frozen=True, slots=True)
class View:
    """The tensors of one model in one file, under names without wrappers.

    Attributes:
        tensors: name → the tensor's description.
        keys: name → where the file keeps it.
        path: of the first container.
    """

    tensors: Mapping[str, TensorInfo]
    keys: Mapping[str, Key]
    path: Path = ()

    def under(self, prefix: str) -> dict[str, TensorInfo]:
        """The tensors whose names begin with `prefix`, named by the rest."""
        return {name[len(prefix) :]: info for name, info in self.tensors.items() if name.startswith(prefix)}

    def has(self, pattern: str) -> bool:
        """Whether any name matches the regular expression from its start."""
        expression = re.compile(pattern)
        return any(expression.match(name) for name in self.tensors)


@dataclass(frozen=True, slots=True)
class Hints:
    """What a family knows that shapes do not tell; None where it knows nothing.

    Attributes:
        stem_padding: of a 3×3 first convolution.
        stem_stride, maxpool: of the stem.
        dilated, last_stride: of a ResNet's last stages. heads: of a ViT. All as in `geometry.Geometry`.
        conventional: the names of those that are only the family's habit, which evidence may overrule.
        timm: a model name that timm builds. image_size: the size it was built for.
        settings: `temperature`, `epsilon`, `sinkhorn_iterations`, as far as the file tells.
    """

    stem_padding: int | None = None
    stem_stride: int | None = None
    maxpool: bool | None = None
    dilated: int | None = None
    last_stride: int | None = None
    heads: int | None = None
    conventional: frozenset[str] = frozenset()
    timm: str | None = None
    image_size: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of checkpoint.

    Attributes:
        name: as the report says it.
        views: containers to look at as one model, as (key path, prefix given), before any container by itself.
        marks: regular expressions that names must match, one at least each, for the file to be of this family.
        backbone: prefixes under which the backbone may be, the best first.
        projection: prefixes of the projection head's numbered layers.
        prototypes: prefixes of a prototype layer (`…weight` follows); of several heads the first is taken.
        ignored: regular expressions of names that are known to be neither (probes, momentum copies, queues).
        head: `swav` (normalised projection, prototypes) or `other` (a head that is not SwaV's; counted, not used).
        summed: regular expression of names that tell that the training's loss is a sum of several.
        hints: facts from the file beyond shapes.
        proves: a further condition on the description, where names alone do not decide.
    """

    name: str
    marks: tuple[str, ...]
    backbone: tuple[str, ...]
    views: tuple[Containers, ...] = ()
    projection: tuple[str, ...] = ()
    prototypes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    head: Literal["swav", "other"] = "swav"
    summed: str = "$^"
    hints: Callable[[Description], Hints] = lambda _: Hints()
    proves: Callable[[Description], bool] = lambda _: True

    def claimed(self, views: "Views") -> Iterator[View]:
        """The views of a file of this family, the best first."""
        if not self.proves(views.description):
            return
        for containers in (*self.views, *views.single):
            view = views.joined(containers)
            if view is not None and all(view.has(mark) for mark in self.marks):
                yield view


@dataclass(frozen=True, slots=True)
class Parts:
    """A recognised checkpoint: our names → where the file keeps each tensor.

    Attributes:
        family: its name.
        view: all tensors of the model.
        backbone: names as in torchvision's ResNet or DINO's ViT → name in the view.
        dialect: how the backbone's names were translated.
        sequential_gap: for a Sequential backbone, the index of its first stage.
        projection: `0.weight` … → name in the view. prototypes: `weight`, `weight_g` … → name in the view.
        unexpected: names beside the backbone's that nothing explains.
        hints: facts beyond shapes.
        summed: whether names tell that the training's loss is a sum of several.
        notes: choices that were made.
    """

    family: str
    view: View
    backbone: Mapping[str, str]
    dialect: Literal["named", "sequential", "vit", "custom"]
    sequential_gap: int | None
    projection: Mapping[str, str]
    prototypes: Mapping[str, str]
    unexpected: tuple[str, ...]
    hints: Hints
    head: Literal["swav", "other"] = "swav"
    summed: bool = False
    notes: tuple[str, ...] = ()


def plain_name(name: str) -> str:
    """A name without the parts that wrappers put into it."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


class Views:
    """The views of one file, each joined once however many families look at it.

    Attributes:
        single: each container by itself, the copy to be read first.
    """

    def __init__(self, description: Description) -> None:
        self.description = description
        self._joined: dict[Containers, View | None] = {}
        beside = {path[0] for path in description.containers if len(path) == 1} | set(description.keys)
        ranked = sorted(
            description.containers, key=lambda path: container_rank(path, len(description.containers[path]), beside)
        )
        self.single: tuple[Containers, ...] = tuple(((path, ""),) for path in ranked)

    def joined(self, containers: Containers) -> View | None:
        """The containers as one view; None when the first is missing or two names become one."""
        if containers not in self._joined:
            self._joined[containers] = _join(self.description, containers)
        return self._joined[containers]


def _join(description: Description, containers: Containers) -> View | None:
    if containers[0][0] not in description.containers:
        return None
    tensors: dict[str, TensorInfo] = {}
    keys: dict[str, Key] = {}
    for path, prefix in containers:
        for info in description.containers.get(path, ()):
            name = prefix + plain_name(info.name)
            if name in tensors:
                return None
            tensors[name] = info
            keys[name] = (path, info.name)
    return View(tensors, keys, containers[0][0])
