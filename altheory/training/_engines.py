"""Which engine trains which network: the one place that chooses.

A faster engine (for instance a fused GPU kernel) is one more branch of `two_layer_engine`.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

from altheory.training._relu import ReluEngine
from altheory.training._relu_loops import compiled
from altheory.training._two_layer import TwoLayerEngine
from altheory.training._workers import Workers

if TYPE_CHECKING:
    from torch import Tensor

    from altheory.training._layers import Layers

# Loading the compiled loops takes about a second, which is what torch's operations lose on n m steps entries at d + 75 each.
_WORTH_COMPILING = 1e10


class Engine(Protocol):
    """What trains: it holds parameters of its own and never looks at labels."""

    def start(self) -> Tensor:
        """The outputs (..., n, K) at the present parameters."""

    def step(self, slope: Tensor, lr: float) -> Tensor:
        """One step of gradient descent for the slope (..., n, K) of the loss in the outputs; the new outputs."""


class LayersEngine(Engine, Protocol):
    """An engine of two-layer networks."""

    W: Any
    a: Any


def two_layer_engine(layers: Layers, stack: ExitStack, steps: int, chunk: int | None) -> LayersEngine:
    """The fastest engine for this problem; all give the same numbers to rounding. Its threads end with `stack`."""
    m, d = layers.W.shape[-2:]
    plain_relu = layers.activation.power == 1 and layers.W.ndim == 2
    workers = stack.enter_context(Workers()) if layers.W.device.type == "cpu" else None
    worthwhile = float(len(layers.X) * m * (d + 75)) * steps > _WORTH_COMPILING
    if plain_relu and worthwhile and workers is not None and (loops := compiled()) is not None:
        return ReluEngine(layers, loops, workers, chunk)
    return TwoLayerEngine(layers, workers, chunk)
