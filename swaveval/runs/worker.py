"""A worker process of `--jobs`: builds its own workspace once, then does one task after another."""

import pickle

from swaveval.runs.child import serve
from swaveval.runs.request import RunError


def main() -> None:
    connection = serve()
    import torch

    from swaveval.runs.executors import run_task

    workspace = None
    while True:
        try:
            kind, *content = connection.recv()
        except EOFError:
            return
        try:
            if kind == "prepare":
                rebuild, threads = content
                torch.set_num_threads(threads)
                workspace = rebuild()
                connection.send(("ready", None))
            elif workspace is not None:
                run_task(workspace, content[0], done=lambda cell: connection.send(("cell", cell)))
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
