r"""Randomized BSS as a query: weighted points on which a regression is as good as on the whole pool.

Source: "Sample Complexity of Deep Active Learning", Algorithm 1 and lemma 5.8; see `altheory.sparsifier`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from altheory import orthonormal_basis, sparsifier
from altheory._inputs import InputError, as_tensor, check_integer
from altheory.acquisition._query import Query, RowReader, check_count, generator_of

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike
    from altheory.acquisition._query import Rows

#: whole samples drawn for one query of fixed size before it is refused
_SAMPLES = 50


@dataclass(frozen=True)
class RandomizedBSS:
    """Points drawn by randomized BSS in the space that the features span on the pool, with their weights.

    A whole sample has a certificate, and its size is what the accuracy asks for (`count=None`). A query of fixed size is the
    beginning of one: the first points drawn, without a certificate.

    Attributes:
        eps: Accuracy, in (0, 1].
        dimension: How many principal directions of the features to keep, D; all that are independent on the pool when None.
            A sample takes about 130 D draws, or 3 D/eps to 4 D/eps where that is more.
    """

    eps: float = 0.5
    dimension: int | None = None

    def query(
        self,
        features: Float[ArrayLike, "N D"],
        labelled: Rows,
        count: int | None = None,
        *,
        pool: Rows | None = None,
        seed: int | torch.Generator,
    ) -> Query:
        """The points to label, in the order in which they were first drawn.

        Args:
            features: (N, D) values of the functions at all points, one a column.
            labelled: Row numbers of the labelled set, possibly none, which is only kept out of the pool.
            count: How many different points; None for those of one whole sample.
            pool: Row numbers of the pool; all that are not labelled when None.
            seed: Integer or CPU generator.

        Returns:
            The points and their weights, each the sum over the draws of that point.

        Raises:
            InputError: Fewer than `count` points in the pool, or none but points that are hardly ever drawn; features that all
                vanish on the pool, are not finite or do not fit; an accuracy outside (0, 1]; row numbers that are none.
        """
        values = as_tensor("features", features, ndim=2, layout="(N, D)")
        reader = RowReader(len(values), "features")
        have = reader.rows("labelled", labelled)
        rows = reader.pool(have, pool)
        wanted = None if count is None else check_count(count, rows)
        V = self._basis(values[rows.to(values.device)])
        generator = generator_of(seed)
        drawn, weights = self._sample(V, generator)
        for _ in range(_SAMPLES):
            if wanted is None or len(torch.unique(drawn)) >= wanted:
                break
            more, others = self._sample(V, generator)
            drawn, weights = torch.cat([drawn, more]), torch.cat([weights, others])
        else:
            raise InputError(
                f"`count` is {wanted} but {_SAMPLES} whole samples drew {len(torch.unique(drawn))} different points, the "
                "features being nearly 0 at the others; ask for fewer."
            )
        distinct, index = torch.unique(drawn, return_inverse=True)
        first = torch.full((len(distinct),), len(drawn)).scatter_reduce(0, index, torch.arange(len(drawn)), "amin")
        order = torch.argsort(first)[: len(distinct) if wanted is None else wanted]
        if wanted is not None:  # draws after the last point came in do not count
            weights = torch.where(torch.arange(len(drawn)) <= first[order[-1]], weights, 0)
        total = torch.zeros(len(distinct), dtype=weights.dtype).index_add(0, index, weights)
        return Query(rows[distinct[order]], weights=total[order])

    def _basis(self, features: Float[Tensor, "U D"]) -> Float[Tensor, "U r"]:
        masses = torch.full((len(features),), 1 / len(features), dtype=features.dtype, device=features.device)
        basis = orthonormal_basis.spanning_basis(features, masses)
        return basis if self.dimension is None else basis[:, : check_integer("dimension", self.dimension)]

    def _sample(self, V: Float[Tensor, "U r"], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        found = sparsifier.randomized_bss(V, self.eps, seed=generator, batch=4 * V.shape[1])
        return found.indices.cpu(), found.weights.cpu()
