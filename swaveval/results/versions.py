"""Which versions made a result."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = (
    "swaveval",
    "torch",
    "torchvision",
    "pytorch-lightning",
    "lightly",
    "timm",
    "numpy",
    "scipy",
    "scikit-learn",
    "umap-learn",
    "bokeh",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Python, machine, and every package that numbers may depend on and that is installed; name → words."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    found = {"python": platform.python_version(), "machine": machine}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
