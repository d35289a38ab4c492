"""Inertia and smallest eigenvalue in rational arithmetic, against elimination over fractions and mpmath."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from enclosure_oracles import (
    MATRICES,
    eliminated,
    holds,
    integer_gram,
    norm,
    reflected,
    spectrum,
)

import altheory.enclosures as enclosures
from altheory.enclosures import Interval


def test_inertia_agrees_with_elimination_over_fractions() -> None:
    generator = np.random.default_rng(0)
    seen = set()
    for _ in range(150):
        n, top = int(generator.integers(1, 7)), int(generator.integers(1, 4))
        A = generator.integers(-top, top + 1, (n, n))
        A = np.tril(A) + np.tril(A, -1).T
        expected = eliminated([[Fraction(int(x)) for x in row] for row in A])
        assert enclosures.inertia_exact(A) == expected
        assert enclosures.inertia_exact((A * 2.0**-140).astype(np.float32)) == expected
        seen.add(expected)
    assert len(seen) > 20
    assert any(zero for _, zero, _ in seen)


@pytest.mark.parametrize("name", [name for name in MATRICES if len(MATRICES[name]) <= 16])
def test_the_exact_interval_is_two_neighbours_around_the_true_value(name: str) -> None:
    A = MATRICES[name]
    found, true = enclosures.lambda_min_exact(A), spectrum(A)[0]
    assert holds(found, true, norm(A))
    assert found.hi in (found.lo, math.nextafter(found.lo, math.inf))
    assert enclosures.lambda_min(A, exact=True) == found
    rough = enclosures.lambda_min(A, exact=False)
    assert rough.lo <= found.hi
    assert found.lo <= rough.hi


def test_exact_zeros_are_found() -> None:
    """Six points at 60 degrees: cos is +-1 or +-1/2, rank 2."""
    hexagon = [[Fraction(c, 2) for c in np.roll([2, 1, -1, -2, -1, 1], i).tolist()] for i in range(6)]
    assert enclosures.lambda_min_exact(hexagon) == Interval(0.0, 0.0)
    assert enclosures.inertia_exact(hexagon) == (0, 4, 2)
    floats = [[float(x) for x in row] for row in hexagon]
    assert enclosures.lambda_min(floats) == Interval(0.0, 0.0)
    assert enclosures.lambda_min(floats, exact=False).positive is None
    assert enclosures.is_positive_definite(floats) is False
    thirds = [["1/3", "1/3", 0], ["1/3", "1/3", 0], [0, 0, 5]]
    assert enclosures.lambda_min_exact(thirds) == Interval(0.0, 0.0)
    assert enclosures.inertia_exact([[0.1, 0.1], [0.1, math.nextafter(0.1, 1)]]) == (0, 0, 2)
    assert enclosures.lambda_min_exact([["1/3"]]).positive is True


def test_known_rational_eigenvalues_are_points() -> None:
    assert enclosures.lambda_min_exact(reflected([-5, -5] + [7] * 14)) == Interval(-5.0, -5.0)
    assert enclosures.lambda_min_exact(reflected([3, 4, 4, 9])) == Interval(3.0, 3.0)
    assert enclosures.inertia_exact(reflected([-2, 0, 0, 9])) == (1, 2, 1)


def test_a_sign_that_float64_leaves_open_is_settled() -> None:
    """Singular up to the last bit of one entry, on either side."""
    base = integer_gram(8, 7, 3)
    for step, sign in ((0.0, False), (2.0**-44, True), (-(2.0**-44), False)):
        A = base.clone()
        A[0, 0] += step
        assert A[0, 0] - base[0, 0] == step
        assert enclosures.lambda_min(A).positive is sign
        assert enclosures.inertia_exact(A) == eliminated([[Fraction(x) for x in row] for row in A.tolist()])
