r"""The two parts of the Hessian of a two-layer relu network's squared loss, as quadratic forms.

For $f(x) = \sum_ra_r\max(w_r\cdot x,0)$ and $\ell = \frac12(f-y)^2$, along a direction $(\alpha,\Omega)$ in $(a,W)$:

$$v^\top\nabla^2\ell\,v = (Jv)^2+(f-y)\,v^\top\nabla^2f\,v,\quad Jv = \sum_r\alpha_r\phi(u_r)+a_r\phi'(u_r)\,\omega_r\cdot x,\quad
  v^\top\nabla^2f\,v = 2\sum_r\alpha_r\phi'(u_r)\,\omega_r\cdot x .$$

The first part is the Gauss-Newton matrix's, never negative; the second has either sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from altheory._inputs import as_tensors

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


class Curvature(NamedTuple):
    """Both parts of v'Hv, averaged over the points; their sum is v'Hv."""

    gauss_newton: Float[Tensor, "*batch"]
    residual: Float[Tensor, "*batch"]


def relu_curvature(
    X: Float[ArrayLike, "*batch n d"],
    y: Float[ArrayLike, "*batch n"],
    W: Float[ArrayLike, "*batch m d"],
    a: Float[ArrayLike, "*batch m"],
    dW: Float[ArrayLike, "*batch m d"],
    da: Float[ArrayLike, "*batch m"],
) -> Curvature:
    r"""$v^\top Hv$ for the average Hessian H of the squared loss of $f(x) = \sum_ra_r\max(w_r\cdot x,0)$, in its two parts.

    At a kink ($w_r\cdot x = 0$) the one-sided derivative 0 is used. Batches, gradients and exact arithmetic.

    Args:
        X: (..., n, d) points.
        y: (..., n) targets.
        W: (..., m, d) first layer.
        a: (..., m) output layer.
        dW: (..., m, d) the direction's part in W.
        da: (..., m) its part in a.

    Returns:
        The `Curvature`.

    Raises:
        InputError: Entries that are not finite, or of several dtypes.
    """
    X, y, W, a, dW, da = as_tensors(X=X, y=y, W=W, a=a, dW=dW, da=da)
    u, moved = X @ W.mT, X @ dW.mT
    on = u > 0
    zero = 0 * u
    h, slope = torch.where(on, u, zero), torch.where(on, moved, zero)
    f = (h @ a[..., None])[..., 0]
    first = (h @ da[..., None])[..., 0] + (slope @ a[..., None])[..., 0]
    second = 2 * (slope @ da[..., None])[..., 0]
    n = X.shape[-2]
    return Curvature((first * first).sum(-1) / n, ((f - y) * second).sum(-1) / n)
