r"""Many independent runs of randomized BSS side by side, for experiments that need the law of the output.

The rounds are those of `_barriers`, one draw a potential, with any $\gamma$ in (0, 1). As $uI-B$ and $B-lI$ commute, $$Q =
(uI-B)^{-1}+(B-lI)^{-1} = (u-l)\,[(uI-B)(B-lI)]^{-1},$$ one Cholesky factor a round gives Q and $\Phi$. Rows are proposed from
$p|v|^2/D$ and kept with probability $q/(c\,|v|^2)$, where $c = (\mathrm{tr}\,Q^8)^{1/8}\ge\lambda_{\max}(Q)$ costs no
eigenvalues and is at most $D^{1/8}$ times too large.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from altheory._inputs import InputError, as_tensor, check_integer, member
from altheory._weights import seed_of
from altheory.kernels._schedule import single_threaded_libraries
from altheory.sparsifier._barriers import middle, start
from altheory.sparsifier._pool import _SUM

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike

_PROPOSALS = 8  # looked at together; now and then none of them is kept, and more are drawn


class Runs(NamedTuple):
    """Several outputs, padded to the longest with row 0 at weight 0."""

    indices: Int[Tensor, "*pools runs T"]
    weights: Float[Tensor, "*pools runs T"]
    draws: Int[Tensor, "*pools runs"]


def randomized_bss_runs(
    V: Float[ArrayLike, "*pools n D"],
    gamma: float,
    runs: int,
    *,
    p: Float[ArrayLike, "*pools n"] | None = None,
    seed: int | torch.Generator,
) -> Runs:
    r"""Independent runs of randomized BSS on each of several pools, with a $\gamma$ of your own.

    A run makes about $1.4D/\gamma^2$ to $1.9D/\gamma^2$ draws, so $\gamma$ sets how many labels are bought. Beyond
    `safe_gamma(D)` the output need not be good; below 1/2 its smallest eigenvalue is still above
    $(1-2\gamma)/(1-\gamma^2)$, and from there on it has no bound. For one run with its guarantee and its history see
    `randomized_bss`.

    Args:
        V: (..., n, D), each pool orthonormal under its p.
        gamma: In (0, 1).
        runs: How many on each pool.
        p: (..., n) masses, positive, of sum 1; None is 1/n each.
        seed: Integer or CPU generator.

    Returns:
        indices (..., runs, T) of rows, weights (..., runs, T) in the dtype of V, draws (..., runs).

    Raises:
        InputError: V not orthonormal under p, masses of another shape or not a distribution, gamma outside (0, 1), or no
            positive number of runs.

    Source: Lee and Sun (2018); "Sample Complexity of Deep Active Learning", lemma 5.8.
    """
    if isinstance(gamma, bool) or not isinstance(gamma, (int, float)) or not 0 < gamma < 1:
        raise InputError(f"`gamma` is {gamma!r} but a number between 0 and 1 is wanted; pass such as 0.11.")
    runs = check_integer("runs", runs)
    given = as_tensor("V", V, min_ndim=2, layout="(..., n, D)")
    rows, masses = _pools(given, p)
    generator = torch.Generator().manual_seed(seed_of(seed))
    with single_threaded_libraries():  # D x D matrices are too small to share
        chosen, weights = _rounds(rows, masses, gamma, runs, generator)
    shape = (*given.shape[:-2], runs)
    u = torch.stack(weights, -1).reshape(*shape, -1)
    return Runs(
        torch.stack(chosen, -1).reshape(*shape, -1).to(given.device),
        u.to(dtype=given.dtype, device=given.device),
        (u > 0).sum(-1).to(given.device),
    )


def _rounds(
    rows: Tensor, masses: Tensor, gamma: float, runs: int, generator: torch.Generator
) -> tuple[list[Tensor], list[Tensor]]:
    """For each round the rows that all runs drew, and their weights; zeros once a run is over."""
    pools, n, D = rows.shape
    table = rows.reshape(pools * n, D)
    squares = (table * table).sum(-1)
    running = torch.cumsum(masses.reshape(-1) * squares, 0)
    ends = running[n - 1 :: n]
    begins = torch.cat([ends.new_zeros(1), ends[:-1]])

    mid, eye = middle(D, gamma), torch.eye(D, dtype=torch.float64)
    pool = torch.arange(pools).repeat_interleave(runs)
    alive = torch.arange(pools * runs)
    B = torch.zeros(pools * runs, D, D, dtype=torch.float64)
    lower, upper = (torch.full((pools * runs,), end, dtype=torch.float64) for end in start(D, gamma))
    chosen, weights = [], []
    while len(alive):
        Q = _barrier_matrix(B, lower, upper, eye)
        phi = torch.diagonal(Q, 0, -2, -1).sum(-1)
        row, q = _draw(Q, phi, pool[alive], table, squares, running, begins, ends, generator)
        v = table[row]
        B = B + (gamma / q)[:, None, None] * (v[:, :, None] * v[:, None, :])
        lower, upper = lower + gamma / phi / (1 + gamma), upper + gamma / phi / (1 - gamma)
        chosen.append(torch.zeros(pools * runs, dtype=torch.int64).index_copy_(0, alive, row % n))
        weights.append(torch.zeros(pools * runs, dtype=torch.float64).index_copy_(0, alive, gamma / q / mid))
        going = upper - lower < 8 * D / gamma * (1 - 1e-14)
        if not bool(going.all()):
            B, lower, upper, alive = B[going], lower[going], upper[going], alive[going]
    return chosen, weights


def _barrier_matrix(B: Tensor, lower: Tensor, upper: Tensor, eye: Tensor) -> Tensor:
    """Q, from one Cholesky factor."""
    product = (upper[:, None, None] * eye - B) @ (B - lower[:, None, None] * eye)
    root = torch.linalg.solve_triangular(torch.linalg.cholesky(product), eye.expand_as(B), upper=False)
    return (upper - lower)[:, None, None] * (root.mT @ root)


def _draw(
    Q: Tensor,
    phi: Tensor,
    pool: Tensor,
    table: Tensor,
    squares: Tensor,
    running: Tensor,
    begins: Tensor,
    ends: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """One row (its place in the table of all pools) for each run, from p q / Phi, and its q."""
    fourth = torch.linalg.matrix_power(Q / phi[:, None, None], 4)
    ceiling = phi * (fourth * fourth).sum((-2, -1)) ** 0.125 * (1 + 1e-12)
    n = len(running) // len(ends)
    row, q = torch.zeros_like(pool), torch.zeros_like(phi)
    waiting = torch.arange(len(pool))
    while len(waiting):
        here = pool[waiting, None]
        place, height = torch.rand(2, len(waiting), _PROPOSALS, generator=generator, dtype=torch.float64)
        proposed = torch.searchsorted(running, begins[here] + place * (ends - begins)[here], right=True)
        proposed = torch.minimum(proposed, n * here + n - 1)
        v = table[proposed]
        found = ((v @ Q[waiting]) * v).sum(-1)
        kept = height * ceiling[waiting, None] * squares[proposed] < found
        first = kept.to(torch.int8).argmax(-1, keepdim=True)
        done = kept.any(-1)
        row[waiting[done]] = proposed.gather(1, first)[done, 0]
        q[waiting[done]] = found.gather(1, first)[done, 0]
        waiting = waiting[~done]
    return row, q


def _pools(V: Tensor, p: ArrayLike | None) -> tuple[Tensor, Tensor]:
    """Rows (pools, n, D) and masses (pools, n) in float64 on the CPU, or a refusal."""
    n = V.shape[-2]
    masses = V.new_full(V.shape[:-1], 1 / n) if p is None else as_tensor("p", p, like=("V", V))
    if masses.shape != V.shape[:-1]:
        raise InputError(
            f"`p` has shape {tuple(masses.shape)} but `V` has {tuple(V.shape)}; pass one mass a row, {tuple(V.shape[:-1])}."
        )
    rows = V.detach().cpu().double().reshape(-1, *V.shape[-2:])
    weights = masses.detach().cpu().double().reshape(-1, n)
    tolerance = _SUM[V.dtype]
    bad = (weights.amin(-1) <= 0) | ((weights.sum(-1) - 1).abs() > tolerance)
    if bool(bad.any()):
        raise InputError(f"`p` is no distribution of positive masses{member(bad)}; drop rows without mass, pass `p / p.sum()`.")
    gram = rows.mT @ (weights[..., None] * rows)
    off = (gram - torch.eye(V.shape[-1], dtype=torch.float64)).abs().amax((-2, -1)) > tolerance
    if bool(off.any()):
        raise InputError(f"`V` is not orthonormal under `p`{member(off)}; pass `orthonormal_basis.orthonormal_basis(V, p)`.")
    return rows.contiguous(), weights
