"""A process that dies at one of its file operations, played within this one: from then on none of them is done."""

import builtins
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("replace", "rename", "unlink", "remove", "mkdir", "rmdir", "link", "open")


class Killed(BaseException):
    """What a SIGKILL is here; nothing of ours may catch it and go on."""


@contextmanager
def dying(root: Path, operation: int) -> Iterator[None]:
    """Raise `Killed` at the so-many-th operation that changes something below `root`, and at every later one.

    So nothing is tidied up, as after a kill. Operations are: to create, link, rename or remove a name, to open a file
    to write to it, and to sync one.
    """
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if done > operation:
            raise Killed

    def below(path: Any) -> bool:
        return not isinstance(path, int) and Path(os.fsdecode(path)).is_relative_to(root)

    def changing(real: Callable[..., Any]) -> Callable[..., Any]:
        def called(path: Any, *rest: Any, **more: Any) -> Any:
            if below(path):
                step()
            return real(path, *rest, **more)

        return called

    def opening(real: Callable[..., Any]) -> Callable[..., Any]:
        def called(path: Any, how: Any = "r", *rest: Any, **more: Any) -> Any:
            writes = how & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if isinstance(how, int) else set(how) & set("wax+")
            if writes and below(path):
                step()
            return real(path, how, *rest, **more)

        return called

    def syncing(real: Callable[[Any], None]) -> Callable[[Any], None]:
        def called(file: Any) -> None:
            step()  # nothing need go to the disk: the machine lives on

        return called

    with pytest.MonkeyPatch.context() as patch:
        for name in NAMES:
            patch.setattr(os, name, (opening if name == "open" else changing)(getattr(os, name)))
        opened = opening(io.open)
        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)
        patch.setattr(os, "fsync", syncing(os.fsync))
        yield
