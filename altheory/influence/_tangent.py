r"""Gradients of directions in the outputs, known only through their inner products.

For a point x and a direction c in the outputs let $J_x^\top c$ be the gradient of $c\cdot f(x)$ in the trained parameters. What
influence functions need of them is $\langle J_x^\top c, J_z^\top e\rangle$. For $z = A\,\phi(Wx+b)+c_0$ that is

$$(\langle x,z\rangle+1)\,\langle (A^\top c)\circ\phi'(u_x),\ (A^\top e)\circ\phi'(u_z)\rangle+
  (\langle\phi(u_x),\phi(u_z)\rangle+1)\,\langle c,e\rangle,\qquad u_x = Wx+b,$$

where each +1 belongs to a bias and the terms of a frozen parameter fall away. No Jacobian is formed, and only the
directions asked for are computed: m numbers each, whatever the number of outputs. Any other network gives its blocks
$\langle J_k(x),J_l(z)\rangle$ by `altheory.kernels.empirical`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import nn

from altheory import activations
from altheory._inputs import InputError
from altheory.modules import ModuleNet, TwoLayerModule, from_module
from altheory.modules._convert import _name_of
from altheory.networks import TwoLayerNet

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory.activations import Activation


class Tangent(Protocol):
    """A network that knows inner products of its gradients."""

    def points(self, name: str, X: Any) -> Tensor:
        """X, checked."""

    def outputs(self, X: Tensor) -> Float[Tensor, "n K"]:
        """The network's values."""

    def directions(self, X: Tensor, C: Float[Tensor, "n q K"]) -> Any:
        """The gradients of q directions in the outputs at every point."""

    def inner(self, one: Any, two: Any) -> Float[Tensor, "nq mr"]:
        """Inner products of all directions of one with all of two, the points before the directions."""


@dataclass(frozen=True)
class LayerDirections:
    """Factors of the gradients: augmented inputs and hidden values (n, .), signals (n q, m), directions (n q, K)."""

    count: int
    inputs: Tensor
    hidden: Tensor
    signals: Tensor
    given: Tensor


@dataclass(frozen=True)
class TwoLayers:
    r"""$f(x) = A\,\phi(Wx+b)+c_0$ with either layer trained or frozen; `scale` multiplies the gradients in the second."""

    W: Float[Tensor, "m d"]
    b: Tensor | None
    A: Float[Tensor, "K m"]
    c: Tensor | None
    phi: Activation
    net: Any
    scale: float = 1.0
    trained: tuple[bool, bool, bool, bool] = (True, True, True, True)

    def points(self, name: str, X: Any) -> Tensor:
        """X (n, d), checked by the network it came from."""
        return self.net.check_points(name, X).detach()

    def outputs(self, X: Tensor) -> Tensor:
        """The values, by the network's own evaluation."""
        with torch.no_grad():
            return self.net(X)

    def directions(self, X: Tensor, C: Tensor) -> LayerDirections:
        """The factors for C (n, q, K)."""
        with torch.no_grad():
            u = X @ self.W.T if self.b is None else torch.addmm(self.b, X, self.W.T)
            one = X.new_ones(len(X), 1)
            W, b, A, c = self.trained
            inputs = torch.cat([X if W else X[:, :0], one if b else one[:, :0]], 1)
            hidden = torch.cat([self.scale * self.phi.phi(u) if A else u[:, :0], one if c else one[:, :0]], 1)
            signals = (C @ self.A) * self.phi.derivative(u)[:, None, :]
        return LayerDirections(C.shape[1], inputs, hidden, signals.flatten(0, 1), C.flatten(0, 1))

    def inner(self, one: LayerDirections, two: LayerDirections) -> Tensor:
        """Two products, and two more of small factors spread over the directions."""
        total = one.signals @ two.signals.T
        blocks = total.view(len(one.inputs), one.count, len(two.inputs), two.count)
        blocks *= (one.inputs @ two.inputs.T)[:, None, :, None]
        given = (one.given @ two.given.T).view_as(blocks)
        blocks += given.mul_((one.hidden @ two.hidden.T)[:, None, :, None])
        return total


@dataclass(frozen=True)
class Directions:
    """Points and directions in their outputs."""

    X: Tensor
    C: Tensor


@dataclass(frozen=True)
class AnyModule:
    """Any module, through the blocks of its tangent kernel."""

    net: ModuleNet

    def points(self, name: str, X: Any) -> Tensor:
        """X (n, ...), checked."""
        return self.net.check_points(name, X)

    def outputs(self, X: Tensor) -> Tensor:
        """The values."""
        with torch.no_grad():
            return self.net(X)

    def directions(self, X: Tensor, C: Tensor) -> Directions:
        """As they are; the kernel is what costs."""
        return Directions(X, C)

    def inner(self, one: Directions, two: Directions) -> Tensor:
        """The kernel's blocks between the directions."""
        from altheory.kernels import empirical

        same = one.X is two.X
        K = empirical(self.net, one.X, None if same else two.X, outputs="pairs")
        blocks = torch.einsum("iak,klij,jbl->iajb", one.C, K, two.C)
        return blocks.reshape(len(one.X) * one.C.shape[1], -1)


def tangent(net: Any) -> Tangent:
    """The inner products of a network's gradients, by the closed form where it has two layers.

    Args:
        net: A `TwoLayerNet`, a module, or a `ModuleNet`.

    Raises:
        InputError: Anything else, or a network that does not store its weights.
    """
    module = net.module if isinstance(net, ModuleNet) else net
    if isinstance(module, TwoLayerModule) and not isinstance(net, ModuleNet):
        net = from_module(module)
    if isinstance(net, TwoLayerNet):
        scale = net.width**-0.5
        trained = (True, False, net.train_output, False)
        return TwoLayers(net.W.detach(), None, scale * net.a.detach().T, None, net.activation, net, scale, trained)
    if not isinstance(net, (nn.Module, ModuleNet)):
        raise InputError(
            f"`net` is a {type(net).__name__} but a TwoLayerNet or a torch.nn.Module is wanted; pass one of these."
        )
    adapted = net if isinstance(net, ModuleNet) else ModuleNet(net)
    return _two_linear_layers(adapted) or AnyModule(adapted)


def _two_linear_layers(net: ModuleNet) -> TwoLayers | None:
    """Sequential(Linear, activation, Linear) with or without biases; None for any other module."""
    parts = list(net.module) if type(net.module) is nn.Sequential else []
    if len(parts) != 3 or not all(type(parts[i]) is nn.Linear for i in (0, 2)):
        return None
    try:
        phi = activations.get(_name_of(parts[1]))
    except InputError:
        return None
    held = dict(net.module.named_parameters())
    values = {**held, **dict(zip(net.names, net.parameters(), strict=True))}
    if any(held[f"{i}.weight"] is not parts[i].weight for i in (0, 2)):
        return None
    W, b, A, c = (values.get(name) for name in ("0.weight", "0.bias", "2.weight", "2.bias"))
    if W is None or A is None:
        return None
    trained = [name in net.names for name in ("0.weight", "0.bias", "2.weight", "2.bias")]
    W, A = W.detach(), A.detach()
    b, c = (None if x is None else x.detach() for x in (b, c))
    return TwoLayers(W, b, A, c, phi, net, 1.0, (trained[0], trained[1], trained[2], trained[3]))
