"""An untrained network as a fair start: its BatchNorm has seen the train images, its weights have not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from swaveval.data.decoded import PixelArray
from swaveval.features import untrained
from swaveval.features.extract import ExtractSettings
from swaveval.features.untrained import settle_batchnorm
from tests.features.tiny_network import SIDE, TRANSFORM, tiny_backbone, tiny_images, tiny_pixels

SETTINGS = ExtractSettings(transform=TRANSFORM, device="cpu")


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 12, 3), nn.BatchNorm2d(12), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def activations(convolution: nn.Module) -> np.ndarray:
    """What BatchNorm is fed on the train images, float64, shape (12, values)."""
    pixels, images = tiny_pixels(), tiny_images()
    batch = torch.from_numpy(pixels.pixels[images.train_index]).permute(0, 3, 1, 2).double() / 255
    mean, std = torch.tensor(TRANSFORM.mean), torch.tensor(TRANSFORM.std)
    with torch.no_grad():
        out = convolution.double()((batch - mean[:, None, None]) / std[:, None, None])
    convolution.float()
    return out.transpose(0, 1).flatten(1).numpy()


def test_statistics_are_those_of_the_train_images_and_weights_stay() -> None:
    module = network()
    before = {name: value.clone() for name, value in module.named_parameters()}
    settled = settle_batchnorm(tiny_backbone(module=module), tiny_images(), tiny_pixels(), settings=SETTINGS)
    seen = activations(module[0])
    np.testing.assert_allclose(module[1].running_mean.numpy(), seen.mean(axis=1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(module[1].running_var.numpy(), seen.var(axis=1, ddof=1), rtol=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in settled.module.named_parameters())
    assert not any(part.training for part in settled.module[1].modules())
    assert module[1].momentum == 0.1


def ordered_pixels(n: int) -> PixelArray:
    """Every image of one grey: darker ones first, as classes are in folders."""
    grey = np.linspace(20, 235, n).astype(np.uint8)
    return PixelArray(np.broadcast_to(grey[:, None, None, None], (n, SIDE, SIDE, 3)).copy(), "made")


@pytest.mark.parametrize("n", [100, 400, 1000])
def test_images_in_an_order_are_seen_as_if_in_none(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrained, "SETTLING_IMAGES", 256)
    module = nn.Sequential(nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images, pixels = tiny_images(n), ordered_pixels(n)
    settle_batchnorm(tiny_backbone(module=module), images, pixels, settings=SETTINGS)
    grey = pixels.pixels[images.train_index][:, 0, 0, 0] / 255
    mean, std = np.array(TRANSFORM.mean), np.array(TRANSFORM.std)
    # A sample of 64 knows a mean to an eighth of the spread; the darkest 64 of 1,000 are five thirds of it away.
    np.testing.assert_allclose(
        module[0].running_mean.numpy(), (grey.mean() - mean) / std, atol=0.2 * grey.std() / std.min()
    )
    np.testing.assert_allclose(module[0].running_var.numpy(), grey.var() / std**2, rtol=0.2)


def test_few_images_are_seen_of_many_and_the_same_by_every_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrained, "SETTLING_IMAGES", 70)
    images, pixels = tiny_images(400), tiny_pixels(400)
    modules = [network(), network()]
    for module in modules:
        seen: list[int] = []
        module.register_forward_hook(lambda _module, given, _out, seen=seen: seen.append(len(given[0])))
        settle_batchnorm(tiny_backbone(module=module), images, pixels, settings=SETTINGS)
        assert seen == [32, 32]
    assert torch.equal(modules[0][1].running_var, modules[1][1].running_var)


def test_statistics_are_settled_in_the_precision_that_features_are_read_in() -> None:
    found = {}
    for precision in ("fp32", "bf16"):
        module = network()
        settings = replace(SETTINGS, precision=precision)
        settle_batchnorm(tiny_backbone(module=module), tiny_images(), tiny_pixels(), settings=settings)
        found[precision] = module[1].running_var.numpy()
    assert not np.array_equal(found["fp32"], found["bf16"])
    np.testing.assert_allclose(found["bf16"], found["fp32"], rtol=0.01)


def test_a_network_without_batchnorm_is_left_as_it_is() -> None:
    module = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    backbone = tiny_backbone(module=module)
    assert settle_batchnorm(backbone, tiny_images(), tiny_pixels(), settings=SETTINGS) is backbone
    assert module.training


def test_a_last_batch_of_one_image_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    """BatchNorm over a single value per channel is an error in torch."""
    monkeypatch.setattr(untrained, "SETTLING_IMAGES", 1)
    torch.manual_seed(0)
    module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3), nn.Flatten())
    settle_batchnorm(tiny_backbone(module=module), tiny_images(), tiny_pixels(), settings=SETTINGS)
    assert torch.isfinite(module[1].running_var).all()
