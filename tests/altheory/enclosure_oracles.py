"""Oracles of the enclosures: mpmath's eigenvalues, elimination over fractions, and matrices of every kind."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import torch

from altheory.enclosures import Interval

EPS = 2.0**-52


def spectrum(A: torch.Tensor) -> list[mpmath.mpf]:
    """The eigenvalues, ascending, to about 80 digits of the norm."""
    with mpmath.workdps(100):
        values = mpmath.eigsy(mpmath.matrix(A.tolist()), eigvals_only=True)
        return sorted(values)


def holds(interval: Interval, value: mpmath.mpf, scale: float) -> bool:
    with mpmath.workdps(100):
        slack = mpmath.mpf(scale) * mpmath.mpf(10) ** -80  # of the oracle
        return bool(interval.lo - slack <= value <= interval.hi + slack)


def norm(A: torch.Tensor) -> float:
    return float(torch.linalg.matrix_norm(A, 2))


def symmetric(n: int, seed: int) -> torch.Tensor:
    A = torch.randn(n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return torch.tril(A) + torch.tril(A, -1).T


def gram(n: int, rank: int, seed: int) -> torch.Tensor:
    """A rounded Gram matrix of that rank, made exactly symmetric."""
    X = torch.randn(n, rank, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    K = X @ X.T
    return torch.tril(K) + torch.tril(K, -1).T


def integer_gram(n: int, rank: int, seed: int) -> torch.Tensor:
    """A Gram matrix of integers, exactly of that rank at most."""
    X = torch.randint(-9, 10, (n, rank), generator=torch.Generator().manual_seed(seed)).to(torch.float64)
    return X @ X.T


def hilbert(n: int) -> torch.Tensor:
    return torch.tensor([[1 / (i + j + 1) for j in range(n)] for i in range(n)], dtype=torch.float64)


def reflected(values: list[float]) -> torch.Tensor:
    """H diag(values) H with H = I - 2 v v' / v'v for v = (1, ..., 1) of length 4 or 16: exact for small integers."""
    n = len(values)
    H = torch.eye(n, dtype=torch.float64) - 2.0 / n
    return H @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ H


def graded(n: int, seed: int, ratio: float = 1e-3) -> torch.Tensor:
    scale = torch.tensor([ratio**i for i in range(n)], dtype=torch.float64)
    return (symmetric(n, seed) / 10 + 3 * torch.eye(n, dtype=torch.float64)) * (scale[:, None] * scale[None])


def near_duplicates(n: int, seed: int, distance: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n, 3 * n, dtype=torch.float64, generator=generator)
    X[1] = X[0] + distance * torch.randn(3 * n, dtype=torch.float64, generator=generator)
    K = X @ X.T
    return torch.tril(K) + torch.tril(K, -1).T


MATRICES = {
    "random 2": symmetric(2, 0),
    "random 3": symmetric(3, 1),
    "random 12": symmetric(12, 2),
    "random 40": symmetric(40, 3),
    "kernel-like": gram(20, 60, 4),
    "rank-deficient": gram(12, 9, 5),
    "rank one": gram(8, 1, 6),
    "integer, singular": integer_gram(10, 7, 7),
    "hilbert 5": hilbert(5),
    "hilbert 12": hilbert(12),
    "graded": graded(6, 8),
    "near duplicates": near_duplicates(15, 9, 1e-7),
    "nearer duplicates": near_duplicates(9, 10, 3e-9),
    "clusters": reflected([1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3]),
    "a cluster below": reflected([-5, -5, -5, -5] + [7] * 12),
    "one far below": reflected([-100] + [7] * 15),
    "ones": torch.ones(9, 9, dtype=torch.float64),
    "nearly scalar": torch.eye(6, dtype=torch.float64) + 1e-15 * torch.ones(6, 6, dtype=torch.float64),
    "negative definite": -gram(7, 20, 11),
    "zero diagonal": torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64),
}


def eliminated(rows: list[list[Fraction]]) -> tuple[int, int, int]:
    """Inertia by symmetric elimination over fractions, with 2 x 2 pivots where the diagonal is zero."""
    A, counts = [list(row) for row in rows], [0, 0, 0]
    while A:
        n = len(A)
        i = next((i for i in range(n) if A[i][i] != 0), None)
        if i is None:
            pair = next(((p, q) for p in range(n) for q in range(p) if A[p][q] != 0), None)
            if pair is None:
                counts[1] += n
                break
            p, q = pair  # adding row and column q to p makes the diagonal 2 A[p][q]
            A[p] = [x + y for x, y in zip(A[p], A[q])]
            for row in A:
                row[p] += row[q]
            i = p
        pivot = A[i][i]
        counts[0 if pivot < 0 else 2] += 1
        rest = [k for k in range(n) if k != i]
        A = [[A[r][c] - A[r][i] * A[i][c] / pivot for c in rest] for r in rest]
    return counts[0], counts[1], counts[2]
