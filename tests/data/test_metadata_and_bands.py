"""What is left out of PNG and JPEG before Pillow reads them, byte by byte; and TIFF that only tifffile reads."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from swaveval.data.image_file import read_image
from swaveval.data.metadata import jpeg_pixels, png_pixels
from swaveval.data.multiband import Unreadable, band_samples, picture_pages
from swaveval.data.picture import Rendering
from swaveval.data.reading import Reading

SIGNATURE = b"\x89PNG\r\n\x1a\n"
IMAGE = Image.fromarray(np.arange(60, dtype=np.uint8).reshape(5, 4, 3))


def chunk(name: bytes, body: bytes = b"", *, check: int | None = None) -> bytes:
    stated = zlib.crc32(name + body) if check is None else check
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", stated)


def segment(marker: int, body: bytes = b"") -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


HEAD, DATA, END = chunk(b"IHDR", bytes(13)), chunk(b"IDAT", b"data"), chunk(b"IEND")
EXIF = chunk(b"eXIf", b"MM\0*")

# -- PNG ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chunks", "kept"),
    [
        ([HEAD, DATA, END], [HEAD, DATA, END]),
        ([HEAD, chunk(b"tEXt", b"x" * 99), DATA, chunk(b"zTXt"), END], [HEAD, DATA, END]),
        ([HEAD, chunk(b"iCCP", b"profile"), chunk(b"prVt"), DATA, END], [HEAD, DATA, END]),
        ([HEAD, chunk(b"tRNS"), chunk(b"acTL"), chunk(b"fcTL"), chunk(b"fdAT"), chunk(b"tIME"), END],
         [HEAD, chunk(b"tRNS"), chunk(b"acTL"), chunk(b"fcTL"), chunk(b"fdAT"), END]),
        ([HEAD, chunk(b"PLTE"), chunk(b"XXXX"), chunk(b"gAMA"), END], [HEAD, chunk(b"PLTE"), chunk(b"XXXX"), END]),
        ([HEAD, EXIF, chunk(b"tEXt"), DATA, END], [HEAD, EXIF, DATA, END]),
        ([HEAD, chunk(b"eXIf", b"MM\0*", check=7), DATA, END], [HEAD, DATA, END]),
        ([HEAD, chunk(b"eXIf", bytes(1 << 20)), DATA, END], [HEAD, chunk(b"eXIf", bytes(1 << 20)), DATA, END]),
        ([HEAD, chunk(b"eXIf", bytes((1 << 20) + 1)), DATA, END], [HEAD, DATA, END]),
        ([HEAD, chunk(b"tEXt", check=7), DATA, END], [HEAD, DATA, END]),
        ([HEAD, DATA, END, b"behind the end"], [HEAD, DATA, END, b"behind the end"]),
        ([HEAD, chunk(b"tEXt"), DATA, END, chunk(b"tEXt"), b"behind"], [HEAD, DATA, END]),
        ([HEAD, chunk(b"tEXt"), DATA, b"\0\0\xff\xffIDATcut"], [HEAD, DATA, b"\0\0\xff\xffIDATcut"]),
        ([HEAD, DATA, b"\0\0\xff\xfftEXtcut off"], [HEAD, DATA, b"\0\0\xff\xfftEXtcut off"]),
        ([HEAD, chunk(b"1234"), chunk(b"tEXt"), END], [HEAD, chunk(b"1234"), chunk(b"tEXt"), END]),
        ([], []),
    ],
)  # fmt: skip
def test_chunks_of_a_png(chunks: list[bytes], kept: list[bytes]) -> None:
    assert png_pixels(SIGNATURE + b"".join(chunks)) == SIGNATURE + b"".join(kept)


@pytest.mark.parametrize("size", [1, 11, 12])
def test_a_png_that_ends_within_a_chunk(size: int) -> None:
    """A tail of fewer than twelve bytes is no chunk, and is not lost where nothing was left out."""
    assert png_pixels(SIGNATURE + HEAD + bytes(size)) == SIGNATURE + HEAD + bytes(size)


# -- JPEG --------------------------------------------------------------------------------------------------------------

SCAN = b"\xff\xda\0\x02pixels\xff\xe2 not a segment\xff\xd9"
TABLES = [segment(0xE0, b"JFIF"), segment(0xDB, b"table"), segment(0xC0, b"frame"), segment(0xC4, b"codes")]


@pytest.mark.parametrize(
    ("segments", "kept"),
    [
        (TABLES, TABLES), ([*TABLES, segment(0xFE, b"comment")], TABLES),
        ([segment(marker, b"x") for marker in (*range(0xE2, 0xEE), 0xEF, 0xFE)], []),
        ([segment(0xE1, b"Exif"), segment(0xEE, b"Adobe"), segment(0xE0)],
         [segment(0xE1, b"Exif"), segment(0xEE, b"Adobe"), segment(0xE0)]),
        ([segment(0xE2, b"MPF\0index"), segment(0xFE)], [segment(0xE2, b"MPF\0index"), segment(0xFE)]),
        ([segment(0xFE, b"one"), segment(0xE2, b"MPF\0index")], [segment(0xFE, b"one"), segment(0xE2, b"MPF\0index")]),
        ([segment(0xE2, b"ICC_PROFILE"), *TABLES], TABLES),
        ([segment(0xFE), b"\xff\xd0\0\2", *TABLES], [segment(0xFE), b"\xff\xd0\0\2", *TABLES]),
        ([segment(0xFE), b"\xff\xd8\0\2"], [segment(0xFE), b"\xff\xd8\0\2"]),
        ([segment(0xFE), b"\xff\x01\0\2"], [segment(0xFE), b"\xff\x01\0\2"]),
        ([segment(0xFE), b"\xff\xff\0\2"], [segment(0xFE), b"\xff\xff\0\2"]),
        ([segment(0xFE), segment(0xCF)], [segment(0xCF)]), ([segment(0xFE), segment(0xD9)], [segment(0xD9)]),
    ],
)  # fmt: skip
def test_segments_of_a_jpeg(segments: list[bytes], kept: list[bytes]) -> None:
    assert jpeg_pixels(b"\xff\xd8" + b"".join(segments) + SCAN) == b"\xff\xd8" + b"".join(kept) + SCAN


def test_what_follows_the_last_segment_of_a_jpeg_stays() -> None:
    for tail in (b"", b"\xff", b"\xff\xfe\0", b"no marker at all", b"\xff\xfe\0\x02"):
        content = b"\xff\xd8" + segment(0xDB, b"table") + tail
        assert jpeg_pixels(content) == content.removesuffix(b"\xff\xfe\0\x02")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pixels_are_those_without_metadata(kind: str) -> None:
    from PIL.PngImagePlugin import PngInfo

    plain, full, words = io.BytesIO(), io.BytesIO(), PngInfo()
    words.add_text("comment", "x" * 3000, zip=True)
    IMAGE.save(plain, kind)
    IMAGE.save(full, kind, pnginfo=words, icc_profile=b"p" * 70_000, comment=b"comment")
    assert len(full.getvalue()) > len(plain.getvalue())
    stripped = (png_pixels if kind == "PNG" else jpeg_pixels)(full.getvalue())
    assert len(stripped) == len(plain.getvalue())
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(stripped))), np.asarray(Image.open(plain)))


# -- many bands --------------------------------------------------------------------------------------------------------


def tiff(values: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.asarray(values), **({"photometric": "minisblack"} | options))
    return stream.getvalue()


CUBE = np.random.default_rng(0).integers(0, 9000, (5, 4, 7), dtype=np.uint16)


@pytest.mark.parametrize("compression", [None, "zlib", "packbits", "lzw", "zstd"])
@pytest.mark.parametrize("planes", [False, True])
def test_bands_come_back_whatever_their_order_and_compression(compression: str | None, planes: bool) -> None:
    if planes:
        content = tiff(np.moveaxis(CUBE, 2, 0), planarconfig="separate", compression=compression)
    else:
        content = tiff(CUBE, planarconfig="contig", compression=compression)
    found = band_samples(content, 0)
    assert np.array_equal(found.values, CUBE)
    assert (found.colours, found.alpha, found.no_data, found.white_is_zero) == (0, False, None, False)


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        (CUBE[..., 0], {}, (1, False)), (CUBE[..., 0], {"photometric": "miniswhite"}, (1, False)),
        (CUBE[..., :3], {"photometric": "rgb"}, (3, False)),
        (CUBE[..., :4], {"photometric": "rgb", "extrasamples": ["unassalpha"]}, (3, True)),
        (CUBE[..., :4], {"photometric": "rgb", "extrasamples": ["assocalpha"]}, (3, True)),
        (CUBE[..., :4], {"photometric": "rgb", "extrasamples": ["unspecified"]}, (3, False)),
        (CUBE[..., :2], {"planarconfig": "contig", "extrasamples": ["unassalpha"]}, (1, True)),
        (CUBE[..., :2], {"planarconfig": "contig"}, (0, False)),
        (CUBE[..., :3], {"planarconfig": "contig", "extrasamples": ["unspecified", "unassalpha"]}, (0, True)),
    ],
)  # fmt: skip
def test_what_a_tiff_says_of_its_bands(values: np.ndarray, options: dict[str, Any], expected: tuple[int, bool]) -> None:
    found = band_samples(tiff(values, **options), 0)
    assert (found.colours, found.alpha) == expected
    assert found.white_is_zero == (options.get("photometric") == "miniswhite")


@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_as_pillow_turns_it(turn: int) -> None:
    """Against Pillow's own reading of a TIFF that it opens."""
    grey = np.arange(20, dtype=np.uint8).reshape(5, 4)
    content = tiff(grey, extratags=[(274, "H", 1, turn, True)])
    image = Image.open(io.BytesIO(content))
    image.load()
    assert np.array_equal(band_samples(content, 0).values[..., 0], np.asarray(image))


def test_missing_values_are_named_by_gdals_tag() -> None:
    assert (
        band_samples(tiff(CUBE, planarconfig="contig", extratags=[(42113, "s", 0, "-9999", True)]), 0).no_data == -9999
    )


def test_overviews_are_no_pages() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        for kind in (0, 1, 0, 2):
            file.write(CUBE[..., 0], photometric="minisblack", subfiletype=kind)
    assert picture_pages(stream.getvalue()) == (0, 2, 3)
    assert picture_pages(b"no tiff") == (0,)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (tiff(CUBE[..., 0].astype(np.complex64)), "samples of type complex64; integers and floating point are read"),
        (b"no tiff", "."), (tiff(CUBE, planarconfig="contig")[:300], "."),
        (tiff(np.zeros((3, 16, 16), np.uint16), volumetric=True, tile=(16, 16, 16)), "slices in one page"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said(content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        band_samples(content, 0)


def test_a_strip_that_unpacks_to_more_than_its_picture() -> None:
    small = np.zeros((16, 16), np.uint8)
    content = bytearray(tiff(small, compression="zlib"))
    bomb = zlib.compress(bytes((1 << 20) + 257))
    with tifffile.TiffFile(io.BytesIO(bytes(content))) as file:
        tags = file.pages[0].tags  # type: ignore[union-attr]
        offset, length = tags["StripOffsets"], tags["StripByteCounts"]
    struct.pack_into("<I", content, offset.valueoffset, len(content))
    struct.pack_into("<H" if length.dtype == 3 else "<I", content, length.valueoffset, len(bomb))
    with pytest.raises(Unreadable, match="unpacks to more than its own size"):
        band_samples(bytes(content) + bomb, 0)


def test_pages_of_a_jpeg_stacked_as_bands_keep_their_size() -> None:
    stream = io.BytesIO()
    large = Image.fromarray(np.full((16, 24, 3), 90, np.uint8))
    large.save(stream, "MPO", save_all=True, append_images=[large])
    stacked = read_image(stream.getvalue(), Rendering(Reading(pages="bands"), 6), page=0)
    assert np.asarray(stacked).shape == (16, 24, 6)
