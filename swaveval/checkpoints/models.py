"""The module that a checkpoint's weights belong to, and how much of it they fill."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from swaveval.checkpoints.architectures import UnknownArchitecture, infer_resnet
from swaveval.checkpoints.description import TensorInfo
from swaveval.checkpoints.families import Parts


@dataclass(frozen=True, slots=True)
class Model:
    """An architecture without weights.

    Attributes:
        build: makes the module, randomly initialised from torch's global generator.
        words: the architecture in words.
        feature_dim: d.
        notes: what was assumed.
    """

    build: Callable[[], nn.Module]
    words: str
    feature_dim: int
    notes: tuple[str, ...] = ()


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
        raise UnknownArchitecture("a vision transformer")
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


def match(module: nn.Module, names: Mapping[str, str], tensors: Mapping[str, TensorInfo]) -> Match:
    """Hold a module's parameters and buffers against the file's tensors, by name and shape.

    `num_batches_tracked` is not counted: it changes nothing in eval mode, and files before PyTorch 0.4.1 lack it.
    """
    fitting: dict[str, str] = {}
    missing: list[str] = []
    total = found = 0
    for name, expected in module.state_dict().items():
        info = tensors.get(names.get(name, ""))
        if name.endswith("num_batches_tracked"):
            continue
        total += expected.numel()
        if info is None:
            missing.append(name)
        elif info.shape != tuple(expected.shape):
            missing.append(f"{name} (shape {_words(info.shape)} in the file, {_words(tuple(expected.shape))} expected)")
        elif info.dtype[:1] not in ("F", "B") or info.dtype == "BOOL":
            missing.append(f"{name} (dtype {info.dtype} in the file)")
        else:
            fitting[name] = names[name]
            found += expected.numel()
    share = found / total if total else 0.0
    # Rounding must not turn "all but one weight" into "all".
    return Match(fitting, tuple(missing), 1.0 if not missing else min(share, 0.9999999))


def fill(build: Callable[[], nn.Module], weights: Mapping[str, Tensor]) -> nn.Module:
    """The module with these weights, float32, in eval mode, without gradients.

    Built without memory and given the tensors as they are, so that nothing is initialised only to be overwritten.
    With weights missing (`--allow-partial`) those keep their random initialisation.
    """
    with torch.device("meta"):
        module = build()
    state = {name: tensor.float() for name, tensor in weights.items()}
    absent = [name for name in module.state_dict() if name not in state]
    if any(not name.endswith("num_batches_tracked") for name in absent):
        module = build()
    else:
        state |= {name: torch.zeros((), dtype=torch.int64) for name in absent}
    module.load_state_dict(state, strict=False, assign=True)
    module.eval().requires_grad_(False)
    return module


def _words(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"
