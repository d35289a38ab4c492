r"""A lower bound of the smallest eigenvalue from an approximate Cholesky factor.

For any real matrix L, $LL^\top\succeq0$. So, with $M\approx A-sI$,
$$\lambda_{\min}(A)\ge s-\max_i|M_{ii}-(a_{ii}-s)|-\|M-LL^\top\|_2 ,$$
and the residual is bounded a posteriori, as in `_residual`. Rump (BIT 46, 2006) bounds it a priori by
$\gamma_{n+1}\mathrm{tr}(M)/(1-\gamma_{n+1})$; the product here costs more than the factorisation, but nothing is
assumed of how the library factorises (in blocks, recursively, by inverted blocks), and the bound is sharper by about $\sqrt n$.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from altheory.enclosures._interval import down, scaled_up, up
from altheory.enclosures._rounding import TINY, U, gamma, inflate, norm_bound, norm_bound_product, product, to_unit


def exceeds(A: Tensor, slack: float) -> bool:
    r"""True when $\lambda_{\min}(A)>$ `slack` >= 0 is proved; False says nothing."""
    A, exponent = to_unit(A)
    least = up(scaled_up(slack, -exponent))
    trace = float(A.diagonal().sum())
    if not trace > 0 or not least < 1:
        return False
    shift = least + 4 * gamma(64 + 2 * math.isqrt(A.shape[0])) * trace  # about twice what the residual will come to
    M = A.clone()
    M.diagonal().sub_(shift)
    L, info = torch.linalg.cholesky_ex(M)
    if int(info) != 0 or not bool(torch.isfinite(L).all()):
        return False
    L = torch.tril(L)
    P, g = product(L, L.T)
    residual = inflate(norm_bound(M - P), 1) + inflate(g * norm_bound_product(L, L.T), 1)
    diagonal = 2 * U * float(M.diagonal().abs().max())
    return down(shift - inflate(residual + diagonal + TINY, 4)) > least
