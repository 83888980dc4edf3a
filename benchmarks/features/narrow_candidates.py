"""Would bfloat16 products find the candidates of an exact search? How many queries they leave unproved.

Queries and bank rows, centred, are rounded to bfloat16, multiplied with float32 sums and rounded to bfloat16 again, as
AMX does. The k + `more` best by these scores hold the k nearest for certain where the k-th true score, less the bound
on a score's error, is above the smallest kept. The bound is that of Cauchy and Schwarz on what was rounded away.

    python -m benchmarks.features.narrow_candidates [--report OUT]

OUT is what `swaveval run` wrote: features of its training images are asked as well; without it only made ones.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.features.machine import describe, measure, save
from benchmarks.features.synthetic import rows_like

K, MORE, ASKED = 200, (32, 64, 128, 200), 1000
Array = np.ndarray[Any, np.dtype[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    made = rows_like(51_000, 512, classes=10, seed=0)[0]
    results = {"made, bank of 50,000": proved(made[:50_000], made[50_000:])}
    if asked.report:
        files = sorted((asked.report / "cache/features").glob("*.train.npy"))
        for place, file in enumerate(files):
            rows = np.load(file)
            results[f"network {place + 1} of {len(files)}, bank of {len(rows):,}"] = proved(rows, rows[:ASKED])
    body = {"machine": describe(), "k": K, "queries": ASKED, "products": products(), "results": results}
    save(Path(__file__).with_suffix(".json"), body)


@torch.inference_mode()
def proved(bank: Array, queries: Array) -> dict[str, float]:
    """Share of the queries, by candidates beyond k."""
    rows, asked = (torch.from_numpy(unit(part)) for part in (bank, queries))
    centre = rows.mean(dim=0)
    rows, asked = rows - centre, asked - centre
    bias = rows @ centre
    scores = (narrow(asked) @ narrow(rows).T + bias).bfloat16().double()
    kth = (asked @ rows.T + bias).topk(K, dim=1).values[:, -1]
    lost = asked.norm(dim=1) * (rows - narrow(rows)).norm(dim=1).max()
    lost += (asked - narrow(asked)).norm(dim=1) * rows.norm(dim=1).max()
    found = {}
    for more in MORE:
        smallest = scores.topk(K + more, dim=1).values[:, -1]
        error = lost + torch.finfo(torch.bfloat16).eps / 2 * smallest.abs()
        found[str(more)] = round(float((kth - error > smallest).double().mean()), 3)
    return found


def unit(rows: Array) -> Array:
    wide = rows.astype(np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-300))


def narrow(rows: Tensor) -> Tensor:
    """Rounded to bfloat16."""
    return rows.bfloat16().double()


def products() -> dict[str, float]:
    """Milliseconds of 1,024 × 512 by 512 × 16,384."""
    left, right, found = torch.randn(1024, 512), torch.randn(16_384, 512), {}
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        product = partial(torch.mm, left.to(dtype), right.to(dtype).T)
        product()
        found[name] = round(1000 * measure(product, 11)["wall_s"], 1)
    return found


if __name__ == "__main__":
    main()
