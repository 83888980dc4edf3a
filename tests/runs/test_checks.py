"""What is refused before anything is opened."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from swaveval.results.places import OutputError
from swaveval.runs.checks import check_plan, check_run
from swaveval.runs.progress import Progress, Silent
from swaveval.runs.request import RunError, RunRequest


@dataclass
class Heard:
    """Keeps what it is told."""

    messages: list[str] = field(default_factory=list)

    def stage(self, name: str, total: int) -> None:
        self.messages.append(f"{name} of {total}")

    def advance(self, done: int, total: int) -> None:
        self.messages.append(f"{done}/{total}")

    def message(self, text: str) -> None:
        self.messages.append(text)


@pytest.fixture
def request_(tmp_path: Path) -> RunRequest:
    return RunRequest(checkpoints=tmp_path / "checkpoints", out=tmp_path / "report", device="cpu")


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_seeds_that_generators_take(seed: int, request_: RunRequest) -> None:
    check_plan(replace(request_, seed=seed))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_that_they_do_not(seed: int, request_: RunRequest) -> None:
    with pytest.raises(RunError, match=f"the seed is {seed}; it takes 0 to 4294967295"):
        check_plan(replace(request_, seed=seed))
    with pytest.raises(RunError, match="the seed is"):
        check_run(replace(request_, seed=seed), Silent())


def test_numpy_takes_just_these_seeds() -> None:
    import numpy as np

    np.random.RandomState(2**32 - 1)
    with pytest.raises(ValueError, match="Seed must be between"):
        np.random.RandomState(2**32)


def test_no_evaluator(request_: RunRequest) -> None:
    with pytest.raises(RunError, match="no evaluator is named"):
        check_plan(replace(request_, evaluators=()))


@pytest.mark.parametrize("jobs", [0, -3])
def test_no_job(jobs: int, request_: RunRequest) -> None:
    with pytest.raises(RunError, match=f"--jobs is {jobs}; it takes 1 or more"):
        check_run(replace(request_, jobs=jobs), Silent())


def test_as_it_is_where_all_is_well(request_: RunRequest) -> None:
    heard = Heard()
    assert check_run(request_, heard) == request_
    assert heard.messages == []


def test_more_jobs_than_processors_are_said_and_fewer_done(request_: RunRequest) -> None:
    heard = Heard()
    found = check_run(replace(request_, jobs=100_000), heard)
    assert 1 <= found.jobs < 100_000
    assert replace(found, jobs=100_000) == replace(request_, jobs=100_000)
    assert heard.messages == [f"--jobs 100000, but there are {found.jobs} processors: {found.jobs} at a time"]
    heard.messages.clear()
    assert check_run(found, heard) == found  # as many as there are is no matter
    assert heard.messages == []


def test_the_loss_log_and_the_place_are_looked_at_and_nothing_is_made(request_: RunRequest, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be read"):
        check_run(replace(request_, loss_log=tmp_path / "absent.csv"), Silent())
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file, not a directory"):
        check_run(replace(request_, out=tmp_path / "file" / "report"), Silent())
    (tmp_path / "log.csv").write_text("epoch,loss\n1,3\n2,2\n")
    check_run(replace(request_, loss_log=tmp_path / "log.csv"), Silent())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "log.csv"]


def test_what_is_told_and_what_is_silent_are_both_a_progress() -> None:
    assert isinstance(Heard(), Progress)
    assert isinstance(Silent(), Progress)
    assert not isinstance(object(), Progress)


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    silent = Silent()
    silent.stage("reading", 3)
    silent.advance(1, 3)
    silent.message("done")
    assert capsys.readouterr() == ("", "")
