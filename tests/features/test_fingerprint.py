"""What is held against BatchNorm's statistics leaves the network that it is held against as it was."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from swaveval.features.fingerprint import passed, settled


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    made = resnet18()
    with torch.no_grad():
        made.train()(torch.randn(4, 3, 32, 32))
    made.layer2.eval()  # modes that are mixed stay so
    return made


def state(network: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(network.state_dict())


@pytest.mark.parametrize("images", ["usual", "not finite", "too small", "wrong channels"])
@pytest.mark.parametrize("layers", [None, 2])
def test_the_network_is_left_as_it_was(network: nn.Module, images: str, layers: int | None) -> None:
    batch = torch.randn(4, 3, 32, 32)
    if images == "not finite":
        batch[0, 0, 0, 0] = torch.nan
    batch = {"too small": batch[:1, :, :1, :1], "wrong channels": batch[:, :2]}.get(images, batch)
    before, modes = state(network), [part.training for part in network.modules()]
    buffers = {name: id(buffer) for name, buffer in network.named_buffers()}
    momenta = [part.momentum for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    passed(network, [batch, batch], layers=layers)
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in before.items())
    assert [part.training for part in network.modules()] == modes
    assert {name: id(buffer) for name, buffer in network.named_buffers()} == buffers
    assert [part.momentum for part in network.modules() if isinstance(part, nn.BatchNorm2d)] == momenta
    assert not any(part._forward_pre_hooks for part in network.modules())


def test_statistics_are_those_of_a_pass_in_training(network: nn.Module) -> None:
    """Against BatchNorm's own: with momentum 1 its running statistics are those of the batch (variance n/(n−1))."""
    batch = torch.randn(6, 3, 64, 64)
    found = passed(network, [batch])
    trained = copy.deepcopy(network).train()
    norms = [part for part in trained.modules() if isinstance(part, nn.BatchNorm2d)]
    counts: dict[nn.Module, int] = {}
    for norm in norms:
        norm.momentum = 1.0
        norm.register_forward_hook(lambda part, _, output: counts.update({part: output.numel() // output.shape[1]}))
    with torch.no_grad():
        trained(batch)
    own = {norm: (old.running_mean, old.running_var) for norm, old in zip(norms, _norms(network), strict=True)}
    assert found is not None
    assert len(found) == len(norms)
    for layer, norm in zip(found, counts, strict=True):  # both in order of execution
        mean, variance = own[norm]
        torch.testing.assert_close((layer.mean + mean).float(), norm.running_mean, rtol=1e-4, atol=1e-4)
        unbiased = counts[norm] / (counts[norm] - 1)
        torch.testing.assert_close((layer.variance * unbiased).float(), norm.running_var, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(layer.running.float(), variance)


def _norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]


def test_a_network_without_a_record_tells_nothing() -> None:
    assert passed(resnet18(), [torch.randn(2, 3, 32, 32)]) is None
    assert passed(nn.Sequential(nn.Conv2d(3, 4, 3)), [torch.randn(2, 3, 8, 8)]) is None


def looked_at(batches: int, momentum: float | None = 0.1, *, strength: float = 1.0) -> nn.Module:
    """A network whose BatchNorm has seen so many batches, in one of these momenta that no file states."""
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, momentum=momentum)).train()
    with torch.no_grad():
        for _ in range(batches):
            made(strength * torch.randn(8, 3, 8, 8))
    return made.eval()


@pytest.mark.parametrize(
    ("batches", "how", "wanted"),
    [
        (7, {}, False),
        (28, {}, False),  # .052 of the first values is left
        (29, {}, True),
        (29, {"strength": 0.2}, False),  # which is more of a variance this small
        (80, {"strength": 0.2}, True),
        (14, {"momentum": 0.3}, True),
        (2, {"momentum": None}, True),  # an average of all of them
    ],
)
def test_statistics_settle_with_the_batches_they_have_seen(batches: int, how: dict[str, float], wanted: bool) -> None:
    assert settled(looked_at(batches, **how), batches) is wanted


@pytest.mark.parametrize("batches", [None, 0, -1])
def test_where_batches_were_not_counted_statistics_are_taken_as_they_are(batches: int | None) -> None:
    assert settled(looked_at(7), batches)


@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_variances_tell_of_another_momentum_than_the_usual(strength: float) -> None:
    """As files leave them: read with the usual momentum, whatever it was."""
    read = looked_at(2, 0.9, strength=strength)
    read[1].momentum = 0.1  # type: ignore[union-attr]
    assert settled(read, 2)
