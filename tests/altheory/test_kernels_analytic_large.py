"""Large analytic kernels entry by entry against 80 digits, in units in the last place."""

from __future__ import annotations

import mpmath
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import altheory as al
from altheory import activations
from altheory.kernels import _tiles
from altheory.kernels._analytic import analytic, nngp

N = 70  # 70^2 entries: enough for the tiled path


@pytest.fixture(autouse=True)
def eighty_digits():
    with mpmath.workdps(80):
        yield


def moments(x, z, name):
    """<x,z> and the two expectations of the given floats, textbook formulas at 80 digits."""
    x, z = ([mpmath.mpf(float(v)) for v in row] for row in (x, z))
    a, b, c = (mpmath.fsum(p * q for p, q in zip(s, t, strict=True)) for s, t in ((x, x), (z, z), (x, z)))
    if name == "erf":
        scale = (1 + 2 * a) * (1 + 2 * b)
        return c, 4 / mpmath.pi / mpmath.sqrt(scale - 4 * c * c), 2 / mpmath.pi * mpmath.asin(2 * c / mpmath.sqrt(scale))
    if name == "sin":
        damp = mpmath.exp(-(a + b) / 2)
        return c, damp * mpmath.cosh(c), damp * mpmath.sinh(c)
    sine = mpmath.sqrt(max(mpmath.mpf(0), a * b - c * c))
    psi = mpmath.atan2(sine, -c)
    order = [psi, sine + psi * c]
    if name == "relu":
        return c, order[0] / (2 * mpmath.pi), order[1] / (2 * mpmath.pi)
    # Cho and Saul (2009), degree 2: J_2 = 3 sin cos + psi (1 + 2 cos^2)
    second = 3 * sine * c + psi * (a * b + 2 * c * c)
    return c, 4 * order[1] / (2 * mpmath.pi), second / (2 * mpmath.pi)


def ulps(value, true):
    if true == 0:
        return 0.0 if value == 0 else float("inf")
    unit = mpmath.mpf(2) ** (mpmath.floor(mpmath.log(abs(true), 2)) - 52)
    return float(abs(mpmath.mpf(float(value)) - true) / unit)


def draw(kind, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    X, E = torch.randn(2, N // 2, d, generator=generator, dtype=torch.float64)
    if kind == "random":
        return torch.cat([X, E])
    if kind == "norms":
        return torch.cat([X, E]) * 10.0 ** torch.linspace(-8, 8, N, dtype=torch.float64)[:, None]
    if kind == "orthogonal":
        E = E - (E * X).sum(1, keepdim=True) / (X * X).sum(1, keepdim=True) * X
        return torch.cat([X, E])
    sign, size = kind
    return torch.cat([X, sign * X + size * E])


def some_pairs():
    yield from ((i, i) for i in range(0, N, 9))
    yield from ((i, i + N // 2) for i in range(0, N // 2, 2))
    yield from ((3 * k % N, (7 * k + 1) % N) for k in range(25))


KINDS = ["random", "norms", "orthogonal", *((sign, size) for sign in (1, -1) for size in (1e-3, 1e-7, 1e-11))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [2, 64])
@pytest.mark.parametrize("compiled", [False, True])
def test_relu_and_erf_entries_are_within_eight_ulp_everywhere(monkeypatch, kind, d, compiled):
    monkeypatch.setattr(_tiles, "_WORTH_COMPILING", 0 if compiled else 10**12)
    monkeypatch.setitem(_tiles._TILE, "cpu", 32)
    X = draw(kind, d)
    for name in ("relu", "erf"):
        slope, value = analytic(X, activation=name), nngp(X, activation=name)
        assert torch.equal(slope, slope.T)
        assert torch.equal(value, value.T)
        for i, j in some_pairs():
            c, first, second = moments(X[i], X[j], name)
            assert ulps(slope[i, j], c * first) <= 8, (name, i, j)
            assert ulps(value[i, j], second) <= 8, (name, i, j)


@pytest.mark.parametrize("kind", ["random", (1, 1e-7), (-1, 1e-7), "orthogonal"])
def test_sin_and_squared_relu_to_many_digits(kind):
    # |x| is about 1; the textbook form of degree 2 is evaluated with digits to spare
    X = draw(kind, 64) / 8
    square = activations.relu_power(2)
    for name, activation in (("sin", "sin"), ("relu2", square)):
        slope, value = analytic(X, activation=activation), nngp(X, activation=activation)
        for i, j in some_pairs():
            c, first, second = moments(X[i], X[j], name)
            assert ulps(slope[i, j], c * first) <= 10, (name, i, j)
            assert ulps(value[i, j], second) <= 10, (name, i, j)


def test_parallel_points_that_floats_hold_exactly():
    X = draw("random", 5).to(torch.float32).to(torch.float64)  # 24 bits: 3 x is exact
    K = analytic(X, -3 * X)
    assert K.diagonal().tolist() == [0.0] * N
    torch.testing.assert_close(analytic(X, 3 * X).diagonal(), 1.5 * (X * X).sum(-1), rtol=1e-15, atol=0)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("name", ["relu", "erf"])
def test_tiles_agree_with_the_batched_path(name, both):
    X = draw("random", 9, seed=3)
    K = analytic(X, None, name, both)
    scale = torch.linalg.vector_norm(X, dim=1)
    small = torch.cat([analytic(X[i : i + 10], X, name, both) for i in range(0, N, 10)])
    assert bool(((K - small).abs() <= 1e-14 * scale[:, None] * scale).all())


def test_a_large_batch_and_a_cross_kernel_are_the_single_ones():
    X = torch.stack([draw("random", 3, seed) for seed in (1, 2)])
    K = analytic(X)
    assert torch.equal(K, torch.stack([analytic(x) for x in X]))
    torch.testing.assert_close(analytic(X, X), K, rtol=4e-15, atol=0)


def test_float32_points_give_rounded_entries():
    X = draw((-1, 1e-3), 64).to(torch.float32)
    K = analytic(X)
    assert K.dtype == torch.float32
    for i, j in some_pairs():
        c, first, _ = moments(X[i], X[j], "relu")
        assert abs(mpmath.mpf(float(K[i, j])) - c * first) <= abs(c * first) * mpmath.mpf(2) ** -23.9


def test_zero_points_and_denormal_ones():
    X = draw("random", 4)
    X[3] = 0
    X[5] *= 2.0**-1000
    for name in ("relu", "erf"):
        K = nngp(X, activation=name)
        assert K[3].tolist() == [0.0] * N
        assert bool(torch.isfinite(K).all())
        assert ulps(K[5, 6], moments(X[5], X[6], name)[2]) <= 8


def test_threads_change_nothing():
    X = draw("random", 7, seed=5).repeat(4, 1)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = analytic(X)
        torch.set_num_threads(2)
        two = analytic(X)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(one, two, rtol=1e-15, atol=0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from(["relu", "erf", "sin"]), st.booleans())
def test_semidefinite_within_rounding(seed, d, name, both):
    X = draw("random", d, seed)
    K = analytic(X, None, name, both)
    assert float(torch.linalg.eigvalsh(K)[0]) > -1e-13 * N * float(K.abs().max())


def test_a_matrix_that_cannot_fit_is_refused():
    X = torch.zeros(1, 2, dtype=torch.float64).expand(10**7, 2)
    with pytest.raises(al.InputError, match="10000000 x 10000000 points needs"):
        analytic(X)
