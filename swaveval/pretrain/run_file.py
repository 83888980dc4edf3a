"""run.json: everything about a training except its numbers, so that evaluation and resuming need nothing else."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from swaveval.data.imageset import ImageSet
from swaveval.data.reading import BEFORE_OPTIONS
from swaveval.data.trained import write_training_images
from swaveval.pretrain.config import PretrainConfig
from swaveval.pretrain.config_file import Sections, apply, read_config, to_sections
from swaveval.pretrain.errors import ConfigError
from swaveval.results.atomic import write_text
from swaveval.results.versions import versions

SCHEMA = 1
NAME = "run.json"


@dataclass(frozen=True)
class StoredRun:
    """What run.json says of a run that is to be resumed."""

    config: PretrainConfig
    fingerprint: str
    command: str


def gather_settings(given: Sections, *, config_file: Path | None, resume_from: Path | None) -> PretrainConfig:
    """Settings of the command line over those of a TOML file over those of a run to resume over the defaults.

    Args:
        given: sections with only the settings that were said.
        config_file: a TOML file, or None.
        resume_from: directory of a run whose settings are the base, if there is one.

    Raises:
        ConfigError: an unknown setting, a value of the wrong type, or a file that cannot be read.
    """
    stored = read_run_file(resume_from) if resume_from is not None else None
    settings = stored.config if stored is not None else PretrainConfig()
    if config_file is not None:
        settings = apply(settings, read_config(config_file), origin=str(config_file))
    return apply(settings, given, origin="the command line")


def flat_hyperparameters(config: PretrainConfig, backbone: dict[str, Any]) -> dict[str, Any]:
    """The settings that runs are compared by, as plain values under the field's names."""
    swav, optimiser, training, crops = config.swav, config.optimiser, config.training, config.augmentation
    return {
        "data_fraction": config.data.fraction,
        "prototypes": swav.prototypes,
        "epsilon": swav.epsilon,
        "temperature": swav.temperature,
        "sinkhorn_iterations": swav.sinkhorn_iterations,
        "frozen_prototype_steps": swav.frozen_prototype_steps,
        "projection_dim": swav.projection_dim,
        "queue": config.queue.size,
        "optimiser": optimiser.name,
        "learning_rate": optimiser.learning_rate,
        "schedule": optimiser.schedule,
        "warmup_steps": optimiser.warmup_steps,
        "weight_decay": optimiser.weight_decay,
        "batch_size": training.batch_size,
        "epochs": training.epochs,
        "seed": training.seed,
        "augmentation": crops.preset,
        "crop_sizes": list(crops.crop_sizes),
        "crop_counts": list(crops.crop_counts),
        "crop_min_scales": list(crops.crop_min_scales),
        "crop_max_scales": list(crops.crop_max_scales),
        "precision": config.hardware.precision,
        "devices": config.hardware.devices,
        "nodes": config.hardware.nodes,
        "backbone": backbone,
    }


def write_run_file(
    out: Path,
    config: PretrainConfig,
    images: ImageSet,
    *,
    hyperparameters: dict[str, Any],
    transform: Any,
    command: str,
) -> None:
    """Write RUN/run.json, and RUN/images.txt with the contents of the images.

    Args:
        out: the run's directory.
        config: resolved settings.
        images: of the training; the evaluation finds them again by path, labels and seed.
        hyperparameters: flat, `backbone` among them.
        transform: the EvalTransform that the finished backbone should be shown.
        command: the command line that started the run.
    """
    flat = {name: value for name, value in hyperparameters.items() if name != "backbone"}
    body = {
        "schema": SCHEMA,
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": {**to_sections(config), "backbone": hyperparameters["backbone"], "config": to_sections(config)},
        "hyperparameters": flat,
        "data": {
            "path": config.data.path,
            "labels": config.data.labels or None,
            "fingerprint": images.fingerprint,
            "seed": config.data.split_seed,
            "n_train": len(images.train_index),
            "fraction": config.data.fraction,
            "n_test": len(images.test_index),
            "split": images.split_origin,
            "reading": images.reading.words(),
        },
        "transform": {
            "size": transform.size,
            "interpolation": transform.interpolation,
            "mean": list(transform.mean),
            "std": list(transform.std),
        },
        "versions": versions(),
    }
    write_training_images(out, images)
    write_text(out / NAME, json.dumps(body, indent=2, ensure_ascii=False) + "\n")


def read_run_file(out: Path) -> StoredRun | None:
    """What run.json says, or None when there is none.

    Raises:
        ConfigError: it is damaged, or a newer version wrote it.
    """
    path = out / NAME
    if not path.is_file():
        return None
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        schema, sections = body["schema"], body["settings"]["config"]
        fingerprint, command = body["data"]["fingerprint"], body["command"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} cannot be read ({type(error).__name__}: {error}); nothing can be resumed") from error
    if schema > SCHEMA:
        raise ConfigError(f"{path} was written by a newer swaveval (schema {schema}; this one knows {SCHEMA})")
    if "alpha" not in sections.get("data", {}):  # written before pixels had options
        sections["data"] = BEFORE_OPTIONS.words() | sections.get("data", {})
    if "views" not in sections.get("augmentation", {}):  # written when lightly drew them all
        sections["augmentation"] = {"views": "lightly"} | sections.get("augmentation", {})
    hardware, queue = sections.get("hardware", {}), sections.get("queue", {})
    if "nodes" not in hardware and "size" in queue:  # written when each process had a queue of this size
        sections["queue"] = queue | {"size": queue["size"] * hardware.get("devices", 1)}
    return StoredRun(apply(PretrainConfig(), sections, origin=str(path)), fingerprint, command)
