"""An untrained network as a fair start: its BatchNorm has seen the train images, its weights have not."""

import numpy as np
import pytest
import torch
from torch import nn

from swaveval.features import untrained
from swaveval.features.untrained import settle_batchnorm
from tests.features.tiny_network import TRANSFORM, tiny_backbone, tiny_images, tiny_pixels


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
    settled = settle_batchnorm(
        tiny_backbone(module=module), tiny_images(), tiny_pixels(), transform=TRANSFORM, device="cpu"
    )
    seen = activations(module[0])
    np.testing.assert_allclose(module[1].running_mean.numpy(), seen.mean(axis=1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(module[1].running_var.numpy(), seen.var(axis=1, ddof=1), rtol=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in settled.module.named_parameters())
    assert not any(part.training for part in settled.module[1].modules())
    assert module[1].momentum == 0.1


def test_only_the_first_train_images_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrained, "SETTLING_IMAGES", 7)
    module = network()
    settle_batchnorm(tiny_backbone(module=module), tiny_images(), tiny_pixels(), transform=TRANSFORM, device="cpu")
    per_image = activations(module[0]).shape[1] // len(tiny_images().train_index)
    seen = activations(module[0])[:, : 7 * per_image]
    np.testing.assert_allclose(module[1].running_mean.numpy(), seen.mean(axis=1), rtol=1e-4, atol=1e-6)


def test_a_network_without_batchnorm_is_left_as_it_is() -> None:
    module = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    backbone = tiny_backbone(module=module)
    assert settle_batchnorm(backbone, tiny_images(), tiny_pixels(), transform=TRANSFORM, device="cpu") is backbone
    assert module.training


def test_a_last_batch_of_one_image_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    """BatchNorm over a single value per channel is an error in torch."""
    monkeypatch.setattr(untrained, "SETTLING_IMAGES", 1)
    torch.manual_seed(0)
    module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3), nn.Flatten())
    settle_batchnorm(tiny_backbone(module=module), tiny_images(), tiny_pixels(), transform=TRANSFORM, device="cpu")
    assert torch.isfinite(module[1].running_var).all()
