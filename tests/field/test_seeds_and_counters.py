"""Finished models of several seeds are no series; counters and names as people write them, or a true sentence."""

import re
from pathlib import Path

import numpy as np
import pytest

from swaveval.checkpoints import discover
from swaveval.checkpoints.lineage import strangers
from swaveval.checkpoints.names import read_name
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.run import prepare
from tests.checkpoints.test_lineage import chain, trained
from tests.field.series_files import File, read, write

SEEDS = [
    [f"model_s{i}.pth" for i in range(5)],
    ["swav_100.pth", "swav_300.pth", "swav_1000.pth"],
    ["resnet_10pct.pth", "resnet_50pct.pth", "resnet_100pct.pth"],
    [f"swav_v{i}.pth" for i in range(1, 6)],
    [f"resnet18_{i}.pth" for i in range(1, 6)],
    ["simclr_lr0.1.pth", "simclr_lr0.01.pth", "simclr_lr0.001.pth"],
    ["a.pth", "b.pth"],
    ["2024-04-27.pth", "2024-04-28.pth"],
]


@pytest.mark.parametrize("inside", [None, {"epoch": 2}, {"epoch": 2, "step": 20}], ids=str)
@pytest.mark.parametrize("names", SEEDS, ids=lambda names: names[0])
def test_models_of_several_seeds_or_settings_are_runs(
    names: list[str], inside: dict[str, int] | None, tmp_path: Path
) -> None:
    write(tmp_path / "c", [File(name, 5, run=i, inside=inside, minutes=3) for i, name in enumerate(names)])
    with pytest.raises(RunError, match="runs, not one") as refused:
        prepare(RunRequest(tmp_path / "c", tmp_path / "report", data="digits"))
    paths = [Path(path) for path in re.findall(r"--ckpt-dir '?([^']*?)'? --out", str(refused.value))]
    assert sorted(path.name for path in paths) == sorted(names)
    # The same names of one training stay a series.
    write(tmp_path / "d", [File(name, 5 * i, minutes=3) for i, name in enumerate(names)])
    assert not read(tmp_path / "d").division.reasons


def test_where_moments_are_stated_strangers_are_a_note(tmp_path: Path) -> None:
    """Models of several seeds that were stopped early, or checkpoints of one that are very far apart."""
    for name, several in (("c", True), ("d", False)):
        files = [File(f"m{i}.pth", i, run=i * several, inside={"epoch": 90 + i}, minutes=3) for i in range(3)]
        write(tmp_path / name, files)
        found = read(tmp_path / name)
        assert not found.division.reasons
        assert any("may be of several runs" in note for note in found.notes) == several


def test_a_stranger_alone_and_a_start_are_no_several_runs(tmp_path: Path) -> None:
    """Long trained networks have nothing in common with their own start."""
    write(tmp_path / "c", [File("init.pth", 0, run=1, minutes=3), File("model.pth", 5, minutes=3)])
    assert not read(tmp_path / "c").division.reasons


@pytest.mark.parametrize("rate", [0.05, 1.0])
@pytest.mark.parametrize("places", [(0, 7), (0, 4, 7), (1, 3, 5, 7)])
def test_far_apart_checkpoints_of_a_real_training_are_no_strangers(rate: float, places: tuple[int, ...]) -> None:
    files = trained(0, rate, order=0)
    assert not strangers([files[i] for i in places])


@pytest.mark.parametrize("count", [2, 3, 6])
def test_strangers_by_their_weights(count: int) -> None:
    files = [chain(seed, 3, kept=0.9)[-1] for seed in range(count)]
    assert strangers(files)
    assert not strangers([*files, chain(0, 4, kept=0.9)[-1]])
    assert not strangers(files[:1])
    assert not strangers([{name: np.zeros_like(values) for name, values in sample.items()} for sample in files])


@pytest.mark.parametrize("counter", ["step", "iteration", "global_step"])
@pytest.mark.parametrize("epochs", [True, False])
def test_a_counter_that_stands_still_says_nothing(counter: str, epochs: bool, tmp_path: Path) -> None:
    inside = [{counter: 0} | ({"epoch": e} if epochs else {}) for e in range(5)]
    write(tmp_path / "c", [File(f"m{e}.pth", e, inside=inside[e], minutes=3) for e in range(5)])
    found = read(tmp_path / "c")
    assert not found.division.reasons
    assert [record.name for record in found.records] == [f"m{e}.pth" for e in range(5)]
    assert not any(record.is_untrained for record in found.records)
    assert {record.step for record in found.records} == {None}


def test_a_step_of_nought_before_others_is_the_beginning(tmp_path: Path) -> None:
    write(tmp_path / "c", [File(f"m{e}.pth", e, inside={"step": 10 * e}, minutes=3) for e in range(3)])
    assert [record.is_untrained for record in read(tmp_path / "c").records] == [True, False, False]
    files = [File(f"m{e}.pth", e, inside={"epoch": e} if e else {"step": 0}, minutes=3) for e in range(3)]
    write(tmp_path / "d", files)
    assert [record.name for record in read(tmp_path / "d").records] == ["m0.pth", "m1.pth", "m2.pth"]


def test_minus_one_inside_is_before_the_first(tmp_path: Path) -> None:
    write(tmp_path / "c", [File(f"{'zabcd'[e + 1]}1.pth", e + 1, inside={"epoch": e}, minutes=3) for e in range(-1, 4)])
    found = read(tmp_path / "c")
    assert [record.epoch for record in found.records] == [-1, 0, 1, 2, 3]
    assert found.records[0].name == "z1.pth"
    # As stripped files have it after the training.
    files = [
        *(File(f"epoch{e}.pth", e, inside={"epoch": e}) for e in (1, 2)),
        File("last.pth", 3, inside={"epoch": -1}),
    ]
    write(tmp_path / "d", files)
    assert read(tmp_path / "d").records[-1].name == "last.pth"


@pytest.mark.parametrize("written", [float, str, lambda e: f"{e}.0", lambda e: e + 0.5])
def test_epochs_are_read_however_they_are_written(written: object, tmp_path: Path) -> None:
    order = [3, 1, 2, 0]
    values = {e: written(e) for e in order}  # type: ignore[operator]
    write(tmp_path / "c", [File(f"m{9 - e}.pth", e, inside={"epoch": values[e]}, minutes=3) for e in order])
    found = read(tmp_path / "c")
    assert [record.epoch for record in found.records] == [float(values[e]) for e in sorted(order)]
    assert [record.name for record in found.records] == [f"m{9 - e}.pth" for e in sorted(order)]


@pytest.mark.parametrize("value", ["nan", float("nan"), float("inf"), "five", "", True, -3, "1e3"])
def test_what_is_no_epoch_is_none(value: object, tmp_path: Path) -> None:
    write(tmp_path / "c", [File("m.pth", 1, inside={"epoch": value})])
    assert read(tmp_path / "c").records[0].epoch is None


NAMES = {
    "millions": (["step_500k", "step_900k", "step_1m", "step_1.5m"], ("step", [5e5, 9e5, 1e6, 1.5e6])),
    "of checkpoints": (["ckpt_500K", "ckpt_900K", "ckpt_1M", "ckpt_1.5M"], ("step", [5e5, 9e5, 1e6, 1.5e6])),
    "of nothing": ([f"{n}k" for n in (100, 200, 300, 400)] + ["0.5m", "1m"], None),
    "before": (["0.5M_steps", "1M_steps", "1.5M_steps"], ("step", [5e5, 1e6, 1.5e6])),
    "day first": (["28.04.2024", "30.04.2024", "02.05.2024"], None),
    "month first": (["m-04-28-2024", "m-04-30-2024", "m-05-02-2024"], None),
    "day first, one tells": (["m_02-04-2024", "m_28-04-2024", "m_01-05-2024"], None),
    "either way": (["04-05-2024", "05-06-2024"], None),
    "with a time": (["28.04.2024_23-59", "29.04.2024_00-10", "29.04.2024_12-00"], None),
    "seconds": (["1700000000", "1700003600", "1700007400"], None),
    "milliseconds": (["m_1700000000123", "m_1700003600123", "m_1700007400124"], None),
    "German": (["Epoche_1", "Epoche_2", "Epoche_10"], ("epoch", [1, 2, 10])),
    "French": (["époque_1", "époque_2", "époque_10"], ("epoch", [1, 2, 10])),
    "as a Mac writes it": (["e\u0301poque_1", "e\u0301poque_2", "e\u0301poque_10"], ("epoch", [1, 2, 10])),
    "Spanish": (["modelo-época-1", "modelo-época-2", "modelo-época-10"], ("epoch", [1, 2, 10])),
    "Russian": (["модель_эпоха_1", "модель_эпоха_2", "модель_эпоха_10"], ("epoch", [1, 2, 10])),
    "Chinese": (["第1轮", "第2轮", "第10轮"], ("epoch", [1, 2, 10])),
    "Chinese, before": (["模型_轮次1", "模型_轮次2", "模型_轮次10"], ("epoch", [1, 2, 10])),
    "steps in German": (["Schritt_500", "Schritt_1000", "Schritt_9000"], ("step", [500, 1000, 9000])),
}


@pytest.mark.parametrize("kind", NAMES)
def test_names_as_people_write_them(kind: str, tmp_path: Path) -> None:
    names, stated = NAMES[kind]
    write(tmp_path / "c", [File(f"{name}.pth", i, minutes=3) for i, name in enumerate(names)])
    found = read(tmp_path / "c")
    assert not found.division.reasons
    assert [record.name for record in found.records] == [f"{name}.pth" for name in names]
    assert found.order == (stated[0] if stated else "name")
    if stated:
        assert [getattr(record, stated[0]) for record in found.records] == stated[1]


@pytest.mark.parametrize("names", [["03-04-2024", "02-05-2024"], ["28-04-2024", "04-28-2024"]])
def test_a_date_that_may_be_two_is_no_order(names: list[str], tmp_path: Path) -> None:
    write(tmp_path / "c", [File(f"{name}.pth", i, minutes=3) for i, name in enumerate(names)])
    assert read(tmp_path / "c").order == "unknown"


def test_numbers_that_are_no_dates_or_millions_stay_what_they_were() -> None:
    assert read_name("step_1700000000.pt").step == 1_700_000_000
    assert read_name("epoch_1.5.pt").epoch == 1.5
    assert read_name("step_2max.pt").step == 2
    assert read_name("resnet_1.5m.pt").step is None
    assert read_name("v1.2.2024.pt").moments == ()
    assert read_name("swav_3k.pt").numbers == (("swav", 3000),)
    assert read_name("knn_5k.pt").step is None


def test_epochs_and_steps_that_nothing_connects_have_no_order(tmp_path: Path) -> None:
    names = ["epoch_1.pth", "iter_1500.pth", "epoch_2.pth", "iter_2500.pth", "epoch_3.pth"]
    write(tmp_path / "c", [File(name, i, minutes=3) for i, name in enumerate(names)])
    with pytest.raises(RunError, match="have no order together: ") as refused:
        prepare(RunRequest(tmp_path / "c", tmp_path / "report", data="digits"))
    text = str(refused.value)
    assert "iter_1500.pth, iter_2500.pth a step, and nothing tells in which epoch a step is" in text
    assert "runs" not in text.replace("--one-run", "").split("\n")[0]
    paths = [Path(path) for path in re.findall(r"--ckpt-dir '?([^']*?)'? --out", text)]
    assert [sorted(file.name for file in discover(path)) for path in paths] == [sorted(names[::2]), names[1::2]]
    for path in paths:
        assert not read(path).division.reasons
