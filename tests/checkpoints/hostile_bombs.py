"""Small files that describe more than any machine holds."""

import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from hostile_building import (
    bomb,
    kind,
    number,
    opcodes,
    replaced,
    rezip,
    small_checkpoint,
    state_with,
    text_opcode,
    write,
    zip_of,
    zipped,
)


def nested_tuples(levels: int) -> bytes:
    """A tuple of 2^levels leaves in 5 bytes a level: each level is a pair of the one before."""
    return b")" + b"".join(
        b"r" + struct.pack("<I", 10**6 + n) + b"j" + struct.pack("<I", 10**6 + n) + b"\x86" for n in range(levels)
    )


def storage_of(elements: int) -> bytes:
    """A tensor whose storage claims so many floats."""
    key = (
        b"("
        + text_opcode("storage")
        + b"ctorch\nFloatStorage\n"
        + text_opcode("0")
        + text_opcode("cpu")
        + number(elements)
        + b"tQ"
    )
    empty = b"ccollections\nOrderedDict\n)R"
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + key
        + b"K\x00"
        + number(elements)
        + b"\x85"
        + b"K\x01\x85"
        + b"\x89"
        + empty
        + b"tR"
    )


def deep_lists(levels: int) -> bytes:
    return b"]" * levels + b"a" * (levels - 1)


def fake_sizes(directory: Path, canary: Path) -> Path:
    """A deflated member whose directory entry tells a small size."""
    content = bytearray(
        rezip(
            zipped(small_checkpoint()), lambda name, body: body, extra=[("archive/data/99", bytes(1 << 20))], compress=8
        )
    )
    place = content.rfind(b"archive/data/99")
    content[place - 22 : place - 18] = struct.pack("<I", 100)
    return write(directory, bytes(content))


def many_views(count: int) -> Any:
    base = torch.zeros(100_000)
    return {
        "state_dict": OrderedDict(
            {f"layer1.{n}.conv1.weight": base[:] for n in range(count)} | {"conv1.weight": torch.ones(8, 3, 7, 7)}
        )
    }


def sparse_file(directory: Path, canary: Path) -> Path:
    path = directory / "file.ckpt"
    with path.open("wb") as file:
        file.truncate(4 << 30)
    return path


def sparse_tail(directory: Path, canary: Path) -> Path:
    path = write(directory, zipped(small_checkpoint()))
    with path.open("rb+") as file:
        file.truncate(2 << 30)
    return path


BOMB_KINDS = (
    kind(
        "a tensor of 10^12 elements by expand",
        "refused unsupported",
        bomb(lambda: state_with(backbone__0__weight=torch.zeros(1).expand(10**6, 10**6))),
    ),
    kind(
        "expanded weight of the right shape",
        "refused",
        replaced("backbone.0.weight", lambda t: torch.zeros(1).expand(t.shape)),
    ),
    kind("a storage claiming 10^12 floats", "refused corrupt", opcodes(lambda: storage_of(10**12))),
    kind("torch.FloatTensor(10^12)", "refused", opcodes(lambda: b"ctorch\nFloatTensor\n" + number(10**12) + b"\x85R")),
    kind("bytearray(10^12)", "refused", opcodes(lambda: b"cbuiltins\nbytearray\n" + number(10**12) + b"\x85R")),
    kind(
        "forty bytearrays of 30 MB",
        "refused ready",
        opcodes(lambda: b"](" + (b"cbuiltins\nbytearray\n" + number(30 * 10**6) + b"\x85R") * 40 + b"e"),
    ),
    kind("2^60 leaves", "ready", opcodes(lambda: nested_tuples(60))),
    kind("2^60 leaves as a dict key", "refused", opcodes(lambda: b"}" + nested_tuples(60) + b"K\x01s")),
    kind("2^60 leaves in the optimiser", "ready", opcodes(lambda: nested_tuples(60), "optim")),
    kind("lists 100,000 deep", "refused ready corrupt", opcodes(lambda: deep_lists(100_000))),
    kind("a million memo references", "ready refused", opcodes(lambda: b"](" + b"h\x00" * 10**6 + b"e")),
    kind(
        "60,000 names in the state dict",
        "refused",
        bomb(
            lambda: {
                "state_dict": OrderedDict({f"x{n}": None for n in range(60_000)} | {"conv1.weight": torch.ones(1)})
            }
        ),
    ),
    kind("4,000 views of one storage", "refused unsupported", bomb(lambda: many_views(4_000))),
    kind(
        "ten thousand blocks",
        "unsupported refused",
        bomb(
            lambda: {
                "state_dict": OrderedDict(
                    {f"layer1.{n}.conv1.weight": torch.ones(1) for n in range(10_000)}
                    | {"conv1.weight": torch.ones(8, 3, 7, 7)}
                )
            }
        ),
    ),
    kind("a string claiming 4 GB", "refused corrupt", opcodes(lambda: b"X\xff\xff\xff\xff" + b"x" * 100)),
    kind("zip bomb in data", "refused", zip_of(8, extra=[("archive/data/99", bytes(64 << 20))])),
    kind(
        "zip bomb in the pickle",
        "refused",
        zip_of(8, lambda name, body: bytes(64 << 20) if name.endswith("data.pkl") else body),
    ),
    kind("zip member longer than it says", "corrupt refused", fake_sizes),
    kind("sparse file of 4 GB", "corrupt", sparse_file),
    kind("zip with 2 GB of zeros behind", "corrupt", sparse_tail),
)
