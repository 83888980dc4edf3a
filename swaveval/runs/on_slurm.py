"""The executor `slurm`: tasks as one job array, submitted by submitit; results are files on the shared disk.

This process looks at the results as they appear, so it shows progress while jobs run. A job that is preempted, runs
into its time limit or loses its node is requeued, and does what is left of its tasks.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from swaveval.results import ResultStore
from swaveval.runs.attempts import Attempt
from swaveval.runs.away import Errand, Returned
from swaveval.runs.executors import Done
from swaveval.runs.job import Job
from swaveval.runs.local import Local
from swaveval.runs.progress import doing
from swaveval.runs.request import RunError
from swaveval.runs.sharing import Shared
from swaveval.runs.tasks import BackboneTask, SeriesTask, Task

_ATTEMPTS = 3
_ABSENT_SECONDS = 15.0  # a job that Slurm does not name for so long, and that left no result, is lost


@dataclass
class Slurm:
    """Has tasks done by an array of Slurm jobs.

    Attributes:
        partition: that jobs go to; empty for the cluster's default.
        minutes: time limit of a job; one that reaches it is requeued and goes on.
        cpus: processors of a job.
        gpus: of a job.
        memory_gb: of a job; None for the partition's default.
        at_once: jobs that may run at the same time.
        tasks: of a job: checkpoints that it does one after another.
        options: further options of sbatch, as `{"account": "vision", "qos": "low"}`.
        look_seconds: between looks at the results.
    """

    partition: str = ""
    minutes: int = 240
    cpus: int = 4
    gpus: int = 0
    memory_gb: float | None = None
    at_once: int = 64
    tasks: int = 1
    options: Mapping[str, str | int] = field(default_factory=dict)
    look_seconds: float = 2.0
    _running: "list[_Submitted]" = field(default_factory=list, init=False, repr=False)
    _here: Local = field(default_factory=Local, init=False, repr=False)

    def __post_init__(self) -> None:
        if min(self.minutes, self.cpus, self.at_once, self.tasks) < 1 or self.gpus < 0 or self.look_seconds <= 0:
            raise ValueError("slurm: minutes, cpus, at_once and tasks are at least 1, gpus at least 0")
        _submitit()
        if missing := [name for name in ("sbatch", "srun", "squeue", "scancel") if shutil.which(name) is None]:
            raise RunError(
                f"no {missing[0]} on this machine: --executor slurm is for a machine from which jobs are submitted"
            )

    def run(self, tasks: Iterable[Task], job: Job) -> Iterator[Done]:
        todo = list(tasks)
        if (share := _own_share()) is not None:
            # Inside an array of jobs, each of which runs this command: they begin at different places, and share.
            begin = int(share * len(todo))
            yield from self._here.run(todo[begin:] + todo[:begin], job)
            return
        large = [task for task in todo if isinstance(task, BackboneTask | SeriesTask)]
        # Others are of no more work than submitting them.
        yield from self._here.run([task for task in todo if task not in large], job)
        if any(task.looks_at_images for task in large):
            _ = job.workspace.pixels
        try:
            with Shared(large, job) as shared:
                yield from self._all(shared, job)
        except BaseException:  # also when nobody wants the rest
            self.close()
            raise

    def _all(self, shared: Shared, job: Job) -> Iterator[Done]:
        while shared.waiting or self._running:
            ours = []
            while (attempt := shared.take()) is not None:
                yield from shared.done_by_others(attempt)
                if attempt.left:
                    ours.append(attempt)
                else:
                    shared.over(attempt)
            if ours:
                self._submit(ours, job)
            time.sleep(self.look_seconds)
            yield from shared.watch()
            yield from self._look(shared, job)

    def close(self) -> None:
        self._here.close()
        ids = sorted({submitted.job.job_id.partition("_")[0] for submitted in self._running})
        self._running = []
        if ids:
            subprocess.run(["scancel", *ids], check=False, capture_output=True)

    def _submit(self, attempts: Sequence[Attempt], job: Job) -> None:
        folder = job.request.out / "cache" / "slurm" / datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        executor = _submitit().AutoExecutor(folder=folder.absolute(), cluster="slurm")
        further = {name.replace("-", "_"): value for name, value in self.options.items()}
        executor.update_parameters(
            name="swaveval",
            timeout_min=self.minutes,
            cpus_per_task=self.cpus,
            slurm_array_parallelism=self.at_once,
            slurm_additional_parameters={"requeue": True, **further},
            **({"slurm_partition": self.partition} if self.partition else {}),
            **({"gpus_per_node": self.gpus} if self.gpus else {}),
            **({"mem_gb": self.memory_gb} if self.memory_gb is not None else {}),
        )
        errand = Errand(job, str(Path.cwd()), "", self.cpus)
        parts = [attempts[start : start + self.tasks] for start in range(0, len(attempts), self.tasks)]
        shares = [Share(errand, tuple(attempt.rest for attempt in part)) for part in parts]
        for attempt in attempts:
            attempt.tries += 1
        try:
            jobs = executor.map_array(Working(), shares)
        except (_submitit().core.utils.FailedJobError, OSError) as error:
            told = [line for line in str(error).splitlines() if line.strip()]
            raise RunError(
                f"Slurm took no jobs: {told[-1] if told else type(error).__name__}; `sinfo` says what there is"
            ) from None
        for part, submitted in zip(parts, jobs, strict=True):
            self._running.append(_Submitted(submitted, tuple(part)))

    def _look(self, shared: Shared, job: Job) -> Iterator[Done]:
        """The cells that are there since the last look; attempts whose job is lost are to be begun again."""
        if not self._running:
            return
        states = _states([submitted.job.job_id for submitted in self._running])
        for submitted in list(self._running):
            # Looked at before its results: what a finished job has stored is then there.
            over = submitted.is_over(states)
            yield from submitted.finished(job.workspace.store)
            if not over:
                continue
            self._running.remove(submitted)
            for attempt in submitted.attempts:
                if attempt.left and attempt.tries < _ATTEMPTS:
                    shared.again(attempt)
                    continue
                yield from attempt.failed(submitted.why(), job.workspace.store)
                shared.over(attempt)
        held = [state for state in states.values() if state in ("PENDING", "RUNNING")]
        doing(job.workspace.progress, f"Slurm: {held.count('RUNNING')} jobs running, {held.count('PENDING')} waiting")


@dataclass(frozen=True)
class Share:
    """What one job of the array does; picklable, and the same again when the job is requeued.

    Attributes:
        errand: the evaluation.
        tasks: what is to do.
    """

    errand: Errand
    tasks: tuple[Task, ...]

    def do(self) -> None:
        """In the job: every task, less what an earlier start of this job has stored."""
        for task in self.tasks:
            attempt = Attempt(task)
            for cell in attempt.stored(self._store):
                attempt.done(cell)
            if attempt.left:
                for given in self.errand.perform(attempt.rest):
                    if isinstance(given, Returned):
                        attempt.done(given.cell)

    @property
    def _store(self) -> ResultStore:
        if Path(self.errand.directory).is_dir():
            os.chdir(self.errand.directory)
        return ResultStore(self.errand.job.request.out / "results")


class Working:
    """What submitit calls in a job."""

    def __call__(self, share: Share) -> None:
        # A job that is requeued or cancelled has all its processes terminated at once. What is stored is whole, so this
        # one goes like them, before it takes the end of the process that reads checkpoints for a fault of a file.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
        share.do()

    def checkpoint(self, share: Share) -> Any:
        """What is submitted when the time limit is near: the same, which does what is left."""
        return _submitit().helpers.DelayedSubmission(self, share)


@dataclass
class _Submitted:
    """A job of the array.

    Attributes:
        job: submitit's. attempts: what it does.
    """

    job: Any
    attempts: tuple[Attempt, ...]
    _absent_since: float | None = None

    def finished(self, store: ResultStore) -> Iterator[Done]:
        for attempt in self.attempts:
            yield from map(attempt.done, attempt.stored(store))

    def is_over(self, states: Mapping[str, str]) -> bool:
        """Whether it has ended, well or not."""
        if self.job.paths.result_pickle.exists():
            return True
        if self.job.job_id in states:
            self._absent_since = None
            return False
        self._absent_since = self._absent_since or time.monotonic()
        return time.monotonic() - self._absent_since > _ABSENT_SECONDS

    def why(self) -> str:
        """How it ended, for the cells that are left."""
        told = (self.job.stderr() or "").strip().splitlines()
        last = f": {told[-1][:300]}" if told else ""
        return f"Slurm job {self.job.job_id} ended without it{last}; run again to do what is left"


def _own_share() -> float | None:
    """Where this process begins, in 0…1, if it is one of an array of jobs that all run the same command."""
    names = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX")
    try:
        own, first, last = (int(os.environ[name]) for name in names)
    except (KeyError, ValueError):
        return None
    return (own - first) / (last - first + 1)


def _states(ids: Sequence[str]) -> dict[str, str]:
    """Slurm's word for each job that it still knows; a requeued job is one of them."""
    arrays = sorted({each.partition("_")[0] for each in ids})
    asked = subprocess.run(
        ["squeue", "--noheader", "--array", "--format=%i %T", f"--jobs={','.join(arrays)}"],
        check=False,
        capture_output=True,
        text=True,
    )
    if asked.returncode and "Invalid job id" not in asked.stderr:
        return dict.fromkeys(ids, "UNKNOWN")  # the controller is away: jobs go on without it
    over = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE")
    lines = (line.split() for line in asked.stdout.splitlines() if line.strip())
    return {each: state for each, state in lines if state not in over}


def _submitit() -> Any:
    try:
        import submitit
    except ImportError:
        raise RunError("--executor slurm needs the package submitit: pip install 'swaveval[slurm]'") from None
    return submitit
