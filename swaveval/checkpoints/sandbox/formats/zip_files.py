"""Files of torch.save since 1.6: zip archives whose members carry CRC-32 checksums."""

import os
import struct
import zipfile
import zlib
from itertools import pairwise
from typing import BinaryIO

from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.sandbox.formats.torch_files import AS_TENSORS, LARGEST_PICKLE, Opened, torch_load
from swaveval.text import size as in_words

MOST_MEMBERS = 200_000
# Honest checkpoints may be deflated, zeros and all; what unpacks to more than this is a bomb.
LARGEST_EXPANSION = 3
EXPANSION_FLOOR = 32 << 20
_READ = 1 << 20
_LOCAL_HEADER = struct.Struct("<26xHH")  # lengths of the name and of the extra field that follow it


def open_zip(file: BinaryIO, size: int, *, trust: bool, verify_all: bool) -> Opened:
    try:
        archive = zipfile.ZipFile(file)
        members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError, OverflowError) as error:
        reason = f"the file is damaged or cut short: no readable zip directory ({printable(error)})"
        raise Failure("corrupt", reason, cut_short=True) from None
    expanded = _check_members(members, size)
    plain = all(member.compress_type == zipfile.ZIP_STORED for member in members)
    records = _records(file, members)
    notes: list[str] = []
    checksummed = any(member.CRC for member in members if member.file_size)
    if not checksummed:
        notes.append("the file carries no checksums: damage inside it cannot be noticed")
    for member in members:
        _check_member(archive, member, checksummed=checksummed, verify_all=verify_all, notes=notes)
    loaded = torch_load(file, lambda: _pickled(archive, members), mmap=plain, trust=trust)
    data = [member for member in members if _is_data(member.filename)]
    return Opened(
        file=file,
        kind="torch zip",
        root=loaded.root,
        checksums=records if checksummed else None,
        data_bytes=sum(member.file_size for member in data),
        expanded_bytes=expanded,
        notes=(*notes, *loaded.notes),
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
        if any("/archive_format" in name or name.endswith("models/model.json") for name in names):
            raise Failure(
                "unsupported",
                "an exported program (.pt2) holds code; save its weights instead: "
                "torch.save(torch.export.load(file).state_dict, 'weights.pt')",
            )
        inside = sorted(name for name in names if not name.endswith("/"))
        some = ", ".join(printable(name, 60) for name in inside[:3])
        raise Failure("unsupported", f"a zip archive, not written by torch.save; unpack it first: it holds {some}")
    if any(name.endswith("/constants.pkl") for name in names):
        raise Failure(
            "unsupported",
            "a TorchScript archive holds code; save its weights instead: "
            "torch.save(torch.jit.load(file).state_dict(), 'weights.pt')",
        )
    if len(roots) > 1:
        raise Failure("refused", "the archive mixes several top-level directories: not written by torch.save")
    return expanded


def _check_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, checksummed: bool, verify_all: bool, notes: list[str]
) -> None:
    """Hold a member against its CRC-32. Tensor records that torch maps are checked when they are used."""
    name = printable(member.filename, 60)
    if member.filename.endswith("/data.pkl") and member.file_size > LARGEST_PICKLE:
        raise Failure(
            "refused",
            f"its pickle alone has {in_words(member.file_size)}, where torch.save lays tensors beside it: arrays of "
            f"NumPy, or lists of numbers; write the weights as {AS_TENSORS}",
        )
    if _is_data(member.filename) and not verify_all and member.compress_type == zipfile.ZIP_STORED:
        return
    kept = bytearray()
    try:
        with archive.open(member) as stream:
            if not checksummed:
                stream._expected_crc = None  # type: ignore[attr-defined]
            left = member.file_size
            while piece := stream.read(_READ):
                left -= len(piece)
                if left < 0:
                    break
                if member.filename.endswith("/byteorder"):
                    kept += piece
        if left:
            raise zipfile.BadZipFile("its length is not the one in the directory")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error) as error:
        if not _is_data(member.filename) or member.compress_type != zipfile.ZIP_STORED:
            raise Failure("corrupt", f"the file is damaged: {name} ({printable(error, 100)})") from None
        notes.append(f"{name} is damaged; as long as the file can be read, no feature depends on it")
    except (NotImplementedError, RuntimeError) as error:
        raise Failure("unsupported", f"the archive cannot be unpacked: {printable(error, 100)}") from None
    if kept == b"big":
        raise Failure("unsupported", "the file was written on a big-endian machine")


def _records(file: BinaryIO, members: list[zipfile.ZipInfo]) -> dict[int, tuple[int, int]]:
    """First byte in the file → (size, CRC-32) of the tensor records.

    Raises:
        Failure: one lies inside another. Then the bytes of a tensor could match the checksum of another.
    """
    records: dict[int, tuple[int, int]] = {}
    stored: list[tuple[int, int]] = []
    for member in members:
        local = os.pread(file.fileno(), _LOCAL_HEADER.size, member.header_offset) if _is_data(member.filename) else b""
        if len(local) == _LOCAL_HEADER.size:
            start = member.header_offset + len(local) + sum(_LOCAL_HEADER.unpack(local))
            if member.file_size and member.compress_type == zipfile.ZIP_STORED:
                stored.append((start, start + member.file_size))
            records[start] = member.file_size, member.CRC
    if any(after[0] < before[1] for before, after in pairwise(sorted(stored))):
        raise Failure("corrupt", "the file is damaged: members of the archive lie inside each other")
    return records


def _pickled(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> bytes:
    name = next(member.filename for member in members if member.filename.endswith("/data.pkl"))
    return archive.read(name)


def _is_data(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 3 and parts[1] == "data"
