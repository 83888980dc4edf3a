"""The plan is a pure function of records, evaluators and the store."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from swaveval.checkpoints import arrange
from swaveval.results import Artifact, Cell, CellKey, CheckpointRecord, Metric, ResultStore, Term
from swaveval.runs.plan import EvaluatorSpec, Plan, make_plan, series_digest

KNN = EvaluatorSpec("knn", "knn", version=1, parameters=(("k", 20),))
LINEAR = EvaluatorSpec("linear", "linear", version=1)
UMAP = EvaluatorSpec("umap", "umap", version=1, over_series=True)


def record(name: str, digest: str | None, epoch: float | None = None, **changes: object) -> CheckpointRecord:
    step = None if epoch is None else int(epoch * 10)
    return CheckpointRecord(name, digest=digest, epoch=epoch, step=step, **changes)  # type: ignore[arg-type]


def key(backbone: str, spec: EvaluatorSpec) -> CellKey:
    return CellKey(backbone, "data", "transform", spec.name, spec.version, dict(spec.parameters), 0)


def plan(records: list[CheckpointRecord], specs: list[EvaluatorSpec], store: ResultStore, **options: bool) -> Plan:
    return make_plan(records, specs, store, key=key, **options)


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


RECORDS = [record("0.ckpt", "a", 0), record("1.ckpt", "b", 1)]


def finish(store: ResultStore, todo: Plan) -> None:
    for cell in todo.todo:
        store.put(Cell(cell.key, metrics=(Metric(f"{cell.spec.name}.x", 1.0),)), [Artifact("a.b", {"x": np.ones(3)})])


def test_everything_is_to_do_at_first_and_nothing_after(store: ResultStore) -> None:
    first = plan(RECORDS, [KNN, LINEAR, UMAP], store)
    assert [(cell.checkpoint, cell.spec.name) for cell in first.todo] == [
        ("0.ckpt", "knn"),
        ("0.ckpt", "linear"),
        ("1.ckpt", "knn"),
        ("1.ckpt", "linear"),
        ("all checkpoints", "umap"),
    ]
    finish(store, first)
    assert plan(RECORDS, [KNN, LINEAR, UMAP], store).todo == ()
    assert len(plan(RECORDS, [KNN], store, force=True).todo) == 2


def test_what_failed_is_tried_again_unless_it_is_settled(store: ResultStore) -> None:
    for cell in plan(RECORDS, [KNN], store).todo:
        store.put(Cell(cell.key, status="error", reason="no memory"))
    assert len(plan(RECORDS, [KNN], store).todo) == 2
    settled = make_plan(RECORDS, [KNN, LINEAR], store, key=key, force=True, settled=lambda backbone: backbone == "a")
    assert [(cell.checkpoint, cell.spec.name) for cell in settled.todo] == [
        ("0.ckpt", "linear"),  # never tried
        ("1.ckpt", "knn"),
        ("1.ckpt", "linear"),
    ]


def test_a_new_checkpoint_costs_one_checkpoint_and_the_series(store: ResultStore) -> None:
    finish(store, plan(RECORDS, [KNN, UMAP], store))
    grown = plan([*RECORDS, record("2.ckpt", "c", 2)], [KNN, UMAP], store)
    assert [(cell.checkpoint, cell.spec.name) for cell in grown.todo] == [
        ("2.ckpt", "knn"),
        ("all checkpoints", "umap"),
    ]


def test_a_changed_parameter_redoes_exactly_its_cells(store: ResultStore) -> None:
    finish(store, plan(RECORDS, [KNN, LINEAR], store))
    other = EvaluatorSpec("knn", "knn", version=1, parameters=(("k", 5),))
    assert [cell.spec.name for cell in plan(RECORDS, [other, LINEAR], store).todo] == ["knn", "knn"]


def test_errors_are_tried_again_and_skips_are_not(store: ResultStore) -> None:
    first, second = plan(RECORDS, [KNN], store).todo
    store.put(Cell(first.key, status="error", reason="out of memory"))
    store.put(Cell(second.key, status="skipped", reason="no labels"))
    assert [cell.checkpoint for cell in plan(RECORDS, [KNN], store).todo] == ["0.ckpt"]


@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_a_damaged_cell_is_done_again_and_named(store: ResultStore, suffix: str) -> None:
    finish(store, plan(RECORDS, [KNN], store))
    path = store.cells_directory / f"{key('a', KNN).digest}.{suffix}"
    path.write_bytes(path.read_bytes()[:-3] + b"xyz")
    again = plan(RECORDS, [KNN], store)
    assert [cell.checkpoint for cell in again.todo] == ["0.ckpt"]
    assert path.name in again.damaged[0]
    assert [cell.lost for cell in again.cells] == [True, False]


def test_a_cell_that_was_stored_once_and_is_missing_is_named(store: ResultStore) -> None:
    first = plan(RECORDS, [KNN], store)
    assert not any(cell.lost for cell in first.cells)
    finish(store, first)
    named = [cell.key.digest for cell in first.cells]
    store.discard(named[0])
    again = plan(RECORDS, [KNN, LINEAR], store, named=named)
    assert [cell.lost for cell in again.cells] == [True, False, False, False]
    assert again.damaged == (f"{named[0]}.json is missing",)


def test_baselines_are_no_part_of_the_series(store: ResultStore) -> None:
    rows = [*RECORDS, record("raw pixels", "p", kind="baseline")]
    cells = plan(rows, [KNN, UMAP], store).cells
    assert [cell.checkpoint for cell in cells if cell.spec.name == "knn"] == ["0.ckpt", "1.ckpt", "raw pixels"]
    assert cells[-1].key.backbone == series_digest(["a", "b"])


def test_unreadable_checkpoints_have_no_cells(store: ResultStore) -> None:
    rows = [*RECORDS, record("torn.ckpt", None, state="corrupt", reason="truncated")]
    assert {cell.checkpoint for cell in plan(rows, [KNN], store).cells} == {"0.ckpt", "1.ckpt"}


def test_last_is_an_alias_and_a_stuck_epoch_is_a_finding() -> None:
    rows = [record("1.ckpt", "a", 1), record("last.ckpt", "a", 1), record("2.ckpt", "a", 2), record("3.ckpt", "b", 3)]
    marked = arrange(rows).records
    assert [(row.same_as, row.alias) for row in marked] == [
        (None, False),
        ("1.ckpt", True),
        ("1.ckpt", False),
        (None, False),
    ]
    assert [row.evaluated for row in marked] == [True, False, True, True]


def test_what_an_evaluator_declares_of_its_metrics_makes_it_no_other() -> None:
    term = Term("a", "b", "c")
    assert replace(KNN, terms={"knn.x": term}, roles={"knn.x": ("witness",)}) == KNN
    assert replace(KNN, version=2) != KNN
    broken = EvaluatorSpec("mine", "mine.py:Mine", broken="no such file")
    assert (broken.version, broken.parameters) == (0, ())  # what could not be made says nothing


def test_two_files_of_the_same_weights_have_one_cell_under_the_first_name(store: ResultStore) -> None:
    cells = plan([*RECORDS, record("again.ckpt", "a", 0)], [KNN], store).cells
    assert [cell.checkpoint for cell in cells] == ["0.ckpt", "1.ckpt"]


def test_cells_come_in_the_order_of_the_page(store: ResultStore) -> None:
    rows = [record("raw pixels", "p", kind="baseline"), *RECORDS]
    cells = plan(rows, [UMAP, KNN, LINEAR], store).cells
    assert [(cell.checkpoint, cell.spec.name) for cell in cells] == [
        ("raw pixels", "knn"),
        ("raw pixels", "linear"),
        ("0.ckpt", "knn"),
        ("0.ckpt", "linear"),
        ("1.ckpt", "knn"),
        ("1.ckpt", "linear"),
        ("all checkpoints", "umap"),
    ]


def test_the_cells_of_one_backbone_are_those_still_to_do(store: ResultStore) -> None:
    first = plan(RECORDS, [KNN, LINEAR, UMAP], store)
    store.put(Cell(first.todo[0].key, metrics=(Metric("knn.x", 1.0),)))
    rest = plan(RECORDS, [KNN, LINEAR, UMAP], store)
    assert [cell.spec.name for cell in rest.of("a")] == ["linear"]
    assert [cell.spec.name for cell in rest.of("b")] == ["knn", "linear"]
    assert rest.of(series_digest(["a", "b"])) == ()


def test_a_cell_with_anothers_metrics_is_done_again(store: ResultStore) -> None:
    """Of a version that let a plugin give them."""
    first, second = plan(RECORDS, [KNN], store).todo
    store.put(Cell(first.key, metrics=(Metric("knn.x", 1.0), Metric("linear.x", 1.0))))
    store.put(Cell(second.key, metrics=(Metric("knn.x", 1.0),)))
    again = plan(RECORDS, [KNN], store)
    assert [cell.checkpoint for cell in again.todo] == ["0.ckpt"]
    assert again.damaged == ()


def test_without_checkpoints_there_is_no_series(store: ResultStore) -> None:
    assert plan([record("raw pixels", "p", kind="baseline")], [UMAP], store).cells == ()


def test_order_of_the_series_is_part_of_its_key() -> None:
    assert series_digest(["a", "b"]) != series_digest(["b", "a"])
