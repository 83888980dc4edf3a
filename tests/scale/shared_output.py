"""Eight commands on one output directory, one killed every so often and another begun in its place.

`python -m tests.scale.shared_output --checkpoints 250 --every 20 --write` writes reports/shared-output-campaign.*.
"""

import argparse
import json
import platform
import random
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

from tests.crashes.damage import truth
from tests.crashes.zygote import Forked, Zygote
from tests.field.around_runs import write_checkpoints
from tests.field.process_table import of_session, wait_until
from tests.scale.evaluations import cells
from tests.tiny_images import write_images

REPORTS = Path(__file__).parents[2] / "reports"
COMMANDS = 8
# What `clusters` imports starts a thread, which a fork would lose.
EVALUATORS = ("knn", "lowshot", "intrinsic", "spectrum")
LONGEST = 3600.0  # seconds; whoever takes longer waits for what never comes


@dataclass
class Tally:
    """What came of it.

    Attributes:
        checkpoints: evaluated, beside the baselines. cells: of the undisturbed evaluation, by one command.
        alone_seconds, seconds: that one undisturbed command took, and that all together took.
        killed, ended: commands. in_hand: leases that the killed ones held, added up.
        rewritten: stored results that were written again. orphans: processes that outlived a killed command.
        wrong: sentences.
    """

    checkpoints: int
    cells: int = 0
    alone_seconds: float = 0.0
    seconds: float = 0.0
    killed: int = 0
    ended: int = 0
    in_hand: int = 0
    rewritten: int = 0
    orphans: int = 0
    wrong: list[str] = field(default_factory=list)


class Campaign:
    """The commands on one directory below `place`, an empty one."""

    def __init__(self, place: Path, zygote: Zygote, *, checkpoints: int, every: float, seed: int) -> None:
        self.place, self.zygote, self.every, self.dice = place, zygote, every, random.Random(seed)
        self.tally = Tally(checkpoints)
        files = write_checkpoints(place / "run" / "checkpoints", count=checkpoints)
        images = write_images(place / "bars", per_class=12)
        self.given: list[object] = ["run", "-c", files, "-d", images, "-e", ",".join(EVALUATORS), "--jobs", "1"]
        self.given += ["--no-figures", "--quiet"]
        self.running: dict[int, Forked] = {}
        self.begun = 0
        self.seen: dict[str, int] = {}

    def go(self) -> Tally:
        tally, alone, self.out = self.tally, self.place / "alone", self.place / "out"
        small = write_checkpoints(self.place / "small" / "checkpoints", count=1)
        self.zygote.warm(["run", "-c", small, *self.given[3:], "--out", self.place / "warm"])
        began = time.monotonic()
        undisturbed = self.zygote.start([*self.given, "--out", alone], self.place / "said")
        assert undisturbed.wait(timeout=LONGEST) == 0, (self.place / "said").read_text(encoding="utf-8")
        tally.alone_seconds, tally.cells = time.monotonic() - began, len(stored(alone))
        began = time.monotonic()
        for _ in range(COMMANDS):
            self._begin()
        next_kill = began + self.every
        while self.running:
            self._look()
            now = time.monotonic()
            if self.running and now >= next_kill:
                self._kill(self.dice.choice(sorted(self.running)))
                next_kill = now + self.every
            if now - began > LONGEST:
                tally.wrong.append(f"{len(self.running)} commands were not done after {LONGEST:.0f} seconds")
                break
        tally.seconds = time.monotonic() - began
        for pid in list(self.running):
            self._kill(pid, again=False)
        self._compare(alone)
        return tally

    def _begin(self) -> None:
        said = self.place / f"said-{self.begun}"
        begun = self.zygote.start([*self.given, "--out", self.out], said)
        self.running[begun.pid] = begun
        self.begun += 1

    def _look(self) -> None:
        """Take leave of who has ended; see what was written again."""
        now = stored(self.out)
        self.tally.rewritten += sum(self.seen.get(name, stamp) != stamp for name, stamp in now.items())
        if gone := self.seen.keys() - now.keys():
            self.tally.wrong.append(f"{len(gone)} results vanished")
        self.seen = now
        for pid, command in list(self.running.items()):
            with suppress(TimeoutExpired):
                code = command.wait(timeout=0.5 / COMMANDS)
                del self.running[pid]
                self.tally.ended += 1
                if code:
                    self.tally.wrong.append(f"a command ended with exit code {code}")

    def _kill(self, pid: int, *, again: bool = True) -> None:
        command = self.running.pop(pid)
        command.send_signal(signal.SIGKILL)
        self.tally.in_hand += sum(_owner(lease) == pid for lease in self.out.glob("cache/leases/*.lease"))
        if command.wait() != -signal.SIGKILL:  # it ended just before
            self.tally.ended += 1
            return
        self.tally.killed += 1
        if not wait_until(lambda: not of_session(pid), 20):
            self.tally.orphans += len(of_session(pid))
        if again:
            self._begin()

    def _compare(self, alone: Path) -> None:
        said = "".join(path.read_text(encoding="utf-8", errors="replace") for path in self.place.glob("said-*"))
        if "ANOTHER RESULT" in said:
            self.tally.wrong.append("ANOTHER RESULT was said")
        right, found = results(alone), results(self.out)
        if right != found:
            names = [name for name in {**right, **found} if right.get(name) != found.get(name)]
            self.tally.wrong.append(f"other results: {names}"[:300])


def stored(out: Path) -> dict[str, int]:
    """Results by name, with when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in out.glob("results/cells/[!.]*.json")}


def results(out: Path) -> dict[str, Any]:
    """Everything but times: what is read back, and every stored file of a cell; not what the killed left half done."""
    found = truth(out)
    found["manifest"].pop("command")
    return {**found, **{name: content for name, content in cells(out).items() if not name.startswith(".")}}


def _owner(lease: Path) -> int | None:
    try:
        return int(json.loads(lease.read_text(encoding="utf-8"))["process"])
    except (OSError, ValueError, KeyError):
        return None


def campaign(place: Path, *, checkpoints: int, every: float, seed: int) -> Tally:
    """Let them do it.

    Args:
        every: seconds between two kills.
    """
    with Zygote() as zygote:
        return Campaign(place, zygote, checkpoints=checkpoints, every=every, seed=seed).go()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoints", type=int, default=250)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="write reports/shared-output-campaign.md and .json")
    asked = parser.parse_args()
    place = Path(tempfile.mkdtemp())
    try:
        tally = campaign(place, checkpoints=asked.checkpoints, every=asked.every, seed=asked.seed)
    finally:
        shutil.rmtree(place)
    given = f"--checkpoints {asked.checkpoints} --every {asked.every:g} --seed {asked.seed}"
    body: dict[str, Any] = {
        "command": f"python -m tests.scale.shared_output {given} --write",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "seconds_between_kills": asked.every,
        **asdict(tally),
    }
    print(json.dumps(body, indent=1))
    if asked.write:
        (REPORTS / "shared-output-campaign.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        (REPORTS / "shared-output-campaign.md").write_text(told(tally, body), encoding="utf-8")


def told(tally: Tally, body: dict[str, Any]) -> str:
    """The report."""
    return (
        "# Eight commands on one output directory, killed and begun again\n\n"
        f"Command: `{body['command']}`.\n{body['date']}, {body['machine']}.\n\n"
        f"{COMMANDS} times `swaveval run` on one `--out`, {tally.checkpoints} checkpoints and the baselines, "
        f"{len(EVALUATORS)} evaluators: {tally.cells:,} cells. Every {body['seconds_between_kills']:g} seconds one "
        "command was killed (SIGKILL) at random and another begun in its place.\n\n"
        "| | |\n|---|---|\n"
        f"| commands killed | {tally.killed} |\n"
        f"| backbones and series that these had in hand | {tally.in_hand} |\n"
        f"| commands that ended | {tally.ended} |\n"
        f"| stored results written again | {tally.rewritten} |\n"
        f"| processes that outlived a killed command | {tally.orphans} |\n"
        "| wrong (an exit code other than 0, a result that vanished, other results than of one undisturbed command but "
        f"for times, a command that never ended) | {len(tally.wrong)} |\n"
        f"| all together took | {tally.seconds:.0f} s |\n"
        f"| one undisturbed command took | {tally.alone_seconds:.0f} s |\n"
    )


if __name__ == "__main__":
    main()
