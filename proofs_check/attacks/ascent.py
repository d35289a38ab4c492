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

from proofs_check.attacks._adam import Adam, gradient_of
from proofs_check.budget import Budget
from proofs_check.claim import Claim, Setting
from proofs_check.errors import ClaimFault
from proofs_check.instances import Batch, Place, size_choices
from proofs_check.landscape import Landscape, Points

NAME = "ascent"

#: how many random points compete to become one start
COMPETITORS = 8
RATE = 0.15
#: sides of an equation that differ by less than this everywhere differ by rounding, or by what the random attack has probed
NOISE = 1e-9
#: how many of them are asked whether there is a gradient at all
ASKED = 32
#: one start in so many is polished, with at most so many steps
POLISHED, POLISH = 8, 40


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
    """All dimensions at their smallest, one more, two more; then half way up, then at their largest; then mixed small ones."""
    small = size_choices(claim, setting)
    spans = {name: claim.dims[name] for name in small[0]}
    chosen = [{name: min(high, low + more) for name, (low, high) in spans.items()} for more in (0, 1, 2)]
    chosen += [{name: (low + high) // 2 for name, (low, high) in spans.items()}]
    chosen += [{name: high for name, (_, high) in spans.items()}, *small]
    return list({tuple(s.items()): s for s in chosen}.values())[:count]


def climb(landscape: Landscape, starts: int, steps: int) -> Iterator[Points]:
    """Climb from random starts; yields points as the climb goes, the best ones last."""
    pool = landscape.random(COMPETITORS * starts)
    heights = landscape.heights(pool)
    chosen, link = _choose(heights, starts)
    if not len(chosen):
        return
    points = pool.rows(chosen)
    yield points
    if landscape.identities and float(heights.amax()) < NOISE:
        return  # sides that agree to rounding wherever one looks: the slope of rounding leads nowhere
    # the best starts may sit on a plateau (equality everywhere at t = 0); a body without a gradient has none anywhere
    anywhere = (heights.amax(0) > -torch.inf).nonzero()[:ASKED, 0]
    if not _has_gradient(landscape, pool.rows(anywhere), heights.argmax(0)[anywhere]):
        yield from _evolve(landscape, points, steps)
        return
    best = points
    top = heights[link, chosen]
    z = landscape.unsmooth(points.c)
    adam = Adam(z)
    every = max(1, steps // 3)
    for step in range(steps):
        height, gradient = gradient_of(lambda z: _height(landscape, points, z, link), z)
        better = height > top
        top = torch.where(better, height, top)
        best = best.at(torch.where(better[:, None], landscape.smooth(z), best.c))
        if gradient is not None:
            adam.step(gradient, RATE * (1 - 0.9 * step / steps))
        lost = ~height.isfinite()
        if lost.any():  # a start that left the assumptions goes back to its best point
            z[lost] = landscape.unsmooth(best.c)[lost]
        if (step + 1) % every == 0:
            yield best
    order = top.argsort(descending=True, stable=True)[: max(1, starts // POLISHED)]
    yield _polish(landscape, best.rows(order), link[order], top[order], min(steps, POLISH))


def _choose(heights: Tensor, starts: int) -> tuple[Tensor, Tensor]:
    """The best points for each link in turn, and the link that each is to climb."""
    links = heights.shape[0]
    share = -(-starts // links)
    order = heights.argsort(dim=1, descending=True, stable=True)[:, :share]
    link = torch.arange(links, device=heights.device)[:, None].expand_as(order)
    use = heights.gather(1, order) > -torch.inf
    return order[use], link[use]


def _height(landscape: Landscape, points: Points, z: Tensor, link: Tensor) -> Tensor:
    """The height of each point's own link at parameters z."""
    heights = landscape.heights(points.at(landscape.smooth(z)), grad=z.requires_grad)
    return heights.gather(0, link[None, :])[0]


def _has_gradient(landscape: Landscape, points: Points, link: Tensor) -> bool:
    try:
        _, gradient = gradient_of(lambda z: _height(landscape, points, z, link), landscape.unsmooth(points.c))
    except (ClaimFault, RuntimeError):  # numpy or an operation without a derivative inside the body
        return False
    return gradient is not None and bool((gradient.nan_to_num(0.0, 0.0, 0.0) != 0).any())


def _polish(landscape: Landscape, points: Points, link: Tensor, top: Tensor, steps: int) -> Points:
    """L-BFGS (scipy's) on each of a few points, so many steps at most; what it worsens stays as it was."""
    from scipy.optimize import minimize

    found = points.c.clone()
    for row in range(len(points)):
        point, here = points.rows(slice(row, row + 1)), link[row : row + 1]

        def cost(flat: np.ndarray, point: Points = point, here: Tensor = here) -> tuple[float, np.ndarray]:
            z = torch.as_tensor(flat, dtype=torch.float64, device=point.c.device)[None]
            height, gradient = gradient_of(lambda z: _height(landscape, point, z, here), z)
            if gradient is None or not height.isfinite().all():
                return 1e6, np.zeros_like(flat)
            return -float(height[0]), -gradient[0].nan_to_num(0.0, 0.0, 0.0).cpu().numpy()

        start = landscape.unsmooth(point.c)[0].cpu().numpy()
        try:
            done = minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": steps, "ftol": 1e-16, "gtol": 1e-12})
        except ClaimFault:  # a step off the domain; the unpolished point stays
            continue
        z = torch.as_tensor(done.x, dtype=torch.float64, device=point.c.device)[None]
        if bool(z.isfinite().all()) and float(_height(landscape, point, z, here)[0]) > float(top[row]):
            found[row] = landscape.smooth(z)[0]
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
