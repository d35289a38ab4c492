"""The third attack: Hypothesis draws structured members and is driven by the margin.

Every leaf domain offers a strategy: its degenerate members, and coordinates in its chart with ties, zeros, ends of the range
and simple rationals. `hypothesis.target` pushes the search towards larger margins. The same strategies serve the tests as
property engine (`tests/README.md`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from proofs_check.attacks.ascent import sizes_to_climb
from proofs_check.budget import Budget
from proofs_check.claim import Claim, Setting
from proofs_check.domains import Chart, Draw, Leaf
from proofs_check.instances import Batch, Place
from proofs_check.landscape import Landscape, Points
from proofs_check.simple import simple_rationals

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

NAME = "structured"

#: how many of the points with the largest margins are handed on, at each choice of sizes
KEPT = 16


def batches(claim: Claim, setting: Setting, place: Place, budget: Budget, variant: str = "") -> Iterator[Batch]:
    """The best points of a targeted Hypothesis search at each of a few choices of sizes."""
    choices = sizes_to_climb(claim, setting, budget.climbs)[:3]
    for number, sizes in enumerate(choices):
        landscape = Landscape(claim, setting, place, sizes, place.generator(claim.id, variant, setting.name, NAME, str(number)))
        points = search(landscape, budget.examples)
        if points is not None:
            yield landscape.batch(points)


def search(landscape: Landscape, examples: int) -> Points | None:
    """The points with the largest margins that a targeted search meets; None if it meets none inside the assumptions."""
    import hypothesis
    from hypothesis import HealthCheck, Phase, given, settings

    met: list[tuple[float, Points]] = []
    seed = int(torch.randint(2**31, (1,), generator=landscape.draw.generator, device=landscape.draw.device))

    @hypothesis.seed(seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.target),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(points_of(landscape))
    def attack(points: Points) -> None:
        margin = float(landscape.margins(points).amax())
        if margin > -float("inf"):
            hypothesis.target(margin)
            met.append((margin, points))

    with _own_constants_only():
        attack()
    met.sort(key=lambda pair: -pair[0])
    best = [points for _, points in met[:KEPT]]
    if not best:
        return None
    return Points(torch.cat([p.c for p in best]), {k: torch.cat([p.discrete[k] for p in best]) for k in best[0].discrete})


@contextmanager
def _own_constants_only() -> Iterator[None]:
    """Keep Hypothesis from mixing in constants of whatever modules are loaded: one seed, one search, in every process.

    Hypothesis collects literals from the loaded source files and draws them now and then. What is loaded depends on what ran
    before, and with it the search would too. There is no public switch, so the drawing method is set aside; a Hypothesis that
    has no such method needs no switch.
    """
    from unittest.mock import patch

    from hypothesis.internal.conjecture.providers import HypothesisProvider

    if not hasattr(HypothesisProvider, "_maybe_draw_constant"):
        yield
        return
    with patch.object(HypothesisProvider, "_maybe_draw_constant", lambda *args, **kwargs: None):
        yield


def points_of(landscape: Landscape) -> SearchStrategy[Points]:
    """A strategy for single points of a landscape."""
    from hypothesis import strategies as st

    parts = [strategy(leaf, landscape.draw) for leaf in landscape.leaves]
    continuous = [chart is not None for chart in landscape.charts]

    def point(values: tuple[Tensor, ...]) -> Points:
        c = [value for value, smooth in zip(values, continuous, strict=True) if smooth]
        empty = torch.zeros(1, 0, dtype=torch.float64, device=landscape.draw.device)
        discrete = {i: value for i, (value, smooth) in enumerate(zip(values, continuous, strict=True)) if not smooth}
        return Points(torch.cat([empty, *c], -1), discrete)

    return st.tuples(*parts).map(point)


def strategy(leaf: Leaf, draw: Draw) -> SearchStrategy[Tensor]:
    """A strategy for one leaf: coordinates (1, k) where it has a chart, members (1, *dims) where it is discrete."""
    from hypothesis import strategies as st

    chart = leaf.chart(draw)
    members = torch.stack(leaf.degenerate(draw))
    if chart is None:
        # the degenerate members, and random ones that Hypothesis picks from a fixed batch
        pool = torch.cat([members, leaf.sample(64, draw)])
        return st.integers(0, len(pool) - 1).map(lambda i: pool[i : i + 1])
    known = chart.coordinates(members)
    known = known[~known.isnan().any(-1)]
    free = _coordinates(chart).map(lambda values: torch.tensor([values], dtype=torch.float64, device=draw.device))
    if not len(known):
        return free
    return st.one_of(st.integers(0, len(known) - 1).map(lambda i: known[i : i + 1]), free)


def _coordinates(chart: Chart) -> SearchStrategy[list[float]]:
    """Lists of coordinates in range, with few distinct values: ties come of themselves."""
    from hypothesis import strategies as st

    ends = list(zip(chart.lower.tolist(), chart.upper.tolist(), strict=True))
    by_range = {end: _value(*end) for end in dict.fromkeys(ends)}

    @st.composite
    def draw_list(draw: Any) -> list[float]:
        pools = {end: draw(st.lists(values, min_size=1, max_size=3)) for end, values in by_range.items()}
        return [pools[end][draw(st.integers(0, len(pools[end]) - 1))] for end in ends]

    return draw_list()


@cache
def _value(low: float, high: float) -> SearchStrategy[float]:
    """A number of the range: an end, a simple rational, or any float."""
    from hypothesis import strategies as st

    simple = [float(x) for x in simple_rationals() if low <= x <= high and abs(x) <= 100]
    finite = [end for end in (low, high) if abs(end) != float("inf")]
    ends = (low if low > -float("inf") else -1e3, high if high < float("inf") else max(1e3, 2 * low))
    # numbers whose squares underflow say something about float64, not about the claim
    wide = st.floats(*ends, allow_nan=False).map(lambda x: 0.0 if abs(x) <= 1e-9 and low <= 0 <= high else x)
    return st.one_of(st.sampled_from([*finite, *simple]), wide)
