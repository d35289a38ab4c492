r"""Kendall's and Spearman's rank correlations, and a test whose unit is the replicate.

With $P$ concordant and $Q$ discordant pairs among the $n(n-1)/2$ pairs of positions, and $n_x$, $n_y$ the pairs that are
not tied in x, in y,

$$\tau_a = \frac{P-Q}{n(n-1)/2},\qquad \tau_b = \frac{P-Q}{\sqrt{n_xn_y}} .$$

$\tau_b$ is undefined (NaN) where all of x or all of y are tied. Without ties both are the same number. Spearman's $\rho$ is the
ordinary correlation of the ranks.

Source: Spearman, Amer. J. Psychol. 15 (1904) 72; Kendall, Biometrika 30 (1938) 81 and 33 (1945) 239 (ties);
used by dynamicAL (ICLR 2022 submission), section 4.3.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, check_integer, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

_PAIRS_LIMIT = 512  # up to this length all pairs are compared, beyond it merge sort counts them
_BLOCK = 1 << 22  # pairs compared at once
_ENUMERATED = 16  # up to this many replicates all sign patterns are visited
_ROUNDING = 1e-12  # sums of the same numbers in another order count as equal


def kendall_tau(
    x: Float[ArrayLike, "*batch n"], y: Float[ArrayLike, "*batch n"], *, variant: str = "b"
) -> Float[Tensor, "*batch"]:
    r"""Kendall's $\tau$ between x and y along the last dimension.

    Short sequences compare all pairs, many sequences at once; long ones go through `scipy.stats.kendalltau`, which counts
    by merge sort in $n\log n$ steps.

    Args:
        x: (..., n), n >= 2.
        y: (..., n), broadcast with x.
        variant: `"b"` (corrected for ties, the usual one) or `"a"` (ties count as neither).

    Returns:
        (...,) from -1 to 1; NaN for `"b"` where all of x or all of y are tied.

    Raises:
        InputError: Fewer than two values, lengths or dtypes that differ, entries that are not finite, an unknown variant.
    """
    if variant not in ("a", "b"):
        raise InputError(f"`variant` is {variant!r} but 'a' or 'b' is wanted; pass 'b' for the usual coefficient.")
    first, second = as_tensors(x=x, y=y)
    n = first.shape[-1] if first.ndim else 0
    if n < 2 or second.ndim == 0 or second.shape[-1] != n:
        raise InputError(
            f"`x` and `y` have shapes {tuple(first.shape)} and {tuple(second.shape)} but (..., n) with the same n >= 2 are "
            "wanted; pass one value of each for every item."
        )
    if is_exact(first) or is_exact(second) or n <= _PAIRS_LIMIT:
        return _by_pairs(first, second, variant)
    return _by_sorting(first, second, variant)


def spearman_rho(x: Float[ArrayLike, "*batch n"], y: Float[ArrayLike, "*batch n"]) -> Float[Tensor, "*batch"]:
    r"""Spearman's $\rho$ between x and y along the last dimension: the correlation of the ranks, tied values sharing theirs.

    Args:
        x: (..., n), n >= 2.
        y: (..., n), broadcast with x.

    Returns:
        (...,) from -1 to 1; NaN where all of x or all of y are tied.

    Raises:
        InputError: Fewer than two values, lengths or dtypes that differ, entries that are not finite.
    """
    first, second = as_tensors(x=x, y=y)
    n = first.shape[-1] if first.ndim else 0
    if n < 2 or second.ndim == 0 or second.shape[-1] != n:
        raise InputError(
            f"`x` and `y` have shapes {tuple(first.shape)} and {tuple(second.shape)} but (..., n) with the same n >= 2 are "
            "wanted; pass one value of each for every item."
        )
    a, b = (_centred_ranks(v) for v in (first, second))
    size = torch.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    return ((a * b).sum(-1) / size).clamp(-1, 1)


def _centred_ranks(v: Tensor) -> Tensor:
    """Average ranks less their mean: half of (values below less values above)."""
    ordered = torch.sort(v, -1).values
    below = torch.searchsorted(ordered.contiguous(), v.contiguous())
    up_to = torch.searchsorted(ordered.contiguous(), v.contiguous(), right=True)
    return (below + up_to - v.shape[-1]).to(v.dtype) / 2


def _by_pairs(x: Any, y: Any, variant: str) -> Any:
    """All pairs compared; blocks of the batch where they do not fit at once."""
    n = x.shape[-1]
    pairs = n * (n - 1) // 2
    if not (is_exact(x) or is_exact(y)):
        x, y = torch.broadcast_tensors(x, y)
        rows = max(1, _BLOCK // pairs)
        flat = x.reshape(-1, n), y.reshape(-1, n)
        if len(flat[0]) > rows:
            parts = [_by_pairs(a, b, variant) for a, b in zip(flat[0].split(rows), flat[1].split(rows), strict=True)]
            return torch.cat(parts).reshape(x.shape[:-1])
    i, j = torch.triu_indices(n, n, 1)
    dx, dy = (torch.sign(v[..., j] - v[..., i]) for v in (x, y))
    score = (dx * dy).sum(-1)
    if variant == "a":
        return score / pairs
    return score / torch.sqrt((dx * dx).sum(-1) * (dy * dy).sum(-1))


def _by_sorting(x: Tensor, y: Tensor, variant: str) -> Tensor:
    """scipy's merge sort, one sequence after the other."""
    import numpy as np
    from scipy.stats import kendalltau

    x, y = torch.broadcast_tensors(x, y)
    n = x.shape[-1]
    flat = [v.detach().cpu().numpy().reshape(-1, n) for v in (x, y)]
    found = []
    for a, b in zip(*flat, strict=True):
        tau = float(kendalltau(a, b, method="asymptotic").statistic)
        if variant == "a":
            untied = np.prod([1 - _tied(v) for v in (a, b)])
            tau = 0.0 if untied == 0 else tau * float(untied) ** 0.5
        found.append(tau)
    return torch.tensor(found, dtype=x.dtype, device=x.device).reshape(x.shape[:-1])


def _tied(v: Any) -> float:
    """The share of pairs that are tied."""
    import numpy as np

    counts = np.unique(v, return_counts=True)[1].astype(float)
    return float((counts * (counts - 1)).sum() / (len(v) * (len(v) - 1)))


@dataclass(frozen=True)
class ReplicateTest:
    """What replicates say about a mean correlation of 0.

    Attributes:
        mean: The mean of the coefficients over the replicates.
        p_value: How probable a mean at least as extreme is when every replicate's sign is a coin.
        patterns: Sign patterns visited; all $2^R$ of them where `exact`.
        exact: Whether all were visited.
    """

    mean: float
    p_value: float
    patterns: int
    exact: bool


def replicate_test(
    taus: Float[ArrayLike, " replicates"],
    *,
    alternative: str = "two-sided",
    draws: int = 100_000,
    seed: int | torch.Generator = 0,
) -> ReplicateTest:
    r"""Is the mean of $\tau$ over replicates 0? A permutation test at the level of the replicates.

    The draws within a replicate share what the replicate fixed (in dynamicAL, section 4.3: 150 query sets share one
    labelled set S and one trained network), so their number says nothing about other replicates: a p-value from 150 draws
    is about this S only. Here a replicate counts once. Under the hypothesis that each replicate's $\tau$ is as likely to be
    $+\tau_r$ as $-\tau_r$, the mean is compared with the means of all sign patterns (R up to 16), or of `draws` random ones
    together with the observed one (Phipson and Smyth 2010: the p-value is then never 0). R replicates cannot give a p-value
    below $2^{-R}$, or $2^{1-R}$ two-sided.

    Args:
        taus: (R,) one coefficient a replicate, none of them NaN.
        alternative: `"two-sided"`, `"greater"` or `"less"`.
        draws: Random sign patterns, when there are too many to visit all.
        seed: Seed of those.

    Returns:
        A `ReplicateTest`.

    Raises:
        InputError: taus that are not a finite vector, an unknown alternative, fewer than one draw.
    """
    values = as_tensor("taus", taus, ndim=1, layout="(R,)").to(torch.float64).cpu()
    count = check_integer("draws", draws)
    score = {"two-sided": torch.abs, "greater": torch.positive, "less": torch.neg}.get(alternative)
    if score is None:
        raise InputError(f"`alternative` is {alternative!r} but 'two-sided', 'greater' or 'less' is wanted; pass one of them.")
    R = len(values)
    observed = score(values.mean())
    slack = _ROUNDING * values.abs().mean()
    if R <= _ENUMERATED:
        signs = torch.tensor(list(itertools.product((1.0, -1.0), repeat=R)), dtype=torch.float64)
        extreme = int((score(signs @ values / R) >= observed - slack).sum())
        return ReplicateTest(float(values.mean()), extreme / 2**R, 2**R, True)
    generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(int(seed))
    extreme, left = 1, count
    while left > 0:
        rows = min(left, max(1, _BLOCK // R))
        signs = 1.0 - 2.0 * torch.randint(0, 2, (rows, R), generator=generator).to(torch.float64)
        extreme += int((score(signs @ values / R) >= observed - slack).sum())
        left -= rows
    return ReplicateTest(float(values.mean()), extreme / (count + 1), count + 1, False)
