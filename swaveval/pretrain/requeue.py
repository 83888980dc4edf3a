"""A training in a Slurm job: put into the queue again when the job's time is nearly over, and going on from there.

Lightning does so too, by a file of its own in the current directory, from the midst of an epoch; any such file there is
loaded in place of fresh weights, whoever wrote it. Here a training goes on from its last finished epoch, as ever.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

from swaveval.pretrain.ranks import is_launched, number, slurm_step


def cluster() -> list[SLURMEnvironment]:
    """Slurm for Lightning, without its requeueing; nothing elsewhere."""
    return [SLURMEnvironment(auto_requeue=False)] if slurm_step() else []


def is_restarted() -> bool:
    """Whether Slurm has started this job before: preempted, its node lost, or put into the queue again."""
    return _in_a_job() and number("SLURM_RESTART_COUNT") > 0


@contextmanager
def requeueing() -> Iterator[None]:
    """Within, SIGUSR1 (`sbatch --signal=USR1@120`) puts a Slurm job into the queue again, and ends as Ctrl-C does.

    Where Slurm refuses, that is said and the training goes on to the job's end.
    """
    if not _in_a_job() or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGUSR1, _requeue)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def _in_a_job() -> bool:
    """With tasks that srun started, or none but the script itself."""
    return bool(os.environ.get("SLURM_JOB_ID"))


def _requeue(_number: int, _frame: FrameType | None) -> None:
    if number("SLURM_PROCID") or is_launched():
        return  # the first process speaks for all, and Slurm ends them
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    job = f"{array}_{number('SLURM_ARRAY_TASK_ID')}" if array else os.environ.get("SLURM_JOB_ID", "")
    try:
        asked = subprocess.run(
            ["scontrol", "requeue", job], capture_output=True, text=True, errors="replace", check=False, timeout=60
        )
        said = asked.stderr.strip() or asked.stdout.strip() or f"exit status {asked.returncode}"
        refused = said if asked.returncode else ""
    except (OSError, subprocess.SubprocessError) as error:
        refused = str(error)
    if refused:
        _say(f"Slurm did not put job {job} into the queue again ({refused[:200]}); the training goes on")
        return
    _say(f"job {job} is in the queue again, and goes on from the last finished epoch")
    raise KeyboardInterrupt


def _say(text: str) -> None:
    """Whatever else is being written at this moment."""
    sys.stderr.flush()
    os.write(2, f"swaveval: {text}\n".encode())
