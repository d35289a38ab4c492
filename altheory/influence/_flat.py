"""A network's outputs and objective as functions of one vector of parameters, for products with Jacobians and Hessians."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory.influence._losses import values
from altheory.modules import ModuleNet, to_module
from altheory.modules._adapter import as_module_net
from altheory.networks import TwoLayerNet

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Flat:
    """The trainable parameters of a network as one vector, its outputs as a function of it."""

    def __init__(self, net: Any) -> None:
        """Take a `TwoLayerNet`, a module or a `ModuleNet`."""
        self.given = net
        self.net: ModuleNet = as_module_net(to_module(net)) if isinstance(net, TwoLayerNet) else as_module_net(net)
        self.shapes = [p.shape for p in self.net.parameters()]
        self.start = torch.cat([p.reshape(-1) for p in self.net.parameters()])

    def split(self, theta: Float[Tensor, " p"]) -> list[Tensor]:
        """The vector as the network's tensors."""
        parts = theta.split([shape.numel() for shape in self.shapes])
        return [part.view(shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def outputs(self, theta: Float[Tensor, " p"], X: Tensor) -> Float[Tensor, "n K"]:
        """The outputs on X."""
        return self.net.functional(*self.split(theta), X)

    def objective(self, theta: Tensor, X: Tensor, Y: Tensor, weights: Tensor, damping: float, loss: str) -> Tensor:
        r"""$\sum_iw_i\ell_i(\theta)+\frac\lambda2|\theta|^2$, the weights normalised already."""
        return (weights * values(self.outputs(theta, X), Y, loss)).sum() + damping / 2 * (theta * theta).sum()

    def at(self, theta: Float[Tensor, " p"]) -> Any:
        """The network with these parameters, of the kind that was given (a module becomes a `ModuleNet`)."""
        parts = self.split(theta.detach().clone())
        if isinstance(self.given, TwoLayerNet):
            return self.given.replace(**dict(zip(self.net.names, parts, strict=True)))
        return self.net.replace(*parts)
