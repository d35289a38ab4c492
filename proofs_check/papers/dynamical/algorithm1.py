r"""Algorithm 1: what its listing leaves out, and what is left of its criterion when training has converged."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import dynamics
from proofs_check import chain, claim, eq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings_gradients import CANDIDATES, LABELLED, ON_GRADIENTS, SOURCE
from proofs_check.relations import Relation

LISTING = f"{SOURCE}, section 3.2, Algorithm 1"
CLASSES = 2


def _fitted(x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
    """The least-squares weights of f(x) = x theta on the counted examples, (batch, 1, classes)."""
    square = (counted * x * x).sum(-1)
    square = torch.where(square > 0, square, torch.ones_like(square))
    return ((counted * x)[..., None] * y).sum(-2)[:, None, :] / square[:, None, None]


def _next(x: Tensor, theta: Tensor, open_: Tensor) -> Tensor:
    """The candidate with the largest change under its pseudo label, at convergence: one-hot, (batch, n)."""
    f = x[..., None] * theta
    d = dynamics.residual(f, dynamics.pseudo_labels(f), loss="squared")
    score = (d * d).sum(-1) * x * x
    lowest = torch.amin(score, -1)[:, None] - 1
    chosen = dynamics.top(torch.where(open_ > 0, score, lowest), 1)
    return torch.where(chosen, torch.ones_like(score), torch.zeros_like(score))


def _two_rounds(pool: Tensor, truth: Tensor, start: Tensor, start_y: Tensor, reduce_pool: bool) -> tuple[Tensor, Tensor]:
    """What the first and the second round query, b = 1, the model fitted to convergence before each."""
    x, y = torch.cat([pool, start], -1), torch.cat([truth, start_y], -2)
    everything, none, known = torch.ones_like(pool), torch.zeros_like(pool), torch.ones_like(start)
    first = _next(pool, _fitted(x, y, torch.cat([none, known], -1)), everything)
    left = everything - first if reduce_pool else everything
    second = _next(pool, _fitted(x, y, torch.cat([first, known], -1)), left)
    return first, second


def _distinct(first: Tensor, second: Tensor) -> Tensor:
    return torch.maximum(first, second).sum(-1)


def _can_be_fitted(start: Tensor) -> Tensor:
    """an input of the initial set is not 0"""
    return (start != 0).any(-1)


@claim(
    id="dynamical.algorithm1.as_printed",
    title="Algorithm 1 as listed queries R b different samples",
    source=LISTING,
    reading="as printed: the unlabeled set U is never reduced; squared loss, trained to convergence",
    expect="refuted",
    pool=D.real("n"),
    truth=D.labels("n", CLASSES),
    start=D.real("s"),
    start_y=D.labels("s", CLASSES),
    dims={"n": (2, 3), "s": (1, 2)},
    assumes=[_can_be_fitted],
    mutants={"one more": dict(more=1), "two more": dict(more=2)},
)
def as_printed(pool: Tensor, truth: Tensor, start: Tensor, start_y: Tensor, *, more: int = 0) -> Relation:
    r"""Let $f(x) = x\theta$ with one input and two classes be fitted by least squares to S before each of two rounds, and let
    each round query the candidate of U with the largest $\Delta(\{(x_u,\hat y_u)\}|S)$ and add it to S with its true label.
    Then two different samples are queried.

    In the paper: the listing ends a round with "Update the labeled data set $S = S\cup Q$".

    Counterexample: S = {(1, class 1), (1, class 2)}, U = {2 of class 1, 1}: $\theta = (1/2, 1/2)$, the scores are 4 and 1/2, so
    2 is queried; then $\theta = (1/2, 1/6)$, the scores are 4/9 and 5/18, and 2 is queried again.

    Notes: a line $U = U\setminus Q$ is missing (dynamical.algorithm1). Where labels contradict each other, as they do here,
    training does not bring the pseudo-gradient of a labelled example to zero. The cross-entropy does the same on the same data:
    it is fitted by $\sigma(\theta)+\sigma(2\theta) = 3/2$, and the scores are then .26 and .20.
    """
    first, second = _two_rounds(pool, truth, start, start_y, reduce_pool=False)
    return eq(_distinct(first, second), 2 + more + 0 * pool[:, 0], names=["different samples queried", "2"])


@claim(
    id="dynamical.algorithm1",
    title="Algorithm 1 with the pool reduced queries R b different samples",
    source=LISTING,
    reading="with U reduced by Q after each round; any scores",
    amends="dynamical.algorithm1.as_printed",
    scores=D.real(3, "n"),
    b=D.integer(1, 2),
    dims={"n": (6, 8)},
    mutants={"the pool not reduced": dict(reduce_pool=False), "one more": dict(more=1)},
)
def algorithm1(scores: Tensor, b: Tensor, *, reduce_pool: bool = True, more: int = 0) -> Relation:
    r"""If $U = U\setminus Q$ after each round, then R rounds of b queries query R b different samples, whatever the scores
    are in each round (here R = 3).
    """
    asked = dynamics.query_rounds(scores, b, reduce_pool=reduce_pool)
    ones, zeros = torch.ones_like(scores), torch.zeros_like(scores)
    ever = torch.where(asked, ones, zeros).amax(-2)
    return eq(ever.sum(-1), 3 * b + more + 0 * scores[:, 0, 0], names=["different samples queried", "R b"])


@claim(
    id="dynamical.algorithm1.near_convergence",
    title="Near convergence Algorithm 1 queries by the gradient norm",
    source=f"{LISTING}, training until convergence",
    candidates=CANDIDATES,
    labelled=LABELLED,
    b=D.integer(1, 3),
    dims={"n": (4, 5), "p": (1, 2)},
    on=ON_GRADIENTS,
    uses=["dynamical.eq12", "dynamical.influence_remark.at_convergence"],
    mutants={"1.5 for 2": dict(twice=1.5), "the set chosen with gamma = 4": dict(gamma=4.0)},
)
def near_convergence(candidates: Tensor, labelled: Tensor, b: Tensor, *, twice: float = 2.0, gamma: float = 2.0) -> Relation:
    r"""Let $Q_0$ be the b candidates with the largest $|g_u|^2$ and Q those with the largest $\Delta(\{u\}|S)$. Then
    $0 \;\le\; \sum_{Q_0}|g_u|^2-\sum_Q|g_u|^2 \;\le\; 2\left\langle g_S,\sum_Qg_u-\sum_{Q_0}g_u\right\rangle$: as training
    converges, $g_S \to 0$, the query loses nothing against the gradient norm, which is all that is left of the criterion.

    Proof: each set is the best for its own criterion.

    Tight at: $g_S = 0$; equal scores.
    """
    norms = (candidates * candidates).sum(-1)
    ones, zeros = torch.ones_like(norms), torch.zeros_like(norms)
    by_norm = torch.where(dynamics.top(norms, b), ones, zeros)
    by_change = torch.where(dynamics.top(dynamics.criterion(candidates, labelled, gamma), b), ones, zeros)
    lost = (norms * (by_norm - by_change)).sum(-1)
    moved = (candidates * (by_change - by_norm)[..., None]).sum(-2)
    return chain(
        0 * lost,
        lost,
        twice * (moved * labelled).sum(-1),
        names=["0", "what Q loses in gradient norm", "2 <g_S, difference>"],
    )
