"""The same bits whatever the number of threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Run BLAS, OpenMP and torch's operators on one thread inside the block.

    Parallel reductions add in an order that depends on the number of threads, and floating-point addition is not
    associative: k-means with two threads can end in another optimum than with one. The cells of a run are what is
    spread over cores, not the inside of one.
    """
    threads = torch.get_num_threads()
    with threadpool_limits(limits=1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
