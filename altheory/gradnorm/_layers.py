r"""A two-layer network with explicit weights and biases, $z = A\,s(Wx+b)+c$, and the pieces of one that closed forms read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from altheory import activations
from altheory._inputs import InputError, as_tensor, as_tensors, is_exact
from altheory.networks import TwoLayerNet

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike
    from altheory.activations import Activation

LAYERS = ("W", "b", "A", "c")
_BLOCK = 4096  # neurons at a time


class TwoLayer:
    r"""A two-layer network $z = A\,s(Wx+b)+c$ with explicit weights; a batch of networks at once.

    Attributes:
        W: (..., m, d) first-layer weights.
        A: (..., N, m) output weights.
        b: (..., m) biases of the first layer; None for none.
        c: (..., N) biases of the output; None for none.
        activation: The `altheory.activations.Activation` s.
        trained: Which of "W", "b", "A", "c" the gradient is taken in.
    """

    def __init__(
        self,
        W: Float[ArrayLike, "*batch m d"],
        A: Float[ArrayLike, "*batch N m"],
        b: Float[ArrayLike, "*batch m"] | None = None,
        c: Float[ArrayLike, "*batch N"] | None = None,
        *,
        activation: str | Activation = "tanh",
        trained: tuple[str, ...] | None = None,
    ) -> None:
        """Keep the weights (not copied).

        Args:
            W: (..., m, d).
            A: (..., N, m).
            b: (..., m), or None.
            c: (..., N), or None.
            activation: A name of `altheory.activations`, or an `Activation` with a derivative.
            trained: Some of "W", "b", "A", "c"; all that are given when None.

        Raises:
            InputError: Shapes that do not fit, an entry that is not finite, or a layer to train that is not there.
        """
        given = {"W": W, "A": A, "b": b, "c": c}
        names = [name for name in LAYERS if given[name] is not None]
        tensors = dict(zip(names, as_tensors(**{name: given[name] for name in names}), strict=True))
        self.W, self.A = tensors["W"], tensors["A"]
        self.b, self.c = tensors.get("b"), tensors.get("c")
        self.activation = activations.get(activation)
        self.trained = tuple(names) if trained is None else tuple(trained)
        if unknown := [name for name in self.trained if name not in names]:
            raise InputError(
                f"`trained` names {unknown[0]!r} but the network has {', '.join(map(repr, names))}; pass some of these."
            )
        if not self.trained:
            raise InputError(
                "`trained` is empty but a gradient is taken in at least one layer; pass some of 'W', 'b', 'A', 'c'."
            )
        if not any(map(is_exact, tensors.values())):
            self._check_shapes()

    @property
    def outputs(self) -> int:
        """The number N of outputs."""
        return int(self.A.shape[-2])

    def __call__(self, X: Float[ArrayLike, "*batch n d"]) -> Float[Tensor, "*batch n N"]:
        """The logits.

        Raises:
            InputError: Points of another dimension, dtype or device than the weights.
        """
        X = self.check_points("X", X)
        return self.above(self.activation.phi(self.below(X)))

    def below(self, X: Any) -> Any:
        """The pre-activations (..., n, m)."""
        u = X @ torch.transpose(self.W, -1, -2)
        return u if self.b is None else u + self.b[..., None, :]

    def above(self, h: Any) -> Any:
        """The logits (..., n, N) of the hidden layer's outputs."""
        z = h @ torch.transpose(self.A, -1, -2)
        return z if self.c is None else z + self.c[..., None, :]

    def check_points(self, name: str, X: Any) -> Tensor:
        """X as a tensor (..., n, d) that fits.

        Raises:
            InputError: Another dimension, dtype or device than the weights, or not finite.
        """
        X = as_tensor(name, X, min_ndim=2, layout="(..., n, d)", like=("W", self.W))
        if not is_exact(X) and not is_exact(self.W) and X.shape[-1] != self.W.shape[-1]:
            raise InputError(
                f"`{name}` has {X.shape[-1]} columns (shape {tuple(X.shape)}) but the network takes d = {self.W.shape[-1]}; "
                "pass points of that dimension."
            )
        return X

    def _check_shapes(self) -> None:
        if min(self.W.ndim, self.A.ndim) < 2 or self.W.shape[-2] != self.A.shape[-1]:
            raise InputError(
                f"`W` and `A` have shapes {tuple(self.W.shape)} and {tuple(self.A.shape)} but (..., m, d) and (..., N, m) are "
                "wanted; pass the weights of one network."
            )
        for name, bias, size in (("b", self.b, self.W.shape[-2]), ("c", self.c, self.A.shape[-2])):
            if bias is not None and (bias.ndim < 1 or bias.shape[-1] != size):
                raise InputError(f"`{name}` has shape {tuple(bias.shape)} but (..., {size}) is wanted; pass one bias for each.")


@dataclass(frozen=True)
class Pieces:
    """What closed forms read of a two-layer network: its neurons in blocks, and which layers count.

    Attributes:
        net: The network.
        layers: The trained ones of "W", "b", "A", "c".
        share: The square of the factor before the hidden layer's outputs: 1/m for a `TwoLayerNet`, else 1.
    """

    net: TwoLayer | TwoLayerNet
    layers: tuple[str, ...]
    share: float

    def blocks(self, X: Any) -> Iterator[tuple[Any, Any]]:
        """Pre-activations (..., n, r) and output weights (..., N, r), the latter with their factor, block by block."""
        if isinstance(self.net, TwoLayer):
            yield self.net.below(X), self.net.A
            return
        for W, a in self.net.blocks(_BLOCK):
            yield X @ W.T, a.T * self.share**0.5


def pieces(net: TwoLayer | TwoLayerNet) -> Pieces:
    """The pieces of a two-layer network of either kind."""
    if isinstance(net, TwoLayer):
        return Pieces(net, net.trained, 1.0)
    return Pieces(net, ("W", "A") if net.train_output else ("W",), 1 / net.width)
