"""The store gives back what was put in, or says that it cannot."""

import hashlib
import json
import math
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaveval.results import (
    Artifact,
    Cell,
    CellKey,
    CheckpointRecord,
    DamagedCell,
    DataSummary,
    LossCurve,
    Metric,
    ResultStore,
    RunManifest,
    Series,
    StoreError,
)
from swaveval.results.encoding import seal, unseal
from swaveval.results.export import COLUMNS, rows


def key(**changes: object) -> CellKey:
    fields = {"backbone": "b" * 64, "data": "d", "transform": "t", "evaluator": "knn", "version": 1} | changes
    return CellKey(**fields)  # type: ignore[arg-type]


def manifest(*records: CheckpointRecord, cells: tuple[str, ...] = ()) -> RunManifest:
    data = DataSummary("digits", "digits", "d", 3, 2, ("zero", "one"), True)
    return RunManifest(
        "run",
        data,
        records,
        cells=cells,
        loss=LossCurve("metrics.csv", (1.0, 2.0), (4.6, math.nan), 100),
        training_seconds=12.5,
    )


def filled_store(directory: Path) -> tuple[ResultStore, Cell]:
    store = ResultStore(directory / "results")
    outcomes = Artifact("knn.top1.outcomes", {"correct": np.array([True, False, True]), "index": np.arange(3)})
    cell = Cell(key(), metrics=(Metric("knn.top1", 2 / 3, ci95=(0.2, 0.9), n=3, bounds=(0.0, 1.0)),))
    return store, store.put(cell, [outcomes])


number = st.floats(allow_nan=True, allow_infinity=True)


@given(value=number, low=number, high=number, n=st.none() | st.integers(0, 10**9), text=st.text(max_size=40))
def test_metric_survives_json(value: float, low: float, high: float, n: int | None, text: str) -> None:
    metric = Metric("a.b", value, ci95=(low, high), n=n, protocol=text)
    again = Metric.from_json(json.loads(json.dumps(metric.to_json(), allow_nan=False)))
    assert repr(again) == repr(metric)  # repr, because NaN is not equal to itself


def test_metric_outside_its_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="outside its bounds"):
        Metric("knn.top1", 1.2, bounds=(0.0, 1.0))
    assert Metric("knn.top1", 1.0 + 1e-9, bounds=(0.0, 1.0)).value > 1


def test_object_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="dtype"):
        Artifact("a.b", {"x": np.array([object()])})


@given(st.sampled_from(["backbone", "data", "transform", "evaluator"]), st.text(min_size=1, max_size=8))
def test_one_changed_field_is_another_cell(name: str, value: str) -> None:
    assert (key(**{name: value}).digest == key().digest) == (getattr(key(), name) == value)


def test_parameters_version_and_seed_are_part_of_the_key() -> None:
    digests = {key().digest, key(version=2).digest, key(seed=1).digest, key(parameters={"k": 5}).digest}
    assert len(digests) == 4
    assert key(parameters={"a": 1, "b": 2}).digest == key(parameters={"b": 2, "a": 1}).digest


def test_round_trip(tmp_path: Path) -> None:
    store, cell = filled_store(tmp_path)
    assert store.get(key()) == cell
    (artifact,) = store.artifacts(cell)
    assert artifact.arrays["correct"].tolist() == [True, False, True]
    assert artifact.arrays["correct"].dtype == np.bool_
    assert store.get(key(seed=9)) is None
    assert store.verify() == []


@given(position=st.integers(0, 10**6), bit=st.integers(0, 7), suffix=st.sampled_from(["json", "npz"]))
def test_no_bit_flip_goes_unnoticed(
    position: int, bit: int, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("store")
    store, cell = filled_store(directory)
    path = store.cells_directory / f"{key().digest}.{suffix}"
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= 1 << bit
    path.write_bytes(bytes(content))
    try:
        again = store.get(key())
        assert again == cell
        artifacts = store.artifacts(cell)
    except DamagedCell:
        assert store.verify()
        return
    # Only a flip in JSON white space may pass, and then nothing has changed.
    assert suffix == "json"
    assert artifacts[0].arrays["index"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("keep", [0, 1, 20, -1])
def test_torn_files_are_damage(keep: int, tmp_path: Path) -> None:
    store, _ = filled_store(tmp_path)
    path = store.cells_directory / f"{key().digest}.json"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedCell):
        store.get(key())


def test_a_cell_under_another_name_is_damage(tmp_path: Path) -> None:
    store, _ = filled_store(tmp_path)
    (store.cells_directory / f"{key().digest}.json").rename(store.cells_directory / f"{key(seed=1).digest}.json")
    with pytest.raises(DamagedCell, match="holds the cell"):
        store.get(key(seed=1))


def test_missing_arrays_are_damage(tmp_path: Path) -> None:
    store, cell = filled_store(tmp_path)
    (store.cells_directory / f"{key().digest}.npz").unlink()
    with pytest.raises(DamagedCell, match="missing"):
        store.artifacts(cell)


@pytest.mark.parametrize("content", ["objects", "no archive", "no arrays"])
def test_arrays_that_would_have_to_be_unpickled_or_are_none_are_damage(content: str, tmp_path: Path) -> None:
    """With the right checksum, as somebody would write it who wants a pickle loaded."""
    store, cell = filled_store(tmp_path)
    path = store.cells_directory / f"{key().digest}.npz"
    if content == "objects":
        np.savez(path, allow_pickle=True, **{"0/correct": np.array([print], dtype=object)})
    elif content == "no arrays":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("0/correct.npy", b"no array")
    else:
        path.write_bytes(b"no archive")
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    forged = replace(cell, artifacts=tuple((name, owner, checksum) for name, owner, _ in cell.artifacts))
    with pytest.raises(DamagedCell, match=r"npz is damaged"):
        store.artifacts(forged)


def test_what_is_discarded_is_gone_and_may_be_discarded_again(tmp_path: Path) -> None:
    store, cell = filled_store(tmp_path)
    store.discard(cell.key)
    assert store.get(key()) is None
    assert list(store.cells_directory.iterdir()) == []
    store.discard(key().digest)


@given(
    shape=st.lists(st.integers(0, 3), max_size=3),
    dtype=st.sampled_from(["?", "u1", "i8", "f4", "f8", "<U5"]),
    owned=st.booleans(),
)
def test_arrays_of_any_shape_come_back(
    shape: list[int], dtype: str, owned: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    array = (np.arange(int(np.prod(shape))) % 2).reshape(shape).astype(dtype)
    store = ResultStore(tmp_path_factory.mktemp("store"))
    given_ = Artifact("a.b", {"x/y": array, "z": array}, "owner" if owned else None)
    (again,) = store.artifacts(store.put(Cell(key()), [given_]))
    assert (again.id, again.checkpoint, list(again.arrays)) == ("a.b", given_.checkpoint, ["x/y", "z"])
    for found in again.arrays.values():
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        assert np.array_equal(found, array)


def test_no_temporary_stays_behind(tmp_path: Path) -> None:
    store, _ = filled_store(tmp_path)
    assert {path.suffix for path in store.cells_directory.iterdir()} == {".json", ".npz"}


def test_seal_rejects_an_edited_body() -> None:
    document = json.loads(seal({"a": 1}))
    document["body"]["a"] = 2
    with pytest.raises(ValueError, match="checksum"):
        unseal(json.dumps(document).encode())


def test_manifest_round_trip(tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "results")
    record = CheckpointRecord("epoch=1.ckpt", digest="b" * 64, epoch=1.0, load={"matched": 1.0})
    store.write_manifest(manifest(record))
    again = store.read_manifest()
    assert again.checkpoints == (record,)
    assert again.data.class_names == ("zero", "one")
    assert again.loss is not None
    assert again.loss.ln_k == pytest.approx(math.log(100))
    assert math.isnan(again.loss.values[1])


def test_no_results_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no results"):
        Series.load(tmp_path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    body = manifest().to_json() | {"schema": 99}
    (tmp_path / "run.json").write_bytes(seal(body))
    with pytest.raises(StoreError, match="newer"):
        store.read_manifest()


def series_of(tmp_path: Path) -> Series:
    """Two checkpoints, the second with an alias and a twin at another epoch; kNN on both, a series metric on one."""
    store = ResultStore(tmp_path / "results")
    first, second = "1" * 64, "2" * 64
    cells = []
    for digest, value in ((first, 0.5), (second, 0.75)):
        correct = np.arange(4) < value * 4
        artifact = Artifact("knn.top1.outcomes", {"correct": correct, "index": np.arange(4, dtype=np.int32)})
        cells.append(store.put(Cell(key(backbone=digest), metrics=(Metric("knn.top1", value, n=4),)), [artifact]))
    over = Cell(key(backbone="s", evaluator="umap"), metrics=(Metric("umap.trustworthiness", 0.9, checkpoint=second),))
    cells.append(store.put(over, [Artifact("umap.map", {"xy": np.zeros((4, 2))}, checkpoint=second)]))
    cells.append(store.put(Cell(key(backbone=first, evaluator="linear"), status="skipped", reason="no labels")))
    records = (
        CheckpointRecord("epoch=0.ckpt", digest=first, epoch=0, step=0),
        CheckpointRecord("epoch=1.ckpt", digest=second, epoch=1, step=10),
        CheckpointRecord("last.ckpt", digest=second, epoch=1, step=10, same_as="epoch=1.ckpt", alias=True),
        CheckpointRecord("epoch=2.ckpt", digest=second, epoch=2, step=20, same_as="epoch=1.ckpt"),
        CheckpointRecord("torn.ckpt", state="corrupt", reason="truncated"),
        CheckpointRecord("raw pixels", kind="baseline", digest="3" * 64),
    )
    store.write_manifest(manifest(*records, cells=tuple(cell.key.digest for cell in cells)))
    return Series.load(tmp_path)


def test_series_places_every_metric(tmp_path: Path) -> None:
    series = series_of(tmp_path)
    assert [point.record.name for point in series.points] == ["epoch=0.ckpt", "epoch=1.ckpt", "epoch=2.ckpt"]
    assert series.values("knn.top1").tolist() == [0.5, 0.75, 0.75]
    assert np.isnan(series.values("umap.trustworthiness")).tolist() == [True, False, False]
    assert series.axis()[1].tolist() == [0, 1, 2]
    assert [point.record.name for point in series.baselines] == ["raw pixels"]
    assert series.points[0].cells["linear"].reason == "no labels"


def test_series_outcomes_are_aligned(tmp_path: Path) -> None:
    outcomes = series_of(tmp_path).outcomes("knn.top1")
    assert outcomes is not None
    correct, index = outcomes
    assert correct.sum(axis=1).tolist() == [2, 3, 3]
    assert index.tolist() == [0, 1, 2, 3]
    assert series_of(tmp_path).outcomes("linear.top1") is None


def test_series_artifact_of_a_series_evaluator(tmp_path: Path) -> None:
    series = series_of(tmp_path)
    placed = series.artifact("umap.map", "2" * 64)
    assert placed is not None
    assert placed["xy"].shape == (4, 2)
    assert series.artifact("umap.map", "1" * 64) is None


def test_export_has_a_row_for_every_metric_and_every_gap(tmp_path: Path) -> None:
    table = rows(series_of(tmp_path))
    assert all(tuple(row) == COLUMNS or set(row) == set(COLUMNS) for row in table)
    values = [(row["checkpoint"], row["metric"], row["value"]) for row in table if row["status"] == "ok"]
    assert ("epoch=1.ckpt", "knn.top1", 0.75) in values
    assert [row["protocol"] for row in table if row["status"] == "skipped"] == ["no labels"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("random init, seed 2", "random"),
        ("raw pixels", "pixels"),
        ("colour histogram", "colours"),
        ("majority class", "majority"),
    ],
)
def test_baselines_of_results_stored_before_they_had_a_kind(name: str, kind: str) -> None:
    body = CheckpointRecord(name, kind="baseline", digest="1" * 64).to_json()
    del body["baseline"], body["seed"]
    assert CheckpointRecord.from_json(body).baseline == kind
    assert CheckpointRecord.from_json(body | {"kind": "checkpoint"}).baseline is None
