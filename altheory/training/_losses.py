r"""The two losses, normalised once: sums over the points, never means.

$$L_{sq} = \tfrac12\sum_i|f(x_i)-y_i|^2,\qquad L_{ce} = \sum_i\Bigl(\log\sum_k e^{f_k(x_i)} - \sum_k y_{ik}f_k(x_i)\Bigr).$$

Training sees a loss through its slope alone, which is $f-Y$ for the first and $\mathrm{softmax}(f)-Y$ for the second.
With this normalisation linearised gradient descent on the squared loss is $u_{t+1} = (I-\eta\Theta)u_t$ for $u = f-Y$. For
the mean over n points divide the learning rate by n.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from altheory._inputs import InputError, as_tensor

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Loss:
    """A loss: its name, value (..., n, K) -> (...,) and slope (..., n, K) -> (..., n, K), both functions of (f, Y)."""

    name: str
    value: Callable[[Tensor, Tensor], Tensor]
    slope: Callable[[Tensor, Tensor], Tensor]


def get(name: str) -> Loss:
    """The loss called by this name.

    Raises:
        InputError: There is no such loss.
    """
    if not isinstance(name, str) or name not in LOSSES:
        raise InputError(f"`loss` is {name!r} but {' or '.join(map(repr, LOSSES))} is wanted; pass one of these.")
    return LOSSES[name]


def targets(loss: Loss, Y: Any, points: int, outputs: int | None, like: tuple[str, Tensor]) -> Tensor:
    """The labels as (n, K) numbers: values for the squared loss, class probabilities for cross-entropy.

    Args:
        loss: Which loss they are for.
        Y: (n, K); (n,) for one output; or, for cross-entropy, n integer classes 0 to K - 1.
        points: n.
        outputs: K; None takes it from the labels.
        like: Name and tensor of what they are used with (dtype and device).

    Raises:
        InputError: Another shape, dtype or device, a class out of range, rows that are not probabilities, or
            cross-entropy with a single output.
    """
    if loss.name == "cross_entropy" and outputs == 1:
        raise InputError(
            "`loss` is 'cross_entropy' but the network has one output, whose softmax is constant; "
            "pass a network with one output per class, or `loss='squared'`."
        )
    classes = _classes(Y) if loss.name == "cross_entropy" else None
    if classes is not None:
        return _one_hot(classes, points, outputs, like[1])
    values = as_tensor("Y", Y, ndim=(1, 2), layout="(n,) or (n, K)", like=like)
    values = values[:, None] if values.ndim == 1 else values
    if values.shape[0] != points or values.shape[1] != (outputs or values.shape[1]):
        wanted = f"({points}, {outputs or 'K'})" + (f" or ({points},)" if outputs in (None, 1) else "")
        raise InputError(
            f"`Y` has shape {tuple(np.shape(Y))} but {points} points with {outputs or 'K'} output(s) want {wanted}; "
            "pass one row of labels for each point."
        )
    if loss.name == "cross_entropy":
        _check_probabilities(values)
    return values


def _check_probabilities(values: Tensor) -> None:
    if values.shape[1] < 2:
        raise InputError(
            "`Y` has one column of fractions but cross-entropy wants classes; pass integers 0 to K - 1, or one-hot rows (n, K)."
        )
    off = (values.sum(-1) - 1).abs().max()
    if bool((values < 0).any()) or float(off) > 1e-6:
        raise InputError(
            f"`Y` has rows that are not probabilities (least entry {float(values.min()):.3g}, "
            f"a row sum off 1 by {float(off):.3g}) but cross-entropy wants one-hot rows or probabilities; "
            "pass integer classes, or normalise the rows."
        )


def _classes(Y: Any) -> np.ndarray[Any, Any] | None:
    """Integer class labels (n,), or None where Y is something else."""
    if isinstance(Y, torch.Tensor):
        integral = Y.ndim == 1 and not Y.is_floating_point() and not Y.is_complex()
        return Y.detach().cpu().numpy() if integral else None
    try:
        array = np.asarray(Y)
    except (ValueError, TypeError, RuntimeError):
        return None
    return array if array.ndim == 1 and array.dtype.kind in "biu" else None


def _one_hot(classes: np.ndarray[Any, Any], points: int, outputs: int | None, like: Tensor) -> Tensor:
    if classes.shape[0] != points:
        raise InputError(
            f"`Y` has {classes.shape[0]} class label(s) but there are {points} point(s); pass one label for each point."
        )
    count = max(2, int(classes.max()) + 1) if outputs is None else outputs
    if classes.min() < 0 or classes.max() >= count:
        raise InputError(
            f"`Y` has class labels from {int(classes.min())} to {int(classes.max())} but {count} outputs want classes "
            f"0 to {count - 1}; renumber the classes, or pass a network with more outputs."
        )
    rows = torch.from_numpy(classes.astype(np.int64)).to(like.device)
    return torch.nn.functional.one_hot(rows, count).to(like.dtype)


def _half_square(f: Tensor, Y: Tensor) -> Tensor:
    return (f - Y).square().sum((-2, -1)) / 2


def _cross_entropy(f: Tensor, Y: Tensor) -> Tensor:
    # log-softmax entry by entry: the difference of two sums would lose the digits of a small loss
    return -(Y * torch.log_softmax(f, -1)).sum((-2, -1))


LOSSES = {
    "squared": Loss("squared", _half_square, lambda f, Y: f - Y),
    "cross_entropy": Loss("cross_entropy", _cross_entropy, lambda f, Y: torch.softmax(f, -1) - Y),
}
