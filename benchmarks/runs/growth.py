"""What a run costs by the number of its checkpoints and by the number of its images: seconds and peak memory.

Checkpoints: weights between those of two trained networks, 4, 40 and 400 of them on 600 digits, with the evaluators
that are no map (`--jobs 1`, no figures). Images: one checkpoint on 1,000 to 32,000 drawn pictures of 32 px, all
evaluators but the map. The memory is that of the largest process of the command.

    python -m benchmarks.runs.growth [--most-checkpoints 400] [--most-images 32000]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.features.machine import describe, save
from benchmarks.runs.whole_run import trained
from swaveval.evaluators.registry import available

WITHOUT = ("umap", "gallery")


def command(*arguments: str) -> dict[str, float]:
    """Seconds and peak memory of a `swaveval` command."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "swaveval.cli.app", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"swaveval {' '.join(arguments)} ended with status {status}")
    return {"s": round(time.perf_counter() - started, 1), "peak MB": round(used.ru_maxrss / 1024)}


def between(given: Path, count: int, place: Path) -> None:
    """`count` checkpoints on the line between the first and the last of `given`."""
    place.mkdir(parents=True)
    files = sorted(given.glob("*.ckpt"))
    first, last = (torch.load(file, weights_only=True, map_location="cpu") for file in (files[0], files[-1]))
    for number in range(count):
        share = number / max(1, count - 1)
        weights = {
            name: torch.lerp(one.float(), last["state_dict"][name].float(), share).to(one.dtype)
            for name, one in first["state_dict"].items()
        }
        torch.save(
            last | {"state_dict": weights, "epoch": number, "global_step": number}, place / f"epoch={number}.ckpt"
        )


def pictures(count: int, place: Path) -> None:
    """Pictures of 32 px in ten classes: a coloured square at a place of its class, under noise."""
    draw = np.random.default_rng(0)
    for number in range(count):
        label = number % 10
        folder = place / ("test" if number // 10 % 10 == 0 else "train") / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 160, (32, 32, 3), np.uint8)
        row, column = 6 * (label // 4), 7 * (label % 4)
        pixels[row : row + 8, column : column + 8] += np.uint8(80)
        Image.fromarray(pixels).save(folder / f"{number}.png", compress_level=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most-checkpoints", type=int, default=400)
    parser.add_argument("--most-images", type=int, default=32_000)
    asked = parser.parse_args()
    machine, given = describe(), trained("digits", 32, 10)
    evaluators = ",".join(one.name for one in available() if one.name not in WITHOUT)
    options = ["--evaluators", evaluators, "--no-figures", "--quiet", "--jobs", "1"]
    results: dict[str, Any] = {"checkpoints": {}, "images": {}}
    with tempfile.TemporaryDirectory() as temporary:
        for count in (4, 40, 400):
            if count > asked.most_checkpoints:
                continue
            place = Path(temporary) / f"c{count}"
            between(given, count, place)
            common = ["run", "-c", str(place), "-d", "digits", "--images", "600", "-o", str(place / "report")]
            found = command(*common, *options)
            shutil.rmtree(place)
            results["checkpoints"][str(count)] = found | {"s each": round(found["s"] / count, 2)}
        one = Path(temporary) / "one"
        one.mkdir()
        shutil.copy(max(given.glob("*.ckpt")), one)
        for count in (1000, 2000, 4000, 8000, 16_000, 32_000):
            if count > asked.most_images:
                continue
            place = Path(temporary) / f"i{count}"
            pictures(count, place)
            found = command("run", "-c", str(one), "-d", str(place), "-o", str(place / "report"), *options)
            shutil.rmtree(place)
            results["images"][str(count)] = found | {"ms an image": round(1000 * found["s"] / count, 2)}
    counts = results["checkpoints"]
    (few, one_few), (many, one_many) = list(counts.items())[-2:]
    results["s for one checkpoint more"] = round((one_many["s"] - one_few["s"]) / (int(many) - int(few)), 3)
    save(Path(__file__).with_suffix(".json"), {"machine": machine, "task": vars(asked), "results": results})


if __name__ == "__main__":
    main()
