"""Thirty real random initialisations on digits, kNN outcomes as bits: real null series are drawn from them."""

import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.false_alarms.simulate import REAL_INITS
from swaveval.checkpoints import discover, load, random_backbone
from swaveval.data import decode, open_images
from swaveval.data.transforms import EvalTransform
from swaveval.evaluators.knn import Knn
from swaveval.features.extract import ExtractSettings, extract
from swaveval.results import Artifact

COUNT = 30


def main() -> None:
    torch.set_num_threads(1)
    run = Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/swaveval-bank/rising-k100")
    like = load(discover(run / "checkpoints")[0].path)
    images, transform = open_images("digits"), EvalTransform(24)
    pixels = decode(images, transform, cache=None)
    settings = ExtractSettings(transform=transform, device="cpu", n_view_images=0, n_views=0)
    kept: dict[str, list[np.ndarray]] = {"knn.loo_top1.outcomes": [], "knn.top1.outcomes": []}
    for seed in range(100, 100 + COUNT):
        features = extract(random_backbone(like, seed), images, pixels, settings=settings)
        for found in Knn(ks=(20,), temperatures=(0.07,))(features, seed=0):
            if isinstance(found, Artifact) and found.id in kept:
                kept[found.id].append(found.arrays["correct"])
    loo, test = (np.stack(rows) for rows in kept.values())
    print(f"kNN leave-one-out {loo.mean():.3f} ± {loo.mean(axis=1).std(ddof=1):.3f} over {COUNT} initialisations")
    np.savez_compressed(
        REAL_INITS,
        loo=np.packbits(loo, axis=1),
        test=np.packbits(test, axis=1),
        n_loo=loo.shape[1],
        n_test=test.shape[1],
    )


if __name__ == "__main__":
    main()
