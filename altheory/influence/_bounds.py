r"""What a gradient norm says of the test loss after a removal or an addition.

Source: "Boosting Active Learning via Improving Test Performance" (gradnorm), eq. (4), for the linear prediction; the bounds of
the true loss are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensors, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


def linear_bound(
    loss: Float[ArrayLike, "*batch"], gradient: Float[ArrayLike, "*batch p"], direction: Float[ArrayLike, "*batch p"]
) -> Float[Tensor, "*batch"]:
    r"""$L+\|g_x\|\,\|s\|$: the right side of eq. (4), with $s = \sum_jA^{-1}g_j$ and A the Hessian of the summed objective.

    It bounds $|L+I|$, the linear prediction of the loss without x, not that loss itself.

    Args:
        loss: (...,) the test loss L.
        gradient: (..., p) the gradient $g_x$ of the removed point's loss.
        direction: (..., p) s; with the average Hessian $H = A/n$ it is $\frac1n\sum_jH^{-1}g_j$.

    Returns:
        (...,).

    Raises:
        InputError: Entries that are not finite.
    """
    value, g, s = as_tensors(loss=loss, gradient=gradient, direction=direction)
    return value + torch.sqrt((g * g).sum(-1) * (s * s).sum(-1))


def strong_bound(
    loss: Float[ArrayLike, "*batch"],
    slope: Float[ArrayLike, "*batch"],
    gradient_norm: Float[ArrayLike, "*batch"],
    convexity: Float[ArrayLike, "*batch"],
    smoothness: Float[ArrayLike, "*batch"],
) -> Float[Tensor, "*batch"]:
    r"""$L+|\nabla L|\frac rm+\frac M2\left(\frac rm\right)^2$: a bound of the true test loss after training on another set.

    Let G be the new training objective, m-strongly convex, with $\nabla G$ of norm r at the old minimiser $\theta$. Then the new
    minimiser is within r/m of $\theta$, and an M-smooth test loss grows by no more than this. For the removal of x, and for
    its addition, r is the gradient norm $|g_x|$ of its loss at $\theta$. No Hessian is inverted and nothing is approximate.

    Args:
        loss: (...,) the test loss L at the old minimiser.
        slope: (...,) $|\nabla L| = |\sum_jg_j|$ there.
        gradient_norm: (...,) r.
        convexity: (...,) m > 0 of the new objective.
        smoothness: (...,) M >= 0 of the test loss.

    Returns:
        (...,).

    Raises:
        InputError: Entries that are not finite, or m that is not positive.
    """
    value, steep, r, m, M = as_tensors(
        loss=loss, slope=slope, gradient_norm=gradient_norm, convexity=convexity, smoothness=smoothness
    )
    if not is_exact(m) and bool((m <= 0).any()):
        raise InputError(
            f"`convexity` is {float(m.min()):.3g} but a positive number is wanted: without strong convexity the minimiser can move "
            "any distance; add a penalty to the objective."
        )
    step = r / m
    return value + steep * step + M / 2 * step * step


def norm_order_constant(d: Any, p: float) -> Any:
    r"""$d^{\max(0,1-2/p)}$: the least c with $|\langle a,b\rangle|\le c\,\|a\|_p\|b\|_p$ for all a, b in d dimensions.

    1 for $p\le2$, where the $\ell_p$ norm is at least the Euclidean one; for $p>2$ it is attained at $a = b = (1,\dots,1)$. The
    form that needs no constant is Hoelder's, with two dual norms.

    Args:
        d: The dimension, a number or a tensor of them; in exact arithmetic for p up to 2, 4 and infinite.
        p: The order, at least 1; `math.inf` is the largest entry.

    Returns:
        The constant, of d's shape.

    Raises:
        InputError: d below 1 or p below 1.
    """
    (size,) = as_tensors(d=d)
    if not p >= 1 or (not is_exact(size) and bool((size < 1).any())):
        raise InputError(f"`d` is {d} and `p` is {p} but both must be at least 1; pass a dimension and the order of a norm.")
    if p <= 2:
        return 0 * size + 1
    if p == 4:
        return torch.sqrt(size)
    return size if p == float("inf") else size ** (1 - 2 / p)


def p_norm(a: Float[ArrayLike, "*batch d"], p: float) -> Float[Tensor, "*batch"]:
    r"""$(\sum_i|a_i|^p)^{1/p}$, the largest entry for p infinite; for 1, 2, 4 and infinity also in exact arithmetic.

    Args:
        a: (..., d).
        p: At least 1.

    Returns:
        (...,).

    Raises:
        InputError: Entries that are not finite, or p below 1.
    """
    (values,) = as_tensors(a=a)
    if not p >= 1:
        raise InputError(f"`p` is {p} but the order of a norm is at least 1; pass such an order.")
    size = torch.abs(values)
    if p == float("inf"):
        return torch.amax(size, -1)
    if p == 1:
        return size.sum(-1)
    top = torch.amax(size, -1)
    unit = size / torch.where(top == 0, 1, top)[..., None]
    if p == 2:
        return top * torch.sqrt((unit * unit).sum(-1))
    if p == 4:
        return top * torch.sqrt(torch.sqrt((unit**4).sum(-1)))
    return top * (unit**p).sum(-1) ** (1 / p)
