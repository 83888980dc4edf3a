"""How many views of how many images: what a quarter of all passes through the network buys.

For each share between images m and views q of each, at the same number of passes: how far the two metrics of views
scatter from draw to draw of the images, against how far the checkpoints of a run lie apart. Needs `runs/demo` (make
demo), or a run given by name.

    python -m benchmarks features.views_needed
"""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.features.machine import describe, save
from swaveval.checkpoints import load
from swaveval.data import decode, default_transform, open_images
from swaveval.evaluators.lidar import lidar
from swaveval.evaluators.views import retrieved
from swaveval.features.extract import ExtractSettings, extract

RUN, DATA = Path("runs/demo/checkpoints"), "digits"
DRAWS = 40
MOST = 8  # views of each image that are drawn from
BEFORE = (500, 4)  # what sets of this size were given: more than a pass more

Array = np.ndarray[Any, np.dtype[Any]]


def views_of(path: Path) -> Array:
    """Features of `MOST` views of every image, shape `(n, MOST, d)`."""
    images = open_images(DATA)
    transform = default_transform(images)
    settings = ExtractSettings(transform=transform, n_view_images=len(images), n_views=MOST, flip=False)
    pixels = decode(images, transform, cache=RUN.parent / "views-needed")
    features = extract(load(path), images, pixels, settings=settings)
    assert features.views is not None
    return features.views.features


def drawn(views: Array, m: int, q: int, draw: np.random.Generator) -> tuple[float, float]:
    """View retrieval and LiDAR of m images with q views each."""
    rows = draw.permutation(len(views))[:m]
    chosen = views[rows][:, draw.permutation(MOST)[:q]]
    return float(retrieved(chosen[:, 0], chosen[:, 1]).mean()), lidar(chosen)


def main() -> None:
    series = [views_of(path) for path in sorted(RUN.glob("epoch=*.ckpt"), key=lambda path: path.stat().st_mtime)]
    n = len(series[0])
    passes = n // 3
    table = {}
    for m, q in (*((passes // q, q) for q in (2, 4, 8)), BEFORE):
        draws = np.random.default_rng(0)
        found = np.asarray([[drawn(views, m, q, draws) for _ in range(DRAWS)] for views in series])
        between = found.mean(axis=1).std(axis=0, ddof=1)
        within = np.sqrt(found.var(axis=1, ddof=1).mean(axis=0))
        table[f"{m} images x {q} views"] = {
            "share of all passes": round(m * q / (m * q + n), 3),
            **{
                f"{name}: spread between draws / between checkpoints": round(float(within[at] / between[at]), 3)
                for at, name in enumerate(("retrieval", "LiDAR"))
            },
        }
    body = {"machine": describe(), "images": n, "checkpoints": len(series), "draws": DRAWS, "results": table}
    save(Path(__file__).with_suffix(".json"), body)


if __name__ == "__main__":
    main()
