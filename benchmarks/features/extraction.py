"""Images decoded once and passed once, against a DataLoader pass for each evaluator: the same series, the same answers.

Wanted, for each checkpoint of a series: kNN at k = 20 and k = 200, features for a linear probe, a map's neighbours.

Peers (lightly's way): images decoded and transformed by a DataLoader over `LightlyDataset` for each evaluator anew:
`KNNClassifier` for each k with its own pass over train and test, one more pass for the probe's features (lightly's own
probe makes 90), one more for the map, with scikit-learn's exact brute-force search. Ours: decoded once for the series,
one pass for each checkpoint, the shared search. No augmented views on our side: peers have nothing that needs them.

    python -m benchmarks.features.extraction [--images 600] [--checkpoints 2] [--repeats 3]
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from benchmarks.features.machine import describe, measure, ratio, save
from swaveval.checkpoints.architectures import build_resnet
from swaveval.checkpoints.backbone import Backbone
from swaveval.checkpoints.load_report import LoadReport
from swaveval.data import decode, open_images
from swaveval.data.transforms import EvalTransform
from swaveval.features.extract import ExtractSettings, extract
from swaveval.features.features import Features

BATCH = 128
CASES = {
    "32 px PNG, small-stem ResNet-10 width 32": {"side": 32, "size": 32, "suffix": "png", "stem": "small", "width": 32},
    "320 px JPEG to 96 px, ResNet-18": {"side": 320, "size": 96, "suffix": "jpg", "stem": "imagenet", "width": 64},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--checkpoints", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    machine = describe()
    results = {}
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as directory:
            results[name] = compare(Path(directory), asked, **case)
    save(Path(__file__).with_suffix(".json"), {"machine": machine, "task": vars(asked), "cases": results})


def compare(
    directory: Path, asked: argparse.Namespace, *, side: int, size: int, suffix: str, stem: Any, width: int
) -> dict[str, Any]:
    write_images(directory, asked.images, side, suffix)
    transform = EvalTransform(size=size)
    depth = 10 if stem == "small" else 18
    torch.manual_seed(0)
    networks = [build_resnet(depth=depth, stem=stem, width=width) for _ in range(asked.checkpoints)]

    def theirs() -> list[np.ndarray]:
        return [their_evaluation(network.eval(), directory, transform) for network, _ in networks]

    def ours() -> list[Features]:
        images = open_images(str(directory))
        pixels = decode(images, transform)
        settings = ExtractSettings(transform=transform, n_view_images=0, batch_size=BATCH, device="cpu")
        made = []
        for number, (network, d) in enumerate(networks):
            backbone = Backbone(network, d, str(number), "", LoadReport("", "ready"), None, {})
            features = extract(backbone, images, pixels, settings=settings)
            features.test_neighbours(200)
            features.map_neighbours(np.arange(len(features.train)), 15)
            made.append(features)
        return made

    difference = max(float(np.abs(a - b.train).max()) for a, b in zip(theirs(), ours(), strict=True))
    measured = {"peers": measure(theirs, asked.repeats), "ours": measure(ours, asked.repeats)}
    return {
        "largest difference of a feature": difference,
        **measured,
        "times faster": ratio(measured["peers"], measured["ours"]),
    }


def their_evaluation(network: nn.Module, directory: Path, transform: EvalTransform) -> np.ndarray:
    """A pass for each evaluator; the features of the last one."""
    from lightly.data import LightlyDataset
    from lightly.utils.benchmarking import KNNClassifier
    from sklearn.neighbors import NearestNeighbors
    from torch.utils.data import DataLoader
    from torchvision import transforms as T

    resize = [T.Resize(transform.short_side), T.CenterCrop(transform.size)]
    made = T.Compose([*resize, T.ToTensor(), T.Normalize(transform.mean, transform.std)])

    def loader(split: str) -> Any:
        return DataLoader(LightlyDataset(str(directory / split), transform=made), batch_size=BATCH)

    with torch.inference_mode():
        for k in (20, 200):
            knn = KNNClassifier(
                network, num_classes=10, knn_k=k, knn_t=0.07, train_dataloader_idx=0, val_dataloader_idx=1
            )
            for which, split in enumerate(("train", "test")):
                for number, batch in enumerate(loader(split)):
                    images, labels, _ = batch
                    features = knn(images)
                    if which == 0:
                        knn.append_train_features(features, labels)
                    else:
                        predict(knn, features, first=number == 0)
        for split in ("train", "test"):  # the linear probe's features
            torch.cat([network(images) for images, _, _ in loader(split)])
        features = torch.cat([network(images) for images, _, _ in loader("train")]).numpy()
    NearestNeighbors(n_neighbors=15, algorithm="brute", metric="cosine").fit(features).kneighbors(features)
    return features


def predict(knn: Any, features: torch.Tensor, *, first: bool) -> None:
    """What KNNClassifier.validation_step does with a test batch, without a Trainer around it."""
    from lightly.utils.benchmarking import knn_predict

    if first:
        knn.bank = torch.cat(knn._train_features).T.contiguous()
        knn.bank_labels = torch.cat(knn._train_targets)
    knn_predict(features, knn.bank, knn.bank_labels, 10, knn.knn_k, knn.knn_t)


def write_images(directory: Path, n: int, side: int, suffix: str) -> None:
    """Smooth random pictures in ten class folders of a train and a test split."""
    rng = np.random.default_rng(0)
    for number in range(n):
        label = number % 10
        split = "test" if number % 5 == 4 else "train"
        place = directory / split / f"class{label}"
        place.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, size=(8, 8, 3), dtype=np.uint8))
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(place / f"{number:05}.{suffix}")


if __name__ == "__main__":
    main()
