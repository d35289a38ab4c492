r"""The training dynamics by three routes: the kernel, the gradient, and the loss along the flow.

They agree (that is eq. 8, and that $G = |g_S|^2$), share no arithmetic, and so check each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, is_exact
from altheory.dynamics._losses import loss as loss_of
from altheory.dynamics._losses import residual
from altheory.dynamics._networks import network_gradients

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike
    from altheory.networks import TwoLayerNet

ROUTES = ("gradient", "kernel", "flow")


def tangent_kernel(
    J: Float[ArrayLike, "*batch n k p"], J2: Float[ArrayLike, "*batch m k p"] | None = None
) -> Float[Tensor, "*batch k k n m"]:
    r"""All pairs of outputs: entry [i, j] is the matrix $K^{ij}(X,X')$ of $\langle\nabla f^i(x),\nabla f^j(x')\rangle$.

    The layout is that of `altheory.kernels.empirical(..., outputs="pairs")`; infinite width reads
    $K^{ij} = \Theta\,\delta_{ij}$ (eq. 2). Here every p counts, so it serves small p; that one does not form J.

    Args:
        J: (..., n, K, p) gradients of the outputs.
        J2: (..., m, K, p) those of other points; J itself by default.

    Returns:
        (..., K, K, n, m).

    Raises:
        InputError: The shapes do not fit, or an entry is not finite.
    """
    first, second = as_tensors(J=J, J2=J if J2 is None else J2)
    _check_jacobian("J", first)
    _check_jacobian("J2", second)
    n, k, m = first.shape[-3], first.shape[-2], second.shape[-3]
    flat = torch.transpose(first, -3, -2).reshape(*first.shape[:-3], k * n, first.shape[-1])
    other = torch.transpose(second, -3, -2).reshape(*second.shape[:-3], k * m, second.shape[-1])
    product = flat @ torch.transpose(other, -1, -2)
    return torch.transpose(product.reshape(*product.shape[:-2], k, n, k, m), -3, -2)


def sample_gradients(J: Float[ArrayLike, "*batch n k p"], d: Float[ArrayLike, "*batch n k"]) -> Float[Tensor, "*batch n p"]:
    r"""The gradient of every example's loss, $g_x = \sum_id^i(x)\nabla f^i(x)$.

    Args:
        J: (..., n, K, p) gradients of the outputs.
        d: (..., n, K) gradients of the loss in the outputs (`residual`).

    Returns:
        (..., n, p).

    Raises:
        InputError: The shapes do not fit, or an entry is not finite.
    """
    jacobian, delta = as_tensors(J=J, d=d)
    _check_jacobian("J", jacobian)
    if not is_exact(delta) and tuple(delta.shape) != tuple(jacobian.shape[:-1]):
        raise InputError(
            f"`d` has shape {tuple(delta.shape)} but `J` {tuple(jacobian.shape)}; pass one entry for every output, shape "
            f"{tuple(jacobian.shape[:-1])}."
        )
    return (delta[..., None] * jacobian).sum(-2)


def by_kernel(K: Float[ArrayLike, "*batch k k n n"], d: Float[ArrayLike, "*batch n k"]) -> Float[Tensor, "*batch"]:
    r"""$G(S) = \sum_{ij}d^i(X,Y)^\top K^{ij}(X,X)\,d^j(X,Y)$ (eq. 8).

    Args:
        K: (..., K, K, n, n), see `tangent_kernel`.
        d: (..., n, K).

    Returns:
        (...,).

    Raises:
        InputError: The shapes do not fit, or an entry is not finite.
    """
    kernel, delta = as_tensors(K=K, d=d)
    if not is_exact(kernel) and tuple(kernel.shape) != (
        *delta.shape[:-2], delta.shape[-1], delta.shape[-1], delta.shape[-2], delta.shape[-2]
    ):  # fmt: skip
        raise InputError(
            f"`K` has shape {tuple(kernel.shape)} but `d` {tuple(delta.shape)}; pass the kernel of all pairs of outputs, "
            "(..., K, K, n, n)."
        )
    columns = torch.transpose(delta, -1, -2)  # (..., K, n): d^i as a row
    moved = (kernel * columns[..., None, :, None, :]).sum(-1).sum(-2)  # (..., K, n): sum over j and x'
    return (columns * moved).sum(-1).sum(-1)


def by_gradient(gradients: Float[ArrayLike, "*batch n p"]) -> Float[Tensor, "*batch"]:
    r"""$G(S) = |g_S|^2 = |\sum_{x\in S}g_x|^2$.

    Args:
        gradients: (..., n, p) gradients of the examples' losses.

    Returns:
        (...,).

    Raises:
        InputError: Fewer than two dimensions, or an entry is not finite.
    """
    total = as_tensor("gradients", gradients, min_ndim=2, layout="(..., n, p)").sum(-2)
    return (total * total).sum(-1)


def by_flow(
    loss: Callable[[Tensor], Tensor],
    parameters: Float[ArrayLike, "*batch p"],
    gradient: Float[ArrayLike, "*batch p"],
    step: float = 1.0,
) -> Float[Tensor, "*batch"]:
    r"""$G = -\frac{1}{\eta}\frac{dL}{dt}$ as a difference of losses along the flow $\theta' = -\eta g$:
    $\frac{8(L_{-1}-L_1)-(L_{-2}-L_2)}{12h}$ with $L_s = L(\theta-shg)$.

    Exact for every h where L is a polynomial of degree at most 4 along the line; else of fourth order in h.

    Args:
        loss: Takes parameters (..., p), returns (...,).
        parameters: (..., p) where the flow stands.
        gradient: (..., p) its gradient there.
        step: h > 0.

    Returns:
        (...,).

    Raises:
        InputError: An entry is not finite.
    """
    theta, g = as_tensors(parameters=parameters, gradient=gradient)

    def at(s: float) -> Any:
        return loss(theta - (s * step) * g)

    return (8 * (at(-1) - at(1)) - (at(-2) - at(2))) / (12 * step)


def network_dynamics(
    net: TwoLayerNet,
    X: Float[ArrayLike, "n d"],
    Y: Float[ArrayLike, "n k"],
    *,
    loss: str = "cross_entropy",
    route: str = "gradient",
    step: float = 1e-3,
) -> Float[Tensor, ""]:
    r"""The training dynamics G(S) of a network on labelled examples, by the chosen route.

    Args:
        net: A stored network.
        X: (n, d) inputs.
        Y: (n, K) labels; where they do not sum to 1, `"gradient"` and `"flow"` follow the true gradient.
        loss: `"cross_entropy"` or `"squared"`.
        route: `"gradient"` (one gradient an example), `"kernel"` (the definition, eq. 8), or `"flow"` (a difference).
        step: For `"flow"`: how far to walk, relative to the parameters' size over the gradient's.

    Returns:
        A scalar tensor.

    Raises:
        InputError: X or Y does not fit the network, or there is no such loss or route.
    """
    if route not in ROUTES:
        raise InputError(f"`route` is {route!r} but one of {', '.join(map(repr, ROUTES))} is wanted; pass one of these.")
    gradients = network_gradients(net, X, Y, loss=loss)
    if route == "gradient":
        return by_gradient(gradients)
    points = net.check_points("X", X)
    labels = as_tensor("Y", Y, ndim=2, like=("X", points))
    shapes = [p.shape for p in net.parameters()]
    theta = torch.cat([p.detach().flatten() for p in net.parameters()])
    fixed = net.a.detach()

    def outputs(flat: Tensor) -> Tensor:
        parts = [part.reshape(s) for part, s in zip(flat.split([s.numel() for s in shapes]), shapes, strict=True)]
        return net.functional(parts[0], parts[1] if net.train_output else fixed, points)

    if route == "kernel":
        J = torch.func.jacrev(outputs)(theta)
        return by_kernel(tangent_kernel(J), residual(outputs(theta), labels, loss=loss))
    total = gradients.sum(0)
    size = step * float(theta.norm()) / max(float(total.norm()), torch.finfo(theta.dtype).tiny)
    return by_flow(lambda flat: loss_of(outputs(flat), labels, loss=loss), theta, total, size)


def _check_jacobian(name: str, J: Any) -> None:
    if not is_exact(J) and J.ndim < 3:
        raise InputError(f"`{name}` has shape {tuple(J.shape)} but (..., n, K, p) is wanted; pass one gradient an output.")
