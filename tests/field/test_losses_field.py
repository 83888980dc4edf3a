"""Training logs people have, each at its right place on the checkpoints' axis (wandb#5349, swav#76, lightly#1521)."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from swaveval.convergence.loss import loss_state, since_third
from swaveval.convergence.wording import loss_clause
from swaveval.results import LossCurve
from swaveval.runs.checks import check_run
from swaveval.runs.losses import find_loss
from swaveval.runs.progress import Silent
from swaveval.runs.request import RunError, RunRequest

EPOCHS, PER_EPOCH = 15, 10
# What the checkpoints state: 15 epochs of 10 steps, and the untrained network.
MOMENTS = [(float(epoch), epoch * PER_EPOCH) for epoch in range(EPOCHS + 1)]


def truth(epoch: float) -> float:
    """The loss in truth after so many epochs; exact in five decimals at every step."""
    return round(7 - 0.2 * epoch, 5)


def steps() -> list[int]:
    return list(range(1, EPOCHS * PER_EPOCH + 1))


def lines(rows: list[str]) -> str:
    return "\n".join(rows) + "\n"


def wandb_export() -> str:
    header = '"Step","brisk-sun-3 - train_loss","brisk-sun-3 - train_loss__MIN","brisk-sun-3 - train_loss__MAX"'
    return lines([header, *(f'"{s}","{truth(s / 10)}","0.1","99"' for s in steps())])


def wandb_global_step() -> str:
    header = '"trainer/global_step","a - Train/Loss","a - val_loss"'
    return lines([header, *(f"{s},{truth(s / 10)},{0.5}" for s in steps())])


def step_loss() -> str:
    return lines(["step,loss", *(f"{s},{truth(s / 10)}" for s in steps())])


def tabs() -> str:
    return lines(["Iteration\tval_loss\tTotal Loss", *(f"{s}\t1.0\t{truth(s / 10)}" for s in steps())])


def spaces() -> str:
    return lines(["step   loss", *(f"{s}   {truth(s / 10)}" for s in steps())])


def semicolons() -> str:
    return lines(["Epoch;Loss", *(f"{e};{str(truth(e)).replace('.', ',')}" for e in range(1, EPOCHS + 1))])


def one_based() -> str:
    rows = [f"{(s - 1) // 10 + 1},{truth(s / 10)}" for s in steps()]
    return lines(["epoch,train/loss", *rows])


def zero_based() -> str:
    return lines(["Epoch,Loss/Train,loss_scale", *(f"{(s - 1) // 10},{truth(s / 10)},65536" for s in steps())])


def lightning_rare() -> str:
    """CSVLogger with log_every_n_steps above the steps of an epoch: its first row is of epoch 2."""
    rows = [f"{(s - 1) // 10},{s},{truth(s / 10)},," for s in range(25, 151, 25)]
    return lines(["epoch,step,train_loss_step,train_loss_epoch,val_loss", *rows])


def keras() -> str:
    return lines(["epoch,loss,val_loss", *(f"{e},{truth(e + 1)},9" for e in range(EPOCHS))])


def dino() -> str:
    rows = ({"train_lr": 0.1, "train_loss": truth(e + 1), "epoch": e, "test_acc": 3.0} for e in range(EPOCHS))
    return lines([json.dumps(row) for row in rows])


def trainer_state() -> str:
    log = [{"epoch": s / 10, "loss": truth(s / 10), "step": s} for s in steps()]
    return json.dumps({"global_step": 150, "log_history": [*log, {"eval_loss": 3.0, "epoch": 15.0, "step": 150}]})


def mmengine() -> str:
    rows: list[dict[str, object]] = [
        {"mode": "train", "epoch": (s - 1) // 10 + 1, "iter": (s - 1) % 10 + 1, "loss": truth(s / 10)} for s in steps()
    ]
    return lines([json.dumps(row) for row in [*rows, {"mode": "val", "epoch": 15, "loss": 50.0}]])


def swav_log() -> str:
    rows = ["INFO - 11/26/26 - 0:00:01 - ============ Starting epoch 0 ... ============"]
    for s in steps():
        e, i = (s - 1) // 10, (s - 1) % 10
        rows.append(
            f"INFO - 11/26/26 10:00:00 - 0:00:02 - Epoch: [{e}][{i}]\tTime 0.312 (0.500)\tData 0.001 (0.002)\t"
            f"Loss {truth(s / 10):.4f} ({7.0:.4f})\tLr: 0.6000"
        )
    return lines(rows)


def moco_print() -> str:
    return lines(
        [
            f"Epoch: [{(s - 1) // 10}][ {(s - 1) % 10}/10]\tTime 0.3\tLoss {truth(s / 10):.4e} (7.0e+00)\tAcc@1 3.1"
            for s in steps()
        ]
    )


def dino_print() -> str:
    return lines(
        [
            f"Epoch: [{(s - 1) // 10}/15]  [ {(s - 1) % 10}/10]  eta: 0:00:01  loss: {truth(s / 10):.6f} (7.0)  lr: 0.1"
            for s in steps()
        ]
    )


def lightly_print() -> str:
    return lines(["Starting Training", *(f"epoch: {e:>02}, loss: {truth(e + 1):.5f}" for e in range(EPOCHS))])


def keras_print() -> str:
    rows = []
    for e in range(1, EPOCHS + 1):
        rows += [f"Epoch {e}/15", f"10/10 [======] - 3s - loss: {truth(e):.4f} - val_loss: 9.1"]
    return lines(rows)


def own_print() -> str:
    rows = []
    for e in range(1, EPOCHS + 1):
        rows += [f"[train] epoch {e} step {e * 10}: train loss = {truth(e):.3f}", f"[val] epoch {e}: loss = 9.0"]
    return lines(rows)


def step_print() -> str:
    return lines([f"step={s} loss={truth(s / 10):.4f} lr=0.01" for s in steps()])


LOGS: list[tuple[str, Callable[[], str]]] = [
    ("wandb.csv", wandb_export),
    ("wandb2.csv", wandb_global_step),
    ("own.csv", step_loss),
    ("own.tsv", tabs),
    ("own.txt", spaces),
    ("german.csv", semicolons),
    ("one.csv", one_based),
    ("zero.csv", zero_based),
    ("metrics2.csv", lightning_rare),
    ("keras.csv", keras),
    ("log.jsonl", dino),
    ("trainer_state.json", trainer_state),
    ("scalars.json", mmengine),
    ("train.log", swav_log),
    ("moco.txt", moco_print),
    ("dino.out", dino_print),
    ("lightly.log", lightly_print),
    ("keras.log", keras_print),
    ("own.log", own_print),
    ("steps.log", step_print),
]


def read(tmp_path: Path, name: str, content: str, moments: object = MOMENTS) -> LossCurve:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    curve = find_loss(tmp_path / "checkpoints", loss_log=path, prototypes=None, moments=moments)  # type: ignore[arg-type]
    assert curve is not None
    return curve


@pytest.mark.parametrize(("name", "content"), LOGS, ids=[content.__name__ for _, content in LOGS])
def test_every_log_lies_on_the_epochs_of_its_run(tmp_path: Path, name: str, content: Callable[[], str]) -> None:
    curve = read(tmp_path, name, content())
    assert curve.axis == "epoch"
    assert curve.note == ""
    assert curve.values == pytest.approx([truth(epoch) for epoch in curve.epochs], abs=1e-3)
    assert curve.epochs[-1] == EPOCHS
    assert all(b > a for a, b in pairwise(curve.epochs))


@pytest.mark.parametrize(
    "name", ["train.log", "log.txt", "training.log", "training_log_2026.csv", "metrics.csv", "loss.csv", "stats.txt"]
)
def test_well_known_names_are_found_beside_the_checkpoints(tmp_path: Path, name: str) -> None:
    (tmp_path / "checkpoints").mkdir()
    content = {"csv": step_loss, "log": swav_log, "txt": dino}[name.rsplit(".", 1)[1]]
    (tmp_path / name).write_text(content())
    curve = find_loss(tmp_path / "checkpoints", loss_log=None, prototypes=None, moments=MOMENTS)
    assert curve is not None
    assert (curve.axis, curve.epochs[-1], curve.source) == ("epoch", EPOCHS, name)


def test_event_files_without_epochs_are_placed_by_the_checkpoints_steps(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    writer = tensorboard.SummaryWriter(str(tmp_path / "logs"))
    for step in steps():
        writer.add_scalar("Loss/train", truth(step / 10), step)
        writer.add_scalar("Loss/val", 9.0, step)
    writer.close()
    for named in (None, tmp_path / "logs"):
        curve = find_loss(tmp_path, loss_log=named, prototypes=None, moments=MOMENTS)
        assert curve is not None
        assert curve.epochs == pytest.approx([step / 10 for step in steps()])
        assert curve.values == pytest.approx([truth(step / 10) for step in steps()])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        # Steps that count something else than the checkpoints' (wandb's log calls), and another run's epochs.
        (lines(["Step,loss", *(f"{s},{6 - s / 1e5}" for s in range(1, 3000))]), "its steps go to 2999"),
        (lines(["epoch,loss", *(f"{e},{6 - e / 1e4}" for e in range(1, 155))]), "its epochs go to 154"),
        (lines(["epoch,loss", *(f"{e},{6 - e / 1e4}" for e in range(1, 4))]), "its epochs go to 3"),
        (lines(["loss", *(f"{6 - s / 1e4}" for s in range(154))]), "neither epochs nor steps"),
    ],
    ids=["other steps", "longer run", "shorter run", "bare column"],
)
def test_a_log_that_cannot_be_placed_keeps_its_own_axis_and_unit(tmp_path: Path, content: str, said: str) -> None:
    curve = read(tmp_path, "log.csv", content)
    assert curve.axis == "row"
    assert said in curve.note
    assert curve.on("epoch") is None
    clause = loss_clause(loss_state(curve), since_third(curve))
    assert "epoch" not in clause
    assert "of its log" in clause


def test_steps_stay_steps_where_the_checkpoints_count_steps_only(tmp_path: Path) -> None:
    """pytorch-lightning#2150: an endless data set has one epoch."""
    curve = read(tmp_path, "log.csv", step_loss(), [(0.0, step) for step in range(10, 151, 10)])
    assert curve.axis == "step"
    assert curve.on("step") == tuple(float(step) for step in steps())
    flat = read(tmp_path, "flat.csv", lines(["step,loss", *(f"{s},6.0" for s in range(1, 151))]), [(None, 150)])
    assert "since step " in loss_clause(loss_state(flat), since_third(flat))


@pytest.mark.parametrize("per_epoch", [1, 7, 10])
@pytest.mark.parametrize("base", [0, 1])
def test_whole_epochs_are_finished_ones_from_wherever_they_count(tmp_path: Path, per_epoch: int, base: int) -> None:
    rows = [f"{e + base},{truth(e + (i + 1) / per_epoch)}" for e in range(EPOCHS) for i in range(per_epoch)]
    curve = read(tmp_path, "log.csv", lines(["Epoch,Loss", *rows]))
    assert curve.values == pytest.approx([truth(epoch) for epoch in curve.epochs], abs=1e-4)


def test_uneven_epochs_are_followed_checkpoint_by_checkpoint(tmp_path: Path) -> None:
    """Gradient accumulation that changed: 10 steps an epoch, then 40."""
    moments = [(1.0, 10), (2.0, 20), (3.0, 60), (4.0, 100)]
    curve = read(tmp_path, "log.csv", lines(["step,loss", *(f"{s},5" for s in (10, 20, 40, 60, 80, 100))]), moments)
    assert curve.epochs == (1.0, 2.0, 2.5, 3.0, 3.5, 4.0)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    """swav#76: stats0.pkl."""
    (tmp_path / "stats0.pkl").write_bytes(b"cos\nsystem\n(S'touch evil'\ntR.")
    with pytest.raises(RunError, match=r"never loaded: give the text log beside it \(swav: train\.log\)"):
        find_loss(tmp_path, loss_log=tmp_path / "stats0.pkl", prototypes=None, moments=MOMENTS)


def test_losses_of_several_runs_in_one_export_are_refused(tmp_path: Path) -> None:
    content = lines(['"Step","a - train_loss","b - train_loss"', *(f"{s},1,2" for s in steps())])
    with pytest.raises(RunError, match=r"losses of 2 runs \(a, b\): export the one"):
        read(tmp_path, "both.csv", content)


def test_old_curves_by_step_are_no_epochs() -> None:
    old = {"source": "log.csv (by step: it names no epochs)", "epochs": [10, 20], "values": [5, 4]}
    assert LossCurve.from_json({**old, "steps": [10, 20]}).axis == "step"
    assert LossCurve.from_json(old).axis == "row"
    assert LossCurve.from_json({"source": "metrics.csv", "epochs": [1], "values": [5]}).axis == "epoch"
    kept = LossCurve("a", (1.0,), (2.0,), axis="row", note="b")
    assert LossCurve.from_json(kept.to_json()) == kept


def test_noise_is_no_log(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for size in (10, 1000, 100_000):
        (tmp_path / "noise.log").write_bytes(generator.integers(0, 256, size, dtype=np.uint8).tobytes())
        with pytest.raises(RunError, match="holds no loss"):
            find_loss(tmp_path, loss_log=tmp_path / "noise.log", prototypes=None, moments=MOMENTS)


def test_a_named_log_that_is_none_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    """swav#76, `stats0.pkl`: an hour of evaluation must not end in this refusal."""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "stats0.pkl").write_bytes(b"\x80\x04]\x94.")
    request = RunRequest(
        checkpoints=tmp_path / "checkpoints", out=tmp_path / "report", data="digits", loss_log=tmp_path / "stats0.pkl"
    )
    with pytest.raises(RunError, match="never loaded"):
        check_run(request, Silent())
    assert not (tmp_path / "report" / "results").exists()
