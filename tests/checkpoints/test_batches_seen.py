"""How many batches a file says that its BatchNorm has seen."""

from pathlib import Path
from typing import Any

import pytest
import torch

from swaveval.checkpoints import build_resnet, load


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [((7, 9), 7), ((0, 0), 0), ((), None), ((2.5, 2.5), None), (([1, 2], [1, 2]), None)],
    ids=["the fewest", "none yet", "not counted", "no whole numbers", "no numbers"],
)
def test_batches_that_batchnorm_has_seen(counts: tuple[Any, ...], wanted: int | None, tmp_path: Path) -> None:
    """They are no weights: the digest is that of the file without them."""
    torch.manual_seed(0)
    network, _ = build_resnet(depth=10, stem="small", width=8)
    state = {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    torch.save({"state_dict": state}, tmp_path / "bare.pth")
    layers = [name.removesuffix("running_mean") for name in state if name.endswith("running_mean")]
    counted = {f"{layer}num_batches_tracked": torch.tensor(counts[i > 0]) for i, layer in enumerate(layers) if counts}
    torch.save({"state_dict": state | counted}, tmp_path / "a.pth")
    found = load(tmp_path / "a.pth")
    assert found.report.batches == wanted
    assert found.digest == load(tmp_path / "bare.pth").digest
