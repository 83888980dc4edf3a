"""A process beside this one: it answers, or it is said how it ended, and nothing of it is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swaveval.runs.child import Child, ChildDied, ChildHangs

ROOT = Path(__file__).parents[2]
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's process table")


def wait_until(true: Callable[[], object], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        os.sched_yield()
    return bool(true())


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child("tests.runs.odd_child")
    yield made
    made.kill()


def test_question_and_answer(child: Child) -> None:
    for value in ("x", {"a": [1, None]}, b"x" * 1_000_000):
        child.send(("echo", value))
        assert child.receive(seconds=60) == value
    child.send(("echo", 7))
    child.send(("echo", 8))
    assert (child.receive(), child.read()) == (7, 8)
    assert child.lives


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (("exit", 0), "left with exit status 0"),
        (("exit", 3), "left with exit status 3"),
        (("signal", signal.SIGHUP), "was ended by SIGHUP"),
        (("signal", signal.SIGTERM), "was ended by SIGTERM"),
        (("signal", signal.SIGKILL), r"was ended by SIGKILL \(out of memory\?\)"),
        (("signal", 40), "was ended by signal 40"),
        (("close",), "closed its connection"),
        (("leave a copy", 4), "left with exit status 4"),  # the copy holds the connection open
        (("half", 5), "left with exit status 5"),
    ],
    ids=str,
)
def test_how_it_ended(what: tuple[object, ...], words: str, child: Child) -> None:
    child.send(what)
    with pytest.raises(ChildDied, match=f"^{words}$"):
        child.receive(seconds=60)
    assert not child.lives
    assert child.connection.closed


def test_a_question_to_one_that_is_gone(child: Child) -> None:
    os.kill(child.pid, signal.SIGTERM)
    assert wait_until(lambda: not child.lives)
    with pytest.raises(ChildDied, match="was ended by SIGTERM"):
        child.send(("echo", 1))


def test_what_it_sent_before_it_ended_is_read(child: Child) -> None:
    child.send(("echo", "last words"))
    child.send(("exit", 3))
    assert wait_until(lambda: not child.lives)
    assert child.receive() == "last words"
    with pytest.raises(ChildDied, match="exit status 3"):
        child.receive()


def test_it_is_asked_once_more_after_it_has_ended(child: Child) -> None:
    child.send(("exit", 3))
    assert wait_until(lambda: not child.lives)
    with pytest.raises(ChildDied, match="exit status 3"):
        child.read()


def test_no_answer_in_the_time_it_has(child: Child) -> None:
    child.send(("pause",))
    with pytest.raises(ChildHangs, match="gave no answer within 1 seconds"):
        child.receive(seconds=0.9)
    assert not child.lives


@needs_proc
def test_one_that_uses_no_processor_time_hangs(child: Child) -> None:
    child.send(("pause",))
    with pytest.raises(ChildHangs, match="used no processor time for 1 seconds"):
        child.receive(seconds=60, idle_seconds=0.9)
    assert not child.lives


@needs_proc
def test_one_that_computes_does_not(child: Child) -> None:
    """Its time is measured whenever the time without any is over."""
    child.send(("spin",))
    with pytest.raises(ChildHangs, match="gave no answer within 2 seconds"):
        child.receive(seconds=2, idle_seconds=0.6)


@needs_proc
def test_processor_time_is_its_own_and_that_of_all_it_started(child: Child) -> None:
    """As the system's own call says it: user and system time, of it and of what it waited for."""
    child.send(("work",))
    told = child.receive(seconds=60)
    ticks = [round(seconds * os.sysconf("SC_CLK_TCK")) for seconds in told]
    assert min(ticks[0], ticks[2]) >= 5
    assert child.processor_time() == pytest.approx(sum(ticks), abs=3)
    child.kill()
    assert child.processor_time() is None


@needs_proc
def test_what_it_started_ends_with_it(child: Child) -> None:
    child.send(("start",))
    started = child.receive(seconds=60)
    assert alive(started)
    child.kill()
    assert not child.lives
    assert wait_until(lambda: not alive(started))


def test_ctrl_c_is_for_the_parent(child: Child) -> None:
    child.send(("echo", "ready"))
    child.receive(seconds=60)  # from then on
    os.kill(child.pid, signal.SIGINT)
    child.send(("echo", "still here"))
    assert child.receive(seconds=60) == "still here"
    assert os.getpgid(child.pid) == child.pid  # a terminal's Ctrl-C does not even reach it


def test_it_knows_nothing_of_its_arguments_and_reads_nothing(child: Child) -> None:
    child.send(("argv",))
    assert len(child.receive(seconds=60)) == 1
    child.send(("stdin",))
    assert child.receive(seconds=60) == ""


def test_what_it_prints_is_no_output_of_ours(child: Child, capfd: pytest.CaptureFixture[str]) -> None:
    other = Child("tests.runs.odd_child")
    other.send(("say", "by the way"))
    assert other.receive(seconds=60) == "said"
    other.kill()
    assert capfd.readouterr() == ("", "by the way\n")


WITHOUT_STDERR = """
import os
{closing}
from swaveval.runs.child import Child
child = Child("tests.runs.odd_child")
child.send(("say", "into nothing"))
first = child.receive(seconds=60)
child.send(("echo", "heard"))
print(first, child.receive(seconds=60), end="")
child.kill()
"""


@pytest.mark.parametrize("closing", ["os.close(2)", "pass"], ids=["closed later", "closed from the start"])
def test_where_there_is_no_stderr(closing: str) -> None:
    """Its output went into the connection, which had taken the free number: the next question was not understood."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WITHOUT_STDERR.format(closing=closing)]
    if closing == "pass":
        command = ["sh", "-c", 'exec "$0" "$@" 2>&-', *command]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
    assert done.stdout == b"said heard"
