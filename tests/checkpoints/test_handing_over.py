"""Tensors handed over by the reading process: the bytes are those that were saved, or the file is refused."""

import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from swaveval.checkpoints import LoadOptions
from swaveval.checkpoints.sandbox import handing_over
from swaveval.checkpoints.sandbox.failure import Failure
from swaveval.checkpoints.sandbox.formats import zip_files
from swaveval.checkpoints.sandbox.reader import OpenFile, shared_reader

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool)


def weights(count: int = 12) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {f"layer{number}.weight": torch.randn(40 + number, 30, generator=draw) for number in range(count)}


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def overwrite(path: Path, old: Tensor, new: bytes) -> None:
    """Change bytes of a tensor in the file, in place."""
    place = path.read_bytes().index(old.numpy().tobytes())
    with path.open("r+b") as file:
        file.seek(place)
        file.write(new)


@contextmanager
def opened(path: Path) -> Iterator[OpenFile]:
    reader = shared_reader()
    with reader.lock, reader.open(path, containers=[()], scalars=[], options=LoadOptions()) as file:
        yield file


def handed(path: Path, names: Sequence[str]) -> dict[str, Tensor]:
    with opened(path) as file:
        return file.take((), names)


def outcome(file: OpenFile, names: Sequence[str]) -> tuple[dict[str, Tensor], Failure | None]:
    try:
        return file.take((), names), None
    except Failure as failure:
        return {}, failure


def assert_same(found: dict[str, Tensor], content: dict[str, Tensor], names: Sequence[str]) -> None:
    assert list(found) == list(names)
    for name in names:
        assert found[name].dtype == content[name].dtype
        assert found[name].shape == content[name].shape
        assert torch.equal(found[name], content[name])


@pytest.mark.parametrize("chosen", [slice(None), slice(3, 9, 2), slice(None, None, -1), slice(0, 1), slice(0, 0)])
def test_any_choice_in_any_order(tmp_path: Path, chosen: slice) -> None:
    content = weights()
    names = list(content)[chosen]
    assert_same(handed(saved(tmp_path / "file.pt", content), names), content, names)


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
    assert_same(handed(path, names), content, names)


def test_shared_storages_and_views_of_a_part(tmp_path: Path) -> None:
    flat, square = torch.randn(100), torch.randn(8, 8)
    content = {
        "tied": square,
        "rows": flat[20:60].reshape(4, 10),
        "tied too": square,
        "turned": square.T,
        "columns": square[:, 2:5],
        "end": flat[90:],
    }
    found = handed(saved(tmp_path / "file.pt", content), list(content))
    assert_same(found, content, list(content))
    found["tied"].zero_()  # each is in memory of its own
    assert_same({"tied too": found["tied too"]}, content, ["tied too"])


@pytest.mark.parametrize("old_format", [True, False])
def test_formats_without_checksums(tmp_path: Path, old_format: bool) -> None:
    content = weights()
    path = tmp_path / ("file.pt" if old_format else "file.safetensors")
    if old_format:
        torch.save(content, path, _use_new_zipfile_serialization=False)
    else:
        save_file(content, path)
    assert_same(handed(path, list(content)), content, list(content))


@pytest.mark.parametrize("name", ["whole", "part", "turned"])
def test_a_damaged_record_is_named(tmp_path: Path, name: str) -> None:
    square, flat, turned = torch.randn(9, 9), torch.randn(50), torch.randn(7, 8)
    content = weights() | {"whole": square, "part": flat[10:20], "turned": turned.T}
    path = saved(tmp_path / "file.pt", content)
    overwrite(path, {"whole": square, "part": flat, "turned": turned}[name], b"\x01\x02\x03\x04")
    with pytest.raises(Failure, match=f"bytes of {name} do not") as caught:
        handed(path, list(content))
    assert caught.value.kind == "corrupt"
    assert_same(handed(path, list(weights())), content, list(weights()))  # nothing that is wanted depends on it


@pytest.mark.parametrize("name", ["first", "last"])
def test_damage_is_found_in_large_files(tmp_path: Path, name: str) -> None:
    content = {"first": torch.randn(1_000_000), "other": torch.randn(1_000_000), "last": torch.randn(1_000_000)}
    path = saved(tmp_path / "file.pt", content)
    assert_same(handed(path, list(content)), content, list(content))
    overwrite(path, content[name], b"\x01\x02\x03\x04")
    with pytest.raises(Failure, match=f"bytes of {name} do not"):
        handed(path, list(content))


class Settings(dict):  # type: ignore[type-arg]
    """What shows itself to be a dict only when it is filled: the file is read, and mapped, twice."""


@pytest.mark.parametrize("beside", [{}, {"settings": Settings(lr=0.1)}], ids=["read once", "read twice"])
def test_records_under_each_others_checksums_are_damaged(tmp_path: Path, beside: dict[str, Any]) -> None:
    content = {"one": torch.randn(500), "two": torch.randn(500)} | beside
    path = saved(tmp_path / "file.pt", content)
    for name, other in (("one", "two"), ("two", "one")):
        overwrite(path, content[name], torch.zeros(500).numpy().tobytes())
        overwrite(path, torch.zeros(500), content[other].numpy().tobytes())
        with pytest.raises(Failure, match=f"bytes of {name} do not"):
            handed(path, [name])
        saved(path, content)


def test_thousands_of_records(tmp_path: Path) -> None:
    content = {str(number): torch.tensor(number) for number in range(20_001)}
    names = list(content)[::-2000]
    assert_same(handed(saved(tmp_path / "file.pt", content), names), content, names)


def test_a_second_request_is_answered_too(tmp_path: Path) -> None:
    content = weights()
    first, second = list(content)[:5], list(content)[3:]
    with opened(saved(tmp_path / "file.pt", content)) as file:
        found = file.take((), first)
        assert_same(found, content, first)
        for tensor in found.values():
            tensor.zero_()
        assert_same(file.take((), second), content, second)


def test_what_is_not_there_is_not_handed_over(tmp_path: Path) -> None:
    content = weights(2)
    with opened(saved(tmp_path / "file.pt", content)) as file:
        assert_same(file.take((), ["nothing", "layer1.weight"]), content, ["layer1.weight"])
        assert file.take(("elsewhere",), ["layer1.weight"]) == {}
        assert_same(file.take((), list(content)), content, list(content))


@pytest.mark.parametrize("change", ["rewritten", "cut off"])
def test_a_file_that_changes_between_description_and_tensors(tmp_path: Path, change: str) -> None:
    content = weights()
    names = list(content)
    path = saved(tmp_path / "file.pt", content)
    for _ in range(5):
        with opened(path) as file:
            if change == "rewritten":
                for tensor in content.values():
                    overwrite(path, tensor, torch.full_like(tensor, 7.0).numpy().tobytes())
            else:
                os.truncate(path, 5000)
            found, failure = outcome(file, names)
        if failure is None:
            assert_same(found, content, names)
        else:
            assert failure.kind == "corrupt"
        assert_same(handed(saved(path, content), names), content, names)


def test_a_rewritten_file_is_damaged(tmp_path: Path) -> None:
    content = weights()
    path = saved(tmp_path / "file.pt", content)
    with opened(path) as file:
        overwrite(path, content["layer4.weight"], bytes(400))
        with pytest.raises(Failure, match=r"layer4\.weight"):
            file.take((), list(content))


def test_views_that_claim_more_than_the_file_are_refused(tmp_path: Path) -> None:
    large = torch.randn(100_000)
    content = {f"view {number}": large[number:] for number in range(40)}
    with pytest.raises(Failure, match="more than the file holds") as caught:
        handed(saved(tmp_path / "file.pt", content), list(content))
    assert caught.value.kind == "refused"


def test_a_sign_that_is_stored_apart_is_not_lost(tmp_path: Path) -> None:
    content = weights(3) | {"minus": torch._neg_view(torch.ones(4))}
    assert torch.equal(torch.load(saved(tmp_path / "file.pt", content))["minus"], -torch.ones(4))
    with pytest.raises(Failure, match="minus") as caught:
        handed(tmp_path / "file.pt", list(content))
    assert caught.value.kind == "unsupported"


@pytest.mark.parametrize("compressed", [False, True])
def test_where_the_records_lie(tmp_path: Path, compressed: bool) -> None:
    content = weights(4) | {"flags": torch.tensor([True, False])}
    path = saved(tmp_path / "file.pt", content)
    if compressed:
        path = repacked(path)
    with path.open("rb") as file:
        found = zip_files.open_zip(file, path.stat().st_size, trust=False, verify_all=False)
        places = handing_over._mapped(file.fileno())
    stored = [tensor.numpy().tobytes() for tensor in content.values()]
    assert found.checksums is not None
    assert sorted(found.checksums.values()) == sorted((len(one), zlib.crc32(one)) for one in stored)
    if compressed:
        return
    read = path.read_bytes()
    assert [read[start : start + size] for start, (size, _) in sorted(found.checksums.items())] == stored
    for start, _ in places[:1]:
        assert {tensor.data_ptr() - start for tensor in found.root.values()} == found.checksums.keys()


def repacked(path: Path) -> Path:
    """The same archive, deflated."""
    target = path.with_suffix(".deflated.pt")
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as other:
        for member in archive.infolist():
            other.writestr(member.filename, archive.read(member))
    return target


@pytest.mark.parametrize("name", ["a file of (deleted)  spaces.pt", "line\nbreak.pt"])
def test_a_file_of_any_name_is_checked(tmp_path: Path, name: str) -> None:
    """Where a name hides from us where the file is mapped, each record is held to the checksums of all."""
    content = weights()
    path = saved(tmp_path / name, content)
    assert_same(handed(path, list(content)), content, list(content))
    overwrite(path, content["layer3.weight"], b"\x01\x02\x03\x04")
    with pytest.raises(Failure, match=r"layer3\.weight"):
        handed(path, list(content))
