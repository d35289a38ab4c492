r"""What the closed forms need to know of a pair of points: their inner product, norms and angle.

With $\theta$ the angle between x and z, every infinite-width kernel of a two-layer network is a function of
$\langle x,z\rangle$, $|x|$, $|z|$ and $\theta$. `Pairs` names these quantities; the two ways of computing them are
`altheory.kernels._chords.ChordPairs` (batched, differentiable) and `altheory.kernels._inner.TilePairs`
(one tile of a large matrix, each quantity correct to its last digits).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Pairs:
    r"""All pairs $(x_i, z_j)$ of two lists of points.

    Attributes:
        inner: (..., n, m) $\langle x_i,z_j\rangle$.
        rows: (..., n, 1) norms $|x_i|$.
        columns: (..., 1, m) norms $|z_j|$.
        same: Whether pair (i, i) is a point with itself.
        span: The row and column numbers in the whole matrix, where the pairs are a tile of it.
    """

    inner: Float[Tensor, "*batch n m"]
    rows: Float[Tensor, "*batch n 1"]
    columns: Float[Tensor, "*batch 1 m"]
    same: bool
    span: tuple[slice, slice] = (slice(None), slice(None))

    @cached_property
    def cosine(self) -> Float[Tensor, "*batch n m"]:
        r"""$\cos\theta$, 0 where a point is 0."""
        raise NotImplementedError

    @cached_property
    def sine(self) -> Float[Tensor, "*batch n m"]:
        r"""$\sin\theta$, relatively accurate near $\theta = 0$ and $\pi$."""
        raise NotImplementedError

    @cached_property
    def sine_squared(self) -> Float[Tensor, "*batch n m"]:
        r"""$\sin^2\theta$."""
        return self.sine * self.sine

    @cached_property
    def supplement(self) -> Float[Tensor, "*batch n m"]:
        r"""$\pi-\theta$, relatively accurate near $\theta = \pi$."""
        raise NotImplementedError

    @cached_property
    def gap(self) -> Float[Tensor, "*batch n m"]:
        r"""$1-|\cos\theta|$, relatively accurate near $\theta = 0$ and $\pi$."""
        raise NotImplementedError

    @cached_property
    def norms(self) -> Float[Tensor, "*batch n m"]:
        """$|x_i||z_j|$."""
        return self.rows * self.columns

    @cached_property
    def nearest(self) -> Float[Tensor, "*batch n m"]:
        r"""$\min(|x-z|^2,|x+z|^2) = (|x|-|z|)^2+2|x||z|(1-|\cos\theta|)$."""
        return (self.rows - self.columns) ** 2 + 2 * self.norms * self.gap

    @cached_property
    def sign(self) -> Float[Tensor, "*batch n m"]:
        r"""-1 where $\langle x,z\rangle < 0$, else 1."""
        return torch.where(self.inner < 0, -1.0, 1.0).to(self.inner.dtype)
