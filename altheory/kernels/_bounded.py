"""A kernel together with a bound on its rounding errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Bounded(NamedTuple):
    """What was computed and how far every entry can be from the exact real number.

    Attributes:
        value: The kernel.
        error: Of the same shape: |value - exact| <= error, entry by entry.
    """

    value: Float[Tensor, "*shape"]
    error: Float[Tensor, "*shape"]
