"""Many small pieces of work on a few threads, results in the order of the work."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]  # (done, total)


def worker_count() -> int:
    """Processors this process may use, at most 16."""
    try:
        usable = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        usable = os.cpu_count() or 1
    return max(1, min(16, usable))


def ordered_map(function: Callable[[Item], Result], items: Sequence[Item], *, chunk: int = 16) -> Iterator[Result]:
    """`map(function, items)` on threads (Pillow and hashlib release the interpreter while they work).

    Only a few chunks are in flight, so memory stays bounded; leaving early (an exception, Ctrl-C, an abandoned
    generator) waits for those alone.
    """

    def work(start: int) -> list[Result]:
        return [function(item) for item in items[start : start + chunk]]

    threads = worker_count()
    pending: deque[Future[list[Result]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="swaveval-data") as pool:
        try:
            for start in range(0, len(items), chunk):
                pending.append(pool.submit(work, start))
                if len(pending) > 2 * threads:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
