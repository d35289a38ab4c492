"""The pieces of the enclosures, each against fractions, and what happens when one is left out."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import pytest
import torch
from enclosure_oracles import (
    MATRICES,
    gram,
    holds,
    near_duplicates,
    norm,
    spectrum,
    symmetric,
)

import altheory.enclosures as enclosures
from altheory import InputError
from altheory.enclosures import Interval, _refine, _residual, _rounding
from altheory.enclosures._cholesky import exceeds


@pytest.mark.parametrize("n", [1, 2, 7, 33, 100])
def test_double_precision_products_keep_their_bound(n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    A = torch.randn(4, n, dtype=torch.float64, generator=generator)
    v = torch.randn(n, dtype=torch.float64, generator=generator)
    v[-1] = -float(A[0, :-1] @ v[:-1]) / float(A[0, -1])  # the first product cancels
    high, low, bound = _rounding.dot2(A, v)
    plain = A @ v
    for i in range(4):
        exact = sum((Fraction(x) * Fraction(y) for x, y in zip(A[i].tolist(), v.tolist())), Fraction(0))
        assert abs(Fraction(float(high[i])) + Fraction(float(low[i])) - exact) <= Fraction(float(bound[i]))
        assert float(bound[i]) < 1e-27 * n
        assert abs(Fraction(float(plain[i])) - exact) <= Fraction(_rounding.gamma(n) * float(A[i].abs() @ v.abs()) * 1.01)


@pytest.mark.parametrize("n", [3, 32, 33, 100])
def test_blocked_products_keep_their_bound(n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    A, B = torch.randn(2, n, n, dtype=torch.float64, generator=generator)
    A, B = A[:3], B[:, :3]
    P, g = _rounding.product(A, B)
    for i in range(3):
        for j in range(3):
            pairs = list(zip(map(Fraction, A[i].tolist()), map(Fraction, B[:, j].tolist())))
            error = abs(Fraction(float(P[i, j])) - sum(x * y for x, y in pairs))
            assert error <= Fraction(g) * sum(abs(x * y) for x, y in pairs)
    assert _rounding.product(torch.ones(1, 4096), torch.ones(4096, 1))[1] < 130 * 2.0**-53


def test_norm_bounds_are_above_and_not_far() -> None:
    for seed in range(10):
        A, B = symmetric(9, seed), symmetric(9, seed + 100)
        assert norm(A.abs()) <= _rounding.norm_bound(A) <= 3 * norm(A.abs())
        assert norm(A.abs() @ B.abs()) <= _rounding.norm_bound_product(A, B) <= 2 * norm(A.abs() @ B.abs())
        E = A.abs()
        assert norm(E) <= _rounding.perturbation_norm(E) <= 1.01 * norm(E)


@pytest.mark.parametrize("name", [name for name in MATRICES if len(MATRICES[name]) <= 16])
def test_cholesky_never_claims_too_much(name: str) -> None:
    A = MATRICES[name]
    least, size = float(enclosures.lambda_min_exact(A).lo), norm(A)
    assert not exceeds(A, max(least, 0.0))
    if least > 1e-10 * size:
        assert exceeds(A, least * (1 - 1e-3))


def test_a_wrong_decomposition_costs_width_but_not_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is assumed of eigh: perturbed, rotated, swapped, NaN or failing, the intervals stay true."""
    A = gram(8, 12, 0)
    true, size, eigh = spectrum(A), norm(A), torch.linalg.eigh

    def perturbed(M):
        d, Q = eigh(M)
        return d * (1 + 1e-5), Q + 1e-4 * torch.ones_like(Q)

    def reordered(M):
        d, Q = eigh(M)
        return d.flip(0), Q.flip(1)

    def mismatched(M):
        d, Q = eigh(M)
        return d, Q.flip(1)

    def nan(M):
        d, Q = eigh(M)
        return d, Q * math.nan

    def nan_values(M):
        d, Q = eigh(M)
        return d * math.nan, Q

    def singular(M):
        d, Q = eigh(M)
        return d, torch.zeros_like(Q)

    def failing(M):
        raise RuntimeError("linalg.eigh: the algorithm failed to converge")

    for fake in (perturbed, reordered, mismatched, nan, nan_values, singular, failing):
        monkeypatch.setattr(torch.linalg, "eigh", fake)
        found = enclosures.eigenvalues(A)
        assert all(holds(interval, value, size) for interval, value in zip(found, true)), fake.__name__
        assert holds(enclosures.lambda_min(A, exact=False), true[0], size), fake.__name__


def escapes(matrices: list[torch.Tensor], question) -> int:
    count = 0
    for A in matrices:
        try:
            found = question(A)
        except InputError:  # an empty intersection is an escape too
            count += 1
            continue
        count += not holds(found, spectrum(A)[0], norm(A))
    return count


def least_of_all(A: torch.Tensor) -> Interval:
    return enclosures.eigenvalues(A)[0]


def refined(A: torch.Tensor) -> Interval:
    return enclosures.lambda_min(A, exact=False)


@pytest.mark.parametrize("question", [least_of_all, refined])
def test_without_the_rounding_terms_eigenvalues_escape(monkeypatch: pytest.MonkeyPatch, question) -> None:
    """The rounding terms earn their place: residual and Ritz value as float64 gives them are not bounds."""
    matrices = [symmetric(2, seed) for seed in range(100)] + [near_duplicates(6, seed, 1e-7) for seed in range(30)]
    assert escapes(matrices, question) == 0
    for module in (_residual, _refine):
        monkeypatch.setattr(module, "U", 0.0)
        monkeypatch.setattr(module, "TINY", 0.0)
        monkeypatch.setattr(module, "inflate", lambda x, roundings: x)
        monkeypatch.setattr(module, "gamma", lambda k: 0.0)
        monkeypatch.setattr(module, "up", lambda x: x)
        monkeypatch.setattr(module, "down", lambda x: x)
    monkeypatch.setattr(_residual, "product", lambda A, B: (A @ B, 0.0))
    monkeypatch.setattr(_refine, "dot2", lambda X, Y, dot2=_rounding.dot2: (*dot2(X, Y)[:2], torch.zeros(())))
    assert escapes(matrices, question) > 0


@pytest.mark.parametrize("forgotten", ["coupling", "defect"])
def test_without_the_coupling_or_the_defect_eigenvalues_escape(monkeypatch: pytest.MonkeyPatch, forgotten: str) -> None:
    """With vectors that are good to five digits only, both terms of the refined bounds are needed."""
    eigh, ritz = torch.linalg.eigh, _refine._ritz

    def rough(M):
        d, Q = eigh(M)
        return d, Q + 1e-5 * torch.ones_like(Q)

    matrices = [gram(6, 12, seed) for seed in range(20)]
    monkeypatch.setattr(torch.linalg, "eigh", rough)
    assert escapes(matrices, refined) == 0
    monkeypatch.setattr(_refine, "_ritz", lambda *args: dataclasses.replace(ritz(*args), **{forgotten: 0.0}))
    assert escapes(matrices, refined) > 0
