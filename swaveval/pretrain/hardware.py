"""What the machine has, looked at before images are opened: devices, and shared memory for image workers."""

import os
from dataclasses import replace
from pathlib import Path

import torch

from swaveval.pretrain.config import PretrainConfig
from swaveval.pretrain.errors import ConfigError

ACCELERATORS = ("auto", "cpu", "gpu", "mps")
_SHARED = Path("/dev/shm")
_PREFETCHED = 2  # batches that each worker holds ready, torch's default
_RESERVE = 16 << 20


def check_devices(config: PretrainConfig) -> None:
    """Raise unless the accelerator is known, is there, and has as many devices as asked for.

    Raises:
        ConfigError: what was asked for, and what there is.
    """
    asked, devices = config.hardware.accelerator, config.hardware.devices
    if asked not in ACCELERATORS:
        raise ConfigError(f"there is no accelerator {asked!r}; --accelerator takes auto, cpu, gpu or mps")
    if asked == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("--accelerator mps needs an Apple GPU, and torch finds none here; take cpu or auto")
    if asked == "auto" and torch.cuda.is_available() and devices > torch.cuda.device_count():
        asked = "gpu"  # which auto would take
    if asked == "gpu":
        there = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not there and torch.backends.mps.is_available():
            return
        if not there:
            raise ConfigError(
                f"--accelerator {asked}, but torch {torch.__version__} finds no GPU here; take cpu or auto"
            )
        if devices > there:
            raise ConfigError(f"--devices {devices}, but this machine has {there} GPU{'s' * (there > 1)}")


def affordable_workers(config: PretrainConfig) -> tuple[PretrainConfig, str]:
    """The settings with no image workers where /dev/shm, by which they hand over their batches, is too small for them.

    Returns:
        the settings, and a sentence that says what was changed, or an empty string. No number depends on it.
    """
    workers, crops = config.hardware.workers, config.augmentation
    if workers <= 0:
        return config, ""
    pixels = sum(3 * size * size * count for size, count in zip(crops.crop_sizes, crops.crop_counts, strict=True))
    needed = 4 * pixels * (config.training.batch_size // config.hardware.nodes) * (workers * _PREFETCHED + 1)
    try:
        shared = os.statvfs(_SHARED)
    except OSError:
        return config, ""  # a system without it shares memory in another way
    free = shared.f_bavail * shared.f_frsize
    if free >= needed + _RESERVE:
        return config, ""
    note = (
        f"{workers} image workers need {_mib(needed + _RESERVE)} of shared memory and {_SHARED} has {_mib(free)} left: "
        "images are prepared in the training process instead (slower; the numbers are the same). A larger one: "
        "`docker run --shm-size 2g`, or `mount -o remount,size=2G /dev/shm`"
    )
    return replace(config, hardware=replace(config.hardware, workers=0)), note


def _mib(count: int) -> str:
    return f"{max(1, round(count / (1 << 20))):,} MiB"
