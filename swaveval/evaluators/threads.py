"""The same bits whatever the number of threads."""

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Protocol, TypeVar, runtime_checkable

import torch
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def one_thread() -> Iterator[None]:
    """Run BLAS, OpenMP and torch's operators on one thread inside the block.

    Parallel reductions add in an order that depends on the number of threads, and floating-point addition is not
    associative: k-means with two threads can end in another optimum than with one.
    """
    threads = torch.get_num_threads()
    with _libraries(len(sys.modules)).limit(limits=1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@runtime_checkable
class Each(Protocol):
    """Gives `[function(item) for item in items]`."""

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item], /) -> list[Result]: ...


@contextmanager
def crew(most: int | None = None) -> Iterator[Each]:
    """What does `each`, with threads that stay for the time of the block: for many short calls one after another.

    Args:
        most: items of any call; more threads than that are not started.
    """
    threads = torch.get_num_threads()
    if most is not None:
        threads = min(threads, most)
    with one_thread():
        if threads < 2:
            yield lambda function, items: [function(item) for item in items]
            return
        with ThreadPoolExecutor(threads - 1, initializer=_alone) as helpers:
            yield partial(_together, helpers, threads - 1)


def _together(helpers: Executor, count: int, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """This thread and its helpers take one item after the other: no thread is woken for each, none waits while items
    are left.
    """
    given = list(items)
    made: dict[int, Result] = {}
    left = iter(range(len(given)))  # asked by several threads, it gives each place once

    def work() -> None:
        try:
            for place in left:
                made[place] = function(given[place])
        except BaseException:
            for _ in left:  # nothing more is begun
                pass
            raise

    others = [helpers.submit(work) for _ in range(min(count, len(given) - 1))]
    try:
        work()
    finally:
        begun = [other for other in others if not other.cancel()]
        wait(begun)
    for other in begun:
        other.result()
    return [made[place] for place in range(len(given))]


def each(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`[function(item) for item in items]`, on as many threads as torch may use.

    One thread computes an item from beginning to end, by itself, so that the results are the same bits on any number of
    threads; what is summed over items is summed by the caller, in their order. Called inside `one_thread`, or by an
    item of another `each`, it uses the thread it is called on.

    Args:
        function: releases the interpreter lock most of the time, as products, sorts and ufuncs of large arrays do.
        items: of about the same cost, enough of them to keep all threads busy, large enough (milliseconds) to be worth
            handing over.
    """
    with crew() as do:
        return do(function, items)


def _alone() -> None:
    """OpenMP counts threads for each thread that starts work, so its limit has to be set in all of them."""
    _libraries(len(sys.modules)).limit(limits=1)
    torch.set_num_threads(1)


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """What has threads of its own. Looking for it takes milliseconds, so this is done anew only after imports."""
    return ThreadpoolController()
