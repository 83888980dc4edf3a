"""Handing tensors over: as safetensors through a pipe, into memory that only the receiver has.

Records that lie in the file as they are go from the page cache into the pipe without passing through this process. They
are not checked here but by the receiver (`swaveval.checkpoints.open_file`), who is told each one's checksum: what is
checked is what will be used, also where another program rewrites the file meanwhile. What is no record (a view of a
part of one, one that was unpacked) is checked here, in memory that only we have.
"""

import errno
import os
from collections.abc import Mapping as Table
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, UntypedStorage
from zlib_ng.zlib_ng import crc32

from swaveval.checkpoints.sandbox.contents import DTYPES, dtype_name
from swaveval.checkpoints.sandbox.entries import tensors_at
from swaveval.checkpoints.sandbox.failure import Failure, became_shorter, damaged, printable
from swaveval.checkpoints.sandbox.mapped_file import MappedFile, Span, is_whole
from swaveval.checkpoints.sandbox.safetensors_header import safetensors_header
from swaveval.checkpoints.sandbox.sending import send_span, write_all
from swaveval.checkpoints.sandbox.torch_files import Opened

Checksums = frozenset[tuple[int, int]]

_PIPE_BYTES = 1 << 20  # what Linux gives everybody; its default makes the two sides wait for each other


def sound(name: str, tensor: Tensor) -> None:
    """Hold a tensor against its storage before anything reads it.

    Raises:
        Failure: it is of a kind that no weights have, or claims more elements than its storage holds.
    """
    label = printable(name, 80)
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        kind = "quantised" if tensor.is_quantized else f"{tensor.layout}, {tensor.device.type}"
        advice = "it has no values: save the network after its weights were loaded"
        if tensor.device.type != "meta":
            advice = "save dense floating point in its place (tensor.dequantize() or tensor.to_dense())"
        raise Failure("unsupported", f"{label} is not a plain tensor ({kind}); {advice}")
    if tensor.dtype not in DTYPES:
        raise Failure("unsupported", f"{label} has the dtype {tensor.dtype}, which no backbone has")
    if tensor.is_neg():
        raise Failure("unsupported", f"{label} is stored with the opposite sign, as no weights are")
    held = tensor.untyped_storage().nbytes()
    reach = (
        tensor.storage_offset() + 1 + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    )
    if tensor.nbytes > held or (tensor.numel() and reach * tensor.element_size() > held):
        raise Failure("refused", f"{label} claims {tensor.nbytes} bytes, but its storage holds {held}")


@dataclass(frozen=True, slots=True)
class Parcel:
    """Tensors to hand over.

    Attributes:
        opened: the file they are in.
        tensors: by name.
        spans: which of them are records of the file as it stands.
    """

    opened: Opened
    tensors: Table[str, Tensor]
    spans: Table[str, Span]

    def places(self) -> dict[str, list[Any]]:
        """Name → place among the records, dtype, shape and CRC-32 of those in `spans`; None for what is not known."""
        known = self.opened.checksums is not None
        order = {span: place for place, span in enumerate(self.opened.records)}
        return {
            name: [
                order.get(span),
                dtype_name(self.tensors[name]),
                list(self.tensors[name].shape),
                self.opened.records[span] if known else None,
            ]
            for name, span in self.spans.items()
        }

    def write(self, pipe: int, names: list[str]) -> None:
        """Write the named tensors as safetensors; returns when the receiver has read all but the last of it.

        Raises:
            Failure: a tensor is damaged, or the file has become shorter.
        """
        chosen = {name: self.tensors[name] for name in names if name in self.tensors}
        rows = [(name, dtype_name(tensor), list(tensor.shape), tensor.nbytes) for name, tensor in chosen.items()]
        held: dict[int, UntypedStorage] = {}
        try:
            write_all(pipe, memoryview(safetensors_header(rows)))
            for name, tensor in chosen.items():
                if name in self.spans:
                    if not send_span(pipe, self.opened.file.fileno(), self.spans[name]):
                        raise became_shorter()
                elif tensor.numel():
                    write_all(pipe, _content(name, tensor, self.opened.checksums, held))
        except OSError as error:
            if error.errno != errno.EFAULT:
                raise
            raise became_shorter() from None


def mapping_of(opened: Opened) -> MappedFile | None:
    """Where the file's own bytes lie in memory, if they still are what the file says."""
    return MappedFile.of(opened.file.fileno()) if opened.untouched else None


def pack(opened: Opened, mapped: MappedFile | None, path: list[str], names: list[str]) -> Parcel:
    """The named tensors under `path`, as many of them as there are, none of them read yet.

    Args:
        mapped: the `mapping_of` it.

    Raises:
        Failure: a tensor is not sound, or all of them are more than the file can hold.
    """
    table = tensors_at(opened.root, path)
    chosen = {name: table[name].detach() for name in names if name in table}
    for name, tensor in chosen.items():
        sound(name, tensor)
    total = sum(tensor.nbytes for tensor in chosen.values())
    # Tied weights may be written twice; a thousand views of one storage are a bomb.
    if total > 2 * opened.expanded_bytes:
        raise Failure("refused", f"its tensors claim {total} bytes, more than the file holds")
    spans: dict[str, Span] = {}
    for name, tensor in chosen.items():
        span = mapped.span(tensor) if mapped and tensor.numel() and is_whole(tensor) else None
        if span is not None and (opened.checksums is None or span in opened.records):
            spans[name] = span
    return Parcel(opened, chosen, spans)


def open_pipe() -> tuple[int, int]:
    """Its reading and its writing end."""
    import fcntl

    reading, writing = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # an administrator allows less
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return reading, writing


def _content(name: str, tensor: Tensor, checksums: Checksums | None, held: dict[int, UntypedStorage]) -> memoryview:
    """The tensor's bytes, checked."""
    view = tensor if checksums is None else _verified(name, tensor, checksums, held)
    return view.contiguous().reshape(-1).view(torch.uint8).numpy().data


def _verified(name: str, tensor: Tensor, checksums: Checksums, held: dict[int, UntypedStorage]) -> Tensor:
    """The same view of a copy of its storage that nobody else can change, and that matches a checksum."""
    storage = tensor.untyped_storage()
    if storage.data_ptr() not in held:
        held.clear()  # one at a time, or a file could make its reader hold many
        private = storage.clone()  # type: ignore[no-untyped-call]
        crc = crc32(torch.empty(0, dtype=torch.uint8).set_(private).numpy().data)
        if private.nbytes() and (private.nbytes(), crc) not in checksums:
            raise damaged(name)
        held[storage.data_ptr()] = private
    place = (tensor.storage_offset(), tensor.shape, tensor.stride())
    return torch.empty(0, dtype=tensor.dtype).set_(held[storage.data_ptr()], *place)
