"""A whole `swaveval run` of eight checkpoints against the forward pass alone of its images through its networks.

The forward pass: images of both splits, decoded before, through one checkpoint, in the precision that the run has, on
all cores; times eight. The run: the whole command from an empty directory, every evaluator, baselines, map, gallery,
figures and page; and once more without map, gallery and figures. Of the whole one the result has the profile that the
run keeps of itself: seconds of its worker processes by stage, over all checkpoints and baselines.

    python -m benchmarks.runs.whole_run --data DIR [--size 64] [--depth 18] [--images N] [--repeats 3]

DIR holds images in class folders; without it scikit-learn's digits are taken; N is how many of them. Checkpoints are
trained first, for a few minutes, below `runs/benchmarks/`.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from benchmarks.features.machine import describe, save
from swaveval.checkpoints import load
from swaveval.data import EvalTransform, decode, fitted, open_images
from swaveval.data.imageset import ImageSet
from swaveval.data.sample import Draw, Sample
from swaveval.evaluators.registry import available
from swaveval.features.extract import Normalise, evaluating
from swaveval.features.precision import running
from swaveval.results import Series
from swaveval.results.export import time_rows

WITHOUT = ("umap", "gallery")


def swaveval(*arguments: str) -> float:
    """Seconds of a whole command."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "swaveval.cli.app", *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


def trained(data: str, size: int, depth: int) -> Path:
    """Eight checkpoints of a short training."""
    place = Path("runs/benchmarks") / f"resnet{depth}-{size}px-{Path(data).name}"
    if not (place / "checkpoints").is_dir():
        many = len(open_images(data).train_index)
        # What they were trained on changes nothing of what evaluating them costs.
        side = min(size, 64)
        batch = min(128, 32 * 128 * 128 // side**2)
        few = ["--data-fraction", str(max(0.1, 1.1 * batch / many)), "--epochs", "7", "--checkpoint-every", "1"]
        few += ["--batch-size", str(batch)]
        crops = ["--crop-sizes", f"{side},{side // 2}", "--crop-counts", "2,2"]
        network = ["--backbone", f"resnet{depth}", "--stem", "imagenet"]
        swaveval("pretrain", "--data", data, *few, *crops, *network, "--out", str(place))
    return place / "checkpoints"


@torch.inference_mode()
def forward(path: Path, images: ImageSet, transform: Any, precision: Any) -> float:
    """Seconds of one pass of all images, decoded before; the median of five."""
    pixels = decode(images, transform)
    network, normalise = load(path).module, Normalise(transform, "cpu")
    order = [int(row) for split in (images.train_index, images.test_index) for row in split]
    batch = max(8, min(256, 12 * 224 * 224 // (pixels.shape[1] * pixels.shape[2])))
    times = []
    with evaluating(network, None), running(precision, "cpu"):
        for _ in range(5):
            started = time.perf_counter()
            for part in pixels.batches(order, batch):
                network(normalise(part))
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def profile_of(report: Path) -> dict[str, float]:
    """Seconds by stage and evaluator, most first, over whatever was evaluated."""
    found = Counter[str]()
    for row in time_rows(Series.load(report)):
        found[row["evaluator"] or row["metric"].removeprefix("seconds.")] += float(row["value"])
    return {stage: round(seconds, 1) for stage, seconds in found.most_common()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--depth", type=int, default=18)
    parser.add_argument("--images", type=int)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    checkpoints = trained(asked.data, asked.size, asked.depth)
    out = checkpoints.parent / "report"
    common = ["run", "-c", str(checkpoints), "-d", asked.data, "--size", str(asked.size), "-o", str(out), "--quiet"]
    common += [] if asked.images is None else ["--images", str(asked.images)]
    machine, seconds = describe(), {"everything": [], "without map, gallery and figures": []}
    others = ",".join(one.name for one in available() if one.name not in WITHOUT)
    profile: dict[str, float] = {}
    for _ in range(asked.repeats):
        for name, more in zip(seconds, ([], ["--evaluators", others, "--no-figures"]), strict=True):
            shutil.rmtree(out, ignore_errors=True)
            seconds[name].append(swaveval(*common, *more))
            profile = profile_of(out) if not more else profile
    manifest = Series.load(out).manifest
    images = open_images(asked.data, draw=Draw(sample=Sample(asked.images) if asked.images else None))
    transform = fitted(EvalTransform(size=asked.size), images.channels)
    count = sum(record.kind == "checkpoint" and record.same_as is None for record in manifest.checkpoints)
    alone = forward(next(checkpoints.glob("*.ckpt")), images, transform, manifest.data.precision)
    results = {
        "checkpoints": count,
        "images": manifest.data.n_train + manifest.data.n_test,
        "precision": manifest.data.precision,
        "forward pass of one checkpoint, s": round(alone, 2),
        **{f"run, {name}, s": round(statistics.median(each), 1) for name, each in seconds.items()},
        **{
            f"run, {name} / forward passes": round(statistics.median(each) / (count * alone), 2)
            for name, each in seconds.items()
        },
        "worker seconds by stage": profile,
    }
    task = vars(asked) | {"data": Path(asked.data).name}
    name = f"whole_run-resnet{asked.depth}-{asked.size}px"
    save(Path(__file__).with_name(f"{name}.json"), {"machine": machine, "task": task, "results": results})


if __name__ == "__main__":
    main()
