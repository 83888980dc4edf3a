"""Pixels are the same wherever they come from, and a cache never lies."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from swaveval.data import DataError, DecodedImages, EvalTransform, ImageSet, decode, open_images, square
from swaveval.data.decoded import PixelArray, PixelStream
from swaveval.results.atomic import atomic_path

Save = Callable[..., Path]
TRANSFORM = EvalTransform(size=16)


@pytest.fixture
def images(save: Save, tmp_path: Path) -> ImageSet:
    for number in range(37):
        save(f"{number}.png", number, size=(12 + number % 5, 20 - number % 7))
    return open_images(str(tmp_path / "images"))


def ways(images: ImageSet, directory: Path) -> list[DecodedImages]:
    decode(images, TRANSFORM, cache=directory)
    return [
        decode(images, TRANSFORM),
        decode(images, TRANSFORM, cache=directory),
        decode(images, TRANSFORM, budget_bytes=0),
        decode(images, TRANSFORM, cache=directory, budget_bytes=0),
    ]


def test_every_way_gives_the_same_pixels(images: ImageSet, tmp_path: Path) -> None:
    expected = np.stack([square(images.open(position), TRANSFORM) for position in range(len(images))])
    order = np.random.default_rng(0).permutation(len(images))[:30]
    for pixels in ways(images, tmp_path / "cache"):
        assert isinstance(pixels, DecodedImages)
        assert pixels.shape == (37, 16, 16, 3)
        taken = pixels.take(order)
        assert taken.dtype == np.uint8
        np.testing.assert_array_equal(taken, expected[order])
        batches = list(pixels.batches(order, 8))
        assert [len(batch) for batch in batches] == [8, 8, 8, 6]
        np.testing.assert_array_equal(np.concatenate(batches), expected[order])
        assert pixels.take([]).shape == (0, 16, 16, 3)
        assert list(pixels.batches([], 8)) == []
        with pytest.raises(IndexError):
            pixels.take([37])


def test_what_is_taken_belongs_to_the_caller(images: ImageSet, tmp_path: Path) -> None:
    for pixels in ways(images, tmp_path / "cache"):
        taken = pixels.take([3])
        assert taken.flags.writeable
        assert type(taken) is np.ndarray
        taken[:] = 0
        assert pixels.take([3]).any()


def test_where_the_pixels_lie_is_said(images: ImageSet, tmp_path: Path) -> None:
    memory, mapped, streamed, over = ways(images, tmp_path / "cache")
    assert memory.origin == "decoded once, in memory"
    assert mapped.origin.startswith("decoded once into pixels-")
    assert streamed.origin == over.origin == f"decoded for each pass: {37 * 16 * 16 * 3:,} bytes exceed 0"
    assert isinstance(over, PixelStream)


def test_decoded_once(images: ImageSet, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []

    def note(number: int, total: int) -> None:
        done.append((number, total))

    decode(images, TRANSFORM, cache=tmp_path / "cache", progress=note)
    assert done == [(number, 37) for number in range(1, 38)]
    decode(images, TRANSFORM, cache=tmp_path / "cache", progress=note)
    assert len(done) == 37
    assert len(list((tmp_path / "cache").iterdir())) == 1
    decode(images, EvalTransform(size=8), cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_another_data_set_is_another_file(images: ImageSet, save: Save, tmp_path: Path) -> None:
    decode(images, TRANSFORM, cache=tmp_path / "cache")
    save("5.png", 999)
    changed = open_images(str(tmp_path / "images"))
    pixels = decode(changed, TRANSFORM, cache=tmp_path / "cache")
    np.testing.assert_array_equal(pixels.take([5])[0], square(changed.open(5), TRANSFORM))


@pytest.mark.parametrize("damage", ["bit", "cut", "longer", "checksum", "header", "swapped", "empty"])
def test_a_damaged_cache_is_made_anew(images: ImageSet, tmp_path: Path, damage: str) -> None:
    cache = tmp_path / "cache"
    expected = decode(images, TRANSFORM, cache=cache).take(range(37))
    (path,) = cache.iterdir()
    good = path.read_bytes()
    other = bytearray(good)
    if damage == "swapped":  # a whole, valid file of another transform under this name
        decode(images, EvalTransform(size=16, interpolation="bicubic"), cache=tmp_path / "other")
        (foreign,) = (tmp_path / "other").iterdir()
        other = bytearray(foreign.read_bytes())
    elif damage in {"bit", "checksum", "header"}:
        other[{"bit": 5000, "checksum": -3, "header": 12}[damage]] ^= 4
    else:
        other = {"cut": other[:-1], "longer": other + b"x", "empty": bytearray()}[damage]
    assert bytes(other) != good
    path.write_bytes(bytes(other))
    again = decode(images, TRANSFORM, cache=cache)
    np.testing.assert_array_equal(again.take(range(37)), expected)
    assert path.read_bytes() == good


def test_a_cache_that_cannot_be_written_costs_time_only(images: ImageSet, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    pixels = decode(images, TRANSFORM, cache=blocked)
    assert isinstance(pixels, PixelStream)
    assert "cannot be written" in pixels.origin
    assert pixels.take([0, 1]).shape == (2, 16, 16, 3)


def test_leftovers_of_killed_processes_are_removed(images: ImageSet, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    decode(images, TRANSFORM, cache=cache)
    (path,) = cache.iterdir()
    path.unlink()
    (cache / f".{path.name}.abc.tmp").write_bytes(b"half")  # its writer was killed a moment ago
    with atomic_path(path) as running:
        decode(images, TRANSFORM, cache=cache)
        assert sorted(cache.iterdir()) == sorted([path, running])
        running.write_bytes(path.read_bytes())


def test_an_image_that_vanishes_is_named_and_leaves_no_file(images: ImageSet, tmp_path: Path) -> None:
    (tmp_path / "images" / "7.png").unlink()
    with pytest.raises(DataError, match=r"7.png could be read .* \(the file is gone\)"):
        decode(images, TRANSFORM, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    with pytest.raises(DataError, match=r"7.png"):
        list(decode(images, TRANSFORM, budget_bytes=0).batches(range(37), 4))


def test_more_than_half_of_the_memory_is_streamed(images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swaveval.data.decoded._physical_memory", lambda: 1000)
    assert isinstance(decode(images, TRANSFORM), PixelStream)
    monkeypatch.undo()
    assert isinstance(decode(images, TRANSFORM), PixelArray)


def test_leaving_a_stream_early_is_fine(images: ImageSet) -> None:
    batches = decode(images, TRANSFORM, budget_bytes=0).batches(range(37), 4)
    assert next(batches).shape == (4, 16, 16, 3)
    batches.close()  # type: ignore[attr-defined]
