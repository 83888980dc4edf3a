"""`--log-to`: what is named, what is said before, and that no tracker can spoil an evaluation."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer

import swaveval
from swaveval.cli.report import report
from swaveval.errors import NOT_LOGGED, SwavevalError
from swaveval.results import Series
from swaveval.results.exporters import ExportError
from swaveval.results.places import OutputError
from swaveval.runs.log_to import destinations, split_destination
from swaveval.specification import PluginError
from tests.field.around_runs import swaveval as command
from tests.trackers.growing import SMALL, expected, first_of, invented
from tests.trackers.test_tensorboard import points, read, same

BROKEN = """
from pathlib import Path

class Broken:
    def write(self, series, target):
        raise RuntimeError(f"{target} is on\\nfire")
class Full:
    def write(self, series, target):
        raise OSError(28, "No space left on device", target)
class Talks:
    def write(self, series, target):
        Path(target).write_text(series.manifest.name)
        return "look at it with less"
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("plugin") / "broken.py"
    path.write_text(BROKEN)
    return str(path)


@pytest.mark.parametrize(
    ("text", "name", "target"),
    [
        ("tensorboard:runs/mine", "tensorboard", "runs/mine"),
        ("mlflow:sqlite:///runs.db", "mlflow", "sqlite:///runs.db"),
        ("mlflow:http://host:5000", "mlflow", "http://host:5000"),
        ("wandb(entity='a:b'):mine", "wandb(entity='a:b')", "mine"),
        ("wandb(entity=')'):mine", "wandb(entity=')')", "mine"),
        ("x/my.py:Mine:out.md", "x/my.py:Mine", "out.md"),
        ("my.py:Mine(a=1):C:out", "my.py:Mine(a=1)", "C:out"),
        ("os.path:join:out", "os.path:join", "out"),
        ("csv:a:b", "csv", "a:b"),
        ("tensorboard", "tensorboard", ""),
        ("tensorboard:", "tensorboard", ""),
        ("nowhere:x", "nowhere", "x"),
    ],
)
def test_what_a_destination_names(text: str, name: str, target: str) -> None:
    assert split_destination(text) == (name, target)


def test_what_cannot_be_is_said_before_anything_is_done(
    tmp_path: Path, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for text, kind, sentence in [
        ("tensorbord:x", PluginError, r"did you mean tensorboard\?"),
        ("tensorboard", ExportError, "names no target"),
        (f"tensorboard:{tmp_path}/file", OutputError, "is a file"),
        (f"csv:{tmp_path}/file/x.csv", OutputError, "is a file"),
        (f"{plugin}:Broken:{tmp_path}/file/x", OutputError, "is a file"),
        (f"{plugin}:Nothing:x", PluginError, "cannot be loaded"),
        ("parquet:-", ExportError, "name a file"),
    ]:
        with pytest.raises(kind, match=sentence):
            destinations([text])
    for package in ("tensorboard", "wandb", "mlflow"):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ExportError, match=rf"pip install 'swaveval\[{package}\]'"):
            destinations([f"{package}:x"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_evaluate_logs_when_the_page_is_written(tmp_path: Path, plugin: str) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    features = {f"epoch {n}": random.normal(size=(60, 6)) + n * labels[:, None] for n in range(2)}
    asked = {"labels": labels, "evaluators": ["knn", "spectrum"], "out": tmp_path / "report"}
    with pytest.raises(SwavevalError, match="tensorboard:DIR"):
        swaveval.evaluate(features=features, log_to="tensorboard:/proc/version/x", **asked)
    assert not (tmp_path / "report").exists()
    evaluation = swaveval.evaluate(
        features=features,
        log_to=[f"{plugin}:Broken:x", f"tensorboard:{tmp_path}/logs", f"{plugin}:Full:{tmp_path}/y"],
        **asked,
    )
    (place,) = (tmp_path / "logs").iterdir()
    same(points(read(place)), expected(evaluation.series))
    broken, full = evaluation.problems
    assert broken == f"not logged to {plugin}:Broken:x: RuntimeError: x is on fire"
    assert "no space is left" in full
    assert evaluation.page.is_file()


def test_report_says_what_came_of_it(tmp_path: Path, plugin: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = invented(tmp_path / "report", replace(SMALL, evaluators=("gallery",)))  # one figure
    report(out, no_images=False, figures_only=False, log_to=[f"{plugin}:Talks:{tmp_path}/name"])
    said = capsys.readouterr()
    assert (tmp_path / "name").read_text() == SMALL.name
    assert f"logged to: {plugin}:Talks:{tmp_path}/name\nlook at it with less\n" in said.err
    with pytest.raises(typer.Exit) as left:
        report(out, no_images=False, figures_only=False, log_to=[f"{plugin}:Broken:x", f"csv:{tmp_path}/x.csv"])
    assert left.value.exit_code == NOT_LOGGED
    assert "not logged to" in capsys.readouterr().err
    assert (tmp_path / "x.csv").read_text().startswith("run,checkpoint")


@pytest.mark.torture
def test_run_logs_as_it_grows_and_again(tmp_path: Path, plugin: str) -> None:
    """The command on checkpoints, in processes of its own."""
    from tests.tiny_images import write_images

    images = write_images(tmp_path / "images")
    settings = tmp_path / "tiny.toml"
    settings.write_text(
        "[backbone]\nname = 'resnet10'\nstem = 'small'\nwidth = 8\n[swav]\nprototypes = 12\n"
        "frozen_prototype_steps = 2\n[training]\nepochs = 2\nbatch_size = 18\n"
        "[hardware]\naccelerator = 'cpu'\nworkers = 0\n"
    )
    run, logs = tmp_path / "tiny", tmp_path / "logs"
    command("pretrain", "--data", images, "--out", run, "--config", settings, env={})
    last = max((run / "checkpoints").glob("epoch=*"), key=os.path.getmtime)
    aside = last.rename(tmp_path / last.name)
    (run / "checkpoints" / "last.ckpt").unlink(missing_ok=True)
    asked = ["run", "--ckpt-dir", run / "checkpoints", "--evaluators", "knn,spectrum,umap", "--no-figures", "--quiet"]
    asked += ["--log-to", f"tensorboard:{logs}"]
    for _ in range(2):
        command(*asked, env={})
        same(points(read(logs / "tiny")), expected(Series.load(run / "report")))
    aside.rename(last)
    finished = command(*asked, "--log-to", f"{plugin}:Broken:x", code=NOT_LOGGED, env={})
    assert "not logged to" in finished.stderr
    same(points(read(logs / "tiny")), expected(Series.load(run / "report")))
    assert first_of(run / "report", 2).points
    embedded = command("export", run, "--embeddings", "all", "--to", tmp_path / "x.parquet", env={})
    assert embedded.stderr.count("written: ") == 3
    watched = [*asked, "--watch", "--until", "training-ends", "--quiet-for", "2s", "--poll", "0.5"]
    command(*watched, "--log-to", f"csv:{tmp_path}/x.csv", env={})
    assert (tmp_path / "x.csv").is_file()
    same(points(read(logs / "tiny")), expected(Series.load(run / "report")))
    refused = command(*asked, "--log-to", "wandb:a/b", code=2, env={})
    assert "is no project of W&B" in refused.stderr
