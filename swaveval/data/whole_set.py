"""What the images of a set have in common: the range they are read by, and what of it belongs into the fingerprint."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from swaveval.data.errors import DataError, Undecodable
from swaveval.data.facts import ImageFacts
from swaveval.data.picture import Bands, Rendering, chosen_bands
from swaveval.data.reading import Range, Reading, usual_range
from swaveval.text import counted


def checked_channels(reading: Reading, network: int | None) -> int:
    """How many channels the images get: the network's, else as many as bands were named; one named band makes RGB.

    Raises:
        DataError: as many bands were named as the network does not take.
    """
    named = None if reading.bands is None else len(reading.bands)
    if network is None:
        return named if named not in (None, 1) else 3
    if named is None or named == network or (named == 1 and network == 3):
        return network
    raise DataError(
        f"--bands names {counted(named, 'band')}, and the first layer of the network takes {network}; name {network}"
        + (" (or one, to be shown as grey)" if network == 3 else "")
    )


def unsuitable(facts: ImageFacts, reading: Reading, channels: int) -> str:
    """Why a picture that can be decoded cannot be shown, or an empty string."""
    try:
        chosen_bands(Bands(facts.bands, facts.colours, facts.alpha), reading, channels)
    except Undecodable as error:
        return str(error)
    return ""


def rendering_of(facts: Iterable[ImageFacts], reading: Reading, channels: int) -> Rendering:
    """The rule of `usual_range` over all images of a set, once for integers and once for floating point."""
    found: dict[str, list[tuple[float, float]]] = {"whole": [], "real": []}
    for one in facts:
        if one.kind in found and not one.nominal:
            # Transparency that is shown as a band counts like one.
            shown = one.alpha and chosen_bands(Bands(one.bands, one.colours, True), reading, channels) is not None
            ends = (min(one.low, one.alpha_low), max(one.high, one.alpha_high)) if shown else (one.low, one.high)
            found[one.kind].append(ends)
    ranges: dict[str, Range] = {
        kind: usual_range(min(low for low, _ in ends), max(high for _, high in ends), whole=kind == "whole")
        for kind, ends in found.items()
        if ends
    }
    if isinstance(reading.range, tuple):
        ranges = dict.fromkeys(ranges, reading.range)
    return Rendering(reading, channels, whole=ranges.get("whole"), real=ranges.get("real"))


def settled(how: Rendering) -> Reading:
    """The reading with the range that was found, so that other images can be read by the same."""
    found = {how.whole, how.real} - {None}
    if how.reading.range is not None or len(found) != 1:
        return how.reading
    return replace(how.reading, range=found.pop())


def identity(facts: Sequence[ImageFacts], how: Rendering) -> dict[str, str]:
    """What distinguishes these pixels from those that the first versions read from the same files; mostly nothing.

    They composited on white, turned by EXIF, divided 16 bits by 257 and took the first page. Sets of which that is
    still true keep their fingerprint, and with it the results stored under it.
    """
    reading, said = how.reading, {}
    if how.channels != 3 or reading.bands is not None:
        said["bands"] = ",".join(str(band) for band in reading.bands or ()) + f" of {how.channels}"
    if reading.pages != "first" and (reading.pages != 1) and any(one.pages > 1 for one in facts):
        said["pages"] = str(reading.pages)
    if reading.alpha != "white" and any(one.transparent for one in facts):
        said["alpha"] = reading.alpha
    if reading.exif != "apply" and any(one.turn != 1 for one in facts):
        said["exif"] = reading.exif
    if any(one.white_is_zero for one in facts):
        said["white"] = "0"
    if any(_read_anew(one, how) for one in facts):
        # Not whether it was found or said: the same range gives the same pixels.
        within = isinstance(reading.range, tuple) and any(one.kind == "byte" and _read_anew(one, how) for one in facts)
        whole = "full" if reading.range == "full" else how.whole
        said["range"] = f"whole {whole} real {how.real} byte {reading.range if within else None}"
    return said


def _read_anew(one: ImageFacts, how: Rendering) -> bool:
    """Whether a picture's values are mapped in another way than v/257 of 16-bit grey, 0…1 of floats, 8 bits as is."""
    said = how.reading.range
    if one.kind == "byte":
        return not (said is None or isinstance(said, str) or said[0] < 0 or said[1] > 255 or said == (0.0, 255.0))
    if one.kind == "real":
        return (said if isinstance(said, tuple) else how.real) != (0.0, 1.0) or one.mode != "F"
    sixteen = one.mode.startswith("I;16") or (one.mode == "I" and one.nominal)
    if not sixteen or (one.nominal and one.format == "TIFF"):
        return True
    full = (0.0, 65535.0)
    return not (said in ("full", full) or (said is None and (one.nominal or how.whole == full)))
