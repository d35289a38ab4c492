r"""Exact minimisers before and after a sample is added, where they have a closed form or Newton's method finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory import influence
from altheory._inputs import InputError, as_tensors, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
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


def softmax_growth(
    X: Any, labels: Any, x: Any, y: int, *, ridge: float, classes: int, weights: Any = None
) -> tuple[float, Tensor, Tensor]:
    r"""$|g_1|/|g_0|$ for the sample (x, y) once softmax regression is trained with it, and its probabilities before and after.

    A bias is a feature that is 1 everywhere.

    Args:
        X, labels, ridge, classes, weights: the training set before, as for `altheory.influence.softmax`.
        x: the added features, (d,).
        y: its class.

    Returns:
        The ratio, and the probabilities $p_0, p_1$, each (N,).

    Raises: InputError: as `altheory.influence.softmax`.
    """
    X, x = as_tensors(X=X, x=x)
    before = influence.softmax(X, labels, ridge, classes=classes, weights=weights)
    after = before.with_points(x[None], torch.tensor([y]))
    p0, p1 = (torch.softmax(theta @ x, -1) for theta in (before.theta, after.theta[0]))
    hot = torch.nn.functional.one_hot(torch.tensor(y), classes).to(torch.float64)
    return float((p1 - hot).norm() / (p0 - hot).norm()), p0, p1
