r"""Exact retraining of a network: with a point left out, or with one added.

The objective is $\frac1n\sum_iw_i\ell_i(\theta)+\frac\lambda2|\theta|^2$ with n and $\lambda$ kept when a point goes or comes (eq.
(1) changes one weight by $\pm1/n$ and nothing else). It is minimised to a stationary point by Newton steps from conjugate
gradients in a trust region (Steihaug 1983), preconditioned by the Gauss-Newton matrix in sample space (`_gauss_newton`): no matrix
of size p.
A refit starts from the given network and so stays in its valley: "retrained" without this means nothing for a network. Both
layers of a nearly linear network have a nearly flat valley (rotations of the hidden layer), where a stationary point costs
hundreds of steps; the first layer alone has none.

Source: Koh and Liang (2017), section 4.2, for leave-one-out retraining as the truth that influences are held against.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, check_integer
from altheory.influence._flat import Flat
from altheory.influence._losses import check_loss, curvature_root, targets, values
from altheory.influence._tangent import tangent

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

_INNER = 60  # conjugate gradient steps within a Newton step


@dataclass(frozen=True)
class Trained:
    r"""A network at a stationary point.

    Attributes:
        net: The network, of the kind that was given (a module becomes a `ModuleNet`).
        objective: The objective there.
        gradient_norm: Its gradient norm.
        steps: Newton steps taken.
    """

    net: Any
    objective: float
    gradient_norm: float
    steps: int


def fit(
    net: Any,
    X: Float[ArrayLike, " n *point"],
    y: Any,
    damping: float,
    *,
    loss: str = "cross_entropy",
    weights: Float[ArrayLike, " n"] | None = None,
    n: int | None = None,
    tol: float = 1e-6,
    steps: int = 500,
) -> Trained:
    r"""Minimise $\frac1n\sum_iw_i\ell_i(\theta)+\frac\lambda2|\theta|^2$ from the network's present parameters.

    Args:
        net: A `TwoLayerNet` or a module; smooth activations, since at a kink there may be no stationary point to find.
        X: (rows, ...) points.
        y: Classes (rows,), or rows (rows, K).
        damping: $\lambda>0$.
        loss: "cross_entropy" or "squared".
        weights: (rows,) weights >= 0, 1 unless given; 0 leaves a point out.
        n: What the sum is divided by; the number of rows unless given.
        tol: The gradient norm to reach.
        steps: Newton steps at most.

    Returns:
        The `Trained` network.

    Raises:
        InputError: Arguments that do not fit, or a gradient above `tol` when nothing helps any more.
    """
    problem = _Problem(net, X, y, damping, loss, n)
    w = problem.weights(weights)
    theta, value, norm, taken = problem.descend(problem.flat.start, w, float(tol), check_integer("steps", steps))
    return Trained(problem.flat.at(theta), value, norm, taken)


def leave_one_out(
    net: Any,
    X: Float[ArrayLike, " n *point"],
    y: Any,
    damping: float,
    Z: Float[ArrayLike, " m *point"],
    t: Any,
    *,
    points: Sequence[int] | None = None,
    loss: str = "cross_entropy",
    tol: float = 1e-6,
) -> Float[Tensor, "k m"]:
    """By how much the loss at every z grows when each training point is left out and the network is fitted again.

    Args:
        net: A network fitted by `fit` with the same arguments; the refits start there.
        X: (n, ...) training points.
        y: Their labels.
        damping: As in `fit`.
        Z: (m, ...) points.
        t: Their labels.
        points: Which training points; all unless given.
        loss: As in `fit`.
        tol: As in `fit`.

    Returns:
        (k, m): loss after minus loss before; what `GaussNewton.influences` predicts to first order.

    Raises:
        InputError: As `fit`.
    """
    problem = _Problem(net, X, y, damping, loss, None)
    test = problem.test(Z, t)
    chosen = range(problem.rows) if points is None else [check_integer("points", i, least=0) for i in points]
    if any(i >= problem.rows for i in chosen):
        raise InputError(f"`points` names point {max(chosen)} but `X` has {problem.rows}; pass numbers below that.")
    before = problem.losses(problem.flat.start, *test)
    after = []
    for i in chosen:
        w = problem.weights(None)
        w[i] = 0
        theta = problem.descend(problem.flat.start, w, float(tol), 500)[0]
        after.append(problem.losses(theta, *test) - before)
    return torch.stack(after)


def add_one(
    net: Any,
    X: Float[ArrayLike, " n *point"],
    y: Any,
    damping: float,
    P: Float[ArrayLike, " k *point"],
    u: Any,
    Z: Float[ArrayLike, " m *point"],
    t: Any,
    *,
    loss: str = "cross_entropy",
    tol: float = 1e-6,
) -> Float[Tensor, "k m"]:
    """By how much the loss at every z grows when each of the points P (k, ...) with labels u is added (usually it falls).

    Arguments and errors as `leave_one_out`; the sum of losses is still divided by n.

    Returns:
        (k, m): loss after minus loss before; to first order minus the influence of the point.
    """
    problem = _Problem(net, X, y, damping, loss, None)
    test, more = problem.test(Z, t), problem.test(P, u)
    before = problem.losses(problem.flat.start, *test)
    after = []
    for i in range(len(more[0])):
        larger = problem.extended(more[0][i : i + 1], more[1][i : i + 1])
        theta = larger.descend(problem.flat.start, larger.weights(None), float(tol), 500)[0]
        after.append(problem.losses(theta, *test) - before)
    return torch.stack(after)


class _Problem:
    """The objective of a network on given points."""

    def __init__(self, net: Any, X: Any, y: Any, damping: float, loss: str, n: int | None) -> None:
        if not float(damping) > 0:
            raise InputError(
                f"`damping` is {damping} but a positive number is wanted: it makes the minimiser finite; pass one."
            )
        self.flat, self.damping, self.loss = Flat(net), float(damping), check_loss(loss, trained=True)
        self.X = self.flat.net.check_points("X", X)
        with torch.no_grad():
            self.Y = targets("y", y, self.flat.net(self.X), loss)
        self.rows = len(self.X)
        self.n = self.rows if n is None else check_integer("n", n)

    def extended(self, X: Tensor, Y: Tensor) -> _Problem:
        """The same with more points and the same n."""
        other = object.__new__(_Problem)
        other.__dict__.update(self.__dict__)
        other.X, other.Y = torch.cat([self.X, X]), torch.cat([self.Y, Y])
        other.rows = len(other.X)
        return other

    def weights(self, given: Any) -> Tensor:
        """Weights (rows,), 1 unless given."""
        if given is None:
            return self.Y.new_ones(self.rows)
        w = as_tensor("weights", given, ndim=1, layout="(n,)", like=("the outputs", self.Y))
        if len(w) != self.rows or bool((w < 0).any()):
            raise InputError(
                f"`weights` has length {len(w)} and smallest entry {float(w.min()):.3g} but {self.rows} weights >= 0 are wanted; "
                "pass one for every point."
            )
        return w

    def test(self, Z: Any, t: Any) -> tuple[Tensor, Tensor]:
        """Points and labels, checked."""
        points = self.flat.net.check_points("Z", Z)
        with torch.no_grad():
            return points, targets("t", t, self.flat.net(points), self.loss)

    def losses(self, theta: Tensor, Z: Tensor, T: Tensor) -> Tensor:
        """The losses at parameters theta."""
        with torch.no_grad():
            return values(self.flat.outputs(theta, Z), T, self.loss)

    def descend(self, theta: Tensor, w: Tensor, tol: float, steps: int) -> tuple[Tensor, float, float, int]:
        """Newton steps within a trust region until the gradient is below tol."""

        def objective(at: Tensor) -> Tensor:
            return self.flat.objective(at, self.X, self.Y, w / self.n, self.damping, self.loss)

        slope = torch.func.grad_and_value(objective)
        g, value = slope(theta)
        radius = 0.0  # in the norm of the Gauss-Newton matrix
        for taken in range(steps + 1):
            norm = float(g.norm())
            if norm <= tol:
                return theta, float(value), norm, taken
            inverse = self._gauss_newton_inverse(theta, w)
            radius = radius or 2 * float(g @ inverse(g)) ** 0.5
            while True:
                step, promised, size = _trust_region_step(slope, theta, g, inverse, radius)
                new_g, new_value = slope(theta - step)
                kept = float(value - new_value) / promised
                if kept < 0.25:
                    radius = size / 4
                elif kept > 0.75 and size > 0.99 * radius:
                    radius = 2 * radius
                noise = promised < 1e-12 * abs(float(value))  # the values no longer tell; the gradients do
                if kept > 1e-4 or (noise and float(new_g.norm()) < norm / 2):
                    break
                if promised < 1e-18 * abs(float(value)):
                    raise InputError(
                        f"`tol` is {tol:g} but the gradient stays at {norm:.2g}, where rounding or a kink of the activation stops "
                        "every step; pass a larger `tol`, or a smooth activation."
                    )
            theta, g, value = theta - step, new_g, new_value
        raise InputError(
            f"`steps` is {steps} but the gradient is still {norm:.2g} by then; pass more steps, or a larger `tol`."
        )

    def _gauss_newton_inverse(self, theta: Tensor, w: Tensor) -> Callable[[Tensor], Tensor]:
        r"""$g\mapsto(\frac1nJ^\top RR^\top J+\lambda I)^{-1}g$ from the kernel of the network at theta."""
        network = tangent(self.flat.at(theta))
        with torch.no_grad():
            F = self.flat.outputs(theta, self.X)
        root = w.sqrt()[:, None, None] * curvature_root(F, self.Y, self.loss)
        directions = network.directions(self.X, root)
        M = network.inner(directions, directions)
        M.diagonal().add_(self.n * self.damping)
        factor = torch.linalg.cholesky(M)
        pull = torch.func.vjp(lambda at: self.flat.outputs(at, self.X), theta)[1]

        def inverse(g: Tensor) -> Tensor:
            moved = torch.func.jvp(lambda at: self.flat.outputs(at, self.X), (theta,), (g,))[1]
            solved = torch.cholesky_solve(torch.einsum("nqk,nk->nq", root, moved).reshape(-1, 1), factor)
            back = torch.einsum("nqk,nq->nk", root, solved.view(root.shape[:2]))
            return (g - pull(back)[0]).detach() / self.damping

        return inverse


def _trust_region_step(
    slope: Any, theta: Tensor, g: Tensor, inverse: Callable[[Tensor], Tensor], radius: float
) -> tuple[Tensor, float, float]:
    """Steihaug's conjugate gradients: minimise the quadratic model within the radius, stop at its edge or where the curvature
    is not positive.

    Returns:
        The step (to be subtracted), the decrease of the model, and the step's length.
    """
    x, r = torch.zeros_like(g), g.clone()
    z = inverse(r)
    p, rz = z.clone(), float(r @ z)
    length, across, ahead = 0.0, 0.0, rz  # x'Mx, x'Mp and p'Mp for the preconditioner M
    model = 0.0
    goal = min(0.1, float(g.norm()) ** 0.5) * float(g.norm())
    for _ in range(_INNER):
        q = torch.func.jvp(lambda at: slope(at)[0], (theta,), (p,))[1].detach()
        curved, fall = float(p @ q), float(r @ p)
        alpha = rz / curved if curved > 0 else 0.0
        if curved <= 0 or length + 2 * alpha * across + alpha**2 * ahead >= radius**2:
            tau = (max(0.0, across**2 + ahead * (radius**2 - length)) ** 0.5 - across) / ahead
            return x + tau * p, model + tau * fall - tau**2 * curved / 2, radius
        length += 2 * alpha * across + alpha**2 * ahead
        x, r, model = x + alpha * p, r - alpha * q, model + alpha * fall / 2
        if float(r.norm()) <= goal:
            break
        z = inverse(r)
        new = float(r @ z)
        beta = new / rz
        across, ahead = beta * (across + alpha * ahead), new + beta**2 * ahead
        p, rz = z + beta * p, new
    return x, model, length**0.5
