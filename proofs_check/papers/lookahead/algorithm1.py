r"""Algorithm 1: what it keeps in the pool, and what a batch of the best scores contains."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import altheory as al
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.lookahead._settings_queries import DIMS, KERNEL, ON, OUTPUTS, POOL, SOURCE, WITH_COPIES, ahead_of
from proofs_check.relations import Relation

ALGORITHM = f"{SOURCE}, Algorithm 1"
SIZES = {"n": (2, 5)}

#: scores of the pool; the pool's own numbers; the oracle's answer
POOLS: dict[str, Any] = {"scores": D.real("n"), "label": D.integer(0, 3)}


def _left(scores: Tensor, label: Tensor, pair: bool) -> Tensor:
    """Which members of the pool stay: (batch, n) ones and zeros. A member is a number and a label, -1 for none."""
    n = scores.shape[-1]
    chosen = torch.argmax(scores, -1)
    same = torch.arange(n)[None] == chosen[:, None]
    if pair:
        held = torch.full((n,), -1)
        same = same & (held[None] == label[:, None])
    return torch.where(same, torch.zeros_like(scores), torch.ones_like(scores))


@claim(
    id="lookahead.algorithm1.as_printed",
    title="Algorithm 1 takes the labelled pair out of the pool",
    source=ALGORITHM,
    reading="as printed: the pair (x*, y*) is removed from a set of points without labels",
    expect="refuted",
    **POOLS,
    dims=SIZES,
    mutants={"two are removed": dict(removed=2), "by three": dict(removed=3)},
)
def algorithm1_as_printed(scores: Tensor, label: Tensor, *, removed: int = 1) -> Relation:
    r"""After $U_{t+1} = U_t\setminus\{(x^*,y^*)\}$ the pool has one point less.

    Counterexample: a pool of two points: no member of it is a pair with a label, so both stay.

    Notes: plainly a slip; meant is $U_{t+1} = U_t\setminus\{x^*\}$, lookahead.algorithm1.
    """
    left = _left(scores, label, pair=True).sum(-1)
    return eq(left, scores.shape[-1] - removed + 0 * left, names=["points left", "one less than before"])


@claim(
    id="lookahead.algorithm1",
    title="Algorithm 1 takes the chosen point out of the pool",
    source=f"replaces {ALGORITHM}",
    amends="lookahead.algorithm1.as_printed",
    **POOLS,
    dims=SIZES,
    mutants={"the pair": dict(pair=True), "two are removed": dict(removed=2)},
)
def algorithm1(scores: Tensor, label: Tensor, *, pair: bool = False, removed: int = 1) -> Relation:
    r"""After $U_{t+1} = U_t\setminus\{x^*\}$ the pool has one point less, and no score in it is above that of $x^*$."""
    stay = _left(scores, label, pair)
    left = stay.sum(-1)
    top = torch.amax(scores, -1)
    lowest = torch.amin(scores, -1)
    rest = torch.amax(torch.where(stay > 0, scores, lowest[:, None]), -1)
    return all_of(
        eq(left, scores.shape[-1] - removed + 0 * left, names=["points left", "one less than before"]),
        leq(rest, top, names=["best score left", "score of x*"]),
    )


def _crowded(M: Tensor, F: Tensor) -> tuple[Tensor, Tensor]:
    """The same with the second candidate a copy of the first."""
    n = M.shape[-1] - POOL
    order = torch.tensor([*range(n), n, n, n + 2])
    return torch.index_select(torch.index_select(M, -1, order), -2, order), torch.index_select(F, 1, order)


def first_is_best(M: Tensor, F: Tensor) -> Tensor:
    """the point that is there twice has a larger score than the other one"""
    scores = al.lookahead.most_likely_change(ahead_of(*_crowded(M, F)), unresolved="dependent")
    return scores[:, 0] > 1.001 * scores[:, 2]


@claim(
    id="lookahead.algorithm1.batch",
    title="A batch of the highest scores needs no diversity",
    source=f"{SOURCE}, section 5: 'which we found to perform well without any batch diversity requirements'",
    reading="for every pool, copies of a point among them: the second of a batch of two still has something to tell",
    expect="refuted",
    M=WITH_COPIES,
    F=OUTPUTS,
    dims={"m": (4, 4), "C": (2, 2)},
    on=f"{ON}, one candidate there twice",
    assumes=[first_is_best],
    mutants={"a hundredth of what it had": dict(least=0.01), "a fifth of what it had": dict(least=0.2)},
)
def batch(M: Tensor, F: Tensor, *, least: float = 0.001) -> Relation:
    r"""Of the batch of the two highest scores (MLMOC, a converged model), labelling one leaves at least a thousandth of the
    other's posterior variance u.

    Counterexample: two copies of a point with a larger score than all others are both chosen, for equal points have equal
    scores; the label of one leaves u = 0 at the other. Scores 1.131, 1.131, 0.566 in the audit's example.

    Notes: the sentence is about the paper's data sets, in which no point is there twice; near copies differ by degree.
    """
    ahead = ahead_of(*_crowded(M, F))
    later = ahead.acquire(0, ahead.labels[:, 0])
    return leq(least * ahead.u[:, 1], later.u[:, 1], names=["share of u before", "u after"])


@claim(
    id="lookahead.algorithm1.distinct",
    title="Distinct points leave something",
    source=f"replaces {SOURCE}, section 5",
    amends="lookahead.algorithm1.batch",
    M=KERNEL,
    F=OUTPUTS,
    dims=DIMS,
    on=ON,
    mutants={"one percent more": dict(share=1.01), "as if independent": dict(loss=0.0)},
)
def distinct(M: Tensor, F: Tensor, *, share: float = 1.0, loss: float = 1.0) -> Relation:
    r"""Labelling candidate j leaves $u'(x) = u(x)\,(1-\rho^2)$ at x, $\rho = S(x,j)/\sqrt{u(x)u(j)}$ their posterior
    correlation: less than all of it, where the kernel of all points is positive definite.
    """
    n = M.shape[-1] - POOL
    before = ahead_of(M, F)
    after = before.acquire(0, F[:, n] + 1)
    square = before.S[:, 0, 1] * before.S[:, 0, 1]
    left = before.u[:, 1] - loss * square / before.u[:, 0]
    return eq(share * after.u[:, 1], left, names=["u after", "u (1 - rho^2)"])
