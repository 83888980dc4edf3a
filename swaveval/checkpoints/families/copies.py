"""Of several copies of one network in a file, which one is read: the one its method is evaluated by.

| copies | read |
|---|---|
| raw weights, and their running average (EMA, SWA) | the average |
| student and teacher (DINO, DINOv2, iBOT) | the teacher |
| online or query network, and its momentum, target or key network (MoCo, BYOL, solo-learn) | the online one |
| I-JEPA's and MSN's encoder and target encoder | the target encoder |

Decided by words of the names alone, so every process decides alike.
"""

import re
from collections.abc import Collection

_AVERAGES = frozenset({"teacher", "ema", "averaged", "average", "avg", "swa", "polyak", "shadow"})
# lightly's MSN calls what is trained `anchor_backbone`, and its average, which MSN evaluates, `backbone`.
_FOLLOWERS = frozenset({"anchor", "momentum", "target", "key", "k", "m", "slow"})
_WORDS = re.compile(r"[a-z]+")

# Where programs keep their weights, the usual place first; of other names the fuller one is taken.
_PLAIN = frozenset(
    {
        "state",
        "dict",
        "model",
        "module",
        "net",
        "network",
        "backbone",
        "encoder",
        "weight",
        "weights",
        "param",
        "params",
    }
)
_USUAL = ("state_dict", "model_state_dict", "model", "module", "net", "network", "backbone", "encoder")


def is_plain(path: tuple[str, ...]) -> bool:
    """Whether a place says no more than that it holds a network's weights."""
    return all(word in _PLAIN for key in path for word in re.split(r"[_.\-]", key.lower()))


def copy_rank(name: str, beside: Collection[str] = ()) -> int:
    """0 for an average or teacher, 1 for what is trained, 2 for what only follows it.

    Args:
        name: of a container or of a place inside one (`teacher.backbone.`).
        beside: names of what lies at the top level of the file.
    """
    words = set(_WORDS.findall(name.lower()))
    if "target" in words and "encoder" in beside and {"predictor", "prototypes"} & set(beside):
        return 0
    if words & _AVERAGES and not words & {"target"}:
        return 0
    return 2 if words & _FOLLOWERS else 1


def container_rank(path: tuple[str, ...], tensors: int, beside: Collection[str]) -> tuple[int, int, int, int]:
    """Sort key of containers: the copy to be read first, then the usual places, then the fuller one."""
    usual = _USUAL.index(path[0]) if len(path) == 1 and path[0] in _USUAL else len(_USUAL)
    return copy_rank(".".join(path), beside), usual if path else len(_USUAL) + 1, -tensors if path else 0, len(path)
