r"""Figure 1 (section 3.1): the Pi-model on two moons, from four pivots, before and after a query of CRC.

The paper shows "how the classifier's decision boundary progressively forms near low-density regions as CRC enlarges the
labeled set"; the pivots "were manually selected". It prints no numbers and no other query. Here: two moons of 50 points each
(noise 0.08), two pivots in each, at a quarter and three quarters of the arc, or, badly, both at one end; Pi-models with two
hidden layers of 32 neurons (consistency weight 30, 300 steps of Adam, trained anew after the query); CRC with the trace of the
full kernel of the trained model, $\lambda_{\min}^+$, G = 2, Q = 8; accuracy on 400 other points.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Figure, Series, Table
from proofs_check.relations import Measurement

SOURCE = "CRC (Kong et al.), section 3.1, figure 1"
POINTS, NOISE, QUERIED, G, GRID = 100, 0.08, 8, 2, 60
PLACES = {"pivots well placed": (0.25, 0.75), "pivots at one end": (0.0, 0.05)}
STRATEGIES = ("pivots alone", "CRC", "random")
OPTIONS: dict[str, Any] = dict(classes=2, widths=(32, 32), weight=30.0, noise=0.1, steps=300, lr=0.02)


@dataclass(frozen=True)
class Moons:
    """Accuracy in percent, (seeds, PLACES, STRATEGIES); of the first seed: points, labelled rows and boundary, by panel."""

    accuracy: Tensor
    points: Tensor
    labelled: list[list[Tensor]]
    boundary: list[list[Tensor]]


@remembered
def moons(seed: Tensor) -> Moons:
    """The experiment; all seeds are trained together."""
    seeds = seed.tolist()
    sets = [al.data.two_moons(POINTS, noise=NOISE, seed=s) for s in seeds]
    x, y = torch.stack([torch.from_numpy(s.X) for s in sets]), torch.from_numpy(sets[0].y)
    tests = [al.data.two_moons(400, noise=NOISE, seed=s + 1) for s in seeds]
    x_test, y_test = torch.stack([torch.from_numpy(s.X) for s in tests]), torch.from_numpy(tests[0].y)
    # one network a place and seed: the places one below the other
    at = torch.tensor([[m * POINTS // 2 + round(a * (POINTS // 2 - 1)) for m in (0, 1) for a in p] for p in PLACES.values()])
    pivots, twice, twice_seeds = at.repeat_interleave(len(seeds), 0), x.repeat(len(PLACES), 1, 1), seeds * len(PLACES)
    alone = al.semi_supervised.pi_model(twice, y.expand(len(twice), -1), pivots, seed=twice_seeds, **OPTIONS)
    chosen = [_queried(alone, twice, pivots, strategy, twice_seeds) for strategy in STRATEGIES[1:]]
    queried = al.semi_supervised.pi_model(
        twice.repeat(2, 1, 1), y.expand(2 * len(twice), -1), torch.cat(chosen), seed=twice_seeds * 2, **OPTIONS
    )
    right = [net(x_test.repeat(len(net.weights[0]) // len(x), 1, 1)).argmax(-1) == y_test for net in (alone, queried)]
    accuracy = 100 * torch.cat(right).double().mean(1).reshape(len(STRATEGIES), len(PLACES), len(seeds))
    first = range(0, len(twice), len(seeds))  # the first seed's network at each place
    boundary = [[_boundary(alone, i), *(_boundary(queried, i + j * len(twice)) for j in (0, 1))] for i in first]
    labelled = [[pivots[i], *(S[i] for S in chosen)] for i in first]
    return Moons(accuracy.permute(2, 1, 0), x[0], labelled, boundary)


def _queried(net: al.semi_supervised.Classifiers, x: Tensor, labelled: Tensor, strategy: str, seeds: list[int]) -> Tensor:
    """The pivots and the queried points, one row a network."""
    query = al.acquisition.CRC(G).query if strategy == "CRC" else al.acquisition.Random().query
    rows = []
    for i, (points, S) in enumerate(zip(x, labelled, strict=True)):
        kernel = al.kernels.empirical(net.module(i), points)  # the mean over outputs: half of the trace
        rows.append(torch.cat([S, query(kernel, S, QUERIED, seed=seeds[i]).chosen]))
    return torch.stack(rows)


def _boundary(net: al.semi_supervised.Classifiers, index: int) -> Tensor:
    """Points where one network's two logits are equal, (points, 2): sign changes along the lines of a grid."""
    u, v = torch.linspace(-1.5, 2.5, GRID, dtype=torch.float64), torch.linspace(-1.0, 1.5, GRID, dtype=torch.float64)
    cells = torch.stack(torch.meshgrid(u, v, indexing="ij"), -1)
    with torch.no_grad():
        logits = net.module(index)(cells.reshape(-1, 2))
    gap = (logits[:, 1] - logits[:, 0]).reshape(GRID, GRID)
    found = []
    for a, b, p, q in ((gap[:-1], gap[1:], cells[:-1], cells[1:]), (gap[:, :-1], gap[:, 1:], cells[:, :-1], cells[:, 1:])):
        crossed = a * b < 0
        share = (a / (a - b))[crossed][:, None]
        found.append(p[crossed] + share * (q - p)[crossed])
    return torch.cat(found)


def _shown(found: Moons) -> list[Figure | Table]:
    panels: list[Figure | Table] = []
    names = [(place, strategy) for place in PLACES for strategy in STRATEGIES]
    for (place, strategy), S, line in zip(names, chain(*found.labelled), chain(*found.boundary), strict=True):
        upper, lower = found.points[: POINTS // 2], found.points[POINTS // 2 :]
        series = [
            Series("one moon", upper[:, 0], upper[:, 1], dots=True),
            Series("the other", lower[:, 0], lower[:, 1], dots=True),
        ]
        pivots, queried = found.points[S[:4]], found.points[S[4:]]
        series.append(Series("pivots", pivots[:, 0], pivots[:, 1], dots=True))
        if len(queried):
            series.append(Series("queried", queried[:, 0], queried[:, 1], dots=True))
        if len(line):
            series.append(Series("decision boundary", line[:, 0], line[:, 1], dots=True))
        panels.append(Figure(f"{place}: {strategy}, one seed", "first coordinate", "second coordinate", series))
    cells = [(place, list(found.accuracy[:, i].T)) for i, place in enumerate(PLACES)]
    return [Table("Accuracy (%)", list(STRATEGIES), cells, note="The paper shows pictures without numbers."), *panels]


@claim(
    id="crc.figure1",
    title="Figure 1: the boundary separates the moons",
    source=SOURCE,
    reading="pivots well placed, after CRC's query; accuracy of at least 80 percent",
    expect="reproduced",
    experiment="crc.figure1",
    seed=D.seed(),
    mutants={"pivots at one end, no query": dict(place=1, strategy=0), "at most 75 percent": dict(least=0.0, most=75.0)},
)
def figure1(seed: Tensor, *, place: int = 0, strategy: int = 1, least: float = 80.0, most: float = 100.0) -> Measurement:
    r"""From four well placed pivots and eight points queried by CRC, the Pi-model classifies at least 80 percent of other
    points of the two moons rightly.
    """
    found = moons(seed)
    return measurement(found.accuracy[:, place, strategy], expect=(least, most), show=_shown(found))


@claim(
    id="crc.figure1.pivots",
    title="Figure 1 needs no query",
    source=SOURCE,
    reading="pivots well placed, before any query; accuracy of at least 85 percent",
    expect="reproduced",
    experiment="crc.figure1",
    seed=D.seed(),
    mutants={"pivots at one end": dict(place=1), "at most 75 percent": dict(least=0.0, most=75.0)},
)
def figure1_pivots(seed: Tensor, *, place: int = 0, least: float = 85.0, most: float = 100.0) -> Measurement:
    r"""From the four well placed pivots alone the Pi-model classifies at least 85 percent of other points of the two moons
    rightly.

    Notes: about 96 percent: pivots and consistency draw the boundary, so the figure says nothing about CRC.
    """
    found = moons(seed)
    return measurement(found.accuracy[:, place, 0], expect=(least, most), show=_shown(found))


@claim(
    id="crc.figure1.random",
    title="Figure 1: CRC's query is better than a random one",
    source=SOURCE,
    reading="pivots well placed; at least 8 percent more than after random queries",
    expect="not-reproduced",
    experiment="crc.figure1",
    seed=D.seed(),
    mutants={"at least 10 percent": dict(least=10.0), "at least 15 percent": dict(least=15.0)},
)
def figure1_random(seed: Tensor, *, least: float = 8.0) -> Measurement:
    r"""With well placed pivots, the accuracy after CRC's query is at least 8 percent above that after a random query.

    Notes: not reproduced: there is nothing left to gain. With both pivots of a moon at one end (the second row of the table)
    there is, and the results vary too much from seed to seed to tell the two apart.
    """
    found = moons(seed)
    return measurement(found.accuracy[:, 0, 1] - found.accuracy[:, 0, 2], expect=(least, 100.0), show=_shown(found))
