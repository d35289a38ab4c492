r"""States and pools of randomized BSS, and runs of it side by side, for the claims about lemma 5.8.

**Pool.** Only the rows $w_i = \sqrt{p(x_i)}\,v(x_i)$ matter, with $\sum_iw_iw_i^\top = I$: the law of a round is
$D_j(x_i) = w_i^\top Qw_i/\Phi$, and the step $\gamma vv^\top/q$ is the same for v and for w.

**State.** Shift and scale B and its barriers together and a round changes with them, so that l = 0, u = 1 is no
restriction where one round is looked at. Where the length of the run matters, $\Sigma = \sum\beta_j$ places the
barriers: $l = -2D/\gamma+m\Sigma/(1+\gamma)$ and $u = 2D/\gamma+m\Sigma/(1-\gamma)$, $u-l = (1+\Sigma)\,4D/\gamma$; the
run stops once $\Sigma\ge1$.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

import altheory as al
from altheory import sparsifier
from proofs_check import domains as D
from proofs_check.experiment import remembered

SOURCE = "Sample Complexity of Deep Active Learning"
LEMMA58 = f"{SOURCE}, lemma 5.8"
SIZES = {"D": (1, 3), "e": (1, 2)}
STATES = "eigenvalues between the barriers, in any basis; D functions on D + e points"


def eigenvalues() -> D.Domain:
    """Where the eigenvalues of B lie between the barriers, as parts of u - l."""
    return D.spectrum("D", lo=2.0**-10, hi=1 - 2.0**-10)


def mirror() -> D.Domain:
    """The unit vector h of the reflection I - 2 h h', whose columns are the eigenvectors of B."""
    return D.unit_vectors(1, "D")


def points() -> D.Domain:
    """What `rows` makes a pool of."""
    return D.unit_vectors("e", "D")


def gammas(low: float = 2.0**-6, high: float = 1 - 2.0**-6) -> D.Domain:
    """A range of gamma."""
    return D.interval(low, high)


class State(NamedTuple):
    """B (..., D, D) between two barriers (...)."""

    B: Tensor
    lower: Tensor
    upper: Tensor


def turned(values: Tensor, h: Tensor) -> Tensor:
    """The symmetric matrix with these eigenvalues (..., D), its eigenvectors the columns of I - 2 h h'."""
    eye = torch.eye(values.shape[-1], dtype=torch.float64)
    R = eye - 2 * torch.transpose(h, -1, -2) @ h
    return (R * values[..., None, :]) @ R


def state(lam: Tensor, h: Tensor) -> State:
    """B between the barriers 0 and 1."""
    return State(turned(lam, h), 0 * lam[..., 0], 0 * lam[..., 0] + 1)


def state_after(lam: Tensor, h: Tensor, gamma: Tensor, total: Tensor) -> State:
    """B between the barriers of a run whose betas sum to `total` so far; lam places it between them."""
    size = lam.shape[-1]
    (low, high), reached = sparsifier.start(size, gamma), total * sparsifier.middle(size, gamma)
    lower, upper = low + reached / (1 + gamma), high + reached / (1 - gamma)
    values = lower[:, None] + (upper - lower)[:, None] * lam
    return State(turned(values, h), lower, upper)


def rows(X: Tensor) -> Tensor:
    r"""Rows w (..., D + e, D) with $\sum ww^\top = I$, none of them zero, rational where X is.

    With $Z = X/2$: those of $(I-Z^\top Z)(I+Z^\top Z)^{-1}$ and of $2Z(I+Z^\top Z)^{-1}$.
    """
    Z = X / 2
    eye = torch.eye(X.shape[-1], dtype=torch.float64)
    square = torch.transpose(Z, -1, -2) @ Z
    inverse = torch.linalg.inv(eye + square)
    return torch.cat([(eye - square) @ inverse, 2 * Z @ inverse], -2)


def round_from(now: State, W: Tensor, gamma: Tensor, *, low: float = 1.0, high: float = 1.0) -> State:
    r"""The states after each of the rows, (batch, n, ...); the barriers rise by $\gamma/\Phi$ over 1 + low gamma, 1 - high
    gamma.

    Constants other than 1 are mutants of the algorithm.
    """
    after = sparsifier.next_round(now.B[:, None], now.lower[:, None], now.upper[:, None], W, gamma[:, None])
    if low == high == 1:
        return State(*after)
    unit = gamma / sparsifier.potential(*now)
    lift = unit * (1 / (1 + low * gamma) - 1 / (1 + gamma))
    rise = unit * (1 / (1 - high * gamma) - 1 / (1 - gamma))
    return State(after.B, after.lower + lift[:, None], after.upper + rise[:, None])


def quadratic(W: Tensor, matrix: Tensor) -> Tensor:
    """w' M w of every row, (..., n)."""
    return ((W @ matrix) * W).sum(-1)


def trace(matrix: Tensor) -> Tensor:
    """The trace, over a batch."""
    return torch.diagonal(matrix, dim1=-2, dim2=-1).sum(-1)


def to_upper(now: State) -> Tensor:
    r"""$(uI-B)^{-1}$, whose trace is the upper half of the potential."""
    return torch.linalg.inv(now.upper[..., None, None] * torch.eye(now.B.shape[-1], dtype=torch.float64) - now.B)


def to_lower(now: State) -> Tensor:
    r"""$(B-lI)^{-1}$, whose trace is the lower half."""
    return torch.linalg.inv(now.B - now.lower[..., None, None] * torch.eye(now.B.shape[-1], dtype=torch.float64))


# ---- whole runs ------------------------------------------------------------------------------------------


def heavy_pools(seed: Tensor, n: int, D: int) -> Tensor:
    """Orthonormal bases on n equally likely points, the rows of Pareto lengths (exponent 1.5), one a seed: (seeds, n, D)."""
    found = []
    for one in seed.tolist():
        generator = torch.Generator().manual_seed(one)
        normal = torch.randn(n, D, generator=generator, dtype=torch.float64)
        found.append(normal / torch.rand(n, 1, generator=generator, dtype=torch.float64).clamp(min=1e-6) ** (1 / 1.5))
    return al.orthonormal_basis.orthonormal_basis(torch.stack(found), torch.full((n,), 1 / n, dtype=torch.float64))


@remembered
def runs(seed: Tensor, D: int, gamma: float, n: int = 12) -> dict[str, Any]:
    """Randomized BSS round by round as defined, one run a seed, all in step; every entry (seeds,).

    rounds; least and most: the ends of the spectrum of A*A; total: the sum of the betas; beta_K: the largest beta K; peak:
    the largest potential of the run over gamma; inside: whether every round stayed between its barriers.
    """
    V = heavy_pools(seed, n, D)
    p = torch.full((n,), 1 / n, dtype=torch.float64)
    count, middle = len(seed), sparsifier.middle(D, gamma)
    low, high = sparsifier.start(D, gamma)
    ones = torch.ones(count, dtype=torch.float64)
    now = State(torch.zeros(count, D, D, dtype=torch.float64), low * ones, high * ones)
    uniforms = [torch.Generator().manual_seed(int(s) + 1) for s in seed]
    rounds, total, beta_K, peak = 0 * ones, 0 * ones, 0 * ones, 0 * ones
    inside, squares = ones > 0, (V * V).sum(-1)
    chunk, at = torch.empty(0), 0
    while bool((going := now.upper - now.lower < 8 * D / gamma * (1 - 1e-14)).any()):
        if at == chunk.shape[-1]:
            chunk, at = torch.stack([torch.rand(256, generator=g, dtype=torch.float64) for g in uniforms]), 0
        phi, q = sparsifier.potential(*now), quadratic(V, sparsifier.barrier_matrix(*now))
        law = torch.cumsum(p * q, -1)
        index = torch.searchsorted(law, (chunk[:, at] * law[:, -1])[:, None])[:, 0].clamp(max=n - 1)
        after = sparsifier.next_round(*now, V[torch.arange(count), index], gamma)
        at += 1
        beta_K = torch.where(going, torch.maximum(beta_K, gamma / middle * (squares / q).amax(-1)), beta_K)
        peak = torch.where(going, torch.maximum(peak, phi / gamma), peak)
        total, rounds = total + going * gamma / phi / middle, rounds + going
        B = torch.where(going[:, None, None], after.B, now.B)
        now = State(B, torch.where(going, after.lower, now.lower), torch.where(going, after.upper, now.upper))
        values = torch.linalg.eigvalsh(B)
        inside &= (values[:, 0] > now.lower) & (values[:, -1] < now.upper)
    values = torch.linalg.eigvalsh(now.B) / middle
    return {
        "rounds": rounds, "least": values[:, 0], "most": values[:, -1], "total": total, "beta_K": beta_K, "peak": peak,
        "inside": inside,
    }  # fmt: skip


def needed_gamma(eps: float) -> float:
    r"""$\sqrt{\varepsilon/(2+\varepsilon)}$, with which $\beta K\le\varepsilon/2$."""
    return math.sqrt(eps / (2 + eps))
