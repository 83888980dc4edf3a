"""What torch.load gives, and in which words it refuses."""

import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import torch

from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.sandbox.formats.pickles import disallowed_globals, inert_globals
from swaveval.checkpoints.sandbox.formats.stand_ins import Called, Cast

LARGEST_PICKLE = 64 << 20
AS_TENSORS = (
    "tensors: torch.save({name: torch.as_tensor(value) for name, value in weights.items() if hasattr(value, 'shape')}, "
    "'weights.pt')"
)
_SAVE_AGAIN = "; load it where it was made and save its weights alone: torch.save(model.state_dict(), FILE)"
# What a checkpoint names of these modules is there to act.
_NEVER_HONEST = frozenset({"os", "posix", "nt", "sys", "subprocess", "socket", "pty", "ctypes", "runpy", "webbrowser"})
_MOST_CASTS = 30  # times a file is read again because an object turned out to be a dict or a list
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
        checksums: first byte in the file → (size, CRC-32) of every tensor record; None where the file carries none.
        data_bytes: bytes of tensor data in the file.
        expanded_bytes: bytes of all members, unpacked.
        notes: findings that do not prevent use.
    """

    file: BinaryIO
    kind: str
    root: Any
    checksums: Mapping[int, tuple[int, int]] | None
    data_bytes: int
    expanded_bytes: int
    notes: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Attributes: root: the object inside. notes: what was left inert."""

    root: Any
    notes: tuple[str, ...] = ()


def open_legacy(file: BinaryIO, size: int, *, trust: bool) -> Opened:
    """torch.save before 1.6 (swav's zoo): pickles, then raw storages; it has no checksum."""
    if file.read(len(_LEGACY_START)) != _LEGACY_START:
        found = disallowed_globals(_start_of(file, size))
        names = f" naming {', '.join(found[:6])}" if found else ""
        raise Failure(
            "unsupported",
            f"a plain Python pickle{names}, not written by torch.save; if you trust it, write its weights as "
            f"{AS_TENSORS}",
        )
    loaded = torch_load(file, lambda: _start_of(file, size), mmap=False, trust=trust)
    return Opened(
        file=file,
        kind="torch legacy",
        root=loaded.root,
        checksums=None,
        data_bytes=size,
        expanded_bytes=size,
        notes=(
            "the file's format (torch < 1.6) carries no checksums: damage inside it cannot be noticed",
            *loaded.notes,
        ),
    )


def _start_of(file: BinaryIO, size: int) -> bytes:
    file.seek(0)
    return file.read(min(LARGEST_PICKLE, size))  # what is asked for is allocated, and a small file's limit is small


def torch_load(file: BinaryIO, pickled: Callable[[], bytes], *, mmap: bool, trust: bool) -> Loaded:
    """The object inside; `pickled` gives the bytes that name globals.

    Objects beside the weights become inert stand-ins. With `trust` a file that cannot be read so is unpickled in full.

    Raises:
        Failure: it is not to be read, or damaged.
    """
    try:
        return Loaded(_load(file, mmap=mmap))
    except Called as called:
        refusal = Failure("refused", f"{called}{advice_against([called.name])}")
    except Failure as failure:
        refusal = failure
    except pickle.UnpicklingError:
        try:
            return _load_inert(file, pickled(), mmap=mmap)
        except Called as called:
            refusal = Failure("refused", f"{called}{advice_against([called.name])}")
        except Failure as failure:
            refusal = failure
    if trust and refusal.kind == "refused":
        try:
            return Loaded(_load(file, mmap=mmap, trust=True))
        except pickle.UnpicklingError as error:
            raise _refused(error) from None
    raise refusal


def _load_inert(file: BinaryIO, pickled: bytes, *, mmap: bool) -> Loaded:
    """With stand-ins for everything the pickle names, if it may name them."""
    found = disallowed_globals(pickled, streams=5)
    if found:
        shown = ", ".join(found[:6]) + (f" and {len(found) - 6} more" if len(found) > 6 else "")
        raise Failure("refused", f"reading the file would run code: it names {shown}{advice_against(found)}")
    uses = inert_globals(pickled, streams=5)
    cast = Cast(uses)
    complaint = pickle.UnpicklingError("it was not tried")
    for _ in range(_MOST_CASTS):
        try:
            with torch.serialization.safe_globals(cast.globals()):  # type: ignore[arg-type]
                root = _load(file, mmap=mmap)
        except pickle.UnpicklingError as error:
            complaint = error
            if not cast.recast(str(error)):
                break
        else:
            shown = ", ".join(printable(name, 60) for name in list(uses)[:4])
            more = f" and {len(uses) - 4} more" if len(uses) > 4 else ""
            note = f"objects beside the weights were left inert, since features need none of them: {shown}{more}"
            return Loaded(root, (note,) if uses else ())
    raise _refused(complaint)


def _refused(error: pickle.UnpicklingError) -> Failure:
    reason = f"PyTorch refuses to read the file safely: {_first_sentence(error)}{_SAVE_AGAIN}"
    return Failure("refused", reason)


def advice_against(names: list[str]) -> str:
    """What to do about a file that names these globals; `--trust` only where their modules are there to be run."""
    roots = {name.split(".")[0] for name in names}
    if roots & _NEVER_HONEST:
        return "; no honest checkpoint does"
    known = all(root != "__main__" and root.isidentifier() and find_spec(root) is not None for root in roots)
    return _SAVE_AGAIN + ("; if you know who wrote it, --trust runs that code" if known else "")


def _load(file: BinaryIO, *, mmap: bool, trust: bool = False) -> Any:
    """torch.load, its faults as Failures; an UnpicklingError says what it would not do."""
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source: Any = path_of(file) if mmap else file
            return torch.load(source, map_location="cpu", weights_only=not trust, mmap=mmap)
    except MemoryError:
        raise Failure("refused", _TOO_MUCH) from None
    except (pickle.UnpicklingError, Failure):
        raise
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
    _, _, behind = str(error).partition("WeightsUnpickler error:")
    lines = [line.strip() for line in (behind or str(error)).splitlines() if line.strip()]
    return printable(lines[0] if lines else type(error).__name__, 200)


def path_of(file: BinaryIO) -> str:
    """A path to the file that is already open, so that a renamed one is not read in its place."""
    own = Path(f"/proc/self/fd/{file.fileno()}")
    return str(own) if own.exists() else f"/dev/fd/{file.fileno()}"
