"""Randomized BSS: the cost of a round beside the exact sampler, leverage sampling and other sizes of the pool, in one run.

Costs a round leave out the check of the pool, which is done once and costs O(n D^2).
"""

from __future__ import annotations

import functools
import itertools
import time

import numpy as np
import pytest
from side_by_side import measured_ratio, report

from altheory.sparsifier import leverage, pool, randomized_bss

D, EPS, BATCH = 20, 0.5, 80
GROUP = f"Randomized BSS, D = {D}, eps = {EPS}, Gaussian pool, 1 thread"
SEEDS = itertools.count()  # a new seed a run: the same rows again would come from the cache
RUNS = {5: 600, 20: 300, 50: 100}  # pools of 40 D heavy-tailed rows


@functools.cache
def gaussian_pool(n):
    rows = np.random.default_rng(0).standard_normal((n, D))
    return pool(np.linalg.qr(rows)[0] * np.sqrt(n))


def seconds_a_round(n, **how):
    """Of one whole run, the pool checked before."""
    source = gaussian_pool(n)
    start = time.perf_counter()
    history = randomized_bss(source, EPS, seed=next(SEEDS), **how).history
    return (time.perf_counter() - start) / history.draws


def rounds(n, **how):
    return randomized_bss(gaussian_pool(n), EPS, seed=1, **how).history.draws


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.parametrize("n", [20_000])
@pytest.mark.parametrize(("batch", "goal"), [(1, ""), (BATCH, ">= 50")])
def test_beside_the_exact_sampler(benchmark, one_thread, n, batch, goal):
    def call():
        return randomized_bss(gaussian_pool(n), EPS, seed=next(SEEDS), batch=batch)

    k = rounds(n, batch=batch)
    measured_ratio(
        benchmark,
        call,
        lambda: k * seconds_a_round(n, sampler="exact"),
        goal=goal,
        what=f"a round by rejection, n = {n:,}, at most {batch} draws a potential",
        unit="times faster than a round of the exact sampler",
        rounds=3,
    )


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.parametrize("n", [100_000, 1_000_000])
def test_a_round_does_not_depend_on_the_pool(benchmark, one_thread, n):
    small = 10_000
    k = rounds(n, batch=BATCH)

    def call():
        return randomized_bss(gaussian_pool(n), EPS, seed=next(SEEDS), batch=BATCH)

    call()
    pairs = [(seconds_a_round(n, batch=BATCH), seconds_a_round(small, batch=BATCH)) for _ in range(15)]
    benchmark.pedantic(call, rounds=1)
    ratio = float(np.median([big / little for big, little in pairs]))
    what = f"a round, n = {n:,} (a run has about {k} rounds)"
    report(benchmark, what, ratio, "<= 1.5", f"times its cost at n = {small:,}")


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.parametrize("n", [10_000, 1_000_000])
def test_beside_leverage_sampling(benchmark, one_thread, n):
    """A draw of each, where leverage sampling makes the number that its guarantee asks for."""
    source = gaussian_pool(n)
    k, independent = rounds(n, batch=BATCH), leverage(source, EPS, seed=1).history.draws

    def other():
        start = time.perf_counter()
        leverage(source, EPS, seed=next(SEEDS))
        return (time.perf_counter() - start) / independent * k

    def call():
        return randomized_bss(source, EPS, seed=next(SEEDS), batch=BATCH)

    call()
    costs = []
    for _ in range(15):
        start = time.perf_counter()
        call()
        costs.append((time.perf_counter() - start) / other())
    benchmark.pedantic(call, rounds=1)
    what = f"a round, n = {n:,}; rows drawn: about {k} against {independent} with their guarantees"
    report(benchmark, what, float(np.median(costs)), "", "times a draw of leverage sampling")


@pytest.mark.benchmark(group=GROUP)
def test_property_one(benchmark, one_thread):
    """All eigenvalues in [3/4, 5/4], and beta K <= eps / 2, in every one of 1000 runs."""

    def good():
        kept = 0
        for dimension, runs in RUNS.items():
            rng = np.random.default_rng(dimension)
            n = 40 * dimension
            source = pool(np.linalg.qr(rng.standard_t(1.5, size=(n, dimension)))[0] * np.sqrt(n))
            for seed in range(runs):
                eps = (0.05, 0.1, 0.5)[seed % 3]
                history = randomized_bss(source, eps, seed=seed, batch=4 * dimension).history
                kept += history.good and history.serves(eps)
        return kept

    kept = benchmark.pedantic(good, rounds=1)
    total = sum(RUNS.values())
    report(benchmark, f"runs with properties 1 and 2, D in {list(RUNS)}, of {total}", kept, f">= {total}", "runs")
