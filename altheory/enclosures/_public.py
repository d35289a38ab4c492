"""The questions one asks of a kernel matrix, with their arguments checked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from altheory._inputs import InputError, as_tensor, check_symmetric, is_exact
from altheory.enclosures import _cholesky
from altheory.enclosures._exact import lambda_min_exact
from altheory.enclosures._interval import Interval, times_power
from altheory.enclosures._refine import smallest
from altheory.enclosures._residual import enclosed_spectrum
from altheory.enclosures._rounding import perturbation_norm, to_unit

if TYPE_CHECKING:
    from jaxtyping import Float

    from altheory._inputs import ArrayLike

_AUTO = 32  # up to this n, `exact="auto"` settles an open sign in rational arithmetic


def lambda_min(
    theta: Float[ArrayLike, "n n"],
    *,
    error: Float[ArrayLike, "n n"] | float | None = None,
    exact: bool | Literal["auto"] = "auto",
) -> Interval:
    r"""An interval that contains the smallest eigenvalue of a symmetric matrix, rounding errors and all.

    In float64: the residual theorem of `altheory.enclosures._residual`; where a cluster of at most 8 smallest eigenvalues is
    set apart from the rest, `_refine` sharpens it to some ulp of $\lambda_{\min}$ plus about
    $n\varepsilon^2\|\Theta\|^2/\mathrm{gap}$; otherwise the width is that of `eigenvalues`. It costs about twice
    `torch.linalg.eigh`.

    Args:
        theta: (n, n) symmetric, float32 or float64; the numbers are taken as exact. If it is symmetric only up to rounding, the
            interval holds for every symmetric matrix whose entries lie between $\theta_{ij}$ and $\theta_{ji}$.
        error: A number or an (n, n) array >= 0: the interval holds for every symmetric matrix within this distance, entry by
            entry (such as `Bounded.error`). Of an error that is not symmetric the smaller of the two mirrored entries counts.
        exact: True for rational arithmetic (n <= 128), False for float64 alone, "auto" for float64 and, where the sign stays
            open and n <= 32, rational arithmetic.

    Returns:
        The `Interval`; `.positive` says whether theta is certified positive definite.

    Raises:
        InputError: theta is not a finite square matrix, not symmetric, a batch, or (exact) too large; error is negative or has
            another shape; exact is not one of its three values.
    """
    if not isinstance(exact, bool) and exact != "auto":
        raise InputError(f"`exact` is {exact!r} but True, False or 'auto' is wanted; pass one of these.")
    A, slack = _prepared(theta, error)
    found = lambda_min_exact(A) if exact is True else smallest(A)
    if exact == "auto" and found.positive is None and A.shape[0] <= _AUTO:
        found = lambda_min_exact(A)
    return found.widened(slack)


def lambda_max(
    theta: Float[ArrayLike, "n n"],
    *,
    error: Float[ArrayLike, "n n"] | float | None = None,
    exact: bool | Literal["auto"] = "auto",
) -> Interval:
    r"""An interval that contains the largest eigenvalue: $-\lambda_{\min}(-\Theta)$, see `lambda_min`.

    Args:
        theta: (n, n) symmetric.
        error: As in `lambda_min`.
        exact: As in `lambda_min`.

    Returns:
        The `Interval`.

    Raises:
        InputError: As in `lambda_min`.
    """
    return -lambda_min(-_matrix(theta), error=error, exact=exact)


def eigenvalues(theta: Float[ArrayLike, "n n"], *, error: Float[ArrayLike, "n n"] | float | None = None) -> list[Interval]:
    r"""Intervals for all eigenvalues in ascending order, the i-th of which contains $\lambda_i$, multiplicities included.

    One radius for all of them, $\|\Theta Q-QD\|_2/\sigma_{\min}(Q)$ (`altheory.enclosures._residual`), 4 to 25 times
    $n\varepsilon\|\Theta\|$ wide for n from 64 to 1024. A diagonal matrix has its eigenvalues exactly.

    Args:
        theta: (n, n) symmetric.
        error: As in `lambda_min`.

    Returns:
        n intervals.

    Raises:
        InputError: As in `lambda_min`.
    """
    A, slack = _prepared(theta, error)
    if not bool((A - torch.diag(A.diagonal())).any()):
        exactly = sorted(A.diagonal().tolist())
        return [Interval(x, x).widened(slack) for x in exactly]
    unit, exponent = to_unit(A)
    spectrum = enclosed_spectrum(unit)
    return [times_power(spectrum.interval(i), exponent).widened(slack) for i in range(A.shape[0])]


def is_positive_definite(
    theta: Float[ArrayLike, "n n"], *, error: Float[ArrayLike, "n n"] | float | None = None
) -> bool | None:
    r"""Whether a symmetric matrix is positive definite: proved, disproved, or neither.

    First a shifted Cholesky factorisation with a residual bound (`altheory.enclosures._cholesky`), then `lambda_min`, in
    rational arithmetic if n <= 32 and the sign is open.

    Args:
        theta: (n, n) symmetric.
        error: As in `lambda_min`.

    Returns:
        True: theta, and every matrix within `error`, is positive definite. False: none of them is. None: not decided, or some
        are and some are not.

    Raises:
        InputError: As in `lambda_min`.
    """
    A, slack = _prepared(theta, error)
    if slack < math.inf and bool((A != 0).any()) and _cholesky.exceeds(A, slack):
        return True
    return lambda_min(theta, error=error).positive


def _matrix(theta: Any) -> Tensor:
    """Theta as a float64 matrix on the CPU, entry for entry."""
    if is_exact(theta):
        raise InputError(
            f"`theta` is a {type(theta).__name__} but a matrix of floats is wanted; pass float64 numbers, or fractions to "
            "`lambda_min_exact`."
        )
    tensor = as_tensor("theta", theta)
    if tensor.ndim != 2 or tensor.shape[0] != tensor.shape[1]:
        raise InputError(
            f"`theta` has shape {tuple(tensor.shape)} but one square matrix (n, n) is wanted; pass the whole kernel, and "
            "the members of a batch one by one."
        )
    return tensor.detach().to(device="cpu", dtype=torch.float64)


def _prepared(theta: Any, error: Any) -> tuple[Tensor, float]:
    """An exactly symmetric matrix, and a bound of the 2-norm of all that it may be wrong by."""
    A = _matrix(theta)
    check_symmetric(A)
    deviation = torch.zeros_like(A)
    if error is not None:
        given = as_tensor("error", error).detach().to(device="cpu", dtype=torch.float64)
        if given.ndim != 0 and given.shape != A.shape:
            raise InputError(
                f"`error` has shape {tuple(given.shape)} but `theta` has shape {tuple(A.shape)}; pass a number or "
                "one bound for each entry."
            )
        if bool((given < 0).any()):
            raise InputError(f"`error` has a negative entry {float(given.min()):.3g} but a bound has none; pass numbers >= 0.")
        deviation = torch.minimum(given, given.T).expand_as(A) if given.ndim else given.expand_as(A)
    if not torch.equal(A, A.T):
        middle = A / 2 + A.T / 2
        distance = torch.maximum((A - middle).abs(), (A.T - middle).abs())
        deviation = _above(deviation + _above(distance))
        A = middle
    return A, perturbation_norm(deviation)


def _above(x: Tensor) -> Tensor:
    """The next float64 above each positive entry; zeros stay."""
    return torch.where(x > 0, torch.nextafter(x, torch.full_like(x, math.inf)), x)
