r"""Losses of a network's outputs: values, slopes in the outputs, and a root of the curvature in the outputs.

For the cross-entropy the curvature is $\mathrm{diag}(p)-pp^\top = RR^\top$ with $R = (I-p1^\top)\,\mathrm{diag}(\sqrt p)$. R has
the null vector $\sqrt p$; a reflection that takes it to the last axis leaves K - 1 columns with the same $RR^\top$.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

LOSSES = ("cross_entropy", "squared", "entropy")


def check_loss(loss: str, *, trained: bool = False) -> str:
    """The name of a loss; one with labels where it is to be trained.

    Raises:
        InputError: Another name.
    """
    allowed = LOSSES[:2] if trained else LOSSES
    if loss not in allowed:
        raise InputError(f"`loss` is {loss!r} but one of {', '.join(map(repr, allowed))} is wanted; pass one of these.")
    return loss


def one_hot(name: str, y: Tensor, classes: int) -> Float[Tensor, "*batch K"]:
    """Integer classes (...,) as rows of 0 and 1.

    Raises:
        InputError: Numbers that are not classes 0 to K - 1.
    """
    if bool((y != y.round()).any()) or bool((y < 0).any()) or bool((y >= classes).any()):
        raise InputError(f"`{name}` is not made of classes 0 to {classes - 1}; pass such integers.")
    return torch.nn.functional.one_hot(y.long(), classes).to(y.dtype)


def targets(name: str, y: Any, F: Float[Tensor, "n K"], loss: str) -> Float[Tensor, "n K"]:
    """Labels beside outputs: classes (n,) or rows (n, K); the entropy has none, and takes None.

    Raises:
        InputError: Labels of another shape, or missing.
    """
    if loss == "entropy":
        return torch.zeros_like(F)
    if y is None:
        raise InputError(f"`{name}` is None but the loss {loss!r} wants labels; pass classes (n,) or rows (n, K).")
    values = as_tensor(name, y, ndim=(1, 2), layout="(n,) or (n, K)", like=("the outputs", F))
    if values.ndim == 1 and len(values) == len(F) and (F.shape[1] > 1 or loss == "cross_entropy"):
        values = one_hot(name, values, F.shape[1])
    elif values.ndim == 1 and len(values) == len(F):
        values = values[:, None]
    if values.shape != F.shape:
        raise InputError(
            f"`{name}` has shape {tuple(values.shape)} but the outputs have {tuple(F.shape)}; pass one label for every point."
        )
    return values


def values(F: Tensor, Y: Tensor, loss: str) -> Float[Tensor, " n"]:
    r"""$-\sum_ky_k\log p_k$, $\frac12|f-y|^2$, or the entropy of p = softmax(f)."""
    if loss == "squared":
        return ((F - Y) ** 2).sum(-1) / 2
    logs = torch.log_softmax(F, -1)
    return -((torch.exp(logs) if loss == "entropy" else Y) * logs).sum(-1)


def slopes(F: Tensor, Y: Tensor, loss: str) -> Float[Tensor, "n K"]:
    r"""The gradients of `values` in the outputs: $(\sum_ky_k)p-y$, $f-y$, or $-p\circ(\log p+H)$."""
    if loss == "squared":
        return F - Y
    logs = torch.log_softmax(F, -1)
    p = torch.exp(logs)
    if loss == "entropy":
        return -p * (logs - (p * logs).sum(-1, keepdim=True))
    return Y.sum(-1, keepdim=True) * p - Y


def curvature_root(F: Float[Tensor, "n K"], Y: Float[Tensor, "n K"], loss: str) -> Float[Tensor, "n q K"]:
    r"""$R^\top$, one direction a row, with $RR^\top$ the Hessian of the loss in the outputs; q = K - 1 for the cross-entropy.

    With one class there is no curvature; its one row is zero.
    """
    n, K = F.shape
    eye = torch.eye(K, dtype=F.dtype, device=F.device)
    if loss == "squared":
        return eye.expand(n, K, K)
    root = torch.softmax(F, -1).sqrt()
    p = root * root
    R = (eye - p[:, :, None]) * root[:, None, :] * Y.sum(-1).clamp(min=0).sqrt()[:, None, None]
    if K == 1:
        return R
    # the Householder reflection that takes sqrt(p), R's null vector, to the last axis; its last column is dropped
    v = root.clone()
    v[:, -1] += 1
    R = R - (R @ v[:, :, None]) * (2 / (v * v).sum(-1))[:, None, None] * v[:, None, :]
    return R[:, :, :-1].mT
