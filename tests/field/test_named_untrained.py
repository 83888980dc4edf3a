"""Untrained networks beside a run are what its training would have started from, however the network is named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

from swaveval.checkpoints import LoadOptions, load, random_backbone
from swaveval.checkpoints.initial import asleep, follow, reset, started
from swaveval.data.transforms import EvalTransform
from swaveval.features.features import Features
from swaveval.runs.request import RunRequest
from swaveval.runs.run import prepare
from tests.field import named_networks as own

FILE = str(Path(own.__file__))
IMAGES = 300


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders of handwritten digits."""
    directory = tmp_path_factory.mktemp("digits")
    found = load_digits()
    for place, (image, label) in enumerate(zip(found.images[:IMAGES], found.target[:IMAGES], strict=True)):
        folder = directory / str(label)
        folder.mkdir(exist_ok=True)
        pixels = np.repeat((image * 255 / 16).astype(np.uint8)[:, :, None], 3, axis=2)
        Image.fromarray(pixels).resize((32, 32), Image.Resampling.BILINEAR).save(folder / f"{place}.png")
    return directory


def leave_one_out(features: Features) -> float:
    """Share of images whose nearest other image by cosine is of their class; float64."""
    rows = np.concatenate([features.train, features.test]).astype(np.float64)
    labels = np.concatenate([features.train_labels, features.test_labels])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    similarity = rows @ rows.T
    np.fill_diagonal(similarity, -2)
    return float((labels[similarity.argmax(1)] == labels).mean())


def beside(
    state: dict[str, torch.Tensor], backbone: str | None, digits: Path, tmp_path: Path
) -> tuple[float, list[float]]:
    """Leave-one-out nearest neighbour of an untrained file, and of the untrained networks beside it."""
    (tmp_path / "run").mkdir()
    torch.save(state, tmp_path / "run" / "untrained.pth")
    request = RunRequest(
        checkpoints=tmp_path / "run",
        out=tmp_path / "report",
        data=str(digits),
        transform=EvalTransform(size=32),
        load=LoadOptions(backbone=backbone),
        evaluators=("knn",),
    )
    prepared = prepare(request)
    file, *others = [record for record in prepared.records if record.evaluated]
    rows = [record for record in others if record.baseline == "random"]
    return leave_one_out(prepared.workspace.checkpoint_features(file)), [
        leave_one_out(prepared.workspace.baseline_features(record, str(file.digest))) for record in rows
    ]


@pytest.mark.parametrize(
    ("make", "backbone"),
    [
        pytest.param(lambda: timm.create_model("resnet18"), "timm:resnet18", marks=pytest.mark.torture),
        (lambda: torchvision.models.resnet18(), "timm:resnet18"),
        (lambda: torchvision.models.resnet18(), "torchvision:resnet18"),
        pytest.param(lambda: torchvision.models.resnet18(), None, marks=pytest.mark.torture),
        (lambda: timm.create_model("resnet18"), None),
        (lambda: timm.create_model("convnext_atto"), "timm:convnext_atto"),
        (lambda: own.OptionA(), f"{FILE}:option_a"),
    ],
    ids=["timm", "torchvision's file as timm's", "torchvision", "own", "timm's file as own", "layer scale", "factory"],
)
def test_an_untrained_file_is_one_of_the_untrained(
    make: Callable[[], nn.Module], backbone: str | None, digits: Path, tmp_path: Path
) -> None:
    """`timm:resnet18` had baselines at chance (.16), so that an untrained file rose 75.8 points above them."""
    torch.manual_seed(77)
    file, untrained = beside(make().state_dict(), backbone, digits, tmp_path)
    assert len(untrained) == 3
    assert len(set(untrained)) > 1 or max(untrained) > 0.9
    assert min(untrained) - 0.06 <= file <= max(untrained) + 0.06


def trained(name: str) -> dict[str, torch.Tensor]:
    """timm's file after its residual factors have left zero."""
    network = timm.create_model(name)
    for layer, value in network.state_dict().items():
        if layer.endswith("running_mean"):
            value.add_(0.1)
        elif value.is_floating_point() and not value.any():
            value.add_(0.2)
    return network.state_dict()


def test_blocks_take_part_where_they_do_in_the_checkpoint(tmp_path: Path) -> None:
    torch.save(timm.create_model("resnet10t").state_dict(), tmp_path / "untrained.pth")
    torch.save(trained("resnet10t"), tmp_path / "trained.pth")
    first, later = (
        load(tmp_path / name, options=LoadOptions(backbone="timm:resnet10t"))
        for name in ("untrained.pth", "trained.pth")
    )
    assert len(asleep(random_backbone(first, 0).module)) == first.report.asleep == 4
    assert len(asleep(random_backbone(later, 0).module)) == later.report.asleep == 0
    assert (first.report.start, later.report.start) == ("", "4 factors of residual blocks at 1, not 0")
    assert (first.report.untouched, later.report.untouched) == (True, False)


@pytest.mark.parametrize("name", ["resnet10t", "regnety_002", "convnext_atto", "cait_xxs24_224", "poolformer_s12"])
def test_every_kind_of_factor_that_starts_at_zero_is_known(name: str) -> None:
    """BatchNorm's scale, layer scale as a parameter and as a module: untrained, their blocks let nothing through."""
    network, woken = timm.create_model(name), timm.create_model(name)
    for value in woken.parameters():
        nn.init.normal_(value)
    assert len(asleep(network)) >= 4
    assert started(network, woken) == f"{len(asleep(network))} factors of residual blocks at 1, not 0"
    follow(network, woken)
    assert not asleep(network)


def test_a_layer_at_zero_is_drawn_as_its_kind_is() -> None:
    """Preactivated blocks end in a convolution at zero."""
    network, woken = nn.Sequential(nn.Conv2d(4, 4, 3)), nn.Sequential(nn.Conv2d(4, 4, 3))
    nn.init.zeros_(network[0].weight)
    follow(network, woken)
    # torch's own: uniform within 1/√(inputs).
    assert 0.8 / 6 < float(network[0].weight.detach().abs().max()) <= 1 / 6


def test_a_factory_that_gives_the_same_weights_each_time_is_drawn_anew(tmp_path: Path) -> None:
    """It loads pretrained weights, or sets the seed: three baselines would be one network."""
    torch.save(own.seeded().state_dict(), tmp_path / "a.pth")
    like = load(tmp_path / "a.pth", options=LoadOptions(backbone=f"{FILE}:seeded"))
    one, other = (random_backbone(like, seed) for seed in (0, 1))
    assert one.digest != other.digest
    weights = dict(one.module.named_parameters())["body.weight"]
    assert not torch.equal(weights, dict(like.module.named_parameters())["body.weight"])
    # torch's own initialisation of a layer with twelve inputs: uniform within 1/√12.
    assert 0.9 / 12**0.5 < float(weights.abs().max()) <= 1 / 12**0.5


def test_drawing_anew_leaves_nothing_learned() -> None:
    """Tokens, positions and factors belong to no layer that resets itself."""
    network = timm.create_model("vit_tiny_patch16_224", init_values=1e-5, depth=2, num_classes=0)
    for value in network.parameters():
        nn.init.constant_(value, 7)
    reset(network)
    for name, value in network.named_parameters():
        assert float(value.detach().abs().max()) <= 1, name
    assert float(network.pos_embed.detach().std()) == pytest.approx(0.02, rel=0.05)
