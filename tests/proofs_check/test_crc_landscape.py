"""CRC, section 2.3 and appendix A.2: the audit's exact counterexamples, worked out here in fractions.

The fractions are computed from the definitions (claims/crc.md), not by `altheory`; the claims must give the same.
"""

from __future__ import annotations

import math
from fractions import Fraction as F

import numpy as np
import pytest
import torch

from proofs_check.evaluate import at
from proofs_check.registry import registered

CLAIMS = registered()


def sides(id, link=0, **values):
    """The two sides of one link of a claim on one instance given in fractions."""

    def plain(value):
        return (
            [plain(v) for v in value] if isinstance(value, (list, tuple)) else float(value) if isinstance(value, F) else value
        )

    found = at(CLAIMS[f"crc.{id}"], **{name: plain(value) for name, value in values.items()}).links[link]
    return float(found.lhs[0]), float(found.rhs[0])


def close(*fractions, rel=1e-12):
    return pytest.approx(tuple(float(f) for f in fractions), rel=rel, abs=1e-15)


# functions, from their definitions


def rounded_kink(w, low, high, x):
    """The function with slope `low` left of 0, `high` right of w, linear slope between, and the value 0 at w."""
    if x >= w:
        return high * (x - w)
    at_0 = -(low + high) / 2 * w
    return at_0 + low * x + ((high - low) / (2 * w) * x * x if x > 0 else 0)


def kinked(eta, x):
    """The audit's u_eta around 1: slope 1 right of 1, 1/2 left of 1 - eta."""
    return 1 + rounded_kink(eta, F(1, 2), F(1), x - (1 - eta))


def huber(w, x):
    return x * x / (2 * w) if abs(x) <= w else abs(x) - w / 2


# lemma 2


@pytest.mark.parametrize("eta", [F(1, 2), F(1, 16), F(1, 256), F(1, 2**20)])
def test_the_remainder_on_the_kinked_family(eta):
    u, after = kinked(eta, F(1)), kinked(eta, 1 - 2 * eta)
    xi = after**2 - u**2 + eta * 4
    assert (u, after) == (1, 1 - F(5, 4) * eta)
    assert xi == F(3, 2) * eta + F(25, 16) * eta**2
    assert sides("lemma2", eta=eta) == close(xi, 1000 * eta**2, rel=1e-8)
    assert sides("lemma2.every_constant", 0, eta=eta) == close(F(3, 2) * eta, xi, rel=1e-8)
    assert sides("lemma2.every_constant", 1, eta=eta) == close(xi, xi, rel=1e-8)


def test_the_audits_ratios_of_the_kinked_family():
    def ratio(eta):
        return (F(3, 2) * eta + F(25, 16) * eta**2) / eta**2

    assert float(ratio(F(1, 2))) == pytest.approx(4.56, abs=5e-3)
    assert float(ratio(F(1, 256))) == pytest.approx(385.56, abs=5e-3)
    assert F(3, 2) * F(1, 256) + F(25, 16) * F(1, 256) ** 2 == F(6169, 1048576)
    assert float(ratio(F(1, 2**32))) == pytest.approx(6.4e9, rel=0.01)


@pytest.mark.parametrize(("k", "ratio"), [(3, 8.1), (7, 25), (11, 89), (15, 345), (19, 1369)])
def test_one_fixed_function_has_order_three_halves(k, ratio):
    """eta = 2^-k with k odd: 2 eta is a square, and everything is rational."""
    eta = F(1, 2**k)
    root = F(1, 2 ** ((k - 1) // 2))  # of 2 eta
    s, r = 2 * eta, root**3 / 3
    xi = (1 - s + r) ** 2 - 1 + 2 * s
    assert xi == 2 * r + (s - r) ** 2
    assert float(xi / eta**2) == pytest.approx(ratio, rel=0.01)
    assert sides("lemma2.one_function", eta=eta) == close(xi, 1000 * eta**2, rel=1e-6)
    assert sides("lemma2.one_function_rate", 0, eta=eta) == close(F(2, 3) * root**3, xi, rel=1e-6)
    assert sides("lemma2.one_function_rate", 1, eta=eta) == close(xi, F(2, 3) * root**3 + 4 * eta**2, rel=1e-6)


def test_one_relu_neuron():
    w, eta = F(1, 1000), F(1, 10)

    def loss(v):
        return sum((max(v * x, 0) + 1) ** 2 for x in (1, -1)) / 2

    slope = w + 1  # only the example x = 1 is on
    xi = loss(w - eta * slope) - loss(w) + eta * slope**2
    assert loss(w - eta * slope) > loss(w)
    assert sides("lemma2.one_neuron", w=w, eta=eta) == close(xi, 1000 * eta**2 * loss(w))
    # in the limit w = 0: 1 + eta + eta^2 / 2
    assert loss(-eta) == 1 + eta + eta**2 / 2


def test_both_constants_of_the_corrected_lemma_are_attained_in_the_limit():
    eta = F(1, 4)
    for tau in (F(1, 4), F(1, 64), F(1, 2**20)):
        w = tau * eta
        # 2 eta of the way at slope 1/2, and half of the bump (height 1/2, half width w/2) on top
        after = 1 - (eta + F(1, 2) * (w / 2) * F(1, 2))
        xi = after**2 - 1 + 4 * eta
        bound = (1 + w) * 2 * eta + (F(1, 2) + w / 4) ** 2 * 4 * eta**2
        assert sides("lemma2.limit", 0, eta=eta, tau=tau) == close((1 - tau) * bound, xi)
        assert sides("lemma2.limit", 1, eta=eta, tau=tau) == close(xi, bound)
    assert 2 * eta + eta**2 == F(9, 16)
    assert float(xi) == pytest.approx(9 / 16, abs=1e-5)


def test_the_papers_constants_at_eta_1_16():
    """alpha = beta = mu = 1, M = 4: ours 2 eta + 4 eta^2, the paper's c'' eta + a' eta^2 / 2."""
    eta = F(1, 16)
    alpha, beta, mu, root = F(1), F(1), F(1), F(2)
    b = (alpha * root - mu) / (2 * beta)
    c = 1 / beta - b**2
    assert (b, c) == (F(1, 2), F(3, 4))
    c1 = 2 * (1 + 0.5 + math.sqrt(0.75))
    theirs = c1 * float(eta) + (2 + 8) * float(eta) ** 2 / 2
    found = sides("lemma2.constants", alpha=1.0, beta=1.0, mu=1.0, more=3.0, eta=eta)
    assert found == pytest.approx((float(2 * alpha * root * eta + 4 * eta**2), theirs))
    assert found[0] - float(alpha * root * eta) == pytest.approx(9 / 64)
    assert theirs > 2 * 9 / 64


def test_a_concave_kink_has_a_negative_remainder_and_a_jump():
    w = eta = F(1, 10000)
    start, end = F(1, 2), 1 - F(1, 2) * F(1, 2)  # slopes at w, and at w - eta/2 = w/2
    distance = eta * start
    assert sides("lemma2.converse", w=w, drop=0.5, eta=eta) == close(end - start, 1000 * distance)


# equation (16)


def parabola(**more):
    return {"widths": [1.0], "first": 1.0, "slopes": [1.0], "height": 0.0, "tilt": 0.0, "x": 1.0, **more}


@pytest.mark.parametrize(("gamma", "true", "printed"), [(F(1), F(1), F(-2)), (F(1, 2), F(0), F(-3, 4))])
def test_eq16_without_m(gamma, true, printed):
    alpha, beta, mu, M = 0, 1, 4, 4
    assert (1 - 2 * gamma) ** 2 == true
    assert 1 + gamma * (alpha - mu) + beta * gamma**2 == printed
    assert 1 + gamma * (alpha - mu) + beta * M * gamma**2 == true
    assert sides("eq16.as_printed", **parabola(gamma=gamma)) == close(true, printed)
    assert sides("eq16", 0, **parabola(gamma=gamma)) == close(true, true)
    assert sides("eq16", 1, **parabola(gamma=gamma)) == close(true, true)


def test_the_root_after_eq16():
    found = sides("eq16.root_as_printed", **parabola(gamma=8.0))
    assert found == pytest.approx((15, 8 + 2 + math.sqrt(3)))
    # with M: b = -1/2, c = 1/4 - 1/4 = 0, sqrt(beta M) = 2
    assert sides("eq16.root", **parabola(gamma=8.0)) == pytest.approx((15, 2 * (8 + 0.5)))


# definitions and proposition 1


def test_the_family_by_the_size_of_its_slopes_alone():
    w, y = F(1, 1000), F(-1, 10)
    # u = 1 + |x| rounded over [-w, w], moved to [0, 2w], with the value 1 at both ends; x = 2w
    value = 1 + huber(w, y - w) - huber(w, w)
    here = {"widths": [2 * w], "first": -1.0, "slopes": [1.0], "height": 1.0}
    h = y - 2 * w
    bound = 1 + 2 * h + 2 * abs(h) + h * h
    found = sides("definition1.unsigned", **here, x=2 * w, y=y)
    assert found == close(value**2, bound)
    assert found[0] > 1.19 > 1.02 > found[1]
    four = at(
        CLAIMS["crc.definition1"], **{k: np.float64(v) for k, v in here.items()}, tilt=0.0, x=float(2 * w), y=[float(y), 0.0]
    )
    assert float(four.links[0].rhs[0]) == pytest.approx(float(bound + 2 * abs(h)))


def test_definition1_is_attained_by_a_parabola_and_nearly_by_a_kink():
    one = {"widths": [1.0], "first": 1.0, "slopes": [1.0], "tilt": 0.0}
    assert sides("definition1", **one, height=0.0, x=0.0, y=[3.0, 0.0]) == (9, 9)
    # slope -1 before 0 and 1 after w, height 100: the constant alpha
    w = F(1, 10**6)
    u = 100 + rounded_kink(w, F(-1), F(1), F(1)) - rounded_kink(w, F(-1), F(1), F(0))
    bound = F(100) ** 2 - 200 + 4 * 100 + 1
    found = sides("definition1", widths=[w], first=-1.0, slopes=[1.0], tilt=0.0, height=100.0, x=0.0, y=[1.0, 0.0])
    assert found == close(u**2, bound)
    assert found[0] > 0.999999 * found[1]


def test_the_gradient_at_the_bump():
    w = F(1, 64)
    bound = ((1 + w) + 2 * (F(1, 2) + w / 4)) ** 2
    assert sides("definition1.gradient_limit", 1, w=w) == close(4, bound)
    assert sides("definition1.gradient_limit", 0, w=w) == close(bound / (1 + w) ** 2, 4)


def test_the_origin_of_a_network():
    sides_of = sides("definition2.any_network", X=[[1.0, 0.0]], Y=[1.0])
    assert sides_of == pytest.approx((math.log(2) ** 2, 0))
    assert math.log(2) == pytest.approx(0.69, abs=5e-3)
    zero = {"W": [[0.0, 0.0]], "a": [[0.0]], "X": [[1.0, 0.0]], "Y": [1.0]}
    assert sides("definition2.everywhere", **zero) == (0.0005, 0)
    large = {"W": [[30.0, 0.0]], "a": [[30.0]], "X": [[1.0, 0.0]], "Y": [0.0]}
    assert sides("definition2.everywhere_above", **large) == (900**2 * 1800, 1000 * 900**2 / 2)
    # m sigma(0)^2 (sum y)^2 + (sum y)^2 for the bias: sigma(0) = 3, m = 2, sum y = 3
    origin = {"c0": 3.0, "c1": 5.0, "X": [[1.0, 0.0], [0.0, 2.0]], "Y": [1.0, 2.0]}
    assert sides("definition2.origin", **origin, bias=0) == (162, 162)
    assert sides("definition2.origin", **origin, bias=1) == (171, 171)
    assert sides("definition2.origin", **{**origin, "Y": [1.0, -1.0]}, bias=1) == (0, 0)


def test_the_origin_by_autograd():
    """The closed form of crc.definition2.origin for two neurons, an output bias and softplus."""
    X, Y = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([1.0, 2.0])
    theta = torch.zeros(2 * 2 + 2 + 1, requires_grad=True)
    f = torch.nn.functional.softplus(X @ theta[:4].reshape(2, 2).T) @ theta[4:6] + theta[6]
    (gradient,) = torch.autograd.grad(((f - Y) ** 2).sum() / 2, theta)
    assert float(gradient @ gradient) == pytest.approx((2 * math.log(2) ** 2 + 1) * 9)


def test_proposition1_at_equality():
    # x^2 between -1 and 2: (g'(2) - g'(-1)) 3 = 18 = 2 beta 9
    assert sides("proposition1", gx=1.0, gy=4.0, r=3.0, alpha=0.0, beta=1.0, spare=[0.0, 0.0]) == (18, 18)
    w, alpha = F(1, 2**20), F(3)
    beta = (1 - w) / 2
    left, bound = sides("proposition1.limit", 1, alpha=alpha, share=0.5, w=w)
    assert left == pytest.approx(float(8 * beta + 4 * alpha))
    value = 1 + alpha * w / 4
    assert bound == pytest.approx(float(8 * beta) + 4 * float(alpha * (1 + w)) * math.sqrt(value))
    assert left > 0.99999 * bound


def test_proposition1_is_not_lipschitz_continuity():
    w = F(1, 4)
    # g' = 2z + P', P' from 0 to -4 over [0, 1/4]
    assert sides("proposition1.lipschitz", drop=4.0, w=w, x=0.0, y=w) == close(abs(2 * w - 4), 2 * w)


# theorem 1


@pytest.mark.parametrize(("eta", "ratio"), [(F(1, 2), 14.06), (F(1, 8), 2.85), (F(1, 64), 1.18), (F(1, 1024), 1.0108)])
def test_the_ridge_rises_at_every_step_size(eta, ratio):
    """f = 2 s_w(x) + z with w = eta/8, from (w, z) with f = 1: the audit's numbers."""
    w = eta / 8
    z = 1 - 2 * huber(w, w)
    x_new, z_new = w - eta * 4, z - eta * 2
    after = (2 * huber(w, x_new) + z_new) ** 2
    assert after == (1 + 6 * eta - 4 * w) ** 2
    assert float(after) == pytest.approx(ratio, rel=2e-3)
    assert sides("theorem1.ascent", eta=eta, tau=F(1, 8)) == close(after, after)
    if eta <= F(1, 1000):
        assert sides("theorem1.condition1", w=w, eta=eta, x=2 * w) == close(after, 1 - F(1, 1000) * eta * 5)


def test_the_pair_that_needs_a_large_alpha():
    w, r = F(1, 64), F(1, 16)
    z = 1 - 2 * huber(w, w)
    below = (2 * huber(w, w - r) + z) ** 2
    needed = (below - (1 - 4 * r + 5 * r * r)) / r
    found = sides("condition1.alpha", a=2.0, w=w, r=r)
    assert found == close(needed, 2)
    assert found[0] > 2 * found[1]


@pytest.mark.parametrize(("a", "ratio"), [(F(9, 10), 0.9992), (F(1), 1.0), (F(11, 10), 1.0008)])
def test_the_threshold_of_the_ridge(a, ratio):
    eta = F(1, 1000)
    f = a * abs(-2 * eta * a) + 1 - 2 * eta
    assert f**2 == (1 + 2 * eta * (a * a - 1)) ** 2
    assert float(f**2) == pytest.approx(ratio, abs=5e-5)
    assert sides("theorem1.ridge", a=a, eta=eta) == close(f**2, f**2)
    w = F(1, 10**6)
    z = 1 - a * huber(w, w)
    after = (a * huber(w, w - 2 * eta * a) + z - 2 * eta) ** 2
    assert sides("theorem1.beyond", a=a, w=w, eta=eta, x=2 * w) == close(after, 1)


def test_one_fixed_ridge_falls():
    """w = 1, x at the bottom, f = 1: eta = sigma/18."""
    sigma, eta = F(1, 2), F(1, 36)
    # at the bottom of the kink the slope is 0: only z moves
    after = (1 - 2 * eta) ** 2
    found = sides("theorem1.one_function", w=1.0, x=1.0, f=1.0, sigma=sigma)
    assert found == close(4 * eta * (1 - sigma / 2), 1 - after)


def test_the_best_step_brings_a_parabola_to_its_bottom():
    gentle = {"widths": [1.0], "p": 1.0, "rise": [0.0], "start": 0.0, "height": 1.0, "tilt": 0.0, "x": 0.0}
    assert sides("theorem1.best_step", **gentle, sigma=0.5) == (0, 0)
    eta = F(1, 4)
    assert sides("theorem1", 0, **gentle, sigma=eta) == close((1 - 2 * eta) ** 2, 1 - 4 * eta * (1 - eta))
    # alpha = 1/2 < sqrt(mu) = 2 with slopes 1 and 5/4: beta = 25/16, eta* = (3/4) 8/25
    kink = {**gentle, "rise": [0.25], "start": 0.0, "x": -1.0}
    eta = (1 - F(1, 4)) / (2 * F(25, 16))
    f = F(1) - 1  # u(-1) = 1 - 1
    assert sides("theorem1.best_step", **kink, sigma=0.5) == close(f, f)
    x_new = F(0) - eta * 2
    assert sides("theorem1.best_step", **{**kink, "x": 0.0}, sigma=0.5) == close(
        (1 + x_new) ** 2, 1 - F(9, 4) / (4 * F(25, 16))
    )


# propositions 4 and 5


def test_proposition4_with_the_printed_layers():
    W, V, h = F(2), F(3), F(1)
    left = V * (V * h) - W * (W * h)
    assert left == 5
    reach = [(1 + d) * (V - W) * h for d in (-1, 1)]
    assert reach == [0, 2]
    assert sides("proposition4.as_printed", W=[[2.0]], V=[[3.0]], h=[1.0]) == (3, 0)
    # repaired: relu(3) - relu(2) = 1 = (1 + 0)(3 - 2), no flip
    repaired = [sides("proposition4", k, a=[3.0], b=[2.0], probe=[1.0]) for k in range(5)]
    assert repaired == [(1, 1), (1, 1), (-1, 0), (0, 1), (0, 0)]
    # a flip: relu(1) - relu(-1) = 1 = (0 + 1/2) 2
    flipped = [sides("proposition4", k, a=[1.0], b=[-1.0], probe=[1.0]) for k in range(5)]
    assert flipped == [(1, 1), (0.5, 1), (-0.5, 0), (0.5, 1), (1, 1)]


def test_proposition5_with_one_neuron_a_layer():
    """Three layers of width 1, by hand: W = (1, 2, 1), B = 1, x = 1, y = 1, eta = 1."""
    W, y, eta = [F(1), F(2), F(1)], F(1), F(1, 10)
    h = [F(1), F(1), F(2), F(2)]
    e = h[3] - y
    gradient = [e * W[1] * W[2] * h[0], e * W[2] * h[1], e * h[2]]
    V = [w - eta * g for w, g in zip(W, gradient, strict=True)]
    new = [F(1), V[0], V[0] * V[1], V[0] * V[1] * V[2]]
    assert all(v > 0 for v in V)  # no sign flips
    unrolled = -eta * (W[2] * W[1] * gradient[0] * new[0] + W[2] * gradient[1] * new[1] + gradient[2] * new[2])
    assert unrolled == new[3] - h[3]
    found = sides("proposition5", W1=[[1.0]], W2=[[2.0]], W3=[[1.0]], B=[[1.0]], X=[[1.0]], Y=[[1.0]], eta=eta, probe=[[1.0]])
    assert found == close(unrolled, unrolled)
