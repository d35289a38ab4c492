"""Retraining by its definition: least squares in fractions, refits one by one in numpy."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import torch


def solved(A, B):
    """X with A X = B for an invertible matrix, in fractions by Gauss and Jordan; B is a list of rows."""
    n = len(A)
    M = [[F(x) for x in row] + [F(x) for x in b] for row, b in zip(A, B)]
    for k in range(n):
        p = next(i for i in range(k, n) if M[i][k] != 0)
        M[k], M[p] = M[p], M[k]
        M[k] = [x / M[k][k] for x in M[k]]
        for i in range(n):
            if i != k:
                M[i] = [x - M[i][k] * y for x, y in zip(M[i], M[k])]
    return [row[n:] for row in M]


def product(A, B):
    return [[sum((F(x) * F(y) for x, y in zip(row, column)), F(0)) for column in zip(*B)] for row in A]


def gram(J, Z=None):
    return product(J, list(zip(*(J if Z is None else Z))))


def independent_rows(J):
    """A maximal set of independent rows, greedily."""
    kept, echelon = [], []
    for i, row in enumerate(J):
        rest = [F(x) for x in row]
        for pivot, old in echelon:
            rest = [x - rest[pivot] * y for x, y in zip(rest, old)]
        pivot = next((k for k, x in enumerate(rest) if x != 0), None)
        if pivot is not None:
            rest = [x / rest[pivot] for x in rest]
            echelon = [(p, [x - old[pivot] * y for x, y in zip(old, rest)]) for p, old in echelon]
            echelon.append((pivot, rest))
            kept.append(i)
    return kept


def least_squares(J, residual):
    """The shortest move of the parameters that fits the residual best: full rank factors J = A B, normal equations."""
    kept = independent_rows(J)
    B = [J[i] for i in kept]
    if not kept:
        return [F(0)] * len(J[0])
    A = [list(row) for row in zip(*solved(gram(B), gram(B, J)))]  # J = A B
    coordinates = solved(product(list(zip(*A)), A), product(list(zip(*A)), [[r] for r in residual]))
    back = solved(gram(B), coordinates)
    return [x for (x,) in product(list(zip(*B)), back)]


def moved(J, theta):
    return [sum((F(x) * t for x, t in zip(row, theta)), F(0)) for row in J]


def refit(K, L, j, y, Y, F_):
    """The outputs on the pool after training on the labelled points and candidate j, by one solve; numpy throughout."""
    chosen = [*range(L), L + j]
    residual = np.vstack([Y, y[None]]) - F_[chosen]
    return F_[L:] + K[L:][:, chosen] @ np.linalg.solve(K[np.ix_(chosen, chosen)], residual)


def pool(L=6, U=9, C=3, P=20, seed=0):
    """A kernel K of L + U points with its features, labels Y and outputs F."""
    g = torch.Generator().manual_seed(seed)
    J = torch.randn(L + U, P, generator=g, dtype=torch.float64)
    Y = torch.eye(C, dtype=torch.float64)[torch.randint(0, C, (L,), generator=g)]
    outputs = torch.randn(L + U, C, generator=g, dtype=torch.float64)
    return J @ J.T, J, Y, outputs


def blocks(K, L):
    return K[:L, :L], K[L:, :L], K[L:, L:]
