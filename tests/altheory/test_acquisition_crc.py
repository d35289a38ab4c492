"""CRC's query against brute force in numpy, hand-made pools, and a count of every call of an eigensolver."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

import altheory as al
from altheory.acquisition import CRC, GreedyCRC, Random, _crc, attained


def kernel_of(*gradients):
    J = torch.tensor(gradients, dtype=torch.float64)
    return J @ J.mT


def pool_kernel(seed, n, p):
    J = torch.randn(n, p, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return J @ J.mT


def lowest(K, rows):
    return np.linalg.eigvalsh(K.numpy()[np.ix_(rows, rows)])[0]


def lowest_positive(K, rows):
    w = np.linalg.eigvalsh(K.numpy()[np.ix_(rows, rows)])
    return w[w > 1e-10 * w[-1]][0]


# Algorithm 1


@pytest.mark.parametrize("score", ["positive", "smallest"])
@pytest.mark.parametrize(("G", "Q"), [(1, 3), (2, 4), (4, 4), (3, 6)])
def test_algorithm_1_scores_a_partition_and_returns_the_union_of_the_best_groups(score, G, Q):
    K, labelled = pool_kernel(0, 16, 9), [0, 5, 11]
    asked = CRC(G, score).query(K, labelled, Q, seed=7)
    groups = [g.tolist() for g in asked.groups]
    assert sorted(itertools.chain(*groups)) == [i for i in range(16) if i not in labelled]
    assert [len(g) for g in groups] == [G] * (13 // G) + [13 % G] * (13 % G > 0)
    of = lowest if score == "smallest" else lowest_positive
    scores = [of(K, labelled + g) for g in groups]
    assert asked.scores.tolist() == pytest.approx(scores, abs=1e-12)
    best = sorted(range(len(groups)), key=lambda i: -scores[i])[: Q // G]
    assert asked.chosen.tolist() == list(itertools.chain(*(groups[i] for i in best)))
    assert asked.eigendecompositions == len(groups) == math.ceil(13 / G)


def test_the_seed_makes_the_partition_and_nothing_else_does():
    K = pool_kernel(1, 20, 30)
    first, again, other = (CRC(3).query(K, [0, 1], 6, seed=s) for s in (0, 0, 1))
    assert first.chosen.tolist() == again.chosen.tolist()
    assert [g.tolist() for g in first.groups] != [g.tolist() for g in other.groups]
    generator = torch.Generator().manual_seed(0)
    assert CRC(3).query(K, [0, 1], 6, seed=generator).chosen.tolist() == first.chosen.tolist()


def test_of_equal_scores_the_group_sampled_first_is_chosen():
    K = torch.eye(12, dtype=torch.float64)
    for seed in range(4):
        asked = CRC(2, "smallest").query(K, [0, 1], 4, seed=seed)
        assert asked.chosen.tolist() == [*asked.groups[0].tolist(), *asked.groups[1].tolist()]


def test_the_union_of_the_best_groups_may_be_singular():
    K = kernel_of((2, 0, 0), (0, 2, 0), (0, 2, 0), (0, 0, 1))
    asked = CRC(1, "smallest").query(K, [0], 2, seed=0)
    assert sorted(asked.chosen.tolist()) == [1, 2]
    assert float(attained(K, [0], asked.chosen)) == pytest.approx(0, abs=1e-12)
    assert float(attained(K, [0], [1, 3])) == 1


def test_copies_of_labelled_points_are_preferred_by_the_positive_eigenvalue_and_avoided_by_the_smallest():
    K = pool_kernel(2, 8, 20)
    rows = [*range(8), 0, 1, 2, 3]  # four labelled points, four new ones, four copies
    K = K[rows][:, rows]
    for seed in range(3):
        assert set(CRC(1, "positive").query(K, range(4), 4, seed=seed).chosen.tolist()) == {8, 9, 10, 11}
        assert set(CRC(1, "smallest").query(K, range(4), 4, seed=seed).chosen.tolist()) == {4, 5, 6, 7}


def test_the_last_group_may_be_smaller_and_so_may_the_query():
    K = torch.diag(torch.tensor([1.0, 5.0, 5.0, 5.0], dtype=torch.float64))
    found = {len(CRC(2, "smallest").query(K, [], 2, pool=[0, 1, 2], seed=seed).chosen) for seed in range(8)}
    assert found == {1, 2}  # the pair without point 0 scores 5 and so does the single point 1 or 2


def test_a_kernel_given_as_a_function_is_asked_for_blocks_only(monkeypatch):
    K, seen = pool_kernel(3, 30, 40), []

    def blocks(rows, columns):
        seen.append(len(rows) * len(columns))
        return K[rows][:, columns]

    monkeypatch.setattr(_crc, "BYTES", 8 * 7 * 7 * 2)  # two groups at a time
    whole = CRC(3).query(K, range(4), 6, seed=0)
    asked = CRC(3).query(blocks, range(4), 6, pool=range(4, 30), seed=0)
    assert asked.chosen.tolist() == whole.chosen.tolist()
    assert asked.scores.tolist() == pytest.approx(whole.scores.tolist(), abs=1e-12)
    assert max(seen) == 49
    assert GreedyCRC().query(blocks, range(4), 3, pool=range(4, 30)).chosen.tolist() == (
        GreedyCRC().query(K, range(4), 3).chosen.tolist()
    )


# greedy


@pytest.mark.parametrize("labelled", [[], [2], [0, 3, 7]])
def test_the_greedy_query_is_the_one_of_brute_force(labelled):
    for seed in range(4):
        K, have, chosen, reached = pool_kernel(seed, 14, 20), list(labelled), [], []
        for _ in range(5):
            scores = {u: lowest(K, [*have, u]) for u in range(14) if u not in have}
            best = max(scores, key=lambda u: scores[u])
            chosen.append(best)
            reached.append(scores[best])
            have.append(best)
        for strategy in (GreedyCRC(), GreedyCRC(secular=False)):
            asked = strategy.query(K, labelled, 5)
            assert asked.chosen.tolist() == chosen
            assert asked.scores.tolist() == pytest.approx(reached, abs=1e-11)
            assert float(attained(K, labelled, asked.chosen)) == pytest.approx(reached[-1], abs=1e-11)


def test_the_greedy_query_may_miss_more_than_half_of_the_optimum():
    K = kernel_of((3, 3), (2, 0), (0, 2))
    asked = GreedyCRC().query(K, [], 2)
    assert asked.chosen[0] == 0
    assert float(asked.scores[-1]) == pytest.approx(11 - math.sqrt(85))
    assert float(attained(K, [], [1, 2])) == 4


def test_the_greedy_query_by_positive_eigenvalue_takes_copies():
    K = kernel_of((1, 0), (1, 0), (0, 1))
    assert GreedyCRC("positive", secular=False).query(K, [0], 1).chosen.tolist() == [1]
    assert GreedyCRC().query(K, [0], 1).chosen.tolist() == [2]


def test_eigendecompositions_are_counted_as_they_are_made(monkeypatch):
    made = 0

    def counting(solver):
        def counted(A, *args, **kwargs):
            nonlocal made
            made += math.prod(A.shape[:-2])
            return solver(A, *args, **kwargs)

        return counted

    monkeypatch.setattr(torch.linalg, "eigvalsh", counting(torch.linalg.eigvalsh))
    monkeypatch.setattr(torch.linalg, "eigh", counting(torch.linalg.eigh))
    K = pool_kernel(0, 25, 30)
    for query, expected in (
        (lambda: CRC(4).query(K, range(3), 8, seed=0), math.ceil(22 / 4)),
        (lambda: GreedyCRC(secular=False).query(K, range(3), 4), 22 + 21 + 20 + 19),
        (lambda: GreedyCRC().query(K, range(3), 4), 4),
        (lambda: GreedyCRC().query(K, [], 4), 3),
        (lambda: Random().query(K, range(3), 4, seed=0), 0),
    ):
        made = 0
        assert query().eigendecompositions == expected == made


# random


def test_random_queries_are_different_points_of_the_pool_each_as_likely_as_another():
    K, counts = torch.eye(6, dtype=torch.float64), torch.zeros(6)
    generator = torch.Generator().manual_seed(0)
    for _ in range(600):
        chosen = Random().query(K, [0], 2, seed=generator).chosen
        assert len(set(chosen.tolist())) == 2
        counts[chosen] += 1
    assert counts[0] == 0
    assert (counts[1:] - 240).abs().max() < 5 * math.sqrt(240 * 0.6)  # five standard deviations
    assert Random().query(K, [], 3, pool=[1, 4, 5], seed=3).chosen.sort().values.tolist() == [1, 4, 5]


# what is refused

K4 = torch.eye(4, dtype=torch.float64)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: CRC(0), "group_size"),
        (lambda: CRC(2, "largest"), "score"),
        (lambda: GreedyCRC("positive"), "secular"),
        (lambda: CRC(2).query(K4, [0], 3, seed=0), "multiple"),
        (lambda: CRC(1).query(K4, [0], 4, seed=0), "count"),
        (lambda: CRC(1).query(K4, range(4), 1, seed=0), "count"),
        (lambda: CRC(1).query(K4, [4], 1, seed=0), "labelled"),
        (lambda: CRC(1).query(K4, [-1], 1, seed=0), "labelled"),
        (lambda: CRC(1).query(K4, [0.5], 1, seed=0), "labelled"),
        (lambda: CRC(1).query(K4, [0], 1, pool=[1, 1], seed=0), "twice"),
        (lambda: CRC(1).query(K4, [0], 1, seed=-1), "seed"),
        (lambda: CRC(1).query(K4[:3], [0], 1, seed=0), "kernel"),
        (lambda: CRC(1).query(lambda r, c: K4[r][:, c], [0], 1, seed=0), "pool"),
        (lambda: GreedyCRC().query(K4, [0], 4), "count"),
        (lambda: Random().query(K4, [0], 4, seed=0), "count"),
        (lambda: attained(K4, [], []), "empty"),
        (lambda: attained(K4, [0], [1], score="best"), "score"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence(call, named):
    with pytest.raises(al.InputError, match=named) as refusal:
        call()
    assert "\n" not in str(refusal.value)
