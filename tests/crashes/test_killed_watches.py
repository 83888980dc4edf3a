"""A watch beside a training that keeps its last two checkpoints, killed and begun again: nothing whole is lost."""

import json
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from swaveval.checkpoints.lookout import _place
from swaveval.checkpoints.watched import Version, read_ledger, stamp_of
from tests.crashes.damage import truth
from tests.crashes.samples import checkpoint
from tests.crashes.zygote import Forked, Zygote
from tests.field.process_table import of_session, wait_until
from tests.tiny_images import write_images

KEPT = 2
SOON = 120.0  # seconds, on a machine that does other things


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as one:
        yield one


class Trainer:
    """Writes one checkpoint after the other, and removes all but the last two."""

    def __init__(self, directory: Path, archive: Path) -> None:
        self.directory, self.archive = directory, archive
        self.written: list[Path] = []
        archive.mkdir(parents=True)

    def write(self) -> Path:
        number = len(self.written) + 1
        self.directory.mkdir(parents=True, exist_ok=True)
        place, content = self.directory / f"epoch={number}.ckpt", checkpoint(number, number)
        place.write_bytes(content[: len(content) // 2])
        time.sleep(0.3)  # longer than it takes to look
        place.write_bytes(content)
        (self.archive / place.name).write_bytes(content)
        self.written.append(place)
        for old in self.written[:-KEPT]:
            old.unlink(missing_ok=True)
        return place


def killed_and_begun_again(zygote: Zygote, place: Path, dice: random.Random, *, count: int, kills: int) -> None:
    images = write_images(place / "bars", per_class=8)
    out, said = place / "report", place / "said"
    trainer = Trainer(place / "run" / "checkpoints", place / "archive" / "checkpoints")
    given = ["run", "-d", images, "-e", "knn,spectrum,drift", "--no-figures", "--json", "--one-run", "--jobs", 1]
    watching = [*given, "-c", trainer.directory, "-o", out, "--watch", "--poll", 0.2]
    watching += ["--until", "training-ends", "--quiet-for", "4s"]
    moments = sorted(dice.sample(range(1, count), kills))
    running, stored, computed = zygote.start(watching, said), {}, 0

    def remembered() -> tuple[Version, ...]:
        return read_ledger(out / "results" / "watched.json", "../run/checkpoints")[0]

    def seen(path: Path) -> bool:
        """Whether the watch has looked at a file twice, or evaluated it."""
        stamp = stamp_of(path)
        known = [
            (version.file, version.stamp)
            for version in read_ledger(out / "results" / "watched.json", "../run/checkpoints")[0]
        ]
        copies = list((out / "cache" / ".watch").glob(f"*/{path.name}"))
        # A link to the half that stood there before has the stamp of the whole by now, and is of another name.
        names = [copy.parent.name for copy in copies if stamp_of(copy) == stamp]
        return (path.name, stamp) in known or (stamp is not None and _place(path.name, stamp) in names)

    def rounds(of: Forked) -> list[dict[str, object]]:
        assert of.returncode in (0, -signal.SIGKILL), said.read_text(encoding="utf-8")
        lines = said.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    for number in range(1, count + 1):
        written = trainer.write()
        assert wait_until(lambda path=written: seen(path), SOON), said.read_text(encoding="utf-8")  # type: ignore[misc]
        if number in moments:
            with suppress(subprocess.TimeoutExpired):
                running.wait(dice.uniform(0, 2))
            running.send_signal(signal.SIGKILL)
            running.wait(SOON)
            assert wait_until(lambda of=running: not of_session(of.pid), 20), "somebody lives on"  # type: ignore[misc]
            computed += sum(int(str(one["computed"])) for one in rounds(running))
            stored |= {path: path.stat().st_mtime_ns for path in (out / "results" / "cells").glob("*.json")}
            running = zygote.start(watching, said)
    assert running.wait(SOON) == 0, said.read_text(encoding="utf-8")
    last = rounds(running)
    computed += sum(int(str(one["computed"])) for one in last)
    names = [version.file for version in remembered()]
    assert names == [path.name for path in trainer.written]
    assert last[-1]["gone"] == count - KEPT

    # Each was evaluated once: what was stored before a kill is what is stored now, and nothing was made a second time.
    assert all(path.stat().st_mtime_ns == changed for path, changed in stored.items())
    cells = list((out / "results" / "cells").glob("*.json"))
    assert computed <= len(cells)

    # As the evaluation of all of them, had they been kept.
    apart = place / "apart"
    zygote.start([*given, "-c", trainer.archive, "-o", apart], said).wait(SOON)
    mine, theirs = truth(out), truth(apart)
    # Evaluators of the series have a cell for every length that the series had.
    assert {name for name in theirs if len(name) > 40} <= set(mine)
    assert {name: mine[name] for name in theirs if name != "manifest"} == {
        name: theirs[name] for name in theirs if name != "manifest"
    }
    assert [one["name"] for one in mine["manifest"]["checkpoints"]] == [
        one["name"] for one in theirs["manifest"]["checkpoints"]
    ]
    # A later command without --watch keeps them too.
    assert zygote.start([*given, "-c", trainer.directory, "-o", out], said).wait(SOON) == 0
    assert truth(out)["manifest"]["checkpoints"] == mine["manifest"]["checkpoints"]


@pytest.mark.torture
def test_one_kill(zygote: Zygote, tmp_path: Path) -> None:
    warm = tmp_path / "warm"
    (warm / "checkpoints").mkdir(parents=True)
    (warm / "checkpoints" / "epoch=1.ckpt").write_bytes(checkpoint(1, 1))
    images = write_images(warm / "bars", per_class=8)
    given = ["run", "-c", warm / "checkpoints", "-d", images, "-e", "knn,spectrum,drift", "--no-figures", "-o", warm]
    assert zygote.warm([*given, "--watch", "--poll", 0.2, "--until", "training-ends", "--quiet-for", "1s"]) == 0
    shutil.rmtree(warm)
    killed_and_begun_again(zygote, tmp_path, random.Random(0), count=4, kills=1)


@pytest.mark.torture
def test_ten_kills(zygote: Zygote, tmp_path: Path) -> None:
    killed_and_begun_again(zygote, tmp_path, random.Random(1), count=24, kills=10)
