r"""Polynomials of degree four with closed-form derivatives: functions along which integrals of the Hessian are exact."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class RidgePolynomial:
    r"""$f(w) = \frac12w^\top Aw+b^\top w+\sum_i(\frac{c_i}6u_i^3+\frac{q_i}{24}u_i^4)$ with $u = Vw$; batched.

    Attributes:
        A: symmetric, (..., n, n).
        b: (..., n).
        V: directions, (..., k, n).
        c: cubic coefficients, (..., k).
        q: quartic coefficients, (..., k).
    """

    A: Tensor
    b: Tensor
    V: Tensor
    c: Tensor
    q: Tensor

    def _along(self, w: Tensor) -> Tensor:
        return (self.V @ w[..., None])[..., 0]

    def value(self, w: Tensor) -> Tensor:
        """f(w), (...,) from (..., n)."""
        u = self._along(w)
        plain = (w * (self.A @ w[..., None])[..., 0]).sum(-1) / 2 + (self.b * w).sum(-1)
        return plain + (self.c * u**3 / 6 + self.q * u**4 / 24).sum(-1)

    def gradient(self, w: Tensor) -> Tensor:
        """The gradient at w, (..., n)."""
        u = self._along(w)
        bent = self.c * u**2 / 2 + self.q * u**3 / 6
        return (self.A @ w[..., None])[..., 0] + self.b + (torch.transpose(self.V, -1, -2) @ bent[..., None])[..., 0]

    def hessian(self, w: Tensor) -> Tensor:
        """The Hessian at w, (..., n, n)."""
        u = self._along(w)
        curvature = self.c * u + self.q * u**2 / 2
        return self.A + torch.transpose(self.V, -1, -2) @ (curvature[..., None] * self.V)

    def mean_hessian(self, start: Tensor, end: Tensor) -> Tensor:
        r"""$\int_0^1\nabla^2f(w_0+\tau(w_1-w_0))\,d\tau$, (..., n, n), by Simpson's rule (it is quadratic in $\tau$)."""
        middle = (start + end) / 2
        return (self.hessian(start) + 4 * self.hessian(middle) + self.hessian(end)) / 6
