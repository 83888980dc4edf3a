"""One file from a server into a local file, and whether what came is what was promised."""

import hashlib
from pathlib import Path

from swaveval.checkpoints.remote.errors import RemoteError
from swaveval.checkpoints.remote.listing import RemoteFile, listed
from swaveval.checkpoints.remote.server import Server
from swaveval.text import size

# A file of which other bytes came than its checksum says is asked for so often in all.
_TRIES = 3


def fetch(server: Server, file: RemoteFile, target: Path) -> None:
    """Write the content of a file as it was listed.

    Raises:
        RemoteError: it is gone, has changed since it was listed, cannot be had, or is not what its checksum says.
        OSError: it cannot be written here.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            found = _written(server, file, target)
        except RemoteError as error:
            if error.kind == "network":
                _as_listed(server, file)
            raise
        if file.checksum is None:
            _as_listed(server, file)
            return
        if found == file.checksum[1]:
            return
        _as_listed(server, file)
        if server.is_encrypted(file.path):
            return
        if attempt == _TRIES:
            raise RemoteError(
                f"what came does not match its {'etag' if file.checksum[0] == 'md5' else 'checksum'}: "
                f"{file.checksum[0]} {found[:12]}… where {file.checksum[1][:12]}… is stated (tried {attempt} times)",
                "content",
            )


def _written(server: Server, file: RemoteFile, target: Path) -> str:
    """The checksum of what was written; empty where none is stated."""
    kind = file.checksum[0] if file.checksum else ""
    summed = hashlib.new(kind, usedforsecurity=False) if kind else None
    with target.open("wb") as out:
        for body in server.chunks(file.path, file.size or 0):
            out.write(body)
            if summed is not None:
                summed.update(body)
    return "" if summed is None else summed.hexdigest()


def _as_listed(server: Server, file: RemoteFile) -> None:
    """Whether the server still says of a file what it said when it listed it.

    Raises:
        RemoteError: it does not.
    """
    now = listed(file.name, file.path, server.info(file.path), server.address.protocol)
    if now.size is not None and file.size is not None and now.size != file.size:
        raise RemoteError(f"it changed after it was listed: {size(file.size)} then, {size(now.size)} now", "changed")
    # A listing may say less than a look at one file; where it said a version of the same kind, that must be the same.
    if now.version and not file.version.startswith("once") and now.version != file.version:
        raise RemoteError("it changed after it was listed", "changed")
