"""One decoded picture to the channels that the network is shown: bands, range, transparency."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from swaveval.data.errors import Undecodable
from swaveval.data.reading import AS_LOADERS, Range, Reading, usual_range
from swaveval.data.samples import Samples, eight_bits, spread

Array = np.ndarray[Any, np.dtype[Any]]
Picture = Image.Image | Samples


@dataclass(frozen=True, slots=True)
class Rendering:
    """A `Reading` with what was found in the images of a set put in.

    Attributes:
        reading: what was said.
        channels: of the result.
        whole, real: what becomes 0…255 of integers of more than 8 bits and of floating point; None: the rule of
            `usual_range` over the one picture, which only a set of one picture should be read by.
    """

    reading: Reading = AS_LOADERS
    channels: int = 3
    whole: Range | None = None
    real: Range | None = None


@dataclass(frozen=True, slots=True)
class Bands:
    """What the bands of a picture are.

    Attributes:
        count: all of them, transparency among them.
        colours: 3: the first three are RGB; 1: grey; 0: unknown.
        alpha: whether the last one is transparency.
    """

    count: int
    colours: int
    alpha: bool = False


def bands_of(picture: Picture) -> Bands:
    """What the bands of a decoded picture are."""
    if isinstance(picture, Samples):
        return Bands(picture.values.shape[2], picture.colours, picture.alpha)
    grey = picture.mode in {"1", "L", "LA", "La"}
    alpha = picture.has_transparency_data
    return Bands((1 if grey else 3) + (alpha or picture.mode == "RGBX"), 1 if grey else 3, alpha)


def chosen_bands(found: Bands, reading: Reading, channels: int) -> tuple[int, ...] | None:
    """Positions of the bands that make up the channels; None where the picture is converted as colour or grey.

    Raises:
        Undecodable: the picture does not have them, or does not say which three of its bands to show.
    """
    has = f"has {found.count} {'band' if found.count == 1 else 'bands'}"
    if reading.bands is not None:
        if max(reading.bands) > found.count:
            raise Undecodable(f"{has}, and --bands names band {max(reading.bands)}")
        return tuple(band - 1 for band in reading.bands)
    if found.colours and channels in (1, 3):
        return None
    if found.count == channels or found.count == 1 and channels == 3:
        return tuple(range(found.count))
    if found.count < channels:
        raise Undecodable(
            f"{has} and the network takes {channels}; give it images of {channels} bands, as it was trained on "
            "(bands in files of their own must become one file first; --pages bands stacks the pages of a file), or "
            "show some of them twice with --bands"
        )
    raise Undecodable(
        f"{has} and the network takes {channels}; name those to show with --bands (one-based, in the network's order, "
        f"such as --bands {','.join(str(band) for band in range(channels, 0, -1))})"
    )


def render(picture: Picture, how: Rendering) -> Image.Image | Array:
    """The picture as the network is shown it.

    Returns:
        An RGB image for three channels, else shape `(H, W, channels)`, uint8.

    Raises:
        Undecodable: see `chosen_bands`.
    """
    chosen = chosen_bands(bands_of(picture), how.reading, how.channels)
    if isinstance(picture, Samples):
        limits = _range(picture, how)
        if chosen is not None:  # a band that was asked for is measured, whatever the file calls it
            bands = replace(picture, values=picture.values[..., list(chosen)], alpha=False)
            return _stacked(eight_bits(bands, *limits), how.channels)
        picture = _as_image(eight_bits(picture, *limits), picture)
    elif (said := how.reading.range) and not isinstance(said, str) and said[0] >= 0 and said[1] <= 255:
        picture = _stretched(picture, said)
    if chosen is not None:
        return _stacked(plain_bands(picture)[..., list(chosen)], how.channels)
    rgb = _opaque(picture, how.reading)
    if how.channels == 3:
        return rgb
    return np.asarray(picture if picture.mode == "L" else rgb.convert("L"))[..., None]


def _range(samples: Samples, how: Rendering) -> Range:
    said = how.reading.range
    if samples.values.dtype == np.uint8:
        within = said is not None and not isinstance(said, str) and said[0] >= 0 and said[1] <= 255
        return said if within else (0.0, 255.0)  # type: ignore[return-value]
    if said == "full" and samples.whole and samples.values.dtype.itemsize <= 2:
        limits = np.iinfo(samples.values.dtype)
        signed = samples.values.dtype.kind == "i"
        return (float(limits.min), float(limits.max)) if signed else (0.0, float(limits.max))
    if said is not None and not isinstance(said, str):
        return said
    if samples.nominal is not None:
        return samples.nominal
    found = how.whole if samples.whole else how.real
    if found is not None:
        return found
    own = spread(samples)
    return usual_range(own.low, own.high, whole=samples.whole)


def _as_image(mapped: Array, samples: Samples) -> Image.Image:
    """8-bit bands as the image they say they are; bands beyond colour and transparency are left out."""
    measured = mapped[..., : samples.colours]
    parts = np.concatenate([measured, mapped[..., -1:]], axis=2) if samples.alpha else measured
    return Image.fromarray(np.ascontiguousarray(parts[..., 0] if parts.shape[2] == 1 else parts))


def _stacked(bands: Array, channels: int) -> Image.Image | Array:
    if channels == 3:
        return Image.fromarray(np.ascontiguousarray(np.broadcast_to(bands, (*bands.shape[:2], 3))))
    return np.ascontiguousarray(bands)


def plain_bands(image: Image.Image) -> Array:
    """8-bit bands, shape `(H, W, B)`, as `bands_of` counts them."""
    found = bands_of(image)
    if image.mode == "RGBX":
        return np.asarray(image)
    mode = {(1, False): "L", (1, True): "LA", (3, False): "RGB", (3, True): "RGBA"}[found.colours, found.alpha]
    array = np.asarray(image if image.mode == mode else image.convert(mode))
    return array[..., None] if array.ndim == 2 else array


def _stretched(image: Image.Image, limits: Range) -> Image.Image:
    """An 8-bit image with `low … high` spread over 0 … 255; transparency as it is."""
    low, high = limits
    bands = plain_bands(image)
    levels = np.rint(((np.arange(256) - low) * (255 / (high - low))).clip(0, 255)).astype(np.uint8)
    mapped = levels[bands]
    if bands_of(image).alpha:
        mapped[..., -1] = bands[..., -1]
    if mapped.shape[2] == 4 and not bands_of(image).alpha:
        mapped = mapped[..., :3]
    return Image.fromarray(np.ascontiguousarray(mapped[..., 0] if mapped.shape[2] == 1 else mapped))


def _opaque(image: Image.Image, reading: Reading) -> Image.Image:
    """RGB without transparency."""
    if image.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, *profiles, outputMode="RGB")
        assert converted is not None  # it is None only for a conversion in place
        return converted
    if reading.alpha != "drop" and image.has_transparency_data:
        translucent = image.convert("RGBA")
        level = 255 if reading.alpha == "white" else 0
        ground = Image.new("RGBA", translucent.size, (level, level, level, 255))
        return Image.alpha_composite(ground, translucent).convert("RGB")
    return image.convert("RGB")


def extremes(image: Image.Image) -> tuple[float, float]:
    """Smallest and largest value of an 8-bit image's colours."""
    shown = image if image.mode in {"L", "RGB"} else image.convert("RGB")
    ends = shown.getextrema()
    pairs = [ends] if isinstance(ends[0], int | float) else list(ends)
    return float(min(pair[0] for pair in pairs)), float(max(pair[1] for pair in pairs))
