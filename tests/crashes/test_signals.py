"""The command asked to stop, once or twice, or killed: it ends soon, leaves nobody behind, and is gone on from."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from swaveval.results import ResultStore
from tests.crashes.damage import truth
from tests.crashes.zygote import Zygote
from tests.field.around_runs import command, environment, write_checkpoints
from tests.field.process_table import alive, descendants, of_session, wait_until
from tests.tiny_images import write_images

KINDS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
SOON = 60.0  # seconds, on a machine that does other things


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as one:
        yield one


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory, zygote: Zygote) -> list[object]:
    """Of a run, but for its output."""
    place = tmp_path_factory.mktemp("asked")
    checkpoints = write_checkpoints(place / "run" / "checkpoints", count=3)
    images = write_images(place / "bars", per_class=12)
    given: list[object] = ["run", "-c", checkpoints, "-d", images, "-e", "knn,lowshot", "--no-figures", "--quiet"]
    assert zygote.warm([*given, "-o", place / "warm"]) == 0
    return given


def asked_to_stop(zygote: Zygote, given: list[object], number: int, times: int, after: float) -> tuple[int, str]:
    """Its exit code, and what it said; nobody of its session lives on."""
    out = Path(str(given[-1]))
    said = out.parent / "said"
    running = zygote.start(given, said)
    with suppress(subprocess.TimeoutExpired):
        running.wait(after)
    for _ in range(times):
        if running.returncode is None:
            with suppress(ProcessLookupError):
                running.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                running.wait(0.03)
    code = running.wait(SOON)
    assert wait_until(lambda: not of_session(running.pid), 20), "somebody lives on"
    return code, said.read_text(encoding="utf-8")


def stops_and_goes_on(zygote: Zygote, given: list[object], place: Path, dice: random.Random, moments: int) -> None:
    """At random moments of a run, resumed until it ends: as undisturbed."""
    out, began = place / "out", time.monotonic()
    assert zygote.start([*given, "-o", out], place / "said").wait(SOON) == 0
    right, length, stopped = truth(out), time.monotonic() - began, 0
    for number in range(moments):
        shutil.rmtree(out)
        kind = KINDS[number % len(KINDS)]
        code, said = asked_to_stop(zygote, [*given, "-o", out], kind, dice.choice((1, 2)), dice.uniform(0, length))
        assert "Traceback" not in said
        # Before its first line and after its last word it is no Python that could say anything.
        outside = code == -kind and (not out.exists() or "index.html" in said or "Stopped" in said)
        assert code in (0, 130) or outside or code == -signal.SIGKILL, said
        stopped += code != 0
        if code == 130:
            assert "stopped" in said.lower(), said
        assert ResultStore(out / "results").verify() == []
        assert zygote.start([*given, "-o", out], place / "said").wait(SOON) == 0
        assert truth(out) == right
        assert not list(out.rglob("*.tmp"))
    assert stopped > moments / 4


def test_asked_to_stop_at_any_moment(zygote: Zygote, arguments: list[object], tmp_path: Path) -> None:
    stops_and_goes_on(zygote, arguments, tmp_path, random.Random(0), 2)  # kills: test_kills.py


@pytest.mark.torture
def test_asked_to_stop_a_hundred_times(zygote: Zygote, arguments: list[object], tmp_path: Path) -> None:
    stops_and_goes_on(zygote, arguments, tmp_path, random.Random(1), 100)


# A command more, to which an interrupt comes at once through a plain call, or through a text that is executed.
STOPPED = """
import os, signal, sys
from swaveval.cli import app
def stop():
    if how == "text":
        exec("os.kill(os.getpid(), signal.SIGTERM)")
    os.kill(os.getpid(), signal.SIGTERM)
    sys.exit("nobody stopped it")
how, more = sys.argv[1:]
@app.app.command("stopped")
def stopped() -> None:
    try:
        stop()
    finally:
        for _ in range(int(more)):
            os.kill(os.getpid(), signal.SIGTERM)
sys.argv[1:] = ["stopped"]
app.main()
"""


@pytest.mark.parametrize("more", [0, 1, 3])
@pytest.mark.parametrize("through", ["call", "text"])
def test_a_second_signal_does_not_change_how_it_ends(through: str, more: int, tmp_path: Path) -> None:
    """TERM, and TERM again before it had ended, were 143; an interrupt that met a dataclass being made was -2."""
    (tmp_path / "one_more.py").write_text(STOPPED, encoding="utf-8")
    given = environment()
    given["PYTHONPATH"] = os.pathsep.join(filter(None, (str(tmp_path), given.get("PYTHONPATH"))))
    ended = subprocess.run(
        [*command([])[:1], "-m", "one_more", through, str(more)],
        env=given, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, "Traceback" in ended.stderr) == (130, False), ended.stderr


def test_signals_at_the_very_end_are_not_what_it_dies_of() -> None:
    """As long as anything of the interpreter can still run: here, what is torn down with its modules."""
    code = "import os, signal, sys\n"
    code += "class Late:\n    def __del__(self, kill=os.kill, me=os.getpid()): kill(me, 15); kill(me, 2)\n"
    code += "sys.late = Late()\nfrom swaveval.cli import app\nsys.argv[1:] = ['--version']\napp.main()"
    ended = subprocess.run([*command([])[:1], "-c", code], env=environment(), capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.torture
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_workers_end_with_the_command(
    number: signal.Signals, times: int, arguments: list[object], tmp_path: Path
) -> None:
    running = subprocess.Popen(
        command([*arguments, "-j", 2, "-o", tmp_path / "out"]),
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert wait_until(lambda: list((tmp_path / "out").rglob("cells/*.json")) or running.poll() is not None, 120)
    family = descendants(running.pid)
    for _ in range(times):
        running.send_signal(number)
        time.sleep(0.05)
    _, said = running.communicate(timeout=SOON)
    assert running.returncode in (0, 130), said
    assert "Traceback" not in said
    assert wait_until(lambda: not any(map(alive, family)), 20)
    assert ResultStore(tmp_path / "out" / "results").verify() == []
