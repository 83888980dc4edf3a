"""What was assumed about the pixels of a set, in sentences that name the option which decides otherwise."""

from collections.abc import Iterator, Sequence

from swaveval.data.facts import ImageFacts
from swaveval.data.picture import Rendering
from swaveval.data.reading import USUAL, Range, usual_range
from swaveval.text import counted

# Eight-bit images that never exceed a quarter of their range were probably meant to be spread, or are label masks.
_DIM = 64


def pixel_notes(facts: Sequence[ImageFacts], how: Rendering) -> tuple[str, ...]:
    """The notes for the audit, the page and the terminal; none for ordinary 8-bit images.

    Args:
        facts: of every image that is used.
        how: what they are read by.
    """
    found = (_ranges, _pages, _bands, _transparency, _turns)
    return tuple(note for notes in found for note in notes(facts, how))


def _ranges(facts: Sequence[ImageFacts], how: Rendering) -> Iterator[str]:
    total, said = len(facts), how.reading.range
    for kind, words, taken in (
        ("whole", "more than 8 bits per channel", how.whole),
        ("real", "floating-point values", how.real),
    ):
        group = [one for one in facts if one.kind == kind and not one.nominal]
        if not group:
            continue
        low, high = min(one.low for one in group), max(one.high for one in group)
        many = f"{len(group):,} of {counted(total, 'image')} {'has' if len(group) == 1 else 'have'} {words}"
        where = f"values {_number(low)} … {_number(high)}"
        if isinstance(said, tuple):
            if low < said[0] or high > said[1]:
                yield f"{many}, {where}; they are cut at {_number(said[0])} … {_number(said[1])} (--range)."
        elif said == "full" and kind == "whole":
            yield f"{many}, {where}; the whole range of their number type becomes 0 … 255 (--range full)."
        elif taken is not None:
            usual = taken in USUAL
            rule = "the first usual range that holds them" if usual else "from the least to the greatest of the set"
            loaders = 'Pillow\'s convert("RGB") in training loaders would cut them at 255 (--range 0:255)'
            if kind == "whole" and all(one.colours == 3 for one in group):
                loaders = 'Pillow\'s convert("RGB") in training loaders keeps their upper byte (--range full)'
            yield (
                f"{many}, {where}{_outliers(group, taken, kind)}. {_number(taken[0])} … {_number(taken[1])}, {rule}, "
                f"becomes 0 … 255 in every image; --range LOW:HIGH says otherwise."
                + ("" if any(one.colours == 0 for one in group) else f" {loaders}.")
            )
    turned = [one for one in facts if one.white_is_zero]
    if turned:
        yield (
            f"{counted(len(turned), 'image')} of {total:,} say that their least value is white (TIFF, WhiteIsZero) "
            "and are shown so, like such images of 8 bits. Pillow, and with it a training loader, turns only those of "
            "8 bits round and shows these as negatives: write them anew without the tag where training saw them so."
        )
    bytes_ = [one for one in facts if one.kind == "byte"]
    if isinstance(said, tuple) and bytes_ and not (said[0] >= 0 and said[1] <= 255):
        yield f"{counted(len(bytes_), 'image')} of 8 bits keep 0 … 255: --range beyond it is for images of more bits."
    if said == "full" and bytes_ and len(bytes_) == total:
        yield "--range full has no effect: every image has 8 bits, whose whole range is taken anyway."
    brightest = max((one.high for one in bytes_), default=255.0)
    if bytes_ and brightest < _DIM and not isinstance(said, tuple) and how.channels == 3:
        yield (
            f"The brightest value of {counted(len(bytes_), '8-bit image')} is {_number(brightest)} of 255; they are "
            f"read as they are, as training loaders do. --range 0:{_number(max(brightest, 1))} spreads them."
        )


def _outliers(group: Sequence[ImageFacts], taken: Range, kind: str) -> str:
    """Where all but the outermost values lie, when that would be read by another range."""
    low, high = min(one.bulk_low for one in group), max(one.bulk_high for one in group)
    if high <= low:
        return ""
    narrower = usual_range(low, high, whole=kind == "whole")
    if narrower[1] - narrower[0] > (taken[1] - taken[0]) / 2:
        return ""
    return (
        f" (all but 0.1 % of them {_number(low)} … {_number(high)}: if the others are defects, "
        f"--range {_plain(narrower[0])}:{_plain(narrower[1])})"
    )


def _pages(facts: Sequence[ImageFacts], how: Rendering) -> Iterator[str]:
    several = [one for one in facts if one.pages > 1]
    if not several:
        return
    if how.reading.pages == "first":
        pages = sum(one.pages for one in several)
        yield (
            f"{counted(len(several), 'file')} of {len(facts):,} hold more than one picture ({pages:,} in all); the "
            "first of each is read. --pages all makes each an image, --pages N takes another one, --pages bands stacks "
            "them as bands."
        )
    elif how.reading.pages == "all":
        yield (
            f"{len(several):,} of {counted(len(facts), 'image')} are pages of files with several (--pages all); in a "
            "split that is drawn, pages of one file stay on one side."
        )


def _bands(facts: Sequence[ImageFacts], how: Rendering) -> Iterator[str]:
    if how.reading.bands is not None:
        return
    extra = [one for one in facts if one.colours == 3 and one.bands - one.alpha > 3 and how.channels == 3]
    if extra:
        yield (
            f"{counted(len(extra), 'image')} of {len(facts):,} have {_counts(extra)} bands; the first three, which the "
            "files call RGB, are shown. --bands 4,3,2 names others."
        )
    unnamed = [one for one in facts if one.colours == 0 and one.bands == 3 and how.channels == 3]
    if unnamed:
        yield (
            f"{counted(len(unnamed), 'image')} of {len(facts):,} have 3 bands without a word what they are; they are "
            "shown as red, green and blue in their order. --bands 3,2,1 turns it round."
        )
    coloured = [one for one in facts if one.colours == 3 and how.channels == 1]
    if coloured:
        yield (
            f"The network takes one channel and {counted(len(coloured), 'image')} of {len(facts):,} are in colour; "
            'they are shown as grey (ITU-R 601, Pillow\'s convert("L")). --bands N takes one band.'
        )
    if how.channels not in (1, 3):
        yield (
            f"All {how.channels} bands are shown, in their order. --bands names another order. Each is normalised by "
            "the mean of ImageNet's three means and standard deviations, unless the training's own are known."
        )


def _transparency(facts: Sequence[ImageFacts], how: Rendering) -> Iterator[str]:
    transparent = sum(one.transparent for one in facts)
    if transparent and how.reading.alpha == "drop" and how.reading.bands is None and how.channels in (1, 3):
        yield (
            f"{transparent:,} of {counted(len(facts), 'image')} are transparent in places; transparency is dropped and "
            "what lies below it shown, as convert(\"RGB\") in torchvision's and lightly's loaders does. "
            "--alpha white or --alpha black composites."
        )


def _turns(facts: Sequence[ImageFacts], how: Rendering) -> Iterator[str]:
    turned = sum(one.turn != 1 for one in facts)
    if turned and how.reading.exif == "ignore":
        yield (
            f"{turned:,} of {counted(len(facts), 'image')} carry an orientation tag; they are read as stored, as "
            "torchvision's and lightly's loaders do. --exif apply turns them upright."
        )


def _counts(group: Sequence[ImageFacts]) -> str:
    counts = sorted({one.bands for one in group})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.4g}"


def _plain(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.6g}"
