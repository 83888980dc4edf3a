"""Our side of reading: from a fork that a file has taken over come a refusal and a next file that is read."""

import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from swaveval.checkpoints import LoadOptions
from swaveval.checkpoints.sandbox.description import Description, TensorInfo
from swaveval.checkpoints.sandbox.failure import Failure
from swaveval.checkpoints.sandbox.reader import OpenFile, Reader, shared_reader
from swaveval.checkpoints.sandbox.wire import Closed, receive, receive_into, receive_with_file, send

SECONDS = 0.2


def framed(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def said(message: Any) -> bytes:
    return framed(json.dumps(message).encode())


def description(*tensors: TensorInfo) -> Description:
    return Description("torch zip", (), "dict", {(): tensors}, {}, 0, 0)


@contextmanager
def file_answering(
    content: bytes, *tensors: TensorInfo, most_bytes: int = 1 << 20, ends: bool = True
) -> Iterator[OpenFile]:
    """A file whose fork says `content`, whatever it is asked."""
    ours, theirs = socket.socketpair()

    def speak() -> None:
        with suppress(OSError):  # nobody listens any more
            theirs.sendall(content)
            if ends:
                theirs.shutdown(socket.SHUT_WR)

    speaker = threading.Thread(target=speak)
    speaker.start()
    with theirs, OpenFile(Reader(), ours, seconds=SECONDS - 4, most_bytes=most_bytes, trusted=False) as file:
        file.description = description(*tensors)
        yield file
    speaker.join()


PAIR = TensorInfo("w", "F32", (2,))


def test_a_tensor_is_what_was_described() -> None:
    content = torch.tensor([1.5, -2.0])
    with file_answering(said({"tensor": {"bytes": 8}}) + content.numpy().tobytes(), PAIR) as file:
        assert torch.equal(file.take((), ["w", "w", "nothing"])["w"], content)
        assert file.take((), ["nothing"]) == file.take(("elsewhere",), ["w"]) == {}


@pytest.mark.parametrize(
    ("content", "info"),
    [
        (framed(b"[[[[["), PAIR),
        (framed(b"[" * 100_000), PAIR),
        (said([]), PAIR),
        (said({}), PAIR),
        (said({"tensor": 5}), PAIR),
        (said({"tensor": {}}), PAIR),
        (said({"failed": 5}), PAIR),
        (said({"tensor": {"bytes": 4}}) + bytes(8), PAIR),
        (said({"tensor": {"bytes": 1 << 60}}) + bytes(8), PAIR),
        (said({"tensor": {"bytes": 0}}), TensorInfo("w", "X9", (2,))),
        (said({"tensor": {"bytes": 0}}), TensorInfo("w", "F32", (1 << 63, 0))),
        (said({"tensor": {"bytes": 0}}), TensorInfo("w", "F32", (1 << 61, 1 << 61, 0))),
        (b"", PAIR),
        (b"\x00\x00", PAIR),
        (struct.pack(">I", 1 << 31), PAIR),
        (said({"tensor": {"bytes": 8}}) + bytes(7), PAIR),
    ],
)
def test_an_answer_that_is_none_is_a_refusal(content: bytes, info: TensorInfo) -> None:
    with file_answering(content, info) as file, pytest.raises(Failure, match="reading process") as caught:
        file.take((), ["w"])
    assert caught.value.kind == "refused"


def test_nothing_is_allocated_beyond_the_bounds() -> None:
    info = TensorInfo("w", "F32", (1 << 40,))
    content = said({"tensor": {"bytes": 4 << 40}})
    with file_answering(content, info) as file, pytest.raises(Failure, match="claim more than the file holds"):
        file.take((), ["w"])


@pytest.mark.parametrize("content", [b"", b"\x00\x00", said({"tensor": {"bytes": 8}}) + bytes(5)])
def test_a_fork_that_falls_silent_is_waited_for_until_the_deadline(content: bytes) -> None:
    started = time.monotonic()
    with file_answering(content, PAIR, ends=False) as file, pytest.raises(Failure, match="seconds") as caught:
        file.take((), ["w"])
    assert caught.value.kind == "refused"
    assert time.monotonic() - started >= SECONDS * 0.9


def test_messages_arrive_whole_and_in_order() -> None:
    ours, theirs = socket.socketpair()
    messages = [{"a": 1}, {"b": ["ü\n", None, 0.5]}, {"long": "x" * 300_000}]
    sender = threading.Thread(target=lambda: [send(theirs, message) for message in messages])
    with ours, theirs:
        sender.start()
        assert [receive(ours) for _ in messages] == messages
        sender.join()
        theirs.sendall(b"12345678")
        content = bytearray(8)
        receive_into(ours, memoryview(content))
        assert content == b"12345678"
        theirs.close()
        with pytest.raises(Closed):
            receive(ours)


def test_a_descriptor_comes_with_its_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "file").open() as file:
        send(theirs, {"path": "x" * 100_000}, file.fileno())
        message, descriptor = receive_with_file(ours)
        assert len(message["path"]) == 100_000
        with os.fdopen(descriptor) as other:
            assert other.read() == "content"
        send(theirs, {"path": "without"})
        with pytest.raises(Closed):
            receive_with_file(ours)


def saved(path: Path) -> Path:
    torch.save({"w": torch.ones(3)}, path)
    return path


def opened(reader: Reader, path: Path) -> OpenFile:
    return reader.open(path, containers=[()], scalars=[], options=LoadOptions())


@pytest.mark.parametrize("end", ["killed", "left open", "server killed"])
def test_the_next_file_is_read_after_a_bad_end(tmp_path: Path, end: str) -> None:
    path, reader = saved(tmp_path / "file.pt"), shared_reader()
    with reader.lock:
        file = opened(reader, path)
        assert reader._launched is not None
        server = reader._launched.process.pid
        forks = Path(f"/proc/{server}/task/{server}/children")
        if end == "killed" and forks.exists():
            os.kill(int(forks.read_text()), signal.SIGKILL)
            with pytest.raises(Failure, match="processor time"):
                file.take((), ["w"])
        if end == "server killed":
            os.kill(server, signal.SIGKILL)
            with suppress(Failure):  # its fork may have answered before it was ended
                file.take((), ["w"])
        with opened(reader, path) as again:
            assert torch.equal(again.take((), ["w"])["w"], torch.ones(3))


@pytest.mark.parametrize("count", [0, 3])
def test_no_descriptor_is_left_behind(tmp_path: Path, count: int) -> None:
    path, reader = saved(tmp_path / "file.pt"), shared_reader()

    def rounds(action: Callable[[OpenFile], object]) -> int:
        with reader.lock:
            for _ in range(count):
                with opened(reader, path) as file:
                    action(file)
            reader.settle()
        return len(list(Path("/dev/fd").iterdir()))

    before = rounds(lambda file: file.take((), ["w"]))
    assert rounds(lambda file: file.take((), ["w"])) == before
