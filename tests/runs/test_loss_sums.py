"""A loss that is the sum of several is not held against ln K, which is the loss of a constant output of one."""

import math
from pathlib import Path

import pytest

from swaveval.runs.losses import look_for_loss

ROWS = 8
FALLING = [2.6 - 0.1 * row for row in range(ROWS)]
SLOWER = [2.4 - 0.05 * row for row in range(ROWS)]
BOTH = [one + other for one, other in zip(FALLING, SLOWER, strict=True)]


def curve(columns: dict[str, list[float]], place: Path):  # type: ignore[no-untyped-def]
    names = ("epoch", *columns)
    rows = [[row + 1, *(values[row] for values in columns.values())] for row in range(ROWS)]
    lines = [",".join(map(repr, row)) for row in rows]
    (place / "log.csv").write_text("\n".join([",".join(names), *lines]) + "\n")
    found = look_for_loss(place, loss_log=place / "log.csv", prototypes=128).curve
    assert found is not None
    return found


@pytest.mark.parametrize(
    "columns",
    [
        {"train_cls": FALLING, "train_patch": SLOWER, "train_loss": BOTH},  # iBOT
        {"loss": [one + 0.5 for one in BOTH], "a": FALLING, "b": SLOWER, "c": [0.5] * ROWS, "lr": [0.1] * ROWS},
        {"total_loss": [1.3 * one for one in BOTH], "dino_loss": FALLING, "ibot_loss": SLOWER},  # DINOv2: with weights
        {"total_loss": [9.0] * ROWS, "dino_loss": [4.8] * ROWS, "koleo_loss": [-0.1] * ROWS},
    ],
    ids=["two", "three", "with weights", "constant"],
)
def test_a_sum_is_not_held_against_ln_k(columns: dict[str, list[float]], tmp_path: Path) -> None:
    found = curve(columns, tmp_path)
    assert found.prototypes is None
    assert "it is the sum of " in found.note
    assert "ln K says nothing" in found.note


@pytest.mark.parametrize(
    "columns",
    [
        {"loss": FALLING},
        {"loss": FALLING, "swav_loss": FALLING, "lr": [0.1] * ROWS},
        {"total_loss": FALLING, "swav_loss": FALLING},
        {"loss": FALLING, "loss_avg": [value + 0.01 for value in FALLING], "time": SLOWER},
        {"loss": FALLING, "grad_norm": SLOWER, "zeros": [0.0] * ROWS, "loss_step": FALLING},
        {"loss": [math.log(128)] * ROWS, "queue": [4.0] * ROWS, "rest": [math.log(128) - 4.0] * ROWS},
    ],
    ids=["alone", "by another name", "the total of one", "an average", "others", "constant"],
)
def test_any_other_loss_is(columns: dict[str, list[float]], tmp_path: Path) -> None:
    assert curve(columns, tmp_path).prototypes == 128
