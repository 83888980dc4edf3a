"""Pickles that would run code: each must be refused, and its canary must never come to exist."""

import io
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import torch
from hostile_building import (
    PLACE,
    Make,
    call,
    kind,
    opcodes,
    rezip,
    small_checkpoint,
    text_opcode,
    with_opcodes,
    write,
    zipped,
)
from torch import nn

SHELL = text_opcode("touch CANARY")
CODE = text_opcode("open('CANARY', 'w')")
PATH = text_opcode("CANARY")

GADGETS: tuple[tuple[str, str, tuple[bytes, ...]], ...] = (
    ("os", "system", (SHELL,)),
    ("posix", "system", (SHELL,)),
    ("os", "popen", (SHELL,)),
    ("os", "mkdir", (PATH,)),
    ("subprocess", "Popen", (SHELL, b"K\x00", b"N", b"N", b"N", b"N", b"N", b"\x88", b"\x88")),
    ("subprocess", "getoutput", (SHELL,)),
    ("builtins", "eval", (CODE,)),
    ("builtins", "exec", (CODE,)),
    ("__builtin__", "execfile", (PATH,)),
    ("builtins", "open", (PATH, text_opcode("w"))),
    ("io", "open", (PATH, text_opcode("w"))),
    ("builtins", "__import__", (text_opcode("antigravity"),)),
    ("builtins", "getattr", (text_opcode("x"), text_opcode("upper"))),
    ("importlib", "import_module", (text_opcode("this"),)),
    ("runpy", "run_path", (PATH,)),
    ("pathlib", "Path.touch", (PATH,)),
    ("timeit", "timeit", (CODE,)),
    ("cProfile", "run", (CODE,)),
    ("pdb", "run", (CODE,)),
    ("code", "interact", ()),
    ("pty", "spawn", (SHELL,)),
    ("webbrowser", "open", (text_opcode("file:///CANARY"),)),
    ("urllib.request", "urlopen", (text_opcode("http://127.0.0.1:9/CANARY"),)),
    ("socket", "create_connection", (text_opcode("127.0.0.1"),)),
    ("sqlite3", "connect", (PATH,)),
    ("shutil", "rmtree", (PATH,)),
    ("tempfile", "mkdtemp", (PATH,)),
    ("ctypes", "CDLL", (PATH,)),
    ("marshal", "loads", (text_opcode("x"),)),
    ("types", "FunctionType", ()),
    ("functools", "partial", (b"cos\nsystem\n", SHELL)),
    ("operator", "attrgetter", (text_opcode("x"),)),
    ("operator", "methodcaller", (text_opcode("x"),)),
    ("numpy", "load", (PATH,)),
    ("numpy", "fromfile", (PATH,)),
    ("torch", "load", (PATH,)),
    ("torch", "save", (b"N", PATH)),
    ("torch.hub", "load_state_dict_from_url", (text_opcode("http://127.0.0.1:9/x"),)),
    ("torch.serialization", "os.system", (SHELL,)),
    ("torch.jit", "load", (PATH,)),
    ("torch.utils.cpp_extension", "load", (PATH,)),
    ("torch.nn.modules.conv", "Conv2d", (b"K\x01", b"K\x01", b"K\x01")),
    ("asyncio.unix_events", "_UnixSubprocessTransport._start", ()),
    ("multiprocessing.util", "spawnv_passfds", ()),
    ("logging", "FileHandler", (PATH,)),
    ("zipfile", "ZipFile", (PATH, text_opcode("w"))),
    ("swaveval.checkpoints.sandbox.wire", "send", ()),
)


def gadget(module: str, name: str, *arguments: bytes) -> Make:
    def make(directory: Path, canary: Path) -> Path:
        filled = [argument.replace(b"CANARY", str(canary).encode()) for argument in arguments]
        filled = [_fix_length(argument) for argument in filled]
        return write(directory, with_opcodes(call(module, name, *filled)))

    return make


def _fix_length(opcode: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(opcode) - 5) + opcode[5:] if opcode[:1] == b"X" else opcode


def legacy_gadget(directory: Path, canary: Path) -> Path:
    buffer = io.BytesIO()
    torch.save(small_checkpoint() | {"extra": PLACE}, buffer, _use_new_zipfile_serialization=False)
    evil = call("os", "system", text_opcode(f"touch {canary}"))
    return write(directory, buffer.getvalue().replace(text_opcode(PLACE), evil))


def pickled_gadget(name: str, protocol: int) -> Make:
    class Evil:
        def __init__(self, canary: Path) -> None:
            self.canary = canary

        def __reduce__(self) -> Any:
            return os.system, (f"touch {self.canary}",)

    return lambda directory, canary: write(directory, pickle.dumps({"state_dict": Evil(canary)}, protocol), name)


def whole_module(directory: Path, canary: Path) -> Path:
    return write(directory, zipped(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))))


def module_in_itself(directory: Path, canary: Path) -> Path:
    module = nn.Sequential(nn.Conv2d(3, 8, 3))
    module._modules["again"] = module
    return write(directory, zipped(module))


def module_with_gadget(directory: Path, canary: Path) -> Path:
    module = nn.Sequential(nn.Conv2d(3, 8, 3))
    module.extra = PLACE  # type: ignore[assignment]
    evil = call("os", "system", text_opcode(f"touch {canary}"))

    def change(name: str, body: bytes) -> bytes:
        return body.replace(text_opcode(PLACE), evil) if name.endswith("data.pkl") else body

    return write(directory, rezip(zipped(module), change))


def crowd_of_classes(directory: Path, canary: Path) -> Path:
    crowd = b"](" + b"".join(f"csomebody.m{n}\nThing{n}\n)".encode() + b"\x81" for n in range(1_000)) + b"e"
    return write(directory, with_opcodes(crowd))


def two_faced(directory: Path, canary: Path) -> Path:
    """Filled like a dict in one place and like a list in another: no recasting ends."""
    thing = b"csomebody\nThing\n)\x81"
    return write(directory, with_opcodes(b"](" + thing + b"K\x01K\x02s" + thing + b"K\x01a" + b"e"))


GADGET_KINDS = (
    *(kind(f"gadget {module}.{name}", "refused", gadget(module, name, *words)) for module, name, words in GADGETS),
    kind("gadget as a dict key", "refused", opcodes(lambda: b"}" + call("os", "getcwd") + b"K\x01s")),
    kind(
        "gadget in an object's state",
        "refused",
        opcodes(lambda: b"cargparse\nNamespace\n)\x81}" + text_opcode("x") + call("os", "getcwd") + b"sb"),
    ),
    kind("gadget in a file of torch < 1.6", "refused", legacy_gadget),
    kind("plain pickle, protocol 2", "refused unsupported", pickled_gadget("file.ckpt", 2)),
    kind("plain pickle, protocol 4", "refused unsupported", pickled_gadget("file.pth", 4)),
    kind("pickle called .safetensors", "refused unsupported", pickled_gadget("file.safetensors", 2)),
    kind("whole module pickled, no backbone", "unsupported", whole_module),
    kind("module in itself", "unsupported refused", module_in_itself),
    kind("module with a gadget among its attributes", "refused", module_with_gadget),
    kind("stand-in called that may only be named", "refused", gadget("somebody", "function", SHELL)),
    kind("a thousand classes nobody has", "ready refused", crowd_of_classes),
    kind("class that is now a dict, now a list", "refused", two_faced),
)
