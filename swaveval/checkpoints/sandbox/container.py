"""The outside of a checkpoint file: which format it has, whether it is whole, and the object inside."""

import os
import pickle
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch

from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.sandbox.pickles import disallowed_globals

MOST_MEMBERS = 200_000
# Honest checkpoints may be deflated, zeros and all; what unpacks to more than this is a bomb.
LARGEST_EXPANSION = 3
EXPANSION_FLOOR = 32 << 20
LARGEST_PICKLE = 64 << 20
_READ = 1 << 20
_VOUCH = "if you know who wrote it, --trust reads it all the same"
_ZIP_END = b"PK\x05\x06"
# The first pickle of a torch file before 1.6: nothing but a long integer.
_LEGACY_START = b"\x80\x02\x8a\n" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little") + b"."

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


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that was found whole, with the object inside.

    Attributes:
        kind: `torch zip`, `torch legacy` or `safetensors`.
        root: what `torch.load` gave; tensors may be views of the mapped file.
        checksums: (size, CRC-32) of every tensor record, to hold used storages against; None without checksums.
        data_bytes: bytes of tensor data in the file.
        expanded_bytes: bytes of all members, unpacked.
        notes: findings that do not prevent use.
    """

    kind: str
    root: Any
    checksums: frozenset[tuple[int, int]] | None
    data_bytes: int
    expanded_bytes: int
    notes: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


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
        return "a directory, not a file; sharded checkpoints must be consolidated first"
    if stat.S_ISFIFO(mode):
        return "a named pipe, not a file"
    return "a device or socket, not a file"


def open_container(file: BinaryIO, size: int, *, trust: bool, verify_all: bool) -> Opened:
    """Recognise the format, check the file is whole, and load the object inside.

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
    if head.startswith((b"PK\x03\x04", _ZIP_END)):
        return _open_zip(file, size, trust=trust, verify_all=verify_all)
    if _looks_like_safetensors(head, size):
        return _open_safetensors(file, size)
    if head[257:262] == b"ustar":
        raise Failure(
            "unsupported", "a tar archive (or a PyTorch file from before 2017); save it again with torch.save"
        )
    if head[:1] == b"\x80":
        return _open_legacy(file, size, trust=trust)
    if not any(head):
        raise Failure("corrupt", "the file begins with zeros only: its start was never written", cut_short=True)
    if all(byte in b"\t\n\r" or byte >= 32 for byte in head):
        raise Failure("unsupported", "the file is text, not a checkpoint")
    raise Failure("unsupported", "the file is neither a PyTorch nor a safetensors checkpoint")


# -- zip: torch.save since 1.6 ---------------------------------------------------------------------------------------


def _open_zip(file: BinaryIO, size: int, *, trust: bool, verify_all: bool) -> Opened:
    try:
        archive = zipfile.ZipFile(file)
        members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError, OverflowError) as error:
        reason = f"the file is damaged or cut short: no readable zip directory ({printable(error)})"
        raise Failure("corrupt", reason, cut_short=True) from None
    expanded = _check_members(members, size)
    notes: list[str] = []
    checksummed = any(member.CRC for member in members if member.file_size)
    if not checksummed:
        notes.append("the file carries no checksums: damage inside it cannot be noticed")
    pickled = _check_contents(archive, members, checksummed=checksummed, verify_all=verify_all, notes=notes)
    data = [member for member in members if _is_data(member.filename)]
    plain = all(member.compress_type == zipfile.ZIP_STORED for member in members)
    return Opened(
        kind="torch zip",
        root=_torch_load(file, pickled, mmap=plain, trust=trust),
        checksums=frozenset((member.file_size, member.CRC) for member in data) if checksummed else None,
        data_bytes=sum(member.file_size for member in data),
        expanded_bytes=expanded,
        notes=tuple(notes),
    )


def _check_members(members: list[zipfile.ZipInfo], size: int) -> int:
    """Bytes of all members, unpacked; refuses archives that no checkpoint writer makes."""
    if len(members) > MOST_MEMBERS:
        raise Failure("refused", f"the archive has {len(members)} members, more than any checkpoint")
    names = {member.filename for member in members}
    if len(names) != len(members):
        raise Failure("refused", "the archive holds two members of one name: readers may disagree on its content")
    for member in members:
        if member.filename.startswith("/") or ".." in member.filename.split("/") or "\\" in member.filename:
            raise Failure("refused", f"the archive names a file outside itself: {printable(member.filename, 80)}")
        if member.flag_bits & 0x1:
            raise Failure("unsupported", "the archive is encrypted")
    expanded = sum(member.file_size for member in members)
    if expanded > LARGEST_EXPANSION * size + EXPANSION_FLOOR:
        raise Failure("refused", f"the archive of {size} bytes unpacks to {expanded}: it is a zip bomb")
    roots = {member.filename.split("/", 1)[0] for member in members}
    if not any(name.endswith("/data.pkl") and name.count("/") == 1 for name in names):
        if any(name.endswith(".npy") for name in names):
            raise Failure("unsupported", "a NumPy archive (.npz), not a checkpoint")
        raise Failure("unsupported", "a zip archive without data.pkl: not written by torch.save")
    if any(name.endswith("/constants.pkl") for name in names):
        raise Failure("unsupported", "a TorchScript archive holds code; save its state_dict() instead")
    if len(roots) > 1:
        raise Failure("refused", "the archive mixes several top-level directories: not written by torch.save")
    return expanded


def _check_contents(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], *, checksummed: bool, verify_all: bool, notes: list[str]
) -> bytes:
    """Hold members against their CRC-32; gives the pickle's bytes. Tensor records are checked when they are used."""
    pickled = b""
    for member in members:
        named_pickle = member.filename.endswith("/data.pkl")
        if named_pickle and member.file_size > LARGEST_PICKLE:
            raise Failure("refused", f"the pickle has {member.file_size} bytes, more than any checkpoint's")
        if _is_data(member.filename) and not verify_all and member.compress_type == zipfile.ZIP_STORED:
            continue
        try:
            content = _read_member(archive, member, checksummed=checksummed, keep=named_pickle)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error) as error:
            if verify_all and _is_data(member.filename):
                notes.append(f"damaged record {printable(member.filename, 60)}")
                continue
            raise Failure(
                "corrupt", f"the file is damaged: {printable(member.filename, 60)} ({printable(error, 100)})"
            ) from None
        except (NotImplementedError, RuntimeError) as error:
            raise Failure("unsupported", f"the archive cannot be unpacked: {printable(error, 100)}") from None
        if named_pickle:
            pickled = content
    return pickled


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, checksummed: bool, keep: bool) -> bytes:
    kept = bytearray()
    left = member.file_size
    with archive.open(member) as stream:
        if not checksummed:
            stream._expected_crc = None  # type: ignore[attr-defined]
        while piece := stream.read(_READ):
            left -= len(piece)
            if left < 0:
                raise zipfile.BadZipFile("longer than its directory entry says")
            if keep:
                kept += piece
    if left:
        raise zipfile.BadZipFile("shorter than its directory entry says")
    return bytes(kept)


def _is_data(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 3 and parts[1] == "data"


# -- the other formats -----------------------------------------------------------------------------------------------


def _open_legacy(file: BinaryIO, size: int, *, trust: bool) -> Opened:
    """torch.save before 1.6 (swav's zoo): pickles, then raw storages; it has no checksum."""
    if file.read(len(_LEGACY_START)) != _LEGACY_START:
        file.seek(0)
        found = disallowed_globals(file.read(LARGEST_PICKLE))
        names = f" naming {', '.join(found[:6])}" if found else ""
        raise Failure("unsupported", f"a plain Python pickle{names}, not written by torch.save")
    return Opened(
        kind="torch legacy",
        root=_torch_load(file, None, mmap=False, trust=trust),
        checksums=None,
        data_bytes=size,
        expanded_bytes=size,
        notes=("the file's format (torch < 1.6) carries no checksums: damage inside it cannot be noticed",),
    )


def _looks_like_safetensors(head: bytes, size: int) -> bool:
    return len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 100 << 20 and size > 8


def _open_safetensors(file: BinaryIO, size: int) -> Opened:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(_path_of(file), framework="pt", device="cpu") as opened:
            metadata = {printable(name, 100): printable(text) for name, text in (opened.metadata() or {}).items()}
            root = opened.get_tensors()
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        reason = f"the safetensors file is damaged or cut short: {printable(error, 120)}"
        raise Failure("corrupt", reason, cut_short=True) from None
    held = sum(tensor.numel() * tensor.element_size() for tensor in root.values())
    note = "safetensors files carry no checksums: damage inside them cannot be noticed"
    return Opened("safetensors", root, None, held, size, (note,), metadata)


# -- torch.load ------------------------------------------------------------------------------------------------------


def _torch_load(file: BinaryIO, pickled: bytes | None, *, mmap: bool, trust: bool) -> Any:
    """The object inside; `pickled` are the bytes that name globals, to say which ones when they are refused."""
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source: Any = _path_of(file) if mmap else file
            return torch.load(source, map_location="cpu", weights_only=not trust, mmap=mmap)
    except MemoryError:
        raise Failure("refused", "reading the file takes more memory than a file of its size can need") from None
    except pickle.UnpicklingError as error:
        file.seek(0)
        found = disallowed_globals(file.read(LARGEST_PICKLE) if pickled is None else pickled, streams=5)
        if found:
            shown = ", ".join(found[:6]) + (f" and {len(found) - 6} more" if len(found) > 6 else "")
            raise Failure("refused", f"reading the file would run code: it names {shown}; {_VOUCH}") from None
        raise Failure("refused", f"PyTorch refuses to read the file safely: {_first_sentence(error)}") from None
    except RecursionError:
        raise Failure("refused", "the file nests its objects too deeply") from None
    except Exception as error:
        if "allocate" in str(error) or "mmap" in str(error):
            raise Failure("refused", "reading the file takes more memory than a file of its size can need") from None
        kind = type(error).__name__
        raise Failure("corrupt", f"PyTorch cannot read the file: {kind}: {_first_sentence(error)}") from None


def _first_sentence(error: Exception) -> str:
    text = str(error)
    marker = text.find("WeightsUnpickler error:")
    return printable((text[marker:] if marker >= 0 else text).split("\n")[0], 200)


def _path_of(file: BinaryIO) -> str:
    """A path to the file that is already open, so that a renamed one is not read in its place."""
    own = Path(f"/proc/self/fd/{file.fileno()}")
    return str(own) if own.exists() else f"/dev/fd/{file.fileno()}"
