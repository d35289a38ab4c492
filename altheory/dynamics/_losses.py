"""The two losses of the paper, their gradients in the outputs, and pseudo labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensors, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

LOSSES = ("cross_entropy", "squared")


def loss(
    f: Float[ArrayLike, "*batch n k"], Y: Float[ArrayLike, "*batch n k"], *, loss: str = "cross_entropy"
) -> Float[Tensor, "*batch"]:
    r"""The loss of a set, summed over examples: $-\sum_x\sum_iy^i\log\sigma^i(f(x))$, or $\frac12\sum_x|f(x)-y|^2$.

    Args:
        f: (..., n, K) outputs.
        Y: (..., n, K) labels, one-hot or not.
        loss: `"cross_entropy"` (eq. 4) or `"squared"` (appendix A.3, with the sign that descent needs).

    Returns:
        (...,).

    Raises:
        InputError: The shapes differ, an entry is not finite, or there is no such loss.
    """
    return value(*_matched(f, Y, loss), loss)


def value(outputs: Tensor, labels: Tensor, loss: str) -> Tensor:
    """`loss` without validation, for `torch.func`."""
    if loss == "squared":
        gap = outputs - labels
        return (gap * gap).sum(-1).sum(-1) / 2
    return -(labels * torch.log_softmax(outputs, -1)).sum(-1).sum(-1)


def residual(
    f: Float[ArrayLike, "*batch n k"], Y: Float[ArrayLike, "*batch n k"], *, loss: str = "cross_entropy"
) -> Float[Tensor, "*batch n k"]:
    r"""What the paper calls d: $\sigma(f)-Y$ for cross-entropy, $f-Y$ for the squared loss.

    It is the gradient of the loss in the outputs; for cross-entropy only where the labels sum to 1 (see
    `logit_gradient`).

    Args:
        f: (..., n, K) outputs.
        Y: (..., n, K) labels.
        loss: `"cross_entropy"` or `"squared"`.

    Returns:
        (..., n, K).

    Raises:
        InputError: As `loss`.
    """
    outputs, labels = _matched(f, Y, loss)
    return outputs - labels if loss == "squared" else torch.softmax(outputs, -1) - labels


def logit_gradient(f: Float[ArrayLike, "*batch n k"], Y: Float[ArrayLike, "*batch n k"]) -> Float[Tensor, "*batch n k"]:
    r"""The gradient of the cross-entropy in the outputs for any labels: $(\sum_iy^i)\,\sigma(f)-y$, one row an example.

    Args:
        f: (..., n, K) outputs.
        Y: (..., n, K) labels, with any sums.

    Returns:
        (..., n, K).

    Raises:
        InputError: As `loss`.
    """
    outputs, labels = _matched(f, Y, "cross_entropy")
    return labels.sum(-1)[..., None] * torch.softmax(outputs, -1) - labels


def loss_change(
    f: Float[ArrayLike, "*batch n k"], move: Float[ArrayLike, "*batch n k"], Y: Float[ArrayLike, "*batch n k"]
) -> Float[Tensor, "*batch"]:
    r"""How much the cross-entropy changes when the outputs move from f to f + h, without the difference of two losses:
    $\sum_x\left(s_x\log\sum_i\sigma^i(f(x))\,e^{h^i(x)}-\langle y,h(x)\rangle\right)$, $s_x = \sum_iy^i$.

    The logarithm is $h^m+\log(1+\sum_i\sigma^i(e^{h^i-h^m}-1))$ with m the largest output, so that nothing cancels however
    small the move and however sure the prediction.

    Args:
        f: (..., n, K) outputs.
        move: (..., n, K) their change h, with differences below 700.
        Y: (..., n, K) labels, with any sums.

    Returns:
        (...,).

    Raises:
        InputError: As `loss`.
    """
    outputs, labels = _matched(f, Y, "cross_entropy")
    _, h = _matched(f, move, "cross_entropy")
    base = (pseudo_labels(outputs) * h).sum(-1)
    log = base + torch.log1p((torch.softmax(outputs, -1) * torch.expm1(h - base[..., None])).sum(-1))
    return (labels.sum(-1) * log - (labels * h).sum(-1)).sum(-1)


def pseudo_labels(f: Float[ArrayLike, "*batch n k"]) -> Float[Tensor, "*batch n k"]:
    """The predicted class of every example as a one-hot row; of tied outputs the first.

    Args:
        f: (..., n, K) outputs.

    Returns:
        (..., n, K), in f's dtype.

    Raises:
        InputError: An entry is not finite.
    """
    (outputs,) = as_tensors(f=f)
    best = torch.argmax(outputs, -1)
    return (best[..., None] == torch.arange(outputs.shape[-1], device=_device(outputs))).to(outputs.dtype)


def check_loss(name: str) -> None:
    """Refuse a loss that is not there.

    Raises:
        InputError: There is no such loss.
    """
    if name not in LOSSES:
        raise InputError(f"`loss` is {name!r} but one of {', '.join(map(repr, LOSSES))} is wanted; pass one of these.")


def _matched(f: Any, Y: Any, name: str) -> tuple[Any, Any]:
    """Outputs and labels of one shape."""
    check_loss(name)
    outputs, labels = as_tensors(f=f, Y=Y)
    if not (is_exact(outputs) or is_exact(labels)) and (outputs.shape != labels.shape or outputs.ndim < 2):
        raise InputError(
            f"`f` has shape {tuple(outputs.shape)} and `Y` {tuple(labels.shape)} but both are wanted as (..., n, K); pass one "
            "label for every output."
        )
    return outputs, labels


def _device(x: Any) -> torch.device | None:
    return x.device if isinstance(x, torch.Tensor) else None
