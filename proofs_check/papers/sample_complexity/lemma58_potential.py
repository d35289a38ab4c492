r"""Lemma 5.8, the potential: it does not rise on average, by enumeration of the pool; along a run it may."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import sparsifier
from proofs_check import all_of, chain, claim, eq, leq
from proofs_check.papers.sample_complexity._settings_bss import (
    LEMMA58,
    SIZES,
    STATES,
    State,
    eigenvalues,
    gammas,
    mirror,
    points,
    quadratic,
    round_from,
    rows,
    state,
    to_lower,
    to_upper,
    trace,
)
from proofs_check.relations import Relation

POTENTIAL = f"{LEMMA58}, section 5.5: 'During the iteration process, the potential function is non-increasing'"


def _laws(now: State, W: Tensor) -> Tensor:
    return sparsifier.round_law(W, torch.ones_like(W[..., 0]), *now)


@claim(
    id="sample_complexity.potential.mean",
    title="The mean potential does not rise",
    source=POTENTIAL,
    reading="in expectation over the row, given the past",
    amends="sample_complexity.potential.pathwise",
    lam=eigenvalues(),
    h=mirror(),
    X=points(),
    gamma=gammas(),
    dims=SIZES,
    on=STATES,
    uses=["sample_complexity.potential.upper", "sample_complexity.potential.lower"],
    mutants={
        "barriers rise by gamma/Phi over 1 + gamma/2 and 1 - gamma/2": dict(low=0.5, high=0.5),
        "the upper barrier lags: 1 - gamma/2 for 1 - gamma": dict(high=0.5),
        "rows drawn from p |v|^2": dict(leverage=True),
    },
)
def mean(
    lam: Tensor, h: Tensor, X: Tensor, gamma: Tensor, *, low: float = 1.0, high: float = 1.0, leverage: bool = False
) -> Relation:
    r"""$\mathrm{E}\,\Phi_{j+1} = \sum_xD_j(x)\,\Phi_{j+1}(x)\le\Phi_j$ from every state between its barriers, for every
    pool, every $\gamma < 1$, by enumeration of the pool.

    Proof: both halves, sample_complexity.potential.upper and sample_complexity.potential.lower.
    """
    now, W = state(lam, h), rows(X)
    chance = _laws(now, W) if not leverage else (W * W).sum(-1) / lam.shape[-1]
    after = sparsifier.potential(*round_from(now, W, gamma, low=low, high=high))
    return leq((chance * after).sum(-1), sparsifier.potential(*now), names=["E Phi_j+1", "Phi_j"])


@claim(
    id="sample_complexity.potential.pathwise",
    title="The potential does not rise in any round",
    source=POTENTIAL,
    reading="along every run, as the sentence says",
    expect="refuted",
    lam=eigenvalues(),
    h=mirror(),
    X=points(),
    gamma=gammas(),
    dims=SIZES,
    on=STATES,
    mutants={"by one percent at most": dict(share=1 / 1.01), "falls by half a percent": dict(share=1.005)},
)
def pathwise(lam: Tensor, h: Tensor, X: Tensor, gamma: Tensor, *, share: float = 1.0) -> Relation:
    r"""$\Phi_{j+1}\le\Phi_j$ whatever row is drawn.

    Counterexample: D = 2, l = 0, u = 1, B = diag(1/4, 1/2), the row along the second axis: the first eigenvalue stays
    while the lower barrier comes nearer.

    Notes: true for D = 1, and on average (sample_complexity.potential.mean). In 1000 runs with D = 2 the potential reached 3.1
    times the first.
    """
    now, W = state(lam, h), rows(X)
    after = sparsifier.potential(*round_from(now, W, gamma))
    return leq(share * torch.amax(after, -1), sparsifier.potential(*now), names=["largest Phi_j+1", "Phi_j"])


@claim(
    id="sample_complexity.potential.update",
    title="The mean potential in closed form",
    source=f"replaces {POTENTIAL}; Sherman and Morrison",
    lam=eigenvalues(),
    h=mirror(),
    X=points(),
    gamma=gammas(),
    dims=SIZES,
    on=STATES,
    mutants={
        "one percent in the upper denominator": dict(above=0.99),
        "one percent in the lower denominator": dict(below=0.99),
    },
)
def update(lam: Tensor, h: Tensor, X: Tensor, gamma: Tensor, *, above: float = 1.0, below: float = 1.0) -> Relation:
    r"""With $M = (u'I-B)^{-1}$, $R' = (B-l'I)^{-1}$ and the rows w: $\mathrm{E}\,\Phi^u_{j+1} =
    \mathrm{tr}M+\frac\gamma\Phi\sum_w\frac{w^\top M^2w}{1-\gamma\,w^\top Mw/w^\top Qw}$ and $\mathrm{E}\,\Phi^l_{j+1} =
    \mathrm{tr}R'-\frac\gamma\Phi\sum_w\frac{w^\top R'^2w}{1+\gamma\,w^\top R'w/w^\top Qw}$.

    Proof: Sherman and Morrison; the law times the step is $\frac\gamma\Phi ww^\top$.
    """
    now, W = state(lam, h), rows(X)
    after, chance, unit = round_from(now, W, gamma), _laws(now, W), gamma / sparsifier.potential(*now)
    q, g = quadratic(W, sparsifier.barrier_matrix(*now)), gamma[:, None]
    raised = State(now.B, after.lower[:, 0], after.upper[:, 0])
    M, R = to_upper(raised), to_lower(raised)
    up = trace(M) + unit * (quadratic(W, M @ M) / (1 - above * g * quadratic(W, M) / q)).sum(-1)
    down = trace(R) - unit * (quadratic(W, R @ R) / (1 + below * g * quadratic(W, R) / q)).sum(-1)
    return all_of(
        eq((chance * trace(to_upper(after))).sum(-1), up, names=["E of the upper half", "closed form"]),
        eq((chance * trace(to_lower(after))).sum(-1), down, names=["E of the lower half", "closed form"]),
    )


@claim(
    id="sample_complexity.potential.upper",
    title="The upper half, step by step",
    source=f"replaces {POTENTIAL}; Batson, Spielman and Srivastava (2012)",
    lam=eigenvalues(),
    h=mirror(),
    X=points(),
    gamma=gammas(),
    dims=SIZES,
    on=STATES,
    uses=["sample_complexity.potential.update"],
    mutants={
        "the upper barrier lags: 1 - gamma/2 for 1 - gamma": dict(high=0.5),
        "1 - 0.9 gamma in the bound of the denominators": dict(bound=0.9),
    },
)
def upper(lam: Tensor, h: Tensor, X: Tensor, gamma: Tensor, *, high: float = 1.0, bound: float = 1.0) -> Relation:
    r"""With $M = (u'I-B)^{-1}$ and $\delta = \frac{\gamma}{\Phi(1-\gamma)}$: $\mathrm{E}\,\Phi^u_{j+1}\le
    \mathrm{tr}M+\delta\,\mathrm{tr}M^2\le\Phi^u_j$, where $\Phi^u = \mathrm{tr}(uI-B)^{-1}$.

    Proof: $w^\top Mw\le w^\top Qw$ in every denominator, $\sum ww^\top = I$; then $\mathrm{tr}(uI-B)^{-1} =
    \mathrm{tr}M+\delta\,\mathrm{tr}M(uI-B)^{-1}$.

    Tight at: gamma to 0. The constant $1-\gamma$ is needed for large D: with equal eigenvalues, l far away, and
    $1-c\gamma$ in its place the mean rises once $1-c > 1/(D(1-c\gamma))$.
    """
    now, W = state(lam, h), rows(X)
    after, chance = round_from(now, W, gamma, high=high), _laws(now, W)
    M = to_upper(State(now.B, now.lower, after.upper[:, 0]))
    delta = gamma / sparsifier.potential(*now) / (1 - bound * gamma)
    return chain(
        (chance * trace(to_upper(after))).sum(-1),
        trace(M) + delta * trace(M @ M),
        trace(to_upper(now)),
        names=["E of the upper half", "tr M + delta tr M^2", "the upper half"],
    )


@claim(
    id="sample_complexity.potential.lower",
    title="The lower half, step by step",
    source=f"replaces {POTENTIAL}; own proof, without any commutation",
    lam=eigenvalues(),
    h=mirror(),
    X=points(),
    gamma=gammas(high=1.0 - 2.0**-12),
    dims={"D": (1, 3), "e": (1, 2)},
    on=STATES,
    uses=["sample_complexity.potential.update"],
    mutants={
        "the lower barrier runs ahead: 1 + gamma/2 for 1 + gamma": dict(low=0.5),
        "r' at most 1 + 0.95 gamma times r": dict(ratio=0.95),
        "the tangent two percent flatter": dict(slope=0.98),
    },
)
def lower(
    lam: Tensor, h: Tensor, X: Tensor, gamma: Tensor, *, low: float = 1.0, ratio: float = 1.0, slope: float = 1.0
) -> Relation:
    r"""Let $R = (B-lI)^{-1}$, $R' = (B-l'I)^{-1}$, $\delta = \frac{\gamma}{\Phi(1+\gamma)}$, $a_w = w^\top R'w/w^\top Qw$. Then
    $\mathrm{tr}R'R\le\mathrm{tr}R'R+(1-\gamma)\delta\,\mathrm{tr}R'^2R\le
    \mathrm{tr}R'^2-\frac{\gamma\delta}{1+\gamma}\mathrm{tr}R'^3\le
    \mathrm{tr}R'^2-\frac{\gamma\delta}{1+\gamma}\sum_w\frac{(w^\top R'^2w)(w^\top R'Rw)}{w^\top Rw}\le
    \mathrm{tr}R'^2-\frac\gamma{1+\gamma}\sum_ww^\top R'^2w\,(a_w-1)\le\sum_w\frac{(1+\gamma)\,w^\top R'^2w}{1+\gamma a_w}$,
    and so $\mathrm{E}\,\Phi^l_{j+1} = \mathrm{tr}R'-\delta\sum_w\frac{(1+\gamma)\,w^\top R'^2w}{1+\gamma a_w}\le
    \mathrm{tr}R'-\delta\,\mathrm{tr}R'R = \Phi^l_j$, where $\Phi^l = \mathrm{tr}(B-lI)^{-1}$.

    Proof: in this order: $\gamma\le1$; $r'\le(1+\gamma)r$ for each eigenvalue, since $\delta r\le\frac\gamma{1+\gamma}$,
    with $\mathrm{tr}R'^2 = \mathrm{tr}R'R+\delta\,\mathrm{tr}R'^2R$; Chebyshev's sum inequality (with weights $r_iw_i^2$,
    $r'^2/r$ and r' increase together); $a_w\le1+\delta\,w^\top R'Rw/w^\top Rw$; the tangent $\frac{1+\gamma}{1+\gamma
    a}\ge1-\frac\gamma{1+\gamma}(a-1)$.

    Tight at: the second step for D = 1 next to the lower barrier; the third for D = 1.
    """
    now, W = state(lam, h), rows(X)
    after, chance, g = round_from(now, W, gamma, low=low), _laws(now, W), gamma[:, None]
    R, moved = to_lower(now), to_lower(State(now.B, after.lower[:, 0], now.upper))
    delta = gamma / sparsifier.potential(*now) / (1 + low * gamma)
    square = moved @ moved
    sides, q = quadratic(W, square), quadratic(W, sparsifier.barrier_matrix(*now))
    a = quadratic(W, moved) / q
    lost = gamma / (1 + gamma)
    start, second = trace(moved @ R), trace(square)
    proof = chain(
        start,
        start + (1 - gamma) * delta * trace(square @ R),
        second - ratio * lost * delta * trace(square @ moved),
        second - ratio * lost * delta * (sides * quadratic(W, moved @ R) / quadratic(W, R)).sum(-1),
        second - slope * lost * (sides * (a - 1)).sum(-1),
        ((1 + g) * sides / (1 + g * a)).sum(-1),
        names=["gamma <= 1", "r' <= (1 + gamma) r", "Chebyshev", "a - 1", "tangent"],
    )
    expected = (chance * trace(to_lower(after))).sum(-1)
    return all_of(proof, leq(expected, trace(R), names=["E of the lower half", "the lower half"]))
