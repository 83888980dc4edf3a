"""What torch.load gives, and in which words it refuses."""

import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch

from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.sandbox.mapped_file import Span
from swaveval.checkpoints.sandbox.pickles import disallowed_globals

LARGEST_PICKLE = 64 << 20
_VOUCH = "if you know who wrote it, --trust reads it all the same"
_TOO_MUCH = "reading the file takes more memory than a file of its size can need"
# The first pickle of a torch file before 1.6: nothing but a long integer.
_LEGACY_START = b"\x80\x02\x8a\n" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little") + b"."


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that was found whole, with the object inside.

    Attributes:
        file: the open file.
        kind: `torch zip`, `torch legacy` or `safetensors`.
        root: what `torch.load` gave; tensors may be views of the mapped file.
        untouched: whether tensors in a mapped file are still what the file says: no code of the file has run.
        checksums: (size, CRC-32) of every tensor record, to hold used storages against; None without checksums.
        records: where those records that are stored as they are lie in the file → CRC-32.
        data_bytes: bytes of tensor data in the file.
        expanded_bytes: bytes of all members, unpacked.
        notes: findings that do not prevent use.
    """

    file: BinaryIO
    kind: str
    root: Any
    untouched: bool
    checksums: frozenset[tuple[int, int]] | None
    data_bytes: int
    expanded_bytes: int
    notes: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    records: Mapping[Span, int] = field(default_factory=dict)


def open_legacy(file: BinaryIO, size: int, *, trust: bool) -> Opened:
    """torch.save before 1.6 (swav's zoo): pickles, then raw storages; it has no checksum."""
    if file.read(len(_LEGACY_START)) != _LEGACY_START:
        found = disallowed_globals(_start_of(file, size))
        names = f" naming {', '.join(found[:6])}" if found else ""
        raise Failure("unsupported", f"a plain Python pickle{names}, not written by torch.save")
    return Opened(
        file=file,
        kind="torch legacy",
        root=torch_load(file, lambda: _start_of(file, size), mmap=False, trust=trust),
        untouched=not trust,
        checksums=None,
        data_bytes=size,
        expanded_bytes=size,
        notes=("the file's format (torch < 1.6) carries no checksums: damage inside it cannot be noticed",),
    )


def _start_of(file: BinaryIO, size: int) -> bytes:
    file.seek(0)
    return file.read(min(LARGEST_PICKLE, size))  # what is asked for is allocated, and a small file's limit is small


def torch_load(file: BinaryIO, pickled: Callable[[], bytes], *, mmap: bool, trust: bool) -> Any:
    """The object inside; `pickled` gives the bytes that name globals, to say which ones when they are refused."""
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source: Any = path_of(file) if mmap else file
            return torch.load(source, map_location="cpu", weights_only=not trust, mmap=mmap)
    except MemoryError:
        raise Failure("refused", _TOO_MUCH) from None
    except pickle.UnpicklingError as error:
        found = disallowed_globals(pickled(), streams=5)
        if found:
            shown = ", ".join(found[:6]) + (f" and {len(found) - 6} more" if len(found) > 6 else "")
            raise Failure("refused", f"reading the file would run code: it names {shown}; {_VOUCH}") from None
        raise Failure("refused", f"PyTorch refuses to read the file safely: {_first_sentence(error)}") from None
    except RecursionError:
        raise Failure("refused", "the file nests its objects too deeply") from None
    except Exception as error:
        if "allocate" in str(error) or "mmap" in str(error):
            raise Failure("refused", _TOO_MUCH) from None
        kind = type(error).__name__
        if trust and isinstance(error, ImportError | AttributeError):
            reason = f"the file needs code that is not installed here: {kind}: {_first_sentence(error)}"
            raise Failure("unsupported", reason) from None
        raise Failure("corrupt", f"PyTorch cannot read the file: {kind}: {_first_sentence(error)}") from None


def _first_sentence(error: Exception) -> str:
    text = str(error)
    marker = text.find("WeightsUnpickler error:")
    return printable((text[marker:] if marker >= 0 else text).split("\n")[0], 200)


def path_of(file: BinaryIO) -> str:
    """A path to the file that is already open, so that a renamed one is not read in its place."""
    own = Path(f"/proc/self/fd/{file.fileno()}")
    return str(own) if own.exists() else f"/dev/fd/{file.fileno()}"
