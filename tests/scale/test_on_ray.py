"""Ray's own nodes on this machine: the same results bit for bit, whoever did the work and whoever died over it."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from swaveval.runs.executors import make_executor
from swaveval.runs.progress import Silent
from swaveval.runs.request import RunError
from swaveval.runs.run import run
from swaveval.specification import PluginError
from tests.field.around_runs import write_checkpoints
from tests.scale.clusters import RayNodes
from tests.scale.evaluations import cells, request
from tests.tiny_images import write_images

pytest.importorskip("ray", reason="needs the extra 'ray'")


class Listening(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.at, self.name = 0, ""

    def stage(self, name: str, total: int) -> None:
        self.name = name

    def advance(self, done: int, total: int) -> None:
        if self.name == "evaluating":
            self.at = done

    def doing(self, text: str) -> None:
        self.done.append(text)

    def left(self, seconds: float | None) -> None:
        pass


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[RayNodes]:
    root = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", root)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    found = RayNodes(processors=1)
    yield found
    found.close()


@pytest.mark.filterwarnings("default")  # Ray's own
def test_the_same_results_with_and_without_a_shared_disk(nodes: RayNodes, tmp_path: Path) -> None:
    images = write_images(tmp_path / "bars", per_class=8)
    checkpoints = write_checkpoints(tmp_path / "run" / "checkpoints", count=2)
    run(request(checkpoints, images, tmp_path / "here"))
    expected = cells(tmp_path / "here")
    for name, shared in (("shared", None), ("apart", False)):
        executor = f"ray(address={nodes.address!r}, threads=1, shared={shared})"
        listening = Listening()
        outcome = run(request(checkpoints, images, tmp_path / name, executor), listening)
        assert not outcome.failed
        assert cells(tmp_path / name) == expected
        assert any(" on " in text for text in listening.done)  # where what is done is said here
        assert not list((tmp_path / name / "cache").glob(".shared-*"))


@pytest.mark.torture
@pytest.mark.filterwarnings("default")
def test_a_node_dies_half_way(nodes: RayNodes, tmp_path: Path) -> None:
    """40 checkpoints on two nodes, one of which is killed at work: all are done, and only its work twice."""
    images = write_images(tmp_path / "bars", per_class=8)
    checkpoints = write_checkpoints(tmp_path / "run" / "checkpoints", count=40)
    evaluators = ("knn", "spectrum")
    run(request(checkpoints, images, tmp_path / "here", evaluators=evaluators))
    expected, other, listening = cells(tmp_path / "here"), nodes.add(1), Listening()

    def kill() -> None:
        while listening.at < 40 or not nodes.works(other):
            time.sleep(0.02)
        nodes.kill(other)

    killer = threading.Thread(target=kill)
    killer.start()
    (tmp_path / "counting.py").write_text(COUNTING, encoding="utf-8")
    executor = f"{tmp_path / 'counting.py'}:Counting(address={nodes.address!r}, threads=1)"
    outcome = run(request(checkpoints, images, tmp_path / "ray", executor, evaluators=evaluators), listening)
    killer.join()
    assert not outcome.failed
    assert cells(tmp_path / "ray") == expected
    begun = (tmp_path / "counting.log").read_text(encoding="utf-8").splitlines()
    again = len(begun) - len(set(begun))
    print(f"40 of 40 checkpoints; {again} tasks begun again")
    # What it was at, and what was on its way to it; nothing where it ended a task between the look and the kill.
    assert again <= 2


COUNTING = """
from dataclasses import dataclass
from pathlib import Path
from swaveval.runs.on_ray import Ray

@dataclass
class Counting(Ray):
    def _submit(self, attempt):
        with Path(__file__).with_suffix(".log").open("a") as log:
            log.write(attempt.task.name + "\\n")
        super()._submit(attempt)
"""


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="threads is at least 1"):
        make_executor("ray(threads=0)")
    images = write_images(tmp_path / "bars", per_class=4)
    checkpoints = write_checkpoints(tmp_path / "run" / "checkpoints", count=1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # where nobody listens
        nowhere = f"ray(address='127.0.0.1:{free.getsockname()[1]}')"
        with pytest.raises(RunError, match=r"Ray cannot be reached at 127\.0\.0\.1:\d+: .*refused"):
            run(request(checkpoints, images, tmp_path / "out", nowhere))
