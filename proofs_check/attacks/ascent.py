"""The fourth attack: climb the normalised margin.

Many starts at several sizes, the smallest included; Adam on all of them at once through the domain's smooth map, then L-BFGS on
the best. Integers, labels and rows of data are sampled with the start and stay. Each start climbs one link of a chain.
Where a claim's body has no useful gradient, differential evolution (scipy) takes over.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from proofs_check.budget import Budget
from proofs_check.claim import Claim, Setting
from proofs_check.errors import ClaimFault
from proofs_check.instances import Batch, Place, size_choices
from proofs_check.landscape import Landscape, Points

NAME = "ascent"

#: how many random points compete to become one start
COMPETITORS = 8
RATE = 0.15


def batches(claim: Claim, setting: Setting, place: Place, budget: Budget, variant: str = "") -> Iterator[Batch]:
    """The batches of this attack: for each size the competitors, then where the climb stands now and then, then its end."""
    generator = place.generator(claim.id, variant, setting.name, NAME)
    for sizes in sizes_to_climb(claim, setting, budget.climbs):
        landscape = Landscape(claim, setting, place, sizes, generator)
        if landscape.k == 0:
            return  # everything is discrete: the other attacks enumerate and sample it
        for points in climb(landscape, budget.starts, budget.steps):
            yield landscape.batch(points)


def sizes_to_climb(claim: Claim, setting: Setting, count: int) -> list[dict[str, int]]:
    """The smallest sizes first, then the largest of all dimensions, then sizes in between."""
    small = size_choices(claim, setting)
    names = list(small[0])
    largest = {name: claim.dims[name][1] for name in names}
    middle = {name: (claim.dims[name][0] + claim.dims[name][1]) // 2 for name in names}
    diagonal = sorted(small, key=lambda s: (max(s.values(), default=0), sum(s.values())))
    lead = diagonal[: max(1, count - 2)]
    chosen = [*lead, *[s for s in (middle, largest) if s not in lead]]
    return list({tuple(s.items()): s for s in chosen}.values())[:count]


def climb(landscape: Landscape, starts: int, steps: int, *, first: Points | None = None, polish: int = 2) -> Iterator[Points]:
    """Climb from random starts (and from `first`); yields points as the climb goes, the best ones last."""
    pool = landscape.random(COMPETITORS * starts)
    if first is not None:
        pool = Points(
            torch.cat([first.c, pool.c]), {key: torch.cat([first.discrete[key], pool.discrete[key]]) for key in pool.discrete}
        )
    heights = landscape.heights(pool)
    chosen, link = _choose(heights, starts)
    if not len(chosen):
        return
    points = pool.rows(chosen)
    yield points
    if not _has_gradient(landscape, points, link):
        yield from _evolve(landscape, points, steps)
        return
    best = points
    top = heights[link, chosen]
    z = landscape.unsmooth(points.c).requires_grad_(True)
    adam = torch.optim.Adam([z], lr=RATE)
    every = max(1, steps // 3)
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = RATE * (1 - 0.9 * step / steps)
        here = points.at(landscape.smooth(z))
        height = _along(landscape.heights(here, grad=True), link)
        better = height.detach() > top
        top = torch.where(better, height.detach(), top)
        best = best.at(torch.where(better[:, None], here.c.detach(), best.c))
        lost = ~height.detach().isfinite()
        if not lost.all():
            adam.zero_grad()
            (-torch.where(lost, torch.zeros_like(height), height).sum()).backward()
            assert z.grad is not None
            z.grad.nan_to_num_(0.0, 0.0, 0.0)
            adam.step()
        if lost.any():  # a start that left the assumptions goes back to its best point
            with torch.no_grad():
                z[lost] = landscape.unsmooth(best.c)[lost]
        if (step + 1) % every == 0:
            yield best
    order = top.argsort(descending=True, stable=True)[:polish]
    yield _polish(landscape, best.rows(order), link[order], top[order])


def _choose(heights: Tensor, starts: int) -> tuple[Tensor, Tensor]:
    """The best points for each link in turn, and the link that each is to climb."""
    links = heights.shape[0]
    share = -(-starts // links)
    order = heights.argsort(dim=1, descending=True, stable=True)[:, :share]
    link = torch.arange(links, device=heights.device)[:, None].expand_as(order)
    use = heights.gather(1, order) > -torch.inf
    return order[use], link[use]


def _along(heights: Tensor, link: Tensor) -> Tensor:
    return heights.gather(0, link[None, :])[0]


def _has_gradient(landscape: Landscape, points: Points, link: Tensor) -> bool:
    z = landscape.unsmooth(points.c).requires_grad_(True)
    height = _along(landscape.heights(points.at(landscape.smooth(z)), grad=True), link)
    if not height.requires_grad:
        return False
    torch.where(height.isfinite(), height, torch.zeros_like(height)).sum().backward()
    return z.grad is not None and bool((z.grad.nan_to_num(0.0, 0.0, 0.0) != 0).any())


def _polish(landscape: Landscape, points: Points, link: Tensor, top: Tensor) -> Points:
    """L-BFGS on each of a few points; what it worsens stays as it was."""
    found = points.c.clone()
    for row in range(len(points)):
        point, here = points.rows(slice(row, row + 1)), link[row : row + 1]
        z = landscape.unsmooth(point.c).requires_grad_(True)
        solver = torch.optim.LBFGS(
            [z], max_iter=25, tolerance_grad=1e-15, tolerance_change=1e-16, line_search_fn="strong_wolfe"
        )

        def loss(z: Tensor = z, point: Points = point, here: Tensor = here, solver: torch.optim.LBFGS = solver) -> Tensor:
            solver.zero_grad()
            height = _along(landscape.heights(point.at(landscape.smooth(z)), grad=True), here)[0]
            value = -height if bool(height.isfinite()) else (z * 0).sum() + 1e6
            value.backward()
            if z.grad is not None:
                z.grad.nan_to_num_(0.0, 0.0, 0.0)
            return value

        try:
            solver.step(loss)
        except (RuntimeError, ClaimFault):  # a step off the domain; the unpolished point stays
            continue
        c = landscape.smooth(z.detach())
        if bool(c.isfinite().all()) and float(_along(landscape.heights(point.at(c)), here)[0]) > float(top[row]):
            found[row] = c[0]
    return points.at(found)


def _evolve(landscape: Landscape, points: Points, steps: int) -> Iterator[Points]:
    """Differential evolution for each of a few choices of the discrete members."""
    from scipy.optimize import differential_evolution

    for row in range(min(4, len(points))):
        one = points.rows(slice(row, row + 1))

        def cost(z: np.ndarray, one: Points = one) -> np.ndarray:
            c = landscape.smooth(torch.as_tensor(z.T, dtype=torch.float64, device=one.c.device))
            height = landscape.heights(one.repeated(len(c)).at(c)).amax(0)
            return -height.clamp(min=-1e6).cpu().numpy()

        seed = int(torch.randint(2**31, (1,), generator=landscape.draw.generator, device=landscape.draw.device))
        start = landscape.unsmooth(one.c)[0].cpu().numpy()
        result = differential_evolution(
            cost, [(-4.0, 4.0)] * landscape.k, x0=np.clip(start, -4, 4), maxiter=steps, popsize=8, rng=seed, vectorized=True,
            polish=False, updating="deferred",
        )  # fmt: skip
        yield one.at(landscape.smooth(torch.as_tensor(result.x, dtype=torch.float64, device=one.c.device)[None]))
