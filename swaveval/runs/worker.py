"""A worker process of the executor `local`: gets its job once, then does one task after another."""

import pickle
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle

from swaveval.imports import no_garbage
from swaveval.runs.child import serve
from swaveval.runs.progress import Silent
from swaveval.runs.request import RunError


class Reports(Silent):
    """Tells the parent process what is being done."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def doing(self, text: str) -> None:
        self._connection.send(("doing", text))

    def message(self, text: str) -> None:
        self._connection.send(("message", text))

    def left(self, seconds: float | None) -> None:
        """Only the parent can tell."""


def main() -> None:
    connection = serve()
    with no_garbage():
        import torch

        from swaveval.checkpoints.kept import KeptBackbones
        from swaveval.runs.job import Job

    job: Job | None = None
    while True:
        try:
            kind, *content = connection.recv()
        except EOFError:
            return
        try:
            if kind == "prepare":
                job, threads, handed = content
                kept = None if handed is None else KeptBackbones(recv_handle(connection), handed=handed)
                torch.set_num_threads(threads)
                job.workspace.progress = Reports(connection)
                job.workspace.loader.kept = kept
                connection.send(("ready", None))
            elif job is not None:
                for cell in job.perform(content[0]):
                    connection.send(("cell", cell))
                connection.send(("done", None))
        except Exception as error:
            connection.send(("failed", _plain(error)))
            return


def _plain(error: Exception) -> Exception:
    """The exception itself where it survives the way to the parent, else its words."""
    try:
        restored = pickle.loads(pickle.dumps(error))
    except Exception:
        return RunError(f"a worker process failed: {type(error).__name__}: {error}")
    return error if type(restored) is type(error) and str(restored) == str(error) else RunError(str(error))
