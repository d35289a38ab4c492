r"""Ridge regression with every removal and addition in closed form.

Training minimises $\frac12\sum_i(x_i\cdot\theta-y_i)^2+\frac\rho2|\theta|^2$; $A = X^\top X+\rho I$ is its Hessian, $g_i =
(x_i\cdot\theta-y_i)\,x_i$ the gradient of one loss, $h_i = x_i^\top A^{-1}x_i$ the leverage. The penalty $\rho$ stays what it is
when a point goes or comes. Changing the weight of $x_i$ from 1 to $1+\varepsilon$ gives

$$\theta(\varepsilon) = \theta-\frac{\varepsilon A^{-1}g_i}{1+\varepsilon h_i},$$

so removal ($\varepsilon=-1$) is $\theta+A^{-1}g_i/(1-h_i)$. A test loss, being quadratic, changes by exactly
$\frac{-\varepsilon\,I}{1+\varepsilon h_i}+\frac12|Z(\theta(\varepsilon)-\theta)|^2$, where I is the influence of eq. (1).

Source: Sherman and Morrison (1950); Cook (1977) for leverages; "Boosting Active Learning via Improving Test Performance"
(gradnorm), eq. (1) and (3), which keep the first-order part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensors, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


@dataclass(frozen=True, eq=False)
class RidgeFit:
    r"""A fitted ridge regression; made by `ridge`. All methods take batches, gradients and exact arithmetic.

    Attributes:
        X: (..., n, d) training points.
        y: (..., n) targets.
        A: (..., d, d) Hessian $X^\top X+\rho I$ of the training objective.
        theta: (..., d) the minimiser.
    """

    X: Float[Tensor, "*batch n d"]
    y: Float[Tensor, "*batch n"]
    A: Float[Tensor, "*batch d d"]
    theta: Float[Tensor, "*batch d"]

    @property
    def gradients(self) -> Float[Tensor, "*batch n d"]:
        r"""$g_i = (x_i\cdot\theta-y_i)\,x_i$, the gradients of the training losses."""
        return self.gradients_at(self.X, self.y)

    @property
    def leverages(self) -> Float[Tensor, "*batch n"]:
        r"""$h_i = x_i^\top A^{-1}x_i$, between 0 and 1; 1 exactly where the fit without $x_i$ is not unique."""
        return self.leverages_at(self.X)

    def gradients_at(self, Z: Tensor, t: Tensor) -> Float[Tensor, "*batch m d"]:
        r"""$(z_j\cdot\theta-t_j)\,z_j$ for any points (..., m, d) and targets (..., m)."""
        return _residuals(self.theta, Z, t)[..., None] * Z

    def leverages_at(self, Z: Tensor) -> Float[Tensor, "*batch m"]:
        r"""$z_j^\top A^{-1}z_j$ for any points (..., m, d); above 1 for a point far outside the training points."""
        return (Z * self._solved(Z)).sum(-1)

    def loss(self, Z: Tensor, t: Tensor, theta: Tensor | None = None) -> Float[Tensor, "*batch"]:
        r"""$\frac12\sum_j(z_j\cdot\theta-t_j)^2$, at the minimiser or at other parameters (..., d)."""
        residuals = _residuals(self.theta if theta is None else theta, Z, t)
        return (residuals * residuals).sum(-1) / 2

    def influences(self, Z: Tensor, t: Tensor) -> Float[Tensor, "*batch n m"]:
        r"""$I(x_i,z_j) = g_j^\top A^{-1}g_i$: eq. (1), the first-order increase of the loss at $z_j$ when $x_i$ is removed.

        The paper's $\frac1n g_j^\top H^{-1}g_i$ with the average Hessian $H = A/n$ is the same number.
        """
        return self.influences_of(self.X, self.y, Z, t)

    def influences_of(self, P: Tensor, u: Tensor, Z: Tensor, t: Tensor) -> Float[Tensor, "*batch k m"]:
        """The same for points (..., k, d) with targets (..., k) outside the training set: adding one changes the losses by
        minus this, to first order."""
        return self._solved(self.gradients_at(P, u)) @ self.gradients_at(Z, t).mT

    def reweighted(self, eps: Any) -> Float[Tensor, "*batch n d"]:
        r"""$\theta(\varepsilon)$ for every training point: its weight changed from 1 to $1+\varepsilon$, one at a time.

        Args:
            eps: A number, or (..., n); -1 removes the point. Infinite or NaN where $1+\varepsilon h_i = 0$.
        """
        return self.theta[..., None, :] - self._steps(self.X, self.y, eps)

    def without(self) -> Float[Tensor, "*batch n d"]:
        r"""$\theta_{-i} = \theta+A^{-1}g_i/(1-h_i)$: the minimiser without $x_i$, for every i."""
        return self.reweighted(-1)

    def with_points(self, P: Tensor, u: Tensor) -> Float[Tensor, "*batch k d"]:
        r"""$\theta_{+p} = \theta-A^{-1}g_p/(1+h_p)$: the minimiser with one more point, for every row of P (..., k, d)."""
        return self.theta[..., None, :] - self._steps(P, u, 1)

    def loss_without(self, Z: Tensor, t: Tensor) -> Float[Tensor, "*batch n"]:
        r"""The total test loss after each removal, $L'= L+\frac{I}{1-h}+\frac12d^\top H_{test}d$ with $d = A^{-1}g/(1-h)$.

        Eq. (3) of gradnorm is L + I: it drops the factor and the square.
        """
        return self.loss_reweighted(Z, t, -1)

    def loss_reweighted(self, Z: Tensor, t: Tensor, eps: Any) -> Float[Tensor, "*batch n"]:
        r"""$L-\frac{\varepsilon I}{1+\varepsilon h}+\frac12d^\top H_{test}d$, $d = \varepsilon A^{-1}g/(1+\varepsilon h)$."""
        return self._loss_after(self.X, self.y, Z, t, eps)

    def loss_with_points(self, P: Tensor, u: Tensor, Z: Tensor, t: Tensor) -> Float[Tensor, "*batch k"]:
        r"""The total test loss with each of the points added: $L-\frac{I}{1+h}+\frac12d^\top H_{test}d$."""
        return self._loss_after(P, u, Z, t, 1)

    def _loss_after(self, P: Tensor, u: Tensor, Z: Tensor, t: Tensor, eps: Any) -> Tensor:
        first = self.influences_of(P, u, Z, t).sum(-1)
        moved = self._steps(P, u, eps) @ Z.mT
        return self.loss(Z, t)[..., None] - eps * first / (1 + eps * self.leverages_at(P)) + (moved * moved).sum(-1) / 2

    def _solved(self, rows: Tensor) -> Tensor:
        """The rows (..., k, d) times A^-1."""
        return torch.linalg.solve(self.A, rows.mT).mT

    def _steps(self, P: Tensor, u: Tensor, eps: Any) -> Tensor:
        factor = eps / (1 + eps * self.leverages_at(P))
        return factor[..., None] * self._solved(self.gradients_at(P, u))


def ridge(X: Float[ArrayLike, "*batch n d"], y: Float[ArrayLike, "*batch n"], penalty: Any) -> RidgeFit:
    r"""Minimise $\frac12\sum_i(x_i\cdot\theta-y_i)^2+\frac\rho2|\theta|^2$.

    Args:
        X: (..., n, d) points.
        y: (..., n) targets.
        penalty: $\rho\ge0$, a number or (...,).

    Returns:
        The `RidgeFit`.

    Raises:
        InputError: Shapes that do not fit, entries that are not finite, a negative penalty, or $X^\top X+\rho I$ singular.
    """
    points, targets, rho = as_tensors(X=X, y=y, penalty=penalty)
    exact = any(is_exact(value) for value in (points, targets, rho))
    if not exact:
        _check(points, targets, rho)
    rho = rho[..., None, None] if exact or isinstance(rho, torch.Tensor) else rho
    A = points.mT @ points + rho * torch.eye(points.shape[-1], dtype=None if exact else points.dtype)
    right = points.mT @ targets[..., None]
    if exact:
        return RidgeFit(points, targets, A, torch.linalg.solve(A, right)[..., 0])
    theta, failed = torch.linalg.solve_ex(A, right)
    if bool((failed != 0).any()):
        raise InputError(
            "`X.mT @ X + penalty I` is singular but must be invertible; pass a positive `penalty`, or points that span the space."
        )
    return RidgeFit(points, targets, A, theta[..., 0])


def _residuals(theta: Tensor, Z: Tensor, t: Tensor) -> Tensor:
    return (Z @ theta[..., None])[..., 0] - t


def _check(X: Tensor, y: Tensor, rho: Tensor) -> None:
    if X.ndim < 2 or y.shape != X.shape[:-1]:
        raise InputError(
            f"`X` has shape {tuple(X.shape)} and `y` {tuple(y.shape)} but (..., n, d) and (..., n) are wanted; pass one target "
            "for every point."
        )
    if bool((rho < 0).any()) or (rho.ndim and rho.shape != X.shape[:-2]):
        raise InputError(
            f"`penalty` is {rho.tolist() if rho.numel() < 5 else tuple(rho.shape)} but a number >= 0, or one for each batch "
            f"member {tuple(X.shape[:-2])}, is wanted; pass such a penalty."
        )
