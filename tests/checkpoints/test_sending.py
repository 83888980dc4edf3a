"""The sender of records, and where tensors of a mapped file lie in it."""

import os
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from swaveval.checkpoints.sandbox.mapped_file import MappedFile, is_whole
from swaveval.checkpoints.sandbox.sending import carry_out_order_of, order

SAYS_WHAT_IS_MAPPED = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not say")
CONTENT = bytes(range(256)) * 2000


def sent(
    path: Path, give: Callable[[socket.socket, int, int], object], *, read: Callable[[int], bytes] | None = None
) -> bytes:
    """What arrives when `give` orders something of the open file, into the pipe."""
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    sender = threading.Thread(target=carry_out_order_of, args=(theirs, os.getpid()))
    sender.start()
    try:
        with ours, path.open("rb") as file:
            give(ours, file.fileno(), writing)
        os.close(writing)
        return read(reading) if read else _all_of(reading)
    finally:
        os.close(reading)
        sender.join(timeout=30)
        theirs.close()
        assert not sender.is_alive()


def open_descriptors() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def _all_of(descriptor: int) -> bytes:
    return b"".join(iter(lambda: os.read(descriptor, 1 << 16), b""))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(CONTENT)
    return tmp_path / "file"


@pytest.mark.parametrize("spans", [[], [(0, len(CONTENT))], [(5, 9), (100, 400_000), (400_000, 400_001)], [(7, 7)]])
def test_spans_arrive_one_after_another(path: Path, spans: list[tuple[int, int]]) -> None:
    arrived = sent(path, lambda sender, file, pipe: order(sender, file, pipe, b"header", spans))
    assert arrived == b"header" + b"".join(CONTENT[start:end] for start, end in spans)


def test_a_file_shorter_than_it_should_be_ends_the_stream(path: Path) -> None:
    spans = [(0, 10), (len(CONTENT) - 3, len(CONTENT) + 5), (20, 30)]
    assert sent(path, lambda sender, file, pipe: order(sender, file, pipe, b"", spans)) == CONTENT[:10] + CONTENT[-3:]


def test_a_reader_who_has_enough_ends_the_sending(path: Path) -> None:
    first = sent(
        path,
        lambda sender, file, pipe: order(sender, file, pipe, b"", [(0, len(CONTENT))]),
        read=lambda reading: os.read(reading, 100),
    )
    assert first == CONTENT[:100]


@pytest.mark.parametrize(
    "give",
    [
        lambda sender, file, pipe: None,
        lambda sender, file, pipe: sender.sendall(struct.pack("<II", 4, 2)),
        lambda sender, file, pipe: socket.send_fds(sender, [struct.pack("<II", 4, 2)], [file]),
        lambda sender, file, pipe: socket.send_fds(sender, [b"half"], [file, pipe]),
        lambda sender, file, pipe: socket.send_fds(sender, [struct.pack("<II", 1 << 31, 0) + b"x"], [file, pipe]),
        lambda sender, file, pipe: socket.send_fds(sender, [struct.pack("<II", 0, 1 << 31)], [file, pipe]),
    ],
    ids=["nothing", "no files", "one file", "cut off", "no header", "no spans"],
)
def test_a_sender_survives_an_order_that_is_none(path: Path, give: Callable[[socket.socket, int, int], object]) -> None:
    before = open_descriptors()
    assert sent(path, give) == b""
    assert open_descriptors() == before


@SAYS_WHAT_IS_MAPPED
def test_where_tensors_of_a_mapped_file_lie(tmp_path: Path) -> None:
    path = tmp_path / "a file of (deleted)  spaces.pt"
    torch.save({"a": torch.randn(300, 7), "b": torch.randn(5).double()}, path)
    content = torch.load(path, mmap=True, weights_only=True)
    with path.open("rb") as file:
        mapped = MappedFile.of(file.fileno())
    assert mapped is not None
    for tensor in content.values():
        span = mapped.span(tensor)
        assert span is not None
        assert path.read_bytes()[slice(*span)] == tensor.numpy().tobytes()
    assert mapped.span(torch.randn(3)) is None
    assert is_whole(content["a"])
    assert not is_whole(content["a"][4:])
    assert not is_whole(content["a"].T)


@SAYS_WHAT_IS_MAPPED
@pytest.mark.parametrize("name", ["other.pt", "line\nbreak.pt"])
def test_a_file_that_cannot_be_found_in_memory_lies_nowhere(tmp_path: Path, name: str) -> None:
    torch.save({"a": torch.randn(300, 7)}, tmp_path / "file.pt")
    (tmp_path / name).write_bytes((tmp_path / "file.pt").read_bytes())
    content = torch.load(tmp_path / ("file.pt" if name == "other.pt" else name), mmap=True, weights_only=True)
    with (tmp_path / name).open("rb") as file:
        assert MappedFile.of(file.fileno()) is None
    assert len(content["a"]) == 300
