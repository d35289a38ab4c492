"""Closed intervals of real numbers with float64 ends, and the roundings outward that keep them true."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from altheory._inputs import InputError


@dataclass(frozen=True, repr=False)
class Interval:
    """The closed interval [lo, hi] that was proved to contain a real number.

    Attributes:
        lo: Lower end, possibly -inf.
        hi: Upper end, possibly inf.

    Raises:
        InputError: An end is NaN, or lo > hi.
    """

    lo: float
    hi: float

    def __post_init__(self) -> None:
        if not self.lo <= self.hi:
            raise InputError(f"`Interval({self.lo!r}, {self.hi!r})` is empty but lo <= hi is wanted; pass the ends in order.")

    @property
    def width(self) -> float:
        """An upper bound of hi - lo (0.0 for a single point)."""
        return 0.0 if self.lo == self.hi else up(self.hi - self.lo)

    @property
    def mid(self) -> float:
        """A float64 number near the middle, inside the interval."""
        return min(max(self.lo / 2 + self.hi / 2, self.lo), self.hi)

    @property
    def positive(self) -> bool | None:
        """True: certified positive. False: certified not positive (zero or negative). None: undecided."""
        return True if self.lo > 0 else False if self.hi <= 0 else None

    def contains(self, x: Any) -> bool:
        """Whether x lies in [lo, hi]; compared without rounding for floats, ints, `Fraction` and mpmath numbers."""
        return bool(self.lo <= x <= self.hi)

    def __contains__(self, x: Any) -> bool:
        return self.contains(x)

    def widened(self, radius: float) -> Interval:
        """[lo - radius, hi + radius], rounded outward; unchanged when the radius is 0."""
        return Interval(down(self.lo - radius), up(self.hi + radius)) if radius > 0 else self

    def __neg__(self) -> Interval:
        return Interval(0.0 - self.hi, 0.0 - self.lo)

    def __repr__(self) -> str:
        return f"Interval({self.lo!r}, {self.hi!r})"

    def __str__(self) -> str:
        return f"[{self.lo!r}, {self.hi!r}] (width {self.width:.2g})"


def up(x: float) -> float:
    """The next float64 above x: an upper bound of the real number whose rounding is x."""
    return math.nextafter(x, math.inf)


def down(x: float) -> float:
    """The next float64 below x."""
    return math.nextafter(x, -math.inf)


def times_power(interval: Interval, exponent: int) -> Interval:
    """[lo, hi] times 2**exponent, rounded outward where it leaves the range of float64."""
    return Interval(-scaled_up(-interval.lo, exponent), scaled_up(interval.hi, exponent))


def scaled_up(x: float, exponent: int) -> float:
    """The least float64 number not below x times 2**exponent."""
    if x == 0 or math.isinf(x):
        return x + 0.0
    try:
        y = math.ldexp(x, exponent)
    except OverflowError:
        return math.inf if x > 0 else -math.nextafter(math.inf, 0)
    # a normal result is exact; a subnormal one may have been rounded down, which the way back shows without rounding
    return y + 0.0 if abs(y) >= 2.0**-1022 or math.ldexp(y, -exponent) >= x else up(y)
