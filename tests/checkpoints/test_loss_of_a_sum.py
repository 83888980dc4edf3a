"""ln K is the loss of a constant output where the loss is of these outputs alone, not where a training adds several."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from layouts_of_lightly import lightly_dino, lightly_dinov2
from originals import Written

import swaveval
from tests.tiny_images import write_images


@pytest.mark.parametrize(("write", "alone"), [(lightly_dino, True), (lightly_dinov2, False)])
def test_ln_k_is_said_of_a_loss_of_its_own(write: Callable[[Path], Written], alone: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    place = tmp_path / "checkpoints"
    place.mkdir()
    first = write(place)
    for epoch in (7, 11):
        shutil.copy(first.path, place / f"epoch={epoch}.ckpt")
    rows = "".join(f"{epoch},{math.log(30) + 0.001 * (8 - epoch)}\n" for epoch in range(1, 13))
    (place / "metrics.csv").write_text("epoch,loss\n" + rows)
    data = write_images(tmp_path / "data", per_class=12)
    found = swaveval.evaluate(place, data=data, size=32, evaluators=("knn", "spectrum"))
    loss = found.verdict.loss
    assert found.series.manifest.hyperparameters["prototypes"] == 30
    assert (loss.ln_k is not None, loss.at_ln_k) == (alone, alone)
    assert ("ln K" in found.verdict.sentence) == alone
