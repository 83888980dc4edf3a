"""The device that was asked for, looked at before any work is done for it."""

import re

from swaveval.features.errors import FeatureError


class DeviceError(FeatureError):
    """The device is not there or does not work; the sentence says what is."""


def check_device(name: str) -> None:
    """Raise unless `auto`, `cpu`, `cuda`, `cuda:1` or `mps` is there and computes.

    Raises:
        DeviceError: it is no device's name, this machine or this torch has none, or it fails on the first number.
    """
    if name in ("auto", "cpu"):
        return
    asked = re.fullmatch(r"(cuda)(?::(\d{1,4}))?|mps", name, re.ASCII)
    if asked is None:
        raise DeviceError(f"there is no device {name[:60]!r}; --device takes auto, cpu, cuda, cuda:1 or mps")
    import torch

    if name == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceError("--device mps needs an Apple GPU, and torch finds none here; take --device cpu or auto")
    elif not torch.cuda.is_available():
        built = "with" if torch.version.cuda or torch.version.hip else "without"
        raise DeviceError(
            f"--device {name}, but torch {torch.__version__} (built {built} GPU support) finds no GPU here; "
            "take --device cpu or auto"
        )
    elif int(asked.group(2) or 0) >= (count := torch.cuda.device_count()):
        there = ", ".join(f"cuda:{number}" for number in range(count))
        raise DeviceError(f"--device {name}, but this machine has {count} GPU{'s' * (count > 1)}: {there}")
    try:
        torch.ones(2, device=name).sum().item()
    except (RuntimeError, AssertionError) as error:
        first = (str(error).strip().splitlines() or ["no message"])[0][:200]
        raise DeviceError(
            f"--device {name} is there but does not compute ({first}); take --device cpu or auto"
        ) from None
