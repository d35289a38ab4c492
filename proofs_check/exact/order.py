"""Sorting real numbers of which some are only enclosed."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from . import scalars as s
from .errors import Undecided
from .scalars import Number


def permutation(group: Sequence[Number], descending: bool = False) -> list[int]:
    """A stable sorting permutation; `Undecided` when two entries overlap that are not known to be equal."""
    if all(s.is_rational(a) for a in group):
        return sorted(range(len(group)), key=lambda k: group[k], reverse=descending)
    middles = [s.fmpq_of(a) if isinstance(a, arb) else a for a in group]
    order = sorted(range(len(group)), key=lambda k: middles[k], reverse=descending)
    for a, b in zip(order, order[1:], strict=False):
        low, high = (group[b], group[a]) if descending else (group[a], group[b])
        same = low is high or (s.is_rational(low) and s.is_rational(high) and low == high)
        if not (same or low < high):
            raise Undecided("sort")
    return order


def order_statistics(group: Sequence[Number]) -> list[Number]:
    """Ascending values, ties or overlaps notwithstanding.

    The k-th smallest is monotone in every entry, so it lies between the k-th smallest lower end and the k-th
    smallest upper end. Where the order is decided the entries themselves are returned, exact ones exact.
    """
    try:
        return [group[k] for k in permutation(group)]
    except Undecided:
        lows = sorted((s.ball(a).lower() for a in group), key=s.to_fraction)
        highs = sorted((s.ball(a).upper() for a in group), key=s.to_fraction)
        return [s.hull(a, b) for a, b in zip(lows, highs, strict=True)]
