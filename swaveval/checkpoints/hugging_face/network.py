"""From a `config.json` and the names of weights to the network they are of, or to a sentence on what does not fit."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from swaveval.checkpoints.families.copies import copy_rank
from swaveval.checkpoints.families.hugging_face import CONFIG, MARK
from swaveval.checkpoints.hugging_face.convolutional import CONVOLUTIONAL, convnext_spec, residual_spec
from swaveval.checkpoints.hugging_face.names import renamed
from swaveval.checkpoints.hugging_face.swin import swin_spec
from swaveval.checkpoints.hugging_face.transformer import TRANSFORMERS, transformer_spec
from swaveval.checkpoints.hugging_face.words import Words
from swaveval.checkpoints.sandbox.description import TensorInfo
from swaveval.checkpoints.sandbox.failure import Failure, printable

_KNOWN = (*TRANSFORMERS, *CONVOLUTIONAL, "swin")
_ADVICE = (
    "--backbone path/nets.py:factory takes it, with a function that returns the transformers model (or, where "
    "transformers 5 renames layers, takes what torch.save(model.state_dict(), file) wrote of it)"
)
_GROUP = re.compile(r"(blocks|stages)(\.(\d+|blocks|layers))*(?=\.)")


@dataclass(frozen=True, slots=True)
class Network:
    """Attributes:
    kind: `model_type`. build: makes it at random initialisation. words: what the report calls it. feature_dim: d.
    """

    kind: str
    build: Callable[[], nn.Module]
    words: str
    feature_dim: int

    def placed(
        self, tensors: Mapping[str, TensorInfo], shapes: Mapping[str, tuple[int, ...]]
    ) -> tuple[str, dict[str, str]] | None:
        """Where it lies among the tensors: (prefix, our name → name below the prefix); None where it does not.

        Args:
            shapes: of the network's parameters and buffers.

        Raises:
            Failure: weights and config contradict each other.
        """
        prefixes = {hit[1] or "" for name in tensors if (hit := re.match(MARK, name))}
        if not prefixes:
            return None
        prefix = min(prefixes, key=lambda place: (copy_rank(place), len(place), place))
        names = renamed((name[len(prefix) :] for name in tensors if name.startswith(prefix)), self.kind)
        held = {_group(name) for name in names}
        for ours, name in names.items():
            found, expected = tensors[prefix + name].shape, shapes.get(ours)
            if found != expected:
                instead = "has no place for it" if expected is None else f"is {_shape(expected)}"
                raise self._contradicted(f"{printable(prefix + name, 100)} is {_shape(found)}, by the config {instead}")
        gone = next((ours for ours in shapes if _group(ours) not in held), None)
        if gone is not None:
            raise self._contradicted(f"nothing of what is called {_group(gone)} here is in the file")
        return prefix, names

    def _contradicted(self, what: str) -> Failure:
        return Failure("refused", f"{CONFIG} describes another network ({self.words}) than the file holds: {what}")


def network_of(said: Any, names: Iterable[str] = ()) -> Network | None:
    """The network that a `config.json` describes; None where it is of a kind that is not built here.

    Args:
        names: of the file's tensors.

    Raises:
        Failure: the config says what no network can have.
    """
    kind = said.get("model_type") if isinstance(said, Mapping) else None
    if kind not in _KNOWN:
        return None
    words = Words(said)
    if kind in TRANSFORMERS:
        spec: Any = transformer_spec(kind, words, apart=any(".mlp.gate_proj." in name for name in names))
    elif kind == "swin":
        spec = swin_spec(words)
    else:
        spec = residual_spec(words) if kind == "resnet" else convnext_spec(kind, words)
    return Network(kind, spec.build, spec.words, spec.feature_dim)


def timm_name(said: Any) -> str | None:
    """`timm:NAME` of what timm's `config.json` names; None where it is none of timm's."""
    name = said.get("architecture") if isinstance(said, Mapping) else None
    return f"timm:{name}" if isinstance(name, str) and re.fullmatch(r"[a-z0-9_.]{1,100}", name) else None


def without_config(said: Any, tensors: Mapping[str, TensorInfo]) -> str:
    """Why a checkpoint of transformers cannot be read by its config; "" where it is none of transformers'."""
    if isinstance(said, Mapping) and "model_type" in said:
        kind = printable(str(said.get("model_type")), 60)
        if kind in _KNOWN:
            return f"{CONFIG} beside it says {kind}, and no weights of such a network are in the file"
        return f"{CONFIG} beside it says {kind}, which is not built here ({', '.join(_KNOWN)} are); {_ADVICE}"
    if any(re.match(MARK, name) for name in tensors):
        lacking = f"its weights are named as transformers names them, but no {CONFIG} is beside it"
        return f"{lacking}: put it there; or {_ADVICE}"
    return ""


def _group(name: str) -> str:
    hit = _GROUP.match(name)
    return hit[0] if hit else name.partition(".")[0]


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a scalar"
