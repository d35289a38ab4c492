"""Threads over the width of a network, each with libraries of one thread.

BLAS does not scale on the flat matrices of a chunk of neurons, so the chunks are shared out among threads and every library
call stays on its own. A chunk is prepared by one thread and added to the tiles of an accumulator; chunks reach a tile in a
fixed order, so the rounding of a sum does not depend on which thread was faster.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

import torch


class Worker(Protocol):
    """What one thread does; every thread has its own."""

    def fill(self, job: int) -> None:
        """Prepare chunk number `job`."""

    def add(self, copy: int, tile: int) -> None:
        """Add the prepared chunk to a tile of an accumulator."""


@contextmanager
def single_threaded_libraries() -> Iterator[int]:
    """One thread for every call of torch, numpy or scipy in this process, and full float32 products, meanwhile.

    Yields:
        The number of threads that torch had, which is how many to use.
    """
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    with _pools().limit(limits=1, user_api="blas"):
        torch.set_num_threads(1)
        torch.set_float32_matmul_precision("highest")
        try:
            yield threads
        finally:
            torch.set_num_threads(threads)
            torch.set_float32_matmul_precision(precision)


@cache
def _pools() -> Any:
    import scipy.linalg.cython_blas  # noqa: F401  (its BLAS must be loaded to be found)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def run(jobs: int, copies: int, tiles: int, threads: int, make: Callable[[], Worker]) -> None:
    """Do all jobs: job j fills, then adds to the tiles 0, 1, ... of copy j % copies, where it follows job j - copies.

    Thread t does the jobs t, t + threads, ...: with a copy for each thread, a copy stays in the cache of its own core.

    Args:
        jobs: Their number.
        copies: The number of accumulators.
        tiles: The number of tiles of each; 0 where filling is all there is.
        threads: How many at most.
        make: Makes one thread's worker, in that thread.
    """
    threads = max(1, min(threads, jobs))
    state = _State(copies, tiles)
    shares = [range(first, jobs, threads) for first in range(threads)]
    others = [threading.Thread(target=state.work, args=(make, share), daemon=True) for share in shares[1:]]
    for thread in others:
        thread.start()
    state.work(make, shares[0])
    for thread in others:
        thread.join()
    if state.error is not None:
        raise state.error


class _State:
    def __init__(self, copies: int, tiles: int) -> None:
        self.copies, self.tiles = copies, tiles
        self.turns = [[0] * tiles for _ in range(copies)]
        self.changed = threading.Condition()
        self.error: BaseException | None = None

    def work(self, make: Callable[[], Worker], share: range) -> None:
        try:
            with torch.no_grad():  # of this thread only: autograd's switch is not inherited
                worker = make()
                for job in share:
                    if self.error is not None:
                        return
                    worker.fill(job)
                    for tile in range(self.tiles):
                        self._wait(job, tile)
                        worker.add(job % self.copies, tile)
                        self._pass_on(job, tile)
        except BaseException as error:
            with self.changed:
                self.error = self.error or error
                self.changed.notify_all()

    def _wait(self, job: int, tile: int) -> None:
        with self.changed:
            while self.turns[job % self.copies][tile] != job // self.copies and self.error is None:
                self.changed.wait()
            if self.error is not None:
                raise self.error

    def _pass_on(self, job: int, tile: int) -> None:
        with self.changed:
            self.turns[job % self.copies][tile] += 1
            self.changed.notify_all()
