r"""Full-batch gradient descent of two-layer networks by hand, chunk by chunk of the width, in torch operations.

With $Z = WX^\top$ (m by n), $s = \partial L/\partial f$ (n by K) and $c = m^{-1/2}$,

$$\partial_WL = c\,[\phi'(Z)\circ(as^\top)]X,\qquad \partial_aL = c\,\phi(Z)s .$$

One step is one pass over the width: a chunk of neurons is updated, and at once evaluated, while it is in cache. A paired
network is evaluated by the formula of `TwoLayerNet.functional`, so f is exactly 0 at initialisation. The pre-activations
are kept from one pass for the gradient of the next where they fit, and made again otherwise (half as much work again).

All weights may carry a leading axis of networks; every product is then a batched one. This is the engine of every device,
the test oracle of `_relu`, and the one that a fused GPU kernel has to agree with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch

from altheory._memory import available_bytes

if TYPE_CHECKING:
    from torch import Tensor

    from altheory.training._layers import Layers
    from altheory.training._workers import Workers

_CPU_BYTES = 1 << 20  # pre-activations of one chunk: what an L2 cache holds
_GPU_BYTES = 1 << 28


class TwoLayerEngine:
    """Trains copies of W and a; `start` evaluates, `step` updates and evaluates."""

    def __init__(self, layers: Layers, workers: Workers | None = None, chunk: int | None = None) -> None:
        """Take over a problem; `chunk` is the number of neurons at a time (even pairs where they are paired)."""
        self.layers, self._workers = layers, workers
        self.W, self.a = layers.W.clone(), layers.a.clone() if layers.train_output else layers.a
        layers.activation.derivative(layers.X[:1, :1])  # refuses an activation without a derivative
        self.XT = layers.X.mT.contiguous()
        width, points = self.W.shape[-2], layers.X.shape[0]
        networks = self.W.shape[:-2].numel()
        if chunk is None:
            chunk = (_GPU_BYTES if self.W.is_cuda else _CPU_BYTES) // (self.W.element_size() * points * networks)
            if not self.W.is_cuda:  # chunks to share among threads, but not many small operations
                chunk = max(256, min(chunk, max(1024, width // 8)))
        self._rows = list(_chunks(width, max(1, chunk), layers.antisymmetric))
        self._sums = self.W.new_empty(len(self._rows), *self.W.shape[:-2], points, self.a.shape[-1])
        numbers = networks * width * points
        room = available_bytes(self.W.device) // 4 if self.W.is_cuda else min(1 << 30, available_bytes("cpu") // 4)
        self._kept = self.W.new_empty(*self.W.shape[:-1], points) if numbers * self.W.element_size() <= room else None

    def start(self) -> Tensor:
        """The outputs (..., n, K) at the present parameters."""

        def evaluate(_: int, k: int) -> None:
            self._sums[k] = self._forward(self._rows[k])

        return self._pass(evaluate)

    def step(self, slope: Tensor, lr: float) -> Tensor:
        """Move against the gradient whose slope in the outputs is `slope`; the outputs at the new parameters."""
        rate = lr * self.layers.scale

        def update(_: int, k: int) -> None:
            for part, gradient_W, gradient_a in self._gradients(self._rows[k], slope):
                self.W[..., part, :].sub_(gradient_W, alpha=rate)
                if gradient_a is not None:
                    self.a[..., part, :].sub_(gradient_a, alpha=rate)
            self._sums[k] = self._forward(self._rows[k])

        return self._pass(update)

    def gradient(self, slope: Tensor) -> tuple[Tensor, Tensor | None]:
        """The gradient in W, and in a where it is trained, after `start` or `step`."""
        W, a = torch.empty_like(self.W), torch.empty_like(self.a) if self.layers.train_output else None
        for rows in self._rows:
            for part, gradient_W, gradient_a in self._gradients(rows, slope):
                W[..., part, :] = self.layers.scale * gradient_W
                if a is not None and gradient_a is not None:
                    a[..., part, :] = self.layers.scale * gradient_a
        return W, a

    def _pass(self, task: Callable[[int, int], None]) -> Tensor:
        """Do the task for every chunk; the outputs, added in the order of the chunks."""
        if self._workers is not None:
            self._workers.run(task, len(self._rows))
        else:
            for k in range(len(self._rows)):
                task(0, k)
        return self.layers.scale * self._sums.sum(0)

    def _forward(self, rows: tuple[slice, ...]) -> Tensor:
        """The unscaled outputs of a chunk of neurons; their pre-activations are kept."""
        phi, kept = self.layers.activation.phi, self._kept
        Z = self.W[..., rows[0], :] @ self.XT
        if kept is not None:
            kept[..., rows[0], :] = Z
        if len(rows) == 1:
            return phi(Z).mT @ self.a[..., rows[0], :]
        Z2 = Z + (self.W[..., rows[1], :] - self.W[..., rows[0], :]) @ self.XT
        if kept is not None:
            kept[..., rows[1], :] = Z2
        h, h2 = phi(Z), phi(Z2)
        a, a2 = self.a[..., rows[0], :], self.a[..., rows[1], :]
        return h.mT @ (a + a2) + (h2 - h).mT @ a2

    def _gradients(self, rows: tuple[slice, ...], slope: Tensor) -> Iterator[tuple[slice, Tensor, Tensor | None]]:
        """The unscaled gradients of a chunk of neurons, all computed at the parameters before it is changed."""
        activation = self.layers.activation
        for part in rows:
            Z = self.W[..., part, :] @ self.XT if self._kept is None else self._kept[..., part, :]
            S = activation.derivative(Z) * (self.a[..., part, :] @ slope.mT)
            yield part, S @ self.layers.X, activation.phi(Z) @ slope if self.layers.train_output else None


def _chunks(width: int, size: int, paired: bool) -> Iterator[tuple[slice, ...]]:
    """The rows of each chunk of `size` neurons: one range, or the two ranges of a paired network."""
    parts = 2 if paired else 1
    size, neurons = max(1, size // parts), width // parts
    for start in range(0, neurons, size):
        stop = min(start + size, neurons)
        yield tuple(slice(start + part * neurons, stop + part * neurons) for part in range(parts))
