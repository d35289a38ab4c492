r"""Spectral filters: what training on the squared loss does to a kernel's eigenvectors.

Training from the function f on labels Y at the points X adds $K(\cdot,X)\,g(K)\,(Y-f(X))$, K = K(X, X), and leaves
$r(K)\,(Y-f(X))$ of the residual, $r(\lambda) = 1-\lambda g(\lambda)$:

| filter | $g(\lambda)$ | $r(\lambda)$ | |
|---|---|---|---|
| `Flow(t)` | $\phi_t(\lambda) = \int_0^te^{-s\lambda}ds$ | $e^{-t\lambda}$ | gradient flow of $\frac12\sum_i\|y_i-f(x_i)\|^2$ |
| `Descent(eta, m)` | $\eta\sum_{s<m}(1-\eta\lambda)^s$ | $(1-\eta\lambda)^m$ | m steps of gradient descent |
| `Converged()` | $1/\lambda$, or 0 at 0 | 0, or 1 at 0 | both, after infinite time |
| `Ridge(c)` | $1/(\lambda+c)$ | $c/(\lambda+c)$ | the penalty $\frac c2\|\theta-\theta_f\|^2$, centred at f |

None needs an inverse of K but the last, which has one: singular kernels, duplicates and conflicting labels included.

Source: Mohamadi, Bae, Sutherland (2022), eq. (5), (6), (10), (11); the forms without inverses are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

from altheory._inputs import InputError, as_tensor, check_integer, check_symmetric, is_exact
from altheory.lookahead._spectral import exact_pseudo_inverse, spectral
from altheory.training._kernel_form import check_kernel, power

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

_SERIES = 1e-2  # below this a quotient such as (1 - exp(-x)) / x is summed as a series, for its derivative's sake


class Filter(Protocol):
    """What `train` and its kin ask of a filter."""

    def pull(self, K: Float[ArrayLike, "*batch n n"]) -> Float[Tensor, "*batch n n"]:
        """g(K)."""

    def remain(self, K: Float[ArrayLike, "*batch n n"]) -> Float[Tensor, "*batch n n"]:
        """r(K)."""

    def remaining(self, eigenvalues: Tensor) -> Tensor:
        """r of eigenvalues (..., n)."""


@dataclass(frozen=True, eq=False)
class Flow:
    r"""Gradient flow for the time t on $\frac12\sum_i\|y_i-f(x_i)\|^2$ (eq. 5).

    For another normalisation scale the time: the mean $\frac1N\sum_i\|y_i-f(x_i)\|^2$ runs $2/N$ times as fast.

    Attributes:
        time: A number >= 0, or one for each member of the batch (...,).
    """

    time: Any

    def pull(self, K: Float[ArrayLike, "*batch n n"]) -> Float[Tensor, "*batch n n"]:
        r"""$\phi_t(K) = \int_0^te^{-sK}ds$, which is $K^{-1}(I-e^{-tK})$ where K is invertible.

        Raises:
            InputError: K is not symmetric positive semi-definite, or a time is negative.
        """
        kernel, t = _with("time", self.time, K)
        if is_exact(kernel):
            return _corner(torch.linalg.matrix_exp(_blocks(-kernel * t[..., None, None], _eye(kernel) * t[..., None, None])))
        t = t[..., None]
        return spectral(kernel, lambda x: t * _expm1_quotient(t * x))

    def remain(self, K: Float[ArrayLike, "*batch n n"]) -> Float[Tensor, "*batch n n"]:
        """$e^{-tK}$; errors as for `pull`."""
        kernel, t = _with("time", self.time, K)
        if is_exact(kernel):
            return torch.linalg.matrix_exp(-kernel * t[..., None, None])
        return spectral(kernel, lambda x: torch.exp(-t[..., None] * x))

    def remaining(self, eigenvalues: Tensor) -> Tensor:
        r"""$e^{-t\lambda}$."""
        t = self.time if is_exact(eigenvalues) else as_tensor("time", self.time, like=("K", eigenvalues))
        return torch.exp(-(t[..., None] if hasattr(t, "ndim") and t.ndim else t) * eigenvalues)


@dataclass(frozen=True, eq=False)
class Descent:
    r"""Gradient descent on $\frac12\sum_i\|y_i-f(x_i)\|^2$: it converges for every label if and only if
    $\eta\lambda_{\max}<2$.

    Attributes:
        lr: The step size $\eta$: a number, or one for each member of the batch (...,).
        steps: How many, an int >= 0.
    """

    lr: Any
    steps: int

    def pull(self, K: Float[ArrayLike, "*batch n n"]) -> Float[Tensor, "*batch n n"]:
        r"""$\eta\sum_{s<m}(I-\eta K)^s$, which is $K^{-1}(I-(I-\eta K)^m)$ where K is invertible.

        Raises:
            InputError: K is not symmetric positive semi-definite, or steps is not such an integer.
        """
        kernel, eta = _with("lr", self.lr, K)
        m = check_integer("steps", self.steps, least=0)
        if is_exact(kernel):
            step = eta[..., None, None] * kernel
            return _corner(torch.linalg.matrix_power(_blocks(_eye(kernel) - step, _eye(kernel) * eta[..., None, None], 1), m))
        eta = eta[..., None]
        return spectral(kernel, lambda x: eta * _power_quotient(eta * x, m))

    def remain(self, K: Float[ArrayLike, "*batch n n"]) -> Float[Tensor, "*batch n n"]:
        r"""$(I-\eta K)^m$; errors as for `pull`."""
        kernel, eta = _with("lr", self.lr, K)
        m = check_integer("steps", self.steps, least=0)
        if is_exact(kernel):
            return torch.linalg.matrix_power(_eye(kernel) - eta[..., None, None] * kernel, m)
        return spectral(kernel, lambda x: power(eta[..., None] * x, m))

    def remaining(self, eigenvalues: Tensor) -> Tensor:
        r"""$(1-\eta\lambda)^m$."""
        eta = self.lr if is_exact(eigenvalues) else as_tensor("lr", self.lr, like=("K", eigenvalues))
        x = (eta[..., None] if hasattr(eta, "ndim") and eta.ndim else eta) * eigenvalues
        return (1 - x) ** self.steps if is_exact(eigenvalues) else power(x, self.steps)


@dataclass(frozen=True, eq=False)
class Converged:
    """Training to the end: $g(K) = K^+$, and r(K) projects onto the null space of K (eq. 6, 10, 11)."""

    def pull(self, K: Float[ArrayLike, "*batch n n"]) -> Float[Tensor, "*batch n n"]:
        """The pseudo-inverse $K^+$.

        Raises:
            InputError: K is not symmetric positive semi-definite.
        """
        kernel = _checked(K)
        return exact_pseudo_inverse(kernel) if is_exact(kernel) else spectral(kernel, _inverse)

    def remain(self, K: Float[ArrayLike, "*batch n n"]) -> Float[Tensor, "*batch n n"]:
        """$I-K^+K$; errors as for `pull`."""
        kernel = _checked(K)
        if is_exact(kernel):
            return _eye(kernel) - exact_pseudo_inverse(kernel) @ kernel
        return spectral(kernel, lambda x: (x == 0).to(x.dtype) + 0 * x)

    def remaining(self, eigenvalues: Tensor) -> Tensor:
        """1 at 0, else 0."""
        return torch.where(eigenvalues == 0, 1 + 0 * eigenvalues, 0 * eigenvalues)


@dataclass(frozen=True, eq=False)
class Ridge:
    r"""The minimiser of $\frac12\sum_i\|y_i-f(x_i)\|^2+\frac c2\|\theta-\theta_f\|^2$: a ridge centred at the function that
    training starts from. Started at $f_0$ it is kernel ridge regression; started at the current model it is the jitter
    $(K+cI)^{-1}$ in eq. (11), and then the result depends on the way that led there.

    Attributes:
        strength: c > 0: a number, or one for each member of the batch (...,).
    """

    strength: Any

    def pull(self, K: Float[ArrayLike, "*batch n n"]) -> Float[Tensor, "*batch n n"]:
        """$(K+cI)^{-1}$.

        Raises:
            InputError: K is not symmetric positive semi-definite, or a strength is not positive.
        """
        kernel, c = _with("strength", self.strength, K)
        if is_exact(kernel):
            return torch.linalg.inv(kernel + c[..., None, None] * _eye(kernel))
        return spectral(kernel, lambda x: 1 / (x + c[..., None]))

    def remain(self, K: Float[ArrayLike, "*batch n n"]) -> Float[Tensor, "*batch n n"]:
        """$c(K+cI)^{-1}$; errors as for `pull`."""
        kernel, c = _with("strength", self.strength, K)
        return c[..., None, None] * self.pull(kernel)

    def remaining(self, eigenvalues: Tensor) -> Tensor:
        r"""$c/(\lambda+c)$."""
        c = self.strength if is_exact(eigenvalues) else as_tensor("strength", self.strength, like=("K", eigenvalues))
        c = c[..., None] if hasattr(c, "ndim") and c.ndim else c
        return c / (eigenvalues + c)


def _checked(K: Any) -> Any:
    kernel = check_kernel("K", K)
    if not is_exact(kernel):
        check_symmetric(kernel, name="K")
    return kernel


def _with(name: str, value: Any, K: Any) -> tuple[Any, Any]:
    """The kernel, and the parameter as a tensor that broadcasts with its batch."""
    kernel = _checked(K)
    if is_exact(kernel):
        return kernel, value if is_exact(value) else torch.as_tensor(value, dtype=torch.float64)
    parameter = as_tensor(name, value, like=("K", kernel))
    good = parameter > 0 if name == "strength" else parameter >= 0
    if not bool(good.all()):
        wanted = "positive numbers" if name == "strength" else "numbers >= 0"
        raise InputError(f"`{name}` is {float(parameter[~good].flatten()[0]):g} but {wanted} are wanted; pass those.")
    if parameter.ndim and tuple(parameter.shape) != tuple(kernel.shape[:-2]):
        raise InputError(
            f"`{name}` has shape {tuple(parameter.shape)} but `K` has shape {tuple(kernel.shape)}; pass a number, or one for "
            "each member of the batch."
        )
    return kernel, parameter


def _eye(K: Any) -> Any:
    return torch.eye(K.shape[-1], dtype=torch.float64)


def _blocks(A: Any, B: Any, last: int = 0) -> Any:
    """[[A, B], [0, last I]], whose exponential or power has the integral, or the sum, in its corner."""
    B = B + 0 * A
    below = torch.cat([0 * A, last * _eye(A) + 0 * A], -1)
    return torch.cat([torch.cat([A, B], -1), below], -2)


def _corner(M: Any) -> Any:
    n = M.shape[-1] // 2
    return M[..., :n, n:]


def _inverse(x: Tensor) -> Tensor:
    return torch.where(x == 0, 0, 1 / torch.where(x == 0, 1, x))


def _expm1_quotient(x: Tensor) -> Tensor:
    """(1 - exp(-x)) / x for x >= 0."""
    small = x.abs() < _SERIES
    near = torch.where(small, x, 0)
    series = 1 - near / 2 * (1 - near / 3 * (1 - near / 4 * (1 - near / 5 * (1 - near / 6))))
    return torch.where(small, series, -torch.expm1(-x) / torch.where(small, 1, x))


def _power_quotient(x: Tensor, m: int) -> Tensor:
    """(1 - (1 - x)^m) / x."""
    small = m * x.abs() < _SERIES
    near, series = torch.where(small, x, 0), torch.ones_like(x)
    for k in range(6, 1, -1):
        series = 1 - (m - k + 1) / k * near * series
    moderate = x.abs() < 0.5
    kept = -torch.expm1(m * torch.log1p(-torch.where(moderate & ~small, x, 0)))
    return torch.where(small, m * series, torch.where(moderate, kept, 1 - power(x, m)) / torch.where(small, 1, x))
