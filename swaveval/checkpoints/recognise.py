"""From a description of a file to the names of its backbone, head and prototypes."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice, takewhile
from typing import Literal

from swaveval.checkpoints.families import FAMILIES, Family, Parts, View, Views, plain
from swaveval.checkpoints.families.beside import is_beside
from swaveval.checkpoints.families.copies import copy_rank, is_plain
from swaveval.checkpoints.families.family import plain_name
from swaveval.checkpoints.sandbox.description import Description, Path, TensorInfo
from swaveval.checkpoints.sandbox.failure import Failure, printable

Dialect = Literal["named", "sequential", "vit", "custom"]
Translated = tuple[Dialect, dict[str, str], int | None]
Finder = Callable[[Family, View], tuple[str, Translated] | None]

_MOST_COPIES = 8
_CHUNK = re.compile(r"blocks\.\d+\.(\d+\.)")
_OF_VIT = re.compile(
    r"(cls_token|dist_token|pos_embed|register_tokens|reg_token|storage_tokens|rope_embed\.periods|patch_embed\.|blocks\.|norm\.|fc_norm\.)"
)
_OF_MMPRETRAIN = (
    (re.compile(r"^patch_embed\.projection\."), "patch_embed.proj."),
    (re.compile(r"^ln1\."), "norm."),
    (re.compile(r"^layers\.(\d+)\.ln([12])\."), r"blocks.\1.norm\2."),
    (re.compile(r"^layers\.(\d+)\.ffn\.layers\.0\.0\."), r"blocks.\1.mlp.fc1."),
    (re.compile(r"^layers\.(\d+)\.ffn\.layers\.1\."), r"blocks.\1.mlp.fc2."),
    (re.compile(r"^layers\.(\d+)\."), r"blocks.\1."),
)
_REGISTERS = re.compile(r"(reg_token|storage_tokens)$")
_STAGE = re.compile(r"(\d+)\.0\.conv1\.weight")
# Where each dialect shows, under whatever prefix.
_SIGNS = re.compile(r"(|.*\.)(layer1\.0\.conv1\.weight|patch_embed\.proj(?:ection)?\.weight|\d+\.0\.conv1\.weight)$")


def recognise(description: Description, finder: Finder | None = None) -> Parts | None:
    """The parts of the checkpoint that are read; None where nothing is recognised. See `candidates`."""
    return next(candidates(description, finder), None)


def candidates(description: Description, finder: Finder | None = None) -> Iterator[Parts]:
    """The parts of the checkpoint: the first is what its family documents as the one to be read, others are its copies.

    Args:
        finder: looks for the backbone in a view instead of the known dialects (for an architecture the user names);
            gives prefix and translated names.

    Raises:
        Failure: several backbones lie at places no family knows, so that choosing one would be a guess.
    """
    found = _candidates(description, finder)
    first = next(found, None)
    if first is None:
        return
    if finder is None and "teacher" in _place(first):
        others: list[Parts] = []
        with suppress(Failure):  # of a later place, which may not be asked for
            others.extend(islice(found, _MOST_COPIES))
        student = next((other for other in others if "student" in _place(other)), None)
        if student is not None and not _alike(first, student):
            same = [other for other in others if _alike(other, student)]
            note = "the teacher in the file is another network than its student: the student, which learns, was read"
            yield replace(same[0], notes=(*same[0].notes, note))
            yield from same[1:]
            return
        yield first
        yield from others
        return
    if first.family == plain.FAMILY.name and not is_plain(first.view.path):
        _alone(first, found)
        found = _candidates(description, finder)
        next(found)
    yield first
    yield from found


def _alone(first: Parts, others: Iterator[Parts]) -> None:
    """Refuse to choose between networks under several keys (folds, epochs, members) of which none is a copy."""
    rivals: list[str] = []
    with suppress(Failure):
        rivals.extend(
            ".".join(other.view.path)
            for other in islice(others, _MOST_COPIES)
            if other.view.path != first.view.path
            and _alike(first, other)
            and copy_rank(".".join(first.view.path)) == copy_rank(".".join(other.view.path)) == 1
        )
    if rivals:
        own = ".".join(first.view.path)
        names = ", ".join(printable(name, 60) for name in (own, *rivals[:4]))
        place = "".join(f"[{key[:60]!a}]" for key in first.view.path)
        raise Failure(
            "unsupported",
            f"several networks of one kind in the file ({names}); which one is meant cannot be told: save that one by "
            f"itself, torch.save(checkpoint{place}, 'weights.pt')",
        )


def _place(parts: Parts) -> str:
    """Where the backbone lies in the file, in words."""
    name = next(iter(parts.backbone.values()))
    return ".".join((*parts.view.path, name)).lower()


def _alike(one: Parts, other: Parts) -> bool:
    """Whether two backbones have weights of the same names and shapes, as a network and its running average have.

    Averages are often kept without BatchNorm's statistics.
    """
    shapes = [
        {
            ours: parts.view.tensors[theirs].shape
            for ours, theirs in parts.backbone.items()
            if not ours.endswith(("running_mean", "running_var", "num_batches_tracked"))
        }
        for parts in (one, other)
    ]
    return shapes[0] == shapes[1]


def _candidates(description: Description, finder: Finder | None) -> Iterator[Parts]:
    views = Views(description)
    seen: set[tuple[Path, str]] = set()
    for family in FAMILIES:
        for view in family.claimed(views):
            for prefix, names in _found(family, view, finder):
                if (view.path, prefix) not in seen:
                    seen.add((view.path, prefix))
                    yield _parts(family, view, description, (prefix, names))


def _found(family: Family, view: View, finder: Finder | None) -> list[tuple[str, Translated]]:
    """Backbones in a view, as (prefix, translated names), the one to be read first."""
    if finder is not None:
        found = finder(family, view)
        return [] if found is None else [found]
    signs = {hit[1] for name in view.tensors if (hit := _SIGNS.match(name))}
    read = {
        prefix: names for prefix in sorted(signs | set(family.backbone)) if (names := _translate(view.under(prefix)))
    }
    listed = {prefix: place for place, prefix in enumerate(family.backbone)}
    if family is not plain.FAMILY:
        read = {prefix: names for prefix, names in read.items() if prefix in listed or _is_copy(prefix, listed)}
    ranked = sorted(read, key=lambda prefix: (copy_rank(prefix), listed.get(prefix, len(listed)), len(prefix), prefix))
    unknown = [prefix for prefix in ranked if prefix not in listed and copy_rank(prefix) == copy_rank(ranked[0])]
    if ranked and ranked[0] not in listed and len(unknown) > 1:
        shapes = [_shapes(view, prefix, read[prefix]) for prefix in unknown]
        chosen = the_one_meant(view, unknown, alike=all(one == shapes[0] for one in shapes))
        ranked.insert(0, ranked.pop(ranked.index(chosen)))
    return [(prefix, read[prefix]) for prefix in ranked]


def the_one_meant(view: View, prefixes: Sequence[str], *, alike: bool = True) -> str:
    """Of two or more places that no family knows, and that are no copies by their names, the one to be read.

    Args:
        alike: whether the same network lies at all of them.

    Raises:
        Failure: choosing one would be a guess.
    """
    wrapping = _wrapping(prefixes)
    if not (wrapping and alike):
        raise Failure("unsupported", _several(view, prefixes))
    return wrapping


def _wrapping(prefixes: Sequence[str]) -> str:
    """Of a network and what wraps it, both registered, the latter: BYOL has `net.` and `online_encoder.net.`."""
    longest = max(prefixes, key=len)
    parts = [prefix.split(".") for prefix in prefixes]
    above = sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, zip(*parts, strict=False)))
    longest_parts = longest.split(".")
    return longest if all(longest_parts[-len(part[above:]) :] == part[above:] for part in parts) else ""


def _shapes(view: View, prefix: str, found: Translated) -> dict[str, tuple[int, ...]]:
    return {ours: view.tensors[prefix + theirs].shape for ours, theirs in found[1].items()}


def _several(view: View, prefixes: Sequence[str]) -> str:
    names = ", ".join(printable(prefix, 60) for prefix in prefixes[:5])
    first = next(name for name in view.tensors if name.startswith(prefixes[0]))
    written = view.keys[first][1].removesuffix(first[len(prefixes[0]) :])  # wrappers (`module.`) included
    return (
        f"several backbones in the file ({names}); which one is meant cannot be told: save that one by itself, "
        f"torch.save({{name: value for name, value in weights.items() if name.startswith({written[:60]!a})}}, "
        "'weights.pt')"
    )


def _is_copy(prefix: str, listed: Collection[str]) -> bool:
    """Whether a place is that of a listed one's copy, as `teacher_backbone.` is of `backbone.`."""
    return copy_rank(prefix) == 0 and any(prefix.endswith(known) for known in listed if known)


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
    others = _copies(view, prefix, backbone, description)
    if others:
        chosen = printable(".".join((*view.path, prefix.rstrip("."))).rstrip(".") or "the top level", 60)
        notes.append(f"of several copies in the file, {chosen} was read; the others: {', '.join(others)}")
    used = {*backbone.values(), *prototypes.values(), *projection.values()}
    if dialect == "sequential":
        used |= _linear_after(view, prefix, names.values())
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
        summed=_summed(family, description),
        notes=tuple(notes),
    )


def _summed(family: Family, description: Description) -> bool:
    names = (".".join((*path, plain_name(info.name))) for path, held in description.containers.items() for info in held)
    return any(re.match(family.summed, name) for name in names)


def _copies(view: View, prefix: str, backbone: Mapping[str, str], description: Description) -> list[str]:
    """Where else the file holds tensors of the backbone's names and shapes."""
    largest = max(backbone.values(), key=lambda name: view.tensors[name].elements)
    rest, shape = largest[len(prefix) :], view.tensors[largest].shape
    read = view.keys[largest]
    found = []
    for path, tensors in description.containers.items():
        for info in tensors:
            name = plain_name(info.name)
            if info.shape == shape and (name == rest or name.endswith("." + rest)) and read != (path, info.name):
                found.append(
                    printable(".".join((*path, name[: -len(rest)].rstrip("."))).rstrip(".") or "top level", 60)
                )
    return found[:4]


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
        and not is_beside(name[len(prefix) :])
        and not known.match(name)
        and not name.endswith("num_batches_tracked")
    )


def _linear_after(view: View, prefix: str, backbone: Collection[str]) -> set[str]:
    """Of a `Sequential`, its first linear layer after the stages and what follows it: a classifier or a projection.

    MoCo's demo for CIFAR-10 cuts a ResNet with its `fc` so (`encoder_q.net.9.weight`). What lies between (a norm) is a
    part of the network.
    """
    last = max(int(name.partition(".")[0]) for name in backbone)
    after = {
        name: int(index)
        for name in view.tensors
        if name.startswith(prefix)
        and (index := name[len(prefix) :].partition(".")[0]).isdecimal()
        and int(index) > last
    }
    linear = [place for name, place in after.items() if len(view.tensors[name].shape) == 2]
    return {name for name, place in after.items() if linear and place >= min(linear)}


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


def _as_timm(name: str) -> str:
    """mmpretrain's and mmselfsup's name of a ViT's weight as timm has it."""
    for theirs, ours in _OF_MMPRETRAIN:
        name = theirs.sub(ours, name)
    return name


def _transformer(inside: Mapping[str, TensorInfo]) -> Translated | None:
    """DINO's (1 to 3), I-JEPA's, timm's and mmpretrain's ViT. DINOv2 in chunks says `blocks.0.3.` for `blocks.3.`."""
    if "patch_embed.projection.weight" in inside and "layers.0.attn.qkv.weight" in inside:
        own = {_as_timm(name): name for name in inside}
        found = _transformer({ours: inside[name] for ours, name in own.items()})
        return found and ("vit", {ours: own[theirs] for ours, theirs in found[1].items()}, None)
    if "patch_embed.proj.weight" not in inside:
        return None
    if "cls_token" not in inside and not {"pos_embed", "blocks.0.attn.qkv.weight"} <= set(inside):
        return None
    names: dict[str, str] = {}
    for name in inside:
        if _OF_VIT.match(name):
            ours = _REGISTERS.sub("register_tokens", _CHUNK.sub(r"blocks.\1", name))
            names[ours.replace(".mlp.w12.", ".mlp.fc1.").replace(".mlp.w3.", ".mlp.fc2.")] = name
    return "vit", names, None
