"""One evaluation from end to end on networks in memory, and what its manifest and its page say beside numbers."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from swaveval.checkpoints.live import Live
from swaveval.results import CheckpointRecord, ResultStore, Series
from swaveval.runs import run as module
from swaveval.runs.records import NothingReady
from swaveval.runs.request import RunError, RunRequest
from swaveval.runs.run import Prepared, prepare, run
from tests.features.tiny_network import Network, tiny_images
from tests.field.around_runs import write_plugin
from tests.runs.watching import alive


@dataclass
class Told:
    """Keeps stages with their advances, and messages."""

    stages: list[str] = field(default_factory=list)
    advances: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def stage(self, name: str, total: int) -> None:
        if self.stages[-1:] != [name]:
            self.stages.append(name)

    def advance(self, done: int, total: int) -> None:
        self.advances.setdefault(self.stages[-1], []).append((done, total))

    def message(self, text: str) -> None:
        self.messages.append(text)


def networks(count: int = 2) -> dict[str, nn.Module]:
    """Of a tiny training, each further from the first."""
    made: dict[str, nn.Module] = {}
    for epoch in range(1, count + 1):
        torch.manual_seed(0)
        network = Network().train()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.1 * epoch * torch.randn_like(parameter)
            network(torch.randn(16, 3, 16, 16))
        made[f"epoch {epoch}"] = network.eval()
    return made


def asked(out: Path, **more: Any) -> RunRequest:
    given: dict[str, Any] = {"source": Live(networks()), "opened": tiny_images(), "evaluators": ("spectrum", "drift")}
    return RunRequest(Path("in memory"), out, device="cpu", figures=False, **(given | more))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    made = prepare(asked(tmp_path_factory.mktemp("prepared") / "out"))
    yield made
    made.workspace.plugins.close()


def test_first_everything_then_nothing_then_what_is_forced(tmp_path: Path) -> None:
    told = Told()
    first = run(asked(tmp_path), told)
    # Two checkpoints, three untrained networks, pixels and colours; drift over the series. The majority is skipped.
    assert first.computed == 2 + 3 + 2 + 1 + 1
    assert (first.failed, first.writing, first.unusable) == ((), (), ())
    assert first.written.series.manifest.loss is None
    assert told.stages[0] == "reading checkpoints"
    assert told.stages[-1] == "page"
    assert told.advances["evaluating"][-1] == (2, 2)
    assert told.advances["evaluating the series and baselines"][-1] == (7, 7)
    assert (tmp_path / "index.html").is_file()
    again = Told()
    second = run(asked(tmp_path), again)
    assert second.computed == 0
    assert "evaluating" not in again.stages
    assert run(asked(tmp_path, force=True)).computed == first.computed
    for name in ("spectrum.rankme", "spectrum.std"):
        assert first.written.series.values(name).tolist() == second.written.series.values(name).tolist()


class Interloper(Told):
    """Another command has its whole turn on the same directory while this one reads."""

    def __init__(self, other: RunRequest) -> None:
        super().__init__()
        self.other: RunRequest | None = other
        self.computed = 0

    def stage(self, name: str, total: int) -> None:
        super().stage(name, total)
        if name == "evaluating" and (other := self.other) is not None:
            self.other = None
            self.computed = run(other).computed


# In time, the series is planned after the checkpoints, when the drift over it is there already.
@pytest.mark.parametrize(("more", "taken"), [({}, 9), ({"budget": 600.0}, 8)], ids=["all", "in time"])
def test_what_another_command_computed_is_counted_as_its_own(more: dict[str, Any], taken: int, tmp_path: Path) -> None:
    """Of two commands on one directory each said that it had computed all of it."""
    told = Interloper(asked(tmp_path))
    outcome = run(asked(tmp_path, **more), told)
    assert told.computed == 2 + 3 + 2 + 1 + 1
    assert (outcome.computed, outcome.by_others) == (0, taken)
    again = run(asked(tmp_path))
    assert (again.computed, again.by_others) == (0, 0)


def test_a_failure_is_told_and_stored_and_the_rest_goes_on(tmp_path: Path) -> None:
    told = Told()
    mine = write_plugin(tmp_path / "mine.py", "raise ValueError('not on my watch')")
    outcome = run(asked(tmp_path / "out", evaluators=("spectrum", mine)), told)
    assert {(evaluator, reason) for evaluator, _, reason in outcome.failed} == {("mine", "ValueError: not on my watch")}
    assert {name for _, name, _ in outcome.failed} >= {"epoch 1", "epoch 2", "raw pixels"}
    assert "mine failed on epoch 1: ValueError: not on my watch" in told.messages
    assert len(outcome.written.series.points) == 2


def test_what_is_damaged_is_named_and_made_again(tmp_path: Path) -> None:
    run(asked(tmp_path))
    store = ResultStore(tmp_path / "results")
    series = Series.load(tmp_path)
    path = store.cells_directory / f"{series.manifest.cells[0]}.json"
    path.write_bytes(b"{")
    told = Told()
    assert run(asked(tmp_path), told).computed == 1
    assert any(path.name in text and text.endswith("it is computed again") for text in told.messages)


def test_the_manifest_says_what_was_done(tmp_path: Path) -> None:
    """A log that was named belongs to networks in memory too; nothing is looked for beside them."""
    (tmp_path / "log.csv").write_text("epoch,loss\n1,3\n2,2\n")
    more: dict[str, Any] = {"loss_log": tmp_path / "log.csv", "hyperparameters": {"prototypes": 7}}
    run(asked(tmp_path, name="mine", command="python mine.py", seed=3, **more))
    manifest = Series.load(tmp_path).manifest
    assert manifest.loss is not None
    assert (manifest.loss.values, manifest.loss.prototypes) == ((3.0, 2.0), 7)
    assert manifest.hyperparameters["prototypes"] == 7
    assert (manifest.name, manifest.command, manifest.seed) == ("mine", "python mine.py", 3)
    assert [name for name, _, _ in manifest.evaluators] == ["spectrum", "drift"]
    assert [record.name for record in manifest.checkpoints] == [
        "epoch 1",
        "epoch 2",
        *(f"random init, seed {seed}" for seed in range(3)),
        "raw pixels",
        "colour histogram",
        "majority class",
    ]
    data = manifest.data
    assert (data.n_train, data.n_test, data.labelled, data.split) == (30, 10, True, "every fourth")
    assert data.class_names == ("red", "green", "blue")
    assert data.transform.startswith("resize32-crop32-bilinear")
    assert (manifest.order, manifest.source, manifest.training_seconds) == ("given", "", None)
    assert manifest.terms["spectrum.rankme"].label == "RankMe"
    named = set(manifest.cell_names.values())
    assert {("spectrum", "epoch 1"), ("drift", "all checkpoints"), ("data", "all images")} <= named
    assert set(manifest.cells) == set(manifest.cell_names)


def test_a_refusal_leaves_no_process(tmp_path: Path) -> None:
    """Of a plugin that was asked for its name before the checkpoints were looked at."""
    place = tmp_path / "pid"
    mine = write_plugin(tmp_path / "mine.py", top=f"import os; open({str(place)!r}, 'w').write(str(os.getpid()))")
    with pytest.raises(RunError, match="nothing was given"):
        prepare(asked(tmp_path / "out", source=Live({}), evaluators=(mine,)))
    assert not alive(int(place.read_text()))


# -- what must be said of checkpoints and images


def noted(prepared: Prepared, *records: CheckpointRecord, **more: Any) -> tuple[str, ...]:
    return module._notes(replace(prepared, records=records, said=more.pop("said", ()), **more))


def test_notes_of_records(prepared: Prepared) -> None:
    records = [
        CheckpointRecord("a", load={"partial": True, "matched": 0.9876}),
        CheckpointRecord("b", load={"trusted": True, "warnings": ["odd", "odd"]}),
        CheckpointRecord("c", same_as="b"),
        CheckpointRecord("d", same_as="b", alias=True),
        CheckpointRecord("e", load={"partial": False, "trusted": False, "warnings": []}),
    ]
    assert noted(prepared, *records, said=("first", "first")) == (
        "first",
        "a was accepted with 98.8 % of its backbone matched (--allow-partial)",
        "b was read with full unpickling (--trust)",
        "b: odd",
        "c and b hold the same weights",
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"path": "tiny", "fingerprint": "e" * 64, "n_train": 20, "n_test": 5}, True),
        ({"path": "tiny", "fingerprint": "f" * 64}, False),
        ({"path": "tiny"}, False),
        ({"path": "elsewhere", "fingerprint": "e" * 64}, False),
        ({}, False),
    ],
)
def test_images_that_are_not_those_of_the_training(changed: dict[str, Any], said: bool, prepared: Prepared) -> None:
    request = replace(prepared.request, training_data=changed)
    notes = module._since_training(replace(prepared, request=request))
    if not said:
        assert notes == []
    else:
        (note,) = notes
        assert "then 20 for training and 5 for testing, now 30 and 10." in note


def test_channels_of_all_or_of_nobody() -> None:
    def taking(*channels: int | None) -> list[CheckpointRecord]:
        return [CheckpointRecord(f"{n}.pth", load={"channels": count}) for n, count in enumerate(channels)]

    assert module._channels(taking(3, 3)) == 3
    assert module._channels(taking(None, 4)) == 4
    assert module._channels(taking(None)) is None
    assert module._channels([]) is None
    with pytest.raises(RunError, match=r"different numbers of channels: 1 \(1\.pth\), 3 \(0\.pth\); give each"):
        module._channels(taking(3, 1))


def test_why_nothing_can_be_evaluated() -> None:
    records = [CheckpointRecord(f"{n}.pth", state="corrupt", reason="torn") for n in range(5)]
    records.append(CheckpointRecord("5.pth", state="writing"))
    assert str(NothingReady(records[5:])) == (
        "none of 1 checkpoint files can be evaluated: 5.pth (writing): try again later"
    )
    five = str(NothingReady(records[:5]))
    assert five.endswith("4.pth (corrupt): torn")
    assert str(NothingReady(records)) == five.replace("none of 5", "none of 6") + "; and 1 more"
