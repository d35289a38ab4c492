r"""Generalisation bounds for interpolation with a kernel: from the norm of the interpolant to the risk.

The function of least norm with $f(x_i) = y_i$ in the space of the kernel $\Theta$ has $\|f\|^2 = I =
\mathrm{Tr}[Y^\top\Theta^{-1}Y]$, and a ball of radius B has empirical Rademacher complexity
$\frac{B}{n}E_\varepsilon\sqrt{\varepsilon^\top\Theta\varepsilon} \le \frac{B}{n}\sqrt{\mathrm{tr}\,\Theta}$. For a loss in
[0, 1] that is 1-Lipschitz in the prediction and 0 at a perfect one, these give

$$L_p \;\le\; \frac{2}{n}\sqrt{\mathrm{tr}(\Theta)\,I} + \mathrm{a\ term\ of\ order}\ \sqrt{\log(1/\delta)/n} ,$$

which for $\Theta(x,x) = \frac12$ is $\sqrt{2I/n}$.

Source: Arora, Du, Hu, Li, Wang (2019), arXiv:1901.08584, theorem 5.1; dynamicAL (ICLR 2022 submission), Lemma 2; Bartlett and
Mendelson (2002) for the kernel ball; Mohri, Rostamizadeh, Talwalkar, Foundations of Machine Learning, theorem 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from altheory import spectra
from altheory._inputs import InputError, as_labels, as_tensor, as_tensors, check_integer, check_symmetric, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

_LONGEST = 24  # signs enumerated: 2^(24 - 1) of them
_BLOCK = 1 << 20  # numbers held at once


def squared_norm(
    theta: Float[ArrayLike, "*batch n n"], Y: Float[ArrayLike, "*batch n k"] | Float[ArrayLike, "*batch n"]
) -> Float[Tensor, "*batch"]:
    r"""$I = \mathrm{Tr}[Y^\top\Theta^{-1}Y]$, the squared norm of the interpolant of the labels.

    It is also the squared distance that the weights of a linear model travel from f = 0 to the end of training; from
    another start put $Y - f_0$ in the place of Y.

    Args:
        theta: (..., n, n) symmetric positive semi-definite.
        Y: (..., n, K), or (..., n) for one output.

    Returns:
        (...,); +inf where the labels have a part in the null space of theta (rank rule of `spectra.label_measure`).

    Raises:
        InputError: As in `spectra.label_measure`.
    """
    kernel, labels = as_labels(theta, Y)
    if is_exact(kernel) or is_exact(labels):
        return (labels * torch.linalg.solve(kernel, labels)).sum(-1).sum(-1)
    return spectra.label_measure(kernel, labels).I


def dominant_term(I: Float[ArrayLike, "*batch"], n: int | Tensor) -> Float[Tensor, "*batch"]:
    r"""$B = \sqrt{2I/n}$, the dominant term of Lemma 2 as printed; it presumes $\Theta(x,x) = \frac12$ and one output.

    Args:
        I: (...,) squared norm of the interpolant, as `squared_norm` gives it.
        n: Number of training points, a number or tensor (...,).

    Returns:
        (...,).

    Raises:
        InputError: An argument is NaN or below 0, or dtypes or devices differ.
    """
    norm, count = as_tensors(I=I, n=n) if _finite(I) else (I, n)
    return torch.sqrt(2 * norm / count)


def scale_free_term(
    trace: Float[ArrayLike, "*batch"], I: Float[ArrayLike, "*batch"], n: int | Tensor
) -> Float[Tensor, "*batch"]:
    r"""$\frac{2}{n}\sqrt{\mathrm{tr}(\Theta)\,I}$: the dominant term for any kernel; the unit of $\Theta$ cancels.

    Equal to `dominant_term` where $\mathrm{tr}\,\Theta = n/2$.

    Args:
        trace: (...,) the trace of the kernel matrix.
        I: (...,) squared norm of the interpolant.
        n: Number of training points.

    Returns:
        (...,).

    Raises:
        InputError: An argument is NaN, or dtypes or devices differ.
    """
    total, norm, count = as_tensors(trace=trace, I=I, n=n) if _finite(I) else (trace, I, n)
    return 2 * torch.sqrt(total * norm) / count


def _finite(value: Any) -> bool:
    """Whether the checks for finite numbers apply: +inf is a meaningful norm."""
    return is_exact(value) or not (isinstance(value, torch.Tensor) and bool((value == torch.inf).any()))


def paper_bound(
    theta: Float[ArrayLike, "*batch n n"], Y: Float[ArrayLike, "*batch n k"] | Float[ArrayLike, "*batch n"]
) -> Float[Tensor, "*batch"]:
    r"""$B(X,Y) = \sqrt{2\,\mathrm{Tr}[Y^\top\Theta^{-1}Y]/n}$ of a kernel matrix; see `dominant_term` and `squared_norm`."""
    kernel, labels = as_labels(theta, Y)
    return dominant_term(squared_norm(kernel, labels), kernel.shape[-1])


def scale_free_bound(
    theta: Float[ArrayLike, "*batch n n"], Y: Float[ArrayLike, "*batch n k"] | Float[ArrayLike, "*batch n"]
) -> Float[Tensor, "*batch"]:
    r"""$\frac{2}{n}\sqrt{\mathrm{tr}(\Theta)\,\mathrm{Tr}[Y^\top\Theta^{-1}Y]}$ of a kernel matrix; see `scale_free_term`."""
    kernel, labels = as_labels(theta, Y)
    return scale_free_term(trace(kernel), squared_norm(kernel, labels), kernel.shape[-1])


def trace(theta: Float[ArrayLike, "*batch n n"]) -> Float[Tensor, "*batch"]:
    """The trace of the last two dimensions, (...,)."""
    return torch.diagonal(as_tensor("theta", theta, min_ndim=2, layout="(..., n, n)"), 0, -2, -1).sum(-1)


def confidence_term(
    n: int | Tensor, lam0: Float[ArrayLike, "*batch"], delta: Float[ArrayLike, "*batch"], constant: float | Tensor = 1.0
) -> Float[Tensor, "*batch"]:
    r"""$c\sqrt{\log(n/(\lambda_0\delta))/n}$, the second term of Lemma 2; the paper hides the constant c in an O(.).

    Args:
        n: Number of training points.
        lam0: (...,) smallest eigenvalue of the kernel.
        delta: (...,) probability of failure.
        constant: The constant c.

    Returns:
        (...,); 0 where the logarithm is negative.

    Raises:
        InputError: An argument is not finite, or dtypes or devices differ.
    """
    count, least, failure, factor = as_tensors(n=n, lam0=lam0, delta=delta, constant=constant)
    logarithm = torch.log(count / (least * failure))
    return factor * torch.sqrt(torch.where(logarithm > 0, logarithm, 0) / count)


def risk_bound(
    trace: Float[ArrayLike, "*batch"], I: Float[ArrayLike, "*batch"], n: int | Tensor, delta: float | Tensor
) -> Float[Tensor, "*batch"]:
    r"""A bound on the risk of the kernel interpolant with every constant written out, for any kernel.

    Let k be the least integer >= 1 with $\mathrm{tr}(\Theta)\,I/n \le k^2$. With probability at least $1-\delta$ over n
    independent draws, for a loss in [0, 1] that is 1-Lipschitz in the prediction and 0 at the label,

    $$L_p \;\le\; \frac{2k}{\sqrt n} + 3\sqrt{\frac{\log(2k(k+1)/\delta)}{2n}} .$$

    Proof: the theorem of Mohri et al. for the class $\{f : \|f\|\sqrt{\mathrm{tr}\,\Theta/n} \le k\}$ at level
    $\delta/(k(k+1))$, for all k = 1, 2, ... at once. It needs $\mathrm{tr}\,\Theta/n$ fixed in advance, that is a constant
    diagonal.

    Args:
        trace: (...,) the trace of the kernel matrix.
        I: (...,) squared norm of the interpolant.
        n: Number of training points.
        delta: Probability of failure.

    Returns:
        (...,); it says something where it is below 1.

    Raises:
        InputError: An argument is not finite, or dtypes or devices differ.
    """
    total, norm, count, failure = as_tensors(trace=trace, I=I, n=n, delta=delta)
    k = torch.ceil(torch.sqrt(total * norm / count)).clamp(min=1)
    return 2 * k / torch.sqrt(count) + 3 * torch.sqrt(torch.log(2 * k * (k + 1) / failure) / (2 * count))


def rademacher_complexity(
    theta: Float[ArrayLike, "*batch n n"], radius: float | Tensor = 1.0, *, outputs: int = 1
) -> Float[Tensor, "*batch"]:
    r"""The empirical Rademacher complexity of the ball of radius B, by enumeration of all signs: exact.

    $\frac1nE_\varepsilon\sup_{\|f\|\le B}\sum_{ik}\varepsilon_{ik}f_k(x_i) = \frac Bn
    E_\varepsilon\sqrt{\sum_k\varepsilon_k^\top\Theta\varepsilon_k}$, with $\|f\|^2 = \sum_k\|f_k\|^2$ for K outputs (the
    vector Rademacher number). $2^{nK-1}$ sign patterns are visited.

    Args:
        theta: (..., n, n) symmetric positive semi-definite.
        radius: B, a number or tensor (...,).
        outputs: K.

    Returns:
        (...,).

    Raises:
        InputError: theta is not square or symmetric, or n K is above 24.
    """
    kernel = as_tensor("theta", theta, min_ndim=2, layout="(..., n, n)")
    K = check_integer("outputs", outputs)
    n = kernel.shape[-1]
    exact = is_exact(kernel)
    if not exact:
        if kernel.shape[-2] != n:
            raise InputError(
                f"`theta` has shape {tuple(kernel.shape)} but a square matrix (..., n, n) is wanted; pass the whole kernel."
            )
        check_symmetric(kernel)
    if n * K > _LONGEST:
        raise InputError(
            f"`theta` and `outputs` ask for {n * K} signs but at most {_LONGEST} can be enumerated; use `rademacher_bound`, "
            "which is at most a factor sqrt(2) above."
        )
    count = 2 ** (n * K - 1)  # the overall sign does not matter
    device = None if exact else kernel.device
    batch = 1 if exact else max(1, kernel.shape[:-2].numel())
    rows = max(1, _BLOCK // (n * K * batch))
    total: Any = 0
    for start in range(0, count, rows):
        number = torch.arange(start, min(start + rows, count), device=device)
        bits = (number[:, None] >> torch.arange(n * K, device=device)) & 1
        signs = (1 - 2 * bits).to(torch.float64 if exact else kernel.dtype).reshape(-1, K, n)
        moved = signs @ kernel[..., None, :, :]
        squares = (moved * signs).sum(-1).sum(-1)
        total = total + torch.sqrt(squares if exact else squares.clamp(min=0)).sum(-1)
    return radius * total / (count * n)


def rademacher_bound(
    theta: Float[ArrayLike, "*batch n n"], radius: float | Tensor = 1.0, *, outputs: int = 1
) -> Float[Tensor, "*batch"]:
    r"""$\frac Bn\sqrt{K\,\mathrm{tr}\,\Theta}$, an upper bound on `rademacher_complexity` that is at most $\sqrt2$ too large.

    Jensen's inequality above; below, $E\|\sum_i\varepsilon_iv_i\| \ge \frac1{\sqrt2}(E\|\sum_i\varepsilon_iv_i\|^2)^{1/2}$ in
    a Hilbert space (Latala and Oleszkiewicz, Studia Math. 109 (1994) 101).

    Args:
        theta: (..., n, n).
        radius: B, a number or tensor (...,).
        outputs: K.

    Returns:
        (...,).

    Raises:
        InputError: theta is not a matrix of finite numbers, or `outputs` is below 1.
    """
    kernel = as_tensor("theta", theta, min_ndim=2, layout="(..., n, n)")
    return radius * torch.sqrt(check_integer("outputs", outputs) * trace(kernel)) / kernel.shape[-1]


@dataclass(frozen=True, eq=False)
class Growth:
    r"""What happens to $I = \mathrm{Tr}[Y^\top\Theta^{-1}Y]$ when points Q join the labelled points S.

    Attributes:
        before: (...,) I(S).
        residual: (..., q, K) what the interpolant on S leaves of the labels of Q, $r = Y_Q-\Theta_{QS}\Theta_{SS}^{-1}Y_S$.
        conditional: (..., q, q) the Schur complement $\Sigma = \Theta_{QQ}-\Theta_{QS}\Theta_{SS}^{-1}\Theta_{SQ}$.
        kernel: (..., q, q) $\Theta_{QQ}$.
        increase: (...,) $\mathrm{Tr}[r^\top\Sigma^{-1}r] = I(S\cup Q)-I(S)$.
    """

    before: Float[Tensor, "*batch"]
    residual: Float[Tensor, "*batch q k"]
    conditional: Float[Tensor, "*batch q q"]
    kernel: Float[Tensor, "*batch q q"]
    increase: Float[Tensor, "*batch"]

    @property
    def training_dynamics(self) -> Float[Tensor, "*batch"]:
        r"""$G(S\cup Q) = \mathrm{Tr}[r^\top\Theta_{QQ}r]$: the residual on S is 0 at convergence."""
        return (self.residual * (self.kernel @ self.residual)).sum(-1).sum(-1)

    @property
    def least(self) -> Float[Tensor, "*batch"]:
        r"""$\mathrm{Tr}[r^\top\Theta_{QQ}^{-1}r]$, at most the increase, since $\Sigma \preceq \Theta_{QQ}$."""
        return (self.residual * torch.linalg.solve(self.kernel, self.residual)).sum(-1).sum(-1)


def growth(
    theta: Float[ArrayLike, "*batch n n"], Y: Float[ArrayLike, "*batch n k"] | Float[ArrayLike, "*batch n"], labelled: int
) -> Growth:
    r"""How the bound's numerator I grows when a converged model queries: the first `labelled` points are S, the rest Q.

    Args:
        theta: (..., n, n) symmetric, positive definite on S.
        Y: (..., n, K) or (..., n), the labels of all points.
        labelled: Number of points in S, from 0 to n - 1.

    Returns:
        A `Growth`.

    Raises:
        InputError: theta is not square or symmetric, Y does not fit it, or `labelled` is not between 0 and n - 1.
    """
    kernel, labels = as_labels(theta, Y)
    s = check_integer("labelled", labelled, least=0)
    if s >= kernel.shape[-1]:
        raise InputError(
            f"`labelled` is {s} but at most {kernel.shape[-1] - 1} of the {kernel.shape[-1]} points can be; leave one to query."
        )
    if not is_exact(kernel):
        check_symmetric(kernel)
    own = kernel[..., s:, s:]
    if s == 0:
        before, residual, conditional = 0 * labels.sum(-1).sum(-1), labels, own
    else:
        known, cross, first = kernel[..., :s, :s], kernel[..., s:, :s], labels[..., :s, :]
        weights = torch.linalg.solve(known, first)
        before = (first * weights).sum(-1).sum(-1)
        residual = labels[..., s:, :] - cross @ weights
        conditional = own - cross @ torch.linalg.solve(known, torch.transpose(cross, -1, -2))
    increase = (residual * torch.linalg.solve(conditional, residual)).sum(-1).sum(-1)
    return Growth(before, residual, conditional, own, increase)
