"""Records of a source's checkpoints: each read once as long as it does not change, and never believed blindly."""

import base64
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from swaveval.checkpoints import Backbone, CheckpointRefused, Directory, Entry, LoadOptions, LoadReport, inspect, load
from swaveval.checkpoints.geometry import Geometry
from swaveval.checkpoints.lineage import sample
from swaveval.checkpoints.live import Live
from swaveval.results.encoding import seal, unseal
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.progress import Silent
from swaveval.runs.records import read_records, record_of
from swaveval.runs.request import RunError
from tests.features.tiny_network import Network
from tests.field.around_runs import write_checkpoints
from tests.field.series_files import weights


@dataclass(eq=False)
class Counting(Directory):
    """A directory that counts what is read from it."""

    read: Counter[str] = field(default_factory=Counter)

    def backbone(self, entry: Entry, options: LoadOptions) -> Backbone:
        self.read[entry.name] += 1
        return super().backbone(entry, options)


@dataclass
class Told:
    stages: list[tuple[str, int]] = field(default_factory=list)
    advances: list[tuple[int, int]] = field(default_factory=list)

    def stage(self, name: str, total: int) -> None:
        self.stages.append((name, total))

    def advance(self, done: int, total: int) -> None:
        self.advances.append((done, total))

    def message(self, text: str) -> None:
        raise AssertionError(text)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three checkpoints, not to be spoilt."""
    return write_checkpoints(tmp_path_factory.mktemp("records") / "checkpoints")


@pytest.fixture
def own(series: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(series, tmp_path / "checkpoints"))


def names_read(directory: Path, memory: Path, options: LoadOptions | None = None) -> list[str]:
    """The files that reading the records opens."""
    source = Counting(directory)
    read_records(CheckpointLoader(source, options or LoadOptions()), memory=memory, progress=Silent())
    return sorted(source.read.elements())


ALL = ["epoch=1.ckpt", "epoch=2.ckpt", "epoch=3.ckpt"]


def test_records_say_what_the_files_hold(series: Path, tmp_path: Path) -> None:
    loader, told = CheckpointLoader(Directory(series)), Told()
    found = read_records(loader, memory=tmp_path / "memory", progress=told)
    assert [record.name for record in found.records] == ALL
    assert [(record.epoch, record.step) for record in found.records] == [(0, 10), (1, 20), (2, 30)]
    for record in found.records:
        report = load(series / record.name).report
        assert (record.digest, record.load) == (report.digest, report.to_json() | {"file": record.load["file"]})
        assert loader.entries[str(record.digest)].name == record.name
    assert found.division.reasons == ()
    assert told.stages == [("reading checkpoints", 3)]
    assert told.advances == [(1, 3), (2, 3), (3, 3)]


def test_a_second_reading_opens_nothing_and_says_the_same(series: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    first = read_records(CheckpointLoader(Directory(series)), memory=memory, progress=Silent())
    assert names_read(series, memory) == []
    assert read_records(CheckpointLoader(Directory(series)), memory=memory, progress=Silent()) == first


def test_what_is_remembered_of_the_weights_is_what_they_are(series: Path, tmp_path: Path) -> None:
    names_read(series, tmp_path / "memory")
    wanted = {load(series / name).report.digest: sample(load(series / name)) for name in ALL}
    held = [unseal(path.read_bytes()) for path in (tmp_path / "memory").iterdir()]
    assert len(held) == 3
    for body in held:
        kept = {name: np.frombuffer(base64.b64decode(text), "<f4") for name, text in body["weights"].items()}
        truth = wanted[body["report"]["digest"]]
        assert kept.keys() == truth.keys()
        assert all(np.array_equal(kept[name], truth[name]) for name in kept)


def test_a_file_that_changed_is_read_again(own: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    assert names_read(own, memory) == ALL
    status = (own / "epoch=2.ckpt").stat()
    os.utime(own / "epoch=2.ckpt", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert names_read(own, memory) == ["epoch=2.ckpt"]
    shutil.copy(own / "epoch=3.ckpt", own / "epoch=4.ckpt")
    assert names_read(own, memory) == ["epoch=4.ckpt"]
    (own / "epoch=1.ckpt").rename(own / "epoch=0.ckpt")  # another name may say something else
    assert names_read(own, memory) == ["epoch=0.ckpt"]
    assert names_read(own, memory) == []


def test_other_ways_to_read_are_other_readings(series: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    assert names_read(series, memory) == ALL
    assert names_read(series, memory, LoadOptions(verify_all=True)) == ALL
    assert names_read(series, memory, LoadOptions(evidence=Geometry(stem_stride=2))) == ALL
    assert names_read(series, memory) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body[:-5] + b"abcde",
        lambda body: body[: len(body) // 2],
        lambda body: b"",
        lambda body: seal({"stamp": unseal(body)["stamp"]}),
        lambda body: seal({**unseal(body), "report": {"no": "such field"}}),
        lambda body: seal({**unseal(body), "weights": {"layer": 7}}),
        lambda body: seal({**unseal(body), "stamp": [1, 2, 3]}),
    ],
    ids=["altered", "cut", "empty", "no report", "another report", "other weights", "another stamp"],
)
def test_a_damaged_memory_costs_a_reading(damage: object, series: Path, tmp_path: Path) -> None:
    memory, one = tmp_path / "memory", series / "epoch=1.ckpt"
    before = read_records(CheckpointLoader(Directory(one)), memory=memory, progress=Silent())
    (path,) = memory.iterdir()
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    source = Counting(one)
    assert read_records(CheckpointLoader(source), memory=memory, progress=Silent()) == before
    assert source.read == {"epoch=1.ckpt": 1}


def test_what_could_not_be_read_is_looked_at_again(own: Path, tmp_path: Path) -> None:
    whole = (own / "epoch=3.ckpt").read_bytes()
    (own / "epoch=3.ckpt").write_bytes(whole[:5000])
    memory = tmp_path / "memory"
    found = read_records(CheckpointLoader(Directory(own)), memory=memory, progress=Silent())
    states = {record.name: record.state for record in found.records}
    assert states == {"epoch=1.ckpt": "ready", "epoch=2.ckpt": "ready", "epoch=3.ckpt": "writing"}
    broken = next(record for record in found.records if record.state == "writing")
    assert broken.digest is None
    assert broken.reason
    assert names_read(own, memory) == ["epoch=3.ckpt"]
    (own / "epoch=3.ckpt").write_bytes(whole)
    assert names_read(own, memory) == ["epoch=3.ckpt"]
    assert names_read(own, memory) == []


def test_where_nothing_can_be_remembered_records_are_read_all_the_same(series: Path, tmp_path: Path) -> None:
    (tmp_path / "memory").write_text("a file")
    assert names_read(series, tmp_path / "memory") == ALL
    assert names_read(series, tmp_path / "memory") == ALL


def test_a_network_that_is_read_is_told_of(series: Path, tmp_path: Path) -> None:
    loader = CheckpointLoader(Counting(series))
    loader.keep(tmp_path / "kept")
    found = read_records(loader, memory=tmp_path / "memory", progress=Silent())
    for record in found.records:
        loader.load(str(record.digest))
    assert loader.source.read == dict.fromkeys(ALL, 1)  # type: ignore[attr-defined]
    loader.close()


def test_of_two_files_with_the_same_weights_the_first_stands_for_both(own: Path, tmp_path: Path) -> None:
    shutil.copy(own / "epoch=3.ckpt", own / "last.ckpt")
    loader = CheckpointLoader(Directory(own))
    found = read_records(loader, memory=tmp_path / "memory", progress=Silent())
    assert [record.name for record in found.records if record.same_as] == ["last.ckpt"]
    assert len(loader.entries) == 3
    assert {entry.name for entry in loader.entries.values()} == set(ALL)


def test_two_trainings_are_told_by_their_weights_also_from_memory(tmp_path: Path) -> None:
    place = tmp_path / "checkpoints"
    place.mkdir()
    for epoch in range(1, 9):
        state = {f"backbone.{name}": value for name, value in weights(epoch % 2, epoch).items()}
        content = {"state_dict": state, "epoch": epoch - 1, "global_step": 10 * epoch}
        torch.save(content, place / f"epoch={epoch}.ckpt")
    for _ in range(2):
        loader = CheckpointLoader(Directory(place))
        found = read_records(loader, memory=tmp_path / "memory", progress=Silent())
        assert len(found.division.runs) == 2
        assert "of one training" in found.division.reasons[0]


def test_what_neither_says_the_times_tell(tmp_path: Path) -> None:
    place = write_checkpoints(tmp_path / "checkpoints")
    for minutes, name in enumerate(("gamma", "alpha", "beta"), 1):
        old = place / f"epoch={minutes}.ckpt"
        torch.save({"state_dict": torch.load(old, weights_only=True)["state_dict"]}, place / f"{name}.ckpt")
        old.unlink()
        os.utime(place / f"{name}.ckpt", (1e9 + 60 * minutes, 1e9 + 60 * minutes))
    found = read_records(CheckpointLoader(Directory(place)), memory=tmp_path / "memory", progress=Silent())
    assert [record.name for record in found.records] == ["gamma.ckpt", "alpha.ckpt", "beta.ckpt"]
    assert found.order == "time"


def test_nothing_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"no checkpoint file in .*empty"):
        read_records(CheckpointLoader(Directory(tmp_path / "empty")), memory=tmp_path / "memory", progress=Silent())


def test_networks_in_memory_stay_in_their_order_and_leave_no_memory(tmp_path: Path) -> None:
    torch.manual_seed(0)
    named = {name: Network() for name in ("late", "early", "epoch 1")}
    found = read_records(CheckpointLoader(Live(named)), memory=tmp_path / "memory", progress=Silent())
    assert [record.name for record in found.records] == ["late", "early", "epoch 1"]
    assert found.order == "given"
    assert not (tmp_path / "memory").exists()


def test_a_record_of_a_report(series: Path, tmp_path: Path) -> None:
    report = inspect(series / "epoch=1.ckpt", options=LoadOptions())
    record = record_of("run/epoch=1.ckpt", report)
    assert (record.name, record.state, record.reason) == ("run/epoch=1.ckpt", "ready", "")
    assert (record.digest, record.epoch, record.step) == (report.digest, 0, 10)
    assert record.untrained is False
    assert record.load == report.to_json()
    (tmp_path / "text.ckpt").write_text("hello")
    with pytest.raises(CheckpointRefused) as refused:
        load(tmp_path / "text.ckpt")
    record = record_of("text.ckpt", refused.value.report)
    assert (record.state, record.digest) == ("unsupported", None)
    assert "text" in record.reason
    half = LoadReport("a", "refused", digest="d" * 64, refusal="why")
    assert record_of("a", half).digest is None  # weights that are not to be evaluated have no cells
