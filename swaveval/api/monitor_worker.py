"""The process that evaluates snapshots beside a training, started by `api.background`."""

import contextlib
import os
import sys
from multiprocessing.connection import Connection

from swaveval.runs.child import serve
from swaveval.runs.progress import Once, Silent

# Below the training, which is what people wait for.
NICENESS = 10


class _Notes(Silent):
    """Passes messages on, and nothing else: the training may not listen for hours."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def message(self, text: str) -> None:
        self._connection.send(("message", text))


def main() -> None:
    """Be told once what to evaluate, then evaluate when asked: what was asked for meanwhile is one evaluation."""
    connection = serve()
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICENESS)
    try:
        paths, threads, packed = connection.recv()
        # At the end: a module of ours must not be hidden by a file beside the training's script.
        sys.path += [entry for entry in paths if entry not in sys.path]
        import cloudpickle
        import torch

        torch.set_num_threads(threads)
        rounds = cloudpickle.loads(packed)
        notes = Once(_Notes(connection))
        while True:
            asked = [connection.recv()]
            while connection.poll():
                asked.append(connection.recv())
            connection.send(("told", rounds.evaluate(notes, last=any(asked)), len(asked)))
    except EOFError:  # the training is over
        return
