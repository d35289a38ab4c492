"""CRC, sections 2.2 to 2.4 and appendix A: the audit's exact counterexamples, worked out here in fractions.

The fractions are computed from the definitions (claims/crc.md), not by `altheory`; the claims must give the same.
"""

from __future__ import annotations

import math
from fractions import Fraction as F

import pytest
import torch

from proofs_check.evaluate import admissible, at
from proofs_check.instances import Batch
from proofs_check.registry import registered

CLAIMS = registered()


def plain(value):
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else float(value) if isinstance(value, F) else value


def sides(id, link=0, **values):
    """The two sides of one link of a claim on one instance given in fractions."""
    found = at(CLAIMS[f"crc.{id}"], **{name: plain(value) for name, value in values.items()}).links[link]
    return float(found.lhs[0]), float(found.rhs[0])


def close(*values):
    return pytest.approx(tuple(float(v) for v in values), rel=1e-13, abs=1e-15)


def inside(id, **values):
    """Whether the instance meets the claim's assumptions."""
    claim = CLAIMS[f"crc.{id}"]
    tensors = {name: torch.as_tensor(plain(value), dtype=torch.float64)[None] for name, value in values.items()}
    return bool(admissible(claim, Batch(tensors, {}))[0])


def identity(n, factor=1):
    return [[F(factor) if i == j else F(0) for j in range(n)] for i in range(n)]


def flat(n):
    """No second derivatives."""
    return [[[F(0)] * n for _ in range(n)] for _ in range(n)]


class Scalar:
    """One step for f(d) = J d + q d^2 / 2 with one parameter and label e, from d = 0, L = c e^2, in fractions."""

    def __init__(self, e, J, q, eta, c):
        e, J, q, eta, c = (F(v) for v in (e, J, q, eta, c))
        g = -2 * c * J * e
        after = e - (-J * eta * g + q * (eta * g) ** 2 / 2)
        self.loss, self.loss_next = c * e**2, c * after**2
        self.move, self.K, self.e = e - after, J**2, e
        self.eps = self.move**2 / 2

        def slope(gamma):  # grad L at theta - gamma g
            d = -gamma * g
            return -2 * c * (e - J * d - q * d**2 / 2) * (J + q * d)

        # the integrand is of degree three: Simpson's rule is exact
        self.xi = eta / 6 * sum(w * g * (g - slope(x * eta)) for w, x in ((1, 0), (4, F(1, 2)), (1, 1)))
        self.bend = eta**2 / 2 * q * g**2  # h' = -J g + gamma q g^2
        self.gradient_square, self.eta, self.c = g**2, eta, c
        self.given = {"e": [e], "J": [[J]], "Q": [[[q]]], "eta": eta}

    def right(self, contraction=1, eps=1):
        return (1 - contraction * self.eta * self.K) * self.loss + self.xi + eps * self.eps


STEPS = [Scalar(1, 1, 0, 1, c) for c in (F(1, 2), F(1))]
STEPS += [Scalar(1, 1, 48, F(1, 16), 1), Scalar(-2, F(1, 3), 5, F(1, 4), F(1, 5)), Scalar(1, 2, -1, F(3, 2), 4)]


# Lemma 1


def test_the_fractions_satisfy_both_identities():
    for s in STEPS:
        assert s.loss_next == s.loss - s.eta * s.gradient_square + s.xi
        assert s.xi - 2 * s.c * s.eps == -2 * s.c * s.e * s.bend


@pytest.mark.parametrize("s", STEPS)
def test_one_output_one_parameter(s):
    assert sides("lemma1.identity", **s.given, c=s.c) == close(s.loss_next, s.loss - s.eta * s.gradient_square + s.xi)
    assert sides("lemma1.sharp", **s.given, c=s.c) == close(s.loss_next, s.right(4 * s.c, 0))
    assert sides("lemma1.slack", **s.given, c=s.c) == close(
        s.right() - s.loss_next, s.eps + s.eta * (s.gradient_square - s.K * s.loss)
    )
    assert sides("perturbation", **s.given, c=s.c) == close(s.xi - 2 * s.c * s.eps, -2 * s.c * s.e * s.bend)
    assert s.loss_next == s.right(4 * s.c, 0)  # one output is a bottom eigenvector: the sharp form is attained
    for id, c in (("lemma1", F(1, 2)), ("lemma1.eq12", F(1))):
        if s.c == c:
            assert sides(id, **s.given) == close(s.loss_next, s.right())


def mean(n, eta, c):
    """Both sides of Lemma 1 for f = theta, K = I, e = (1, ..., 1), L = c |e|^2."""
    loss, after = c * n, c * n * (1 - 2 * c * eta) ** 2
    move = n * (2 * c * eta) ** 2
    return after, (1 - eta) * loss + c * move + move / 2  # xi = 2c eps for a linear model


def test_the_mean_over_five():
    assert mean(5, F(1, 4), F(1, 5)) == (F(81, 100), F(157, 200))
    given = {"e": [1.0] * 5, "s": [1.0] * 5, "eta": F(1, 4)}
    assert sides("lemma1.mean", **given) == close(F(81, 100), F(157, 200))


def test_the_mean_over_four_holds():
    assert mean(4, F(1, 4), F(1, 4)) == (F(49, 64), F(51, 64))
    given = {"e": [1.0] * 4, "J": identity(4), "Q": flat(4), "eta": F(1, 4)}
    assert sides("lemma1.mean_up_to_4", **given) == close(F(49, 64), F(51, 64))


def test_half_the_mean_over_three_and_two():
    assert mean(3, F(1, 4), F(1, 6)) == (F(121, 288), F(112, 288))
    assert sides("lemma1.half_mean", e=[1.0] * 3, s=[1.0] * 3, eta=F(1, 4)) == close(F(121, 288), F(112, 288))
    after, right = mean(2, F(1, 4), F(1, 4))
    assert after < right
    given = {"e": [1.0] * 2, "J": identity(2), "Q": flat(2), "eta": F(1, 4)}
    assert sides("lemma1.half_mean_up_to_2", **given) == close(after, right)


@pytest.mark.parametrize(("n", "c"), [(1, F(1, 8)), (5, F(1, 5)), (6, F(1, 6)), (3, F(1, 4)), (2, F(1))])
def test_the_boundary(n, c):
    """Fails iff eta < (1 - 4c) / (2c)."""
    for eta in (F(1, 100), F(1, 4), F(1), F(2)):
        after, right = mean(n, eta, c)
        assert (right < after) == (eta < (1 - 4 * c) / (2 * c))
        gap = c * eta * n * (2 * c * eta + 4 * c - 1)
        assert right - after == gap
        assert sides("lemma1.boundary", e=[1.0] * n, eta=eta, c=c) == close(gap, gap)


def test_a_relu_neuron_that_dies():
    # f = max(w, 0), w = 1, y = -1, L = e^2 / 2, eta = 1: e = -2, grad = 2, w' = -1, f' = 0, e' = -1
    # grad L(w - 2 gamma) = 2 - 2 gamma - ... = f + 1 = 2 - 2 gamma until gamma = 1/2, then 0
    xi = 2 * (F(1, 2) * (2 - F(3, 2)) + F(1, 2) * 2)
    assert F(1, 2) == 2 - 4 + xi
    given = {"w": 1.0, "x": [1.0], "y": [-1.0], "eta": 1.0, "c": 0.5}
    assert sides("lemma1.relu", 0, **given) == close(F(1, 2), 2 - 4 + xi)
    assert sides("lemma1.relu", 1, **given) == close(F(1, 2), (1 - 2) * 2 + xi)


def test_a_network_with_one_neuron_at_zero():
    # f = a (u + u^2/2), u = w x; w = 0, a = 1, x = 1, y = 1, the second neuron and input 0: J = (1, 0), K = 1
    # L = e^2 / 2, eta = 1/2: grad = (-1, 0), w' = 1/2, f' = 1/2 + 1/8
    after = F(3, 8) ** 2 / 2
    xi = after - F(1, 2) + F(1, 2)
    given = {"W": [[0.0], [0.0]], "a": [1.0, 0.0], "X": [[1.0]], "y": [1.0], "eta": 0.5, "c": 0.5}
    assert sides("lemma1.networks", 0, **given) == close(after, after)
    assert sides("lemma1.networks", 1, **given) == close(after, F(1, 2) * (1 - F(1, 2) * 2) + xi)


# its proof


def test_eq12_in_both_normalisations():
    s = Scalar(1, 1, 0, F(1, 4), 1)
    assert s.loss_next == s.loss + s.move**2 - 2 * s.e * s.move == F(1, 4)
    assert sides("eq12", **s.given) == close(F(1, 4), F(1, 4))
    s = Scalar(1, 1, 0, 1, F(1, 2))
    assert (s.loss_next, s.loss + s.move**2 - 2 * s.e * s.move) == (0, F(-1, 2))
    assert sides("eq12.half", **s.given) == close(0, F(-1, 2))
    assert sides("eq12.half.gap", **s.given) == close(F(-1, 2), F(-1, 2))
    # where the loss grows eq. (12) holds: eta = 3
    s = Scalar(1, 1, 0, 3, F(1, 2))
    assert s.loss_next > s.loss
    assert s.loss_next < s.loss + s.move**2 - 2 * s.e * s.move
    for s in STEPS:
        assert sides("eq12.normalised", **s.given, c=s.c) == close(*[s.loss_next] * 2)


def test_the_slope_of_h():
    # f = theta, e = 1: h(gamma) = 2 c gamma
    given = {"e": [1.0], "J": [[1.0]], "Q": [[[3.0]]], "u": [1.0]}
    assert sides("h_prime.as_printed", **given) == (1, -1)
    assert sides("h_prime.eq12", **given) == (2, -1)
    assert sides("h_prime.other_sign", **given) == (-1, -1)
    assert sides("h_prime", **given, c=0.75) == (1.5, 1.5)


def test_the_bound_of_the_inner_product():
    assert sides("eigenvalue_step", e=[1.0], J=[[1.0]], eta=1.0, c=1.0) == (1, 1)
    assert sides("eigenvalue_step.any_normalisation", e=[1.0], J=[[1.0]], eta=1.0, c=2.0) == (2, 1)
    s = Scalar(1, 1, 0, 1, F(1, 2))
    assert s.e * s.move == 1
    assert -s.eta * s.K * s.loss + s.xi == 0
    assert sides("inner_product.as_printed", **s.given) == close(s.eta * s.K * s.loss, s.xi - s.e * s.move)
    assert sides("inner_product.other_sign", **s.given) == close(s.eta * s.K * s.loss, s.xi + s.e * s.move)
    s = Scalar(1, 1, 0, F(1, 4), 1)
    assert (s.e * s.move, -s.eta * s.K * s.loss + s.xi) == (F(1, 2), 0)
    assert sides("inner_product.eq12", **s.given) == close(F(1, 4), F(1, 4) - F(1, 2))
    s = Scalar(1, 1, 48, F(1, 16), 1)
    assert (-s.e * s.move, s.xi, -s.eta * s.K * s.loss + s.xi) == (F(-1, 2), F(-1, 2), F(-9, 16))
    assert sides("inner_product.other_sign_eq12", **s.given) == close(F(1, 16), F(-1, 2) + F(1, 2))


def test_the_two_forms_of_the_perturbation():
    one, two = STEPS[:2]
    assert (one.e * one.bend, one.xi, two.e * two.bend, two.xi) == (0, F(1, 2), 0, 4)
    assert sides("perturbation.as_printed", **one.given) == close(0, F(1, 2))
    assert sides("perturbation.eq12", **two.given) == close(0, 4)
    linear = {name: value for name, value in one.given.items() if name != "Q"}
    assert sides("perturbation.any_factor", **linear, c=0.5) == close(F(1, 2), 0)
    for s in STEPS:
        for link in range(3):
            left, right = sides("lemma1.repaired_proof", link, **s.given, c=s.c)
            assert left == pytest.approx(right, rel=1e-13)
        assert sides("lemma1.repaired_proof", 3, **s.given, c=s.c) == close(*[4 * s.c**2 * s.e**2 * s.K] * 2)


# eqs. (1) to (3)


def test_eq1_in_each_normalisation():
    # phi = u + u^2/2 at w = 0, a = 1, x = 1: f = 0, K = phi'(0)^2 = 1, Y = -1: f - Y = 1
    one = {
        "W": [[0.0, 0.0], [0.0, 0.0]],
        "a": [[1.0, 0.0], [0.0, 0.0]],
        "X": [[1.0, 0.0]],
        "Y": [[-1.0, 0.0]],
        "u": [[1.0, 0.0]],
    }
    assert sides("eq1", **one) == (-1, -1)
    assert sides("eq1.eq12", **one) == (-2, -1)
    assert sides("eq1.mean", **one) == (-2, -1)
    assert sides("eq1.normalised", **one, c=0.25) == (-0.5, -0.5)
    two = {**one, "X": one["X"] * 2, "Y": one["Y"] * 2, "u": one["u"] * 2}  # the same example twice: K e = 2 each
    assert sides("eq1.mean", **two) == (-4, -4)


def test_eq2_at_width_one():
    on = {"x": [[1.0, 0.0]], "e": [1.0]}
    assert sides("eq2.as_printed", W=[[1.0, 0.0]], **on) == close(1, F(1, 2))
    assert sides("eq2.as_printed", W=[[-1.0, 0.0]], **on) == close(0, F(1, 2))
    # at even width the diagonal may agree: one neuron on, one off
    assert sides("eq2.as_printed", W=[[1.0, 0.0], [-1.0, 0.0]], **on) == close(F(1, 2), F(1, 2))


def test_eq3_in_its_readings():
    one = {"K": [[1.0]], "y": [1.0], "f0": [0.0], "u": [1.0], "time": 1.0}
    done = 1 - math.exp(-1)
    assert sides("eq3.as_printed", **one) == pytest.approx((done, 0))
    assert sides("eq3", **one) == pytest.approx((done, done))
    assert sides("eq3.as_printed", **{**one, "y": [0.0], "f0": [2.0]}) == pytest.approx((2 - 2 * done,) * 2)  # y = 0
    assert sides("eq3.homogeneous", K=[[1.0]], g0=[3.0], u=[1.0], time=1.0) == pytest.approx((3 - 3 * done,) * 2)
    # two eigenvalues, one of them 0, against exponentials by hand: eigenvectors (1, 1) and (1, -1)
    K, e = [[1.0, 1.0], [1.0, 1.0]], math.exp(-2 * 0.7)
    both = sides("eq3", K=K, y=[0.0, 0.0], f0=[3.0, 1.0], u=[1.0, 0.0], time=0.7)
    assert both == pytest.approx((2 * e + 1,) * 2)


def test_three_steps_of_gradient_descent_in_fractions():
    J, theta, y, eta, c = F(2), F(1), F(5), F(1, 8), F(1)
    now = theta
    for _ in range(3):
        now = now - 2 * c * eta * J * (J * now - y)
    gap = (J * theta - y) * (1 - 2 * c * eta * J**2) ** 3
    assert J * now - y == gap
    given = {"J": [[J]], "y": [y], "theta": [theta], "u": [1.0], "eta": eta, "c": c, "steps": 3}
    assert sides("eq3.discrete", **given) == close(gap, gap)


def test_the_rate_is_that_of_the_mass():
    # nothing on the smallest eigenvalue: the rate is that of the second
    given = {"lam": [0.0, 0.5, 1.0], "w": [0.0, 2.0, 1.0], "time": 3.0}
    e = [math.exp(-3.0), math.exp(-6.0)]
    assert sides("eq3.rate", 0, **given) == pytest.approx((2 * e[0], 2 * e[0] + e[1]))
    assert sides("eq3.rate", 1, **given) == pytest.approx((2 * e[0] + e[1], 3 * e[0]))


# eps


def test_the_bound_of_eps():
    # one output: eps = (e - e')^2 / 2, J at the end = J + q d
    s = Scalar(1, 1, 48, F(1, 16), 1)
    d = F(1, 8)
    steepest = max(F(1), (1 + 48 * d) ** 2)
    given = {**s.given, "c": s.c}
    assert sides("eps_bound", 0, **given) == close(s.eps, steepest * s.eta**2 * s.gradient_square / 2)
    assert sides("eps_bound", 1, **given)[1] == pytest.approx(float(2 * s.c * steepest * s.K * s.eta**2 * s.loss))
    linear = Scalar(1, 1, 0, 1, F(1, 2))
    assert sides("eps_bound", 0, **linear.given, c=0.5) == close(F(1, 2), F(1, 2))
    assert sides("eps_bound", 1, **linear.given, c=0.5) == close(F(1, 2), F(1, 2))


def test_eps_is_not_a_consequence_of_condition_2():
    theta, omega, eta = 1.0, 30.0, 0.1
    before = (theta * math.cos(omega * theta), theta * math.sin(omega * theta))
    after = 0.9 * theta
    there = (after * math.cos(omega * after), after * math.sin(omega * after))
    eps = sum((a - b) ** 2 for a, b in zip(before, there, strict=True)) / 2
    assert eps == pytest.approx(1.796, abs=1e-3)
    assert sides("eps_bound.condition2", theta=theta, omega=omega, eta=eta) == pytest.approx((eps, 0.5), rel=1e-12)


def test_the_number_of_layers():
    given = {"g": [1.0] * 4, "share": [1.0] * 4}
    assert sides("eq17.layers", 0, **given) == close(4 * 2, 4 * 2)
    assert sides("eq17.layers", 1, **given) == close(8, 16)


def test_the_sufficient_sentence():
    assert sides("sufficient", L=1.0, lam=1.0, eta=1.0, a=1.0) == (2, 1)
    assert sides("sufficient.negative_a", L=2.0, lam=1.0, eta=0.5, C=4.0, more=0.0) == (2, 2)
    s = Scalar(1, 1, 0, 1, F(1, 2))
    assert inside("sufficient.descent", **s.given, C=1.0)
    assert not inside("sufficient.descent", **s.given, C=0.99)
    assert sides("sufficient.descent", **s.given, C=1.0) == (0, 0)
    # kappa = lambda / 2, a = 2, C = 1, the longest step: eta = 1/6
    assert sides("sufficient.corrected", L=3.0, lam=1.0, gap=0.5, a=1.0, C=1.0, share=1.0) == close(3, 3)


# after Theorem 1


def test_the_fixed_kernel():
    given = {"K": [[1.0]], "Kt": [[0.5]], "L": 1.0, "rate": 1.0}
    assert inside("fixed_kernel.same_constant", **given)
    assert sides("fixed_kernel.same_constant", **given) == (0.5, 0)
    assert sides("fixed_kernel", **given) == (0.5, 0.5)


def test_the_power_of_the_mean_loss():
    eta, lam = F(1, 4), F(1)
    ratio = (1 - 2 * F(1, 5) * eta * lam) ** 2 / (1 - eta * lam)
    assert ratio == F(108, 100)
    assert float(ratio**100) == pytest.approx(2199.8, abs=0.05)
    after, bound = sides("power.as_printed", lam=[1.0] * 5, w=[1.0] * 5, eta=eta, T=100)
    assert after / bound == pytest.approx(float(ratio**100) / 1000, rel=1e-11)
    # at most three examples are fast enough for these steps, four are not
    for n in range(1, 7):
        x = F(1, 2)
        assert ((1 - 2 * x / n) ** 2 <= 1 - x) == (n <= 3)


def test_the_power_from_eq7():
    assert F(3, 2) ** 100 > 10**17
    left, right = sides("power.from_eq7", rate=0.5, c=0.5, T=100)
    assert left / right == pytest.approx(float(F(3, 2) ** 100) / 1000)


def test_the_step_size_of_the_power():
    # the first audit's condition, eta lambda_min <= 1, is not enough
    lam, eta = [F(1, 2), F(199, 100)], F(1)
    ratio = (1 - eta * lam[1]) ** 2
    assert float(ratio) == pytest.approx(0.98, abs=2e-3)
    assert ratio > 1 - eta * lam[0]
    assert sides("power.half", lam=lam, w=[0.0, 1.0], eta=eta, T=1) == close(ratio / 2, F(1, 4))
    assert not inside("power", lam=lam, w=[0.0, 1.0], eta=eta, c=0.5, T=1.0)
    assert inside("power", lam=[F(1, 2), F(1)], w=[0.0, 1.0], eta=eta, c=0.5, T=1.0)
    assert sides("power", lam=[0.5], w=[1.0], eta=1.0, c=1.0, T=1) == (0, 0.5)


def test_the_product():
    given = {"lam": [1.0, 0.5, 0.5, 0.0], "kept": [1.0] * 4, "L": 8.0, "step": 0.5}
    product = 8 * F(1, 2) * F(3, 4) ** 2
    assert sides("power.product", 0, **given) == close(product, product)
    assert sides("power.product", 1, **given) == close(product, 8)
    # two steps of one parameter: equality, since one output is a bottom eigenvector
    s = Scalar(1, 1, 1, F(1, 2), F(1, 2))
    d = -s.eta * -s.e
    second = Scalar(1 - d - d**2 / 2, 1 + d, 1, F(1, 2), F(1, 2))
    assert s.loss_next == second.loss
    assert inside("power.steps", **s.given, c=0.5)
    assert sides("power.steps", **s.given, c=0.5) == close(second.loss_next, second.loss_next)


# eq. (8)


def test_eq8_for_a_linear_model():
    s = Scalar(1, 1, 0, 1, F(1, 2))
    assert (s.xi, s.eps) == (F(1, 2), F(1, 2))
    assert sides("eq8.xi", **s.given) == close(F(1, 2), 0)
    assert sides("eq8.eps", **s.given) == close(F(1, 2), 0)


@pytest.mark.parametrize("s", STEPS)
def test_eq8_corrected_is_attained_by_one_output(s):
    H = abs(F(s.given["Q"][0][0][0]))
    bound = s.c * H * abs(s.e) * s.gradient_square * s.eta**2
    assert abs(s.xi - 2 * s.c * s.eps) == bound
    assert sides("eq8", **s.given, c=s.c) == close(bound, bound)
    if s.c == F(1, 2):
        assert sides("eq8.power_of_the_loss", 0, **s.given) == close(bound, bound)


def test_the_one_norm_of_e():
    # f_i = d_i + h |d|^2 / 2, e = (1, 1), L = |e|^2 / 2, eta = 1: g = -e, q = (2h, 2h), e'bend = 2h
    h = F(3)
    given = {"e": [1.0, 1.0], "J": identity(2), "Q": [identity(2, h)] * 2, "eta": 1.0}
    assert sides("eq8", **given, c=0.5) == close(2 * h, h * 2 * 2 / 2)
    assert math.sqrt(2) * float(h) < 2 * float(h)  # the 2-norm would be too small


def test_a_hessian_bounded_on_one_side():
    given = {"Q": [[-10.0]], "v": [1.0], "gamma": 1.0, "more": 0.0}
    assert sides("eq8.one_sided", **given) == (10, 0)
    assert sides("eq8.two_sided", **given) == (10, 10)
