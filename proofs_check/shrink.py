"""Shrinking by re-attack: the smallest sizes first, then one coordinate after the other set to a simple rational.

At each size the claim is attacked anew (degenerate members, a short ascent). What is still violated by at least half of
the best margin found is then simplified in its chart: for every coordinate the simplest rational for which the margin stays
above that bar; where none will do, the rest is climbed again with the coordinate held at a simple value. The result is what
a mathematician would publish, and exact arithmetic has the last word on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from proofs_check.attacks._adam import Adam, gradient_of
from proofs_check.attacks._examiner import Evidence
from proofs_check.attacks.ascent import climb
from proofs_check.claim import Claim, Setting
from proofs_check.domains._scalars import Integer
from proofs_check.errors import ClaimFault
from proofs_check.evaluate import evaluate
from proofs_check.instances import Place, size_choices
from proofs_check.landscape import Landscape, Points
from proofs_check.simple import cost, is_simple, simple_rationals

#: how many values are tried for each coordinate of an instance with more coordinates than that
FEW = 40
#: what a zero costs while looking for equality: as much as 10/11
ZERO = 8


@dataclass(frozen=True)
class Simple:
    """A violated (or tight) instance in rational coordinates."""

    landscape: Landscape
    c: list[Fraction]
    discrete: dict[int, Tensor]
    link: int
    margin: float

    def point(self) -> Points:
        """The instance as a point in float64."""
        c = torch.tensor([[float(x) for x in self.c]], dtype=torch.float64, device=self.landscape.draw.device)
        return Points(c.reshape(1, -1), self.discrete)

    def evaluated(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The arguments as nested lists of floats, and the compared quantities by name."""
        batch = self.landscape.batch(self.point())
        relation = evaluate(self.landscape.claim, batch, probing=True)
        terms = [{"name": name, "value": float(value[0])} for name, value in relation.terms]
        return {name: value[0].tolist() for name, value in batch.values.items()}, terms

    def ratio(self) -> float:
        """The ratio of the link in float64."""
        relation = evaluate(self.landscape.claim, self.landscape.batch(self.point()), probing=True)
        return float(relation.links[self.link].ratio()[0])

    def weight(self) -> tuple[int, int]:
        """The count of numbers, then the digits in them."""
        whole = [int(x) for value in self.discrete.values() for x in value.flatten().tolist()]
        digits = sum(cost(x) for x in self.c) + sum(cost(Fraction(x)) for x in whole)
        return len(self.c) + len(whole), digits


def simplest(
    claim: Claim,
    setting: Setting,
    place: Place,
    bar: float,
    found_at: dict[str, int],
    *,
    link: int | None = None,
    equality: bool = False,
) -> Iterator[Simple]:
    """Violations with a margin of at least `bar`, simple ones first: the smallest size that has any, then larger ones.

    Args:
        claim: the claim.
        setting: where it was violated.
        place: seed, device, data.
        bar: the least margin.
        found_at: the sizes at which the violation was found, the largest that are tried.
        link: only this link, or any.
        equality: look for instances of equality (with `bar` a hair below 0), the less trivial ones first: zeros count as
            complicated, since equality where everything vanishes says little.
    """
    generator = place.generator(claim.id, setting.name, "shrink", str(link))
    for sizes in _sizes_up_to(claim, setting, found_at):
        landscape = Landscape(claim, setting, place, sizes, generator)
        found = _starts(landscape, bar, link, equality)
        simple = [
            s for s in (_rationalised(landscape, points, which, bar, equality) for points, which in found) if s is not None
        ]
        yield from sorted(simple, key=Simple.weight)


def as_found(claim: Claim, setting: Setting, place: Place, evidence: Evidence, bar: float) -> Iterator[Simple]:
    """The witness as the attack found it, its floats taken as the rationals they are: the last resort of shrinking."""
    found = evidence.witness
    if found is None:
        return
    landscape = Landscape(claim, setting, place, found.sizes, place.generator(claim.id, setting.name, "as found"))
    points = landscape.points_of([member[None].to(place.device) for member in found.members])
    for row, link in _reach(landscape, points, bar, None):
        c = [Fraction(x) for x in points.c[row].tolist()]
        yield Simple(landscape, c, points.rows(slice(row, row + 1)).discrete, link, found.margin)


def _sizes_up_to(claim: Claim, setting: Setting, found_at: dict[str, int]) -> list[dict[str, int]]:
    choices = size_choices(claim, setting)
    names = list(choices[0])
    here = {name: found_at.get(name, claim.dims[name][0]) for name in names}
    smaller = [s for s in choices if all(s[name] <= here[name] for name in names)]
    ordered = sorted([*smaller, here], key=lambda s: (max(s.values(), default=0), sum(s.values())))
    return list({tuple(s.items()): s for s in ordered}.values())


def _starts(landscape: Landscape, bar: float, link: int | None, equality: bool) -> list[tuple[Points, int]]:
    """A few points at or above the bar: the lightest of the degenerate ones, else the first ones that a climb brings there."""
    degenerate = landscape.degenerate(400)
    pools = [degenerate] if len(degenerate) else []
    if landscape.k and not _reach(landscape, degenerate, bar, link):
        pools = list(islice((points for points in climb(landscape, 16, 40) if _reach(landscape, points, bar, link)), 1))
    found: list[tuple[Points, int]] = []
    for pool in pools:
        reached = _reach(landscape, pool, bar, link)
        weights = {row: _weight(pool, row, equality) for row, _ in reached}
        reached.sort(key=lambda row_link: weights[row_link[0]])
        found += [(pool.rows(slice(row, row + 1)), which) for row, which in reached[:2]]
    return found[:4]


def _reach(landscape: Landscape, points: Points, bar: float, link: int | None) -> list[tuple[int, int]]:
    """(row, link) of the points at or above the bar."""
    if not len(points):
        return []
    margins = landscape.margins(points)
    if link is not None and landscape.links > link:
        margins = margins[link : link + 1]
    best, which = margins.max(0)
    return [(row, int(which[row]) if link is None else link) for row in (best >= bar).nonzero()[:, 0].tolist()]


def _margin(landscape: Landscape, points: Points, link: int) -> Tensor:
    return landscape.margins(points)[link]


def _weight(points: Points, row: int, equality: bool) -> int:
    numbers = points.c[row].tolist() + [x for d in points.discrete.values() for x in d[row].flatten().tolist()]
    return sum(ZERO if equality and x == 0 else cost(Fraction(x)) for x in numbers)


@cache
def _values(low: float, high: float, equality: bool) -> list[Fraction]:
    """The simple rationals of a range, in the order in which they are tried."""
    inside = [x for x in simple_rationals() if low <= x <= high]
    return sorted(inside, key=lambda x: ZERO if x == 0 else cost(x)) if equality else inside


def _rationalised(landscape: Landscape, point: Points, link: int, bar: float, equality: bool) -> Simple | None:
    """Every coordinate a simple rational, integers small, the margin still at or above the bar."""
    if not equality:
        point = _small_integers(landscape, point, link, bar)
    c: list[Fraction] = []
    for j in range(landscape.k):
        value = float(point.c[0, j])
        low, high = float(landscape.lower[j]), float(landscape.upper[j])
        options = _values(low, high, equality)[: FEW if landscape.k > FEW else None]
        here = Fraction(value)
        if is_simple(here):  # simple already: only something simpler would do
            options = [x for x in options if cost(x) < cost(here)]
        chosen = _first_that_holds(landscape, point, j, options, link, bar)
        if chosen is None and is_simple(here):
            chosen = here
        if chosen is None and j + 1 < landscape.k:
            near = sorted(options, key=lambda x: abs(float(x) - value))[:8]
            climbed = _climb_rest(landscape, point, j, near, link, bar)
            if climbed is not None:
                point, chosen = climbed
        if chosen is None:
            chosen = _first_that_holds(landscape, point, j, _approximations(value, low, high), link, bar)
        if chosen is None:
            chosen = Fraction(value)
        moved = point.c.clone()
        moved[0, j] = float(chosen)
        point = point.at(moved)
        c.append(chosen)
    margin = float(_margin(landscape, point, link)[0])
    return Simple(landscape, c, point.discrete, link, margin) if margin >= bar else None


def _small_integers(landscape: Landscape, point: Points, link: int, bar: float) -> Points:
    """Lower each integer argument as far as the margin allows."""
    for position, leaf in enumerate(landscape.leaves):
        if not isinstance(leaf, Integer):
            continue
        now = int(point.discrete[position][0])
        round_numbers = {digit * 10**power for digit in (1, 2, 3, 5) for power in range(1, 7)}
        options = sorted({*range(leaf.lo, leaf.lo + 41), *round_numbers})
        options = [x for x in options if leaf.lo <= x < now]
        if not options:
            continue
        tried = point.repeated(len(options))
        tried.discrete[position] = torch.tensor(options, dtype=torch.int64, device=point.c.device)
        good = (_margin(landscape, tried, link) >= bar).nonzero()[:, 0]
        if len(good):
            point = tried.rows(good[:1])
    return point


def _first_that_holds(
    landscape: Landscape, point: Points, j: int, values: list[Fraction], link: int, bar: float
) -> Fraction | None:
    """The first of these values of coordinate j for which the margin stays at or above the bar."""
    if not values:
        return None
    c = point.c.expand(len(values), -1).clone()
    c[:, j] = torch.tensor([float(x) for x in values], dtype=c.dtype, device=c.device)
    good = (_margin(landscape, point.repeated(len(values)).at(c), link) >= bar).nonzero()[:, 0]
    return values[int(good[0])] if len(good) else None


def _climb_rest(
    landscape: Landscape, point: Points, j: int, values: list[Fraction], link: int, bar: float
) -> tuple[Points, Fraction] | None:
    """Hold coordinates up to j (those before it are rational already), climb the later ones, take the simplest that reaches."""
    values = sorted(values, key=cost)
    held = point.c.expand(len(values), -1).clone()
    held[:, j] = torch.tensor([float(x) for x in values], dtype=held.dtype, device=held.device)
    free = torch.arange(landscape.k, device=held.device) > j
    z = landscape.unsmooth(held)
    adam = Adam(z)
    rows = point.repeated(len(values))

    def height(z: Tensor) -> Tensor:
        return landscape.heights(rows.at(torch.where(free, landscape.smooth(z), held)), grad=True)[link]

    for _ in range(60):
        here = rows.at(torch.where(free, landscape.smooth(z), held))
        good = (_margin(landscape, here, link) >= bar).nonzero()[:, 0]
        if len(good):
            row = int(good[0])
            return here.rows(slice(row, row + 1)), values[row]
        try:
            _, gradient = gradient_of(height, z)
        except (ClaimFault, RuntimeError):  # a body without a derivative
            return None
        if gradient is None:
            return None
        adam.step(gradient, 0.05)
    return None


def _approximations(value: float, low: float, high: float) -> list[Fraction]:
    """Best rational approximations of a value with growing denominators, inside the range."""
    exact = Fraction(value)
    found = [exact.limit_denominator(10**k) for k in range(1, 13)]
    return [x for x in dict.fromkeys(found) if low <= x <= high]
