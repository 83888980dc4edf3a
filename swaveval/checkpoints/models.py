"""The module that a checkpoint's weights belong to, and how much of it they fill."""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor, nn

from swaveval.checkpoints.advice import FACTORY, naming, nothing_known
from swaveval.checkpoints.architectures import ResNetSpec, UnknownArchitecture, infer_resnet
from swaveval.checkpoints.families import Family, Parts, View
from swaveval.checkpoints.families.copies import copy_rank
from swaveval.checkpoints.families.hugging_face import CONFIG
from swaveval.checkpoints.families.hugging_face import FAMILY as HUGGING_FACE
from swaveval.checkpoints.geometry import (
    RESNET_FIELDS,
    VIT_FIELDS,
    Geometry,
    Settled,
    Source,
    in_words,
    settle,
)
from swaveval.checkpoints.hugging_face.network import network_of, timm_name
from swaveval.checkpoints.matched import Model, match, unplaced
from swaveval.checkpoints.module_facts import WithEps, differing, other_eps, whole
from swaveval.checkpoints.named import NamedModel, Place, best_places, named_model
from swaveval.checkpoints.options import LoadOptions
from swaveval.checkpoints.own_name import is_residual_of_its_own, of_timm
from swaveval.checkpoints.recognise import Translated, candidates, recognise, the_one_meant
from swaveval.checkpoints.sandbox.description import Description
from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.told import built_otherwise, conventions, told
from swaveval.checkpoints.vit import ViTSpec, infer_vit, usual_heads

_MOST_COPIES = 8


class BuiltOtherwise(UnknownArchitecture):
    """A whole module of known names and shapes that computes something else."""


def find_model(description: Description, options: LoadOptions) -> tuple[Parts, Model]:
    """The parts of a checkpoint and the architecture they belong to.

    Args:
        options: `backbone` is `timm:NAME`, `torchvision:NAME`, `module:factory` or `path/to/file.py:factory`, where
            one was named.

    Raises:
        Failure: nothing in the file is a backbone that is known.
    """
    named: dict[str, tuple[NamedModel, Place]] = {}
    backbone = options.backbone
    if backbone is None and (found := _by_config(description, options)) is not None:
        return found

    def finder(family: Family, view: View) -> tuple[str, Translated] | None:
        hints = family.hints(description)
        text = backbone or (f"timm:{hints.timm}" if hints.timm else "")
        if not text:
            return None
        model = named_model(text, view.tensors, hints.image_size)
        places = best_places(view.tensors, model.shapes, model.optional)
        if not places:
            return None
        place = places[0]
        if len(places) > 1 and place.prefix not in family.backbone and copy_rank(place.prefix) == 1:
            meant = the_one_meant(view, [other.prefix for other in places])
            place = next(other for other in places if other.prefix == meant)
        named[text] = model, place
        inside = view.under(place.prefix)
        translated = {name: place.inside(name) for name in model.shapes}
        return place.prefix, ("custom", {ours: theirs for ours, theirs in translated.items() if theirs in inside}, None)

    parts = recognise(description, finder)
    if parts is not None:
        ((model, place),) = named.values()
        # A classifier that the network was made without is no sign of another network.
        heads = {place.prefix + place.inside(name) for name in model.heads}
        parts = replace(parts, unexpected=tuple(name for name in parts.unexpected if name not in heads))
        return parts, Model(
            model.build, model.words, model.feature_dim, model.notes, template=model.template, optional=model.optional
        )
    if backbone is not None:
        raise Failure("refused", f"nothing in the file fits --backbone {printable(backbone, 80)}")
    copies = candidates(description)
    parts = next(copies, None)
    by_timm = timm_name(description.scalars.get((CONFIG,)))
    if parts is None and by_timm:
        return find_model(description, replace(options, backbone=by_timm))
    own = parts is None or (parts.dialect != "vit" and is_residual_of_its_own(description))
    if own and (called := _by_own_name(description, options)) is not None:
        return called
    if parts is None:
        raise Failure("unsupported", nothing_known(description))
    try:
        inferred, network = _complete(parts, copies, lambda found: _inferred(description, found, options))
    except UnknownArchitecture as unknown:
        if by_timm:
            return find_model(description, replace(options, backbone=by_timm))
        other = isinstance(unknown, BuiltOtherwise)
        if not other and (called := _by_own_name(description, options)) is not None:
            return called
        advice = FACTORY if other else naming(parts.view)
        raise Failure("unsupported", f"no known architecture ({unknown}); {advice}") from None
    held = match(network, inferred.backbone, inferred.view.tensors)
    fits = not held.missing and not unplaced(inferred, held)
    return (inferred, network) if fits else _by_own_name(description, options) or (inferred, network)


def _by_own_name(description: Description, options: LoadOptions) -> tuple[Parts, Model] | None:
    """A network of timm's that the file calls its own, where it has every name and shape of it."""
    for name in of_timm(description):
        with suppress(Failure):
            parts, model = find_model(description, replace(options, backbone=name))
            found = match(model, parts.backbone, parts.view.tensors)
            if not found.missing and not unplaced(parts, found):
                said = f"the file calls its network {name.removeprefix('timm:')}, and timm's was taken"
                return replace(parts, notes=(*parts.notes, said)), model
    return None


def _by_config(description: Description, options: LoadOptions) -> tuple[Parts, Model] | None:
    """A network of transformers, as the `config.json` beside the file describes it; None where it does not."""
    names = (info.name for tensors in description.containers.values() for info in tensors)
    network = network_of(description.scalars.get((CONFIG,)), names)
    if network is None:
        return None
    model = Model(network.build, network.words, network.feature_dim)

    def finder(family: Family, view: View) -> tuple[str, Translated] | None:
        placed = network.placed(view.tensors, model.shapes) if family is HUGGING_FACE else None
        return None if placed is None else (placed[0], ("custom", placed[1], None))

    parts = recognise(description, finder)
    return None if parts is None else (parts, model)


def _inferred(description: Description, parts: Parts, options: LoadOptions) -> Model:
    """The network that shapes and the file's words describe; of a whole module, only where it is built as that is."""
    if said := built_otherwise(description, parts):
        raise BuiltOtherwise(said)
    model = model_of(parts, told(description, parts), options)
    modules = whole(description, parts)
    if modules is None or options.geometry:
        return model
    if different := differing(modules, parts, model.empty):
        raise BuiltOtherwise(different)
    if eps := other_eps(modules, model.empty):
        values = ", ".join(f"{value:g}" for value in sorted({value for _, value in eps}))
        model = replace(model, build=WithEps(model.build, eps), words=f"{model.words}, norms of eps {values}")
    return model


def _complete(parts: Parts, copies: Iterator[Parts], build: Callable[[Parts], Model]) -> tuple[Parts, Model]:
    """These parts, or where they lack weights the first copy of the same network that lacks none.

    Averages of weights are often kept without BatchNorm's statistics.
    """
    model = build(parts)
    if match(model, parts.backbone, parts.view.tensors).missing:
        for other in islice(copies, _MOST_COPIES):
            with suppress(UnknownArchitecture):
                same = build(other)
                if same.words == model.words and not match(same, other.backbone, other.view.tensors).missing:
                    note = "the copy that would be read first lacks weights; another copy, which is complete, was read"
                    return replace(other, notes=(*other.notes, note)), same
    return parts, model


def model_of(parts: Parts, said: Geometry = Geometry(), options: LoadOptions = LoadOptions()) -> Model:  # noqa: B008
    """The architecture that the shapes describe, and what they do not tell: by the user's word, the file's, evidence,
    the family's habit, or what is usual.

    Args:
        said: what the file itself says.

    Raises:
        UnknownArchitecture: they describe none that is known, or not with this geometry.
    """
    shapes = {ours: parts.view.tensors[theirs].shape for ours, theirs in parts.backbone.items()}
    said_by: dict[Source, Geometry] = {
        "option": options.geometry,
        "file": said,
        "evidence": options.evidence,
        "family": conventions(parts),
    }
    if parts.dialect == "vit":
        transformer = infer_vit(shapes)
        usual = usual_heads(transformer.dim)
        settled = settle(VIT_FIELDS, said_by | {"usual": Geometry(heads=usual)})
        heads = int(settled.values["heads"])
        if heads < 1 or transformer.dim % heads:
            raise UnknownArchitecture(f"{heads} heads do not divide a ViT's width of {transformer.dim}")
        transformer = replace(transformer, heads=None if heads == usual else heads)
        return Model(
            transformer.build,
            transformer.words,
            transformer.feature_dim,
            _assumed_heads(transformer, settled),
            geometry=settled,
        )
    spec = infer_resnet(shapes)
    if parts.dialect == "sequential" and parts.sequential_gap is not None:
        # Children between bn1 and the first stage: none, a ReLU, or a ReLU and a pooling (or nothing in its place).
        spec = replace(spec, stem_relu=parts.sequential_gap > 2)
    if spec.stem_kernel != 3:  # a habit of 3×3 stems
        said_by["family"] = replace(said_by["family"], stem_padding=None)
        said_by["file"] = said if parts.hints.stem_padding is None else replace(said, stem_padding=None)
    settled = settle(RESNET_FIELDS, said_by | {"usual": usual_of(spec)})
    _check(spec, settled)
    spec = replace(spec, **settled.values)  # type: ignore[arg-type]
    return Model(spec.build, spec.words, spec.feature_dim, _assumed_stem(spec, settled), geometry=settled)


def usual_of(spec: ResNetSpec) -> Geometry:
    """What shapes leave open of a residual network, as the network has it."""
    return Geometry(**{name: getattr(spec, name) for name in RESNET_FIELDS})


def _check(spec: ResNetSpec, settled: Settled) -> None:
    """Geometries that no network can have, whoever said them."""
    values = settled.values
    dilated = int(values["dilated"])
    if not 0 <= dilated < max(1, len(spec.blocks)):
        raise UnknownArchitecture(f"{dilated} dilated stages of {len(spec.blocks)}: the first never is")
    if dilated and spec.block == "basic":
        raise UnknownArchitecture("dilated stages of basic blocks: torchvision dilates bottleneck blocks only")
    if not 0 <= int(values["stem_padding"]) <= spec.stem_kernel or not 1 <= int(values["stem_stride"]) <= 8:
        raise UnknownArchitecture(f"a stem with {in_words(values)}")
    if not 1 <= int(values["last_stride"]) <= 4:
        raise UnknownArchitecture(f"a last stage of stride {values['last_stride']}")


def _assumed_stem(spec: ResNetSpec, settled: Settled) -> tuple[str, ...]:
    return _assumed_shortcuts(spec) + _assumed_reduction(spec, settled)


def _assumed_shortcuts(spec: ResNetSpec) -> tuple[str, ...]:
    if not spec.padded:
        return ()
    return (
        "shortcuts without weights are taken for every second pixel with zeros on both sides of its channels, as in "
        "most ResNets for CIFAR; where zeros came after them, or pixels were averaged, name the network by a factory "
        "(--backbone path/to/file.py:factory)",
    )


def _assumed_reduction(spec: ResNetSpec, settled: Settled) -> tuple[str, ...]:
    if spec.stem_kernel == 7 or not {"stem_stride", "maxpool"} <= set(settled.open):
        return ()
    pooling = "max-pooling" if spec.maxpool else "no max-pooling"
    return (
        f"stride {spec.stem_stride} and {pooling} are assumed for the "
        f"{spec.stem_kernel}×{spec.stem_kernel} stem: the file does not tell (--stem-stride, --maxpool)",
    )


def _assumed_heads(spec: ViTSpec, settled: Settled) -> tuple[str, ...]:
    if not settled.open or spec.dim in (192, 384, 768, 1024, 1280, 1536):
        return ()
    return (
        f"{spec.attention_heads} heads are assumed for a ViT of width {spec.dim}: the file does not tell (--heads)",
    )


def fill(model: Model, weights: Mapping[str, Tensor]) -> nn.Module:
    """The module with these weights, float32, in eval mode, without gradients.

    Our own are built without memory and given the tensors as they are, so that nothing is initialised only to be
    overwritten. With weights missing (`--allow-partial`) those keep their random initialisation.
    """
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    absent = [name for name in model.shapes if name not in state]
    if model.template is not None:
        return _assigned(copy.deepcopy(model.template), state)
    if all(name.endswith("num_batches_tracked") for name in absent):
        module = model.empty
        state |= {name: torch.zeros((), dtype=torch.int64) for name in absent}
    else:
        module = model.build()
    module.load_state_dict(state, strict=False, assign=True)
    module.eval().requires_grad_(False)
    return module


def _assigned(module: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    """A named network with these weights. Not by `load_state_dict`, into which some classes build rules about their own
    older files (torchvision's MNASNet asks for a version that only its own files carry)."""
    for name, tensor in state.items():
        owner, _, last = name.rpartition(".")
        part = module.get_submodule(owner)
        if last in part._parameters:
            part._parameters[last] = nn.Parameter(tensor, requires_grad=False)
        else:
            part._buffers[last] = tensor
    return module.eval().requires_grad_(False)
