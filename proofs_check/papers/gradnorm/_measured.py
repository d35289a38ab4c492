r"""Active learning on digits as in Algorithm 1, every query from the same start, with what tables 1 to 5 and figure 3 count.

90 labels, at which the network is about as good as the paper's at its first query, then three queries of K = 30 from a random
subset of 300 unlabelled digits (ten times K, as in the paper's appendix A.8). The networks $A\tanh(Wx+b)+c$ have 64 neurons;
cross-entropy with the paper's weight decay. After each query the network goes on training with all labels, as the paper's code
does (a warm start); tables 4 and 5 are also counted with networks retrained from their initial weights, as the paper's text
says. Accuracy is that on 900 other digits. Every seed is run twice, with two splits of its rows, so that five seeds are ten
paired runs; random queries are drawn twice in each.

The control of tables 4 and 5: beside every $T^{c+1}$, trained with the selected samples, stands a twin trained with K random
other samples of the same pool instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import altheory as al
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.gradnorm import _networks as networks
from proofs_check.papers.gradnorm._networks import TwoLayer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH, INITIAL, UNLABELLED, TEST = 64, 90, 600, 900
POOL, K, CYCLES = 300, 30, 3
FIRST_STEPS, STEPS, SPLITS, DRAWS = 200, 100, 2, 2
ROWS = D.dataset("digits", n=INITIAL + UNLABELLED + TEST, repeats=False)
SEEDS = D.seed()
EXPERIMENT = "gradnorm.digits"
#: what every query is called, in figures too
ENT_GN, EGL, ENTROPY, RANDOM = "entropy-gradnorm", "EGL", "entropy", "random"
TRUE, LOWEST = "true gradient norm", "lowest entropy-gradnorm"
QUERIES = (RANDOM, ENT_GN, EGL, ENTROPY, TRUE, LOWEST)


@dataclass(frozen=True, eq=False)
class Cycle:
    """One query of entropy-gradnorm in each of the B = seeds x splits runs, and what came of it.

    Attributes:
        before: The B networks $T^c$.
        after: $T^{c+1}$, trained with the selected samples too.
        twin: The control: trained with as many random others instead.
        labelled: (B, n) rows that $T^c$ was trained on.
        pool: (B, POOL) rows to select from.
        selected: (B, K) rows, those of the largest entropy-gradnorm.
        others: (B, K) rows, random ones of the pool that are not selected.
    """

    before: TwoLayer
    after: TwoLayer
    twin: TwoLayer
    labelled: Tensor
    pool: Tensor
    selected: Tensor
    others: Tensor


@dataclass(frozen=True, eq=False)
class Runs:
    """What was measured; by the query's name, (seeds, splits, 1 + CYCLES) before the first and after each cycle.

    Attributes:
        x: (B, rows, d) the points of each run, in the order of its split.
        labels: (B, rows, N).
        accuracy: On the test digits, in percent.
        fitted: On the labelled digits, in percent.
        overlap: (seeds, splits, CYCLES) how many of the K selected are among the K of the largest true gradient norm.
        spread: (seeds, splits, CYCLES) mean distance between selected samples.
        cycles: The queries of entropy-gradnorm.
    """

    x: Tensor
    labels: Tensor
    accuracy: dict[str, Tensor]
    fitted: dict[str, Tensor]
    overlap: dict[str, Tensor]
    spread: dict[str, Tensor]
    cycles: tuple[Cycle, ...]

    def lead(self, of: str, over: str) -> Tensor:
        """(seeds,) by how many points one query is ahead of another at the end: the mean of the splits."""
        return (self.accuracy[of] - self.accuracy[over])[..., -1].mean(1)

    def gap(self, query: str) -> Tensor:
        """(seeds, splits, 1 + CYCLES) training less test accuracy, as in table 3."""
        return self.fitted[query] - self.accuracy[query]


def split(x: Tensor, labels: Tensor, seed: Tensor) -> tuple[Tensor, Tensor, list[int]]:
    """The runs' points and labels, each seed with SPLITS orders of its rows, and a number for each run."""
    numbers = [s + k for s in seed.tolist() for k in range(SPLITS)]
    order = torch.stack([torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(s)) for s in numbers])
    return taken(x.repeat_interleave(SPLITS, 0), order), taken(labels.repeat_interleave(SPLITS, 0), order), numbers


def taken(values: Tensor, rows: Tensor) -> Tensor:
    """(B, k, d) the rows (B, k) of arrays (B, n, d)."""
    return values.gather(1, rows[..., None].expand(-1, -1, values.shape[-1]))


def unlabelled(labelled: Tensor, numbers: list[int], cycle: int) -> Tensor:
    """(B, POOL) a random subset of the rows without a label, in random order."""
    pools = []
    for rows, number in zip(labelled, numbers, strict=True):
        free = torch.ones(INITIAL + UNLABELLED, dtype=torch.bool).index_fill(0, rows, False).nonzero()[:, 0]
        generator = torch.Generator().manual_seed(number + 104729 * (cycle + 1))
        pools.append(free[torch.randperm(len(free), generator=generator)[:POOL]])
    return torch.stack(pools)


def largest(scores: Tensor, count: int = K) -> Tensor:
    """(..., count) where the largest scores stand."""
    return scores.argsort(dim=-1, descending=True, stable=True)[..., :count]


def common(one: Tensor, two: Tensor) -> Tensor:
    """(...,) how many numbers two lists without repetition share."""
    return (one[..., :, None] == two[..., None, :]).sum((-2, -1)).to(torch.float64)


def scores(query: str, net: TwoLayer, x: Tensor, labels: Tensor) -> Tensor:
    """(..., n) of what a query takes the largest."""
    if query == ENT_GN:
        return al.gradnorm.entropy_gradnorm(net, x)
    if query == LOWEST:
        return -al.gradnorm.entropy_gradnorm(net, x)
    if query == EGL:
        return al.gradnorm.egl(net, x)
    if query == ENTROPY:
        return al.gradnorm.entropy(net(x))
    if query == TRUE:
        return al.gradnorm.true_gradnorm(net, x, labels)
    return torch.arange(x.shape[-2], 0, -1, dtype=x.dtype).expand(x.shape[:-1])


@remembered
def runs(x: Tensor, labels: Tensor, seed: Tensor) -> Runs:
    """All queries for all seeds, side by side; a random query takes the first of the pool, which is in random order."""
    x, labels, numbers = split(x, labels, seed)
    start = networks.initialised(x.shape[-1], WIDTH, labels.shape[-1], numbers)
    first = networks.trained(start, x[:, :INITIAL], labels[:, :INITIAL], FIRST_STEPS)
    arms = [*QUERIES, *[RANDOM] * (DRAWS - 1)]
    B, draw = len(numbers), [arms[:i].count(q) for i, q in enumerate(arms)]
    nets = [first] * len(arms)
    labelled = [torch.arange(INITIAL).repeat(B, 1)] * len(arms)
    seen = [_seen(first, x, labels, labelled[0])] * len(arms)
    found, cycles = [seen], []
    counted: list[list[tuple[Tensor, Tensor]]] = []
    for cycle in range(CYCLES):
        picked, counts = [], []
        for i, query in enumerate(arms):
            pool = unlabelled(labelled[i], [n + 7919 * draw[i] for n in numbers], cycle)
            points, truth = taken(x, pool), taken(labels, pool)
            places = largest(scores(query, nets[i], points, truth))
            picked.append(pool.gather(1, places))
            top = largest(al.gradnorm.true_gradnorm(nets[i], points, truth))
            counts.append((common(places, top), _spread(taken(points, places))))
            if query == ENT_GN:
                others = _others(pool, places)
                mine, now, known = (pool, picked[-1]), nets[i], labelled[i]
        counted.append(counts)
        labelled = [torch.cat(pair, 1) for pair in zip(labelled, picked, strict=True)]
        rows = torch.cat([*labelled, torch.cat([known, others], 1)])
        points, truth = (taken(v.repeat(len(arms) + 1, 1, 1), rows) for v in (x, labels))
        stack = networks.trained(networks.joined([*nets, now]), points, truth, STEPS)
        nets = [networks.chosen(stack, slice(i * B, i * B + B)) for i in range(len(arms) + 1)]
        cycles.append(Cycle(now, nets[arms.index(ENT_GN)], nets.pop(), known, *mine, others))
        found.append([_seen(net, x, labels, rows) for net, rows in zip(nets, labelled, strict=True)])

    def by_query(values: list[list[tuple[Tensor, Tensor]]], which: int) -> dict[str, Tensor]:
        """The values (time, arm) by query, (seeds, splits, time), the mean of several draws."""
        table = torch.stack([torch.stack([pair[which] for pair in at]) for at in values])  # (time, arm, B)
        return {q: table[:, [a == q for a in arms]].mean(1).T.reshape(len(seed), SPLITS, -1) for q in QUERIES}

    return Runs(
        x,
        labels,
        accuracy=by_query(found, 0),
        fitted=by_query(found, 1),
        overlap=by_query(counted, 0),
        spread=by_query(counted, 1),
        cycles=tuple(cycles),
    )


@remembered
def retrained(x: Tensor, labels: Tensor, seed: Tensor) -> tuple[Runs, tuple[Cycle, ...]]:
    """The queries of entropy-gradnorm in the first splits, when all networks are trained from the initial weights."""
    whole, first = runs(x, labels, seed), slice(None, None, SPLITS)
    x, labels, numbers = split(x, labels, seed)
    x, labels, numbers = x[first], labels[first], numbers[first]
    start = networks.initialised(x.shape[-1], WIDTH, labels.shape[-1], numbers)
    labelled, now, cycles = whole.cycles[0].labelled[first], networks.chosen(whole.cycles[0].before, first), []
    for cycle in range(CYCLES):
        pool = unlabelled(labelled, numbers, cycle)
        places = largest(al.gradnorm.entropy_gradnorm(now, taken(x, pool)))
        selected, others = pool.gather(1, places), _others(pool, places)
        more = torch.cat([labelled, selected], 1)
        rows = torch.cat([more, torch.cat([labelled, others], 1)])
        points, truth = (taken(v.repeat(2, 1, 1), rows) for v in (x, labels))
        both = networks.trained(networks.joined([start, start]), points, truth, FIRST_STEPS)
        after, twin = (networks.chosen(both, slice(i * len(numbers), (i + 1) * len(numbers))) for i in range(2))
        cycles.append(Cycle(now, after, twin, labelled, pool, selected, others))
        labelled, now = more, after
    return whole, tuple(cycles)


def _others(pool: Tensor, places: Tensor) -> Tensor:
    """(B, K) the first rows of a pool in random order that do not stand at `places`."""
    free = torch.ones_like(pool, dtype=torch.bool).scatter_(1, places, False)
    return torch.stack([rows[keep][:K] for rows, keep in zip(pool, free, strict=True)])


def _seen(net: TwoLayer, x: Tensor, labels: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
    """(B,) accuracies in percent, on the test digits and on the labelled ones."""
    z, truth = net(x), labels.argmax(-1)
    right = 100.0 * (z.argmax(-1) == truth)
    return right[:, INITIAL + UNLABELLED :].mean(-1), right.gather(1, labelled).mean(-1)


def _spread(points: Tensor) -> Tensor:
    """(B,) mean distance between two different points."""
    n = points.shape[-2]
    return torch.cdist(points, points).sum((-2, -1)) / (n * (n - 1))


def ahead(least: float) -> Callable[[NDArray[np.float64]], bool]:
    """A predicate of the seeds' values: is their mean above a level, significantly or not?"""

    def on_average(values: NDArray[np.float64]) -> bool:
        return bool(values.mean() > least)

    on_average.__doc__ = f"a mean above {least:g}; its 95 % Student t interval is in the table"
    return on_average


def chance(pool: int = POOL, count: int = K) -> tuple[float, float]:
    """Mean and standard deviation of how many numbers two random choices of `count` among `pool` share (hypergeometric)."""
    mean = count * count / pool
    return mean, (mean * (1 - count / pool) * (pool - count) / (pool - 1)) ** 0.5
