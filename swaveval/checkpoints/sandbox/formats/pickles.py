"""Which globals a pickle names, found without running it."""

import io
import pickletools
from functools import cache

from swaveval.checkpoints.sandbox.failure import printable
from swaveval.checkpoints.sandbox.formats.rules import HARMLESS, Use, use_of

_TEXT = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING"}


def disallowed_globals(pickled: bytes, *, streams: int = 1) -> list[str]:
    """Globals in the first `streams` pickles that only an attack has a reason to name, in order."""
    found = [name for name in _globals(pickled, streams=streams) if name not in _torch_own()]
    return [printable(name, 120) for name in found if use_of(name) is None]


def inert_globals(pickled: bytes, *, streams: int = 1) -> dict[str, Use]:
    """Globals that are to be inert, beyond the harmless values; none of them is `disallowed`."""
    found = [name for name in _globals(pickled, streams=streams) if name not in _torch_own() and name not in HARMLESS]
    return {name: use for name in found if (use := use_of(name)) is not None}


def _globals(pickled: bytes, *, streams: int) -> list[str]:
    """All of them, in order.

    A pickle that cannot be taken apart yields what was named before the fault; reading it fails by itself.
    """
    found: dict[str, None] = {}
    stream = io.BytesIO(pickled)
    for _ in range(streams):
        texts: list[str] = []
        try:
            for opcode, argument, _position in pickletools.genops(stream):
                if opcode.name == "GLOBAL":
                    found.setdefault(_modern(*str(argument).split(" ", 1)))
                elif opcode.name == "STACK_GLOBAL":
                    found.setdefault(".".join(texts[-2:]) or "an unnamed global")
                elif opcode.name == "INST":
                    found.setdefault(str(argument).replace(" ", ".", 1))
                elif opcode.name in _TEXT:
                    texts = [*texts[-1:], str(argument)]
        except Exception:
            break
    return list(found)


def _modern(module: str, name: str = "") -> str:
    """A global under its Python 3 name, as the unpickler looks it up (torch.save writes protocol 2)."""
    from torch._utils import IMPORT_MAPPING, NAME_MAPPING

    if (module, name) in NAME_MAPPING:
        module, name = NAME_MAPPING[(module, name)]
    else:
        module = IMPORT_MAPPING.get(module, module)
    return f"{module}.{name}"


@cache
def _torch_own() -> frozenset[str]:
    """Names that torch's restricted unpickler knows by itself."""
    from torch._weights_only_unpickler import _get_allowed_globals

    return frozenset(_get_allowed_globals())
