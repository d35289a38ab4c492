r"""Look-ahead from products with the labelled kernel alone, by conjugate gradients: for many labelled points and few
candidates.

Every candidate needs its own solution of $K_{LL}v = K(X,x')$. With an approximate V and the residuals
$E = K_{LU}-K_{LL}V$ of one more product,

$$S = K_{UU}-V^\top K_{LU}-V^\top E = K_{UU}-2\,\mathrm{sym}(V^\top K_{LU})+V^\top K_{LL}V ,$$

which is the true S plus $E^\top K_{LL}^{-1}E$: the error of the solver enters squared, and only upwards.

Source: Mohamadi, Bae, Sutherland (2022), section 3, "if L > EU"; the correction is ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor
from altheory.lookahead._candidates import LookAhead, made
from altheory.lookahead._pools import check_outputs

if TYPE_CHECKING:
    from jaxtyping import Float

    from altheory._inputs import ArrayLike
    from altheory.kernels import KernelOperator, Solution


def from_operator(
    operator: KernelOperator,
    K_UL: Float[ArrayLike, "U L"],
    K_U: Float[ArrayLike, "U U"],
    Y: Float[ArrayLike, "L C"],
    F_L: Float[ArrayLike, "L C"],
    F_U: Float[ArrayLike, "U C"],
    *,
    tol: float = 1e-8,
    preconditioner: str | None = "nystrom",
    steps: int | None = None,
    seed: int | torch.Generator = 0,
) -> tuple[LookAhead, Solution]:
    """The look-ahead of a pool whose labelled kernel is known by its products.

    Args:
        operator: `altheory.kernels.operator(...)` of the labelled points, positive definite.
        K_UL: (U, L) kernel of the pool with them.
        K_U: (U, U) of the pool.
        Y: (L, C) labels.
        F_L: (L, C) the model's outputs on the labelled points.
        F_U: (U, C) its outputs on the pool.
        tol: The relative residual wanted in every column, as in `KernelOperator.solve`.
        preconditioner: "nystrom", "jacobi" or None.
        steps: The most products; 10 L, at most 5000, by default.
        seed: Of the preconditioner.

    Returns:
        The `LookAhead`, and the `Solution` for V, which says how many products it took. `LookAhead.resolved` knows rounding
        errors, not the solver's: ask for a `tol` well below $u/\\kappa$.

    Raises:
        InputError: Shapes that do not fit; a labelled kernel that is not positive definite; or `tol` not reached.
    """
    cross = as_tensor("K_UL", K_UL, ndim=2, layout="(U, L)")
    like = ("K_UL", cross)
    pool, labels, inside, F = (
        as_tensor(name, x, ndim=2, like=like) for name, x in (("K_U", K_U), ("Y", Y), ("F_L", F_L), ("F_U", F_U))
    )
    U, L = cross.shape
    if tuple(operator.shape) != (L, L) or tuple(pool.shape) != (U, U):
        raise InputError(
            f"`operator`, `K_UL` and `K_U` have shapes {tuple(operator.shape)}, {(U, L)} and {tuple(pool.shape)} but (L, L), "
            "(U, L) and (U, U) are wanted; pass the blocks of one kernel."
        )
    check_outputs(torch.Size([L]), torch.Size([U]), labels, inside, F)
    found: Any = operator.solve(cross.mT.contiguous(), tol=tol, preconditioner=preconditioner, steps=steps, seed=seed)
    V = found.x
    mixed = V.mT @ (2 * cross.mT - operator @ V)
    S = pool - (mixed + mixed.mT) / 2
    ahead = made(S, V, F, V.mT @ (labels - inside), operator.diagonal(), torch.linalg.diagonal(pool))
    return ahead, found
