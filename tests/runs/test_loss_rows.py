"""Tables and JSON of training logs: which column is the training loss, and what else a row says."""

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaveval.runs.loss_columns import column_of, number, plain
from swaveval.runs.loss_logs import read_log
from swaveval.runs.loss_rows import MOST_BYTES, Row, bounded, json_rows, loss_rows, table_rows
from swaveval.runs.request import RunError


def name_of(rows: Sequence[Mapping[str, object]]) -> str | None:
    column = column_of(rows)
    return None if column is None else column.name


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("loss", "loss"),
        ("Train/Loss", "train_loss"),
        (" Train Loss ", "train_loss"),
        ("run-1 - train/Loss", "train_loss"),
        ("a - b - Loss", "loss"),
        ("trainer/global_step", "trainer_global_step"),
        ("(loss)", "loss"),
        ("_step", "step"),
        ("", "_"),
        ("…", "_"),
    ],
)
def test_plain_names(name: str, wanted: str) -> None:
    assert plain(name) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (3, 3.0),
        (2.5, 2.5),
        ("2.5", 2.5),
        (" 2.5 ", 2.5),
        ("1e-3", 0.001),
        ("inf", math.inf),
        (0, 0.0),
        ("0", 0.0),
        (True, None),
        (False, None),
        (None, None),
        ("", None),
        ("2,5", None),
        ("soon", None),
        ([2.5], None),
        (10**400, None),  # larger than any float
        ("1_0", 10.0),
    ],
    ids=repr,
)
def test_numbers(value: object, wanted: float | None) -> None:
    assert number(value) == wanted


def test_nan_is_a_number_of_a_loss() -> None:
    assert math.isnan(number("nan") or 0)
    assert math.isnan(number(math.nan) or 0)


def test_a_decimal_comma_where_semicolons_separate() -> None:
    assert number("2,5", comma=True) == 2.5
    assert number(2, comma=True) == 2.0


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        (["epoch", "loss", "val_loss"], "loss"),
        (["loss_epoch", "train_loss"], "train_loss"),
        (["train_loss_epoch", "train_loss_step"], "train_loss_step"),
        (["koleo_loss", "total_loss"], "total_loss"),
        (["koleo_loss", "epoch"], "koleo_loss"),  # no known name, the only loss
        (["swav_loss"], "swav_loss"),
        (["val_loss", "eval/loss", "test loss", "dev_loss"], None),
        (["knn_loss", "probe_loss", "online_loss", "linear_loss", "cls_loss", "classifier_loss"], None),
        (["loss_scale", "loss_weight", "loss_min", "loss max", "loss-std", "best_loss", "teacher_loss"], None),
        (["loss_rate", "loss_scaler", "validation_loss", "valid_loss", "eval_loss"], None),
        (["epoch", "step", "accuracy"], None),
        ([], None),
    ],
    ids=str,
)
def test_the_column_of_the_training_loss(columns: list[str], wanted: str | None) -> None:
    assert name_of([dict.fromkeys(columns, 1.0)]) == wanted


def test_of_two_names_as_good_the_one_with_more_values() -> None:
    table = [{"loss": "", "Loss": 1}, {"loss": 2, "Loss": 2}, {"loss": "-", "Loss": 3}]
    assert name_of(table) == "Loss"
    assert name_of([{"Loss": row["loss"], "loss": row["Loss"]} for row in table]) == "loss"


def test_a_better_name_wins_with_fewer_values() -> None:
    """Lightning's rows of an epoch's mean are few, and its rows of each step many; `train_loss` is neither."""
    assert name_of([{"some_loss": 1}, {"some_loss": 2}, {"loss": 3, "some_loss": ""}]) == "loss"


def test_no_rows_have_no_column() -> None:
    assert name_of([]) is None


def test_what_tensorboard_exports_of_one_curve() -> None:
    assert name_of([{"Wall time": 1.0, "Step": 2, "Value": 3.0}]) == "Value"
    assert name_of([{"Step": 2, "Value": 3.0}]) is None
    assert name_of([{"Wall time": 1.0, "Step": 2, "Value": 3.0, "other": 1}]) is None


def test_losses_of_several_runs_are_refused_by_name() -> None:
    with pytest.raises(RunError, match=r"losses of 2 runs \(a, b\)"):
        name_of([{"a - loss": 1, "b - loss": 2}])
    assert name_of([{"a - loss": 1, "b - val_loss": 2}]) == "a - loss"
    with pytest.raises(RunError, match=r"losses of 7 runs \(a, b, c, d, e\)"):
        name_of([{f"{name} - loss": 1 for name in "abcdefg"}])


def test_rows_carry_epoch_step_and_the_last_known_rate() -> None:
    bodies: list[dict[object, object]] = [
        {"epoch": 0, "step": 5, "loss": "3", "lr-SGD": 0.1},
        {"epoch": 0, "step": 6, "loss": "2"},
        {"epoch": 0, "step": 6, "lr-SGD": 0.2},
        {"epoch": "", "step": "x", "loss": "1"},
        {None: ["more", "fields"], "loss": 0.5, "epoch": math.inf, "step": math.nan},
    ]
    assert list(loss_rows(bodies)) == [
        Row(3.0, 0.0, 5, 0.1),
        Row(2.0, 0.0, 6, 0.1),
        Row(1.0, None, None, 0.2),
        Row(0.5, None, None, 0.2),
    ]


def test_names_of_places_the_surest_first() -> None:
    """Lightning's CSV under wandb has both: `trainer/global_step` counts optimiser steps, `_step` calls of log."""
    row = {"_step": 900, "trainer/global_step": 30, "Epoch": 2, "trainer/epoch": 7, "loss": 1}
    assert list(loss_rows([row])) == [Row(1.0, 2.0, 30)]
    assert list(loss_rows([{"iter": 4, "num_updates": 9, "loss": 1}])) == [Row(1.0, None, 4)]
    assert list(loss_rows([{"step": "", "iteration": 4, "loss": 1}])) == [Row(1.0, None, 4)]


def test_rows_of_other_modes_are_passed_over() -> None:
    """mmengine's scalars.json, and the epochs' means of our own metrics.csv."""
    rows = [
        {"mode": "train", "loss": 1},
        {"mode": "val", "loss": 9},
        {"mode": "VAL", "loss": 9},
        {"kind": "epoch", "loss": 9},
        {"kind": "step", "loss": 2},
    ]
    assert [row.loss for row in loss_rows(rows)] == [1.0, 2.0]


def test_a_column_that_comes_late_is_read_to_the_end() -> None:
    """Which columns there are is told by the first 20,000 rows; the rows after them are read all the same."""
    early = [{"step": step, "loss": 1.0} for step in range(20_000)]
    late = [{"step": 20_000, "loss": 2.0}, {"step": 20_001, "loss": "x"}, {"step": 20_002, "loss": 3.0}]
    found = list(loss_rows([*early, *late]))
    assert [(row.step, row.loss) for row in found[-3:]] == [(19_999, 1.0), (20_000, 2.0), (20_002, 3.0)]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "log"
    path.write_bytes(text.encode("utf-8"))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "epoch,loss\n1,2.5\n2,1.5\n",
        "\ufeffepoch,loss\r\n1,2.5\r\n2,1.5\r\n",
        "epoch\tloss\n1\t2.5\n2\t1.5\n",
        "epoch;loss\n1;2,5\n2;1,5\n",
        "epoch;loss\n1;2.5\n2;1.5\n",
        "epoch   loss\n1   2.5\n  2 1.5\n",
        '"epoch","loss"\n"1","2.5"\n"2","1.5"\n',
        " Epoch , Loss \n1,2.5\n2,1.5\n",
        "epoch,loss\n1,2.5,more\n2,1.5\n",
    ],
    ids=repr,
)
def test_tables(text: str, tmp_path: Path) -> None:
    assert table_rows(written(tmp_path, text)) == [Row(2.5, 1.0), Row(1.5, 2.0)]


def test_a_table_of_one_column_has_losses_without_places(tmp_path: Path) -> None:
    assert table_rows(written(tmp_path, "loss\n3\n2\n")) == [Row(3.0), Row(2.0)]


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(-1e6, 1e6)), min_size=1, max_size=20))
def test_a_table_is_read_as_it_was_written(rows: list[tuple[int, float]]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as directory:
        path = Path(directory, "log.csv")
        path.write_text("step,loss\n" + "".join(f"{step},{loss!r}\n" for step, loss in rows))
        assert table_rows(path) == [Row(loss, None, step) for step, loss in rows]


ROWS = [{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 1.5}]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(map(json.dumps, ROWS)),
        "\ufeff" + "\n\n".join(map(json.dumps, ROWS)) + "\n",
        json.dumps(ROWS),
        json.dumps(ROWS, indent=1),
        json.dumps({"log_history": ROWS, "best": 1}),
        json.dumps({"history": {"epoch": [1, 2], "loss": [2.5, 1.5]}}),
        json.dumps({"epoch": [1, 2], "loss": [2.5, 1.5], "comment": "x"}),
        json.dumps({"logs": ROWS}, indent=2),
        json.dumps([*ROWS, 7, None]),
        "\n".join([*map(json.dumps, ROWS), "7", "null"]),
    ],
    ids=range(10),
)
def test_json(text: str, tmp_path: Path) -> None:
    assert json_rows(written(tmp_path, text)) == [Row(2.5, 1.0), Row(1.5, 2.0)]


def test_one_json_line_is_one_row(tmp_path: Path) -> None:
    assert json_rows(written(tmp_path, json.dumps(ROWS[0]))) == [Row(2.5, 1.0)]
    assert json_rows(written(tmp_path, json.dumps({"train_loss": "2.5", "val_loss": [1, 2]}))) == [Row(2.5)]


def test_histories_of_unequal_length(tmp_path: Path) -> None:
    """keras's History: the validation of the epoch that was interrupted is missing."""
    text = json.dumps({"history": {"loss": [3, 2, 1], "lr": [0.1, 0.2]}})
    assert json_rows(written(tmp_path, text)) == [
        Row(3.0, rate=0.1),
        Row(2.0, rate=0.2),
        Row(1.0, rate=0.2),
    ]


@pytest.mark.parametrize("text", ["7", '"x"', "[]", "{}", '{"history": 3}', '{"loss": []}', "[1, 2]"])
def test_json_that_holds_no_rows(text: str, tmp_path: Path) -> None:
    assert json_rows(written(tmp_path, text)) == []


def test_what_is_no_json_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Expecting"):
        json_rows(written(tmp_path, "{not json\n"))


@pytest.mark.parametrize("read", [table_rows, json_rows, bounded])
def test_files_beyond_the_bound_are_not_read(read: object, tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)  # takes no room on the disk
    with pytest.raises(ValueError, match="536,870,913 bytes is no loss log"):
        read(path)  # type: ignore[operator]


def test_a_json_value_of_some_megabytes_is_read(tmp_path: Path) -> None:
    text = json.dumps(ROWS)[:-1] + " " * 2**21 + "]"
    assert json_rows(written(tmp_path, text)) == [Row(2.5, 1.0), Row(1.5, 2.0)]


def test_one_json_value_has_a_bound_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.write(b"[\n")
        file.truncate(64 * 1024**2 + 1)
    with pytest.raises(ValueError, match="too long for one JSON value"):
        json_rows(path)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("metrics.csv", lambda step: f"{step},{3 + step / 7!r}"),
        ("log.jsonl", lambda step: json.dumps({"step": step, "loss": 3 + step / 7})),
        ("train.log", lambda step: f"step {step} loss {3 + step / 7!r}"),
    ],
)
def test_half_a_row_of_a_log_that_is_being_written_is_none(
    name: str, row: Callable[[int], str], tmp_path: Path
) -> None:
    """At whatever byte a buffer ended, the losses are those of the whole rows. Of a file at rest every row counts."""
    path = tmp_path / name
    text = ("step,loss\n" if name.endswith("csv") else "") + "".join(f"{row(step)}\n" for step in range(98, 104))
    whole = [(step, 3 + step / 7) for step in range(98, 104)]
    last = text[:-1].rindex("\n") + 1
    for cut in range(last, len(text)):
        path.write_text(text[:cut])
        assert [(one.step, one.loss) for one in read_log(path)] in (whole[:-1], whole)
    path.write_text(text[:-1])
    os.utime(path, (1, 1))
    assert [(one.step, one.loss) for one in read_log(path)] == whole


@pytest.mark.parametrize(("name", "finished"), [("finished_epochs", True), ("Finished epochs", True), ("epoch", False)])
def test_a_log_may_say_that_its_epochs_are_over(name: str, finished: bool) -> None:
    [row] = loss_rows([{name: 2, "loss": 1}])
    assert (row.epoch, row.finished) == (2.0, finished)
