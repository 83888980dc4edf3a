"""Where each tensor lies in the safetensors handed over: in the copy already made of the file, or behind it."""

import json
import os
import struct
from collections.abc import Mapping as Table
from dataclasses import dataclass

from torch import Tensor

from swaveval.checkpoints.sandbox.contents import dtype_name
from swaveval.checkpoints.sandbox.copying import Span
from swaveval.checkpoints.sandbox.head_start import Copy, Mapping

_ALIGNMENT = 8  # of the widest element


@dataclass(frozen=True, slots=True)
class Layout:
    """A safetensors file.

    Attributes:
        header: its first bytes, as long as the copy's room where anything of the copy is used.
        places: name → byte of the file at which the tensor begins.
        copied: names of tensors whose bytes the copy already has at that place.
        size: of the whole file.
    """

    header: bytes
    places: dict[str, int]
    copied: frozenset[str]
    size: int


def spans_in_file(tensors: Table[str, Tensor]) -> dict[str, Span]:
    """Which bytes of the mapped checkpoint file each tensor is; without those that are no such bytes."""
    addresses = {name: tensor.data_ptr() for name, tensor in tensors.items() if tensor.numel() and is_whole(tensor)}
    mapping = Mapping.at(next(iter(addresses.values()))) if addresses else None
    if mapping is None:
        return {}
    found = {name: mapping.span(address, tensors[name].nbytes) for name, address in addresses.items()}
    return {name: span for name, span in found.items() if span is not None}


def lay_out(chosen: Table[str, Tensor], copy: Copy, spans: Table[str, Span]) -> Layout:
    """The layout for these tensors; it uses what was copied of them where the header fits into the room before it."""
    copied: dict[str, int] = {}
    free = 0
    for name in sorted(spans, key=spans.__getitem__):
        start, end = spans[name]
        # The format allows no overlap: of two tensors in the same place, the second is written apart.
        if free <= start and end <= copy.length and start % _ALIGNMENT == 0:
            copied[name], free = start, end
    layout = _around(chosen, copied, copy.room)
    return layout if copied and len(layout.header) == copy.room else _around(chosen, {}, 0)


def is_whole(tensor: Tensor) -> bool:
    """Whether the tensor's bytes are those of its storage, one after another."""
    return tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes


def _around(chosen: Table[str, Tensor], copied: Table[str, int], room: int) -> Layout:
    """The layout with these tensors where they are in the copy, and the others behind the last of them."""
    places = dict(copied)
    end = max((place + chosen[name].nbytes for name, place in places.items()), default=0)
    for name, tensor in chosen.items():
        if name not in places:
            places[name] = end + -end % _ALIGNMENT
            end = places[name] + tensor.nbytes
    header = _header(chosen, places, room)
    absolute = {name: len(header) + place for name, place in places.items()}
    return Layout(header, absolute, frozenset(copied), len(header) + end)


def _header(chosen: Table[str, Tensor], places: Table[str, int], room: int) -> bytes:
    """Length and JSON, padded to `room`. The format allows no holes, so bytes that nobody wants get names too."""
    unguessable = os.urandom(8).hex()
    entries: dict[str, object] = {}
    end = 0
    for name in sorted(places, key=lambda name: (places[name], chosen[name].nbytes)):
        tensor, place = chosen[name], places[name]
        if place > end:
            gap = {"dtype": "U8", "shape": [place - end], "data_offsets": [end, place]}
            entries[f"{unguessable} {len(entries)}"] = gap
        end = place + tensor.nbytes
        entries[name] = {"dtype": dtype_name(tensor), "shape": list(tensor.shape), "data_offsets": [place, end]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    size = max(room, 8 + len(text) + -len(text) % _ALIGNMENT)
    return struct.pack("<Q", size - 8) + text.ljust(size - 8)
