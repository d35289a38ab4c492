r"""The best designs in hindsight: lower bounds on what any choice of k rows could reach, each with its certificate.

A design is a law $\xi$ on the rows, $M(\xi) = \sum_i\xi_iv_iv_i^\top$. With independent noise of variance $\sigma^2$ at every
row, unweighted regression on k rows chosen as $\xi$ has the mean squared error $\frac{\sigma^2}{k}\mathrm{tr}\,M^{-1}$ (A), and
$\frac{\sigma^2}{k}\lambda_{\max}(M^{-1})$ in the worst direction (E). For every design $\xi'$, every positive definite M and
every positive semidefinite W,
$$\mathrm{tr}\,M(\xi')^{-1}\ge\frac{(\mathrm{tr}\,M^{-1})^2}{\max_i v_i^\top M^{-2}v_i},\qquad
\lambda_{\max}(M(\xi')^{-1})\ge\frac{\mathrm{tr}\,W}{\max_iv_i^\top Wv_i},$$
the first by Cauchy and Schwarz, the second as $\lambda_{\min}(M)\,\mathrm{tr}\,W\le\mathrm{tr}\,WM$. So any M and any W certify
a bound, however they were found: no solver has to be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from altheory._inputs import InputError, as_tensor, check_integer

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Design:
    r"""A design and what it proves.

    Attributes:
        masses: (n,) $\xi$, of sum 1.
        value: Its criterion, $\mathrm{tr}\,M^{-1}$ or $\lambda_{\max}(M^{-1})$.
        bound: Certified: no design has a smaller criterion (but for rounding, a few 1e-12 of it).
        steps: Updates made.
    """

    masses: Tensor = field(repr=False)
    value: float
    bound: float
    steps: int

    @property
    def gap(self) -> float:
        """How far the value may be above the optimum, relative to the bound."""
        return self.value / self.bound - 1


def a_optimal(V: Float[ArrayLike, "n D"], *, tol: float = 1e-3, steps: int = 5000) -> Design:
    r"""The design of least $\mathrm{tr}\,M^{-1}$: `bound` x $\sigma^2/k$ is a lower bound on the mean squared error of
    unweighted regression on any k rows under equal independent noise (V orthonormal under the law of the error).

    Under unequal noise, or against a misspecified model, it bounds nothing. Found by multiplicative updates
    $\xi_i\leftarrow\xi_i\,(v_i^\top M^{-2}v_i)^{1/2}$, normalised, under which the criterion never rises.

    Args:
        V: (n, D), of rank D.
        tol: Relative gap to stop at.
        steps: Most updates, O(n D^2) each.

    Returns:
        The best design and the best bound of all updates; look at `gap`.

    Raises:
        InputError: Rows that are not finite or do not span the space, a `tol` that is not positive, `steps` below 1.

    Source: Silvey, Titterington, Torsney (1978); Yu, Ann. Statist. 38 (2010) 1593.
    """
    given, rows, steps = _checked(V, tol, steps)
    masses = best = np.full(len(rows), 1 / len(rows))
    value, bound, done = np.inf, 0.0, 0
    while done < steps and value > (1 + tol) * bound:
        inverse = np.linalg.inv(_information(rows, masses))
        z = rows @ inverse
        slope = np.einsum("ij,ij->i", z, z)
        found, done = float(np.trace(inverse)), done + 1
        best, value, bound = (masses if found < value else best), min(value, found), max(bound, found**2 / float(slope.max()))
        masses = masses * np.sqrt(slope)
        masses /= masses.sum()
    return Design(torch.from_numpy(best).to(dtype=given.dtype, device=given.device), value, bound, done)


def e_optimal(V: Float[ArrayLike, "n D"], *, tol: float = 1e-3, steps: int = 500) -> Design:
    r"""The design of least $\lambda_{\max}(M^{-1})$; result and errors as for `a_optimal`.

    It solves the dual, $\max\mathrm{tr}\,W$ subject to $v_i^\top Wv_i\le 1$ and $W\succeq 0$, by Newton steps on
    $t\,\mathrm{tr}\,W+\ln\det W+\sum_i\ln s_i$, $s_i = 1-v_i^\top Wv_i$, for growing t. On the path $\xi_i\propto 1/s_i$ is a
    design within $(D+n)/(t\,\mathrm{tr}\,W)$ of the optimum. Rounding ends the path somewhere below a gap of 1e-6.

    Args:
        V: (n, D), of rank D.
        tol: Relative gap to stop at.
        steps: Most Newton steps, O(n D^4 + D^6) each: for D up to about 30.
    """
    given, rows, steps = _checked(V, tol, steps)
    n, D = rows.shape
    basis = _symmetric_basis(D)
    products = (rows[:, :, None] * rows[:, None, :]).reshape(n, D * D) @ basis
    trace = np.eye(D).ravel() @ basis
    w = 0.5 * trace / float((rows**2).sum(1).max())
    t = (n + D) / float(trace @ w)
    best, value, bound, done = np.full(n, 1 / n), np.inf, 0.0, 0
    while done < steps and value > (1 + tol) * bound:
        slack = 1 - products @ w
        inverse = np.linalg.inv((basis @ w).reshape(D, D))
        scaled = products / slack[:, None]
        gradient = t * trace + basis.T @ inverse.ravel() - scaled.sum(0)
        hessian = scaled.T @ scaled + basis.T @ np.kron(inverse, inverse) @ basis
        direction = np.linalg.solve(hessian, gradient)
        size = float(np.sqrt(max(gradient @ direction, 0.0)))
        w, done = w + direction / (1.0 if size < 0.25 else 1 + size), done + 1  # the damped step stays inside the domain
        slack = 1 - products @ w
        if slack.min() <= 0 or np.linalg.eigvalsh((basis @ w).reshape(D, D))[0] <= 0:
            break
        masses = (1 / slack) / (1 / slack).sum()
        found = 1 / float(np.linalg.eigvalsh(_information(rows, masses))[0])
        best, value = (masses if found < value else best), min(value, found)
        bound = max(bound, float(trace @ w) / float((products @ w).max()))
        if size < 0.25:
            t *= 8
    return Design(torch.from_numpy(best).to(dtype=given.dtype, device=given.device), value, bound, done)


def _checked(V: Any, tol: float, steps: int) -> tuple[Tensor, Array, int]:
    given = as_tensor("V", V, ndim=2, layout="(n, D)")
    if not tol > 0:
        raise InputError(f"`tol` is {tol!r} but a positive relative gap is wanted; pass such as 1e-3.")
    rows = given.detach().cpu().double().numpy()
    size = np.linalg.svd(rows, compute_uv=False)
    if len(rows) < rows.shape[1] or size[-1] <= len(rows) * torch.finfo(given.dtype).eps * size[0]:
        raise InputError(
            f"`V` has {len(rows)} rows of rank below {rows.shape[1]}, so every design is singular; drop dependent columns, or "
            "pass an orthonormal basis."
        )
    return given, rows, check_integer("steps", steps)


def _information(rows: Array, masses: Array) -> Array:
    return (rows * masses[:, None]).T @ rows


def _symmetric_basis(D: int) -> Array:
    """(D^2, D (D + 1) / 2): an orthonormal basis of the symmetric matrices, one a column."""
    i, j = np.triu_indices(D)
    basis = np.zeros((D, D, len(i)))
    basis[i, j, np.arange(len(i))] = basis[j, i, np.arange(len(i))] = np.where(i == j, 1.0, np.sqrt(0.5))
    return basis.reshape(D * D, len(i))
