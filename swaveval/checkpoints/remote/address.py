"""What an address like `s3://bucket/runs/mine` is, known without any package that speaks its protocol."""

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote

from swaveval.checkpoints.remote.errors import RemoteError
from swaveval.text import shortened

_URL = re.compile(r"(?P<protocol>[a-z][a-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
# What Path makes of an address: the second slash is lost.
_COLLAPSED = re.compile(r"[a-z][a-z0-9+.-]+:/[^/]")
_SECRET = re.compile(r"(?<=://)([^/@:]*):[^/@]*@")
_SIGNS = re.compile(r"[*?\[{]")

_WITH_LOGIN = ("sftp", "ssh", "ftp", "smb", "http", "https")

# Protocol → the package that speaks it, and the extra of ours that brings it.
PACKAGES = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
    "hf": ("huggingface_hub", "hf"),
    "sftp": ("paramiko", "sftp"),
    "ssh": ("paramiko", "sftp"),
    "http": ("aiohttp", "http"),
    "https": ("aiohttp", "http"),
    "file": ("fsspec", "remote"),
    "memory": ("fsspec", "remote"),
}


@dataclass(frozen=True, slots=True)
class Address:
    """Attributes:
    url: as it was given, but for slashes at its end. protocol: before `://`.
    """

    url: str
    protocol: str

    @classmethod
    def of(cls, text: str) -> "Address":
        """The address that a text is.

        Raises:
            RemoteError: it is none that can be used.
        """
        found = _URL.fullmatch(text)
        if found is None:
            raise RemoteError(f"{shortened(text)} is no address; it takes PROTOCOL://…, as in s3://bucket/runs/mine")
        rest = found["rest"]
        if "::" in text or "://" in rest:
            raise RemoteError(f"{without_secret(text)} is an address within an address; give one alone")
        if (
            not rest.strip("/")
            or "//" in rest.rstrip("/")
            or any(part in (".", "..") for part in rest.split("/"))
            or "\0" in rest
        ):
            raise RemoteError(
                f"{without_secret(text)} names no directory; it takes PROTOCOL://…, as in s3://bucket/run"
            )
        return cls(text.rstrip("/"), found["protocol"])

    @property
    def parts(self) -> list[str]:
        """What its fixed part is made of, host or bucket first, as names of directories."""
        parts = [part for part in self.fixed.partition("://")[2].split("/") if part]
        if self.protocol in ("http", "https"):
            parts = [unquote(part) for part in parts]
        if self.protocol in _WITH_LOGIN:
            parts[0] = parts[0].rpartition("@")[2]
        return parts

    @property
    def shown(self) -> str:
        """For people: without a password."""
        return without_secret(self.url)

    @property
    def signs(self) -> re.Pattern[str]:
        """What makes a part of it a pattern; a question mark in a web address is none."""
        return re.compile(r"[*\[{]") if self.protocol in ("http", "https") else _SIGNS

    @property
    def pattern(self) -> str:
        """The part from the first one with signs on; empty where it names one place."""
        parts = self.url.partition("://")[2].split("/")
        at = next((place for place, part in enumerate(parts) if self.signs.search(part)), len(parts))
        return "/".join(parts[at:])

    @property
    def fixed(self) -> str:
        """The address without that part.

        Raises:
            RemoteError: nothing is left.
        """
        pattern = self.pattern
        fixed = self.url.removesuffix(pattern).rstrip("/") if pattern else self.url
        if fixed.endswith(":"):
            raise RemoteError(f"{self.shown} is a pattern from its start; say which bucket or host")
        return fixed


def is_address(text: object) -> bool:
    """Whether a text is an address; a path never is one."""
    return isinstance(text, str) and _URL.fullmatch(text) is not None


def check_path(place: Any) -> None:
    """A path that was an address before it was made a path.

    Raises:
        RemoteError: it was one; the sentence says how to give it.
    """
    text = str(place)
    if isinstance(place, str | PurePath) and _COLLAPSED.match(text) and text.partition(":")[0] in PACKAGES:
        protocol, _, rest = text.partition(":/")
        raise RemoteError(f"{shortened(text)} has one slash; write {protocol}://{shortened(rest)}, as text and no Path")


def without_secret(url: str) -> str:
    """An address in one printable line, its password left out."""
    return shortened(_SECRET.sub(r"\1:…@", url), 300)
