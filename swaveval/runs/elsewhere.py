"""Checkpoints and results behind an address: what `s3://bucket/run` given as a directory means."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from swaveval.checkpoints import Directory
from swaveval.checkpoints.remote.address import Address, check_path, is_address
from swaveval.checkpoints.remote.errors import RemoteError
from swaveval.checkpoints.remote.server import Patience
from swaveval.checkpoints.remote.source import Fetched, Remote
from swaveval.data.trained import NAME as IMAGES
from swaveval.runs.loss_logs import KNOWN_LOGS, SLURM
from swaveval.runs.names import slug
from swaveval.runs.published import check_writable_address
from swaveval.runs.request import default_out, free_out, owner

# What a local run would look for beside checkpoints.
BESIDE = ("run.json", IMAGES, *KNOWN_LOGS, SLURM, "events.out.tfevents.*")
DEFAULT_SIZE = "20GB"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """Where fetched files lie.

    Attributes:
        directory: None: below the results. size: as people write it. patience: with servers.
    """

    directory: Path | None = None
    size: str = DEFAULT_SIZE
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class Places:
    """Attributes:
    checkpoints: what a request calls so. out: of page and results, here. source: None where the files lie here.
    published: address that the results are sent to; empty for none.
    """

    checkpoints: Path
    out: Path
    source: Directory | None = None
    published: str = ""


def places(given: str | Path, out: str | Path | None, cache: CacheOptions | None = None) -> Places:
    """Where checkpoints are read from and results are written to.

    Args:
        given: a directory, a file, a pattern, or an address of one. out: a directory, or an address, to which what is
            written to a directory here is sent; None for the default.

    Raises:
        RemoteError: an address that cannot be used.
    """
    cache = cache or CacheOptions()
    check_path(given)
    check_path(out)
    published = check_writable_address(str(out)) if is_address(out) else None
    here = None if out is None or published else Path(out)
    if not is_address(given):
        path = Path(given)
        if published:
            target = next(place for place in _candidates(published) if owner(place, path) != "others")
            return Places(path, target, published=published.url)
        return Places(path, here or default_out(path))
    address = Address.of(str(given))
    target = here or free_out(_candidates(published or address), address.shown)
    source = remote(address.url, cache.directory or target / "cache" / "remote", cache)
    return Places(source.path, target, source, published.url if published else "")


def remote(url: str, directory: Path, cache: CacheOptions) -> Remote:
    """The checkpoints behind an address, fetched to below a directory."""
    return Remote(url, Fetched(directory, bytes_of(cache.size), BESIDE, cache.patience))


def local_out(out: str | Path | None) -> Path | None:
    """The directory of what only is written here.

    Raises:
        RemoteError: it is an address, to which nothing is written.
    """
    check_path(out)
    if is_address(out):
        raise RemoteError(
            f"this is written to a directory of this machine, not to {Address.of(str(out)).shown}; name one with --out "
            "and copy it there afterwards (`swaveval run` sends its results to an address by itself)"
        )
    return None if out is None else Path(out)


def bytes_of(text: str) -> int:
    """`20GB`, `500 MB`, `1.5TB` in bytes.

    Raises:
        RemoteError: it says no size above zero.
    """
    found = _SIZE.fullmatch(text.strip())
    size = int(float(found[1]) * _UNITS[found[2].lower()]) if found else 0
    if size < 1:
        raise RemoteError(f"--cache-size takes a size such as 500MB, 20GB or 1TB; not {text[:40]!r}")
    return size


def _candidates(address: Address) -> Iterator[Path]:
    """`report-NAME/` in the current directory, for nothing can lie beside what lies elsewhere; then `-2` …"""
    parts = address.parts
    name = parts[-2] if parts[-1] == "checkpoints" and len(parts) > 1 else parts[-1]
    yield Path(f"report-{slug(name)}")
    yield from (Path(f"report-{slug(name)}-{number}") for number in count(2))
