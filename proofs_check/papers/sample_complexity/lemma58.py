r"""Lemma 5.8, the algorithm: what is certain of every round of randomized BSS, and of its output.

The paper gives no algorithm ("too complex", an appendix that our copy lacks): these are the rounds of Lee and Sun
(2018) and Chen and Price (2019) as `altheory.sparsifier` has them, with constants of our own.
"""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import sparsifier
from proofs_check import all_of, chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_bss import (
    LEMMA58,
    SIZES,
    STATES,
    eigenvalues,
    gammas,
    mirror,
    points,
    quadratic,
    round_from,
    rows,
    state,
    state_after,
)
from proofs_check.relations import Relation

ALGORITHM = f"replaces the appendix of {LEMMA58}; Chen and Price (2019), section 4"


@claim(
    id="sample_complexity.lemma58.barriers",
    title="No row crosses a barrier",
    source=ALGORITHM,
    lam=eigenvalues(),
    h=mirror(),
    X=points(),
    gamma=gammas(),
    dims={"D": (1, 2), "e": (1, 2)},
    on=STATES,
    mutants={
        "the lower barrier rises by two percent more than gamma/Phi": dict(lift=1.02),
        "two percent more of the distance to the upper barrier is kept": dict(kept=1.02),
        "steps one percent longer": dict(stretch=1.01),
    },
)
def barriers(
    lam: Tensor, h: Tensor, X: Tensor, gamma: Tensor, *, lift: float = 1.0, kept: float = 1.0, stretch: float = 1.0
) -> Relation:
    r"""If $lI\prec B\prec uI$, then whatever row is drawn and for every $\gamma < 1$ also $l'I\prec B'\prec u'I$, where $B' =
    B+\gamma vv^\top/q$, $l' = l+\frac{\gamma}{\Phi(1+\gamma)}$, $u' = u+\frac{\gamma}{\Phi(1-\gamma)}$:
    $l'\le l+\gamma/\Phi\le\lambda_{\min}(B)\le\lambda_{\min}(B')$ and
    $\lambda_{\max}(B')\le u-(1-\gamma)(u-\lambda_{\max}(B))\le u'$.

    Proof: $1/\Phi\le\lambda_{\min}(B)-l$. By Cauchy and Schwarz $vv^\top\preceq(v^\top Qv)\,Q^{-1}$, so the step is at most
    $\gamma Q^{-1}\preceq\gamma(uI-B)$.

    Tight at: the row along the top eigenvector, near the upper barrier; D = 1 near the lower one.

    Notes: the new matrix stays below the OLD upper barrier, so the last round's rise of u does not count against
    $\lambda_{\max}(A^*A)$ (sample_complexity.lemma58.eigenvalues).
    """
    now = state(lam, h)
    after = round_from(now, rows(X), gamma)
    unit = gamma / sparsifier.potential(*now)
    B = now.B[:, None] + stretch * (after.B - now.B[:, None])
    spectra = torch.linalg.eigvalsh(B)
    least, most = torch.amin(spectra[..., 0], -1), torch.amax(spectra[..., -1], -1)
    bottom, top = torch.amin(lam, -1), torch.amax(lam, -1)
    below = chain(
        after.lower[:, 0], lift * unit, bottom, least, names=["l'", "l + gamma/Phi", "lambda_min(B)", "lambda_min(B')"]
    )
    names = ["lambda_max(B')", "u - (1 - gamma)(u - lambda_max(B))", "u'"]
    return all_of(below, chain(most, now.upper - kept * (1 - gamma) * (now.upper - top), after.upper[:, 0], names=names))


@claim(
    id="sample_complexity.lemma58.law",
    title="The law of a round is a distribution",
    source=ALGORITHM,
    lam=eigenvalues(),
    h=mirror(),
    X=points(),
    weights=D.positive("D"),
    dims=SIZES,
    on=STATES,
    mutants={
        "masses to the power 1.01": dict(power=1.01),
        "a basis of norm one and a tenth of a percent": dict(norm=1.001),
    },
)
def law(lam: Tensor, h: Tensor, X: Tensor, weights: Tensor, *, power: float = 1.0, norm: float = 1.0) -> Relation:
    r"""$D_j(x) = p(x)\,v(x)^\top Qv(x)/\Phi$ is nonnegative and sums to 1 over the pool, for every basis that is
    orthonormal under the masses p and every state between its barriers.

    Proof: $\sum_xp(x)\,v^\top Qv = \mathrm{tr}(Q\,\mathrm{E}vv^\top) = \mathrm{tr}\,Q$.

    Notes: on a pool whose basis is orthonormal under another law it does not: sample_complexity.algorithm1.basis_of_D.
    """
    now, W = state(lam, h), rows(X)
    p = torch.cat([weights, weights[:, :1] + 0 * W[:, lam.shape[-1] :, 0]], -1)
    p = p / p.sum(-1)[:, None]
    masses = p if power == 1 else p**power
    found = sparsifier.round_law(norm * W / torch.sqrt(p)[..., None], masses, *now)
    return all_of(
        eq(found.sum(-1), 1 + 0 * found[:, 0], names=["sum of D_j", "1"]),
        leq(0 * found[:, 0], torch.amin(found, -1), names=["0", "least D_j"]),
    )


@claim(
    id="sample_complexity.lemma58.importance",
    title="The weights undo the law",
    source=f"{LEMMA58} and definition 5.5, u_i = beta_i D(x_i) / D_i(x_i)",
    lam=eigenvalues(),
    h=mirror(),
    X=points(),
    a=D.real("D"),
    gamma=gammas(),
    dims=SIZES,
    on=STATES,
    mutants={"weights one percent larger": dict(factor=1.01), "all rows weighted alike": dict(alike=True)},
)
def importance(
    lam: Tensor, h: Tensor, X: Tensor, a: Tensor, gamma: Tensor, *, factor: float = 1.0, alike: bool = False
) -> Relation:
    r"""With $u = \beta_j\,p(x)/D_j(x)$ and $\beta_j = \gamma/(\Phi m)$: $\mathrm{E}_{x\sim D_j}\,u\,vv^\top = \beta_jI$,
    that is $\mathrm{E}\,u\,(a\cdot v)^2 = \beta_j|a|^2$ for every a; and $u\,vv^\top$ is the step $\gamma vv^\top/q$
    over m.

    Proof: the law cancels; $\mathrm{E}vv^\top = I$.
    """
    now, W = state(lam, h), rows(X)
    middle = sparsifier.middle(lam.shape[-1], gamma)
    chance = sparsifier.round_law(W, torch.ones_like(W[..., 0]), *now)
    beta = gamma / sparsifier.potential(*now) / middle
    weight = beta[:, None] / chance if not alike else beta[:, None] + 0 * chance
    squares = (W @ a[..., None])[..., 0] ** 2
    after = round_from(now, W, gamma).B - now.B[:, None]
    steps = quadratic(a[:, None, None, :], after)[..., 0] / middle[:, None]
    return all_of(
        eq((chance * factor * weight * squares).sum(-1), beta * (a * a).sum(-1), names=["E u (a.v)^2", "beta |a|^2"]),
        eq((factor * weight * squares).sum(-1), steps.sum(-1), names=["sum of u (a.v)^2", "sum of the steps over m"]),
    )


@claim(
    id="sample_complexity.lemma58.beta_K",
    title="Each beta K is at most gamma^2 / (1 - gamma^2)",
    source=f"{ALGORITHM}; definition 5.5, property 2",
    lam=eigenvalues(),
    h=mirror(),
    X=points(),
    gamma=gammas(),
    total=D.interval(0, 1),
    dims=SIZES,
    on=STATES,
    mutants={"one percent less": dict(share=0.99), "barriers two percent further apart": dict(beyond=1.04)},
)
def beta_K(
    lam: Tensor, h: Tensor, X: Tensor, gamma: Tensor, total: Tensor, *, share: float = 1.0, beyond: float = 1.0
) -> Relation:
    r"""While the run goes on, $u-l\le8D/\gamma$, every round has $\beta_jK_{D_j}\le\frac{\gamma}{m\lambda_{\min}(Q)}\le
    \frac{\gamma(u-l)}{4m}\le\frac{\gamma^2}{1-\gamma^2}$, where $K_{D_j} = \max_xp|v|^2/D_j$ (definition 5.4 for $\rho = 0$).

    Proof: $\beta_jp|v|^2/D_j = \frac{\gamma}{m}|v|^2/v^\top Qv$, and $\frac1{u-b}+\frac1{b-l}\ge\frac4{u-l}$.

    Tight at: B in the middle between the barriers when they are $8D/\gamma$ apart.
    """
    now, W = state_after(lam, h, gamma, beyond * total), rows(X)
    size = lam.shape[-1]
    middle, phi = sparsifier.middle(size, gamma), sparsifier.potential(*now)
    chance = sparsifier.round_law(W, torch.ones_like(W[..., 0]), *now)
    K = torch.amax((W * W).sum(-1) / chance, -1)
    width = now.upper - now.lower
    least = torch.amin(1 / lam + 1 / (1 - lam), -1) / width
    return chain(
        gamma / phi / middle * K,
        gamma / middle / least,
        gamma * width / (4 * middle),
        share * gamma**2 / (1 - gamma**2),
        names=["beta K", "gamma / (m lambda_min(Q))", "gamma (u - l) / (4 m)", "gamma^2 / (1 - gamma^2)"],
    )


@claim(
    id="sample_complexity.lemma58.sum_beta",
    title="The betas sum to one, and to at most one beta more",
    source=f"{ALGORITHM}; definition 5.5, property 2",
    lam=eigenvalues(),
    h=mirror(),
    gamma=gammas(),
    total=D.interval(0, 1),
    dims={"D": (1, 3)},
    on="eigenvalues between the barriers, in any basis, after any part of the run",
    mutants={"overshoot one percent smaller": dict(share=0.99), "at most twice gamma/Phi = 1.98": dict(largest=1.98)},
)
def sum_beta(lam: Tensor, h: Tensor, gamma: Tensor, total: Tensor, *, share: float = 1.0, largest: float = 2.0) -> Relation:
    r"""In every round $\sum\beta_j = \frac{u-l}{4D/\gamma}-1$, so the run stops, $u-l\ge8D/\gamma$, exactly when the betas
    sum to 1 or more. In a round that is made, $u-l\le8D/\gamma$, $\gamma/\Phi\le2$, so that in the end
    $1\le\sum\beta_j\le1+\frac{\gamma^2}{D(1-\gamma^2)}$.

    Proof: u - l grows by $\frac{2\gamma}{1-\gamma^2}\,\gamma/\Phi$ in a round; $\Phi\ge4D/(u-l)$ by convexity.

    Tight at: B in the middle between the barriers, in the last round.

    Notes: with $\gamma\le0.11$ the sum is at most 1.0123, and property 2 asks for 5/4.
    """
    now, size = state_after(lam, h, gamma, total), lam.shape[-1]
    unit = gamma / sparsifier.potential(*now)
    after = total + unit / sparsifier.middle(size, gamma)
    rise = unit / (1 - gamma) - unit / (1 + gamma)
    width = now.upper - now.lower + rise
    return all_of(
        eq(after, width * gamma / (4 * size) - 1, names=["sum of betas", "(u - l) gamma / (4 D) - 1"]),
        leq(unit, largest + 0 * unit, names=["gamma / Phi", "2"]),
        leq(after, 1 + share * gamma**2 / (size * (1 - gamma**2)), names=["sum of betas", "1 + gamma^2 / (D (1 - gamma^2))"]),
    )


@claim(
    id="sample_complexity.lemma58.eigenvalues",
    title="Where the spectrum of the output lies",
    source=ALGORITHM,
    lam=eigenvalues(),
    h=mirror(),
    X=points(),
    gamma=gammas(),
    total=D.interval(0, 1),
    dims={"D": (1, 2), "e": (1, 2)},
    on=STATES,
    uses=["sample_complexity.lemma58.barriers", "sample_complexity.lemma58.sum_beta"],
    mutants={"upper end one percent lower": dict(upper=0.99), "lower end one percent higher": dict(lower=1.01)},
)
def spectrum(
    lam: Tensor, h: Tensor, X: Tensor, gamma: Tensor, total: Tensor, *, upper: float = 1.0, lower: float = 1.0
) -> Relation:
    r"""After k rounds, whatever rows were drawn, the output $A^*A = B/m$ has
    $\frac{(1-\gamma)\sum_{j\le k}\beta_j-\gamma}{1-\gamma^2} < \lambda(A^*A) <
    \frac{(1+\gamma)\sum_{j<k}\beta_j+\gamma}{1-\gamma^2}$. On termination $\sum_{j<k}\beta_j < 1\le\sum_{j\le k}\beta_j$, so
    $\frac{1-2\gamma}{1-\gamma^2} < \lambda(A^*A) < \frac{1+2\gamma}{1-\gamma^2}$.

    Proof: $l'\prec B'$ and $B'\prec u$, the upper barrier BEFORE the last round (lemma58.barriers); the barriers are affine
    in the sum of the betas.

    Tight at: an eigenvalue next to the upper barrier, the row along it.

    Notes: certain, not only probable. The overshoot of the last round raises u, and not the spectrum.
    """
    now, size = state_after(lam, h, gamma, total), lam.shape[-1]
    middle = sparsifier.middle(size, gamma)
    values = torch.linalg.eigvalsh(round_from(now, rows(X), gamma).B / middle[:, None, None, None])
    after = total + gamma / sparsifier.potential(*now) / middle
    return chain(
        (lower * (1 - gamma) * after - gamma) / (1 - gamma**2),
        torch.amin(values[..., 0], -1),
        torch.amax(values[..., -1], -1),
        (upper * (1 + gamma) * total + gamma) / (1 - gamma**2),
        names=["lower end", "lambda_min(A*A)", "lambda_max(A*A)", "upper end"],
    )
