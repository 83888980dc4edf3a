"""Cells, checkpoint records and losses as they are stored: every field comes back, from older versions too."""

import hashlib
import json
import math
import pkgutil
from dataclasses import FrozenInstanceError, fields, is_dataclass
from importlib import import_module
from typing import Any

import pytest

from swaveval import results
from swaveval.results import Cell, CellKey, CheckpointRecord, LossCurve, Metric, loss

RECORDS = {
    value
    for module in pkgutil.iter_modules(results.__path__)
    for value in vars(import_module(f"swaveval.results.{module.name}")).values()
    if isinstance(value, type) and is_dataclass(value)
}


@pytest.mark.parametrize("record", sorted(RECORDS, key=lambda record: record.__name__))
def test_no_result_can_be_changed_once_it_is_there(record: type) -> None:
    """The same objects are read by verdict, page and export."""
    blank = object.__new__(record)
    for field in fields(record):
        with pytest.raises(FrozenInstanceError):
            setattr(blank, field.name, None)


# -- cells -------------------------------------------------------------------------------------------------------------


def test_a_key_is_the_digest_of_its_fields_by_hand() -> None:
    """Stored cells are found by it: no field may be renamed, dropped or spelled anew."""
    key = CellKey("b", "d", "t", "knn", 3, {"k": 20}, 7)
    text = '{"backbone":"b","data":"d","evaluator":"knn","parameters":{"k":20},"seed":7,"transform":"t","version":3}'
    assert key.digest == hashlib.sha256(text.encode()).hexdigest()[:32]
    assert CellKey.from_json(json.loads(text)) == key


def test_every_field_of_a_cell_is_stored() -> None:
    key = CellKey("b", "d", "t", "knn", 3, {"k": 20}, 7)
    metrics = (Metric("knn.top1", 0.5), Metric("knn.balanced", math.inf))
    cell = Cell(key, "error", "it broke", metrics, (("a", None, "0" * 64), ("b", "owner", "1" * 64)), 2.5, "today")
    body = json.loads(json.dumps(cell.to_json(), allow_nan=False))
    assert Cell.from_json(body) == cell
    assert body["schema"] == 1


def test_a_cell_of_which_little_was_stored() -> None:
    key = CellKey("b", "d", "t", "knn", 3)
    assert Cell.from_json({"key": key.to_json(), "status": "ok"}) == Cell(key)


def test_a_cell_of_a_newer_version_is_refused() -> None:
    body = Cell(CellKey("b", "d", "t", "knn", 3)).to_json()
    with pytest.raises(ValueError, match=r"newer swaveval .cell schema 2, this one reads 1"):
        Cell.from_json(body | {"schema": 2})


# -- checkpoints -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epoch", "step", "untrained", "expected"),
    [
        (0, None, None, True), (0, 5, None, False), (None, 0, None, True), (3, 0, None, True),
        (None, None, None, False),
        (1, None, None, False), (None, 1, None, False), (0, None, False, False), (None, 0, False, False),
        (4, 9, True, True),
    ],
)  # fmt: skip
def test_which_weights_training_started_from(
    epoch: float | None, step: int | None, untrained: bool | None, expected: bool
) -> None:
    assert CheckpointRecord("a", epoch=epoch, step=step, untrained=untrained).is_untrained is expected


def test_which_records_are_points() -> None:
    assert CheckpointRecord("a", digest="d").evaluated
    assert CheckpointRecord("a", digest="d", same_as="b").evaluated
    assert not CheckpointRecord("a", digest="d", alias=True, same_as="b").evaluated
    assert not CheckpointRecord("a").evaluated
    assert not CheckpointRecord("a", digest="d", state="corrupt").evaluated


@pytest.mark.parametrize("epoch", [None, 0, 2, 1.5, math.inf, -math.inf, math.nan])
def test_every_field_of_a_record_is_stored(epoch: float | None) -> None:
    record = CheckpointRecord(
        "a.ckpt", "baseline", "random", 3, "refused", "why", "d" * 64, epoch, 7, "b.ckpt", True, False, {"matched": 0.5}
    )
    body = json.loads(json.dumps(record.to_json(), allow_nan=False))
    again = CheckpointRecord.from_json(body)
    assert repr(again) == repr(CheckpointRecord.from_json(again.to_json()))
    assert {name for name in body if repr(getattr(again, name)) != repr(getattr(record, name))} <= {"epoch"}
    assert repr(again.epoch) == repr(None if epoch is None else float(epoch))


def test_a_record_of_another_version_is_read() -> None:
    assert CheckpointRecord.from_json({"name": "a", "of_the_future": 1}) == CheckpointRecord("a")
    assert CheckpointRecord.from_json({"name": "colours, seed 0", "kind": "baseline"}).baseline is None
    typed = {"name": "raw pixels", "kind": "baseline", "baseline": "random"}
    assert CheckpointRecord.from_json(typed).baseline == "random"


# -- loss --------------------------------------------------------------------------------------------------------------


def test_the_loss_of_a_constant_output() -> None:
    assert LossCurve("a", (), (), prototypes=100).ln_k == pytest.approx(4.605170, abs=1e-6)
    assert LossCurve("a", (), (), prototypes=1).ln_k == 0
    assert LossCurve("a", (), ()).ln_k is None
    assert LossCurve("a", (), (), prototypes=0).ln_k is None


def test_a_collapse_is_nearer_to_ln_k_than_a_warning_and_that_than_a_word() -> None:
    assert 0 < loss.LN_K_COLLAPSED < loss.LN_K_IN_TRAINING < loss.LN_K_IN_WORDS < 0.1


def test_a_loss_has_one_place_a_value() -> None:
    with pytest.raises(ValueError, match="2 epochs but 1 loss values"):
        LossCurve("a", (1.0, 2.0), (3.0,))


def test_where_a_loss_stands_on_the_checkpoints_axis() -> None:
    curve = LossCurve("a", (1.0, 2.0), (3.0, 4.0), steps=(10, 20))
    assert curve.on("epoch") == (1.0, 2.0)
    assert curve.on("step") == (10, 20)
    assert curve.on("row") is None
    assert LossCurve("a", (1.0, 2.0), (3.0, 4.0), steps=(10,)).on("step") is None
    assert LossCurve("a", (1.0, 2.0), (3.0, 4.0)).on("step") is None
    assert LossCurve("a", (5.0, 6.0), (3.0, 4.0), steps=(10, 20), axis="row").on("epoch") is None
    assert LossCurve("a", (5.0, 6.0), (3.0, 4.0), steps=(10, 20), axis="step").on("step") == (5.0, 6.0)


def test_every_field_of_a_loss_is_stored() -> None:
    curve = LossCurve("a", (0.5, 2), (math.inf, -math.inf), 30, (1, 2), (0.1, 0.2), "checkpoint", "in words")
    assert LossCurve.from_json(json.loads(json.dumps(curve.to_json(), allow_nan=False))) == curve
    least = LossCurve.from_json({"epochs": [1], "values": [None]})
    assert (least.source, least.prototypes, least.steps, least.learning_rates, least.note) == ("", None, (), (), "")
    assert math.isnan(least.values[0])


@pytest.mark.parametrize(
    ("body", "axis"),
    [
        ({"axis": "row"}, "row"), ({"axis": "step"}, "step"), ({"axis": "checkpoint"}, "checkpoint"), ({}, "epoch"),
        ({"axis": "elsewhere"}, "epoch"), ({"source": "log.txt; it names no epochs"}, "row"),
        ({"source": "log.txt; it names no epochs", "steps": [3]}, "step"),
        ({"source": "log.txt", "steps": [3]}, "epoch"),
        ({"source": "log.txt; it names no epochs", "axis": "epoch"}, "epoch"),
    ],
)  # fmt: skip
def test_the_axis_of_curves_stored_before_there_was_one(body: dict[str, Any], axis: str) -> None:
    assert LossCurve.from_json({"epochs": [1], "values": [2]} | body).axis == axis
