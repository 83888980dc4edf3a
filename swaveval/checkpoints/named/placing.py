"""Where in a file the weights of a named network lie."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from swaveval.checkpoints.families.copies import copy_rank
from swaveval.checkpoints.families.family import plain_name
from swaveval.checkpoints.sandbox.description import TensorInfo

_MOST_DROPPED = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Attributes:
    lead: what the network's names begin with and the file's do not (`model.` of a wrapper).
    prefix: what the file's names begin with instead.
    """

    lead: str
    prefix: str

    def inside(self, name: str) -> str:
        """A name of the network's as the file has it, after the prefix."""
        return plain_name(name).removeprefix(self.lead)


def best_place(
    tensors: Mapping[str, TensorInfo], shapes: Mapping[str, tuple[int, ...]], optional: Collection[str] = ()
) -> Place | None:
    """The first of the `best_places`; None when there is none."""
    return next(iter(best_places(tensors, shapes, optional)), None)


def best_places(
    tensors: Mapping[str, TensorInfo], shapes: Mapping[str, tuple[int, ...]], optional: Collection[str] = ()
) -> list[Place]:
    """The places, each of other tensors, at which most elements of a network with these shapes are found.

    Of equally good ones those of no deeper network, then of the copy that is documented as the one to be read; the one
    with the shorter prefix comes first.

    Args:
        tensors: of the file, under names without wrappers.
        shapes: of the network; `optional` ones need not be in the file.
    """
    needed = {plain_name(name): shape for name, shape in shapes.items() if name not in optional}
    candidates = {Place("", "")}
    for probe in sorted(needed, key=lambda name: (-math.prod(needed[name]), name))[:3]:
        parts = probe.split(".")
        for dropped in range(min(_MOST_DROPPED, len(parts) - 1)):
            lead = "".join(part + "." for part in parts[:dropped])
            if not all(name.startswith(lead) for name in needed):
                break
            rest = probe[len(lead) :]
            hits = (name for name in tensors if name == rest or name.endswith("." + rest))
            candidates |= {Place(lead, name[: -len(rest)]) for name in hits}

    def found(place: Place) -> int:
        hits = (shape for name, shape in needed.items() if _shape(tensors, place.prefix + place.inside(name)) == shape)
        return sum(map(math.prod, hits))

    every = {plain_name(name) for name in shapes}

    def surplus(place: Place) -> int:
        """Tensors beyond the network within its own parts: a deeper one's blocks (a ResNet-34 holds a ResNet-18)."""
        own = {place.inside(name) for name in every}
        heads = {name.partition(".")[0] for name in own}
        inside = (name[len(place.prefix) :] for name in tensors if name.startswith(place.prefix))
        return sum(
            name not in own and name.partition(".")[0] in heads and not name.endswith("num_batches_tracked")
            for name in inside
        )

    def order(place: Place) -> tuple[int, int, int, int, int, str]:
        return -found(place), surplus(place), copy_rank(place.prefix), len(place.lead), len(place.prefix), place.prefix

    ranked = sorted(candidates, key=order)
    probe = max(needed, key=lambda name: math.prod(needed[name])) if needed else ""
    best = {
        place.prefix + place.inside(probe): place
        for place in reversed(ranked)
        if order(place)[:3] == order(ranked[0])[:3]
    }
    return list(reversed(best.values())) if found(ranked[0]) else []


def _shape(tensors: Mapping[str, TensorInfo], name: str) -> tuple[int, ...] | None:
    info = tensors.get(name)
    return None if info is None else info.shape
