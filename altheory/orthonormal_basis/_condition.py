r"""The condition number of a linear span: its largest peak above the mean square.

For the span of the D columns of V, with $v_i$ the i-th row and $G = \mathrm{E}\,vv^\top = \sum_ip_iv_iv_i^\top$,

$$K = \sup_{h}\max_i\frac{h(x_i)^2}{\mathrm{E}h^2} = \max_iv_i^\top G^+v_i = \max_i\ell_i/p_i,$$

where $\ell_i$ is the leverage of the weighted row $\sqrt{p_i}v_i$. The best h at $x_i$ is $h = VG^+v_i$ (Cauchy-Schwarz). Since
$\mathrm{E}\,v^\top G^+v$ is the rank, $K\ge\mathrm{rank}$, with equality for constant $\ell_i/p_i$.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, is_exact
from altheory.orthonormal_basis._support import moments, on_support, transposed

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

#: the rank rule: a singular value of the weighted rows is zero when it is at most this times max(n, D) times the largest
RANK_RTOL = 1e-11


def pointwise_ratio(
    V: Float[ArrayLike, "*batch n D"], p: Float[ArrayLike, "*batch n"], *, rtol: float | None = None
) -> Float[Tensor, "*batch n"]:
    r"""$v_i^\top G^+v_i = \sup_hh(x_i)^2/\mathrm{E}h^2$ at every point of the support, and 0 where $p_i = 0$.

    The rank of V on the support is decided by singular values of the weighted rows $\sqrt{p_i}v_i$: those at most
    rtol max(n, D) times the largest are zero. A function that lives on mass below the square of that is lost; for such
    masses pass a smaller rtol. Gradients hold where the rank stays. Exact arrays meet no rule, and need a G of full rank.

    Args:
        V: (..., n, D), the functions' values.
        p: (..., n), a distribution.
        rtol: The relative tolerance, at least 0 and below 1; 1e-11 when None (1e-5 for float32).

    Returns:
        (..., n); all zeros for V = 0.

    Raises:
        InputError: The shapes do not fit, p is no distribution, or rtol is no such number.
    """
    values, masses = on_support(V, p)
    Z, _, M = _whitened(values, masses, rtol)
    ratios = (Z * transposed(torch.linalg.solve(M, transposed(Z)))).sum(-1)
    return torch.where(masses > 0, ratios, 0 * ratios)


def leverage(
    V: Float[ArrayLike, "*batch n D"], p: Float[ArrayLike, "*batch n"], *, rtol: float | None = None
) -> Float[Tensor, "*batch n"]:
    r"""The leverage scores $\ell_i = p_iv_i^\top G^+v_i$, in [0, 1], their sum the rank; arguments as `pointwise_ratio`."""
    _, masses = on_support(V, p)
    return masses * pointwise_ratio(V, p, rtol=rtol)


def condition_number(
    V: Float[ArrayLike, "*batch n D"], p: Float[ArrayLike, "*batch n"], *, rtol: float | None = None
) -> Float[Tensor, "*batch"]:
    r"""$K = \max_iv_i^\top G^+v_i$ of the span of V's columns, definition 3.3 for a linear class.

    Arguments and errors as `pointwise_ratio`.

    Returns:
        (...,), at least the rank and at most $1/\min p_i$ over the support.
    """
    return torch.amax(pointwise_ratio(V, p, rtol=rtol), -1)


def extremal_functions(
    V: Float[ArrayLike, "*batch n D"], p: Float[ArrayLike, "*batch n"], *, rtol: float | None = None
) -> Float[Tensor, "*batch n D"]:
    r"""The coefficients $c_i = G^+v_i$ of the functions that peak most at each point.

    $h_i = Vc_i$ has $h_i(x_i) = \mathrm{E}h_i^2 = v_i^\top G^+v_i$. Arguments and errors as `pointwise_ratio`.

    Returns:
        (..., n, D), one row a point; zeros where $p_i = 0$.
    """
    values, masses = on_support(V, p)
    Z, T, M = _whitened(values, masses, rtol)
    rows = transposed(torch.linalg.solve(M, transposed(Z)))
    rows = rows if T is None else rows @ transposed(T)
    return torch.where(masses[..., None] > 0, rows, 0 * rows)


def maximiser(
    V: Float[ArrayLike, "*batch n D"], p: Float[ArrayLike, "*batch n"], *, rtol: float | None = None
) -> Float[Tensor, "*batch D"]:
    """The coefficients (..., D) of a function whose `peak_ratio` is the `condition_number`; arguments as `pointwise_ratio`."""
    best = torch.argmax(pointwise_ratio(V, p, rtol=rtol), -1)
    rows = extremal_functions(V, p, rtol=rtol)
    return torch.take_along_dim(rows, best[..., None, None].expand(*best.shape, 1, rows.shape[-1]), -2)[..., 0, :]


def peak_ratio(h: Float[ArrayLike, "*batch n"], p: Float[ArrayLike, "*batch n"]) -> Float[Tensor, "*batch"]:
    r"""$\max_{p_i>0}h(x_i)^2/\mathrm{E}h^2$ of one function.

    Args:
        h: (..., n), its values.
        p: (..., n), a distribution.

    Returns:
        (...,); 0 where h = 0 on the support, which the definition of K leaves out.

    Raises:
        InputError: The shapes do not fit, or p is no distribution.
    """
    values, masses = on_support(h, p, name="h", functions=False)
    values = torch.where(masses > 0, values, 0 * values)
    if not (is_exact(values) or is_exact(masses)):
        # a ratio does not see the scale, but squares do: they underflow
        top = values.detach().abs().amax(-1, keepdim=True)
        values = values / torch.where(top == 0, 1, top)
    squares = values * values
    mean = (masses * squares).sum(-1)
    return torch.amax(squares, -1) / torch.where(mean == 0, 1 + 0 * mean, mean)


def _whitened(V: Any, p: Any, rtol: float | None) -> tuple[Any, Any, Any]:
    r"""Z = VT and $M = \mathrm{E}\,zz^\top$ with $v^\top G^+v = z^\top M^{-1}z$ on the support; T is None for the identity.

    In floats T holds the right singular vectors over the singular values, as constants: then M is the identity up to
    rounding, and solving with it makes values and gradients right, for every rank in the batch.
    """
    if is_exact(V) or is_exact(p):
        return V, None, moments(V, p)
    rtol = _tolerance(rtol, V.dtype)
    with torch.no_grad():
        _, s, right = torch.linalg.svd(torch.sqrt(p)[..., None] * V, full_matrices=False)
        keep = (s > rtol * max(V.shape[-2:]) * s[..., :1]) & (s > 0)
        T = transposed(right) * torch.where(keep, 1 / torch.where(keep, s, 1), 0)[..., None, :]
    Z = V @ T
    return Z, T, moments(Z, p) + torch.diag_embed((~keep).to(V.dtype))


def _tolerance(rtol: float | None, dtype: torch.dtype) -> float:
    if rtol is None:
        return RANK_RTOL if dtype == torch.float64 else 1e-5
    if isinstance(rtol, bool) or not isinstance(rtol, (int, float)) or not 0 <= rtol < 1:
        raise InputError(f"`rtol` is {rtol!r} but a number at least 0 and below 1 is wanted; pass one, or None.")
    return float(rtol)
