"""CRC's query: the greedy one by the secular equation beside Algorithm 1, beside plain greedy, and what each reaches."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from side_by_side import measured_ratio, report

import altheory as al
from altheory.acquisition import CRC, GreedyCRC, Random, attained

L, Q, G, SEEDS = 100, 50, 5, 5
GROUP = f"CRC's query on digits, infinite-width relu kernel of both layers, {L} labelled, Q = {Q}, G = {G}, float64"


def kernel(seed=0, points=1797):
    """The kernel of so many digits in random order; the first L are labelled."""
    X = torch.as_tensor(al.data.load("digits").unit().X, dtype=torch.float64)
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(seed))[:points]
    return al.kernels.analytic(X[order], train_output=True)


@pytest.mark.benchmark(group=GROUP)
def test_seconds_beside_algorithm_1(benchmark, on_threads):
    K = kernel()
    ours, printed = GreedyCRC(), CRC(G, "smallest")
    spent = [ours.query(K, range(L), Q).eigendecompositions, printed.query(K, range(L), Q, seed=0).eigendecompositions]
    what = f"greedy, {spent[0]} decompositions, beside Algorithm 1's {spent[1]}, {on_threads} thread{'s' * (on_threads > 1)}"
    other = lambda: printed.query(K, range(L), Q, seed=0) and None  # noqa: E731
    measured_ratio(benchmark, lambda: ours.query(K, range(L), Q), other, goal="", what=what, unit="times faster")


@pytest.mark.benchmark(group=GROUP)
def test_seconds_beside_plain_greedy(benchmark, one_thread):
    K, few = kernel(points=L + 200), 4
    ours, plain = GreedyCRC(), GreedyCRC(secular=False)
    first, second = ours.query(K, range(L), few), plain.query(K, range(L), few)
    assert first.chosen.tolist() == second.chosen.tolist()
    spent = (first.eigendecompositions, second.eigendecompositions)
    what = f"pool of 200, Q = {few}: greedy, {spent[0]} decompositions, beside plain greedy's {spent[1]}, 1 thread"
    other = lambda: plain.query(K, range(L), few) and None  # noqa: E731
    measured_ratio(
        benchmark, lambda: ours.query(K, range(L), few), other, goal=">= 5", what=what, unit="times faster", rounds=3
    )


STRATEGIES = {
    "Algorithm 1 with lambda_min": lambda K, s: CRC(G, "smallest").query(K, range(L), Q, seed=s),
    "Algorithm 1 with lambda_min+": lambda K, s: CRC(G).query(K, range(L), Q, seed=s),
    "random": lambda K, s: Random().query(K, range(L), Q, seed=s),
}


@cache
def reached_by_greedy(seed):
    K = kernel(seed)
    return float(attained(K, range(L), GreedyCRC().query(K, range(L), Q).chosen))


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.parametrize("name", STRATEGIES)
def test_what_is_reached(benchmark, one_thread, name):
    """lambda_min of the labelled set and the query: greedy over the other, mean over seeds of data order and partition."""

    def quotient(seed):
        K = kernel(seed)
        return reached_by_greedy(seed) / float(attained(K, range(L), STRATEGIES[name](K, seed).chosen))

    mean = benchmark.pedantic(lambda: sum(map(quotient, range(SEEDS))) / SEEDS, rounds=1)
    report(benchmark, f"lambda_min reached, greedy over {name}, mean of {SEEDS} pools", mean, ">= 1", "times")
