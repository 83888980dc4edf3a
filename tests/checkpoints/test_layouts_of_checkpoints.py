"""Each layout, read back: the features are those of the model that wrote it."""

from pathlib import Path

import pytest
import torch
from checkpoint_layouts import LAYOUTS, Layout, difference

from swaveval.checkpoints import LoadOptions, load


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_features_are_those_of_the_original(layout: Layout, tmp_path: Path) -> None:
    torch.manual_seed(0)
    written = layout.write(tmp_path)
    features, scores = difference(written)
    report = load(written.path, options=LoadOptions(backbone=written.backbone)).report
    assert features <= 1e-6
    assert scores is None or scores <= 1e-6
    assert report.family == written.family
    assert written.counted is None or report.prototypes == written.counted
    assert report.summed == written.summed
    assert (report.matched, report.missing, report.unexpected) == (1.0, (), ())
