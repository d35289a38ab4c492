r"""What an engine trains: the weights of one two-layer network, or of several of one shape, on points of few dimensions.

The function depends on the first layer only through $w_r\cdot x_i$, and gradient descent moves $w_r$ only within the span
of the points. With fewer points than dimensions, $X = LQ^\top$ (QR, Q with n orthonormal columns), training
$(WQ, a)$ on the points L is the same training, with n dimensions in place of d, and
$W_t = W_0 + (W'_t-W'_0)Q^\top$.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from altheory.activations import Activation
    from altheory.networks import TwoLayerNet


@dataclass(frozen=True)
class Layers:
    """A training problem of two-layer networks: W (..., m, d), a (..., m, K), X (n, d), and what kind of network."""

    W: Tensor
    a: Tensor
    X: Tensor
    activation: Activation
    antisymmetric: bool
    train_output: bool

    @property
    def scale(self) -> float:
        """The factor m^{-1/2} of the network."""
        return float(self.W.shape[-2] ** -0.5)


class Span:
    """The networks on the span of the points, where it has fewer dimensions than the points."""

    def __init__(self, nets: list[TwoLayerNet], X: Tensor) -> None:
        """Project the networks (of one shape; several are stacked)."""
        self.nets = nets
        first = nets[0]
        W, a = (torch.stack(p) if len(nets) > 1 else p[0] for p in zip(*((net.W, net.a) for net in nets), strict=True))
        # Projecting and returning cost about two steps; below 3/4 of the dimensions any longer training gains.
        self.basis: Tensor | None = None
        if 4 * X.shape[0] <= 3 * first.d:
            self.basis, triangle = torch.linalg.qr(X.mT)
            X, W = triangle.mT.contiguous(), W @ self.basis
        self.start = W.detach()
        self.layers = Layers(self.start, a.detach(), X.detach(), first.activation, first.antisymmetric, first.train_output)

    def network(self, which: int, W: Tensor, a: Tensor) -> TwoLayerNet:
        """The network number `which` with the given trained parameters (of all the networks), not copied."""
        net = self.nets[which]
        several = len(self.nets) > 1
        W, a = (W[which], a[which]) if several else (W, a)
        if self.basis is not None:
            W = net.W + (W - (self.start[which] if several else self.start)) @ self.basis.mT
        return net.replace(W, a if net.train_output else net.a)
