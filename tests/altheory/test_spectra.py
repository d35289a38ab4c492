"""The label measure against matrix recursions, exact fractions and linear programs over measures."""

from __future__ import annotations

import math
from fractions import Fraction as F

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import altheory as al
from altheory import spectra
from altheory.spectra import LabelMeasure, label_measure


def draw(seed, n=5, K=3, rank=None, batch=()):
    """A random positive semi-definite matrix of the given rank, and labels."""
    generator = torch.Generator().manual_seed(seed)
    B = torch.randn(*batch, n, rank or n, generator=generator, dtype=torch.float64)
    return B @ B.mT / n, torch.randn(*batch, n, K, generator=generator, dtype=torch.float64)


def hexagon():
    row = torch.tensor([1 / 2, 1 / 6, -1 / 12, 0, -1 / 12, 1 / 6], dtype=torch.float64)
    return torch.stack([row.roll(i) for i in range(6)])


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_functionals_against_matrix_formulas(batch):
    theta, Y = draw(0, batch=batch)
    mu = label_measure(theta, Y)
    assert mu.weights.shape == (*batch, 5)
    ends = torch.linalg.eigvalsh(theta)
    trace = torch.einsum
    torch.testing.assert_close(mu.T, trace("...nk,...nk->...", Y, Y))
    torch.testing.assert_close(mu.A, trace("...nk,...nm,...mk->...", Y, theta, Y))
    torch.testing.assert_close(mu.I, trace("...nk,...nk->...", Y, torch.linalg.solve(theta, Y)), rtol=1e-9, atol=0)
    torch.testing.assert_close(mu.lo, ends[..., 0], rtol=1e-9, atol=0)
    torch.testing.assert_close(mu.hi, ends[..., -1])
    torch.testing.assert_close(mu.mean, mu.A / mu.T)
    cube = trace("...nk,...nm,...mp,...pq,...qk->...", Y, theta, theta, theta, Y)
    torch.testing.assert_close(mu.moment(lambda x: x**3), cube)


@pytest.mark.parametrize("eta", [0.1, 0.9, 2.5])  # the last one diverges: eta * hi > 2
def test_training_error_is_the_gradient_descent_recursion(eta):
    theta, Y = draw(1)
    mu, r = label_measure(theta, Y), Y.clone()
    for t in range(7):
        torch.testing.assert_close(mu.E2(t, eta), (r * r).sum())
        torch.testing.assert_close(mu.training_dynamics(t, eta), (r * (theta @ r)).sum())
        r = r - eta * (theta @ r)
    assert eta < 2 or float((r * r).sum()) > float((Y * Y).sum())


def test_the_area_under_the_training_curve():
    theta, Y = draw(8)
    mu = label_measure(theta, Y)
    eta = 1.9 / float(mu.hi)
    t = torch.arange(int(40 / (eta * float(mu.lo))))  # the tail left out is about e^-80
    torch.testing.assert_close(mu.total_E2(eta), mu.E2(t, eta).sum(), rtol=1e-12, atol=0)
    assert label_measure(hexagon(), [1, -1, 1, -1, 1, -1]).total_E2(0.5).item() == math.inf


def test_flow_is_the_matrix_exponential():
    theta, Y = draw(2)
    r = torch.matrix_exp(-0.3 * 1.7 * theta) @ Y
    mu = label_measure(theta, Y)
    torch.testing.assert_close(mu.flow_E2(1.7, 0.3), (r * r).sum())
    torch.testing.assert_close(mu.flow_E2(0.51), (r * r).sum())


def test_batches_of_times_and_rates_broadcast():
    theta, Y = draw(3, batch=(2,))
    mu = label_measure(theta, Y)
    t = torch.tensor([[0], [1], [5]])
    eta = torch.tensor([0.3, 2.0], dtype=torch.float64)
    curve = mu.E2(t, eta)
    assert curve.shape == (3, 2)
    for i, steps in enumerate((0, 1, 5)):
        for b in range(2):
            one = label_measure(theta[b], Y[b]).E2(steps, float(eta[b]))
            torch.testing.assert_close(curve[i, b], one)
    torch.testing.assert_close(mu.E2(np.array([4, 4]), 0.1), mu.E2(4, 0.1), rtol=1e-14, atol=0)
    assert mu.flow_E2(t.double(), eta).shape == (3, 2)


def test_zero_to_the_zero_and_negative_bases():
    mu = LabelMeasure(torch.tensor([1.0, 3.0], dtype=torch.float64), torch.tensor([2.0, 0.5], dtype=torch.float64))
    assert mu.E2(0, 1.0).item() == 2.5  # 2 * 0^0 + 0.5 * (-2)^0
    assert mu.E2(3, 1.0).item() == 0.5 * 64
    assert mu.E2(torch.tensor([0, 3]), 1.0).tolist() == [2.5, 32.0]
    eta = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    mu.E2(torch.tensor([0, 1, 3]), eta).sum().backward()
    assert eta.grad.item() == pytest.approx(0.5 * 2 * -2 * -3 + 0.5 * 6 * (-2) ** 5 * -3)


@pytest.mark.parametrize(("x", "t"), [(1e-10, 10**10), (0.3, 500), (1.7, 900), (2.0 - 1e-9, 10**8), (0.25, 1)])
def test_many_steps_do_not_lose_digits(x, t):
    mu = LabelMeasure([x], [1.0])
    with mpmath.workdps(50):
        true = (1 - mpmath.mpf(x)) ** (2 * t)
        assert abs(mpmath.mpf(mu.E2(t, 1.0).item()) / true - 1) < 1e-15


def test_the_hexagon_has_labels_that_never_train():
    alternating = torch.tensor([1.0, -1, 1, -1, 1, -1], dtype=torch.float64)
    mu = label_measure(hexagon(), alternating)
    assert mu.lo.item() == 0.0
    assert mu.A.item() == pytest.approx(0, abs=1e-14)
    assert mu.I.item() == math.inf
    assert mu.E2(10**6, 0.5).item() == pytest.approx(6, rel=1e-13)
    constant = label_measure(hexagon(), torch.ones(6, dtype=torch.float64))
    assert constant.I.item() == pytest.approx(6 / (2 / 3), rel=1e-13)  # constant labels: eigenvalue 2/3


def test_rank_rule():
    theta, Y = draw(4, n=6, rank=2)
    inside = theta @ Y
    mu = label_measure(theta, inside)
    assert (mu.eigenvalues == 0).sum().item() == 4
    assert mu.lo.item() == 0.0
    pinv = (inside * (torch.linalg.pinv(theta, hermitian=True) @ inside)).sum()
    torch.testing.assert_close(mu.I, pinv, rtol=1e-9, atol=0)
    assert label_measure(theta, Y).I.item() == math.inf
    vanishing = label_measure(torch.zeros(3, 3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    assert (vanishing.T.item(), vanishing.A.item(), vanishing.I.item()) == (pytest.approx(3), 0.0, math.inf)
    nothing = label_measure(torch.zeros(3, 3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    assert (nothing.T.item(), nothing.I.item(), nothing.mean.item()) == (0.0, 0.0, 0.0)
    small = label_measure(np.diag([1.0, 1e-12]), [0.0, 1.0])  # small is not zero
    assert small.I.item() == pytest.approx(1e12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 3), st.floats(1e-3, 1e3))
def test_scaling_and_rotation(seed, n, K, c):
    theta, Y = draw(seed, n, K)
    Q = torch.linalg.qr(draw(seed + 1, n, n)[1])[0]
    mu, scaled = label_measure(theta, Y), label_measure(c * theta, Y)
    turned = label_measure((Q @ theta @ Q.mT + (Q @ theta @ Q.mT).mT) / 2, Q @ Y)
    torch.testing.assert_close(scaled.A, c * mu.A, rtol=1e-10, atol=0)
    torch.testing.assert_close(scaled.E2(3, 0.2 / c), mu.E2(3, 0.2), rtol=1e-10, atol=0)
    torch.testing.assert_close(turned.E2(3, 0.2), mu.E2(3, 0.2), rtol=1e-9, atol=1e-12)


def program(T, A, grid, values, sign):
    """The least (sign 1) or greatest (-1) of sum w_i values_i over measures on the grid with this T, A."""
    result = linprog(sign * values, A_eq=np.stack([np.ones_like(grid), grid]), b_eq=[T, A], method="highs")
    assert result.status == 0
    return sign * result.fun


@pytest.mark.parametrize("seed", range(8))
def test_the_bounds_are_the_optimum_over_all_measures(seed):
    rng = np.random.default_rng(seed)
    lo, hi, T = rng.uniform(0.05, 0.5), rng.uniform(0.6, 1.5), rng.uniform(0.5, 3)
    A = T * rng.uniform(lo, hi)
    t, eta = int(rng.integers(0, 6)), rng.uniform(0.1, 1.5)
    grid = np.append(np.linspace(lo, hi, 401), A / T)
    decay = (1 - eta * grid) ** (2 * t)
    least, greatest = program(T, A, grid, decay, 1), program(T, A, grid, decay, -1)
    assert spectra.jensen_E2(T, A, t, eta).item() == pytest.approx(least, rel=1e-6, abs=1e-7)
    assert spectra.chord_E2(T, A, lo, hi, t, eta).item() == pytest.approx(greatest, rel=1e-6)
    worst = program(T, A, grid, 1 / grid, -1)
    assert spectra.chord_I(T, A, lo, hi).item() == pytest.approx(worst, rel=1e-6)
    # Kantorovich is the largest I A / T^2 over A: above the optimum, equal to it at A = T (lo + hi) / 2.
    assert spectra.kantorovich_I(T, A, lo, hi).item() >= worst * (1 - 1e-9)
    A = T * (lo + hi) / 2
    worst = program(T, A, grid, 1 / grid, -1)
    assert spectra.kantorovich_I(T, A, lo, hi).item() == pytest.approx(worst, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(0, 8), st.floats(0, 3))
def test_the_bounds_hold_for_kernels(seed, n, t, eta):
    mu = label_measure(*draw(seed, n))
    E2, slack = float(mu.E2(t, eta)), 1e-10 * float(mu.T) * max(1.0, float(1 - eta * mu.hi) ** (2 * t))
    assert float(spectra.jensen_E2(mu.T, mu.A, t, eta)) <= E2 + slack
    assert float(spectra.chord_E2(mu.T, mu.A, mu.lo, mu.hi, t, eta)) >= E2 - slack
    assert float(mu.T**2 / mu.A) <= float(mu.I) * (1 + 1e-9)
    assert float(mu.I) <= float(spectra.chord_I(mu.T, mu.A, mu.lo, mu.hi)) * (1 + 1e-9)
    assert float(mu.I) <= float(spectra.kantorovich_I(mu.T, mu.A, mu.lo, mu.hi)) * (1 + 1e-9)


def test_the_bounds_at_their_degenerate_ends():
    T = torch.tensor([0.0, 2.0, 2.0], dtype=torch.float64)
    assert spectra.jensen_E2(T, 0.5 * T, 2, 1.0).tolist() == [0, 2 / 16, 2 / 16]
    assert spectra.chord_E2(T, 0.5 * T, 0.5, 0.5, 2, 1.0).tolist() == [0, 2 / 16, 2 / 16]  # hi == lo
    below = math.nextafter(0.5, 0)  # hi - lo is one rounding: the value must stay between its ends
    for A in (0.5, below, 0.5 + 1e-15, 0.5 - 1e-15):
        assert spectra.chord_E2(1.0, A, below, 0.5, 3, 1.0).item() == pytest.approx(0.5**6, rel=1e-14)
    for A, end in ((0.4, 0.5), (0.8, 0.75)):  # no measure on [1/2, 3/4] has this mean: the nearer end
        assert spectra.chord_E2(1.0, A, 0.5, 0.75, 2, 1.0).item() == (1 - end) ** 4
    assert spectra.chord_I(1.0, 0.8, 0.5, 0.75).item() == 1 / 0.75
    assert spectra.chord_I(2.0, 1.0, 0.0, 0.5).item() == 4.0  # all mass on hi
    assert spectra.chord_I(2.0, 0.5, 0.0, 0.5).item() == math.inf
    assert spectra.chord_I(0.0, 0.0, 0.0, 0.0).item() == 0.0
    assert spectra.kantorovich_I(0.0, 0.0, 0.0, 1.0).item() == 0.0
    assert spectra.kantorovich_I(1.0, 0.5, 0.0, 1.0).item() == math.inf
    assert spectra.kantorovich_I(3.0, 6.0, 2.0, 2.0).item() == pytest.approx(1.5)
    assert spectra.kantorovich_I(1.0, 1e-12 * 1e12, 1e-12, 1e12).item() == pytest.approx(2.5e23)


def test_audited_numbers_in_floats():
    # Theorem 1's upper bound T - eta A at t = 0: 1 > 1/2. Theorem 2, spectrum (1, 9), masses 1/2: 5/9.
    one = LabelMeasure([1.0], [1.0])
    assert one.E2(0, 0.5).item() == 1.0 > (one.T - 0.5 * one.A).item() == 0.5
    two = LabelMeasure([1.0, 9.0], [0.5, 0.5])
    assert two.I.item() == pytest.approx(5 / 9)
    assert spectra.kantorovich_I(two.T, two.A, two.lo, two.hi).item() == pytest.approx(5 / 9)
    assert spectra.chord_I(two.T, two.A, two.lo, two.hi).item() == pytest.approx(5 / 9)


def test_audited_numbers_in_fractions(exact):
    # Remark 1 ("higher alignment, faster convergence") fails from t = 2 on: exact through the same code.
    lam = exact.fractions([F(1, 10), F(1, 2), 1])
    more = LabelMeasure(lam, exact.fractions([F(1, 5), 0, F(4, 5)]))
    less = LabelMeasure(lam, exact.fractions([0, 1, 0]))
    assert (more.T.values, more.A.values, less.A.values) == (1, F(41, 50), F(1, 2))
    assert (more.lo.values, more.hi.values, more.mean.values) == (F(1, 10), 1, F(41, 50))
    assert more.E2(1, 1).values == F(162, 1000) < less.E2(1, 1).values == F(1, 4)
    assert more.E2(2, F(1)).values == F(13122, 100000) > less.E2(2, 1).values == F(1, 16)
    assert more.I.values == 2 + F(4, 5)
    assert more.training_dynamics(1, 1).values == F(1, 10) * F(1, 5) * F(81, 100)
    assert more.moment(lambda x: x * x).values == F(1, 500) + F(4, 5)
    # `more` sits on {lo, hi}: the chord is an identity; `less` is a point mass: so is Jensen.
    ends = (more.T, more.A, more.lo, more.hi)
    assert spectra.chord_E2(*ends, 5, F(3, 2)).values == more.E2(5, F(3, 2)).values
    assert spectra.chord_I(*ends).values == more.I.values
    assert spectra.jensen_E2(less.T, less.A, 5, F(3, 2)).values == less.E2(5, F(3, 2)).values
    assert spectra.jensen_E2(more.T, more.A, 5, F(3, 2)).values < more.E2(5, F(3, 2)).values
    half = exact.fractions([F(1, 2), F(1, 2)])
    two = LabelMeasure(exact.fractions([1, 9]), half)
    assert two.I.values == F(5, 9) == spectra.kantorovich_I(two.T, two.A, two.lo, two.hi).values
    zero = exact.fractions(0)
    assert spectra.jensen_E2(zero, zero, 2, 1).values == 0
    point = exact.fractions(1)
    assert spectra.chord_E2(point, point / 2, point / 2, point / 2, 2, 1).values == F(1, 16)
    assert LabelMeasure(exact.fractions([0, 2]), exact.fractions([0, 3])).I.values == F(3, 2)


def test_exact_arrays_meet_no_threshold(exact):
    tiny = F(1, 10**40)
    exact.eigh = exact.fractions([tiny, 1]), exact.fractions([[1, 0], [0, 1]])
    theta = exact.fractions([[tiny, 0], [0, 1]])
    mu = label_measure(theta, exact.fractions([[1, 2], [3, 4]]))
    assert mu.eigenvalues.values.tolist() == [tiny, 1]
    assert mu.weights.values.tolist() == [5, 25]
    assert label_measure(theta, exact.fractions([1, 3])).weights.values.tolist() == [1, 9]


@pytest.mark.parametrize(
    ("theta", "Y", "words"),
    [
        (np.ones((2, 3)), np.ones(2), "square matrix"),
        ([[1.0, 0.5], [0.4, 1.0]], np.ones(2), "`theta` is not symmetric .*0.1"),
        (
            [[1.0, 2.0], [2.0, 1.0]],
            np.ones(2),
            "`theta` has a negative eigenvalue -1 but a positive semi-definite",
        ),
        (
            np.stack([np.eye(2), -np.eye(2)]),
            np.ones((2, 2)),
            r"negative eigenvalue -1 in batch member \(1,\)",
        ),
        (np.eye(2), np.ones(3), r"`Y` has shape \(3,\)"),
        (np.eye(2), [1.0, float("nan")], "`Y` contains NaN"),
        (
            np.eye(2),
            np.ones(2, dtype=np.float32),
            "`Y` has dtype torch.float32 but `theta` has torch.float64",
        ),
    ],
)
def test_refused_kernels_and_labels(theta, Y, words):
    with pytest.raises(al.InputError, match=words):
        label_measure(theta, Y)


@pytest.mark.parametrize("t", [-1, 1.0, True, "3", None, torch.tensor(2.0), np.array([1, -1]), 2**53, []])
def test_refused_steps(t):
    mu = LabelMeasure([1.0], [1.0])
    for function in (lambda: mu.E2(t, 0.1), lambda: spectra.jensen_E2(1.0, 1.0, t, 0.1)):
        with pytest.raises(al.InputError, match="`t` is .* but integers .* are wanted; pass"):
            function()


def test_refused_measures_and_rates():
    with pytest.raises(al.InputError, match="`weights` has a negative entry -1"):
        LabelMeasure([1.0, 2.0], [1.0, -1.0])
    with pytest.raises(al.InputError, match=r"`weights` has shape \(1,\) but `eigenvalues` has shape \(2,\)"):
        LabelMeasure([1.0, 2.0], [1.0])
    with pytest.raises(al.InputError, match="`eta` contains NaN"):
        LabelMeasure([1.0], [1.0]).E2(1, float("nan"))
    with pytest.raises(al.InputError, match="`A` contains NaN"):
        spectra.chord_I(1.0, float("inf"), 0.1, 1.0)


def test_float32_in_float32_out():
    theta, Y = (v.to(torch.float32) for v in draw(5))
    mu = label_measure(theta, Y)
    results = (
        mu.I,
        mu.E2(3, 0.2),
        mu.flow_E2(1.0),
        mu.mean,
        spectra.chord_E2(mu.T, mu.A, mu.lo, mu.hi, 2, 0.1),
    )
    assert {value.dtype for value in results} == {torch.float32}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.sampled_from([0.3, 1.0, 2.5]))
def test_bounds_of_any_convex_function_are_the_optima_of_linear_programs(seed, n, rate):
    """All measures on the eigenvalues with this T and A: the least value is `envelope`; on a fine grid `jensen` and `chord`."""
    generator = np.random.default_rng(seed)
    atoms = np.sort(generator.uniform(0.1, 1, n))
    mu = LabelMeasure(atoms, generator.exponential(size=n))
    T, A = mu.T, mu.A

    def f(x):
        return torch.exp(-2 * rate * x)

    def least(points, sign=1):
        values = sign * np.exp(-2 * rate * points)
        done = linprog(values, A_eq=np.stack([np.ones_like(points), points]), b_eq=[float(T), float(A)])
        return sign * done.fun

    assert float(spectra.envelope(mu.eigenvalues, T, A, f)) == pytest.approx(least(atoms), rel=1e-6)
    grid = np.linspace(atoms[0], atoms[-1], 2001) if n > 1 else atoms
    assert float(spectra.jensen(T, A, f)) == pytest.approx(least(grid), rel=2e-5)
    assert float(spectra.chord(T, A, mu.lo, mu.hi, f)) == pytest.approx(least(grid, -1), rel=1e-6)
    flow = float(mu.flow_E2(rate))
    assert float(spectra.envelope(mu.eigenvalues, T, A, f)) <= flow * (1 + 1e-12)
    assert flow <= float(spectra.chord(T, A, mu.lo, mu.hi, f)) * (1 + 1e-12)


def test_the_envelope_with_ties_and_in_any_order():
    def square(x):
        return (1 - x) ** 2

    tied = spectra.envelope([1.0, 1.0, 0.5, 0.25, 0.25], 2.0, 0.75, square)  # A/T = 3/8, between 1/4 and 1/2
    assert tied.item() == pytest.approx(2 * (0.5 * 0.75**2 + 0.5 * 0.5**2))
    assert spectra.envelope([0.5, 0.5], 2.0, 1.0, square).item() == 0.5
    assert spectra.envelope([0.5], 2.0, 1.0, square).item() == 0.5
