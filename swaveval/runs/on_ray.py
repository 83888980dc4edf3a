"""The executor `ray`: tasks on a Ray cluster, or on this machine's processors by Ray.

A node that dies costs what it was doing at that moment. Where a node does not share the directory of results, its
results, and the features that the series is read from, are sent back.
"""

import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swaveval.features.extract import choose_device
from swaveval.runs.attempts import Attempt
from swaveval.runs.away import Begun, Errand, mark, unmark
from swaveval.runs.executors import Done
from swaveval.runs.job import Job
from swaveval.runs.local import BESIDE
from swaveval.runs.progress import doing
from swaveval.runs.request import RunError
from swaveval.runs.sharing import Shared
from swaveval.runs.tasks import Task

_ATTEMPTS = 4  # nodes come and go
_LOOK_SECONDS = 1.0
_REACH_SECONDS = 10.0


@dataclass
class Ray:
    """Has every task done by Ray.

    Attributes:
        address: of the cluster, `host:port` or `ray://host:port`; empty for RAY_ADDRESS, else the one that runs on this
            machine, else one that is begun for this evaluation.
        threads: processors of a task.
        gpus: of a task, also parts of one; None for one where the evaluation may use GPUs and the cluster has some.
        shared: whether all nodes share the directory of results; None to look.
    """

    address: str = ""
    threads: int = 2
    gpus: float | None = None
    shared: bool | None = None
    _errand: Any = field(default=None, init=False, repr=False)
    _marker: str = field(default="", init=False, repr=False)
    _job: Job | None = field(default=None, init=False, repr=False)
    _ours: bool = field(default=False, init=False, repr=False)
    _apart: bool = field(default=False, init=False, repr=False)
    _running: dict[Any, Attempt] = field(default_factory=dict, init=False, repr=False)
    _at: dict[Any, str] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.threads < 1 or (self.gpus is not None and self.gpus < 0):
            raise ValueError("ray: threads is at least 1, gpus at least 0")
        _ray()

    def run(self, tasks: Iterable[Task], job: Job) -> Iterator[Done]:
        todo = list(tasks)
        if not todo:
            return
        self._begin(job, looking=any(task.looks_at_images for task in todo))
        try:
            with Shared(todo, job) as shared:
                yield from self._all(shared, job)
        except BaseException:  # also when nobody wants the rest
            self._abandon()
            raise

    def _all(self, shared: Shared, job: Job) -> Iterator[Done]:
        while shared.waiting or self._running:
            while (attempt := shared.take()) is not None:
                yield from shared.done_by_others(attempt)
                if attempt.left and self._apart and attempt.task.owners is not None:
                    # A series is read from the features of all backbones, which lie here.
                    yield from map(attempt.done, job.perform(attempt.rest))
                if attempt.left:
                    self._submit(attempt)
                else:
                    shared.over(attempt)
            if shared.waiting:
                yield from shared.watch()
            if not self._running:
                time.sleep(_LOOK_SECONDS if shared.waiting else 0)
                continue
            ready, _ = _ray().wait(list(self._running), num_returns=1, timeout=_LOOK_SECONDS)
            for stream in ready:
                yield from self._hear(stream, shared)

    def close(self) -> None:
        self._abandon()
        if self._job is not None:
            unmark(self._job.request.out, self._marker)
            self._job = None
        if self._ours:
            _ray().shutdown()
            self._ours = False

    def _begin(self, job: Job, *, looking: bool) -> None:
        """Connect, decode the images once, send the evaluation."""
        if self._job is not None:
            return
        ray = _ray()
        if not ray.is_initialized():
            try:
                self._reach()
                ray.init(
                    address=self.address or None,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level="error",
                    configure_logging=False,
                )
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise RunError(
                    f"Ray cannot be reached at {self.address or os.environ.get('RAY_ADDRESS') or 'this machine'}: "
                    f"{str(error).strip().splitlines()[0]}; `ray status` says what runs, --executor local needs none"
                ) from None
            self._ours = True
        if looking:
            _ = job.workspace.pixels
        self._job = job
        self._marker = mark(job.request.out)
        shared = {None: self._marker, True: "", False: "-"}[self.shared]
        self._errand = ray.put(Errand(job, str(Path.cwd()), shared, self.threads))

    def _reach(self) -> None:
        """Ray itself tries for minutes to reach a machine that does not answer.

        Raises:
            ConnectionError: it does not.
        """
        host, _, port = (self.address or os.environ.get("RAY_ADDRESS", "")).removeprefix("ray://").rpartition(":")
        if host and port.isdecimal():
            try:
                socket.create_connection((host, int(port)), timeout=_REACH_SECONDS).close()
            except OSError as error:
                raise ConnectionError(str(error)) from None

    def _submit(self, attempt: Attempt) -> None:
        ray = _ray()
        attempt.tries += 1
        options = {
            "num_cpus": min(self.threads, max(1.0, ray.cluster_resources().get("CPU", 1.0))),
            "num_gpus": self._gpus(),
            "max_retries": 0,  # what is left is submitted anew, not the whole task
            "num_returns": "streaming",
            "name": f"swaveval {attempt.task.name}",
        }
        # Ray wants a generator function, and a lambda is one whatever checks types.
        begun = ray.remote(lambda errand, task: (yield from errand.perform(task)))
        stream = begun.options(**options).remote(self._errand, attempt.rest)
        self._running[stream] = attempt

    def _gpus(self) -> float:
        if self.gpus is not None:
            return self.gpus
        assert self._job is not None
        wanted = self._job.request.device
        has = _ray().cluster_resources().get("GPU", 0.0) > 0
        return float(has and (wanted == "auto" or choose_device(wanted).startswith("cuda")))

    def _hear(self, stream: Any, shared: Shared) -> Iterator[Done]:
        """Take what one task has given."""
        ray, job, attempt = _ray(), self._job, self._running[stream]
        assert job is not None
        try:
            given = ray.get(next(stream))
        except StopIteration:
            self._over(stream)
            shared.over(attempt)
            return
        except ray.exceptions.RayTaskError as error:
            self._over(stream)
            raise error.cause if isinstance(error.cause, Exception) else RunError(str(error)) from None
        except ray.exceptions.RayError as error:
            self._over(stream)
            if attempt.tries < _ATTEMPTS and attempt.left:
                shared.again(attempt)
                return
            reason = f"lost with its node {attempt.tries} times ({type(error).__name__}); run again to do what is left"
            yield from attempt.failed(reason, job.workspace.store)
            shared.over(attempt)
            return
        if isinstance(given, Begun):
            self._apart |= not given.shares
            self._at[stream] = f"{attempt.task.name} on {given.where}"
            doing(job.workspace.progress, BESIDE.join(self._at.values()))
            return
        given.files.store(job.request.out)
        yield attempt.done(given.cell)

    def _over(self, stream: Any) -> None:
        del self._running[stream]
        self._at.pop(stream, None)

    def _abandon(self) -> None:
        for stream in list(self._running):
            with suppress(Exception):  # it may be gone already
                _ray().cancel(stream, force=True)
            self._over(stream)


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise RunError(
            "--executor ray needs the package ray: pip install 'swaveval[ray]' (here and on every node)"
        ) from None
    return ray
