r"""Orthonormal and nearly orthonormal bases of a span (definition 5.1).

Functions $v_1,\dots,v_D$ with $\mathrm{E}v_i^2 = 1$ and $|\mathrm{E}v_iv_j|\le\rho$ are $\rho$-nearly orthonormal. By
Gershgorin, for $h = \sum\alpha_iv_i$,

$$(1-\rho(D-1))\,|\alpha|^2 \le \mathrm{E}h^2 \le (1+\rho(D-1))\,|\alpha|^2 .$$

Both sides are attained, by equal correlations $-\rho$ and $+\rho$ at $\alpha = (1,\dots,1)$; the lower one says nothing once
$\rho(D-1)\ge1$: then the functions may be dependent, and $\alpha$ not unique.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, check_integer, is_exact, member
from altheory.orthonormal_basis._condition import _tolerance
from altheory.orthonormal_basis._support import moments, on_support, transposed

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


def gram(V: Float[ArrayLike, "*batch n D"], p: Float[ArrayLike, "*batch n"]) -> Float[Tensor, "*batch D D"]:
    r"""$G = \mathrm{E}\,vv^\top$, (..., D, D).

    Args:
        V: (..., n, D), the functions' values.
        p: (..., n), a distribution.

    Raises:
        InputError: The shapes do not fit, or p is no distribution.
    """
    return moments(*on_support(V, p))


def normalised(V: Float[ArrayLike, "*batch n D"], p: Float[ArrayLike, "*batch n"]) -> Float[Tensor, "*batch n D"]:
    r"""The functions divided by their norms, so that $\mathrm{E}v_i^2 = 1$; arguments as `gram`.

    Raises:
        InputError: As `gram`, or a function vanishes on the support.
    """
    values, masses = on_support(V, p)
    squares = (masses[..., None] * values * values).sum(-2)
    if not is_exact(squares):
        zero = (squares == 0).any(-1)
        if bool(zero.any()):
            raise InputError(f"`V` has a column that vanishes on the support{member(zero)}; drop it, it has no norm.")
    return values / torch.sqrt(squares)[..., None, :]


def orthonormal_basis(
    V: Float[ArrayLike, "*batch n D"], p: Float[ArrayLike, "*batch n"], *, rtol: float | None = None
) -> Float[Tensor, "*batch n D"]:
    r"""Gram-Schmidt on the columns of V under p: $Q = VL^{-\top}$ with $G = LL^\top$, so $\mathrm{E}\,qq^\top = I$.

    In floats L comes from a QR factorisation of the weighted rows, which loses cond(V) digits where G would lose its
    square. Points without mass are carried along: column j is the same combination of functions everywhere.

    Args:
        V: (..., n, D), independent on the support.
        p: (..., n), a distribution.
        rtol: As in `pointwise_ratio`.

    Returns:
        (..., n, D), column j in the span of the first j columns of V, with a positive coefficient on the last.

    Raises:
        InputError: As `pointwise_ratio`, or the columns of V are dependent on the support.
    """
    values, masses = on_support(V, p)
    if is_exact(values) or is_exact(masses):
        L = torch.linalg.cholesky(moments(values, masses))
        return transposed(torch.linalg.solve_triangular(L, transposed(values), upper=False))
    n, D = values.shape[-2:]
    if n < D:
        raise InputError(f"`V` has {D} functions on {n} points, which are dependent; pass `spanning_basis(V, p)` or fewer.")
    # the root has no derivative at zero, and a point without mass has no part in R
    roots = torch.sqrt(torch.where(masses > 0, masses, 1)) * (masses > 0)
    R = torch.linalg.qr(roots[..., None] * values).R
    with torch.no_grad():
        s = torch.linalg.svdvals(R)
        deficient = s[..., -1] <= _tolerance(rtol, R.dtype) * n * s[..., 0]
    if bool(deficient.any()):
        raise InputError(f"`V` has dependent columns on the support{member(deficient)}; use `spanning_basis(V, p)`.")
    Q = torch.linalg.solve_triangular(R, values, upper=True, left=False)
    signs = torch.where(torch.diagonal(R, 0, -2, -1) < 0, -1.0, 1.0).to(Q.dtype)
    return Q * signs[..., None, :]


def spanning_basis(V: Float[ArrayLike, "n D"], p: Float[ArrayLike, " n"], *, rtol: float | None = None) -> Float[Tensor, "n r"]:
    """An orthonormal basis of the span of V, of any rank r: the leading left singular vectors of the weighted rows.

    Args:
        V: (n, D), one matrix (ranks differ within a batch).
        p: (n,), a distribution.
        rtol: As in `pointwise_ratio`.

    Returns:
        (n, r), in the order of falling singular values; points without mass are carried along.

    Raises:
        InputError: As `pointwise_ratio`; a batch; or V vanishes on the support.
    """
    values, masses = on_support(V, p)
    values = as_tensor("V", values, ndim=2, layout="(n, D)")
    _, s, right = torch.linalg.svd(torch.sqrt(masses)[:, None] * values, full_matrices=False)
    rank = int((s > _tolerance(rtol, s.dtype) * max(values.shape) * s[0]).sum())
    if rank == 0:
        raise InputError("`V` vanishes on the support and spans nothing; pass a function that is not zero there.")
    return orthonormal_basis(values @ (right[:rank].mT / s[:rank]), masses, rtol=rtol)


def correlation(G: Float[ArrayLike, "*batch D D"]) -> Float[Tensor, "*batch"]:
    r"""$\rho = \max_{i\ne j}|G_{ij}|$, the largest inner product of two different functions; 0 for D = 1.

    Args:
        G: (..., D, D), the `gram` matrix of functions of norm one.

    Raises:
        InputError: G is not square, or its diagonal is not 1 up to the square root of the machine epsilon.
    """
    matrix = as_tensor("G", G, min_ndim=2, layout="(..., D, D)")
    if not is_exact(matrix):
        if matrix.shape[-1] != matrix.shape[-2]:
            raise InputError(f"`G` has shape {tuple(matrix.shape)} but a Gram matrix (..., D, D) is wanted; pass `gram(V, p)`.")
        off = (torch.diagonal(matrix.detach(), 0, -2, -1) - 1).abs().amax(-1) > torch.finfo(matrix.dtype).eps ** 0.5
        if bool(off.any()):
            raise InputError(f"`G` has a diagonal entry that is not 1{member(off)}; pass `gram(normalised(V, p), p)`.")
    others = matrix * (1 - _eye(matrix))
    return torch.amax(torch.amax(torch.abs(others), -1), -1)


def gershgorin_bounds(rho: float | Float[Tensor, "*batch"], D: int) -> tuple[Any, Any]:
    r"""$1\mp\rho(D-1)$, the best bounds of $\mathrm{E}h^2/|\alpha|^2$ for a $\rho$-nearly orthonormal basis.

    Args:
        rho: A number or an array.
        D: How many functions, at least 1.

    Returns:
        The lower bound, which is void at and below 0, and the upper one.

    Raises:
        InputError: D is no such integer.
    """
    spread = rho * (check_integer("D", D) - 1)
    return 1 - spread, 1 + spread


def printed_factor(rho: float | Float[Tensor, "*batch"], D: int) -> Any:
    r"""$1+\rho D$, the factor in theorem 4.1, which exceeds the sharp one by $\rho$; arguments as `gershgorin_bounds`."""
    return 1 + rho * check_integer("D", D)


def equicorrelated(rho: Float[ArrayLike, "*batch"], D: int) -> Float[Tensor, "*batch D D"]:
    r"""$(1-\rho)I+\rho\mathbf1\mathbf1^\top$, with eigenvalues $1+\rho(D-1)$ once and $1-\rho$.

    It is a Gram matrix for $-1/(D-1)\le\rho\le1$.

    Args:
        rho: (...,).
        D: The size, at least 1.

    Returns:
        (..., D, D).

    Raises:
        InputError: D is no such integer.
    """
    size = check_integer("D", D)
    value = as_tensor("rho", rho)
    eye = _eye(value, size)
    return value[..., None, None] * (1 - eye) + eye


def _eye(like: Any, size: int | None = None) -> Tensor:
    """The identity of a given size, or that of a matrix, in its dtype and on its device; float64 beside exact arrays."""
    kind = {} if is_exact(like) else {"dtype": like.dtype, "device": like.device}
    return torch.eye(like.shape[-1] if size is None else size, **{"dtype": torch.float64, **kind})
