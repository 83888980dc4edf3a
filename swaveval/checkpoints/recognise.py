"""From a description of a file to the names of its backbone, head and prototypes."""

import re
from collections.abc import Callable, Mapping
from typing import Literal

from swaveval.checkpoints.description import Description, TensorInfo
from swaveval.checkpoints.families import FAMILIES, Family, Parts, View, Views, plain
from swaveval.checkpoints.sandbox.failure import Failure, printable

Dialect = Literal["named", "sequential", "vit", "custom"]
Translated = tuple[Dialect, dict[str, str], int | None]
Finder = Callable[[Family, View], tuple[str, Translated] | None]

_CHUNK = re.compile(r"blocks\.\d+\.(\d+\.)")
_STAGE = re.compile(r"(\d+)\.0\.conv1\.weight")
_CLASSIFIER = re.compile(r"(fc|head|head_dist|classifier|linear)\.(\d\.)?(weight|bias)$|mask_token$")
_COPY = re.compile(r"(^|.*[._])(momentum|ema|target|teacher|key|k)[._]")


def recognise(description: Description, finder: Finder | None = None) -> Parts | None:
    """The parts of the checkpoint, by the first family that claims the file and under whose prefixes a backbone lies.

    Args:
        finder: looks for the backbone in a view instead of the known dialects (for an architecture the user names);
            gives prefix and translated names.

    Raises:
        Failure: several backbones lie at places no family knows, so that choosing one would be a guess.
    """
    views = Views(description)
    for family in FAMILIES:
        view = family.claims(views)
        found = None if view is None else (finder or _under_prefixes)(family, view)
        if view is not None and found is not None:
            return _parts(family, view, description, found)
    return None if finder else _anywhere(views)


def _under_prefixes(family: Family, view: View) -> tuple[str, Translated] | None:
    for prefix in family.backbone:
        translated = _translate(view.under(prefix))
        if translated is not None:
            return prefix, translated
    return None


def _anywhere(views: Views) -> Parts | None:
    """A single backbone under a prefix that no family lists."""
    view = plain.FAMILY.claims(views)
    if view is None:
        return None
    ends = re.compile(r"(.*\.)(layer1\.0\.conv1\.weight|patch_embed\.proj\.weight|\d+\.0\.conv1\.weight)$")
    prefixes = sorted({hit[1] for name in view.tensors if (hit := ends.match(name)) and not _COPY.match(name)})
    translated = {prefix: _translate(view.under(prefix)) for prefix in prefixes}
    found = [(prefix, names) for prefix, names in translated.items() if names is not None]
    if len(found) > 1:
        several = ", ".join(printable(prefix, 60) for prefix, _ in found[:5])
        raise Failure("unsupported", f"several backbones in the file ({several}); which one is meant cannot be told")
    return _parts(plain.FAMILY, view, views.description, found[0]) if found else None


def _parts(family: Family, view: View, description: Description, found: tuple[str, Translated]) -> Parts:
    """Head and prototypes beside a backbone that was found."""
    prefix, (dialect, names, gap) = found
    backbone = {ours: prefix + theirs for ours, theirs in names.items()}
    prototypes = _first(view, family.prototypes, r"(weight|bias|weight_[gv]|parametrizations\.weight\.original[01])$")
    projection = _first(view, family.projection, r"(\d+\.)?[a-z_]+$")
    notes = []
    if view.has(r".*prototypes\.(heads\.|prototypes)1\.|.*\.prototypes1\."):
        notes.append("several prototype heads in the file: the first one is used")
    if family is plain.FAMILY and prefix not in family.backbone:
        notes.append(f"the backbone was found under the name {printable(prefix, 60)}")
    used = {*backbone.values(), *prototypes.values(), *projection.values()}
    return Parts(
        family=family.name,
        view=view,
        backbone=backbone,
        dialect=dialect,
        sequential_gap=gap,
        projection=projection,
        prototypes=prototypes,
        unexpected=_unexpected(family, view, prefix, used),
        hints=family.hints(description),
        head=family.head,
        notes=tuple(notes),
    )


def _first(view: View, prefixes: tuple[str, ...], layer: str) -> dict[str, str]:
    """The layers under the first prefix that has any: rest of the name → name."""
    for prefix in prefixes:
        found = {rest: prefix + rest for rest in view.under(prefix) if re.match(layer, rest)}
        if found:
            return found
    return {}


def _unexpected(family: Family, view: View, prefix: str, used: set[str]) -> tuple[str, ...]:
    """Names beside the backbone's that are neither its classifier nor known to be something else.

    They may be parts of the backbone (an attention in its blocks, a learned pooling) without which it is another one.
    """
    known = re.compile("|".join((*family.ignored, *map(re.escape, family.projection + family.prototypes))) or "$^")
    return tuple(
        name
        for name in view.tensors
        if name.startswith(prefix)
        and name not in used
        and not _CLASSIFIER.match(name[len(prefix) :])
        and not known.match(name)
        and not name.endswith("num_batches_tracked")
    )


def _translate(inside: Mapping[str, TensorInfo]) -> Translated | None:
    return _named(inside) or _sequential(inside) or _transformer(inside)


def _named(inside: Mapping[str, TensorInfo]) -> Translated | None:
    """torchvision's names; lightly's own ResNet says `shortcut` for `downsample`."""
    if "conv1.weight" not in inside or "layer1.0.conv1.weight" not in inside:
        return None
    stem_or_stage = re.compile(r"(conv1|bn1|layer\d+)\.")
    names = {name.replace(".shortcut.", ".downsample."): name for name in inside if stem_or_stage.match(name)}
    return "named", names, None


def _sequential(inside: Mapping[str, TensorInfo]) -> Translated | None:
    """`nn.Sequential` of a ResNet's children: 0 = conv1, 1 = bn1, then stages from the first index that has blocks."""
    starts = sorted({int(found[1]) for name in inside if (found := _STAGE.fullmatch(name))})
    if "0.weight" not in inside or "1.running_mean" not in inside or not starts or starts[0] < 2:
        return None
    first = starts[0]
    modules = {"0": "conv1", "1": "bn1"} | {str(index): f"layer{index - first + 1}" for index in starts}
    names: dict[str, str] = {}
    for name in inside:
        index, _, rest = name.partition(".")
        if index in modules:
            names[f"{modules[index]}.{rest.replace('shortcut.', 'downsample.')}"] = name
    return "sequential", names, first


def _transformer(inside: Mapping[str, TensorInfo]) -> Translated | None:
    """DINO's, DINOv2's and timm's ViT. DINOv2 trained in chunks says `blocks.0.3.` for `blocks.3.`."""
    if "patch_embed.proj.weight" not in inside or "cls_token" not in inside:
        return None
    kept = re.compile(r"(cls_token|pos_embed|register_tokens|reg_token|patch_embed\.|blocks\.|norm\.)")
    names: dict[str, str] = {}
    for name in inside:
        if kept.match(name):
            ours = _CHUNK.sub(r"blocks.\1", name).replace("reg_token", "register_tokens")
            names[ours.replace(".mlp.w12.", ".mlp.fc1.").replace(".mlp.w3.", ".mlp.fc2.")] = name
    return "vit", names, None
