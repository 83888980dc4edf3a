"""Several files fetched while others are read: threads that stay a few files ahead of whoever needs them."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

# Files fetched at the same time, and how many may wait fetched for their use.
AT_ONCE = 4


class Ahead:
    """Fetches what will be needed, in that order; what goes wrong waits for who needs the file."""

    def __init__(self, fetch: Callable[[str], Any], at_once: int = AT_ONCE) -> None:
        """No thread is started before something is expected."""
        self._fetch = fetch
        self._at_once = at_once
        self._expected: list[str] = []
        self._running: set[str] = set()
        self._waiting: dict[str, Exception | None] = {}
        self._change = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._over = False

    @property
    def unused(self) -> tuple[str, ...]:
        """What was fetched and not used yet, or is being fetched."""
        with self._change:
            return (*self._running, *self._waiting)

    def expect(self, names: Sequence[str]) -> None:
        """These will be needed, in this order; what was expected before is forgotten."""
        with self._change:
            held = {*self._running, *self._waiting}
            self._expected = [name for name in dict.fromkeys(names) if name not in held]
            self._change.notify_all()
            for _ in range(min(self._at_once, len(self._expected)) - len(self._threads)):
                # Daemons: whoever stops the program does not wait for a server.
                thread = threading.Thread(target=self._work, name="fetching ahead", daemon=True)
                self._threads.append(thread)
                thread.start()

    def use(self, name: str) -> None:
        """A file is needed now: if it is being fetched, wait until it is there.

        Raises:
            Exception: what kept it from being fetched.
        """
        with self._change:
            if name in self._expected:
                self._expected.remove(name)
            while name in self._running:
                self._change.wait()
            error = self._waiting.pop(name, None)
            self._change.notify_all()
        if error is not None:
            raise error

    def close(self) -> None:
        """Start nothing more."""
        with self._change:
            self._over = True
            self._expected.clear()
            self._change.notify_all()

    def _next(self) -> str | None:
        with self._change:
            while not self._over and not (
                self._expected and len(self._running) + len(self._waiting) < 2 * self._at_once
            ):
                self._change.wait()
            if self._over:
                return None
            name = self._expected.pop(0)
            self._running.add(name)
            return name

    def _work(self) -> None:
        while (name := self._next()) is not None:
            error: Exception | None = None
            try:
                self._fetch(name)
            except Exception as caught:
                error = caught
            with self._change:
                self._running.discard(name)
                self._waiting[name] = error
                self._change.notify_all()
