"""Small networks of every geometry and recipe, trained for a few epochs, for `benchmarks.geometry.fingerprints`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from lightly.loss import NTXentLoss
from lightly.transforms import DINOTransform, MoCoV2Transform, SimCLRTransform, SwaVTransform
from PIL import Image
from torch import Tensor, nn

from swaveval.checkpoints.architectures import ResNetSpec
from swaveval.data.transforms import IMAGENET_MEAN, IMAGENET_STD

SIDE = 64
USUAL = ResNetSpec(blocks=(2, 2, 2, 2), width=16)
SMALL = replace(USUAL, stem_kernel=3, stem_padding=1, stem_stride=1, maxpool=False)
NECKS = replace(USUAL, block="bottleneck", blocks=(1, 1, 2, 2))

# As lightly ships them, but for the sizes; and a gentle one, for many geometries in little time.
RECIPES: dict[str, Callable[[], Any]] = {
    "gentle": lambda: SimCLRTransform(SIDE, min_scale=0.2, cj_strength=0.5, gaussian_blur=0.0, normalize=None),
    "SimCLR": lambda: SimCLRTransform(SIDE, normalize=None),
    "MoCo v2": lambda: MoCoV2Transform(SIDE, normalize=None),
    "SwaV multi-crop": lambda: SwaVTransform(crop_sizes=(SIDE, SIDE // 2), crop_counts=(2, 4), normalize=None),
    "DINO multi-crop": lambda: DINOTransform(
        global_crop_size=SIDE, local_crop_size=SIDE // 2, n_local_views=4, normalize=None
    ),
}


@dataclass(frozen=True)
class Variant:
    """One way to train. Attributes: cosine: learning rate to zero by AdamW, else SGD with momentum at one rate."""

    spec: ResNetSpec = USUAL
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    order: str = "RGB"
    recipe: str = "gentle"
    cosine: bool = True


_STEMS = {
    "7x7 stride 2, pooling": USUAL,
    "7x7 stride 1, pooling": replace(USUAL, stem_stride=1),
    "7x7 stride 2, no pooling": replace(USUAL, maxpool=False),
    "3x3 stride 1, no pooling": SMALL,
    "3x3 stride 2, no pooling": replace(SMALL, stem_stride=2),
    "3x3 stride 1, pooling": replace(SMALL, maxpool=True),
    "3x3 stride 2, pooling": replace(SMALL, stem_stride=2, maxpool=True),
    "3x3 stride 2, padding 2": replace(SMALL, stem_stride=2, stem_padding=2),
    "bottleneck, pooling": NECKS,
    "bottleneck, last stage dilated": replace(NECKS, dilated=1),
    "bottleneck, two stages dilated": replace(NECKS, dilated=2),
    "last stage of stride 1": replace(USUAL, last_stride=1),
}
VARIANTS: dict[str, Variant] = {
    **{name: Variant(spec) for name, spec in _STEMS.items()},
    "mean .5, std .5": Variant(mean=(0.5,) * 3, std=(0.5,) * 3),
    "not normalised": Variant(mean=(0.0,) * 3, std=(1.0,) * 3),
    "0 to 255": Variant(mean=(0.0,) * 3, std=(1 / 255,) * 3),
    "BGR": Variant(order="BGR"),
    **{
        f"{recipe}, {name}{'' if cosine else ', constant rate'}": Variant(spec, recipe=recipe, cosine=cosine)
        for recipe in RECIPES
        if recipe != "gentle"
        for name, spec, cosine in (
            ("7x7 stride 2, pooling", USUAL, True),
            ("3x3 stride 1, no pooling", SMALL, False),
            ("7x7 stride 1, pooling", _STEMS["7x7 stride 1, pooling"], True),
        )
    },
}
Views = list[UInt8[np.ndarray, "draws n h w 3"]]


def augmented(images: list[Path], recipe: str, cache: Path, *, draws: int = 3) -> Views:
    """Views by the recipe, an array for each crop that it makes; made once and kept."""
    place = cache / f"views-{len(images)}-{draws}-{recipe.replace(' ', '_')}.npz"
    if place.is_file():
        with np.load(place) as stored:
            return [stored[name] for name in stored.files]
    torch.manual_seed(0)
    transform = RECIPES[recipe]()
    opened = [Image.open(path).convert("RGB") for path in images]
    drawn = [[[_bytes(view) for view in transform(image)] for image in opened] for _ in range(draws)]
    count = len(drawn[0][0])
    crops = [np.stack([np.stack([views[crop] for views in draw]) for draw in drawn]) for crop in range(count)]
    np.savez(place, *crops)
    return crops


def _bytes(view: Tensor) -> UInt8[np.ndarray, "h w 3"]:
    return (view * 255).round().byte().permute(1, 2, 0).numpy()


def train(variant: Variant, crops: Views, *, epochs: int, batch: int = 64) -> tuple[nn.Module, float]:
    """The variant's backbone after NT-Xent of every crop with the first, in eval mode, and its last loss."""
    torch.manual_seed(1)
    backbone = variant.spec.build()
    head = nn.Sequential(nn.Linear(variant.spec.feature_dim, 64), nn.ReLU(), nn.Linear(64, 32))
    learned = [*backbone.parameters(), *head.parameters()]
    optimiser: torch.optim.Optimizer = torch.optim.AdamW(learned, lr=2e-3)
    if not variant.cosine:
        optimiser = torch.optim.SGD(learned, lr=0.1, momentum=0.9)
    draws, count = crops[0].shape[:2]
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * (count // batch))
    loss_of, generator, loss = NTXentLoss(0.2), np.random.default_rng(0), torch.zeros(())
    shift, scale = (torch.tensor(values).view(1, 3, 1, 1) for values in (variant.mean, variant.std))
    for epoch in range(epochs):
        for rows in np.array_split(generator.permutation(count), count // batch):
            embedded = []
            for crop in crops:
                pixels = torch.from_numpy(crop[epoch % draws, rows]).permute(0, 3, 1, 2).float() / 255
                pixels = pixels.flip(1) if variant.order == "BGR" else pixels
                embedded.append(head(backbone((pixels - shift) / scale)))
            loss = torch.stack([loss_of(embedded[0], other) for other in embedded[1:]]).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if variant.cosine:
                schedule.step()
    return backbone.eval(), loss.item()


def trained(name: str, images: list[Path], cache: Path, *, epochs: int = 12) -> Path:
    """A checkpoint file of the variant that holds weights and nothing of its geometry; trained when it is not there."""
    variant = VARIANTS[name]
    place = cache / name.replace(" ", "_") / f"epoch={epochs}.pth"
    if not place.is_file():
        crops = augmented(images, variant.recipe, cache)
        backbone, loss = train(variant, crops, epochs=epochs if variant.recipe == "gentle" else epochs // 2)
        place.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"state_dict": backbone.state_dict(), "loss": loss}, place)
    return place
