"""Small networks of every geometry, trained for a few epochs with SimCLR, for `benchmarks.geometry.fingerprints`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from lightly.loss import NTXentLoss
from lightly.transforms import SimCLRTransform
from PIL import Image
from torch import nn

from swaveval.checkpoints.architectures import ResNetSpec

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
USUAL = ResNetSpec(blocks=(2, 2, 2, 2), width=16)
SMALL = replace(USUAL, stem_kernel=3, stem_padding=1, stem_stride=1, maxpool=False)
NECKS = replace(USUAL, block="bottleneck", blocks=(1, 1, 2, 2))
# name → (network, normalisation, channel order, smallest crop)
VARIANTS: dict[str, tuple[ResNetSpec, tuple[tuple[float, ...], tuple[float, ...]], str, float]] = {
    "7x7 stride 2, pooling": (USUAL, IMAGENET, "RGB", 0.2),
    "7x7 stride 2, pooling, crops from .08": (USUAL, IMAGENET, "RGB", 0.08),
    "7x7 stride 1, pooling": (replace(USUAL, stem_stride=1), IMAGENET, "RGB", 0.2),
    "7x7 stride 2, no pooling": (replace(USUAL, maxpool=False), IMAGENET, "RGB", 0.2),
    "3x3 stride 1, no pooling": (SMALL, IMAGENET, "RGB", 0.2),
    "3x3 stride 2, no pooling": (replace(SMALL, stem_stride=2, maxpool=False), IMAGENET, "RGB", 0.2),
    "3x3 stride 1, pooling": (replace(SMALL, maxpool=True), IMAGENET, "RGB", 0.2),
    "3x3 stride 2, pooling": (replace(SMALL, stem_stride=2, maxpool=True), IMAGENET, "RGB", 0.2),
    "3x3 stride 2, padding 2": (replace(SMALL, stem_stride=2, maxpool=False, stem_padding=2), IMAGENET, "RGB", 0.2),
    "bottleneck, pooling": (NECKS, IMAGENET, "RGB", 0.2),
    "bottleneck, last stage dilated": (replace(NECKS, dilated=1), IMAGENET, "RGB", 0.2),
    "bottleneck, two stages dilated": (replace(NECKS, dilated=2), IMAGENET, "RGB", 0.2),
    "last stage of stride 1": (replace(USUAL, last_stride=1), IMAGENET, "RGB", 0.2),
    "mean .5, std .5": (USUAL, ((0.5,) * 3, (0.5,) * 3), "RGB", 0.2),
    "not normalised": (USUAL, ((0.0,) * 3, (1.0,) * 3), "RGB", 0.2),
    "0 to 255": (USUAL, ((0.0,) * 3, (1 / 255,) * 3), "RGB", 0.2),
    "BGR": (USUAL, IMAGENET, "BGR", 0.2),
}


def augmented(images: list[Path], *, smallest: float, size: int, draws: int, cache: Path) -> np.ndarray:
    """`(draws, n, 2, size, size, 3)` uint8 views by lightly's SimCLR transform; made once and kept."""
    place = cache / f"views-{len(images)}-{smallest}-{size}-{draws}.npy"
    if place.is_file():
        return np.load(place)
    torch.manual_seed(0)
    transform = SimCLRTransform(input_size=size, min_scale=smallest, cj_strength=0.5, gaussian_blur=0.0, normalize=None)
    opened = [Image.open(path).convert("RGB") for path in images]
    views = np.empty((draws, len(images), 2, size, size, 3), np.uint8)
    for draw in range(draws):
        for row, image in enumerate(opened):
            for view, pixels in enumerate(transform(image)):
                views[draw, row, view] = (pixels * 255).round().byte().permute(1, 2, 0).numpy()
    np.save(place, views)
    return views


def train(name: str, views: np.ndarray, *, epochs: int, batch: int = 64) -> tuple[nn.Module, float]:
    """The variant's backbone after SimCLR on the views, in eval mode, and its last loss."""
    spec, (mean, std), order, _ = VARIANTS[name]
    torch.manual_seed(1)
    backbone = spec.build()
    head = nn.Sequential(nn.Linear(spec.feature_dim, 64), nn.ReLU(), nn.Linear(64, 32))
    optimiser = torch.optim.AdamW([*backbone.parameters(), *head.parameters()], lr=2e-3)
    steps = epochs * (len(views[0]) // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    loss_of, generator, loss = NTXentLoss(0.2), np.random.default_rng(0), torch.zeros(())
    shift, scale = torch.tensor(mean).view(1, 3, 1, 1), torch.tensor(std).view(1, 3, 1, 1)
    for epoch in range(epochs):
        drawn = views[epoch % len(views)]
        for rows in np.array_split(generator.permutation(len(drawn)), len(drawn) // batch):
            pixels = torch.from_numpy(drawn[rows]).flatten(0, 1).permute(0, 3, 1, 2).float() / 255
            if order == "BGR":
                pixels = pixels.flip(1)
            first, second = head(backbone((pixels - shift) / scale)).unflatten(0, (-1, 2)).unbind(1)
            loss = loss_of(first, second)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return backbone.eval(), loss.item()


def trained(name: str, images: list[Path], cache: Path, *, size: int = 64, epochs: int = 12) -> Path:
    """A checkpoint file of the variant, trained when it is not there yet."""
    place = cache / f"{name.replace(' ', '_')}.pth"
    if not place.is_file():
        views = augmented(images, smallest=VARIANTS[name][3], size=size, draws=3, cache=cache)
        backbone, loss = train(name, views, epochs=epochs)
        torch.save({"state_dict": backbone.state_dict(), "epoch": epochs, "loss": loss}, place)
    return place
