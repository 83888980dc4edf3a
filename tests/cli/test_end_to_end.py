"""The real command line on a tiny data set: train, evaluate, kill, resume, grow, damage, export."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from swaveval.results import Series
from tests.field.around_runs import command, swaveval, table
from tests.tiny_images import write_images

EVALUATORS = "knn,linear,clusters,spectrum,drift"
SIZE = ["--evaluators", EVALUATORS]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images") / "bars")


@pytest.fixture(scope="module")
def trained(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory of three checkpoints, made by `swaveval pretrain`."""
    run = tmp_path_factory.mktemp("trained") / "tiny"
    settings = run.parent / "tiny.toml"
    settings.write_text(
        "[backbone]\nname = 'resnet10'\nstem = 'small'\nwidth = 8\n[swav]\nprototypes = 12\n"
        "frozen_prototype_steps = 2\n"
        "[training]\nepochs = 2\nbatch_size = 18\n[hardware]\naccelerator = 'cpu'\nworkers = 0\n"
    )
    swaveval("pretrain", "--data", images, "--out", run, "--config", settings, env={})
    return run


@pytest.fixture(scope="module")
def evaluated(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory with its evaluation, by a process of its own as a user's is."""
    run = Path(shutil.copytree(trained, tmp_path_factory.mktemp("evaluated") / "tiny"))
    swaveval("run", "--ckpt-dir", run / "checkpoints", *SIZE, "--quiet", env={})
    return run


@pytest.fixture
def evaluated_directory(evaluated: Path, tmp_path: Path) -> Path:
    """A copy of the evaluated run that a test may spoil."""
    return Path(shutil.copytree(evaluated, tmp_path / "tiny"))


@pytest.fixture
def run_directory(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained run that a test may spoil."""
    return Path(shutil.copytree(trained, tmp_path / "tiny"))


def evaluate(run: Path, *more: object, code: int = 0) -> dict[str, object]:
    finished = swaveval("run", "--ckpt-dir", run / "checkpoints", *SIZE, "--no-figures", "--json", *more, code=code)
    return json.loads(finished.stdout)


def test_a_pretrained_directory_needs_nothing_else_said(evaluated_directory: Path) -> None:
    out = evaluated_directory / "report"
    verdict = json.loads((out / "verdict.json").read_text())
    assert (out / "index.html").read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    assert list((out / "figures").glob("*.svg"))
    assert list((out / "figures").glob("*.png"))

    again = evaluate(evaluated_directory)
    assert Path(str(again["page"])) == out / "index.html"
    assert again["computed"] == 0
    assert again["verdict"] == verdict["verdict"]
    assert again["sentence"] == verdict["sentence"]

    exported = list(csv.DictReader(io.StringIO(swaveval("export", out).stdout)))
    knn = {row["checkpoint"]: row for row in exported if row["metric"] == "knn.top1"}
    assert any(name.startswith("epoch=0") for name in knn)
    assert "raw pixels" in knn
    assert "majority class" in knn
    assert sum(name.startswith("random init") for name in knn) == 2  # step 0 is the third
    assert not any("last" in name for name in knn)
    assert all(0 <= float(row["ci_low"]) <= float(row["value"]) <= float(row["ci_high"]) <= 1 for row in knn.values())

    plan = json.loads(swaveval("plan", "--ckpt-dir", evaluated_directory / "checkpoints", *SIZE, "--json").stdout)
    assert all(cell["done"] for cell in plan["cells"])
    assert len(plan["cells"]) == len(Series.load(out).manifest.evaluated), "what a sentence counts"

    (out / "index.html").unlink()
    swaveval("report", out)
    assert (out / "index.html").exists()


@pytest.mark.torture
def test_killed_anywhere_the_next_run_does_the_rest(run_directory: Path) -> None:
    process = subprocess.Popen(
        command(["run", "--ckpt-dir", run_directory / "checkpoints", *SIZE]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    cells = run_directory / "report" / "results" / "cells"
    deadline = time.monotonic() + 120
    while len(list(cells.glob("*.json"))) < 3 and process.poll() is None and time.monotonic() < deadline:
        os.sched_yield()
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished_before = len(list(cells.glob("*.json")))
    assert finished_before >= 3

    rest = evaluate(run_directory)
    whole = json.loads(
        swaveval(
            "run",
            "--ckpt-dir",
            run_directory / "checkpoints",
            *SIZE,
            "--no-figures",
            "--json",
            "--out",
            run_directory / "other",
        ).stdout
    )
    assert rest["computed"] == whole["computed"] - finished_before
    assert table(run_directory / "report") == table(run_directory / "other")


def test_a_new_checkpoint_costs_one_checkpoint(run_directory: Path) -> None:
    last = max((run_directory / "checkpoints").glob("epoch=2*.ckpt"))
    kept = last.rename(run_directory / "kept.ckpt")
    (run_directory / "checkpoints" / "last.ckpt").unlink(missing_ok=True)
    evaluate(run_directory)
    kept.rename(last)
    grown = evaluate(run_directory)
    per_backbone = [name for name in EVALUATORS.split(",") if name != "drift"]
    assert grown["computed"] == len(per_backbone) + 1


def test_damage_is_found_and_repaired(evaluated_directory: Path) -> None:
    out = evaluated_directory / "report"
    victim = sorted((out / "results" / "cells").glob("*.json"))[0]
    victim.write_bytes(victim.read_bytes().replace(b'"value": ', b'"value":  9', 1)[:-4])
    assert "damaged" in swaveval("export", out, code=4).stderr
    assert evaluate(evaluated_directory)["computed"] in (0, 1)  # 0 when the victim was the cell of thumbnails
    swaveval("export", out)


def test_a_torn_checkpoint_costs_itself_only(run_directory: Path) -> None:
    whole = max((run_directory / "checkpoints").glob("epoch=2*.ckpt"))
    torn = run_directory / "checkpoints" / "epoch=3-step=9.ckpt"
    torn.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    os.utime(torn, (1, 1))
    finished = swaveval("run", "--ckpt-dir", run_directory / "checkpoints", *SIZE, "--no-figures", "--quiet")
    assert "epoch=3-step=9.ckpt" in finished.stderr
    assert finished.stdout.strip().endswith("index.html")


def test_fail_on_has_its_own_exit_code(evaluated_directory: Path) -> None:
    verdict = json.loads((evaluated_directory / "report" / "verdict.json").read_text())["verdict"]
    finished = swaveval(
        "run", "--ckpt-dir", evaluated_directory / "checkpoints", *SIZE, "--no-figures", "--fail-on", verdict, code=5
    )
    assert str(verdict) in finished.stdout


def test_unlabelled_flat_folder(run_directory: Path, images: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in images.rglob("*.png"):
        shutil.copy(path, flat / f"{path.parent.name}-{path.name}")
    result = evaluate(run_directory, "--data", flat, "--out", tmp_path / "out", "--evaluators", "knn,views,spectrum")
    assert result["labelled"] is False
    exported = table(tmp_path / "out")
    assert {row["status"] for row in exported if row["evaluator"] == "knn"} == {"skipped"}
    assert any(row["metric"] == "views.retrieval" for row in exported)


def test_compare_two_evaluations(evaluated_directory: Path, tmp_path: Path) -> None:
    evaluate(evaluated_directory, "--name", "first")
    other = Path(shutil.copytree(evaluated_directory, tmp_path / "other"))
    evaluate(other, "--name", "second")
    page = tmp_path / "comparison.html"
    finished = swaveval("compare", evaluated_directory, other / "report", "--out", page)
    assert str(page) in finished.stdout
    assert "first" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--ckpt-dir", "/nowhere"], ["/nowhere"]),
        (["report", "/nowhere"], ["no results"]),
        (["compare", "/nowhere"], ["two or more"]),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], words: list[str]) -> None:
    finished = swaveval(*arguments, code=2)
    assert finished.stderr.count("\n") == 1
    for word in words:
        assert word in finished.stderr


def test_a_foreign_directory_asks_for_data_in_one_line(run_directory: Path, tmp_path: Path) -> None:
    foreign = Path(shutil.copytree(run_directory / "checkpoints", tmp_path / "foreign" / "checkpoints"))
    finished = swaveval("run", "--ckpt-dir", foreign, code=2)
    assert "--data" in finished.stderr
    assert finished.stderr.count("\n") == 1


def test_an_unknown_evaluator_is_named_before_anything_is_computed(run_directory: Path) -> None:
    finished = swaveval("run", "--ckpt-dir", run_directory / "checkpoints", "--evaluators", "knnn", code=2)
    assert "knnn" in finished.stderr


def test_a_broken_plugin_costs_only_its_cells(run_directory: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("raise RuntimeError('no licence')\n")
    finished = swaveval(
        "run", "--ckpt-dir", run_directory / "checkpoints", "--evaluators", "knn", "--evaluator", f"{plugin}:Mine",
        "--json", code=1,
    )  # fmt: skip
    result = json.loads(finished.stdout)
    assert all("no licence" in reason for _, _, reason in result["failed"])
    assert "knn.top1" in swaveval("export", run_directory / "report").stdout
