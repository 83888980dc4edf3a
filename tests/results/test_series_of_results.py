"""A series read back: every metric at its checkpoint, the axis that tells them apart, and what is lost is said."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from swaveval.results import (
    Artifact,
    Cell,
    CellKey,
    CheckpointRecord,
    DamagedCell,
    DataSummary,
    Lost,
    Metric,
    Point,
    ResultStore,
    RunManifest,
    Series,
)
from swaveval.results.encoding import seal
from swaveval.results.export import COLUMNS, rows
from swaveval.results.series import build_series

DATA = DataSummary("digits", "digits", "d", 3, 2)
FIRST, SECOND, RANDOM = "1" * 64, "2" * 64, "9" * 64
RECORDS = (
    CheckpointRecord("a.ckpt", digest=FIRST, epoch=1, step=10),
    CheckpointRecord("b.ckpt", digest=SECOND, epoch=2, step=20),
    CheckpointRecord("random init, seed 0", kind="baseline", baseline="random", digest=RANDOM),
)


def key(backbone: str, evaluator: str = "knn") -> CellKey:
    return CellKey(backbone, "d", "t", evaluator, 1)


def series(*points: tuple[float | None, int | None]) -> Series:
    records = [CheckpointRecord(str(n), digest=str(n), epoch=e, step=s) for n, (e, s) in enumerate(points)]
    return Series(RunManifest("run", DATA, tuple(records)), tuple(Point(record) for record in records))


# -- the axis ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "name", "positions"),
    [
        ([(1, 10), (2, 20)], "epoch", [1, 2]),
        ([(0, None), (0.5, None), (1, None)], "epoch", [0, 0.5, 1]),
        ([(1, None)], "epoch", [1]),
        ([(1, 10), (1, 20)], "step", [10, 20]),
        ([(None, 10), (2, 20)], "step", [10, 20]),
        ([(2, 10), (1, 20)], "step", [10, 20]),
        ([(float("nan"), 10), (1, 20)], "step", [10, 20]),
        ([(1, 10), (float("inf"), 20)], "step", [10, 20]),
        ([(None, 10), (None, 10)], "checkpoint", [0, 1]),
        ([(None, None), (2, None)], "checkpoint", [0, 1]),
        ([(1, None), (1, 5)], "checkpoint", [0, 1]),
        ([(0, 500)], "step", [500]),
        ([(0, 0)], "epoch", [0]),
        ([(0, None)], "epoch", [0]),
        ([(0, 0), (1, 7)], "epoch", [0, 1]),
        ([], "epoch", []),
    ],
)
def test_the_axis_that_tells_checkpoints_apart(points: list[Any], name: str, positions: list[float]) -> None:
    found, places = series(*points).axis()
    assert (found, places.tolist()) == (name, positions)


# -- metrics at their checkpoints --------------------------------------------------------------------------------------


def built(*cells: Cell) -> Series:
    return build_series(RunManifest("run", DATA, RECORDS), list(cells))


def test_a_metric_stands_at_the_checkpoint_of_its_cell() -> None:
    found = built(
        Cell(key(SECOND), metrics=(Metric("knn.top1", 0.7), Metric("knn.balanced", 0.6))),
        Cell(key(FIRST), metrics=(Metric("knn.top1", 0.5),)),
        Cell(key(RANDOM), metrics=(Metric("knn.top1", 0.1),)),
    )
    assert found.values("knn.top1").tolist() == [0.5, 0.7]
    assert np.isnan(found.values("knn.balanced")).tolist() == [True, False]
    assert [point.metrics["knn.top1"].value for point in found.baselines] == [0.1]
    assert found.metric_ids == ("knn.top1", "knn.balanced")
    assert np.isnan(found.values("none.such")).all()


def test_a_cell_of_a_whole_series_stands_at_every_checkpoint_and_its_metrics_at_their_own() -> None:
    over = Cell(key("s", "umap"), status="ok", metrics=(Metric("umap.trustworthiness", 0.9, checkpoint=SECOND),))
    found = built(Cell(key(FIRST)), over)
    assert [sorted(point.cells) for point in (*found.points, *found.baselines)] == [["knn", "umap"], ["umap"], ["umap"]]
    assert [sorted(point.metrics) for point in found.points] == [[], ["umap.trustworthiness"]]
    of_no_checkpoint = built(Cell(key("s", "umap"), metrics=(Metric("umap.trustworthiness", 0.9),)))
    assert of_no_checkpoint.metric_ids == ()


def test_a_checkpoints_own_cell_wins_over_one_of_the_whole_series() -> None:
    own, over = Cell(key(FIRST, "umap"), reason="own"), Cell(key("s", "umap"), reason="over")
    for order in ((own, over), (over, own)):
        assert [point.cells["umap"].reason for point in built(*order).points] == ["own", "over"]


def test_no_cell_replaces_the_metric_of_another_evaluator() -> None:
    found = built(
        Cell(key(FIRST), metrics=(Metric("knn.top1", 0.5),)),
        Cell(key(FIRST, "mine"), metrics=(Metric("knn.top1", 0.99), Metric("mine.x", 1))),
    )
    assert found.values("knn.top1")[0] == 0.5
    assert found.metric_ids == ("knn.top1", "mine.x")


def test_twins_share_their_metrics_and_what_is_not_evaluated_is_no_point() -> None:
    records = (
        RECORDS[0],
        replace(RECORDS[0], name="twin.ckpt", epoch=5, same_as="a.ckpt"),
        replace(RECORDS[0], name="last.ckpt", alias=True),
        CheckpointRecord("torn.ckpt", state="corrupt"),
    )
    cell = Cell(key(FIRST), metrics=(Metric("knn.top1", 0.5),))
    found = build_series(RunManifest("run", DATA, records), [cell])
    assert [(point.record.name, point.metrics["knn.top1"].value) for point in found.points] == [
        ("a.ckpt", 0.5),
        ("twin.ckpt", 0.5),
    ]
    assert found.baselines == ()


def test_arrays_in_memory() -> None:
    def outcomes(correct: list[bool], index: list[int]) -> Artifact:
        return Artifact("knn.top1.outcomes", {"correct": np.array(correct), "index": np.array(index)})

    def held(*artifacts: Artifact) -> Series:
        places = [("knn.top1.outcomes", FIRST), ("knn.top1.outcomes", SECOND)]
        return replace(built(), arrays=dict(zip(places, artifacts, strict=False)))

    one = outcomes([True, False], [3, 7])
    found = held(one, outcomes([False, True], [3, 7])).outcomes("knn.top1")
    assert found is not None
    assert found[0].tolist() == [[True, False], [False, True]]
    assert found[0].dtype == np.bool_
    assert found[1].tolist() == [3, 7]
    assert held(one).outcomes("knn.top1") is None
    assert held(one, outcomes([False, True], [3, 8])).outcomes("knn.top1") is None
    assert held(one, outcomes([False], [3])).outcomes("knn.top1") is None
    assert built().outcomes("knn.top1") is None
    whole = replace(built(), arrays={("mine.table", ""): Artifact("mine.table", {"x": np.arange(2)})})
    table = whole.artifact("mine.table")
    assert table is not None
    assert table["x"].tolist() == [0, 1]
    assert whole.artifact("mine.table", FIRST) is None
    assert whole.artifact_ids == ("mine.table",)


# -- from a store ------------------------------------------------------------------------------------------------------


def stored(directory: Path) -> ResultStore:
    """Two checkpoints with outcomes, a series evaluator's map of the second, and a map of everything."""
    store = ResultStore(directory / "results")
    names = {}
    for record, value in zip(RECORDS[:2], (0.5, 0.75), strict=True):
        outcomes = Artifact("knn.top1.outcomes", {"correct": np.arange(4) < 4 * value, "index": np.arange(4)})
        cell = store.put(Cell(key(str(record.digest)), metrics=(Metric("knn.top1", value),)), [outcomes])
        names[cell.key.digest] = ("knn", record.name)
    maps = [Artifact("umap.map", {"xy": np.ones((4, 2))}, SECOND), Artifact("umap.all", {"xy": np.zeros((1, 2))})]
    cell = store.put(Cell(key("s", "umap"), metrics=(Metric("umap.trustworthiness", 0.9, checkpoint=SECOND),)), maps)
    names[cell.key.digest] = ("umap", "all checkpoints")
    store.write_manifest(RunManifest("run", DATA, RECORDS, cells=tuple(names), cell_names=names))
    return store


def test_arrays_come_from_the_store(tmp_path: Path) -> None:
    stored(tmp_path)
    series = Series.load(tmp_path)
    assert series.lost == ()
    assert series.artifact_ids == ("knn.top1.outcomes", "umap.all", "umap.map")
    outcomes = series.outcomes("knn.top1")
    assert outcomes is not None
    assert outcomes[0].sum(axis=1).tolist() == [2, 3]
    everything, second = series.artifact("umap.all"), series.artifact("umap.map", SECOND)
    assert everything is not None
    assert second is not None
    assert (everything["xy"].sum(), second["xy"].sum()) == (0, 8)
    assert series.artifact("umap.map", FIRST) is None


def without_names(store: ResultStore) -> None:
    store.write_manifest(replace(store.read_manifest(), cell_names={}))


@pytest.mark.parametrize("named", [True, False])
def test_what_is_gone_or_damaged_is_said_and_the_rest_is_read(named: bool, tmp_path: Path) -> None:
    store = stored(tmp_path)
    if not named:
        without_names(store)
    first, second, over = store.read_manifest().cells
    (store.cells_directory / f"{first}.json").unlink()
    (store.cells_directory / f"{second}.npz").write_bytes(b"torn")
    (store.cells_directory / f"{over}.json").write_bytes(b"torn")
    series = Series.load(tmp_path)
    assert [str(lost) for lost in series.lost] == [
        "knn on a.ckpt (missing)" if named else f"a result on file {first} (missing)",
        "knn on b.ckpt (its arrays are damaged)",
        "umap on all checkpoints (damaged)" if named else f"a result on file {over} (damaged)",
    ]
    assert np.isnan(series.values("knn.top1")).tolist() == [True, False]
    assert series.artifact("knn.top1.outcomes", SECOND) is None


def test_the_owner_of_damaged_arrays_of_a_whole_series(tmp_path: Path) -> None:
    store = stored(tmp_path)
    without_names(store)
    over = store.read_manifest().cells[2]
    (store.cells_directory / f"{over}.npz").unlink()
    assert Series.load(tmp_path).lost == (Lost("umap", "all checkpoints", "its arrays are damaged"),)


@pytest.mark.parametrize("field", ["metrics", "artifacts", "key"])
@pytest.mark.parametrize("value", [None, 3, "ab", [3], [[]], {"x": 1}])
def test_a_sealed_file_that_holds_something_else_is_damage(field: str, value: Any, tmp_path: Path) -> None:
    store = stored(tmp_path)
    name = store.read_manifest().cells[0]
    store.check_arrays(Cell(key(FIRST)))
    cell = store.get(name)
    assert cell is not None
    (store.cells_directory / f"{name}.json").write_bytes(seal(cell.to_json() | {field: value}))
    with pytest.raises(DamagedCell, match=name):
        store.get(name)


@pytest.mark.parametrize("field", ["checkpoints", "cell_names", "data", "loss", "evaluators"])
@pytest.mark.parametrize("value", [3, "ab", [3]])
def test_a_manifest_that_holds_something_else_is_damage(field: str, value: Any, tmp_path: Path) -> None:
    store = stored(tmp_path)
    body = store.read_manifest().to_json()
    (store.directory / "run.json").write_bytes(seal(body | {field: value}))
    with pytest.raises(DamagedCell, match=r"run\.json is damaged"):
        store.read_manifest()


# -- the flat table ----------------------------------------------------------------------------------------------------


def test_rows_by_hand() -> None:
    metric = Metric("knn.top1", float("inf"), "fraction", "higher", (0, None), (0.25, float("inf")), 4, "protocol")
    found = replace(
        built(
            Cell(key(FIRST), metrics=(metric,)),
            Cell(key(SECOND), status="error", reason="it broke"),
            Cell(key(RANDOM), metrics=(Metric("knn.top1", float("nan")),)),
        ),
        lost=(Lost("linear", "b.ckpt", "damaged"),),
    )
    common = {"run": "run", "checkpoint": "a.ckpt", "digest": FIRST, "epoch": 1, "step": 10}
    expected = [
        common | {"evaluator": "knn", "metric": "knn.top1", "value": "Infinity", "ci_low": 0.25, "ci_high": "Infinity",
                  "n": 4, "unit": "fraction", "better": "higher", "protocol": "protocol", "status": "ok"},
        {"checkpoint": "b.ckpt", "digest": SECOND, "evaluator": "knn", "protocol": "it broke", "status": "error"},
        {"checkpoint": "random init, seed 0", "value": "NaN", "ci_low": None, "ci_high": None, "n": None, "step": None},
        {"checkpoint": "b.ckpt", "evaluator": "linear", "protocol": "damaged", "status": "lost", "digest": None},
    ]  # fmt: skip
    table = rows(found)
    assert len(table) == len(expected)
    for row, wanted in zip(table, expected, strict=True):
        assert set(row) == set(COLUMNS)
        assert {name: row[name] for name in wanted} == wanted
    assert table[0] == expected[0]
    assert [name for name, value in table[1].items() if value is None] == [
        "metric", "value", "ci_low", "ci_high", "n", "unit", "better"
    ]  # fmt: skip
