"""The same bits on any number of threads."""

import os
import subprocess
import sys
import threading
from textwrap import dedent

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from swaveval.evaluators.threads import each, one_thread

CODE = """
    import hashlib
    import numpy as np
    from swaveval.evaluators.registry import create
    from swaveval.results import Metric
    from swaveval.testing import synthetic_features

    features = synthetic_features(n_train=1500, n_test=500, dimensions=96, classes=10, separation=0.4)
    for name in ("knn", "linear", "lowshot(draws=3)", "clusters", "spectrum", "views", "intrinsic", "prototypes"):
        content = hashlib.sha256()
        for item in create(name)(features, seed=3):
            if isinstance(item, Metric):
                content.update(repr(item.to_json()).encode())
            else:
                content.update(b"".join(np.ascontiguousarray(array).tobytes() for array in item.arrays.values()))
        print(name, content.hexdigest())
"""


def test_any_number_of_threads_gives_the_same_bits() -> None:
    found = []
    for threads in ("1", "2", "4", "16"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        settings = {**os.environ, **dict.fromkeys(names, threads)}
        command = [sys.executable, "-c", dedent(CODE)]
        finished = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
        assert finished.returncode == 0, finished.stderr
        found.append(finished.stdout.splitlines())
    assert len(found[0]) == 8
    assert all(lines == found[0] for lines in found)


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
