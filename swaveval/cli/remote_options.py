"""The options for what lies behind an address; the same in `run`, `plan` and `inspect`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from swaveval.runs.elsewhere import CacheOptions

ADDRESSES = "Addresses (s3://, gs://, hf://, sftp://, https:// …)"


@dataclass(frozen=True)
class Elsewhere:
    """How files are fetched."""

    cache_size: Annotated[
        str,
        typer.Option(
            "--cache-size",
            help="What all fetched files may take, e.g. 500MB; the least recently used go first, none in use. Each "
            "request is tried 5 times, with 10 s to connect, 60 s without a byte, and waits of 0.5 to 4 s between.",
            rich_help_panel=ADDRESSES,
        ),
    ] = "20GB"
    cache_dir: Annotated[
        Path | None,
        typer.Option(
            "--cache-dir",
            help="Where they lie, also for several runs. Default: cache/remote/ below --out; of inspect, a temporary "
            "directory.",
            rich_help_panel=ADDRESSES,
        ),
    ] = None

    def cache(self) -> "CacheOptions":
        from swaveval.runs.elsewhere import CacheOptions

        return CacheOptions(self.cache_dir, self.cache_size)


def here(place: Path | None) -> Path | None:
    """Refuse an address where results are written: Path has taken its second slash, and would make a folder `s3:`."""
    if place is not None and ":/" in place.as_posix():
        from swaveval.runs.elsewhere import local_out

        protocol, _, rest = place.as_posix().partition(":/")
        local_out(f"{protocol}://{rest}")
    return place
