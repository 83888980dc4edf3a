"""Views of a batch drawn together against lightly's transform image by image: the same distribution, one thread.

That the distribution is the same is tested (tests/pretrain/test_batch_views.py). Nothing that a DataLoader adds is in
either figure.

    python -m benchmarks pretrain.views
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.features.machine import describe, measure, ratio, save
from swaveval.pretrain.augment import swav_transform
from swaveval.pretrain.batch_views import BatchViews
from swaveval.pretrain.config import AugmentationConfig
from swaveval.pretrain.recipes import digits_compressed

BATCH, REPEATS = 64, 5
SMALL = {"crop_counts": (2, 4), "crop_min_scales": (0.4, 0.2), "crop_max_scales": (1.0, 0.4)}
CASES = {
    "digits preset, 32 and 16 px": (digits_compressed().augmentation, (32, 32)),
    "natural, 32 and 16 px": (AugmentationConfig(crop_sizes=(32, 16), **SMALL), (32, 32)),
    "natural, 64 and 32 px": (AugmentationConfig(crop_sizes=(64, 32), **SMALL), (72, 64)),
    "natural, 96 and 48 px (drawn by lightly)": (AugmentationConfig(crop_sizes=(96, 48), **SMALL), (120, 96)),
    "natural, 224 and 96 px (drawn by lightly)": (
        AugmentationConfig("natural", "auto", (224, 96), (2, 6), (0.14, 0.05), (1.0, 0.14)),
        (300, 256),
    ),
}


def compared(crops: AugmentationConfig, size: tuple[int, int]) -> dict[str, dict[str, float]]:
    """Both on the same images of (height, width) pixels."""
    draw = np.random.default_rng(0)
    images = [draw.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(BATCH)]
    pictures = [Image.fromarray(image) for image in images]
    moments = [(0, position) for position in range(BATCH)]
    together, alone = BatchViews(crops, seed=0), swav_transform(crops)
    ours = measure(lambda: together(images, moments), REPEATS)
    theirs = measure(lambda: [alone(picture) for picture in pictures], REPEATS)
    return {"batch": ours, "lightly": theirs, "lightly / batch": ratio(theirs, ours)}


def main() -> None:
    torch.set_num_threads(1)
    results = {name: compared(crops, size) for name, (crops, size) in CASES.items()}
    save(Path(__file__).with_suffix(".json"), {"machine": describe(), "images": BATCH, "results": results})


if __name__ == "__main__":
    main()
