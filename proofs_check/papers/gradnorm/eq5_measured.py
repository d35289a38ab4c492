r"""Eq. (5) for trained softmax regression: an instance where it fails, and what usually happens.

The instance: three classes, two features, ridge $10^{-3}$, all fitted to the minimiser by Newton's method; counted rows
(2,1) in class 0 (37 times) and in class 1 (10), (8,-5) in 0 (3), (-2,2) in 1 (19), (-3,2) in 2 (37); the sample (3,2) of
class 2 is added.

The usual case: three Gaussian classes in the plane with centres at distance 2, a bias, 24 training samples, ridge 1/10;
each of 16 others is added alone, and all 16 at once (the latter in six problems a seed).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from altheory import gradient_change, influence
from proofs_check import claim, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Table
from proofs_check.papers.gradnorm._settings_convex import EQ5
from proofs_check.relations import Measurement

ROWS = ((2, 1), (2, 1), (8, -5), (-2, 2), (-3, 2))
CLASSES, COUNTS = (0, 1, 0, 1, 2), (37, 10, 3, 19, 37)
ADDED, LABEL, RIDGE = (3, 2), 2, 1e-3
ZEROS = 1360  # rows (0, 0) of class 1
TRAIN, POOL, PROBLEMS = 24, 16, 6


@remembered
def instance() -> dict[str, tuple[float, Tensor, Tensor]]:
    """|g_1| / |g_0| and the probabilities before and after, for the variants of the instance."""
    X, x = (torch.tensor(v, dtype=torch.float64) for v in (ROWS, ADDED))
    found = {}
    for name, bias, zeros in (
        ("no bias", False, 0),
        ("bias", True, 0),
        ("bias, 1360 rows (0, 0) of class 1 more", True, ZEROS),
    ):
        rows = torch.cat([X, X.new_zeros(1, 2)]) if zeros else X
        if bias:
            rows = torch.cat([rows, rows.new_ones(len(rows), 1)], 1)
        added = torch.cat([x, x.new_ones(1)]) if bias else x
        extra = (1,) if zeros else ()
        found[name] = gradient_change.softmax_growth(
            rows,
            (*CLASSES, *extra),
            added,
            LABEL,
            ridge=RIDGE,
            classes=3,
            weights=torch.tensor([*COUNTS, *((zeros,) if zeros else ())], dtype=torch.float64),
        )
    return found


def _table() -> Table:
    rows = [
        (name, [f"{ratio:.5f}", *(", ".join(f"{v:.3f}" for v in p.tolist()) for p in (before, after))])
        for name, (ratio, before, after) in instance().items()
    ]
    return Table("One sample added to softmax regression", ["|g_1| / |g_0|", "p before", "p after"], rows)


@claim(
    id="gradnorm.eq5.softmax.trained",
    title="Eq. (5) fails for one sample of trained softmax regression",
    source=EQ5,
    reading="an instance: its growth is far above 1, given to four digits",
    expect="reproduced",
    experiment="gradnorm.softmax_instance",
    seed=D.seed(),
    uses=["gradnorm.eq5.softmax.sharp"],
    mutants={"the norm does not grow": dict(low=0.0, high=1.0), "a growth of 1.15 or more": dict(low=1.15, high=1.16)},
)
def trained(seed: Tensor, *, low: float = 1.1438, high: float = 1.1439) -> Measurement:
    r"""On the instance without a bias the gradient norm of the added sample grows by the factor 1.1438, of the
    $\sqrt{4/3} = 1.1547$ possible: its label's probability stays near 0, those of the other classes go from one half each to
    (0.02, 0.98).

    Notes: the same for every seed; nothing in it is random.
    """
    return measurement(
        torch.full((len(seed),), instance()["no bias"][0], dtype=torch.float64), expect=(low, high), show=[_table()]
    )


@claim(
    id="gradnorm.eq5.softmax.trained_bias",
    title="Eq. (5) fails for one sample of trained softmax regression with a bias",
    source=EQ5,
    reading="an instance: its growth is far above 1, given to four digits",
    expect="reproduced",
    experiment="gradnorm.softmax_instance",
    seed=D.seed(),
    uses=["gradnorm.eq5.softmax.sharp"],
    mutants={"the norm does not grow": dict(low=0.0, high=1.0), "as without a bias": dict(low=1.1438, high=1.1439)},
)
def trained_bias(seed: Tensor, *, low: float = 1.1419, high: float = 1.142) -> Measurement:
    r"""On the same rows with a bias, under the same ridge, the gradient norm grows by the factor 1.1420.

    Notes: rows at the origin change nothing without a bias, but much with one: 1360 of them in class 1 bring the factor down to
    0.980.
    """
    return measurement(
        torch.full((len(seed),), instance()["bias"][0], dtype=torch.float64), expect=(low, high), show=[_table()]
    )


class Usual(NamedTuple):
    """Squared gradient norms of the candidates before and after, each (seeds, candidates)."""

    before: Tensor
    alone: Tensor
    before_batch: Tensor
    batch: Tensor


def _norms(X: Tensor, y: Tensor, used: list[int]) -> Tensor:
    """The candidates' squared gradient norms once the rows `used` are trained on."""
    theta = influence.softmax(X[used], y[used], 0.1, classes=3).theta
    g, _ = gradient_change.added_logits(X[TRAIN:] @ theta.T, torch.nn.functional.one_hot(y[TRAIN:], 3))
    return (g * g).sum(-1) * (X[TRAIN:] ** 2).sum(-1)


def _problem(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows with a bias, and their classes."""
    angle = 2 * math.pi * torch.arange(3, dtype=torch.float64) / 3
    centres = 2 / math.sqrt(3) * torch.stack([torch.cos(angle), torch.sin(angle)], -1)
    y = torch.randint(3, (TRAIN + POOL,), generator=generator)
    x = centres[y] + torch.randn(TRAIN + POOL, 2, generator=generator, dtype=torch.float64)
    return torch.cat([x, x.new_ones(len(x), 1)], 1), y


@remembered
def usual(seed: Tensor) -> Usual:
    """Every candidate's gradient before and after it was added alone (one problem), or all were (several problems)."""
    rows = []
    train, everything = list(range(TRAIN)), list(range(TRAIN + POOL))
    for s in seed.tolist():
        generator = torch.Generator().manual_seed(s)
        problems = [_problem(generator) for _ in range(PROBLEMS)]
        X, y = problems[0]
        alone = torch.stack([_norms(X, y, [*train, TRAIN + i])[i] for i in range(POOL)])
        before, after = (torch.cat([_norms(X, y, used) for X, y in problems]) for used in (train, everything))
        rows.append((before[:POOL], alone, before, after))
    return Usual(*(torch.stack(column) for column in zip(*rows, strict=True)))


@claim(
    id="gradnorm.eq5.usually",
    title="Eq. (5) for most samples, each added alone",
    source=EQ5,
    reading='"is likely to decrease": for at least 90 percent of the samples, the share that appendix A.2 reports',
    expect="reproduced",
    experiment="gradnorm.softmax_usual",
    seed=D.seed(),
    mutants={"for at most 90 percent": dict(low=0.0, high=0.9), "for half of them": dict(low=0.45, high=0.55)},
)
def usually(seed: Tensor, *, low: float = 0.9, high: float = 1.0) -> Measurement:
    r"""In softmax regression on three Gaussian classes the gradient norm of a sample falls once it is added, for at least 90
    percent of the samples.
    """
    found = usual(seed)
    return measurement((found.alone <= found.before).double().mean(-1), expect=(low, high))


@claim(
    id="gradnorm.eq5.usually.batch",
    title="Eq. (5) for most samples of a batch",
    source=EQ5,
    reading='"is likely to decrease": for 90 percent of a random batch, overlapping classes; the paper has selected samples',
    expect="not-reproduced",
    experiment="gradnorm.softmax_usual",
    seed=D.seed(),
    mutants={"for at least 95 percent": dict(low=0.95), "for all": dict(low=0.999)},
)
def usually_batch(seed: Tensor, *, low: float = 0.9, high: float = 1.0) -> Measurement:
    r"""When all 16 candidates are added at once, the gradient norm falls for at least 90 percent of them.

    Notes: samples of one class help each other and those of others hurt, whatever each would do alone (gradnorm.eq5.batch).
    Tables 4 and 5 of the paper are about batches of the largest scores, in networks.
    """
    found = usual(seed)
    return measurement((found.batch <= found.before_batch).double().mean(-1), expect=(low, high))


@claim(
    id="gradnorm.eq5.in_the_mean",
    title="Eq. (5) in the mean over the samples",
    source=EQ5,
    reading="the sign <~ as: in the mean over the samples, alone or in a batch",
    expect="reproduced",
    experiment="gradnorm.softmax_usual",
    seed=D.seed(),
    mutants={"does not fall": dict(low=1.0, high=10.0), "falls by half": dict(low=0.0, high=0.3)},
)
def in_the_mean(seed: Tensor, *, low: float = 0.0, high: float = 1.0) -> Measurement:
    r"""The mean of the squared gradient norms over the candidates falls, when each is added alone and when all are added at
    once: the larger of the two ratios of the means is below 1.
    """
    found = usual(seed)
    ratios = (found.alone.mean(-1) / found.before.mean(-1), found.batch.mean(-1) / found.before_batch.mean(-1))
    return measurement(torch.maximum(*ratios), expect=(low, high))
