"""Which of the logs around the checkpoints is taken, and what a curve keeps of its rows."""

import json
import math
from pathlib import Path

import pytest

from swaveval.results import CheckpointRecord, DataSummary, LossCurve, Metric, Point, RunManifest, Series
from swaveval.runs.loss_logs import KNOWN_LOGS
from swaveval.runs.losses import check_log, find_loss, recomputed
from swaveval.runs.request import RunError


def log(path: Path, last: float, *, axis: str = "epoch", rows: int = 3) -> Path:
    """A table of three rows whose last loss says which log it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    losses = [*(9.0 for _ in range(rows - 1)), last]
    path.write_text(f"{axis},loss\n" + "".join(f"{n + 1},{loss}\n" for n, loss in enumerate(losses)))
    return path


def taken(directory: Path, **more: object) -> float | None:
    options: dict[str, object] = {"loss_log": None, "prototypes": None} | more
    curve = find_loss(directory, **options)  # type: ignore[arg-type]
    return None if curve is None else curve.values[-1]


def test_the_surer_name_wins_wherever_it_lies(tmp_path: Path) -> None:
    place = tmp_path / "run" / "checkpoints"
    log(place / "results.csv", 1)
    assert taken(place) == 1
    log(place.parent / "history.csv", 2)
    assert taken(place) == 2
    log(place / "logs" / "version_0" / "metrics.csv", 3)
    assert taken(place) == 3


def test_of_one_name_the_nearest_wins(tmp_path: Path) -> None:
    place = tmp_path / "run" / "checkpoints"
    log(place / "a" / "b" / "metrics.csv", 1)
    assert taken(place) == 1
    log(place / "a" / "metrics.csv", 2)
    assert taken(place) == 2
    log(place.parent / "metrics.csv", 3)
    assert taken(place) == 3
    log(place / "metrics.csv", 4)
    assert taken(place) == 4


def test_versions_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    log(tmp_path / "version_10" / "metrics.csv", 1)
    log(tmp_path / "version_9" / "metrics.csv", 2)
    assert taken(tmp_path) == 2


def test_three_levels_below_and_above_nothing_is_looked_for(tmp_path: Path) -> None:
    place = tmp_path / "a" / "run" / "checkpoints"
    log(place / "b" / "c" / "d" / "metrics.csv", 1)
    log(tmp_path / "a" / "metrics.csv", 2)
    assert taken(place) is None


def test_links_to_directories_are_not_followed(tmp_path: Path) -> None:
    log(tmp_path / "elsewhere" / "metrics.csv", 1)
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "run" / "checkpoints" / "own").mkdir()
    (tmp_path / "run" / "checkpoints" / "own" / "link").symlink_to(tmp_path / "elsewhere")
    assert taken(tmp_path / "run" / "checkpoints") is None


def test_a_log_that_cannot_be_placed_is_the_last_choice(tmp_path: Path) -> None:
    moments = [(3.0, 30)]
    log(tmp_path / "metrics.csv", 1, axis="accuracy")  # bare losses
    assert taken(tmp_path, moments=moments) == 1
    log(tmp_path / "results.csv", 2)
    assert taken(tmp_path, moments=moments) == 2
    (tmp_path / "results.csv").unlink()
    log(tmp_path / "log.csv", 3, axis="accuracy")
    assert taken(tmp_path, moments=moments) == 1  # of two, the surer name


def test_one_row_is_no_curve(tmp_path: Path) -> None:
    log(tmp_path / "metrics.csv", 1, rows=1)
    assert taken(tmp_path) is None
    with pytest.raises(RunError, match="holds no loss"):
        taken(tmp_path, loss_log=tmp_path / "metrics.csv")
    log(tmp_path / "log.csv", 2, rows=2)
    assert taken(tmp_path) == 2


def test_the_last_trainer_state_has_all_of_it(tmp_path: Path) -> None:
    """transformers' Trainer writes the log so far into every checkpoint's directory."""
    for steps in (500, 1000, 10_000):
        rows = [{"epoch": step / 1000, "step": step, "loss": 10 - step / 10_000} for step in range(100, steps + 1, 100)]
        place = tmp_path / f"checkpoint-{steps}"
        place.mkdir()
        (place / "trainer_state.json").write_text(json.dumps({"log_history": rows}))
    curve = find_loss(tmp_path, loss_log=None, prototypes=None)
    assert curve is not None
    assert (len(curve.values), curve.epochs[-1], curve.values[-1]) == (100, 10.0, 9.0)
    assert curve.source == "checkpoint-10000/trainer_state.json"


@pytest.mark.parametrize("name", KNOWN_LOGS)
def test_every_known_name_is_found(name: str, tmp_path: Path) -> None:
    rows = [{"epoch": epoch, "loss": 4.0 - epoch} for epoch in range(1, 4)]
    path = tmp_path / name.replace("*", "0")
    if path.suffix in (".json", ".jsonl"):
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        path.write_text("".join(f"epoch: {row['epoch']}, loss: {row['loss']}\n" for row in rows))
    curve = find_loss(tmp_path, loss_log=None, prototypes=None)
    assert curve is not None
    assert (curve.values, curve.epochs) == ((3.0, 2.0, 1.0), (1.0, 2.0, 3.0))


def curve_of(tmp_path: Path, text: str, **more: object) -> LossCurve:
    (tmp_path / "log.csv").write_text(text)
    options: dict[str, object] = {"loss_log": tmp_path / "log.csv", "prototypes": None} | more
    found = find_loss(tmp_path, **options)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_rows_are_sorted_by_their_place(tmp_path: Path) -> None:
    """Rows of two processes, or of a resumed run, do not always rise; the curve does."""
    rows = [f"{step / 100},{step},{step / 10},0.{step}" for step in (10, 30, 20, 40)]
    curve = curve_of(tmp_path, "\n".join(["epoch,step,loss,lr", *rows, ""]))
    assert curve.epochs == (0.1, 0.2, 0.3, 0.4)
    assert curve.values == (1.0, 2.0, 3.0, 4.0)
    assert curve.steps == (10, 20, 30, 40)
    assert curve.learning_rates == (0.10, 0.20, 0.30, 0.40)


def test_a_learning_rate_of_nothing_is_one(tmp_path: Path) -> None:
    """A warm-up begins at 0."""
    assert curve_of(tmp_path, "epoch,lr,loss\n0.5,0,3\n1.0,0.1,2\n").learning_rates == (0.0, 0.1)


def test_what_not_every_row_says_is_left_out(tmp_path: Path) -> None:
    curve = curve_of(tmp_path, "epoch,step,loss\n0.5,5,3\n1.0,,2\n1.5,15,1\n")
    assert curve.steps == ()
    assert curve.learning_rates == ()
    late = curve_of(tmp_path, "epoch,lr,loss\n0.5,,3\n1.0,0.1,2\n")
    assert late.learning_rates == ()


def test_the_axis_is_named_with_the_source(tmp_path: Path) -> None:
    steps = curve_of(tmp_path, "step,loss\n1,3\n2,2\n")
    assert (steps.source, steps.axis) == ("log.csv (by step)", "step")
    assert steps.note == "the loss of log.csv: it names no epochs"
    assert steps.steps == (1, 2)
    bare = curve_of(tmp_path, "loss\n3\n2\n")
    assert (bare.source, bare.axis, bare.epochs, bare.steps) == ("log.csv (by row)", "row", (1.0, 2.0), ())
    other = curve_of(tmp_path, "step,loss\n1,3\n900,2\n", moments=[(None, 30)])
    assert (other.axis, other.steps) == ("row", ())
    good = curve_of(tmp_path, "epoch,loss\n1,3\n2,2\n", prototypes=30)
    assert (good.source, good.note) == ("log.csv", "")
    assert good.ln_k == pytest.approx(math.log(30))


@pytest.mark.parametrize("suffix", [".pkl", ".PICKLE", ".npy", ".pt", ".pth"])
def test_what_would_run_code_is_not_opened(suffix: str, tmp_path: Path) -> None:
    path = log(tmp_path / f"loss{suffix}", 1)
    with pytest.raises(RunError, match="is a pickle or an array, which is never loaded"):
        check_log(path)


@pytest.mark.parametrize(
    "text",
    [
        f"step,loss\n1,2\n{'9' * 400},1\n",
        "epoch,loss\n1e300,2\ninf,1\n",
        f"epoch {'9' * 400}, loss: 2\nepoch {'9' * 400}, loss: 1\n",
        f"step {'9' * 400}, loss: 2\nstep {'9' * 400}, loss: 1\n",
    ],
    ids=["step", "epoch", "epoch in text", "step in text"],
)
def test_places_beyond_any_number_are_none(text: str, tmp_path: Path) -> None:
    """Named or found: the losses are read, and stand in a row."""
    (tmp_path / "train.log").write_text(text)
    for named in (None, tmp_path / "train.log"):
        curve = find_loss(tmp_path, loss_log=named, prototypes=None)
        assert curve is not None
        assert (curve.values, curve.epochs, curve.axis) == ((2.0, 1.0), (1.0, 2.0), "row")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[" * 100_000, "no table, no JSON lines, no text"),
        ('{"loss": [1, 2', "no table, no JSON lines, no text"),
        ("", "expected a table with a header"),
        ("{}\n{}\n", "expected a table with a header"),
        ("a - loss,b - loss\n1,2\n", "holds the losses of 2 runs"),
    ],
    ids=["deep", "cut", "empty", "no loss", "two runs"],
)
def test_what_a_named_log_lacks_is_said(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(content)
    with pytest.raises(RunError, match=words):
        check_log(tmp_path / "log")


def test_a_json_that_is_none_may_be_text(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("[epoch 1] loss: 3\n[epoch 2] loss: 2\n")
    check_log(tmp_path / "log")
    curve = find_loss(tmp_path, loss_log=tmp_path / "log", prototypes=None)
    assert curve is not None
    assert (curve.epochs, curve.values) == ((1.0, 2.0), (3.0, 2.0))


def test_a_directory_without_event_files(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no loss"):
        check_log(tmp_path)


# -- recomputed --------------------------------------------------------------------------------------------------------


def series(
    values: list[float | None], *, prototypes: list[object], settings: dict[str, object], **places: list[float]
) -> Series:
    records, points = [], []
    for n, value in enumerate(values):
        moment = {name: column[n] for name, column in places.items()}
        if "step" in moment:
            moment["step"] = int(moment["step"])
        record = CheckpointRecord(f"{n}.ckpt", digest=f"d{n}", load={"prototypes": prototypes[n]}, **moment)  # type: ignore[arg-type]
        records.append(record)
        metrics = {} if value is None else {"prototypes.loss": Metric("prototypes.loss", value, unit="nats")}
        points.append(Point(record, metrics))
    data = DataSummary(name="d", path="", fingerprint="f", n_train=1, n_test=1)
    manifest = RunManifest(name="r", data=data, checkpoints=tuple(records), hyperparameters=settings)
    return Series(manifest=manifest, points=tuple(points))


@pytest.mark.parametrize(
    ("prototypes", "settings", "wanted"),
    [
        ([30, 30], {}, 30),
        ([30, None], {}, 30),
        ([None, None], {"prototypes": 50}, 50),
        ([30, 40], {"prototypes": 50}, 50),
        ([None, None], {}, None),
        ([1, 1], {}, None),  # the loss of one prototype is 0: no line to compare with
        ([2, 2], {}, 2),
        (["many", "many"], {}, None),
    ],
)
def test_how_many_prototypes(prototypes: list[object], settings: dict[str, object], wanted: int | None) -> None:
    curve = recomputed(series([3.5, 3.4], prototypes=prototypes, settings=settings, epoch=[1.0, 2.0]))
    assert curve is not None
    assert curve.prototypes == wanted


@pytest.mark.parametrize(
    ("places", "axis", "epochs"),
    [
        ({"epoch": [1.0, 2.0, 3.0]}, "epoch", (1.0, 3.0)),
        ({"step": [10.0, 20.0, 30.0]}, "step", (10.0, 30.0)),
        ({}, "checkpoint", (0.0, 2.0)),
    ],
)
def test_the_axis_of_the_series(places: dict[str, list[float]], axis: str, epochs: tuple[float, ...]) -> None:
    curve = recomputed(series([3.5, None, 3.4], prototypes=[30] * 3, settings={}, **places))
    assert curve is not None
    assert (curve.axis, curve.values) == (axis, (3.5, 3.4))
    assert [b - a for a, b in zip(curve.epochs, epochs, strict=True)] in ([0, 0], [-1, -1])  # counted from 0 or 1


def test_two_values_are_the_least() -> None:
    assert recomputed(series([3.5, 3.4], prototypes=[2, 2], settings={}, epoch=[1.0, 2.0])) is not None
    assert recomputed(series([3.5], prototypes=[2], settings={}, epoch=[1.0])) is None
    assert recomputed(series([], prototypes=[], settings={})) is None
