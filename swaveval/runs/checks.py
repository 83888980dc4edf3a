"""What can be known before anything is opened: settings out of range, devices that are not there, no place to write."""

from dataclasses import replace

from swaveval.data.sources import check_images
from swaveval.features.devices import check_device
from swaveval.results.places import check_writable
from swaveval.results.precision import PRECISIONS
from swaveval.runs.executors import make_executor
from swaveval.runs.losses import check_log
from swaveval.runs.machine import cores
from swaveval.runs.progress import Progress
from swaveval.runs.request import LOCAL, RunError, RunRequest
from swaveval.runs.specs import make_specs

LARGEST_SEED = 2**32 - 1  # of numpy's and scikit-learn's generators


def check_plan(request: RunRequest) -> None:
    """What the plan depends on.

    Raises:
        RunError: the seed is out of range, no evaluator is named, a sample of fewer than two images, or there is no
            such precision.
    """
    if not 0 <= request.seed <= LARGEST_SEED:
        raise RunError(f"the seed is {request.seed}; it takes 0 to {LARGEST_SEED}")
    if request.precision not in ("auto", *PRECISIONS):
        raise RunError(f"there is no precision {request.precision[:40]!r}; --precision takes auto, fp32, bf16 or fp16")
    if request.sample is not None and request.sample < 2:
        raise RunError(f"--images is {request.sample}; it takes 2 or more: one image to train and one to test with")
    if not request.evaluators:
        raise RunError("no evaluator is named; `swaveval evaluators` lists them, and without --evaluators all are used")


def check_run(request: RunRequest, progress: Progress) -> RunRequest:
    """What the work needs; gives the request with no more jobs than the machine can do.

    Raises:
        RunError: jobs below 1, a loss log that is none, or an executor or a limit that cannot be had. DeviceError: the
            device is not there. OutputError: nothing can be written to `out`.
    """
    check_plan(request)
    if request.jobs is not None and request.jobs < 1:
        raise RunError(f"--jobs is {request.jobs}; it takes 1 or more: the checkpoints evaluated at the same time")
    if request.in_memory and request.executor != LOCAL:
        raise RunError(
            f"what is in memory is evaluated where it is: executor {request.executor} takes checkpoints from files; "
            "leave it out, or save them first"
        )
    if request.cell_timeout is not None and (request.in_memory or request.opened is not None):
        raise RunError(
            "what is in memory is evaluated where it is, so the time of a cell cannot be limited; leave out "
            "--cell-timeout, or save checkpoints and images first"
        )
    check_device(request.device)
    check_log(request.loss_log, request.loss_pattern, ckpt_dir=None if request.in_memory else request.directory)
    check_writable(request.out)
    if request.jobs is not None and request.jobs > cores():
        progress.message(f"--jobs {request.jobs}, but there are {cores()} processors: {cores()} at a time")
        return replace(request, jobs=cores())
    return request


def check_evaluation(request: RunRequest, progress: Progress) -> None:
    """What would stop an evaluation by its name alone is said before hours of training are waited for.

    Raises:
        RunError, PluginError, DeviceError, OutputError, DataError: it cannot be as asked for.
    """
    check_run(request, progress)
    make_specs(request.evaluators)
    make_executor(request.executor).close()
    if request.data is not None and request.opened is None:
        check_images(request.data)
