r"""MLMOC (eq. 13): all candidates at once, what it is for a converged model, and what it is not for another one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import altheory as al
from proofs_check import all_of, claim, eq, leq
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
    WITH_COPIES,
    ahead_of,
    alike,
    change,
)
from proofs_check.relations import Relation

EQ13 = f"{SOURCE}, section 3, eq. (13)"


def _pool(M: Tensor, x: Tensor) -> Tensor:
    return x[:, M.shape[-1] - POOL :]


def _most_likely(F: Tensor) -> Tensor:
    return al.dynamics.pseudo_labels(F)


@claim(
    id="lookahead.eq13",
    title="MLMOC of all candidates at once",
    source=f"{EQ13}, with eq. (11) and (12)",
    M=KERNEL,
    F=OUTPUTS,
    R=RESIDUALS,
    dims=DIMS,
    on=ON,
    also_on=DIGITS,
    uses=["lookahead.eq12"],
    mutants={"one percent more": dict(share=1.01), "the least likely label": dict(sign=-1.0)},
)
def eq13(M: Tensor, F: Tensor, R: Tensor, *, share: float = 1.0, sign: float = 1.0) -> Relation:
    r"""Let $S = \Theta_{UU}-\Theta_{UL}\Theta_{LL}^{-1}\Theta_{LU}$ with diagonal u, $G = \Theta_{UL}\Theta_{LL}^{-1}(Y-F_L)$
    and $H = F_U+G$. Then $\sum_{x\in U}\|G(x)+\frac{S(x,x')}{u(x')}(e_{\hat y}-H(x'))\|_2$ with $\hat y =
    \mathrm{argmax}\,f_L(x')$ is, for every candidate x', the score $\sum_{x\in U}\|f_L(x)-f^{lin}_{L^+}(x)\|_2$ with
    $f^{lin}_{L^+}$ from (11).

    Notes: one factorisation and one product of matrices for all candidates and, with $e_c$ in its place, for all labels; (11)
    is a solve for each of them.
    """
    labels = _most_likely(sign * _pool(M, F))
    one_by_one = torch.stack([change(M, F, R, j, labels[:, j]) for j in range(POOL)], -1)
    return alike(share * al.lookahead.most_likely_change(ahead_of(M, F, R)), one_by_one, ["all at once", "eq. (11) and (13)"])


def _factors(M: Tensor, F: Tensor) -> Tensor:
    """|e_yhat - f(x')| sum_x |S(x, x')| / u(x'), from the blocks of M alone."""
    n = M.shape[-1] - POOL
    S = M[:, n:, n:] - M[:, n:, :n] @ torch.linalg.solve(M[:, :n, :n], M[:, :n, n:])
    gap = torch.linalg.vector_norm(_most_likely(F[:, n:]) - F[:, n:], dim=-1)
    return gap * torch.abs(S).sum(-2) / torch.linalg.diagonal(S)


@claim(
    id="lookahead.eq13.factorises",
    title="MLMOC of a converged model",
    source="own derivation",
    sharpens="lookahead.eq13",
    M=KERNEL,
    F=OUTPUTS,
    dims=DIMS,
    on=ON,
    also_on=DIGITS,
    mutants={"one percent more": dict(share=1.01), "not converged": dict(left=0.1)},
)
def factorises(M: Tensor, F: Tensor, *, share: float = 1.0, left: float = 0.0) -> Relation:
    r"""If $f_L$ has converged, $\mathrm{MLMOC}(x') = \|e_{\hat y}-f_L(x')\|_2\cdot\frac{1}{u(x')}\sum_{x\in U}|S(x,x')|$: the
    distance of the outputs from the nearest label times a column of the posterior covariance, in units of its diagonal.

    Proof: lookahead.eq13 with G = 0.

    Notes: the kernel enters by the second factor alone, the labels only by the first. Where the outputs are exactly a label,
    the score is 0 whatever the kernel.
    """
    labels = _most_likely(_pool(M, F))
    R = left * (F + 1)
    one_by_one = torch.stack([change(M, F, R, j, labels[:, j]) for j in range(POOL)], -1)
    return alike(share * _factors(M, F), one_by_one, ["two factors", "eq. (11) and (13)"])


FEATURES: dict[str, Any] = {
    "labelled": D.real("p"),
    "pool": D.real(2, "p"),
    "r": D.real(2),
    "F": D.real(2, 2),
}


def _two(labelled: Tensor, pool: Tensor, r: Tensor, F: Tensor) -> al.lookahead.LookAhead:
    """A pool of two points with one labelled point, all by their features, and residuals r = Y - f_L there."""
    J_L = labelled[:, None]
    turned = torch.transpose(pool, -1, -2)
    r = r[:, None]
    return al.lookahead.from_kernels(
        (J_L * J_L).sum(-1)[..., None], pool @ torch.transpose(J_L, -1, -2), pool @ turned, r, 0 * r, F
    )


def _independent(labelled: Tensor, pool: Tensor) -> Tensor:
    """each candidate's feature is far from the labelled one's span: u is at least a hundredth of k(x',x') > 0"""
    size = (labelled * labelled).sum(-1)
    cross = (pool * labelled[:, None]).sum(-1)
    own = (pool * pool).sum(-1)
    return (size > 0) & (100 * (size[:, None] * own - cross * cross) >= size[:, None] * own).all(-1) & (own > 0).all(-1)


def _changes_more(labelled: Tensor, pool: Tensor, r: Tensor, F: Tensor) -> Tensor:
    """the first candidate changes the linear model more than the second one does"""
    found = al.lookahead.most_likely_change(_two(labelled, pool, r, F), against="linearised", unresolved="dependent")
    return found[:, 0] > found[:, 1]


@claim(
    id="lookahead.eq13.ranking",
    title="MLMOC chooses the candidate that changes most",
    source=EQ13,
    reading="f_L has not converged: (13) compares the network with a retrained linear model",
    expect="refuted",
    **FEATURES,
    dims={"p": (2, 2)},
    assumes=[_independent, _changes_more],
    mutants={"by one percent": dict(share=1.01), "by two percent": dict(share=1.02)},
)
def ranking(labelled: Tensor, pool: Tensor, r: Tensor, F: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let labelling the first candidate, with its most likely label, change the linear model by more than labelling the second
    one: $\sum_x\|f^{lin}_{L\cup x_1}(x)-f^{lin}_L(x)\| > \sum_x\|f^{lin}_{L\cup x_2}(x)-f^{lin}_L(x)\|$. Then the first one has
    the larger score (13), $\sum_x\|f^{lin}_{L^+}(x)-f_L(x)\|$.

    Counterexample: features l = (1,0,0), p = (1,1,0), q = (0,0,1), outputs (1/2, 1/2) at p and q, residuals (-1/2, 1/2) at l.
    The linear model changes by $\sqrt2$ with p and by $1/\sqrt2$ with q, but (13) is $1/\sqrt2$ for p and $\sqrt2$ for q.

    Notes: what the network still lacks, $G(x) = f^{lin}_L(x)-f_L(x)$, stands in every norm and depends on no candidate.
    """
    found = al.lookahead.most_likely_change(_two(labelled, pool, r, F), unresolved="dependent")
    return leq(share * found[:, 1], found[:, 0], names=["MLMOC of the second", "MLMOC of the first"])


def _scores_more_when_converged(labelled: Tensor, pool: Tensor, r: Tensor, F: Tensor) -> Tensor:
    """with residuals 0 the first candidate has the larger score"""
    found = al.lookahead.most_likely_change(_two(labelled, pool, 0 * r, F), unresolved="dependent")
    return found[:, 0] > found[:, 1]


@claim(
    id="lookahead.eq13.unconverged",
    title="What the labelled points lack does not matter to the order",
    source=EQ13,
    reading="f_L has not converged: the residuals on L do not change which of two candidates scores higher",
    expect="refuted",
    **FEATURES,
    dims={"p": (2, 2)},
    assumes=[_independent, _scores_more_when_converged],
    mutants={"by one percent": dict(share=1.01), "by two percent": dict(share=1.02)},
)
def unconverged(labelled: Tensor, pool: Tensor, r: Tensor, F: Tensor, *, share: float = 1.0) -> Relation:
    r"""If the first candidate has the larger score (13) where $f_L(X) = Y$, then also where $f_L(X) = Y-r$, with the same
    outputs on the pool.

    Counterexample: features (1,0,0) for the labelled point, p = (1,1,0), q = (0,0,1), outputs (0.5, 0.49) and (0.7, 0.3). For
    residuals 0 the scores are $13\sqrt{29}/100 = 0.700$ for p and $3\sqrt2/10 = 0.424$ for q; for residuals (1/2, -1/2) they
    are 0.700 and $4\sqrt2/5 = 1.131$.

    Notes: here the linear model indeed moves more with q (0.424, against 0.01 for p, whose label it nearly has already); the
    score is not wrong in the order, but 0.707 of its 1.131 is what q has no part in. Where the order is wrong too:
    lookahead.eq13.ranking.
    """
    found = al.lookahead.most_likely_change(_two(labelled, pool, r, F), unresolved="dependent")
    return leq(share * found[:, 1], found[:, 0], names=["MLMOC of the second", "MLMOC of the first"])


@claim(
    id="lookahead.eq13.linearised",
    title="Against the linear model, what has not converged drops out",
    source="own derivation",
    amends="lookahead.eq13.ranking",
    M=KERNEL,
    F=OUTPUTS,
    R=RESIDUALS,
    dims=DIMS,
    on=ON,
    mutants={"one percent more": dict(share=1.01), "against the network": dict(against="network")},
)
def linearised(M: Tensor, F: Tensor, R: Tensor, *, share: float = 1.0, against: str = "linearised") -> Relation:
    r"""The score against $f_L^{lin}$, $\sum_{x\in U}\|f^{lin}_{L^+}(x)-f^{lin}_L(x)\|_2$, is $\|e_{\hat
    y}-f_L^{lin}(x')\|_2\cdot\frac{1}{u(x')}\sum_{x\in U}|S(x,x')|$: the form of a converged model, with the outputs that
    $f_L$ tends to.

    Notes: (13) with $f^{lin}_L$ in the place of $f_L$; al.lookahead.most_likely_change(..., against="linearised").
    """
    n = M.shape[-1] - POOL
    H = F[:, n:] + M[:, n:, :n] @ torch.linalg.solve(M[:, :n, :n], R[:, :n])
    S = M[:, n:, n:] - M[:, n:, :n] @ torch.linalg.solve(M[:, :n, :n], M[:, :n, n:])
    gap = torch.linalg.vector_norm(_most_likely(F[:, n:]) - H, dim=-1)
    factors = gap * torch.abs(S).sum(-2) / torch.linalg.diagonal(S)
    ours = al.lookahead.most_likely_change(ahead_of(M, F, R), against=against)
    return alike(share * ours, factors, ["change of the linear model", "two factors"])


@claim(
    id="lookahead.sequential",
    title="Labels added one after the other",
    source=f"{SOURCE}, section 3, 'Sequential query strategy'",
    M=KERNEL,
    F=OUTPUTS,
    R=RESIDUALS,
    labels=D.real(2, "C"),
    dims=DIMS,
    on=ON,
    uses=["lookahead.eq12"],
    mutants={"one percent more": dict(share=1.01), "labels exchanged": dict(exchanged=True)},
)
def sequential(M: Tensor, F: Tensor, R: Tensor, labels: Tensor, *, share: float = 1.0, exchanged: bool = False) -> Relation:
    r"""Adding two candidates with their labels to the linear model in turn, each time by $F' = H+b\,(y-H(j))^\top$, $S' =
    S-sb^\top$ with $s = S_{\cdot j}$, $b = s/u(j)$, gives at the third candidate the outputs of eq. (11) with both at once,
    in either order.

    In the paper: "adding another training point (x,y) requires nothing more than adding a row and column to the kernel".

    Notes: $O(U^2)$ for each label, where (11) solves again.
    """
    n = M.shape[-1] - POOL
    a, b = (labels[:, 1], labels[:, 0]) if exchanged else (labels[:, 0], labels[:, 1])
    ahead = ahead_of(M, F, R)
    turn = ahead.acquire(0, a).acquire(1, b).F[:, 2]
    other = ahead.acquire(1, b).acquire(0, a).F[:, 2]
    residual = torch.cat([R[:, :n], labels - F[:, n : n + 2]], 1)
    at_once = F[:, n + 2] + (M[:, n + 2, : n + 2, None] * torch.linalg.solve(M[:, : n + 2, : n + 2], residual)).sum(-2)
    names = ["one after the other", "eq. (11) at once"]
    return all_of(
        eq(share * turn[:, 0], at_once[:, 0], names=names),
        eq(share * other[:, 1], at_once[:, 1], names=[*names[:1], "at once"]),
    )


@claim(
    id="lookahead.sequential.copies",
    title="A copy of a labelled point has nothing left",
    source="own derivation",
    M=WITH_COPIES,
    F=OUTPUTS,
    label=D.real("C"),
    dims=DIMS,
    on=ON,
    mutants={"one percent more": dict(share=1.01), "a point that is no copy": dict(copy=2)},
)
def sequential_copies(M: Tensor, F: Tensor, label: Tensor, *, share: float = 1.0, copy: int = 1) -> Relation:
    r"""Acquiring candidate j takes $S(x,j)^2/u(j)$ from every u(x). For a copy of j that is all of u, and the model predicts
    j's label there: $u(\mathrm{copy}) = S(\mathrm{copy},j)^2/u(j)$, $f(\mathrm{copy}) = y_j$.

    Notes: so the sequential strategy does not choose a point twice, and the batch does.
    """
    n = M.shape[-1] - POOL
    order = torch.tensor([*range(n), n, n, n + 2])
    twice = torch.index_select(torch.index_select(M, -1, order), -2, order)
    ahead = ahead_of(twice, torch.index_select(F, 1, order))
    taken = ahead.S[:, copy, 0] * ahead.S[:, copy, 0] / ahead.u[:, 0]
    told = ahead.acquire(0, label).F[:, copy]
    return all_of(
        eq(share * taken, ahead.u[:, copy], names=["taken from u", "u before"]),
        eq(told[:, 0], label[:, 0], names=["output at the copy", "label"]),
    )
