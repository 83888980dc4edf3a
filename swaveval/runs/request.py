"""What the user asked for, resolved against what `swaveval pretrain` wrote beside the checkpoints."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal

from swaveval.checkpoints import CheckpointSource, Directory, LoadOptions
from swaveval.checkpoints.discovery import fixed_directory, is_pattern
from swaveval.data import ImageSet
from swaveval.data.errors import DataError
from swaveval.data.label_option import is_word, table_and_column
from swaveval.data.reading import AS_LOADERS, BEFORE_OPTIONS, OPTIONS, Reading, reading_from
from swaveval.data.sample import Sample
from swaveval.data.trained import TrainingImages, read_training_images
from swaveval.data.transforms import EvalTransform
from swaveval.errors import SwavevalError
from swaveval.results import ResultStore, StoreError
from swaveval.runs.names import slug
from swaveval.runs.recipe import recipe

DEFAULT_EVALUATORS = (
    "knn",
    "linear",
    "lowshot",
    "clusters",
    "prototypes",
    "spectrum",
    "intrinsic",
    "views",
    "dse",
    "stability",
    "umap",
    "gallery",
    "drift",
)
LOCAL = "local"
# Of the training settings, what is calculated with.
_NUMBERS = ("prototypes", "temperature", "epsilon", "sinkhorn_iterations")


class RunError(SwavevalError):
    """The evaluation cannot start; the message says what was wrong, what was found and what to do."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """An evaluation as asked for.

    Attributes:
        checkpoints: directory of checkpoints, one file, or a pattern of files.
        out: where `index.html`, `verdict.json`, `results/`, `figures/` go.
        data: path or name of the images; None takes what run.json says.
        labels: table of labels, or a word: `none`, `folders[:N]`, `names[:REGEX]`; None takes what run.json says.
        pixels: what was said about reading pixels (`range`, `bands`, `pages`, `alpha`, `exif` → text); what was not
            said is taken from run.json, else the defaults.
        reading: that, filled in.
        channels: that the checkpoints' first layers take; filled in when they have been read.
        evaluators: names, `module:Class` or `file.py:Class`, in page order.
        seed: of probes, k-means, maps, bootstraps.
        split_seed: of the split that is drawn when the data gives none; None takes run.json's, so that no image that
            was trained on is tested on, else `seed`.
        transform: eval transform; None takes run.json's, else one that fits the images.
        normalisation: `mean`, `std`, `order`, `interpolation` of the eval transform that the user gave; they win over
            `transform`'s.
        transform_recorded: whether the transform is the training run's own record.
        trained_with: the transform of that record, whether it is taken or not; None where there is none.
        load: how checkpoints may be read.
        device: torch device, or `auto`.
        precision: of the networks: `fp32`, `bf16`, `fp16`, or `auto` (see `runs.precision`), which is filled in.
        precision_why: how it was chosen, in words.
        jobs: checkpoints evaluated at the same time; None: as many as fit the machine and the work.
        executor: who does the work, `NAME` or `NAME(parameter=value)`.
        name: the run's name on pages; defaults to the run directory's.
        loss_log: a file with the training loss, or a tracker's store (`PLACE:RUN`), when it is not found by itself.
        loss_pattern: regular expression with the groups `loss`, `epoch`, `step` for a text log.
        hyperparameters: training settings, from run.json as far as known.
        recipe: digest of the training's settings but its seed (see `recipe`); empty where not all are known.
        command: the command line, for the page.
        images: whether pictures of the data may stand in the page.
        figures: whether figures for papers are written, some two hundred files.
        force: redo cells that are done. retry: try again what failed.
        training_data: the part `data` of run.json; empty where there is none.
        one_run: take the checkpoints for one run whatever speaks against it.
        source: where the checkpoints come from, when that is no directory; `checkpoints` names them then.
        opened: the images, when they are in memory; `sample` is drawn from them already.
        budget: seconds that the evaluation may take; None: as long as it needs.
        cell_timeout: seconds that one evaluator may take on one backbone; None: as long as it needs.
        published: address that the results are sent to as well (see `runs.published`); empty for none.
        sample: how many of the images are evaluated, drawn by `seed`; None for all.
    """

    checkpoints: Path
    out: Path
    data: str | None = None
    labels: Path | None = None
    pixels: Mapping[str, str] = field(default_factory=dict)
    reading: Reading = AS_LOADERS
    channels: int | None = None
    evaluators: tuple[str, ...] = DEFAULT_EVALUATORS
    seed: int = 0
    split_seed: int | None = None
    transform: EvalTransform | None = None
    transform_recorded: bool = False
    trained_with: EvalTransform | None = None
    normalisation: Mapping[str, Any] = field(default_factory=dict)
    load: LoadOptions = field(default_factory=LoadOptions)
    device: str = "auto"
    precision: str = "fp32"
    precision_why: str = ""
    jobs: int | None = 1
    executor: str = LOCAL
    name: str = ""
    loss_log: Path | None = None
    loss_pattern: str = ""
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    recipe: str = ""
    command: str = ""
    images: bool = True
    figures: bool = False
    force: bool = False
    retry: bool = True
    training_data: Mapping[str, Any] = field(default_factory=dict)
    one_run: bool = False
    source: CheckpointSource | None = None
    opened: ImageSet | None = None
    sample: int | None = None
    budget: float | None = None
    cell_timeout: float | None = None
    published: str = ""

    @property
    def in_memory(self) -> bool:
        """Whether there is no directory that checkpoints, loss and settings lie in."""
        return self.source is not None and not isinstance(self.source, Directory)

    @property
    def origin(self) -> CheckpointSource:
        """Where the checkpoints come from."""
        return Directory(self.checkpoints) if self.source is None else self.source

    @property
    def place(self) -> str:
        """What people call where the checkpoints come from: a path, a pattern, or an address."""
        return self.source.shown(self.checkpoints) if isinstance(self.source, Directory) else str(self.checkpoints)

    @property
    def source_in_results(self) -> str:
        """What the results say of where the checkpoints come from: an address, or a path as seen from them."""
        if self.in_memory:
            return ""
        elsewhere = self.source.elsewhere if isinstance(self.source, Directory) else ""
        return elsewhere or relative_source(self.checkpoints, self.out)

    @property
    def owner(self) -> Literal["these", "others", "nobody"]:
        """Whether the results under `out` are of these checkpoints."""
        return _whose(self.out, self.source_in_results, _run_name(self.directory.resolve()))

    @property
    def directory(self) -> Path:
        """Where the checkpoints lie."""
        return fixed_directory(self.checkpoints)


def default_out(checkpoints: Path) -> Path:
    """`report/` beside the checkpoint directory; `report-NAME/` where another evaluation has that place, then `-2` …"""
    directory = fixed_directory(checkpoints).resolve()
    parent = directory.parent
    own = slug(directory.name if checkpoints.is_dir() else f"{directory.name}-{slug(checkpoints.name)}")
    free: Path | None = None
    for name in chain(("report", f"report-{own}"), (f"report-{own}-{number}" for number in count(2))):
        whose = owner(parent / name, checkpoints)
        if whose == "these":
            return parent / name
        free = free or (parent / name if whose == "nobody" else None)
        if free is not None and name != "report":
            break
    return free or parent / "report"


def relative_source(checkpoints: Path, out: Path) -> str:
    """The checkpoints as seen from the results, which stays the same when a run's directory is moved."""
    directory = fixed_directory(checkpoints)
    place = directory.resolve() / checkpoints.relative_to(directory)
    return Path(os.path.relpath(place, out.resolve())).as_posix()


def owner(out: Path, checkpoints: Path) -> Literal["these", "others", "nobody"]:
    """Whether the results under `out` are of these checkpoints. Results that do not say are told by the run's name."""
    return _whose(out, relative_source(checkpoints, out), _run_name(fixed_directory(checkpoints).resolve()))


def free_out(candidates: Iterable[Path], source: str) -> Path:
    """The first of some places that holds the evaluation of these checkpoints, or of none.

    Args:
        source: what results say of where theirs come from.
    """
    return next(place for place in candidates if _whose(place, source, "") != "others")


def _whose(out: Path, source: str, name: str) -> Literal["these", "others", "nobody"]:
    try:
        manifest = ResultStore(out / "results").read_manifest()
    except StoreError:
        return "nobody"
    if manifest.source:
        return "these" if manifest.source == source else "others"
    return "these" if manifest.name == name else "others"


def resolve(request: RunRequest) -> RunRequest:
    """Fill in what the training run recorded; what the user said wins.

    Raises:
        RunError: there is no such checkpoint directory, run.json is unreadable, or nobody says which images to use.
    """
    if request.in_memory:
        return replace(request, split_seed=request.seed, name=request.name or "in memory", jobs=1)
    if isinstance(request.source, Directory):
        request.source.ready()
    directory = request.checkpoints
    if not directory.exists() and not is_pattern(directory):
        raise RunError(f"there is no {directory}; --ckpt-dir takes a directory of checkpoints or one checkpoint file")
    recorded = _recorded(request)
    data = recorded.data
    images, labels = request.data, request.labels
    if images is None and request.opened is None:
        if not data.get("path"):
            raise RunError(
                f"{request.place} was not written by `swaveval pretrain` (no run.json beside it): say which images "
                "to use with --data DIR (class folders, one flat folder, or a name such as digits)"
            )
        images = _existing(str(data["path"]), directory)
        table = data.get("labels")
        labels = labels or (Path(_existing(str(table), directory)) if table else None)
    transform = request.transform
    if transform is None and request.data is None:
        transform = recorded.transform
    base = fixed_directory(directory)
    return replace(
        request,
        data=images,
        labels=labels,
        reading=reading_from(**(recorded.reading | dict(request.pixels))),
        split_seed=next(seed for seed in (request.split_seed, recorded.seed, request.seed) if seed is not None),
        transform=transform,
        training_data=data,
        transform_recorded=request.transform_recorded or (request.transform is None and transform is not None),
        trained_with=recorded.transform,
        name=request.name or _run_name(base.resolve()),
        hyperparameters=request.hyperparameters or recorded.hyperparameters,
        recipe="" if request.hyperparameters else recorded.recipe,
    )


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What run.json says of a training; empty and None where it says nothing.

    Attributes:
        data: path, labels, fingerprint … of the images. seed: of their split. reading: options and their texts.
        transform: of the finished backbone. hyperparameters: flat training settings. recipe: digest of all of them.
    """

    data: Mapping[str, Any]
    seed: int | None
    reading: dict[str, str]
    transform: EvalTransform | None
    hyperparameters: Mapping[str, Any]
    recipe: str


def _recorded(request: RunRequest) -> _Recorded:
    """What run.json says, checked: it may be another program's, or edited by hand.

    Raises:
        RunError: something in it cannot be what it is called.
    """
    run = read_run_json(request) or {}
    parts = {name: run.get(name) or {} for name in ("data", "hyperparameters", "transform")}
    for part, content in parts.items():
        if not isinstance(content, dict):
            raise RunError(f"{part} in {_words(request)} is a {type(content).__name__}, not an object")
    data, settings, shown = parts.values()
    part = "data"
    try:
        seed = data.get("seed")
        seed = None if seed is None else int(seed)
        part = "data.reading"
        words = data.get("reading")
        if words is None:  # what versions before these options did
            words = BEFORE_OPTIONS.words() if data.get("fingerprint") else {}
        reading = {name: str(words[name]) for name in OPTIONS if name in words}
        reading_from(**reading)
        part = "transform"
        transform = _transform(shown) if shown else None
        part = "hyperparameters"
        for name in _NUMBERS:
            if not float(settings.get(name, 1)) > 0:
                raise ValueError(f"{name} is {settings[name]!r}")
    except KeyError as error:
        raise RunError(f"{part} in {_words(request)} cannot be used: it has no {error}") from error
    except (DataError, TypeError, ValueError, OverflowError) as error:
        raise RunError(f"{part} in {_words(request)} cannot be used: {error}") from error
    return _Recorded(data, seed, reading, transform, settings, recipe(run))


def _transform(stored: Mapping[str, Any]) -> EvalTransform:
    size, interpolation = int(stored["size"]), stored.get("interpolation", "bilinear")
    if size < 1 or interpolation not in ("bilinear", "bicubic"):
        raise ValueError(f"size {size}, interpolation {interpolation!r}")
    mean, std = (tuple(float(value) for value in stored[name]) for name in ("mean", "std"))
    return EvalTransform(size=size, interpolation=interpolation, mean=mean, std=std)


def sample_of(request: RunRequest) -> Sample | None:
    """What draws the images, where not all are taken."""
    return None if request.sample is None else Sample(request.sample, request.seed)


def training_images(request: RunRequest) -> TrainingImages | None:
    """The contents of the images that the run was trained on, where swaveval wrote them down."""
    if request.in_memory:
        return None
    base = fixed_directory(request.checkpoints)
    return next((found for run in (base, base.resolve().parent) if (found := read_training_images(run))), None)


def read_run_json(request: RunRequest) -> dict[str, Any] | None:
    """The run.json beside (or inside) the checkpoint directory, or None.

    Raises:
        RunError: it is there but cannot be read.
    """
    words = _words(request)
    try:
        written = request.origin.beside("run.json")
        content = None if written is None else json.loads(written.decode("utf-8"))
    except (ValueError, OSError) as error:
        raise RunError(
            f"{words} cannot be read ({error}); repair or remove it, and name the images with --data"
        ) from error
    if written is not None and not isinstance(content, dict):
        raise RunError(f"{words} is none: it holds a {type(content).__name__}, not an object")
    return content


def _words(request: RunRequest) -> str:
    return f"run.json beside {request.place}"


def _existing(recorded: str, checkpoints: Path) -> str:
    """A recorded path as it is, or beside the run when the run's directory was moved together with it."""
    if Path(recorded).exists() or is_word(recorded) or table_and_column(Path(recorded))[1]:
        return recorded
    base = fixed_directory(checkpoints)
    beside = base.resolve().parent / recorded
    return str(beside) if beside.exists() else recorded


def _run_name(directory: Path) -> str:
    """`runs/demo/checkpoints` is called `demo`; any other directory by its own name."""
    return directory.parent.name if directory.name == "checkpoints" and directory.parent.name else directory.name
