r"""Eq. (3): the test loss after a removal is the test loss plus the total influence."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_influence import METHOD, all_but_one, first, loss, refitted
from proofs_check.relations import Relation

EQ3 = f"{METHOD}, eq. (3)"


def sides(X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """L, the total influence I of the first training point, and L' after its removal."""
    fit = al.influence.ridge(X, y, rho)
    after = loss(refitted(X, y, rho, all_but_one(X)[:, :1]), Z, t)[:, 0]
    return fit.loss(Z, t), first(fit.influences(Z, t).sum(-1)), after


@claim(
    id="gradnorm.eq3",
    title="Eq. (3) as an equality",
    source=EQ3,
    reading="as printed: '='",
    expect="refuted",
    x=D.positive("n"),
    y=D.real("n"),
    Z=D.real("m", 1),
    t=D.real("m"),
    rho=D.interval(0, 4),
    dims={"n": (2, 3), "m": (1, 2)},
    mutants={"one percent more": dict(scale=1.01), "one percent less": dict(scale=0.99)},
)
def eq3(x: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, scale: float = 1.0) -> Relation:
    r"""$L'_{test} = L_{test}+\sum_jI(x,x_j)$, where $L'$ is the test loss of the model trained without x: least squares
    with penalty $\rho\ge0$ in one dimension, points $x_i>0$.

    Counterexample: least squares, training points 1 and 1 with labels 0 and $-8$, test point 1 with label $-3$; removing the second:
    $L = 1/2$, $I = -2$, so $L+I = -3/2$, but $L' = 9/2$.

    Notes: eq. (1) says "approximately", so "=" is a slip for a first-order statement: gradnorm.eq1.copies, gradnorm.eq1.rate.
    """
    L, I, after = sides(x[..., None], y, Z, t, rho)
    return eq(after, scale * (L + I), names=["L'", "L + I"])


@claim(
    id="gradnorm.eq3.nonnegative",
    title="The right side of eq. (3) is a loss: it is not negative",
    source=EQ3,
    reading="L' is a loss, so what equals it is nonnegative",
    expect="refuted",
    x=D.positive("n"),
    y=D.real("n"),
    Z=D.real("m", 1),
    t=D.real("m"),
    rho=D.interval(0, 4),
    dims={"n": (2, 3), "m": (1, 2)},
    mutants={"influence one percent larger": dict(scale=1.01), "less one percent of L": dict(less=0.01)},
)
def eq3_nonnegative(
    x: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, scale: float = 1.0, less: float = 0.0
) -> Relation:
    r"""$0\le L_{test}+\sum_jI(x,x_j)$.

    Counterexample: training points 1 and 1 with labels 0 and $-8$, test point 1 with label $-3$, no penalty: $L+I = -3/2$.
    """
    L, I, _ = sides(x[..., None], y, Z, t, rho)
    return leq(less * L, L + scale * I, names=["0", "L + I"])


@claim(
    id="gradnorm.eq3.ridge",
    title="Eq. (3) made exact",
    source=f"{EQ3}; own derivation",
    reading="squared loss with a fixed ridge penalty",
    amends="gradnorm.eq3",
    X=D.real("n", "d"),
    y=D.real("n"),
    Z=D.real("m", "d"),
    t=D.real("m"),
    rho=D.interval(0.125, 4),
    dims={"n": (1, 3), "d": (1, 2), "m": (1, 3)},
    uses=["gradnorm.eq1.ridge"],
    mutants={"I for I / (1 - h)": dict(leverage=0.0), "no second order": dict(second=0.0)},
)
def eq3_ridge(
    X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, leverage: float = 1.0, second: float = 1.0
) -> Relation:
    r"""$L'_{test} = L_{test}+\frac{\sum_jI(x,x_j)}{1-h}+\frac12d^\top H_{test}\,d$, with $d = \frac{A^{-1}g_x}{1-h}$, the leverage
    $h = x^\top A^{-1}x$ and the Hessian $H_{test}$ of the summed test loss.

    Proof: gradnorm.eq1.ridge in a quadratic test loss.

    Notes: eq. (3) is what is left for $h = 0$ without the square. Both corrections are largest for the points that matter most.
    """
    fit = al.influence.ridge(X, y, rho)
    L, I, after = sides(X, y, Z, t, rho)
    h = fit.leverages[:, 0]
    d = torch.linalg.solve(fit.A, fit.gradients[:, 0, :, None]) / (1 - h)[:, None, None]
    square = ((Z @ d) ** 2)[..., 0].sum(-1)
    return eq(after, L + I / (1 - leverage * h) + second * square / 2, names=["L'", "L + I/(1-h) + d'Hd/2"])


@claim(
    id="gradnorm.eq3.underestimates",
    title="Where the influence is positive, eq. (3) underestimates the harm",
    source=f"{EQ3}; own derivation",
    reading="squared loss; points of nonnegative total influence",
    X=D.real("n", "d"),
    y=D.real("n"),
    Z=D.real("m", "d"),
    t=D.real("m"),
    rho=D.interval(0.125, 4),
    dims={"n": (1, 3), "d": (1, 2), "m": (1, 2)},
    uses=["gradnorm.eq3.ridge"],
    mutants={"by one percent of I": dict(more=1.01), "the influence of either sign": dict(either=True)},
)
def eq3_underestimates(
    X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, more: float = 1.0, either: bool = False
) -> Relation:
    r"""$L_{test}+I\le L_{test}+\frac I{1-h}\le L'_{test}$ for the total influence $I\ge0$ of x.

    Notes: test labels are reflected, $t\to2z\cdot\theta-t$, where the influence would be negative, which changes its sign and not L.

    Tight at: $g_x = 0$.
    """
    if not either:
        fit = al.influence.ridge(X, y, rho)
        values = (Z @ fit.theta[..., None])[..., 0]
        negative = first(fit.influences(Z, t).sum(-1)) < 0
        t = torch.where(negative[:, None], 2 * values - t, t)
    L, I, after = sides(X, y, Z, t, rho)
    return leq(L + more * I, after, names=["L + I", "L'"])


@claim(
    id="gradnorm.eq3.underestimates_always",
    title="Eq. (3) underestimates the harm of every removal",
    source=f"{EQ3}; own derivation",
    reading="points of any total influence",
    expect="refuted",
    x=D.positive("n"),
    y=D.real("n"),
    Z=D.real("m", 1),
    t=D.real("m"),
    rho=D.interval(0, 4),
    dims={"n": (2, 3), "m": (1, 2)},
    mutants={"one percent of L more": dict(more=0.01), "half of L more": dict(more=0.5)},
)
def eq3_underestimates_always(
    x: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, more: float = 0.0
) -> Relation:
    r"""$L_{test}+\sum_jI(x,x_j)\le L'_{test}$, whatever the sign of the influence.

    Counterexample: training points 1 and 1 with labels 0 and 2, test point 1 with label $-1$, no penalty, the second removed: $L = 2$,
    $I = -1$, $L+I = 1$, but $L' = 1/2$.

    Notes: harmful points are more harmful than eq. (3) says, too: $1/(1-h)$ enlarges either sign.
    """
    L, I, after = sides(x[..., None], y, Z, t, rho)
    return leq(L + I + more * L, after, names=["L + I", "L'"])
