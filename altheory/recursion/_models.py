"""Models whose outputs are polynomials of the parameters, with their gradients in closed form, batched."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import torch

from altheory import activations, dynamics
from altheory._inputs import InputError, as_tensors, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class PolynomialModel(Protocol):
    """A model at some parameters: its outputs and their gradients there, and the same model elsewhere."""

    @property
    def outputs(self) -> Any:
        """(..., n)."""

    @property
    def jacobian(self) -> Any:
        """(..., n, p)."""

    @property
    def degree(self) -> int:
        r"""The degree of $\gamma\mapsto J(\theta-\gamma v)^\top e(\theta-\gamma v)$."""

    def moved(self, d: Any) -> PolynomialModel:
        """The model at parameters that differ by d, (..., p)."""


class QuadraticModel:
    r"""$f_i(\theta+d) = f_i+J_i\cdot d+\frac12d^\top Q_id$: every model of degree two, seen from its parameters.

    Linear models have $Q = 0$.
    """

    #: of J' e along a line: 1 + 2
    degree = 3

    def __init__(
        self,
        outputs: Float[Tensor, "*batch n"],
        jacobian: Float[Tensor, "*batch n p"],
        hessian: Float[Tensor, "*batch n p p"] | None = None,
    ) -> None:
        """Keep the three arrays.

        Args:
            outputs: (..., n) $f$.
            jacobian: (..., n, p) $J$.
            hessian: (..., n, p, p) $Q$, of which only the symmetric part counts; None for 0.

        Raises:
            InputError: The shapes do not fit, or an entry is not finite.
        """
        if hessian is None:
            f, J = as_tensors(outputs=outputs, jacobian=jacobian)
            Q = None
        else:
            f, J, Q = as_tensors(outputs=outputs, jacobian=jacobian, hessian=hessian)
        if not any(map(is_exact, (f, J, Q))):
            _check(f, J, Q)
        self.outputs, self.jacobian = f, J
        self.hessian = None if Q is None else (Q + torch.transpose(Q, -1, -2)) / 2

    def moved(self, d: Float[Tensor, "*batch p"]) -> QuadraticModel:
        """The model at parameters that differ by d, (..., p)."""
        slope = (self.jacobian * d[..., None, :]).sum(-1)
        if self.hessian is None:
            return self._made(self.outputs + slope, self.jacobian)
        turn = (self.hessian * d[..., None, None, :]).sum(-1)  # (..., n, p): Q d
        bent = (turn * d[..., None, :]).sum(-1)
        return self._made(self.outputs + slope + bent / 2, self.jacobian + turn)

    def _made(self, outputs: Any, jacobian: Any) -> QuadraticModel:
        """The model with the same second derivatives, without another look at the arrays."""
        other = object.__new__(QuadraticModel)
        other.outputs, other.jacobian, other.hessian = outputs, jacobian, self.hessian
        return other


@dataclass(frozen=True)
class TwoLayerModel:
    r"""$f(x) = \sum_ra_r\,\phi(w_r\cdot x)$ with a polynomial $\phi$ and both layers trained, on n inputs.

    Parameters are W, then a, flattened. In exact arithmetic everything stays rational.

    Attributes:
        W: (..., m, d) first-layer weights.
        a: (..., m) output weights (the factor $m^{-1/2}$ included).
        X: (..., n, d) inputs.
        coefficients: $c_0, c_1, \dots$ of $\phi$.
    """

    W: Float[Tensor, "*batch m d"]
    a: Float[Tensor, "*batch m"]
    X: Float[Tensor, "*batch n d"]
    coefficients: tuple[float, ...] = (0.0, 1.0, 0.5)

    @cached_property
    def _activation(self) -> activations.Activation:
        return activations.polynomial(*self.coefficients)

    @property
    def degree(self) -> int:
        """Of J' e along a line: with r the degree of phi, r + (r + 1)."""
        return 2 * (len(self.coefficients) - 1) + 1

    @property
    def outputs(self) -> Float[Tensor, "*batch n"]:
        """(..., n).

        Raises:
            InputError: The shapes do not fit, or an entry is not finite.
        """
        return dynamics.two_layer(self.W, self.a[..., None], self.X, activation=self._activation)[..., 0]

    @property
    def jacobian(self) -> Float[Tensor, "*batch n p"]:
        """(..., n, m d + m).

        Raises:
            InputError: The shapes do not fit, or an entry is not finite.
        """
        J = dynamics.two_layer_jacobian(self.W, self.a[..., None], self.X, activation=self._activation, train_output=True)
        return J[..., 0, :]

    def moved(self, d: Float[Tensor, "*batch p"]) -> TwoLayerModel:
        """The model at parameters that differ by d, (..., m d + m)."""
        m, width = self.W.shape[-2:]
        first = d[..., : m * width]
        W = self.W + first.reshape(*first.shape[:-1], m, width)
        return TwoLayerModel(W, self.a + d[..., m * width :], self.X, self.coefficients)


def _check(f: Tensor, J: Tensor, Q: Tensor | None) -> None:
    if J.ndim < 2 or tuple(J.shape[:-1]) != tuple(f.shape):
        raise InputError(
            f"`jacobian` has shape {tuple(J.shape)} but `outputs` {tuple(f.shape)}; pass one gradient for every output, "
            f"shape {(*f.shape, 'p')}."
        )
    if Q is not None and tuple(Q.shape) != (*J.shape, J.shape[-1]):
        raise InputError(
            f"`hessian` has shape {tuple(Q.shape)} but `jacobian` {tuple(J.shape)}; pass one matrix for every output, "
            f"shape {(*J.shape, J.shape[-1])}."
        )
