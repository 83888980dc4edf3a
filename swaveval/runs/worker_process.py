"""Our side of a worker process: it is started, told what it needs, and given tasks."""

from multiprocessing.reduction import send_handle

from swaveval.checkpoints.kept import KeptBackbones
from swaveval.runs.child import Child, ChildDied
from swaveval.runs.tasks import Task


class WorkerProcess(Child):
    """Does the tasks of one job, one after the other.

    What it sends: `("cell", cell)` for each that is stored, `("doing", text)`, `("message", text)`, then
    `("done", None)`; or `("failed", error)`, and it ends.
    """

    def __init__(self) -> None:
        super().__init__("swaveval.runs.worker")

    def prepare(self, job: object, *, threads: int, kept: KeptBackbones | None = None) -> None:
        """Give it its job, once.

        Args:
            job: a `Job`, which travels as a copy.
            threads: that it computes with.
            kept: networks that need no reading any more.

        Raises:
            ChildDied: it is gone.
        """
        handed = None if kept is None else kept.hand_over()
        self.send(("prepare", job, threads, handed))
        if kept is None:
            return
        try:
            send_handle(self.connection, kept.descriptor, self.pid)
        except (OSError, RuntimeError):  # macOS has it acknowledged
            raise ChildDied(self.end()) from None

    def begin(self, task: Task) -> None:
        """Have it do a task.

        Raises:
            ChildDied: it is gone.
        """
        self.send(("task", task))
