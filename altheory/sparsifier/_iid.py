r"""Independent draws: leverage-score and uniform sampling, with the number of rows that a matrix Chernoff bound asks for.

k rows drawn from a law D' with $\beta = 1/k$ have $E\,A^*A = I$ and summands of norm at most $K/k$, $K = \max_x p|v|^2/D'$, so
$$P(\text{not good})\le D\left(e^{-c_-k/K}+e^{-c_+k/K}\right),\quad c_- = \tfrac34\ln\tfrac34+\tfrac14 = 0.0342,\quad
c_+ = \tfrac54\ln\tfrac54-\tfrac14 = 0.0289 .$$
$k\ge K\ln(20D)/c_+$ makes it at most 1/10, and $k\ge 2K/\varepsilon$ is property 2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from altheory._inputs import check_integer
from altheory._weights import seed_of
from altheory.sparsifier._barriers import gamma_for
from altheory.sparsifier._pool import Pool, Sample, SampleHistory, certificate, inverse, pool, sample

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float

    from altheory._inputs import ArrayLike

    Array = np.ndarray[Any, Any]

CHERNOFF = 1.25 * math.log(1.25) - 0.25


def leverage(
    V: Float[ArrayLike, "n D"] | Pool,
    eps: float,
    *,
    p: Float[ArrayLike, " n"] | None = None,
    seed: int | torch.Generator,
    draws: int | None = None,
) -> Sample:
    r"""Independent rows from the leverage scores, $D'(x) = p|v|^2/D$, for which K = D, the least there is.

    Args:
        V: As for `randomized_bss`, as are the rest and the errors.
        eps: Accuracy.
        p: Masses.
        seed: Integer or CPU generator.
        draws: k; None is $\max(K\ln(20D)/0.0289, 2K/\varepsilon)$, rounded up, with which the output is good with probability
            at least 9/10. With a number of your own, look at `history.good` and `history.serves(eps)`.

    Returns:
        indices (k,), weights (k,), and a `SampleHistory`.

    Source: Drineas et al. (2008); "Sample Complexity of Deep Active Learning", lemma 5.9 (the constants are ours).
    """
    source = pool(V, p)
    return _independent(source, source.proposal, source.p * source.squares / source.D, float(source.D), eps, seed, draws)


def uniform(
    V: Float[ArrayLike, "n D"] | Pool,
    eps: float,
    *,
    p: Float[ArrayLike, " n"] | None = None,
    seed: int | torch.Generator,
    draws: int | None = None,
) -> Sample:
    r"""Independent rows, all equally likely, $D'(x) = 1/n$, so $K = n\max_x p|v|^2$ and $u = np(x)/k$.

    Arguments, result and errors as for `leverage`. K may be as large as n: then more rows are drawn than there are.
    """
    source = pool(V, p)
    n = source.n
    K = float(n * (source.p * source.squares).max())
    return _independent(source, np.arange(1, n + 1) / n, np.full(n, 1 / n), K, eps, seed, draws)


def _independent(
    source: Pool, running: Array, law: Array, K: float, eps: float, seed: int | torch.Generator, draws: int | None
) -> Sample:
    gamma_for(eps)  # refuses an accuracy outside (0, 1]
    k = math.ceil(max(K * math.log(20 * source.D) / CHERNOFF, 2 * K / eps)) if draws is None else check_integer("draws", draws)
    uniforms = np.random.default_rng(seed_of(seed)).random(k)
    rows = inverse(running, uniforms)
    weights = source.p[rows] / law[rows] / k
    beta = np.full(k, 1 / k)
    return sample(source, rows, weights, SampleHistory(**certificate(source, rows, weights, beta, K / k)))
