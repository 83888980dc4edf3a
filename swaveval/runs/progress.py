"""How long work tells where it is. The command line supplies a terminal; a library caller may stay silent."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Receives stages and their advance; every method must be cheap. One with `Detailed`'s methods hears more."""

    def stage(self, name: str, total: int) -> None:
        """A new stage of `total` units begins; the previous one is over."""

    def advance(self, done: int, total: int) -> None:
        """`done` of `total` units of the current stage are finished."""

    def message(self, text: str) -> None:
        """One line worth reading, now."""


@runtime_checkable
class Detailed(Protocol):
    """What a progress may also have: within a stage, what is being done right now and how long the stage will take."""

    def doing(self, text: str) -> None:
        """Of whom what, as in `epoch=3.ckpt: linear`; of several worker processes one after the other."""

    def left(self, seconds: float | None) -> None:
        """Until the stage is over, going by what is done; None where nobody can tell yet."""


class Silent:
    """Says nothing."""

    def stage(self, name: str, total: int) -> None:
        pass

    def advance(self, done: int, total: int) -> None:
        pass

    def message(self, text: str) -> None:
        pass


class Told:
    """Passes everything on, and keeps the messages."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.messages: list[str] = []

    def stage(self, name: str, total: int) -> None:
        self.progress.stage(name, total)

    def advance(self, done: int, total: int) -> None:
        self.progress.advance(done, total)

    def message(self, text: str) -> None:
        self.messages.append(text)
        self.progress.message(text)

    def doing(self, text: str) -> None:
        doing(self.progress, text)

    def left(self, seconds: float | None) -> None:
        left(self.progress, seconds)


class Once(Told):
    """Passes messages on the first time: each of several evaluations finds out again what the one before did."""

    def message(self, text: str) -> None:
        if text not in self.messages:
            super().message(text)


def doing(progress: Progress, text: str) -> None:
    """Say what is being done, to who listens to that."""
    if isinstance(progress, Detailed):
        progress.doing(text)


def left(progress: Progress, seconds: float | None) -> None:
    """Say how long the stage will take, to who listens to that."""
    if isinstance(progress, Detailed):
        progress.left(seconds)
