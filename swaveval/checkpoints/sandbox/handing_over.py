"""Handing tensors over: as safetensors in a sealed memory file, checked there and not in the checkpoint.

The checks read the very bytes that the parent will read, in the memory file, where no other program can change them: a
checkpoint rewritten meanwhile may be found damaged, but is never checked in one state and handed over in another.
"""

import errno
import mmap
import os
import threading
from collections.abc import Callable
from collections.abc import Mapping as Table
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, UntypedStorage
from zlib_ng.zlib_ng import crc32

from swaveval.checkpoints.sandbox.contents import DTYPES, tensors_at
from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.sandbox.head_start import Copy
from swaveval.checkpoints.sandbox.layout import is_whole, lay_out, spans_in_file
from swaveval.checkpoints.sandbox.memory_files import nameless_file, seal, write_all
from swaveval.checkpoints.sandbox.torch_files import Opened

_WORTH_A_THREAD = 8 << 20  # bytes

Checksums = frozenset[tuple[int, int]]


def sound(name: str, tensor: Tensor) -> None:
    """Hold a tensor against its storage before anything reads it.

    Raises:
        Failure: it is of a kind that no weights have, or claims more elements than its storage holds.
    """
    label = printable(name, 80)
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        raise Failure("unsupported", f"{label} is not a plain tensor ({tensor.layout}, {tensor.device.type})")
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
class HandedOver:
    """Tensors in a sealed file.

    Attributes:
        descriptor: of the file, for the caller to close.
        size: its bytes.
        finish: checks what is not checked yet; raises Failure. Nobody may use the tensors before.
    """

    descriptor: int
    size: int
    finish: Callable[[], None]


def hand_over(opened: Opened, path: list[str], names: list[str]) -> HandedOver:
    """The named tensors as safetensors in a sealed file, not all of it checked yet.

    Raises:
        Failure: a tensor is not sound, damaged, or all of them are more than the file can hold.
    """
    table = tensors_at(opened.root, path)
    chosen = {name: table[name].detach() for name in names if name in table}
    for name, tensor in chosen.items():
        sound(name, tensor)
    total = sum(tensor.nbytes for tensor in chosen.values())
    # Tied weights may be written twice; a thousand views of one storage are a bomb.
    if total > 2 * opened.expanded_bytes:
        raise Failure("refused", f"its tensors claim {total} bytes, more than the file holds")
    spans = spans_in_file(chosen) if opened.head_start else {}
    copy = opened.head_start.take(spans.values()) if opened.head_start else None
    copy = copy or Copy(nameless_file(), 0, 0)
    layout = lay_out(chosen, copy, spans)
    # What was copied in vain is given back.
    os.ftruncate(copy.descriptor, layout.size if layout.copied else 0)
    write_all(copy.descriptor, memoryview(layout.header), 0)
    os.ftruncate(copy.descriptor, layout.size)
    missing = {name: tensor for name, tensor in chosen.items() if name not in layout.copied}
    _write(copy.descriptor, missing, layout.places, opened.checksums)
    seal(copy.descriptor)
    if opened.checksums is None:
        return HandedOver(copy.descriptor, layout.size, lambda: None)
    summed = {name: copy.sums[spans[name]] for name in layout.copied if spans[name] in copy.sums}
    for name, crc in summed.items():
        _compare(name, chosen[name].nbytes, crc, opened.checksums)
    left = {
        name: (layout.places[name], tensor.nbytes)
        for name, tensor in chosen.items()
        if is_whole(tensor) and name not in summed
    }
    return HandedOver(copy.descriptor, layout.size, partial(_check, copy.descriptor, left, opened.checksums))


def _write(descriptor: int, tensors: Table[str, Tensor], places: Table[str, int], checksums: Checksums | None) -> None:
    """Write tensors. Views of a part of their storage are held against its checksum here, the others when sealed."""
    held: dict[int, UntypedStorage] = {}
    for name, tensor in tensors.items():
        if not tensor.numel():
            continue
        view = tensor if checksums is None or is_whole(tensor) else _verified(name, tensor, checksums, held)
        content = view.contiguous().reshape(-1).view(torch.uint8).numpy()
        try:
            write_all(descriptor, content.data, places[name])
        except OSError as error:
            if error.errno != errno.EFAULT:
                raise
            raise Failure("corrupt", "the file became shorter while it was read", cut_short=True) from None


def _verified(name: str, tensor: Tensor, checksums: Checksums, held: dict[int, UntypedStorage]) -> Tensor:
    """The same view of a copy of its storage that nobody else can change, and that matches its checksum."""
    storage = tensor.untyped_storage()
    if storage.data_ptr() not in held:
        held.clear()  # one at a time, or a file could make its reader hold many
        private = storage.clone()  # type: ignore[no-untyped-call]
        crc = crc32(torch.empty(0, dtype=torch.uint8).set_(private).numpy().data)
        _compare(name, private.nbytes(), crc, checksums)
        held[storage.data_ptr()] = private
    place = (tensor.storage_offset(), tensor.shape, tensor.stride())
    return torch.empty(0, dtype=tensor.dtype).set_(held[storage.data_ptr()], *place)


def _check(descriptor: int, whole: Table[str, tuple[int, int]], checksums: Checksums) -> None:
    """Hold records (name → place, bytes) of a sealed file against the checksums; on two cores where it takes long."""
    size = sum(length for _, length in whole.values())
    if not size:
        return
    content = memoryview(
        mmap.mmap(descriptor, 0, flags=mmap.MAP_PRIVATE | getattr(mmap, "MAP_POPULATE", 0), prot=mmap.PROT_READ)
    )
    left = iter(whole.items())
    failures: list[Exception] = []

    def work() -> None:
        try:
            for name, (place, length) in left:
                _compare(name, length, crc32(content[place : place + length]), checksums)
        except Exception as failure:  # whatever it is: a record that was not checked must not pass
            failures.append(failure)

    helpers = [threading.Thread(target=work)] if size >= _WORTH_A_THREAD else []
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if failures:
        raise failures[0]


def _compare(name: str, size: int, crc: int, checksums: Checksums) -> None:
    if size and (size, crc) not in checksums:
        reason = f"the file is damaged: the bytes of {printable(name, 80)} do not match their checksum"
        raise Failure("corrupt", reason)
