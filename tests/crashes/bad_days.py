"""Anything that happens to an evaluation over its life, against a dictionary that says what must be stored.

`TMPDIR=/dev/shm python -m tests.crashes.bad_days --examples 500 --steps 40 --write` writes reports/state-machine.md.
"""

import argparse
import json
import platform
import random
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from swaveval.evaluators.knn import Knn
from swaveval.features.store import FeatureStore
from swaveval.results import DamagedCell, ResultStore, RunManifest, Series, StoreError
from swaveval.runs import unchanged
from swaveval.runs.request import RunError
from swaveval.runs.run import run
from tests.crashes.damage import HOWS, damage
from tests.crashes.dying import Killed, dying
from tests.crashes.samples import (
    DATA,
    NUMBERS,
    PICTURES,
    VERSIONS,
    WEIGHTS,
    checkpoint,
    content,
    request_in,
    right,
    write_set,
)

REPORTS = Path(__file__).parents[2] / "reports"
MOST_OPERATIONS = 900  # a run that has everything to do has some hundreds

some_number, some_weights = st.sampled_from(NUMBERS), st.sampled_from(WEIGHTS)


# Of a seed: how long files are depends on the time that things took, and draws of Hypothesis's own would depend on it.
CHANCE = st.integers(0, 2**32 - 1).map(random.Random)


class BadDays(RuleBasedStateMachine):
    """The model: which files are whole, with which weights, which images, which version of kNN, which cells are whole.

    Every value that may be seen comes from an evaluation of one checkpoint in a directory of its own
    (`samples.right`).
    """

    done: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.request = request_in(self.place)
        self.out = self.request.out
        self.checkpoints = self.place / "run" / "checkpoints"
        self.checkpoints.mkdir(parents=True)
        self.files: dict[str, int | None] = {}  # weights; None of a file that is half there
        self.data, self.version, self.known_version = 0, 1, 1
        self.truth: dict[str, dict[str, Any]] = {}  # every cell that was ever right to store
        self.whole: set[str] = set()
        self.lost: set[str] = set()  # damaged or deleted since they were stored
        self.damaged: set[str] = set()  # those of them that a run must notice and count
        self.manifest_whole = False
        self.patch = pytest.MonkeyPatch()
        write_set(self.place / "bars", 0)
        type(self).done["example"] += 1

    def teardown(self) -> None:
        self.patch.undo()
        shutil.rmtree(self.place)

    # -- what happens --------------------------------------------------------------------------------------------------

    @rule(number=some_number, weights=some_weights)
    def add_or_replace(self, number: int, weights: int) -> None:
        name = f"epoch={number}.ckpt"
        self._count("replace" if name in self.files else "add")
        (self.checkpoints / name).write_bytes(checkpoint(number, weights))
        self.files[name] = weights

    @rule(number=some_number, weights=some_weights, share=st.floats(0.05, 0.98))
    def half_write(self, number: int, weights: int, share: float) -> None:
        """As `torch.save` or a copy caught mid-way."""
        self._count("half-write")
        whole, name = checkpoint(number, weights), f"epoch={number}.ckpt"
        (self.checkpoints / name).write_bytes(whole[: int(share * len(whole))])
        self.files[name] = None

    @precondition(lambda self: self.files)
    @rule(chosen=CHANCE)
    def delete(self, chosen: random.Random) -> None:
        self._count("delete")
        name = chosen.choice(sorted(self.files))
        (self.checkpoints / name).unlink()
        del self.files[name]

    @rule(data=st.sampled_from(DATA))
    def change_data(self, data: int) -> None:
        self._count("change data")
        write_set(self.place / "bars", data)
        self.data = data

    @rule(version=st.sampled_from(VERSIONS))
    def bump(self, version: int) -> None:
        self._count("bump a version")
        self.version = version

    @rule()
    def evaluate(self) -> None:
        self._count("run")
        self._run()

    @rule()
    def evaluate_again(self) -> None:
        self._count("run")
        self._run()

    @precondition(lambda self: self._expected())
    @rule(operation=st.integers(0, 60))
    def kill_early(self, operation: int) -> None:
        self._kill(operation)

    @precondition(lambda self: self._expected())
    @rule(operation=st.integers(0, MOST_OPERATIONS))
    def kill(self, operation: int) -> None:
        self._kill(operation)

    def _kill(self, operation: int) -> None:
        """At an operation; a run with fewer comes to its end."""
        try:
            with dying(self.out, operation):
                self._run()
            self._count("run")
        except Killed:
            self._count("kill")
            self._bury()
            new = self._look() - self.whole
            assert new <= self._expected().keys(), "a cell that nobody asked for"
            self._stored(new)

    @precondition(lambda self: self.whole)
    @rule(chosen=CHANCE, how=st.sampled_from(HOWS), cell=st.booleans())
    def corrupt(self, chosen: random.Random, how: str, cell: bool) -> None:
        """A stored result, or any other file below the output but leases, whose owner would be waited for."""
        self._count("corrupt")
        files = [path for path in sorted(self.out.rglob("*")) if path.is_file() and path.parent.name != "leases"]
        cells = [path for path in files if path.parent.name == "cells" and not path.name.startswith(".")]
        victim = chosen.choice(cells if cell else files)
        name = victim.name.split(".")[0]
        if victim in cells and sum(path.name.startswith(name) for path in cells) > 2:
            victim = victim.with_name(f"{name}.json")  # of two array files one may be nobody's
        before = victim.read_bytes()
        damage(victim, how, files, chosen)
        if victim.exists() and victim.read_bytes() == before:
            return
        if victim in cells:
            self.whole.discard(name)
            self.lost.add(name)
            if victim.exists() or victim.suffix == ".npz":
                self.damaged.add(name)
        if victim.name == "run.json":
            self.manifest_whole = False

    @rule()
    def compare(self) -> None:
        """Whatever can be seen is right; what is not there was damaged."""
        self._count("compare")
        self._look()
        try:
            series = Series.load(self.out)
        except StoreError:
            assert not self.manifest_whole
            return
        self._judge(series)

    # -- what must be true ---------------------------------------------------------------------------------------------

    def _expected(self) -> dict[str, dict[str, Any]]:
        """The cells of an evaluation as things are; every version of kNN is a version of its own."""
        found: dict[str, dict[str, Any]] = {}
        for weights in sorted({weights for weights in self.files.values() if weights is not None}):
            for name, body in right(weights, self.data, self.version).items():
                assert found.setdefault(name, body) == body, "baselines differ"
        self.truth |= found
        return found

    def _run(self) -> None:
        expected = self._expected()
        FeatureStore._verified.clear()
        self.patch.setattr(Knn, "version", self.version)
        outcome = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that stored features are damaged and made anew
            # A version that is raised is another file of code, which is why the next run does not pass for unchanged.
            if self.version == self.known_version and (earlier := unchanged.earlier(self.request)):
                outcome = earlier[0]
            else:
                try:
                    outcome = run(self.request)
                except RunError:
                    assert not expected, "there was something to evaluate"
                    return
        assert expected, "there was nothing to evaluate"
        missing = expected.keys() - self.whole
        assert outcome.computed == len(missing)
        assert not outcome.failed
        self.known_version, self.manifest_whole = self.version, True
        series = Series.load(self.out)
        assert series.lost == ()
        assert self._named(series.manifest) == expected.keys()
        assert self.damaged & expected.keys() <= series.manifest.repaired.keys(), "damage that is not counted"
        self._stored(self._look() & expected.keys())
        assert expected.keys() <= self.whole
        self.lost -= set(series.manifest.cells)
        self._judge(series)
        for point in series.points:
            weights = self.files[point.record.name]
            assert weights is not None
            assert point.record.digest in {body["key"]["backbone"] for body in expected.values()}
            named = right(weights, self.data, self.version)
            shown = {cell.key.digest for cell in point.cells.values() if cell.key.evaluator != PICTURES}
            assert shown, "no numbers"
            assert shown <= named.keys(), "another checkpoint's numbers"
        whole = sorted(name for name, weights in self.files.items() if weights is not None)
        assert [point.record.name for point in series.points] == whole

    def _stored(self, names: set[str]) -> None:
        self.whole |= names
        self.lost -= names
        self.damaged -= names

    def _look(self) -> set[str]:
        """Digests of the cells that are whole; each is right, none that was stored is missing, none is torn."""
        store, found, torn = ResultStore(self.out / "results"), set[str](), list[str]()
        for path in sorted((self.out / "results" / "cells").glob("[!.]*.json")):
            try:
                cell = store.get(path.stem)
                assert cell is not None
                store.check_arrays(cell)
            except DamagedCell:
                torn.append(path.stem)
                continue
            if cell.key.evaluator != PICTURES:
                assert content(path) == self.truth[path.stem], "a wrong value"
                found.add(path.stem)
        assert self.lost.issuperset(torn), "a torn file"
        assert self.whole <= found, "a stored result is lost"
        return found

    def _judge(self, series: Series) -> None:
        """The series shows right values only, and lacks only what was damaged."""
        assert series.store is not None
        if series.lost:
            assert self.lost & set(series.manifest.cells)
        for point in (*series.points, *series.baselines):
            for cell in point.cells.values():
                if cell.key.evaluator == PICTURES:
                    continue
                expected: Mapping[str, Any] = self.truth[cell.key.digest]
                shown = json.loads(json.dumps([metric.to_json() for metric in cell.metrics]))
                assert (cell.status, shown) == (expected["status"], expected["metrics"])

    def _named(self, manifest: RunManifest) -> set[str]:
        return {name for name in manifest.cells if manifest.cell_names[name][0] != PICTURES}

    def _bury(self) -> None:
        """The killed process is this one, which lives: its leases are made those of one that does not."""
        for lease in (self.out / "cache" / "leases").glob("*.lease"):
            try:
                body = json.loads(lease.read_text(encoding="utf-8"))
            except ValueError:
                lease.unlink()  # begun and not written: nobody is waited for half a minute here
                continue
            lease.write_text(json.dumps({**body, "started": "never"}), encoding="utf-8")
        for taking in (self.out / "cache" / "leases").glob("*.taking"):
            taking.unlink()

    def _count(self, what: str) -> None:
        type(self).done[what] += 1


def wander(steps: int, seed: int) -> Counter[str]:
    """One walk whose steps are drawn from a seed, so that it has some of everything; what was done, counted."""
    BadDays.done, dice, walker = Counter(), random.Random(seed), BadDays()
    try:
        walker.add_or_replace(1, 0)
        for _ in range(steps):
            what = dice.choice(
                ("add", "add", "half", "delete", "data", "bump", "run", "run", "kill", "kill", "corrupt")
            )
            number, weights = dice.choice(NUMBERS), dice.choice(WEIGHTS)
            if what == "add":
                walker.add_or_replace(number, weights)
            elif what == "half":
                walker.half_write(number, weights, dice.uniform(0.05, 0.98))
            elif what == "delete" and walker.files:
                walker.delete(dice)
            elif what == "data":
                walker.change_data(dice.choice(DATA))
            elif what == "bump":
                walker.bump(dice.choice(VERSIONS))
            elif what == "kill" and walker._expected():
                walker.kill(dice.randrange(300))
            elif what == "corrupt" and walker.whole:
                walker.corrupt(dice, dice.choice(HOWS), dice.random() < 0.7)
            else:
                walker.evaluate()
            walker.compare()
    finally:
        walker.teardown()
    return BadDays.done


def days(examples: int, steps: int) -> Counter[str]:
    """Run so many examples of so many steps; what was done, counted."""
    BadDays.done = Counter()
    run_state_machine_as_test(
        BadDays,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=(Phase.generate,),  # an example is seconds: to shrink one takes longer than to read it
            suppress_health_check=list(HealthCheck),
        ),
    )
    return BadDays.done


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--write", action="store_true", help="write reports/state-machine.md")
    asked = parser.parse_args()
    began = time.monotonic()
    done = days(asked.examples, asked.steps)
    minutes = (time.monotonic() - began) / 60
    rows = "".join(f"| {what} | {count:,} |\n" for what, count in sorted(done.items()) if what != "example")
    given = f"--examples {asked.examples} --steps {asked.steps}"
    text = (
        "# State machine: anything that happens to an evaluation over its life\n\n"
        f"Command: `TMPDIR=/dev/shm python -m tests.crashes.bad_days {given} --write`.\n"
        f"{datetime.now(UTC).date().isoformat()}, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, {minutes:.0f} minutes.\n\n"
        f"{done['example']:,} examples of up to {asked.steps} steps, {sum(done.values()) - done['example']:,} in all, "
        "none against the model: after each run the series is what the model says, as many cells were computed as were "
        "missing, nothing stored is lost, no value is wrong, and damage is counted. Values come from evaluations of "
        f"single checkpoints in empty directories.\n\n| step | times |\n|---|---|\n{rows}"
    )
    print(text)
    if asked.write:
        (REPORTS / "state-machine.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
