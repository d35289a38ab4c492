"""Eigenvalue and eigenvector enclosures against known spectra: Q diag(l) Q', Q from a Cayley transform."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat, fmpq, fmpq_mat

from proofs_check.exact import scalars as s
from proofs_check.exact.eigen import _enclose, _plausible_rational, eigenvalues, eigenvectors
from proofs_check.exact.errors import UnseparatedEigenvalues
from proofs_check.exact.functions import UNARY

SPECTRA = {
    "repeated": [1, 1],
    "singular cluster": [0, 1, 1],
    "condition 1e10": [Fraction(1, 10**10), 1, 1, 2],
    "many repeats": [-1, 0, 0, 2, 2, 2, Fraction(7, 3), 10**5],
    "identity": [3, 3, 3, 3, 3],
    "close": [1, 1 + Fraction(1, 10**30), 2],
    "ladder": list(range(12)),
}


def conjugated(spectrum: list, seed: int = 0) -> tuple[list[fmpq], int]:
    """Q diag(spectrum) Q' with the exactly orthogonal rational Q = (I - S)(I + S)^{-1}, S skew."""
    n, rng = len(spectrum), np.random.default_rng(seed)
    skew = [[fmpq(0)] * n for _ in range(n)]
    for i in range(n):
        for j in range(i):
            skew[i][j] = fmpq(int(rng.integers(-9, 10)), 7)
            skew[j][i] = -skew[i][j]
    identity = fmpq_mat(n, n, [fmpq(int(i == j)) for i in range(n) for j in range(n)])
    q = (identity - fmpq_mat(skew)) * (identity + fmpq_mat(skew)).inv()
    assert (q * q.transpose()).entries() == identity.entries()
    diagonal = fmpq_mat(n, n, [s.rational(spectrum[i]) if i == j else fmpq(0) for i in range(n) for j in range(n)])
    return (q * diagonal * q.transpose()).entries(), n


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("bits", [64, 200])
def test_enclosures_contain_the_ordered_spectrum(name: str, bits: int) -> None:
    matrix, n = conjugated(SPECTRA[name])
    with s.precision(bits):
        balls = _enclose(matrix, n)[0]
    largest = max(abs(float(x)) for x in SPECTRA[name])
    for ball, truth in zip(balls, sorted(SPECTRA[name]), strict=True):
        assert s.contains(ball, s.rational(truth))
        assert float(ball.rad()) <= 2.0 ** (20 - bits) * largest


@pytest.mark.parametrize("name", SPECTRA)
def test_rational_spectra_are_found_exactly(name: str) -> None:
    matrix, n = conjugated(SPECTRA[name], seed=1)
    with s.precision(512):
        values = eigenvalues(matrix, n)
    assert values == [s.rational(x) for x in sorted(SPECTRA[name])]
    assert all(isinstance(v, fmpq) for v in values)


def test_ball_matrices_enclose_too() -> None:
    """Entries blurred by 1e-15: the enclosures widen and still contain."""
    matrix, n = conjugated(SPECTRA["many repeats"])
    with s.precision(128):
        balls = eigenvalues([arb(x) + arb(0, 1e-15) for x in matrix], n)
    assert all(s.contains(b, s.rational(x)) for b, x in zip(balls, sorted(SPECTRA["many repeats"]), strict=True))
    assert max(float(b.rad()) for b in balls) < 1e-12


def test_irrational_eigenvalues_stay_balls_and_a_rational_one_among_them_is_exact() -> None:
    matrix = [fmpq(x) for x in (0, 1, 0, 1, 1, 0, 0, 0, 5)]  # eigenvalues (1 -+ sqrt 5)/2 and 5
    with s.precision(128):
        low, high, five = eigenvalues(matrix, 3)
        root = (1 + arb(5).sqrt()) / 2
        assert high.overlaps(root)
        assert low.overlaps(1 - root)
    assert isinstance(five, fmpq)
    assert five == 5


def test_diagonal_matrices_of_balls_are_sorted_entries() -> None:
    root = UNARY["exp"](fmpq(1))
    assert eigenvalues([root, s.ZERO, s.ZERO, fmpq(1)], 2)[1] is root


@pytest.mark.parametrize("name", SPECTRA)
def test_eigenvectors_reproduce_the_matrix(name: str) -> None:
    matrix, n = conjugated(SPECTRA[name], seed=2)
    with s.precision(256):
        values = arb_mat(
            n,
            n,
            [v if i == j else 0 for i, v in enumerate(map(s.ball, eigenvalues(matrix, n))) for j in range(n)],
        )
        vectors = arb_mat(n, n, [s.ball(v) for v in eigenvectors(matrix, n)])
        rebuilt, gram = vectors * values * vectors.transpose(), vectors.transpose() * vectors
        for i in range(n * n):
            assert rebuilt.entries()[i].overlaps(arb(matrix[i]))
            assert gram.entries()[i].overlaps(arb(int(i % (n + 1) == 0)))
            assert float(rebuilt.entries()[i].rad()) < 1e-50


def test_separated_irrational_eigenvectors() -> None:
    """[[0, 1], [1, 1]]: the golden-ratio eigenvector (1, phi) / sqrt(1 + phi^2)."""
    with s.precision(128):
        v = eigenvectors([fmpq(x) for x in (0, 1, 1, 1)], 2)
        phi = (1 + arb(5).sqrt()) / 2
        assert abs(v[1]).overlaps(1 / (1 + phi * phi).sqrt())
        assert abs(v[3]).overlaps(phi / (1 + phi * phi).sqrt())


def test_eigenvectors_of_a_cluster_of_balls_are_refused_by_name() -> None:
    e = UNARY["exp"](fmpq(1))
    off = s.sub(UNARY["exp"](fmpq(1)), e)  # zero, but only as a ball
    with pytest.raises(UnseparatedEigenvalues, match=r"linalg\.eigh"):
        eigenvectors([e, off, off, e], 2)


def test_simplest_rational_is_only_tried_when_it_is_surprising() -> None:
    with s.precision(128):
        assert _plausible_rational(arb(fmpq(7, 3))) == fmpq(7, 3)
        assert _plausible_rational(-arb(fmpq(22, 7))) == fmpq(-22, 7)
        assert _plausible_rational(arb(2).sqrt()) is None
        assert _plausible_rational(arb(0, 1e-30)) == 0
