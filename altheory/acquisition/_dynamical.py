r"""dynamicAL: the points that would speed up training most.

Source: "Deep Active Learning by Leveraging Training Dynamics" (dynamicAL, 2022), eq. (12), (15) and Algorithm 1; see
`altheory.dynamics`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from altheory._inputs import InputError
from altheory.acquisition._query import BlockReader, Query, check_count

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory.acquisition._query import Kernel, Rows

_CHUNK = 256


@dataclass(frozen=True)
class DynamicAL:
    r"""The points whose pseudo-labelled gradient changes the training dynamics most, $|g_u|^2+\gamma\langle g_u,g_S\rangle$
    with $g_S = \sum_{s\in S}g_s$ (eq. 15 for gamma = 2); of tied scores the first.

    All points come from one scoring, as in the paper: near-duplicates are taken together.

    Attributes:
        gamma: 2 is the change of the dynamics; 0 the squared gradient norm, to which the rest shrinks at convergence; inf the
            inner product alone.
    """

    gamma: float = 2.0

    def query(self, gram: Kernel, labelled: Rows, count: int, *, pool: Rows | None = None) -> Query:
        """The points to label.

        Args:
            gram: (N, N) inner products of the examples' loss gradients, with true labels on the labelled set and pseudo labels
                on the pool (`altheory.dynamics.gradient_gram`); or a function of two int64 row-number tensors that returns
                the block.
            labelled: Row numbers of the labelled set, possibly none.
            count: How many.
            pool: Row numbers of the pool; all that are not labelled when None.

        Returns:
            The points, best first, and the scores of the whole pool.

        Raises:
            InputError: Fewer than `count` points in the pool; row numbers or a matrix that do not fit; a gamma that is NaN or
                -inf.
        """
        if math.isnan(self.gamma) or self.gamma == -math.inf:
            raise InputError(
                f"`gamma` is {self.gamma!r} but a number, or inf, is wanted; pass 2 for the change of the dynamics."
            )
        reader = BlockReader(gram, "gram")
        have = reader.rows("labelled", labelled)
        rows = reader.pool(have, pool)
        wanted = check_count(count, rows)
        parts = [self._scores(reader, some, have) for some in rows.split(_CHUNK)]
        scores = torch.cat(parts)
        order = torch.argsort(scores, descending=True, stable=True)[:wanted]
        return Query(rows[order.cpu()], scores)

    def _scores(self, reader: BlockReader, rows: Int[Tensor, " U"], labelled: Int[Tensor, " n"]) -> Float[Tensor, " U"]:
        norms = reader.block(rows, rows).diagonal()
        inner = reader.block(rows, labelled).sum(-1) if len(labelled) else torch.zeros_like(norms)
        return inner if self.gamma == math.inf else norms + self.gamma * inner
