"""One picture, made by hand: where its values lie, what its bands are, and the eight bits that a network is shown."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from swaveval.data.errors import Undecodable
from swaveval.data.facts import Decoded, ImageFacts, facts_of
from swaveval.data.picture import Bands, Rendering, bands_of, chosen_bands, extremes, plain_bands, render
from swaveval.data.reading import Reading
from swaveval.data.samples import Samples, as_number, eight_bits, spread
from swaveval.data.whole_set import unsuitable

BYTE = ImageFacts(8, 6, "RGB", "PNG")


def samples(values: Any, dtype: str = "u2", **said: Any) -> Samples:
    return Samples(np.asarray(values, dtype)[None, :, None], **({"colours": 1} | said))


# -- values ------------------------------------------------------------------------------------------------------------


def test_where_values_lie() -> None:
    values = np.arange(10_000)
    found = spread(samples(values))
    assert (found.low, found.high) == (0, 9999)
    assert found.bulk_low == pytest.approx(10, abs=1)
    assert found.bulk_high == pytest.approx(9989, abs=1)
    empty = spread(samples([np.nan, np.inf], "f4"))
    assert (empty.low, empty.high, empty.bulk_low, empty.bulk_high) == (0, 0, 0, 0)
    gaps = spread(samples([7, 0, 3], no_data=0.0))
    assert (gaps.low, gaps.high) == (3, 7)
    holes = spread(samples([np.nan, 2, -1, np.inf], "f8"))
    assert (holes.low, holes.high) == (-1, 2)
    veiled = Samples(np.array([[[5, 60_000], [9, 0]]], np.uint16), colours=1, alpha=True)
    assert (spread(veiled).low, spread(veiled).high) == (5, 9)


@given(
    arrays.arrays(np.int32, st.integers(1, 12), elements=st.integers(-100, 300)),
    st.integers(-50, 100), st.integers(1, 200), st.booleans(), st.none() | st.just(7.0),
)  # fmt: skip
def test_a_range_becomes_eight_bits(
    values: np.ndarray, low: int, width: int, white: bool, no_data: float | None
) -> None:
    """Against plain Python, value by value."""
    found = eight_bits(samples(values, "i4", no_data=no_data, white_is_zero=white), low, low + width)
    for value, mapped in zip(values.tolist(), found[0, :, 0].tolist(), strict=True):
        level = round(min(max((value - low) * (255 / width), 0), 255))
        assert mapped == (0 if value == no_data else 255 - level if white else level)


@pytest.mark.parametrize(
    ("alpha", "dtype", "expected"),
    [([0, 65_535], "u2", [0, 255]), ([0.0, 0.5], "f4", [0, 128]), ([0.0, 4.0], "f4", [0, 255]),
     ([0, 127], "i1", [0, 255])],
)  # fmt: skip
def test_transparency_keeps_its_own_range(alpha: list[float], dtype: str, expected: list[int]) -> None:
    values = np.stack([np.zeros(2), alpha], axis=-1)[None].astype(dtype)
    assert eight_bits(Samples(values, colours=1, alpha=True), 0, 1)[0, :, 1].tolist() == expected


def test_a_large_picture_is_mapped_like_a_small_one() -> None:
    tall = Samples(np.arange(9000, dtype=np.uint16).reshape(9, 1000, 1), colours=1)
    whole = eight_bits(tall, 0, 8999)
    rows = [eight_bits(Samples(tall.values[n : n + 1], colours=1), 0, 8999) for n in range(9)]
    assert np.array_equal(whole, np.concatenate(rows))


@pytest.mark.parametrize(
    ("text", "number"),
    [("-9999", -9999), ("0 \n", 0), ("1e3\0", 1000), (b"7", None), ("nan", None), ("inf", None), ("", None), (3, 3)],
)
def test_a_number_in_a_tag(text: Any, number: float | None) -> None:
    assert as_number(text) == number


# -- facts -------------------------------------------------------------------------------------------------------------


def decoded(picture: Any, kind: str = "PNG", turn: int = 1) -> Decoded:
    return Decoded(picture, "mode", kind, 8, 6, turn)


@pytest.mark.parametrize(
    ("turn", "upright", "size", "noted"),
    [(1, True, (8, 6), 1), (4, True, (8, 6), 4), (5, True, (6, 8), 5), (8, True, (6, 8), 8), (8, False, (8, 6), 8),
     (9, True, (8, 6), 1), (0, True, (8, 6), 1), (2, True, (8, 6), 2)],
)  # fmt: skip
def test_size_and_orientation(turn: int, upright: bool, size: tuple[int, int], noted: int) -> None:
    facts = facts_of(decoded(Image.new("RGB", (8, 6)), turn=turn), 1, 1, upright)
    assert (facts.width, facts.height, facts.turn) == (*size, noted)


def test_an_ordinary_photograph_is_what_the_defaults_say() -> None:
    """Facts that older scans did not note are those of a JPEG in colour."""
    assert facts_of(decoded(Image.new("RGB", (8, 6)), "JPEG"), 1, 1, False) == ImageFacts(8, 6, "mode", "JPEG")


def test_facts_of_eight_bits() -> None:
    colours = Image.fromarray(np.array([[[3, 90, 20], [40, 50, 60]]], np.uint8))
    facts = facts_of(decoded(colours), 1, 1, False)
    assert (facts.low, facts.high, facts.bulk_low, facts.bulk_high, facts.kind) == (3, 90, 3, 90, "byte")
    assert (facts.bands, facts.colours, facts.alpha, facts.transparent, facts.pixels) == (3, 3, False, False, "")
    for kind in ("JPEG", "MPO"):
        unmeasured = facts_of(decoded(colours, kind), 1, 1, False)
        assert (unmeasured.low, unmeasured.high) == (0, 255)
    veiled = Image.fromarray(np.array([[[3, 90, 20, 255], [40, 50, 60, 254]]], np.uint8))
    facts = facts_of(decoded(veiled), 1, 1, False)
    assert (facts.alpha_low, facts.alpha_high, facts.transparent, facts.bands) == (254, 255, True, 4)
    veiled.putalpha(255)
    assert not facts_of(decoded(veiled), 1, 1, False).transparent


@pytest.mark.parametrize(
    ("dtype", "alpha", "kind", "transparent"),
    [("u2", [65_535, 65_535], "whole", False), ("u2", [65_534, 65_535], "whole", True), ("f4", [1, 1], "real", False),
     ("f4", [0.5, 1], "real", True), ("u1", [255, 255], "byte", False)],
)  # fmt: skip
def test_facts_of_deeper_values(dtype: str, alpha: list[float], kind: str, transparent: bool) -> None:
    values = np.stack([[3, 9], alpha], axis=-1)[None].astype(dtype)
    picture = Samples(values, colours=1, alpha=True, nominal=(0.0, 9.0), white_is_zero=True)
    facts = facts_of(decoded(picture), 1, 1, False)
    assert (facts.low, facts.high, facts.kind, facts.nominal, facts.white_is_zero) == (3, 9, kind, True, True)
    assert (facts.alpha_low, facts.alpha_high, facts.transparent) == (*np.asarray(alpha, dtype)[[0, 1]], transparent)


def test_pages_have_a_hash_of_their_values() -> None:
    first, second = Image.new("RGB", (2, 1)), Image.new("RGB", (1, 2))
    hashes = [facts_of(decoded(image), 1, 2, False).pixels for image in (first, second, first)]
    assert len(hashes[0]) == 64
    assert hashes[0] == hashes[2] != hashes[1]
    assert facts_of(decoded(first), 0, 2, False).pixels == ""
    deep = {facts_of(decoded(samples([1, last])), 2, 2, False).pixels for last in (2, 3, 2)}
    assert len(deep) == 2


# -- bands -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "bands"),
    [("L", (1, 1, False)), ("LA", (2, 1, True)), ("1", (1, 1, False)), ("RGB", (3, 3, False)), ("RGBA", (4, 3, True)),
     ("CMYK", (3, 3, False)), ("P", (3, 3, False)), ("RGBX", (4, 3, False))],
)  # fmt: skip
def test_bands_of_modes(mode: str, bands: tuple[int, int, bool]) -> None:
    image = Image.new(mode, (2, 3))
    assert bands_of(image) == Bands(*bands)
    assert plain_bands(image).shape == (3, 2, bands[0])


@pytest.mark.parametrize(
    ("found", "said", "channels", "chosen"),
    [
        (Bands(3, 3), None, 3, None), (Bands(4, 3, True), None, 1, None), (Bands(1, 1), None, 3, None),
        (Bands(13, 0), None, 13, tuple(range(13))), (Bands(3, 0), None, 3, (0, 1, 2)), (Bands(1, 0), None, 3, (0,)),
        (Bands(4, 3, True), None, 4, (0, 1, 2, 3)), (Bands(13, 0), (4, 3, 2), 3, (3, 2, 1)),
        (Bands(3, 3), (3,), 3, (2,)),
        (Bands(13, 0), (13,), 1, (12,)),
        (Bands(13, 0), (14,), 3, "has 13 bands, and --bands names band 14"),
        (Bands(1, 0), (2,), 3, "has 1 band, and"), (Bands(2, 0), None, 3, "has 2 bands and the network takes 3; give"),
        (Bands(13, 0), None, 3, "--bands 3,2,1"), (Bands(5, 0), None, 4, "--bands 4,3,2,1"),
        (Bands(3, 3), None, 4, "has 3 bands and the network takes 4; give"), (Bands(1, 1), None, 2, "has 1 band and"),
    ],
)  # fmt: skip
def test_which_bands_are_shown(found: Bands, said: Any, channels: int, chosen: Any) -> None:
    reading = Reading(bands=said)
    facts = replace(BYTE, bands=found.count, colours=found.colours, alpha=found.alpha)
    if isinstance(chosen, str):
        with pytest.raises(Undecodable, match=chosen):
            chosen_bands(found, reading, channels)
        assert chosen in unsuitable(facts, reading, channels)
    else:
        assert chosen_bands(found, reading, channels) == chosen
        assert unsuitable(facts, reading, channels) == ""


COLOURS = np.array([[[10, 100, 200, 255], [20, 60, 91, 0]]], np.uint8)


@pytest.mark.parametrize(
    ("reading", "channels", "expected"),
    [
        (Reading(), 3, COLOURS[..., :3]), (Reading(alpha="white"), 3, [[[10, 100, 200], [255, 255, 255]]]),
        (Reading(alpha="black"), 3, [[[10, 100, 200], [0, 0, 0]]]), (Reading(), 4, COLOURS),
        (Reading(bands=(3, 1)), 2, COLOURS[..., [2, 0]]), (Reading(bands=(2,)), 3, COLOURS[..., [1, 1, 1]]),
        (Reading(range=(0.0, 100.0)), 3, [[[26, 255, 255], [51, 153, 232]]]),
        (Reading(range=(0.0, 100.0)), 4, [[[26, 255, 255, 255], [51, 153, 232, 0]]]),
        (Reading(range=(0.0, 256.0)), 3, COLOURS[..., :3]), (Reading(range=(-1.0, 200.0)), 3, COLOURS[..., :3]),
        (Reading(range="full"), 3, COLOURS[..., :3]), (Reading(range=(0.0, 255.0)), 3, COLOURS[..., :3]),
    ],
)  # fmt: skip
def test_eight_bit_colours_as_they_are_shown(reading: Reading, channels: int, expected: Any) -> None:
    shown = render(Image.fromarray(COLOURS), Rendering(reading, channels))
    assert np.asarray(shown).tolist() == np.asarray(expected).tolist()


def test_a_fourth_band_that_is_no_transparency_never_composites() -> None:
    image = Image.frombytes("RGBX", (2, 1), COLOURS.tobytes())
    shown = render(image, Rendering(Reading(range=(0.0, 100.0), alpha="white")))
    assert np.asarray(shown).tolist() == [[[26, 255, 255], [51, 153, 232]]]


def test_colours_as_grey() -> None:
    """ITU-R 601: 0.299 R + 0.587 G + 0.114 B."""
    shown = np.asarray(render(Image.fromarray(COLOURS[..., :3].copy()), Rendering(channels=1)))
    assert shown.shape == (1, 2, 1)
    exact = COLOURS[..., :3] @ [0.299, 0.587, 0.114]
    assert np.abs(shown[..., 0] - exact).max() <= 1
    grey = np.asarray(render(Image.fromarray(COLOURS[..., 0].copy()), Rendering(channels=1)))
    assert grey[..., 0].tolist() == [[10, 20]]


@pytest.mark.parametrize(
    ("picture", "how", "expected"),
    [
        (samples([0, 4095]), Rendering(whole=(0, 4095)), [0, 255]), (samples([0, 4095]), Rendering(), [0, 255]),
        (samples([0, 65_535]), Rendering(Reading(range="full"), whole=(0, 4095)), [0, 255]),
        (samples([-32_768, 32_767], "i2"), Rendering(Reading(range="full"), whole=(0, 4095)), [0, 255]),
        (samples([0, 128]), Rendering(Reading(range=(0.0, 255.0))), [0, 128]),
        (samples([0, 128], "u1"), Rendering(), [0, 128]), (samples([0, 50], "u1"), Rendering(whole=(0, 50)), [0, 50]),
        (samples([0, 52], "u1"), Rendering(Reading(range=(0.0, 100.0))), [0, 133]),
        (samples([0, 50], "u1"), Rendering(Reading(range=(0.0, 300.0))), [0, 50]),
        (samples([0, 255], "u1"), Rendering(), [0, 255]),
        (samples([5, 50], "u1"), Rendering(Reading(range=(5.0, 255.0))), [0, 46]),
        (samples([0, 50], "u1"), Rendering(Reading(range=(-5.0, 100.0))), [0, 50]),
        (samples([0, 104], nominal=(0.0, 200.0)), Rendering(whole=(0, 104)), [0, 133]),
        (samples([0, 0.5], "f4"), Rendering(real=(0, 1), whole=(0, 9)), [0, 128]),
        (samples([0, 0.5], "f4"), Rendering(Reading(range="full"), real=(0, 1)), [0, 128]),
        (samples([0, 104], "u4"), Rendering(Reading(range="full"), whole=(0, 200)), [0, 133]),
        (samples([0, 1000], white_is_zero=True), Rendering(whole=(0, 1000)), [255, 0]),
    ],
)  # fmt: skip
def test_deeper_values_as_they_are_shown(picture: Samples, how: Rendering, expected: list[int]) -> None:
    shown = np.asarray(render(picture, how))
    assert shown.shape == (1, 2, 3)
    assert shown[0].tolist() == [[value] * 3 for value in expected]


def test_deeper_bands_as_they_are_shown() -> None:
    five = Samples(np.arange(10, dtype=np.uint16).reshape(1, 2, 5) * 25, colours=3, alpha=True)
    rgb = np.asarray(render(five, Rendering(whole=(0, 255))))
    assert rgb.tolist() == [[[0, 25, 50], [125, 150, 175]]]
    assert np.asarray(render(five, Rendering(Reading(bands=(5, 4)), 2, whole=(0, 255)))).tolist() == [
        [[100, 75], [225, 200]]
    ]


def test_extremes_are_of_the_colours() -> None:
    assert extremes(Image.fromarray(COLOURS)) == (10, 200)
    assert extremes(Image.fromarray(COLOURS[..., 0].copy())) == (10, 20)
