"""One small set of images with known pixels, in the modes, depths, ranges, formats and pages that people bring.

Each variant is read right (within one level), or a note or refusal names the option that mends it; the option is then
applied, and the pixels have to be right. True pixels are those that the usual training loaders show, except where they
would destroy values.
"""

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image, PngImagePlugin

from swaveval.data import DataError, open_images, reading_from
from swaveval.data.image_file import quiet_pillow
from tests.field.campaign import Outcome, Trial
from tests.field.pixel_metadata import metadata, orientation
from tests.field.pixel_variants import (
    SIDE,
    Array,
    N,
    Variant,
    chunk,
    grey,
    levels,
    pattern,
    png16,
    rgb,
    saved,
    scaled,
)  # fmt: skip


def trials() -> list[Trial]:
    return [
        Trial(f"pixels: {v.kind}", v.name, lambda place, v=v: _build(v, place), lambda place, v=v: _judge(v, place))
        for v in _variants()
    ]


def _build(variant: Variant, place: Path) -> None:
    for seed in range(N):
        variant.write(place / f"image{seed}", seed)


def _judge(variant: Variant, place: Path) -> Outcome:
    truth = [pixels for seed in range(N) for pixels in variant.truth(seed)]
    try:
        images = open_images(str(place), channels=variant.channels)
        difference = _difference(images, truth, variant.tolerance)
        said = " ".join([*images.audit["notes"], *images.audit["pixels"], *(str(b) for b in images.audit["broken"])])
        word = "said"
    except DataError as error:
        difference, said, word = "refused", str(error), "refused"
    if not difference:
        return Outcome("right")
    if not variant.mend:
        return Outcome("wrong", difference)
    unnamed = [name for name in variant.mend if f"--{name}" not in said]
    if unnamed:
        return Outcome("wrong", f"{difference}; not named: {', '.join(unnamed)} in: {said[:300]}")
    mended = open_images(str(place), reading=reading_from(**variant.mend), channels=variant.channels)
    left = _difference(mended, truth, variant.tolerance)
    return Outcome("wrong", f"with {dict(variant.mend)}: {left}") if left else Outcome(word, said[:200])  # type: ignore[arg-type]


def _difference(images: Any, truth: list[Array], tolerance: int) -> str:
    if len(images) != len(truth):
        return f"{len(images)} images for {len(truth)}"
    worst = 0
    for position, expected in enumerate(truth):
        with quiet_pillow():  # as `decode` does
            found = np.asarray(images.open(position)).astype(int)
        if found.shape != expected.shape:
            return f"shape {found.shape} for {expected.shape}"
        worst = max(worst, int(np.abs(found - expected).max()))
    return f"off by {worst} levels" if worst > tolerance else ""


def _variants() -> Iterator[Variant]:
    yield from _plain()
    yield from _deep()
    yield from _bands()
    yield from _pages()
    yield from _transparency()
    yield from orientation()
    yield from metadata()


def _plain() -> Iterator[Variant]:
    for kind, suffix in (("PNG", ".png"), ("BMP", ".bmp"), ("TIFF", ".tif"), ("PPM", ".ppm"), ("PNG", ".jpg")):
        yield Variant(
            "8 bits", f"RGB in {kind}, {suffix}",
            lambda p, s, k=kind, x=suffix: Image.fromarray(rgb(s)).save(p.with_suffix(x), k),
            lambda s: [rgb(s)],
        )  # fmt: skip
        yield Variant(
            "8 bits", f"grey in {kind}, {suffix}",
            lambda p, s, k=kind, x=suffix: Image.fromarray(grey(s)[..., 0]).save(p.with_suffix(x), k),
            lambda s: [grey(s)],
        )  # fmt: skip
    for compression in ("tiff_lzw", "tiff_deflate", "packbits"):
        yield Variant(
            "8 bits", f"TIFF, {compression}",
            lambda p, s, c=compression: Image.fromarray(rgb(s)).save(p.with_suffix(".tif"), compression=c),
            lambda s: [rgb(s)],
        )  # fmt: skip
    for kind, suffix in (("PNG", ".png"), ("GIF", ".gif"), ("TIFF", ".tif"), ("BMP", ".bmp")):

        def palette(s: int) -> Image.Image:
            return Image.fromarray(rgb(s)).quantize(64)

        yield Variant(
            "8 bits", f"palette in {kind}",
            lambda p, s, k=kind, x=suffix, f=palette: f(s).save(p.with_suffix(x), k),
            lambda s, f=palette: [np.asarray(f(s).convert("RGB"))],
        )  # fmt: skip
    yield Variant(
        "8 bits", "one bit", lambda p, s: Image.fromarray(rgb(s)).convert("1").save(p.with_suffix(".png")),
        lambda s: [np.asarray(Image.fromarray(rgb(s)).convert("1").convert("RGB"))],
    )  # fmt: skip
    yield Variant(
        "8 bits", "CMYK TIFF", lambda p, s: Image.fromarray(rgb(s)).convert("CMYK").save(p.with_suffix(".tif")),
        lambda s: [rgb(s)],
    )  # fmt: skip
    yield Variant(
        "8 bits", "only 16 of 256 levels",
        lambda p, s: Image.fromarray(np.rint(pattern(s) * 15).astype(np.uint8)).save(p.with_suffix(".png")),
        lambda s: [np.rint(np.rint(pattern(s) * 15) * 17).astype(np.uint8)], {"range": "0:15"},
    )  # fmt: skip


_RANGES: tuple[tuple[float, float, Any], ...] = (
    (0, 1023, np.uint16), (0, 4095, np.uint16), (0, 10_000, np.uint16), (0, 16_383, np.uint16), (0, 65_535, np.uint16),
    (0, 255, np.uint16), (-1024, 3071, np.int16), (200, 3000, np.uint16), (1000, 9000, np.uint16),
)  # fmt: skip


def _deep() -> Iterator[Variant]:
    for low, high, dtype in _RANGES:
        for bands in (1, 3):
            for kind in ("PNG", "TIFF", "TIFF, deflate", "TIFF, big-endian"):
                if kind == "PNG" and low < 0:
                    continue
                yield _deep_variant(kind, low, high, dtype, bands)
    for low, high, float_type in ((0, 1, np.float32), (-1, 1, np.float32), (0, 255, np.float32), (0, 1, np.float64),
                                  (0, 1.6, np.float32), (280, 310, np.float32), (0, 0.01, np.float32)):  # fmt: skip
        for bands in (1, 3):
            yield _deep_variant("TIFF", low, high, float_type, bands)
    for high, word in ((65_535, np.uint32), (3_000_000_000, np.uint32), (100_000, np.int32)):
        yield _deep_variant("TIFF", 0, high, word, 1)
    yield Variant(
        "deep", "16-bit PGM with its own maximum",
        lambda p, s: p.with_suffix(".pgm").write_bytes(
            b"P5 24 24 4095\n" + scaled(s, 1, 0, 4095, np.uint16).astype(">u2").tobytes()
        ),
        lambda s: [grey(s)],
    )  # fmt: skip
    hot = scaled(0, 1, 0, 4095, np.uint16).copy()
    hot[5, 5] = 65_535
    yield Variant(
        "deep", "12 bits with one hot pixel",
        lambda p, s: Image.fromarray(hot if s == 0 else scaled(s, 1, 0, 4095, np.uint16)).save(p.with_suffix(".png")),
        lambda s: [np.where((hot == 65_535)[..., None], 255, grey(0)) if s == 0 else grey(s)], {"range": "0:4095"},
    )  # fmt: skip
    holes = scaled(1, 1, 0, 1, np.float32).copy()
    holes[3, 3], holes[4, 4] = np.nan, np.inf
    missing = ~np.isfinite(holes)[..., None]
    yield Variant(
        "deep", "float with NaN and infinity",
        lambda p, s: tifffile.imwrite(p.with_suffix(".tif"), holes if s == 1 else scaled(s, 1, 0, 1, np.float32)),
        lambda s: [np.where(missing, 0, grey(1)) if s == 1 else grey(s)],
    )  # fmt: skip
    yield Variant(
        "deep", "reflectance with no-data -9999",
        lambda p, s: tifffile.imwrite(
            p.with_suffix(".tif"), np.where(missing[..., 0], -9999, scaled(s, 1, 0, 10_000, np.int16)).astype(np.int16),
            extratags=[(42113, 2, 6, "-9999", True)],
        ),
        lambda s: [np.where(missing, 0, grey(s))],
    )  # fmt: skip


def _deep_variant(kind: str, low: float, high: float, dtype: Any, bands: int) -> Variant:
    # What the truth is of a range that no rule can know: the range said.
    usual = (low, high) not in {(200, 3000), (1000, 9000)}
    true_low, true_high = (low, high) if usual else {200: (0.0, 4095.0), 1000: (0.0, 10_000.0)}[int(low)]

    def write(path: Path, seed: int) -> None:
        values = scaled(seed, bands, low, high, dtype)
        if kind == "PNG" and bands == 3:
            path.with_suffix(".png").write_bytes(png16(values))
        elif kind == "PNG":
            Image.fromarray(values).save(path.with_suffix(".png"))
        else:
            tifffile.imwrite(
                path.with_suffix(".tif"), values, photometric="rgb" if bands == 3 else "minisblack",
                compression="deflate" if "deflate" in kind else None, byteorder=">" if "big" in kind else "<",
            )  # fmt: skip

    def truth(seed: int) -> list[Array]:
        values = scaled(seed, bands, low, high, dtype).astype(float)
        shown = np.rint((values - true_low) * 255 / (true_high - true_low)).clip(0, 255).astype(np.uint8)
        return [np.repeat(shown[..., None], 3, axis=2) if bands == 1 else shown]

    return Variant("deep", f"{np.dtype(dtype)} {low}…{high} {'RGB' if bands == 3 else 'grey'} in {kind}", write, truth)


def _bands() -> Iterator[Variant]:
    for count, dtype in (
        (4, np.uint8),
        (5, np.uint8),
        (13, np.uint16),
        (13, np.uint8),
        (2, np.uint16),
        (8, np.float32),
    ):
        high = 1 if dtype is np.float32 else 255 if dtype is np.uint8 else 10_000
        for layout in ("contig", "separate"):

            def write(path: Path, seed: int, c: int = count, d: Any = dtype, h: float = high, p: str = layout) -> None:
                values = scaled(seed, c, 0, h, d)
                values = values if p == "contig" else values.transpose(2, 0, 1)
                tifffile.imwrite(path.with_suffix(".tif"), values, photometric="minisblack", planarconfig=p)

            def all_bands(seed: int, c: int = count) -> list[Array]:
                return [levels(pattern(seed, c))]

            def three(seed: int, c: int = count) -> list[Array]:
                return [levels(pattern(seed, c))[..., [c - 1, 1, 0]]]

            name = f"{count} bands of {np.dtype(dtype)}, {layout}"
            yield Variant("bands", f"{name}, network of {count}", write, all_bands, channels=count)
            yield Variant("bands", f"{name}, network of 3", write, three, {"bands": f"{count},2,1"}, 3)
    yield Variant(
        "bands", "16-bit LZW, 13 bands", lambda p, s: tifffile.imwrite(
            p.with_suffix(".tif"), scaled(s, 13, 0, 10_000, np.uint16), photometric="minisblack", planarconfig="contig",
            compression="lzw", predictor=True),
        lambda s: [levels(pattern(s, 13))], channels=13,
    )  # fmt: skip
    yield Variant(
        "bands", "RGB and near infrared, infrared wanted", lambda p, s: tifffile.imwrite(
            p.with_suffix(".tif"), scaled(s, 4, 0, 255, np.uint8), photometric="rgb", extrasamples=["unspecified"]),
        lambda s: [levels(pattern(s, 4))[..., [3, 0, 1]]], {"bands": "4,1,2"},
    )  # fmt: skip
    yield Variant(
        "bands", "grey for a network of one", lambda p, s: Image.fromarray(grey(s)[..., 0]).save(p.with_suffix(".png")),
        lambda s: [grey(s)[..., :1]], channels=1,
    )  # fmt: skip
    yield Variant(
        "bands", "12-bit grey for a network of one",
        lambda p, s: Image.fromarray(scaled(s, 1, 0, 4095, np.uint16)).save(p.with_suffix(".png")),
        lambda s: [grey(s)[..., :1]], channels=1,
    )  # fmt: skip
    yield Variant(
        "bands", "green for a network of one", lambda p, s: Image.fromarray(rgb(s)).save(p.with_suffix(".png")),
        lambda s: [rgb(s)[..., 1:2]], {"bands": "2"}, 1,
    )  # fmt: skip
    yield Variant(
        "bands", "RGBA for a network of four", lambda p, s: Image.fromarray(levels(pattern(s, 4))).save(
            p.with_suffix(".png")), lambda s: [levels(pattern(s, 4))], channels=4,
    )  # fmt: skip


def _pages() -> Iterator[Variant]:
    def frames(seed: int) -> list[Image.Image]:
        return [Image.fromarray(rgb(10 * seed + page)) for page in range(3)]

    for kind, suffix, options in (
        ("TIFF", ".tif", {}), ("PNG", ".png", {}), ("WEBP", ".webp", {"lossless": True}),
    ):  # fmt: skip

        def write(path: Path, seed: int, k: str = kind, x: str = suffix, o: Mapping[str, Any] = options) -> None:
            first, *others = frames(seed)
            first.save(path.with_suffix(x), k, save_all=True, append_images=others, **o)

        yield Variant("pages", f"{kind}, the first", write, lambda s: [rgb(10 * s)])
        yield Variant(
            "pages", f"{kind}, all", write, lambda s: [rgb(10 * s + page) for page in range(3)], {"pages": "all"}
        )
        yield Variant("pages", f"{kind}, the third", write, lambda s: [rgb(10 * s + 2)], {"pages": "3"})
    yield Variant(
        "pages", "bands in pages", lambda p, s: tifffile.imwrite(
            p.with_suffix(".tif"), scaled(s, 3, 0, 4095, np.uint16).transpose(2, 0, 1), photometric="minisblack"),
        lambda s: [rgb(s)], {"pages": "bands"},
    )  # fmt: skip

    def pyramid(path: Path, seed: int) -> None:
        with tifffile.TiffWriter(path.with_suffix(".tif")) as file:
            file.write(rgb(seed), photometric="rgb")
            file.write(rgb(seed)[::2, ::2], photometric="rgb", subfiletype=1)

    yield Variant("pages", "an overview is no page", pyramid, lambda s: [rgb(s)])


def _transparency() -> Iterator[Variant]:
    def cut_out(seed: int) -> Image.Image:
        image = Image.fromarray(rgb(seed)).convert("RGBA")
        alpha = Image.new("L", image.size, 255)
        alpha.paste(0, (0, 0, 12, 24))
        image.putalpha(alpha)
        return image

    def on(seed: int, level: int) -> list[Array]:
        shown = rgb(seed).copy()
        shown[:, :12] = level
        return [shown]

    for kind, suffix in (("PNG", ".png"), ("TIFF", ".tif"), ("WEBP", ".webp")):
        exact = {"lossless": True, "exact": True} if kind == "WEBP" else {}

        def write(path: Path, seed: int, k: str = kind, x: str = suffix, o: Mapping[str, Any] = exact) -> None:
            cut_out(seed).save(path.with_suffix(x), k, **o)

        yield Variant("transparency", f"{kind}, dropped", write, lambda s: [rgb(s)])
        for ground, level in (("white", 255), ("black", 0)):
            yield Variant("transparency", f"{kind}, {ground}", write, lambda s, v=level: on(s, v), {"alpha": ground})
    yield Variant(
        "transparency", "grey with transparency",
        lambda p, s: Image.fromarray(grey(s)).convert("L").convert("LA").save(p.with_suffix(".png")),
        lambda s: [grey(s)],
    )  # fmt: skip

    def deep(path: Path, seed: int) -> None:
        opaque = np.full((SIDE, SIDE, 1), 65_535, np.uint16)
        opaque[:, :12] = 0
        path.with_suffix(".png").write_bytes(png16(np.concatenate([scaled(seed, 3, 0, 65_535, np.uint16), opaque], 2)))

    yield Variant("transparency", "16-bit RGBA, dropped", deep, lambda s: [rgb(s)])
    yield Variant("transparency", "16-bit RGBA, white", deep, lambda s: on(s, 255), {"alpha": "white"})
    opaque = np.full((SIDE, SIDE, 1), 65_535, np.uint16)
    yield Variant(
        "transparency", "16-bit grey with transparency", lambda p, s: p.with_suffix(".png").write_bytes(
            png16(np.concatenate([scaled(s, 1, 0, 65_535, np.uint16)[..., None], opaque], 2))),
        lambda s: [grey(s)],
    )  # fmt: skip
