"""`--budget`: what comes first, what is begun, what is said of the rest, and that a later run only goes on."""

import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaveval.checkpoints import Entry
from swaveval.convergence.partial import missing, without_budget
from swaveval.results import Cell, CellKey, CheckpointRecord, Series
from swaveval.results.seconds import FIGURES, OF_PAGE, PAGE
from swaveval.results.store import ResultStore
from swaveval.runs import unchanged
from swaveval.runs.budget import (
    FEWEST_SECONDS,
    MARGIN,
    Deadline,
    cheap_first,
    choose_next,
    guess,
    halving,
    in_order,
    reserve,
    series_in_order,
    time_for_figures,
)
from swaveval.runs.durations import DurationError, seconds_of
from swaveval.runs.estimates import NETWORK, SERIES, Estimates
from swaveval.runs.plan import EvaluatorSpec, Plan, PlannedCell
from swaveval.runs.request import RunRequest
from swaveval.runs.run import run
from swaveval.runs.tasks import BackboneTask, MajorityTask, SeriesTask
from tests.field.around_runs import swaveval as command
from tests.field.around_runs import write_checkpoints
from tests.tiny_images import write_images

# -- times in words ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("10 min", 600), ("2h", 7200), ("1h30m", 5400), ("0.5H", 1800)]
)
def test_times_as_people_write_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "soon", "0s", "-5m", "10m soon", "1e400h"])
def test_what_is_no_time_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(DurationError, match=r"--budget takes a time such as 90s, 10m, 2h or 1h30m; not "):
        seconds_of(text)


# -- the order ---------------------------------------------------------------------------------------------------------


def test_ends_first_then_the_middles_of_the_largest_gaps() -> None:
    assert halving(9) == [0, 8, 4, 2, 6, 1, 3, 5, 7]
    assert [halving(count) for count in range(4)] == [[], [0], [0, 1], [0, 2, 1]]


@given(st.integers(0, 120))
def test_halving_reaches_everything_and_keeps_gaps_even(count: int) -> None:
    order = halving(count)
    assert sorted(order) == list(range(count))
    for reached in range(2, count):
        places = sorted(order[:reached])
        gaps = [after - before for before, after in pairwise(places)]
        assert max(gaps) <= 2 * min(gaps) + 1


def record(name: str, **more: object) -> CheckpointRecord:
    return CheckpointRecord(name, digest=name, **more)  # type: ignore[arg-type]


def test_baselines_follow_the_ends() -> None:
    checkpoints = [record(str(place)) for place in range(5)]
    checkpoints.append(record("last", same_as="4", alias=True))
    checkpoints.append(CheckpointRecord("torn", state="corrupt"))
    baselines = [record(kind, kind="baseline", baseline=kind) for kind in ("colours", "pixels", "majority", "random")]
    order = [one.name for one in in_order([*checkpoints, *baselines])]
    assert order == ["0", "4", "random", "majority", "pixels", "colours", "2", "1", "3"]


# -- what is begun -----------------------------------------------------------------------------------------------------


def planned(backbone: str, *names: str, over: bool = False) -> tuple[PlannedCell, ...]:
    return tuple(
        PlannedCell(
            CellKey(backbone, "data", "t", name, 1), EvaluatorSpec(name, name, over_series=over), backbone, False
        )
        for name in names
    )


def network(name: str, **more: object) -> BackboneTask:
    return BackboneTask(name, planned(name, "knn", "linear"), record(name, **more), name, Entry(name, None))


def over(name: str) -> SeriesTask:
    return SeriesTask("all checkpoints", planned("series", name, over=True), (), ())


@pytest.fixture
def estimates(tmp_path: Path) -> Estimates:
    """A network takes 4 + 10 + 6 seconds."""
    store = ResultStore(tmp_path)
    store.seconds.put("seen", "data", "t", {"reading": 1.0, "forward": 3.0})
    made = Estimates(store)
    for name, seconds in (("linear", 10.0), ("knn", 6.0)):
        made.seen(NETWORK, Cell(CellKey("seen", "data", "t", name, 1), seconds=seconds))
    return made


def ahead(seconds: float) -> Deadline:
    return Deadline(time.monotonic() + seconds, seconds)


def test_nothing_is_begun_that_would_not_be_over_in_time(estimates: Estimates) -> None:
    tasks = [network("a"), network("b")]
    assert choose_next(tasks, estimates, ahead(1000), 5.0, None) is tasks[0]
    assert choose_next(tasks, estimates, ahead(20 * MARGIN + 4), 5.0, None) is None
    assert choose_next(tasks, estimates, ahead(-1), 0.0, None) is None
    assert choose_next([], estimates, ahead(1000), 0.0, None) is None


def test_what_fits_goes_before_what_does_not(estimates: Estimates, tmp_path: Path) -> None:
    ResultStore(tmp_path).seconds.put("p", "data", "t", {"forward": 0.1})
    for name in ("knn", "linear"):
        estimates.seen("plain", Cell(CellKey("p", "data", "t", name, 1), seconds=0.1))
    pixels = network("raw pixels", kind="baseline", baseline="pixels")
    majority = MajorityTask("majority class", planned("m", "knn"))
    assert choose_next([network("a"), pixels], estimates, ahead(10), 1.0, None) is pixels
    assert choose_next([network("a"), majority], estimates, ahead(10), 1.0, None) is majority


def test_the_first_network_is_begun_without_knowing(tmp_path: Path) -> None:
    nothing = Estimates(ResultStore(tmp_path))
    first = network("a")
    assert choose_next([first], nothing, ahead(10), 3.0, None) is first
    assert choose_next([first], nothing, ahead(2), 3.0, None) is None
    assert choose_next([over("umap")], nothing, ahead(10**6), 0.0, guess(nothing, 3)) is None


def test_what_was_never_timed_is_guessed_from_the_checkpoints(estimates: Estimates) -> None:
    unknown = guess(estimates, 7)
    assert (unknown(over("drift")), unknown(over("umap"))) == (20.0, 140.0)
    assert choose_next([over("umap")], estimates, ahead(100), 0.0, unknown) is None
    umap = over("umap")
    assert choose_next([umap], estimates, ahead(140 * MARGIN + 5), 0.0, unknown) is umap


def test_cheap_before_expensive(estimates: Estimates) -> None:
    task = replace(network("a"), cells=planned("a", "linear", "knn", "new"))
    assert [cell.spec.name for cell in cheap_first(task, estimates).cells] == ["new", "knn", "linear"]
    tasks = [over(name) for name in ("umap", "dse", "gallery", "mine", "stability")]
    names = [task.cells[0].spec.name for task in series_in_order(tasks, estimates)]
    assert names == ["dse", "mine", "gallery", "stability", "umap"]
    estimates.seen(SERIES, Cell(CellKey("s", "data", "t", "dse", 1), seconds=50.0))
    assert series_in_order(tasks, estimates)[-1].cells[0].spec.name == "dse"


def test_time_is_kept_for_the_page(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    assert reserve(ahead(10), store) == FEWEST_SECONDS
    assert reserve(ahead(1000), store) == 50.0
    assert not time_for_figures(ahead(10**6), store), "nobody knows what they take"
    store.seconds.put(*OF_PAGE, {PAGE: 8.0, FIGURES: 30.0})
    assert reserve(ahead(1000), store) == MARGIN * 8
    assert time_for_figures(ahead(60), store)
    assert not time_for_figures(ahead(40), store)


def test_series_of_other_lengths_are_scaled(tmp_path: Path) -> None:
    from swaveval.results import DataSummary, RunManifest

    store, estimates = ResultStore(tmp_path), Estimates(ResultStore(tmp_path))
    plan = Plan(planned("new series", "umap", over=True))
    estimates.learn_series(plan, 6)
    assert estimates.of_cell(SERIES, "umap") is None
    old = store.put(Cell(CellKey("old series", "data", "t", "umap", 1), seconds=10.0))
    manifest = RunManifest("run", DataSummary("", "", "", 0, 0), (record("a"), record("b")))
    store.write_manifest(replace(manifest, cell_names={old.key.digest: ("umap", "all checkpoints")}))
    estimates.learn_series(plan, 6)
    assert estimates.of_cell(SERIES, "umap") == 30.0


# -- a whole run -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("budget")
    write_images(made / "bars", per_class=16)
    write_checkpoints(made / "run" / "checkpoints", count=4)
    return made


def asked(place: Path, out: Path, budget: float | None) -> RunRequest:
    return RunRequest(
        checkpoints=place / "run" / "checkpoints",
        out=out,
        data=str(place / "bars"),
        evaluators=("knn", "spectrum", "drift"),
        budget=budget,
        command="swaveval run --ckpt-dir run/checkpoints --budget 5s",
    )


def test_enough_time_is_as_good_as_no_budget(place: Path, tmp_path: Path) -> None:
    usual, timed = (run(asked(place, tmp_path / name, budget)) for name, budget in (("a", None), ("b", 10**6)))
    assert timed.computed == usual.computed
    assert timed.waiting == ()
    assert timed.written.verdict == usual.written.verdict
    assert set(timed.written.series.manifest.cells) == set(usual.written.series.manifest.cells)
    assert "Not evaluated yet" not in timed.written.page.read_text(encoding="utf-8")
    assert unchanged.earlier(asked(place, tmp_path / "b", None)) is not None, "what is complete is complete"


def test_no_time_is_no_failure_and_a_later_run_goes_on(place: Path, tmp_path: Path) -> None:
    outcome = run(asked(place, tmp_path, 1e-6))
    verdict = outcome.written.verdict
    assert (outcome.computed, outcome.failed, outcome.unusable) == (0, (), ())
    assert verdict.sentence.startswith(
        "Inconclusive (from 0 of 4 checkpoints): there was no time to evaluate a checkpoint"
    )
    assert unchanged.earlier(asked(place, tmp_path, 1e-6)) is None
    whole = run(asked(place, tmp_path, None))
    assert (whole.waiting, len(whole.written.series.points)) == ((), 4)
    # As after a run that reached three of four: the middle one is not there, and there is no time.
    store = ResultStore(tmp_path / "results")
    points = whole.written.series.points
    for cell in points[2].cells.values():
        store.discard(cell.key)
    some = run(asked(place, tmp_path, 1e-6))
    assert some.waiting == ("epoch=3.ckpt", "drift")
    assert some.written.series.lost == ()
    assert [point.record.name for point in some.written.series.points] == [
        points[place].record.name for place in (0, 1, 3)
    ]
    assert "(from 3 of 4 checkpoints" in some.written.verdict.sentence
    assert some.written.verdict.sentence.endswith("The other one is not evaluated yet.")
    assert missing(some.written.series) == ("1 of 4 checkpoints", "drift")
    html = some.written.page.read_text(encoding="utf-8")
    assert "Not evaluated yet, as the time was limited to 0.0 s: 1 of 4 checkpoints, drift." in html
    assert "<code>swaveval run --ckpt-dir run/checkpoints</code> goes on; what is done is not done again." in html
    assert '<tr><th scope="row" class="file">epoch=3.ckpt</th><td>not evaluated yet</td>' in html
    again = run(asked(place, tmp_path, 10**6))
    assert again.computed == 3, "knn and spectrum of the one, and drift of all"
    assert again.written.verdict == whole.written.verdict
    assert Series.load(tmp_path).manifest.reached == (4, 4)


def test_the_command_says_what_is_left(place: Path, tmp_path: Path) -> None:
    place_of = ("-c", place / "run" / "checkpoints", "--data", place / "bars", "-e", "knn", "--out", tmp_path)
    done = command("run", *place_of, "--budget", "0.001s")
    assert "not evaluated yet: epoch=1.ckpt, epoch=2.ckpt" in done.stderr
    assert "goes on, and does nothing twice: " in done.stderr
    plan = command("plan", *place_of, "--budget", "10m")
    assert "order of --budget, as far as its time allows: epoch=1.ckpt, epoch=4.ckpt, random init, seed 0" in " ".join(
        plan.stdout.split()
    )
    refused = command("run", *place_of, "--budget", "soon", code=2)
    assert "--budget takes a time such as 90s" in refused.stderr


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("swaveval run -c x --budget 10m --name 'a b'", "swaveval run -c x --name 'a b'"),
        ("swaveval run --budget=10m -c x", "swaveval run -c x"),
        ("swaveval run -c x", "swaveval run -c x"),
        ("swaveval run -c 'x", ""),
    ],
)
def test_the_command_that_goes_on(given_: str, kept: str) -> None:
    assert without_budget(given_) == kept
