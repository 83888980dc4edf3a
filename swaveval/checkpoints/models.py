"""The module that a checkpoint's weights belong to, and how much of it they fill."""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from swaveval.checkpoints.architectures import UnknownArchitecture, infer_resnet
from swaveval.checkpoints.description import FLOATING, ITEM_BYTES, Description, TensorInfo
from swaveval.checkpoints.families import Family, Parts, View
from swaveval.checkpoints.named import NamedModel, Place, best_place, named_model
from swaveval.checkpoints.recognise import Translated, recognise
from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.vit import infer_vit


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
    """

    build: Callable[[], nn.Module]
    words: str
    feature_dim: int
    notes: tuple[str, ...] = ()
    template: nn.Module | None = None
    optional: frozenset[str] = frozenset()

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


def find_model(description: Description, backbone: str | None) -> tuple[Parts, Model]:
    """The parts of a checkpoint and the architecture they belong to.

    Args:
        backbone: `timm:NAME`, `torchvision:NAME`, `module:factory` or `path/to/file.py:factory`, where one was named.

    Raises:
        Failure: nothing in the file is a backbone that is known.
    """
    named: dict[str, tuple[NamedModel, Place]] = {}

    def finder(family: Family, view: View) -> tuple[str, Translated] | None:
        hints = family.hints(description)
        text = backbone or (f"timm:{hints.timm}" if hints.timm else "")
        if not text:
            return None
        model = named_model(text, view.tensors, hints.image_size)
        place = best_place(view.tensors, model.shapes, model.optional)
        if place is None:
            return None
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
    parts = recognise(description)
    if parts is None:
        raise Failure("unsupported", _nothing_known(description))
    try:
        return parts, model_of(parts)
    except UnknownArchitecture as unknown:
        reason = f"no known architecture ({unknown}); name it with --backbone timm:NAME or --backbone module:factory"
        raise Failure("unsupported", reason) from None


def _nothing_known(description: Description) -> str:
    if not description.containers:
        keys = ", ".join(description.keys[:8]) or "nothing"
        return f"no weights found where checkpoints keep them (a {description.root} with {keys})"
    path, tensors = max(description.containers.items(), key=lambda entry: len(entry[1]))
    some = ", ".join(printable(info.name, 60) for info in tensors[:4])
    return (
        f"no backbone of a known layout among the {len(tensors)} tensors under {'.'.join(path) or 'the top level'} "
        f"({some}, …); name the architecture with --backbone timm:NAME or --backbone module:factory"
    )


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


def model_of(parts: Parts) -> Model:
    """The architecture that the shapes and the family's hints describe.

    Raises:
        UnknownArchitecture: they describe none that is known.
    """
    shapes = {ours: parts.view.tensors[theirs].shape for ours, theirs in parts.backbone.items()}
    if parts.dialect == "vit":
        transformer = infer_vit(shapes)
        return Model(transformer.build, transformer.words, transformer.feature_dim)
    spec, notes = infer_resnet(shapes), []
    hints = parts.hints
    if parts.dialect == "sequential" and parts.sequential_gap is not None:
        # Children between bn1 and the first stage: none, a ReLU, or a ReLU and a pooling (or nothing in its place).
        spec = replace(spec, stem_relu=parts.sequential_gap > 2)
        if parts.sequential_gap < 4:
            spec = replace(spec, maxpool=False)
    if spec.stem_kernel == 3 and hints.stem_padding is not None:
        spec = replace(spec, stem_padding=hints.stem_padding)
    if hints.stem_stride is not None:
        spec = replace(spec, stem_stride=hints.stem_stride)
    if hints.maxpool is not None:
        spec = replace(spec, maxpool=hints.maxpool)
    if hints.stem_stride is None and hints.maxpool is None and spec.stem_kernel != 7:
        notes.append(
            f"stride {spec.stem_stride} and no max-pooling are assumed for the "
            f"{spec.stem_kernel}×{spec.stem_kernel} stem: the file does not tell"
        )
    return Model(spec.build, spec.words, spec.feature_dim, tuple(notes))


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


def _words(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"
