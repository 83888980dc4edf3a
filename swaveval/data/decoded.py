"""Pixels as the network sees them: decoded once per image set and transform, or anew for each pass."""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from swaveval.data.image_file import quiet_pillow
from swaveval.data.imageset import ImageSet
from swaveval.data.parallel import Progress, ordered_map
from swaveval.data.transforms import EvalTransform, square
from swaveval.results.atomic import atomic_path, remove_leftovers

Index = Sequence[int] | np.ndarray[Any, np.dtype[Any]]

BUDGET_BYTES = 4 << 30
_FORMAT = b"swaveval pixels 1\n"
_BLOCK = 64


@runtime_checkable
class DecodedImages(Protocol):
    """The transformed images of an ImageSet, by position."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """`(n, H, W, C)`."""
        ...

    @property
    def origin(self) -> str:
        """Where the pixels come from, in words."""
        ...

    def batches(self, index: Index, batch_size: int) -> Iterator[UInt8[np.ndarray, "b h w c"]]:
        """The images at `index`, in that order, `batch_size` at a time."""
        ...

    def take(self, index: Index) -> UInt8[np.ndarray, "n h w c"]:
        """The images at `index`, in that order, as one array."""
        ...


@dataclass(frozen=True, eq=False)
class PixelArray:
    """Pixels in an array: in memory or mapped from a file.

    Attributes:
        pixels: shape `(n, H, W, C)`, uint8.
        origin: where they come from, in words.
    """

    pixels: np.ndarray[Any, np.dtype[Any]]
    origin: str

    @property
    def shape(self) -> tuple[int, int, int, int]:
        n, height, width, channels = self.pixels.shape
        return n, height, width, channels

    def batches(self, index: Index, batch_size: int) -> Iterator[UInt8[np.ndarray, "b h w c"]]:
        positions = np.asarray(index, dtype=np.int64)
        for start in range(0, len(positions), batch_size):
            yield self.take(positions[start : start + batch_size])

    def take(self, index: Index) -> UInt8[np.ndarray, "n h w c"]:
        # A plain array of its own: a read-only map would make torch warn, and would keep the file open.
        return np.array(self.pixels[np.asarray(index, dtype=np.int64)], copy=None, subok=False)


@dataclass(frozen=True, eq=False)
class PixelStream:
    """Pixels decoded when they are asked for, for sets that do not fit the budget.

    Attributes:
        images: what to decode. transform: how.
        origin: why they are streamed, in words.
    """

    images: ImageSet
    transform: EvalTransform
    origin: str

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.images), self.transform.size, self.transform.size, self.images.channels

    def batches(self, index: Index, batch_size: int) -> Iterator[UInt8[np.ndarray, "b h w c"]]:
        """One batch is decoded ahead while the caller works on the one before."""
        positions = np.asarray(index, dtype=np.int64)
        starts = range(0, len(positions), batch_size)
        with ThreadPoolExecutor(1, thread_name_prefix="swaveval-ahead") as ahead:
            following = ahead.submit(self.take, positions[:batch_size]) if len(starts) else None
            for start in starts:
                assert following is not None
                batch = following.result()
                following = ahead.submit(self.take, positions[start + batch_size : start + 2 * batch_size])
                yield batch

    def take(self, index: Index) -> UInt8[np.ndarray, "n h w c"]:
        positions = np.arange(len(self.images))[np.asarray(index, dtype=np.int64)]
        result = np.empty((len(positions), *self.shape[1:]), dtype=np.uint8)
        for row, pixels in enumerate(_squares(self.images, self.transform, positions.tolist())):
            result[row] = pixels
        return result


def decode(
    images: ImageSet,
    transform: EvalTransform,
    *,
    cache: Path | None = None,
    budget_bytes: int = BUDGET_BYTES,
    progress: Progress | None = None,
) -> DecodedImages:
    """The images as `transform` leaves them: decoded once if they fit the budget, else streamed.

    With `cache`, decoded pixels lie there in one file named by fingerprint and transform; it is written atomically,
    carries a checksum that is verified whenever it is used again, and is made anew when it does not match. A cache
    that cannot be written costs time only: the images are streamed.

    Args:
        images: what to decode.
        transform: what to make of each image.
        cache: directory of the file; None keeps the pixels in memory.
        budget_bytes: largest size of the decoded pixels; 0 always streams.
        progress: called with (done, total) while decoding.

    Raises:
        DataError: an image that could be read when the set was opened cannot be read now.
    """
    shape = (len(images), transform.size, transform.size, images.channels)
    needed = int(np.prod(shape))
    if needed > budget_bytes:
        return PixelStream(images, transform, f"decoded for each pass: {needed:,} bytes exceed {budget_bytes:,}")
    if cache is None:
        return _in_memory(images, transform, needed, progress)
    key = hashlib.sha256(_FORMAT + f"{images.fingerprint}\n{transform.id}".encode()).digest()
    path = cache / f"pixels-{key.hex()[:32]}.npy"
    held = _verified(path, key, shape)
    if held is None:
        try:
            with quiet_pillow():
                _write(path, key, shape, _squares(images, transform, range(len(images)), progress))
        except OSError as error:
            return PixelStream(
                images, transform, f"decoded for each pass: {path.name} cannot be written ({error.strerror})"
            )
        held = _mapped(path)
    return PixelArray(held, f"decoded once into {path.name}")


def _in_memory(images: ImageSet, transform: EvalTransform, needed: int, progress: Progress | None) -> DecodedImages:
    memory = _physical_memory()
    if needed > memory // 2:
        return PixelStream(images, transform, f"decoded for each pass: {needed:,} bytes exceed half of the memory")
    pixels = np.empty((len(images), transform.size, transform.size, images.channels), dtype=np.uint8)
    with quiet_pillow():
        for row, square_pixels in enumerate(_squares(images, transform, range(len(images)), progress)):
            pixels[row] = square_pixels
    return PixelArray(pixels, "decoded once, in memory")


def _squares(
    images: ImageSet, transform: EvalTransform, positions: Sequence[int], progress: Progress | None = None
) -> Iterator[UInt8[np.ndarray, "h w c"]]:
    """The transformed images, in order."""
    found = ordered_map(lambda position: square(images.open(position), transform), positions, chunk=8)
    for done, pixels in enumerate(found, start=1):
        yield pixels
        if progress:
            progress(done, len(positions))


def _write(path: Path, key: bytes, shape: tuple[int, ...], squares: Iterator[np.ndarray[Any, np.dtype[Any]]]) -> None:
    """A .npy file followed by SHA-256 over key and content.

    Written by plain writes, not through a map: on a full disk a write fails, a mapped page kills the process.
    """
    with contextlib.suppress(OSError):
        remove_leftovers(path.parent, below=False)  # of killed processes; gigabytes, possibly
    checksum = hashlib.sha256(key)
    with atomic_path(path) as temporary, temporary.open("wb") as file:

        def write(content: bytes) -> None:
            file.write(content)
            checksum.update(content)

        write(_header(shape))
        for pixels in squares:
            write(pixels.tobytes())
        file.write(checksum.digest())


def _header(shape: tuple[int, ...]) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def _verified(path: Path, key: bytes, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[Any]] | None:
    """The mapped pixels, or None when the file is missing or not what was written."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size != len(_header(shape)) + int(np.prod(shape)) + 32 or not _checksum_matches(file, key, size):
                return None
        return _mapped(path)
    except (OSError, ValueError):
        return None


def _checksum_matches(file: BinaryIO, key: bytes, size: int) -> bool:
    checksum, left = hashlib.sha256(key), size - 32
    while left:
        block = file.read(min(left, 1 << 22))
        if not block:
            return False
        checksum.update(block)
        left -= len(block)
    return file.read() == checksum.digest()


def _mapped(path: Path) -> np.ndarray[Any, np.dtype[Any]]:
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 8 << 30
