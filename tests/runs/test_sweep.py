"""The grid of a sweep, and one real sweep that is stopped and goes on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_images import write_images
from typer.testing import CliRunner

from swaveval.cli.app import app
from swaveval.errors import CELLS_FAILED, SwavevalError
from swaveval.pretrain.config import BackboneConfig, DataConfig, HardwareConfig, PretrainConfig, TrainingConfig
from swaveval.pretrain.config_file import apply, read_config
from swaveval.pretrain.errors import ConfigError
from swaveval.runs.compare import Compared
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.sweep import SweepAxis, SweepRequest, configure, grid, run_name, sweep

PROTOTYPES = SweepAxis("prototypes", (10, 30))
RATES = SweepAxis("learning_rate", (1e-3, 2e-3))


def test_axes_are_combined_with_one_another() -> None:
    settings = grid([PROTOTYPES, RATES])
    assert [run_name(setting) for setting in settings] == [
        "prototypes=10,learning_rate=0.001",
        "prototypes=10,learning_rate=0.002",
        "prototypes=30,learning_rate=0.001",
        "prototypes=30,learning_rate=0.002",
    ]


def test_no_two_settings_share_a_name() -> None:
    seeds = grid([SweepAxis("seed", (1234567.0, 1234568.0, 0.0))])
    assert [run_name(setting) for setting in seeds] == ["seed=1234567", "seed=1234568", "seed=0"]
    rates = grid([SweepAxis("learning_rate", (0.0012345678, 0.0012345679))])
    assert len({run_name(setting) for setting in rates}) == 2


@pytest.mark.parametrize(
    "axes",
    [
        [],
        [SweepAxis("prototypes", (10, 10))],
        *([SweepAxis(name, (30.5, 60))] for name in ("batch_size", "prototypes")),
    ],
)
def test_a_sweep_without_a_difference_is_refused(axes: list[SweepAxis]) -> None:
    with pytest.raises(RunError):
        grid(axes)


def test_every_axis_reaches_its_setting() -> None:
    config = configure(
        PretrainConfig(), {"prototypes": 30, "learning_rate": 0.01, "batch_size": 64, "data_fraction": 0.5, "seed": 4}
    )
    assert config.training.seed == 4
    assert (config.swav.prototypes, config.optimiser.learning_rate) == (30, 0.01)
    assert (config.training.batch_size, config.data.fraction) == (64, 0.5)


def small(path: Path) -> PretrainConfig:
    return PretrainConfig(
        data=DataConfig(path=str(write_images(path / "bars")), fraction=0.8),
        backbone=BackboneConfig(name="resnet10", stem="small", stem_stride=2, width=8),
        training=TrainingConfig(epochs=1, batch_size=16),
        hardware=HardwareConfig(accelerator="cpu", workers=0),
    )


def test_a_setting_that_diverges_is_left_out_and_the_others_go_on(tmp_path: Path) -> None:
    """It ended the sweep, for good: the same command met it again."""
    evaluation = RunRequest(tmp_path, tmp_path, evaluators=("spectrum",), figures=False)
    request = SweepRequest(small(tmp_path), (SweepAxis("learning_rate", (1e12, 1e-3)),), tmp_path / "sweep", evaluation)
    said: list[str] = []
    page, outcomes = sweep(request, left_out=said.append)
    assert [outcome.written.series.manifest.name for outcome in outcomes] == ["learning_rate=0.001"]
    assert page == outcomes[0].written.page
    assert len(said) == 1
    assert said[0].startswith("learning_rate=1e+12 is left out: the loss is ")
    assert "stop_on_nan = false under [training]" in said[0]
    assert "--no-stop-on-nan" not in said[0]
    config = tmp_path / "c.toml"
    config.write_text("[training]\nstop_on_nan = false\n", encoding="utf-8")
    assert not apply(PretrainConfig(), read_config(config), origin="c.toml").training.stop_on_nan


def test_what_was_left_out_stands_on_the_page_and_in_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = "[backbone]\nname = 'resnet10'\nstem = 'small'\nstem_stride = 2\nwidth = 8\n[hardware]\nworkers = 0\n"
    Path("c.toml").write_text(config, encoding="utf-8")
    asked = ["sweep", "--data", str(write_images(tmp_path / "bars")), "--config", "c.toml", "--epochs", "1"]
    asked += ["--learning-rates", "1e-3,1e12,2e-3", "-e", "spectrum", "--out", "s", "--device", "cpu"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == CELLS_FAILED, result.output
    assert "learning_rate=1e+12 is left out: the loss is" in result.output
    page = Path("s/index.html").read_text(encoding="utf-8")
    assert "Could not be trained and is left out: learning_rate=1e+12: the loss is" in page


@pytest.mark.parametrize("axis", [SweepAxis("batch_size", (16, 5000)), SweepAxis("data_fraction", (0.5, 0.001)),
                                  SweepAxis("prototypes", (10, 90000)), SweepAxis("prototypes", (10, 1))])  # fmt: skip
def test_a_setting_that_cannot_work_is_said_before_the_first_training(axis: SweepAxis, tmp_path: Path) -> None:
    evaluation = RunRequest(tmp_path, tmp_path, evaluators=("knn",))
    with pytest.raises(ConfigError, match=f"^{run_name({axis.name: axis.values[1]})}: "):
        sweep(SweepRequest(small(tmp_path), (axis,), tmp_path / "sweep", evaluation))
    assert not list((tmp_path / "sweep").glob("*"))


def test_a_sweep_trains_evaluates_compares_and_goes_on(tmp_path: Path) -> None:
    base = small(tmp_path)
    evaluation = RunRequest(tmp_path, tmp_path, evaluators=("knn", "spectrum"))
    one = SweepRequest(base, (SweepAxis("seed", (0,)),), tmp_path / "sweep", evaluation)
    _, first = sweep(one)
    assert first[0].computed > 0
    told: list[Compared] = []
    again = SweepRequest(base, (SweepAxis("seed", (0, 1)),), tmp_path / "sweep", evaluation)
    page, both = sweep(replace(again, evaluation=replace(evaluation, budget=600.0)), comparing=told.append)
    assert page == tmp_path / "sweep" / "index.html"
    assert both[0].computed == 0
    assert both[1].computed > 0
    stored = [outcome.written.series.manifest for outcome in both]
    assert stored[0].recipe == stored[1].recipe != "", "they differ by their seed alone"
    assert [manifest.training_epochs for manifest in stored] == [1, 1]
    first_share, second_share = (manifest.budget_seconds for manifest in stored)
    assert first_share == 300.0, "a budget is shared out"
    assert second_share is not None
    assert 300.0 < second_share < 600.0, "what the first did not need is the second's"
    assert [len(compared.groups) for compared in told] == [1]
    assert "2 runs of 1 setting" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "wrong",
    [
        {"evaluators": ("knn", "nosuch")},
        {"evaluators": ("knn(nosuch=1)",)},
        {"evaluators": ()},
        {"executor": "nosuch"},
        {"device": "nosuch"},
        {"seed": -1},
        {"cell_timeout": 1.0, "executor": "local(nosuch=1)"},
        {"loss_log": Path("nosuch.csv")},
    ],
    ids=str,
)
def test_what_stops_the_evaluation_is_said_before_training(tmp_path: Path, wrong: dict[str, Any]) -> None:
    base = PretrainConfig(data=DataConfig(path=str(write_images(tmp_path / "bars"))))
    evaluation = replace(RunRequest(tmp_path, tmp_path / "sweep", evaluators=("knn",)), **wrong)
    with pytest.raises(SwavevalError):
        sweep(SweepRequest(base, (SweepAxis("seed", (0, 1)),), tmp_path / "sweep", evaluation))
    assert not list((tmp_path / "sweep").glob("*"))
