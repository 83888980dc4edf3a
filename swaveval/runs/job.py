"""What every task of one evaluation needs, and how another process comes by it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from swaveval.data import ImageSet, default_transform, fitted, open_images
from swaveval.data.held.channels import shown_to
from swaveval.data.sample import Draw
from swaveval.features.extract import ExtractSettings
from swaveval.results import Cell
from swaveval.runs.cells import perform
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.progress import Progress, Silent
from swaveval.runs.request import RunRequest, sample_of, training_images
from swaveval.runs.tasks import Task
from swaveval.runs.timed import TimedWorker
from swaveval.runs.workspace import Workspace


@dataclass(eq=False)
class Job:
    """One evaluation, as an executor gets it.

    Pickled it is the request alone; where it arrives, images are opened and stores are found anew from that, so `out`,
    the checkpoints and the images must lie there under the same paths.

    Attributes:
        request: with everything filled in.
    """

    request: RunRequest
    _workspace: Workspace | None = None
    _timed: TimedWorker | None = None

    @property
    def workspace(self) -> Workspace:
        """Images, features and results, in this process."""
        if self._workspace is None:
            self._workspace = _of_this_process(self.request)
        return self._workspace

    def perform(self, task: Task) -> Iterator[Cell]:
        """Do a task in this process, giving each cell when it is stored.

        Raises:
            OSError: the disk is full or may not be written to. Every other failure is a stored cell.
        """
        if self.request.cell_timeout is None:
            return perform(task, self.workspace)
        if self._timed is None:
            self._timed = TimedWorker(Job(replace(self.request, cell_timeout=None)), self.request.cell_timeout)
        return self._timed.perform(task, self.workspace)

    def close(self) -> None:
        """End what was started to limit the time of cells."""
        if self._timed is not None:
            self._timed.close()

    def cells(self, task: Task) -> list[Cell]:
        """As `perform`, all of them at the end."""
        return list(self.perform(task))

    def __getstate__(self) -> dict[str, Any]:
        return {"request": self.request, "_workspace": None, "_timed": None}


# A process that is sent the same job with each task opens the images once.
_LATEST: list[tuple[RunRequest, Workspace]] = []


def _of_this_process(request: RunRequest) -> Workspace:
    if not (_LATEST and _LATEST[0][0] == request):
        _LATEST[:] = [(request, build_workspace(request))]
    return _LATEST[0][1]


def build_workspace(request: RunRequest, images: ImageSet | None = None, progress: Progress | None = None) -> Workspace:
    """The workspace of a resolved request; opens the images unless given."""
    if images is None and request.opened is not None:
        images = shown_to(request.opened, request.channels)
    if images is None:
        before = training_images(request)
        images = open_images(
            str(request.data),
            labels=request.labels,
            seed=request.split_seed or 0,
            draw=Draw(before.train if before is not None else frozenset(), sample_of(request)),
            reading=request.reading,
            channels=request.channels,
        )
    opened = images
    flip = request.hyperparameters.get("augmentation") != "digits" and opened.name != "digits"
    transform = replace(
        fitted(request.transform or default_transform(opened), opened.channels), **request.normalisation
    )
    return Workspace(
        out=request.out,
        images=opened,
        settings=ExtractSettings(
            transform=transform,
            device=request.device,
            precision="fp32" if request.precision == "auto" else request.precision,  # type: ignore[arg-type]
            flip=flip,
            seed=request.seed,
            swav=_swav_settings(request),
        ),
        seed=request.seed,
        loader=CheckpointLoader(request.origin, request.load),
        progress=progress or Silent(),
    )


def _swav_settings(request: RunRequest) -> tuple[tuple[str, float], ...]:
    """The SwaV loss settings of the training run, as far as run.json tells."""
    names = ("temperature", "epsilon", "sinkhorn_iterations")
    return tuple((name, float(request.hyperparameters[name])) for name in names if name in request.hyperparameters)
