"""dynamicAL, sections 3.1 and 3.2 and appendix A: the audit's exact counterexamples, worked out here in fractions.

The fractions are computed from the definitions (claims/dynamical.md), not by `altheory`; the claims must give the same.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction as F

import numpy as np
import pytest
import torch

from altheory import dynamics
from proofs_check.evaluate import admissible, at, evaluate
from proofs_check.instances import Batch, Place, draw_random
from proofs_check.registry import registered

CLAIMS = registered()


def sides(id, link=0, **values):
    """The two sides of one link of a claim on one instance given in fractions."""

    def plain(value):
        return (
            [plain(v) for v in value] if isinstance(value, (list, tuple)) else float(value) if isinstance(value, F) else value
        )

    found = at(CLAIMS[f"dynamical.{id}"], **{name: plain(value) for name, value in values.items()}).links[link]
    return float(found.lhs[0]), float(found.rhs[0])


def inside(id, **values):
    """Whether the instance meets the claim's assumptions."""
    claim = CLAIMS[f"dynamical.{id}"]
    tensors = {name: torch.as_tensor(value, dtype=torch.float64)[None] for name, value in values.items()}
    return bool(admissible(claim, Batch(tensors, {}))[0])


def dot(u, v):
    return sum(F(a) * F(b) for a, b in zip(u, v, strict=True))


def plus(vectors):
    return [sum(F(x) for x in column) for column in zip(*vectors, strict=True)]


def change(chosen, s):
    total = plus(chosen)
    return dot(total, total) + 2 * dot(total, s)


def ratio(chosen, s):
    return sum(change([g], s) for g in chosen) / change(chosen, s)


# the flow


def test_eq1_needs_the_learning_rate():
    one = {"W": [[1.0]], "a": [[1.0]], "X": [[1.0]], "Y": [[0.5]], "c": [[1.0]]}
    # phi = u + u^2/2, phi' = 1 + u: f = 3/2, K = 4, f - Y = 1
    assert sides("eq1.as_printed", **one, eta=F(1, 2)) == (-2, -4)
    wide = {name: np.pad(value, ((0, 1 if name in "Wa" else 0), (0, 1))).tolist() for name, value in one.items()}
    assert sides("eq1", **wide) == (-4, -4)
    assert sides("eq1.learning_rate", **wide, eta=F(1, 2)) == (-2, -2)


def test_eq2_at_width_1_and_2():
    on = {"x": [[1.0, 0.0]], "c": [[1.0, 0.0]]}
    assert sides("eq2.as_printed", W=[[1.0, 0.0]], a=[[1.0, 1.0]], **on) == (1, 0.5)
    assert sides("eq2.as_printed", W=[[-1.0, 0.0]], a=[[1.0, 1.0]], **on) == (0, 0.5)
    # at even width the diagonal may agree, and the blocks of different outputs still be wrong
    two = {"W": [[1.0, 0.0], [-1.0, 0.0]], "a": [[1.0, 1.0], [1.0, 1.0]]}
    assert sides("eq2.as_printed", **two, **on) == (0.5, 0.5)
    assert sides("eq2.as_printed", **two, x=on["x"], c=[[1.0, 1.0]]) == (2, 1)


def test_eq3_with_a_start():
    e = math.exp(-1)
    one = {"theta": [[1.0]], "cross": [2.0], "Y": [3.0], "time": 1.0}
    assert sides("eq3.centred", **one) == pytest.approx([6 * (1 - e)] * 2)
    assert sides("eq3", **one, f0=[1.0], f0_x=5.0) == pytest.approx([5 + 4 * (1 - e)] * 2)
    assert sides("eq3.as_printed", **one, f0=[1.0], f0_x=5.0) == pytest.approx([5 + 4 * (1 - e), 6 * (1 - e)])
    singular = {"theta": [[0.0]], "cross": [2.0], "Y": [3.0], "f0": [1.0], "f0_x": 5.0, "time": 1.5}
    assert sides("eq3", **singular) == pytest.approx([5 + 2 * 1.5 * 2] * 2)
    mean = {**one, "starts": [[1.0], [-1.0]], "starts_x": [4.0, -4.0]}
    assert sides("eq3.mean", **mean) == pytest.approx([6 * (1 - e)] * 2)


# the loss and its dynamics


def test_eq5_wants_labels_that_sum_to_1():
    instance = {"f": [0.5, 0.0], "J": [[1.0], [0.0]], "velocity": [1.0]}
    true, formula = sides("eq5.labels_of_any_sum", **instance, y=[0.0, 0.0])
    assert true == 0
    assert formula == pytest.approx(1 / (1 + math.exp(-0.5)), rel=1e-12)
    assert formula == pytest.approx(0.622, abs=5e-4)


@pytest.mark.parametrize(("eta", "decrease"), [(F(1, 10), F(19, 20)), (F(1), F(1, 2)), (F(2), F(0)), (F(3), F(-1, 2))])
def test_one_step_of_gradient_descent_on_a_parabola(eta, decrease):
    theta = F(1)
    assert (theta**2 / 2 - (theta - eta * theta) ** 2 / 2) / eta == decrease
    found = sides("eq7.finite_step", J=[[1.0]], theta=[1.0], y=[0.0], eta=eta)
    assert found == pytest.approx((float(decrease), 1.0), abs=1e-15)


def test_a3_with_the_printed_sign():
    one = {"J": [[[1.0]]], "theta": [1.0], "Y": [[0.0]]}
    assert sides("a3.as_printed", **one) == (-1, 1)
    assert sides("a3.descent_on_printed_loss", **one) == (1, 0)


# selection


def test_eq13_with_one_candidate():
    assert sides("eq13.as_printed", candidates=[[1.0]], labelled=[0.0]) == (1, 2)
    assert sides("eq13", candidates=[[1.0]], labelled=[0.0]) == (1, 1)
    assert sides("eq13.unordered", candidates=[[1.0], [1.0]], labelled=[0.0]) == (4, 3)


def test_eq14_below_zero():
    g, s = [[F(1)], [F(1)]], [F(-3, 4)]
    assert sum(change([u], s) for u in g) == -1
    assert change(g, s) == 1
    assert sides("eq14.nonnegative", candidates=[[1.0], [1.0]], labelled=[-0.75]) == (0, -1)


def test_a_mean_ratio_near_1_and_a_query_far_from_the_optimum():
    family = [[F(31, 5), F(0)], [F(-31, 5), F(1)]] + 18 * [[F(0), F(3)]]
    zero = [F(0), F(0)]
    ratios = [ratio(pair, zero) for pair in itertools.combinations(family, 2)]
    mean = sum(ratios) / len(ratios)
    assert float(mean) == pytest.approx(0.99156, abs=5e-6)
    assert sorted(ratios)[len(ratios) // 2] == F(1, 2)
    longest = sorted(range(20), key=lambda i: -dot(family[i], family[i]))[:2]
    assert sorted(longest) == [0, 1]
    best = max(change(pair, zero) for pair in itertools.combinations(family, 2))
    assert change([family[i] for i in longest], zero) / best == F(25, 1361)
    floats = [[float(x) for x in g] for g in family]
    assert inside("near_optimal", candidates=floats)
    bound, taken = sides("near_optimal", candidates=floats)
    assert taken / (20 * bound) == pytest.approx(25 / 1361, rel=1e-12)
    assert bound > taken


def test_three_candidates_are_enough():
    g = [[3, -2], [-3, -2], [1, -3]]
    zero = [F(0), F(0)]
    ratios = [ratio(pair, zero) for pair in itertools.combinations(g, 2)]
    assert sum(ratios) / 3 == F(28337, 28536)
    assert change(g[:2], zero) == 16
    assert max(change(pair, zero) for pair in itertools.combinations(g, 2)) == 41
    floats = [[float(x) for x in row] for row in g]
    assert inside("near_optimal.few_candidates", candidates=floats)
    assert sides("near_optimal.few_candidates", candidates=floats) == pytest.approx((0.9 * 41, 16))


def test_the_guarantee_for_every_set_on_random_pools():
    """(1-e)/(1+e), by enumeration in numpy."""
    random = np.random.default_rng(0)
    met = 0
    for _ in range(2000):
        n, b = random.integers(3, 6), random.integers(1, 3)
        g, s = random.normal(size=(n, 3)), random.normal(size=3) * random.choice([0, 1, 10])

        def gain(rows, g=g, s=s):
            total = g[list(rows)].sum(0)
            return total @ total + 2 * total @ s

        sets = list(itertools.combinations(range(n), b))
        values = np.array([gain(Q) for Q in sets])
        if (values <= 0).any():
            continue
        sums = np.array([sum(gain([u]) for u in Q) for Q in sets])
        e = np.abs(sums / values - 1).max()
        if e >= 1:
            continue
        met += 1
        greedy = sorted(range(n), key=lambda u: -gain([u]))[:b]
        assert gain(greedy) >= (1 - e) / (1 + e) * values.max() * (1 - 1e-12)
    assert met > 100


def test_the_printed_gamma_formula_counts_the_norm_too_often():
    instance = {"candidates": [[1.0]], "members": [[0.0], [0.0]]}
    assert sides("gamma.as_printed", **instance) == (2, 1)
    assert sides("gamma.scaled", **instance, gamma=4.0) == (2, 2)  # |S| times the variant with gamma / |S| = 2


def test_pseudo_labels_may_miss_the_best_candidate():
    instance = {"points": [[0.1], [1.0]], "f": [[0.0, 0.0], [12.0, 0.0]], "y": [[1.0, 0.0], [0.0, 1.0]]}
    share, reached = sides("eq10.as_eq9", **instance)
    assert reached == pytest.approx(1 / 200)
    assert 100 * share == pytest.approx(2, rel=1e-4)
    assert sides("eq10.ties", level=0.0, J=[[1.0], [0.0]], labelled=[1.0]) == (-0.75, 1.25)


def scores_of(pool, theta):
    """The squared pseudo-gradient of f(x) = x theta with two classes and the squared loss, in fractions."""
    found = []
    for x in pool:
        f = [x * t for t in theta]
        winner = f.index(max(f))
        found.append(sum((value - (k == winner)) ** 2 for k, value in enumerate(f)) * x * x)
    return found


def test_algorithm1_queries_one_sample_twice():
    pool, S = [F(2), F(1)], [(F(1), 0), (F(1), 1)]
    asked = []
    for _ in range(2):
        square = sum(x * x for x, _ in S)
        theta = [sum(x for x, k in S if k == c) / square for c in range(2)]
        scores = scores_of(pool, theta)
        asked.append((scores.index(max(scores)), scores))
        S.append((pool[asked[-1][0]], 0))
    assert asked == [(0, [F(4), F(1, 2)]), (0, [F(4, 9), F(5, 18)])]
    instance = {"pool": [2.0, 1.0], "truth": [[1.0, 0.0], [1.0, 0.0]], "start": [1.0, 1.0], "start_y": [[1.0, 0.0], [0.0, 1.0]]}
    assert sides("algorithm1.as_printed", **instance) == (1, 2)


def test_algorithm1_does_so_with_the_cross_entropy_too():
    """The same data: fitted by sigma(t) + sigma(2 t) = 3/2 after the first round, where f(x) = (x t, 0)."""
    sigma = lambda t: 1 / (1 + math.exp(-t))  # noqa: E731
    low, high = 0.0, 5.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if sigma(middle) + sigma(2 * middle) < 1.5 else (low, middle)

    def loss(t):
        return -math.log(sigma(t)) - math.log(sigma(-t)) - math.log(sigma(2 * t))

    assert loss(low) < min(loss(low - 1e-3), loss(low + 1e-3))
    first = [2 * (1 - sigma(0)) ** 2 * x * x for x in (2, 1)]
    second = [2 * (1 - sigma(x * low)) ** 2 * x * x for x in (2, 1)]
    assert first == [2, 0.5]
    assert second == pytest.approx([0.26, 0.20], abs=0.01)
    assert second[0] > second[1]


# cost


def test_the_densest_subgraph_identity_on_a_path_and_a_triangle():
    for edges in ([(0, 1), (1, 2), (2, 3)], [(0, 1), (1, 2), (0, 2)]):
        n = 4
        graph = [[float((i, j) in edges or (j, i) in edges) for j in range(n)] for i in range(n)]
        for b in (1, 2, 3):
            most = max(sum(i in Q and j in Q for i, j in edges) for Q in itertools.combinations(range(n), b))
            assert sides("complexity.densest_subgraph", graph=graph, b=b) == pytest.approx([n * b + 2 * most] * 2)


@pytest.mark.parametrize(("n", "b"), [(6, 6), (10, 3), (50_000, 2), (7, 1)])
def test_the_number_of_subsets(n, b):
    low, count = sides("complexity.subsets", n=n, b=b)
    assert count == math.comb(n, b)
    assert low == pytest.approx((n / b) ** b)


def test_a_query_takes_one_gradient_for_each_candidate_and_one_for_the_labelled_set():
    from proofs_check.papers.dynamical.complexity import _Counting

    generator = torch.Generator().manual_seed(0)
    counting = _Counting(generator)
    pool = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    chosen = counting.query(pool, pool[:2], torch.eye(2, dtype=torch.float64), 2)
    assert counting.passes == 6
    assert int(chosen.sum()) == 2


def test_the_adversary_beats_every_answer():
    """By enumeration: whatever three scores are seen, the fourth can be chosen so that the answer is wrong."""
    for answer in itertools.combinations(range(4), 2):
        order = [float(i in answer) for i in range(4)]
        for unseen in range(4):
            instance = {"scores": [0.5, -1.0, 2.0, 0.0], "order": order, "b": 2, "unseen": unseen, "gap": 1.0}
            gap, short = sides("complexity.adversary", **instance)
            assert gap == 1
            assert short >= 1


def test_the_relaxed_problem_is_solved_by_any_breaking_of_ties():
    claim = CLAIMS["dynamical.eq12"]
    batch = draw_random(claim, claim.settings[0], Place(), Place(seed=3).generator("ties"), 64)
    values = {**batch.values, "candidates": batch.values["candidates"].round()}
    relation = evaluate(claim, Batch(values, batch.sizes))
    torch.testing.assert_close(relation.links[0].lhs, relation.links[0].rhs)
    assert int(dynamics.top([1.0, 1.0, 1.0], 2).sum()) == 2
