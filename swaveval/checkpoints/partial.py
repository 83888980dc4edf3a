"""What a backbone that was found in part may be used for, and the sentences that say so.

`--allow-partial` is for a network that lacks a few weights or carries a few more, never for one of which a part is
missing: without its first layer, a whole block or half its weights it gives the features of random numbers.
"""

import re
from collections.abc import Sequence

from swaveval.checkpoints.advice import FACTORY
from swaveval.checkpoints.matched import Match, Model
from swaveval.checkpoints.sandbox.failure import printable
from swaveval.text import some

_LEAST = 0.5
_SHORTCUT = ".downsample."
_RENAME = "rename them to running_mean and running_var"
_BLOCK = re.compile(r"(.*?\.)??\d+(?=\.)")


def hollowness(model: Model, found: Match, extra: Sequence[str] = (), around: Sequence[str] = ()) -> str:
    """What makes the found part of a backbone useless, in words; empty where it may be used with --allow-partial.

    Args:
        extra: names of the backbone's own kind that the model has no place for. around: all that it has none for.
    """
    counted = [name for name in model.shapes if not name.endswith("num_batches_tracked") and name not in model.optional]
    absent = [name for name in counted if name not in found.names]
    built = {block(name) for name in counted}
    beyond = [group for name in extra if (group := block(name)) and group not in built]
    if any(re.search(r"(^|\.)lora_[AB]?", name) for name in (*extra, *around)):
        return "the file has adapters (LoRA) that are not merged into it (peft: model.merge_and_unload() does that)"
    if beyond:
        return f"the file has a part {printable(beyond[0], 60)} beyond what could be built"
    layers = {name.removesuffix(".weight") for name in model.shapes if name.endswith(".weight")}
    grown = next((name for name in (*extra, *around) if name.endswith(".bias") and name[:-5] in layers), "")
    if grown:
        return f"its layer {printable(grown[:-5], 60)} adds a bias, which this network's does not"
    if not absent:
        return ""
    first = next((name for name, shape in model.shapes.items() if len(shape) in (2, 4, 5)), "")
    layer = first.rpartition(".")[0] + "."
    if any(name == first or name.startswith(layer) for name in absent):
        return f"its first layer ({printable(layer[:-1], 60)}) is not in the file"
    other = next((name for name in found.missing if " (shape " in name), "")
    if other:
        return f"its {printable(other.partition(' ')[0], 60)} has another shape"
    statistics = [name for name in counted if name.endswith("running_mean")]
    if statistics and not any(name in found.names for name in statistics):
        return _no_statistics(statistics, (*extra, *around))
    bare = next((name for name in statistics if name in absent and name[:-4] + "var" in absent), "")
    if bare and bare.replace("running_mean", "weight") in found.names:
        return f"{printable(bare.rpartition('.')[0], 60)} has no running statistics (InstanceNorm?)"
    shortcuts = {name.rpartition(_SHORTCUT)[0] + _SHORTCUT for name in absent if _SHORTCUT in name}
    for place in sorted(shortcuts):
        if not any(name.startswith(place) for name in found.names):
            # Option A of the CIFAR ResNets subsamples and pads with zeros, before, after or on both sides.
            return f"its shortcut {printable(place.strip('.'), 60)} has no weights, so it is not this kind of shortcut"
    last = counted[-1].rpartition(".")[0] + "."
    if not any(name.startswith(last) for name in found.names):
        return f"its last layer ({printable(last[:-1], 60)}) is not in the file"
    owners = {name.rpartition(".")[0] + "." for name in absent}
    wrapped = next((owner for owner in sorted(owners) if any(name.startswith(owner) for name in (*extra, *around))), "")
    if wrapped:
        return f"its layer {printable(wrapped[:-1], 60)} is there in another form (wrapped, pruned or re-parametrised)"
    outside = {name.rpartition(".")[0] for name in counted if not block(name)}
    lost = sorted(layer for layer in outside if layer and not any(name.startswith(layer + ".") for name in found.names))
    if lost:
        return f"nothing of its layer {printable(lost[0], 60)} is in the file"
    held = {block(name) for name in found.names}
    gone = [group for name in absent if (group := block(name)) and group not in held]
    if gone:
        return f"nothing of its part {printable(gone[0], 60)} is in the file"
    if found.share < _LEAST:
        return "that is less than half of it"
    return ""


def _no_statistics(statistics: Sequence[str], surplus: Sequence[str]) -> str:
    """What becomes of a network's running means where none is in the file under its name."""
    layers = {name.rpartition(".")[0] for name in statistics}
    # PaddlePaddle's `_mean` and `_variance`, Keras' `moving_mean` and `moving_variance`, Flax's `mean` and `var`.
    beside = {last for layer, _, last in (name.rpartition(".") for name in surplus) if layer in layers}
    if called := [printable(last, 40) for last in sorted(beside) if re.search("mean|var", last)]:
        return f"its running statistics have other names ({some(called, 4)}); {_RENAME}"
    return (
        "no layer's running statistics are in the file: it does not normalise by batches (GroupNorm?), or was saved "
        "without them (parameters() in place of state_dict())"
    )


def shallow(model: Model) -> str:
    """A word of caution on a ResNet of fewer stages than any that is usually trained; else empty."""
    stages = {name.partition(".")[0] for name in model.shapes if re.match(r"layer\d+\.", name)}
    # Three after a 3×3 stem are He's for CIFAR.
    usual = 4 if model.shapes.get("conv1.weight", (0,))[-1] == 7 else 3
    if model.template is None and 0 < len(stages) < usual:
        return f"the file has {len(stages)} stages of a ResNet: if it is one piece of several, the rest is missing"
    return ""


def block(name: str) -> str:
    """The numbered part of a network that a weight lies in (`layer2.0`, `blocks.11`); empty outside of any."""
    hit = _BLOCK.match(name)
    return hit[0] if hit else ""


def incomplete(model: Model, found: Match, hollow: str, *, named: bool, fits: str = "") -> str:
    """What is missing, and what to do about it, in one sentence; `fits` as `models.matching` gives it."""
    kinds = sorted({hit[1] for name in found.missing if (hit := re.search(r" \(dtype (\S+) in the file\)$", name))})
    if kinds:
        return (
            f"its weights are {', '.join(kinds)}, which are not read as they stand (scales and zero points lie "
            "elsewhere): save them as floating point, {name: tensor.dequantize() …} or tensor.float() * scale"
        )
    reason = f"only {min(99.99, 100 * found.share):.4g} % of the {model.words} backbone was found"
    if not found.missing:
        reason = f"a {model.words} was found, and more"
    reason += f"; missing: {_first(found.missing)}; " if found.missing else "; "
    if hollow.endswith(_RENAME):
        return reason + hollow
    if not hollow:
        return reason + "--allow-partial accepts it, and the page then says so"
    if named:
        return reason + f"{hollow}, so it is another network than the one named with --backbone"
    return reason + f"{hollow}, so it cannot be used: it is another network, or a part of one; {fits or FACTORY}"


def surplus(model: Model, names: Sequence[str], *, named: bool, fits: str = "") -> str:
    """Of weights without a place; `fits` as `models.matching` gives it."""
    reason = f"the file has weights that a {model.words} has no place for, so it is another network: {_first(names)}; "
    if named:
        return reason + "--allow-partial ignores them, and the page then says so"
    return reason + f"{fits or FACTORY}; or, if they belong to no part of the backbone, --allow-partial ignores them"


def _first(names: Sequence[str]) -> str:
    """The first of many names."""
    return some([printable(name, 120) for name in names], 4)
