"""`pretrain`: images to a checkpoint series."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightly.data import LightlyDataset

from swaveval.data import label_option, open_images, reading_from
from swaveval.data.imageset import ImageSet
from swaveval.pretrain.agreement import Agreement
from swaveval.pretrain.augment import eval_transform, swav_transform
from swaveval.pretrain.backbones import BuiltBackbone, build_backbone
from swaveval.pretrain.batch_views import BatchViews
from swaveval.pretrain.checks import check_fit, check_plain, notes
from swaveval.pretrain.config import DataConfig, PretrainConfig
from swaveval.pretrain.config_file import completed, differences, to_sections
from swaveval.pretrain.cpu_precision import check_cpu_precision
from swaveval.pretrain.datamodule import SwavDataModule
from swaveval.pretrain.defaults import ImageFacts, chosen_otherwise, resolve
from swaveval.pretrain.errors import ConfigError, ProcessLost, RunExists, WorkerDied
from swaveval.pretrain.hardware import affordable_workers, check_devices
from swaveval.pretrain.launcher import OTHER, is_lost_connection, obey_launcher
from swaveval.pretrain.loss_log import LossLog
from swaveval.pretrain.module import SwavModule
from swaveval.pretrain.quiet import quiet_lightning
from swaveval.pretrain.ranks import check_launch, is_first_process
from swaveval.pretrain.reporter import Reporter, SilentReporter
from swaveval.pretrain.requeue import is_restarted, requeueing
from swaveval.pretrain.run_file import flat_hyperparameters, read_run_file, write_run_file
from swaveval.pretrain.seeds import mix
from swaveval.pretrain.series import CheckpointSeries, newest, progress_of, remove_temporaries
from swaveval.pretrain.trainer import interruptible, make_trainer, threads
from swaveval.pretrain.training_images import (
    Index,
    TrainingBatches,
    TrainingImages,
    as_lightly,
    chosen_images,
    image_facts,
    useful_sides,
)
from swaveval.pretrain.watcher import LossWatcher
from swaveval.results.places import check_writable

CHECKPOINTS = "checkpoints"
METRICS = "metrics.csv"
_WEIGHTS = 3  # keeps the seed of the initial weights apart from the others

# Settings that may differ when a run is resumed: no number depends on them (on threads and devices in its last bits).
# Images may have moved; their fingerprint must be the same.
_FREE = {
    "data.path",
    "data.labels",
    "hardware.workers",
    "hardware.threads",
    "hardware.devices",
    "hardware.nodes",
    "hardware.strategy",
    "series.checkpoint_every",
    "training.stop_on_nan",
}


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A checked run, ready to train."""

    config: PretrainConfig
    images: ImageSet
    index: Index
    facts: ImageFacts
    steps_per_epoch: int
    hyperparameters: dict[str, Any]
    backbone: BuiltBackbone
    resume_from: Path | None
    epochs_done: int


def pretrain(
    config: PretrainConfig,
    out: str | Path,
    *,
    resume: bool = False,
    reporter: Reporter | None = None,
    command: str = "",
) -> Path:
    """Train SwaV on the train split and write RUN/checkpoints/, RUN/run.json and RUN/metrics.csv.

    An interrupted run is resumed from the last finished epoch with the numbers it would have had: order and views
    depend on seed, epoch and image alone, and the checkpoint holds optimiser, schedule and queue.

    Args:
        config: settings; what is `AUTO` is chosen from the images.
        out: the run's directory.
        resume: go on with the run in `out`, if there is one; a Slurm job that is started once more does in any case.
        reporter: told how it goes.
        command: the command line, for run.json.

    Returns:
        `out`.

    Raises:
        ConfigError: settings that cannot work, or that differ from those of the run to resume.
        RunExists: `out` holds a run and `resume` is False.
        DataError: the images cannot be used.
        Diverged: the loss became NaN. Interrupted: Ctrl-C or SIGTERM.
    """
    out = Path(out)
    obey_launcher()
    first = is_first_process(config.hardware)
    teller = reporter if reporter is not None and first else SilentReporter()
    check_plain(config)
    check_devices(config)
    check_launch(config.hardware)
    check_writable(out)
    stored = read_run_file(out)
    resume = resume or is_restarted()
    # Further processes of a distributed run find the run.json that the first one has just written.
    if first and not resume and holds_run(out):
        raise RunExists(
            f"{out} already holds a run; continue it with --resume, or name another directory with --out "
            "(checkpoints are never overwritten)"
        )
    with quiet_lightning(), requeueing():
        if resume and stored is not None:
            config = completed(config, stored.config)
            check_devices(config)
        fingerprint = stored.fingerprint if stored is not None and resume else ""
        prepared = _prepare(config, out, teller, resume=resume, fingerprint=fingerprint)
        if resume and stored is not None and first:
            _check_same(prepared.config, stored.config, out)
        if prepared.epochs_done >= prepared.config.training.epochs:
            teller.notice(f"{out}: all {prepared.epochs_done} epochs are done; nothing is left to train")
            return out
        affordable, small = affordable_workers(prepared.config)
        if small:
            teller.notice(f"note: {small}")
            prepared = replace(prepared, config=affordable)
        said = chosen_otherwise(config, prepared.config, prepared.facts)
        for note in (*prepared.images.notes, *said, *notes(prepared.config, prepared.facts)):
            teller.notice(f"note: {note}")
        # Made before anything is written, so that missing hardware leaves no run behind.
        trainer = make_trainer(
            prepared.config.hardware,
            prepared.config.training.epochs,
            _callbacks(prepared, out, teller),
            out,
            go_on=f"Finished epochs are kept; go on with: swaveval pretrain --resume --out {out}",
        )
        if first:
            (out / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
            remove_temporaries(out / CHECKPOINTS)
        if first and not (resume and stored is not None):
            write_run_file(
                out,
                prepared.config,
                prepared.images,
                hyperparameters=prepared.hyperparameters,
                transform=eval_transform(prepared.config.augmentation),
                command=command,
            )
        _fit(prepared, trainer, out, teller)
    return out


def check_settings(settings: Mapping[str, PretrainConfig], reporter: Reporter) -> None:
    """Check each setting of several trainings on the same images, before any of them begins.

    Args:
        settings: name to settings, which read the same images.
        reporter: told how far the images are.

    Raises:
        ConfigError: the first that cannot work, with its name. DataError: the images cannot be used.
    """
    images: ImageSet | None = None
    for name, config in settings.items():
        try:
            check_plain(config)
            images = _images(config.data, reporter) if images is None else images
            _fitted(config, images)
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from error


def holds_run(out: Path) -> bool:
    """Whether a training has begun in a directory: its settings are there, or a checkpoint."""
    return read_run_file(out) is not None or newest(out / CHECKPOINTS) is not None


def _prepare(config: PretrainConfig, out: Path, reporter: Reporter, *, resume: bool, fingerprint: str) -> _Prepared:
    """Open the images, choose what is not set, refuse what cannot work, find where to go on."""
    data = replace(config.data, path=_absolute(config.data.path), labels=label_option.absolute(config.data.labels))
    images = _images(data, reporter)
    if fingerprint and images.fingerprint != fingerprint:
        raise ConfigError(
            f"the images at {config.data.path} are not those the run in {out} was started with (their names, contents, "
            "labels or split changed), so it cannot be resumed; start a new run in another directory"
        )
    config, index, facts = _fitted(replace(config, data=data), images)
    torch.manual_seed(mix(config.training.seed, 0, _WEIGHTS))
    crop_sizes = [size for size, _ in _used_crops(config)]
    backbone = build_backbone(config.backbone, crop_sizes)
    check_cpu_precision(backbone.module, crop_sizes, config.hardware)
    checkpoint = newest(out / CHECKPOINTS) if resume else None
    epochs_done = progress_of(checkpoint)[0] if checkpoint is not None else 0
    return _Prepared(
        config=config,
        images=images,
        index=index,
        facts=facts,
        steps_per_epoch=facts.n_train // config.training.batch_size,
        hyperparameters=flat_hyperparameters(config, backbone.description),
        backbone=backbone,
        # Nothing is lost by beginning again where no epoch is finished.
        resume_from=checkpoint if epochs_done else None,
        epochs_done=epochs_done,
    )


def _images(data: DataConfig, reporter: Reporter) -> ImageSet:
    labels = Path(found) if (found := label_option.absolute(data.labels)) else None
    reading = reading_from(range=data.range, bands=data.bands, pages=data.pages, alpha=data.alpha, exif=data.exif)
    return open_images(
        data.path, labels=labels, seed=data.split_seed, reading=reading, channels=3, progress=reporter.decoding
    )


def _fitted(config: PretrainConfig, images: ImageSet) -> tuple[PretrainConfig, Index, ImageFacts]:
    """Settings with what is not set chosen from the images, which they fit."""
    index = chosen_images(images, config.data.fraction, seed=config.data.split_seed)
    facts = image_facts(images, index)
    config = resolve(config, facts)
    check_fit(config, facts)
    return config, index, facts


def _callbacks(prepared: _Prepared, out: Path, reporter: Reporter) -> list[pl.Callback]:
    config, steps = prepared.config, prepared.steps_per_epoch
    log = LossLog(out / METRICS, prototypes=config.swav.prototypes, step=prepared.epochs_done * steps)
    watcher = LossWatcher(
        log,
        reporter,
        prototypes=config.swav.prototypes,
        steps_per_epoch=steps,
        epochs=config.training.epochs,
        log_every=config.series.log_every,
        stop_on_nan=config.training.stop_on_nan,
        run=out,
    )
    series = CheckpointSeries(
        out / CHECKPOINTS,
        every=config.series.checkpoint_every,
        epochs=config.training.epochs,
        steps_per_epoch=steps,
    )
    claims = {
        "the fingerprint of the images": prepared.images.fingerprint[:16],
        "the number of finished epochs": str(prepared.epochs_done),
        "the settings": _digest(config),
    }
    # The watcher before the series: an epoch whose loss is not finite leaves no checkpoint.
    return [Agreement(claims), watcher, series]


def _fit(prepared: _Prepared, trainer: pl.Trainer, out: Path, reporter: Reporter) -> None:
    config = prepared.config
    dataset = TrainingImages(
        prepared.images, prepared.index, sides=useful_sides(config.augmentation), seed=config.training.seed
    )
    if not dataset.hold(advance=reporter.decoding):
        reporter.notice("note: the decoded images do not fit in memory and are read from their files in every epoch")
    module = SwavModule(
        config,
        prepared.backbone,
        steps_per_epoch=prepared.steps_per_epoch,
        hyperparameters=prepared.hyperparameters,
    )
    loader = SwavDataModule(_with_views(dataset, config), config, first_epoch=prepared.epochs_done)
    try:
        with interruptible(trainer, out), threads(config.hardware.threads):
            trainer.fit(module, datamodule=loader, ckpt_path=prepared.resume_from, weights_only=True)
    except RuntimeError as error:
        if config.hardware.processes > 1 and is_lost_connection(error):
            raise ProcessLost(f"{OTHER}. Finished epochs are kept; go on with --resume --out {out}") from error
        if "DataLoader worker" not in str(error):
            raise
        raise WorkerDied(
            f"a process that prepares images died ({str(error).splitlines()[0][:200]}): memory or /dev/shm is short. "
            f"Go on without them: swaveval pretrain --resume --out {out} --workers 0"
        ) from error
    finally:
        reporter.finished()


def _with_views(images: TrainingImages, config: PretrainConfig) -> LightlyDataset | TrainingBatches:
    if config.augmentation.views == "lightly":
        return as_lightly(images, swav_transform(config.augmentation))
    return TrainingBatches(images, BatchViews(config.augmentation, seed=config.training.seed))


def _check_same(config: PretrainConfig, stored: PretrainConfig, out: Path) -> None:
    differing = [entry for entry in differences(stored, config) if entry[0] not in _FREE]
    if differing:
        listed = "; ".join(f"{name}: {was!r} there, {now!r} now" for name, was, now in differing)
        raise ConfigError(
            f"the run in {out} has other settings ({listed}). Resume it with its own (name none), or start a new run "
            "in another directory"
        )


def _used_crops(config: PretrainConfig) -> list[tuple[int, int]]:
    crops = config.augmentation
    return [(size, count) for size, count in zip(crops.crop_sizes, crops.crop_counts, strict=True) if count]


def _absolute(path: str) -> str:
    """An existing path independent of the working directory; the name of a data set as it is."""
    return str(Path(path).expanduser().resolve()) if path and Path(path).expanduser().exists() else path


def _digest(config: PretrainConfig) -> str:
    """Short, and the same for settings that give the same numbers."""
    sections = to_sections(config)
    for setting in _FREE:
        section, key = setting.split(".")
        del sections[section][key]
    return sha256(json.dumps(sections, sort_keys=True).encode()).hexdigest()[:16]
