"""Views: what the presets draw, and that they depend on seed, epoch and image alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightly.data import LightlyDataset
from PIL import Image
from torchvision.transforms.v2 import RandomResizedCrop

from swaveval.data import open_images
from swaveval.pretrain.augment import eval_transform, swav_transform
from swaveval.pretrain.batch_views import BatchViews
from swaveval.pretrain.config import AugmentationConfig, PretrainConfig
from swaveval.pretrain.datamodule import EpochSampler, SwavDataModule
from swaveval.pretrain.seeds import mix
from swaveval.pretrain.training_images import (
    TrainingBatches,
    TrainingImages,
    as_lightly,
    chosen_images,
    image_facts,
    useful_sides,
)

DIGITS = AugmentationConfig(
    preset="digits", crop_sizes=(32, 16), crop_counts=(2, 4), crop_min_scales=(1.0, 0.2), crop_max_scales=(1.0, 0.4)
)


def loader_of(config: PretrainConfig, *, workers: int, first_epoch: int = 0, views: str = "lightly") -> SwavDataModule:
    images = open_images(config.data.path)
    pixels = TrainingImages(images, images.train_index, sides=(16, 100), seed=config.training.seed)
    pixels.hold()
    dataset: LightlyDataset | TrainingBatches = as_lightly(pixels, swav_transform(config.augmentation))
    if views == "batch":
        dataset = TrainingBatches(pixels, BatchViews(config.augmentation, seed=config.training.seed))
    hardware = type(config.hardware)(workers=workers, threads=1, accelerator="cpu")
    return SwavDataModule(
        dataset,
        PretrainConfig(training=config.training, augmentation=config.augmentation, hardware=hardware),
        first_epoch=first_epoch,
    )


def test_views_have_the_sizes_and_counts_asked_for() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 30, 3), dtype=np.uint8))
    for preset in ("digits", "natural"):
        crops = AugmentationConfig(
            preset=preset,
            crop_sizes=(32, 16),
            crop_counts=(2, 4),
            crop_min_scales=(0.4, 0.2),
            crop_max_scales=(1.0, 0.4),
        )
        views = swav_transform(crops)(image)
        assert [tuple(view.shape) for view in views] == [(3, 32, 32)] * 2 + [(3, 16, 16)] * 4
        assert eval_transform(crops).size == 32


def test_digits_are_never_mirrored_coloured_or_blurred() -> None:
    """A bright bar on the left half stays on the left, grey stays grey, and its edge stays sharp."""
    picture = np.zeros((32, 32, 3), dtype=np.uint8)
    picture[4:28, 4:12] = 200
    transform = swav_transform(DIGITS)
    for seed in range(40):
        torch.manual_seed(seed)
        view = transform(Image.fromarray(picture))[0]
        grey = (
            view * torch.tensor([0.229, 0.224, 0.225])[:, None, None]
            + torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        )
        assert torch.allclose(grey[0], grey[1], atol=0.01)
        assert torch.allclose(grey[0], grey[2], atol=0.01)
        assert grey[0, :, :16].mean() > 2 * grey[0, :, 16:].mean()
        row = grey[0, 16]
        assert (row[1:] - row[:-1]).abs().max() > 0.6 * (row.max() - row.min())


def test_natural_views_of_small_images_do_mirror() -> None:
    picture = np.zeros((32, 32, 3), dtype=np.uint8)
    picture[:, :10] = 200
    crops = AugmentationConfig(
        crop_sizes=(32, 16), crop_counts=(2, 0), crop_min_scales=(1.0, 1.0), crop_max_scales=(1.0, 1.0)
    )
    transform, sides = swav_transform(crops), set()
    for seed in range(40):
        torch.manual_seed(seed)
        view = transform(Image.fromarray(picture))[0][0]
        sides.add(bool(view[:, :5].mean() > view[:, -5:].mean()))
    assert sides == {True, False}


def test_an_image_is_seen_differently_in_every_epoch_and_the_same_in_each(tiny: PretrainConfig) -> None:
    images = open_images(tiny.data.path)
    pixels = TrainingImages(images, images.train_index, sides=(16, 100), seed=3)
    pixels.transform = swav_transform(tiny.augmentation)
    n = len(pixels)
    first, position = pixels[2]
    again, _ = pixels[2]
    later, same_position = pixels[n + 2]
    assert (position, same_position) == (2, 2)
    assert pixels.name(n + 2) == images.files[images.train_index[2]]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], later[0])
    assert not torch.equal(first[0], first[1])


def test_drawing_a_view_leaves_the_callers_generators_alone(tiny: PretrainConfig) -> None:
    images = open_images(tiny.data.path)
    pixels = TrainingImages(images, images.train_index, sides=(16, 100), seed=3)
    pixels.transform = swav_transform(tiny.augmentation)
    states = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    pixels[0]
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("views", ["batch", "lightly"])
@pytest.mark.parametrize("first_epoch", [0, 2])
def test_batches_do_not_depend_on_the_number_of_workers(tiny: PretrainConfig, first_epoch: int, views: str) -> None:
    batches = [
        list(loader_of(tiny, workers=workers, first_epoch=first_epoch, views=views).train_dataloader())
        for workers in (0, 2)
    ]
    assert len(batches[0]) == len(batches[1]) == 2
    for alone, shared in zip(*batches, strict=True):
        assert alone[1].tolist() == shared[1].tolist()
        assert alone[2] == shared[2]
        assert all(torch.equal(a, b) for a, b in zip(alone[0], shared[0], strict=True))


def test_held_pixels_are_the_files_and_small_images_are_enlarged(tiny: PretrainConfig, image_folder: Path) -> None:
    images = open_images(tiny.data.path)
    streamed = TrainingImages(images, images.train_index, sides=(24, 100), seed=0)
    held = TrainingImages(images, images.train_index, sides=(24, 100), seed=0)
    assert not held.hold(budget=100)
    assert held.hold()
    for pixels in (streamed, held):
        pixels.transform = lambda image: [torch.from_numpy(np.asarray(image).copy())]
    for position in range(len(held)):
        one, other = streamed[position][0][0], held[position][0][0]
        assert one.shape == (24, 24, 3)
        assert torch.equal(one, other)
    assert image_facts(images, images.train_index).side == 16
    assert len(held) == image_facts(images, images.train_index).n_train == 20


def test_large_images_are_reduced_only_as_far_as_no_crop_must_be_enlarged(tiny: PretrainConfig) -> None:
    """RandomResizedCrop over many draws: the boxes it cuts are never narrower than the crop they become."""
    crops = AugmentationConfig(
        crop_sizes=(32, 16), crop_counts=(2, 4), crop_min_scales=(0.4, 0.05), crop_max_scales=(1.0, 0.4)
    )
    least, most = useful_sides(crops)
    assert least == 32
    sizes = []
    for size, scale in ((32, (0.4, 1.0)), (16, (0.05, 0.4))):
        cut = RandomResizedCrop(size, scale=scale)
        boxes = [cut.make_params([torch.zeros(3, most, most)]) for _ in range(500)]
        sizes.append(min(min(box["height"], box["width"]) / size for box in boxes))
    assert all(narrowest >= 0.97 for narrowest in sizes)
    assert min(sizes) < 1.3
    images = open_images(tiny.data.path)
    pixels = TrainingImages(images, images.train_index, sides=(4, 10), seed=0)
    pixels.transform = lambda image: [torch.from_numpy(np.asarray(image).copy())]
    assert pixels[0][0][0].shape == (10, 10, 3)


def test_a_smaller_share_is_part_of_a_larger_one(tiny: PretrainConfig) -> None:
    images = open_images(tiny.data.path)
    shares = [set(chosen_images(images, fraction, seed=5).tolist()) for fraction in (0.1, 0.5, 1.0)]
    assert [len(share) for share in shares] == [2, 10, 20]
    assert shares[0] < shares[1] < shares[2] == set(images.train_index.tolist())


@given(
    n=st.integers(2, 300),
    batch_size=st.integers(2, 40),
    epoch=st.integers(0, 1000),
    seed=st.integers(0, 2**31),
    world_size=st.integers(1, 4),
)
def test_processes_share_each_batch_and_no_image_comes_twice(
    n: int, batch_size: int, epoch: int, seed: int, world_size: int
) -> None:
    alone = list(EpochSampler(n, batch_size=batch_size, seed=seed, epoch=epoch))
    shares = [
        list(EpochSampler(n, batch_size=batch_size, seed=seed, epoch=epoch, rank=rank, world_size=world_size))
        for rank in range(world_size)
    ]
    assert len(alone) == n // batch_size == len(EpochSampler(n, batch_size=batch_size, seed=seed))
    drawn = [draw for batch in alone for draw in batch]
    assert len(set(drawn)) == len(drawn)
    assert all(draw // n == epoch for draw in drawn)
    for step, batch in enumerate(alone):
        assert sorted(batch) == sorted(draw for share in shares for draw in share[step])


def test_orders_differ_between_epochs_and_seeds() -> None:
    orders = {
        tuple(draw % 50 for batch in EpochSampler(50, batch_size=10, seed=seed, epoch=epoch) for draw in batch)
        for seed in range(5)
        for epoch in range(5)
    }
    assert len(orders) == 25


def test_seeds_of_different_tuples_differ() -> None:
    seeds = {mix(a, b, c) for a in range(20) for b in range(20) for c in range(20)}
    assert len(seeds) == 8000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert mix(1, 2) != mix(2, 1)
