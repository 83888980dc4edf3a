"""`swaveval.evaluate`: checkpoints, networks in memory or features in, an Evaluation out."""

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from swaveval.api.evaluation import Evaluation
from swaveval.api.in_python import in_python, told_in_python
from swaveval.checkpoints import CheckpointSource, LoadOptions
from swaveval.checkpoints.live import Live
from swaveval.checkpoints.remote.address import check_path, is_address
from swaveval.data import EvalTransform
from swaveval.data.in_memory import images_of, rows_of
from swaveval.features.arrays import Arrays, as_rows
from swaveval.runs.durations import seconds_of
from swaveval.runs.elsewhere import DEFAULT_SIZE, CacheOptions, places
from swaveval.runs.log_to import Destination, destinations, log_to
from swaveval.runs.progress import Progress
from swaveval.runs.published import check_writable_address, publishing
from swaveval.runs.request import DEFAULT_EVALUATORS, LOCAL, RunError, RunRequest, sample_of
from swaveval.runs.run import run

# What features alone cannot tell: it takes images, or weights.
_WITH_IMAGES = frozenset({"views", "gallery", "drift", "prototypes"})


class Options(TypedDict, total=False):
    """How an evaluation is made; everything has a default.

    Attributes:
        out: directory of page and results, or an address that they are sent to. Default: beside the checkpoints; for
            what is in memory a temporary directory, removed when the program ends.
        images: evaluate so many of them, drawn by `seed`, of each class and split its share; default: all.
        budget: a time such as `10m`, or seconds: the best answer that it allows; a second call goes on.
        evaluators: names, `module:Class` or `file.py:Class`; default: all that apply.
        seed: of probes, k-means, maps, bootstraps, and of a split that is drawn.
        device: torch device, or `auto`.
        precision: of the networks: `fp32` (default), `bf16`, `fp16`, or `auto`, which is what the command line does.
        jobs: checkpoints of a directory evaluated at the same time.
        executor: who does the work: `local` or an installed executor's name, for checkpoints of a directory.
        name: of the run, on the page.
        backbone: `timm:NAME`, `torchvision:NAME`, `module:factory` or `file.py:factory`, where files do not tell.
        size: side of the network's input in pixels; default: by the images.
        mean, std: of the input's normalisation, per channel, of pixels in 0…1; default: ImageNet's.
        loss_log: file with the training loss, or a store of W&B or MLflow, `PLACE:RUN` where it has several runs.
        loss_pattern: regular expression with the groups `loss`, `epoch`, `step`, for a text log of any form.
        progress: told of what is being done.
        pictures: whether pictures of the data may stand in the page.
        cache_size: what files fetched from an address may take, such as `20GB`.
        cache_dir: where they lie; default: `cache/remote` below `out`.
        figures: whether figures for papers (PNG, SVG) are written too; default no, as `swaveval report OUT
            --figures-only` draws them at any time.
        log_to: where the results go beside the page, `NAME:TARGET` or several (`tensorboard:DIR`, `wandb:PROJECT`,
            `mlflow:FILE.db`, `trackio:PROJECT`, any exporter). What is not as it should be is said before anything is
            done; a tracker that fails at the end is one of `Evaluation.problems`.
    """

    out: str | Path
    images: int
    budget: str | float
    evaluators: str | Sequence[str]
    seed: int
    device: str
    precision: str
    jobs: int
    executor: str
    name: str
    backbone: str
    size: int
    mean: Sequence[float]
    std: Sequence[float]
    loss_log: str | Path
    loss_pattern: str
    progress: Progress
    cache_size: str
    cache_dir: str | Path
    pictures: bool
    figures: bool
    log_to: str | Sequence[str]


@dataclass(frozen=True, slots=True)
class Given:
    """What an evaluation is about.

    Attributes:
        data: images. labels: one an image, or a table. train: mask of the training images.
    """

    data: Any = None
    labels: Any = None
    train: Any = None


def evaluate(
    checkpoints: str | Path | Mapping[str, Any] | None = None,
    *,
    data: Any = None,
    features: Mapping[str, Any] | None = None,
    labels: Any = None,
    train: Any = None,
    baselines: Mapping[str, Any] | None = None,
    **options: Unpack[Options],
) -> Evaluation:
    """Is it learning, and which checkpoint should be used?

    One of three things is evaluated:

    - `checkpoints="runs/mine/checkpoints"`: a directory, a file, a pattern, or an address of one (`s3://bucket/run`),
      as `swaveval run` takes it;
    - `checkpoints={"epoch 1": model1, "epoch 5": model5}`: networks in memory, in the order of training. They are
      copied: device, mode and weights of yours stay as they are;
    - `features={"epoch 1": z1, "epoch 5": z5}`: arrays `(n, d)` (numpy, memory map, torch) of any model of any kind of
      data, the same n rows in the same order, or a pair (train, test) each.

    Args:
        data: images: a folder or the name of a data set; or a torch Dataset, a DataLoader, a list of images or of
            (image, label). Not needed for features, nor where `swaveval pretrain` wrote the checkpoints.
        labels: one an image in order (names or numbers; -1 and None for none; one-hot; lists of several); for a folder
            a table, `none`, `folders` or `names`.
        train: mask `(n,)`, True for training images; else a quarter of the images is drawn for testing.
        baselines: features of untrained networks of the same kind, by name: what training started from.
        options: see `Options`.

    Raises:
        RunError, DataError, FeatureError: nothing can be evaluated; the sentence says what was found and what to do.
    """
    given = Given(data, labels, train)
    if (checkpoints is None) == (features is None):
        raise RunError("give either checkpoints (a directory, or networks by name) or features by name")
    if features is not None:
        named, untrained = _by_name(features, "features"), _by_name({} if baselines is None else baselines, "baselines")
        return _run(_of_features(named, given, untrained, options), options)
    if baselines is not None and len(baselines):
        raise RunError("baselines go with features; for networks, untrained ones are made from their architecture")
    if isinstance(checkpoints, Mapping):
        return _run(_of_networks(checkpoints, given, options), options)
    if not isinstance(checkpoints, str | Path):
        raise RunError(
            f"checkpoints are a directory or networks by name, and not a {type(checkpoints).__name__}: "
            "{'epoch 1': model1, 'epoch 5': model5}, in the order of training"
        )
    return _run(of_directory(checkpoints, given, options), options)


def _by_name(given: Any, what: str) -> Mapping[str, Any]:
    """Arrays under names, as they are asked for; anything else is refused."""
    if isinstance(given, Mapping):
        return given
    example = "{'epoch 1': z1, 'epoch 5': z5}" if what == "features" else "{'seed 0': z0, 'seed 1': z1}"
    raise RunError(f"{what} are arrays by name, and not a {type(given).__name__}: {example}")


def several(given: Any) -> tuple[Any, ...]:
    """What may be one or several: one text, or one function, is one."""
    return (given,) if isinstance(given, str) or callable(given) else tuple(given)


def of_directory(place: str | Path, given: Given, options: Options) -> RunRequest:
    """The evaluation of files.

    Raises:
        RunError, DataError, RemoteError: it cannot be as asked for.
    """
    cache = CacheOptions(
        Path(options["cache_dir"]) if "cache_dir" in options else None, options.get("cache_size", DEFAULT_SIZE)
    )
    found = places(place if is_address(place) else Path(place).expanduser(), options.get("out"), cache)
    request = replace(_request(found.checkpoints, found.out, options), source=found.source)
    return _with_images(request, given)


def _of_networks(models: Mapping[str, Any], given: Given, options: Options) -> RunRequest:
    return request_of(Live(models), given, options)


def request_of(source: CheckpointSource, given: Given, options: Options) -> RunRequest:
    """The evaluation of networks in memory.

    Raises:
        RunError, DataError: there are no images, or none that can be used.
    """
    if given.data is None:
        raise RunError("networks need images: give a folder, a torch Dataset or a list of images as data")
    return _with_images(replace(_request(Path("in memory"), _place(options), options), source=source), given)


def _with_images(request: RunRequest, given: Given) -> RunRequest:
    """The request with a folder, a name, what the training recorded, or images in memory."""
    if given.data is not None and not isinstance(given.data, str | Path):
        drawn = sample_of(request)
        opened = images_of(given.data, labels=given.labels, train=given.train, seed=request.seed, sample=drawn)
        return replace(request, data="in memory", opened=opened)
    if given.train is not None:
        raise RunError("train is for images or features in memory; a folder says its split by train/ and test/")
    if given.labels is not None and not isinstance(given.labels, str | Path):
        raise RunError("labels of a folder are a table (a path), or a word: none, folders, names")
    table = None if given.labels is None else Path(str(given.labels))
    return replace(request, data=None if given.data is None else str(given.data), labels=table)


def _of_features(
    features: Mapping[str, Any], given: Given, baselines: Mapping[str, Any], options: Options
) -> RunRequest:
    import numpy as np

    if given.data is not None:
        raise RunError("features stand for themselves: leave data out, and give labels if there are any")
    if options.get("images") is not None:
        raise RunError("images draws some of the images; of features, give the rows that you want")
    if not features:
        raise RunError("no features were given: name one array at least, as in {'epoch 1': z}")
    both = {**features, **baselines}
    if len(both) < len(features) + len(baselines):
        raise RunError("a name stands for features and for a baseline; give each its own")
    halves = {name: value for name, value in both.items() if isinstance(value, tuple) and len(value) == 2}
    train = given.train
    if halves:
        if len(halves) < len(both) or train is not None:
            raise RunError("give the split once: as pairs (train, test) for all features, or as one mask train")
        pairs = {name: tuple(as_rows(name, half) for half in value) for name, value in halves.items()}
        if len({tuple(map(len, pair)) for pair in pairs.values()}) > 1:
            raise RunError("the pairs (train, test) have different numbers of rows; each row is the same image in all")
        first = next(iter(pairs.values()))
        train = np.arange(sum(map(len, first))) < len(first[0])
        rows = {name: np.concatenate(pair) for name, pair in pairs.items()}
    else:
        rows = {name: as_rows(name, value) for name, value in both.items()}
    counts = {name: len(array) for name, array in rows.items()}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:5])
        raise RunError(f"the features have different numbers of rows ({shown}); each row is the same image in all")
    labels = _joined(given.labels)
    name, seed = options.get("name", "features"), options.get("seed", 0)
    images = rows_of(labels, max(counts.values()), train=train, name=name, seed=seed)
    source = Arrays({name: rows[name] for name in features}, {name: rows[name] for name in baselines}, images)
    request = _request(Path("in memory"), _place(options), options)
    if "evaluators" not in options:
        request = replace(request, evaluators=tuple(name for name in DEFAULT_EVALUATORS if name not in _WITH_IMAGES))
    return replace(request, source=source, opened=images, data="in memory", transform=EvalTransform())


def _joined(labels: Any) -> Any:
    """Labels of a pair (train, test) one after the other."""
    if isinstance(labels, tuple) and len(labels) == 2 and all(hasattr(half, "__len__") for half in labels):
        return [word for half in labels for word in (half.tolist() if hasattr(half, "tolist") else half)]
    return labels


def _request(checkpoints: Path, out: Path, options: Options) -> RunRequest:
    unknown = set(options) - set(Options.__annotations__)
    if unknown:
        known = ", ".join(sorted(Options.__annotations__))
        raise TypeError(f"evaluate() has no option {', '.join(sorted(unknown))}; it takes {known}")
    normalisation = {
        name: tuple(float(value) for value in values)
        for name, values in (("mean", options.get("mean")), ("std", options.get("std")))
        if values is not None
    }
    log, budget = options.get("loss_log"), options.get("budget")
    size = options.get("size")
    return RunRequest(
        checkpoints=checkpoints,
        out=out,
        evaluators=several(options.get("evaluators", DEFAULT_EVALUATORS)),
        seed=options.get("seed", 0),
        sample=options.get("images"),
        budget=None if budget is None else seconds_of(budget) if isinstance(budget, str) else float(budget),
        device=options.get("device", "auto"),
        precision=options.get("precision", "fp32"),
        jobs=options.get("jobs", 1),
        executor=options.get("executor", LOCAL),
        name=options.get("name", ""),
        load=LoadOptions(backbone=options.get("backbone")),
        transform=None if size is None else EvalTransform(size=size),
        normalisation=normalisation,
        loss_log=None if log is None else Path(log),
        loss_pattern=options.get("loss_pattern", ""),
        images=options.get("pictures", True),
        figures=options.get("figures", False),
        command="swaveval.evaluate",
        published=check_writable_address(str(given)).url if is_address(given := options.get("out")) else "",
    )


def _place(options: Options) -> Path:
    given = options.get("out")
    if given is not None and not is_address(given):
        check_path(given)
        return Path(given).expanduser()
    place = Path(tempfile.mkdtemp(prefix="swaveval-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


def asked_trackers(options: Options) -> tuple[Destination, ...]:
    """Where the results go beside the page.

    Raises:
        PluginError, ExportError, OutputError: as `destinations`.
    """
    return destinations(several(options.get("log_to", ())))


def _run(request: RunRequest, options: Options) -> Evaluation:
    trackers = asked_trackers(options)
    with told_in_python(), publishing(request.published, request.out, options.get("progress")):
        outcome = run(request, options.get("progress"))
    evaluation, logged = Evaluation.of(outcome), log_to(outcome.written.series, trackers)
    if (progress := options.get("progress")) is not None:
        for line in logged.said:
            progress.message(line)
    return replace(evaluation, problems=(*map(in_python, evaluation.problems), *logged.problems))
