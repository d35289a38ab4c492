r"""One more labelled point: the block form of retraining (eq. 7, 8, 11, 12), for any kernel and any starting function.

With K the kernel of the labelled points X, $k = K(X,x')$, $\kappa = K(x',x')$, the residuals $r = Y-f_L(X)$ and
$\rho = y'-f_L(x')$,

$$v = K^+k,\qquad u = \kappa-k^\top v,\qquad
  f^{lin}_{L^+}(x) = f^{lin}_L(x)+A(x)\,(\rho-v^\top r),\qquad f^{lin}_L(x) = f_L(x)+K(x,X)\,K^+r .$$

If $u>0$ the new feature is outside the span of the old ones and $A(x) = (K(x,x')-K(x,X)v)/u$. If $u = 0$ (duplicates among
them) least squares has one more equation for the same unknowns, and

$$A(x) = \frac{v_x^\top v}{1+\|v\|^2},\qquad v_x = K^+K(X,x):$$

a point that was there m times already moves by 1/(m + 1) of its new residual, so equal points get their mean label.

Source: Mohamadi, Bae, Sutherland (2022), eq. (12), where $v = Kk$ is printed and $f_L$ stands for $f^{lin}_L$; the second case
is Greville's (1960).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from altheory._inputs import InputError, as_tensors, is_exact
from altheory.lookahead._filters import Converged
from altheory.lookahead._rounding import schur_error

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


class Schur(NamedTuple):
    r"""What one more point brings.

    Attributes:
        v: (..., L) $K^+k$.
        u: (...,) $\kappa-k^\top v$, the squared distance of the new feature from the span of the old ones.
        independent: (...,) whether u is above its rounding error (exact arrays: above 0).
    """

    v: Float[Tensor, "*batch L"]
    u: Float[Tensor, "*batch"]
    independent: Bool[Tensor, "*batch"]


def schur(K: Float[ArrayLike, "*batch L L"], k: Float[ArrayLike, "*batch L"], kappa: Float[ArrayLike, "*batch"]) -> Schur:
    r"""$v = K^+k$ and the Schur complement $u = \kappa-k^\top v$.

    Args:
        K: (..., L, L) kernel of the labelled points.
        k: (..., L) its values with the new point.
        kappa: (...,) $K(x',x')$.

    Returns:
        v, u, and whether u says anything; see `altheory.lookahead.schur_error` for its rounding error.

    Raises:
        InputError: Shapes that do not fit, or K is not symmetric positive semi-definite.
    """
    kernel, cross, corner = _block(K, k, kappa)
    v = (Converged().pull(kernel) @ cross[..., None])[..., 0]
    return _complement(kernel, cross, corner, v)


def augmented(
    K: Float[ArrayLike, "*batch L L"], k: Float[ArrayLike, "*batch L"], kappa: Float[ArrayLike, "*batch"]
) -> Float[Tensor, "*batch L+1 L+1"]:
    """The kernel of the labelled points and the new one, [[K, k], [k', kappa]] (eq. 8).

    Args:
        K: As in `schur`.
        k: As in `schur`.
        kappa: As in `schur`.

    Returns:
        (..., L + 1, L + 1).

    Raises:
        InputError: Shapes that do not fit.
    """
    kernel, cross, corner = _block(K, k, kappa)
    below = torch.cat([cross, corner[..., None]], -1)
    return torch.cat([torch.cat([kernel, cross[..., None]], -1), below[..., None, :]], -2)


def linear_fit(
    K: Float[ArrayLike, "*batch L L"],
    K_x: Float[ArrayLike, "*batch m L"],
    residual: Float[ArrayLike, "*batch L C"] | Float[ArrayLike, "*batch L"],
) -> Float[Tensor, "*batch m C"]:
    r"""$f^{lin}_L(x)-f_L(x) = K(x,X)\,K^+\,(Y-f_L(X))$: what training a linear model to the end adds (eq. 6, 7, 10, 11).

    Args:
        K: (..., L, L) kernel of the labelled points.
        K_x: (..., m, L) kernel of other points with them.
        residual: (..., L, C), or (..., L) for one output.

    Returns:
        (..., m, C) or (..., m).

    Raises:
        InputError: Shapes that do not fit, or K is not symmetric positive semi-definite.
    """
    kernel, cross, r = as_tensors(K=K, K_x=K_x, residual=residual)
    vector = r.ndim == kernel.ndim - 1
    if not is_exact(kernel):
        rows = r.shape[-1] if vector else r.shape[-2]
        if kernel.ndim < 2 or cross.ndim < 2 or not kernel.shape[-1] == kernel.shape[-2] == cross.shape[-1] == rows:
            raise InputError(
                f"`K`, `K_x` and `residual` have shapes {tuple(kernel.shape)}, {tuple(cross.shape)} and {tuple(r.shape)} but "
                "(..., L, L), (..., m, L) and (..., L, C) are wanted; pass one row, or column, for each labelled point."
            )
    out = cross @ (Converged().pull(kernel) @ (r[..., None] if vector else r))
    return out[..., 0] if vector else out


def block_update(
    K: Float[ArrayLike, "*batch L L"],
    k: Float[ArrayLike, "*batch L"],
    kappa: Float[ArrayLike, "*batch"],
    K_x: Float[ArrayLike, "*batch m L"],
    k_x: Float[ArrayLike, "*batch m"],
    residual: Float[ArrayLike, "*batch L C"] | Float[ArrayLike, "*batch L"],
    new_residual: Float[ArrayLike, "*batch C"] | Float[ArrayLike, "*batch"],
) -> Float[Tensor, "*batch m C"]:
    r"""$f^{lin}_{L^+}(x)-f^{lin}_L(x) = A(x)\,(\rho-v^\top r)$: eq. (12) repaired, singular kernels included.

    Args:
        K: (..., L, L) kernel of the labelled points.
        k: (..., L) its values with the new point.
        kappa: (...,) $K(x',x')$.
        K_x: (..., m, L) kernel of other points with the labelled ones.
        k_x: (..., m) kernel of other points with the new one.
        residual: (..., L, C), or (..., L) for one output: $Y-f_L(X)$.
        new_residual: (..., C) or (...,): $y'-f_L(x')$.

    Returns:
        (..., m, C) or (..., m).

    Raises:
        InputError: Shapes that do not fit, or K is not symmetric positive semi-definite.
    """
    kernel, cross, corner, others, new, r, rho, vector = _update(K, k, kappa, K_x, k_x, residual, new_residual)
    inverse = Converged().pull(kernel)
    found = _complement(kernel, cross, corner, (inverse @ cross[..., None])[..., 0])
    v, independent = found.v, found.independent[..., None]
    outside = (new - (others @ v[..., None])[..., 0]) / torch.where(independent, found.u[..., None], 1.0)
    inside = (others @ (inverse @ v[..., None]))[..., 0] / (1 + (v * v).sum(-1)[..., None])
    A = torch.where(independent, outside, inside)
    out = A[..., :, None] * (rho - (v[..., :, None] * r).sum(-2))[..., None, :]
    return out[..., 0] if vector else out


def printed_block_update(
    K: Float[ArrayLike, "*batch L L"],
    k: Float[ArrayLike, "*batch L"],
    kappa: Float[ArrayLike, "*batch"],
    K_x: Float[ArrayLike, "*batch m L"],
    k_x: Float[ArrayLike, "*batch m"],
    residual: Float[ArrayLike, "*batch L C"] | Float[ArrayLike, "*batch L"],
    new_residual: Float[ArrayLike, "*batch C"] | Float[ArrayLike, "*batch"],
) -> Float[Tensor, "*batch m C"]:
    r"""Eq. (12) as our copy prints it, with $v = Kk$: **wrong**, kept to be compared with `block_update`.

    $\frac1u(K(x,X)v-K(x,x'))(v^\top r-\rho)$, u with the inverse as printed there. K = 2, k = 1, kappa = 1, residuals 0 and 1,
    x = x': -2 instead of 1. Where u = 0, which the formula does not foresee, 1/u is taken to be 0: compare only where `schur`
    says that the new feature is independent.

    Args:
        K: As in `block_update`.
        k: As in `block_update`.
        kappa: As in `block_update`.
        K_x: As in `block_update`.
        k_x: As in `block_update`.
        residual: As in `block_update`.
        new_residual: As in `block_update`.

    Returns:
        (..., m, C) or (..., m).

    Raises:
        InputError: As in `block_update`.
    """
    kernel, cross, corner, others, new, r, rho, vector = _update(K, k, kappa, K_x, k_x, residual, new_residual)
    v = (kernel @ cross[..., None])[..., 0]
    found = _complement(kernel, cross, corner, (Converged().pull(kernel) @ cross[..., None])[..., 0])
    independent = found.independent[..., None]
    slope = ((others @ v[..., None])[..., 0] - new) / torch.where(independent, found.u[..., None], 1.0)
    slope = torch.where(independent, slope, 0.0)
    out = slope[..., :, None] * ((v[..., :, None] * r).sum(-2) - rho)[..., None, :]
    return out[..., 0] if vector else out


def _complement(K: Any, k: Any, kappa: Any, v: Any) -> Schur:
    u = kappa - (k * v).sum(-1)
    if is_exact(K):
        return Schur(v, u, u > 0)
    with torch.no_grad():
        bound = schur_error(torch.linalg.diagonal(K), kappa, v)
    return Schur(v, u, u > bound)


def _block(K: Any, k: Any, kappa: Any) -> tuple[Any, Any, Any]:
    kernel, cross, corner = as_tensors(K=K, k=k, kappa=kappa)
    if any(is_exact(x) for x in (kernel, cross, corner)):
        return kernel, cross, corner
    shape = tuple(kernel.shape)
    if len(shape) < 2 or shape[-1] != shape[-2] or tuple(cross.shape) != shape[:-1] or tuple(corner.shape) != shape[:-2]:
        raise InputError(
            f"`K`, `k` and `kappa` have shapes {shape}, {tuple(cross.shape)} and {tuple(corner.shape)} but (..., L, L), "
            "(..., L) and (...,) with one batch are wanted; pass the four blocks of one kernel."
        )
    return kernel, cross, corner


def _update(K: Any, k: Any, kappa: Any, K_x: Any, k_x: Any, residual: Any, new_residual: Any) -> tuple[Any, ...]:
    """All arguments of an update, with outputs on a last axis, and whether there was none."""
    found = as_tensors(K=K, k=k, kappa=kappa, K_x=K_x, k_x=k_x, residual=residual, new_residual=new_residual)
    kernel, cross, corner, others, new, r, rho = found
    vector = r.ndim == kernel.ndim - 1
    if vector:
        r, rho = r[..., None], rho[..., None]
    if not any(is_exact(x) for x in found):
        _block(kernel, cross, corner)
        batch, L = tuple(kernel.shape[:-2]), kernel.shape[-1]
        m, C = others.shape[-2] if others.ndim > 1 else 0, r.shape[-1]
        shapes = {"K_x": (others, (*batch, m, L)), "k_x": (new, (*batch, m)), "residual": (r, (*batch, L, C))}
        for name, (tensor, wanted) in {**shapes, "new_residual": (rho, (*batch, C))}.items():
            if tuple(tensor.shape) != wanted:
                raise InputError(
                    f"`{name}` has shape {tuple(tensor.shape)} but {wanted} is wanted beside `K` of shape "
                    f"{tuple(kernel.shape)}; reshape it."
                )
    return kernel, cross, corner, others, new, r, rho, vector
