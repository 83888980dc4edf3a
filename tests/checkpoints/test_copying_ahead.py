"""The copier: what it copies are the file's bytes, what it sums are the records it was told, however memory came."""

import os
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swaveval.checkpoints.sandbox.copying import Order, Span, SpanSums, copy_for, off_core_of, stop_at
from swaveval.checkpoints.sandbox.memory_ahead import MemoryAhead
from swaveval.checkpoints.sandbox.memory_files import seal

WINDOW = 4 << 20
ROOM = 8192


@contextmanager
def copier(memory: MemoryAhead) -> Iterator[socket.socket]:
    """The fork's end of a connection to a copier, which must come to an end when it is closed."""
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=copy_for, args=(ours, memory, os.getpid()))
    thread.start()
    try:
        yield theirs
    finally:
        theirs.close()
        thread.join(20)
        ours.close()
        assert not thread.is_alive()


def written(path: Path, size: int) -> bytes:
    content = os.urandom(size)
    path.write_bytes(content)
    return content


@pytest.mark.parametrize("ahead", [0, 1, WINDOW, 3 * WINDOW])
@pytest.mark.parametrize("size", [0, 1, 5000, 2 * WINDOW + 12_345])
def test_copy_and_sums_are_the_file_s(tmp_path: Path, size: int, ahead: int) -> None:
    content = written(tmp_path / "file", size)
    spans = [(0, size // 3), (size // 3, size // 3), (size // 2, size - size // 7), (size - size // 8, size)]
    with MemoryAhead() as memory, copier(memory) as fork, (tmp_path / "file").open("rb") as file:
        memory.set_aside(ahead)
        Order(size, ROOM, spans).send(fork, file.fileno())
        copied, sums = stop_at(fork, size)
        assert copied == size
        assert os.pread(memory.descriptor, size, ROOM) == content
        assert sums == [zlib.crc32(content[start:end]) for start, end in spans][: len(sums)]
        assert size < 2 or len(sums) == len(spans)
        seal(memory.descriptor)  # possible only when nobody maps it for writing


def test_the_end_can_be_moved_while_it_copies(tmp_path: Path) -> None:
    content = written(tmp_path / "file", 3 * WINDOW)
    half = len(content) // 2
    with MemoryAhead() as memory, copier(memory) as fork, (tmp_path / "file").open("rb") as file:
        Order(len(content), 0, [(0, 100), (half, half + 100), (half, len(content))]).send(fork, file.fileno())
        copied, sums = stop_at(fork, 200)
        assert 200 <= copied <= len(content)
        assert os.pread(memory.descriptor, copied, 0) == content[:copied]
        assert sums[0] == zlib.crc32(content[:100])
        assert len(sums) <= 2  # the third overlaps the second


def test_a_file_shorter_than_announced(tmp_path: Path) -> None:
    content = written(tmp_path / "file", 10_000)
    with MemoryAhead() as memory, copier(memory) as fork, (tmp_path / "file").open("rb") as file:
        Order(1 << 40, 0, [(0, 5000), (5000, 20_000)]).send(fork, file.fileno())
        assert stop_at(fork, 1 << 39) == (10_000, [zlib.crc32(content[:5000])])


def test_a_fork_that_dies_does_not_keep_its_copier(tmp_path: Path) -> None:
    written(tmp_path / "file", 1000)
    with MemoryAhead() as memory, copier(memory) as fork, (tmp_path / "file").open("rb") as file:
        Order(1 << 40, 0, []).send(fork, file.fileno())  # and is closed without another word


def test_a_file_cut_by_its_fork_ends_the_copy(tmp_path: Path) -> None:
    written(tmp_path / "file", 1000)
    with MemoryAhead() as memory, copier(memory) as fork, (tmp_path / "file").open("rb") as file:
        seal(memory.descriptor)
        Order(1000, 0, [(0, 1000)]).send(fork, file.fileno())
        assert stop_at(fork, 1000) == (0, [])


@given(
    content=st.binary(max_size=300),
    edges=st.lists(st.integers(0, 300), max_size=12),
    cuts=st.lists(st.integers(0, 300), max_size=8),
)
@settings(deadline=None)
def test_sums_of_any_spans_in_any_pieces(content: bytes, edges: list[int], cuts: list[int]) -> None:
    ascending = sorted(edges)
    spans: list[Span] = list(zip(ascending[::2], ascending[1::2], strict=False))
    sums = SpanSums(spans)
    bounds = sorted({0, *(min(cut, len(content)) for cut in cuts), len(content)})
    for start, end in pairwise(bounds):
        sums.add(start, memoryview(content)[start:end])
    whole = [(start, end) for start, end in spans if end <= len(content) and start < len(content)]
    assert sums.found == [zlib.crc32(content[start:end]) for start, end in whole]


@pytest.mark.parametrize("spans", [[(5, 3)], [(5, 9), (8, 12)], [(5, 9), (2, 4)], [(5, 9), (9, 8)]])
def test_spans_out_of_order_are_not_summed(spans: list[Span]) -> None:
    sums = SpanSums(spans)
    sums.add(0, memoryview(bytes(50)))
    assert sums.found == [zlib.crc32(bytes(4))] * (len(spans) - 1)


def test_memory_is_set_aside_until_somebody_waits() -> None:
    waiting = iter([False, False, True])
    with MemoryAhead() as memory:
        memory.set_aside(100 * WINDOW, until=lambda: next(waiting))
        assert os.fstat(memory.descriptor).st_size == 2 * WINDOW
        assert memory.is_mapped(2 * WINDOW - 1)
        assert not memory.is_mapped(2 * WINDOW)


def test_a_window_is_the_file() -> None:
    with MemoryAhead() as memory:
        memory.set_aside(WINDOW + 1)
        assert memory.is_mapped(WINDOW - 3)
        with memory.window(WINDOW - 3, 10) as piece:
            assert len(piece) == 3  # no further than the window goes
            piece[:] = b"end"
        assert memory.is_mapped(WINDOW)
        with memory.window(WINDOW, 5) as piece:
            piece[:] = b"start"
        assert os.pread(memory.descriptor, 8, WINDOW - 3) == b"endstart"
        with memory.shown(WINDOW - 3, 8) as piece:
            assert bytes(piece) == b"endstart"
        with pytest.raises(OSError, match="busy"):
            seal(memory.descriptor)
        memory.close_windows()
        seal(memory.descriptor)


def test_the_copier_leaves_its_fork_s_core() -> None:
    allowed = os.sched_getaffinity(0)
    with off_core_of(os.getpid()):
        assert len(os.sched_getaffinity(0)) == max(1, len(allowed) - 1)
    assert os.sched_getaffinity(0) == allowed
    with off_core_of(2**22 + 1):  # no such process
        assert os.sched_getaffinity(0) == allowed
