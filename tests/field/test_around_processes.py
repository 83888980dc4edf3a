"""Processes: none outlives its parent, none imports from the current directory, the death of one costs its task."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from around_runs import ROOT, bars, checkpoint, command, environment, evaluated, spoilt, swaveval, write_plugin
from process_table import alive, descendants, wait_until

MODULES = ("multiprocessing", "torch", "numpy", "random", "json", "socket", "typing", "safetensors", "PIL", "signal")


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's process table")


FAMILY = """
import sys
from pathlib import Path
from swaveval.checkpoints import load
from swaveval.runs.child import Child
from swaveval.runs.plugins import PluginHost
load(Path(sys.argv[1]))
worker = Child("swaveval.runs.worker")
host = PluginHost(sys.argv[2])
host.describe()
print("ready", flush=True)
sys.stdin.read()
"""


@needs_proc
def test_every_kind_of_process_ends_with_its_parent(checkpoint: Path, tmp_path: Path) -> None:
    """A reader with its fork, a worker, a plugin's process: their parent is killed, and they go too."""
    parent = subprocess.Popen(
        [sys.executable, "-c", FAMILY, str(checkpoint), write_plugin(tmp_path / "mine.py")],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    assert parent.stdout.readline() == b"ready\n"
    family = descendants(parent.pid)
    assert len(family) >= 4
    parent.kill()
    parent.communicate()
    assert wait_until(lambda: not any(map(alive, family)), 20)


@pytest.mark.torture
@needs_proc
def test_nothing_outlives_a_killed_parent_and_a_killed_worker_costs_a_retry(spoilt: Path, bars: Path) -> None:
    """`--jobs 2`: first one worker is killed and the run goes on; then the whole, and nothing is left."""
    out = spoilt / "other"
    arguments = [
        "run",
        "-c",
        spoilt / "checkpoints",
        "-d",
        bars,
        "-e",
        "knn,linear,lowshot,spectrum,views",
        "-j",
        2,
        "--no-figures",
    ]
    running = subprocess.Popen(
        command([*arguments, "--json", "--out", out]), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    cells = out / "results" / "cells"

    def workers() -> list[int]:
        found = descendants(running.pid)
        return [pid for pid in found if b"runs.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    assert wait_until(lambda: list(cells.glob("*.json")) and len(workers()) == 2, 120)
    os.kill(workers()[0], signal.SIGKILL)
    said, errors = running.communicate(timeout=300)
    assert b"Traceback" not in errors, errors
    assert running.returncode == 0, errors
    assert json.loads(said)["failed"] == []

    killed = subprocess.Popen(
        command([*arguments, "--out", spoilt / "third"]),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert wait_until(lambda: len(descendants(killed.pid)) >= 4, 120)  # two workers and their readers at least
    family = descendants(killed.pid)
    killed.kill()
    killed.wait()
    assert wait_until(lambda: not any(map(alive, family)), 20), "left alive: " + ", ".join(
        Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace") for pid in family if alive(pid)
    )


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose modules write their name and process beside themselves when they are imported."""
    directory = tmp_path_factory.mktemp("poisoned")
    for name in (*MODULES, "numba", "sklearn", "scipy", "umap", "queue", "select", "sitecustomize"):
        (directory / f"{name}.py").write_text(
            f"import os\nopen({str(directory / 'poisoned.log')!r}, 'a').write('{name} ' + str(os.getpid()) + chr(10))\n"
            "raise ImportError('poisoned')\n"
        )
    return directory


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(None, id="as installed", marks=pytest.mark.torture),
        pytest.param(":/nowhere:", id="empty entries in PYTHONPATH"),
    ],
)
def test_the_current_directory_shadows_no_module_in_any_process(
    path: str | None, poisoned: Path, checkpoint: Path, bars: Path, tmp_path: Path
) -> None:
    """Workers, their readers and a plugin's process start in a directory of `torch.py`, `multiprocessing.py` …"""
    arguments: list[object] = ["run", "-c", checkpoint, "-d", bars, "-e", "knn", "-o", tmp_path / "out", "--no-figures"]
    arguments += ["--evaluator", write_plugin(tmp_path / "mine.py"), "-j", 2]
    if path is not None:
        arguments = ["inspect", checkpoint]
    # Like the console script: without the current directory, which `python -m` puts in before our first line. An
    # interpreter with an empty entry in PYTHONPATH imports from there itself; the processes we start must not.
    given = "" if path is None else f"import os; os.environ['PYTHONPATH'] = {str(ROOT) + path!r}; "
    code = f"{given}from swaveval.cli.app import main; main()"
    finished = subprocess.run(
        [sys.executable, "-P", "-c", code, *map(str, arguments)],
        cwd=poisoned,
        env=environment({"PYTHONSAFEPATH": None}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    log = poisoned / "poisoned.log"
    assert not log.exists(), log.read_text(encoding="utf-8")


def test_neither_a_worker_nor_a_plugin_imports_from_the_current_directory(
    poisoned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from swaveval.runs.plugins import PluginHost
    from swaveval.runs.worker_process import WorkerProcess

    host = PluginHost(write_plugin(tmp_path / "mine.py"))
    monkeypatch.chdir(poisoned)
    worker = WorkerProcess()
    try:
        # For whose answer it has imported all of torch and the evaluators.
        worker.prepare(SimpleNamespace(workspace=SimpleNamespace(loader=SimpleNamespace())), threads=1)
        assert worker.receive(seconds=300) == ("ready", None)
        host.describe()
    finally:
        worker.end()
        host.close()
    assert not (poisoned / "poisoned.log").exists()


def test_python_m_leaves_the_current_directory_out(poisoned: Path) -> None:
    """From our first line on; what Python imports before it (`pkgutil`) is out of our hands."""
    swaveval("evaluators", "--json", cwd=poisoned)
    assert not (poisoned / "poisoned.log").exists()
