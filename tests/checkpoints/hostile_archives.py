"""Archives, formats and places that are no checkpoint, or that two readers could read in two ways."""

import io
import json
import os
import socket
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

from hostile_building import (
    Make,
    call,
    kind,
    raw,
    rezip,
    small_checkpoint,
    text_opcode,
    with_opcodes,
    write,
    zip_of,
    zipped,
)
from safetensors.torch import save_file


def duplicate_member(directory: Path, canary: Path) -> Path:

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of what is meant here
        original = zipped(small_checkpoint())
        evil = with_opcodes(call("os", "system", text_opcode(f"touch {canary}")))
        with zipfile.ZipFile(io.BytesIO(evil)) as archive:
            name = next(n for n in archive.namelist() if n.endswith("data.pkl"))
            body = archive.read(name)
        with zipfile.ZipFile(io.BytesIO(original)) as archive:
            root = archive.namelist()[0].split("/")[0]
        return write(directory, rezip(original, lambda name, body: body, extra=[(f"{root}/data.pkl", body)]))


def moved(name: str, place_of: str) -> Make:
    """The directory of the archive says that a tensor record lies where another one does."""

    def make(directory: Path, canary: Path) -> Path:
        content = bytearray(zipped(small_checkpoint()))
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            places = {member.filename.split("/", 1)[1]: member.header_offset for member in archive.infolist()}
            full = next(n for n in archive.namelist() if n.endswith(f"/{name}")).encode()
        entry = content.rindex(full) - 46  # its fixed part comes before the name
        struct.pack_into("<I", content, entry + 42, places[place_of])
        return write(directory, bytes(content))

    return make


def fifo(directory: Path, canary: Path) -> Path:
    os.mkfifo(directory / "file.ckpt")
    return directory / "file.ckpt"


def socket_file(directory: Path, canary: Path) -> Path:
    held = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(directory)  # a socket's path may have 107 bytes
    held.bind("file.ckpt")
    os.chdir(here)
    held.close()
    return directory / "file.ckpt"


def loop(directory: Path, canary: Path) -> Path:
    (directory / "a.ckpt").symlink_to("b.ckpt")
    (directory / "b.ckpt").symlink_to("a.ckpt")
    return directory / "a.ckpt"


def link_to(target: str) -> Make:
    def make(directory: Path, canary: Path) -> Path:
        (directory / "file.ckpt").symlink_to(target)
        return directory / "file.ckpt"

    return make


def link_to_good(directory: Path, canary: Path) -> Path:
    write(directory, zipped(small_checkpoint()), "real.ckpt")
    (directory / "link.ckpt").symlink_to("real.ckpt")
    return directory / "link.ckpt"


def folder(directory: Path, canary: Path) -> Path:
    (directory / "file.ckpt").mkdir()
    return directory / "file.ckpt"


def safetensors(header: Any, data: bytes = b"", length: int | None = None) -> Make:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = struct.pack("<Q", len(text) if length is None else length)
    return raw(size + text + data, "file.safetensors")


def entry(dtype: str, shape: list[int], offsets: list[int]) -> dict[str, Any]:
    return {"conv1.weight": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


def torchscript(directory: Path, canary: Path) -> Path:
    content = rezip(zipped({}), lambda name, body: body)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        root = archive.namelist()[0].split("/")[0]
    return write(directory, rezip(content, lambda name, body: body, extra=[(f"{root}/constants.pkl", b"\x80\x02).")]))


def saved_safetensors(directory: Path, canary: Path) -> Path:
    save_file(small_checkpoint()["state_dict"], directory / "file.safetensors")
    return directory / "file.safetensors"


ARCHIVE_KINDS = (
    kind("../ member", "refused", zip_of(0, extra=[("../../outside", b"x")])),
    kind("absolute member", "refused", zip_of(0, extra=[("/tmp/outside", b"x")])),
    kind("duplicate data.pkl", "refused", duplicate_member),
    kind("no data.pkl", "unsupported", zip_of(0, lambda name, body: None if name.endswith("data.pkl") else body)),
    kind("a record missing", "corrupt", zip_of(0, lambda name, body: None if name.endswith("data/0") else body)),
    kind(
        "a record too short",
        "corrupt refused",
        zip_of(0, lambda name, body: body[:50] if name.endswith("data/0") else body),
    ),
    kind(
        "a record too long",
        "corrupt refused",
        zip_of(0, lambda name, body: body + b"x" * 50 if name.endswith("data/0") else body),
    ),
    kind("two records in one place", "corrupt", moved("data/2", "data/1")),
    kind("a record inside another", "corrupt", moved("data/1", "data/0")),
    kind("two roots", "refused", zip_of(0, extra=[("other/data/0", b"x")])),
    kind(
        "byteorder nonsense", "corrupt", zip_of(0, lambda name, body: b"middle" if name.endswith("byteorder") else body)
    ),
    kind("byteorder big", "unsupported", zip_of(0, lambda name, body: b"big" if name.endswith("byteorder") else body)),
    kind("empty pickle", "corrupt", zip_of(0, lambda name, body: b"" if name.endswith("data.pkl") else body)),
    kind("deflated checkpoint", "ready", zip_of(8)),
    kind("TorchScript", "unsupported", torchscript),
    kind(
        "NumPy archive",
        "unsupported",
        lambda directory, canary: write(directory, rezip(zipped({}), lambda name, body: None, extra=[("a.npy", b"x")])),
    ),
    kind("empty", "corrupt", raw(b"")),
    kind("one byte", "unsupported", raw(b"\x80")),
    kind("zeros", "corrupt", raw(bytes(5000))),
    kind("noise", "unsupported", raw(bytes(range(128, 256)) * 40)),
    kind("text", "unsupported", raw(b"epoch,loss\n1,4.6\n")),
    kind("HTML", "unsupported", raw(b"<!DOCTYPE html><title>404</title>")),
    kind("Git LFS pointer", "unsupported", raw(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")),
    kind("gzip", "unsupported", raw(b"\x1f\x8b" + bytes(100))),
    kind("picture", "unsupported", raw(b"\x89PNG\r\n\x1a\n" + bytes(100))),
    kind("tar", "unsupported", raw(bytes(10) + b"x" * 247 + b"ustar" + bytes(300))),
    kind("directory", "unsupported", folder),
    kind("named pipe", "unsupported", fifo),
    kind("socket", "unsupported", socket_file),
    kind("symlink loop", "unsupported", loop),
    kind("dangling symlink", "unsupported", link_to("nowhere.ckpt")),
    kind("link to /dev/zero", "unsupported", link_to("/dev/zero")),
    kind("link to a checkpoint", "ready", link_to_good),
    kind("missing", "unsupported", lambda directory, canary: directory / "file.ckpt"),
    kind("safetensors", "ready", saved_safetensors),
    kind("safetensors, header of 2^62 bytes", "unsupported corrupt", safetensors({}, length=2**62)),
    kind("safetensors, header longer than the file", "corrupt", safetensors({}, length=5000)),
    kind("safetensors, header no JSON", "corrupt", safetensors(b"{" * 100)),
    kind("safetensors, offsets outside", "corrupt", safetensors(entry("F32", [10], [0, 40]), b"x")),
    kind(
        "safetensors, overlapping",
        "corrupt",
        safetensors(entry("F32", [1], [0, 4]) | {"b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"1234"),
    ),
    kind("safetensors, 10^18 elements", "corrupt", safetensors(entry("F32", [10**9, 10**9], [0, 4]), b"1234")),
    kind("safetensors, unknown dtype", "corrupt", safetensors(entry("X99", [1], [0, 4]), b"1234")),
)
