"""Pictures for tests that need files: three classes that a network can tell apart."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_images(directory: Path, *, classes: int = 3, per_class: int = 24) -> Path:
    """Class folders of small pictures: a bar whose angle is the class, at a random place, in noise."""
    random = np.random.default_rng(0)
    for label in range(classes):
        folder = directory / f"bar {label}"
        folder.mkdir(parents=True)
        for position in range(per_class):
            pixels = random.integers(0, 60, (20, 20, 3), dtype=np.uint8)
            offset = int(random.integers(4, 14))
            if label == 0:
                pixels[offset : offset + 3] = 230
            elif label == 1:
                pixels[:, offset : offset + 3] = 230
            else:
                pixels[offset : offset + 5, offset : offset + 5] = 230
            Image.fromarray(pixels).save(folder / f"{position}.png")
    return directory
