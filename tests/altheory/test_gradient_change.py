"""How gradients change: the sharp constants against brute force, the programs against the constants, the instances by hand."""

from __future__ import annotations

import math
from fractions import Fraction as F

import numpy as np
import pytest
import torch
from scipy.integrate import fixed_quad
from scipy.optimize import minimize

import altheory as al
from altheory import gradient_change as gc


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# one added sample: constants


def growth(A, B, g0):
    """|g_1|^2 / |g_0|^2 by solving for the minimiser, in numpy."""
    theta = -np.linalg.solve(A + B, g0)
    g1 = g0 + B @ theta
    return g1 @ g1 / (g0 @ g0)


@pytest.mark.parametrize(("kappa", "b"), [(4, (1, 2)), (9, (1, 3)), (100, (1, 10))])
def test_a_steep_rank_one_sample_approaches_kantorovichs_constant(kappa, b):
    A, b = np.diag([1.0, kappa]), np.array(b, dtype=float)
    across = np.array([b[1], -b[0]])  # theta_1 - theta_0 is across b in the limit, and g_0 along it
    found = [growth(A, beta * np.outer(b, b), across) for beta in (1e2, 1e8)]
    bound = float(gc.growth_smooth(1.0, float(kappa)))
    assert found[0] < found[1] < bound
    assert found[1] == pytest.approx(bound, rel=1e-6)
    assert math.sqrt(bound) == pytest.approx((kappa + 1) / (2 * math.sqrt(kappa)), rel=1e-14)


def test_no_quadratic_sample_exceeds_the_constants():
    rng = np.random.default_rng(0)
    for _ in range(400):
        A = np.diag(rng.uniform(1, 8, 3))
        J = rng.normal(size=(rng.integers(1, 4), 3)) * 10 ** rng.uniform(-2, 2)
        B, g0 = J.T @ J, rng.normal(size=3)
        mu, L, ell = A.diagonal().min(), A.diagonal().max(), np.linalg.eigvalsh(B)[-1]
        bound = min(float(gc.growth_smooth(mu, L)), float(gc.growth_smooth_loss(mu, ell)))
        assert growth(A, B, g0) <= bound * (1 + 1e-12)


@pytest.mark.parametrize("t", [0.5, 1, 4, 10, 50])
def test_the_constant_of_smooth_losses_is_the_maximum_over_the_interpolation_inequalities(t):
    """mu = 1, d = (1, 0), -g_1 = (1, w), g_1 - g_0 on the circle of cocoercivity: maximised numerically."""

    def growth(v):
        w, angle = v
        e = t / 2 * np.array([1 + math.cos(angle), math.sin(angle)])
        return (1 + w * w) / ((1 + e[0]) ** 2 + (w + e[1]) ** 2)

    starts = [(w, angle) for w in (-6, -2, 2, 6) for angle in (-2.5, -1, 1, 2.5)]
    options = {"xatol": 1e-10, "fatol": 1e-14}
    best = max(-minimize(lambda v: -growth(v), s, method="Nelder-Mead", options=options).fun for s in starts)
    assert best == pytest.approx(float(gc.growth_smooth_loss(1.0, float(t))), rel=1e-8)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_softmax_constant_is_the_limit_of_even_before_and_one_after(classes):
    y = np.eye(classes)[0]

    def distance(z):
        p = np.exp(z - z.max())
        p /= p.sum()
        return p, ((p - y) ** 2).sum()

    far, sure = -200.0, 60.0
    before = np.zeros(classes)
    before[0] = far
    after = np.full(classes, -sure / (classes - 1))
    after[1] = sure
    after[0] = far + 2 * sure
    (_, low), (p, high) = distance(before), distance(after)
    assert (after - before) @ (y - p) > 0  # a convex training loss allows it
    assert high / low == pytest.approx(gc.growth_softmax(classes), rel=1e-12)


@pytest.mark.parametrize("root", [F(1), F(3, 2), F(2), F(5)])
def test_the_worst_of_the_smooth_in_fractions(root):
    L = root**2
    d, h, g0 = ([float(x) for x in v] for v in gc.worst_for_smooth(tensor(float(root))[0]))
    cos, sin = 2 * root / (L + 1), (L - 1) / (L + 1)
    assert d == [1, 0]
    assert h == pytest.approx([float(root * cos), float(root * sin)])
    assert g0 == pytest.approx([float(-root * cos), 0])
    exact = [root * cos, root * sin]
    assert (exact[0] - 1) * (L - exact[0]) - exact[1] ** 2 == 0  # on the ball
    assert (exact[0] ** 2 + exact[1] ** 2) / exact[0] ** 2 == (1 + L) ** 2 / (4 * L)


@pytest.mark.parametrize("root", [F(2), F(3), F(7, 2)])
def test_the_worst_of_the_smooth_losses_in_fractions(root):
    t = root**2 - 3
    d, h, g0 = ([float(x) for x in v] for v in gc.worst_for_smooth_loss(tensor(float(root))[0]))
    e = [t / (t + 4), -t / (t + 4) * root]
    exact = [-1 - e[0], -root - e[1]]
    assert d == [1, 0]
    assert h == pytest.approx([1, float(root)])
    assert g0 == pytest.approx([float(x) for x in exact])
    assert t * e[0] == e[0] ** 2 + e[1] ** 2  # cocoercivity, with equality
    assert (1 + root**2) / (exact[0] ** 2 + exact[1] ** 2) == 1 + t / 4


# one step


@pytest.mark.parametrize("x", [0.0, 0.3, 1.0, 1.7, 2.0, 2.6])
@pytest.mark.parametrize(("mu", "L"), [(0.0, 1.0), (0.2, 1.0), (1.0, 1.0), (1.0, 10.0)])
def test_the_step_factor_is_the_maximum_over_quadratics(mu, L, x):
    curvature = np.linspace(mu, L, 1001)
    assert float(gc.step_factor(mu, L, x / L)) == pytest.approx(((1 - x / L * curvature) ** 2).max(), rel=1e-12)


def test_a_function_without_second_derivatives_obeys_it():
    """The Huber function: curvature 1 near 0, slope 1 beyond."""
    w = np.linspace(-4, 4, 2001)
    slope = np.clip(w, -1, 1)
    for eta in (0.5, 1.0, 1.9, 2.0, 3.0):
        after = np.clip(w - eta * slope, -1, 1)
        assert (after**2 <= float(gc.step_factor(0.0, 1.0, eta)) * slope**2 + 1e-12).all()


def test_the_printed_factor_is_valid_and_loose():
    assert float(gc.step_factor(1.0, 10.0, 0.1)) == pytest.approx(81 / 100)
    assert float(gc.step_factor_printed(1.0, 10.0, 0.1)) == pytest.approx(9 / 5)
    assert float(gc.step_factor_printed(3.0, 10.0, 2 * 3 / 100)) == pytest.approx(1)


# instances


def test_secants_are_those_of_quadratics_with_spectrum_between_the_moduli():
    mu, L, d, q = 0.5, 3.0, random(3, seed=1), random(3, seed=2)
    for s in (0.0, 0.4, 1.0):
        R = 2 * torch.outer(q, q) / (q @ q) - torch.eye(3, dtype=torch.float64)
        A = (mu + L) / 2 * torch.eye(3, dtype=torch.float64) + s * (L - mu) / 2 * R
        values = torch.linalg.eigvalsh(A)
        assert mu - 1e-12 <= float(values.min())
        assert float(values.max()) <= L + 1e-12
        torch.testing.assert_close(gc.secant(mu, L, d, q, s), A @ d)
        gap = float(gc.ball_gap(mu, L, d, A @ d))
        assert gap == pytest.approx((1 - s * s) * (L - mu) ** 2 / 4 * float(d @ d), abs=1e-12)


def test_every_vector_of_the_ball_is_a_secant():
    mu, L, d = 0.5, 3.0, random(3, seed=3)
    for seed in range(20):
        u = random(3, seed=10 + seed)
        u = u / u.norm() * d.norm()
        s = (seed % 5) / 4
        h = (mu + L) / 2 * d + s * (L - mu) / 2 * u
        torch.testing.assert_close(gc.secant(mu, L, d, d + u, s), h)


def test_turned_and_sloped_by_their_definitions():
    d, q = random(50, 3, seed=4), random(50, 3, seed=5)
    torch.testing.assert_close(gc.turned(d, q).norm(dim=-1), d.norm(dim=-1))
    torch.testing.assert_close(gc.turned(d, 0 * d), -d)
    slope = random(50, seed=6)
    v = gc.sloped(d, slope, q)
    torch.testing.assert_close((v * d).sum(-1), slope * (d * d).sum(-1))
    across = lambda w: w - (w * d).sum(-1, keepdim=True) / (d * d).sum(-1, keepdim=True) * d  # noqa: E731
    torch.testing.assert_close(across(v), across(q))
    torch.testing.assert_close(gc.sloped(0 * d, slope, q), q)


# performance estimation


@pytest.mark.parametrize("kappa", [2.0, 4.0, 10.0, 100.0])
def test_the_program_finds_kantorovichs_constant(kappa):
    assert gc.largest_growth(1.0, kappa) == pytest.approx((kappa + 1) ** 2 / (4 * kappa), rel=1e-6)
    assert gc.largest_growth(0.5, 0.5 * kappa) == pytest.approx((kappa + 1) ** 2 / (4 * kappa), rel=1e-6)


@pytest.mark.parametrize("t", [0.1, 1.0, 4.0, 10.0, 100.0])
def test_the_program_finds_the_constant_of_smooth_losses(t):
    assert gc.largest_growth(1.0, ell=t) == pytest.approx(1 + t / 4, rel=1e-6)


def test_both_moduli_at_once_are_better_than_either():
    both = gc.largest_growth(1.0, 10.0, 10.0)
    assert 1 < both < min((11 / 2) ** 2 / 10, 3.5)


@pytest.mark.parametrize(("mu", "L"), [(0.0, 1.0), (0.1, 1.0), (1.0, 1.0), (1.0, 10.0), (0.5, 2.0)])
def test_the_program_finds_the_step_factor(mu, L):
    for x in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 2 * mu / L):
        wanted = max((1 - x / L * mu) ** 2, (1 - x) ** 2)
        assert gc.largest_step_factor(mu, L, x / L) == pytest.approx(wanted, abs=1e-6, rel=1e-6)


# exact minimisers


def test_the_gradient_after_is_that_at_the_minimiser():
    J, K = random(3, 3, seed=7), random(2, 3, seed=8)
    A, b = J.T @ J + torch.eye(3, dtype=torch.float64), random(2, seed=9)

    def total(theta):
        return 0.5 * theta @ A.numpy() @ theta + 0.5 * ((K.numpy() @ theta - b.numpy()) ** 2).sum()

    theta = minimize(total, np.zeros(3), tol=1e-12).x
    wanted = K.numpy().T @ (K.numpy() @ theta - b.numpy())
    found = gc.gradient_after(A, K.T @ K, -(K.T @ b))
    assert found.tolist() == pytest.approx(wanted.tolist(), abs=1e-6)


def test_residuals_after_are_those_of_least_squares():
    old, X, r = random(4, 2, seed=10), random(3, 2, seed=11), random(3, seed=12)
    rows = np.vstack([old.numpy(), X.numpy()])
    theta = np.linalg.lstsq(rows, np.concatenate([np.zeros(4), r.numpy()]), rcond=None)[0]
    assert gc.residuals_after(old.T @ old, X, r).tolist() == pytest.approx((r.numpy() - X.numpy() @ theta).tolist())


def test_the_softmax_fit_it_rests_on_is_the_minimiser():
    X, y = random(12, 2, seed=13), torch.arange(12) % 3
    weights = torch.arange(1.0, 13.0, dtype=torch.float64)

    def loss(flat):
        z = X.numpy() @ flat.reshape(2, 3)
        p = np.log(np.exp(z).sum(1)) - z[np.arange(12), y.numpy()]
        return (weights.numpy() * p).sum() + 0.35 * (flat**2).sum()

    theta = al.influence.softmax(X, y, 0.7, weights=weights, classes=3).theta.T
    assert theta.flatten().tolist() == pytest.approx(minimize(loss, np.zeros(6), tol=1e-12).x.tolist(), abs=1e-5)


def test_added_logits_is_the_gradient_of_the_cross_entropy():
    z = random(5, 4, seed=14).requires_grad_()
    y = torch.nn.functional.one_hot(torch.arange(5) % 4, 4).to(torch.float64)
    loss = -(y * torch.log_softmax(z, -1)).sum()
    (wanted,) = torch.autograd.grad(loss, z)
    g, p = gc.added_logits(z.detach(), y)
    torch.testing.assert_close(g, wanted)
    torch.testing.assert_close(p, (torch.softmax(z, -1) * y).sum(-1).detach())
    # no cancellation where the label is certain
    g, _ = gc.added_logits(tensor(50, 0), tensor(1, 0))
    assert float(-g[0]) == pytest.approx(math.exp(-50), rel=1e-12)


ROWS = [[2.0, 1], [2, 1], [8, -5], [-2, 2], [-3, 2]]
LABELS, COUNTS = [0, 1, 0, 1, 2], [37.0, 10, 3, 19, 37]


def grown(bias, zeros=0, even=0):
    """The audit's instance, with rows at the origin: `zeros` of class 1, `even` of each class."""
    extra = [(1, zeros)] * (zeros > 0) + [(k, even) for k in range(3)] * (even > 0)
    rows, labels, counts = (
        ROWS + [[0.0, 0.0]] * len(extra),
        LABELS + [k for k, _ in extra],
        COUNTS + [float(m) for _, m in extra],
    )
    end = [1.0] * bias
    rows = tensor(*[row + end for row in rows])
    return gc.softmax_growth(rows, labels, tensor(3.0, 2, *end), 2, ridge=1e-3, classes=3, weights=tensor(*counts))


def test_the_instance_of_softmax_regression_whose_gradient_grows():
    ratio, before, after = grown(bias=False)
    assert ratio == pytest.approx(1.14384244, abs=1e-7)
    assert before.tolist() == pytest.approx([0.4911, 0.5089, 0.0], abs=1e-4)
    assert after.tolist() == pytest.approx([0.0190, 0.9810, 0.0], abs=1e-4)
    assert grown(bias=False, zeros=1360)[0] == pytest.approx(ratio, abs=1e-9)  # rows at the origin are inert without a bias


def test_a_bias_does_not_save_it():
    """Rows at the origin in class 1 bend the bias; without them, or even over the classes, the gradient grows as before."""
    assert grown(bias=True)[0] == pytest.approx(1.14198, abs=1e-5)
    assert grown(bias=True, zeros=1360)[0] == pytest.approx(0.97992, abs=1e-5)
    assert grown(bias=True, even=100)[0] == pytest.approx(1.14384, abs=1e-5)


# polynomials


def test_polynomials_against_autograd_and_quadrature():
    S = random(2, 2, seed=15)
    f = gc.RidgePolynomial(S + S.T, random(2, seed=16), random(3, 2, seed=17), random(3, seed=18), random(3, seed=19))
    w, u = random(2, seed=20), random(2, seed=21)
    torch.testing.assert_close(f.gradient(w), torch.func.grad(f.value)(w))
    torch.testing.assert_close(f.hessian(w), torch.func.hessian(f.value)(w))
    for i in range(2):
        for j in range(2):
            wanted, _ = fixed_quad(lambda t, i=i, j=j: [float(f.hessian(w + s * (u - w))[i, j]) for s in t], 0, 1, n=4)
            assert float(f.mean_hessian(w, u)[i, j]) == pytest.approx(wanted, rel=1e-10, abs=1e-12)


# refusals


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: gc.growth_smooth(2.0, 1.0), "mu <= L"),
        (lambda: gc.growth_smooth(0.0, 1.0), "0 < mu"),
        (lambda: gc.growth_smooth_loss(0.0, 1.0), "mu > 0"),
        (lambda: gc.growth_smooth_loss(1.0, -1.0), "ell >= 0"),
        (lambda: gc.growth_softmax(1), "at least 2"),
        (lambda: gc.step_factor(-1.0, 1.0, 0.5), "0 <= mu"),
        (lambda: gc.worst_for_smooth(0.5), "at least 1"),
        (lambda: gc.worst_for_smooth_loss(1.0), "root of 3"),
        (lambda: gc.largest_growth(1.0), "finite L or ell"),
        (lambda: gc.largest_growth(0.0, 1.0), "mu > 0"),
        (lambda: gc.largest_growth(2.0, 1.0), "0 <= mu <= L"),
        (lambda: gc.largest_step_factor(0.0, 1.0, -1.0), "eta >= 0"),
        (lambda: gc.largest_step_factor(0.0, math.inf, 1.0), "finite"),
        (lambda: gc.gradient_after(np.eye(2), np.eye(3), np.ones(3)), "two Hessians"),
        (lambda: gc.softmax_growth(np.eye(2), [0, 1], [1.0, 0.0], 0, ridge=0.0, classes=2), "positive"),
        (lambda: gc.softmax_growth(np.eye(2), [0, 2], [1.0, 0.0], 0, ridge=1.0, classes=2), "classes 0 to 1"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, word):
    with pytest.raises(al.InputError, match=word.replace("(", r"\(")) as caught:
        call()
    assert "\n" not in str(caught.value)
