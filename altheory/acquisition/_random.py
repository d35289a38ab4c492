"""The baseline of every comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from altheory.acquisition._query import BlockReader, Query, check_count, generator_of

if TYPE_CHECKING:
    from altheory.acquisition._query import Kernel, Rows


@dataclass(frozen=True)
class Random:
    """Uniform sampling from the pool without replacement."""

    def query(
        self, kernel: Kernel, labelled: Rows, count: int, *, pool: Rows | None = None, seed: int | torch.Generator
    ) -> Query:
        """The points to label; arguments as in `CRC.query`, of which the kernel is only asked for its size.

        Raises:
            InputError: Fewer than `count` points in the pool; row numbers or a seed that are none.
        """
        reader = BlockReader(kernel)
        rows = reader.pool(reader.rows("labelled", labelled), pool)
        wanted = check_count(count, rows)
        return Query(rows[torch.randperm(len(rows), generator=generator_of(seed))[:wanted]])
