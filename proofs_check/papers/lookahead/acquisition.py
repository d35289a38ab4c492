r"""Acquisition functions in general (eq. 1), expected model output change (eq. 3), and what BADGE bounds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.lookahead._settings_queries import (
    DIGITS,
    DIMS,
    KERNEL,
    ON,
    OUTPUTS,
    POOL,
    RESIDUALS,
    SOURCE,
    ahead_of,
    alike,
    change,
    one_hot,
)
from proofs_check.relations import Relation

EQ1 = f"{SOURCE}, section 2, eq. (1)"
EQ3 = f"{SOURCE}, section 2, eq. (3)"
BADGE = f"{SOURCE}, section 2, after eq. (1)"


@claim(
    id="lookahead.eq1.as_printed",
    title="The candidate of eq. (1) is one candidate",
    source=EQ1,
    reading="argmax is one point, whatever the order in which the pool is listed",
    expect="refuted",
    scores=D.real("n"),
    dims={"n": (1, 6)},
    mutants={"for integer scores": dict(rounded=True), "for scores of one size": dict(sizes=True)},
)
def eq1_as_printed(scores: Tensor, *, rounded: bool = False, sizes: bool = False) -> Relation:
    r"""The first maximiser of the scores is the same candidate when the pool is listed backwards.

    In the paper: $x^* = \mathrm{argmax}_{x\in U}A(x,f_L,L,U)$.

    Counterexample: two candidates with scores (1, 1).

    Notes: not an accident of measure zero: equal points have equal scores (lookahead.eq1.copies), and so have all candidates
    of a converged model that fits the pool.
    """
    scores = torch.abs(scores) if sizes else torch.round(scores) if rounded else scores
    n = scores.shape[-1]
    first = torch.argmax(scores, -1)
    last = n - 1 - torch.argmax(torch.flip(scores, [-1]), -1)
    return eq(first, last, names=["first maximiser", "first maximiser, listed backwards"])


@claim(
    id="lookahead.eq1",
    title="Scores follow the points, not their places",
    source=EQ1,
    reading="argmax up to ties",
    amends="lookahead.eq1.as_printed",
    M=KERNEL,
    F=OUTPUTS,
    R=RESIDUALS,
    dims=DIMS,
    on=ON,
    also_on=DIGITS,
    mutants={"backwards as if in turn": dict(turn=0), "one percent more": dict(share=1.01)},
)
def eq1(M: Tensor, F: Tensor, R: Tensor, *, turn: int = 1, share: float = 1.0) -> Relation:
    r"""When the pool is listed in another order (each candidate one place later, the last one first), the scores MLMOC are
    listed in that order too.

    Notes: with it, a rule for ties such as "the first" is all that eq. (1) lacks. Shifts and exchanges make all orders; the
    formula treats all candidates alike.
    """
    n = M.shape[-1] - POOL
    order = torch.tensor([*range(n), n + 2, n, n + 1])
    turned = torch.index_select(torch.index_select(M, -1, order), -2, order)
    moved = al.lookahead.most_likely_change(ahead_of(turned, torch.index_select(F, 1, order), R))
    stayed = torch.roll(al.lookahead.most_likely_change(ahead_of(M, F, R)), turn, -1)
    return alike(share * moved, stayed, ["score in the new order", "score, moved"])


def _with_copy(x: Tensor) -> Tensor:
    """The same with the first candidate's entries in place of the second's."""
    n = x.shape[1] - POOL
    return torch.index_select(x, 1, torch.tensor([*range(n), n, n, n + 2]))


@claim(
    id="lookahead.eq1.copies",
    title="Equal points have equal scores",
    source="own derivation",
    sharpens="lookahead.eq1",
    M=KERNEL,
    F=OUTPUTS,
    R=RESIDUALS,
    p=D.simplex("C"),
    dims=DIMS,
    on=ON,
    mutants={"one percent more": dict(share=1.01), "equal in the kernel alone": dict(outputs=False)},
)
def eq1_copies(M: Tensor, F: Tensor, R: Tensor, p: Tensor, *, share: float = 1.0, outputs: bool = True) -> Relation:
    r"""If two candidates are the same point, their scores are the same: MLMOC, and EMOC with the same probabilities.

    Notes: so choosing the q best takes every copy of a good point (lookahead.algorithm1.batch).
    """
    twice = torch.transpose(_with_copy(torch.transpose(_with_copy(M), -1, -2)), -1, -2)
    ahead = ahead_of(twice, _with_copy(F) if outputs else F, R)
    most, expected = al.lookahead.most_likely_change(ahead), al.lookahead.expected_change(ahead, p[:, None] + 0 * ahead.F)
    both = torch.stack([most[:, 0], expected[:, 0]], -1), torch.stack([most[:, 1], expected[:, 1]], -1)
    return alike(share * both[0], both[1], ["score of the point", "score of its copy"])


def _expectation(M: Tensor, F: Tensor, R: Tensor, p: Tensor) -> Tensor:
    """EMOC of each candidate by eq. (3) and (11)."""
    C = F.shape[-1]
    by_label = [torch.stack([change(M, F, R, j, one_hot(c, F)) for c in range(C)], -1) for j in range(POOL)]
    return torch.stack([(p * found).sum(-1) for found in by_label], -1)


@claim(
    id="lookahead.eq3",
    title="Expected model output change of all candidates at once",
    source=EQ3,
    M=KERNEL,
    F=OUTPUTS,
    R=RESIDUALS,
    p=D.simplex("C"),
    dims=DIMS,
    on=ON,
    also_on=DIGITS,
    mutants={"one percent more": dict(share=1.01), "every class alike": dict(uniform=True)},
)
def eq3(M: Tensor, F: Tensor, R: Tensor, p: Tensor, *, share: float = 1.0, uniform: bool = False) -> Relation:
    r"""With the distance $\|\cdot\|_2$ and $f_{L^+}$ of eq. (11), the EMOC of all candidates (al.lookahead.expected_change) is
    $\sum_cp_c\sum_{x\in U}\|f_L(x)-f_{L\cup(x',c)}(x)\|_2$ with one solve of (11) for each candidate and label.

    Notes: a definition, well posed where $f_{L^+}$ is a function of $(f_L,L,x,y)$: true for (11), not for training by SGD.
    """
    weights = 0 * p + 1 / p.shape[-1] if uniform else p
    ahead = ahead_of(M, F, R)
    ours = al.lookahead.expected_change(ahead, p[:, None] + 0 * ahead.F)
    return alike(share * ours, _expectation(M, F, R, weights), ["all at once", "eq. (3)"])


@claim(
    id="lookahead.eq3.set",
    title="The labelled points are a set",
    source=EQ3,
    M=KERNEL,
    F=OUTPUTS,
    R=RESIDUALS,
    p=D.simplex("C"),
    dims={"m": (5, 6), "C": (2, 3)},
    on=ON,
    mutants={"one percent more": dict(share=1.01), "residuals left in their places": dict(together=False)},
)
def eq3_set(M: Tensor, F: Tensor, R: Tensor, p: Tensor, *, share: float = 1.0, together: bool = True) -> Relation:
    """EMOC does not depend on the order in which the labelled points are listed."""
    m = M.shape[-1]
    order = torch.tensor([*reversed(range(m - POOL)), *range(m - POOL, m)])
    turned = torch.index_select(torch.index_select(M, -1, order), -2, order)
    residuals = torch.index_select(R, 1, order) if together else R
    chances = p[:, None] + 0 * F[:, m - POOL :]
    listed = al.lookahead.expected_change(ahead_of(M, F, R), chances)
    backwards = al.lookahead.expected_change(ahead_of(turned, torch.index_select(F, 1, order), residuals), chances)
    return alike(share * listed, backwards, ["EMOC", "EMOC, L listed backwards"])


LAST_LAYER: dict[str, Any] = {"h": D.real("q"), "y": D.labels(1, "C")}
SIZES = {"C": (1, 6), "q": (1, 3)}


def _length(p: Tensor, h: Tensor, y: Tensor) -> Tensor:
    gradient = (p - y[:, 0])[:, :, None] * h[:, None, :]
    return torch.sqrt((gradient * gradient).sum((-2, -1)))


@claim(
    id="lookahead.badge",
    title="BADGE bounds the last layer's gradient from below",
    source=BADGE,
    p=D.simplex("C"),
    **LAST_LAYER,
    dims=SIZES,
    mutants={"one percent more": dict(share=1.01), "half a percent of |h| more": dict(extra=0.005)},
)
def badge(p: Tensor, h: Tensor, y: Tensor, *, share: float = 1.0, extra: float = 0.0) -> Relation:
    r"""For probabilities p and the input h of the last layer, $\|h\|\,\|p-e_{\hat y}\| \le \|(p-e_y)\otimes h\|_F$ for every
    label y, $\hat y$ the largest of p: BADGE's embedding is not longer than the last layer's gradient of the cross-entropy
    under any label.

    In the paper: "BADGE lower-bounds the gradient norm of the last layer induced by any possible label".

    Proof: lookahead.badge.distance: $\|p-e_y\|^2 = 1-2p_y+\|p\|^2$ is least where $p_y$ is largest.

    Tight at: $y = \hat y$, and every y with the same probability.
    """
    bound = share * al.lookahead.badge_length(p, h) + extra * torch.linalg.vector_norm(h, dim=-1)
    return leq(bound, _length(p, h, y), names=["|h| |p - e_yhat|", "gradient length under y"])


@claim(
    id="lookahead.badge.any_vector",
    title="The nearest label, for outputs that are no probabilities",
    source="own derivation",
    sharpens="lookahead.badge",
    p=D.real("C"),
    **LAST_LAYER,
    dims=SIZES,
    mutants={"one percent more": dict(share=1.01), "half a percent of |h| more": dict(extra=0.005)},
)
def badge_any_vector(p: Tensor, h: Tensor, y: Tensor, *, share: float = 1.0, extra: float = 0.0) -> Relation:
    r"""The same for every real vector p: $\|h\|\min_c\|p-e_c\| = \|h\|\,\|p-e_{\hat y}\| \le \|h\|\,\|p-e_y\|$.

    Tight at: $y = \hat y$.

    Notes: networks trained on the squared error have such outputs; MLMOC's label is the nearest one for them too.
    """
    best = al.dynamics.pseudo_labels(p)
    bound = share * torch.linalg.vector_norm(h, dim=-1) * torch.linalg.vector_norm(p - best, dim=-1)
    bound = bound + extra * torch.linalg.vector_norm(h, dim=-1)
    return leq(bound, _length(p, h, y), names=["|h| |p - e_yhat|", "gradient length under y"])


@claim(
    id="lookahead.badge.distance",
    title="Distances of a vector from the labels",
    source="own derivation",
    p=D.real("C"),
    y=D.labels(1, "C"),
    dims={"C": (1, 6)},
    mutants={"factor 1.98 for 2": dict(factor=1.98), "without the label's own length": dict(one=0.99)},
)
def badge_distance(p: Tensor, y: Tensor, *, factor: float = 2.0, one: float = 1.0) -> Relation:
    r"""$\|p-e_y\|^2 = 1-2p_y+\|p\|^2$ for every real vector p."""
    gap = (p - y[:, 0]) * (p - y[:, 0])
    return eq(gap.sum(-1), one - factor * (p * y[:, 0]).sum(-1) + (p * p).sum(-1), names=["|p - e_y|^2", "1 - 2 p_y + |p|^2"])
