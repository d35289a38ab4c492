r"""The activations of the two-layer network, each with its derivative.

| name | $\phi(u)$ | $\phi'(u)$ |
|---|---|---|
| relu | $\max(u, 0)$ | $1[u > 0]$ (so $\phi'(0) = 0$) |
| erf | $\operatorname{erf}(u)$ | $(2/\sqrt\pi)\,e^{-u^2}$ |
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from altheory._inputs import InputError

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@dataclass(frozen=True)
class Activation:
    """An activation: its name, `phi` and `dphi` (elementwise, any shape, dtype and device kept)."""

    name: str
    phi: Callable[[Tensor], Tensor]
    dphi: Callable[[Tensor], Tensor]


def _relu_derivative(u: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    return (u > 0).to(u.dtype)


def _erf_derivative(u: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    return 2 / math.sqrt(math.pi) * torch.exp(-u * u)


ACTIVATIONS = {
    "relu": Activation("relu", torch.relu, _relu_derivative),
    "erf": Activation("erf", torch.erf, _erf_derivative),
}


def get(name: str) -> Activation:
    """The activation called `name`.

    Args:
        name: `"relu"` or `"erf"`.

    Returns:
        Its row of the table.

    Raises:
        InputError: There is no such activation.
    """
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise InputError(
            f"`activation` is {name!r} but one of {', '.join(map(repr, ACTIVATIONS))} is wanted; pass one of these names."
        )
    return ACTIVATIONS[name]
