"""Real runs killed at random moments, resumed until they end: `python -m tests.crashes.kills --kills 1000 --write`."""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from swaveval.results import ResultStore
from tests.crashes.damage import truth
from tests.field.around_runs import command, environment, write_checkpoints
from tests.field.process_table import alive, descendants, wait_until
from tests.tiny_images import write_images

REPORTS = Path(__file__).parents[2] / "reports"
LONGEST = 10.0  # seconds until a kill


@dataclass
class Tally:
    """What came of it.

    Attributes:
        kills: of a process that lived. runs: that were brought to their end.
        redone: cells that were stored before a kill and made again afterwards.
        orphans: processes that outlived the command. wrong: sentences.
    """

    kills: int = 0
    runs: int = 0
    redone: int = 0
    orphans: int = 0
    wrong: list[str] = field(default_factory=list)


def campaign(kills: int, seed: int, place: Path) -> Tally:
    """Kill and resume until so many were killed; then let it end and compare."""
    dice, tally = random.Random(seed), Tally()
    checkpoints = write_checkpoints(place / "run" / "checkpoints", count=3)
    images = write_images(place / "bars", per_class=12)
    out = place / "out"
    started = [
        "run",
        "-c",
        checkpoints,
        "-d",
        images,
        "-e",
        "knn,lowshot,spectrum",
        "--no-figures",
        "--quiet",
        "-o",
        out,
    ]
    finished = _whole(started)
    assert finished.returncode == 0, finished.stderr
    right = truth(out)
    shutil.rmtree(out)
    while tally.kills < kills:
        stored = _stored(out)
        running = subprocess.Popen(
            command(started), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            running.wait(timeout=dice.uniform(0, LONGEST))
        except subprocess.TimeoutExpired:
            family = descendants(running.pid)
            running.send_signal(signal.SIGKILL)
            running.wait()
            tally.kills += 1
            if not wait_until(lambda family=family: not any(map(alive, family)), 20):
                left = [pid for pid in family if alive(pid)]
                tally.orphans += len(left)
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
        now = _stored(out)
        tally.redone += sum(now.get(name) != when for name, when in stored.items())
        tally.wrong += ResultStore(out / "results").verify()
        if running.returncode == 0:
            _compare(tally, right, out)
    finished = _whole(started)
    if finished.returncode:
        tally.wrong.append(f"exit {finished.returncode}: {finished.stderr}"[:300])
    _compare(tally, right, out)
    return tally


def _whole(arguments: list[object]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(arguments), env=environment(), capture_output=True, text=True, check=False)


def _stored(out: Path) -> dict[str, int]:
    """Cells by name, with when they were written."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "results" / "cells").glob("*.json")}


def _compare(tally: Tally, right: dict[str, object], out: Path) -> None:
    found = truth(out)
    tally.runs += 1
    if found != right:
        tally.wrong.append(f"other results: {[name for name in right if found.get(name) != right[name]]}"[:300])
    shutil.rmtree(out)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="write reports/kill-campaign.md and .json")
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        tally = campaign(asked.kills, asked.seed, Path(place))
    taken = f"python -m tests.crashes.kills --kills {asked.kills} --seed {asked.seed} --write"
    body = {"command": taken, "date": datetime.now(UTC).date().isoformat(), "seconds": round(time.monotonic() - began)}
    body |= {"kills": tally.kills, "runs": tally.runs, "redone": tally.redone, "orphans": tally.orphans}
    body |= {"wrong": tally.wrong}
    print(json.dumps(body, indent=1))
    if asked.write:
        (REPORTS / "kill-campaign.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        text = (
            "# Kill campaign: real runs killed at random moments and resumed\n\n"
            f"Command: `{taken}`.\n{body['date']}.\n\n"
            f"{tally.kills} SIGKILLs, {tally.runs} runs brought to their end: {len(tally.wrong)} wrong (other results "
            f"than of an undisturbed run, or a stored file that cannot be read), {tally.redone} stored cells "
            "made again, "
            f"{tally.orphans} processes that outlived it.\n"
        )
        (REPORTS / "kill-campaign.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
