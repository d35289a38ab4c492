"""What the claims about the query share: where they stand, kernels of gradients, principal submatrices, scores."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

import altheory as al
from proofs_check import domains as D

PAPER = "CRC"
EQ9 = f"{PAPER}, section 3.1, eq. (9)"
ALGORITHM1 = f"{PAPER}, section 3.1, Algorithm 1"
SECTION32 = f"{PAPER}, section 3.2"
PROPOSITION2 = f"{PAPER}, section 3.2, Proposition 2, eq. (10)"
SECTION33 = f"{PAPER}, section 3.3"
B3 = f"{PAPER}, appendix B.3 and figure 3"

#: where a zero eigenvalue ends and a positive one begins, relative to the largest: far above the rounding of the small matrices
#: here, far below the smallest eigenvalue of a kernel of condition number `COND`; exact arithmetic knows zero without it
RTOL = 1e-10
COND = 1e4

#: kernels, singular ones included, and nonsingular ones
KERNEL = D.psd("n")
NONSINGULAR = D.psd("n", cond=COND)
#: gradients, one row a point: K = J J'
GRADIENTS = D.real("n", "p")


def no_zero_gradient(J: Tensor) -> Tensor:
    """no gradient is zero"""
    return (J != 0).any(-1).all(-1)


def gram(J: Tensor) -> Tensor:
    """J J'."""
    return J @ torch.transpose(J, -1, -2)


def sub(K: Tensor, rows: Sequence[int] | Sequence[Sequence[int]]) -> Tensor:
    """The kernel of these points, in this order, repetitions allowed: (batch, k, k), or (batch, m, k, k) for m lists of k."""
    index = torch.tensor(rows if isinstance(rows, (list, tuple)) else list(rows))
    return K[:, index[..., :, None], index[..., None, :]]


def lowest(K: Tensor) -> Tensor:
    """The smallest eigenvalue, as it comes."""
    return al.conditioning.smallest_eigenvalue(K)


def ruled(K: Tensor) -> Tensor:
    """The smallest eigenvalue, exactly 0 where the rank rule says so."""
    return al.conditioning.eigenvalues(K, rtol=RTOL)[..., 0]


def positive(K: Tensor) -> Tensor:
    """The smallest positive eigenvalue."""
    return al.conditioning.smallest_positive_eigenvalue(K, rtol=RTOL)


def one_if(condition: Tensor, like: Tensor) -> Tensor:
    """1 where the condition holds, else 0: how a strict inequality becomes a number."""
    return torch.where(condition, torch.ones_like(like), torch.zeros_like(like))


def chosen_by(scores: Tensor, values: Tensor) -> Tensor:
    """The value of the candidate with the largest score, the first of ties."""
    return torch.where(al.dynamics.top(scores, 1), values, torch.zeros_like(values)).sum(-1)
