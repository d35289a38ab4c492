r"""Logistic and softmax regression fitted to solver precision, their influences, and exact refits.

Training minimises $G(\theta) = \sum_iw_i\,\ell_i(\theta)+\frac\rho2|\theta|^2$ by damped Newton steps until $|\nabla G|$ is at
rounding level; weights $w_i$ (1 unless given) are multiplicities. The refits are fits of the changed objective, all of them in
one batch, so a measured influence differs from a refit by nothing but its own error.

Source: gradnorm, eq. (1) to (5), on the models where "retrained" has one meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, check_integer
from altheory.influence._losses import one_hot

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike

_HALVINGS = 40


@dataclass(frozen=True, eq=False)
class Regression:
    r"""A fitted linear model with outputs $z_k = \theta_k\cdot x$; made by `logistic` or `softmax`.

    Attributes:
        kind: "logistic" (K = 1, labels -1 and 1) or "softmax" (K classes).
        X: (..., n, d) training points.
        y: (..., n) labels -1 and 1; or (..., n, K) one-hot rows.
        weights: (..., n) weights of the training losses.
        penalty: $\rho$.
        theta: (..., K, d) the minimiser.
        gradient_norm: (...,) $|\nabla G|$ there.
    """

    kind: str
    X: Float[Tensor, "*batch n d"]
    y: Tensor
    weights: Float[Tensor, "*batch n"]
    penalty: float
    theta: Float[Tensor, "*batch K d"]
    gradient_norm: Float[Tensor, "*batch"]

    def losses(self, Z: ArrayLike, t: ArrayLike) -> Float[Tensor, "*batch m"]:
        """The losses at points (m, d) or (..., m, d) with labels as in training (softmax: classes (..., m))."""
        points, labels = self._labelled(Z, t)
        return _losses(self.kind, points @ self.theta.mT, labels)

    def gradients(self, Z: ArrayLike, t: ArrayLike) -> Float[Tensor, "*batch m p"]:
        """The gradients of these losses in theta, flattened to p = K d numbers, without the penalty's."""
        return _gradients(self.kind, self.theta, *self._labelled(Z, t))

    def hessian(self) -> Float[Tensor, "*batch p p"]:
        r"""$A = \nabla^2G$ in the flattened theta, penalty included: n times the average Hessian of eq. (1)."""
        return _hessian(self.kind, self.theta, self.X, self.weights, self.penalty)

    def influences(self, Z: ArrayLike, t: ArrayLike) -> Float[Tensor, "*batch n m"]:
        r"""$I(x_i,z_j) = g_j^\top A^{-1}g_i$, eq. (1): the first-order increase of the loss at $z_j$ when one copy of $x_i$ is
        removed and the penalty kept."""
        own = _gradients(self.kind, self.theta, self.X, self.y)
        return own @ torch.linalg.solve(self.hessian(), self.gradients(Z, t).mT)

    def influences_of(self, P: ArrayLike, u: ArrayLike, Z: ArrayLike, t: ArrayLike) -> Float[Tensor, "*batch k m"]:
        """The same for points outside the training set: adding one changes the losses by minus this, to first order."""
        return self.gradients(P, u) @ torch.linalg.solve(self.hessian(), self.gradients(Z, t).mT)

    def without(self, points: Sequence[int] | None = None) -> Regression:
        """The fits without each of the given training points (all unless given), as a batch with a new last axis.

        Raises:
            InputError: A point whose weight is below 1.
        """
        n = self.X.shape[-2]
        chosen = torch.arange(n) if points is None else torch.as_tensor(list(points))
        if bool((self.weights[..., chosen] < 1).any()):
            raise InputError(
                "`points` names a point of weight below 1 but one whole copy is removed; pass points of weight >= 1."
            )
        change = torch.nn.functional.one_hot(chosen, n).to(self.weights)
        return self._refit(self.X[..., None, :, :], _lifted(self.y, self.kind), self.weights[..., None, :] - change)

    def with_points(self, P: ArrayLike, u: ArrayLike) -> Regression:
        """The fits with each of the points (k, d) added, as a batch with a new last axis."""
        points, labels = self._labelled(P, u)
        lead, k = self.X.shape[:-2], points.shape[-2]
        points = points.expand(*lead, *points.shape[-2:])
        X = torch.cat([self._repeated(self.X, k, 2), points[..., :, None, :]], -2)
        tail = 2 if self.kind == "softmax" else 1
        labels = labels.expand(*lead, *labels.shape[-tail:])
        more = labels[..., :, None, :] if tail == 2 else labels[..., :, None]
        y = torch.cat([self._repeated(self.y, k, tail), more], -tail)
        weights = self._repeated(self.weights, k, 1)
        return self._refit(X, y, torch.cat([weights, torch.ones_like(weights[..., :1])], -1))

    def _refit(self, X: Tensor, y: Tensor, weights: Tensor) -> Regression:
        lead = weights.shape[:-1]
        X, y = X.expand(*lead, *X.shape[-2:]), y.expand(*lead, *y.shape[-(2 if self.kind == "softmax" else 1) :])
        start = self.theta[..., None, :, :].expand(*lead, *self.theta.shape[-2:])
        return _fit(replace(self, X=X, y=y, weights=weights, theta=start))

    def _repeated(self, x: Tensor, k: int, tail: int) -> Tensor:
        lead = x.ndim - tail
        return x.unsqueeze(lead).expand(*x.shape[:lead], k, *x.shape[lead:])

    def _labelled(self, Z: ArrayLike, t: ArrayLike) -> tuple[Tensor, Tensor]:
        points = as_tensor("Z", Z, min_ndim=2, layout="(..., m, d)", like=("X", self.X))
        return points, _labels(self.kind, "t", t, points, self.theta.shape[-2])


def logistic(
    X: Float[ArrayLike, "*batch n d"],
    y: Int[ArrayLike, "*batch n"],
    penalty: float,
    *,
    weights: Float[ArrayLike, "*batch n"] | None = None,
    tol: float = 1e-11,
) -> Regression:
    r"""Binary logistic regression: $\ell_i = \log(1+e^{-y_i\,\theta\cdot x_i})$, by Newton to $|\nabla G|\le$ tol.

    Args:
        X: (..., n, d) points; no intercept is added.
        y: (..., n) labels -1 and 1.
        penalty: $\rho>0$.
        weights: (..., n) weights >= 0.
        tol: The gradient norm to reach, times $\max(1, \sum_iw_i|x_i|)$ where that is larger.

    Returns:
        The fit, theta of shape (..., 1, d).

    Raises:
        InputError: Shapes that do not fit, other labels, a penalty that is not positive, or a tolerance below rounding.
    """
    return _start("logistic", X, y, penalty, weights, 1, tol)


def softmax(
    X: Float[ArrayLike, "*batch n d"],
    y: Int[ArrayLike, "*batch n"],
    penalty: float,
    *,
    classes: int,
    weights: Float[ArrayLike, "*batch n"] | None = None,
    tol: float = 1e-11,
) -> Regression:
    r"""Softmax regression without intercept: $\ell_i = -\log\mathrm{softmax}(\theta x_i)_{y_i}$; arguments as `logistic`, with
    labels 0 to classes - 1.

    Returns:
        The fit, theta of shape (..., classes, d).

    Raises:
        InputError: As `logistic`.
    """
    return _start("softmax", X, y, penalty, weights, check_integer("classes", classes), tol)


def _start(kind: str, X: Any, y: Any, penalty: float, weights: Any, outputs: int, tol: float) -> Regression:
    points = as_tensor("X", X, min_ndim=2, layout="(..., n, d)")
    if not float(penalty) > 0:
        raise InputError(
            f"`penalty` is {penalty} but a positive number is wanted: separable labels have no minimiser without one; pass one."
        )
    labels = _labels(kind, "y", y, points, outputs)
    w = points.new_ones(points.shape[:-1]) if weights is None else as_tensor("weights", weights, like=("X", points))
    if w.shape != points.shape[:-1] or bool((w < 0).any()):
        raise InputError(
            f"`weights` has shape {tuple(w.shape)} and smallest entry {float(w.min()):.3g} but weights >= 0 of shape "
            f"{tuple(points.shape[:-1])} are wanted; pass one for every point."
        )
    theta = points.new_zeros(*points.shape[:-2], outputs, points.shape[-1])
    return _fit(Regression(kind, points, labels, w, float(penalty), theta, theta.sum((-1, -2))), tol)


def _labels(kind: str, name: str, y: Any, points: Tensor, outputs: int) -> Tensor:
    labels = as_tensor(name, y, min_ndim=1, like=("X", points))
    if labels.shape != points.shape[:-1] or (kind == "logistic" and bool((labels.abs() != 1).any())):
        raise InputError(
            f"`{name}` has shape {tuple(labels.shape)} but labels {'-1 and 1' if kind == 'logistic' else '0 to K - 1'} of shape "
            f"{tuple(points.shape[:-1])} are wanted; pass one for every point."
        )
    return labels if kind == "logistic" else one_hot(name, labels, outputs)


def _lifted(y: Tensor, kind: str) -> Tensor:
    return y.unsqueeze(-3 if kind == "softmax" else -2)


def _fit(model: Regression, tol: float = 1e-11) -> Regression:
    """Newton steps, halved until the objective does not rise or the gradient shrinks, all members at once."""
    theta = model.theta
    lead, shape = theta.shape[:-2], theta.shape
    scale = (model.weights * model.X.norm(dim=-1)).sum(-1).clamp(min=1)
    value, g = _value(model, theta), _slope(model, theta)
    for _ in range(100):
        if bool((g.norm(dim=-1) <= 1e-2 * tol * scale).all()):
            break
        A = _hessian(model.kind, theta, model.X, model.weights, model.penalty)
        step = torch.linalg.solve(A, g)
        size = theta.new_ones(lead)
        for _ in range(_HALVINGS):
            trial = theta - (size[..., None] * step).view(shape)
            new_value, new_g = _value(model, trial), _slope(model, trial)
            good = (new_value <= value - 1e-4 * size * (step * g).sum(-1)) | (new_g.norm(dim=-1) < g.norm(dim=-1) / 2)
            if bool(good.all()):
                break
            size = torch.where(good, size, size / 2)
        better = good | (new_g.norm(dim=-1) < g.norm(dim=-1))
        if not bool(better.any()):
            break  # every member is at rounding level
        theta = torch.where(better[..., None, None], trial, theta)
        value, g = torch.where(better, new_value, value), torch.where(better[..., None], new_g, g)
    norm = g.norm(dim=-1)
    if bool((norm > tol * scale).any()):
        raise InputError(
            f"`tol` is {tol:g} but Newton's method stops at a gradient of {float((norm / scale).max()):.2g} of the data's scale, "
            "which is rounding; pass a larger `tol`, or scale the points."
        )
    return replace(model, theta=theta, gradient_norm=norm)


def _value(model: Regression, theta: Tensor) -> Tensor:
    losses = _losses(model.kind, model.X @ theta.mT, model.y)
    return (model.weights * losses).sum(-1) + model.penalty / 2 * (theta * theta).sum((-1, -2))


def _slope(model: Regression, theta: Tensor) -> Tensor:
    slopes = model.weights[..., None] * _slopes(model.kind, model.X @ theta.mT, model.y)
    return (slopes.mT @ model.X + model.penalty * theta).flatten(-2)


def _losses(kind: str, z: Tensor, y: Tensor) -> Tensor:
    if kind == "logistic":
        return torch.nn.functional.softplus(-y * z[..., 0], threshold=700.0)
    return -(y * torch.log_softmax(z, -1)).sum(-1)


def _slopes(kind: str, z: Tensor, y: Tensor) -> Tensor:
    if kind == "logistic":
        return (-y * torch.sigmoid(-y * z[..., 0]))[..., None]
    return torch.softmax(z, -1) - y


def _gradients(kind: str, theta: Tensor, X: Tensor, y: Tensor) -> Tensor:
    slopes = _slopes(kind, X @ theta.mT, y)
    return (slopes[..., :, None] * X[..., None, :]).flatten(-2)


def _hessian(kind: str, theta: Tensor, X: Tensor, weights: Tensor, penalty: float) -> Tensor:
    z = X @ theta.mT
    if kind == "logistic":
        curvature = (torch.sigmoid(z) * torch.sigmoid(-z))[..., None]
    else:
        p = torch.softmax(z, -1)
        curvature = torch.diag_embed(p) - p[..., :, None] * p[..., None, :]
    K, d = theta.shape[-2:]
    blocks = torch.einsum("...n,...nkl,...na,...nb->...kalb", weights, curvature, X, X)
    return blocks.reshape(*blocks.shape[:-4], K * d, K * d) + penalty * torch.eye(K * d, dtype=X.dtype, device=X.device)
