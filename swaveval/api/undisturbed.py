"""A block that leaves a training as it found it: its random numbers, precision, gradients, threads."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch


@contextmanager
def undisturbed() -> Iterator[None]:
    """What follows is what it would have been without the block.

    Put back: the states of Python's, numpy's and torch's generators, those of every GPU in use too, the number of
    threads, the default type, and how convolutions and products are chosen. Inside, autocast and gradients are off.
    """
    # The old generator of numpy, too: it is the one that trainings use without knowing.
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    threads, kind = torch.get_num_threads(), torch.get_default_dtype()
    cudnn = torch.backends.cudnn
    chosen = cudnn.benchmark, cudnn.deterministic, torch.get_float32_matmul_precision()
    try:
        with ExitStack() as off:
            off.enter_context(torch.no_grad())
            for device in ("cpu", "cuda"):
                off.enter_context(torch.autocast(device, enabled=False))
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
        if gpus:
            torch.cuda.set_rng_state_all(gpus)
        torch.set_num_threads(threads)
        torch.set_default_dtype(kind)
        cudnn.benchmark, cudnn.deterministic = chosen[:2]
        torch.set_float32_matmul_precision(chosen[2])
