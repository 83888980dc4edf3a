"""What a file's own words say of its network's geometry: hyper-parameters, arguments, architectures, whole modules."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from swaveval.checkpoints.families import Parts
from swaveval.checkpoints.families.hugging_face import PREPROCESSOR
from swaveval.checkpoints.geometry import Geometry
from swaveval.checkpoints.module_facts import module_geometry
from swaveval.checkpoints.own_name import NAMES, heads_of_timm
from swaveval.checkpoints.sandbox.description import FLOATING, Description, TensorInfo
from swaveval.checkpoints.scalars import leaves

_HEADS = ("num_heads", "n_heads", "num_attention_heads", "attention_heads", "nheads", "nhead", "heads", "vit_heads")
# Predictors, decoders and heads of other kinds have attention of their own.
_OTHERS = re.compile(r"decoder|predictor|pred_|probe|text|head$|neck|student_head|teacher_head")
_STRIDE = ("stem_stride", "conv1_stride", "first_conv_stride")
_POOL = {"maxpool": True, "maxpool1": True, "max_pool": True, "use_maxpool": True, "first_maxpool": True}
_NO_POOL = ("no_maxpool", "remove_maxpool", "remove_first_maxpool", "no_max_pool")
# Whose names say another number of heads than width / 64: facebookresearch/moco-v3 and solo-learn's copy of it.
_MOCO3 = {"vit_tiny": 12, "vit_small": 12, "vit_base": 12, "vit_large": 16, "vit_huge": 16}
_METHODS = ("method", "name", "project", "type", "arch")
_SIZES = {"tiny": 3, "small": 6, "medium": 8, "base": 12, "large": 16, "huge": 16, "giant": 16, "gigantic": 16}
_WIDTHS = {"tiny": 192, "small": 384, "medium": 512, "base": 768, "large": 1024, "huge": 1280}
_VIT_NAME = re.compile(r"(?:mae_)?(?:vit|deit3?|vision_transformer)_(tiny|small|medium|base|large|huge|giant|gigantic)")


def told(description: Description, parts: Parts) -> Geometry:
    """What the file says, and its family knows for certain, of the backbone's geometry."""
    words = list(leaves(description.scalars))
    hints = parts.hints
    conventional = hints.conventional
    known = {
        name: getattr(hints, name)
        for name in ("stem_stride", "stem_padding", "maxpool", "dilated", "last_stride", "heads")
        if name not in conventional
    }
    known |= module_geometry(description, parts).said  # of whole modules, which know best
    if parts.dialect == "vit":
        width = _width(parts)
        heads = (
            known["heads"]
            or _heads_by_periods(parts, width)
            or _heads(words, width)
            or _heads_by_name(words, parts, width)
            or (heads_of_timm(description, width) if width not in _WIDTHS.values() else None)
        )
        return Geometry(heads=heads if heads and width % heads == 0 else None)
    for name, value in _resnet(words).items():
        if known[name] is None:
            known[name] = value
    if parts.dialect == "sequential" and parts.sequential_gap is not None and parts.sequential_gap < 4:
        known["maxpool"] = False  # no place between bn1 and the first stage for one
    return Geometry(**(known | {"heads": None}))


def built_otherwise(description: Description, parts: Parts) -> str:
    """What the file says of its network that no geometry here has; empty where it says nothing such."""
    words = {path[-1]: value for path, value in leaves(description.scalars) if "backbone" in path}
    if parts.dialect != "vit" and words.get("style") == "caffe" and str(words.get("type", "")).startswith("Res"):
        return "its configuration says style='caffe', which has the strides in the first convolution of each block"
    return ""


def conventions(parts: Parts) -> Geometry:
    """What the family usually does, where the file itself does not tell."""
    return Geometry(**{name: getattr(parts.hints, name) for name in parts.hints.conventional})


def _width(parts: Parts) -> int:
    return parts.view.tensors[parts.backbone["patch_embed.proj.weight"]].shape[0]


def _heads_by_periods(parts: Parts, width: int) -> int | None:
    """Of DINOv3: each head has four channels for each of the file's rotary periods."""
    name = parts.backbone.get("rope_embed.periods")
    count = parts.view.tensors[name].elements if name else 0
    return width // (4 * count) if count and width % (4 * count) == 0 else None


def _heads(words: list[tuple[tuple[str, ...], Any]], width: int) -> int | None:
    """The number of heads that a setting gives; None where settings contradict each other."""
    found = {
        value
        for path, value in words
        if path[-1] in _HEADS and _count(value) and width % value == 0 and not any(map(_OTHERS.search, path[:-1]))
    }
    return found.pop() if len(found) == 1 else None


def _heads_by_name(words: list[tuple[tuple[str, ...], Any]], parts: Parts, width: int) -> int | None:
    """The heads that the named architecture has in the code base that wrote the file."""
    named = [value.lower() for path, value in words if path[-1] in NAMES and isinstance(value, str)]
    methods = [text.lower() for path, text in words if path[-1] in _METHODS and isinstance(text, str)]
    moco3 = any(re.search(r"moco_?-?v3", text) for text in methods) or _of_moco3(parts)
    heads: set[int] = set()
    for text in named:
        if moco3 and (name := text.replace("mocov3-", "vit_")) in _MOCO3:
            heads.add(_MOCO3[name])
        elif (size := _VIT_NAME.match(text)) and _usual_width(size[1]) == width:
            heads.add(_SIZES[size[1]])
    if moco3 and not heads and width == _usual_width("small"):
        return _MOCO3["vit_small"]
    return heads.pop() if len(heads) == 1 else None


def _of_moco3(parts: Parts) -> bool:
    """MoCo v3's names around a ViT: base and momentum encoder with a predictor; mmselfsup's of them."""
    theirs = parts.view.has(r"base_encoder\.") and parts.view.has(r"(momentum_encoder|predictor)\.")
    return theirs or (parts.view.has(r"head\.predictor\.") and parts.view.has(r"momentum_encoder\."))


def _usual_width(size: str) -> int:
    return _WIDTHS.get(size, {"giant": 1408, "gigantic": 1664}.get(size, 0))


def _resnet(words: list[tuple[tuple[str, ...], Any]]) -> dict[str, int | bool]:
    found: dict[str, int | bool] = {}
    for path, value in words:
        name = path[-1]
        if name == "replace_stride_with_dilation" and isinstance(value, Sequence) and not isinstance(value, str):
            flags = list(value)
            dilated = sum(1 for flag in flags if flag is True)
            if len(flags) == 3 and flags[3 - dilated :] == [True] * dilated:
                found.setdefault("dilated", dilated)
        elif name == "dilations" and isinstance(value, list) and (stages := _dilated(value)) is not None:
            found.setdefault("dilated", stages)
        elif name == "output_stride" and value in (8, 16, 32):
            found.setdefault("dilated", {32: 0, 16: 1, 8: 2}[value])
        elif name in _STRIDE and _count(value) and value <= 4:
            found.setdefault("stem_stride", value)
        elif name in _POOL and isinstance(value, bool):
            found.setdefault("maxpool", value)
        elif name in _NO_POOL and isinstance(value, bool):
            found.setdefault("maxpool", not value)
    return found


def _dilated(dilations: list[Any]) -> int | None:
    """How many last stages OpenMMLab's `dilations=(1, 1, 2, 4)` dilate; None of others than one after the other."""
    later = [value for value in dilations if value != 1]
    usual = [2 ** (place + 1) for place in range(len(later))]
    return len(later) if dilations[len(dilations) - len(later) :] == later == usual else None


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1024


def normalisation(description: Description) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """(mean, std) of pixels in 0…1 that the file says its images were normalised with; None where it says none.

    Both must stand side by side as three numbers each; values of pixels in 0…255 are divided.
    """
    by_place: dict[tuple[str, ...], dict[str, tuple[float, ...]]] = {}
    for path, value in leaves(description.scalars):
        name = path[-1].lower()
        kind = "mean" if name in ("mean", "image_mean") else "std" if name in ("std", "image_std") else ""
        if kind and _three(value):
            by_place.setdefault(path[:-1], {})[kind] = tuple(float(item) for item in value)
    pairs = {(place["mean"], place["std"]) for place in by_place.values() if len(place) == 2}
    return of_unit_pixels(*pairs.pop()) if len(pairs) == 1 else None


def layer_of_normalisation(tensors: Sequence[TensorInfo]) -> tuple[str, str] | None:
    """The names of mean and deviation that a network normalises its images with by itself (`normalizer.new_mean` of
    MadryLab's robustness, `0.mean` of a Sequential); None where there is no pair of three numbers, or several."""
    three = {info.name for info in tensors if info.elements == len("RGB") and info.dtype in FLOATING}
    pairs = [
        (name, other)
        for name in sorted(three)
        if re.search(r"(?:^|[._])mean$", name) and (other := f"{name[:-4]}std") in three and "pixel_" not in name
    ]
    return pairs[0] if len(pairs) == 1 else None


def of_unit_pixels(
    mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """A normalisation of pixels in 0…1, divided where it is of 0…255; None where it is of neither."""
    if max(std) > 1.5:
        mean, std = tuple(item / 255 for item in mean), tuple(item / 255 for item in std)
    if not all(0 < item <= 1.5 for item in std) or not all(0 <= item <= 1 for item in mean):
        return None
    return mean, std


def shown_as(description: Description) -> dict[str, Any]:
    """`input_size`, `interpolation` and `crop_share` of the eval images, as the file beside the weights says them."""
    said = description.scalars.get((PREPROCESSOR,))
    kinds: dict[str, type] = {"input_size": int, "interpolation": str, "crop_share": float}
    if not isinstance(said, Mapping):
        return {}
    return {name: said[name] for name, kind in kinds.items() if isinstance(said.get(name), kind)}


def _three(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and len(value) == 3
        and all(isinstance(item, int | float) and not isinstance(item, bool) for item in value)
    )
