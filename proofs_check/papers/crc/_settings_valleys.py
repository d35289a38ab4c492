r"""Where the statements about the loss landscape are attacked: losses with known constants, exact in rational arithmetic.

The **valley** $L(x,z) = (s(x)+bz)^2$ is the squared loss of a model with two parameters on one example with label 0; the slope
of s is continuous and piecewise linear (`widths`, `first`, `slopes`, `height`: see `altheory.semi_smooth.SlopeProfile`), b is
`tilt`. With b = 0 it is a scalar model. A step starts at (x, 0); a start (x, z) is the same with another height.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from altheory.semi_smooth import Constants, SlopeProfile, Valley
from proofs_check import domains as D

SOURCE = "CRC (Kong et al., Relieving the Plateau)"

#: any valley
VALLEYS: dict[str, Any] = {
    "widths": D.positive("k"),
    "first": D.real(),
    "slopes": D.real("k"),
    "height": D.real(),
    "tilt": D.real(),
}
#: the slope changes up to k times
PIECES = {"k": (1, 2)}
ON = "squared losses of piecewise quadratic models"

#: how narrow a kink may be
NARROW = D.interval(2.0**-24, 0.25)


def _constant(value: float, like: D.Domain, what: str) -> D.Domain:
    return D.derived(lambda w: value + 0 * w, like, text=what)


def _column(*values: float, text: str) -> D.Domain:
    return D.derived(
        lambda w: torch.cat([value + 0 * w[:, None] for value in values], -1), NARROW, text=text, dims=(len(values),)
    )


def _multiple(c: float, text: str) -> D.Domain:
    return D.derived(lambda w: c * w, NARROW, text=text)


def _pieces(*factors: float) -> D.Domain:
    return D.derived(
        lambda w: torch.cat([factor * w[:, None] for factor in factors], -1),
        NARROW,
        text="pieces of a rounded kink",
        dims=(len(factors),),
    )


#: slope 1/2 left of 0, 1 right of w, the value 1 at w: constants (1, 1, 1, 4) for every w
KINKED: dict[str, Any] = {
    "widths": _pieces(1.0),
    "first": _constant(0.5, NARROW, "1/2"),
    "slopes": _column(1.0, text="1"),
    "height": D.derived(lambda w: 1 - 0.75 * w, NARROW, text="1 - 3w/4"),
    "tilt": _constant(0.0, NARROW, "0"),
}
#: slope -2 left of 0, 2 right of 2w, the value 1 at both, b = 1: constants (8, 5, 4, 20) for every w
RIDGED: dict[str, Any] = {
    "widths": _pieces(2.0),
    "first": _constant(-2.0, NARROW, "-2"),
    "slopes": _column(2.0, text="2"),
    "height": _constant(1.0, NARROW, "1"),
    "tilt": _constant(1.0, NARROW, "1"),
}
#: the same two families of losses, with the step starting on the upper side of the kink
AT_THE_KINK: dict[str, dict[str, D.Domain]] = {
    "scalar models with a convex kink just below": {**KINKED, "x": _multiple(1.0, "w")},
    "valleys with a kinked floor": {**RIDGED, "x": _multiple(2.0, "2w")},
}


class Step(NamedTuple):
    """One step of gradient descent, each (batch,)."""

    loss: Tensor
    #: |grad L|^2
    squared: Tensor
    after: Tensor

    @property
    def scale(self) -> Tensor:
        """|grad L|^2 / L"""
        return self.squared / torch.where(self.loss == 0, torch.ones_like(self.loss), self.loss)


def valley(widths: Tensor, first: Tensor, slopes: Tensor, height: Tensor, tilt: Tensor) -> Valley:
    """The loss with these arguments."""
    return Valley(SlopeProfile(widths, first, slopes, height), tilt)


def step(loss: Valley, x: Tensor, eta: Tensor) -> Step:
    """One step of size eta from (x, 0)."""
    start = torch.stack([x, 0 * x], -1)
    gradient = loss.gradient(start)
    return Step(loss.loss(start), (gradient * gradient).sum(-1), loss.loss(start - eta[:, None] * gradient))


def scaled(constants: Constants, alpha: float = 1.0, beta: float = 1.0, mu: float = 1.0, M: float = 1.0) -> Constants:
    """The constants of a mutant."""
    return Constants(alpha * constants.alpha, beta * constants.beta, mu * constants.mu, M * constants.M)


def loss_is_positive(widths: Tensor, first: Tensor, slopes: Tensor, height: Tensor, tilt: Tensor, x: Tensor) -> Tensor:
    """the loss is not 0 at the start"""
    return valley(widths, first, slopes, height, tilt).profile.value(x) != 0
