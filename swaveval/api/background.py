"""Evaluating snapshots in a process beside the training, which goes on meanwhile."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import cloudpickle

from swaveval.api.rounds import Rounds, SavedRounds, Told
from swaveval.runs.child import Child, ChildDied
from swaveval.runs.machine import cores
from swaveval.runs.progress import Progress

WORKER = "swaveval.api.monitor_worker"
# One that dies again and again (no memory, say) is not started for ever.
MOST_STARTS = 3


class Background:
    """A process that does the rounds. Snapshots lie on disk, so one that dies loses none of them."""

    def __init__(self, rounds: Rounds | SavedRounds, threads: int | None, progress: Progress) -> None:
        """Args:
        threads: that it computes with; None: as many processors as the training's torch leaves, one at least.
        """
        import torch

        self._packed = cloudpickle.dumps(rounds)
        self._threads = threads or max(1, cores() - torch.get_num_threads())
        self._progress = progress
        self._child: Child | None = None
        self._starts = self._asked = 0
        self._writer = ThreadPoolExecutor(1, "writes snapshots")
        self._writing: Future[None] | None = None
        self._lock, self._kept = threading.RLock(), list[Told]()  # what a thread was told

    def hand_over(self, write: Callable[[], object]) -> list[Told]:
        """Have a snapshot written, then evaluated, while the training goes on; gives what was told meanwhile.

        The one before is waited for, so that no more than one is in memory. One that cannot be written is told.
        """
        self._written()
        if self._child is None and self._starts < MOST_STARTS:
            self._start()  # by this thread, whose end ends it
        self._writing = self._writer.submit(self._write, write)
        return self.heard()

    def ask(self, *, last: bool = False) -> list[Told]:
        """Have what is there evaluated; gives what was told meanwhile."""
        with self._lock:
            found = self.heard()
            if self._child is None:
                if self._starts >= MOST_STARTS:
                    return found
                self._start()
            try:
                assert self._child is not None
                self._child.send(last)
                self._asked += 1
            except ChildDied as death:
                found.append(self._lost(death))
            return found

    def heard(self) -> list[Told]:
        """What was told since the last call; does not wait."""
        with self._lock:
            found, self._kept = self._kept, []
            while self._child is not None:
                try:
                    if not self._child.connection.poll(0):
                        if self._child.lives:
                            break
                        self._child.read()  # raises, with how it ended
                    found += self._taken(self._child.read())
                except ChildDied as death:
                    found.append(self._lost(death))
            return found

    def finish(self) -> list[Told]:
        """Wait for a last evaluation of everything, and end the process."""
        self._written()
        found = self.ask(last=True)
        while self._child is not None and self._asked:
            try:
                found += self._taken(self._child.receive())
            except ChildDied as death:
                found.append(self._lost(death))
                found += self.ask(last=True)
        self.stop()
        return found

    def stop(self) -> None:
        """End the process at once; what it had in hand is done by whoever goes on."""
        self._written()
        self._writer.shutdown()
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _write(self, write: Callable[[], object]) -> None:
        try:
            write()
        except OSError as error:
            with self._lock:
                self._kept.append(Told(problems=(f"a snapshot could not be written, and is not evaluated: {error}",)))
        else:
            with self._lock:
                found = self.ask()  # which takes what was kept
                self._kept += found

    def _written(self) -> None:
        """Wait until nothing is being written; raises what went wrong that nobody expects."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def _start(self) -> None:
        self._starts += 1
        self._asked = 0
        self._child = Child(WORKER)
        self._child.send((list(sys.path), self._threads, self._packed))

    def _taken(self, message: tuple[Any, ...]) -> list[Told]:
        kind, content, *counted = message
        if kind == "message":
            self._progress.message(content)
        if kind != "told":
            return []
        self._asked -= counted[0]  # what was asked for while it was busy is one evaluation
        self._starts = 0
        return [content]

    def _lost(self, death: ChildDied) -> Told:
        self._child = None
        again = "it is started again" if self._starts < MOST_STARTS else "no more evaluations are begun"
        return Told(problems=(f"the process that evaluates beside the training {death}; {again}",))
