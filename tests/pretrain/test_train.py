"""Whole trainings: the series, what lies beside it, interruption, and what cannot be resumed."""

import csv
import json
import math
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from swaveval.checkpoints import load
from swaveval.pretrain.config import AUTO, PretrainConfig, QueueConfig
from swaveval.pretrain.config_file import to_sections
from swaveval.pretrain.errors import ConfigError, Diverged, Interrupted, RunExists
from swaveval.pretrain.reporter import EpochReport, SilentReporter
from swaveval.pretrain.run_file import read_run_file
from swaveval.pretrain.train import pretrain

ROOT = Path(__file__).parents[2]


@dataclass
class Recorder(SilentReporter):
    """Keeps what it is told; at `stop_at` it sends this process the signal a Ctrl-C sends."""

    stop_at: int = -1
    losses: dict[int, float] = field(default_factory=dict)
    epochs: list[EpochReport] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def step(self, *, step: int, loss: float) -> None:
        self.losses[step] = loss
        if step == self.stop_at:
            signal.raise_signal(signal.SIGINT)

    def epoch(self, report: EpochReport) -> None:
        self.epochs.append(report)

    def notice(self, text: str) -> None:
        self.notices.append(text)


def content(path: Path) -> dict[str, Any]:
    return torch.load(path, weights_only=True)


def metrics(run: Path) -> list[dict[str, str]]:
    """Rows of metrics.csv but for the seconds that an epoch took, which no two runs share."""
    with (run / "metrics.csv").open(newline="") as stream:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(stream)]


def names(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def assert_same_state(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Weights, optimiser, schedule and queue, bit for bit."""
    assert one["state_dict"].keys() == other["state_dict"].keys()
    for name, value in one["state_dict"].items():
        assert torch.equal(value, other["state_dict"][name]), name
    for key in ("optimizer_states", "lr_schedulers", "swaveval_queue"):
        left, right = (torch.utils._pytree.tree_leaves(state[key]) for state in (one, other))
        assert len(left) == len(right)
        for a, b in zip(left, right, strict=True):
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b, key


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> dict[str, Any]:
    """One uninterrupted run of the tiny settings, with what it reported."""
    return {"out": tmp_path_factory.mktemp("finished") / "run", "recorder": Recorder()}


@pytest.fixture
def reference(finished: dict[str, Any], tiny: PretrainConfig) -> tuple[Path, Recorder]:
    if not finished["out"].exists():
        pretrain(tiny, finished["out"], reporter=finished["recorder"], command="swaveval pretrain …")
    return finished["out"], finished["recorder"]


def test_the_series_starts_before_training_and_keeps_every_epoch(reference: tuple[Path, Recorder]) -> None:
    run, _ = reference
    expected = ["epoch=0-step=0.ckpt", "epoch=1-step=2.ckpt", "epoch=2-step=4.ckpt", "epoch=3-step=6.ckpt", "last.ckpt"]
    assert names(run) == expected
    for epoch in range(4):
        saved = content(run / "checkpoints" / f"epoch={epoch}-step={2 * epoch}.ckpt")
        assert (saved["swaveval_epoch"], saved["global_step"]) == (epoch, 2 * epoch)
        lengths = saved["state_dict"]["prototypes.heads.0.weight"].norm(dim=1)
        assert torch.allclose(lengths, torch.ones(len(lengths)))
    assert (run / "checkpoints/last.ckpt").read_bytes() == (run / "checkpoints/epoch=3-step=6.ckpt").read_bytes()


def test_prototypes_stay_frozen_for_the_steps_asked_for(reference: tuple[Path, Recorder]) -> None:
    run, _ = reference
    weights = [
        content(run / "checkpoints" / f"epoch={epoch}-step={2 * epoch}.ckpt")["state_dict"] for epoch in range(4)
    ]
    prototypes = [state["prototypes.heads.0.weight"] for state in weights]
    assert torch.allclose(prototypes[0], prototypes[1], atol=1e-6)
    assert not torch.allclose(prototypes[1], prototypes[2], atol=1e-6)
    assert not torch.equal(weights[0]["backbone.conv1.weight"], weights[1]["backbone.conv1.weight"])


def test_the_reader_gets_the_network_that_was_trained(reference: tuple[Path, Recorder], tiny: PretrainConfig) -> None:
    run, _ = reference
    backbone = load(run / "checkpoints/epoch=2-step=4.ckpt")
    assert backbone.report.matched == 1
    assert (backbone.report.epoch, backbone.report.step) == (2, 4)
    assert backbone.feature_dim == 32
    assert backbone.head is not None
    assert backbone.swav_settings["temperature"] == tiny.swav.temperature
    # Stride 2 leaves no trace in the shapes: the reader must have taken it from the settings in the file.
    features = backbone.module(torch.zeros(1, 3, 16, 16))
    assert features.shape == (1, 32)
    assert backbone.module.get_submodule("conv1").stride == (2, 2)


def test_the_log_holds_every_step_and_epoch(reference: tuple[Path, Recorder]) -> None:
    run, recorder = reference
    found = metrics(run)
    steps = {int(row["step"]): float(row["loss"]) for row in found if row["kind"] == "step"}
    assert steps == recorder.losses
    assert sorted(steps) == [1, 2, 3, 4, 5, 6]
    epochs = [row for row in found if row["kind"] == "epoch"]
    assert [float(row["epoch"]) for row in epochs] == [1, 2, 3]
    for number, row in enumerate(epochs):
        mean = (steps[2 * number + 1] + steps[2 * number + 2]) / 2
        assert float(row["loss"]) == pytest.approx(mean, rel=1e-6)
        assert float(row["gap"]) == pytest.approx(1 - mean / math.log(6), abs=1e-5)
    assert float(found[0]["learning_rate"]) == 1e-3
    assert float(found[-1]["learning_rate"]) < 1e-3


def test_a_run_from_before_batches_goes_on_with_lightlys_views(tiny: PretrainConfig, tmp_path: Path) -> None:
    """Its run.json names nobody who draws; the same losses as a run that lightly's transform was asked for."""
    by_lightly = replace(tiny, augmentation=replace(tiny.augmentation, views="lightly"))
    whole = Recorder()
    pretrain(by_lightly, tmp_path / "whole", reporter=whole)
    two = replace(by_lightly, training=replace(tiny.training, epochs=2))
    pretrain(two, tmp_path / "old")
    file = tmp_path / "old" / "run.json"
    body = json.loads(file.read_text())
    assert body["settings"]["config"]["augmentation"].pop("views") == "lightly"
    body["settings"]["config"]["training"]["epochs"] = 3
    file.write_text(json.dumps(body))
    resumed = Recorder()
    pretrain(tiny, tmp_path / "old", resume=True, reporter=resumed)
    assert resumed.losses
    last = max(whole.losses)
    assert resumed.losses.keys() == {last - 1, last}
    stated = read_run_file(tmp_path / "old")
    assert stated is not None
    assert stated.config.augmentation.views == "lightly"


def test_run_json_says_everything_but_the_numbers(reference: tuple[Path, Recorder], tiny: PretrainConfig) -> None:
    run, _ = reference
    body = json.loads((run / "run.json").read_text())
    assert body["schema"] == 1
    assert body["command"] == "swaveval pretrain …"
    assert body["data"]["n_train"] == 20
    assert body["data"]["n_test"] == 6
    assert len(body["data"]["fingerprint"]) == 64
    assert body["transform"]["size"] == 16
    assert body["hyperparameters"]["prototypes"] == 6
    assert body["settings"]["backbone"]["stem_stride"] == 2
    drawn = replace(tiny, augmentation=replace(tiny.augmentation, views="batch"))
    assert body["settings"]["config"] == to_sections(drawn)
    assert {"torch", "lightly", "python"} <= body["versions"].keys()
    assert content(run / "checkpoints/last.ckpt")["hyper_parameters"]["backbone"] == body["settings"]["backbone"]


KILLED = """
import os, signal, sys, tomllib
from pathlib import Path
from swaveval.pretrain.config import PretrainConfig
from swaveval.pretrain.config_file import apply
from swaveval.pretrain.reporter import SilentReporter
from swaveval.pretrain.train import pretrain

class Killer(SilentReporter):
    def step(self, *, step, loss):
        if step == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)

import json
config = apply(PretrainConfig(), json.loads(sys.argv[1]), origin="test")
pretrain(config, Path(sys.argv[2]), reporter=Killer())
"""


def test_a_run_killed_in_an_epoch_goes_on_with_the_numbers_it_would_have_had(
    reference: tuple[Path, Recorder], tiny: PretrainConfig, tmp_path: Path
) -> None:
    """kill -9 of the real process in the third epoch; resumed with another number of workers."""
    run, recorder = reference
    sections = json.dumps(to_sections(replace(tiny, hardware=replace(tiny.hardware, workers=1))))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, sections, str(tmp_path / "run"), "5"], cwd=ROOT, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert names(tmp_path / "run") == ["epoch=0-step=0.ckpt", "epoch=1-step=2.ckpt", "epoch=2-step=4.ckpt", "last.ckpt"]
    assert [row["step"] for row in metrics(tmp_path / "run") if row["kind"] == "step"] == ["1", "2", "3", "4", "5"]
    (tmp_path / "run/checkpoints/.epoch=3-step=6.ckpt.x.tmp").write_bytes(b"half")

    resumed = Recorder()
    pretrain(tiny, tmp_path / "run", resume=True, reporter=resumed)
    assert names(tmp_path / "run") == names(run)
    assert resumed.losses == {step: loss for step, loss in recorder.losses.items() if step > 4}
    assert metrics(tmp_path / "run") == metrics(run)
    for name in names(run):
        assert_same_state(content(run / "checkpoints" / name), content(tmp_path / "run/checkpoints" / name))


def test_a_run_stopped_before_its_first_epoch_ended_begins_again(
    reference: tuple[Path, Recorder], tiny: PretrainConfig, tmp_path: Path
) -> None:
    run, recorder = reference
    with pytest.raises(Interrupted, match=r"stopped in epoch 1\. .* --resume --out"):
        pretrain(tiny, tmp_path / "run", reporter=Recorder(stop_at=1))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed = Recorder()
    pretrain(tiny, tmp_path / "run", resume=True, reporter=resumed)
    assert resumed.losses == recorder.losses
    assert_same_state(content(run / "checkpoints/last.ckpt"), content(tmp_path / "run/checkpoints/last.ckpt"))


def test_a_finished_run_is_left_as_it_is(reference: tuple[Path, Recorder], tiny: PretrainConfig) -> None:
    run, _ = reference
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    recorder = Recorder()
    assert pretrain(tiny, run, resume=True, reporter=recorder) == run
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()} == before
    assert "nothing is left to train" in recorder.notices[0]
    with pytest.raises(RunExists, match="--resume"):
        pretrain(tiny, run)


def test_a_run_is_not_resumed_with_other_settings_or_images(
    reference: tuple[Path, Recorder], tiny: PretrainConfig, tmp_path: Path
) -> None:
    run, _ = reference
    other = replace(tiny, swav=replace(tiny.swav, temperature=0.2))
    with pytest.raises(ConfigError, match=r"swav\.temperature: 0\.1 there, 0\.2 now"):
        pretrain(other, run, resume=True)
    shutil.copytree(tiny.data.path, tmp_path / "images")
    (tmp_path / "images/train/warm/0.png").unlink()
    moved = replace(tiny, data=replace(tiny.data, path=str(tmp_path / "images")))
    with pytest.raises(ConfigError, match="not those the run"):
        pretrain(moved, run, resume=True)


def test_a_loss_that_is_not_finite_stops_the_run_but_loses_nothing(tiny: PretrainConfig, tmp_path: Path) -> None:
    # Unit embeddings and prototypes bound the scores; only weights that overflowed give NaN.
    wild = replace(
        tiny,
        optimiser=replace(tiny.optimiser, name="sgd", learning_rate=1e38, momentum=0.0),
        queue=QueueConfig(),
    )
    with pytest.raises(Diverged, match=r"the loss is nan at step \d .* Lower the learning rate"):
        pretrain(wild, tmp_path / "run")
    assert "epoch=0-step=0.ckpt" in names(tmp_path / "run")
    assert "epoch=3-step=6.ckpt" not in names(tmp_path / "run")
    assert metrics(tmp_path / "run")[-1]["loss"] == "nan"


def test_a_loss_at_ln_k_says_what_it_may_mean_and_how_to_find_out(tiny: PretrainConfig, tmp_path: Path) -> None:
    flat = replace(tiny, swav=replace(tiny.swav, temperature=100.0))
    recorder = Recorder()
    pretrain(flat, tmp_path / "run", reporter=recorder)
    assert all(abs(report.gap) < 0.01 for report in recorder.epochs)
    said = [notice for notice in recorder.notices if "ln K = 1.792" in notice]
    assert len(said) == 1
    assert "collapsed" in said[0]
    assert f"swaveval run --ckpt-dir {tmp_path / 'run' / 'checkpoints'}" in said[0]


def test_missing_hardware_leaves_no_run_behind(tiny: PretrainConfig, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has the hardware")
    with pytest.raises(ConfigError, match="accelerator gpu"):
        pretrain(replace(tiny, hardware=replace(tiny.hardware, accelerator="gpu")), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"optimiser": {"name": "lars"}, "series": {"checkpoint_every": "2"}},
        {"optimiser": {"name": "sgd", "schedule": "constant"}},
        {"hardware": {"precision": "16"}, "backbone": {"stem_stride": 1}},
        {
            "backbone": {"name": "timm:test_resnet", "stem": "auto", "stem_stride": AUTO, "width": AUTO},
            "augmentation": {"preset": "digits"},
        },
    ],
)
def test_other_settings_train_too(tiny: PretrainConfig, tmp_path: Path, changes: dict[str, dict[str, Any]]) -> None:
    config = tiny
    for section, values in changes.items():
        config = replace(config, **{section: replace(getattr(config, section), **values)})
    recorder = Recorder()
    pretrain(config, tmp_path / "run", reporter=recorder)
    assert len(recorder.losses) == 6
    assert all(math.isfinite(loss) for loss in recorder.losses.values())
    assert "last.ckpt" in names(tmp_path / "run")
    on_cpu = not (torch.cuda.is_available() or torch.backends.mps.is_available())
    if config.hardware.precision == "16" and on_cpu:
        assert json.loads((tmp_path / "run/run.json").read_text())["hyperparameters"]["precision"] == "bf16"
        assert any("--precision 16 on a CPU" in notice for notice in recorder.notices)


def test_half_precision_that_torch_gets_wrong_on_a_cpu_is_refused(tiny: PretrainConfig, tmp_path: Path) -> None:
    """Crops of 8 px are one pixel before the last stage's strided convolution when the stem halves them, too."""
    config = replace(
        tiny,
        backbone=replace(tiny.backbone, stem_stride=2),
        augmentation=replace(tiny.augmentation, crop_sizes=(16, 8)),
        hardware=replace(tiny.hardware, precision="bf16", accelerator="cpu"),
    )
    with pytest.raises(ConfigError, match=r"crops of 8 px.*--precision 32"):
        pretrain(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
