r"""What look-ahead replaces: training a network again for every candidate, by minibatch gradient descent.

Source: Mohamadi, Bae, Sutherland (2022), figure 1(a), "Naive": 15 epochs from the present parameters for each candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, check_integer
from altheory.kernels._operator_inputs import generator_of
from altheory.lookahead._pools import one_hot
from altheory.networks import TwoLayerNet
from altheory.training._autograd import function, trained
from altheory.training._descent import check_rate

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike


def sgd(
    net: Any,
    X: Float[ArrayLike, "n d"],
    Y: Float[ArrayLike, "n C"] | Int[ArrayLike, " n"],
    *,
    lr: float,
    epochs: int = 15,
    batch: int = 32,
    seed: int | torch.Generator,
) -> Any:
    r"""Minibatch gradient descent on $\frac12\sum_i\|f(x_i)-y_i\|^2$, every epoch through all points in a new order.

    Args:
        net: A network of this package, or a module.
        X: (n, d) points.
        Y: (n, C) labels, or (n,) classes.
        lr: The step size, for the sum of a minibatch's losses.
        epochs: How often every point is seen.
        batch: Points in a minibatch.
        seed: Of the orders.

    Returns:
        The trained network.

    Raises:
        InputError: Points or labels that do not fit, sizes below 1, or training that diverges.
    """
    model, points, labels = _problem(net, X, Y)
    rate, epochs, batch = check_rate(lr), check_integer("epochs", epochs), check_integer("batch", batch)
    parameters = _descend(model, points, labels, rate, epochs, batch, generator_of(seed))
    if not all(bool(torch.isfinite(p).all()) for p in parameters):
        raise InputError(f"`lr` is {lr:g} but training diverges at this step size; pass a smaller one.")
    return model.replace(*parameters)


def retrained_change(
    net: Any,
    X_L: Float[ArrayLike, "L d"],
    Y: Float[ArrayLike, "L C"] | Int[ArrayLike, " L"],
    X_U: Float[ArrayLike, "U d"],
    *,
    lr: float,
    epochs: int = 15,
    batch: int = 32,
    seed: int,
    candidates: Sequence[int] | None = None,
) -> Float[Tensor, " candidates"]:
    r"""MLMOC without the kernel: for each candidate, $\sum_{x\in U}\|f(x)-f_{L^+}(x)\|_2$ after `sgd` on the labelled points
    and the candidate with its most likely label.

    One candidate after the other: on a processor, training many at once by batched products, gradients written out, took as
    long for each and the memory of all networks.

    Args:
        net: The network, trained on the labelled points.
        X_L: (L, d) labelled points.
        Y: (L, C) labels, or (L,) classes.
        X_U: (U, d) pool.
        lr: As in `sgd`.
        epochs: As in `sgd`.
        batch: As in `sgd`.
        seed: As in `sgd`; the same orders for every candidate.
        candidates: Which candidates; all by default.

    Returns:
        (candidates,).

    Raises:
        InputError: As in `sgd`, or a candidate that is not there.
    """
    model, points, labels = _problem(net, X_L, Y)
    rate, epochs, batch = check_rate(lr), check_integer("epochs", epochs), check_integer("batch", batch)
    pool = model.check_points("X_U", X_U).detach()
    which = list(range(len(pool))) if candidates is None else [int(i) for i in candidates]
    if any(not 0 <= i < len(pool) for i in which):
        raise InputError(f"`candidates` names {which} but numbers from 0 to {len(pool) - 1} are wanted; pass those.")
    on_pool = function(model, pool)
    with torch.no_grad():
        before = on_pool(*trained(model))
    best = torch.argmax(before, 1)
    scores = []
    for j in which:
        label = torch.zeros_like(labels[:1])
        label[0, best[j]] = 1
        more, truth = torch.cat([points, pool[j : j + 1]]), torch.cat([labels, label])
        parameters = _descend(model, more, truth, rate, epochs, batch, generator_of(seed))
        with torch.no_grad():
            scores.append(torch.linalg.vector_norm(on_pool(*parameters) - before, dim=1).sum())
    found = torch.stack(scores)
    if not bool(torch.isfinite(found).all()):
        raise InputError(f"`lr` is {lr:g} but training diverges at this step size; pass a smaller one.")
    return found


def _problem(net: Any, X: Any, Y: Any) -> tuple[Any, Tensor, Tensor]:
    from altheory.modules._adapter import as_module_net

    model = net if isinstance(net, TwoLayerNet) else as_module_net(net)
    points = model.check_points("X", X).detach()
    with torch.no_grad():
        outputs = model(points[:1])
    labels = one_hot("Y", as_tensor("Y", Y, like=("net", outputs)), outputs.shape[1], outputs)
    if labels.shape != (len(points), outputs.shape[1]):
        raise InputError(
            f"`Y` has shape {tuple(labels.shape)} but {(len(points), outputs.shape[1])} is wanted; pass one row a point."
        )
    return model, points, labels


def _descend(
    net: Any, X: Tensor, Y: Tensor, lr: float, epochs: int, batch: int, generator: torch.Generator
) -> tuple[Tensor, ...]:
    """The parameters after so many epochs."""
    parameters = tuple(p.clone().requires_grad_() for p in trained(net))
    for _ in range(epochs):
        order = torch.randperm(len(X), generator=generator).to(X.device)
        points, labels = X[order], Y[order]
        for start in range(0, len(X), batch):
            f = function(net, points[start : start + batch])(*parameters)
            gradients = torch.autograd.grad(f, parameters, f.detach() - labels[start : start + batch])
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.sub_(gradient, alpha=lr)
    return tuple(p.detach() for p in parameters)
