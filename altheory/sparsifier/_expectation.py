r"""What weighted regression costs on average over all samples of k independent draws, without sampling.

Rows are drawn from a law q, with weights $u_j = \beta\,p(x_j)/q(x_j)$ and $\beta$ the same in every draw. A label is
$y = f(x)+r(x)+\zeta$, f the best function of the space under p, so that $E_p[r\,v] = 0$, and $\zeta$ fresh noise of variance
$\sigma^2(x)$. With $G = E_p vv^\top$, $M = \sum_ju_jv_jv_j^\top$ and $g = \sum_ju_j(r_j+\zeta_j)v_j$, the weighted regression
misses f by
$$\|\tilde f-f\|^2 = g^\top M^{-1}GM^{-1}g ,$$
and a sample is good if $\frac34G\preceq M\preceq\frac54G$. There are $\binom{n+k-1}{k}$ samples up to order; all are visited,
so this is for a few points and a few draws. No basis need be orthonormal: G takes its place.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from altheory._inputs import InputError, as_tensors, check_integer, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

#: how many samples may be visited
MOST = 20_000


class Expected(NamedTuple):
    r"""Averages over all samples, each of shape (...).

    Attributes:
        error: $E\,\|\tilde f-f\|^21_{good}$, bad samples counted as zero.
        coefficients: $E\,|c|^21_{good}$, c the coefficients of $\tilde f-f$.
        good: The probability of a good sample.
        gradient: $E\,g^\top G^{-1}g$, over all samples.
        step: $\max_x\beta K$, the largest $u(x)\,v(x)^\top G^{-1}v(x)$; the accuracy served is twice that.
        noise: $E_p[r^2+\sigma^2]$, what f itself leaves.
    """

    error: Any
    coefficients: Any
    good: Any
    gradient: Any
    step: Any
    noise: Any


def orthogonal_residual(
    V: Float[ArrayLike, "*batch n D"], p: Float[ArrayLike, "*batch n"], y: Float[ArrayLike, "*batch n"]
) -> Float[Tensor, "*batch n"]:
    r"""$r = y-VG^{-1}E_p[yv]$, what is left of y by the best function of the space: $E_p[rv] = 0$.

    Args:
        V: (..., n, D), independent under p.
        p: (..., n) masses.
        y: (..., n).

    Raises:
        InputError: Arrays that are not finite, or shapes that do not fit.
    """
    rows, masses, labels = _checked(V, p, y=y)
    weighted = torch.transpose(rows, -1, -2) * masses[..., None, :]
    best = torch.linalg.solve(weighted @ rows, (weighted @ labels[..., None])[..., 0])
    return labels - (rows @ best[..., None])[..., 0]


def expected_error(
    V: Float[ArrayLike, "*batch n D"],
    p: Float[ArrayLike, "*batch n"],
    q: Float[ArrayLike, "*batch n"],
    residual: Float[ArrayLike, "*batch n"],
    variance: Float[ArrayLike, "*batch n"],
    *,
    draws: int,
    total: Any = 1.0,
    low: Any = 0.75,
    high: float = 1.25,
    coefficients: bool = False,
) -> Expected:
    r"""The averages over all samples of `draws` independent rows from q, with $\beta = $ total / draws.

    Args:
        V: (..., n, D), independent under p, D at most 2.
        p: (..., n) masses.
        q: (..., n) masses of the draws; 0 only where v vanishes (not checked).
        residual: (..., n) r, orthogonal to the space: pass `orthogonal_residual`.
        variance: (..., n) $\sigma^2$.
        draws: k.
        total: $\sum\beta$, a number or (...).
        low: A sample is good if $M\succeq$ low G (a number or (...)) and $M\preceq$ high G.
        high: Likewise.
        coefficients: True measures functions by their coefficients, as definition 5.5 does: I takes the place of G in what is
            good, in `gradient` and in `step`. The error stays $\|\tilde f-f\|^2$.

    Raises:
        InputError: Arrays that are not finite, shapes that do not fit, D above 2, or more than 20000 samples.

    Source: definitions 5.5 and 5.6, theorem 5.7 of "Sample Complexity of Deep Active Learning"; own derivation.
    """
    rows, masses, law, r, noise = _checked(V, p, q=q, residual=residual, variance=variance)
    n, D = rows.shape[-2:]
    k = check_integer("draws", draws)
    if D > 2:
        raise InputError(f"`V` has {D} functions but at most 2 are wanted; draw samples for larger spaces.")
    if math.comb(n + k - 1, k) > MOST:
        raise InputError(f"{k} draws from {n} points give {math.comb(n + k - 1, k)} samples; ask for at most {MOST}.")
    chosen, orders = _samples(n, k)
    drawable = law > 0
    u = torch.where(drawable, _column(total) * masses / (k * torch.where(drawable, law, 1 + 0 * law)), 0 * law)
    G = torch.transpose(rows, -1, -2) @ (masses[..., None] * rows)
    probability = orders * torch.prod(law[..., chosen], -1)
    drawn, weights = rows[..., chosen, :], u[..., chosen]
    weighted = torch.transpose(drawn, -1, -2) * weights[..., None, :]
    M = weighted @ drawn
    mean = (weighted @ r[..., chosen][..., None])[..., 0]
    spread = (weighted * (weights * noise[..., chosen])[..., None, :]) @ drawn
    scatter = mean[..., :, None] * mean[..., None, :] + spread
    norm = torch.eye(D, dtype=torch.float64) + 0 * G if coefficients else G
    unit = norm[..., None, :, :]
    floor = low if isinstance(low, (int, float)) else low[..., None, None, None]
    good = positive_semidefinite(M - floor * unit) & positive_semidefinite(high * unit - M)
    inverse = _inverse(torch.where(good[..., None, None], M, unit + 0 * M))
    missed = inverse @ scatter @ inverse  # E cc'
    error = torch.diagonal(missed @ G[..., None, :, :], dim1=-2, dim2=-1).sum(-1)
    square = torch.diagonal(missed, dim1=-2, dim2=-1).sum(-1)
    leverage = ((rows @ _inverse(norm)) * rows).sum(-1)
    squares = r * r + noise
    zero = 0 * probability
    return Expected(
        error=torch.where(good, probability * error, zero).sum(-1),
        coefficients=torch.where(good, probability * square, zero).sum(-1),
        good=torch.where(good, probability, zero).sum(-1),
        gradient=k * (law * u * u * squares * leverage).sum(-1),
        step=torch.amax(u * leverage, -1),
        noise=(masses * squares).sum(-1),
    )


def positive_semidefinite(A: Tensor) -> Tensor:
    """Whether symmetric matrices (..., D, D) have no negative eigenvalue, D at most 2: by their principal minors."""
    if A.shape[-1] == 1:
        return A[..., 0, 0] >= 0
    a, b, c = A[..., 0, 0], A[..., 0, 1], A[..., 1, 1]
    return (a >= 0) & (c >= 0) & (a * c - b * b >= 0)


def _inverse(A: Tensor) -> Tensor:
    """The inverse of symmetric matrices, D at most 2, by the adjugate."""
    if A.shape[-1] == 1:
        return 1 / A
    a, b, c = A[..., 0, 0], A[..., 0, 1], A[..., 1, 1]
    return torch.stack([c, -b, -b, a], -1).reshape(A.shape) / (a * c - b * b)[..., None, None]


def _samples(n: int, k: int) -> tuple[Tensor, Tensor]:
    """All multisets of k of n points, (samples, k), and in how many orders each is drawn."""
    found = list(itertools.combinations_with_replacement(range(n), k))
    orders = [math.factorial(k) // math.prod(math.factorial(s.count(i)) for i in set(s)) for s in found]
    return torch.tensor(found), torch.tensor(orders, dtype=torch.float64)


def _column(value: Any) -> Any:
    return value if isinstance(value, (int, float)) else value[..., None]


def _checked(V: Any, p: Any, **vectors: Any) -> tuple[Any, ...]:
    arrays = as_tensors(V=V, p=p, **vectors)
    if any(map(is_exact, arrays)):
        return arrays
    rows = arrays[0]
    for name, value in zip(["p", *vectors], arrays[1:], strict=True):
        if rows.ndim < 2 or value.shape[-1:] != rows.shape[-2:-1]:
            raise InputError(
                f"`V` has shape {tuple(rows.shape)} and `{name}` {tuple(value.shape)}; pass (..., n, D) and (..., n)."
            )
    return arrays
