r"""Two-layer networks as `torch.nn.Module` and back.

`Sequential(Linear(d, m), act, Linear(m, K))` without biases is $V\phi(Wx)$, which is the network with $a = \sqrt m\,V^\top$:
the same function of x. It is another parametrisation: a gradient in a is $m^{-1/2}$ times that in $V^\top$.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from altheory._inputs import InputError
from altheory._memory import check_fits
from altheory.networks import TwoLayerNet

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_SUPPORTED = "Sequential(Linear(d, m, bias=False), ReLU | Tanh | GELU | SiLU | Softplus, Linear(m, K, bias=False))"


class TwoLayerModule(nn.Module):
    """A `TwoLayerNet` as a module, made by `to_module`.

    Attributes:
        W: (m, d) parameter.
        a: (m, K) parameter where the output layer is trained, else a buffer.
    """

    W: nn.Parameter
    a: Tensor

    def __init__(self, net: TwoLayerNet) -> None:
        """Copy the weights of a network (made from its seed where it does not store them)."""
        super().__init__()
        self._net = net.to()  # its settings; the weights are taken out below
        W, a = (t.detach().clone() for t in net.rows(0, net.width))
        self._net._W = self._net._a = None
        self.W = nn.Parameter(W)
        if net.train_output:
            self.a = nn.Parameter(a)
        else:
            self.register_buffer("a", a)

    def forward(self, X: Float[Tensor, "*batch n d"]) -> Float[Tensor, "*batch n outputs"]:
        """The network's `functional` at W and a: exactly 0.0 at an antisymmetric initialisation."""
        return self._net.functional(self.W, self.a, X)

    def extra_repr(self) -> str:
        """The network's settings."""
        return repr(self._net)


def to_module(net: TwoLayerNet) -> TwoLayerModule:
    """The network as a module with parameters W (m, d) and a (m, K); a is a buffer unless `net.train_output`.

    Args:
        net: A network; its weights are copied, and made from the seed where it does not store them.

    Raises:
        InputError: Not a `TwoLayerNet`, or weights that do not fit into memory.
    """
    if not isinstance(net, TwoLayerNet):
        raise InputError(f"`net` is a {type(net).__name__} but a `TwoLayerNet` is wanted; pass one.")
    numbers = net.width * (net.d + net.outputs)
    check_fits(f"a module of width {net.width}", 8 * numbers, "cpu", "pass a narrower network")
    return TwoLayerModule(net)


def from_module(module: nn.Module) -> TwoLayerNet:
    r"""The two-layer network that computes the same function as a module; the weights are copied.

    A layer is trained where its `requires_grad` is set. A network whose second half mirrors the first exactly is recognised as
    antisymmetric. torch's Softplus is the identity above 20, which differs from ours by less than 3e-9.

    Args:
        module: A `TwoLayerModule`, or `Sequential(Linear(d, m, bias=False), activation, Linear(m, K, bias=False))` with ReLU,
            Tanh, GELU, SiLU or Softplus; there $a = \sqrt m\,V^\top$ for the second weight V.

    Raises:
        InputError: Any other module, or one whose first layer is not trained.
    """
    if isinstance(module, TwoLayerModule):
        settings = module._net
        W, a, train_output = module.W, module.a, settings.train_output and module.a.requires_grad
        return _network(W, a, settings.activation, train_output, settings.antisymmetric)
    parts = list(module) if type(module) is nn.Sequential else []
    if len(parts) != 3 or not all(type(parts[i]) is nn.Linear for i in (0, 2)):
        raise InputError(
            f"`module` is a {type(module).__name__} but a `TwoLayerModule` or {_SUPPORTED} is wanted; pass one of these."
        )
    first, middle, last = parts
    if first.bias is not None or last.bias is not None:
        raise InputError(f"`module` has a bias but a two-layer network has none; pass {_SUPPORTED}.")
    if not first.weight.requires_grad:
        raise InputError("`module[0].weight` is frozen but a two-layer network trains its first layer; unfreeze it.")
    a = last.weight.T * first.out_features**0.5
    return _network(first.weight, a, _name_of(middle), last.weight.requires_grad, False)


def _network(W: Tensor, a: Tensor, activation: object, train_output: bool, antisymmetric: bool) -> TwoLayerNet:
    W, a = W.detach().clone(), a.detach().clone().contiguous()
    half = len(W) // 2
    mirrored = len(W) % 2 == 0 and torch.equal(W[:half], W[half:]) and torch.equal(a[:half], -a[half:])
    empty = TwoLayerNet(
        W.shape[1],
        W.shape[0],
        a.shape[1],
        activation,  # type: ignore[arg-type]
        train_output=train_output,
        antisymmetric=antisymmetric or mirrored,
        seed=0,
        device=W.device,
        dtype=W.dtype,
        stored=False,
    )
    return empty.replace(W=W, a=a)


def _name_of(layer: nn.Module) -> str:
    """The activation that computes what the layer computes."""
    names: dict[type[nn.Module], str] = {
        nn.ReLU: "relu",
        nn.Tanh: "tanh",
        nn.GELU: "gelu",
        nn.SiLU: "swish",
        nn.Softplus: "softplus",
    }
    name = names.get(type(layer))
    approximate = isinstance(layer, nn.GELU) and layer.approximate != "none"
    scaled = isinstance(layer, nn.Softplus) and layer.beta != 1
    if name is None or approximate or scaled:
        raise InputError(
            f"`module[1]` is {layer} but one of ReLU(), Tanh(), GELU(), SiLU() and Softplus() is wanted; pass {_SUPPORTED}."
        )
    return name
