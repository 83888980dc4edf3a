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
        (100, 50_000, "cuda:0 cuda:1 cuda:2", 3),
        (2, 50_000, "cuda:0 cuda:1 cuda:2", 2),
        (0, 0, "cuda:0 cuda:1", 1),
        (0, 0, "cpu", 1),
    ],
)
def test_as_many_as_the_work_is_worth(
    tasks: int, images: int, device: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 8)
    monkeypatch.setattr(machine, "free_bytes", lambda: 1 << 40)
    assert machine.workers(tasks, images, device.split()) == expected


@pytest.mark.parametrize(("free", "expected"), [(1 << 20, 1), (5 << 30, 2), (9 << 30, 4)])
def test_no_more_than_memory_holds(free: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 64)
    monkeypatch.setattr(machine, "free_bytes", lambda: free)
    assert machine.workers(100, 50_000, ["cpu"]) == expected


@pytest.mark.parametrize(
    ("asked", "gpus", "expected"),
    [
        ("auto", 0, ("cpu",)),
        ("auto", 1, ("cuda",)),
        ("auto", 3, ("cuda:0", "cuda:1", "cuda:2")),
        ("cuda", 2, ("cuda:0", "cuda:1")),
        ("cuda:1", 4, ("cuda:1",)),  # one that was named is the only one
        ("cpu", 4, ("cpu",)),
        ("mps", 0, ("mps",)),
    ],
)
def test_every_gpu_where_none_is_named(
    asked: str, gpus: int, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpus > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    assert machine.devices(asked) == expected


def test_workers_are_dealt_evenly_and_a_lost_ones_gpu_is_given_again() -> None:
    gpus, taken = ("cuda:0", "cuda:1", "cuda:2"), list[str]()
    for _ in range(7):
        taken.append(machine.least_taken(gpus, taken))
    assert taken == ["cuda:0", "cuda:1", "cuda:2", "cuda:0", "cuda:1", "cuda:2", "cuda:0"]
    assert machine.least_taken(gpus, ["cuda:0", "cuda:2"]) == "cuda:1"
    assert machine.least_taken(["cpu"], ["cpu"] * 5) == "cpu"


def test_this_machine_has_something() -> None:
    assert machine.cores() >= 1
    assert machine.free_bytes() > 0
