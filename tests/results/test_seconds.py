"""Where the time went: kept beside the results, added up once, told in rows of their own, and no part of any result."""

import json
import math
from pathlib import Path

import pytest

from swaveval.results import Cell, CellKey, CheckpointRecord, DataSummary, RunManifest, Series
from swaveval.results.export import COLUMNS, rows, time_rows
from swaveval.results.seconds import OF_PAGE, SecondsStore, StageSeconds, Stopwatch
from swaveval.results.spent import spent
from swaveval.results.store import ResultStore

KEY = ("b" * 64, "data", "protocol")


def cell(backbone: str, evaluator: str, seconds: float) -> Cell:
    return Cell(CellKey(backbone, "data", "protocol", evaluator, 1), seconds=seconds)


@pytest.fixture
def store(tmp_path: Path) -> SecondsStore:
    return SecondsStore(tmp_path / "seconds")


def test_what_was_noted_last_is_known(store: SecondsStore) -> None:
    assert store.get(*KEY) == StageSeconds()
    store.put(*KEY, {"reading": 1.0, "forward": 2.0})
    store.put(*KEY, {"forward": 3.0})
    store.searched(cell(KEY[0], "knn", 9.0).key, 0.0)
    assert store.get(*KEY) == StageSeconds({"reading": 1.0, "forward": 3.0})
    store.searched(cell(KEY[0], "knn", 9.0).key, 4.0)
    store.searched(cell(KEY[0], "linear", 9.0).key, 0.5)
    store.searched(cell(KEY[0], "knn", 9.0).key, 0.0)  # made again, from a search that was there
    assert store.get(*KEY).searches == {"knn": 0.0, "linear": 0.5}
    assert store.get(KEY[0], "data", "another protocol") == StageSeconds()
    store.forget(*KEY, stage="forward")
    assert store.get(*KEY).stages == {"reading": 1.0}


@pytest.mark.parametrize("content", [b"", b"{}", b'{"sha256": 1, "body": {}}', b"\xff"], ids=repr)
def test_a_damaged_time_is_an_unknown_one(content: bytes, store: SecondsStore) -> None:
    store.put(*KEY, {"reading": 1.0})
    (path,) = store.directory.iterdir()
    path.write_bytes(content)
    assert store.get(*KEY) == StageSeconds()


@pytest.mark.parametrize("value", [-1.0, math.inf])
def test_a_time_that_is_none_is_unknown(value: float, store: SecondsStore) -> None:
    from swaveval.results.encoding import encode_number, seal

    store.put(*KEY, {"reading": 1.0})
    (path,) = store.directory.iterdir()
    path.write_bytes(seal({"stages": {"reading": encode_number(value)}, "searches": {}}))
    assert store.get(*KEY) == StageSeconds()


def test_a_place_that_cannot_be_written_costs_nothing_but_times(tmp_path: Path) -> None:
    (tmp_path / "seconds").write_text("a file")
    SecondsStore(tmp_path / "seconds").put(*KEY, {"reading": 1.0})
    assert (tmp_path / "seconds").read_text() == "a file"


def test_a_stopwatch_adds_up_and_survives_an_error() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage("a"):
            pass
    once = watch.seconds["a"]
    with pytest.raises(ValueError, match="stop"), watch.stage("a"):
        raise ValueError("stop")
    assert watch.seconds["a"] >= once >= 0


def evaluated(out: Path) -> Series:
    """Two checkpoints of which one is stored twice, a baseline, a series evaluator; times as a run leaves them."""
    store = ResultStore(out / "results")
    a, b, r, over = "a" * 64, "b" * 64, "e" * 64, "f" * 64
    cells = [cell(a, "knn", 5.0), cell(a, "linear", 2.0), cell(b, "knn", 4.0), cell(r, "knn", 1.0)]
    cells += [cell(over, "umap", 30.0)]
    for one in cells:
        store.put(one)
    store.seconds.put(a, "data", "protocol", {"reading": 1.0, "forward": 10.0})
    store.seconds.searched(cells[0].key, 3.0)
    store.seconds.searched(cells[4].key, 8.0)
    store.seconds.put("", "data", "transform", {"decoding": 7.0})
    store.seconds.put(*OF_PAGE, {"page": 2.0, "figures": 20.0})
    records = (
        CheckpointRecord("one", digest=a, epoch=1.0),
        CheckpointRecord("two", digest=b, epoch=2.0),
        CheckpointRecord("two again", digest=b, epoch=3.0, same_as="two"),
        CheckpointRecord("random init, seed 0", kind="baseline", baseline="random", seed=0, digest=r),
    )
    data = DataSummary("images", "images", "data", 3, 1, transform="transform")
    manifest = RunManifest("run", data, records, cells=tuple(one.key.digest for one in cells))
    store.write_manifest(manifest)
    return Series.load(out)


def test_every_second_is_counted_once(tmp_path: Path) -> None:
    series = evaluated(tmp_path)
    found = {row.name: row for row in spent(series)}
    assert list(found) == ["one", "two", "random init, seed 0", "all checkpoints", "all images"]
    assert found["one"].stages == {"reading": 1.0, "forward": 10.0, "searches": 3.0}
    assert found["one"].evaluators == {"knn": 2.0, "linear": 2.0}
    assert (found["two"].stages, found["two"].evaluators) == ({}, {"knn": 4.0})
    assert (found["all checkpoints"].stages, found["all checkpoints"].evaluators) == ({"searches": 8.0}, {"umap": 22.0})
    assert found["all images"].stages == {"decoding": 7.0, "page": 2.0, "figures": 20.0}
    by_hand = (5 + 2 + 4 + 1 + 30) + (1 + 10) + 7 + 2 + 20
    assert sum(row.total for row in found.values()) == pytest.approx(by_hand)


def test_times_have_rows_of_their_own(tmp_path: Path) -> None:
    series = evaluated(tmp_path)
    table = time_rows(series)
    assert all(tuple(row) == COLUMNS and row["status"] == "time" and row["unit"] == "s" for row in table)
    told = {(row["checkpoint"], row["evaluator"], row["metric"]): row["value"] for row in table}
    assert len(told) == len(table)
    assert told["one", None, "seconds.forward"] == 10.0
    assert told["one", "knn", "seconds"] == 2.0
    assert told["all images", None, "seconds.page"] == 2.0
    assert {row["epoch"] for row in table if row["checkpoint"] == "two"} == {2.0}
    assert not [row for row in rows(series) if row["status"] == "time"]


def test_the_exporters_write_both(tmp_path: Path) -> None:
    from swaveval.results.exporters import make_exporter

    series = evaluated(tmp_path)
    make_exporter("json").write(series, str(tmp_path / "all.json"))
    assert json.loads((tmp_path / "all.json").read_text()) == rows(series) + time_rows(series)


def test_results_from_before_have_no_stages(tmp_path: Path) -> None:
    evaluated(tmp_path)
    for path in (tmp_path / "results" / "seconds").iterdir():
        path.unlink()
    series = Series.load(tmp_path)
    assert series.seconds == {}
    assert [(row.name, row.stages) for row in spent(series)] == [
        ("one", {}), ("two", {}), ("random init, seed 0", {}), ("all checkpoints", {}),
    ]  # fmt: skip
