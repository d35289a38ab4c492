r"""How far a Schur complement can be wrong, and when it says nothing.

The Cholesky factor computed for $K_+$ = [[K, k], [k', kappa]] is exact for $K_++E$ with
$|E_{ij}|\le\gamma\sqrt{K_{ii}K_{jj}}$, $\gamma = (L+2)\varepsilon$ to first order (Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., theorem 10.3, and $|R||R|^\top$ by Cauchy and Schwarz). The Schur complement is a minimum,
$u = \min_w(-w;1)^\top K_+(-w;1)$, attained at v, so E moves it by at most $(-v;1)^\top|E|(-v;1)$ in the first order:

$$|\delta u|\le\gamma\Bigl(\sum_i|v_i|\sqrt{K_{ii}}+\sqrt\kappa\Bigr)^2,$$

which is $\gamma\kappa(1+\|v\|_1)^2$ on a constant diagonal. Near a labelled point at distance $\delta$, u is of order
$\delta^2$ and lost at $\delta\approx\sqrt{\gamma}$. From the features themselves, $u = \|d\|^2$ with d what orthogonal
projection leaves of $\phi(x')$; d is wrong by $\gamma$ times the same sum, without the square, and lost only at
$\delta\approx\gamma$.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_ENTRIES = 4  # units in the last place by which a kernel's entries may be wrong


def schur_error(
    diagonal: Float[Tensor, "*batch L"], kappa: Float[Tensor, "*batch"], v: Float[Tensor, "*batch L"]
) -> Float[Tensor, "*batch"]:
    r"""The bound $\gamma(\sum_i|v_i|\sqrt{K_{ii}}+\sqrt\kappa)^2$ of the rounding error of $u = \kappa-k^\top v$.

    Args:
        diagonal: (..., L) the kernel's diagonal at the labelled points.
        kappa: (...,) $K(x',x')$.
        v: (..., L) $K^+k$.

    Returns:
        (...,). The kernel's entries are taken to be right to 4 units in the last place.
    """
    gamma = (diagonal.shape[-1] + 2 + _ENTRIES) * torch.finfo(v.dtype).eps
    return gamma * _spread(diagonal, kappa, v) ** 2


def projection_error(
    diagonal: Float[Tensor, "*batch L"], kappa: Float[Tensor, "*batch"], v: Float[Tensor, "*batch L"]
) -> Float[Tensor, "*batch"]:
    r"""The same for u = |d|^2 from an orthogonal projection of the features, where $\sqrt u$ is wrong by $\gamma$ times the
    sum.

    Args:
        diagonal: As in `schur_error`.
        kappa: As in `schur_error`.
        v: As in `schur_error`.

    Returns:
        (...,) the largest u whose features may be in the span.
    """
    gamma = (diagonal.shape[-1] + 2 + _ENTRIES) * torch.finfo(v.dtype).eps
    return (gamma * _spread(diagonal, kappa, v)) ** 2


def _spread(diagonal: Tensor, kappa: Tensor, v: Tensor) -> Tensor:
    sizes = torch.sqrt(torch.clamp(diagonal, min=0))
    return (v.abs() * sizes).sum(-1) + torch.sqrt(torch.clamp(kappa, min=0))
