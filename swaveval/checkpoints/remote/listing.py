"""What a server says of its files, by their names relative to the directory that was asked for; trusted in nothing."""

import base64
import binascii
import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from swaveval.checkpoints.piece_names import METADATA, SHARD
from swaveval.results.encoding import digest

_LONGEST = 240  # bytes of a part of a name: under what file systems take, with room for a temporary's ending
_MD5 = re.compile(r"[0-9a-f]{32}")
_CHANGED = ("LastModified", "mtime", "last_modified", "updated", "modified", "created")
# The first of them that is stated is the version: a listing may leave out what a look at one file says.
_VERSIONS = ("ETag", "etag", "generation", "VersionId", "version_id", "blob_id", "md5Hash")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file as it was listed.

    Attributes:
        name: relative to the directory, with forward slashes; `../run.json` of the directory above it.
        path: its whole name on the server.
        size: in bytes; None where the listing does not say.
        version: changes whenever the content may have; empty where that cannot be told.
        changed: nanoseconds since 1970; 0 where unknown.
        checksum: (`md5` or `sha256`, hexadecimal) where the server states one.
    """

    name: str
    path: str
    size: int | None
    version: str
    changed: int
    checksum: tuple[str, str] | None = None


def listed(name: str, path: str, info: Mapping[str, Any], protocol: str) -> RemoteFile:
    """A file from what fsspec says of it."""
    size = info.get("size")
    stated = {key: str(info[key]) for key in _VERSIONS if info.get(key)}
    lfs = info.get("lfs")
    sha256 = (lfs or {}).get("sha256") if isinstance(lfs, Mapping) else getattr(lfs, "sha256", None)
    if sha256:
        stated["sha256"] = str(sha256)
    changed = next((_nanoseconds(info[key]) for key in _CHANGED if info.get(key)), 0)
    if not stated and changed:
        stated["changed"] = str(changed)
    known = isinstance(size, int) and size >= 0
    first = next((stated[key] for key in ("sha256", *_VERSIONS, "changed") if key in stated), "")
    version = digest([first, size if known else None])[:32] if first else ""
    return RemoteFile(name, path, size if known else None, version, changed, _checksum(stated, protocol))


def _checksum(stated: Mapping[str, str], protocol: str) -> tuple[str, str] | None:
    if "sha256" in stated:
        return "sha256", stated["sha256"]
    if "md5Hash" in stated:
        try:
            return "md5", base64.b64decode(stated["md5Hash"], validate=True).hex()
        except (binascii.Error, ValueError):
            return None
    etag = stated.get("ETag", "").strip('"')
    # Of an upload in parts it ends in the number of parts, and is no checksum of the content.
    return ("md5", etag) if protocol in ("s3", "s3a") and _MD5.fullmatch(etag) else None


def _nanoseconds(value: Any) -> int:
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value)
        except ValueError:
            return 0
    if isinstance(value, datetime.datetime):
        value = value.timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e11:
        return 0
    return int(value * 1e6) * 1000


def unfit(name: str) -> str:
    """Why a name of a server's can be no file's name here, in words; empty where it can."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "its name leads out of its directory"
    if "\0" in name or "\\" in name:
        return "its name has characters that no file's has here"
    if any(len(part.encode("utf-8", "surrogatepass")) > _LONGEST for part in parts) or len(name) > 2000:
        return "its name is longer than a file's may be here"
    return ""


def is_hidden(name: str) -> bool:
    """Whether a local directory would pass it over."""
    *parents, last = name.split("/")
    return any(part.startswith(".") for part in parents if part != "..") or (last.startswith(".") and last != METADATA)


def matching(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Those whose last part matches one of the patterns."""
    wanted = tuple(patterns)
    return [name for name in names if any(fnmatchcase(name.rsplit("/", 1)[-1], pattern) for pattern in wanted)]


def together(name: str, names: Iterable[str]) -> list[str]:
    """The names of all files of the checkpoint that a file stands for, itself among them."""
    directory, _, last = name.rpartition("/")
    beside = [one for one in names if one.rpartition("/")[0] == directory]
    if last == METADATA:
        return sorted({name, *(one for one in beside if one.endswith(".distcp"))})
    shard = SHARD.fullmatch(last)
    if shard is None:
        return [name]
    found = {name}
    for one in beside:
        other = SHARD.fullmatch(one.rpartition("/")[2])
        if other and (other["stem"], other["count"], other["suffix"]) == (
            shard["stem"],
            shard["count"],
            shard["suffix"],
        ):
            found.add(one)
    return sorted(found)
