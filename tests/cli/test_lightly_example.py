"""Checkpoints of lightly's own Lightning example, made with lightly's parts, through the real command."""

import csv
import io
import json
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
import torchvision
from lightly.models.modules import SwaVProjectionHead, SwaVPrototypes
from test_end_to_end import swaveval
from tiny_images import write_images
from torch import Tensor, nn


class SwaV(pl.LightningModule):
    """lightly's example, with the training step left out: only the layout of its checkpoints matters here."""

    def __init__(self) -> None:
        super().__init__()
        resnet = torchvision.models.resnet18()
        self.backbone = nn.Sequential(*list(resnet.children())[:-1])
        self.projection_head = SwaVProjectionHead(512, 512, 128)
        self.prototypes = SwaVPrototypes(128, n_prototypes=64)

    def forward(self, images: Tensor) -> Tensor:
        return self.prototypes(self.projection_head(self.backbone(images).flatten(start_dim=1)))


def save(path: Path, epoch: int, **changes: Tensor) -> None:
    """What Lightning writes at the end of epoch `epoch` (counted from 0)."""
    torch.manual_seed(epoch)
    state = SwaV().state_dict() | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(
        {"epoch": epoch, "global_step": 7 * (epoch + 1), "pytorch-lightning_version": "2.5.0", "state_dict": state},
        path,
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images") / "bars", per_class=12)


def test_lightly_checkpoints_in_natural_order(images: Path, tmp_path: Path) -> None:
    checkpoints = tmp_path / "lightning_logs" / "version_0" / "checkpoints"
    for epoch in (1, 9, 10):
        save(checkpoints / f"epoch={epoch}-step={7 * (epoch + 1)}.ckpt", epoch)
    (checkpoints / "last.ckpt").write_bytes((checkpoints / "epoch=10-step=77.ckpt").read_bytes())
    arguments = ["run", "--ckpt-dir", checkpoints, "--evaluators", "knn,prototypes", "--size", 32]
    assert "--data" in swaveval(*arguments, code=2).stderr

    swaveval(*arguments, "--data", images)
    table = list(csv.DictReader(io.StringIO(swaveval("export", checkpoints.parent / "report").stdout)))
    knn = [row for row in table if row["metric"] == "knn.top1" and row["checkpoint"].startswith(("epoch", "last"))]
    assert [float(row["epoch"]) for row in knn] == [2, 10, 11]
    assert [row["metric"] for row in table if row["metric"] == "prototypes.perplexity"]
    assert sum(row["checkpoint"].startswith("random init") for row in table if row["metric"] == "knn.top1") == 3


def test_missing_weights_are_refused_by_name(images: Path, tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "epoch=0-step=7.ckpt"
    save(path, 0)
    document = torch.load(path, weights_only=True)
    del document["state_dict"]["backbone.7.1.conv2.weight"]
    torch.save(document, path)
    finished = swaveval("run", "--ckpt-dir", path.parent, "--data", images, code=2)
    assert "refused" in finished.stderr
    assert "layer4.1.conv2.weight" in finished.stderr or "7.1.conv2.weight" in finished.stderr
    inspected = json.loads(swaveval("inspect", path.parent, "--json", code=1).stdout)
    rows = inspected if isinstance(inspected, list) else inspected.get("files", inspected.get("checkpoints"))
    assert rows[0]["state"] == "refused"
    assert rows[0]["matched"] < 1
