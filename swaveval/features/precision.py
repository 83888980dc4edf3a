"""In which precision networks are run: bf16 where the hardware multiplies it, after a look at what it changes.

Convolutions and matrix products are computed in bf16 and summed in float32 (torch's autocast); weights, BatchNorm's
statistics, softmaxes and the features themselves stay float32. Features of one series are all of one precision.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from swaveval.results.precision import Precision

Array = np.ndarray[Any, np.dtype[Any]]

_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
# Instructions that multiply bfloat16, as Linux calls them (x86's AMX and AVX-512, Arm's).
_FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})
_CPUINFO = Path("/proc/cpuinfo")

# Of the centred features of an image in both precisions; its median over images has to reach this.
LEAST_COSINE = 0.999
# In how many of a hundred images the nearest neighbour has to be the same, or one that is as near to three digits.
LEAST_NEIGHBOURS = 0.95
_AS_NEAR = 1e-3


@dataclass(frozen=True, slots=True)
class Agreement:
    """Features of the same images in a lower precision and in float32.

    Attributes:
        cosine: median over images of that of the centred features, in −1…1; 1 where all features are the same point.
        neighbours: share of images whose nearest neighbour is one of the nearest in float32.
        n: images.
    """

    cosine: float
    neighbours: float
    n: int

    @property
    def good(self) -> bool:
        return self.cosine >= LEAST_COSINE and self.neighbours >= LEAST_NEIGHBOURS


def fastest(device: str) -> Precision:
    """bf16 where the device multiplies it in hardware, else float32."""
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device != "cpu":
        return "fp32"
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "fp32"
    words = next(
        (line.partition(":")[2].split() for line in lines if line.lower().startswith(("flags", "features"))), []
    )
    return "bf16" if _FLAGS & set(words) else "fp32"


@contextmanager
def running(precision: Precision, device: str) -> Iterator[None]:
    """Run networks in this precision for the time of the block."""
    if precision == "fp32":
        with nullcontext():
            yield
        return
    with torch.autocast(device.partition(":")[0], dtype=_TYPES[precision]):
        yield


def agreement(exact: Array, lower: Array) -> Agreement:
    """How far features in a lower precision, `(n, d)`, are those in float32."""
    n = len(exact)
    first, second = (np.asarray(each, dtype=np.float64) for each in (exact, lower))
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return Agreement(-1.0, 0.0, n)
    if n < 3 or not np.ptp(first, axis=0).any():
        return Agreement(1.0, 1.0, n)
    centre = first.mean(axis=0)
    cosine = (_unit(first - centre) * _unit(second - centre)).sum(axis=1)
    near, near_too = (_similarities(each) for each in (first, second))
    best, found = near.max(axis=1), near[np.arange(n), near_too.argmax(axis=1)]
    return Agreement(float(np.median(cosine)), float((found >= best - _AS_NEAR).mean()), n)


def _similarities(rows: Array) -> Array:
    """Cosines of all pairs; −∞ with itself."""
    units = _unit(rows)
    found = units @ units.T
    np.fill_diagonal(found, -np.inf)
    return np.asarray(found)


def _unit(rows: Array) -> Array:
    """Rows of length 1; a row of zeros stays zero."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms == 0, 1.0, norms))
