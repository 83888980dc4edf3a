"""How long work tells where it is. The command line supplies a terminal; a library caller may stay silent."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Receives stages and their advance; every method must be cheap."""

    def stage(self, name: str, total: int) -> None:
        """A new stage of `total` units begins; the previous one is over."""

    def advance(self, done: int, total: int) -> None:
        """`done` of `total` units of the current stage are finished."""

    def message(self, text: str) -> None:
        """One line worth reading, now."""


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
