"""Which rationals a reader finds simple, and how simple."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

#: numerators and denominators of the small fractions
LARGEST = 20


def cost(x: Fraction) -> int:
    """How much a reader has to take in: the binary digits of numerator and denominator, and a sign."""
    return abs(x.numerator).bit_length() + x.denominator.bit_length() + (x < 0)


@cache
def simple_rationals() -> tuple[Fraction, ...]:
    """Simple rationals, the simplest first: 0, 1, -1, 2, 1/2, ..., three-digit integers, hundredths, a few decades."""
    found = {Fraction(p, q) for p in range(-LARGEST, LARGEST + 1) for q in range(1, LARGEST + 1)}
    found |= {Fraction(s * p) for p in (25, 30, 40, 50, 60, 75, 80, 90, 99, 100, 200, 500, 999) for s in (1, -1)}
    found |= {Fraction(s, q) for q in (25, 32, 50, 64, 100, 128, 200, 256, 500, 1000, 10**4, 10**6) for s in (1, -1)}
    found |= {Fraction(p, 100) for p in range(-99, 100)}
    return tuple(sorted(found, key=lambda x: (cost(x), x < 0, abs(x))))


@cache
def _as_set() -> frozenset[Fraction]:
    return frozenset(simple_rationals())


def is_simple(x: Fraction) -> bool:
    """Whether x is one of the simple rationals."""
    return x in _as_set()
