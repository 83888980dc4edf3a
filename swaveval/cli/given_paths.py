"""What every option and argument that is a path refuses alike, before anything is read: nothing, an address, a circle.

It is looked at as it was typed: a `Path` takes an empty text for the current directory, and the second slash of an
address away."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from swaveval.errors import SwavevalError, machine_fault

# Parameters that name a file or a directory, as all commands call them.
PATHS = frozenset(
    {"cache_dir", "ckpt_dir", "config", "data", "files", "labels", "loss_log", "out", "outs", "path", "to"}
)
# Those that take an address as well, by command; their help says so.
TAKE_ADDRESSES = {
    "run": frozenset({"ckpt_dir", "out"}),
    "plan": frozenset({"ckpt_dir", "out"}),
    "inspect": frozenset({"path"}),
}
# Those for which somebody who knows more says it: where results are kept, which of the formats takes an address.
_SAID_LATER = {
    "report": frozenset({"out"}),
    "export": frozenset({"out", "to"}),
    "compare": frozenset({"outs"}),
}
_WRITTEN = ("out", "cache_dir")


class GivenPathError(SwavevalError):
    """A path on the command line that cannot be one."""


class Command(TyperCommand):
    """A command whose paths are looked at first."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args:
            given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
            for parameter in self.params:
                if is_path(self.name or "", parameter.name or ""):
                    for text in _texts(given.get(parameter.name or "")):
                        _check(self.name or "", parameter, text)
        return super().parse_args(ctx, args)


def is_path(command: str, name: str) -> bool:
    """Whether a parameter of a command names a file or a directory."""
    return name in PATHS and (command, name) != ("compress", "to")  # there it is the name of a form


def _texts(given: object) -> Iterator[str]:
    if isinstance(given, str):
        yield given
    elif isinstance(given, list | tuple):
        yield from (text for text in given if isinstance(text, str))


def _check(command: str, parameter: Any, text: str) -> None:
    from swaveval.checkpoints.remote.address import Address, is_address

    name = parameter.name or ""
    option = max(parameter.opts, key=len) if parameter.param_type_name == "option" else name.upper()
    if not text.strip():
        raise GivenPathError(
            f"{option} is empty, as an unset variable is; name a path, where . is the current directory"
        )
    if is_address(text):
        later = TAKE_ADDRESSES.get(command, frozenset()) | _SAID_LATER.get(command, frozenset())
        if name in later:
            return
        shown = Address.of(text).shown
        if name in _WRITTEN:
            raise GivenPathError(
                f"{option} names a place of this machine, not {shown}; name one and copy it there afterwards "
                "(`swaveval run --out ADDRESS` sends its results to an address by itself)"
            )
        raise GivenPathError(
            f"{shown} is an address, and {option} is read from this machine; fetch it, and name the file or directory"
        )
    try:
        Path(text).expanduser().stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise machine_fault(OSError(errno.ELOOP, os.strerror(errno.ELOOP), text)) or error from None
    except (ValueError, RuntimeError):
        pass  # a NUL, or nobody's home: who opens it says so
