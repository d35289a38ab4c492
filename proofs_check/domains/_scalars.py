"""Scalars: intervals and integers, with their ends and round numbers first."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from proofs_check.domains._base import Chart, Draw, Leaf, checked_number
from proofs_check.errors import BadInput


@dataclass(frozen=True, repr=False, eq=False)
class Interval(Leaf):
    """Real numbers in [lo, hi]."""

    lo: float
    hi: float
    dims = ()

    def describe(self) -> str:
        return f"a real number in [{self.lo:g}, {self.hi:g}]"

    def degenerate(self, draw: Draw) -> list[Tensor]:
        lo, hi = self.lo, self.hi
        wanted = [lo, hi, (lo + hi) / 2, lo + (hi - lo) / 4, lo + 3 * (hi - lo) / 4]
        wanted += [x for x in (0.0, 0.5, 1.0, 2.0, -1.0) if lo <= x <= hi]
        return [draw.tensor(x) for x in dict.fromkeys(wanted)]

    def sample(self, batch: int, draw: Draw) -> Tensor:
        lo, hi = self.lo, self.hi
        x = lo + (hi - lo) * draw.uniform(batch)
        if hi > lo:  # half the batch log-uniform in the distance to an end: steps of 1e-6 matter as much as steps of 1/2
            near = draw.log_uniform(1e-8, 1.0, batch) * (hi - lo)
            x = torch.where(draw.chance(0.35, batch), lo + near, x)
            x = torch.where(draw.chance(0.15, batch), hi - near, x)
        if lo > 0 and hi / lo > 10:
            x = torch.where(draw.chance(0.5, batch), draw.log_uniform(lo, hi, batch), x)
        return x.clamp(lo, hi)

    def chart(self, draw: Draw) -> Chart:
        return Chart.box(1, self.lo, self.hi, lambda c: c[..., 0], lambda x: x[..., None])

    def contains(self, x: Tensor, draw: Draw) -> Tensor:
        return (x >= self.lo) & (x <= self.hi)


#: a range this wide holds seeds: its draws are uniform, so that trials are independent; of others half are near the low end
MANY = 10**6


@dataclass(frozen=True, repr=False, eq=False)
class Integer(Leaf):
    """Integers lo, ..., hi, as int64."""

    lo: int
    hi: int
    dims = ()

    def describe(self) -> str:
        return f"an integer in {self.lo}..{self.hi}"

    def degenerate(self, draw: Draw) -> list[Tensor]:
        lo, hi = self.lo, self.hi
        few = range(lo, hi + 1) if hi - lo < 6 else (lo, lo + 1, lo + 2, lo + 3, (lo + hi) // 2, hi)
        return [torch.tensor(i, dtype=torch.int64, device=draw.device) for i in few]

    def sample(self, batch: int, draw: Draw) -> Tensor:
        wide = draw.integers(self.lo, self.hi, batch)
        if self.hi - self.lo >= MANY:
            return wide
        small = draw.integers(self.lo, min(self.hi, self.lo + 4), batch)
        return torch.where(draw.chance(0.5, batch), small, wide)

    def chart(self, draw: Draw) -> None:
        return None

    def contains(self, x: Tensor, draw: Draw) -> Tensor:
        return (x >= self.lo) & (x <= self.hi)


def interval(lo: float, hi: float) -> Interval:
    """Real numbers in the closed interval [lo, hi]; arrives with shape (batch,).

    Raises:
        BadInput: an end is not a finite number, or lo > hi.
    """
    lo, hi = checked_number("interval", "lo", lo), checked_number("interval", "hi", hi)
    if lo > hi:
        raise BadInput(f"D.interval got lo={lo:g} above hi={hi:g}; give lo <= hi.")
    return Interval(float(lo), float(hi))


def integer(lo: int, hi: int) -> Integer:
    """Integers from lo to hi, both included; arrives as int64 of shape (batch,).

    Raises:
        BadInput: an end is not an integer, or lo > hi.
    """
    for name, value in (("lo", lo), ("hi", hi)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadInput(f"D.integer got {name}={value!r}; give an integer (D.interval is for real numbers).")
    if lo > hi:
        raise BadInput(f"D.integer got lo={lo} above hi={hi}; give lo <= hi.")
    return Integer(lo, hi)


def seed() -> Integer:
    """A seed for the random numbers of one trial: uniform among 2^31 integers, as int64 of shape (batch,)."""
    return Integer(0, 2**31 - 1)
