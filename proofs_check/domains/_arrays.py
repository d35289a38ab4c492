"""Arrays of reals: free, nonnegative, positive, on the simplex, one-hot."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from proofs_check.domains._base import Chart, Draw, Leaf, Size, checked_size
from proofs_check.errors import BadInput


def _shape(leaf: Leaf, draw: Draw) -> tuple[int, ...]:
    return tuple(draw.of(size) for size in leaf.dims)


def _entries(leaf: Leaf, draw: Draw, lower: float) -> Chart:
    """The chart whose coordinates are the entries."""
    shape = _shape(leaf, draw)
    return Chart.box(
        math.prod(shape), lower, math.inf, lambda c: c.reshape(c.shape[0], *shape), lambda x: x.reshape(x.shape[0], -1)
    )


def _spread(draw: Draw, batch: int, rank: int, decades: float) -> Tensor:
    """One overall factor a member, log-uniform over 2 * decades, broadcastable over `rank` further dimensions."""
    return draw.log_uniform(10.0**-decades, 10.0**decades, batch).reshape(batch, *[1] * rank)


def _patterns(shape: tuple[int, ...], draw: Draw) -> list[Tensor]:
    """Nonnegative patterns of any shape: constant, one-hot, two ends, an arithmetic progression."""
    count = math.prod(shape)
    index = torch.arange(count, device=draw.device, dtype=draw.dtype)
    flat = [torch.ones_like(index), (index == 0).to(draw.dtype), (index == count - 1).to(draw.dtype), index + 1]
    if count > 2:
        flat += [
            ((index == 0) | (index == count - 1)).to(draw.dtype),
            (index % 2).to(draw.dtype),
            (index == count // 2) * 1.0,
        ]
    return [f.reshape(shape) for f in flat]


@dataclass(frozen=True, repr=False, eq=False)
class Real(Leaf):
    """All real arrays of the given dimensions."""

    dims: tuple[Size, ...]

    def describe(self) -> str:
        return f"real, shape ({', '.join(map(str, self.dims))})"

    def degenerate(self, draw: Draw) -> list[Tensor]:
        shape = _shape(self, draw)
        patterns = _patterns(shape, draw)
        count = math.prod(shape)
        sign = 1 - 2 * (torch.arange(count, device=draw.device, dtype=draw.dtype) % 2).reshape(shape)
        return [*patterns, sign, -patterns[1], patterns[3] * sign, torch.zeros_like(sign)]

    def sample(self, batch: int, draw: Draw) -> Tensor:
        shape = _shape(self, draw)
        x = draw.normal(batch, *shape)
        rank = len(shape)
        flags = (batch, *[1] * rank)
        x = torch.where(draw.chance(0.2, *flags), torch.sign(x), x)
        heavy = x * draw.log_uniform(1e-3, 1e3, batch, *shape)
        x = torch.where(draw.chance(0.2, *flags), heavy, x)
        x = torch.where(draw.chance(0.2, *flags) & draw.chance(0.5, batch, *shape), torch.zeros_like(x), x)
        return x * _spread(draw, batch, rank, 2)

    def chart(self, draw: Draw) -> Chart:
        return _entries(self, draw, -math.inf)

    def contains(self, x: Tensor, draw: Draw) -> Tensor:
        return x.isfinite().reshape(len(x), -1).all(1)


@dataclass(frozen=True, repr=False, eq=False)
class Nonneg(Leaf):
    """Arrays with nonnegative (or, with `strict`, positive) entries."""

    dims: tuple[Size, ...]
    strict: bool = False

    def describe(self) -> str:
        return f"{'positive' if self.strict else 'nonnegative'}, shape ({', '.join(map(str, self.dims))})"

    def degenerate(self, draw: Draw) -> list[Tensor]:
        shape = _shape(self, draw)
        patterns = _patterns(shape, draw)
        if self.strict:
            return [p + (p == 0) * 2.0**-10 for p in patterns] + [p + (p == 0) * 2.0**-2 for p in patterns[1:3]]
        return [*patterns, torch.zeros(shape, device=draw.device, dtype=draw.dtype)]

    def sample(self, batch: int, draw: Draw) -> Tensor:
        shape = _shape(self, draw)
        rank = len(shape)
        exponential = -torch.log1p(-draw.uniform(batch, *shape))
        power = draw.integers(0, 6, batch).reshape(batch, *[1] * rank)  # 0: constant; 6: one entry carries nearly all
        x = exponential**power
        if self.strict:
            return x.clamp(min=1e-9) * _spread(draw, batch, rank, 2)
        sparse = draw.chance(0.3, batch, *[1] * rank) & draw.chance(0.5, batch, *shape)
        return torch.where(sparse, torch.zeros_like(x), x) * _spread(draw, batch, rank, 2)

    def chart(self, draw: Draw) -> Chart:
        return _entries(self, draw, 2.0**-20 if self.strict else 0.0)

    def contains(self, x: Tensor, draw: Draw) -> Tensor:
        return ((x > 0) if self.strict else (x >= 0)).reshape(len(x), -1).all(1)


@dataclass(frozen=True, repr=False, eq=False)
class Simplex(Leaf):
    """Nonnegative vectors that sum to 1."""

    dims: tuple[Size, ...]

    def describe(self) -> str:
        return f"a probability vector of length {self.dims[0]}"

    def degenerate(self, draw: Draw) -> list[Tensor]:
        return [p / p.sum() for p in _patterns(_shape(self, draw), draw) if p.sum() > 0]

    def sample(self, batch: int, draw: Draw) -> Tensor:
        x = Nonneg(self.dims).sample(batch, draw)
        total = x.sum(-1, keepdim=True)
        return torch.where(total > 0, x / torch.where(total > 0, total, torch.ones_like(total)), 1.0 / x.shape[-1])

    def chart(self, draw: Draw) -> Chart:
        """The coordinates are weights, divided by their sum."""
        return Chart.box(draw.of(self.dims[0]), 0.0, math.inf, lambda c: c / c.sum(-1)[..., None], lambda x: x)

    def contains(self, x: Tensor, draw: Draw) -> Tensor:
        return (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-12)


@dataclass(frozen=True, repr=False, eq=False)
class Labels(Leaf):
    """One-hot label matrices: n examples, k classes."""

    dims: tuple[Size, ...]

    def describe(self) -> str:
        return f"one-hot labels, {self.dims[0]} examples in {self.dims[1]} classes"

    def _one_hot(self, classes: Tensor, draw: Draw) -> Tensor:
        return torch.nn.functional.one_hot(classes, draw.of(self.dims[1])).to(draw.dtype)

    def degenerate(self, draw: Draw) -> list[Tensor]:
        n, k = _shape(self, draw)
        index = torch.arange(n, device=draw.device)
        classes = [torch.zeros_like(index), index % k, (index == n - 1) * (k - 1), (index >= (n + 1) // 2) * (k - 1)]
        return [self._one_hot(c.to(torch.int64), draw) for c in classes]

    def sample(self, batch: int, draw: Draw) -> Tensor:
        n, k = _shape(self, draw)
        skew = draw.log_uniform(0.3, 3.0, batch, 1)
        return self._one_hot((k * draw.uniform(batch, n) ** skew).long().clamp(max=k - 1), draw)

    def chart(self, draw: Draw) -> None:
        return None

    def contains(self, x: Tensor, draw: Draw) -> Tensor:
        return (((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1)).all(-1)


def _dims(function: str, dims: tuple[Size, ...]) -> tuple[Size, ...]:
    return tuple(checked_size(function, size) for size in dims)


def real(*dims: Size) -> Real:
    """Real arrays of shape (batch, *dims); with no dimensions, real numbers."""
    return Real(_dims("real", dims))


def nonneg(*dims: Size) -> Nonneg:
    """Arrays of nonnegative numbers, zeros included."""
    return Nonneg(_dims("nonneg", dims))


def positive(*dims: Size) -> Nonneg:
    """Arrays of positive numbers."""
    return Nonneg(_dims("positive", dims), strict=True)


def simplex(dim: Size) -> Simplex:
    """Probability vectors, shape (batch, dim)."""
    return Simplex(_dims("simplex", (dim,)))


def labels(n: Size, k: Size) -> Labels:
    """One-hot rows, shape (batch, n, k), as float64.

    Raises:
        BadInput: n and k are the same named dimension.
    """
    if n == k and isinstance(n, str):
        raise BadInput(f"D.labels got {n!r} for both examples and classes; give two different dimension names.")
    return Labels(_dims("labels", (n, k)))
