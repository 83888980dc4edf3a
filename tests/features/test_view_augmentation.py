"""Views depend on (seed, position, view) and the image, and on nothing else."""

import dataclasses

import numpy as np
import pytest
import torch

from swaveval.features.views import ViewSettings, make_views, view_batches, view_index
from tests.features.tiny_network import tiny_pixels

SETTINGS = ViewSettings(images=12, views=5)


def test_batch_size_changes_no_pixel() -> None:
    pixels, index = tiny_pixels(), view_index(40, SETTINGS)
    whole = make_views(pixels.take(index), index, SETTINGS).flatten(0, 1).numpy()
    for size in (1, 5, 17, 1000):
        batches = [each.numpy() for each in view_batches(pixels, index, SETTINGS, size)]
        assert all(len(batch) % 5 == 0 for batch in batches)
        np.testing.assert_array_equal(np.concatenate(batches), whole)


def test_threads_change_no_pixel() -> None:
    pixels, index, threads = tiny_pixels(), view_index(40, SETTINGS), torch.get_num_threads()
    reference = make_views(pixels.take(index), index, SETTINGS)
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            assert torch.equal(make_views(pixels.take(index), index, SETTINGS), reference)
    finally:
        torch.set_num_threads(threads)


def test_a_view_is_keyed_by_position_seed_and_number() -> None:
    same = tiny_pixels(1).pixels.repeat(3, axis=0)
    views = make_views(same, np.asarray([4, 9, 4]), SETTINGS)
    assert torch.equal(views[0], views[2])
    assert not torch.equal(views[0], views[1])
    assert len(np.unique(views[0].flatten(1).numpy(), axis=0)) == 5
    other = make_views(same, np.asarray([4, 9, 4]), dataclasses.replace(SETTINGS, seed=1))
    assert not torch.equal(views[0], other[0])
    more = make_views(same[:1], np.asarray([4]), dataclasses.replace(SETTINGS, views=9))
    assert torch.equal(more[:, :5], views[:1])


def test_the_sample_is_seeded_ascending_and_clipped() -> None:
    index = view_index(40, SETTINGS)
    assert len(set(index.tolist())) == 12
    assert (np.diff(index) > 0).all()
    np.testing.assert_array_equal(index, view_index(40, SETTINGS))
    assert not np.array_equal(index, view_index(40, dataclasses.replace(SETTINGS, seed=3)))
    np.testing.assert_array_equal(view_index(7, SETTINGS), np.arange(7))


@pytest.mark.parametrize(
    ("n", "images"), [(1, 1), (252, 50), (300, 50), (1797, 299), (4000, 666), (12_000, 2000), (1_281_167, 2000)]
)
def test_views_are_a_quarter_of_all_passes_at_most(n: int, images: int) -> None:
    chosen = ViewSettings.affordable(n, images=None, views=None, seed=0, flip=True)
    assert (chosen.images, chosen.views) == (images, 2)
    assert chosen.images * chosen.views <= max(100, (n + chosen.images * chosen.views) / 4)


PLAIN = ViewSettings(images=1, views=64, brightness=0, contrast=0, saturation=0)


def test_a_crop_of_a_ramp_is_a_ramp() -> None:
    """Columns that brighten to the right: a crop keeps the slope's sign, and flips it when mirrored."""
    ramp = np.broadcast_to(np.linspace(0, 255, 16).astype(np.uint8)[None, None, :, None], (1, 16, 16, 3)).copy()
    index = np.asarray([0])
    plain = make_views(ramp, index, dataclasses.replace(PLAIN, flip=False))[0].double().diff(dim=2)
    assert (plain >= 0).all()
    mirrored = make_views(ramp, index, PLAIN)[0].double()
    rising = (mirrored[:, :, -1] > mirrored[:, :, 0]).all(dim=1)[:, 0]
    assert 0.3 < rising.double().mean() < 0.7
    # At most a factor of √0.4·√(3/4) narrower, so never less than half the range of the ramp.
    span = (mirrored[:, 0, -1, 0] - mirrored[:, 0, 0, 0]).abs()
    assert (span >= 0.5 * 255).all()
    assert span.min() < 0.8 * 255


def test_the_whole_image_without_colour_is_the_image() -> None:
    """Aspect still varies, so only the crops that are cut to the whole image are equal to it."""
    pixels = tiny_pixels(1).pixels
    views = make_views(pixels, np.asarray([3]), dataclasses.replace(PLAIN, flip=False, scale=(4.0, 4.0)))
    assert (views[0] == torch.from_numpy(pixels)).all()


def test_colour_of_a_grey_image_stays_grey_and_bounded() -> None:
    grey = np.full((1, 16, 16, 3), 100, np.uint8)
    views = make_views(grey, np.asarray([0]), ViewSettings(views=64))[0]
    assert (views.amax(dim=3) - views.amin(dim=3)).max() <= 1
    assert int(views.min()) >= 69
    assert int(views.max()) <= 131
    assert len(views[:, 0, 0, 0].unique()) > 20


def test_protocol_and_id_name_the_settings() -> None:
    assert "no flip" in dataclasses.replace(SETTINGS, flip=False).protocol
    changed = [dataclasses.replace(SETTINGS, **change) for change in ({"flip": False}, {"seed": 2}, {"contrast": 0.1})]
    assert len({SETTINGS.id, *(settings.id for settings in changed)}) == 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_views_made_on_a_gpu_are_the_same_views() -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (40, 48, 40, 3), np.uint8)
    index = np.arange(40)
    here, there = (make_views(drawn, index, SETTINGS, device=device).cpu().int() for device in ("cpu", "cuda"))
    assert (here - there).abs().max() <= 1  # a level that lies between two
    assert (here != there).float().mean() < 1e-3
