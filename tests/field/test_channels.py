"""Networks of 1, 4 and 13 channels on images with as many bands (mlmed/torchxrayvision#93)."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
import torchvision
from PIL import Image
from torch import nn

from swaveval.checkpoints import LoadOptions, load, random_backbone
from swaveval.data import DataError, ImageSet
from swaveval.runs.request import RunRequest
from swaveval.runs.run import prepare
from swaveval.text import counted
from tests.field.around_runs import evaluate, table
from tests.field.field_networks import lived_in, read_as, saved, small_resnet

SIDE = 32
EVALUATORS = ("--evaluators", "knn,views")


def bands_of(directory: Path, bands: int, *, suffix: str = ".tif", per_class: int = 12) -> Path:
    """Class folders of images of uint8 noise with a bright square whose place tells the class."""
    random = np.random.default_rng(bands)
    for label in range(2):
        folder = directory / f"class {label}"
        folder.mkdir(parents=True)
        for position in range(per_class):
            pixels = random.integers(0, 90, (SIDE, SIDE, bands), dtype=np.uint8)
            pixels[8 * label : 8 * label + 12, 4:16] += 120
            path = folder / f"{position}{suffix}"
            if suffix == ".png":
                Image.fromarray(pixels[..., 0] if bands == 1 else pixels).save(path)
            else:
                tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig")
    return directory


def series(directory: Path, network: nn.Module, count: int = 2) -> Path:
    generator = torch.Generator().manual_seed(0)
    for epoch in range(1, count + 1):
        for parameter in network.parameters():
            parameter.data += 0.02 * torch.randn(parameter.shape, generator=generator)
        state = {name: value.clone() for name, value in network.state_dict().items()}
        saved(directory / f"epoch={epoch}.pth", {"state_dict": state, "epoch": epoch})
    return directory


@pytest.mark.parametrize("bands", [1, 2, 4, 13])
def test_a_residual_network_of_any_channels_is_the_one_that_was_saved(bands: int, tmp_path: Path) -> None:
    network = small_resnet(bands=bands)
    report = read_as(saved(tmp_path / "epoch=1.pth", network.state_dict()), network, bands=bands)
    assert (report.channels, report.matched) == (bands, 1.0)
    assert ("1 channel" if bands == 1 else f"{bands} channels") in str(report.architecture)


@pytest.mark.parametrize("bands", [1, 4, 13])
def test_a_vision_transformer_of_any_channels_is_the_one_that_was_saved(bands: int, tmp_path: Path) -> None:
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(0)
    network = VisionTransformer(
        img_size=32, patch_size=8, in_chans=bands, embed_dim=128, depth=2, num_heads=2, num_classes=0,
        global_pool="token",
    )  # fmt: skip
    nn.init.normal_(network.pos_embed, std=0.5)
    lived_in(network)
    report = read_as(saved(tmp_path / "epoch=1.pth", network.state_dict()), network, bands=bands, side=32)
    assert (report.channels, report.matched) == (bands, 1.0)


@pytest.mark.parametrize(
    ("bands", "suffix"),
    [pytest.param(*row, marks=pytest.mark.torture) for row in ((1, ".png"), (4, ".tif"))] + [(13, ".tif")],
)
def test_a_run_on_images_with_as_many_bands(bands: int, suffix: str, tmp_path: Path) -> None:
    """Trained and untrained networks, raw pixels and colour histogram, with and without augmented views."""
    images = bands_of(tmp_path / "images", bands, suffix=suffix)
    checkpoints = series(tmp_path / "run", small_resnet(bands=bands))
    evaluate(checkpoints, images, *EVALUATORS, "-o", tmp_path / "report")
    rows = table(tmp_path / "report")
    assert [row for row in rows if row["status"] == "error"] == []
    measured = {row["checkpoint"] for row in rows if row["metric"].startswith("knn.") and row["value"]}
    assert {"epoch=1.pth", "epoch=2.pth", "raw pixels", "colour histogram"} < measured
    assert any("random" in name for name in measured)
    assert any(row["metric"].startswith("views.") and row["value"] for row in rows)


def shown(images: Path, network: nn.Module, directory: Path, **pixels: str) -> ImageSet:
    """The images as a run of two checkpoints of this network opens them."""
    checkpoints = series(directory / f"run on {images.name}", network)
    request = RunRequest(checkpoints=checkpoints, data=str(images), out=directory / "report", pixels=pixels)
    return prepare(request).workspace.images


def test_a_network_of_one_channel_is_shown_colour_photos_as_grey(tmp_path: Path) -> None:
    """By a stated rule, with a note."""
    images = shown(bands_of(tmp_path / "images", 3, suffix=".png", per_class=3), small_resnet(bands=1), tmp_path)
    assert any("shown as grey (ITU-R 601" in note for note in images.audit["pixels"])
    for position, name in enumerate(images.files):
        expected = np.asarray(Image.open(tmp_path / "images" / name).convert("L"))
        np.testing.assert_array_equal(np.asarray(images.open(position))[..., 0], expected)


def test_a_network_of_three_channels_is_shown_grey_images_as_ever(tmp_path: Path) -> None:
    """As RGB, three times the same."""
    images = shown(bands_of(tmp_path / "images", 1, suffix=".png", per_class=3), small_resnet(), tmp_path)
    assert images.channels == 3
    for position, name in enumerate(images.files):
        expected = np.asarray(Image.open(tmp_path / "images" / name).convert("RGB"))
        np.testing.assert_array_equal(np.asarray(images.open(position)), expected)


@pytest.mark.parametrize(
    ("bands", "have", "advice"),
    [
        (13, 3, "give it images of 13 bands, as it was trained on"),
        (4, 1, "give it images of 4 bands, as it was trained on"),
        (4, 13, "name those to show with --bands (one-based, in the network's order, such as --bands 4,3,2,1)"),
        (1, 4, "name those to show with --bands (one-based, in the network's order, such as --bands 1)"),
    ],
)
def test_a_network_of_other_channels_than_the_images_is_refused_with_what_to_do(
    bands: int, have: int, advice: str, tmp_path: Path
) -> None:
    images = bands_of(tmp_path / "images", have, suffix=".png" if have in (1, 3) else ".tif", per_class=3)
    with pytest.raises(DataError) as refused:
        shown(images, small_resnet(bands=bands), tmp_path)
    assert f"has {counted(have, 'band')} and the network takes {bands}; {advice}" in str(refused.value)


@pytest.mark.parametrize(("bands", "option"), [(4, "4,3,2,1"), (1, "2")])
def test_the_advice_on_bands_works(bands: int, option: str, tmp_path: Path) -> None:
    images = shown(bands_of(tmp_path / "images", 13, per_class=3), small_resnet(bands=bands), tmp_path, bands=option)
    chosen = [int(band) - 1 for band in option.split(",")]
    for position, name in enumerate(images.files):
        expected = tifffile.imread(tmp_path / "images" / name)[..., chosen]
        np.testing.assert_array_equal(np.asarray(images.open(position)), expected)


@pytest.mark.parametrize("bands", [1, 4])
def test_torchvisions_network_with_another_first_convolution(bands: int, tmp_path: Path) -> None:
    """As people change it: `network.conv1 = nn.Conv2d(1, …)`, or the first layer of `features`."""
    network = torchvision.models.mobilenet_v3_small()
    network.features[0][0] = nn.Conv2d(bands, 16, 3, stride=2, padding=1, bias=False)
    lived_in(network)
    path = saved(tmp_path / "epoch=1.pth", network.state_dict())
    expected = deepcopy(network)
    expected.classifier[3] = nn.Identity()
    report = read_as(path, expected, bands=bands, backbone="torchvision:mobilenet_v3_small")
    assert report.channels == bands
    fresh = random_backbone(load(path, options=LoadOptions(backbone="torchvision:mobilenet_v3_small")), 0)
    assert fresh.module(torch.zeros(1, bands, 64, 64)).shape == (1, fresh.feature_dim)


def grey() -> nn.Module:
    return small_resnet(bands=1)


def test_a_factory_of_a_network_of_one_channel(tmp_path: Path) -> None:
    network = small_resnet(1, bands=1)
    path = saved(tmp_path / "epoch=1.pth", network.state_dict())
    assert read_as(path, network, bands=1, backbone=f"{__file__}:grey").channels == 1
