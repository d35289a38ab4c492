"""Steps whose integrals are exact: of polynomial models, and of one relu neuron."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, is_exact
from altheory.recursion._rules import newton_cotes
from altheory.recursion._step import Step, column, square

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike
    from altheory.recursion._models import PolynomialModel


def polynomial_step(
    model: PolynomialModel, y: Float[ArrayLike, "*batch n"], eta: float | Tensor, *, c: float | Tensor = 0.5
) -> Step:
    r"""One step of gradient descent on $L = c\,|y-f|^2$ from the model's parameters, its integrals exact.

    The gradients along the segment are polynomials of $\gamma$; a Newton-Cotes rule of their degree integrates them without
    error, in rational arithmetic too.

    Args:
        model: A `QuadraticModel` or `TwoLayerModel`, or anything with their attributes and `moved`.
        y: (..., n) labels.
        eta: Step size, a number or (...,).
        c: Normalisation of the loss: 1/2 as in CRC's eq. (1), 1 as in its eq. (12), 1/n for the mean.

    Returns:
        A `Step`.

    Raises:
        InputError: `y` does not fit the model, or an entry is not finite.
    """
    f, J = model.outputs, model.jacobian
    labels: Any = y if is_exact(f) or is_exact(y) else as_tensor("y", y, like=("outputs", f))
    if not is_exact(labels) and tuple(labels.shape) != tuple(f.shape):
        raise InputError(
            f"`y` has shape {tuple(labels.shape)} but the outputs {tuple(f.shape)}; pass one label for every output."
        )
    residual = labels - f
    gradient = _gradient(J, residual, c)
    total = square(gradient)
    xi, bend = 0 * total, 0 * residual
    last = residual
    slope = (J * gradient[..., None, :]).sum(-1)
    for node, weight in newton_cotes(model.degree):
        if node == 0:
            continue  # both integrands vanish
        there = model.moved(-column(eta * node.numerator / node.denominator) * gradient)
        last = labels - there.outputs
        fallen = total - (gradient * _gradient(there.jacobian, last, c)).sum(-1)
        turned = slope - (there.jacobian * gradient[..., None, :]).sum(-1)  # h'(gamma) - h'(0)
        length = eta * weight.numerator / weight.denominator
        xi, bend = xi + length * fallen, bend + column(length) * turned
    # the last node is gamma = eta
    return Step(residual, last, J @ torch.transpose(J, -1, -2), total, xi, bend, eta, c)


def _gradient(J: Any, residual: Any, c: Any) -> Any:
    """-2c J' e."""
    return -2 * column(c) * (J * residual[..., None]).sum(-2)


def relu_neuron_step(
    w: Float[ArrayLike, "*batch"],
    x: Float[ArrayLike, "*batch n"],
    y: Float[ArrayLike, "*batch n"],
    eta: float | Tensor,
    *,
    c: float | Tensor = 0.5,
) -> Step:
    r"""One step for $f_i = \max(w\,x_i, 0)$ with the one weight w, its integrals exact across the kink at $w = 0$.

    On either side of the kink the gradient is linear in $\gamma$, so the midpoint rule on the two pieces integrates it without
    error. At the kink itself the derivative of relu is taken to be 0.

    Args:
        w: (...,) the weight.
        x: (..., n) inputs.
        y: (..., n) labels.
        eta: Step size, a number or (...,).
        c: Normalisation of the loss.

    Returns:
        A `Step`.

    Raises:
        InputError: The shapes do not fit, or an entry is not finite.
    """
    weights, inputs, labels = as_tensors(w=w, x=x, y=y)
    shapes = tuple(weights.shape), tuple(inputs.shape), tuple(labels.shape)
    if not any(map(is_exact, (w, x, y))) and not shapes[1] == shapes[2] == (*shapes[0], *shapes[1][-1:]):
        raise InputError(
            f"`w`, `x` and `y` have shapes {shapes[0]}, {shapes[1]} and {shapes[2]} but (...,), (..., n) and "
            "(..., n) are wanted; pass one weight, and one label for every input."
        )

    def at(weight: Any) -> tuple[Any, Any]:
        u = column(weight) * inputs
        return labels - torch.relu(u), torch.where(u > 0, inputs, 0 * inputs)

    residual, J = at(weights)
    gradient = -2 * c * (J * residual).sum(-1)
    speed = torch.where(gradient == 0, torch.ones_like(gradient), gradient)
    kink = weights / speed  # where the segment meets w = 0
    zero = 0 * gradient
    kink = torch.where((gradient != 0) & (kink > 0), torch.minimum(kink, eta + zero), zero)
    fallen, bend = zero, 0 * residual
    for start, end in ((zero, kink), (kink, eta + zero)):
        e, there = at(weights - (start + end) / 2 * gradient)
        length = end - start
        fallen = fallen + length * (gradient * -2 * c * (there * e).sum(-1))
        bend = bend + column(length) * (J - there) * column(gradient)
    last, _ = at(weights - eta * gradient)
    total = gradient * gradient
    kernel = J[..., :, None] * J[..., None, :]
    return Step(residual, last, kernel, total, eta * total - fallen, bend, eta, c)
