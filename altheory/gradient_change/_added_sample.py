r"""Exact minimisers before and after a sample is added, where they have a closed form or Newton's method finds them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def gradient_after(
    A: Float[Any, "*batch n n"], B: Float[Any, "*batch n n"], g0: Float[Any, "*batch n"]
) -> Float[Tensor, "*batch n"]:
    r"""$g_1 = A(A+B)^{-1}g_0$: the gradient of a quadratic loss l with Hessian B, once it is trained on.

    F has Hessian A, positive definite, and its minimiser at $\theta_0$, where l has the gradient $g_0$;
    $\theta_1-\theta_0 = -(A+B)^{-1}g_0$ and $g_1 = -A(\theta_1-\theta_0)$.

    Args:
        A: (..., n, n), positive definite.
        B: (..., n, n), positive semidefinite.
        g0: (..., n). l has a lower bound exactly when it lies in the range of B.

    Returns:
        (..., n). Exact arrays pass through.

    Raises:
        InputError: the shapes do not fit.
    """
    A, B, g0 = as_tensors(A=A, B=B, g0=g0)
    if not any(map(is_exact, (A, B, g0))):
        n = g0.shape[-1]
        if A.shape[-2:] != (n, n) or B.shape[-2:] != (n, n):
            raise InputError(
                f"`A`, `B` and `g0` have shapes {tuple(A.shape)}, {tuple(B.shape)} and {tuple(g0.shape)} but (..., n, n) twice "
                "and (..., n) are wanted; pass the two Hessians and the gradient before."
            )
    return (A @ torch.linalg.solve(A + B, g0[..., None]))[..., 0]


def residuals_after(
    A: Float[Any, "*batch n n"], X: Float[Any, "*batch k n"], r: Float[Any, "*batch k"]
) -> Float[Tensor, "*batch k"]:
    r"""$(I+XA^{-1}X^\top)^{-1}r$: the residuals of k samples of least squares once all k are trained on.

    Args:
        A: Hessian of the loss before, positive definite, (..., n, n).
        X: the samples' features, one a row, (..., k, n).
        r: their residuals at the minimiser before, (..., k).

    Returns:
        (..., k). For one sample this is $r/(1+x^\top A^{-1}x)$. Exact arrays pass through.
    """
    A, X, r = as_tensors(A=A, X=X, r=r)
    K = X @ torch.linalg.solve(A, torch.transpose(X, -1, -2))
    return torch.linalg.solve(torch.eye(X.shape[-2], dtype=torch.float64) + K, r[..., None])[..., 0]


def added_logits(z: Float[Any, "*batch N"], y: Float[Any, "*batch N"]) -> tuple[Tensor, Tensor]:
    r"""$p-e_y$ at the logits z, and $p_y$: the gradient in the logits of the cross-entropy, and the label's probability.

    Args:
        z: logits, (..., N).
        y: the label, one-hot, (..., N).
    """
    z, y = as_tensors(z=z, y=y)
    p = torch.softmax(z, -1)
    others = p * (1 - y)
    return others - others.sum(-1)[..., None] * y, (p * y).sum(-1)


def fit_softmax(
    X: Float[Any, "n d"],
    labels: Int[Any, " n"],
    *,
    weights: Any = None,
    ridge: float,
    classes: int,
    tolerance: float = 1e-9,
) -> tuple[Float[Tensor, "d N"], float]:
    r"""Softmax regression without a bias to its minimiser, by Newton's method with halved steps, in float64.

    Minimises $\sum_iw_i\,\mathrm{CE}(\theta^\top x_i, y_i)+\frac\rho2|\theta|^2$. A bias is a feature that is 1 everywhere.

    Args:
        X: (n, d).
        labels: classes of the rows, (n,), integers.
        weights: how often each row counts, (n,); once each by default.
        ridge: $\rho$, positive.
        classes: N, at least 2.
        tolerance: stop when no entry of the gradient is larger.

    Returns: $\theta$, (d, N), and $|\nabla|/\rho$, a bound of its distance from the minimiser, as the loss is
        $\rho$-strongly convex.

    Raises: InputError: a ridge that is not positive, a label outside 0..N-1, or no convergence (rounding of a badly scaled
        problem).
    """
    X = as_tensor("X", X, ndim=2, layout="(n, d)").to(torch.float64)
    y = torch.as_tensor(labels)
    if not ridge > 0 or not math.isfinite(ridge):
        raise InputError(f"`ridge` is {ridge!r} but a positive number is wanted; without one the minimiser may not exist.")
    if y.shape != X.shape[:1] or int(y.min()) < 0 or int(y.max()) >= classes:
        raise InputError(
            f"`labels` have shape {tuple(y.shape)} and go from {int(y.min())} to {int(y.max())} but {len(X)} classes in "
            f"0..{classes - 1} are wanted; pass one for each row of X."
        )
    w = torch.ones(len(X), dtype=torch.float64) if weights is None else as_tensor("weights", weights, ndim=1).to(torch.float64)
    hot = torch.nn.functional.one_hot(y, classes).to(torch.float64)
    d = X.shape[1]
    theta = torch.zeros(d, classes, dtype=torch.float64)

    def loss(at: Tensor) -> float:
        return float(-(w[:, None] * hot * torch.log_softmax(X @ at, -1)).sum() + ridge / 2 * (at * at).sum())

    for _ in range(200):
        p = torch.softmax(X @ theta, -1)
        gradient = X.T @ (w[:, None] * (p - hot)) + ridge * theta
        if float(gradient.abs().max()) <= tolerance:
            return theta, float(gradient.norm()) / ridge
        inner = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
        H = torch.einsum("n,na,nb,nkl->akbl", w, X, X, inner).reshape(d * classes, d * classes)
        H = H + ridge * torch.eye(d * classes, dtype=torch.float64)
        step = torch.linalg.solve(H, gradient.reshape(-1)).reshape(d, classes)
        now, size, fall = loss(theta), 1.0, float((gradient * step).sum())
        while loss(theta - size * step) > now - 1e-4 * size * fall + 1e-13 * abs(now) and size > 1e-10:
            size /= 2
        theta = theta - size * step
    raise InputError(
        f"the gradient is {float(gradient.abs().max()):.3g} after 200 Newton steps but at most `tolerance` = {tolerance:.3g} "
        "is wanted; pass a larger ridge or tolerance."
    )


def softmax_growth(
    X: Any, labels: Any, x: Any, y: int, *, ridge: float, classes: int, weights: Any = None, tolerance: float = 1e-9
) -> tuple[float, Tensor, Tensor]:
    r"""$|g_1|/|g_0|$ for the sample (x, y) once softmax regression is trained with it, and its probabilities before and after.

    Args:
        X, labels, weights, ridge, classes, tolerance: the training set before, as for `fit_softmax`.
        x: the added features, (d,).
        y: its class.

    Returns:
        The ratio, and the probabilities $p_0, p_1$, each (N,).
    """
    X, x = as_tensors(X=X, x=x)
    w = torch.ones(len(X), dtype=torch.float64) if weights is None else as_tensor("weights", weights, ndim=1).to(torch.float64)
    settings = {"ridge": ridge, "classes": classes, "tolerance": tolerance}
    before, _ = fit_softmax(X, labels, weights=w, **settings)  # type: ignore[arg-type]
    more = torch.cat([torch.as_tensor(labels), torch.tensor([y])])
    after, _ = fit_softmax(torch.cat([X, x[None]]), more, weights=torch.cat([w, w.new_ones(1)]), **settings)  # type: ignore[arg-type]
    p0, p1 = torch.softmax(x @ before, -1), torch.softmax(x @ after, -1)
    hot = torch.nn.functional.one_hot(torch.tensor(y), classes).to(torch.float64)
    return float((p1 - hot).norm() / (p0 - hot).norm()), p0, p1
