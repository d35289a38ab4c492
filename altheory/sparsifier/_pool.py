"""The pool that rows are drawn from, checked once, and what a draw of rows brings back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from altheory._inputs import InputError, as_tensor

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

    Array = np.ndarray[Any, Any]

_SUM = {torch.float64: 1e-9, torch.float32: 1e-4}  # how far the masses may be from 1, and the Gram matrix from the identity


@dataclass(frozen=True)
class Pool:
    """A basis on a pool that has been found orthonormal; pass it in the place of V to draw from it many times.

    Attributes:
        V: (n, D) rows, float64 numpy.
        p: (n,) masses, positive, of sum 1.
        squares: (n,) squared lengths of the rows.
        proposal: (n,) running sum of p times `squares`; its last entry is D but for rounding.
        dtype: Of the array that was given; weights come back in it.
        device: Likewise.
    """

    V: Array = field(repr=False)
    p: Array = field(repr=False)
    squares: Array = field(repr=False)
    proposal: Array = field(repr=False)
    dtype: torch.dtype
    device: torch.device

    @property
    def n(self) -> int:
        """How many rows."""
        return int(self.V.shape[0])

    @property
    def D(self) -> int:
        """The dimension of the space."""
        return int(self.V.shape[1])

    def drawn(self, uniforms: Array) -> Array:
        """The rows that numbers in [0, 1) choose from the proposal, with probability p |v|^2 / D each."""
        return inverse(self.proposal, uniforms)


def inverse(running: Array, uniforms: Array) -> Array:
    """The places of numbers in [0, 1) in a running sum of masses; a place of no mass is never one of them."""
    found = np.searchsorted(running, uniforms * running[-1], side="right")
    last = int(np.searchsorted(running, running[-1], side="left"))
    return np.minimum(found, last)


def pool(V: Float[ArrayLike, "n D"] | Pool, p: Float[ArrayLike, " n"] | None = None) -> Pool:
    r"""Check that V is orthonormal under p and prepare it for drawing, in O(n D^2).

    Args:
        V: (n, D), rows $v(x_i)$; a `Pool` is returned as it is.
        p: (n,) masses; None is 1/n each.

    Returns:
        The pool.

    Raises:
        InputError: Entries that are not finite, a mass that is not positive, masses whose sum is not 1, or
            $\sum_i p_iv_iv_i^\top$ away from the identity by more than 1e-9 (float32: 1e-4) in an entry.
    """
    if isinstance(V, Pool):
        if p is not None:
            raise InputError("`p` was given with a `Pool`, which has masses already; pass the matrix V, or leave `p` away.")
        return V
    given = as_tensor("V", V, ndim=2, layout="(n, D)")
    tolerance = _SUM[given.dtype]
    rows = np.ascontiguousarray(given.detach().cpu().double().numpy())
    masses = np.full(len(rows), 1 / len(rows)) if p is None else _masses(p, len(rows), tolerance)
    gram = (rows * masses[:, None]).T @ rows
    gap = np.abs(gram - np.eye(rows.shape[1]))
    if gap.max() > tolerance:
        i, j = (int(k) for k in np.unravel_index(gap.argmax(), gap.shape))
        raise InputError(
            f"`V` is not orthonormal under `p` (entry {i, j} of V' diag(p) V is {gram[i, j]:.6g}, not {int(i == j)}); pass "
            "`numpy.linalg.qr(sqrt(p)[:, None] * V)[0] / sqrt(p)[:, None]`, after dropping dependent columns."
        )
    squares = np.einsum("ij,ij->i", rows, rows)
    return Pool(rows, masses, squares, np.cumsum(masses * squares), given.dtype, given.device)


def _masses(p: Any, n: int, tolerance: float) -> Array:
    masses = as_tensor("p", p, ndim=1, layout="(n,)").detach().cpu().double().numpy()
    if len(masses) != n:
        raise InputError(f"`p` has {len(masses)} masses but `V` has {n} rows; pass one mass a row.")
    if masses.min() <= 0:
        i = int(masses.argmin())
        raise InputError(
            f"`p` has the mass {masses[i]:.6g} at row {i} but positive masses are wanted; drop the rows without mass."
        )
    if abs(masses.sum() - 1) > tolerance:
        raise InputError(f"`p` has the sum {masses.sum():.9g} but masses of sum 1 are wanted; pass `p / p.sum()`.")
    return np.ascontiguousarray(masses)


@dataclass(frozen=True, kw_only=True)
class SampleHistory:
    r"""What a draw of rows can show for itself.

    Attributes:
        lambda_min: Least eigenvalue of $A^*A$, computed from the rows and weights that are returned.
        lambda_max: Its largest eigenvalue.
        draws: k, rows with repetitions.
        distinct: How many different rows, which is how many labels to buy.
        beta: (k,) $\beta_j$.
        beta_K: An upper bound on $\max_j\beta_jK_{D_j}$; exact for the independent samplers.
    """

    lambda_min: float
    lambda_max: float
    draws: int
    distinct: int
    beta: Tensor = field(repr=False)
    beta_K: float

    @property
    def good(self) -> bool:
        """Property 1: all eigenvalues in [3/4, 5/4]."""
        return self.lambda_min >= 0.75 and self.lambda_max <= 1.25

    def serves(self, eps: float) -> bool:
        """Property 2: the betas sum to at most 5/4, and each beta K is at most eps / 2."""
        return float(self.beta.sum()) <= 1.25 and self.beta_K <= eps / 2


class Sample(NamedTuple):
    """Rows, weights and history; unpacks as `indices, weights, history`."""

    indices: Tensor
    weights: Tensor
    history: Any


def certificate(source: Pool, rows: Array, weights: Array, beta: Array, beta_K: float) -> dict[str, Any]:
    """The fields of a `SampleHistory`."""
    chosen = source.V[rows]
    values = np.linalg.eigvalsh((chosen * weights[:, None]).T @ chosen)
    return {
        "lambda_min": float(values[0]),
        "lambda_max": float(values[-1]),
        "draws": len(rows),
        "distinct": len(np.unique(rows)),
        "beta": torch.from_numpy(beta),
        "beta_K": beta_K,
    }


def sample(source: Pool, rows: Array, weights: Array, history: SampleHistory) -> Sample:
    """The three as tensors of the input's dtype and device."""
    indices = torch.from_numpy(rows.astype(np.int64)).to(source.device)
    return Sample(indices, torch.from_numpy(weights).to(dtype=source.dtype, device=source.device), history)
