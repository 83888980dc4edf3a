"""What only a GPU shows, in one script that needs no network and no files: at most eight minutes on one of 80 GB.

1. Features of a ResNet-50 at 224 px in bfloat16: images a second of `extract`, with everything it does around the
   network (bytes to the device, normalising, results back), over those of the network alone on a batch that lies there.
2. All evaluators of a checkpoint on 50,000 × 2,048 features of 100 classes, over the forward pass of as many images.
3. kNN: 50,000 queries in a bank of 1,280,000 × 2,048, k = 200.

    python -m benchmarks.gpu [--device cuda] [--share 1.0]

`--share` makes everything smaller by it: `--device cpu --share 0.002` tries the script where there is no GPU.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision

from benchmarks.features.machine import describe, save
from benchmarks.features.synthetic import rows_like
from swaveval.checkpoints import LoadOptions
from swaveval.checkpoints.live import Live
from swaveval.data import EvalTransform
from swaveval.data.decoded import PixelArray
from swaveval.data.imageset import ImageSet
from swaveval.evaluators.contract import Skip, unmet
from swaveval.evaluators.registry import available, create
from swaveval.features.extract import ExtractSettings, Normalise, evaluating, extract
from swaveval.features.features import Features
from swaveval.features.neighbours import nearest
from swaveval.features.precision import running

SIZE = 224


def synchronised(device: str) -> float:
    """The time when the device has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter()


def features_per_second(device: str, count: int) -> dict[str, float]:
    """Of `extract` on `count` images, and of the network alone."""
    source = Live({"resnet50": torchvision.models.resnet50()})
    backbone = source.backbone(source.entries()[0], LoadOptions())
    draw = np.random.default_rng(0)
    pixels = PixelArray(draw.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8), "drawn")
    images = ImageSet(
        name="drawn",
        path="drawn",
        files=tuple(map(str, range(count))),
        labels=None,
        class_names=(),
        is_test=np.arange(count) % 5 == 0,
        split_origin="drawn",
        fingerprint="0" * 64,
        open=lambda position: pixels.pixels[position],
    )
    transform = EvalTransform(size=SIZE)
    settings = ExtractSettings(transform=transform, device=device, precision="bf16", n_view_images=0, n_views=0)
    network, normalise = backbone.to(device).module, Normalise(transform, device)

    def alone(batch: int) -> float:
        given = normalise(pixels.take(np.arange(batch)))
        with torch.inference_mode(), evaluating(network, None), running("bf16", device):
            for _ in range(3):
                network(given)
            started, passes = synchronised(device), max(3, count // batch)
            for _ in range(passes):
                network(given)
            return passes * batch / (synchronised(device) - started)

    def whole() -> float:
        started = synchronised(device)
        extract(backbone, images, pixels, settings=settings)
        return count / (synchronised(device) - started)

    whole()  # once to warm up
    by_batch = {batch: alone(batch) for batch in ((64, 128, 256) if device.startswith("cuda") else (12,))}
    best, features = max(by_batch.values()), float(np.median([whole() for _ in range(3)]))
    return {
        **{f"network alone, {batch} at a time, images/s": rate for batch, rate in by_batch.items()},
        "features, images/s": features,
        "share of the best": features / best,
    }


def evaluators(device: str, count: int, dimensions: int, classes: int) -> dict[str, float]:
    """Seconds of each evaluator of one checkpoint."""
    rows, labels = rows_like(count, dimensions, classes=classes, seed=0)
    kept = count * 4 // 5
    features = Features(
        train=rows[:kept],
        test=rows[kept:],
        train_labels=labels[:kept],
        test_labels=labels[kept:],
        train_index=np.arange(kept),
        test_index=np.arange(kept, count),
        class_names=tuple(map(str, range(classes))),
        device=device,
    )
    seconds = {}
    for one in available():
        evaluator = create(one.name)
        if getattr(evaluator, "over_series", False) or unmet(evaluator.needs, features):
            continue
        started = synchronised(device)
        try:
            tuple(evaluator(features, seed=0))  # type: ignore[arg-type]
        except Skip:
            continue
        seconds[one.name] = synchronised(device) - started
        print(f"{one.name}: {seconds[one.name]:.2f} s", flush=True)
    return seconds


def search(device: str, queries: int, bank: int, dimensions: int) -> float:
    """Seconds of one exact search."""
    rows, _ = rows_like(bank, dimensions, classes=1000, seed=0, dtype="float16")
    asked, _ = rows_like(queries, dimensions, classes=1000, seed=1, dtype="float16")
    started = synchronised(device)
    nearest(asked, rows, 200, device=device)
    return synchronised(device) - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--share", type=float, default=1.0)
    asked = parser.parse_args()
    share, machine = asked.share, describe()
    if asked.device.startswith("cuda"):
        machine["gpu"] = torch.cuda.get_device_name()
    forward = features_per_second(asked.device, max(24, round(20_000 * share)))
    count = max(400, round(50_000 * share))
    each = evaluators(asked.device, count, max(32, round(2048 * min(1.0, 4 * share))), 100 if share == 1 else 4)
    passing = count / max(rate for name, rate in forward.items() if name.startswith("network"))
    found: dict[str, Any] = {
        "features": {name: round(value, 3) for name, value in forward.items()},
        "evaluators, s": {name: round(value, 2) for name, value in each.items()},
        "all evaluators / forward pass": round(sum(each.values()) / passing, 3),
        "kNN, s": round(
            search(asked.device, count, round(1_280_000 * share) or 1000, round(2048 * min(1.0, 4 * share)) or 32), 2
        ),
    }
    body = {"machine": machine, "task": vars(asked), "results": found}
    if share == 1:
        save(Path(__file__).with_suffix(".json"), body)
    else:
        print(body)


if __name__ == "__main__":
    main()
