"""Gradnorm, eq. (1) to (4): the audit's exact counterexamples, worked out here in fractions.

The fractions come from the definitions (one-dimensional least squares, sums over points), not from `altheory`; the claims
must give the same.
"""

from __future__ import annotations

import math
from fractions import Fraction as F

import pytest

from proofs_check.evaluate import at
from proofs_check.registry import registered

CLAIMS = registered()


def sides(id, link=0, **values):
    """The two sides of one link of a claim on one instance given in fractions."""

    def plain(value):
        return [plain(v) for v in value] if isinstance(value, (list, tuple)) else float(value)

    found = at(CLAIMS[f"gradnorm.{id}"], **{name: plain(value) for name, value in values.items()}).links[link]
    return float(found.lhs[0]), float(found.rhs[0])


class Line:
    """Least squares through the origin: theta = sum x y / (sum x^2 + rho)."""

    def __init__(self, x, y, Z, t, rho=0):
        self.x, self.y, self.Z, self.t, self.rho = ([F(v) for v in x], [F(v) for v in y], [F(v) for v in Z], [F(v) for v in t],
                                                    F(rho))  # fmt: skip

    def theta(self, weights=None):
        weights = weights or [1] * len(self.x)
        top = sum(w * x * y for w, x, y in zip(weights, self.x, self.y, strict=True))
        return top / (sum(w * x * x for w, x in zip(weights, self.x, strict=True)) + self.rho)

    def loss(self, theta):
        return sum((z * theta - t) ** 2 for z, t in zip(self.Z, self.t, strict=True)) / 2

    def slope(self):
        return sum(z * (z * self.theta() - t) for z, t in zip(self.Z, self.t, strict=True))

    def gradient(self, i):
        return self.x[i] * (self.x[i] * self.theta() - self.y[i])

    def hessian(self):
        return sum(x * x for x in self.x) + self.rho

    def influence(self, i):
        """1/n (sum_j g_j) H^-1 g_x with the average Hessian H."""
        n = len(self.x)
        return self.slope() / (self.hessian() / n) * self.gradient(i) / n

    def without(self, i):
        return self.loss(self.theta([int(j != i) for j in range(len(self.x))]))

    def arguments(self):
        return {"y": self.y, "Z": [[z] for z in self.Z], "t": self.t, "rho": self.rho}


def first_is(i, x):
    """The order in which point i is the first."""
    return [i, *(j for j in range(len(x)) if j != i)]


# eq. (3): -3/2 and 9/2
NEGATIVE = Line([1, 1], [-8, 0], [1], [-3])
# eq. (4): 0 and 1/2
PERFECT = Line([1, 1], [2, 0], [1], [1])
# the influence is negative and the removal even better: 1 and 1/2
HARMFUL = Line([1, 1], [2, 0], [1], [-1])


def test_eq3_is_no_equality():
    assert NEGATIVE.loss(NEGATIVE.theta()) == F(1, 2)
    assert NEGATIVE.influence(0) == -2
    assert NEGATIVE.without(0) == F(9, 2)
    there = {"x": NEGATIVE.x, **NEGATIVE.arguments()}
    assert sides("eq3", **there) == (4.5, -1.5)
    assert sides("eq3.nonnegative", **there) == (0, -1.5)
    assert sides("eq4.first_step", **there) == (-1.5, 1.5)


def test_eq4_bounds_the_linear_prediction_but_not_the_loss():
    there = {"x": PERFECT.x, **PERFECT.arguments()}
    bound = PERFECT.loss(PERFECT.theta()) + abs(PERFECT.gradient(0)) * abs(PERFECT.slope() / PERFECT.hessian())
    assert (PERFECT.without(0), bound) == (F(1, 2), 0)
    assert sides("eq4.true_loss", **there) == (0.5, 0)
    X = [[x] for x in PERFECT.x]
    assert sides("eq4.linear", link=2, X=X, **PERFECT.arguments()) == (0, 0)
    assert sides("eq4.literal", X=X, **PERFECT.arguments()) == (0, 0)


def test_the_corrected_bound_is_attained():
    r, m, M = abs(PERFECT.gradient(0)), F(1), F(1)
    assert PERFECT.loss(PERFECT.theta()) + abs(PERFECT.slope()) * r / m + M / 2 * (r / m) ** 2 == PERFECT.without(0)
    X = [[x] for x in PERFECT.x]
    assert sides("eq4.corrected", X=X, **PERFECT.arguments()) == (1, 1)
    assert sides("eq4.corrected", link=1, X=X, **PERFECT.arguments()) == (0.5, 0.5)
    ridge = {"X": [[1]], "y": [1], "Z": [[1]], "t": [F(1, 2)], "rho": 1}
    assert sides("eq4.corrected", link=1, **ridge) == (0.125, 0.125)


def test_eq3_may_overestimate_where_the_influence_is_negative():
    L, I = HARMFUL.loss(HARMFUL.theta()), HARMFUL.influence(0)
    assert (L, I, HARMFUL.without(0)) == (2, -1, F(1, 2))
    assert sides("eq3.underestimates_always", x=HARMFUL.x, **HARMFUL.arguments()) == (1, 0.5)


def test_influences_have_either_sign():
    line = Line([1, 1], [0, 2], [1], [0])
    assert [line.influence(i) for i in (0, 1)] == [F(1, 2), F(-1, 2)]
    given = {key: value for key, value in line.arguments().items() if key != "rho"}
    assert sides("positive", x=line.x, **given) == (0, 0.5)
    assert sides("positive", x=line.x, **{**given, "y": [2, 0]}) == (0, -0.5)
    assert sides("positive.sum", x=line.x, **given) == (0.5, 0.5)
    alone = Line([1], [2], [1], [0], rho=1)
    assert alone.influence(0) == F(-1, 2)
    assert sides("positive.ridge_sign", X=[[1]], **alone.arguments()) == (0, -0.5)
    assert sides("positive.ridge_sum", X=[[1]], **alone.arguments()) == (-0.5, -0.5)


def test_five_integer_points_have_influences_that_cancel():
    line = Line([1, 2, 3, 1, 4], [2, 1, 5, -1, 3], [1, 2], [1, 3])
    values = [line.influence(i) for i in range(5)]
    assert sum(values) == 0
    assert min(values) < 0 < max(values)
    given = {key: value for key, value in line.arguments().items() if key != "rho"}
    up = float(sum(v for v in values if v > 0))
    assert sides("positive.sum", x=line.x, **given) == pytest.approx((up, up), rel=1e-13)


def test_removal_and_weights_by_hand():
    line = Line([1, 2], [1, -1], [1, 3], [0, 2], rho=F(1, 2))
    X, given = [[x] for x in line.x], line.arguments()
    h, I = line.x[0] ** 2 / line.hessian(), line.influence(0)
    moved = line.gradient(0) / line.hessian()
    square = sum(z * z for z in line.Z) * moved**2
    exact = line.loss(line.theta()) + I / (1 - h) + square / (1 - h) ** 2 / 2
    assert exact == line.without(0)
    assert sides("eq3.ridge", X=X, **given) == pytest.approx((float(exact),) * 2, rel=1e-14)
    total = 0  # the claim adds up what happens at both points
    for i in range(2):
        total += line.loss(line.theta([F(3, 2) if j == i else 1 for j in range(2)]))
    assert sides("eq1.weights", X=X, eps=F(1, 2), **given) == pytest.approx((float(total),) * 2, rel=1e-14)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_error_of_the_first_order_with_copies(k):
    line = Line([1, 2], [1, -1], [1, 3], [0, 2], rho=F(1, 2))
    many = Line([1] * k + [2] * k, [1] * k + [-1] * k, line.Z, line.t, rho=k * line.rho)
    assert many.theta() == line.theta()
    error = abs(many.without(0) - many.loss(many.theta()) - many.influence(0))
    assert many.influence(0) == line.influence(0) / k
    h, I = line.x[0] ** 2 / line.hessian(), abs(line.influence(0))
    square = sum(z * z for z in line.Z) * (line.gradient(0) / line.hessian()) ** 2
    constant = I * h / (1 - h) + square / (1 - h) ** 2 / 2
    assert error * k**2 <= constant
    found = sides("eq1.copies", X=[[x] for x in line.x], k=k, **line.arguments())
    assert found == pytest.approx((float(error * k**2), float(constant)), rel=1e-11)


def test_mean_loss():
    line = Line([1], [1], [1, 1], [0, 0], rho=1)
    after = [line.loss(line.theta([w])) / 2 for w in (F(0), F(2))]
    assert (after[0] - after[1]) / 2 == F(-1, 9)
    given = {"X": [[1]], **line.arguments()}
    assert sides("eq2.mean_loss", **given) == pytest.approx((-1 / 9, -5 / 18), rel=1e-14)
    assert sides("eq2.sum_loss", **given) == pytest.approx((-2 / 9, -2 / 9), rel=1e-14)


def test_renormalised_penalty():
    # mean of losses + lam/2 theta^2 with lam = 1/2: theta minimises over n = 2 points, then over the second alone
    x, y, lam = [F(1), F(2)], [F(3), F(1)], F(1, 2)
    theta = sum(a * b for a, b in zip(x, y, strict=True)) / 2 / (sum(a * a for a in x) / 2 + lam)
    there = x[1] * y[1] / (x[1] ** 2 + lam)
    g, mean = x[0] * (x[0] * theta - y[0]), -lam * theta
    assert theta + (g - mean) / (x[1] ** 2 + lam) == there
    found = sides("eq1.renormalised", X=[[1], [2]], y=y, lam=lam)
    assert found == pytest.approx((float(there),) * 2, rel=1e-14)


def test_interpolation_has_no_influence_and_a_loss():
    assert sides("eq1.interpolation", a=1, b=0, c=1, y=[0, 1], Z=[[0, 1]], t=[0]) == (0.5, 0)


def test_norm_orders():
    ones = {"a": [1, 1], "b": [1, 1]}
    assert sides("eq4.large_orders", **ones) == pytest.approx((2, math.sqrt(2)))
    for link, (p, bound) in enumerate([(1, 4), (2, 2), (4, 2), (math.inf, 2)]):
        assert sides("eq4.norm_constant", link=link, **ones) == pytest.approx((2, bound)), p
    assert sides("eq4.sum_of_norms", g=[[3, 4], [0, 2]], s=[[1, 0], [0, 1]]) == (5, 7)


def test_hessian_of_one_neuron():
    # f = a relu(w x) at w = 1, a = 0, x = 1, y = 1: loss (a w - 1)^2 / 2 has the Hessian [[w^2, 2aw - 1], [., a^2]] in (a, w)
    a, w, v = F(0), F(1), (1, 1)
    H = [[w * w, 2 * a * w - 1], [2 * a * w - 1, a * a]]
    form = sum(v[i] * H[i][j] * v[j] for i in range(2) for j in range(2))
    assert form == -1
    one = {"X": [[1]], "y": [1], "W": [[1]], "a": [0], "dW": [[1]], "da": [1]}
    assert sides("hessian", **one) == (0, -1)
    assert sides("hessian.gauss_newton", **one, lam=1) == (2, 3)


def test_self_influence_under_an_indefinite_hessian():
    assert sides("hessian.self_influence", g=[1], h=[-1]) == (0, -1)
    assert sides("hessian.definite_self_influence", g=[1, 2], h=[1, 4]) == (1.25, 2)
