r"""Convergence rate control: the query that keeps the smallest eigenvalue of the labelled set's kernel large.

Source: Kong et al., "Relieving the Plateau: Active Semi-Supervised Learning for a Better Landscape", sections 3.1 and 3.2,
Algorithm 1, and the greedy alternative the paper dismisses for its cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from altheory._inputs import InputError, check_integer
from altheory.acquisition._query import BlockReader, Query, check_count, check_score, generator_of, scored
from altheory.conditioning import secular_smallest

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory.acquisition._query import Kernel, Rows

#: bytes of group kernels, and of candidates' columns, held at once
BYTES = 1 << 26
#: candidates whose secular equations are solved together, in the order of their bounds
TOGETHER = 128


@dataclass(frozen=True)
class CRC:
    r"""Algorithm 1 as printed.

    The pool is partitioned at random into groups of G ("randomly sampled without replacement"), each group is scored by
    $\lambda_{\min}^+$ of its kernel together with the labelled set, and the union of the Q/G best groups is returned. The union
    itself is never scored: two good groups may be copies of each other.

    Ties go to the group that was sampled first. When G does not divide the pool's size, the last group is smaller (the printed
    bound of the loop is the ceiling of U/G); if it is among the best, fewer than Q points are returned, and as a smaller set it
    has an advantage under $\lambda_{\min}$. Where float64 computes equal scores in different last digits, those decide.

    Attributes:
        group_size: G.
        score: "positive" for $\lambda_{\min}^+$ as printed in Algorithm 1, "smallest" for the $\lambda_{\min}$ of eq. (9).
        rtol: The rank rule of "positive", see `altheory.conditioning.smallest_positive_eigenvalue`; 0 is the literal "> 0",
            which in float64 counts rounding noise as positive.
    """

    group_size: int
    score: str = "positive"
    rtol: float | None = None

    def __post_init__(self) -> None:
        check_integer("group_size", self.group_size)
        check_score(self.score)

    def query(
        self, kernel: Kernel, labelled: Rows, count: int, *, pool: Rows | None = None, seed: int | torch.Generator
    ) -> Query:
        """The points to label.

        Args:
            kernel: (N, N) kernel of all points, or a function of two int64 row-number tensors that returns the block.
            labelled: Row numbers of the labelled set; may be empty.
            count: Q, a multiple of G.
            pool: Row numbers of the pool; all that are not labelled when None.
            seed: Of the partition, or a CPU generator.

        Returns:
            The union of the best groups, all groups in the order of sampling, their scores; ceil(U / G) eigendecompositions.

        Raises:
            InputError: G does not divide Q; fewer than Q/G groups in the pool; row numbers, a kernel or a seed that are none.
        """
        reader = BlockReader(kernel)
        have = reader.rows("labelled", labelled)
        rows = reader.pool(have, pool)
        wanted = check_integer("count", count)
        if wanted % self.group_size:
            raise InputError(
                f"`count` is {wanted} but groups have {self.group_size} points; ask for a multiple of the group size."
            )
        shuffled = rows[torch.randperm(len(rows), generator=generator_of(seed))]
        groups = torch.split(shuffled, self.group_size)
        best = wanted // self.group_size
        if best > len(groups) or not len(rows):
            raise InputError(f"`count` is {wanted} but the pool has {len(rows)} points; ask for at most that many.")
        scores = self._scores(reader, have, groups)
        order = torch.argsort(scores, descending=True, stable=True)[:best]
        chosen = torch.cat([groups[i] for i in order.tolist()])
        return Query(chosen, scores, groups, len(groups))

    def _scores(
        self, reader: BlockReader, have: Int[Tensor, " n"], groups: tuple[Int[Tensor, " G"], ...]
    ) -> Float[Tensor, " groups"]:
        """The score of every group; groups of one size are decomposed in batches."""
        found: list[Tensor] = []
        size = len(have) + self.group_size
        batch = max(1, BYTES // (8 * size * size))
        whole = [g for g in groups if len(g) == self.group_size]
        for start in range(0, len(whole), batch):
            some = torch.stack(whole[start : start + batch])
            both = torch.cat([have.expand(len(some), -1), some], -1)
            found.append(scored(reader.block(both, both), self.score, self.rtol))
        for rest in groups[len(whole) :]:
            both = torch.cat([have, rest])
            found.append(scored(reader.block(both, both), self.score, self.rtol)[None])
        return torch.cat(found)


@dataclass(frozen=True)
class GreedyCRC:
    r"""The greedy solution of eq. (9): add the point with the best score, Q times.

    With `secular`, each step decomposes the present kernel once and reads the $\lambda_{\min}$ of a candidate off the secular
    equation (`altheory.conditioning.secular_smallest`), $O(n^2)$ a candidate: Q eigendecompositions for the query. A
    candidate's value only falls as points are added, so its last known value is a bound, and candidates whose bound is below
    the best value of this step are not looked at. Without, every candidate is decomposed, $\sum_{q<Q}(U-q)$ times, the "O(UQ)"
    of the paper; the choices are the same.

    Ties go to the candidate that comes first in the pool; so does everything once $\lambda_{\min}$ has reached 0.

    Attributes:
        score: "smallest"; "positive" only without `secular`.
        secular: Whether to use the secular equation.
        rtol: As in `CRC`.
    """

    score: str = "smallest"
    secular: bool = True
    rtol: float | None = None

    def __post_init__(self) -> None:
        if check_score(self.score) == "positive" and self.secular:
            raise InputError(
                "the secular equation gives the smallest eigenvalue, not the smallest positive one; pass secular=False."
            )

    def query(self, kernel: Kernel, labelled: Rows, count: int, *, pool: Rows | None = None) -> Query:
        """The points to label, in the order of their addition; arguments as in `CRC.query`, without a seed.

        Returns:
            The points, the score reached after each, and how many matrices were decomposed.

        Raises:
            InputError: Fewer than Q points in the pool; row numbers or a kernel that are none.
        """
        reader = BlockReader(kernel)
        have = reader.rows("labelled", labelled)
        free = reader.pool(have, pool)
        wanted = check_count(count, free)
        own = reader.block(free[:, None], free[:, None])[:, 0, 0]
        bounds = own  # a set's score is at most that of each of its points alone
        chosen: list[Tensor] = []
        reached: list[Tensor] = []
        decompositions = 0
        for _ in range(wanted):
            if self.secular:
                scores, spent = self._by_secular(reader, have, free, own, bounds)
                bounds = torch.minimum(bounds, scores.nan_to_num(torch.inf))
            else:
                scores, spent = self._by_decomposition(reader, have, free)
            best = int(torch.argmax(scores.nan_to_num(-torch.inf)))  # the first of equals
            chosen.append(free[best])
            reached.append(scores[best])
            decompositions += spent
            have = torch.cat([have, free[best : best + 1]])
            free, own, bounds = (torch.cat([x[:best], x[best + 1 :]]) for x in (free, own, bounds))
        return Query(torch.stack(chosen), torch.stack(reached), (), decompositions)

    def _by_secular(self, reader: BlockReader, have: Tensor, free: Tensor, own: Tensor, bounds: Tensor) -> tuple[Tensor, int]:
        """The smallest eigenvalue with each candidate, from one decomposition; NaN for those that cannot be the best."""
        if not len(have):
            return own, 0
        eigenvalues, vectors = torch.linalg.eigh(reader.block(have, have))
        scores = torch.full_like(own, torch.nan)
        rounding = 1e3 * torch.finfo(own.dtype).eps * torch.maximum(eigenvalues.abs().amax(), own.abs().amax())
        best = torch.full_like(rounding, -torch.inf)
        together = max(1, min(TOGETHER, BYTES // (8 * len(have))))
        for some in torch.split(torch.argsort(bounds, descending=True, stable=True), together):
            if bounds[some[0]] < best - rounding:
                break
            scores[some] = secular_smallest(eigenvalues, vectors.mT @ reader.block(have, free[some.cpu()]), own[some])
            best = torch.maximum(best, scores[some].amax())
        return scores, 1

    def _by_decomposition(self, reader: BlockReader, have: Tensor, free: Tensor) -> tuple[Tensor, int]:
        """The score with each candidate, every one decomposed."""
        n = len(have) + 1
        found = []
        for some in torch.split(free, max(1, BYTES // (8 * n * n))):
            both = torch.cat([have.expand(len(some), -1), some[:, None]], -1)
            found.append(scored(reader.block(both, both), self.score, self.rtol))
        return torch.cat(found), len(free)
