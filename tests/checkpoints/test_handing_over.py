"""Tensors handed over as safetensors: whatever was copied ahead, the bytes are those the file's checksums vouch for."""

import os
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from torch import Tensor

from swaveval.checkpoints import LoadOptions
from swaveval.checkpoints.reader import shared_reader
from swaveval.checkpoints.sandbox import copying
from swaveval.checkpoints.sandbox.container import open_container
from swaveval.checkpoints.sandbox.failure import Failure
from swaveval.checkpoints.sandbox.handing_over import hand_over
from swaveval.checkpoints.sandbox.head_start import Copy, HeadStart, _worth_waiting_for
from swaveval.checkpoints.sandbox.layout import lay_out, spans_in_file
from swaveval.checkpoints.sandbox.memory_ahead import MemoryAhead
from swaveval.checkpoints.sandbox.torch_files import Opened

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool)


def weights(count: int = 12) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {f"layer{number}.weight": torch.randn(40 + number, 30, generator=draw) for number in range(count)}


@contextmanager
def opened_file(path: Path, *, ahead: bool, expected: int = 0) -> Iterator[Opened]:
    """The file as the reading fork opens it, with or without somebody who copies it ahead, and copied whole if so."""
    ours, theirs = socket.socketpair()
    with MemoryAhead() as memory, ours, path.open("rb") as file:
        memory.set_aside(expected)
        copier = threading.Thread(target=copying.copy_for, args=(ours, memory, os.getpid()))
        copier.start()
        head_start = HeadStart(theirs, os.dup(memory.descriptor))
        try:
            size = path.stat().st_size
            opened = open_container(file, size, trust=False, verify_all=False, head_start=head_start if ahead else None)
            if head_start._order is not None:
                wanted = head_start._order.room + min(size, copying._MOST)
                while os.lseek(memory.descriptor, 0, os.SEEK_CUR) < wanted:
                    os.sched_yield()
            yield opened
        finally:
            theirs.close()
            copier.join()


def handed(opened: Opened, names: list[str]) -> dict[str, Tensor]:
    """What the parent would get, checked."""
    result = hand_over(opened, [], names)
    result.finish()
    try:
        with safe_open(f"/proc/self/fd/{result.descriptor}", framework="pt") as file:
            return {name: file.get_tensor(name).clone() for name in names if name in set(file.keys())}
    finally:
        os.close(result.descriptor)


def assert_same(found: dict[str, Tensor], content: dict[str, Tensor], names: list[str]) -> None:
    assert list(found) == names
    for name in names:
        assert found[name].dtype == content[name].dtype
        assert found[name].shape == content[name].shape
        assert torch.equal(found[name], content[name])


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def overwrite(path: Path, old: Tensor, new: bytes) -> None:
    """Change bytes of a tensor in the file, in place."""
    place = path.read_bytes().index(old.numpy().tobytes())
    with path.open("r+b") as file:
        file.seek(place)
        file.write(new)


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("chosen", [slice(None), slice(3, 9, 2), slice(None, None, -1), slice(0, 1), slice(0, 0)])
def test_any_choice_in_any_order(tmp_path: Path, chosen: slice, ahead: bool) -> None:
    content = weights()
    names = list(content)[chosen]
    with opened_file(saved(tmp_path / "file.pt", content), ahead=ahead) as opened:
        assert_same(handed(opened, names), content, names)


@given(
    shapes=st.lists(st.lists(st.integers(0, 5), max_size=3), min_size=1, max_size=8),
    dtypes=st.lists(st.sampled_from(DTYPES), min_size=8, max_size=8),
    wanted=st.sets(st.integers(0, 7)),
)
@settings(max_examples=40, deadline=None)
def test_any_shapes_and_dtypes(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[list[int]], dtypes: list[torch.dtype], wanted: set[int]
) -> None:
    content = {
        f"tensor {place}": (10 * torch.randn(shape)).to(dtype)
        for place, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=False))
    }
    names = [name for place, name in enumerate(content) if place in wanted]
    path = saved(tmp_path_factory.mktemp("any") / "file.pt", content)
    with opened_file(path, ahead=True) as opened:
        assert_same(handed(opened, names), content, names)


@pytest.mark.parametrize("ahead", [True, False])
def test_shared_storages_and_views_of_a_part(tmp_path: Path, ahead: bool) -> None:
    flat, square = torch.randn(100), torch.randn(8, 8)
    content = {
        "tied": square,
        "rows": flat[20:60].reshape(4, 10),
        "tied too": square,
        "turned": square.T,
        "columns": square[:, 2:5],
        "end": flat[90:],
    }
    with opened_file(saved(tmp_path / "file.pt", content), ahead=ahead) as opened:
        assert_same(handed(opened, list(content)), content, list(content))


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("name", ["whole", "part", "turned"])
def test_a_damaged_record_is_named(tmp_path: Path, name: str, ahead: bool) -> None:
    square, flat, turned = torch.randn(9, 9), torch.randn(50), torch.randn(7, 8)
    content = weights() | {"whole": square, "part": flat[10:20], "turned": turned.T}
    path = saved(tmp_path / "file.pt", content)
    overwrite(path, {"whole": square, "part": flat, "turned": turned}[name], b"\x01\x02\x03\x04")
    with opened_file(path, ahead=ahead) as opened, pytest.raises(Failure, match=f"bytes of {name} do not") as caught:
        handed(opened, list(content))
    assert caught.value.kind == "corrupt"
    with opened_file(path, ahead=ahead) as opened:  # nothing that is wanted depends on it
        assert_same(handed(opened, list(weights())), content, list(weights()))


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("name", ["first", "last"])
def test_damage_is_found_in_large_files(tmp_path: Path, name: str, ahead: bool) -> None:
    content = {"first": torch.randn(1_000_000), "other": torch.randn(1_000_000), "last": torch.randn(1_000_000)}
    path = saved(tmp_path / "file.pt", content)
    with opened_file(path, ahead=ahead) as opened:
        assert_same(handed(opened, list(content)), content, list(content))
    overwrite(path, content[name], b"\x01\x02\x03\x04")
    with opened_file(path, ahead=ahead) as opened, pytest.raises(Failure, match=f"bytes of {name} do not"):
        handed(opened, list(content))


def test_a_file_rewritten_after_it_was_copied_changes_nothing(tmp_path: Path) -> None:
    content = weights()
    path = saved(tmp_path / "file.pt", content)
    with opened_file(path, ahead=True) as opened:
        for tensor in content.values():
            overwrite(path, tensor, torch.zeros_like(tensor).numpy().tobytes())
        assert_same(handed(opened, list(content)), content, list(content))


def test_a_file_rewritten_before_it_is_copied_is_damaged(tmp_path: Path) -> None:
    content = weights()
    path = saved(tmp_path / "file.pt", content)
    with opened_file(path, ahead=False) as opened:
        overwrite(path, content["layer4.weight"], bytes(400))
        with pytest.raises(Failure, match=r"layer4\.weight"):
            handed(opened, list(content))


def test_nothing_changes_after_it_was_handed_over(tmp_path: Path) -> None:
    with opened_file(saved(tmp_path / "file.pt", weights()), ahead=True) as opened:
        result = hand_over(opened, [], list(weights()))
        with pytest.raises(OSError, match="not permitted"):
            os.pwrite(result.descriptor, b"x", 0)
        with pytest.raises(OSError, match="not permitted"):
            os.ftruncate(result.descriptor, 0)
        os.close(result.descriptor)


def test_a_second_request_is_answered_too(tmp_path: Path) -> None:
    content = weights()
    first, second = list(content)[:5], list(content)[3:]
    with opened_file(saved(tmp_path / "file.pt", content), ahead=True) as opened:
        assert_same(handed(opened, first), content, first)
        assert_same(handed(opened, second), content, second)


def test_names_too_long_for_the_room_before_the_copy(tmp_path: Path) -> None:
    content = {f"{number}" + 480 * "x": torch.full((5,), float(number)) for number in range(40)}
    with opened_file(saved(tmp_path / "file.pt", content), ahead=True) as opened:
        assert_same(handed(opened, list(content)), content, list(content))


def test_more_than_is_copied_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_MOST", 20_000)
    content = weights()
    path = saved(tmp_path / "file.pt", content)
    assert path.stat().st_size > 40_000
    with opened_file(path, ahead=True) as opened:
        assert_same(handed(opened, list(content)), content, list(content))


def test_what_was_copied_in_vain_is_given_back(tmp_path: Path) -> None:
    content = OrderedDict(small=torch.ones(10), large=torch.zeros(1_000_000))
    with opened_file(saved(tmp_path / "file.pt", content), ahead=True) as opened:
        result = hand_over(opened, [], ["small"])
        assert os.fstat(result.descriptor).st_size == result.size < 20_000
        os.close(result.descriptor)


@pytest.mark.parametrize("expected", [1, 1 << 14, 5 << 20])
def test_memory_set_aside_for_another_size_changes_nothing(tmp_path: Path, expected: int) -> None:
    content = weights()
    path = saved(tmp_path / "file.pt", content)
    with opened_file(path, ahead=True, expected=expected) as opened:
        assert_same(handed(opened, list(content)), content, list(content))
    with opened_file(path, ahead=True, expected=expected) as opened:
        result = hand_over(opened, [], ["layer0.weight"])
        result.finish()
        assert os.fstat(result.descriptor).st_size == result.size < 1 << 14
        assert 512 * os.fstat(result.descriptor).st_blocks < 1 << 15
        os.close(result.descriptor)


def test_records_that_are_copied_stay_where_they_are(tmp_path: Path) -> None:
    content = weights()
    path = saved(tmp_path / "file.pt", content)
    with opened_file(path, ahead=True) as opened:
        spans = spans_in_file(opened.root)
        read = path.read_bytes()
        for name, (start, end) in spans.items():
            assert read[start:end] == content[name].numpy().tobytes()
        third = sorted(spans.values())[2][1]
        layout = lay_out(opened.root, Copy(-1, 8192, third), spans)
        assert layout.copied == {name for name, (_, end) in spans.items() if end <= third}
        assert all(layout.places[name] == 8192 + spans[name][0] for name in layout.copied)
    assert len(layout.copied) == 3


def test_every_record_that_is_copied_is_summed(tmp_path: Path) -> None:
    content = weights()
    with opened_file(saved(tmp_path / "file.pt", content), ahead=True) as opened:
        assert opened.head_start is not None
        assert opened.checksums is not None
        spans = spans_in_file(opened.root)
        copy = opened.head_start.take(spans.values())
        assert copy is not None
        assert {(end - start, copy.sums[start, end]) for start, end in spans.values()} == opened.checksums
        assert opened.head_start.take([]) is None
        os.close(copy.descriptor)


def test_a_sign_that_is_stored_apart_is_not_lost(tmp_path: Path) -> None:
    content = weights(3) | {"minus": torch._neg_view(torch.ones(4))}
    assert torch.equal(torch.load(saved(tmp_path / "file.pt", content))["minus"], -torch.ones(4))
    with opened_file(tmp_path / "file.pt", ahead=True) as opened, pytest.raises(Failure, match="minus") as caught:
        handed(opened, list(content))
    assert caught.value.kind == "unsupported"


@pytest.mark.parametrize(
    ("wanted", "copied", "until"),
    [
        ([], 500, 500),
        ([(0, 100), (100, 400)], 500, 500),  # all there
        ([(0, 100), (100, 900)], 500, 900),  # the rest comes soon
        ([(0, 100), (900, 1000)], 500, 500),  # much else comes first
        ([(600, 700), (5000, 5100)], 500, 700),
        ([(900, 1000), (1000, 1500)], 500, 1500),  # worth it for both together
        ([(0, 10)], 0, 10),
    ],
)
def test_waiting_only_for_what_comes_soon(wanted: list[tuple[int, int]], copied: int, until: int) -> None:
    assert _worth_waiting_for(wanted, copied) == until


# -- through the reading process -------------------------------------------------------------------------------------


def outcome(action: Callable[[], dict[str, Tensor]]) -> tuple[dict[str, Tensor] | None, str]:
    try:
        return action(), "ready"
    except Failure as failure:
        return None, failure.kind


@pytest.mark.parametrize("change", ["rewritten", "cut off"])
def test_a_file_that_changes_between_description_and_tensors(tmp_path: Path, change: str) -> None:
    content = weights()
    names = list(content)
    path = saved(tmp_path / "file.pt", content)
    reader = shared_reader()
    with reader.lock:
        for _ in range(5):
            with reader.open(path, containers=[()], scalars=[], options=LoadOptions()) as opened:
                if change == "rewritten":
                    for tensor in content.values():
                        overwrite(path, tensor, torch.full_like(tensor, 7.0).numpy().tobytes())
                else:
                    os.truncate(path, 5000)
                found, state = outcome(partial(opened.take, (), names))
                assert state in ("ready", "corrupt")
                if found is not None:
                    assert_same(found, content, names)
            saved(path, content)
            with reader.open(path, containers=[()], scalars=[], options=LoadOptions()) as opened:
                assert_same(opened.take((), names), content, names)
