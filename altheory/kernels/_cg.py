r"""Solving $(K+\sigma I)x = b$ with products alone: preconditioned conjugate gradients, several right-hand sides at once.

Every column runs its own recursion; the columns share the products. The Nyström preconditioner is that of Frangella, Tropp,
Udell (2023), "Randomized Nyström preconditioning", SIAM J. Matrix Anal. Appl. 44(2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch

from altheory._inputs import InputError

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    Product = Callable[[Tensor], Tensor]

_RESTARTS = 3


class Solution(NamedTuple):
    r"""A solution of $(K+\sigma I)x = b$.

    Attributes:
        x: (n,) or (n, k), as b.
        residual: () or (k,) the relative residuals $|b-(K+\sigma I)x|/|b|$, computed from x after the iteration (0 for b = 0).
        steps: Products with K that were needed.
    """

    x: Float[Tensor, " n *k"]
    residual: Float[Tensor, "*k"]
    steps: int


def conjugate_gradients(
    product: Product, b: Float[Tensor, "n k"], *, tol: float, steps: int, precondition: Product
) -> Solution:
    """Solve `product(x) = b` for a symmetric positive definite product.

    The recursion's residual drifts from the true one, so it is restarted from the true one until this is small too.

    Raises:
        InputError: A direction of curvature <= 0 was met, or the residual is above `tol` after so many steps.
    """
    x, r = torch.zeros_like(b), b.clone()
    scale = b.norm(dim=0)
    safe = torch.where(scale == 0, 1, scale)
    used, residual = 0, scale / safe
    for _ in range(_RESTARTS):
        taken = _recursion(product, x, r, tol * scale, steps - used, precondition)
        used += taken
        r = b - product(x)
        used += 1
        before, residual = residual, r.norm(dim=0) / safe
        if bool((residual <= tol).all()):
            return Solution(x, residual, used)
        if used >= steps or bool((residual > before / 2).any()):
            break
    raise InputError(
        f"`tol` is {tol:g} but conjugate gradients reached a relative residual of {float(residual.max()):.2g} after {used} "
        "products; pass a larger `tol`, `steps`, `rank` or `shift` (the matrix is nearly singular)."
    )


def _recursion(product: Product, x: Tensor, r: Tensor, goal: Tensor, steps: int, precondition: Product) -> int:
    """Improve x in place until |r| <= goal in every column by the recursion; the number of products."""
    z = precondition(r)
    p, rz = z, (r * z).sum(0)
    for step in range(steps):
        active = r.norm(dim=0) > goal
        if not bool(active.any()):
            return step
        Ap = product(p)
        curvature = (p * Ap).sum(0)
        if bool((active & ~(curvature > 0)).any()):
            worst = float((curvature / (p * p).sum(0))[active].min())
            raise InputError(
                f"the operator has a direction of curvature {worst:.3g} but a positive definite one is wanted; pass a `shift` "
                "above its negative eigenvalues."
            )
        alpha = torch.where(active, rz / torch.where(active, curvature, 1), 0)
        x += alpha * p
        r = r - alpha * Ap
        z = precondition(r)
        fresh = (r * z).sum(0)
        beta = torch.where(active, fresh / torch.where(active, rz, 1), 0)
        p, rz = torch.where(active, z + beta * p, p), torch.where(active, fresh, rz)
    return steps


def jacobi(diagonal: Float[Tensor, " n"], shift: float) -> Product:
    """Division by the diagonal.

    Raises:
        InputError: A diagonal entry is not positive.
    """
    d = diagonal + shift
    if not bool((d > 0).all()):
        raise InputError(
            f"the operator has a diagonal entry {float(d.min()):.3g} but a positive definite one is wanted; pass a larger "
            "`shift`."
        )
    return lambda r: r / d[:, None]


def nystrom(product: Product, n: int, rank: int, shift: float, generator: torch.Generator, like: Tensor) -> Product:
    """The inverse of a low-rank approximation plus a multiple of the identity, from `rank` products in one block.

    Raises:
        InputError: The sketch is indefinite beyond rounding.
    """
    eps = torch.finfo(like.dtype).eps
    omega = torch.linalg.qr(torch.randn(n, rank, generator=generator, dtype=torch.float64))[0].to(like)
    sketch = product(omega)
    core = omega.T @ sketch
    core = (core + core.T) / 2
    size = float(sketch.norm())
    lift = eps * n**0.5 * max(size, torch.finfo(like.dtype).tiny)
    for _ in range(4):
        L, failed = torch.linalg.cholesky_ex(core + lift * torch.eye(rank, dtype=core.dtype, device=core.device))
        if not bool(failed):
            break
        lift *= 100
    else:
        lowest = float(torch.linalg.eigvalsh(core)[0])
        raise InputError(
            f"the operator has a direction of curvature {lowest:.3g} but a positive semi-definite one is wanted for the "
            "Nyström preconditioner; pass `preconditioner=None` and a `shift`, or another matrix."
        )
    B = torch.linalg.solve_triangular(L, (sketch + lift * omega).T, upper=False).T
    U, S, _ = torch.linalg.svd(B, full_matrices=False)
    values = (S * S - lift).clamp(min=0)
    floor = max(shift, n * eps * float(values[0]), torch.finfo(like.dtype).tiny)
    gain = (values[-1] + floor) / (values + floor) - 1
    return lambda r: r + U @ (gain[:, None] * (U.T @ r))
