"""The first figure as the page carries it. Where it is kept from page to page, matplotlib need not even be imported."""

from pathlib import Path

from swaveval.report.contents import Contents
from swaveval.results.atomic import write_bytes
from swaveval.results.encoding import seal, unseal

KEPT = "picture.json"


def drawn(contents: Contents) -> str:
    """The first figure as a data address; empty where there is nothing to draw."""
    from swaveval.report.figures import overview_picture

    return overview_picture(contents)


def kept(cache: Path, source: str, contents: Contents) -> str:
    """The same, taken from `cache` where it was drawn from the same by the same; else drawn and left there.

    Args:
        source: digest of everything that it shows and of what draws it (`figure_files.source_of`).
    """
    place = cache / KEPT
    try:
        found = unseal(place.read_bytes())
        if found["source"] == source:
            return str(found["picture"])
    except (OSError, ValueError, KeyError):
        pass  # not there, damaged, or of another time
    picture = drawn(contents)
    write_bytes(place, seal({"source": source, "picture": picture}))
    return picture
