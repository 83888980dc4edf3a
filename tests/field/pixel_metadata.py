"""Orientation tags and metadata that cost no image its pixels."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from tests.field.pixel_variants import Array, Variant, chunk, rgb


def orientation() -> Iterator[Variant]:
    turns = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_270,
             8: Image.Transpose.ROTATE_90}  # fmt: skip
    for turn, way in turns.items():
        exif = Image.Exif()
        exif[0x0112] = turn

        def write(path: Path, seed: int, e: Image.Exif = exif) -> None:
            Image.fromarray(rgb(seed)).save(path.with_suffix(".png"), exif=e)

        yield Variant("orientation", f"tag {turn}, as stored", write, lambda s: [rgb(s)])
        yield Variant(
            "orientation", f"tag {turn}, upright", write,
            lambda s, w=way: [np.asarray(Image.fromarray(rgb(s)).transpose(w))], {"exif": "apply"},
        )  # fmt: skip


def metadata() -> Iterator[Variant]:
    def png(seed: int, **options: Any) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(rgb(seed)).save(buffer, "PNG", **options)
        return buffer.getvalue()

    def withchunks(content: bytes, *chunks: bytes) -> bytes:
        return content[:33] + b"".join(chunks) + content[33:]

    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * 2_000_000, zip=True)
    damaged = bytearray(chunk(b"tEXt", b"comment\0hello"))
    damaged[-1] ^= 1
    for name, change in (
        ("2 MB of compressed text", lambda s: png(s, pnginfo=text)),
        ("2 MB of plain text", lambda s: withchunks(png(s), chunk(b"tEXt", b"c\0" + b"x" * 2_000_000))),
        ("text whose checksum is wrong", lambda s: withchunks(png(s), bytes(damaged))),
        ("a colour profile that is noise", lambda s: withchunks(png(s), chunk(b"iCCP", b"p\0\7noise"))),
        ("EXIF that is noise", lambda s: withchunks(png(s), chunk(b"eXIf", b"noise"))),
        ("EXIF of 2 MB", lambda s: withchunks(png(s), chunk(b"eXIf", b"II*\0" + b"x" * 2_000_000))),
        ("text after the pixels", lambda s: png(s)[:-12] + chunk(b"zTXt", b"c\0\0noise") + png(s)[-12:]),
    ):
        yield Variant(
            "metadata", f"PNG with {name}",
            lambda p, s, f=change: p.with_suffix(".png").write_bytes(f(s)), lambda s: [rgb(s)],
        )  # fmt: skip

    def jpeg(seed: int, segment: bytes) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(rgb(seed)).save(buffer, "JPEG", quality=100, subsampling=0)
        content = buffer.getvalue()
        return content[:2] + segment + content[2:]

    def decoded(seed: int) -> list[Array]:
        with Image.open(io.BytesIO(jpeg(seed, b""))) as image:
            return [np.asarray(image.convert("RGB"))]

    for name, marker, body in (
        ("EXIF that is noise", 0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"),
        ("EXIF cut off", 0xE1, b"Exif\0\0MM"),
        ("a colour profile in odd pieces", 0xE2, b"ICC_PROFILE\0\x09\x02noise"),
        ("an MPO index that is noise", 0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff"),
        ("Photoshop's block cut off", 0xED, b"Photoshop 3.0\08BIM\x04\x04"),
        ("XMP that is no XML", 0xE1, b"http://ns.adobe.com/xap/1.0/\0<x"),
    ):
        segment = bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
        yield Variant(
            "metadata", f"JPEG with {name}",
            lambda p, s, x=segment: p.with_suffix(".jpg").write_bytes(jpeg(s, x)), decoded,
        )  # fmt: skip
