"""What one line of a text log states: the epoch, the step, the loss, the learning rate."""

import math
from pathlib import Path

import pytest

from swaveval.runs.loss_rows import MOST_BYTES, Row
from swaveval.runs.loss_text import text_rows


def rows(tmp_path: Path, text: str) -> list[Row]:
    path = tmp_path / "train.log"
    path.write_bytes(text.encode("utf-8"))
    return text_rows(path)


LINES: list[tuple[str, Row]] = [
    ("loss: 6.28", Row(6.28)),
    ("loss 6", Row(6.0)),
    ("Loss=.5", Row(0.5)),
    ("loss is 6.5", Row(6.5)),
    ("'loss': 6.5", Row(6.5)),
    ("Loss 6.2e+00 (7.0)", Row(6.2)),
    ("loss: 6.5e-1", Row(0.65)),
    ("loss: -0.93", Row(-0.93)),  # cosine similarities are negative
    ("loss: nan", Row(math.nan)),
    ("loss: inf", Row(math.inf)),
    ("loss: -inf", Row(-math.inf)),
    ("train_loss: 3", Row(3.0)),
    ("Training Loss = 3.25", Row(3.25)),
    ("train/loss 3", Row(3.0)),
    ("avg train loss: 3", Row(3.0)),
    ("running_loss: 3", Row(3.0)),
    ("loss_train: 3", Row(3.0)),
    ("epoch: 3, loss: 6.28", Row(6.28, 3.0)),
    ("Epoch 3/800 loss 6", Row(6.0, 3.0)),
    ("epoch=12.5 loss=6", Row(6.0, 12.5)),
    ("Epoch #4 loss 6", Row(6.0, 4.0)),
    ("Epoch(train) [7][50/100] lr: 1e-3 loss: 6", Row(6.0, 7.0, None, 0.001)),
    ('{"epochs": 3, "loss": 6}', Row(6.0, 3.0)),
    ("step 120 loss 6", Row(6.0, None, 120)),
    ("global_step: 120 loss 6", Row(6.0, None, 120)),
    ("Global Step=120 loss 6", Row(6.0, None, 120)),
    ("iteration 120: loss 6", Row(6.0, None, 120)),
    ("iter [120] loss 6", Row(6.0, None, 120)),
    ("Iters: 120 loss 6", Row(6.0, None, 120)),
    ("lr: 0.6 loss 6", Row(6.0, None, None, 0.6)),
    ("loss 6 learning rate 1.5e-4", Row(6.0, None, None, 1.5e-4)),
    ("loss 6 learning_rate=2", Row(6.0, None, None, 2.0)),
    # a step of an epoch is no step of the training
    ("Epoch 2 iter 30/100 loss 6", Row(6.0, 2.0)),
    ("Epoch 2 step [ 30/100] loss 6", Row(6.0, 2.0)),
    # the loss of the training stands before that of the validation
    ("loss: 2.5 - val_loss: 9", Row(2.5)),
    # a number longer than a step can be is cut, not refused
    (f"step {'9' * 40} loss 6", Row(6.0, None, int("9" * 18))),
]


@pytest.mark.parametrize(("line", "row"), LINES, ids=[line[:40] for line, _ in LINES])
def test_what_a_line_states(line: str, row: Row, tmp_path: Path) -> None:
    (found,) = rows(tmp_path, line + "\n")
    assert found == pytest.approx(row) if not math.isnan(row.loss) else math.isnan(found.loss)
    assert (found.epoch, found.step) == (row.epoch, row.step)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "epoch 3",
        "val_loss: 9",
        "valid loss 9",
        "[test] loss 9",
        "Evaluation: loss 9",
        "Test: Loss 9",
        "val: epoch 3 loss 9",
        "lossy: 3",
        "flossing 3",
        "gloss: 3",
        "loss: none",
        "loss: 3x",
        "losses are high",
        "loss: nanoseconds",
        "loss: information",
    ],
)
def test_what_is_no_training_loss(line: str, tmp_path: Path) -> None:
    assert rows(tmp_path, line + "\n") == []


def test_words_that_hold_the_name_of_another_loss_are_no_other_loss(tmp_path: Path) -> None:
    """`value`, `tested` and `evaluate` are not `val`, `test`, `eval`."""
    found = rows(tmp_path, "value 3 tested evaluate: loss 6\n")
    assert [row.loss for row in found] == [6.0]


def test_the_epoch_stands_until_another_is_named(tmp_path: Path) -> None:
    """keras prints the epoch on a line of its own."""
    found = rows(tmp_path, "loss 9\nEpoch 1/3\nloss 8\nloss 7\nEpoch 2/3\nsomething\nloss 6\n")
    assert [(row.epoch, row.loss) for row in found] == [(None, 9.0), (1.0, 8.0), (1.0, 7.0), (2.0, 6.0)]


def test_steps_and_rates_hold_for_their_own_line(tmp_path: Path) -> None:
    first, second = rows(tmp_path, "step 5 lr 0.1 loss 9\nloss 8\n")
    assert (first.step, first.rate) == (5, 0.1)
    assert (second.step, second.rate) == (None, None)


def test_progress_bars_are_written_over_their_own_line(tmp_path: Path) -> None:
    found = rows(tmp_path, "epoch 1 loss 9\repoch 1 loss 8\b\b\bepoch 2 loss 7\n")
    assert [(row.epoch, row.loss) for row in found] == [(1.0, 9.0), (1.0, 8.0), (2.0, 7.0)]


def test_only_the_start_of_an_endless_line_is_looked_at(tmp_path: Path) -> None:
    assert rows(tmp_path, "x" * 3980 + " loss: 6.25\n")[0].loss == 6.25
    assert rows(tmp_path, "x" * 4100 + " loss: 6.25\n") == []


def test_bytes_of_any_encoding(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_bytes(b"\xff\xfe verlust \xe4 loss: 6.5\n")
    assert [row.loss for row in text_rows(path)] == [6.5]


def test_a_file_beyond_the_bound_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)  # takes no room on the disk
    with pytest.raises(ValueError, match="is no loss log"):
        text_rows(path)
