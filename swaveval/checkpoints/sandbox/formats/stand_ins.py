"""Inert stand-ins: what a pickle names beside its weights is recorded, never imported and never called.

Honest checkpoints name paths, dates, enums, configurations and whole modules, none of which is needed to read weights.
Each becomes a `StandIn`, a record of what the pickle passed, which makes rebuilding harmless whatever the arguments.
So which globals are refused is no question of safety but of honesty: what only an attack has a reason to name
(`sandbox.formats.rules`) is a refusal. torch itself never looks up `os`, `sys`, `posix` or `nt`, also when they are
listed.
"""

from collections import OrderedDict
from typing import Any

from swaveval.checkpoints.sandbox.failure import Failure, printable
from swaveval.checkpoints.sandbox.formats.rules import CALLED, MAPPINGS, SEQUENCES, VALUES, Use


class Called(Failure):
    """A pickle calls what it may only name.

    Attributes:
        name: of the global.
    """

    def __init__(self, name: str) -> None:
        super().__init__("refused", f"reading the file would run code: it calls {printable(name, 120)}")
        self.name = name


class Inert(type):
    """The type of stand-ins. To call one is what a pickle's REDUCE does; NEWOBJ and BUILD do not pass here."""

    use: Use
    named: str

    def __call__(cls, *arguments: Any) -> Any:
        refused = cls.use is Use.NAMED or (cls.use is Use.MEMBER and not _is_member(arguments))
        if refused or (cls.named == "builtins.getattr" and not isinstance(arguments[:1] and arguments[0], Inert)):
            raise Called(cls.named)
        return cls.__new__(cls, *arguments)  # type: ignore[arg-type]

    def __repr__(cls) -> str:
        return f"<stand-in {cls.named}>"


def _is_member(arguments: tuple[Any, ...]) -> bool:
    """Whether a class is called as an enum is for its member: with one plain value."""
    return len(arguments) == 1 and type(arguments[0]) in (str, int)


class StandIn(metaclass=Inert):
    """An object of a class that was not imported: remembers arguments and state, does nothing."""

    use = Use.CALLED
    named = ""
    arguments: tuple[Any, ...]
    state: Any

    def __new__(cls, *arguments: Any) -> Any:
        self = object.__new__(cls)
        self.arguments = arguments
        self.state = None
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state


class MappingStandIn(StandIn):
    """A dict of whatever type; the unpickler fills plain dicts only, and gives state to ordered ones."""

    def __new__(cls, *_arguments: Any) -> Any:
        return OrderedDict()


class SequenceStandIn(StandIn):
    """A list of whatever type."""

    def __new__(cls, *_arguments: Any) -> Any:
        return []


def stand_in(name: str, use: Use, kind: type = StandIn) -> type:
    """A class of its own for the global of this name."""
    return Inert(name.rsplit(".", 1)[-1] or "nameless", (kind,), {"use": use, "named": name})


def stand_ins() -> list[tuple[type, str]]:
    """Those of harmless values, in the form `torch.serialization.add_safe_globals` takes."""
    kinds = ((VALUES, StandIn), (CALLED, StandIn), (MAPPINGS, MappingStandIn), (SEQUENCES, SequenceStandIn))
    return [(stand_in(name, Use.CALLED, kind), name) for names, kind in kinds for name in names]


class Cast:
    """Stand-ins for the globals that one pickle names beyond the harmless values.

    What kind of thing an object is shows only when the unpickler fills it: one that is filled like a dict or a list is
    recast, and the file read again.
    """

    def __init__(self, uses: dict[str, Use]) -> None:
        self._uses = uses
        self._kinds: dict[str, type] = {}
        self._made: dict[type, str] = {}

    def globals(self) -> list[tuple[type, str]]:
        """A fresh stand-in for each."""
        self._made = {stand_in(name, use, self._kinds.get(name, StandIn)): name for name, use in self._uses.items()}
        return list(self._made.items())

    def recast(self, complaint: str) -> bool:
        """Learn from what the unpickler said of one of them; False where there is nothing to learn."""
        kind = MappingStandIn if "SETITEM" in complaint else SequenceStandIn if "append" in complaint.lower() else None
        for made, name in self._made.items():
            if kind is not None and repr(made) in complaint and self._kinds.get(name) is not kind:
                self._kinds[name] = kind
                return True
        return False
