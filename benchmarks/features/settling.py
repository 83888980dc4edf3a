"""How many images settle the BatchNorm of an untrained network: kNN and variances against those of all images.

Three untrained ResNet-18 of width 32. For each way the leave-one-out kNN of 2,000 training images (scikit-learn's,
cosine, 20 neighbours), and how far the variances are from those of all training images in batches of 256.

    python -m benchmarks.features.settling [--data digits] [--size 32]
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from benchmarks.features.machine import describe, save
from swaveval.checkpoints.architectures import build_resnet
from swaveval.checkpoints.backbone import Backbone
from swaveval.checkpoints.load_report import LoadReport
from swaveval.data import DecodedImages, ImageSet, decode, open_images
from swaveval.data.transforms import EvalTransform, fitted
from swaveval.features import untrained
from swaveval.features.extract import ExtractSettings, extract

ASKED, K, NETWORKS = 2000, 20, 3
# Images, images a batch, precision.
WAYS: tuple[tuple[int, int, Any], ...] = (
    (256, 32, "fp32"),
    (512, 16, "fp32"),
    (512, 32, "fp32"),
    (512, 32, "bf16"),
    (512, 256, "fp32"),
    (1024, 256, "fp32"),
    (4096, 256, "fp32"),
)


def settled(seed: int, images: ImageSet, pixels: DecodedImages, settings: ExtractSettings) -> Backbone:
    torch.manual_seed(seed)
    module, width = build_resnet(depth=18, stem="small", width=32, stem_stride=2)
    report = LoadReport("untrained", "ready")
    backbone = Backbone(module, width, f"{seed}", "resnet18", report, head=None, swav_settings={})
    return untrained.settle_batchnorm(backbone, images, pixels, settings=settings)


def variances(backbone: Backbone) -> np.ndarray:
    layers = [layer for layer in backbone.module.modules() if isinstance(layer, nn.BatchNorm2d)]
    return np.concatenate([layer.running_var.numpy() for layer in layers if layer.running_var is not None])


def knn(backbone: Backbone, images: ImageSet, pixels: DecodedImages, settings: ExtractSettings) -> float:
    features = extract(backbone, images, pixels, settings=settings)
    assert features.train_labels is not None
    chosen = np.random.default_rng(0).permutation(len(features.train))[:ASKED]
    rows, labels = features.train[chosen], features.train_labels[chosen]
    near = KNeighborsClassifier(K, metric="cosine").fit(rows, labels).kneighbors(return_distance=False)
    votes = np.apply_along_axis(np.bincount, 1, labels[near], minlength=labels.max() + 1)
    return float((votes.argmax(axis=1) == labels).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--size", type=int, default=32)
    asked = parser.parse_args()
    images = open_images(asked.data)
    transform = fitted(EvalTransform(size=asked.size), images.channels)
    pixels = decode(images, transform)
    settings = ExtractSettings(transform=transform, device="cpu", n_view_images=0)
    ways = [*WAYS, (len(images.train_index), 256, "fp32")]
    found = np.zeros((len(ways), NETWORKS, 2))
    for seed in range(NETWORKS):
        made = []
        for count, batch, precision in ways:
            untrained.SETTLING_IMAGES, untrained._BATCH = count, batch
            chosen = replace(settings, precision=precision)
            backbone = settled(seed, images, pixels, chosen)
            made.append(variances(backbone))
            found[len(made) - 1, seed, 0] = knn(backbone, images, pixels, chosen)
        found[:, seed, 1] = [float(np.sqrt(np.mean((one / made[-1] - 1) ** 2))) for one in made]
    results = {
        f"{count} images, batches of {batch}, {precision}": {
            "kNN of each network": [round(float(one), 4) for one in found[place, :, 0]],
            "kNN": round(float(found[place, :, 0].mean()), 4),
            "variances, relative error": round(float(found[place, :, 1].mean()), 4),
        }
        for place, (count, batch, precision) in enumerate(ways)
    }
    task = {"data": Path(asked.data).name, "size": asked.size, "images asked": min(ASKED, len(images.train_index))}
    name = f"settling-{Path(asked.data).name}.json"
    save(Path(__file__).with_name(name), {"machine": describe(), "task": task, "results": results})


if __name__ == "__main__":
    main()
