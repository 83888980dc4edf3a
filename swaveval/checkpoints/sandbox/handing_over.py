"""Tensors that were asked for, as bytes that are checked: each in a copy nobody else can change meanwhile."""

import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from zlib_ng.zlib_ng import crc32

from swaveval.checkpoints.sandbox.entries import tensors_at
from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.sandbox.formats.torch_files import Opened
from swaveval.checkpoints.sandbox.values import DTYPES

_BYTE = torch.uint8


def hand_over(opened: Opened, path: list[str], names: list[str]) -> Iterator[memoryview]:
    """The bytes of the named tensors under `path`, in this order.

    Raises:
        Failure: one is not there, damaged or no plain tensor, or all are more than the file can hold.
    """
    table = tensors_at(opened.root, path)
    chosen = {name: table[name].detach() for name in names if name in table}
    if len(chosen) < len(names):
        raise Failure("refused", "tensors were asked for that the file does not have")
    for name, tensor in chosen.items():
        _check(name, tensor)
    total = sum(tensor.nbytes for tensor in chosen.values())
    # Tied weights may be written twice; a thousand views of one storage are a bomb.
    if total > 2 * opened.expanded_bytes:
        raise Failure("refused", f"its tensors claim {total} bytes, more than the file holds")
    if opened.checksums is None:
        for tensor in chosen.values():
            yield _bytes_of(tensor.clone())
        return
    places = _mapped(opened.file.fileno())
    # One record at a time, or a file could make its reader hold many.
    private = torch.empty(
        max((tensor.untyped_storage().nbytes() for tensor in chosen.values()), default=0), dtype=_BYTE
    )
    held = -1
    for name, tensor in chosen.items():
        storage = tensor.untyped_storage()
        if storage.data_ptr() != held:
            record = private[: storage.nbytes()].copy_(torch.empty(0, dtype=_BYTE).set_(storage))
            at = storage.data_ptr()
            own = next((opened.checksums.get(at - start) for start, end in places if start <= at < end), None)
            # What was unpacked into memory does not show which record it was.
            right = opened.checksums.values() if own is None else (own,)
            if record.nbytes and (record.nbytes, crc32(record.numpy().data)) not in right:
                label = printable(name, 80)
                raise Failure("corrupt", f"the file is damaged: the bytes of {label} do not match their checksum")
            held = storage.data_ptr()
        place = (tensor.storage_offset(), tensor.shape, tensor.stride())
        yield _bytes_of(torch.empty(0, dtype=tensor.dtype).set_(private.untyped_storage(), *place))


def _bytes_of(tensor: Tensor) -> memoryview:
    """In the order of a contiguous tensor."""
    return tensor.contiguous().reshape(-1).view(_BYTE).numpy().data


def _check(name: str, tensor: Tensor) -> None:
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


def _mapped(descriptor: int) -> list[tuple[int, int]]:
    """Where torch has mapped an open file from its first byte on, once for each time it read it.

    Addresses of the first byte and behind the last; empty where the system does not say.
    """
    try:
        name = os.fsencode(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115
        rows = [line.split(None, 5) for line in Path("/proc/self/maps").read_bytes().splitlines()]
    except OSError:
        return []
    found = [row[0].split(b"-") for row in rows if row[2].strip(b"0") == b"" and row[5:] == [name]]
    return [(int(start, 16), int(end, 16)) for start, end in found]
