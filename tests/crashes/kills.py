"""Real runs killed at random moments and resumed until they end.

`TMPDIR=/dev/shm python -m tests.crashes.kills --kills 1000 --write` writes reports/kill-campaign.*. Most runs are forks
of a process that has imported what they import (`tests.crashes.zygote`), so that a moment of a run costs no imports;
every 50th killed one is a Python of its own, every other one of those with worker processes.
"""

import argparse
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from swaveval.results import ResultStore
from tests.crashes.damage import truth
from tests.crashes.zygote import Forked, Zygote
from tests.field.around_runs import command, environment, write_checkpoints
from tests.field.process_table import of_session, wait_until
from tests.scale.evaluations import cells
from tests.tiny_images import write_images

REPORTS = Path(__file__).parents[2] / "reports"
FORKED, WARM = "forked", "forked, from stored features"
OWN, WORKERS = "its own Python", "its own Python, two workers"
EVERY = 50  # so many kills until one of a Python of its own
LONGEST = 300.0


@dataclass
class Tally:
    """What came of it.

    Attributes:
        kills: of a command that lived, by how it was begun. runs: that were brought to their end.
        seconds: that an undisturbed run took, by how it was begun.
        units: stored files (cells, features, pixels, what was read of a checkpoint) that were there at a kill.
        redone: those of them that were written again afterwards.
        in_flight: how many units of work (a backbone with its cells, or a cell of the series) a killed command had in
            hand, counted by the leases it left: that many to how many kills.
        orphans: processes that outlived the command. wrong: sentences.
    """

    kills: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    units: int = 0
    redone: int = 0
    in_flight: Counter[int] = field(default_factory=Counter)
    orphans: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass
class Campaign:
    """Kill and resume, again and again.

    Attributes:
        place: an empty directory. zygote: forks the runs. own: whether some are Pythons of their own, and moments of
            resumed runs are drawn apart.
    """

    place: Path
    zygote: Zygote
    dice: random.Random
    own: bool = True
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.out = self.place / "out"
        checkpoints = write_checkpoints(self.place / "run" / "checkpoints", count=3)
        images = write_images(self.place / "bars", per_class=12)
        given: list[object] = ["run", "-c", checkpoints, "-d", images, "-e", "knn,lowshot", "--no-figures", "--quiet"]
        self.arguments = [*given, "-o", self.out]
        self.zygote.warm([*given, "-o", self.place / "warm"])
        self.right: dict[str, Any] = {}
        self.moments = [FORKED, WARM]
        for how in (FORKED, WARM, OWN, WORKERS) if self.own else (FORKED,):
            self._again(whole=how != WARM)
            began = time.monotonic()
            self._ended(self._begin(how))
            self.tally.seconds[how] = time.monotonic() - began
            right = results(self.out)
            assert right == (self.right or right), f"{how}: undisturbed runs differ"
            self.right = right
            self.features = sum(1 for _ in self.out.glob("cache/features/*.json"))
        self._again(whole=True)

    def go(self, kills: int) -> Tally:
        """Until so many were killed; then the last one is brought to its end."""
        while (done := self.tally.kills.total()) < kills:
            how = WARM if self.own and self._warm else FORKED
            if self.own and done % EVERY == EVERY - 1:
                how = WORKERS if done // EVERY % 2 else OWN
            self._step(how)
            if self.tally.kills.total() // 25 > done // 25:
                print(f"{done + 1} of {kills} killed, {len(self.tally.wrong)} wrong", file=sys.stderr, flush=True)
        self._ended(self._begin(FORKED))
        self._compare()
        return self.tally

    def _step(self, how: str) -> None:
        tally, before = self.tally, stored(self.out)
        running = self._begin(how)
        try:
            code = running.wait(timeout=self.dice.uniform(0, tally.seconds[how]))
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            code = running.wait()
        after = stored(self.out)
        tally.redone += sum(after.get(name) != when for name, when in before.items())
        if code == -signal.SIGKILL:
            tally.kills[how] += 1
            tally.units += len(after)
            tally.in_flight[sum(1 for _ in self.out.glob("cache/leases/*.lease"))] += 1
            self._bury(running.pid)
            tally.wrong += ResultStore(self.out / "results").verify()
        elif code:
            tally.wrong.append(f"exit {code}: {self._said()}"[:300])
            self._again(whole=True)
        else:
            self._compare()

    def _begin(self, how: str) -> "Forked | subprocess.Popen[str]":
        said = self.place / "said"
        if how in self.moments:
            return self.zygote.start(self.arguments, said)
        more: Sequence[object] = ("--jobs", "2") if how == WORKERS else ()
        with said.open("w") as file:
            return subprocess.Popen(
                command([*self.arguments, *more]),
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                text=True,
                start_new_session=True,
            )

    def _ended(self, running: "Forked | subprocess.Popen[str]") -> None:
        if code := running.wait(timeout=LONGEST):
            self.tally.wrong.append(f"exit {code}: {self._said()}"[:300])

    def _said(self) -> str:
        return (self.place / "said").read_text(encoding="utf-8", errors="replace")

    def _bury(self, session: int) -> None:
        """Nothing that the command began may live on."""
        if not wait_until(lambda: not of_session(session), 20):
            for pid in of_session(session):
                self.tally.orphans += 1
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _compare(self) -> None:
        self.tally.runs += 1
        found = results(self.out)
        if found != self.right:
            names = [name for name in {**self.right, **found} if found.get(name) != self.right.get(name)]
            self.tally.wrong.append(f"other results: {names}"[:300])
        self._again(whole=self.dice.random() < 0.2)

    @property
    def _warm(self) -> bool:
        """Whether all features are stored, so that a run is as long as one from stored features at most."""
        return sum(1 for _ in self.out.glob("cache/features/*.json")) >= self.features

    def _again(self, *, whole: bool) -> None:
        """Leave nothing, or only what can be made again."""
        if whole:
            shutil.rmtree(self.out, ignore_errors=True)
            return
        shutil.rmtree(self.out / "results")
        for name in ("index.html", "verdict.json", "cache/finished.json"):
            (self.out / name).unlink()


def results(out: Path) -> dict[str, Any]:
    """Everything but times: what is read back, and every stored file of a cell byte for byte."""
    found = truth(out)
    found["manifest"].pop("command")  # which says with how many workers
    return {**found, "files": cells(out)}


def stored(out: Path) -> dict[str, int]:
    """What is made once, by name, with when it was written."""
    kinds = ("results/cells/*.json", "cache/features/*.json", "cache/pixels/*.npy", "cache/reads/*.json")
    found = (path for kind in kinds for path in out.glob(kind) if not path.name.startswith("."))
    return {path.relative_to(out).as_posix(): path.stat().st_mtime_ns for path in found}


def campaign(kills: int, seed: int, place: Path, *, own: bool = True) -> Tally:
    with Zygote() as zygote:
        return Campaign(place, zygote, random.Random(seed), own).go(kills)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="write reports/kill-campaign.md and .json")
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        tally = campaign(asked.kills, asked.seed, Path(place))
    body = {
        "command": f"TMPDIR=/dev/shm python -m tests.crashes.kills --kills {asked.kills} --seed {asked.seed} --write",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "seconds": round(time.monotonic() - began),
        "kills": dict(tally.kills),
        "runs": tally.runs,
        "undisturbed_seconds": {how: round(seconds, 1) for how, seconds in tally.seconds.items()},
        "stored_at_kills": tally.units,
        "redone": tally.redone,
        "in_flight": {str(count): kills for count, kills in sorted(tally.in_flight.items())},
        "orphans": tally.orphans,
        "wrong": tally.wrong,
    }
    print(json.dumps(body, indent=1))
    if asked.write:
        (REPORTS / "kill-campaign.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        (REPORTS / "kill-campaign.md").write_text(told(body), encoding="utf-8")


def told(body: dict[str, Any]) -> str:
    """The report."""
    kills = "".join(
        f"| {how} | {count:,} | {body['undisturbed_seconds'][how]} |\n" for how, count in body["kills"].items()
    )
    hands = "".join(f"| {count} | {kills:,} |\n" for count, kills in body["in_flight"].items())
    return (
        "# Kill campaign: real runs killed at random moments and resumed\n\n"
        f"Command: `{body['command']}`.\n{body['date']}, {body['machine']}, {body['seconds'] / 60:.0f} minutes.\n\n"
        f"{sum(body['kills'].values()):,} SIGKILLs, {body['runs']} runs brought to their end: {len(body['wrong'])} "
        "wrong (other results than of an undisturbed run but for times, compared value by value and file by file; an "
        "exit code other than 0; or a stored file that cannot be read), "
        f"{body['orphans']} processes that outlived their command.\n\n"
        "The moment is drawn evenly from the length of an undisturbed run of the kind in the table: from stored "
        "features as soon as all are stored. A resumed run has less to do, and may end first. After an end one in "
        "five begins with nothing, the others with what can be made again (features, pixels, what was read of files). "
        "*Forked* runs are the command itself, from `main` to its exit, in a fork of a process that has imported what "
        "it imports; the process that reads its checkpoints is started as always.\n\n"
        f"| kind | kills | an undisturbed run takes (s) |\n|---|---|---|\n{kills}\n"
        "Work redone: of what lay stored at a kill (cells, features, pixels, what was read of a checkpoint: "
        f"{body['stored_at_kills']:,} files over all kills) {body['redone']} were written again. What a killed command "
        "had in hand, counted by the leases it left (a backbone with its cells, or a cell over the series; at most one "
        f"a worker):\n\n| in hand | kills |\n|---|---|\n{hands}"
    )


if __name__ == "__main__":
    main()
