"""Runs of the command at a hundredth of its start: a process that has imported what a run imports, and forks one each.

What is forked is the command itself, from `main` to its exit, in a session of its own. `python -m tests.crashes.zygote`
is the process; `Zygote` starts it and asks it.
"""

import gc
import importlib
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from tests.field.around_runs import ROOT, environment


class Zygote:
    """The process beside this one. A context."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crashes.zygote"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Zygote":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait()

    def warm(self, arguments: Sequence[object]) -> int:
        """Have it import everything that a run with these arguments imports; that run's exit code."""
        return int(self._ask(warm=[str(one) for one in arguments]))

    def start(self, arguments: Sequence[object], said: Path) -> "Forked":
        """Begin a run; what it prints goes to the file `said`."""
        return Forked(self, int(self._ask(start=[str(one) for one in arguments], said=str(said))))

    def _ask(self, **asked: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class Forked:
    """A run that was begun, as `subprocess.Popen` is one; its number is its session's."""

    def __init__(self, zygote: Zygote, pid: int) -> None:
        self._zygote = zygote
        self._handle = os.pidfd_open(pid)
        self.pid = pid
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Until it ends.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if self.returncode is None:
            if not select.select([self._handle], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("swaveval", timeout or 0)
            os.close(self._handle)
            # Nobody else waits for it, so that until now its number was no other process's.
            self.returncode = int(self._zygote._ask(reap=self.pid))
        return self.returncode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def main() -> None:
    """Serve requests, one a line, until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        asked = json.loads(line)
        if "warm" in asked:
            answer = _warmed(asked["warm"])
        elif "reap" in asked:
            answer = os.waitstatus_to_exitcode(os.waitpid(asked["reap"], 0)[1])
        elif not (answer := os.fork()):
            _become(asked["start"], Path(asked["said"]), answers)
            return
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _become(arguments: list[str], said: Path, answers: TextIO) -> None:
    """In the fork: be the command."""
    os.setsid()
    answers.close()
    nothing, file = os.open(os.devnull, os.O_RDONLY), os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for number, descriptor in ((0, nothing), (1, file), (2, file)):
        os.dup2(descriptor, number)
    sys.argv = ["swaveval", *arguments]
    from swaveval.cli.app import main as command

    command()  # leaves by SystemExit, through the end of the interpreter


def _warmed(arguments: list[str]) -> int:
    """Import what a first run, in a fork, has imported at its end: with one thread, as a fork keeps no others."""
    with tempfile.TemporaryDirectory() as place:
        names = Path(place) / "names"
        child = os.fork()
        if not child:
            code = 1
            try:
                _become(arguments, Path(place) / "said", os.fdopen(os.dup(1), "w"))
            except SystemExit as leaving:
                code = int(leaving.code or 0)
                names.write_text("\n".join(sys.modules), encoding="utf-8")
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for name in names.read_text(encoding="utf-8").split() if names.exists() else []:
            with suppress(Exception):  # what a package makes itself, and what is no module of a file
                importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a fork would write to, and so copy, every page of the heap it shares
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        raise RuntimeError(f"{threads} threads: a fork would lose all but one")
    return code


if __name__ == "__main__":
    main()
