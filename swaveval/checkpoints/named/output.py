"""From what a network gives to features `(B, d)`: classifiers taken off, grids pooled, everything else refused."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from swaveval.checkpoints.sandbox.failure import Failure, printable

# Sizes at which a network is tried; small ones cost least, some networks take only the size they were made for.
SIDES = (64, 224, 32, 256, 384, 299, 448, 512)
# How many classes public sets have: CIFAR, Tiny-ImageNet, ImageNet and its larger versions, Places, Food, iNaturalist.
CLASS_COUNTS = frozenset({10, 100, 101, 200, 365, 1000, 1001, 8142, 10450, 11221, 11821, 21841, 21842, 21843})
_CLASSIFIER = re.compile(r"(.*\.)?(fc|head|heads|classifier|linear|logits|head_dist|last_linear|head\.fc|heads\.head)$")
_CLASS_TOKEN = re.compile(r"(.*\.)?(cls_token|class_token|class_embedding|cls)$")
_ERRORS = (RuntimeError, AssertionError, ValueError, TypeError, IndexError, NotImplementedError)
_IMAGES = 2


class Pooled:
    """A forward hook that turns a network's output into features. Attributes: rule (see `RULES`)."""

    def __init__(self, rule: str) -> None:
        self.rule = rule

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> Tensor:
        return RULES[self.rule](output)


RULES: Mapping[str, Any] = {
    "class token": lambda output: output[:, 0],
    "mean of tokens": lambda output: output.mean(1),
    "mean over positions": lambda output: output.mean((2, 3)),
    "mean over positions, channels last": lambda output: output.mean((1, 2)),
    "last_hidden_state, class token": lambda output: output["last_hidden_state"][:, 0],
    "last_hidden_state, mean of tokens": lambda output: output["last_hidden_state"].mean(1),
    "last_hidden_state, mean over positions": lambda output: output["last_hidden_state"].mean((2, 3)),
    "pooler_output": lambda output: output["pooler_output"].flatten(1),
    "x_norm_clstoken": lambda output: output["x_norm_clstoken"],
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one forward pass shows.

    Attributes:
        output: of the network, for `images` images of `side` pixels.
        side: at which it worked.
        last: name of the last layer with weights that ran, where its output is as wide as the network's; else "".
        idle: names of parameters and buffers that the output does not depend on.
    """

    output: Any
    side: int
    last: str
    idle: frozenset[str]


def look(module: nn.Module, sides: tuple[int, ...], channels: int, words: str, *, idle: bool = False) -> Seen:
    """One forward pass in eval mode on two images of noise, at the first size that works.

    Args:
        idle: whether to find out which parameters and buffers the output does not depend on.

    Raises:
        Failure: it takes none.
    """
    refusals = []
    for side in dict.fromkeys((*sides, *SIDES)):
        images = torch.randn(_IMAGES, channels, side, side, generator=torch.Generator().manual_seed(0))
        try:
            with _recorded(module) as ran, torch.set_grad_enabled(idle):
                output = module(images)
            unused = _idle(module, ran, images, output) if idle else frozenset()
        except _ERRORS as error:
            refusals.append(f"{side} px: {type(error).__name__}: {printable(error, 100)}")
            continue
        return Seen(output, side, _last(module, ran, output), unused)
    raise Failure("unsupported", f"{words} takes no images (B, {channels}, H, W); tried {'; '.join(refusals[:2])}")


@contextmanager
def _recorded(module: nn.Module) -> Iterator[list[str]]:
    """Names of the submodules in the order in which they finished."""
    ran: list[str] = []
    module.eval()
    handles = [
        part.register_forward_hook(lambda part, inputs, output, name=name: ran.append(name))
        for name, part in module.named_modules()
        if name
    ]
    try:
        yield ran
    finally:
        for handle in handles:
            handle.remove()


def _tensors(output: Any) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, Mapping):
        return [tensor for value in output.values() for tensor in _tensors(value)]
    if isinstance(output, list | tuple):
        return [tensor for value in output for tensor in _tensors(value)]
    return []


def _last(module: nn.Module, ran: list[str], output: Any) -> str:
    """The last layer with weights of its own, if it is linear and as wide as the output."""
    for name in reversed(ran):
        part = module.get_submodule(name)
        if any(True for _ in part.parameters(recurse=False)):
            wide = out_features(part)
            return name if isinstance(output, Tensor) and wide is not None and wide in output.shape[1:] else ""
    return ""


def out_features(part: nn.Module) -> int | None:
    """Outputs of a linear layer or a convolution by one pixel; None for any other."""
    if isinstance(part, nn.Linear):
        return part.out_features
    if isinstance(part, nn.Conv2d) and part.kernel_size == (1, 1):
        return part.out_channels
    return None


def _idle(module: nn.Module, ran: list[str], images: Tensor, output: Any) -> frozenset[str]:
    """Parameters without a gradient, and buffers of parts that did not run, if NaN there changes nothing.

    The gradient alone would miss what lies behind a `detach()`.
    """
    floating = {name: value for name, value in module.named_parameters() if value.requires_grad}
    reached = [tensor.float().sum() for tensor in _tensors(output) if tensor.requires_grad]
    if not reached:
        return frozenset()
    gradients = torch.autograd.grad(torch.stack(reached).sum(), list(floating.values()), allow_unused=True)
    idle = {name for name, gradient in zip(floating, gradients, strict=True) if gradient is None}
    parts = set(ran)
    for name, _ in module.named_buffers():
        owner = name.rpartition(".")[0]
        if owner and owner not in parts and all(f"{owner}.{own}" in idle for own in _own(module, owner)):
            idle.add(name)
    never = {name for name in idle if name.rpartition(".")[0] not in parts}
    groups = (group for group in (never, idle - never) if group and _unchanged(module, group, images, output))
    return frozenset().union(*groups)


@torch.no_grad()
def _unchanged(module: nn.Module, idle: set[str], images: Tensor, output: Any) -> bool:
    tensors = {name: tensor for name, tensor in module.state_dict(keep_vars=True).items() if name in idle}
    before = {name: tensor.clone() for name, tensor in tensors.items()}
    try:
        for tensor in tensors.values():
            if tensor.is_floating_point():
                tensor.fill_(torch.nan)
        again = module(images)
    finally:
        for name, tensor in tensors.items():
            tensor.copy_(before[name])
    pairs = zip(_tensors(output), _tensors(again), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def _own(module: nn.Module, owner: str) -> list[str]:
    return [name for name, _ in module.get_submodule(owner).named_parameters(recurse=False)]


def is_called_head(name: str) -> bool:
    """Whether a layer's name is one that heads have."""
    return bool(_CLASSIFIER.match(name))


def rule(module: nn.Module, output: Any, words: str, advice: str) -> str:
    """How its output becomes features: "" where it is `(B, d)` as it stands, else a key of `RULES`.

    Args:
        words: what it is called. advice: what helps where there is no rule.

    Raises:
        Failure: it is nothing that becomes features by a rule.
    """
    class_token = any(_CLASS_TOKEN.match(name) for name in module.state_dict())
    if isinstance(output, Tensor):
        found = _grid(tuple(output.shape), class_token=class_token)
        if found is not None:
            return found
    elif hasattr(output, "keys") and hasattr(output, "__getitem__"):
        found = _fields(output, class_token=class_token)
        if found is not None:
            return found
    reason = f"{words} must give features (B, d) for images (B, 3, H, W); for {_IMAGES} images it gave {_shown(output)}"
    raise Failure("unsupported", f"{reason}; {advice}")


def _grid(shape: tuple[int, ...], *, class_token: bool) -> str | None:
    if not shape or shape[0] != _IMAGES:
        return None
    if len(shape) == 2:
        return ""
    if len(shape) == 3:
        return "class token" if class_token else "mean of tokens"
    if len(shape) == 4 and shape[2] == shape[3] and shape[1] != shape[2]:
        return "mean over positions"
    if len(shape) == 4 and shape[1] == shape[2] and shape[2] != shape[3]:
        return "mean over positions, channels last"
    return None


def _fields(output: Any, *, class_token: bool) -> str | None:
    """Hugging Face's outputs and DINOv2's dict. A pooler after the class token is often untrained: not taken."""
    given = {key: output[key] for key in output.keys() if isinstance(output[key], Tensor)}  # noqa: SIM118
    hidden, pooled = given.get("last_hidden_state"), given.get("pooler_output")
    if hidden is not None and hidden.dim() == 3 and class_token:
        return "last_hidden_state, class token"
    if pooled is not None and len(pooled) == _IMAGES:
        return "pooler_output"
    if hidden is not None and len(hidden) == _IMAGES and hidden.dim() in (3, 4):
        return f"last_hidden_state, mean {'of tokens' if hidden.dim() == 3 else 'over positions'}"
    if "x_norm_clstoken" in given:
        return "x_norm_clstoken"
    return None


def _shown(output: Any) -> str:
    if isinstance(output, Tensor):
        return str(tuple(output.shape))
    if hasattr(output, "keys"):
        return f"a {type(output).__name__} of {printable(', '.join(map(str, output.keys())), 120)}"
    if isinstance(output, list | tuple):
        return f"a {type(output).__name__} of {', '.join(_shown(part) for part in output[:4]) or 'nothing'}"
    return f"a {type(output).__name__}"
