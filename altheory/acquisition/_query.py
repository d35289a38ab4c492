"""What a query takes and returns: a kernel in blocks, row numbers of the labelled set and the pool, the chosen rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from altheory._inputs import InputError, as_tensor, check_integer
from altheory.conditioning import smallest_eigenvalue, smallest_positive_eigenvalue

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike

    Kernel: TypeAlias = ArrayLike | Callable[[Tensor, Tensor], Tensor]
    Rows: TypeAlias = "Sequence[int] | Tensor | np.ndarray[Any, Any]"

#: what a set of points is scored by
SCORES = ("positive", "smallest")


@dataclass(frozen=True, eq=False)
class Query:
    """The answer of a strategy.

    Attributes:
        chosen: (Q,) int64, the row numbers to label, in the order in which they were chosen.
        scores: What was compared: a score for each group (`CRC`), the score after each addition (`GreedyCRC`),
            of every point of the pool (`DynamicAL`, `MLMOC`, `EMOC`, `EER`, `ExpectedGradNorm`, `EntropyGradNorm`, `EGL`,
            `Entropy`), of each point when it was chosen (`SequentialMLMOC`), none (`Random`, `RandomizedBSS`).
        groups: The row numbers of every group that was scored, in order (`CRC`).
        eigendecompositions: How many matrices were decomposed.
        weights: (Q,) of each chosen point in a weighted objective (`RandomizedBSS`), none otherwise.
    """

    chosen: Int[Tensor, " Q"]
    scores: Float[Tensor, " scored"] = field(default_factory=lambda: torch.empty(0, dtype=torch.float64))
    groups: tuple[Int[Tensor, " G"], ...] = ()
    eigendecompositions: int = 0
    weights: Float[Tensor, " weighted"] = field(default_factory=lambda: torch.empty(0, dtype=torch.float64))


def attained(
    kernel: Kernel, labelled: Rows, chosen: Rows, *, score: str = "smallest", rtol: float | None = None
) -> Float[Tensor, ""]:
    r"""The score of the labelled set together with the chosen points: what a query reaches, eq. (9) of CRC for "smallest".

    Args:
        kernel: (N, N) kernel of all points, or a function of two int64 row-number tensors that returns the block.
        labelled: Row numbers of the labelled set, possibly none.
        chosen: Row numbers of the points to add, at least one in both together.
        score: "smallest" for $\lambda_{\min}$, "positive" for $\lambda_{\min}^+$.
        rtol: The rank rule of `altheory.conditioning.smallest_positive_eigenvalue`.

    Returns:
        A scalar.

    Raises:
        InputError: A row number that does not exist; no point at all; an unknown score.
    """
    reader = BlockReader(kernel)
    rows = torch.cat([reader.rows("labelled", labelled), reader.rows("chosen", chosen)])
    if not len(rows):
        raise InputError("`labelled` and `chosen` are both empty; give at least one point.")
    return scored(reader.block(rows, rows), check_score(score), rtol)


def scored(kernels: Float[Tensor, "*batch n n"], score: str, rtol: float | None) -> Float[Tensor, "*batch"]:
    r"""$\lambda_{\min}$ or $\lambda_{\min}^+$ of each matrix."""
    return smallest_eigenvalue(kernels) if score == "smallest" else smallest_positive_eigenvalue(kernels, rtol=rtol)


def check_score(score: str) -> str:
    """One of `SCORES`.

    Raises:
        InputError: Anything else.
    """
    if score not in SCORES:
        raise InputError(f"`score` is {score!r} but one of {', '.join(map(repr, SCORES))} is wanted; pass one of these.")
    return score


def check_count(count: int, rows: Int[Tensor, " U"]) -> int:
    """A number of points that the pool has.

    Raises:
        InputError: Another one.
    """
    wanted = check_integer("count", count)
    if wanted > len(rows):
        raise InputError(f"`count` is {wanted} but the pool has {len(rows)} points; ask for at most that many.")
    return wanted


def generator_of(seed: int | torch.Generator) -> torch.Generator:
    """The generator itself, or a new CPU one with this seed.

    Raises:
        InputError: Neither.
    """
    if isinstance(seed, torch.Generator):
        return seed
    return torch.Generator().manual_seed(check_integer("seed", seed, least=0))


class RowReader:
    """Row numbers of points of which there are `size`; `name` is what the caller calls the array that has the rows."""

    def __init__(self, size: int | None, name: str) -> None:
        self._size, self.name = size, name

    @property
    def size(self) -> int | None:
        """How many rows there are, None if unknown."""
        return self._size

    def rows(self, name: str, rows: Rows) -> Int[Tensor, " rows"]:
        """Row numbers as int64.

        Raises:
            InputError: Not integers, or a row that does not exist.
        """
        given = rows if isinstance(rows, (torch.Tensor, np.ndarray)) else np.asarray(rows)
        found = torch.as_tensor(given).reshape(-1)
        if found.numel() and (found.is_floating_point() or found.is_complex() or found.dtype == torch.bool):
            raise InputError(f"`{name}` has dtype {found.dtype} but row numbers are wanted; pass integers.")
        found = found.to("cpu", torch.int64)
        low, high = (int(found.min()), int(found.max())) if len(found) else (0, -1)
        if low < 0 or (self.size is not None and high >= self.size):
            bound = "" if self.size is None else f" to {self.size - 1}"
            raise InputError(f"`{name}` has a row number {low if low < 0 else high}; `{self.name}` has rows 0{bound}.")
        return found

    def pool(self, labelled: Int[Tensor, " n"], pool: Rows | None) -> Int[Tensor, " U"]:
        """The pool: the given rows, or all that are not labelled.

        Raises:
            InputError: A row twice in the pool, or none given beside a function.
        """
        if pool is None:
            if self.size is None:
                raise InputError(f"`pool` is None but `{self.name}` is a function; name the pool's rows.")
            free = torch.ones(self.size, dtype=torch.bool)
            free[labelled] = False
            return free.nonzero()[:, 0]
        rows = self.rows("pool", pool)
        if len(torch.unique(rows)) < len(rows):
            raise InputError("`pool` names a row twice; name each point once (two equal points have two rows).")
        return rows


class BlockReader(RowReader):
    """Blocks of a kernel that is given whole or as a function; `name` is what the caller calls it."""

    def __init__(self, kernel: Kernel, name: str = "kernel") -> None:
        self._function: Callable[[Tensor, Tensor], Tensor] | None = kernel if callable(kernel) else None
        self._matrix: Tensor | None = None
        if self._function is None:
            self._matrix = as_tensor(name, kernel, ndim=2, layout="(N, N)")
            if self._matrix.shape[0] != self._matrix.shape[1]:
                raise InputError(
                    f"`{name}` has shape {tuple(self._matrix.shape)} but (N, N) is wanted; pass the matrix of all points."
                )
        super().__init__(None if self._matrix is None else len(self._matrix), name)

    def block(self, rows: Int[Tensor, "*batch n"], columns: Int[Tensor, "*batch m"]) -> Float[Tensor, "*batch n m"]:
        """The kernel of these rows with these columns; whole matrices take a batch of row lists."""
        if self._matrix is not None:
            on = self._matrix.device
            return self._matrix[rows.to(on)[..., :, None], columns.to(on)[..., None, :]]
        assert self._function is not None
        if rows.ndim > 1:
            return torch.stack([self.block(r, c) for r, c in zip(rows, columns, strict=True)])
        return as_tensor(self.name, self._function(rows, columns), ndim=2, layout="(rows, columns)")
