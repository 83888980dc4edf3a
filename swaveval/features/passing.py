"""Batches on their way through an encoder: made ahead, and fetched late where a GPU would wait for either."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from swaveval.results.seconds import Stopwatch

Array = np.ndarray[Any, np.dtype[Any]]
Progress = Callable[[int, int], None]
Encode = Callable[[Tensor], tuple[Tensor, Tensor | None]]

# Batches whose results a GPU keeps until they are fetched.
FETCHED_TOGETHER = 8


@dataclass(frozen=True, slots=True)
class Passing:
    """How batches pass through an encoder.

    Attributes:
        device: that the encoder computes on.
        progress: called with (images and views done, in all), if given.
        watch: given the seconds of `forward` and `forward_views`.
    """

    device: str
    progress: Progress | None = None
    watch: Stopwatch | None = None

    def tell(self, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(done, total)

    def stage(self, name: str) -> AbstractContextManager[None]:
        return nullcontext() if self.watch is None else self.watch.stage(name)

    def through(self, encode: Encode, batches: Iterator[Array]) -> Iterator[tuple[Array, Array | None]]:
        """What the encoder gives, in order.

        Each batch is made in a thread while the one before is encoded. A GPU gets it from memory that it reads by
        itself, and keeps results until those of several batches are fetched together: it never waits for either.
        """
        on_cpu = self.device == "cpu"
        pinned, held = self.device.startswith("cuda"), list[tuple[Tensor, Tensor | None]]()

        def following() -> Tensor | None:
            if (batch := next(batches, None)) is None:
                return None
            return torch.from_numpy(batch).pin_memory() if pinned else torch.from_numpy(batch)

        with ThreadPoolExecutor(1, thread_name_prefix="swaveval-batch") as worker:
            coming = worker.submit(following)
            while (batch := coming.result()) is not None:
                coming = worker.submit(following)
                held.append(encode(batch))
                if on_cpu or len(held) == FETCHED_TOGETHER:
                    yield _fetched(held)
                    held.clear()
        if held:
            yield _fetched(held)


def _fetched(held: Sequence[tuple[Tensor, Tensor | None]]) -> tuple[Array, Array | None]:
    """The results of some batches as one, on the CPU."""
    features = torch.cat([each for each, _ in held]).cpu().numpy()
    scores = [each for _, each in held if each is not None]
    return features, torch.cat(scores).cpu().numpy() if scores else None
