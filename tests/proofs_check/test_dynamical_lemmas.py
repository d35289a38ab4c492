"""dynamicAL, Lemmas 1 and 2, Remark 2, section 4.3: what the verdicts hang on, computed here from the definitions."""

from __future__ import annotations

import math
from fractions import Fraction as F

import mpmath
import pytest
import torch

from proofs_check.evaluate import at
from proofs_check.registry import registered

CLAIMS = registered()


def sides(id, link=0, **values):
    """The two sides of one link of a claim on one instance."""
    found = at(CLAIMS[f"dynamical.{id}"], **values).links[link]
    return float(found.lhs[0]), float(found.rhs[0])


def hexagon():
    row = [F(1, 2), F(1, 6), F(-1, 12), F(0), F(-1, 12), F(1, 6)]
    return [[row[(j - i) % 6] for j in range(6)] for i in range(6)]


# Lemma 1


def test_the_hexagon_never_trains():
    H, y = hexagon(), [F((-1) ** i) for i in range(6)]
    assert [sum(h * v for h, v in zip(row, y, strict=True)) for row in H] == [0] * 6
    corners = [[math.cos(i * math.pi / 3), math.sin(i * math.pi / 3)] for i in (0, 2, 4)]
    error, start = sides("lemma1.degenerate", x=corners, eta=0.5)
    assert error == pytest.approx(start, rel=1e-12)
    assert start == pytest.approx(6 * 3 / 4)  # alpha = sin(120 degrees) for each


def test_a_subset_of_a_diagonal_kernel_attains_both_ends():
    assert sides("lemma1.subsets", link=0, theta=[[2.0, 0], [0, 1.0]]) == (1, 1)
    assert sides("lemma1.subsets", link=1, theta=[[1.0, 0], [0, 2.0]]) == (2, 2)


def test_logistic_flow_solves_its_equation_and_is_not_exponential():
    """tau = m + e^m - 1 against mpmath's own integration of m' = 1 / (1 + e^m)."""
    margin = mpmath.odefun(lambda _, m: 1 / (1 + mpmath.exp(m)), 0, mpmath.mpf(0))
    for time in (0.5, 3, 10):
        m = margin(time)
        assert abs(m + mpmath.exp(m) - 1 - time) < 1e-10
    loss, claimed = sides("lemma1.cross_entropy.exponential", margin=8.0, c=1 / 64, C=64.0)
    assert loss == pytest.approx(math.log1p(math.exp(-8)))
    assert claimed < 1e-18 < 3e-4 < loss


def test_the_loss_times_the_time_tends_to_1():
    """The audit's numbers: 1.073, 1.031, 1.005, 1.003 at t = 10, 100, 1000, 2000."""
    for time, wanted in ((10, 1.073), (100, 1.031), (1000, 1.005), (2000, 1.003)):
        m = float(mpmath.findroot(lambda m, time=time: m + mpmath.exp(m) - 1 - time, math.log(time)))
        low, loss = sides("lemma1.cross_entropy.rate", link=0, margin=m)
        _, high = sides("lemma1.cross_entropy.rate", link=1, margin=m)
        assert low <= loss <= high
        assert time * loss == pytest.approx(wanted, abs=0.002)


def test_one_step_of_cross_entropy_against_autograd():
    theta = torch.tensor([[1.0, 0.5], [0.5, 2.0]], dtype=torch.float64)
    f = torch.tensor([[0.3, -0.2, 0.1], [1.0, 0.0, -1.0]], dtype=torch.float64, requires_grad=True)
    Y = torch.tensor([[1.0, 0, 0], [0, 0, 1]], dtype=torch.float64)
    loss = torch.nn.functional.cross_entropy(f, Y, reduction="sum")
    loss.backward()
    top = float(torch.linalg.eigvalsh(theta)[-1])
    after = torch.nn.functional.cross_entropy(f.detach() - 0.5 / top * theta @ f.grad, Y, reduction="sum")
    found = sides("lemma1.cross_entropy.step", theta=theta.tolist(), outputs=f.tolist(), Y=Y.tolist(), s=0.5)
    assert found == pytest.approx((float((loss - after).detach()), float(loss.detach()) ** 2))


# Lemma 2


def test_a_constant_loss_defeats_the_printed_lemma():
    risk, bound = sides("lemma2.any_loss", level=1.0, label=0.0, n=1_000_000, delta=0.05, hidden=1.0)
    assert risk == 1
    assert bound == pytest.approx(math.sqrt(math.log(2e6 / 0.05) / 1e6))
    for n, failed in ((2, False), (3, True)):
        risk, bound = sides("lemma2.any_loss", level=1.0, label=0.0, n=n, delta=0.5, hidden=1.0)
        assert (risk > bound) is failed


@pytest.mark.parametrize(("unit", "B"), [(0.5, 2), (2, 1), (200, 0.1)])
def test_the_printed_bound_in_other_units(unit, B):
    n, delta = 10_000, 0.05
    risk, bound = sides("lemma2.any_kernel", unit=unit, n=n, delta=delta, hidden=1.0)
    assert risk == pytest.approx(1 - 1 / n**2)
    assert bound == pytest.approx(B + math.sqrt(math.log(n / (unit * delta)) / n))
    assert (risk > bound) is (B < 1)


def test_the_weights_that_fit_already_travel_nowhere():
    one = {"square": [[1.0]], "extra": [[0.0]], "start": [[1.0]], "further": [[0.0]], "Y": [[1.0]]}
    assert sides("lemma2.distance_from_any_start", **one) == (0, 1)
    assert sides("lemma2.distance_residual", **one) == (0, 0)
    assert sides("lemma2.class_as_printed", theta=[[1.0]], Y=[[2.0]]) == (4, 2)


def test_rademacher_at_its_ends():
    assert sides("lemma2.rademacher_any_kernel", theta=[[1.0]], radius=1.0) == pytest.approx((1, 1 / math.sqrt(2)))
    low, middle = sides("lemma2.rademacher", link=0, theta=[[1.0, 1.0], [1.0, 1.0]], radius=1.0)
    assert low == pytest.approx(middle) == pytest.approx(0.5)
    middle, high = sides("lemma2.rademacher", link=1, theta=[[1.0, 0.0], [0.0, 1.0]], radius=2.0)
    assert middle == pytest.approx(high) == pytest.approx(math.sqrt(2))


def test_symmetrisation_of_a_rare_input_by_hand():
    # q = 1/8 at feature 1, else feature 0: E|mean - q| over two draws against 2 E R
    q = F(1, 8)
    gap = (1 - q) ** 2 * q + 2 * q * (1 - q) * abs(F(1, 2) - q) + q**2 * (1 - q)
    complexity = 2 * q * (1 - q) * F(1, 2) + q**2 * F(1, 2)
    theta = [[0.0, 0, 0], [0, 1, 0], [0, 0, 1]]
    found = sides("lemma2.symmetrisation", theta=theta, p=[7 / 8, 1 / 8, 0.0])
    assert found == pytest.approx((float(gap), float(2 * complexity)))


def test_one_hot_labels_of_orthogonal_inputs():
    assert sides("lemma2.one_hot", theta=[[0.5, 0], [0, 0.5]], Y=[[1.0, 0], [0, 1.0]]) == (4, 4)


# Remark 2, section 4.3, definition 1


def test_equal_alignment_with_different_bounds():
    assert (F(1, 2) / F(1, 4) + F(1, 2) / F(3, 4), 1 / F(1, 2)) == (F(8, 3), 2)
    instance = {"centre": 0.5, "width1": 0.25, "width2": 0.0, "s": 0.5, "t": 1}
    assert sides("remark2.determines_both", link=1, **instance) == pytest.approx((8 / 3, 2))
    assert sides("remark2.determines_both", link=0, **instance)[0] > (1 - 0.5 * 0.5) ** 2


def test_remark2_on_the_audits_measures():
    instance = {"lam": [0.1, 0.5, 1.0], "w1": [0.2, 0.0, 0.8], "w2": [0.0, 1.0, 0.0], "eta": 1 / 90, "t": 180}
    assert sides("remark2.orders_both", link=1, **instance) == pytest.approx((2.8, 2))
    ahead, behind = sides("remark2.orders_both", link=0, **instance)
    assert ahead > behind
    one, other = sides("remark2.one_measure", **{k: v for k, v in instance.items() if k != "t"})
    assert one == pytest.approx(other)


def test_larger_dynamics_with_a_larger_bound():
    instance = {"theta": [[1.0, 0, 0], [0, 1, 0], [0, 0, 1]], "Y": [[0.0], [2.0], [1.0]]}
    assert sides("section43.smaller_bound", **instance) == (4, 1)
    assumption = CLAIMS["dynamical.section43.smaller_bound"].assumes[0]
    tensors = {k: torch.tensor(v, dtype=torch.float64)[None] for k, v in instance.items()}
    assert bool(assumption(**tensors))


def test_growth_in_fractions():
    # theta = diag blocks: r = (1, 2) on Q, Theta_QQ = [[2, 1], [1, 2]], nothing shared with S
    theta = [[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 2, 1], [0, 0, 1, 2]]
    Y = [[1.0], [1.0], [1.0], [2.0]]
    increase = F(2 * 1 + 2 * 4 - 2 * 2, 3)  # r' Theta_QQ^-1 r
    dynamics = F(2 * 1 + 2 * 4 + 2 * 2)
    low, middle = sides("section43.dynamics_raises_the_bound", link=0, theta=theta, Y=Y)
    assert [low, middle] == pytest.approx([float(dynamics / 9), float(increase)])
    whole, parts = sides("section43.growth", theta=theta, Y=Y)
    assert whole == pytest.approx(parts) == pytest.approx(float(2 + increase))


def test_tau_is_1_before_training_for_query_sets_that_differ():
    theta = torch.diag(torch.arange(1.0, 6.0)).tolist()
    assert sides("section43.tau_at_the_start", theta=theta, Y=[[1.0], [1], [1], [2], [3]]) == (1, 1)


def test_alignment_of_one_hot_labels_is_the_kernel_within_the_classes():
    theta, Y = [[2.0, 1, 5], [1, 3, 7], [5, 7, 4]], [[1.0, 0], [0, 1], [1, 0]]
    theta = [[40 * (i == j) + theta[i][j] for j in range(3)] for i in range(3)]
    assert sides("definition1.one_hot", theta=theta, Y=Y) == (42 + 44 + 10 + 43, 139)


def test_the_interpolation_of_theorem1_on_the_neighbours():
    lam, w = [0.25, 0.5, 1.0], [1.0, 3.0, 0.0]  # A/T = 7/16 lies between the two that carry the mass
    interpolation, error = sides("theorem1.full_spectrum", link=1, lam=lam, w=w, eta=1.0, t=2)
    assert interpolation == pytest.approx(error) == pytest.approx(0.75**4 + 3 * 0.5**4)
