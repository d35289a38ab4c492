"""Steps of any differentiable model: gradients by autograd, their integrals by Gauss-Legendre quadrature."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor
from altheory.recursion._rules import gauss_legendre
from altheory.recursion._step import Step, square

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

#: a function of flat parameters (p,), with outputs (n,)
Function = Callable[[Any], Any]


def integrated_step(
    function: Function,
    parameters: Float[ArrayLike, " p"],
    y: Float[ArrayLike, " n"],
    eta: float,
    *,
    c: float = 0.5,
    nodes: int = 16,
    panels: int = 1,
) -> Step:
    r"""One step of gradient descent on $L = c\,|y-f(\theta)|^2$ for any differentiable f, its integrals by quadrature.

    The rule converges geometrically where f is analytic along the segment. Across kinks (relu) its error is of the order of the
    width of a panel; `xi_error` tells, and more `panels` help.

    Args:
        function: f, from flat parameters (p,) to outputs (n,); plain torch.
        parameters: (p,) $\theta_t$.
        y: (n,) labels.
        eta: Step size.
        c: Normalisation of the loss.
        nodes: Gauss-Legendre nodes a panel, at least 2.
        panels: Panels of the segment.

    Returns:
        A `Step`, with `xi_error`. Forms the n x p Jacobian once, for the kernel.

    Raises:
        InputError: The outputs are not (n,) like `y`, or an entry is not finite.
    """
    theta = as_tensor("parameters", parameters, ndim=1, layout="(p,)").detach()
    labels = as_tensor("y", y, ndim=1, layout="(n,)", like=("parameters", theta))
    outputs = function(theta)
    if tuple(outputs.shape) != tuple(labels.shape):
        raise InputError(
            f"`function` gives outputs of shape {tuple(outputs.shape)} but `y` has shape {tuple(labels.shape)}; "
            "pass a function of flat parameters with one output for every label."
        )
    if nodes < 2:
        raise InputError(f"`nodes` is {nodes} but at least 2 are wanted, so that half as many tell the error; pass 2 or more.")

    def gradient(at: Tensor) -> Tensor:
        at = at.detach().requires_grad_(True)
        (found,) = torch.autograd.grad(c * square(labels - function(at)), at)
        return found

    def slope(at: Tensor) -> Tensor:
        """J times the first gradient, as the derivative of J'u in u: two passes backwards, no Jacobian."""
        at, u = at.detach().requires_grad_(True), torch.zeros_like(labels).requires_grad_(True)
        (pulled,) = torch.autograd.grad(function(at), at, u, create_graph=True)
        (found,) = torch.autograd.grad((pulled * first).sum(), u)
        return found

    first = gradient(theta)

    def integrals(rule: tuple[tuple[float, float], ...]) -> tuple[Tensor, Tensor]:
        xi, bend = first.new_zeros(()), labels.new_zeros(labels.shape)
        start = slope(theta)
        for place, weight in rule:
            there = theta - eta * place * first
            xi = xi + eta * weight * (first * (first - gradient(there))).sum()
            bend = bend + eta * weight * (start - slope(there))
        return xi.detach(), bend.detach()

    xi, bend = integrals(gauss_legendre(nodes, panels))
    rough, _ = integrals(gauss_legendre(nodes // 2, panels))
    J = torch.func.jacrev(function)(theta)
    after = labels - function(theta - eta * first)
    return Step(
        (labels - outputs).detach(), after.detach(), (J @ J.T).detach(), square(first), xi, bend, eta, c, (xi - rough).abs()
    )


def of_network(net: Any, X: Float[ArrayLike, "n d"]) -> tuple[Function, Float[Tensor, " p"]]:
    """A network on n points as a function of its flat parameters, for `integrated_step`.

    Args:
        net: An `al.TwoLayerNet` or `al.modules.ModuleNet`, or anything with their `parameters()` and `functional`; of a
            two-layer network only what is trained counts.
        X: (n, d) points.

    Returns:
        The function, with outputs (n K,), example by example, and the flat parameters (p,).

    Raises:
        InputError: `net` has no `functional`, or X does not fit it.
    """
    from altheory.networks import TwoLayerNet

    if not (hasattr(net, "parameters") and hasattr(net, "functional")):
        raise InputError(
            f"`net` is a {type(net).__name__} but a `TwoLayerNet` or `ModuleNet` is wanted; "
            "wrap a module in `altheory.modules.ModuleNet`."
        )
    values = tuple(p.detach() for p in net.parameters())
    points = (
        net.check_points("X", X) if hasattr(net, "check_points") else as_tensor("X", X, min_ndim=2, like=("net", values[0]))
    )
    fixed = (net.a.detach(),) if isinstance(net, TwoLayerNet) and not net.train_output else ()
    shapes, counts = [p.shape for p in values], [p.numel() for p in values]

    def function(flat: Any) -> Any:
        parts = [part.reshape(s) for part, s in zip(flat.split(counts), shapes, strict=True)]
        return net.functional(*parts, *fixed, points).reshape(-1)

    return function, torch.cat([p.flatten() for p in values])
