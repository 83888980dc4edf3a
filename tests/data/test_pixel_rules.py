"""Rules over whole sets, on facts made by hand: one range for all, what is noted, what is fingerprinted."""

import re
from dataclasses import replace
from typing import Any

import pytest

from swaveval.data.errors import DataError
from swaveval.data.facts import ImageFacts
from swaveval.data.picture import Rendering
from swaveval.data.pixel_notes import pixel_notes
from swaveval.data.reading import BEFORE_OPTIONS, Reading
from swaveval.data.whole_set import checked_channels, identity, rendering_of, settled

BYTE = ImageFacts(8, 6, "RGB", "PNG")
GREY16 = ImageFacts(8, 6, "I;16", "PNG", 1, 1, 1, 1, kind="whole", low=10, high=4000, bulk_low=10, bulk_high=4000)
REAL = ImageFacts(8, 6, "F", "TIFF", 1, 1, 1, 1, kind="real", low=0.1, high=0.9, bulk_low=0.1, bulk_high=0.9)
MULTI = ImageFacts(8, 6, "uint16 × 13", "TIFF", 1, 1, 13, 0, kind="whole", low=0, high=9000, bulk_high=9000)


# -- the whole set -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bands", "network", "channels"),
    [(None, None, 3), (None, 1, 1), ((1, 2), None, 2), ((4,), None, 3), ((4,), 3, 3), ((4,), 1, 1), ((1, 2, 3), 3, 3),
     ((1, 2), 3, "name 3 .or one"), ((1, 2), 4, "name 4$"), ((4,), 2, "names 1 band, and .* takes 2")],
)  # fmt: skip
def test_how_many_channels_images_get(bands: Any, network: int | None, channels: Any) -> None:
    if isinstance(channels, str):
        with pytest.raises(DataError, match=channels):
            checked_channels(Reading(bands=bands), network)
    else:
        assert checked_channels(Reading(bands=bands), network) == channels


def test_one_range_for_all_images_of_a_set() -> None:
    how = rendering_of([BYTE, GREY16, replace(GREY16, low=0, high=9000), REAL], Reading(), 3)
    assert (how.whole, how.real, how.channels) == ((0, 10_000), (0, 1), 3)
    assert rendering_of([BYTE], Reading(), 1) == Rendering(channels=1)
    assert rendering_of([replace(GREY16, nominal=True)], Reading(), 3).whole is None
    said = Reading(range=(5.0, 6.0))
    assert rendering_of([GREY16], said, 3) == Rendering(said, 3, whole=(5.0, 6.0))
    veiled = replace(MULTI, bands=4, alpha=True, high=900, alpha_low=0, alpha_high=65_535)
    assert rendering_of([veiled], Reading(), 4).whole == (0, 65_535)
    assert rendering_of([replace(veiled, colours=3)], Reading(), 3).whole == (0, 1023)
    assert rendering_of([replace(veiled, alpha=False)], Reading(), 4).whole == (0, 1023)


def test_the_range_that_was_found_reads_other_images() -> None:
    assert settled(Rendering(whole=(0, 4095))) == Reading(range=(0, 4095))
    assert settled(Rendering(real=(0, 1))) == Reading(range=(0, 1))
    assert settled(Rendering(whole=(0, 4095), real=(0, 1))) == Reading()
    assert settled(Rendering()) == Reading()
    assert settled(Rendering(Reading(range="full"), whole=(0, 4095))) == Reading(range="full")


FULL16 = replace(GREY16, high=60_000)


@pytest.mark.parametrize(
    ("facts", "how", "said"),
    [
        ([BYTE], Rendering(), {}), ([BYTE], Rendering(Reading(range="full")), {}),
        ([BYTE], Rendering(Reading(range=(0.0, 255.0))), {}), ([BYTE], Rendering(Reading(range=(0.0, 256.0))), {}),
        ([BYTE], Rendering(Reading(range=(-1.0, 255.0))), {}), ([FULL16], Rendering(whole=(0.0, 65_535.0)), {}),
        ([FULL16], Rendering(Reading(range="full"), whole=(0.0, 4095.0)), {}),
        ([replace(FULL16, mode="I", nominal=True)], Rendering(), {}), ([REAL], Rendering(real=(0.0, 1.0)), {}),
        ([FULL16], Rendering(Reading(range=(0.0, 65_535.0)), whole=(0.0, 65_535.0)), {}),
        ([BYTE], Rendering(Reading(range=(0.0, 100.0))),
         {"range": "whole None real None byte (0.0, 100.0)"}),
        ([GREY16], Rendering(whole=(0.0, 4095.0)), {"range": "whole (0.0, 4095.0) real None byte None"}),
        ([replace(GREY16, mode="I")], Rendering(whole=(0.0, 65_535.0)),
         {"range": "whole (0.0, 65535.0) real None byte None"}),
        ([replace(FULL16, nominal=True, format="TIFF")], Rendering(), {"range": "whole None real None byte None"}),
        ([MULTI], Rendering(Reading(range="full"), 13), {"bands": " of 13", "range": "whole full real None byte None"}),
        ([REAL], Rendering(real=(-1.0, 1.0)), {"range": "whole None real (-1.0, 1.0) byte None"}),
        ([replace(REAL, mode="float64 × 1")], Rendering(real=(0.0, 1.0)),
         {"range": "whole None real (0.0, 1.0) byte None"}),
        ([BYTE], Rendering(Reading(bands=(3, 2, 1))), {"bands": "3,2,1 of 3"}),
        ([BYTE], Rendering(channels=1), {"bands": " of 1"}),
        ([BYTE], Rendering(Reading(pages="all")), {}),
        ([replace(BYTE, pages=2)], Rendering(Reading(pages="all")), {"pages": "all"}),
        ([replace(BYTE, pages=2)], Rendering(Reading(pages=1)), {}),
        ([replace(BYTE, pages=2)], Rendering(Reading(pages=2)), {"pages": "2"}),
        ([BYTE, replace(BYTE, transparent=True)], Rendering(), {"alpha": "drop"}),
        ([replace(BYTE, transparent=True)], Rendering(BEFORE_OPTIONS), {}),
        ([BYTE, replace(BYTE, turn=6)], Rendering(), {"exif": "ignore"}),
        ([replace(BYTE, turn=6)], Rendering(BEFORE_OPTIONS), {}),
        ([replace(FULL16, white_is_zero=True)], Rendering(whole=(0.0, 65_535.0)), {"white": "0"}),
    ],
)  # fmt: skip
def test_what_the_fingerprint_says_of_the_pixels(facts: list[ImageFacts], how: Rendering, said: dict[str, str]) -> None:
    """Old results stay valid where pixels are read as the first versions read them, and no others."""
    assert identity(facts, how) == said


# -- notes -------------------------------------------------------------------------------------------------------------


def test_ordinary_images_need_no_note() -> None:
    assert pixel_notes([BYTE, replace(BYTE, mode="L", bands=1, colours=1)], Rendering()) == ()
    assert pixel_notes([replace(BYTE, high=64)], Rendering()) == ()
    assert pixel_notes([], Rendering()) == ()


@pytest.mark.parametrize(
    ("facts", "how", "words"),
    [
        ([BYTE, GREY16], Rendering(whole=(0, 4095)),
         ["1 of 2 images has more than 8 bits per channel, values 10 … 4,000. 0 … 4,095, the first usual range",
          r"would cut them at 255 \(--range 0:255\)\.$"]),
        ([replace(GREY16, colours=3)], Rendering(whole=(0, 4095)), [r"keeps their upper byte \(--range full\)\.$"]),
        ([MULTI], Rendering(whole=(0, 10_000)), ["0 … 10,000, .* --range LOW:HIGH says otherwise\\.$"]),
        ([GREY16, GREY16], Rendering(whole=(10, 4000)), ["2 of 2 images have .* from the least to the greatest"]),
        ([REAL], Rendering(real=(0, 1)),
         ["1 of 1 image has floating-point values, values 0.1 … 0.9. 0 … 1, the first"]),
        ([GREY16], Rendering(Reading(range=(0.0, 3999.0))), [r"they are cut at 0 … 3,999 \(--range\)\.$"]),
        ([GREY16], Rendering(Reading(range=(11.0, 4000.0))), ["cut at 11 … 4,000"]),
        ([GREY16], Rendering(Reading(range="full")), [r"the whole range of their number type becomes 0 … 255"]),
        ([replace(GREY16, bulk_high=200)], Rendering(whole=(0, 4095)),
         [r"all but 0.1 % of them 10 … 200: if the others are defects, --range 0:255\)"]),
        ([BYTE], Rendering(Reading(range=(0.0, 300.0))), ["1 image of 8 bits keep 0 … 255: --range beyond it"]),
        ([BYTE, BYTE], Rendering(Reading(range="full")), ["--range full has no effect: every image has 8 bits"]),
        ([replace(BYTE, high=63), replace(BYTE, high=5)], Rendering(),
         [r"The brightest value of 2 8-bit images is 63 of 255; .* --range 0:63 spreads them"]),
        ([replace(BYTE, high=0)], Rendering(), ["--range 0:1 spreads"]),
        ([replace(GREY16, white_is_zero=True, nominal=True)], Rendering(), ["1 image of 1 say that their least value"]),
        ([BYTE, replace(BYTE, pages=3), replace(BYTE, pages=4)], Rendering(),
         [r"2 files of 3 hold more than one picture \(7 in all\); the first"]),
        ([replace(BYTE, pages=2)] * 2, Rendering(Reading(pages="all")),
         ["2 of 2 images are pages of files with several"]),
        ([replace(BYTE, bands=4), replace(BYTE, bands=6)], Rendering(),
         ["2 images of 2 have 4 to 6 bands; the first three"]),
        ([replace(BYTE, bands=5)], Rendering(), ["1 image of 1 have 5 bands;"]),
        ([replace(REAL, high=200)], Rendering(real=(0, 255)), [r"0.1 … 0.9: if the others are defects, --range 0:1\)"]),
        ([replace(BYTE, bands=5)], Rendering(channels=1), ["takes one channel and 1 image of 1 are in colour"]),
        ([replace(BYTE, colours=0)], Rendering(), ["have 3 bands without a word what they are"]),
        ([BYTE], Rendering(channels=1), ["takes one channel and 1 image of 1 are in colour"]),
        ([MULTI], Rendering(Reading(range="full"), 13), ["whole range", "^All 13 bands are shown"]),
        ([BYTE, replace(BYTE, transparent=True)], Rendering(), ["^1 of 2 images are transparent in places"]),
        ([replace(BYTE, turn=3)], Rendering(), ["^1 of 1 image carry an orientation tag"]),
    ],
)  # fmt: skip
def test_what_is_noted(facts: list[ImageFacts], how: Rendering, words: list[str]) -> None:
    notes = pixel_notes(facts, how)
    single = len(words) == 1 or "^" in words[-1]
    assert len(notes) == (len(words) if single else 1)
    for position, pattern in enumerate(words):
        assert re.search(pattern, notes[position if single else 0]), notes


@pytest.mark.parametrize(
    ("facts", "how"),
    [
        (replace(GREY16, nominal=True), Rendering()), (GREY16, Rendering(Reading(range=(10.0, 4000.0)))),
        (REAL, Rendering(Reading(range="full"))), (replace(BYTE, high=3), Rendering(Reading(range=(0.0, 3.0)))),
        (replace(BYTE, high=3, colours=1), Rendering(channels=1)), (replace(BYTE, bands=4, alpha=True), Rendering()),
        (replace(BYTE, bands=6), Rendering(Reading(bands=(4, 3, 2)))),
        (replace(BYTE, pages=2), Rendering(Reading(pages=2))),
        (replace(BYTE, transparent=True), Rendering(Reading(alpha="white"))),
        (replace(BYTE, transparent=True), Rendering(Reading(bands=(1, 2, 3)))),
        (replace(BYTE, turn=3), Rendering(Reading(exif="apply"))),
    ],
)  # fmt: skip
def test_what_needs_no_note(facts: ImageFacts, how: Rendering) -> None:
    assert pixel_notes([facts], how) == ()


def test_outliers_are_spoken_of_where_another_range_would_be_much_narrower() -> None:
    def note(high: float) -> str:
        return pixel_notes([replace(GREY16, low=0, bulk_low=0, bulk_high=high)], Rendering(whole=(0, 4095)))[0]

    assert "all but 0.1 %" in note(1000)
    assert "all but 0.1 %" not in note(3000)
    assert "all but 0.1 %" not in note(0)
