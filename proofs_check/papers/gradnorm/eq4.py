r"""Eq. (4): a bound of the test loss without x by the gradient norm of x, step by step, and what replaces it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import altheory as al
from proofs_check import all_of, chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_influence import METHOD, all_but_one, first, length, loss, refitted
from proofs_check.papers.gradnorm.eq3 import sides
from proofs_check.relations import Relation

EQ4 = f"{METHOD}, eq. (4)"


def _factors(X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of the first training loss, and s / n: the summed test gradient times A^-1."""
    fit = al.influence.ridge(X, y, rho)
    slope = fit.gradients_at(Z, t).sum(-2)
    return fit.gradients[:, 0], torch.linalg.solve(fit.A, slope[..., None])[..., 0]


@claim(
    id="gradnorm.eq4.literal",
    title="Eq. (4) with the unprimed left side of our copy",
    source=EQ4,
    reading="as printed in our copy: the loss of the model trained with x on both sides",
    X=D.real("n", "d"),
    y=D.real("n"),
    Z=D.real("m", "d"),
    t=D.real("m"),
    rho=D.interval(0.125, 4),
    dims={"n": (1, 3), "d": (1, 2), "m": (1, 2)},
    mutants={"one percent of L less": dict(share=0.99), "the product subtracted": dict(sign=-1.0)},
)
def eq4_literal(
    X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, share: float = 1.0, sign: float = 1.0
) -> Relation:
    r"""$L_{test}\le L_{test}+\frac1n\|g_x\|\,\|\sum_jH^{-1}g_j\|$.

    Tight at: $g_x = 0$.

    Notes: true and empty, since something nonnegative is added. Our copy prints $L^{c+1}_{test}$ on the left of eq. (4) and
    (5) and $L'^{c+1}_{test}$ in eq. (3); a lost prime is likelier, and the claims below read it as L'.
    """
    L = al.influence.ridge(X, y, rho).loss(Z, t)
    g, s = _factors(X, y, Z, t, rho)
    return leq(L, share * L + sign * length(g) * length(s), names=["L", "bound"])


@claim(
    id="gradnorm.eq4.linear",
    title="Eq. (4) for the linear prediction, step by step",
    source=EQ4,
    reading="the left side is L + I, which eq. (3) calls L'; Frobenius norm",
    X=D.real("n", "d"),
    y=D.real("n"),
    Z=D.real("m", "d"),
    t=D.real("m"),
    rho=D.interval(0.125, 4),
    dims={"n": (1, 3), "d": (1, 2), "m": (1, 2)},
    uses=["gradnorm.eq2"],
    mutants={"|g||s| one percent smaller": dict(share=0.99), "|I| one percent smaller": dict(part=0.99)},
)
def eq4_linear(
    X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, share: float = 1.0, part: float = 1.0
) -> Relation:
    r"""$L+I\le|L+I|\le L+|I|\le L+\frac1n\|g_x\|\,\|\sum_jH^{-1}g_j\|$, where I is the total influence of x.

    Proof: the triangle inequality with $L\ge0$; the symmetry of $H^{-1}$; Cauchy and Schwarz. That H is positive definite is not
    needed, only that it can be inverted.

    Tight at: $I\ge0$ and $g_x$ parallel to $\sum_jH^{-1}g_j$, always so in one dimension.
    """
    fit = al.influence.ridge(X, y, rho)
    L, I = fit.loss(Z, t), first(fit.influences(Z, t).sum(-1))
    g, s = _factors(X, y, Z, t, rho)
    return chain(
        L + I, (L + I).abs(), L + part * I.abs(), L + share * length(g) * length(s),
        names=["L + I", "|L + I|", "L + |I|", "L + |g||s|"],
    )  # fmt: skip


@claim(
    id="gradnorm.eq4.first_step",
    title="Eq. (4), first step: L' is its own absolute value",
    source=EQ4,
    reading="as printed: L + I = |L + I|",
    expect="refuted",
    x=D.positive("n"),
    y=D.real("n"),
    Z=D.real("m", 1),
    t=D.real("m"),
    rho=D.interval(0, 4),
    dims={"n": (2, 3), "m": (1, 2)},
    mutants={"one percent more": dict(scale=1.01), "one percent less": dict(scale=0.99)},
)
def eq4_first_step(x: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, scale: float = 1.0) -> Relation:
    r"""$L_{test}+\sum_jI(x,x_j) = |L_{test}+\sum_jI(x,x_j)|$.

    Counterexample: training points 1 and 1 with labels 0 and $-8$, test point 1 with label $-3$, no penalty: $-3/2$ and $3/2$.

    Notes: harmless for the bound, since $a\le|a|$.
    """
    L, I, _ = sides(x[..., None], y, Z, t, rho)
    return eq(L + I, scale * (L + I).abs(), names=["L + I", "|L + I|"])


@claim(
    id="gradnorm.eq4.true_loss",
    title="Eq. (4) as a bound of the true test loss",
    source=EQ4,
    reading="the left side is L', the test loss of the model trained without x",
    expect="refuted",
    x=D.positive("n"),
    y=D.real("n"),
    Z=D.real("m", 1),
    t=D.real("m"),
    rho=D.interval(0, 4),
    dims={"n": (2, 3), "m": (1, 2)},
    mutants={"one percent less": dict(share=0.99), "half": dict(share=0.5)},
)
def eq4_true_loss(x: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, share: float = 1.0) -> Relation:
    r"""$L'_{test}\le L_{test}+\frac1n\|g_x\|\,\|\sum_jH^{-1}g_j\|$ for least squares with penalty $\rho\ge0$ in one dimension, points
    $x_i>0$.

    Counterexample: training points 1 and 1 with labels 0 and 2, so $\theta = 1$; test point 1 with label 1. Then $L = 0$ and
    $\sum_jg_j = 0$, the right side is 0; removing the second gives $\theta = 0$ and $L' = 1/2$.

    Notes: eq. (4) is exact for the wrong quantity. The better the model does on the test set the sooner it fails, since s
    vanishes there: then only the second order counts.
    """
    X = x[..., None]
    L, _, after = sides(X, y, Z, t, rho)
    g, s = _factors(X, y, Z, t, rho)
    return leq(after, L + share * length(g) * length(s), names=["L'", "L + |g||s|"])


@claim(
    id="gradnorm.eq4.corrected",
    title="Eq. (4) corrected: a bound of the true test loss",
    source=f"replaces {EQ4}; own derivation",
    amends="gradnorm.eq4.true_loss",
    reading="the left side is L', the test loss of the model trained without x",
    X=D.real("n", "d"),
    y=D.real("n"),
    Z=D.real("m", "d"),
    t=D.real("m"),
    rho=D.interval(0.125, 4),
    dims={"n": (1, 3), "d": (1, 2), "m": (1, 2)},
    mutants={"r one percent smaller": dict(r=0.99), "m of the objective with x": dict(before=True)},
)
def eq4_corrected(
    X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, r: float = 1.0, before: bool = False
) -> Relation:
    r"""Let the objective without x be m-strongly convex, the total test loss M-smooth, $r = \|g_x\|$. Then $|\theta_{-x}-\theta|\le\frac
    rm$ and $L'_{test}\le L_{test}+\|\sum_jg_j\|\frac rm+\frac M2\left(\frac rm\right)^2$.

    Proof: at $\theta$ the objective without x has the gradient $-g_x$, and strong convexity turns it into a distance; then
    the smoothness of the test loss. No Hessian is inverted, nothing is approximate.

    Tight at: training points 1 and 1 with labels 0 and 2, test point 1 with label 1 and no penalty: both sides are 1/2.

    Notes: for ridge regression, m is the least eigenvalue of $A-xx^\top$ and M the largest of $Z^\top Z$.
    """
    fit = al.influence.ridge(X, y, rho)
    others = X if before else X[:, 1:]
    d = X.shape[-1]
    H = others.mT @ others + rho[:, None, None] * torch.eye(d)
    least, most = _ends(H)[0], _ends(Z.mT @ Z)[1]
    size = r * length(fit.gradients[:, 0])
    slope = length(fit.gradients_at(Z, t).sum(-2))
    theta = refitted(X, y, rho, all_but_one(X)[:, :1])
    return all_of(
        leq(length(theta[:, 0] - fit.theta), size / least, names=["distance", "r / m"]),
        leq(
            loss(theta, Z, t)[:, 0], al.influence.strong_bound(fit.loss(Z, t), slope, size, least, most),
            names=["L'", "corrected bound"],
        ),
    )  # fmt: skip


def _ends(H: Tensor) -> tuple[Tensor, Tensor]:
    """The eigenvalues of a symmetric matrix of size 1 or 2."""
    if H.shape[-1] == 1:
        return H[:, 0, 0], H[:, 0, 0]
    middle = (H[:, 0, 0] + H[:, 1, 1]) / 2
    half = (H[:, 0, 0] - H[:, 1, 1]) / 2
    root = torch.sqrt(half * half + H[:, 0, 1] * H[:, 1, 0])
    return middle - root, middle + root


@claim(
    id="gradnorm.eq4.norms",
    title="The norm order that eq. (4) leaves open: any p up to 2 will do",
    source=f"{METHOD}, footnote 2: 'we ignore the norm order in equations to simplify the notations'",
    reading="one p norm for both factors, 1 <= p <= 2",
    a=D.real("d"),
    b=D.real("d"),
    dims={"d": (1, 5)},
    mutants={"one percent smaller": dict(share=0.99), "p = 3": dict(orders=(1.0, 3.0))},
)
def eq4_norms(a: Tensor, b: Tensor, *, share: float = 1.0, orders: tuple[float, ...] = (1.0, 1.5, 2.0)) -> Relation:
    r"""$|\langle a,b\rangle|\le\|a\|_p\|b\|_p$ for p = 1, 3/2 and 2 (and all p between, since $\|\cdot\|_p$ falls with p).

    Tight at: a and b in the direction of one axis.
    """
    product = (a * b).sum(-1).abs()
    bounds = [al.influence.p_norm(a, p) * al.influence.p_norm(b, p) for p in orders]
    return all_of(*(leq(product, share * bound, names=["|<a,b>|", f"p = {p:g}"]) for p, bound in zip(orders, bounds)))


@claim(
    id="gradnorm.eq4.large_orders",
    title="Eq. (4) in a p norm beyond 2",
    source=f"{METHOD}, footnote 2",
    reading="the norm order truly ignored: p > 2 for both factors (not intended: the text says Frobenius norm)",
    expect="refuted",
    a=D.real("d"),
    b=D.real("d"),
    dims={"d": (1, 3)},
    mutants={"one percent smaller": dict(share=0.99), "the largest entry": dict(p=math.inf)},
)
def eq4_large_orders(a: Tensor, b: Tensor, *, share: float = 1.0, p: float = 4.0) -> Relation:
    r"""$|\langle a,b\rangle|\le\|a\|_p\|b\|_p$ for p = 4.

    Counterexample: $a = b = (1,1)$: 2 on the left, $2^{2/p} = \sqrt2$ on the right.
    """
    bound = al.influence.p_norm(a, p) * al.influence.p_norm(b, p)
    return leq((a * b).sum(-1).abs(), share * bound, names=["|<a,b>|", f"p = {p:g}"])


@claim(
    id="gradnorm.eq4.norm_constant",
    title="Eq. (4) in any p norm, with the sharp constant",
    source=f"{METHOD}, footnote 2; own derivation",
    amends="gradnorm.eq4.large_orders",
    a=D.real("d"),
    b=D.real("d"),
    dims={"d": (1, 4)},
    uses=["gradnorm.eq4.norms"],
    mutants={"one percent smaller": dict(share=0.99), "the root of the constant": dict(lost=True)},
)
def eq4_norm_constant(a: Tensor, b: Tensor, *, share: float = 1.0, lost: bool = False) -> Relation:
    r"""In d dimensions $|\langle a,b\rangle|\le d^{\,\max(0,1-2/p)}\,\|a\|_p\|b\|_p$, for p = 1, 2, 4 and infinity.

    Proof: Cauchy and Schwarz, and $\|a\|_2\le d^{1/2-1/p}\|a\|_p$ for $p\ge2$.

    Tight at: $a = b = (1,\dots,1)$ for $p\ge2$; an axis for $p\le2$.
    """
    product, d = (a * b).sum(-1).abs(), (0 * a + 1).sum(-1)
    links = []
    for p in (1.0, 2.0, 4.0, math.inf):
        constant = al.influence.norm_order_constant(d, p)
        if lost:
            constant = torch.sqrt(constant)
        bound = share * constant * al.influence.p_norm(a, p) * al.influence.p_norm(b, p)
        links.append(leq(product, bound, names=["|<a,b>|", f"p = {p:g}"]))
    return all_of(*links)


@claim(
    id="gradnorm.eq4.sum_of_norms",
    title="Eq. (4) with the norm of the released code",
    source=f"{EQ4}; the authors' code sums the norms of the gradients of all tensors",
    reading="the gradient norm is the sum over tensors of Euclidean norms; the other factor has the dual norm",
    g=D.real("b", "k"),
    s=D.real("b", "k"),
    dims={"b": (1, 4), "k": (1, 3)},
    mutants={"one percent smaller": dict(share=0.99), "the Euclidean norm of the norms on the left": dict(euclidean=True)},
)
def eq4_sum_of_norms(g: Tensor, s: Tensor, *, share: float = 1.0, euclidean: bool = False) -> Relation:
    r"""For parameters in tensors $b = 1,2,\dots$: $|\langle g,s\rangle|\le\bigl(\sum_b|g_b|\bigr)\max_b|s_b|$.

    Tight at: $g_b$ parallel to $s_b$, with all $|s_b|$ equal.
    """
    product = (g * s).flatten(1).sum(-1).abs()
    sizes = length(g)
    total = length(sizes) if euclidean else sizes.sum(-1)
    return leq(product, share * total * length(s).amax(-1), names=["|<g,s>|", "sum |g_b| max |s_b|"])
