r"""Gradients of networks: of a `TwoLayerNet` by `torch.func`, and of explicit two-layer weights in closed form.

The closed form is batched over networks and made of sums and products alone, so that exact arithmetic runs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory import activations
from altheory._inputs import InputError, as_tensor, as_tensors, is_exact
from altheory.dynamics._losses import check_loss, pseudo_labels, value

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike
    from altheory.activations import Activation
    from altheory.networks import TwoLayerNet


def network_gradients(
    net: TwoLayerNet,
    X: Float[ArrayLike, "n d"],
    Y: Float[ArrayLike, "n k"] | None = None,
    *,
    loss: str = "cross_entropy",
    chunk: int | None = None,
) -> Float[Tensor, "n p"]:
    r"""The gradient of every example's loss, $g_x = \nabla_\theta\ell(f(x),y)$, parameters flattened in the order of
    `net.parameters()`.

    Args:
        net: A stored network.
        X: (n, d) inputs.
        Y: (n, K) labels; None for pseudo labels (the network's own predictions).
        loss: `"cross_entropy"` or `"squared"`.
        chunk: How many examples at a time (memory: chunk times the number of parameters); None for all.

    Returns:
        (n, p).

    Raises:
        InputError: X or Y does not fit the network, or there is no such loss.
    """
    check_loss(loss)
    points = net.check_points("X", X)
    labels = pseudo_labels(net(points).detach()) if Y is None else as_tensor("Y", Y, ndim=2, like=("X", points))
    if tuple(labels.shape) != (len(points), net.outputs):
        raise InputError(
            f"`Y` has shape {tuple(labels.shape)} but {len(points)} points and {net.outputs} outputs are given; pass shape "
            f"({len(points)}, {net.outputs})."
        )
    fixed = net.a.detach()

    def example(parameters: tuple[Tensor, ...], x: Tensor, y: Tensor) -> Tensor:
        W, a = parameters if net.train_output else (parameters[0], fixed)
        return value(net.functional(W, a, x[None]), y[None], loss)

    gradient = torch.func.vmap(torch.func.grad(example), in_dims=(None, 0, 0), chunk_size=chunk)
    parts = gradient(tuple(p.detach() for p in net.parameters()), points, labels)
    return torch.cat([part.flatten(1) for part in parts], 1)


def two_layer(
    W: Float[ArrayLike, "*batch m d"],
    a: Float[ArrayLike, "*batch m k"],
    X: Float[ArrayLike, "*batch n d"],
    *,
    activation: str | Activation = "relu",
) -> Float[Tensor, "*batch n k"]:
    r"""$f^i(x) = \sum_ra_{ri}\,\phi(w_r\cdot x)$, a batch of networks on a batch of inputs (the factor $m^{-1/2}$ is in a).

    Args:
        W: (..., m, d) first-layer weights.
        a: (..., m, K) output weights.
        X: (..., n, d) inputs.
        activation: A name of `altheory.activations`, or an `Activation`.

    Returns:
        (..., n, K).

    Raises:
        InputError: The shapes do not fit, or an entry is not finite.
    """
    weights, signs, points = _fitting(W, a, X)
    return activations.get(activation).phi(points @ torch.transpose(weights, -1, -2)) @ signs


def two_layer_jacobian(
    W: Float[ArrayLike, "*batch m d"],
    a: Float[ArrayLike, "*batch m k"],
    X: Float[ArrayLike, "*batch n d"],
    *,
    activation: str | Activation = "relu",
    train_output: bool = False,
) -> Float[Tensor, "*batch n k p"]:
    r"""The gradients $\nabla f^i(x)$ of `two_layer` in W, and in a with `train_output`: rows $a_{ri}\phi'(w_r\cdot x)\,x$.

    Args:
        W: (..., m, d).
        a: (..., m, K).
        X: (..., n, d).
        activation: As in `two_layer`, with a derivative.
        train_output: Whether a is trained too; its entries follow those of W.

    Returns:
        (..., n, K, m d), or (..., n, K, m d + m K).

    Raises:
        InputError: The shapes do not fit, an entry is not finite, or the activation has no derivative.
    """
    weights, signs, points = _fitting(W, a, X)
    phi = activations.get(activation)
    u = points @ torch.transpose(weights, -1, -2)
    slopes = phi.derivative(u)[..., :, None, :] * torch.transpose(signs, -1, -2)[..., None, :, :]  # (..., n, K, m)
    first = slopes[..., None] * points[..., :, None, None, :]  # (..., n, K, m, d)
    lead, (m, d), k = tuple(first.shape[:-2]), first.shape[-2:], signs.shape[-1]
    first = first.reshape(*lead, m * d)
    if not train_output:
        return first
    eye = torch.eye(k, dtype=torch.float64 if is_exact(u) else u.dtype, device=None if is_exact(u) else u.device)
    second = phi.phi(u)[..., :, None, :, None] * eye[:, None, :]  # (..., n, K, m, K): output i sees column i of a
    return torch.cat([first, second.reshape(*lead, m * k)], -1)


def _fitting(W: Any, a: Any, X: Any) -> tuple[Any, Any, Any]:
    W, a, X = as_tensors(W=W, a=a, X=X)
    if is_exact(W) or is_exact(a) or is_exact(X):
        return W, a, X
    if min(W.ndim, a.ndim, X.ndim) < 2 or W.shape[-2] != a.shape[-2] or W.shape[-1] != X.shape[-1]:
        raise InputError(
            f"`W`, `a` and `X` have shapes {tuple(W.shape)}, {tuple(a.shape)} and {tuple(X.shape)} but (..., m, d), "
            "(..., m, K) and (..., n, d) are wanted; pass weights and inputs of one network."
        )
    return W, a, X
