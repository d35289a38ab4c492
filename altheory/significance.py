r"""Tests of significance from what a paper prints: means, standard deviations and the number of trials.

With $\bar x_i$, $s_i$ (divisor $n_i - 1$) and $v_i = s_i^2/n_i$, two groups are compared by

$$t = \frac{\bar x_1-\bar x_2}{\sqrt{v_1+v_2}},\qquad \nu = \frac{(v_1+v_2)^2}{v_1^2/(n_1-1)+v_2^2/(n_2-1)}$$

(Welch), or with the pooled variance and $\nu = n_1+n_2-2$ (Student); with $n_1 = n_2$ the two t are the same number.

Sources: Student, Biometrika 6 (1908) 1; Fisher, Statistical methods for research workers, 1925; Welch, Biometrika 34
(1947) 28.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, check_integer

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike


@dataclass(frozen=True)
class TTest:
    """Two groups compared: `t`, its degrees of freedom and the two-sided p-value, each of the shape of the means."""

    t: Tensor
    degrees: Tensor
    p: Tensor


@dataclass(frozen=True)
class FTest:
    """Several groups compared: `F` and its p-value, shape (...), and the two degrees of freedom."""

    F: Tensor
    between: int
    within: int
    p: Tensor


def welch(
    mean1: Float[ArrayLike, "*batch"],
    sd1: Float[ArrayLike, "*batch"],
    n1: int,
    mean2: Float[ArrayLike, "*batch"],
    sd2: Float[ArrayLike, "*batch"],
    n2: int,
) -> TTest:
    """Welch's t-test of two means: the variances need not be equal.

    Args:
        mean1: (...,) mean of the first group; broadcast with the others.
        sd1: (...,) its standard deviation.
        n1: how many trials it is over, at least 2.
        mean2: (...,) mean of the second group.
        sd2: (...,) its standard deviation.
        n2: how many trials it is over, at least 2.

    Returns:
        A `TTest`. Two groups without any spread have t infinite and p = 0, or p = 1 where their means agree.

    Raises:
        InputError: a negative standard deviation, fewer than 2 trials, or values that are not finite.
    """
    m1, s1, m2, s2 = _groups(mean1, sd1, mean2, sd2)
    k1, k2 = check_integer("n1", n1, least=2), check_integer("n2", n2, least=2)
    v1, v2 = s1 * s1 / k1, s2 * s2 / k2
    some = v1 + v2 > 0
    degrees = (v1 + v2) ** 2 / (v1 * v1 / (k1 - 1) + v2 * v2 / (k2 - 1))
    return _t_test(m1 - m2, v1 + v2, torch.where(some, degrees, float(k1 + k2 - 2)))


def student(
    mean1: Float[ArrayLike, "*batch"],
    sd1: Float[ArrayLike, "*batch"],
    n1: int,
    mean2: Float[ArrayLike, "*batch"],
    sd2: Float[ArrayLike, "*batch"],
    n2: int,
) -> TTest:
    """Student's t-test of two means, which takes their variances to be equal; arguments and errors as for `welch`."""
    m1, s1, m2, s2 = _groups(mean1, sd1, mean2, sd2)
    k1, k2 = check_integer("n1", n1, least=2), check_integer("n2", n2, least=2)
    pooled = ((k1 - 1) * s1 * s1 + (k2 - 1) * s2 * s2) / (k1 + k2 - 2)
    return _t_test(m1 - m2, pooled * (1 / k1 + 1 / k2), torch.full_like(pooled, k1 + k2 - 2))


def one_way_anova(means: Float[ArrayLike, "*batch groups"], sds: Float[ArrayLike, "*batch groups"], n: int) -> FTest:
    r"""Do k groups of n trials each have one mean? $F = n\,\mathrm{Var}(\bar x)\,/\,\frac1k\sum_i s_i^2$.

    Args:
        means: (..., k), k >= 2.
        sds: (..., k) standard deviations, not all of them 0.
        n: trials in each group, at least 2.

    Returns:
        An `FTest` with k - 1 and k (n - 1) degrees of freedom.

    Raises:
        InputError: fewer than 2 groups or trials, a negative standard deviation, no spread at all, shapes that differ.
    """
    import numpy as np
    from scipy.special import fdtrc

    m, s, _, _ = _groups(means, sds, means, sds)
    count = check_integer("n", n, least=2)
    k = m.shape[-1] if m.ndim else 0
    if k < 2:
        raise InputError(f"`means` has shape {tuple(m.shape)} but (..., k) with k >= 2 is wanted; pass one mean a group.")
    within = (s * s).mean(-1)
    if bool((within == 0).any()):
        raise InputError("`sds` are all 0 but some spread within the groups is wanted; compare the means as they are.")
    F = count * m.var(-1) / within
    p = np.asarray(fdtrc(k - 1, k * (count - 1), F.detach().cpu().numpy()))
    return FTest(F, k - 1, k * (count - 1), torch.as_tensor(p, dtype=F.dtype, device=F.device))


def sign_test(wins: Int[ArrayLike, "*batch"], n: Int[ArrayLike, "*batch"]) -> Float[Tensor, "*batch"]:
    r"""The two-sided p-value of `wins` heads among n independent fair coins: $\min(1, 2P(\mathrm{Bin}(n,\frac12)\ge k))$,
    k the larger of heads and tails.

    Args:
        wins: (...,) integers from 0 to n.
        n: (...,) integers from 1 up, broadcast with `wins`.

    Returns:
        (...,) probabilities.

    Raises:
        InputError: numbers that are not whole, or wins outside 0 to n.
    """
    import numpy as np

    heads, tosses = np.broadcast_arrays(np.asarray(wins), np.asarray(n))
    if (
        heads.dtype.kind not in "iu"
        or tosses.dtype.kind not in "iu"
        or not ((heads >= 0) & (heads <= tosses) & (tosses >= 1)).all()
    ):
        raise InputError(
            f"`wins` and `n` are {wins!r} and {n!r} but integers with 0 <= wins <= n, n >= 1 are wanted; pass counts."
        )
    found = [_two_tails(int(k), int(m)) for k, m in zip(heads.ravel(), tosses.ravel(), strict=True)]
    return torch.tensor(found, dtype=torch.float64).reshape(heads.shape)


def _two_tails(wins: int, n: int) -> float:
    """In whole numbers, divided once."""
    tail = sum(math.comb(n, k) for k in range(max(wins, n - wins), n + 1))
    return min(1.0, 2 * tail / 2**n)


def least_detectable(
    sd: Float[ArrayLike, "*batch"], n: int, *, level: float = 0.05, power: float = 0.8
) -> Float[Tensor, "*batch"]:
    r"""The difference between two means of n trials each that Student's two-sided test finds with the given probability.

    It is $\delta\,s\sqrt{2/n}$, where $\delta$ solves $P(|T| > t_{1-\alpha/2}) = $ power for the noncentral t with $2n-2$
    degrees of freedom and noncentrality $\delta$. At n = 3, level 0.05 and power 0.8 it is 3.07 standard deviations.

    Args:
        sd: (...,) standard deviation of one trial, the same in both groups.
        n: trials in each group, at least 2.
        level: error level of the test, strictly between 0 and 1.
        power: the probability to find it, above the level and below 1.

    Returns:
        (...,) differences, in the units of `sd`.

    Raises:
        InputError: a negative sd, fewer than 2 trials, or level and power that are not 0 < level < power < 1.
    """
    values = as_tensor("sd", sd)
    if bool((values < 0).any()):
        raise InputError(f"`sd` is {sd!r} but standard deviations are wanted; pass numbers of at least 0.")
    count = check_integer("n", n, least=2)
    if not 0 < level < power < 1:
        raise InputError(f"`level` is {level!r} and `power` {power!r} but 0 < level < power < 1 is wanted; try 0.05 and 0.8.")
    return values * _standardised(count, float(level), float(power))


@lru_cache(maxsize=64)
def _standardised(n: int, level: float, power: float) -> float:
    """`least_detectable` for a standard deviation of 1."""
    from scipy.optimize import brentq
    from scipy.stats import nct
    from scipy.stats import t as central

    degrees = 2 * n - 2
    edge = central.ppf(1 - level / 2, degrees)

    def short(delta: float) -> float:
        return float(nct.sf(edge, degrees, delta) + nct.cdf(-edge, degrees, delta)) - power

    top = 1.0
    while short(top) < 0:
        top *= 2
    return float(brentq(short, 0.0, top, xtol=1e-12)) * (2 / n) ** 0.5


def _groups(mean1: Any, sd1: Any, mean2: Any, sd2: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Means and standard deviations, broadcast; a negative standard deviation is refused."""
    m1, s1, m2, s2 = as_tensors(mean1=mean1, sd1=sd1, mean2=mean2, sd2=sd2)
    try:
        m1, s1, m2, s2 = torch.broadcast_tensors(m1, s1, m2, s2)
    except RuntimeError:
        shapes = ", ".join(str(tuple(v.shape)) for v in (m1, s1, m2, s2))
        raise InputError(
            f"means and standard deviations have the shapes {shapes}, which do not broadcast; pass equal ones."
        ) from None
    if bool((s1 < 0).any()) or bool((s2 < 0).any()):
        raise InputError("a standard deviation is negative but numbers of at least 0 are wanted; pass them as printed.")
    return m1, s1, m2, s2


def _t_test(difference: Tensor, variance: Tensor, degrees: Tensor) -> TTest:
    """t, and the two-sided p-value from Student's distribution."""
    import numpy as np
    from scipy.special import stdtr

    t = torch.where(difference == 0, 0.0, difference / variance.sqrt())
    p = np.asarray(2 * stdtr(degrees.detach().cpu().numpy(), -t.abs().detach().cpu().numpy()))
    return TTest(t, degrees, torch.as_tensor(p, dtype=t.dtype, device=t.device))
