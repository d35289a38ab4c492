r"""Influences of a network under the damped Gauss-Newton Hessian, in the space of the samples.

$$H = \frac1n\sum_iJ_i^\top S_iJ_i+\lambda I = \frac1nJ^\top RR^\top J+\lambda I,\qquad
  H^{-1} = \frac1\lambda\bigl[I-J^\top R\,(n\lambda I+R^\top KR)^{-1}R^\top J\bigr],\quad K = JJ^\top,$$

so $g_a^\top H^{-1}g_b$ needs inner products of gradients only: neither a Jacobian nor a p x p matrix is formed, and the
cost is that of a Cholesky factor of size n (K - 1), whatever the number p of parameters. H is positive definite for every
$\lambda>0$, unlike the Hessian, which is indefinite for a network. The relative rounding error grows like $\varepsilon\,
\lambda_{\max}(H)/\lambda$, since the two terms cancel.

Source: the Woodbury identity; Martens (2020), "New insights and perspectives on the natural gradient method", for the
generalised Gauss-Newton matrix; gradnorm, eq. (1) to (4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError
from altheory._memory import check_fits
from altheory.influence._losses import check_loss, curvature_root, slopes, targets, values
from altheory.influence._tangent import tangent

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


class GaussNewton:
    r"""Influences of the training points of a network on others, under $H = \frac1nJ^\top SJ+\lambda I$.

    Attributes:
        n: The number of training points.
        damping: $\lambda$.
        loss: The training loss.
    """

    def __init__(
        self,
        net: Any,
        X: Float[ArrayLike, " n *point"],
        y: Any,
        damping: float,
        *,
        loss: str = "cross_entropy",
    ) -> None:
        r"""Factor $n\lambda I+R^\top KR$ once; every influence is then two triangular solves.

        Args:
            net: A `TwoLayerNet` (stored), `Sequential(Linear, activation, Linear)` with or without biases (both by their
                closed form), or any other module (by `altheory.kernels.empirical`).
            X: (n, ...) training points.
            y: Classes (n,), or rows (n, K).
            damping: $\lambda>0$; with a penalty $\frac\lambda2|\theta|^2$ in the mean objective it is that.
            loss: "cross_entropy" or "squared" ($\frac12|f-y|^2$).

        Raises:
            InputError: A network, points or labels that do not fit; a damping that is not positive; a system that does not
                fit into memory.
        """
        if not float(damping) > 0:
            raise InputError(
                f"`damping` is {damping} but a positive number is wanted: with more parameters than outputs H is singular without "
                "one; pass one."
            )
        self.damping, self.loss = float(damping), check_loss(loss, trained=True)
        self._tangent = tangent(net)
        self._X = self._tangent.points("X", X)
        self.n = len(self._X)
        F = self._tangent.outputs(self._X)
        self._Y = targets("y", y, F, loss)
        self._F = F
        root = curvature_root(F, self._Y, loss)
        size = self.n * root.shape[1]
        check_fits(f"a system of {size} equations", 3 * 8 * size * size, F.device, "pass fewer training points")
        self._roots = self._tangent.directions(self._X, root)
        M = self._tangent.inner(self._roots, self._roots)
        M.diagonal().add_(self.n * self.damping)
        self._factor = torch.linalg.cholesky(M)

    def influences(
        self,
        Z: ArrayLike,
        t: Any = None,
        *,
        of: tuple[Any, Any] | None = None,
        loss: str | None = None,
    ) -> Float[Tensor, "n m"]:
        r"""$I(x_i,z_j) = \frac1n g_j^\top H^{-1}g_i$ for all pairs, eq. (1).

        Args:
            Z: (m, ...) points.
            t: Their labels, as y; None for the entropy.
            of: Points and labels outside the training set in place of the training points; adding one of them changes the
                losses by minus this, to first order.
            loss: The loss whose gradients g are; the training loss unless given, or "entropy".

        Returns:
            (n, m): the first-order increase of the loss at $z_j$ when $x_i$ is removed.

        Raises:
            InputError: Points or labels that do not fit.
        """
        left = self._slopes("of", self._X if of is None else of[0], self._Y if of is None else of[1], loss)
        right = self._slopes("Z", Z, t, loss)
        return self._products(left, right)

    def total_influences(
        self,
        Z: ArrayLike,
        t: Any = None,
        *,
        of: tuple[Any, Any] | None = None,
        loss: str | None = None,
    ) -> Float[Tensor, " n"]:
        r"""$\sum_jI(x_i,z_j)$, eq. (2): the row sums of `influences`, arguments as there."""
        return self.influences(Z, t, of=of, loss=loss).sum(-1)

    def direction_norm(self, Z: ArrayLike, t: Any = None, *, loss: str | None = None) -> Float[Tensor, ""]:
        r"""$|s|$ for $s = H^{-1}\sum_jg_j$: with k the inner products of $R^\top J$ with $\sum_jg_j$ and w its solution,
        $|s|^2 = \lambda^{-2}[k_{tt}-2k^\top w+w^\top(R^\top KR)w]$.

        Eq. (4) bounds every total influence by $\frac1n|g_x|\,|s|$.
        """
        right = self._slopes("Z", Z, t, loss)
        k = self._tangent.inner(self._roots, right).sum(-1)
        w = torch.cholesky_solve(k[:, None], self._factor)[:, 0]
        square = self._tangent.inner(right, right).sum() - k @ w - self.n * self.damping * (w @ w)
        return square.clamp(min=0).sqrt() / self.damping

    def gradient_norms(self, P: ArrayLike, u: Any = None, *, loss: str | None = None) -> Float[Tensor, " k"]:
        """$|g|$ of the losses at the points, without the damping's share."""
        P = self._tangent.points("P", P)
        parts = [self._slopes("P", P[i : i + 64], None if u is None else u[i : i + 64], loss) for i in range(0, len(P), 64)]
        squares = [torch.diagonal(self._tangent.inner(part, part)) for part in parts]
        return torch.cat(squares).clamp(min=0).sqrt()

    def losses(self, Z: ArrayLike, t: Any = None, *, loss: str | None = None) -> Float[Tensor, " m"]:
        """The losses at the points."""
        F = self._tangent.outputs(self._tangent.points("Z", Z))
        kind = self._kind(loss)
        return values(F, targets("t", t, F, kind), kind)

    def _slopes(self, name: str, P: Any, u: Any, loss: str | None) -> Any:
        """The loss gradients at points, as one direction each."""
        kind = self._kind(loss)
        P = self._tangent.points(name, P)
        F = self._F if P is self._X else self._tangent.outputs(P)
        return self._tangent.directions(P, slopes(F, targets("labels", u, F, kind), kind)[:, None, :])

    def _kind(self, loss: str | None) -> str:
        return self.loss if loss is None else check_loss(loss)

    def _products(self, left: Any, right: Any) -> Tensor:
        one, two = (self._tangent.inner(self._roots, side) for side in (left, right))
        white = [torch.linalg.solve_triangular(self._factor, side, upper=False) for side in (one, two)]
        product = self._tangent.inner(left, right)
        return product.sub_(white[0].T @ white[1]).div_(self.n * self.damping)


def gauss_newton(net: Any, X: ArrayLike, y: Any, damping: float, *, loss: str = "cross_entropy") -> GaussNewton:
    """The influences of a network's training points in sample space: a `GaussNewton`, arguments and errors as there."""
    return GaussNewton(net, X, y, damping, loss=loss)
