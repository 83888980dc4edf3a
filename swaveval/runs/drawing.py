"""Figures are drawn by several processes: this one and others beside it, which load the results themselves."""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path

from swaveval.convergence.verdict import Verdict
from swaveval.report import Drawn, drawing, write_drawn
from swaveval.report.figure_files import Made
from swaveval.results import Series
from swaveval.runs.child import Child, ChildDied, serve
from swaveval.runs.machine import cores, free_bytes

# A process takes about as long to start as that many figures.
FIGURES_PER_PROCESS = 16
BYTES_PER_PROCESS = 512 << 20
_AHEAD = 2  # figures that a process has in hand, so that it never waits for the next


def beside(figures: int, jobs: int | None) -> int:
    """How many processes to start beside this one.

    Args:
        figures: to be drawn. jobs: processes that may work at the same time; as many as there are cores for None.
    """
    most = min(cores() if jobs is None else jobs, figures // FIGURES_PER_PROCESS, free_bytes() // BYTES_PER_PROCESS)
    return max(0, most - 1)


class Drawers:
    """What draws a run's figures. The other processes are started at once, so that they get ready while the page is
    written; `close` ends them.

    Args:
        out: the directory that holds `results/`.
        series, verdict: of these results.
        jobs: processes that may work at the same time; as many as there are cores, unless given.
    """

    def __init__(self, out: Path, series: Series, verdict: Verdict, jobs: int | None = None) -> None:
        self._out = out
        self._figures = drawing(series, verdict)
        self._children: dict[Connection, Child] = {}
        for _ in range(beside(len(self._figures.names), jobs)):
            with suppress(OSError, ChildDied):  # no further process is allowed: those that there are draw more
                child = Child(__name__)
                child.send((out, verdict))
                self._children[child.connection] = child

    def write(self) -> Drawn:
        """Draw all figures and write them; the same files, whoever draws."""
        return write_drawn(self._out, self._figures, self._made())

    def close(self) -> None:
        for child in self._children.values():
            child.kill()
        self._children.clear()

    def _made(self) -> Iterator[tuple[str, Made]]:
        """Each figure once, as it is drawn. What a process that dies had in hand is drawn here."""
        waiting = deque(self._figures.names)
        hands: dict[Connection, list[str]] = {}  # of processes that are ready
        while waiting or any(hands.values()):
            for connection in self._telling(wait_for=None if not waiting else 0):
                try:
                    yield from self._heard(connection, hands)
                    while waiting and len(hands[connection]) < _AHEAD:
                        self._children[connection].send(waiting[0])
                        hands[connection].append(waiting.popleft())
                except ChildDied:
                    del self._children[connection]
                    waiting.extendleft(hands.pop(connection, ()))
            if waiting:
                name = waiting.popleft()
                yield name, self._figures.made(name)

    def _telling(self, *, wait_for: float | None) -> list[Connection]:
        """Those of them that have something to say or have ended."""
        return [found for found in wait(list(self._children), wait_for) if isinstance(found, Connection)]

    def _heard(self, connection: Connection, hands: dict[Connection, list[str]]) -> Iterator[tuple[str, Made]]:
        child = self._children[connection]
        answer = child.read()
        if connection in hands:
            hands[connection].remove(answer[0])
            yield answer
        elif answer == (self._figures.names, self._figures.source):
            hands[connection] = []
        else:
            raise ChildDied(child.end())  # the results are others by now


def main() -> None:
    """One of them."""
    connection = serve()
    with suppress(EOFError):
        out, verdict = connection.recv()
        figures = drawing(Series.load(out), verdict)
        connection.send((figures.names, figures.source))
        while True:
            name = connection.recv()
            connection.send((name, figures.made(name)))
