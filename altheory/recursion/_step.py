"""What is known of one step: the record that every way of computing it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


def square(x: Any) -> Any:
    """The squared norm over the last dimension."""
    return (x * x).sum(-1)


def column(x: Any) -> Any:
    """A trailing dimension for arrays, numbers as they are."""
    return x[..., None] if getattr(x, "ndim", 0) else x


@dataclass(frozen=True)
class Step:
    r"""One step of gradient descent on $L = c\,|e|^2$, $e = y-f(\theta)$.

    Attributes:
        residual: (..., n) $e_t$.
        residual_next: (..., n) $e_{t+1}$.
        kernel: (..., n, n) $K_t = JJ^\top$.
        gradient_square: (...,) $|\nabla L_t|^2$.
        xi: (...,) $\xi_t$, an integral of gradients.
        bend: (..., n) $\int_0^\eta(h'(\gamma)-h'(0))\,d\gamma$: how the outputs leave their tangent.
        eta: The step size, a number or (...,).
        c: The normalisation of the loss, a number or (...,).
        xi_error: How far a rule with half the nodes is from `xi`; None where the integral is exact.
    """

    residual: Float[Tensor, "*batch n"]
    residual_next: Float[Tensor, "*batch n"]
    kernel: Float[Tensor, "*batch n n"]
    gradient_square: Float[Tensor, "*batch"]
    xi: Float[Tensor, "*batch"]
    bend: Float[Tensor, "*batch n"]
    eta: Any
    c: Any
    xi_error: Float[Tensor, "*batch"] | None = None

    @property
    def loss(self) -> Float[Tensor, "*batch"]:
        r"""$L_t = c\,|e_t|^2$."""
        return self.c * square(self.residual)

    @property
    def loss_next(self) -> Float[Tensor, "*batch"]:
        r"""$L_{t+1}$."""
        return self.c * square(self.residual_next)

    @property
    def move(self) -> Float[Tensor, "*batch n"]:
        r"""$f_{t+1}-f_t$."""
        return self.residual - self.residual_next

    @property
    def eps(self) -> Float[Tensor, "*batch"]:
        r"""$\varepsilon_t = \frac12|f_{t+1}-f_t|^2$."""
        return square(self.move) / 2

    @property
    def eigenvalues(self) -> Float[Tensor, "*batch n"]:
        r"""The eigenvalues of $K_t$, ascending."""
        return torch.linalg.eigvalsh(self.kernel)

    def bound(self, contraction: Any = 1.0, *, xi: Any = 1.0, eps: Any = 1.0) -> Float[Tensor, "*batch"]:
        r"""$(1-\kappa\,\eta\lambda_{\min}(K_t))\,L_t+\xi_t+\varepsilon_t$: CRC's eq. (4) for $\kappa = 1$.

        With $\kappa = 4c$ and without $\varepsilon_t$ (`contraction=4 * c, eps=0`) it is an upper bound of $L_{t+1}$ for every
        c, attained on bottom eigenvectors of the kernel; as in eq. (4) it is one iff $c \ge 1/4$.

        Args:
            contraction: $\kappa$, a number or (...,).
            xi: Weight of $\xi_t$.
            eps: Weight of $\varepsilon_t$.

        Returns:
            (...,).
        """
        lowest = self.eigenvalues[..., 0]
        return (1 - contraction * self.eta * lowest) * self.loss + xi * self.xi + eps * self.eps
