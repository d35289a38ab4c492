r"""What an empirical kernel needs summed: which pairs of outputs, with which weights of the neurons.

The first layer's kernel is $\langle x,z\rangle\,\frac1m\sum_r c_r\phi'(w_r\cdot x)\phi'(w_r\cdot z)$ with weights
$c_r = a_{rk}a_{rl}$ for the pair (k, l), $\frac1K\sum_k a_{rk}^2$ for the mean, $\frac1K(\sum_k a_{rk})^2$ for the sum of
logits. Where $|a_{rk}| = A$ throughout, $c_r$ is $A^2$ times an integer (over K for the sum), and the integers are what
is summed: sums of integers are exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from altheory import activations
from altheory._inputs import InputError

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory.networks import TwoLayerNet

LAYERS = ("trained", "first", "output", "both")


@dataclass(frozen=True)
class Plan:
    """The sums of one kernel.

    Attributes:
        first: Whether the first layer's kernel is wanted.
        output: Whether the output layer's is.
        outputs: "mean", "sum", "pairs" or a number.
        K: The number of outputs of the network.
        pairs: The pairs (k, l) with a sum of their own, k <= l; one pair unless `outputs` is "pairs".
        amplitude: A where |a| is constant, else None.
        neurons: How many neurons are summed: half of them where the other half mirrors them.
        scale: What a sum of weights times derivatives is multiplied with: $A^2/m$ and the like.
        output_scale: The same for the output layer.
        masks: Whether the derivative is relu's, 0 or 1.
    """

    first: bool
    output: bool
    outputs: str | int
    K: int
    pairs: tuple[tuple[int, int], ...]
    amplitude: float | None
    neurons: int
    scale: float
    output_scale: float
    masks: bool

    @property
    def unweighted(self) -> bool:
        """Whether all weights are 1."""
        return self.amplitude is not None and (self.outputs == "mean" or isinstance(self.outputs, int))

    @property
    def counts(self) -> bool:
        """Whether the sums of the first layer are integers."""
        return self.first and self.masks and self.amplitude is not None

    @property
    def largest(self) -> int:
        """No sum of the integer weights is larger."""
        return self.neurons * (self.K**2 if self.outputs == "sum" else 1)

    def weights(self, a: Float[Tensor, "b outputs"]) -> Float[Tensor, "pairs b"]:
        """The weights of some neurons, one row for each pair; integers where |a| is constant."""
        if self.amplitude is not None:
            a = torch.where(a < 0, -1.0, 1.0).to(a.dtype)
        if self.outputs == "pairs":
            return torch.stack([a[:, k] * a[:, l] for k, l in self.pairs])
        if self.unweighted:
            return torch.ones_like(a[:, :1]).T
        if self.outputs == "mean":
            return (a * a).mean(1)[None, :]
        if self.outputs == "sum":
            square = a.sum(1) ** 2
            return (square if self.amplitude is not None else square / self.K)[None, :]
        return (a[:, int(self.outputs)] ** 2)[None, :]

    def roots(self, a: Float[Tensor, "b outputs"]) -> Float[Tensor, " b"]:
        """Square roots of the weights where there is one row of them, none negative."""
        one = self.K == 1 or isinstance(self.outputs, int)
        if one and self.amplitude is None:
            return a[:, self.outputs if isinstance(self.outputs, int) else 0].abs().contiguous()
        return self.weights(a)[0].sqrt()

    def sizes(self, a: Float[Tensor, "b outputs"]) -> Float[Tensor, "pairs b"]:
        """Bounds of the weights, the same sums of absolute values."""
        a = a.abs() if self.amplitude is None else torch.ones_like(a)
        if self.outputs == "pairs":
            return torch.stack([a[:, k] * a[:, l] for k, l in self.pairs])
        if self.outputs == "mean":
            return (a * a).mean(1)[None, :]
        if self.outputs == "sum":
            return (a.sum(1) ** 2 / (self.K if self.amplitude is None else 1))[None, :]
        return (a[:, int(self.outputs)] ** 2)[None, :]


def plan(net: TwoLayerNet, layer: str, outputs: Any) -> Plan:
    """Read the arguments.

    Raises:
        InputError: An unknown layer or choice of outputs, or an activation without a derivative.
    """
    if layer not in LAYERS:
        raise InputError(f"`layer` is {layer!r} but one of {', '.join(map(repr, LAYERS))} is wanted; pass one of these.")
    K = net.outputs
    number = isinstance(outputs, int) and not isinstance(outputs, bool)
    if not (0 <= outputs < K if number else isinstance(outputs, str) and outputs in ("mean", "sum", "pairs")):
        raise InputError(
            f"`outputs` is {outputs!r} but 'mean', 'sum', 'pairs' or the number of an output from 0 to {K - 1} is "
            "wanted; pass one of these."
        )
    first = layer in ("first", "both") or layer == "trained"
    output = layer in ("output", "both") or (layer == "trained" and net.train_output)
    if first and net.activation.dphi is None:
        net.activation.derivative(torch.zeros(()))
    paired = net.paired
    amplitude = 1.0 if not net.stored else _constant_size(net.a)
    share = (2.0 if paired else 1.0) / net.width
    square = 1.0 if amplitude is None else amplitude * amplitude
    divisor = K if outputs == "sum" and amplitude is not None else 1
    return Plan(
        first,
        output,
        outputs,
        K,
        tuple((k, l) for l in range(K) for k in range(l + 1)) if outputs == "pairs" else ((0, 0),),
        amplitude,
        net.width // 2 if paired else net.width,
        square * share / divisor,
        share,
        net.activation == activations.get("relu"),
    )


def _constant_size(a: Tensor) -> float | None:
    """|a| where all entries have the same (and its square is a number), else None."""
    low, high = (float(v) for v in torch.aminmax(a.detach().abs()))
    return low if low == high and (low == 0 or 1e-150 < low < 1e150) and math.isfinite(low) else None
