r"""Randomized BSS: the whole run, with rounds whose cost does not depend on the size of the pool.

Drawing x from $p\,q/\Phi$ directly reads every row of the pool. But $q(x)\le\lambda_{\max}(Q)|v(x)|^2$, so a row proposed from
$p|v|^2/D$, which never changes, and kept with probability $q/(\lambda_{\max}(Q)|v|^2)$, has the same law. The mean number of
proposals a draw is $D\lambda_{\max}(Q)/\Phi$.

Several draws may share one Q. A row adds at most $\gamma Q^{-1}$ to B, whatever it is, so b draws with the same Q stay
between the barriers if $B+b\gamma Q^{-1}\prec(u+b\,\delta u)I$ and $\lambda_{\min}(B) > l+b\,\delta l$: two conditions on the
eigenvalues of B before the first of them is drawn. No draw is ever taken back, so every $D_j$ is a law given the past, and
facts 1 to 3 of `_barriers` hold as before. Fact 4 does not: that E Phi falls is proved for one draw a potential only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from altheory._inputs import InputError, as_tensor, check_integer
from altheory._weights import seed_of
from altheory.kernels._schedule import single_threaded_libraries
from altheory.sparsifier._barriers import gamma_for, middle, start
from altheory.sparsifier._pool import Pool, Sample, SampleHistory, certificate, inverse, pool, sample

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

    Array = np.ndarray[Any, Any]

SAMPLERS = ("rejection", "exact")
_CHUNK = 1024  # proposals drawn at once


@dataclass(frozen=True, kw_only=True)
class BSSHistory(SampleHistory):
    r"""What randomized BSS did. T potentials were formed; with one draw a potential T is the number of rounds k.

    Attributes:
        gamma: $\gamma$.
        middle: m, by which B is divided in the end.
        potential: (T,) $\Phi$ before each batch of draws.
        shared: (T,) how many draws were made with each.
        lower: (T + 1,) l before each batch and at the end.
        upper: (T + 1,) u.
        smallest: (T + 1,) least eigenvalue of B.
        largest: (T + 1,) largest eigenvalue of B.
        trials: Rows looked at: proposals, or n a potential for the exact sampler.
    """

    gamma: float
    middle: float
    potential: Tensor = field(repr=False)
    shared: Tensor = field(repr=False)
    lower: Tensor = field(repr=False)
    upper: Tensor = field(repr=False)
    smallest: Tensor = field(repr=False)
    largest: Tensor = field(repr=False)
    trials: int


def randomized_bss(
    V: Float[ArrayLike, "n D"] | Pool,
    eps: float,
    *,
    p: Float[ArrayLike, " n"] | None = None,
    seed: int | torch.Generator,
    sampler: str = "rejection",
    batch: int = 1,
) -> Sample:
    r"""An eps-importance sampling procedure with O(D/eps) rows: weighted rows with $\lambda(A^*A)\in[3/4,5/4]$, always.

    Rounds are as in the module's notes with $\gamma = \min(0.11,\sqrt{\varepsilon/(2+\varepsilon)})$. On termination property 1
    and property 2 hold with certainty; it terminates with probability 1, after about $1.4D/\gamma^2$ to $1.9D/\gamma^2$
    rounds as measured (single runs up to 2.7): near 3 D/eps to 4 D/eps for eps below 0.024, near 130 D above.

    Args:
        V: (n, D), orthonormal under p; or a `Pool` of it, checked before.
        eps: Accuracy, in (0, 1].
        p: (n,) masses of sum 1; None is 1/n each.
        seed: Integer or CPU generator.
        sampler: "rejection", whose rounds cost $O(D^3)$ + proposals x $O(D^2)$, whatever n is; or "exact", $O(nD^2+D^3)$. Both
            have the same law.
        batch: Most draws from one potential, from 1 (the analysed algorithm) to 4 D; fewer are made where so many could cross
            a barrier (the largest safe number is at least $1/\gamma$, rounded down). Faster by about ten times for D = 20.

    Returns:
        indices (k,), weights (k,) in the dtype and on the device of V, and a `BSSHistory`. Rows repeat; buy
        `history.distinct` labels.

    Raises:
        InputError: V not orthonormal under p, entries that are not finite, a mass that is not positive, eps outside (0, 1], an
            unknown sampler, or a batch outside 1 to 4 D.

    Source: Lee and Sun (2018), Chen and Price (2019), section 4; "Sample Complexity of Deep Active Learning", lemma 5.8.
    """
    gamma = gamma_for(eps)
    source = pool(V, p)
    batch = check_integer("batch", batch)
    if batch > 4 * source.D:
        raise InputError(f"`batch` is {batch} but at most 4 D = {4 * source.D} draws may share a potential; pass fewer.")
    _check_sampler(sampler)
    rng = np.random.default_rng(seed_of(seed))
    if sampler == "exact":
        return _run(source, gamma, Exact(source, rng), batch)
    with single_threaded_libraries():  # D x D matrices are too small to share
        return _run(source, gamma, Rejection(source, rng), batch)


def round_draws(
    V: Float[ArrayLike, "n D"] | Pool,
    B: Float[ArrayLike, "D D"],
    lower: float,
    upper: float,
    draws: int,
    *,
    p: Float[ArrayLike, " n"] | None = None,
    seed: int | torch.Generator,
    sampler: str = "rejection",
) -> tuple[Tensor, int]:
    r"""Independent rows from the law of one round, $p\,v^\top Qv/\Phi$, as the runs draw them.

    Args:
        V: As for `randomized_bss`, as are p, the seed and the sampler.
        B: (D, D) symmetric, eigenvalues between the barriers.
        lower: l.
        upper: u.
        draws: How many rows.
        p: Masses.
        seed: Integer or CPU generator.
        sampler: "rejection" or "exact".

    Returns:
        (draws,) row numbers, and how many rows were looked at for them.

    Raises:
        InputError: As for `randomized_bss`, B not of the size of the basis, or an eigenvalue of B not between the barriers.

    Source: as for `randomized_bss`.
    """
    source, draws = pool(V, p), check_integer("draws", draws)
    _check_sampler(sampler)
    matrix = as_tensor("B", B, ndim=2, layout="(D, D)").detach().cpu().double().numpy()
    if matrix.shape != (source.D, source.D):
        raise InputError(f"`B` has shape {matrix.shape} but the basis has D = {source.D}; pass a matrix (D, D).")
    values, vectors = np.linalg.eigh(matrix)
    if not lower < values[0] <= values[-1] < upper:
        raise InputError(
            f"`B` has eigenvalues from {values[0]:.6g} to {values[-1]:.6g} but the barriers are {lower:.6g} and {upper:.6g}; "
            "pass barriers on both sides of the spectrum."
        )
    draw = (Rejection if sampler == "rejection" else Exact)(source, np.random.default_rng(seed_of(seed)))
    with single_threaded_libraries():
        index = draw(vectors, 1 / (upper - values) + 1 / (values - lower), draws)[0]
    return torch.from_numpy(index.astype(np.int64)).to(source.device), draw.trials


def _check_sampler(sampler: str) -> None:
    if sampler not in SAMPLERS:
        raise InputError(f"`sampler` is {sampler!r} but one of {', '.join(SAMPLERS)} is wanted; pass one.")


def _run(source: Pool, gamma: float, draw: Rejection | Exact, batch: int) -> Sample:
    """All rounds."""
    D = source.D
    mid = middle(D, gamma)
    lower, upper = start(D, gamma)
    B = np.zeros((D, D))
    rows, weights, record = [], [], []
    smallest_q = math.inf
    while True:
        values, vectors = np.linalg.eigh(B)
        if upper - lower >= 8 * D / gamma * (1 - 1e-14):  # else a round more where the last step met it but for rounding
            break
        Q = 1 / (upper - values) + 1 / (values - lower)
        phi = float(Q.sum())
        raised, lifted = gamma / phi / (1 - gamma), gamma / phi / (1 + gamma)
        left = math.ceil((8 * D / gamma - (upper - lower)) / (raised - lifted) * (1 - 1e-12))
        shared = max(1, min(batch, left, _safe(values, Q, lower, upper, gamma, lifted, raised)))
        record.append((phi, shared, lower, upper, values[0], values[-1]))
        index, v, q = draw(vectors, Q, shared)
        B += (v * (gamma / q)[:, None]).T @ v
        B = (B + B.T) / 2
        lower, upper = lower + shared * lifted, upper + shared * raised
        rows.append(index)
        weights.append(gamma / q / mid)
        smallest_q = min(smallest_q, float(Q.min()))
    phis, shares, lows, highs, least, most = (np.array(column) for column in zip(*record, strict=True))
    beta = np.repeat(gamma / phis / mid, shares)
    index, u = np.concatenate(rows), np.concatenate(weights)
    history = BSSHistory(
        **certificate(source, index, u, beta, gamma / mid / smallest_q),
        gamma=gamma,
        middle=mid,
        potential=torch.from_numpy(phis),
        shared=torch.from_numpy(shares),
        lower=torch.from_numpy(np.append(lows, lower)),
        upper=torch.from_numpy(np.append(highs, upper)),
        smallest=torch.from_numpy(np.append(least, values[0])),
        largest=torch.from_numpy(np.append(most, values[-1])),
        trials=draw.trials,
    )
    return sample(source, index, u, history)


def _safe(values: Array, Q: Array, lower: float, upper: float, gamma: float, lifted: float, raised: float) -> int:
    """How many draws with one potential cannot cross a barrier, whatever rows they are: 0 where rounding leaves it open."""
    rises = gamma / Q - raised  # by how much an eigenvalue may come nearer to u in a draw
    above = np.where(rises > 0, (upper - values) / np.where(rises > 0, rises, 1.0), np.inf)
    nearest = min(float(above.min()), (float(values[0]) - lower) / lifted)
    return math.ceil(nearest * (1 - 1e-9)) - 1


class Rejection:
    """Draws from p q by proposals from p |v|^2; the rows do not depend on how many proposals are looked at together."""

    def __init__(self, source: Pool, rng: np.random.Generator) -> None:
        self.trials = 0
        self._source, self._rng = source, rng
        self._refill()

    def __call__(self, vectors: Array, Q: Array, count: int) -> tuple[Array, Array, Array]:
        """`count` rows: their numbers, the rows, and q of each."""
        rate = float(Q.mean() / Q.max())
        root = vectors * np.sqrt(Q)
        kept: list[tuple[Array, Array, Array]] = []
        while count:
            if self._at == _CHUNK:
                self._refill()
            stop = min(_CHUNK, self._at + int(1.2 * count / rate) + 4)
            here = slice(self._at, stop)
            z = self._rows[here] @ root
            q = np.einsum("ij,ij->i", z, z)
            accepted = np.flatnonzero(self._heights[here] * Q.max() < q)[:count]
            used = int(accepted[-1]) + 1 if len(accepted) == count else stop - self._at
            kept.append((self._index[here][accepted], self._rows[here][accepted], q[accepted]))
            count -= len(accepted)
            self.trials += used
            self._at += used
        return kept[0] if len(kept) == 1 else tuple(np.concatenate(parts) for parts in zip(*kept, strict=True))  # type: ignore[return-value]

    def _refill(self) -> None:
        place, height = self._rng.random((_CHUNK, 2)).T
        self._index = self._source.drawn(place)
        self._rows = self._source.V[self._index]
        self._heights = height * self._source.squares[self._index]
        self._at = 0


class Exact:
    """Draws from p q by summing it over the whole pool."""

    def __init__(self, source: Pool, rng: np.random.Generator) -> None:
        self.trials = 0
        self._source, self._rng = source, rng

    def __call__(self, vectors: Array, Q: Array, count: int) -> tuple[Array, Array, Array]:
        """`count` rows: their numbers, the rows, and q of each."""
        z = self._source.V @ (vectors * np.sqrt(Q))
        q = np.einsum("ij,ij->i", z, z)
        index = inverse(np.cumsum(self._source.p * q), self._rng.random(count))
        self.trials += self._source.n
        return index, self._source.V[index], q[index]
