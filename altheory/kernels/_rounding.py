r"""Rigorous bounds of the rounding errors of an empirical kernel, entry by entry.

A sum over neurons is computed as $\tilde G_{ij} = \sum_r\tilde S_{ir}\tilde S_{jr}$ where $|\tilde S-S|\le E$. With
$s_i = \|\tilde S_i\|$, $e_i = \|E_i\|$ (norms over neurons) and $\gamma_k = ku/(1-ku)$, Cauchy-Schwarz gives

$$|\tilde G_{ij}-G_{ij}|\le\gamma_ks_is_j+s_ie_j+e_is_j+e_ie_j,$$

k the number of roundings that one term can meet: a chunk's length, and the number of chunks. E has three
causes. A pre-activation is wrong by $\gamma_{d+4}|x_i||w_r|$, times a Lipschitz constant of the function applied to it; the
function itself is rounded; the square root of a weight is rounded. relu's derivative has none of the first two (`_signs`),
and a count has no error at all. The bound costs O(nm) operations.

Assumed beside IEEE arithmetic: torch's elementary functions (erf, erfc, exp, log1p, tanh, cosh, sin, cos) are within 4
units in the last place; an activation composed of a few of them is then within 16 u of its natural size (|z| + 1 for
$\phi$, 2 for $\phi'$).
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import torch

from altheory import activations
from altheory._inputs import InputError
from altheory.kernels._signs import Rows, relative_bound

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory.activations import Activation
    from altheory.kernels._plan import Plan

# bounds of |phi'| and |phi''|
_SLOPES = {
    "relu": (1.0, 0.0),
    "erf": (1.1284, 0.9680),
    "tanh": (1.0, 0.7699),
    "softplus": (1.0, 0.25),
    "gelu": (1.1290, 0.7979),
    "swish": (1.0999, 0.5001),
    "sin": (1.0, 1.0),
}
_ULPS = 16
_SLACK = 1 + 2.0**-16  # for the rounding of the bound itself


class Moments:
    """Sums over neurons that the bound asks for; the threads share one object."""

    def __init__(self, plan: Plan, points: Rows) -> None:
        """Start with zeros.

        Args:
            plan: The sums of the kernel.
            points: All points.
        """
        self.plan, self.lock = plan, threading.Lock()
        zeros = points.norms.new_zeros
        pairs, count = len(plan.pairs), len(points.norms)
        self.sizes, self.sized_norms, self.norms = zeros(pairs), zeros(pairs), zeros(())
        self.longest, self.neurons = zeros(()), 0
        self.slopes, self.values = zeros(pairs, count), zeros(count)

    def first(self, W: Float[Tensor, "b d"], a: Float[Tensor, "b outputs"], D: Float[Tensor, "b n"] | None) -> None:
        """Note a chunk of the first layer's sum; D are the derivatives, None where they are 0 or 1."""
        sizes, lengths = self.plan.sizes(a.double()), Rows(W).lengths
        slopes = sizes.sum(1, keepdim=True) if D is None else sizes @ D.double().square()
        with self.lock:
            self.sizes += sizes.sum(1)
            self.sized_norms += sizes @ lengths.square()
            self.slopes += slopes
            self.longest = torch.maximum(self.longest, lengths.amax())

    def output(self, W: Float[Tensor, "b d"], P: Float[Tensor, "b n"]) -> None:
        """Note a chunk of the output layer's sum; P are the activations."""
        lengths, values = Rows(W).lengths, P.double().square().sum(0)
        with self.lock:
            self.norms += lengths.square().sum()
            self.values += values
            self.neurons += len(W)
            self.longest = torch.maximum(self.longest, lengths.amax())


class Errors:
    """The bound, from the moments."""

    def __init__(self, moments: Moments, activation: Activation, points: Rows, dtype: torch.dtype, roundings: int) -> None:
        r"""Find $s_i$ and $e_i$.

        Args:
            moments: Of all neurons.
            activation: The network's.
            points: All points.
            dtype: What sums and pre-activations were computed in.
            roundings: k.
        """
        plan, lengths, d = moments.plan, points.lengths, points.given.shape[1]
        self.plan, self.points = plan, points
        unit = torch.finfo(dtype).eps / 2
        self.share = _gamma(roundings + plan.K + 16, unit)
        self.lost = torch.finfo(dtype).tiny * 4 * plan.neurons * max(1, plan.K)  # by underflow
        gamma, least = relative_bound(d, dtype), 4 * d * torch.finfo(dtype).tiny
        slope, curvature, value_noise, slope_noise = _constants(activation, lengths * moments.longest * (1 + gamma), unit)
        self.s1 = moments.slopes.sqrt()
        self.e1 = 4 * unit * self.s1
        if not plan.masks:
            roots = moments.sizes.sqrt()[:, None]
            self.e1 = self.e1 + curvature * (gamma * lengths * moments.sized_norms.sqrt()[:, None] + least * roots)
            self.e1 = self.e1 + slope_noise * roots
        root = math.sqrt(moments.neurons)
        self.s2 = moments.values.sqrt()
        if value_noise is None:
            self.e2 = _ULPS * unit * (lengths * moments.norms.sqrt() + root)
        else:
            self.e2 = value_noise * root
        self.e2 = self.e2 + slope * (gamma * lengths * moments.norms.sqrt() + least * root)

    def first(self, pair: int, rows: slice, columns: slice) -> Tensor:
        """The bound of a tile of the first layer's sum; 0 where it is a count."""
        if self.plan.counts:
            return self.points.norms.new_zeros(())
        return self._of(self.s1[pair], self.e1[pair], rows, columns)

    def output(self, rows: slice, columns: slice) -> Tensor:
        """The bound of a tile of the output layer's sum."""
        return self._of(self.s2, self.e2, rows, columns)

    def inner(self, rows: slice, columns: slice) -> Tensor:
        """The bound of the inner products, computed in float64."""
        d, lengths = self.points.given.shape[1], self.points.lengths
        return relative_bound(d, torch.float64) * lengths[rows, None] * lengths[None, columns] + d * 2.0**-1020

    def _of(self, s: Tensor, e: Tensor, rows: slice, columns: slice) -> Tensor:
        s1, e1, s2, e2 = s[rows, None], e[rows, None], s[None, columns], e[None, columns]
        return self.share * s1 * s2 + s1 * e2 + e1 * s2 + e1 * e2 + self.lost


def check_known(activation: Activation) -> None:
    """Refuse an activation whose rounding errors nobody has bounded.

    Raises:
        InputError: It is none of those named, polynomials and powers of relu.
    """
    if activation.coefficients or activation.power or activations.ACTIVATIONS.get(activation.name) == activation:
        return
    raise InputError(
        f"activation {activation.name!r} is your own and its rounding errors are not known, but `with_bound=True` was asked "
        f"for; pass one of {', '.join(map(repr, _SLOPES))}, a polynomial or a power of relu, or leave `with_bound` out."
    )


def rounded_up(error: Tensor, dtype: torch.dtype) -> Tensor:
    """A bound in `dtype`, never smaller; what is not a number says nothing and becomes infinite."""
    error = torch.nan_to_num(error * _SLACK, nan=math.inf, posinf=math.inf)
    return torch.nextafter(error.to(dtype), torch.full((), math.inf, dtype=dtype, device=error.device))


def _gamma(k: int, unit: float) -> float:
    return k * unit / (1 - k * unit) if k * unit < 0.5 else math.inf


def _constants(activation: Activation, R: Tensor, unit: float) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    r"""Bounds on $|z|\le R$ of $|\phi'|$ and $|\phi''|$, and of the rounding of $\phi$ (None: 16 u (|z| + 1)) and $\phi'$."""
    if activation.coefficients:
        sizes = [abs(c) for c in activation.coefficients]
        value = sum(c * R**k for k, c in enumerate(sizes)) + 0 * R
        slope = sum(k * c * R ** (k - 1) for k, c in enumerate(sizes) if k) + 0 * R
        curvature = sum(k * (k - 1) * c * R ** (k - 2) for k, c in enumerate(sizes) if k > 1) + 0 * R
        noise = _gamma(2 * len(sizes) + 2, unit)
        return slope, curvature, noise * value, noise * slope
    if activation.power is not None and activation.power > 1:
        q = activation.power
        return q * R ** (q - 1), q * (q - 1) * R ** (q - 2), _ULPS * unit * R**q, _ULPS * unit * q * R ** (q - 1)
    slope, curvature = (torch.full_like(R, v) for v in _SLOPES[activation.name])
    return slope, curvature, None, torch.full_like(R, 2 * _ULPS * unit)
