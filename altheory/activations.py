r"""The activations of the two-layer network, each with its derivative.

| name | $\phi(u)$ | $\phi'(u)$ |
|---|---|---|
| relu | $\max(u, 0)$ | $1[u > 0]$ (so $\phi'(0) = 0$) |
| erf | $\operatorname{erf}(u)$ | $(2/\sqrt\pi)\,e^{-u^2}$ |
| tanh | $\tanh(u)$ | $1/\cosh^2(u)$ |
| softplus | $\log(1+e^u)$ | $\sigma(u) = 1/(1+e^{-u})$ |
| gelu | $u\,\Phi(u)$, $\Phi$ the normal distribution function | $\Phi(u)+u\,e^{-u^2/2}/\sqrt{2\pi}$ |
| swish | $u\,\sigma(u)$ | $\sigma(u)\,(1+u\,(1-\sigma(u)))$ |
| sin | $\sin(u)$ | $\cos(u)$ |

`polynomial(c0, c1, ...)` and `relu_power(q)` make two families, and an `Activation` of your own goes wherever a name does:

    cube = Activation("cube", lambda u: u**3, lambda u: 3 * u**2)
    al.TwoLayerNet(d=2, width=512, activation=cube, seed=0)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, check_integer

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@dataclass(frozen=True)
class Activation:
    r"""An activation of the network.

    Attributes:
        name: What messages and reports call it.
        phi: $\phi$, elementwise: any shape, dtype and device kept.
        dphi: $\phi'$, elementwise; None where there is none, and then kernels and training refuse it.
        kinks: The points where $\phi$ is not smooth (quadrature needs to know).
        coefficients: $c_0, c_1, \dots$ of a polynomial, else empty.
        power: q of $\max(u,0)^q$, else None.
    """

    name: str
    phi: Callable[[Tensor], Tensor]
    dphi: Callable[[Tensor], Tensor] | None
    kinks: tuple[float, ...] = field(default=(), kw_only=True)
    coefficients: tuple[float, ...] = field(default=(), kw_only=True)
    power: int | None = field(default=None, kw_only=True)

    def derivative(self, u: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        r"""$\phi'(u)$.

        Raises:
            InputError: The activation was given without a derivative.
        """
        if self.dphi is None:
            raise InputError(
                f"activation {self.name!r} has no derivative but tangent kernels and training need one; "
                "pass `Activation(name, phi, dphi)` with its derivative."
            )
        return self.dphi(u)


def polynomial(*coefficients: float) -> Activation:
    r"""$\phi(u) = c_0 + c_1 u + c_2 u^2 + \dots$

    Args:
        *coefficients: $c_0, c_1, \dots$, finite numbers.

    Raises:
        InputError: No coefficient, or one that is not a finite number.
    """
    good = all(isinstance(c, (int, float)) and not isinstance(c, bool) and math.isfinite(c) for c in coefficients)
    if not coefficients or not good:
        raise InputError(
            f"`coefficients` are {coefficients!r} but one or more finite numbers c0, c1, ... are wanted; "
            "pass e.g. `polynomial(0, 0, 1)` for u^2."
        )
    slopes = tuple(k * c for k, c in enumerate(coefficients))[1:] or (0.0,)
    name = " + ".join(f"{c:g} u^{k}" for k, c in enumerate(coefficients) if c) or "0"
    return Activation(
        name, lambda u: _horner(coefficients, u), lambda u: _horner(slopes, u), coefficients=tuple(map(float, coefficients))
    )


def relu_power(q: int) -> Activation:
    r"""$\phi(u) = \max(u,0)^q$, whose kernels are the arc-cosine kernels of degree q and q - 1.

    Args:
        q: The degree, at least 1; 1 is relu.

    Raises:
        InputError: q is not such an integer.
    """
    q = check_integer("q", q)
    if q == 1:
        return ACTIVATIONS["relu"]
    return Activation(f"relu^{q}", lambda u: torch.relu(u) ** q, lambda u: q * torch.relu(u) ** (q - 1), kinks=(0.0,), power=q)


def get(activation: str | Activation) -> Activation:
    """The activation called by this name, or the given one.

    Raises:
        InputError: There is no such activation.
    """
    if isinstance(activation, Activation):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise InputError(
            f"`activation` is {activation!r} but one of {', '.join(map(repr, ACTIVATIONS))}, or an "
            "`altheory.activations.Activation`, is wanted; pass one of these."
        )
    return ACTIVATIONS[activation]


def _horner(coefficients: tuple[Any, ...], u: Tensor) -> Tensor:
    total = torch.full_like(u, float(coefficients[-1]))
    for c in reversed(coefficients[:-1]):
        total = total * u + c
    return total


def _relu_derivative(u: Tensor) -> Tensor:
    return (u > 0).to(u.dtype)


def _erf_derivative(u: Tensor) -> Tensor:
    return 2 / math.sqrt(math.pi) * torch.exp(-u * u)


def _tanh_derivative(u: Tensor) -> Tensor:
    return torch.cosh(u) ** -2


def _softplus(u: Tensor) -> Tensor:
    # torch's softplus answers u above 20, which is wrong in the tenth digit
    return torch.logaddexp(u, torch.zeros_like(u))


def _normal_cdf(u: Tensor) -> Tensor:
    # torch's ndtr is 0 already at -30
    return torch.erfc(-u / math.sqrt(2)) / 2


def _gelu(u: Tensor) -> Tensor:
    return u * _normal_cdf(u)


def _gelu_derivative(u: Tensor) -> Tensor:
    return _normal_cdf(u) + u * torch.exp(-u * u / 2) / math.sqrt(2 * math.pi)


def _swish_derivative(u: Tensor) -> Tensor:
    s = torch.sigmoid(u)
    return s * (1 + u * torch.sigmoid(-u))


ACTIVATIONS = {
    "relu": Activation("relu", torch.relu, _relu_derivative, kinks=(0.0,), power=1),
    "erf": Activation("erf", torch.erf, _erf_derivative),
    "tanh": Activation("tanh", torch.tanh, _tanh_derivative),
    "softplus": Activation("softplus", _softplus, torch.sigmoid),
    "gelu": Activation("gelu", _gelu, _gelu_derivative),
    "swish": Activation("swish", lambda u: u * torch.sigmoid(u), _swish_derivative),
    "sin": Activation("sin", torch.sin, torch.cos),
}
