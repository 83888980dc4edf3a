"""What to do about a file whose network is not known: only what was tried on it, or always works."""

import re

from swaveval.checkpoints.families import View, Views
from swaveval.checkpoints.families.hugging_face import CONFIG
from swaveval.checkpoints.hugging_face.network import without_config
from swaveval.checkpoints.named import fitting
from swaveval.checkpoints.sandbox.description import Description
from swaveval.checkpoints.sandbox.failure import printable

# Keys of an optimiser's state dict.
OPTIMISER = frozenset({"state", "param_groups"})
# Dimensions that the weights of a convolution, or the positions of a transformer's tokens, have at least.
SEES_IMAGES = 3
# Of a transformer whose patches go through a linear layer.
_TOKENS = re.compile(r"attn|attention|qkv|transformer")
FACTORY = "give the network that was trained: --backbone path/to/file.py:factory, a function that returns it"


def nothing_known(description: Description) -> str:
    """Why no backbone was recognised in a file."""
    if not description.containers:
        if OPTIMISER.issubset(description.keys):
            return "an optimiser's state, and no network's"
        keys = ", ".join(description.keys[:8])
        kind = f"{description.root} with {keys}" if keys else description.root
        return (
            f"no weights found where checkpoints keep them (a {kind}): tensors by name, as "
            "torch.save(model.state_dict(), file) writes them, are read; arrays of NumPy are none "
            "(torch.as_tensor makes them)"
        )
    path, tensors = max(description.containers.items(), key=lambda entry: len(entry[1]))
    reason = without_config(description.scalars.get((CONFIG,)), {info.name: info for info in tensors})
    if reason:
        return reason
    if any(".lora_" in info.name for info in tensors):
        return (
            "the file holds adapters (LoRA) and not the network they belong to; merge them and save the whole: "
            "torch.save(peft_model.merge_and_unload().state_dict(), file)"
        )
    if any(info.name.endswith("_flat_param") for info in tensors):
        return (
            "its weights are flattened by FSDP, so layers cannot be told apart; save them whole "
            "(StateDictType.FULL_STATE_DICT, or torch.distributed.checkpoint)"
        )
    some = ", ".join(printable(info.name, 60) for info in tensors[:4])
    if tensors and all(len(info.shape) < SEES_IMAGES and not _TOKENS.search(info.name) for info in tensors):
        return (
            f"a head without its backbone: none of its {len(tensors)} tensors ({some}, …) is of a layer that sees "
            "images (a network without such layers: --backbone path/to/file.py:factory, a function that returns it)"
        )
    view = Views(description).joined(((path, ""),))
    return (
        f"no backbone of a known layout among the {len(tensors)} tensors under {'.'.join(path) or 'the top level'} "
        f"({some}, …); {naming(view) if view else FACTORY}"
    )


def naming(view: View) -> str:
    """How to name a file's network: one of timm's or torchvision's that was found to fit it, else what always works."""
    return matching(view) or f"{FACTORY} (timm:NAME and torchvision:NAME name theirs; none that was tried fits)"


def matching(view: View) -> str:
    """The name of a network of timm's or torchvision's that fits a file; empty where none was found."""
    text = fitting(view.tensors)
    return f"--backbone {text} has its names and shapes and reads it, if that was trained" if text else ""
