"""One cell after another: stored whatever came of it, and nothing in it that belongs elsewhere."""

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from swaveval.checkpoints.live import Live
from swaveval.data.transforms import EvalTransform
from swaveval.evaluators.contract import Skip
from swaveval.features.extract import ExtractSettings
from swaveval.results import Artifact, Cell, CellKey, Metric
from swaveval.runs.cells import misplaced, perform, store_failures
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.plan import EvaluatorSpec, PlannedCell
from swaveval.runs.plugins import PluginFailure, Produced
from swaveval.runs.tasks import Maker, Task
from swaveval.runs.workspace import Workspace
from tests.features.tiny_network import tiny_images


def raising(error: BaseException) -> Callable[[], Produced]:
    def make() -> Produced:
        raise error

    return make


@dataclass(frozen=True, slots=True)
class Given(Task):
    """Cells whose content is given by name."""

    made: dict[str, Callable[[], Produced]]
    first: BaseException | None = None
    prepared: list[str] = field(default_factory=list)

    def maker(self, workspace: Workspace) -> Maker:
        self.prepared.append(self.name)
        if self.first is not None:
            raise self.first
        return lambda planned: self.made[planned.spec.name]()


def planned(name: str, broken: str = "") -> PlannedCell:
    spec = EvaluatorSpec(name, name, broken=broken)
    return PlannedCell(CellKey("b", "d", "t", name, 1), spec, "a.pth", done=False)


def task(made: dict[str, Callable[[], Produced]], broken: tuple[str, ...] = (), **more: BaseException) -> Given:
    cells = tuple(planned(name, f"{name} is broken" if name in broken else "") for name in made)
    return Given("a.pth", cells, made, **more)  # type: ignore[arg-type]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    settings = ExtractSettings(transform=EvalTransform(size=16))
    return Workspace(tmp_path, tiny_images(), settings, CheckpointLoader(Live({"a": nn.Flatten()})))


def fine(name: str) -> Callable[[], Produced]:
    return lambda: (Metric(f"{name}.x", 1.5), Artifact(f"{name}.rows", {"a": np.arange(3)}))


def test_what_is_made_is_stored(workspace: Workspace) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    (cell,) = perform(task({"knn": fine("knn")}), workspace)
    assert (cell.status, cell.reason, cell.metrics) == ("ok", "", (Metric("knn.x", 1.5),))
    assert cell.seconds >= 0
    assert before <= datetime.fromisoformat(cell.created) <= datetime.now(UTC)
    held = workspace.store.get(cell.key)
    assert held is not None
    assert held.metrics == cell.metrics
    (rows,) = workspace.store.artifacts(held)
    assert (rows.id, rows.arrays["a"].tolist()) == ("knn.rows", [0, 1, 2])


def test_each_is_given_when_it_is_stored(workspace: Workspace) -> None:
    seen: list[str] = []

    def second() -> Produced:
        seen.append("second")
        return ()

    cells = perform(task({"knn": fine("knn"), "linear": second}), workspace)
    assert next(cells).key.evaluator == "knn"
    assert workspace.store.get(planned("knn").key) is not None
    assert seen == []
    assert next(cells).key.evaluator == "linear"
    assert seen == ["second"]


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (Skip("no labels"), "skipped", "no labels"),
        (PluginFailure("mine.py:Mine ended its process"), "error", "mine.py:Mine ended its process"),
        (ValueError("two\nlines"), "error", "ValueError: two lines"),
        (MemoryError(), "error", "MemoryError: no message"),
        (OSError(errno.ENOENT, "gone"), "error", "FileNotFoundError: [Errno 2] gone"),
    ],
    ids=repr,
)
def test_whatever_is_raised_is_that_cells_own(error: Exception, status: str, reason: str, workspace: Workspace) -> None:
    first, second = perform(task({"knn": raising(error), "linear": fine("linear")}), workspace)
    assert (first.status, first.reason, first.metrics) == (status, reason, ())
    assert second.status == "ok"
    held = workspace.store.get(first.key)
    assert held is not None
    assert (held.status, held.reason) == (status, reason)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("when", ["while it is made", "before"])
def test_what_is_no_fault_of_a_cell_ends_the_work(error: BaseException, when: str, workspace: Workspace) -> None:
    work = task({"knn": raising(error)}) if when != "before" else task({"knn": fine("knn")}, first=error)
    with pytest.raises(type(error)):
        list(perform(work, workspace))
    assert workspace.store.get(planned("knn").key) is None


def test_what_cells_share_is_prepared_once_and_its_failure_is_theirs(workspace: Workspace) -> None:
    made = {"knn": fine("knn"), "linear": fine("linear")}
    work = task(made)
    assert [cell.status for cell in perform(work, workspace)] == ["ok", "ok"]
    assert work.prepared == ["a.pth"]
    work = task(made, first=RuntimeError("it changed"))
    cells = list(perform(work, workspace))
    assert [cell.status for cell in cells] == ["error", "error"]
    assert {cell.reason for cell in cells} == {"features could not be extracted: RuntimeError: it changed"}
    assert work.prepared == ["a.pth"]  # not tried again for each


def test_a_broken_evaluator_says_why_and_costs_no_preparation(workspace: Workspace) -> None:
    work = task({"mine": fine("mine")}, broken=("mine",))
    (cell,) = perform(work, workspace)
    assert (cell.status, cell.reason) == ("error", "mine is broken")
    assert work.prepared == []
    work = task({"mine": fine("mine"), "knn": fine("knn")}, broken=("mine",))
    assert [cell.reason for cell in perform(work, workspace)] == ["mine is broken", ""]
    work = task({"mine": fine("mine"), "knn": fine("knn")}, broken=("mine",), first=ValueError("no"))
    reasons = [cell.reason for cell in perform(work, workspace)]
    assert reasons == ["mine is broken", "features could not be extracted: ValueError: no"]


@pytest.mark.parametrize(
    ("produced", "words"),
    [
        ((7,), "knn yielded a int, neither a Metric nor an Artifact"),
        ((Metric("linear.x", 1.0),), "knn yielded the metric linear.x, which belongs to linear"),
        ((Metric("knn.x", 1.0), Metric("knn.x", 2.0)), "knn yielded the metric knn.x twice"),
    ],
    ids=["number", "another's", "twice"],
)
def test_nothing_of_a_cell_is_kept_that_holds_what_it_may_not(
    produced: Produced, words: str, workspace: Workspace
) -> None:
    (cell,) = perform(task({"knn": lambda: produced}), workspace)
    assert cell.status == "error"
    assert cell.reason.startswith(words)
    assert cell.metrics == ()


OUTCOMES = {"correct": np.array([True, False]), "index": np.array([0, 1])}


@pytest.mark.parametrize(
    ("produced", "owners", "words"),
    [
        ((), None, ""),
        ((Metric("mine.x", 1.0), Artifact("mine.y", {"a": np.zeros(1)})), None, ""),
        ((Metric("mine.x", 1.0), Artifact("mine.x", {"a": np.zeros(1)})), None, "yielded the artifact mine.x twice"),
        ((Metric("mine.x", 1.0, checkpoint="a"), Metric("mine.x", 1.0, checkpoint="b")), ("a", "b"), ""),
        ((Metric("mine.x", 1.0),), ("a",), ""),
        ((Metric("mine.x", 1.0, checkpoint="c"),), None, ""),
        ((Metric("mine.x", 1.0, checkpoint="c"),), ("a", "b"), "for a checkpoint that is not in the series"),
        ((Artifact("mine.x", {}, checkpoint="c"),), ("a",), "mine yielded mine.x for a checkpoint"),
        ((Metric("mine.x", 1.0, checkpoint="a"),) * 2, ("a",), "yielded the metric mine.x twice"),
        ((Artifact("mine.y", {}), Artifact("mine.y", {})), None, "yielded the artifact mine.y twice"),
        ((Artifact("data.images", {}),), None, "the artifact data.images, which belongs to data"),
        ((Metric("minex", 1.0),), None, "belongs to minex"),
        ((Artifact("mine.x.outcomes", OUTCOMES),), None, ""),
        ((Artifact("mine.x.outcomes", {"correct": np.zeros(2)}),), None, "mine.x.outcomes of another form"),
        ((Metric("mine.outcomes", 1.0),), None, ""),
    ],
)
def test_what_belongs_to_an_evaluator(produced: Produced, owners: tuple[str, ...] | None, words: str) -> None:
    found = misplaced(produced, "mine", owners)
    assert (words in found) if words else found == ""


def test_failures_of_a_lost_worker(workspace: Workspace) -> None:
    cells = store_failures([planned("knn"), planned("linear")], "its worker died", workspace.store)
    assert [(cell.key.evaluator, cell.status, cell.reason) for cell in cells] == [
        ("knn", "error", "its worker died"),
        ("linear", "error", "its worker died"),
    ]
    held = workspace.store.get(planned("linear").key)
    assert isinstance(held, Cell)
    assert held.status == "error"
