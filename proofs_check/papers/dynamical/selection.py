r"""Equations (9) to (12): from the query set that is wanted to the one that is taken."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import dynamics
from proofs_check import claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings_gradients import (
    CANDIDATES,
    DIGITS,
    LABELLED,
    ON_GRADIENTS,
    SOURCE,
    best_subset,
)
from proofs_check.relations import Relation

SECTION = f"{SOURCE}, section 3.2"
POOL = {"n": (3, 5), "p": (1, 2)}


def _changes(candidates: Tensor, labelled: Tensor, rows: Tensor) -> Tensor:
    """Delta(Q|S) of every subset of the candidates, (batch, subsets)."""
    sums = rows @ candidates
    return (sums * sums).sum(-1) + 2 * (sums * labelled[:, None, :]).sum(-1)


@claim(
    id="dynamical.eq11",
    title="Eq. (11): the largest dynamics is the largest change",
    source=f"{SECTION}, eq. (9) to (11)",
    candidates=CANDIDATES,
    labelled=LABELLED,
    b=D.integer(1, 3),
    dims=POOL,
    on=ON_GRADIENTS,
    mutants={"subsets one smaller": dict(fewer=1), "one percent more": dict(share=1.01)},
)
def eq11(candidates: Tensor, labelled: Tensor, b: Tensor, *, fewer: int = 0, share: float = 1.0) -> Relation:
    r"""Over the subsets Q of b candidates, $\max_QG(S\cup Q) = G(S)+\max_Q\Delta(Q|S)$, where
    $\Delta(Q|S) = G(S\cup Q)-G(S)$: the same sets are best.

    In the paper: eq. (9) with true labels and (10) with pseudo labels $\hat y = \mathrm{argmax}\,f$ define what is maximised;
    (11) replaces G by $\Delta$ "without causing any change on the result".

    Notes: nothing links (9) to (10): the pseudo-gradient may point the other way (dynamical.eq10.as_eq9). Where outputs
    are tied (10) is not well defined (dynamical.eq10.ties).
    """
    rows = dynamics.subsets(candidates.shape[-2])
    sizes = (rows > 0).sum(-1)[None]
    sums = rows @ candidates + labelled[:, None, :]
    G = best_subset((sums * sums).sum(-1), sizes, b)
    gain = best_subset(_changes(candidates, labelled, rows), sizes, b - fewer)
    return eq(G, (labelled * labelled).sum(-1) + share * gain, names=["max G(S + Q)", "G(S) + max Delta(Q|S)"])


@claim(
    id="dynamical.eq12",
    title="Eq. (12): the b largest scores solve the relaxed problem",
    source=f"{SECTION}, eq. (12)",
    candidates=CANDIDATES,
    labelled=LABELLED,
    b=D.integer(1, 3),
    dims=POOL,
    on=ON_GRADIENTS,
    also_on=DIGITS,
    mutants={"one percent less": dict(share=0.99), "chosen by gradient norm": dict(gamma=0.0)},
)
def eq12(candidates: Tensor, labelled: Tensor, b: Tensor, *, share: float = 1.0, gamma: float = 2.0) -> Relation:
    r"""Over the subsets Q of b candidates, $\sum_{u\in Q}\Delta(\{u\}|S)$ is largest for the b candidates with the largest
    $\Delta(\{u\}|S)$; ties may be broken at will.

    Proof: the sum is modular: exchanging a member for a candidate with a larger score does not lower it.
    """
    scores = dynamics.change(candidates, labelled)
    rows = dynamics.subsets(candidates.shape[-2])
    best = best_subset((rows @ scores[..., None])[..., 0], (rows > 0).sum(-1)[None], b)
    chosen = dynamics.top(dynamics.criterion(candidates, labelled, gamma), b)
    taken = (scores * torch.where(chosen, torch.ones_like(scores), torch.zeros_like(scores))).sum(-1)
    return eq(share * taken, best, names=["sum over the b largest", "max over subsets"])


@claim(
    id="dynamical.eq10.as_eq9",
    title="Eq. (10) with pseudo labels solves eq. (9) with true ones",
    source=f"{SECTION}, pseudo labeling",
    reading="the candidate chosen with pseudo labels is the best one with true labels",
    expect="refuted",
    points=D.real("n", 1),
    f=D.real("n", 2),
    y=D.labels("n", 2),
    dims={"n": (2, 3)},
    mutants={"half as good": dict(share=0.5), "a tenth as good": dict(share=0.1)},
)
def eq10_as_eq9(points: Tensor, f: Tensor, y: Tensor, *, share: float = 0.01) -> Relation:
    r"""For softmax regression with two classes, $g_S = 0$ and b = 1, the candidate that maximises
    $G(S\cup\{u\})$ under its pseudo label reaches at least one hundredth of the largest $G(S\cup\{u\})$ under true labels.

    Counterexample: $x_1 = 1/10$ with outputs (0, 0), and $x_2 = 1$ with outputs (12, 0) though it is of the second class: under
    true labels $|g_u|^2$ is 1/200 and nearly 2; under pseudo labels $2e^{-24}$ at most for the second, so the first is chosen.

    Notes: the paper claims no such thing; it says that pseudo labels have served others well. A confident mistake, the most
    useful query of all, has a small pseudo-gradient.
    """

    def scores(labels: Tensor) -> Tensor:
        d = dynamics.residual(f, labels)
        return (d * d).sum(-1) * (points * points).sum(-1)

    true, pseudo = scores(y), scores(dynamics.pseudo_labels(f))
    chosen = dynamics.top(pseudo, 1)
    reached = (true * torch.where(chosen, torch.ones_like(true), torch.zeros_like(true))).sum(-1)
    return leq(share * true.amax(-1), reached, names=["a share of the best under true labels", "chosen with pseudo labels"])


@claim(
    id="dynamical.eq10.ties",
    title="Eq. (10) where two classes are tied",
    source=f"{SECTION}, pseudo labeling",
    reading="the pseudo label is any class of largest output",
    expect="refuted",
    level=D.real(),
    J=D.real(2, "p"),
    labelled=LABELLED,
    dims={"p": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "for gradients of S reversed": dict(sign=-1.0)},
)
def eq10_ties(level: Tensor, J: Tensor, labelled: Tensor, *, share: float = 1.0, sign: float = 1.0) -> Relation:
    r"""If both outputs of a candidate are equal, $\Delta(\{(x_u,\hat y_u)\}|S)$ is the same for either pseudo label.

    Counterexample: one parameter, gradients of the outputs 1 and 0, $g_S = 1$: the pseudo-gradients are $-1/2$ and $1/2$, and
    $\Delta = -3/4$ against $5/4$.

    Notes: so a rule for ties is part of the method; `altheory.dynamics.pseudo_labels` takes the first class.
    """
    f = torch.stack([level, level], -1)[:, None, :]
    change = []
    for winner in range(2):
        y = torch.zeros_like(f) + torch.eye(2, dtype=torch.float64)[winner]
        g = dynamics.sample_gradients(J[:, None], dynamics.residual(f, y))
        change.append(dynamics.change(g, sign * labelled)[:, 0])
    return eq(change[0], share * change[1], names=["Delta, first class", "Delta, second class"])
