"""Which globals a pickle names, found without running it."""

import io
import pickletools
from functools import cache

from swaveval.checkpoints.sandbox.failure import printable
from swaveval.checkpoints.sandbox.stand_ins import HARMLESS

_TEXT = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING"}


def disallowed_globals(pickled: bytes, *, streams: int = 1) -> list[str]:
    """Globals in the first `streams` pickles that are neither PyTorch's own nor on the harmless list, in order.

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
    return [printable(name, 120) for name in found if name not in HARMLESS and name not in _torch_own()]


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
