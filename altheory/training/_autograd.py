"""Full-batch gradient descent of anything with `parameters()` and `functional(*parameters, X)`, by autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from altheory.networks import TwoLayerNet

if TYPE_CHECKING:
    from torch import Tensor


def trained(net: Any) -> tuple[Tensor, ...]:
    """The trained parameters, detached."""
    return tuple(p.detach() for p in net.parameters())


def function(net: Any, X: Tensor) -> Callable[..., Tensor]:
    """The outputs (n, K) on X as a function of the trained parameters."""
    if isinstance(net, TwoLayerNet):
        output = net.a.detach()
        return lambda W, a=output: net.functional(W, a, X)

    def outputs(*parameters: Tensor) -> Tensor:
        f = net.functional(*parameters, X)
        return f[:, None] if f.ndim == 1 else f

    return outputs


class AutogradEngine:
    """Trains copies of the parameters; `start` evaluates, `step` updates and evaluates."""

    def __init__(self, net: Any, X: Tensor, chunk: int | None = None) -> None:
        """Take over a network; `chunk` is the number of points at a time, all of them by default."""
        self.parameters = tuple(p.clone().requires_grad_() for p in trained(net))
        size = len(X) if chunk is None else chunk
        self._functions = [function(net, part) for part in X.split(size)]
        self._graph: Tensor | None = None

    def start(self) -> Tensor:
        """The outputs (n, K) at the present parameters."""
        if len(self._functions) == 1:  # the graph of this evaluation is the next step's
            with torch.enable_grad():
                self._graph = self._functions[0](*self.parameters)
            return self._graph.detach()
        with torch.no_grad():
            return torch.cat([f(*self.parameters) for f in self._functions])

    def step(self, slope: Tensor, lr: float) -> Tensor:
        """Move against the gradient whose slope in the outputs is `slope`; the outputs at the new parameters."""
        gradients = self.gradient(slope)
        with torch.no_grad():
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                parameter.sub_(gradient, alpha=lr)
        return self.start()

    def gradient(self, slope: Tensor) -> tuple[Tensor, ...]:
        """The gradients of the parameters after `start` or `step`."""
        total: list[Tensor] | None = None
        if self._graph is not None:
            graph, self._graph = self._graph, None
            return self._backward(graph, slope)
        start = 0
        for f in self._functions:
            with torch.enable_grad():
                outputs = f(*self.parameters)
            parts = self._backward(outputs, slope[start : start + len(outputs)])
            total = list(parts) if total is None else [t + p for t, p in zip(total, parts, strict=True)]
            start += len(outputs)
        return tuple(total or ())

    def _backward(self, outputs: Tensor, slope: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(outputs, self.parameters, slope, allow_unused=True, materialize_grads=True)
