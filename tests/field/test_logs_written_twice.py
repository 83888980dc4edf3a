"""A log that was appended to by a second training is one curve of one attempt; parts of a loss are no whole one."""

import json
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from swaveval.results import LossCurve
from swaveval.runs.losses import look_for_loss
from tests.field.test_losses_field import truth

MOMENTS = [(float(e), 10 * e) for e in range(1, 16)]
OFF = 40.0  # rows that must not be read


def found(directory: Path, moments: object = MOMENTS) -> LossCurve:
    curve = look_for_loss(directory, loss_log=None, prototypes=None, moments=moments).curve  # type: ignore[arg-type]
    assert curve is not None
    return curve


def right(curve: LossCurve, count: int = 15) -> None:
    assert curve.axis == "epoch"
    assert len(curve.values) == count
    assert all(b > a for a, b in pairwise(curve.epochs))
    assert curve.epochs[-1] == 15
    assert curve.values == pytest.approx([truth(epoch) for epoch in curve.epochs], abs=1e-3)


Log = Callable[[Path, Iterable[tuple[int, float]]], None]


def json_lines(place: Path, rows: Iterable[tuple[int, float]]) -> None:
    text = [json.dumps({"epoch": e, "train_loss": truth(e + 1) + off, "train_lr": 0.1}) for e, off in rows]
    (place / "log.txt").write_text("\n".join(text) + "\n")


def prints(place: Path, rows: Iterable[tuple[int, float]]) -> None:
    (place / "train.log").write_text("".join(f"Epoch: {e + 1}, loss: {truth(e + 1) + off:.4f}\n" for e, off in rows))


def iterations(place: Path, rows: Iterable[tuple[int, float]]) -> None:
    text = [f"Epoch: [{e}][{i}/10]\tLoss {truth(e + (i + 1) / 10) + off:.4f}\n" for e, off in rows for i in range(10)]
    (place / "train.log").write_text("".join(text))


def table(place: Path, rows: Iterable[tuple[int, float]]) -> None:
    held, text = list(rows), []
    for at, (e, off) in enumerate(held):
        if at == 0 or e <= held[at - 1][0]:
            text.append("epoch,step,loss,lr" if at == 0 else "epoch,step,lr,loss")
        values = (truth(e + 1) + off, 0.1) if "loss,lr" in text[0] and text[-1] != "epoch,step,lr,loss" else (0.1, 0)
        swapped = any(line == "epoch,step,lr,loss" for line in text)
        values = (0.1, truth(e + 1) + off) if swapped else values
        text.append(f"{e},{10 * e + 10},{values[0]},{values[1]}")
    (place / "metrics.csv").write_text("\n".join(text) + "\n")


EVERY = pytest.mark.parametrize("log", [json_lines, prints, table, iterations])


def per(log: Log) -> int:
    return 150 if log is iterations else 15


@EVERY
@pytest.mark.parametrize(
    "parts",
    [
        [(range(12), 8), (range(8, 15), 15)],
        [(range(5), 5), (range(4, 9), 6), (range(6, 15), 15)],
        [(range(10), 9), (range(9, 15), 15)],
    ],
    ids=["once", "twice", "one epoch"],
)
def test_rows_that_were_done_again_replace_the_earlier_ones(
    log: Log, parts: list[tuple[range, int]], tmp_path: Path
) -> None:
    log(tmp_path, [(e, 0.0 if e < good else OFF) for epochs, good in parts for e in epochs])
    curve = found(tmp_path)
    right(curve, per(log))
    assert "twice" in curve.note


@EVERY
@pytest.mark.parametrize("first", [15, 6, 2])
def test_of_two_attempts_the_last_that_reaches_the_end_is_taken_and_said(log: Log, first: int, tmp_path: Path) -> None:
    log(tmp_path, [*((e, 0.4) for e in range(first)), *((e, 0.0) for e in range(15))])
    curve = found(tmp_path)
    right(curve, per(log))
    assert "2 attempts" in curve.note
    assert "the last is taken" in curve.note


@EVERY
def test_an_attempt_that_has_only_begun_is_not_that_of_the_checkpoints(log: Log, tmp_path: Path) -> None:
    log(tmp_path, [*((e, 0.0) for e in range(15)), *((e, 0.4) for e in range(4))])
    curve = found(tmp_path)
    right(curve, per(log))
    assert "the first is taken, as those after it do not end where the checkpoints do" in curve.note


@EVERY
def test_an_attempt_at_another_loss_is_not_the_training(log: Log, tmp_path: Path) -> None:
    """A linear evaluation that appends to the pretraining's log."""
    log(tmp_path, [*((e, 0.0) for e in range(15)), *((e, 0.9 - truth(e + 1)) for e in range(15))])
    curve = found(tmp_path)
    right(curve, per(log))
    assert "2 attempts" in curve.note
    assert "the first is taken, as another begins at another loss" in curve.note


def test_of_two_attempts_and_something_else_the_second_is_taken(tmp_path: Path) -> None:
    both = [*((e, 0.4) for e in range(15)), *((e, 0.0) for e in range(15))]
    prints(tmp_path, [*both, *((e, 0.9 - truth(e + 1)) for e in range(15))])
    curve = found(tmp_path)
    right(curve)
    assert (
        "3 attempts (its rows begin anew at row 16 and 31): the one from row 16 on is taken, as another" in curve.note
    )


@pytest.mark.parametrize("moments", [MOMENTS, [(15.0, None)], []], ids=["steps", "epochs", "none"])
def test_two_attempts_by_step_are_one_or_none(moments: list[tuple[float, int]], tmp_path: Path) -> None:
    rows = [f"step={s} loss={truth(s / 10) + off:.4f}\n" for off in (0.4, 0) for s in range(1, 151)]
    (tmp_path / "train.log").write_text("".join(rows))
    curve = found(tmp_path, moments)
    if moments is MOMENTS:
        right(curve, 150)
    else:
        assert curve.axis == "row"
        assert "its steps fall back" in curve.note


def test_two_epochs_with_a_counter_of_their_own_are_no_attempts(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text("".join(f"step={s} loss={6 - e}\n" for e in range(2) for s in range(1, 76)))
    for moments in ([(1.0, 75), (2.0, 150)], [(1.0, None), (2.0, None)]):
        assert len(found(tmp_path, moments).values) == 150


def test_a_sentence_about_an_earlier_epoch_is_no_row(tmp_path: Path) -> None:
    prints(tmp_path, [*((e, 0.0) for e in range(15)), (9, 0.0)])
    right(found(tmp_path))


def test_lines_of_two_processes_are_no_attempts(tmp_path: Path) -> None:
    prints(tmp_path, [(e, 0.0) for e in range(15) for _ in range(2)])
    assert found(tmp_path).note == ""
    mixed = [e + d for e in range(0, 14, 2) for d in (1, 0)]
    prints(tmp_path, [(e, 0.0) for e in [*mixed, 14]])
    right(found(tmp_path))


@pytest.mark.parametrize("steps", [10, 15, 40])
def test_a_counter_within_epochs_is_no_attempt(steps: int, tmp_path: Path) -> None:
    text = "".join(f"step={s} loss={6 - e / 10}\n" for e in range(15) for s in range(steps))
    (tmp_path / "train.log").write_text(text)
    curve = found(tmp_path)
    assert (curve.axis, len(curve.values)) == ("row", 15 * steps)
    assert "it names no epochs, and its steps fall back" in curve.note


def tensorboard(place: Path, writers: list[dict[str, dict[int, float]]]) -> None:
    module = pytest.importorskip("torch.utils.tensorboard")
    for number, tags in enumerate(writers):
        writer = module.SummaryWriter(str(place / "tb"), filename_suffix=f".{number}")
        for tag, values in tags.items():
            for step, value in values.items():
                writer.add_scalar(tag, value, step, walltime=1.7e9 + 1000 * number + step)
        writer.close()


def test_event_files_of_a_resumed_training_in_one_directory(tmp_path: Path) -> None:
    early = {s: truth(s / 10) + (OFF if s >= 90 else 0) for s in range(10, 120, 10)}
    tensorboard(tmp_path, [{"Loss/train": early}, {"Loss/train": {s: truth(s / 10) for s in range(90, 160, 10)}}])
    curve = found(tmp_path)
    right(curve)
    assert "steps 90 to 110 stand in it twice" in curve.note


TOTALS = [
    ("loss_reg", "loss_total"),
    ("loss_nce", "loss_total"),
    ("recon_loss", "kl_loss", "loss_all"),
    ("train_invariance_loss", "train_covariance_loss", "train_loss_total"),
    ("grad_norm_loss", "ssl_loss"),
    ("loss_kd", "loss_sum"),
    ("Loss/reg", "Loss/total"),
    ("loss", "total_loss"),
    ("loss_a", "loss_b", "Overall Loss"),
    ("loss_ntxent", "loss_kd", "loss"),
]


@pytest.mark.parametrize("names", TOTALS, ids=" ".join)
@pytest.mark.parametrize("backwards", [False, True])
def test_the_total_is_taken_wherever_it_stands(names: tuple[str, ...], backwards: bool, tmp_path: Path) -> None:
    order = names[::-1] if backwards else names
    rows = [{name: truth(e + 1) + (0 if name == names[-1] else OFF) for name in order} for e in range(15)]
    text = [",".join(("epoch", *order)), *(",".join(map(str, (e, *row.values()))) for e, row in enumerate(rows))]
    (tmp_path / "metrics.csv").write_text("\n".join(text) + "\n")
    curve = found(tmp_path)
    right(curve)
    assert curve.note == ""
    assert curve.source == ("metrics.csv" if "grad" in names[0] else f"metrics.csv: {names[-1]}")


@pytest.mark.parametrize("names", [("loss_ntxent", "loss_kd"), ("loss_G", "loss_D")], ids=" ".join)
def test_where_there_are_parts_only_that_is_said(names: tuple[str, str], tmp_path: Path) -> None:
    text = [",".join(("epoch", *names)), *(f"{e},{truth(e + 1)},1" for e in range(15))]
    (tmp_path / "metrics.csv").write_text("\n".join(text) + "\n")
    curve = found(tmp_path)
    right(curve)
    assert f"it has no total; {names[0]} is taken, beside {names[1]}" in curve.note
    assert curve.source == f"metrics.csv: {names[0]}"


def test_the_total_of_event_files(tmp_path: Path) -> None:
    total = {s: truth(s / 10) for s in range(10, 160, 10)}
    tensorboard(tmp_path, [{"Loss/reg": dict.fromkeys(total, 1.0), "Loss/total": total}])
    right(found(tmp_path))
    assert found(tmp_path).source == "TensorBoard event files: Loss/total"


TEXTS = [
    "epoch {e} | val loss: 9.0 | train loss: {v}",
    "epoch {e} | train loss: {v} | val loss: 9.0",
    "Epoch {e}: kd loss: 0.3, total loss: {v}",
    "Epoch {e}: recon loss: 5.0, kl loss: 0.1, loss: {v}",
    "Epoch {e} loss_reg: 0.1 loss_total: {v}",
    "Epoch {e} loss: {v} reg loss: 0.1",
    "Epoch {e}, step loss: {v}",
    "[{e:03}] epoch={e} total_loss={v} loss_cls=0.3",
]


@pytest.mark.parametrize("line", TEXTS)
def test_the_training_loss_of_a_line_with_several(line: str, tmp_path: Path) -> None:
    text = "".join(line.format(e=e, v=f"{truth(e):.4f}") + "\n" for e in range(1, 16))
    (tmp_path / "train.log").write_text(text)
    right(found(tmp_path))


def test_parts_of_a_loss_in_a_line_are_said(tmp_path: Path) -> None:
    text = "".join(f"Epoch {e}: ntxent loss: {truth(e):.4f}, kd loss: 0.3\n" for e in range(1, 16))
    (tmp_path / "train.log").write_text(text)
    curve = found(tmp_path)
    right(curve)
    assert "it has no total; ntxent loss is taken, beside kd loss" in curve.note


def test_steps_of_an_epoch_that_is_named_behind_them(tmp_path: Path) -> None:
    """Spijkervet/SimCLR."""
    text = []
    for e in range(15):
        text += [f"Step [{i}/10]\t Loss: {truth(e + i / 10)}\n" for i in (0, 5)]
        text.append(f"Epoch [{e}/15]\t Loss: {truth(e + 1)}\t lr: 0.001\n")
    (tmp_path / "train.log").write_text("".join(text))
    right(found(tmp_path))


@pytest.mark.parametrize("body", [{"loss": 15}, {"loss": 15, "val_loss": 15}, {"history": {"loss": 15}}], ids=str)
def test_a_history_has_a_value_an_epoch(body: dict[str, object], tmp_path: Path) -> None:
    def filled(value: object) -> object:
        if isinstance(value, dict):
            return {name: filled(inner) for name, inner in value.items()}
        return [truth(e) for e in range(1, 16)]

    (tmp_path / "history.json").write_text(json.dumps(filled(body)))
    curve = found(tmp_path)
    right(curve)
    assert "one each" in curve.note
