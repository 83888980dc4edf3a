"""From a description of a file to the names of its backbone, head and prototypes."""

import re

from swaveval.checkpoints.description import Description, TensorInfo
from swaveval.checkpoints.families import FAMILIES, Family, Parts
from swaveval.checkpoints.families.family import View

_STAGE = re.compile(r"(\d+)\.0\.conv1\.weight")


def recognise(description: Description) -> Parts | None:
    """The parts of the checkpoint, by the first family that claims the file and whose backbone names make sense."""
    for family in FAMILIES:
        view = family.claims(description)
        if view is None:
            continue
        for prefix in family.backbone:
            parts = _parts(family, view, prefix, description)
            if parts is not None:
                return parts
    return None


def claimed_by(description: Description) -> tuple[Family, View] | None:
    """The first family that claims the file, whether or not its backbone is one that is known."""
    for family in FAMILIES:
        view = family.claims(description)
        if view is not None:
            return family, view
    return None


def _parts(family: Family, view: View, prefix: str, description: Description) -> Parts | None:
    """The parts with the backbone under `prefix`, or None when there is no backbone there."""
    inside = view.under(prefix)
    named = _named(inside) or _sequential(inside) or _transformer(inside)
    if named is None:
        return None
    dialect, names, gap = named
    return make_parts(
        family, view, description, {ours: prefix + theirs for ours, theirs in names.items()}, dialect, gap
    )


def make_parts(
    family: Family, view: View, description: Description, backbone: dict[str, str], dialect: str, gap: int | None
) -> Parts:
    """Head and prototypes beside a backbone that was found."""
    notes: list[str] = []
    prototypes: dict[str, str] = {}
    for start in family.prototypes:
        prototypes = {rest: start + rest for rest in view.under(start) if _is_layer(rest)}
        if prototypes:
            break
    projection: dict[str, str] = {}
    for start in family.projection:
        projection = {rest: start + rest for rest in view.under(start) if re.match(r"(\d+\.)?[a-z_]+$", rest)}
        if projection:
            break
    if view.has(r".*prototypes\.(heads\.|prototypes)1\.") or view.has(r".*\.prototypes1\."):
        notes.append("several prototype heads in the file: the first one is used")
    return Parts(
        family=family.name,
        view=view,
        backbone=backbone,
        dialect=dialect,  # type: ignore[arg-type]
        sequential_gap=gap,
        projection=projection,
        prototypes=prototypes,
        hints=family.hints(description),
        head=family.head,
        notes=tuple(notes),
    )


def _is_layer(name: str) -> bool:
    return name in ("weight", "bias", "weight_g", "weight_v") or name.startswith("parametrizations.weight.original")


Translated = tuple[str, dict[str, str], int | None]


def _named(inside: dict[str, TensorInfo]) -> Translated | None:
    """torchvision's names; lightly's own ResNet says `shortcut` for `downsample`."""
    if "conv1.weight" not in inside or "layer1.0.conv1.weight" not in inside:
        return None
    stem_or_stage = re.compile(r"(conv1|bn1|layer\d+)\.")
    names = {name.replace(".shortcut.", ".downsample."): name for name in inside if stem_or_stage.match(name)}
    return "named", names, None


def _sequential(inside: dict[str, TensorInfo]) -> Translated | None:
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


def _transformer(inside: dict[str, TensorInfo]) -> Translated | None:
    """DINO's, DINOv2's and timm's ViT; DINOv2 trained in chunks says `blocks.0.3.` for `blocks.3.`."""
    if "patch_embed.proj.weight" not in inside or "cls_token" not in inside:
        return None
    chunked = re.compile(r"blocks\.\d+\.(\d+\.)")
    ours = re.compile(r"(cls_token|pos_embed|mask_token|register_tokens|reg_token|patch_embed\.|blocks\.|norm\.)")
    names = {chunked.sub(r"blocks.\1", name): name for name in inside if ours.match(name)}
    return "vit", names, None
