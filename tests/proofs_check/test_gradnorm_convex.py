"""Gradnorm, eq. (5), the selection and appendix A.1: the audit's exact counterexamples, worked out here in fractions.

The fractions are computed from the definitions (claims/gradnorm.md), not by `altheory`; the claims must give the same.
"""

from __future__ import annotations

import math
from fractions import Fraction as F

import numpy as np
import pytest
import torch

from proofs_check.evaluate import admissible, at
from proofs_check.instances import Batch
from proofs_check.registry import registered

CLAIMS = registered()


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return float(value) if isinstance(value, F) else value


def sides(id, link=0, **values):
    """The two sides of one link of a claim on one instance given in fractions, which must meet the claim's assumptions."""
    claim = CLAIMS[f"gradnorm.{id}"]
    given = {name: plain(value) for name, value in values.items()}
    tensors = {name: torch.as_tensor(value, dtype=torch.float64)[None] for name, value in given.items()}
    assert bool(admissible(claim, Batch(tensors, {}))[0])
    found = at(claim, **given).links[link]
    return float(found.lhs[0]), float(found.rhs[0])


def dot(u, v):
    return sum(F(a) * F(b) for a, b in zip(u, v, strict=True))


def solve(A, b):
    """A^-1 b by Gauss elimination in fractions; no pivot is 0 here."""
    rows = [[F(x) for x in row] + [F(y)] for row, y in zip(A, b, strict=True)]
    n = len(rows)
    for i in range(n):
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for j in range(n):
            if j != i:
                rows[j] = [x - rows[j][i] * y for x, y in zip(rows[j], rows[i], strict=True)]
    return [row[n] for row in rows]


def added(lam, B, g0):
    """|g_1|^2 for F with Hessian diag(lam) and l with Hessian B and gradient g_0 at the minimiser of F."""
    A = [[lam[i] * (i == j) + B[i][j] for j in range(len(lam))] for i in range(len(lam))]
    theta = [-x for x in solve(A, g0)]
    g1 = [g + dot(row, theta) for g, row in zip(g0, B, strict=True)]
    assert all(a * t + g == 0 for a, t, g in zip(lam, theta, g1, strict=True))  # stationary
    return dot(g1, g1)


def rank_one(v, eps):
    return [[F(a) * b + eps * (i == j) for j, b in enumerate(v)] for i, a in enumerate(v)]


# eq. (5), one sample


def test_eq5_by_a_small_instance():
    lam, v, eps, g0 = (1, 5), (1, 2), F(1, 4), (1, -1)
    after = added(lam, rank_one(v, eps), g0)
    assert after / dot(g0, g0) == F(74000, 72361)
    assert sides("eq5.as_printed", lam=lam, v=v, eps=eps, g0=g0) == pytest.approx((float(after), 2.0), rel=1e-12)


def test_eq5_by_the_audits_instance_and_its_repair():
    """g_0 is orthogonal to b: without the repair l has no lower bound, against the paper's hypothesis of a nonnegative loss."""
    lam, v, g0 = (1, 4), (10, 20), (6, -3)
    assert dot(v, g0) == 0
    assert added(lam, rank_one(v, 0), g0) / dot(g0, g0) == F(6989, 4489)
    repaired = added(lam, rank_one(v, F(1, 1000)), g0) / dot(g0, g0)
    assert float(repaired) == pytest.approx(1.55497, abs=1e-5)
    left, right = sides("eq5.as_printed", lam=lam, v=v, eps=F(1, 1000), g0=g0)
    assert left / right == pytest.approx(float(repaired), rel=1e-10)


def test_eq5_with_one_output_is_the_leverage():
    # A = diag(1, 4), x = (1, 2), r = 3: h = 1 + 1 = 2, and the gradient -r x shrinks to a third
    assert sides("eq5.ridge", A=[[1.0, 0], [0, 4]], x=[1.0, 2], r=3.0) == pytest.approx((5.0, 5.0))
    assert added((1, 4), rank_one((1, 2), 0), (-3, -6)) == F(45, 9)


def test_eq5_up_to_a_factor_two_at_condition_number_16():
    h, g0 = (F(32, 17), F(60, 17)), (F(-32, 17), 0)
    assert (h[0] - 1) * (16 - h[0]) - h[1] ** 2 == 0
    assert dot(h, h) / dot(g0, g0) == F(17, 8) ** 2
    assert sides("eq5.absolute_constant", root=4.0) == pytest.approx((float(dot(h, h)), 4 * float(dot(g0, g0))))


def test_eq5_for_the_entropy_starts_from_zero():
    sigma = 1 / (1 + math.e)
    after, before = sides("eq5.entropy", z=1.0, a=sigma)
    assert after == pytest.approx(sigma * (1 - sigma))
    assert after == pytest.approx(0.1966, abs=1e-4)
    assert before == pytest.approx(0, abs=1e-15)


def test_eq5_for_the_softmax_at_small_integers():
    z0, z1 = (1.0, 2.0, 3.0), (1.0, -1.0, 3.0)

    def gradient(z):
        weights = [math.exp(v) for v in z]
        return [w / sum(weights) - (i == 0) for i, w in enumerate(weights)]

    g0, g1 = gradient(z0), gradient(z1)
    assert sum(g * (b - a) for g, a, b in zip(g1, z0, z1, strict=True)) < 0  # a convex training loss exists
    left, right = sides("eq5.softmax", z0=z0, z1=z1)
    assert (left, right) == pytest.approx((sum(g * g for g in g1), sum(g * g for g in g0)))
    assert (left, right) == pytest.approx((1.53, 1.33), abs=5e-3)


# eq. (5), a batch


def shrunk(A, X, r):
    """The residuals after least squares is trained with all rows: r - X theta."""
    n = len(A)
    H = [[A[i][j] + sum(F(x[i]) * x[j] for x in X) for j in range(n)] for i in range(n)]
    theta = solve(H, [sum(F(x[i]) * y for x, y in zip(X, r, strict=True)) for i in range(n)])
    return [y - dot(x, theta) for x, y in zip(X, r, strict=True)]


def test_eq5_for_two_samples_that_pull_apart():
    X, r = [[1], [1]], [1, -5]
    after = shrunk([[1]], X, r)
    assert after[0] == F(7, 3)
    assert sides("eq5.batch", A=[[1.0]], X=X, r=[1.0, -5.0]) == pytest.approx((49 / 9, 1.0))
    assert sides("eq5.batch.total", A=[[1.0]], X=X, r=[1.0, -5.0]) == pytest.approx((float(dot(after, after)), 26.0))
    changes = sorted(float(a * a - b * b) for a, b in zip(after, r, strict=True))
    assert sides("eq5.batch.one_of_them", A=[[1.0]], X=X, r=[1.0, -5.0]) == pytest.approx((changes[0], 0.0))


def test_eq5_for_a_batch_with_clean_labels():
    w, X = (1, 3), [[-1, 0], [-3, 3]]
    r = [dot(x, w) for x in X]
    after = shrunk([[1, 0], [0, 1]], X, r)
    assert (r[0], after[0]) == (-1, F(-37, 29))
    found = sides("eq5.batch.clean_labels", P=[[0.0, 0], [0, 0]], w=[1.0, 3], X=plain(X), ridge=1.0)
    assert found == pytest.approx(((37 / 29) ** 2, 1.0))


# the selection


def test_the_upper_bound_of_the_selection_rises():
    one = dict(loss=0.5, s=[3.0, 4.0], n=5, a=[0.6, 0.8], b=[4.0, -3.0])
    assert sides("selection.as_printed", **one) == pytest.approx((5.5, 1.5))
    assert sides("selection.upper_bound", 1, **one) == pytest.approx((1.5, 5.5))
    assert sides("selection.lower_bound", 0, **one) == pytest.approx((-4.5, -0.5))
    assert sides("removal", 0, **one) == pytest.approx((1.5, 1.5))  # a lies along s: tight


def test_the_rank_of_the_norms_is_not_that_of_the_influences():
    assert dot((3, 4), (F(3, 5), F(4, 5))) == 5
    assert dot((3, 4), (4, -3)) == 0
    assert sides("selection.rank", s=[3.0, 4.0], a=[F(3, 5), F(4, 5)], b=[4.0, -3.0]) == pytest.approx((5.0, 0.0))


def test_the_higher_gradient_norm_gives_the_higher_test_loss():
    def loss(samples):
        """Least squares with one weight: half the squared error at (1, 1)."""
        theta = F(sum(x * y for x, y in samples), sum(x * x for x, _ in samples))
        return (theta - 1) ** 2 / 2

    assert [loss([(1, 0), *more]) for more in ([], [(1, -2)], [(1, 1)])] == [F(1, 2), 2, F(1, 8)]
    found = sides("selection.test_loss", A=[[1.0]], a=[1.0], b=[1.0], label_a=-2.0, label_b=1.0, x=[1.0], y=1.0)
    assert found == pytest.approx((2.0, 1 / 8))


def test_the_same_with_clean_labels():
    w, x = (1, 3), (1, 0)

    def loss(v):
        theta = solve([[1 + v[0] * v[0], v[0] * v[1]], [v[0] * v[1], 1 + v[1] * v[1]]], [c * dot(v, w) for c in v])
        return (dot(x, theta) - dot(x, w)) ** 2 / 2

    assert (loss((2, -1)), loss((1, 0)), loss((0, 0))) == (F(8, 9), F(1, 8), F(1, 2))
    assert dot((2, -1), (2, -1)) * dot((2, -1), w) ** 2 == 5
    zero = [[0.0, 0], [0, 0]]
    found = sides("selection.test_loss.clean_labels", P=zero, w=[1.0, 3], a=[2.0, -1], b=[1.0, 0], x=[1.0, 0])
    assert found == pytest.approx((8 / 9, 1 / 8))


def test_the_higher_entropy_gradnorm_gives_the_higher_test_loss():
    found = sides("selection.entropy_gradnorm", theta=1.0, a=-1.0, b=0.5, move_a=0.5, move_b=1.0, x=1.0)
    assert found == pytest.approx((math.log1p(math.exp(-0.5)), math.log1p(math.exp(-1.5))))


def test_the_higher_entropy_gradnorm_after_exact_retraining_with_correct_labels():
    """Logistic regression with a bias and ridge 1: three samples at -1 of class -1; the boundary passes through 1."""

    def fit(samples):
        theta = np.zeros(2)
        for _ in range(50):
            g, H = theta.copy(), np.eye(2)
            for x, y in samples:
                v = np.array([x, 1.0])
                s = 1 / (1 + math.exp(y * (v @ theta)))
                g -= y * s * v
                H += s * (1 - s) * np.outer(v, v)
            theta -= np.linalg.solve(H, g)
        assert np.abs(g).max() < 1e-13
        return theta

    def score(theta, x):
        """Entropy-gradnorm: |z| p (1 - p) times the length of the features."""
        z = theta @ [x, 1]
        p = 1 / (1 + math.exp(-z))
        return abs(z) * p * (1 - p) * math.hypot(x, 1)

    pool = [(-1, -1)] * 3
    theta = fit(pool)
    assert theta @ [1, 1] == pytest.approx(0, abs=1e-15)
    assert score(theta, 6) > 0.7
    assert score(theta, 1) == pytest.approx(0, abs=1e-15)
    losses = [math.log1p(math.exp(-(fit([*pool, (x, 1)]) @ [1, 1]))) for x in (6, 1)]
    assert losses == pytest.approx([0.62377, 0.41161], abs=1e-5)  # at (1, +1): worse with the higher score


@pytest.mark.parametrize(("r", "loss"), [(1, F(2)), (2, F(9, 2)), (3, F(8))])
def test_the_rigorous_addition_bound_is_attained(r, loss):
    """F = theta^2 / 2, l with slope -r, test loss (theta + 1)^2 / 2: theta goes from 0 to r."""
    assert F(r + 1) ** 2 / 2 == loss
    one = dict(loss=0.5, slope=[1.0], M=1.0, tau=1.0, m=1.0, d=[float(r)], p=0.0, across=[0.0], more=1.0)
    assert sides("addition_bound", 0, **one) == pytest.approx((float(loss), float(loss)))
    assert sides("addition_bound", 1, **one) == pytest.approx((float(loss), float(loss)))
    assert sides("addition_bound", 2, **one)[1] == pytest.approx(float(F(r + 2) ** 2 / 2))


# appendix A.1


def test_eq8_with_the_hessian_at_w():
    one = dict(A=[[0.0]], b=[0.0], V=[[1.0]], c=[1.0], q=[0.0], w=[1.0], eta=1.0, v=[1.0])
    assert sides("eq8.at_w", **one) == pytest.approx((1 / 8, 0.0))
    assert sides("eq8", **one) == pytest.approx((1 / 8, 1 / 8))  # the mean of w along the segment from 1 to 1/2 is 3/4


def test_eq9_with_bounds_at_w_only():
    w, eta = F(1, 2), 8
    slope = lambda w: w - w**3  # noqa: E731
    assert (1 - 3 * w**2, eta) == (F(1, 4), 2 / (1 - 3 * w**2))
    assert (slope(w), slope(w - eta * slope(w))) == (F(3, 8), F(105, 8))
    assert sides("eq9.at_w_only", a=1.0, q=-6.0, w=0.5, u=1.0) == pytest.approx(((105 / 8) ** 2, (3 / 8) ** 2))


def test_eq9_for_a_single_sample():
    assert sides("eq9.individual", centre=[1.0, -1.0], theta=0.5, u=0.5) == pytest.approx((1.0, 1 / 4))


def test_eq9_at_mu_1_and_L_10():
    one = dict(L=4.0, v=0.1, x=1.0, g=[1.0], q=[0.0], s=1.0)
    assert sides("eq9.loss", 0, **one) == pytest.approx((0.81, 0.81))
    assert sides("eq9.loss", 1, **one) == pytest.approx((81 / 100, 9 / 5))
    assert sides("eq9.sharp", **one) == pytest.approx((0.81, 0.81))


def test_eq9_beyond_two_over_L():
    claim = CLAIMS["gradnorm.eq9.two_over_L"]
    for x in (2.0, 2.5):
        link = at(claim, L=1.0, v=0.0, x=x, g=[1.0], q=[1.0], s=1.0).links[0]
        assert (float(link.lhs[0]), float(link.rhs[0])) == pytest.approx(((x - 1) ** 2, 1.0))
