r"""Training in function space: what the kernel alone decides.

With $u_t = f_t-Y$ and $\Theta = \sum_i\lambda_iv_iv_i^\top$ the squared loss is solved on each eigenvector,

$$u_t = \sum_i(1-\eta\lambda_i)^tv_iv_i^\top u_0\ \text{(descent)},\qquad
  u_t = \sum_ie^{-\lambda_it}v_iv_i^\top u_0\ \text{(flow)}.$$

The pull $S_t$, with $f_t = f_0-\Theta S_t$, is $\eta\sum_{s<t}\partial L/\partial f_s$ for descent and
$\int_0^t\partial L/\partial f_s\,ds$ for the flow. It moves predictions at other points by $-\Theta_*S_t$ and the
parameters of a linearised network by $-J^\top S_t$. Eigenvalues $\lambda\le n\varepsilon\lambda_{\max}$ count as 0, as in
`altheory.spectra.label_measure`; for the squared loss S_t is left out there, where $\Theta v = J^\top v = \Theta_*v = 0$.

Here outputs are one matrix (..., N, C): N = n and C = K for a kernel that all outputs share, or N = nK and C = 1 for one that
couples them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from altheory._inputs import InputError, as_tensor, member

if TYPE_CHECKING:
    from torch import Tensor

_STIFF = 1e4  # lambda_max times the time span above which an implicit method is cheaper


@dataclass(frozen=True)
class Space:
    """How outputs (..., n, K) become columns (..., N, C): coupled by a kernel (K, K, n, n), or each alone."""

    points: int
    outputs: int
    coupled: bool

    def columns(self, f: Tensor) -> Tensor:
        """(..., n, K) as (..., N, C)."""
        return f.flatten(-2)[..., None] if self.coupled else f

    def outputs_of(self, columns: Tensor) -> Tensor:
        """(..., N, C) as (..., n, K)."""
        return columns[..., 0].unflatten(-1, (-1, self.outputs)) if self.coupled else columns

    def matrix(self, kernel: Tensor) -> Tensor:
        """A kernel, or a cross kernel, as a matrix on columns."""
        return kernel.permute(2, 0, 3, 1).flatten(2).flatten(0, 1) if self.coupled else kernel


@dataclass(frozen=True)
class States:
    """Outputs (..., T, N, C) at the recorded steps or times, and the pull at each of them and at the end."""

    outputs: Tensor
    pulls: Tensor | None
    last: Tensor


def check_kernel(name: str, kernel: Any, like: tuple[str, Tensor] | None = None) -> Tensor:
    """A symmetric kernel (..., n, n), or (K, K, n, n) for pairs of outputs.

    Raises:
        InputError: It is not square.
    """
    theta = as_tensor(name, kernel, min_ndim=2, layout="(..., n, n)", like=like)
    if theta.shape[-1] != theta.shape[-2]:
        raise InputError(
            f"`{name}` has shape {tuple(theta.shape)} but a square matrix (..., n, n) is wanted; "
            "pass the kernel of the training points, and that of other points as `kernel_test`."
        )
    return theta


def squared_descent(theta: Tensor, u: Tensor, lr: float, at: Tensor, steps: int, pulls: bool) -> States:
    """Descent on the squared loss from u = f_0 - Y, at the steps `at` and at `steps`; outputs are residuals."""
    eigenvalues, vectors = eigen(theta)
    x = lr * eigenvalues
    t = torch.cat([at, torch.tensor([steps])]).to(theta.device)

    def area(decay: Tensor, t: Tensor) -> Tensor:
        # (1 - (1 - x)^t) / x without cancellation for small x
        small = x.abs() < 0.5
        near = -torch.expm1(t * torch.log1p(-torch.where(small, x, 0)))
        return lr * torch.where(small, near, 1 - decay) / torch.where(x == 0, 1, x)

    return _solved(vectors, u, t, lambda t: power(x, t), area, pulls)


def squared_flow(theta: Tensor, u: Tensor, times: Tensor, pulls: bool) -> States:
    """Gradient flow on the squared loss from u = f_0 - Y at the times; outputs are residuals."""
    eigenvalues, vectors = eigen(theta)
    t = torch.cat([times, times[-1:]])

    def area(decay: Tensor, t: Tensor) -> Tensor:
        return -torch.expm1(-t * eigenvalues) / torch.where(eigenvalues == 0, 1, eigenvalues)

    return _solved(vectors, u, t, lambda t: torch.exp(-t * eigenvalues), area, pulls)


def iterated_descent(
    apply: Callable[[Tensor], Tensor],
    f: Tensor,
    slope: Callable[[Tensor], Tensor],
    lr: float,
    at: Tensor,
    steps: int,
    pulls: bool,
) -> States:
    """Descent on any loss by iterating f <- f - lr Theta slope(f); NaN after the first step that is not finite."""
    places = {int(t): k for k, t in enumerate(at)}
    outputs = f.new_full((len(at), *f.shape), torch.nan)
    pull = torch.zeros_like(f)
    kept = torch.empty_like(outputs) if pulls else None
    for t in range(steps + 1):
        if t:
            if not bool(torch.isfinite(f).all()):
                break
            push = lr * slope(f)
            f = f - apply(push)
            pull = pull + push
        if t in places:
            outputs[places[t]] = f
            if kept is not None:
                kept[places[t]] = pull
    return States(outputs, kept, pull)


def integrated_flow(theta: Tensor, f: Tensor, slope: Callable[[Tensor], Tensor], times: Tensor) -> States:
    """Gradient flow on any loss: the pull solves S' = slope(f - Theta S), by scipy at relative tolerance 1e-10.

    Raises:
        InputError: The solver gave up.
    """
    from scipy.integrate import solve_ivp

    def speed(_: float, S: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        pull = torch.from_numpy(S).to(f).reshape(f.shape)
        return slope(f - theta @ pull).cpu().numpy().astype(np.float64).ravel()

    distinct, places = torch.unique(times.double().cpu(), return_inverse=True)
    ends = distinct.numpy()
    states = np.zeros((len(ends), f.numel()))
    if ends[-1] > 0:
        stiff = float(theta.abs().sum(-1).max()) * ends[-1] > _STIFF and f.numel() <= 4096
        solution = solve_ivp(
            speed, (0.0, ends[-1]), np.zeros(f.numel()), "Radau" if stiff else "DOP853", t_eval=ends, rtol=1e-10, atol=1e-12
        )
        if not solution.success:
            raise InputError(
                f"`times` reach {ends[-1]:.3g} but the flow could not be followed that far ({solution.message}); "
                "pass shorter times."
            )
        states = np.ascontiguousarray(solution.y.T)
    pulls = torch.from_numpy(states).to(f).reshape(len(ends), *f.shape)[places.to(f.device)]
    return States(f - theta @ pulls, pulls, pulls[-1])


def _solved(
    vectors: Tensor,
    u: Tensor,
    t: Tensor,
    decay: Callable[[Tensor], Tensor],
    area: Callable[[Tensor, Tensor], Tensor],
    pulls: bool,
) -> States:
    """Residuals and pulls at the steps or times t, the last of which is the end; eigenvalues on the last axis."""
    coordinates = (vectors.mT @ u)[..., None, :, :]
    spread = vectors[..., None, :, :]
    t = t.to(u.dtype).reshape(-1, *([1] * (u.ndim - 2)), 1)
    decays = decay(t)
    areas = area(decays, t)
    decays, areas = (torch.movedim(values, 0, -2)[..., None] for values in (decays, areas))
    residuals = spread @ (decays[..., :-1, :, :] * coordinates)
    kept = spread @ (areas[..., :-1, :, :] * coordinates) if pulls else None
    return States(residuals, kept, vectors @ (areas[..., -1, :, :] * coordinates[..., 0, :, :]))


def eigen(theta: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, those within rounding of 0 as 0, and eigenvectors.

    Raises:
        InputError: The kernel is not positive semi-definite beyond rounding.
    """
    eigenvalues, vectors = torch.linalg.eigh(theta)
    rounding = theta.shape[-1] * torch.finfo(theta.dtype).eps
    top = eigenvalues.abs().amax(-1, keepdim=True)
    bad = eigenvalues[..., 0] < -100 * rounding * top[..., 0]
    if bool(bad.any()):
        raise InputError(
            f"`kernel` has a negative eigenvalue {float(eigenvalues[..., 0][bad].min()):.3g}{member(bad)} but a positive "
            "semi-definite matrix is wanted; pass a kernel matrix, or add a multiple of the identity."
        )
    return torch.where(eigenvalues <= rounding * top, 0, eigenvalues), vectors


def power(x: Tensor, t: Tensor | int) -> Tensor:
    r"""$(1-x)^t$ for integers t, with the rounding error of 1 - x put back (as in `altheory.spectra`)."""
    base = 1 - x
    shift = base - 1
    lost = (1 - (base - shift)) - (x + shift)
    return base**t * torch.exp(t * (lost / torch.where(base == 0, 1, base)))
