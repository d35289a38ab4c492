r"""Influences of any module by conjugate gradients, from products of the Hessian or the Gauss-Newton matrix with vectors.

All right-hand sides run side by side; each product is one forward and one backward pass over the training points. This is the
general way, and the slow one: its cost is that of the passes, times the steps, times the test points.

Source: Koh and Liang (2017), section 3; Pearlmutter (1994) for the products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, check_integer
from altheory.influence._flat import Flat
from altheory.influence._losses import check_loss, slopes, targets, values

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

CURVATURES = ("gauss_newton", "hessian")


class ConjugateGradient:
    r"""Influences under $H+\lambda I$ for the mean Hessian or Gauss-Newton matrix H, as `GaussNewton` has them.

    Attributes:
        n: The number of training points.
        damping: $\lambda$.
        loss: The training loss.
        curvature: "gauss_newton" or "hessian".
    """

    def __init__(
        self,
        net: Any,
        X: Float[ArrayLike, " n *point"],
        y: Any,
        damping: float,
        *,
        loss: str = "cross_entropy",
        curvature: str = "gauss_newton",
        rtol: float = 1e-10,
        steps: int = 2000,
        chunk: int = 32,
    ) -> None:
        r"""Take the problem; nothing is solved yet.

        Args:
            net: A network of this package, or any module.
            X: (n, ...) training points.
            y: Classes (n,), or rows (n, K).
            damping: $\lambda\ge0$.
            loss: "cross_entropy" or "squared".
            curvature: "gauss_newton", positive semidefinite, or "hessian", which may be indefinite.
            rtol: The residual to reach, relative to the right-hand side.
            steps: How many at most.
            chunk: Right-hand sides multiplied at a time.

        Raises:
            InputError: Points or labels that do not fit, a negative damping, or an unknown loss or curvature.
        """
        if curvature not in CURVATURES:
            raise InputError(f"`curvature` is {curvature!r} but one of {CURVATURES} is wanted; pass one of these.")
        if not float(damping) >= 0:
            raise InputError(f"`damping` is {damping} but a number >= 0 is wanted; pass one.")
        self.damping, self.loss, self.curvature = float(damping), check_loss(loss, trained=True), curvature
        self._rtol, self._steps, self._chunk = float(rtol), check_integer("steps", steps), check_integer("chunk", chunk)
        self._flat = Flat(net)
        self._X = self._flat.net.check_points("X", X)
        self.n = len(self._X)
        with torch.no_grad():
            self._F = self._flat.net(self._X)
        self._Y = targets("y", y, self._F, loss)

    def products(self, V: Float[Tensor, "k p"]) -> Float[Tensor, "k p"]:
        r"""$(H+\lambda I)v$ for every row v."""
        one = self._gauss_newton_product if self.curvature == "gauss_newton" else self._hessian_product
        return torch.vmap(one, chunk_size=self._chunk)(V).detach() + self.damping * V

    def solve(self, V: Float[Tensor, "k p"]) -> Float[Tensor, "k p"]:
        r"""$(H+\lambda I)^{-1}v$ for every row v.

        Raises:
            InputError: A direction of negative curvature, or no convergence within the steps.
        """
        x, r = torch.zeros_like(V), V.clone()
        p, square = r.clone(), (r * r).sum(-1)
        goal = self._rtol**2 * square
        for _ in range(self._steps):
            live = square > goal
            if not bool(live.any()):
                return x
            q = self.products(p)
            curved = (p * q).sum(-1)
            if bool((live & (curved <= 0)).any()):
                raise InputError(
                    f"`damping` is {self.damping:g} but the damped {self.curvature} matrix is not positive definite here; pass a "
                    "larger `damping`, or `curvature='gauss_newton'`."
                )
            alpha = torch.where(live, square / torch.where(live, curved, 1), 0)[:, None]
            x, r = x + alpha * p, r - alpha * q
            new = (r * r).sum(-1)
            p = torch.where(live[:, None], r + (new / torch.where(live, square, 1))[:, None] * p, p)
            square = torch.where(live, new, square)
        raise InputError(
            f"`steps` is {self._steps} but conjugate gradients have not reached `rtol` = {self._rtol:g} by then; pass more steps, a "
            "larger `rtol`, or a larger `damping`."
        )

    def influences(
        self, Z: ArrayLike, t: Any = None, *, of: tuple[Any, Any] | None = None, loss: str | None = None
    ) -> Float[Tensor, "n m"]:
        r"""$\frac1ng_j^\top(H+\lambda I)^{-1}g_i$ for all pairs; arguments and errors as `GaussNewton.influences` and `solve`."""
        return self._against(self.solve(self.gradients(Z, t, loss=loss)), of, loss)

    def total_influences(
        self, Z: ArrayLike, t: Any = None, *, of: tuple[Any, Any] | None = None, loss: str | None = None
    ) -> Float[Tensor, " n"]:
        """The sums of these over the test points, by a single solve."""
        total = self.gradients(Z, t, loss=loss).sum(0, keepdim=True)
        return self._against(self.solve(total), of, loss)[:, 0]

    def direction_norm(self, Z: ArrayLike, t: Any = None, *, loss: str | None = None) -> Float[Tensor, ""]:
        r"""$|(H+\lambda I)^{-1}\sum_jg_j|$."""
        return self.solve(self.gradients(Z, t, loss=loss).sum(0, keepdim=True)).norm()

    def gradients(self, Z: ArrayLike, t: Any = None, *, loss: str | None = None) -> Float[Tensor, "m p"]:
        """The loss gradients at the points, one row each (this path holds them; `GaussNewton` does not)."""
        points = self._flat.net.check_points("Z", Z)
        with torch.no_grad():
            F = self._flat.net(points)
        kind = self._kind(loss)
        cotangents = slopes(F, targets("t", t, F, kind), kind)

        def single(z: Tensor, c: Tensor) -> Tensor:
            return torch.func.grad(lambda theta: (self._flat.outputs(theta, z[None])[0] * c).sum())(self._flat.start)

        return torch.vmap(single, chunk_size=self._chunk)(points, cotangents).detach()

    def _against(self, solved: Tensor, of: tuple[Any, Any] | None, loss: str | None) -> Tensor:
        points, labels = (self._X, self._Y) if of is None else (self._flat.net.check_points("of", of[0]), of[1])
        with torch.no_grad():
            F = self._F if of is None else self._flat.net(points)
        kind = self._kind(loss)
        c = slopes(F, targets("of", labels, F, kind), kind)

        def moved(v: Tensor) -> Tensor:
            return torch.func.jvp(lambda theta: self._flat.outputs(theta, points), (self._flat.start,), (v,))[1]

        moves = torch.vmap(moved, chunk_size=self._chunk)(solved).detach()
        return torch.einsum("mnk,nk->nm", moves, c) / self.n

    def _gauss_newton_product(self, v: Tensor) -> Tensor:
        f, moved = torch.func.jvp(lambda theta: self._flat.outputs(theta, self._X), (self._flat.start,), (v,))
        if self.loss == "cross_entropy":
            p = torch.softmax(f, -1)
            moved = self._Y.sum(-1, keepdim=True) * p * (moved - (p * moved).sum(-1, keepdim=True))
        pull = torch.func.vjp(lambda theta: self._flat.outputs(theta, self._X), self._flat.start)[1]
        return pull(moved / self.n)[0]

    def _hessian_product(self, v: Tensor) -> Tensor:
        def mean(theta: Tensor) -> Tensor:
            return values(self._flat.outputs(theta, self._X), self._Y, self.loss).mean()

        return torch.func.jvp(torch.func.grad(mean), (self._flat.start,), (v,))[1]

    def _kind(self, loss: str | None) -> str:
        return self.loss if loss is None else check_loss(loss)


def conjugate_gradient(net: Any, X: ArrayLike, y: Any, damping: float, **options: Any) -> ConjugateGradient:
    """Influences by conjugate gradients: a `ConjugateGradient`, arguments and errors as there."""
    return ConjugateGradient(net, X, y, damping, **options)
