"""Seeds from several numbers, so that what is drawn depends on what it is drawn for and on nothing before it."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def mix(*numbers: int) -> int:
    """A 63-bit seed from several numbers, different for different tuples (SplitMix64's finaliser, chained)."""
    state = 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 31
    return state >> 1


@contextmanager
def drawn_from(*numbers: int) -> Iterator[None]:
    """Seed the two generators that lightly's and torchvision's transforms draw from; put them back afterwards."""
    before = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002 lightly draws from it
    seed = mix(*numbers)
    torch.default_generator.manual_seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)  # noqa: NPY002
    try:
        yield
    finally:
        torch.set_rng_state(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
