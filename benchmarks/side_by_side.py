"""Ratios taken side by side in one run: every round of a benchmark is preceded by a matrix product on the same threads.

Clocks, neighbours and temperature change from minute to minute; the quotient of two things measured next to each other does
not. So a benchmark here reports no seconds but `rate`, its useful floating-point operations a second over those of the matrix
product measured just before, or `ratio`, a quotient of two calls run in turn; each with the goal it is held against.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

SIZE = {torch.float64: 1536, torch.float32: 2048}


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """torch, numpy and numba on so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)


@dataclass
class Yardstick:
    """The rate of a square matrix product, the better of torch's and numpy's, measured anew at each call."""

    dtype: torch.dtype = torch.float64
    rates: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        size = SIZE[self.dtype]
        self._flops = 2.0 * size**3
        self._a = torch.randn(size, size, dtype=self.dtype)
        self._out = torch.empty_like(self._a)
        self._na, self._nout = self._a.numpy(), np.empty_like(self._a.numpy())

    def __call__(self) -> None:
        """One product by each library; the faster one counts."""
        quickest = min(
            _seconds(lambda: torch.mm(self._a, self._a, out=self._out)),
            _seconds(lambda: np.matmul(self._na, self._na, out=self._nout)),
        )
        self.rates.append(self._flops / quickest)


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measured_rate(
    benchmark: Any,
    call: Callable[[], Any],
    flops: float,
    *,
    goal: str,
    what: str,
    rounds: int = 7,
    dtype: torch.dtype = torch.float64,
) -> float:
    """Run `call` under pytest-benchmark, each round after the yardstick; report the median quotient of the two rates."""
    gemm = Yardstick(dtype)
    call()
    gemm()
    gemm.rates.clear()
    benchmark.pedantic(call, setup=lambda: gemm(), rounds=rounds, iterations=1)
    quotients = [flops / seconds / rate for seconds, rate in zip(benchmark.stats.stats.data, gemm.rates, strict=True)]
    return report(benchmark, what, statistics.median(quotients), goal, "of the matrix product's rate")


def measured_ratio(
    benchmark: Any,
    call: Callable[[], Any],
    other: Callable[[], float | None],
    *,
    goal: str,
    what: str,
    unit: str,
    rounds: int = 5,
    scale: float = 1.0,
) -> float:
    """Run `other` before each round of `call`; report the median of `scale` x `other`'s seconds over `call`'s.

    `other` is timed, unless it returns seconds of its own.
    """
    call()
    others: list[float] = []
    benchmark.pedantic(call, setup=lambda: others.append(_its_own_seconds(other)), rounds=rounds, iterations=1)
    quotients = [scale * second / first for first, second in zip(benchmark.stats.stats.data, others, strict=True)]
    return report(benchmark, what, statistics.median(quotients), goal, unit)


def _its_own_seconds(call: Callable[[], float | None]) -> float:
    start = time.perf_counter()
    told = call()
    return told if isinstance(told, float) else time.perf_counter() - start


def report(benchmark: Any, what: str, value: float, goal: str, unit: str) -> float:
    """Put one row into the table that the session writes; `goal` is such as ">= 0.85" or "<= 1.15", or empty."""
    benchmark.extra_info.update(what=what, value=value, goal=goal, unit=unit)
    return value


def met(value: float, goal: str) -> str:
    """ "met", "missed by x %", or nothing without a goal."""
    if not goal:
        return ""
    sign, wanted = goal.split()
    bound = float(wanted)
    good = value >= bound if sign == ">=" else value <= bound
    return "met" if good else f"missed by {abs(value / bound - 1):.0%}"
