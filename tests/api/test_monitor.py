"""A training that is watched is the one that it would have been; what is found is what an evaluation finds."""

import copy
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import swaveval
from swaveval.api.monitor import Monitor
from swaveval.checkpoints.snapshots import SnapshotError
from swaveval.errors import SwavevalError
from tests.api.trainings import EVALUATORS, Model, pictures, state, train
from tests.field.around_runs import environment
from tests.field.process_table import alive, wait_until


def monitor(place: Path, **options: Any) -> Monitor:
    given: dict[str, Any] = {"out": place, "size": 16, "evaluators": EVALUATORS, "device": "cpu", "threads": 1}
    return Monitor(pictures(), **(given | options))


@pytest.fixture(scope="module")
def alone() -> tuple[dict[str, bytes], list[int]]:
    """The training that nobody watches."""
    model, order = train(3)
    return dict(state(model)), order


@pytest.mark.parametrize("mode", ["process", "background"])
def test_the_training_is_what_it_would_be_and_the_numbers_those_of_an_evaluation(
    tmp_path: Path, mode: str, alone: tuple[dict[str, bytes], list[int]]
) -> None:
    logged: dict[int, dict[str, float]] = {}
    kept: dict[str, nn.Module] = {}

    with monitor(tmp_path / "out", mode=mode, log=[lambda numbers, step: logged.update({step: numbers})]) as watching:

        def each(model: nn.Module, epoch: int, loss: Tensor | None) -> None:
            kept[f"epoch {epoch}"] = copy.deepcopy(model.backbone)  # type: ignore[arg-type]
            watching.step(model, epoch=epoch, loss=loss)

        model, order = train(3, each)
        assert dict(state(model)) == alone[0]
        assert order == alone[1]
    assert sorted(logged) == [0, 1, 2, 3]

    found = swaveval.Evaluation.load(tmp_path / "out")
    apart = swaveval.evaluate(kept, data=pictures(), size=16, evaluators=EVALUATORS, device="cpu", out=tmp_path / "two")
    assert [point.record.name for point in found.series.points] == list(kept)
    for one, other in zip(found.series.points, apart.series.points, strict=True):
        assert one.record.digest == other.record.digest
        assert {name: metric.value for name, metric in one.metrics.items()} == {
            name: metric.value for name, metric in other.metrics.items()
        }
        assert logged[int(one.record.epoch or 0)]["swaveval/knn.loo_top1"] == one.metrics["knn.loo_top1"].value
    assert watching.verdict is not None
    assert watching.verdict.verdict == apart.verdict.verdict
    loss = found.series.manifest.loss
    assert loss is not None
    assert loss.epochs == (1, 2, 3)
    assert watching.page.read_text(encoding="utf-8").rstrip().endswith("</html>")


def test_a_training_that_goes_back_takes_its_steps_again(tmp_path: Path) -> None:
    def watched(first: int, last: int) -> Monitor:
        with monitor(tmp_path, mode="process") as watching:
            torch.manual_seed(first)
            for epoch in range(first, last + 1):
                watching.step(Model(), epoch=epoch, step=10 * epoch, loss=7 - epoch)
        return watching

    watched(0, 2)
    before = swaveval.Evaluation.load(tmp_path).series
    watched(2, 3)
    after = swaveval.Evaluation.load(tmp_path).series
    assert [point.record.epoch for point in after.points] == [0, 1, 2, 3]
    same = [a.record.digest == b.record.digest for a, b in zip(before.points, after.points, strict=False)]
    assert same == [True, True, False]
    assert after.manifest.loss is not None
    assert after.manifest.loss.epochs == (0, 1, 2, 3)


class Collapses(nn.Module):
    """A random network up to an epoch; from then on every image gives the same features."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Model().backbone
        self.scale = nn.Parameter(torch.ones(()))

    def collapse(self) -> None:
        for part in self.backbone:
            if isinstance(part, nn.Conv2d):
                nn.init.zeros_(part.weight)


def test_stops_when_it_is_asked_to_and_no_earlier(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Collapses()
    with monitor(tmp_path / "a", mode="process", stop_on=("collapsed",), patience=2) as watching:
        for epoch in range(3):
            for weight in model.backbone.parameters():
                weight.data += 0.01 * torch.randn_like(weight)
            watching.step(model, epoch=epoch)
            assert not watching.should_stop
        assert watching.best == tmp_path / "a" / "best.safetensors"
        model.collapse()
        watching.step(model, epoch=3)
        assert watching.verdict is not None
        assert watching.verdict.verdict == "collapsed"
        assert not watching.should_stop  # once is no proof
        # A run that collapsed names none: what was the one to use is not called so any more, and is not lost.
        assert watching.best is None
        kept = sorted(path.name for path in (tmp_path / "a").glob("*best*"))
        assert kept == ["former-best.safetensors"]
        watching.step(model, epoch=4)
        assert watching.should_stop


@pytest.mark.torture
def test_the_checkpoint_to_use_is_kept(tmp_path: Path) -> None:
    kept: dict[str, dict[str, Any]] = {}
    with monitor(tmp_path, mode="process") as watching:

        def each(model: nn.Module, epoch: int, loss: Tensor | None) -> None:
            kept[f"epoch {epoch}"] = copy.deepcopy(model.backbone.state_dict())  # type: ignore[union-attr,operator]
            watching.step(model, epoch=epoch)

        train(6, each)
    verdict = watching.verdict
    assert verdict is not None
    assert verdict.best is not None
    assert watching.best is not None
    from safetensors.torch import load_file

    weights = load_file(watching.best)
    assert all(torch.equal(weights[name], value) for name, value in kept[verdict.best.checkpoint].items())
    names = {path.name[7:-12] for path in (tmp_path / "snapshots").iterdir()}
    assert names == {"epoch 0", "epoch 6", verdict.best.checkpoint, *verdict.best.tied_with}


@pytest.mark.torture
def test_a_process_that_dies_is_started_again_and_nothing_is_lost(tmp_path: Path) -> None:
    def killed(epoch: int) -> None:
        background = watching._background
        assert background is not None
        assert background._child is not None
        if epoch == 1:
            pid = background._child.pid
            os.kill(pid, signal.SIGKILL)
            assert wait_until(lambda: not alive(pid), 20)

    with monitor(tmp_path) as watching:
        for epoch in range(4):
            watching.step(Model(), epoch=epoch)
            killed(epoch)
    assert len(swaveval.Evaluation.load(tmp_path).series.points) == 4


class Heavy(nn.Module):
    """What takes longer to write than a training takes to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.backbone.register_buffer("ballast", torch.zeros(8_000_000))


def test_weights_are_those_of_the_call_whatever_comes_after_it(tmp_path: Path) -> None:
    model = Heavy()
    ballast = model.backbone.get_buffer("ballast")
    with monitor(tmp_path, keep_all=True, evaluators=("spectrum",)) as watching:
        for epoch in range(3):
            nn.init.normal_(model.backbone[0].weight)
            ballast.fill_(epoch)
            watching.step(model, epoch=epoch)
            ballast.fill_(-1)
        watching.close(wait=False)
    kept = [load_file(path)["ballast"].unique().tolist() for path in sorted((tmp_path / "snapshots").iterdir())]
    assert kept == [[0.0], [1.0], [2.0]]


def test_what_the_thread_that_writes_hears_is_told_once(tmp_path: Path) -> None:
    with monitor(tmp_path, evaluators=("spectrum",)) as watching:
        watching.step(Model(), epoch=0)
        background = watching._background
        assert background is not None
        child = background._child
        assert child is not None
        assert wait_until(lambda: child.connection.poll(0))
        background._write(lambda: None)  # as the thread does, which asks, and hears of the evaluation before
        assert [told.verdict is not None for told in background.heard()] == [True]
        assert background.heard() == []
        watching.close(wait=False)


def test_a_snapshot_that_cannot_be_written_is_said_and_the_training_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, folder = Model(), tmp_path / "snapshots"
    with monitor(tmp_path, evaluators=("spectrum",)) as watching:

        def heard(epoch: int) -> str:
            watching.step(model, epoch=epoch, evaluate=False)
            return caplog.text

        watching.step(model, epoch=0)
        assert wait_until(lambda: heard(0) == "" and watching.verdict is not None)
        folder.rename(tmp_path / "aside")
        folder.touch()
        watching.step(model, epoch=1)
        assert wait_until(lambda: "could not be written" in heard(1))
        folder.unlink()
        (tmp_path / "aside").rename(folder)
        watching.step(model, epoch=2)
    series = swaveval.Evaluation.load(tmp_path).series
    assert [point.record.name for point in series.points] == ["epoch 0", "epoch 2"]


def test_closed_without_waiting_it_leaves_nobody_and_loses_nothing(tmp_path: Path) -> None:
    watching = monitor(tmp_path)
    with pytest.raises(KeyboardInterrupt), watching:  # noqa: PT012
        for epoch in range(3):
            watching.step(Model(), epoch=epoch)
        child = watching._background._child  # type: ignore[union-attr]
        assert child is not None
        raise KeyboardInterrupt
    assert not alive(child.pid)
    with monitor(tmp_path, mode="process") as watching:
        watching.step(Model(), epoch=3)
    assert len(swaveval.Evaluation.load(tmp_path).series.points) == 4


def test_every_and_evaluate_say_when(tmp_path: Path) -> None:
    with monitor(tmp_path, mode="process", every=3, log_to=f"csv:{tmp_path / 'numbers.csv'}") as watching:
        for epoch in range(6):
            watching.step(Model(), epoch=epoch, evaluate=True if epoch == 5 else None)
    epochs = [point.record.epoch for point in swaveval.Evaluation.load(tmp_path).series.points]
    assert epochs == [0, 3, 5]
    assert "epoch 5" in (tmp_path / "numbers.csv").read_text(encoding="utf-8")


def test_other_ranks_do_nothing_and_say_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RANK", "1")
    with monitor(tmp_path / "out") as watching:
        assert [watching.step(Model(), epoch=epoch) for epoch in range(2)] == [None, None]
    assert watching.close() is None
    assert not (tmp_path / "out").exists()
    assert not caplog.text


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"mode": "thread"}, "background, process or checkpoints"),
        ({"stop_on": ("colapsed",)}, "stop_on knows learning"),
        ({"every": 0}, "every is 0"),
        ({"evaluators": ("knm",)}, "knm"),
        ({"device": "cuda:99"}, "cuda"),
        ({"log_to": "tensorbord:runs"}, "tensorboard"),
        ({"out": "s3://bucket/report"}, "directory of this machine"),
    ],
)
def test_what_cannot_be_is_said_before_the_training(tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SwavevalError, match=sentence):
        monitor(tmp_path, **options)


def test_images_that_are_not_there_are_said_before_the_training(tmp_path: Path) -> None:
    with pytest.raises(SwavevalError, match="there is no directory"):
        Monitor(tmp_path / "nowhere", out=tmp_path / "out")


def test_another_network_than_the_first_is_refused(tmp_path: Path) -> None:
    with monitor(tmp_path, mode="process") as watching:
        watching.step(Model(), epoch=0)
        with pytest.raises(SnapshotError, match=r"epoch 1 is not the one that was given before: .* differs"):
            watching.step(nn.Sequential(nn.Conv2d(3, 5, 3), nn.Flatten()), epoch=1)


def test_a_part_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with monitor(tmp_path, network="trunk") as watching, pytest.raises(SwavevalError, match="no part trunk"):
        watching.step(Model(), epoch=0)


PROGRAM = """
import sys
import torch
from torch import nn
import swaveval

class Network(nn.Module):  # of this program alone: no other process could import it
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())

    def forward(self, images):
        return self.layers(images)

monitor = swaveval.Monitor("digits", out=sys.argv[1], evaluators=("knn",), images=100, size=16)
for epoch in range(2):
    monitor.step(Network(), epoch=epoch)
if sys.argv[2] == "fails":
    raise RuntimeError("out of memory")
"""


@pytest.mark.torture
@pytest.mark.parametrize("end", ["ends", "fails"])
def test_a_program_that_ends_without_closing_it(tmp_path: Path, end: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "out"), end],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        cwd=tmp_path,
    )
    if end == "ends":
        assert ran.returncode == 0, ran.stderr
        assert "was not closed" in ran.stderr
        assert len(swaveval.Evaluation.load(tmp_path / "out").series.points) == 2
    else:
        assert "out of memory" in ran.stderr
        assert ran.returncode == 1
        assert len(list((tmp_path / "out" / "snapshots").iterdir())) == 2  # for whoever goes on


@pytest.mark.filterwarnings("ignore::lightning_fabric.utilities.warnings.PossibleUserWarning")
@pytest.mark.parametrize("wrapped", ["compiled", "part compiled", "parallel", "fabric"])
def test_what_is_around_a_model_is_taken_off(tmp_path: Path, wrapped: str) -> None:
    model = Model()
    plain = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    given: Any = model
    if wrapped == "compiled":
        given = torch.compile(model)
    elif wrapped == "part compiled":
        model.backbone = torch.compile(model.backbone)  # type: ignore[assignment]
    elif wrapped == "parallel":
        given = nn.DataParallel(model)
    else:
        from lightning_fabric import Fabric

        given = Fabric(accelerator="cpu", devices=1).setup(model)
    from swaveval.checkpoints.snapshots import weights_of

    with monitor(tmp_path) as watching:
        found = weights_of(watching._part(given))
    assert found.keys() == plain.keys()
    assert all(torch.equal(found[name], value) for name, value in plain.items())


def test_weights_that_are_not_finite_are_said_and_the_training_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = Model()
    with monitor(tmp_path, mode="process") as watching:
        watching.step(model, epoch=0)
        nn.init.constant_(model.backbone[0].weight, float("nan"))  # type: ignore[arg-type]
        watching.step(model, epoch=1)
    assert "NaN" in caplog.text
    assert len(swaveval.Evaluation.load(tmp_path).series.points) == 1


def test_a_failed_cell_is_said_once_and_a_log_that_was_named_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plugin = tmp_path / "fails.py"
    plugin.write_text(
        "class Fails:\n    name, version, needs, over_series = 'fails', 1, frozenset(), False\n\n"
        "    def __call__(self, features, *, seed):\n        raise ValueError('never works')\n",
        encoding="utf-8",
    )
    log = tmp_path / "train.csv"
    log.write_text("epoch,loss\n0,3\n1,2\n2,1\n", encoding="utf-8")
    with monitor(tmp_path / "out", mode="process", evaluators=("knn", f"{plugin}:Fails"), loss_log=log) as watching:
        for epoch in range(3):
            watching.step(Model(), epoch=epoch)
    said = [record.getMessage() for record in caplog.records if "fails failed on epoch 0" in record.getMessage()]
    assert len(said) == 1
    loss = swaveval.Evaluation.load(tmp_path / "out").series.manifest.loss
    assert loss is not None
    assert loss.values == (3, 2, 1)
