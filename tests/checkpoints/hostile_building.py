"""How the campaign's hostile files are put together: honest checkpoints with one thing changed."""

import io
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from layouts_of_lightly import LightlyModel
from originals import lightning, torchvision_resnet
from torch import Tensor, nn

Make = Callable[[Path, Path], Path]
PLACE = "put-the-gadget-here"


@dataclass(frozen=True)
class Kind:
    """Attributes: name; states that are right; make(directory, canary) → path: `canary` must never come to exist."""

    name: str
    states: frozenset[str]
    make: Make


@cache
def _template() -> dict[str, Any]:
    torch.manual_seed(0)
    network = torchvision_resnet(width=8)
    model = LightlyModel(nn.Sequential(*list(network.children())[:-1]), 64)
    state = {position: {"exp_avg": torch.randn(500)} for position in range(20)}
    return lightning(model.state_dict(), hyper_parameters={"lr": 0.1}) | {"optimizer_states": [{"state": state}]}


def small_checkpoint() -> dict[str, Any]:
    """A lightly checkpoint of about a third of a megabyte, optimiser state included."""
    return _template() | {"state_dict": OrderedDict(_template()["state_dict"])}


def zipped(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def rezip(content: bytes, change: Callable[[str, bytes], bytes | None], *, extra: Any = (), compress: int = 0) -> bytes:
    """The archive with members changed (None leaves one out), extra (name, bytes) members, and right checksums."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", compress) as new:
        for member in old.infolist():
            changed = change(member.filename, old.read(member))
            if changed is not None:
                new.writestr(zipfile.ZipInfo(member.filename), changed, compress)
        for name, body in extra:
            new.writestr(zipfile.ZipInfo(name), body, compress)
    return buffer.getvalue()


def text_opcode(text: str) -> bytes:
    encoded = text.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def with_opcodes(opcodes: bytes, key: str = "extra") -> bytes:
    """A checkpoint whose pickle builds, beside honest weights, what `opcodes` push on the stack."""
    content = small_checkpoint() | {key: PLACE}

    def change(name: str, body: bytes) -> bytes:
        return body.replace(text_opcode(PLACE), opcodes) if name.endswith("data.pkl") else body

    return rezip(zipped(content), change)


def call(module: str, name: str, *arguments: bytes) -> bytes:
    """Opcodes that call `module.name` with what the `arguments` opcodes push."""
    return f"c{module}\n{name}\n".encode() + b"(" + b"".join(arguments) + b"tR"


def write(directory: Path, content: bytes, name: str = "file.ckpt") -> Path:
    path = directory / name
    path.write_bytes(content)
    return path


def number(value: int) -> bytes:
    body = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
    return b"\x8a" + bytes([len(body)]) + body


def bomb(content: Callable[[], Any]) -> Make:
    return lambda directory, canary: write(directory, zipped(content()))


def opcodes(build: Callable[[], bytes], key: str = "extra") -> Make:
    return lambda directory, canary: write(directory, with_opcodes(build(), key))


def state_with(**tensors: Any) -> Any:
    content = small_checkpoint()
    names = {name: name.replace("__", ".") for name in tensors}
    content["state_dict"].update({names[name]: tensor for name, tensor in tensors.items()})
    return content


def raw(content: bytes, name: str = "file.ckpt") -> Make:
    return lambda directory, canary: write(directory, content, name)


def zip_of(
    compress: int, change: Callable[[str, bytes], bytes | None] = lambda name, body: body, extra: Any = ()
) -> Make:
    return lambda directory, canary: write(
        directory, rezip(zipped(small_checkpoint()), change, extra=extra, compress=compress)
    )


def weights(change: Callable[[dict[str, Tensor]], dict[Any, Any]]) -> Make:
    def make(directory: Path, canary: Path) -> Path:
        content = small_checkpoint()
        content["state_dict"] = OrderedDict(change(dict(content["state_dict"])))
        return write(directory, zipped(content))

    return make


def without(part: str) -> Make:
    return weights(lambda state: {name: tensor for name, tensor in state.items() if part not in name})


def replaced(part: str, change: Callable[[Tensor], Any]) -> Make:
    return weights(lambda state: {name: change(tensor) if part in name else tensor for name, tensor in state.items()})


def filled(value: float) -> Callable[[Tensor], Tensor]:
    def change(tensor: Tensor) -> Tensor:
        tensor = tensor.clone()
        tensor.view(-1)[0] = value
        return tensor

    return change


def kind(name: str, states: str, make: Make) -> Kind:
    return Kind(name, frozenset(states.split()), make)
