"""The label-free evaluators give the same bits from processes with one and with two threads."""

import os
import subprocess
import sys
from textwrap import dedent

import pytest

CODE = """
    import hashlib, sys
    import numpy as np
    from swaveval.evaluators.registry import create
    from swaveval.results import Metric
    from swaveval.testing import synthetic_features, synthetic_series

    many = {"n_train": 1500, "n_test": 500, "dimensions": 96, "classes": 10}
    for name in sys.argv[1:]:
        evaluator = create(name)
        over = synthetic_series(**many) if getattr(evaluator, "over_series", False) else synthetic_features(**many)
        content = hashlib.sha256()
        for item in evaluator(over, seed=3):
            if isinstance(item, Metric):
                content.update(repr(item.to_json()).encode())
            else:
                content.update(b"".join(np.ascontiguousarray(array).tobytes() for array in item.arrays.values()))
        print(name, content.hexdigest())
"""


def digests(threads: int, *names: str) -> list[str]:
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    settings = {**os.environ, **dict.fromkeys(variables, str(threads))}
    command = [sys.executable, "-c", dedent(CODE), *names]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()


def test_one_and_two_threads_give_the_same_bits() -> None:
    names = ("spectrum", "views", "prototypes", "stability", "gallery", "intrinsic", "dse")
    one = digests(1, *names)
    assert len(one) == 7
    assert one == digests(2, *names)


@pytest.mark.torture
def test_umap_too() -> None:
    one = digests(1, "umap")
    assert len(one) == 1
    assert one == digests(1, "umap")
    assert one == digests(2, "umap")
