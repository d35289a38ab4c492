r"""A claim as a function of coordinates: what ascent climbs, what shrinking re-climbs, what exact confirmation evaluates.

At fixed sizes every continuous leaf of a setting has a chart (`proofs_check.domains.Chart`): a box of coordinates. Their
concatenation is a point $c \in R^k$; discrete leaves (integers, labels, rows of data) are carried along as they are. A smooth
map $R^k \to$ box makes the ascent unconstrained: $\sin$ where both ends are finite, a square where one is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from proofs_check.claim import Claim, Setting
from proofs_check.domains import Chart, Draw, Leaf
from proofs_check.evaluate import admissible, evaluate
from proofs_check.instances import Batch, Place, assemble, combinations, leaves
from proofs_check.relations import Link


@dataclass(frozen=True)
class Points:
    """A batch of points: coordinates (batch, k), and the members of the discrete leaves by position."""

    c: Tensor
    discrete: dict[int, Tensor]

    def __len__(self) -> int:
        return len(self.c)

    def rows(self, index: Tensor | slice) -> Points:
        """The chosen points."""
        return Points(self.c[index], {key: value[index] for key, value in self.discrete.items()})

    def repeated(self, times: int) -> Points:
        """One point, many times."""
        return Points(
            self.c.expand(times, -1).clone(),
            {key: value.expand(times, *value.shape[1:]).clone() for key, value in self.discrete.items()},
        )

    def at(self, c: Tensor) -> Points:
        """The same discrete members with other coordinates."""
        return Points(c, self.discrete)


class Landscape:
    """One claim, one setting, one choice of sizes."""

    def __init__(self, claim: Claim, setting: Setting, place: Place, sizes: dict[str, int], generator: torch.Generator) -> None:
        self.claim, self.setting, self.sizes = claim, setting, sizes
        self.draw = Draw(sizes, generator, place.device, place.data)
        self.leaves: list[Leaf] = leaves(setting)
        self.charts: list[Chart | None] = [leaf.chart(self.draw) for leaf in self.leaves]
        continuous = [chart for chart in self.charts if chart is not None]
        empty = torch.zeros(0, dtype=torch.float64)
        self.lower = torch.cat([empty, *[chart.lower for chart in continuous]]).to(place.device)
        self.upper = torch.cat([empty, *[chart.upper for chart in continuous]]).to(place.device)
        log = [torch.full_like(chart.lower, float(chart.logarithmic)) for chart in continuous]
        self.logarithmic = torch.cat([empty, *log]).to(place.device).bool()
        self._onto = _Onto(self.lower, self.upper, self.logarithmic)
        self.k = len(self.lower)
        #: how many links the relation has; known once a point inside the assumptions has been evaluated
        self.links = 1
        #: whether all of them are equations; known from then on too
        self.identities = False

    def random(self, batch: int) -> Points:
        """Random members' coordinates where they have some, else a random point of the box."""
        parts, discrete = [], {}
        for position, (leaf, chart) in enumerate(zip(self.leaves, self.charts, strict=True)):
            members = leaf.sample(batch, self.draw)
            if chart is None:
                discrete[position] = members
                continue
            anywhere = self._box(self.draw.normal(batch, len(chart.lower)) * 1.5, chart)
            c = chart.coordinates(members)
            use = ~c.isnan().any(-1, keepdim=True) & self.draw.chance(0.5, batch, 1)
            parts.append(torch.where(use, c, anywhere))
        empty = torch.zeros(batch, 0, dtype=torch.float64, device=self.draw.device)
        return Points(torch.cat([empty, *parts], -1), discrete)

    def degenerate(self, cap: int) -> Points:
        """Degenerate members in all combinations (a random choice of `cap` of them if there are more), where charts reach."""
        members = [torch.stack(leaf.degenerate(self.draw)) for leaf in self.leaves]
        picks = combinations([len(m) for m in members], cap, self.draw)
        return self.points_of([m[pick] for m, pick in zip(members, picks, strict=True)])

    def points_of(self, members: Sequence[Tensor]) -> Points:
        """The points of a batch of instances, given the leaves' members in order; what no chart reaches is left out."""
        parts = [torch.zeros(len(members[0]), 0, dtype=torch.float64, device=self.draw.device)]
        discrete = {}
        for position, (member, chart) in enumerate(zip(members, self.charts, strict=True)):
            if chart is None:
                discrete[position] = member
            else:
                parts.append(chart.coordinates(member))
        c = torch.cat(parts, -1)
        inside = ~c.isnan().any(-1)
        return Points(torch.minimum(torch.maximum(c, self.lower), self.upper), discrete).rows(inside)

    # the smooth map of R^k onto the box, and back

    def _box(self, z: Tensor, chart: Chart) -> Tensor:
        log = torch.full_like(chart.lower, chart.logarithmic).bool()
        return _Onto(chart.lower.to(z.device), chart.upper.to(z.device), log)(z)

    def smooth(self, z: Tensor) -> Tensor:
        """Coordinates of unconstrained parameters."""
        return self._onto(z)

    def unsmooth(self, c: Tensor) -> Tensor:
        """Parameters of coordinates, a little inside the ends, where the map has a slope."""
        lo, hi = self.lower, self.upper
        both = lo.isfinite() & hi.isfinite()
        share = torch.where(both & (hi > lo), (c - lo) / torch.where(both & (hi > lo), hi - lo, 1.0), 0.5)
        log = both & self.logarithmic & (lo > 0)
        safe_lo, safe_hi = torch.where(log, lo, 1.0), torch.where(log, hi, math.e)
        share = torch.where(log, torch.log(c.clamp(min=1e-300) / safe_lo) / torch.log(safe_hi / safe_lo), share)
        share = torch.where(both & self.logarithmic & (lo == 0), share.clamp(min=0) ** 0.25, share)
        angle = torch.asin((2 * share - 1).clamp(-0.9999, 0.9999))
        half = torch.sqrt((c - torch.where(lo.isfinite(), lo, 0.0)).clamp(min=1e-8))
        return torch.where(both, angle, torch.where(lo.isfinite(), half, c))

    # evaluation

    def batch(self, points: Points) -> Batch:
        """The arguments at these points."""
        members: dict[int, Any] = {}
        offset = 0
        for position, (leaf, chart) in enumerate(zip(self.leaves, self.charts, strict=True)):
            if chart is None:
                members[id(leaf)] = points.discrete[position]
            else:
                width = len(chart.lower)
                members[id(leaf)] = chart.build(points.c[..., offset : offset + width])
                offset += width
        return Batch(assemble(self.setting, members, self.draw), self.sizes, tuple(members.values()))

    def heights(self, points: Points, *, grad: bool = False) -> Tensor:
        """How close every link comes to being violated, (links, batch), positive where it is; -inf outside the assumptions."""
        return self._inside(points, surrogate, grad)

    def margins(self, points: Points) -> Tensor:
        """The margin of every link, (links, batch); -inf outside the assumptions and where both sides are zero."""

        def margin(link: Link) -> Tensor:
            return torch.where((link.lhs == 0) & (link.rhs == 0), -torch.inf, link.margin())

        return self._inside(points, margin, False)

    def _inside(self, points: Points, measure: Callable[[Link], Tensor], grad: bool) -> Tensor:
        """`measure` of every link where the arguments are finite and admissible, -inf elsewhere."""
        batch = self.batch(points)
        plain = Batch({name: value.detach() for name, value in batch.values.items()}, self.sizes)
        mask = torch.ones(len(batch), dtype=torch.bool, device=self.draw.device)
        for value in plain.values.values():
            mask &= value.reshape(len(mask), -1).isfinite().all(1)
        rows = mask.nonzero()[:, 0]
        if len(rows):
            rows = rows[admissible(self.claim, plain.rows(rows))]
        if not len(rows):
            return torch.full((self.links, len(batch)), -torch.inf, dtype=torch.float64, device=self.draw.device)
        relation = evaluate(self.claim, batch.rows(rows), probing=True, grad=grad)
        found = torch.stack([measure(link) for link in relation.links])
        self.links, self.identities = len(found), all(link.op == "==" for link in relation.links)
        found = torch.where(found.isfinite(), found, -torch.inf)
        if len(rows) == len(batch):
            return found
        outside = torch.full((len(found), len(batch)), -torch.inf, dtype=found.dtype, device=found.device)
        return outside.index_copy(1, rows, found)


def surrogate(link: Link) -> Tensor:
    """The log-ratio where both sides are positive, else the margin: smooth, with the sign of the violation."""
    a, b = link.lhs, link.rhs
    top = torch.maximum(a.abs(), b.abs())
    safe = torch.where(top > 0, top, torch.ones_like(top))
    if link.op == "==":
        return (a - b).abs() / safe
    positive = (a > 0) & (b > 0)
    ones = torch.ones_like(a)
    log = torch.log(torch.where(positive, a, ones)) - torch.log(torch.where(positive, b, ones))
    return torch.where(positive, log, (a - b) / safe)


class _Onto:
    """The smooth map of R^k onto a box; what does not depend on the point is worked out once."""

    def __init__(self, lower: Tensor, upper: Tensor, logarithmic: Tensor) -> None:
        self.lower, self.upper = lower, upper
        self.both = lower.isfinite() & upper.isfinite()
        self.lo, hi = torch.where(lower.isfinite(), lower, 0.0), torch.where(upper.isfinite(), upper, 1.0)
        self.width = hi - self.lo
        self.log = self.both & logarithmic & (lower > 0)
        self.ratio = torch.where(self.log, hi / torch.where(self.log, self.lo, 1.0), 1.0)
        self.steep = self.both & logarithmic & ~self.log
        self.half = lower.isfinite()
        self.any_log, self.any_steep = bool(self.log.any()), bool(self.steep.any())
        self.all_both, self.any_both = bool(self.both.all()), bool(self.both.any())

    def __call__(self, z: Tensor) -> Tensor:
        if self.any_both:
            share = (1 + torch.sin(z)) / 2
            linear = torch.where(self.steep, share**4, share) if self.any_steep else share
            boxed = self.lo + self.width * linear
            if self.any_log:
                boxed = torch.where(self.log, self.lo * self.ratio**share, boxed)
            if not self.all_both:
                boxed = torch.where(self.both, boxed, self._one_end(z))
        else:
            boxed = self._one_end(z)
        return torch.minimum(torch.maximum(boxed, self.lower), self.upper)

    def _one_end(self, z: Tensor) -> Tensor:
        return torch.where(self.half, self.lo + z * z, z)
