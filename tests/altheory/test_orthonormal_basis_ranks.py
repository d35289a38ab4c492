"""Ranks of features, widths of families and suprema of derivatives, against elimination, grids and the audit."""

from __future__ import annotations

import math
import random
from fractions import Fraction as F

import mpmath
import numpy as np
import pytest
import torch
from basis_oracles import exactly

from altheory import InputError, activations
from altheory import orthonormal_basis as ob
from altheory.orthonormal_basis._derivatives import NAMES

# ---- ranks -------------------------------------------------------------------------------------------------


def integers(seed, n, d, size=9):
    rng = random.Random(seed)
    return [[rng.randint(-size, size) for _ in range(d)] for _ in range(n)]


@pytest.mark.parametrize(("d", "degree", "rank"), [(20, 2, 210), (19, 2, 190), (3, 29, 465)])
def test_ranks_of_the_audit(d, degree, rank):
    count = rank + 3
    found = ob.feature_rank(integers(0, count, d, 10**6), integers(1, count, d, 10**6), [0] * degree + [1])
    assert found == rank == ob.forms_dimension(d, degree)


def rational_rank(rows):
    rows, rank = [list(map(F, row)) for row in rows], 0
    for column in range(len(rows[0])):
        pivot = next((r for r in range(rank, len(rows)) if rows[r][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for r in range(rank + 1, len(rows)):
            factor = rows[r][column] / rows[rank][column]
            rows[r] = [v - factor * w for v, w in zip(rows[r], rows[rank])]
        rank += 1
    return rank


@pytest.mark.parametrize("coefficients", [[0, 1], [1, 0, 1], [2, -1, 0, 5], [0, 0, 0, 0, 1], [0]])
def test_ranks_against_elimination_over_the_rationals(coefficients):
    X, W = integers(2, 13, 2), integers(3, 16, 2)
    features = [[sum(c * sum(a * b for a, b in zip(w, x)) ** k for k, c in enumerate(coefficients)) for w in W] for x in X]
    assert ob.feature_rank(torch.tensor(X), np.array(W), coefficients) == rational_rank(features)


def test_a_rank_modulo_the_prime_can_only_be_too_small():
    assert ob.feature_rank([[ob.PRIME]], [[1]], [0, 1]) == 0
    assert ob.feature_rank([[ob.PRIME + 1]], [[2**70]], [0, 1]) == 1


def test_dimensions_by_listing_monomials():
    for d in (1, 2, 4):
        for p in (0, 1, 5):
            monomials = [m for m in np.ndindex(*(p + 1,) * d) if sum(m) <= p]
            assert ob.polynomials_dimension(d, p) == len(monomials)
            assert ob.forms_dimension(d, p) == sum(sum(m) == p for m in monomials)
    assert ob.forms_dimension(20, 6) == 177100


@pytest.mark.parametrize(
    ("X", "W", "coefficients", "words"),
    [
        ([[0.5]], [[1]], [0, 1], "`X` has shape"),
        ([[1, 2]], [[1]], [0, 1], "`X` has dimension 2"),
        ([[1]], [[True]], [0, 1], "`W` has shape"),
        ([1], [[1]], [0, 1], "`X` has shape"),
        ([[1]], [[1]], [0, 1.5], "`coefficients`"),
        ([[1]], [[1]], [], "`coefficients`"),
    ],
)
def test_bad_features(X, W, coefficients, words):
    with pytest.raises(InputError, match=words):
        ob.feature_rank(X, W, coefficients)
    with pytest.raises(InputError, match="`p`"):
        ob.forms_dimension(2, -1)


# ---- widths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("D", "audit"), [(26, 0.01558), (29, 0.01399), (33, 0.01229)])
def test_circle_widths_of_the_audit(D, audit):
    assert ob.circle_width_squared(D) == pytest.approx(audit, abs=5e-6)
    n = 4000
    theta = 2 * math.pi * (np.arange(n) + 0.5) / n
    assert float(ob.shift_width_squared(np.sign(np.cos(theta)), D)) == pytest.approx(audit, rel=1e-3)
    steps = (np.sign(np.cos(theta)) + 1) / 2
    assert float(ob.shift_width_squared(steps, D)) == pytest.approx(ob.circle_width_squared(D, signs=False), rel=1e-3)


def test_circle_widths_against_the_partial_sum():
    for D in (0, 1, 2, 7, 26):
        frequencies = [2 * (j // 2) + 1 for j in range(D)]
        wanted = 1 - sum(4 / (mpmath.pi * k) ** 2 for k in frequencies)
        assert ob.circle_width_squared(D) == pytest.approx(float(wanted), rel=1e-13)


def test_shifts_against_the_family_and_random_spaces():
    rng = np.random.default_rng(0)
    f = rng.standard_normal(9)
    family, p = np.stack([np.roll(f, k) for k in range(9)]), np.full(9, 1 / 9)
    for D in range(11):
        tail = float(ob.shift_width_squared(f, D))
        assert float(ob.average_width_squared(family, p, D)) == pytest.approx(tail, abs=1e-13)
        basis = np.linalg.qr(rng.standard_normal((9, min(D, 9))))[0]
        away = family - family @ basis @ basis.T
        assert (away**2).mean(-1).mean() >= tail - 1e-12


def test_a_space_of_whole_frequencies_is_the_best_for_every_shift():
    angles = 2 * np.pi * np.arange(9) / 9
    f = 1 + 2 * np.cos(angles) + 0.1 * np.sin(3 * angles)
    best = np.linalg.qr(np.stack([np.ones(9), np.cos(angles), np.sin(angles)], -1))[0]
    for k in range(9):
        shifted = np.roll(f, k)
        away = shifted - best @ (best.T @ shifted)
        assert (away**2).mean() == pytest.approx(float(ob.shift_width_squared(f, 3)), rel=1e-12)


def test_orthonormal_functions_are_not_compressed():
    F_, p = math.sqrt(210) * torch.eye(210).double(), torch.full((210,), 1 / 210, dtype=torch.float64)
    assert 210 * float(ob.average_width_squared(F_, p, 201)) == pytest.approx(9, rel=1e-12)

    def body(F_, p):
        return [(ob.average_width_squared(F_, p, 1), 0.5, "==")]

    assert exactly(body, F_=[[1, 1], [1, -1]], p=[0.5, 0.5]) == ["equal"]


def test_bad_widths():
    for call in (
        lambda: ob.circle_width_squared(-1),
        lambda: ob.circle_width_squared(0, signs=False),
        lambda: ob.shift_width_squared([1.0], 0.5),
        lambda: ob.average_width_squared([[1.0]], [1.0], -1),
    ):
        with pytest.raises(InputError, match="`D`"):
            call()


# ---- derivatives -------------------------------------------------------------------------------------------

TABLE = {
    ("sigmoid", 10): 22.25197, ("sigmoid", 20): 1.6696772e8, ("sigmoid", 30): 1.9783078e17, ("sigmoid", 7): 1.0625,
    ("softplus", 10): 7.75, ("softplus", 20): 2.7741323e7, ("softplus", 30): 2.1531418e16, ("softplus", 8): 1.0625,
    ("tanh", 10): 45572.035, ("tanh", 20): 3.5015668e14, ("tanh", 30): 4.2483837e26, ("tanh", 3): 2,
    ("swish", 10): 77.5, ("swish", 20): 5.5482645e8, ("swish", 30): 6.4594254e17,
    ("erf", 10): 7365.84, ("erf", 20): 1.1748522e11, ("erf", 30): 2.9194576e19, ("sin", 10): 1,
}  # fmt: skip


@pytest.mark.parametrize(("name", "C"), TABLE)
def test_derivatives_of_the_audit(name, C):
    ball = ob.derivative_supremum(name, C)
    assert float(ball) == pytest.approx(TABLE[name, C], rel=5e-7)
    assert float(ball.rad()) < 1e-30 * float(ball)


FUNCTIONS = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "tanh": mpmath.tanh,
    "swish": lambda x: x / (1 + mpmath.exp(-x)),
    "erf": mpmath.erf,
    "gelu": lambda x: x * mpmath.ncdf(x),
    "sin": mpmath.sin,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("C", [1, 2, 5])
def test_ranges_against_numerical_derivatives_on_a_grid(name, C):
    least, greatest = map(float, ob.derivative_range(name, C))
    with mpmath.workdps(30):
        grid = [float(mpmath.diff(FUNCTIONS[name], mpmath.mpf(k) / 16, C)) for k in range(-120, 121)]
    scale = max(abs(least), abs(greatest))
    assert min(grid) >= least - 1e-9 * scale
    assert max(grid) <= greatest + 1e-9 * scale
    # near a maximum the grid is at most a second derivative times (1/32)^2/2 away
    assert min(grid) == pytest.approx(least, abs=0.02 * scale)
    assert max(grid) == pytest.approx(greatest, abs=0.02 * scale)


def test_ranges_with_one_side_only():
    assert [float(v) for v in ob.derivative_range("softplus", 1)] == [0, 1]
    assert float(ob.derivative_range("softplus", 20)[1]) == pytest.approx(2.19e7, rel=1e-3)
    assert float(ob.derivative_range("swish", 20)[1]) == pytest.approx(4.43e8, rel=1e-3)
    assert float(ob.derivative_range("sigmoid", 7)[1]) < 1


def test_polynomials():
    power = activations.polynomial(*[0] * 10, 1)
    assert float(ob.derivative_supremum(power, 10)) == math.factorial(10)
    assert float(ob.derivative_supremum(power, 11)) == 0
    assert [float(v) for v in ob.derivative_range(power, 9)] == [-math.inf, math.inf]
    quartic = activations.polynomial(0, 1, -2, 0, -0.5)  # second derivative -4 - 6 x^2
    assert [float(v) for v in ob.derivative_range(quartic, 2)] == [-math.inf, -4]
    assert float(ob.derivative_supremum(quartic, 2)) == math.inf
    assert [float(v) for v in ob.derivative_range(activations.polynomial(0, 0, 1, 0, 1), 2)] == [2, math.inf]


def test_the_order_of_the_theorem():
    assert ob.taylor_order(20, 0.05) == pytest.approx(201.0, abs=1e-12)
    assert ob.taylor_order(19, 0.05) == pytest.approx(190 + math.log(20) / math.log(19))
    with pytest.raises(InputError, match=r"`d` is 1 .* log\(1\) = 0; pass d >= 2"):
        ob.taylor_order(1, 0.05)
    for bad in (0, 1, 2.0, True, "a"):
        with pytest.raises(InputError, match="`epsilon`"):
            ob.taylor_order(2, bad)


@pytest.mark.parametrize(
    ("name", "C", "words"),
    [
        ("sigmoid", 21.7, ["order of a derivative is an integer", "math.ceil(C)"]),
        ("sigmoid", 0, ["`C` is 0", "at least 1"]),
        ("relu", 10, ["'relu'", "kink at 0", "pass a smooth one"]),
        (activations.relu_power(3), 2, ["'relu^3'", "kink"]),
        ("mish", 10, ["'mish'", "'sigmoid'", "polynomial"]),
        (activations.Activation("cos", torch.cos, None), 3, ["'sigmoid'", "polynomial"]),
        (None, 3, ["None"]),
    ],
)
def test_bad_derivatives(name, C, words):
    with pytest.raises(InputError) as caught:
        ob.derivative_supremum(name, C)
    assert all(word in str(caught.value) for word in words), caught.value
