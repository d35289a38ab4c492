"""Threads that share the chunks of every pass of a training.

Skinny matrix products do not scale over the threads of a BLAS; chunks of the width do, with one BLAS thread each.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

import torch

from altheory.kernels._schedule import single_threaded_libraries


class Workers:
    """As many threads as torch was given (`torch.set_num_threads`), alive inside the context."""

    def __init__(self, threads: int | None = None) -> None:
        """Take `threads` workers, by default torch's number."""
        self.threads = torch.get_num_threads() if threads is None else threads
        self._pool = ThreadPoolExecutor(self.threads - 1) if self.threads > 1 else None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def run(self, task: Callable[[int, int], None], count: int) -> None:
        """Call `task(worker, k)` once for each k below count, in no order, and wait; no library uses threads meanwhile."""
        numbers = itertools.count()

        def work(worker: int) -> None:
            while (k := next(numbers)) < count:
                task(worker, k)

        with single_threaded_libraries():
            others = [] if self._pool is None else [self._pool.submit(work, w) for w in range(1, min(self.threads, count))]
            work(0)
            for other in others:
                other.result()
