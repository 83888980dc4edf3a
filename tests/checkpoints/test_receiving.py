"""The receiving end of the pipe: the tensors that safetensors wrote, and nothing from whoever writes anything else."""

import json
import os
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from swaveval.checkpoints.receiving import CutShort, NotSafetensors, Received, TensorStream
from swaveval.checkpoints.sandbox.safetensors_header import safetensors_header


@contextmanager
def stream_of(content: bytes, *, open_end: bool = False, most_bytes: int = 1 << 24) -> Iterator[TensorStream]:
    """A stream that somebody else writes to, and closes unless `open_end`."""
    reading, writing = os.pipe()

    def write() -> None:
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[os.write(writing, rest) :]
        except BrokenPipeError:
            pass  # the reader has seen enough
        if not open_end:
            os.close(writing)

    writer = threading.Thread(target=write)
    with TensorStream(reading, most_bytes=most_bytes) as stream:
        writer.start()
        try:
            yield stream
        finally:
            stream.close()
            writer.join()
            if open_end:
                os.close(writing)


def drained(stream: TensorStream, *, deadline: float | None = None) -> dict[str, Received]:
    while stream.go_on(deadline=deadline or time.monotonic() + 10):
        pass
    return stream.received


def framed(header: Any, content: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content


def entry(dtype: Any, shape: Any, offsets: Any) -> dict[str, Any]:
    return {"w": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


def tensors() -> dict[str, Tensor]:
    return {
        "large": torch.randn(500, 700),
        "halves": torch.randn(3, 5).to(torch.bfloat16),
        "scalar": torch.tensor(7),
        "empty": torch.zeros(0, 4),
        "flags": torch.tensor([True, False, True]),
    }


def test_a_stream_is_what_safetensors_writes() -> None:
    content = tensors()
    with stream_of(save(content)) as stream:
        received = drained(stream)
        assert stream.ended
    assert received.keys() == content.keys()
    for name, tensor in content.items():
        assert received[name].tensor.dtype == tensor.dtype
        assert received[name].tensor.shape == tensor.shape
        assert torch.equal(received[name].tensor, tensor)
        assert received[name].crc == zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())


def test_our_header_is_one_of_safetensors() -> None:
    rows = [("a", "F32", [2, 3], 24), ("b", "U8", [], 1)]
    content = bytes(range(25))
    with stream_of(safetensors_header(rows) + content) as stream:
        received = drained(stream)
    assert received["a"].tensor.view(torch.uint8).reshape(-1).tolist() == list(range(24))
    assert received["b"].tensor.item() == 24


@pytest.mark.parametrize(
    "content",
    [
        (1 << 62).to_bytes(8, "little"),
        (5).to_bytes(8, "little") + b"[[[[[",
        framed([]),
        framed({"w": 5}),
        framed({"w": {}}),
        framed("[" * 100_000),
        framed(entry("F32", [2], [0, 4]), bytes(8)),
        framed(entry("F32", [2], [4, 12]), bytes(12)),
        framed(entry("F32", [2], [0, 8, 9]), bytes(8)),
        framed(entry("X9", [2], [0, 8]), bytes(8)),
        framed(entry(None, [2], [0, 8]), bytes(8)),
        framed(entry("F32", [-2], [0, -8])),
        framed(entry("F32", [-1, -2], [0, 8]), bytes(8)),
        framed(entry("F32", [2.0], [0, 8]), bytes(8)),
        framed(entry("F32", [True], [0, 4]), bytes(4)),
        framed(entry("F32", "2", [0, 8]), bytes(8)),
        framed(entry("F32", [1 << 40], [0, 4 << 40])),
        framed(entry("F32", [1 << 63, 0], [0, 0])),
        framed(entry("F32", [1 << 61, 1 << 61, 0], [0, 0])),
        framed(entry("F32", [1] * 100_000, [0, 4]), bytes(4)),
        framed(entry("F32", [1], [0, 4]) | {"v": entry("F32", [1], [2, 6])["w"]}, bytes(6)),
    ],
)
def test_a_stream_that_is_none_is_refused_before_anything_is_allocated(content: bytes) -> None:
    with stream_of(content) as stream:
        with pytest.raises(NotSafetensors) as caught:
            drained(stream)
        assert type(caught.value) is NotSafetensors  # not that it ended early
        assert not stream.received


@pytest.mark.parametrize("cut", [0, 4, 20, 300, 700_000, -1])
def test_a_stream_that_ends_early(cut: int) -> None:
    with stream_of(save(tensors())[:cut]) as stream, pytest.raises(CutShort):
        drained(stream)


def test_a_stream_that_stands_still_is_waited_for_until_the_deadline() -> None:
    with stream_of(save(tensors())[:1000], open_end=True) as stream:
        deadline = time.monotonic() + 0.2
        with pytest.raises(TimeoutError):
            drained(stream, deadline=deadline)
        assert time.monotonic() >= deadline


def test_whoever_else_has_something_to_say_is_heard_first() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, stream_of(save(tensors())[:1000], open_end=True) as stream:
        timer = threading.Timer(0.1, theirs.sendall, [b"x"])
        timer.start()
        while stream.go_on(deadline=time.monotonic() + 10, until=ours):
            pass
        timer.join()
        assert not stream.ended
        assert ours.recv(1) == b"x"


def test_how_far_off_a_tensor_is() -> None:
    content = {name: torch.zeros(1000, dtype=torch.uint8) for name in "abc"}
    with stream_of(save(content)) as stream:
        assert stream.distance("c") == stream.distance("nobody knows yet") == 0
        while "a" not in stream.received:
            stream.go_on(deadline=time.monotonic() + 10)
        assert stream.distance("a") is None
        assert stream.distance("x") is None
        assert stream.distance("c") == 2000 - stream.position
        stream.close()
        assert stream.distance("c") is None


def test_a_closed_stream_gives_nothing_more() -> None:
    with stream_of(save(tensors())) as stream:
        assert stream.go_on(deadline=time.monotonic() + 10)
        stream.close()
        stream.close()
        assert stream.ended
        assert not stream.go_on(deadline=time.monotonic() + 10)
