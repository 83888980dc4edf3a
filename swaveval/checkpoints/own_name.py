"""The name that a file gives its own network, where it is one of timm's (`arch: resnetaa50` of its training script)."""

import re
from collections.abc import Iterator
from importlib.util import find_spec

from swaveval.checkpoints.named import named_model
from swaveval.checkpoints.sandbox.description import Description
from swaveval.checkpoints.sandbox.failure import Failure
from swaveval.checkpoints.scalars import leaves

# Under which a network's name stands among a file's settings.
NAMES = (
    "arch",
    "model",
    "model_name",
    "backbone",
    "name",
    "architecture",
    "encoder",
    "base_encoder",
    "vit",
    "vit_arch",
)
# Residual networks that names and shapes describe wholly, whatever they are called.
_PLAIN = re.compile(r"(?:wide_)?resnet\d+(?:_2|w\d)?|resnext\d+_\d+x\d+d?|resnet")
_RESIDUAL = re.compile(r"(?:wide_)?res(?:net|next)")
_MOST = 8


def names_said(description: Description) -> tuple[str, ...]:
    """Words that may be a network's name, in timm's spelling, without its tags."""
    said = (
        value.strip().lower().removeprefix("timm/").split(".")[0].replace("-", "_")
        for path, value in leaves(description.scalars)
        if path[-1] in NAMES and isinstance(value, str)
    )
    return tuple(dict.fromkeys(name for name in said if re.fullmatch(r"[a-z][a-z0-9_]{2,60}", name)))[:_MOST]


def of_timm(description: Description) -> Iterator[str]:
    """`timm:NAME` of every name that timm has."""
    names = names_said(description)
    if not names or find_spec("timm") is None:
        return
    import timm

    yield from (f"timm:{name}" for name in names if timm.is_model(name))


def is_residual_of_its_own(description: Description) -> bool:
    """Whether the file names a residual network that has the names and shapes of a common one and may compute something
    else: blurred or averaged steps (`resnetaa50`, `resnetblur18`)."""
    return any(_RESIDUAL.match(name) and not _PLAIN.fullmatch(name) for name in names_said(description))


def heads_of_timm(description: Description, width: int) -> int | None:
    """The attention heads of the transformer that the file names; None where it names none of this width."""
    found = set()
    for text in of_timm(description):
        try:
            network = named_model(text, {}, None).template
        except Failure:
            continue
        for module in network.modules():
            heads = getattr(module, "num_heads", None)
            if isinstance(heads, int) and getattr(network, "embed_dim", None) == width:
                found.add(heads)
    return found.pop() if len(found) == 1 else None
