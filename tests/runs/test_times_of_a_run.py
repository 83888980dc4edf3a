"""What a run notes of its own time, in this process and in workers, and what it says while it works."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from swaveval.results import Cell, CellKey, Series
from swaveval.results.seconds import OF_PAGE
from swaveval.results.spent import spent
from swaveval.results.store import ResultStore
from swaveval.runs.estimates import NETWORK, Estimates
from swaveval.runs.executors import make_executor
from swaveval.runs.job import Job
from swaveval.runs.outcome import Made
from swaveval.runs.page import write_page
from swaveval.runs.performing import perform_all
from swaveval.runs.plan import EvaluatorSpec, PlannedCell
from swaveval.runs.progress import Detailed, Progress, Silent, Told, doing, left
from swaveval.runs.request import RunRequest
from swaveval.runs.run import run
from tests.field.around_runs import write_checkpoints
from tests.runs.odd_tasks import Odd, planned
from tests.tiny_images import write_images


@dataclass
class Hearing(Silent):
    said: list[str] = field(default_factory=list)
    until: list[float | None] = field(default_factory=list)

    def doing(self, text: str) -> None:
        self.said.append(text)

    def left(self, seconds: float | None) -> None:
        self.until.append(seconds)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("times")
    write_images(made / "bars", per_class=8)
    write_checkpoints(made / "run" / "checkpoints", count=2)
    return made


def asked(place: Path, out: Path, jobs: int, *evaluators: str) -> RunRequest:
    return RunRequest(
        checkpoints=place / "run" / "checkpoints", out=out, data=str(place / "bars"), evaluators=evaluators, jobs=jobs
    )


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.torture)])
def test_every_stage_of_every_checkpoint_is_timed(jobs: int, place: Path, tmp_path: Path) -> None:
    heard = Hearing()
    outcome = run(asked(place, tmp_path, jobs, "knn", "linear", "drift"), heard)
    found = {row.name: row for row in spent(outcome.written.series)}
    for name in ("epoch=1.ckpt", "epoch=2.ckpt", "random init, seed 0"):
        assert {"reading", "forward", "forward_views", "storing", "searches"} <= set(found[name].stages), name
        assert set(found[name].evaluators) == {"knn", "linear"}
        assert all(seconds > 0 for seconds in found[name].stages.values())
    assert set(found["raw pixels"].stages) == {"forward", "forward_views", "searches"}
    assert set(found["all checkpoints"].evaluators) == {"drift"}
    assert set(Series.load(tmp_path).seconds[""].stages) == {"decoding", "page"}
    text = " ".join(heard.said)
    assert all(f"{name}: {what}" in text for name in ("epoch=1.ckpt", "raw pixels") for what in ("features", "knn"))
    assert "all checkpoints: drift" in text
    assert [seconds for seconds in heard.until if seconds is not None]
    assert not outcome.failed


def test_a_second_run_keeps_the_times_of_what_it_does_not_do(place: Path, tmp_path: Path) -> None:
    first = run(asked(place, tmp_path, 1, "knn")).written.series
    again = run(asked(place, tmp_path, 1, "knn", "spectrum")).written.series
    networks = [point.record.digest for point in (*first.points, *first.baselines[:3])]
    assert len(networks) == 5
    for digest in networks:
        known = first.seconds[str(digest)]
        assert again.seconds[str(digest)] == known
        assert known.searches["knn"] > 0
    assert again.seconds[""].stages["decoding"] == first.seconds[""].stages["decoding"]


def test_a_page_written_again_is_the_same(place: Path, tmp_path: Path) -> None:
    page = run(asked(place, tmp_path, 1, "knn")).written.page
    before = page.read_bytes()
    assert b"Where the time went" in before
    assert b"judging and this page" in before
    assert write_page(tmp_path, figures=False).page.read_bytes() == before
    ResultStore(tmp_path / "results").seconds.forget(*OF_PAGE, stage="page")
    write_page(tmp_path, figures=False)
    assert "page" in Series.load(tmp_path).seconds[""].stages


def test_who_listens_to_the_usual_three_hears_no_more() -> None:
    class Usual:
        def stage(self, name: str, total: int) -> None:
            pass

        def advance(self, done: int, total: int) -> None:
            pass

        def message(self, text: str) -> None:
            pass

    assert isinstance(Usual(), Progress)
    assert not isinstance(Usual(), Detailed)
    told = Told(Usual())
    told.doing("something")
    told.left(3.0)
    heard = Hearing()
    doing(Told(heard), "a: knn")
    left(Told(heard), 2.0)
    assert (heard.said, heard.until) == (["a: knn"], [2.0])


# -- what the rest will take -------------------------------------------------------------------------------------------


def cell(backbone: str, evaluator: str, seconds: float) -> Cell:
    return Cell(CellKey(backbone, "data", "protocol", evaluator, 1), seconds=seconds)


def test_estimates_are_means_of_what_was_seen(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    estimates = Estimates(store)
    assert estimates.of_cell(NETWORK, "knn") is None
    assert estimates.of_shared(NETWORK) is None
    store.seconds.put("a", "data", "protocol", {"reading": 1.0, "forward": 2.0})
    store.seconds.put("b", "data", "protocol", {"forward": 5.0})
    for backbone, seconds in (("a", 1.0), ("b", 2.0)):
        estimates.seen(NETWORK, cell(backbone, "knn", seconds))
        estimates.seen(NETWORK, cell(backbone, "linear", 10 * seconds))
    assert estimates.of_cell(NETWORK, "knn") == 1.5
    assert estimates.of_cell("plain", "linear") == 15.0
    assert estimates.of_shared(NETWORK) == estimates.of_shared("plain") == 4.0
    store.seconds.put("p", "data", "protocol", {"forward": 0.5})
    estimates.seen("plain", cell("p", "knn", 0.1))
    assert estimates.of_shared("plain") == 0.5
    assert estimates.of_cell("plain", "knn") == 0.1


def test_estimates_of_what_is_stored(tmp_path: Path) -> None:
    store, estimates = ResultStore(tmp_path), Estimates(ResultStore(tmp_path))
    for backbone, seconds in (("a", 1.0), ("r", 9.0)):
        store.put(cell(backbone, "knn", seconds))
    spec = EvaluatorSpec("knn", "knn")
    cells = [PlannedCell(cell(one, "knn", 0).key, spec, one, one in "ar") for one in ("a", "b", "r")]
    estimates.learn(cells, ["a", "b"])
    assert estimates.of_cell(NETWORK, "knn") == 1.0


def test_time_left_is_known_once_every_kind_of_work_was_seen(tmp_path: Path) -> None:
    images = write_images(tmp_path / "bars", per_class=4)
    job = Job(RunRequest(checkpoints=tmp_path, out=tmp_path / "out", data=str(images), split_seed=0))
    heard = Hearing()
    job.workspace.progress = heard
    tasks = [Odd(name, planned(name, "first", "second"), tmp_path) for name in ("a", "b")]
    estimates = Estimates(job.workspace.store)
    assert perform_all("odd", tasks, make_executor("local"), job, estimates) == Made(4)
    # Before anything, and after the first of its kind, nobody can tell; from the second on it is known.
    assert heard.until[:2] == [None, None]
    assert all(seconds is not None for seconds in heard.until[2:])
    assert heard.until[-1] == 0.0
    assert "b: second" in heard.said
