"""The architecture campaign, shortened: some of timm's and torchvision's classifiers, by seed, and known traps."""

import random
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.field.architecture_campaign import case
from tests.field.architecture_originals import names
from tests.field.architecture_report import wrong

# Small networks of many kinds; of the rest the campaign in full reads every one.
_KINDS = (
    "timm:convnext_atto", "timm:edgenext_xx", "timm:efficientvit_m0", "timm:ghostnet_050", "timm:hgnetv2_b0",
    "timm:lcnet_0", "timm:mixer_s32", "timm:mobilenetv3_small", "timm:mobilevit_xxs", "timm:pit_ti", "timm:regnetx_002",
    "timm:regnety_002", "timm:repghostnet_050", "timm:resnet10t", "timm:test_", "timm:vit_tiny_patch16_224",
    "torchvision:mobilenet", "torchvision:regnet_y_400mf", "torchvision:resnet18", "torchvision:shufflenet_v2_x0_5",
    "torchvision:squeezenet",
)  # fmt: skip
TRAPS = (
    "timm:test_vit",  # heads narrower than anybody's
    "timm:resnetblur18",  # a ResNet-18 by names and shapes, with low-pass filters that have no weights
    "timm:levit_128s",  # keeps a table of its first run
    "torchvision:mnasnet0_5",  # its class refuses weights without its own version
    "timm:deit_tiny_distilled_patch16_224",  # two class tokens
)


def sample() -> list[Any]:
    small = sorted(name for name in names() if name.startswith(_KINDS) and name not in TRAPS)
    drawn = random.Random(0).sample(small, 17)
    return [*TRAPS, *(pytest.param(name, marks=pytest.mark.torture) for name in drawn)]


@pytest.mark.parametrize("name", sample())
def test_what_is_read_is_the_models_own_or_said(name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm's own, of names that are deprecated
        row = case(name, tmp_path)
    assert "skipped" not in row
    assert not wrong([row])
    for reads in row["reads"].values():
        assert reads["named"] == "equal"
        assert reads["inferred"] == "equal" or len(reads["inferred"]) > 20
