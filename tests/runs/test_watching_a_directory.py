"""Rounds of a watch: what lands is evaluated once, what goes stays, and it ends when it was asked to."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import typer.testing

from swaveval.cli.app import app
from swaveval.errors import USAGE
from swaveval.results import Series
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.run import run
from swaveval.runs.watching import Round, Watcher, Watching, watch
from tests.crashes.samples import checkpoint
from tests.tiny_images import write_images

HOW = Watching(poll=0.05, until="training-ends", quiet=0.6)


@pytest.fixture
def request_(tmp_path: Path) -> RunRequest:
    """Of a directory that is not there yet."""
    images = write_images(tmp_path / "bars", per_class=4)
    return RunRequest(
        tmp_path / "run" / "checkpoints",
        tmp_path / "out",
        data=str(images),
        evaluators=("knn", "drift"),
        device="cpu",
        one_run=True,
    )


def write(request: RunRequest, number: int) -> None:
    request.checkpoints.mkdir(parents=True, exist_ok=True)
    (request.checkpoints / f"epoch={number}.ckpt").write_bytes(checkpoint(number, number))


def rounds(request: RunRequest, how: Watching = HOW) -> Iterator[tuple[list[str], Round]]:
    for done in watch(request, how):
        yield [point.record.name for point in done.fresh], done


def test_each_that_lands_is_evaluated_once_and_stays(request_: RunRequest) -> None:
    write(request_, 1)
    seen, computed = [], 0
    for fresh, done in rounds(request_):
        seen += fresh
        computed += done.outcome.computed
        number = len(seen)
        if number < 3:
            write(request_, number + 1)
            if number == 2:
                (request_.checkpoints / "epoch=1.ckpt").unlink()
    assert seen == ["epoch=1.ckpt", "epoch=2.ckpt", "epoch=3.ckpt"]
    assert done.gone == 1
    series = Series.load(request_.out)
    assert [point.record.name for point in series.points] == seen
    assert all("drift.relative_l2" in point.metrics for point in series.points[1:])
    pictures = 1  # what the page shows of the images
    assert computed + pictures == len(list((request_.out / "results" / "cells").glob("*.json")))

    # An evaluation that does not watch keeps what is gone; one of another directory does not take it for its own.
    assert len(run(request_).written.series.points) == 3
    other = request_.checkpoints.parent / "other"
    shutil.copytree(request_.checkpoints, other)
    assert len(run(replace(request_, checkpoints=other)).written.series.points) == 2
    assert len(run(replace(request_, checkpoints=other)).written.series.points) == 2


def test_a_verdict_that_is_unwanted_ends_it(request_: RunRequest) -> None:
    write(request_, 1)
    never = Watching(poll=0.05, fail_on=frozenset({"inconclusive", "not-learning"}))
    assert len(list(rounds(request_, never))) == 1


def test_a_first_file_that_cannot_be_read_is_said_at_once(request_: RunRequest) -> None:
    request_.checkpoints.mkdir(parents=True)
    (request_.checkpoints / "epoch=1.ckpt").write_bytes(b"no checkpoint at all" * 100)
    with pytest.raises(RunError, match="none of 1 checkpoint files can be evaluated"):
        list(rounds(request_))


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"budget": 60.0}, "leave one out"),
        ({"evaluators": ("knm",)}, "knm"),
        ({"data": "nowhere"}, "there is no directory"),
    ],
)
def test_what_would_stop_it_is_said_before_there_is_a_checkpoint(
    request_: RunRequest, changes: dict[str, object], sentence: str
) -> None:
    from swaveval.errors import SwavevalError

    with pytest.raises(SwavevalError, match=sentence):
        Watcher(replace(request_, **changes), HOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--until", "training-ends"], "are for --watch"),
        (["--poll", "3"], "are for --watch"),
        (["--watch", "--until", "tomorrow"], "--until takes training-ends"),
        (["--watch", "--quiet-for", "5m"], "add --until training-ends"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, options: list[str], sentence: str) -> None:
    found = typer.testing.CliRunner().invoke(app, ["run", "-c", str(tmp_path), "-d", "digits", *options])
    assert found.exit_code == USAGE
    assert sentence in found.stderr
