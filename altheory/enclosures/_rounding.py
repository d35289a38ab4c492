r"""Products and norms in float64 with proved bounds of their rounding errors.

Throughout, $u=2^{-53}$ and $\gamma_k=ku/(1-ku)$. An inner product of length k, added up in any order, with or without fused
multiply-add, has $|fl(x^\top y)-x^\top y|\le\gamma_k|x|^\top|y|$ where nothing underflows (Higham, Accuracy and Stability of
Numerical Algorithms, 2nd ed., sections 3.1 and 3.5).

**Underflow.** Every function here wants arrays whose entries are at most 1 in absolute value (`to_unit` arranges it), up to a
factor n. One operation that underflows, gradually or to zero, then costs at most $2^{-1022}$, all of them together, for
$n\le2^{20}$, less than $2^{-900}$ in any norm; a square root of a sum of underflowing squares costs less than $2^{-490}$. Both
are covered by the constant `TINY` that every bound carries.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from altheory._inputs import InputError
from altheory.enclosures._interval import scaled_up, up

U = 2.0**-53
TINY = 2.0**-480
_CHUNK = 1 << 20  # entries of one temporary in `dot2`


def inflate(x: float, roundings: int) -> float:
    r"""An upper bound of a sum of products of nonnegative numbers whose evaluation gave x.

    At most `roundings` = k errors lie on the way of any term:
    $x(1-u)^{-k}\le x(1+2(k+4)u)$, the three roundings of the right side included, while $2(k+4)^2u\le k+5$.
    """
    return x * (1 + 2 * (roundings + 4) * U)


def gamma(k: int) -> float:
    r"""An upper bound of $\gamma_k=ku/(1-ku)$."""
    return up(k * U / (1 - 2 * k * U))


def to_unit(A: Tensor) -> tuple[Tensor, int]:
    r"""$2^{-e}A$ and e, with the largest entry in [1/2, 1); exact but for entries below $2^{-1022}$ afterwards."""
    if bool(torch.tensor([2.0**-1060], dtype=torch.float64).mul(2.0**1000)[0] == 0):
        raise InputError(
            "`torch.set_flush_denormal(True)` is in force but rigorous bounds need every float64 number; "
            "switch it off with `torch.set_flush_denormal(False)`."
        )
    exponent = math.frexp(float(A.abs().max()))[1]
    half = exponent // 2
    return A * 2.0**-half * 2.0 ** (half - exponent), exponent


def norm_bound(M: Tensor) -> float:
    r"""An upper bound of $\|\,|M|\,\|_2\ge\|M\|_2$: the least of $\|M\|_F$ and $(\|M\|_1\|M\|_\infty)^{1/2}$."""
    absolute = M.abs()
    mixed = math.sqrt(float(absolute.sum(0).max()) * float(absolute.sum(1).max()))
    frobenius = math.sqrt(float((M * M).sum()))
    return inflate(min(mixed, frobenius), M.numel() + 4) + TINY


def norm_bound_product(A: Tensor, B: Tensor) -> float:
    r"""An upper bound of $\|\,|A||B|\,\|_2$, from its row and column sums, which cost $O(n^2)$."""
    a, b = A.abs(), B.abs()
    rows, columns = a @ b.sum(1), a.sum(0) @ b
    mixed = math.sqrt(float(rows.max()) * float(columns.max()))
    return min(inflate(mixed, 2 * (a.numel() + b.numel())) + TINY, up(norm_bound(A) * norm_bound(B)))


def product(A: Tensor, B: Tensor) -> tuple[Tensor, float]:
    r"""$P\approx AB$ and g with $|P-AB|\le g|A||B|$ (and `TINY` for underflow), g of order $\sqrt k u$ instead of $ku$.

    The inner dimension k is cut into blocks of about $\sqrt k$, each product is formed for itself, and the blocks are added: an
    entry passes through at most (block + number of blocks) roundings, however the BLAS adds within a block.
    """
    inner = A.shape[1]
    block = 32 * math.ceil(math.sqrt(inner) / 32)
    P = A[:, :block] @ B[:block]
    for start in range(block, inner, block):
        P += A[:, start : start + block] @ B[start : start + block]
    return P, gamma(block + math.ceil(inner / block))


def dot2(X: Tensor, Y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""Inner products over the last axis in twice the precision.

    Returns (h, l, b) with $|h+l-\sum_ix_iy_i|\le b=4(t+2)^2u^2\sum_i|x_iy_i|$, $t=\lceil\log_2n\rceil$. The products are split
    exactly (Dekker), the high parts added along a binary tree with every error kept exactly (Knuth). With S the sum of absolute
    values, the low terms, (t + 1) at most above each leaf, sum to at most $(t+1)u(1+u)^{t+1}S$; each passes through at most 2t
    additions, so that their rounding costs at most $\gamma_{2t}(t+1)u(1+u)^{t+1}S\le3(t+2)^2u^2S$. (Ogita, Rump and Oishi,
    2005, do the same along a line.)
    """
    high = X * Y
    low = _product_error(X, Y, high)
    depth = max(1, math.ceil(math.log2(high.shape[-1])))
    bound = 4 * (depth + 2) ** 2 * U * U * high.abs().sum(-1)
    while high.shape[-1] > 1:
        if high.shape[-1] % 2:
            high, low = torch.nn.functional.pad(high, (0, 1)), torch.nn.functional.pad(low, (0, 1))
        x, y = high.tensor_split(2, dim=-1)
        total = x + y
        part = total - x
        error = (x - (total - part)) + (y - part)
        left, right = low.tensor_split(2, dim=-1)
        high, low = total, (left + right) + error
    return high[..., 0], low[..., 0], bound


def product2(A: Tensor, V: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A V in twice the precision, as (h, l, b) with |h + l - A V| <= b entry by entry; a few rows of A at a time."""
    rows = max(1, _CHUNK // A.shape[1])
    columns = []
    for v in V.T:
        parts = [dot2(A[i : i + rows], v) for i in range(0, A.shape[0], rows)]
        columns.append([torch.cat(part) for part in zip(*parts)])
    high, low, bound = (torch.stack(part, dim=1) for part in zip(*columns))
    return high, low, bound


def perturbation_norm(error: Tensor) -> float:
    r"""An upper bound of $\|\Delta\|_2$ over all symmetric $\Delta$ with $|\Delta|\le E$.

    $\|\Delta\|_2\le\|\,|\Delta|\,\|_2\le\rho(E')$ with $E'=\min(E,E^\top)$, and for the spectral radius of a nonnegative matrix
    $\rho(E')\le\max_i(E'x)_i/x_i$ with any positive x (Collatz and Wielandt); x comes from a few power steps.
    """
    largest = float(error.max())
    if largest == 0:
        return 0.0
    E, exponent = to_unit(torch.minimum(error, error.T))
    E = E + TINY  # upwards, also where entries were lost to underflow
    x = torch.ones_like(E[0])
    for _ in range(8):
        x = E @ x
        x = x / x.max() + 2.0**-30
    bound = inflate(float((E @ x / x).max()), E.shape[0] + 4)
    return scaled_up(min(bound, norm_bound(E)), exponent)


def _product_error(x: Tensor, y: Tensor, product: Tensor) -> Tensor:
    """x y - fl(x y), exactly (Dekker, with Veltkamp's splitting), where nothing underflows."""
    a, b = _split(x)
    c, d = _split(y)
    return b * d - (((product - a * c) - b * c) - a * d)


def _split(x: Tensor) -> tuple[Tensor, Tensor]:
    """X as a sum of two numbers of at most 26 bits."""
    big = x * 134217729.0
    high = big - (big - x)
    return high, x - high
