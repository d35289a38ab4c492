"""The analytic kernel against sampling, quadrature, 80-digit arithmetic and hand-computed values."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

import altheory as al

CASES = [(activation, both) for activation in ("relu", "erf") for both in (False, True)]


def many_digits(x, z, activation, both):
    """One kernel entry of the given floats, by the textbook formula at 80 digits."""
    with mpmath.workdps(80):
        x, z = ([mpmath.mpf(float(v)) for v in row] for row in (x, z))
        a, b, c = (mpmath.fsum(p * q for p, q in zip(s, t, strict=True)) for s, t in ((x, x), (z, z), (x, z)))
        if activation == "relu":
            cosine = max(-1, min(1, c / mpmath.sqrt(a * b)))
            theta = mpmath.acos(cosine)
            K = c * (mpmath.pi - theta) / (2 * mpmath.pi)
            if both:
                order1 = mpmath.sin(theta) + (mpmath.pi - theta) * mpmath.cos(theta)
                K += mpmath.sqrt(a * b) * order1 / (2 * mpmath.pi)
            return K
        K = c * 4 / mpmath.pi / mpmath.sqrt((1 + 2 * a) * (1 + 2 * b) - 4 * c * c)
        if both:
            K += 2 / mpmath.pi * mpmath.asin(2 * c / mpmath.sqrt((1 + 2 * a) * (1 + 2 * b)))
        return K


def worst(X, Z, activation, both):
    """The largest relative error of the kernel matrix of two point lists."""
    K = al.kernels.analytic(X, Z, activation, both)
    errors = []
    for i, x in enumerate(X):
        for j, z in enumerate(Z):
            true = many_digits(x, z, activation, both)
            errors.append(abs(mpmath.mpf(float(K[i, j])) - true) / abs(true))
    return float(max(errors))


def pair(angle, d, scale, seed):
    """A point and another of `scale` times its length at `angle` from it, as floats."""
    x, p = torch.randn(2, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    p = p - (p @ x) / (x @ x) * x
    return x, scale * (math.cos(angle) * x + math.sin(angle) * p * (x.norm() / p.norm()))


@pytest.mark.parametrize(("activation", "both"), CASES)
@pytest.mark.parametrize("angle", [0.3, 1.2, 2.0, 2.9])
def test_generic_angles_to_many_digits(activation, both, angle):
    x, z = pair(angle, 6, 1.7, seed=1)
    # relu with both layers is zero near 113 degrees: at an angle of 2 its two terms cancel to a 140th of each
    cancelled = 10 if (activation, both, angle) == ("relu", True, 2.0) else 1
    assert worst(torch.stack([x]), torch.stack([x, z]), activation, both) < 5e-15 * cancelled


@pytest.mark.parametrize(("activation", "both"), CASES)
@pytest.mark.parametrize("scale", [1.0, 3.7, 1e8])
@pytest.mark.parametrize("d", [2, 64])
@pytest.mark.parametrize("angle", [1e-5, 1e-9])
def test_near_duplicates_and_near_antipodes_keep_relative_accuracy(activation, both, scale, d, angle):
    x, z = pair(angle, d, scale, seed=2)
    assert worst(torch.stack([x]), torch.stack([x, z, -z]), activation, both) < 1e-13


def test_large_norms_in_erf_do_not_cancel():
    # (1 + 2a)(1 + 2b) - 4c^2 is about 8e16 here, its first term 4e32: evaluated as written no digit is left.
    x, z = pair(1e-8, 3, 1.0, seed=3)
    X = torch.stack([x, z]) * (1e8 / x.norm())
    assert worst(X, X, "erf", False) < 1e-13


def test_exact_antipodes_and_duplicates():
    x, z = pair(1.0, 5, 1.0, seed=4)
    X = torch.stack([x, z])
    K = al.kernels.analytic(X, -2 * X)
    assert K.diagonal().tolist() == [0.0, 0.0]
    K = al.kernels.analytic(X, 4 * X)
    torch.testing.assert_close(K.diagonal(), 2 * (X * X).sum(-1), rtol=4e-16, atol=0)


def test_the_diagonal_of_relu_is_exactly_half_the_square_norm():
    X = torch.tensor([[3.0, 4.0], [1.0, -1.0], [5.0, 12.0]], dtype=torch.float64)  # integers: nothing rounds
    assert al.kernels.analytic(X).diagonal().tolist() == [12.5, 1.0, 84.5]


def test_the_regular_hexagon():
    turns = torch.arange(6, dtype=torch.float64) * (math.pi / 3)
    K = al.kernels.analytic(torch.stack([torch.cos(turns), torch.sin(turns)], dim=-1))
    row = torch.tensor([1 / 2, 1 / 6, -1 / 12, 0, -1 / 12, 1 / 6], dtype=torch.float64)
    circulant = torch.stack([row.roll(i) for i in range(6)])
    torch.testing.assert_close(K, circulant, rtol=0, atol=3e-16)
    eigenvalues = torch.tensor([0, 5 / 12, 5 / 12, 2 / 3, 3 / 4, 3 / 4], dtype=torch.float64)
    torch.testing.assert_close(torch.linalg.eigvalsh(K), eigenvalues, rtol=0, atol=2e-15)


@pytest.mark.parametrize("both", [False, True])
def test_erf_against_gauss_hermite_quadrature(both):
    X = torch.tensor([[0.3, -0.2], [0.5, 0.4], [-0.1, 0.6]], dtype=torch.float64)
    nodes, masses = np.polynomial.hermite_e.hermegauss(80)
    masses = np.outer(masses, masses) / (2 * math.pi)
    w = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1)
    u = np.einsum("ijk,nk->nij", w, X.numpy())
    slope = 2 / math.sqrt(math.pi) * np.exp(-u * u)
    K = (X @ X.T).numpy() * np.einsum("ij,aij,bij->ab", masses, slope, slope)
    if both:
        K = K + np.einsum("ij,aij,bij->ab", masses, special.erf(u), special.erf(u))
    np.testing.assert_allclose(al.kernels.analytic(X, None, "erf", both).numpy(), K, rtol=1e-10)


@pytest.mark.parametrize("both", [False, True])
def test_relu_against_sampling_its_definition(both):
    rng = np.random.default_rng(5)
    X = rng.standard_normal((4, 3))
    u = rng.standard_normal((200_000, 3)) @ X.T
    on, value = (u > 0).astype(float), np.maximum(u, 0)
    sample = (X @ X.T) * np.einsum("ra,rb->rab", on, on)
    if both:
        sample = sample + np.einsum("ra,rb->rab", value, value)
    mean, error = sample.mean(0), sample.std(0) / math.sqrt(len(u))
    assert (np.abs(al.kernels.analytic(X, train_output=both).numpy() - mean) < 5 * error + 1e-12).all()


@pytest.mark.parametrize(("activation", "both"), CASES)
def test_zero_vectors_give_zero_rows_and_finite_gradients(activation, both):
    X = torch.tensor([[0.0, 0.0], [1.0, 2.0], [1.0, 2.0], [-1.0, -2.0]], dtype=torch.float64, requires_grad=True)
    K = al.kernels.analytic(X, None, activation, both)
    assert K[0].tolist() == [0, 0, 0, 0]
    assert K[:, 0].tolist() == [0, 0, 0, 0]
    K.sum().backward()
    assert bool(torch.isfinite(X.grad).all())
    assert float(X.grad.abs().max()) > 0


@pytest.mark.parametrize(("activation", "both"), CASES)
def test_gradients_against_finite_differences(activation, both):
    generator = torch.Generator().manual_seed(6)
    X, Z = (torch.randn(3, 2, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda x, z: al.kernels.analytic(x, z, activation, both), (X, Z))


@pytest.mark.parametrize(("activation", "both"), CASES)
def test_exact_symmetry_where_the_matrix_product_has_none(activation, both):
    X = torch.randn(33, 17, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    K = al.kernels.analytic(X, None, activation, both)
    assert torch.equal(K, K.mT)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 5), st.sampled_from(CASES))
def test_symmetric_semidefinite_and_batched(seed, n, d, case):
    X = torch.randn(2, n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    K = al.kernels.analytic(X, None, *case)
    assert torch.equal(K, K.mT)
    lowest = torch.linalg.eigvalsh(K)[..., 0]
    assert bool((lowest > -1e-13 * n * K.abs().amax((-2, -1))).all())
    torch.testing.assert_close(al.kernels.analytic(X, X, *case), K, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(al.kernels.analytic(X[1], None, *case), K[1], rtol=1e-13, atol=1e-14)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e3), st.booleans())
def test_relu_is_homogeneous_and_rotation_invariant(seed, c, both):
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    Q = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))[0]
    K = al.kernels.analytic(X, train_output=both)
    scale = float(K.diagonal().max())
    torch.testing.assert_close(al.kernels.analytic(c * X, X, "relu", both), c * K, rtol=0, atol=1e-13 * c * scale)
    torch.testing.assert_close(al.kernels.analytic(X @ Q, train_output=both), K, rtol=0, atol=1e-13 * scale)


def test_float32_stays_float32_and_keeps_its_accuracy():
    x, z = (v.to(torch.float32) for v in pair(1e-3, 8, 1.0, seed=7))
    K = al.kernels.analytic(torch.stack([x]), torch.stack([z, -z]))
    assert K.dtype == torch.float32
    for k, other in zip(K[0], (z, -z), strict=True):
        true = many_digits(x, other, "relu", False)
        assert abs(mpmath.mpf(float(k)) - true) / abs(true) < 2e-6


@pytest.mark.parametrize(("activation", "both"), CASES)
def test_exact_arrays_get_the_same_kernel_without_thresholds(exact, activation, both):
    X, Z = [[1.0, 2.0], [3.0, -1.0]], [[1.0, 2.0], [-2.0, -4.0], [0.5, 0.25]]
    with mpmath.workdps(40):
        K = al.kernels.analytic(exact.mpf(X), exact.mpf(Z), activation, both)
        for i, x in enumerate(X):
            for j, z in enumerate(Z):
                assert abs(K.values[i, j] - many_digits(x, z, activation, both)) < mpmath.mpf(10) ** -38


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.ones(3),), r"`X` has 1 dimension\(s\) .* at least 2, \(..., n, d\), are wanted"),
        (
            (np.ones((2, 3)), np.ones((2, 4))),
            r"`X2` has shape \(2, 4\) but `X` has shape \(2, 3\); pass .* same d",
        ),
        ((np.ones((2, 2, 3)), np.ones((3, 2, 3))), "same batch"),
        ((np.ones((2, 3)), np.ones((2, 3), dtype=np.float32)), "`X2` has dtype torch.float32 but `X` has"),
        (([[1.0, float("inf")]],), "`X` contains NaN or infinity"),
        ((np.ones((2, 3)), None, "rule"), "`activation` is 'rule'"),
    ],
)
def test_refusals(arguments, words):
    with pytest.raises(al.InputError, match=words):
        al.kernels.analytic(*arguments)
