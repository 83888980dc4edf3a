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
FETCHED_TOGETHER = 4


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

    def through(
        self, encode: Encode, batches: Iterator[Array] | Iterator[Tensor]
    ) -> Iterator[tuple[Array, Array | None]]:
        """What the encoder gives, in order.

        Each batch is made, and sent where it is encoded, in a thread while the one before is encoded. Results of
        several batches leave a GPU together, while it computes the next ones: it never waits for either.
        """
        together = 1 if self.device == "cpu" else FETCHED_TOGETHER
        sending = _Sending(self.device)
        held, leaving = list[tuple[Tensor, Tensor | None]](), list[_Leaving]()
        with ThreadPoolExecutor(1, thread_name_prefix="swaveval-batch") as worker:
            coming = worker.submit(sending.following, batches)
            while (sent := coming.result()) is not None:
                coming = worker.submit(sending.following, batches)
                held.append(encode(sending.arrived(sent)))
                if len(held) == together:
                    leaving.append(_Leaving(held, self.device))
                    held = []
                    if not sending.beside or len(leaving) > 1:
                        yield leaving.pop(0).arrived()
        if held:
            leaving.append(_Leaving(held, self.device))
        for each in leaving:
            yield each.arrived()


class _Sending:
    """The way of batches to the device. A GPU copies them beside its work, from memory that it reads by itself."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.beside = torch.cuda.Stream(device) if device.startswith("cuda") else None  # type: ignore[no-untyped-call]

    def following(self, batches: Iterator[Array] | Iterator[Tensor]) -> tuple[Tensor, torch.cuda.Event | None] | None:
        """The next batch, and what says that it is there; None after the last."""
        with torch.inference_mode(), torch.cuda.stream(self.beside):  # (a stream of None changes nothing)
            if (batch := next(batches, None)) is None:
                return None
            made = batch if isinstance(batch, Tensor) else torch.from_numpy(batch)
            if self.beside is None:
                return made, None
            if not made.is_cuda:
                made = made.pin_memory().to(self.device, non_blocking=True)
            return made, self.beside.record_event()

    def arrived(self, sent: tuple[Tensor, torch.cuda.Event | None]) -> Tensor:
        """The batch, for what the device is given from now on."""
        batch, there = sent
        if there is not None:
            working = torch.cuda.current_stream(self.device)
            working.wait_event(there)
            batch.record_stream(working)  # its memory is free when that is done, not before
        return batch


class _Leaving:
    """The results of some batches, as one, on their way to the CPU."""

    def __init__(self, held: Sequence[tuple[Tensor, Tensor | None]], device: str) -> None:
        scores = [each for _, each in held if each is not None]
        self._features = self._leave(torch.cat([each for each, _ in held]))
        self._scores = self._leave(torch.cat(scores)) if scores else None
        self._gone = torch.cuda.current_stream(device).record_event() if device.startswith("cuda") else None

    @staticmethod
    def _leave(made: Tensor) -> Tensor:
        if not made.is_cuda:
            return made.cpu()
        return torch.empty(made.shape, dtype=made.dtype, pin_memory=True).copy_(made, non_blocking=True)

    def arrived(self) -> tuple[Array, Array | None]:
        if self._gone is not None:
            self._gone.synchronize()
        return self._features.numpy(), None if self._scores is None else self._scores.numpy()
