"""One pass, the right order, the same numbers whatever the batch size, and nothing left changed."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from swaveval.features.errors import FeatureError
from swaveval.features.extract import ExtractSettings, choose_device, extract
from swaveval.features.views import make_views, view_index
from tests.features.tiny_network import TRANSFORM, Network, tiny_backbone, tiny_images, tiny_pixels

Array = np.ndarray[Any, np.dtype[Any]]
SETTINGS = ExtractSettings(transform=TRANSFORM, n_view_images=10, n_views=3)


def by_hand(module: nn.Module, pixels: Array) -> Array:
    """torchvision's way: to tensor, normalise, forward."""
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor(TRANSFORM.mean), torch.tensor(TRANSFORM.std)
    with torch.no_grad():
        return module.eval()((images - mean[:, None, None]) / std[:, None, None]).numpy()


def test_features_are_those_of_the_network_in_each_splits_order() -> None:
    backbone, images, pixels = tiny_backbone(), tiny_images(), tiny_pixels()
    found = extract(backbone, images, pixels, settings=SETTINGS)
    expected = by_hand(backbone.module, pixels.pixels)
    np.testing.assert_allclose(found.train, expected[images.train_index], atol=1e-5)
    np.testing.assert_allclose(found.test, expected[images.test_index], atol=1e-5)
    np.testing.assert_array_equal(found.train_index, images.train_index)
    np.testing.assert_array_equal(found.test_labels, images.labels[images.test_index])
    assert found.class_names == ("red", "green", "blue")
    assert "eval mode" in found.protocol
    assert TRANSFORM.id in found.protocol


def test_views_are_grouped_by_their_image() -> None:
    backbone, images, pixels = tiny_backbone(), tiny_images(), tiny_pixels()
    found = extract(backbone, images, pixels, settings=SETTINGS)
    assert found.views is not None
    assert found.views.features.shape == (10, 3, 12)
    chosen = view_index(40, SETTINGS.views(40))
    np.testing.assert_array_equal(found.views.index, chosen)
    views = make_views(pixels.take(chosen), chosen, SETTINGS.views(40)).numpy()
    for row in (0, 7):
        np.testing.assert_allclose(found.views.features[row], by_hand(backbone.module, views[row]), atol=1e-5)
    assert "3 views per image" in found.views.protocol


def test_every_image_and_view_passes_once() -> None:
    network = Network()
    extract(tiny_backbone(module=network), tiny_images(), tiny_pixels(), settings=SETTINGS)
    assert network.images == 40 + 10 * 3


def test_head_outputs_come_from_the_same_features() -> None:
    backbone, images, pixels = tiny_backbone(temperature=0.5), tiny_images(), tiny_pixels()
    found = extract(backbone, images, pixels, settings=SETTINGS)
    outputs = found.prototypes
    assert outputs is not None
    assert backbone.head is not None
    with torch.no_grad():
        scores = backbone.head.eval()(torch.tensor(found.all)).numpy().astype(np.float64)
        views = found.views.features[:, :2].reshape(-1, 12)  # type: ignore[union-attr]
        view_scores = backbone.head(torch.from_numpy(views)).numpy().reshape(10, 2, 5)
    assignment = np.concatenate([outputs.train_assignment, outputs.test_assignment])
    np.testing.assert_array_equal(assignment, scores.argmax(axis=1))
    winning = np.concatenate([outputs.train_score, outputs.test_score])
    np.testing.assert_allclose(winning, scores.max(axis=1), atol=1e-5)
    probability = np.exp(scores / 0.5) / np.exp(scores / 0.5).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(outputs.mean_probability, probability.mean(axis=0), atol=1e-6)
    assert outputs.mean_probability.sum() == pytest.approx(1)
    np.testing.assert_array_equal(outputs.weights, backbone.head.prototypes.weight.detach().numpy())
    np.testing.assert_allclose(outputs.view_scores, view_scores, atol=1e-5)


@pytest.mark.parametrize(
    ("in_file", "known", "temperature", "origin"),
    [
        ({}, (), 0.1, "temperature and epsilon and sinkhorn iterations assumed"),
        ({"temperature": 3.0}, (), 3.0, "temperature from the checkpoint; epsilon and sinkhorn iterations assumed"),
        (
            {"temperature": 3.0, "epsilon": 0.03, "sinkhorn_iterations": 3},
            (("temperature", 1.0),),
            1.0,
            "temperature from run.json; epsilon and sinkhorn iterations from the checkpoint",
        ),
    ],
)
def test_swav_settings_say_where_they_come_from(in_file: Any, known: Any, temperature: float, origin: str) -> None:
    settings = ExtractSettings(transform=TRANSFORM, n_view_images=0, swav=known)
    outputs = extract(tiny_backbone(**in_file), tiny_images(), tiny_pixels(), settings=settings).prototypes
    assert outputs is not None
    assert outputs.temperature == temperature
    assert outputs.settings_origin == origin
    assert outputs.view_scores is None


def test_one_view_gives_no_pair_of_scores() -> None:
    settings = ExtractSettings(transform=TRANSFORM, n_view_images=4, n_views=1)
    found = extract(tiny_backbone(), tiny_images(), tiny_pixels(), settings=settings)
    assert found.prototypes is not None
    assert found.prototypes.view_scores is None
    assert found.views is not None
    assert found.views.features.shape == (4, 1, 12)


@pytest.mark.parametrize("size", [1, 7, 16, 1000])
def test_batch_size_changes_no_number(size: int) -> None:
    reference = extract(tiny_backbone(), tiny_images(), tiny_pixels(), settings=SETTINGS)
    settings = ExtractSettings(transform=TRANSFORM, n_view_images=10, n_views=3, batch_size=size)
    found = extract(tiny_backbone(), tiny_images(), tiny_pixels(), settings=settings)
    np.testing.assert_allclose(found.all, reference.all, rtol=1e-5, atol=1e-6)
    assert found.views is not None
    assert reference.views is not None
    np.testing.assert_allclose(found.views.features, reference.views.features, rtol=1e-5, atol=1e-6)
    assert found.prototypes is not None
    assert reference.prototypes is not None
    np.testing.assert_allclose(found.prototypes.view_scores, reference.prototypes.view_scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.prototypes.mean_probability, reference.prototypes.mean_probability, rtol=1e-5)
    assert settings.id == SETTINGS.id


def test_twice_and_with_other_threads_is_bit_equal() -> None:
    threads = torch.get_num_threads()
    reference = extract(tiny_backbone(), tiny_images(), tiny_pixels(), settings=SETTINGS)
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found = extract(tiny_backbone(), tiny_images(), tiny_pixels(), settings=SETTINGS)
            assert found.all.tobytes() == reference.all.tobytes()
            assert found.views.features.tobytes() == reference.views.features.tobytes()  # type: ignore[union-attr]
    finally:
        torch.set_num_threads(threads)


def test_training_mode_is_left_for_the_pass_and_given_back() -> None:
    backbone = tiny_backbone()
    expected = extract(backbone, tiny_images(), tiny_pixels(), settings=SETTINGS)
    backbone.module.train()
    backbone.module.get_submodule("normalisation").eval()
    before = {name: value.clone() for name, value in backbone.module.state_dict().items()}
    found = extract(backbone, tiny_images(), tiny_pixels(), settings=SETTINGS)
    assert found.all.tobytes() == expected.all.tobytes()
    assert backbone.module.training
    assert not backbone.module.get_submodule("normalisation").training
    assert all(torch.equal(before[name], value) for name, value in backbone.module.state_dict().items())
    assert not torch.is_inference_mode_enabled()


class Stubborn(Network):
    def train(self, mode: bool = True) -> "Stubborn":
        self.training = True
        return self


def test_a_module_that_keeps_training_is_refused() -> None:
    with pytest.raises(FeatureError, match="Stubborn stays in training mode"):
        extract(tiny_backbone(module=Stubborn()), tiny_images(), tiny_pixels(), settings=SETTINGS)


class Unpooled(Network):
    def forward(self, images: Tensor) -> Tensor:
        return self.convolution(images)


def test_features_that_are_maps_are_refused() -> None:
    with pytest.raises(FeatureError, match=r"shape \(40, 12, 7, 7\) from 40 images.*pool and flatten"):
        extract(tiny_backbone(head=False, module=Unpooled()), tiny_images(), tiny_pixels(), settings=SETTINGS)


def test_pixels_of_another_set_are_refused() -> None:
    with pytest.raises(FeatureError, match="39 decoded images do not belong to an image set of 40"):
        extract(tiny_backbone(), tiny_images(), tiny_pixels(39), settings=SETTINGS)


class Diverged(Network):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).masked_fill(images.mean(dim=(1, 2, 3))[:, None] > 0, float("nan"))


def test_nan_features_are_kept_and_counted() -> None:
    pixels = tiny_pixels()
    found = extract(tiny_backbone(module=Diverged()), tiny_images(), pixels, settings=SETTINGS)
    broken = int(np.isnan(by_hand(Diverged(), pixels.pixels)).any(axis=1).sum())
    assert 0 < broken < 40
    assert found.nonfinite == broken


def test_half_precision_is_of_storage_only() -> None:
    settings = ExtractSettings(transform=TRANSFORM, n_view_images=0, dtype="float16")
    reference = extract(tiny_backbone(), tiny_images(), tiny_pixels(), settings=SETTINGS)
    found = extract(tiny_backbone(), tiny_images(), tiny_pixels(), settings=settings)
    assert found.train.dtype == np.float16
    np.testing.assert_array_equal(found.train, reference.train.astype(np.float16))
    assert found.views is None


def test_progress_counts_images_and_views() -> None:
    seen: list[tuple[int, int]] = []
    settings = ExtractSettings(transform=TRANSFORM, n_view_images=10, n_views=3, batch_size=16)
    extract(
        tiny_backbone(),
        tiny_images(),
        tiny_pixels(),
        settings=settings,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(16, 70), (32, 70), (40, 70), (55, 70), (70, 70)]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_handful_of_images_without_labels(n: int) -> None:
    found = extract(
        tiny_backbone(), tiny_images(n, labelled=False), tiny_pixels(n), settings=ExtractSettings(transform=TRANSFORM)
    )
    assert len(found.train) + len(found.test) == n
    assert found.train_labels is None
    assert found.views is not None
    assert found.views.features.shape == (n, 2, 12)


def test_settings_that_change_numbers_change_the_id() -> None:
    ids = {
        ExtractSettings(transform=TRANSFORM, **change).id
        for change in (
            {},
            {"n_view_images": 5},
            {"n_views": 5},
            {"flip": False},
            {"seed": 1},
            {"dtype": "float16"},
            {"swav": (("temperature", 3.0),)},
        )
    }
    assert len(ids) == 7
    assert ExtractSettings(transform=TRANSFORM, device="cpu", batch_size=3).id in ids


def test_device() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert extract(tiny_backbone(), tiny_images(), tiny_pixels(), settings=SETTINGS).device == choose_device("auto")
