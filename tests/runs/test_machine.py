"""How many checkpoints are evaluated at the same time where nobody says."""

import pytest

from swaveval.runs import machine


@pytest.mark.parametrize(
    ("tasks", "images", "device", "expected"),
    [
        (20, 1797, "cpu", 3),  # 36,000 images through a network
        (7, 72, "cpu", 1),  # done before a worker process has started
        (1, 50_000, "cpu", 1),
        (100, 50_000, "cpu", 8),
        (100, 50_000, "cuda", 1),
        (0, 0, "cpu", 1),
    ],
)
def test_as_many_as_the_work_is_worth(
    tasks: int, images: int, device: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 8)
    monkeypatch.setattr(machine, "free_bytes", lambda: 1 << 40)
    assert machine.workers(tasks, images, device) == expected


@pytest.mark.parametrize(("free", "expected"), [(1 << 20, 1), (5 << 30, 2), (9 << 30, 4)])
def test_no_more_than_memory_holds(free: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 64)
    monkeypatch.setattr(machine, "free_bytes", lambda: free)
    assert machine.workers(100, 50_000, "cpu") == expected


def test_this_machine_has_something() -> None:
    assert machine.cores() >= 1
    assert machine.free_bytes() > 0
