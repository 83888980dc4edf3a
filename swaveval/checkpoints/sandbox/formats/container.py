"""The outside of a checkpoint file: whether it is a file at all, which format it has, and the object inside."""

import os
import stat
from typing import BinaryIO

from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.sandbox.formats.torch_files import Opened, open_legacy, path_of
from swaveval.checkpoints.sandbox.formats.zip_files import open_zip

_METADATA = 100_000  # letters of one entry of a safetensors header

_FOREIGN = (
    (b"\x1f\x8b", "a gzip file; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file; unpack it first"),
    (b"\xfd7zXZ", "an xz file; unpack it first"),
    (b"BZh", "a bzip2 file; unpack it first"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x89HDF", "an HDF5 file (Keras); only PyTorch and safetensors checkpoints can be read"),
    (b"GGUF", "a GGUF file; only PyTorch and safetensors checkpoints can be read"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x7fELF", "a program"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "a database"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; fetch it with `git lfs pull`"),
    (b"<!DOCTYPE", "an HTML page, probably a download that failed"),
    (b"<html", "an HTML page, probably a download that failed"),
)


def open_regular(path: str) -> tuple[BinaryIO, os.stat_result]:
    """The file itself, if it is one: never blocks on a FIFO, never opens a device for long."""
    try:
        # The link's target is looked at before it is opened: opening alone can have effects on a device.
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
            raise Failure("unsupported", _irregular(os.stat(path).st_mode))  # noqa: PTH116
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Failure("unsupported", "the file does not exist (or is a link to one that does not)") from None
    except PermissionError:
        raise Failure("refused", "the file may not be read: permission denied") from None
    except (OSError, ValueError) as error:
        raise Failure("unsupported", f"the file cannot be opened: {printable(error)}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise Failure("unsupported", _irregular(status.st_mode))
    return os.fdopen(descriptor, "rb"), status


def _irregular(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a directory, not a file, and no checkpoint of FSDP or DeepSpeed"
    if stat.S_ISFIFO(mode):
        return "a named pipe, not a file"
    return "a device or socket, not a file"


def open_container(file: BinaryIO, size: int, *, trust: bool, verify_all: bool) -> Opened:
    """Recognise the format, check the file is whole, and load the object inside.

    Args:
        trust: unpickle in full.
        verify_all: check every byte, also those that no feature depends on.

    Raises:
        Failure: it is not whole, not a checkpoint, or not to be trusted.
    """
    if size == 0:
        raise Failure("corrupt", "the file is empty", cut_short=True)
    head = file.read(512)
    file.seek(0)
    for magic, words in _FOREIGN:
        if head.startswith(magic):
            raise Failure("unsupported", f"the file is {words}")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return open_zip(file, size, trust=trust, verify_all=verify_all)
    if _looks_like_safetensors(head, size):
        return _open_safetensors(file, size)
    if head[257:262] == b"ustar":
        raise Failure(
            "unsupported",
            "a tar archive: unpack it first (a PyTorch file from before 2017: save it again with torch.save)",
        )
    if head[:1] == b"\x80":
        return open_legacy(file, size, trust=trust)
    if not any(head):
        raise Failure("corrupt", "the file begins with zeros only: its start was never written", cut_short=True)
    if all(byte in b"\t\n\r" or byte >= 32 for byte in head):
        raise Failure("unsupported", "the file is text, not a checkpoint")
    raise Failure("unsupported", "the file is neither a PyTorch nor a safetensors checkpoint")


def _looks_like_safetensors(head: bytes, size: int) -> bool:
    return len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 100 << 20 and size > 8


def _open_safetensors(file: BinaryIO, size: int) -> Opened:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path_of(file), framework="pt", device="cpu") as opened:
            metadata = {
                printable(name, 100): text[:_METADATA] for name, text in list((opened.metadata() or {}).items())[:50]
            }
            root = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (it is no mapping)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        reason = f"the safetensors file is damaged or cut short: {printable(error, 120)}"
        raise Failure("corrupt", reason, cut_short=True) from None
    held = sum(tensor.numel() * tensor.element_size() for tensor in root.values())
    note = "safetensors files carry no checksums: damage inside them cannot be noticed"
    return Opened(
        file=file,
        kind="safetensors",
        root=root,
        checksums=None,
        data_bytes=held,
        expanded_bytes=size,
        notes=(note,),
        metadata=metadata,
    )
