"""The same bits from processes with one and with two threads."""

import os
import subprocess
import sys
from textwrap import dedent

import torch
from threadpoolctl import threadpool_info, threadpool_limits

from swaveval.evaluators.threads import one_thread

CODE = """
    import hashlib
    import numpy as np
    from swaveval.evaluators.registry import create
    from swaveval.results import Metric
    from swaveval.testing import synthetic_features

    features = synthetic_features(n_train=1500, n_test=500, dimensions=96, classes=10, separation=0.4)
    for name in ("knn", "linear", "lowshot(draws=3)", "clusters"):
        content = hashlib.sha256()
        for item in create(name)(features, seed=3):
            if isinstance(item, Metric):
                content.update(repr(item.to_json()).encode())
            else:
                content.update(b"".join(np.ascontiguousarray(array).tobytes() for array in item.arrays.values()))
        print(name, content.hexdigest())
"""


def test_one_and_two_threads_give_the_same_bits() -> None:
    found = []
    for threads in ("1", "2"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        settings = {**os.environ, **dict.fromkeys(names, threads)}
        command = [sys.executable, "-c", dedent(CODE)]
        finished = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
        assert finished.returncode == 0, finished.stderr
        found.append(finished.stdout.splitlines())
    assert len(found[0]) == 4
    assert found[0] == found[1]


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
