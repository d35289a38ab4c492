"""Kernels of every activation against closed forms of others, mpmath quadrature and finite differences."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy import special

import altheory as al
from altheory import activations
from altheory.activations import Activation
from altheory.kernels._analytic import analytic, nngp


def points(n, d, seed, scale=1.0):
    return scale * torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plane_quadrature(f, r, s, cosine):
    """E[f(u) f(v)] by a fine grid in the plane."""
    y, step = np.linspace(-10, 10, 801, retstep=True)
    p, q = np.meshgrid(y, y, indexing="ij")
    density = np.exp(-(p * p + q * q) / 2) / (2 * np.pi) * step**2
    return float((f(r * p) * f(s * (cosine * p + math.sqrt(1 - cosine**2) * q)) * density).sum())


def normal_density(u):
    return np.exp(-u * u / 2) / math.sqrt(2 * math.pi)


REFERENCE = {
    "tanh": (np.tanh, lambda u: 1 - np.tanh(u) ** 2),
    "softplus": (lambda u: np.log1p(np.exp(u)), special.expit),
    "gelu": (lambda u: u * special.ndtr(u), lambda u: special.ndtr(u) + u * normal_density(u)),
    "swish": (lambda u: u * special.expit(u), lambda u: special.expit(u) * (1 + u - u * special.expit(u))),
}


@pytest.mark.parametrize("name", list(REFERENCE))
def test_smooth_activations_against_quadrature_in_the_plane(name):
    X = torch.tensor([[0.7, 0.1], [0.4, 0.9]], dtype=torch.float64)
    r, s = (float(v.norm()) for v in X)
    inner = float(X[0] @ X[1])
    value, slope = (plane_quadrature(f, r, s, inner / r / s) for f in REFERENCE[name])
    assert abs(float(nngp(X, activation=name)[0, 1]) - value) < 2e-13
    assert abs(float(analytic(X, activation=name)[0, 1]) - inner * slope) < 2e-13
    assert abs(float(analytic(X, activation=name, train_output=True)[0, 1]) - inner * slope - value) < 4e-13


@pytest.mark.parametrize("name", ["erf", "sin"])
@pytest.mark.parametrize("n", [9, 80])
def test_the_hermite_expansion_meets_the_closed_forms(name, n):
    closed = activations.get(name)
    generic = Activation("mine", closed.phi, closed.dphi)
    X = points(n, 5, seed=1, scale=0.5)
    X[1], X[2] = X[0] + 1e-7, -X[0]
    for ours, theirs in (
        (analytic(X, activation=generic), analytic(X, activation=name)),
        (nngp(X, activation=generic), nngp(X, activation=name)),
    ):
        root = theirs.diagonal().sqrt()
        assert bool(((ours - theirs).abs() <= 3e-14 * root[:, None] * root).all())


def test_hermite_large_and_small_paths_agree_at_norms_of_random_data():
    X = points(70, 64, seed=2)  # norms near 8: tanh is nearly a sign there
    K = nngp(X, activation="tanh")
    torch.testing.assert_close(K[:7, 20:50], nngp(X[:7], X[20:50], "tanh"), rtol=0, atol=3e-14)


@pytest.mark.parametrize("n", [4, 70])
def test_polynomials_against_moments_by_hand(n):
    X = points(n, 3, seed=3)
    c, a = X @ X.T, (X * X).sum(1)
    a, b = a[:, None], a[None, :]
    # E[u^2 v^2] = ab + 2c^2; E[u^3 v^3] = 9abc + 6c^3 (Isserlis)
    square, cube = activations.polynomial(0, 0, 1), activations.polynomial(0, 0, 0, 1)
    torch.testing.assert_close(nngp(X, activation=square), a * b + 2 * c * c, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(nngp(X, activation=cube), 9 * a * b * c + 6 * c**3, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(analytic(X, activation=square), 4 * c * c, rtol=1e-13, atol=1e-13)
    mixed = activations.polynomial(2, -1, 0.5)  # 2 - u + u^2/2
    expected = 4 + (a + b) + c + (a * b + 2 * c * c) / 4
    torch.testing.assert_close(nngp(X, activation=mixed), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("q", [2, 3, 5])
def test_relu_powers_against_polar_quadrature(q):
    X = points(3, 4, seed=4)
    for i, j in ((0, 1), (0, 2), (1, 1)):
        r, s = float(X[i].norm()), float(X[j].norm())
        theta = math.acos(max(-1.0, min(1.0, float(X[i] @ X[j]) / r / s)))
        radial = mpmath.quad(lambda p: p ** (2 * q + 1) * mpmath.exp(-p * p / 2), [0, 4, 8, 16])
        ends = [theta - mpmath.pi / 2, mpmath.pi / 2]
        turn = mpmath.quad(lambda t, theta=theta: (mpmath.cos(t) * mpmath.cos(t - theta)) ** q, ends)
        true = float((r * s) ** q * radial * turn / (2 * mpmath.pi))
        assert abs(float(nngp(X, activation=activations.relu_power(q))[i, j]) - true) < 1e-12 * true


SMOOTH = ["tanh", "gelu", "sin", activations.polynomial(1, 2, 0.5), activations.relu_power(2), activations.relu_power(3)]


@pytest.mark.parametrize("activation", SMOOTH, ids=lambda a: a if isinstance(a, str) else a.name)
def test_gradients_against_finite_differences_for_every_family(activation):
    X, Z = (points(3, 2, seed=s).requires_grad_() for s in (5, 6))
    assert torch.autograd.gradcheck(lambda x, z: analytic(x, z, activation, True), (X, Z))
    assert torch.autograd.gradcheck(lambda x: nngp(x, None, activation), (X,))


def test_gradients_of_a_large_matrix_are_those_of_its_parts():
    X = points(70, 3, seed=7).requires_grad_()
    (whole,) = torch.autograd.grad(analytic(X)[:5, :5].sum(), X)
    part = X.detach()[:5].requires_grad_()
    (small,) = torch.autograd.grad(analytic(part).sum(), part)
    torch.testing.assert_close(whole[:5], small, rtol=1e-10, atol=1e-12)


def test_forward_mode_is_not_silently_lost_in_a_large_matrix():
    # torch.cdist has no forward derivative: torch says so; a zero derivative would be wrong
    X = points(70, 3, seed=8)
    with pytest.raises(NotImplementedError, match="forward AD"):
        torch.func.jvp(analytic, (X,), (torch.ones_like(X),))


def test_the_functional_gradient_of_a_large_matrix():
    X, V = points(70, 3, seed=8), points(70, 3, seed=9)
    slope = torch.func.grad(lambda x: (analytic(x) * (V @ V.T)).sum())(X)
    h = 1e-6
    change = ((analytic(X + h * V) - analytic(X - h * V)) * (V @ V.T)).sum() / (2 * h)
    torch.testing.assert_close((slope * V).sum(), change, rtol=1e-6, atol=1e-6)


def test_exact_arrays_of_polynomials(exact):
    X = exact.fractions([[1, 2], [3, -1]])
    K = nngp(X, activation=activations.polynomial(0, 0, 1))
    assert K.values.tolist() == [[75, 52], [52, 300]]  # ab + 2c^2 with a = 5, b = 10, c = 1


@pytest.mark.parametrize(
    ("activation", "words"),
    [
        (
            Activation("leaky", lambda u: torch.where(u > 0, u, 0.1 * u), lambda u: torch.where(u > 0, 1.0, 0.1)),
            "'leaky'.*not smooth",
        ),
        (Activation("hinge", torch.relu, torch.relu, kinks=(0.0,)), "'hinge' has kinks"),
        (Activation("exp", torch.exp, torch.exp), "'exp'.*(growing too fast|not finite)"),
        (Activation("flat", torch.tanh, None), "'flat' has no derivative"),
    ],
)
def test_activations_without_reliable_digits_are_refused(activation, words):
    with pytest.raises(al.InputError, match=words):
        analytic(points(4, 3, seed=10, scale=4.0), activation=activation)


def test_points_too_long_for_the_expansion_are_refused():
    X = points(4, 3, seed=11, scale=1e4)
    with pytest.raises(al.InputError, match="'tanh' at points of norm up to .* scale the points down"):
        nngp(X, activation="tanh")
