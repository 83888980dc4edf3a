"""The logs of one run that was resumed in another directory are one curve."""

from pathlib import Path

import pytest

from swaveval.results import LossCurve
from swaveval.runs.losses import find_loss
from tests.field.test_losses_field import MOMENTS, truth


def csv(place: Path, steps: range, *, off: float = 0.0) -> None:
    """A metrics.csv of Lightning: ten steps an epoch, validation rows between."""
    place.mkdir(parents=True, exist_ok=True)
    rows = [f"{s // 10},{s},{truth((s + 1) / 10) + off}," for s in steps]
    rows.insert(3, f"{steps[3] // 10},{steps[3]},,0.7")
    (place / "metrics.csv").write_text("epoch,step,train_loss,val_loss\n" + "\n".join(rows) + "\n")


def found(directory: Path) -> LossCurve:
    curve = find_loss(directory, loss_log=None, prototypes=None, moments=MOMENTS)
    assert curve is not None
    return curve


def right(curve: LossCurve, count: int) -> None:
    assert len(curve.values) == count
    assert curve.axis == "epoch"
    assert max(curve.epochs) == pytest.approx(15, abs=0.6)
    assert curve.values == pytest.approx([truth(epoch) for epoch in curve.epochs], abs=0.05)


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        ([range(70), range(70, 150)], 150),
        ([range(70), range(60, 150)], 150),  # went back to the checkpoint of epoch 6
        ([range(40), range(40, 90), range(90, 150)], 150),
        ([range(0, 70, 5), range(70, 150, 5)], 30),
    ],
)
def test_parts_that_go_on_are_one_curve(parts: list[range], count: int, tmp_path: Path) -> None:
    for version, steps in enumerate(parts):
        csv(tmp_path / f"version_{version}", steps)
    curve = found(tmp_path)
    right(curve, count)
    assert "version_0/metrics.csv and version_1/metrics.csv" in curve.source


def test_what_was_done_again_replaces_what_was_thrown_away(tmp_path: Path) -> None:
    csv(tmp_path / "version_9", range(90))
    text = (tmp_path / "version_9" / "metrics.csv").read_text().splitlines()
    spoilt = [line if i < 71 else line.rsplit(",", 2)[0] + ",99," for i, line in enumerate(text)]
    (tmp_path / "version_9" / "metrics.csv").write_text("\n".join(spoilt) + "\n")
    csv(tmp_path / "version_10", range(60, 150))
    right(found(tmp_path), 150)


def test_another_attempt_from_the_start_is_no_part(tmp_path: Path) -> None:
    csv(tmp_path / "version_0", range(20), off=50)
    csv(tmp_path / "version_1", range(150))
    curve = found(tmp_path)
    right(curve, 150)
    assert curve.source == "version_1/metrics.csv"


def test_a_part_far_away_is_no_part(tmp_path: Path) -> None:
    csv(tmp_path / "version_0", range(150))
    csv(tmp_path / "version_1", range(400, 460))
    curve = found(tmp_path)
    right(curve, 150)
    assert curve.source == "version_0/metrics.csv"
