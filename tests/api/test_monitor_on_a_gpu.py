"""A training on a GPU that is watched ends in the same bits; without a GPU this is skipped."""

from pathlib import Path
from typing import Any

import pytest
import torch

from swaveval.api.monitor import Monitor
from tests.api.trainings import EVALUATORS, pictures, state, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.mark.parametrize("mode", ["process", "background"])
def test_the_training_is_what_it_would_be(tmp_path: Path, mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # What a GPU computes is the same twice only where it is asked to be.
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    alone, order = train(3, device="cuda")
    expected = dict(state(alone))
    with Monitor(pictures(), out=tmp_path, mode=mode, size=16, evaluators=EVALUATORS, device="cuda") as watching:
        watched, seen = train(3, lambda model, epoch, loss: watching.step(model, epoch=epoch, loss=loss), device="cuda")
    assert dict(state(watched)) == expected
    assert seen == order
    assert watching.verdict is not None
