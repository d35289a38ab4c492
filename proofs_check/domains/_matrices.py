"""Symmetric positive semidefinite matrices and spectra: eigenvalues over many decades, ties, rank loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from proofs_check.domains._base import Chart, Draw, Leaf, Size, checked_number, checked_size
from proofs_check.errors import BadInput

#: how far random spectra reach when the claim sets no limit
DECADES = 12.0


@dataclass(frozen=True, repr=False, eq=False)
class Spectrum(Leaf):
    """Vectors of eigenvalues in [lo, hi], in no particular order."""

    dims: tuple[Size, ...]
    lo: float
    hi: float

    def describe(self) -> str:
        return f"{self.dims[0]} eigenvalues in [{self.lo:g}, {self.hi:g}], in any order"

    def degenerate(self, draw: Draw) -> list[Tensor]:
        n = draw.of(self.dims[0])
        lo, hi, middle = self.lo, self.hi, (self.lo + self.hi) / 2
        grid = torch.linspace(0, 1, n, device=draw.device, dtype=draw.dtype) if n > 1 else draw.tensor([0.5])
        index = torch.arange(n, device=draw.device)

        def two(first: float, rest: float) -> Tensor:
            return torch.where(index == 0, draw.tensor(first), draw.tensor(rest))

        found = [two(hi, hi), two(lo, lo), two(middle, middle), two(lo, hi), two(hi, lo), lo + (hi - lo) * grid]
        if n > 2:  # both ends and a middle, in both proportions
            found += [torch.where(index == n - 1, draw.tensor(middle), f) for f in (two(lo, hi), two(hi, lo))]
            found += [torch.where(index % 2 == 0, draw.tensor(lo), draw.tensor(hi))]
        if lo > 0:
            found += [lo * (hi / lo) ** grid]
        return found

    def sample(self, batch: int, draw: Draw) -> Tensor:
        n = draw.of(self.dims[0])
        floor = max(self.lo, self.hi * 10.0**-DECADES)
        # every member spans its own number of decades, so that mild and wild condition numbers are equally common
        bottom = self.hi * (floor / self.hi) ** draw.uniform(batch, 1)
        x = torch.exp(torch.log(bottom) * (1 - (u := draw.uniform(batch, n))) + torch.log(draw.tensor(self.hi)) * u)
        linear = bottom + (self.hi - bottom) * draw.uniform(batch, n)
        x = torch.where(draw.chance(0.4, batch, 1), linear, x)
        tied = draw.chance(0.2, batch, 1) & draw.chance(0.5, batch, n)
        x = torch.where(tied, x[:, :1], x)
        ends = draw.chance(0.2, batch, 1) & draw.chance(0.5, batch, n)
        x = torch.where(ends, torch.where(draw.chance(0.5, batch, n), draw.tensor(self.lo), draw.tensor(self.hi)), x)
        return x.clamp(self.lo, self.hi)

    def chart(self, draw: Draw) -> Chart:
        n = draw.of(self.dims[0])
        return Chart.box(n, self.lo, self.hi, lambda c: c, lambda x: x, logarithmic=True)

    def contains(self, x: Tensor, draw: Draw) -> Tensor:
        return ((x >= self.lo) & (x <= self.hi)).all(-1)


@dataclass(frozen=True, repr=False, eq=False)
class Psd(Leaf):
    """Symmetric positive semidefinite matrices; with `cond`, positive definite with condition number at most cond."""

    dims: tuple[Size, ...]
    cond: float | None

    def describe(self) -> str:
        n = self.dims[0]
        if self.cond is None:
            return f"symmetric positive semidefinite, {n} x {n}, singular members included"
        return f"symmetric positive definite, {n} x {n}, condition number at most {self.cond:g}"

    def degenerate(self, draw: Draw) -> list[Tensor]:
        n = draw.of(self.dims[0])
        low = 0.0 if self.cond is None else 1 / self.cond
        mild = max(low, 1 / 4)
        eye = torch.eye(n, device=draw.device, dtype=draw.dtype)
        ones = torch.ones_like(eye)
        index = torch.arange(n, device=draw.device)
        same_block = (index[:, None] * 2 // n == index[None, :] * 2 // n).to(draw.dtype)
        found = [eye, 2 * eye]
        for floor in (mild, low):
            found += [torch.diag(s) for s in Spectrum(self.dims, floor, 1.0).degenerate(draw)[3:]]
            # rank one, equicorrelated and block matrices, lifted off singularity by the least the condition allows
            if floor < 1:
                lift = floor * n / (1 - floor)
                found += [ones + lift * eye, same_block + lift * eye]
        return found

    def sample(self, batch: int, draw: Draw) -> Tensor:
        n = draw.of(self.dims[0])
        low = 0.0 if self.cond is None else 1 / self.cond
        spectrum = Spectrum((n,), low, 1.0).sample(batch, draw)
        q, _ = torch.linalg.qr(draw.normal(batch, n, n))
        q = torch.where(draw.chance(0.15, batch, 1, 1), torch.eye(n, device=draw.device, dtype=draw.dtype), q)
        x = (q * spectrum[:, None, :]) @ q.mT
        return (x + x.mT) / 2 * draw.log_uniform(1e-3, 1e3, batch, 1, 1)

    def chart(self, draw: Draw) -> Chart:
        """A scale, n eigenvalues relative to it, n(n-1)/2 entries of a skew matrix whose Cayley transform is the eigenbasis.

        With `cond` the relative eigenvalues lie in [1, cond]; without it the scale is 1 and they start at 0.
        """
        n = draw.of(self.dims[0])
        skew = n * (n - 1) // 2
        scale, values = ((2.0**-20, math.inf), (1.0, self.cond)) if self.cond else ((1.0, 1.0), (0.0, math.inf))
        lower = torch.tensor([scale[0]] + [values[0]] * n + [-math.inf] * skew, dtype=torch.float64)
        upper = torch.tensor([scale[1]] + [values[1]] * n + [math.inf] * skew, dtype=torch.float64)
        bounded = self.cond is not None
        return Chart(lower, upper, lambda c: _from_cayley(c, n), lambda x: _to_cayley(x, bounded), logarithmic=True)

    def contains(self, x: Tensor, draw: Draw) -> Tensor:
        values = torch.linalg.eigvalsh(x)
        slack = 1e-12 * x.shape[-1] * values[..., -1].abs()
        floor = 0.0 if self.cond is None else values[..., -1] / self.cond
        return (values[..., 0] >= floor - slack) & (x == x.mT).flatten(1).all(1)


def _skew(entries: Tensor, n: int) -> Tensor:
    """The skew matrix with these entries above the diagonal, built by a constant matrix so that any arithmetic can run it."""
    place = torch.zeros(n * (n - 1) // 2, n, n, dtype=torch.float64)
    rows, columns = torch.triu_indices(n, n, 1)
    index = torch.arange(len(rows))
    place[index, rows, columns], place[index, columns, rows] = 1.0, -1.0
    flat = place.reshape(len(rows), n * n).to(entries.device)
    return (entries @ flat).reshape(entries.shape[0], n, n)


def _from_cayley(c: Tensor, n: int) -> Tensor:
    """Q diag(l) Q' with Q = (I - S)(I + S)^-1, a rational function of the eigenvalues l and the skew matrix S."""
    values = c[..., :1] * c[..., 1 : n + 1]
    if n == 1:
        return values[..., None]
    eye = torch.eye(n, dtype=torch.float64, device=c.device)
    s = _skew(c[..., n + 1 :], n)
    q = (eye - s) @ torch.linalg.inv(eye + s)
    x = (q * values[..., None, :]) @ q.mT
    return (x + x.mT) / 2  # symmetric in float64 too; in exact arithmetic it is so already


def _to_cayley(x: Tensor, bounded: bool) -> Tensor:
    """The coordinates of positive semidefinite matrices; NaN where the Cayley transform does not reach."""
    n = x.shape[-1]
    values, q = torch.linalg.eigh(x)
    values = values.clamp(min=0)
    scale = values[..., :1] if bounded else torch.ones_like(values[..., :1])
    values = values / torch.where(scale > 0, scale, 1.0)
    # order the eigenvectors and choose their signs so that Q is as near to the identity as a greedy choice brings it
    order = torch.stack([_greedy_assignment(basis) for basis in q]).to(x.device)
    values, q = values.gather(-1, order), q.gather(-1, order[:, None, :].expand_as(q))
    q = q * torch.where(q.diagonal(dim1=-2, dim2=-1) < 0, -1.0, 1.0)[:, None, :]
    eye = torch.eye(n, dtype=x.dtype, device=x.device)
    reachable = torch.linalg.svdvals(eye + q)[..., -1:] > 1e-3
    s = torch.linalg.solve(torch.where(reachable[..., None], eye + q, eye), eye - q)
    rows, columns = torch.triu_indices(n, n, 1)
    return torch.where(reachable, torch.cat([scale, values, s[:, rows, columns]], -1), torch.nan)


def _greedy_assignment(basis: Tensor) -> Tensor:
    """For each coordinate axis the eigenvector nearest to it among those not yet taken."""
    left = basis.abs().clone()
    order = torch.zeros(len(basis), dtype=torch.int64)
    for _ in range(len(basis)):
        row, column = divmod(int(left.argmax()), len(basis))
        order[row] = column
        left[row, :], left[:, column] = -1.0, -1.0
    return order


def psd(dim: Size, *, cond: float | None = None) -> Psd:
    """Symmetric matrices without negative eigenvalues, shape (batch, dim, dim).

    Args:
        dim: a named or fixed size.
        cond: None includes singular matrices; a number bounds the condition number (and excludes them).

    Raises:
        BadInput: `cond` is below 1.
    """
    size = checked_size("psd", dim)
    if cond is not None:
        checked_number("psd", "cond", cond, low=1.0)
    return Psd((size, size), cond)


def spectrum(dim: Size, *, lo: float, hi: float) -> Spectrum:
    """Eigenvalues of a positive semidefinite matrix, shape (batch, dim), unsorted, each in [lo, hi].

    Raises:
        BadInput: not 0 <= lo <= hi, or hi = 0.
    """
    low, high = checked_number("spectrum", "lo", lo, low=0.0), checked_number("spectrum", "hi", hi)
    if not 0 <= low <= high or high == 0:
        raise BadInput(f"D.spectrum got lo={lo:g}, hi={hi:g}; give 0 <= lo <= hi with hi > 0.")
    return Spectrum((checked_size("spectrum", dim),), float(low), float(high))
