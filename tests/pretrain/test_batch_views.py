"""Views of whole batches have the distribution of lightly's transform; each depends on its image and moment alone."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.stats import ks_2samp
from sklearn.datasets import load_sample_image
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms import functional as reference

from swaveval.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from swaveval.pretrain import batch_views
from swaveval.pretrain.augment import swav_transform
from swaveval.pretrain.batch_views import BatchViews, blurred, crop_boxes, rotated
from swaveval.pretrain.config import AugmentationConfig
from swaveval.pretrain.seeds import drawn_from

SMALL = AugmentationConfig(
    crop_sizes=(32, 16), crop_counts=(2, 4), crop_min_scales=(0.4, 0.2), crop_max_scales=(1.0, 0.4)
)
DIGITS = AugmentationConfig("digits", "batch", (32, 16), (2, 4), (0.4, 0.2), (1.0, 0.4))
LARGE = AugmentationConfig(
    crop_sizes=(64, 32), crop_counts=(1, 1), crop_min_scales=(0.14, 0.05), crop_max_scales=(1.0, 0.14)
)
BLURRED = AugmentationConfig(  # above 64 px colours are stronger and views are blurred
    crop_sizes=(72, 36), crop_counts=(2, 2), crop_min_scales=(0.4, 0.2), crop_max_scales=(1.0, 0.4)
)
DRAWS = 600
# A distribution that is the same gives a smaller p once in a thousand tests; the draws are seeded.
LEAST_P = 1e-3


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """A picture with structure of all sizes, `(h, w, 3)`."""
    return np.ascontiguousarray(load_sample_image("flower.jpg")[150:260, 200:330])


def pictures(*sizes: tuple[int, int]) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]


def pixels(views: torch.Tensor) -> torch.Tensor:
    """Undo the normalisation: in 0…1, in steps of a 255th, which Pillow keeps everywhere and batches need not."""
    shape = (1, 3, 1, 1)
    plain = views * torch.tensor(IMAGENET_STD).view(shape) + torch.tensor(IMAGENET_MEAN).view(shape)
    return (plain * 255).round() / 255


STATISTICS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda views: views.mean(dim=(1, 2, 3)),
    "red": lambda views: views[:, 0].mean(dim=(1, 2)),
    "blue": lambda views: views[:, 2].mean(dim=(1, 2)),
    "contrast": lambda views: views.std(dim=(1, 2, 3)),
    "colourfulness": lambda views: (views.amax(1) - views.amin(1)).mean(dim=(1, 2)),
    "edges": lambda views: views.diff(dim=3).abs().mean(dim=(1, 2, 3)),
    "left to right": lambda views: views[..., : views.shape[3] // 2].mean(dim=(1, 2, 3)) - views.mean(dim=(1, 2, 3)),
    "top to bottom": lambda views: views[:, :, : views.shape[2] // 2].mean(dim=(1, 2, 3)) - views.mean(dim=(1, 2, 3)),
    "corner": lambda views: views[:, :, 0, 0].mean(dim=1),
    "darkest": lambda views: views.amin(dim=(1, 2, 3)),
}


@pytest.mark.parametrize("config", [SMALL, DIGITS, LARGE], ids=["small", "digits", "large"])
def test_views_have_the_distribution_of_lightlys(config: AugmentationConfig, photo: np.ndarray) -> None:
    """One picture, many views by both; Kolmogorov and Smirnov's test on what the augmentations change."""
    ours = BatchViews(config, seed=0)([photo] * DRAWS, [(0, draw) for draw in range(DRAWS)])
    transform, picture = swav_transform(config), Image.fromarray(photo)
    theirs: list[list[torch.Tensor]] = []
    for draw in range(DRAWS):
        with drawn_from(1, draw):
            theirs.append(transform(picture))
    for kind, place in ((0, 0), (1, config.crop_counts[0])):  # the first view of either size
        expected = pixels(torch.stack([views[place] for views in theirs]))
        found = pixels(ours[place])
        assert found.shape == expected.shape == (DRAWS, 3, config.crop_sizes[kind], config.crop_sizes[kind])
        for name, statistic in STATISTICS.items():
            p = ks_2samp(statistic(found).numpy(), statistic(expected).numpy()).pvalue
            assert p > LEAST_P, f"{name} of crops of {config.crop_sizes[kind]} px"


def test_the_comparison_notices_another_distribution(photo: np.ndarray) -> None:
    """Half the strength of colours, no flip, other boxes: each is seen by some statistic."""
    views = [(0, draw) for draw in range(DRAWS)]
    base = pixels(BatchViews(LARGE, seed=0)([photo] * DRAWS, views)[0])
    boxes = AugmentationConfig("natural", "batch", (64, 32), (1, 1), (0.5, 0.05), (1.0, 0.14))
    for other in (DIGITS, boxes, SMALL):
        changed = pixels(BatchViews(other, seed=1)([photo] * DRAWS, views)[0])
        least = min(ks_2samp(f(base).numpy(), f(changed).numpy()).pvalue for f in STATISTICS.values())
        assert least < LEAST_P


@pytest.mark.parametrize("config", [SMALL, DIGITS, BLURRED], ids=["small", "digits", "blurred"])
def test_a_view_depends_on_its_image_and_moment_alone(config: AugmentationConfig) -> None:
    """Neither on the size of the batch, nor on how widely another image of it is blurred."""
    images = pictures((40, 30), (32, 32), (50, 70), (33, 47))
    views = BatchViews(config, seed=3)
    together = views(images, [(2, position) for position in range(4)])
    sizes = [size for size, count in zip(config.crop_sizes, config.crop_counts, strict=True) for _ in range(count)]
    assert [view.shape for view in together] == [(4, 3, size, size) for size in sizes]
    for position, image in enumerate(images):
        alone = views([image], [(2, position)])
        assert all(torch.equal(one[0], many[position]) for one, many in zip(alone, together, strict=True))
    assert not torch.equal(views(images, [(3, position) for position in range(4)])[0], together[0])
    assert not torch.equal(BatchViews(config, seed=4)(images, [(2, p) for p in range(4)])[0], together[0])
    assert not torch.equal(together[0], together[1])


def draws_of(count: int, seed: int = 0) -> batch_views._Draws:
    return batch_views._Draws.of(np.random.default_rng(seed).random((count, batch_views._NUMBERS)))


@pytest.mark.parametrize("size", [(40, 60), (60, 40), (32, 32)])
def test_boxes_are_those_of_torchvisions_crop(size: tuple[int, int]) -> None:
    """Area, aspect ratio and place, by Kolmogorov and Smirnov's test; and they lie inside."""
    count, scale = 2000, (0.2, 0.6)
    heights, widths = (np.full(count, side) for side in size)
    ours = crop_boxes(heights, widths, draws_of(count), scale)
    assert (ours[:, :2] >= 0).all()
    assert (ours[:, 0] + ours[:, 2] <= size[0]).all()
    assert (ours[:, 1] + ours[:, 3] <= size[1]).all()
    image = torch.zeros(3, *size)
    with drawn_from(5):
        theirs = np.array([RandomResizedCrop.get_params(image, list(scale), [3 / 4, 4 / 3]) for _ in range(count)])
    for name, of in {
        "area": lambda box: box[:, 2] * box[:, 3],
        "aspect": lambda box: box[:, 3] / box[:, 2],
        "top": lambda box: box[:, 0],
        "left": lambda box: box[:, 1],
    }.items():
        assert ks_2samp(of(ours), of(theirs)).pvalue > LEAST_P, name


@pytest.mark.parametrize("size", [(10, 200), (200, 10), (3, 3)])
def test_where_no_box_fits_it_is_the_largest_in_the_middle(size: tuple[int, int]) -> None:
    image = torch.zeros(3, *size)
    with drawn_from(0):
        expected = RandomResizedCrop.get_params(image, [0.9, 1.0], [3 / 4, 4 / 3])
    box = crop_boxes(np.array([size[0]]), np.array([size[1]]), draws_of(1), (0.9, 1.0))[0]
    assert tuple(box.tolist()) == tuple(expected)


@pytest.mark.parametrize(
    ("change", "theirs", "factors"),
    [
        ("_brightness", reference.adjust_brightness, (0.3, 1.0, 1.7)),
        ("_contrast", reference.adjust_contrast, (0.3, 1.0, 1.7)),
        ("_saturation", reference.adjust_saturation, (0.3, 1.0, 1.7)),
        ("_hue", reference.adjust_hue, (-0.2, 0.0, 0.13)),
    ],
)
def test_colours_change_as_torchvision_changes_them(
    change: str, theirs: Callable[[torch.Tensor, float], torch.Tensor], factors: tuple[float, ...]
) -> None:
    views = torch.rand(3, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    views[0, :, 0] = 0.5  # grey: no hue
    views[1, :, 1] = 0.0
    found = getattr(batch_views, change)(views.clone(), torch.tensor(factors).view(-1, 1, 1, 1))
    expected = torch.stack([theirs(view, factor) for view, factor in zip(views, factors, strict=True)])
    assert found == pytest.approx(expected, abs=1e-2 if change == "_contrast" else 2e-3)


def test_rotation_is_torchvisions() -> None:
    views = torch.rand(3, 3, 17, 17, generator=torch.Generator().manual_seed(0))
    degrees = (-15.0, 0.0, 11.0)
    expected = torch.stack([reference.rotate(view, angle) for view, angle in zip(views, degrees, strict=True)])
    assert torch.isclose(rotated(views, torch.tensor(degrees)), expected, atol=1e-5).float().mean() > 0.995


def test_blur_is_a_gaussian() -> None:
    views = torch.rand(2, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    sigmas = (0.4, 1.9)
    for view, found, sigma in zip(views, blurred(views, torch.tensor(sigmas), greatest=2.0), sigmas, strict=True):
        radius = 6  # the larger one's, for both
        expected = np.stack(
            [gaussian_filter(channel.numpy(), sigma, mode="nearest", radius=radius) for channel in view]
        )
        assert found.numpy() == pytest.approx(expected, abs=1e-5)
