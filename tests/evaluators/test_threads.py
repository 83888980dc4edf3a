"""The same bits on any number of threads."""

import os
import subprocess
import sys
import threading
import time
from textwrap import dedent

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from swaveval.evaluators.threads import each, one_thread

CODE = """
    import hashlib, sys
    import numpy as np
    import torch
    from threadpoolctl import threadpool_limits
    from swaveval.evaluators.registry import create
    from swaveval.results import Metric
    from swaveval.testing import synthetic_features, synthetic_series

    counts, *names = sys.argv[1:]
    many = {"n_train": 1500, "n_test": 500, "dimensions": 96, "classes": 10}

    def told(name, plain, series):
        evaluator = create(name)
        content = hashlib.sha256()
        for item in evaluator(series if getattr(evaluator, "over_series", False) else plain, seed=3):
            if isinstance(item, Metric):
                content.update(repr(item.to_json()).encode())
            else:
                content.update(b"".join(np.ascontiguousarray(array).tobytes() for array in item.arrays.values()))
        return content.hexdigest()

    for count in map(int, counts.split(",")):
        torch.set_num_threads(count)
        # Never more than the process was started with: of those it has all pools.
        with threadpool_limits(limits=count):
            assert torch.get_num_threads() == count
            # Made anew: features keep what was searched and clustered in them.
            made = synthetic_features(separation=0.4, **many), synthetic_series(**many)
            for name in names:
                print(count, name, told(name, *made))
"""
OF_LABELS = ("knn", "linear", "lowshot(draws=3)", "clusters")
LABEL_FREE = ("spectrum", "views", "intrinsic", "prototypes", "stability", "gallery", "dse")


def digests(*counts: int, names: tuple[str, ...]) -> dict[int, dict[str, str]]:
    """Of what evaluators say, by the number of threads; a process is started with the first of them."""
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    settings = {**os.environ, **dict.fromkeys(variables, str(counts[0]))}
    command = [sys.executable, "-c", dedent(CODE), ",".join(map(str, counts)), *names]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    assert finished.returncode == 0, finished.stderr
    found: dict[int, dict[str, str]] = {count: {} for count in counts}
    for line in finished.stdout.splitlines():
        count, name, digest = line.split()
        found[int(count)][name] = digest
    return found


def test_any_number_of_threads_gives_the_same_bits() -> None:
    names = OF_LABELS + LABEL_FREE
    one, many = digests(1, names=names)[1], digests(16, 2, names=names)
    assert set(one) == set(names)
    assert many == dict.fromkeys((16, 2), one)


@pytest.mark.torture
def test_umap_too() -> None:
    one = digests(1, names=("umap",))[1]
    assert len(one) == 1
    assert one == digests(1, names=("umap",))[1]
    assert one == digests(2, names=("umap",))[2]


def test_items_are_done_in_order_each_by_one_thread_alone() -> None:
    before = torch.get_num_threads()

    def one(item: int) -> tuple[int, list[int], int, int]:
        inner = each(lambda number: threading.get_ident(), range(3))
        return item, [pool["num_threads"] for pool in threadpool_info()], torch.get_num_threads(), len(set(inner))

    torch.linalg.eigvalsh(torch.eye(3))
    torch.set_num_threads(3)
    try:
        found = each(one, range(20))
    finally:
        torch.set_num_threads(before)
    assert [entry[0] for entry in found] == list(range(20))
    for _, pools, threads, inner in found:
        assert set(pools) == {1}
        assert threads == inner == 1


def test_several_threads_are_used_and_an_error_of_one_is_raised() -> None:
    before = torch.get_num_threads()
    together = threading.Barrier(2, timeout=60)
    torch.set_num_threads(2)
    try:
        # Both items wait for each other: one thread alone would never get through.
        assert each(lambda item: together.wait() >= 0, range(2)) == [True, True]
        with pytest.raises(ZeroDivisionError):
            each(lambda item: 1 / item, range(3))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("failing", [0, 1])
def test_after_an_error_nothing_more_is_begun(failing: int) -> None:
    """Whoever meets it: this thread or a helper."""
    begun: list[int] = []
    together = threading.Barrier(2, timeout=60)

    def one(item: int) -> None:
        begun.append(item)
        if item < 2:
            together.wait()
        if item == failing:
            raise ZeroDivisionError
        time.sleep(0.01)

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError):
            each(one, range(200))
    finally:
        torch.set_num_threads(before)
    assert len(begun) < 100


def test_every_pool_has_one_thread_inside_and_its_own_number_afterwards() -> None:
    torch.linalg.eigvalsh(torch.eye(3))  # a pool is known once its library is loaded
    before = torch.get_num_threads()
    with threadpool_limits(limits=2):
        outside = [pool["num_threads"] for pool in threadpool_info()]
        with one_thread():
            inside = [pool["num_threads"] for pool in threadpool_info()]
            assert torch.get_num_threads() == 1
        assert [pool["num_threads"] for pool in threadpool_info()] == outside
    assert inside == [1] * len(outside)
    assert torch.get_num_threads() == before
