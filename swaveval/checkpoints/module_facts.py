"""What a whole module (`torch.save(model)`) says of its own geometry, and whether ours is built as it was."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from swaveval.checkpoints.families import Parts
from swaveval.checkpoints.geometry import Geometry
from swaveval.checkpoints.sandbox.description import Description
from swaveval.checkpoints.vit import ViT

Facts = Mapping[str, Any]

_POOLING = ("MaxPool2d", 3, 2, 1)
_ACTIVATIONS = frozenset(
    [
        "ReLU",
        "ReLU6",
        "LeakyReLU",
        "PReLU",
        "RReLU",
        "ELU",
        "SELU",
        "CELU",
        "GELU",
        "GELUTanh",
        "QuickGELU",
        "SiLU",
        "Swish",
        "Mish",
        "Hardswish",
        "HardSwish",
        "Hardtanh",
        "Tanh",
        "Sigmoid",
        "Softplus",
        "Softsign",
    ]
)
_SHORTCUT = re.compile(r"\.(shortcut|downsample)\b")
_OTHER_POOLING = frozenset(("AvgPool2d", "BlurPool2d", "LPPool2d", "MaxPool2d"))


@dataclass(frozen=True, slots=True)
class Whole:
    """The modules of a pickled network.

    Attributes:
        modules: name in the file → class and numbers.
        names: our name of a module with a weight → its name in the file.
        root: what the backbone's names begin with in the file.
    """

    modules: Mapping[str, Facts]
    names: Mapping[str, str]
    root: str

    def facts(self, ours: str) -> Facts:
        return self.modules.get(self.names.get(ours, ""), {})

    def beside(self, name: str) -> Facts:
        """Of a module without weights, by its name within the backbone."""
        return self.modules.get(self.root + name, {})


def whole(description: Description, parts: Parts) -> Whole | None:
    """The pickled modules of these parts; None where the file is none or holds a state dict only."""
    first = "patch_embed.proj" if parts.dialect == "vit" else "conv1"
    theirs = parts.backbone.get(f"{first}.weight")
    if theirs is None or parts.dialect == "custom":
        return None
    path = parts.view.keys[theirs][0]
    modules = description.modules.get(path)
    if not modules:
        return None
    names = {
        ours.removesuffix(".weight"): parts.view.keys[name][1].rpartition(".")[0]
        for ours, name in parts.backbone.items()
        if ours.endswith(".weight") and parts.view.keys[name][0] == path
    }
    own = {"vit": "patch_embed.proj", "named": "conv1", "sequential": "0"}[parts.dialect]
    return Whole(modules, names, names[first].removesuffix(own))


def module_geometry(description: Description, parts: Parts) -> Geometry:
    """What the pickled modules say of the geometry; empty where there are none."""
    found = whole(description, parts)
    if found is None:
        return Geometry()
    if parts.dialect == "vit":
        attention = found.modules.get(found.names.get("blocks.0.attn.qkv", "").rpartition(".")[0], {})
        heads = attention.get("num_heads")
        return Geometry(heads=heads if type(heads) is int and heads > 0 else None)
    stem = found.facts("conv1")
    strides = list(_strides(found))
    dilated, last = None, None
    if len(strides) > 1:
        flat = next((n for n, stride in enumerate(reversed(strides[1:])) if stride != 1), len(strides) - 1)
        depth = sum(1 for name in found.names if name.startswith(f"layer{len(strides)}.") and name.endswith(".conv2"))
        spread = found.facts(f"layer{len(strides)}.{depth - 1}.conv2").get("dilation", 1)
        dilated, last = (flat, None) if spread != 1 else (0, strides[-1])
    return Geometry(
        stem_stride=_number(stem.get("stride")),
        stem_padding=_padding(stem),
        maxpool=_pooled(found, parts),
        dilated=dilated,
        last_stride=last,
    )


def _strides(found: Whole) -> Iterator[int]:
    """Of each stage: the product over the convolutions of its first block."""
    stage = 1
    while f"layer{stage}.0.conv1" in found.names:
        product = 1
        for name in ("conv1", "conv2", "conv3"):
            product *= _number(found.facts(f"layer{stage}.0.{name}").get("stride")) or 1
        yield product
        stage += 1


def _pooled(found: Whole, parts: Parts) -> bool | None:
    """Whether max-pooling follows the stem; None where it may be done without a module."""
    if parts.dialect == "sequential":
        between = [found.beside(str(index)).get("class") for index in range(2, parts.sequential_gap or 2)]
        return "MaxPool2d" in between
    place = found.beside("maxpool").get("class")
    return None if place is None else place == "MaxPool2d"


def _number(value: Any) -> int | None:
    return value if type(value) is int else None


def _padding(facts: Facts) -> int | None:
    """In pixels; `same` as what it comes to at an odd kernel."""
    said, kernel, dilation = facts.get("padding"), _number(facts.get("kernel_size")), _number(facts.get("dilation"))
    if said == "valid":
        return 0
    if said == "same" and kernel and dilation and kernel % 2:
        return dilation * (kernel - 1) // 2
    return _number(said)


@dataclass(frozen=True, slots=True)
class WithEps:
    """Makes a network whose norms divide by the file's own epsilon."""

    made: Callable[[], nn.Module]
    eps: tuple[tuple[str, float], ...]

    def __call__(self) -> nn.Module:
        module = self.made()
        for name, value in self.eps:
            module.get_submodule(name).eps = value  # type: ignore[assignment]
        return module


def other_eps(found: Whole, built: nn.Module) -> tuple[tuple[str, float], ...]:
    """The norms whose epsilon is another than ours, with the file's."""
    pairs = ((name, part, found.facts(name).get("eps")) for name, part in built.named_modules() if hasattr(part, "eps"))
    return tuple(
        (name, float(value))
        for name, part, value in pairs
        if isinstance(value, float | int) and 0 <= value < 1 and value != part.eps
    )


def differing(found: Whole, parts: Parts, built: nn.Module) -> str:
    """What the pickled modules do otherwise than the network we build; empty where nothing is known to differ."""
    pooled = found.modules.get(found.root[:-1], {}).get("global_pool")
    if isinstance(built, ViT) and isinstance(pooled, str):
        expected = "avg" if built.spec.pooled or not built.spec.class_tokens else "token"
        if pooled != expected:
            return f"its features are pooled by global_pool={pooled!a}, where {expected!a} could be built"
    for name, part in built.named_modules():
        facts = found.facts(name)
        if isinstance(part, nn.Conv2d) and facts:
            theirs = found.names[name]
            if facts.get("class") != "Conv2d":
                return f"its {theirs} is a {facts.get('class')}"
            ours = {"stride": part.stride[0], "padding": part.padding[0], "dilation": part.dilation[0]}
            for fact, value in ours.items():
                said = _padding(facts) if fact == "padding" else facts.get(fact)
                if said != value:
                    return f"its {theirs} has {fact} {facts.get(fact, 'of two kinds')}, where {value} could be built"
            if facts.get("padding_mode", "zeros") != "zeros":
                return f"its {theirs} pads by {facts['padding_mode']}"
    return _other_layers(found, parts)


def _other_layers(found: Whole, parts: Parts) -> str:
    """A layer without weights inside stem or blocks that ours does not have."""
    transformer = parts.dialect == "vit"
    usual = {"GELU", "SiLU"} if transformer else {"ReLU"}
    blocks = {name.rsplit(".", 2)[0] for name in found.names.values() if name.count(".") >= 2}
    for name, facts in found.modules.items():
        kind = facts.get("class")
        inside = name.rpartition(".")[0] in blocks or (transformer and name.rpartition(".")[0].endswith(".mlp"))
        stem = not transformer and name in {found.root + own for own in ("relu", "act1", "maxpool")}
        if parts.dialect == "sequential" and parts.sequential_gap is not None:
            stem = name in {f"{found.root}{index}" for index in range(2, parts.sequential_gap)}
        if not name.startswith(found.root):
            continue
        if kind in _OTHER_POOLING and _SHORTCUT.search(name) and facts.get("kernel_size") != 1:
            return f"its {name} is a {kind} (kernel_size {facts.get('kernel_size')})"
        if not (inside or stem):
            continue
        if (kind in _ACTIVATIONS and kind not in usual) or facts.get("approximate", "none") != "none":
            return f"its {name} is a {kind}" + (" with tanh" if facts.get("approximate") == "tanh" else "")
        shape = kind, facts.get("kernel_size"), facts.get("stride"), facts.get("padding")
        if kind in _OTHER_POOLING and not (stem and shape == _POOLING and not facts.get("ceil_mode")):
            numbers = ", ".join(
                f"{word} {facts[word]}" for word in ("kernel_size", "stride", "padding") if word in facts
            )
            return f"its {name} is a {kind} ({numbers})"
    return ""
