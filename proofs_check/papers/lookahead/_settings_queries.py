r"""Where the queries are attacked: one kernel matrix over labelled points and a pool, outputs and residuals of any size.

A pool of three is enough to tell a candidate from itself, from another one and from a bystander; the labelled points are the
first m - 3. Every positive definite matrix is the kernel of some points, so claims draw it freely; the NTK of digits is a
further setting.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import altheory as al
from altheory.lookahead import LookAhead
from proofs_check import domains as D
from proofs_check.relations import Relation, all_of, eq

SOURCE = "Mohamadi, Bae, Sutherland (NeurIPS 2022)"

#: how many of the points are the pool
POOL = 3

#: kernel of all points, outputs of the model at all points, residuals Y - f_L (those of the labelled points are used)
KERNEL, OUTPUTS, RESIDUALS = D.psd("m", cond=1e4), D.real("m", "C"), D.real("m", "C")
#: where candidates are there twice: what rounding leaves of u = 0 must be small against every diagonal entry
WITH_COPIES = D.psd("m", cond=100)
DIMS = {"m": (4, 5), "C": (2, 3)}

#: what the declared domain is called, and a further setting for a claim about M
ON = "any positive definite kernel"


def _lifted(kernel: Tensor) -> Tensor:
    return kernel + 0.01 * torch.eye(kernel.shape[-1], dtype=torch.float64)


_DIGITS = D.kernel_of(points=D.dataset("digits", n="m"))
DIGITS: dict[str, dict[str, D.Domain]] = {
    "NTK of digits": {"M": D.derived(_lifted, _DIGITS, text="NTK of digits plus a hundredth of the identity", dims=("m", "m"))}
}


def ahead_of(M: Tensor, F: Tensor, R: Tensor | None = None) -> LookAhead:
    """The look-ahead of the last three points; a model without residuals R has converged."""
    n = M.shape[-1] - POOL
    inside = F[:, :n]
    Y = inside if R is None else inside + R[:, :n]
    return al.lookahead.from_kernels(M[:, :n, :n], M[:, n:, :n], M[:, n:, n:], Y, inside, F[:, n:])


def retrained(M: Tensor, F: Tensor, R: Tensor | None, j: int, label: Tensor) -> Tensor:
    """Eq. (11) as it stands, for candidate j with a label (batch, C): the outputs on the pool, (batch, 3, C)."""
    n = M.shape[-1] - POOL
    rows = torch.tensor([*range(n), n + j])
    K_x = torch.index_select(M, -1, rows)
    K = torch.index_select(K_x, -2, rows)
    old = 0 * F[:, :n] if R is None else R[:, :n]
    residual = torch.cat([old, (label - F[:, n + j])[:, None]], 1)
    return (F + K_x @ torch.linalg.solve(K, residual))[:, n:]


def change(M: Tensor, F: Tensor, R: Tensor | None, j: int, label: Tensor) -> Tensor:
    """The sum over the pool of the distances between the outputs before and after, by eq. (11)."""
    n = M.shape[-1] - POOL
    return torch.linalg.vector_norm(retrained(M, F, R, j, label) - F[:, n:], dim=-1).sum(-1)


def one_hot(c: int, like: Tensor) -> Tensor:
    """e_c for each member of a batch of outputs (batch, ..., C), shape (batch, C)."""
    first: Any = like.reshape(like.shape[0], -1, like.shape[-1])[:, 0]
    return torch.eye(like.shape[-1], dtype=torch.float64)[c] + 0 * first


def alike(a: Tensor, b: Tensor, names: list[str]) -> Relation:
    """Scores (batch, candidates) agree for every candidate."""
    return all_of(*(eq(a[:, j], b[:, j], names=[f"{name} of candidate {j}" for name in names]) for j in range(a.shape[1])))
