r"""Proposition 2 (eq. 10): does the query avoid copies? With the smallest eigenvalue, and with the smallest positive one."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import all_of, chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.common.odd_part import quadratic
from proofs_check.papers.crc._selection import (
    COND,
    GRADIENTS,
    PROPOSITION2,
    RTOL,
    gram,
    lowest,
    no_zero_gradient,
    one_if,
    positive,
    ruled,
    sub,
)
from proofs_check.relations import Relation


def rows_differ(J: Tensor) -> Tensor:
    """the kernels of different points are different rows"""
    K = gram(J)
    i, j = torch.triu_indices(K.shape[-1], K.shape[-1], 1)
    return (K[:, i] != K[:, j]).any(-1).all(-1)


def _with_copy(K: Tensor) -> Tensor:
    """The kernel after the last point is replaced by a copy of the first."""
    n = K.shape[-1]
    return sub(K, [*range(n - 1), 0])


@claim(
    id="crc.proposition2",
    title="Proposition 2: a set without copies scores higher than one with a copy",
    source=PROPOSITION2,
    reading="as printed: its hypothesis is that different points have different rows K(x, .)",
    expect="refuted",
    J=GRADIENTS,
    dims={"n": (2, 3), "p": (1, 2)},
    assumes=[rows_differ, no_zero_gradient],
    mutants={"positive alone": dict(positive_only=True), "twice as high": dict(share=2.0)},
)
def proposition2(J: Tensor, *, share: float = 1.0, positive_only: bool = False) -> Relation:
    r"""If $K(x_i,\cdot) \ne K(x_j,\cdot)$ for all $x_i\ne x_j$ and $X_L\cup X_u^*$ has no copies, then
    $\lambda_{\min}(X_L\cup X_u^*) > \lambda_{\min}(X_L\cup X_u^*\setminus\{x_i\}\cup\{x_j\})$ (written as: the indicator of
    this is 1).

    Counterexample: $f = \theta x$ at $x = 1, 2$: $K = ((1, 2), (2, 4))$, both sides 0. No two gradients need be parallel: (1,
    0), (0, 1), (1, 1) has eigenvalues 0, 1, 3.

    Notes: different rows are not independent rows (crc.proposition2.proof); distinct unit points are not enough for the relu
    network at infinite width either (crc.proposition2.six_points). That the right side is 0 is true.
    """
    K = gram(J)
    low = ruled(K)
    other = torch.zeros_like(low) if positive_only else share * ruled(_with_copy(K))
    return leq(torch.ones_like(low), one_if(low > other, low), names=["1", "[lambda_min > lambda_min with a copy]"])


@claim(
    id="crc.proposition2.proof",
    title="Proposition 2, first line of the proof: different rows are independent",
    source=f"{PROPOSITION2}, proof",
    reading="as printed",
    expect="refuted",
    J=D.real("n", "p"),
    dims={"n": (2, 3), "p": (1, 2)},
    assumes=[rows_differ, no_zero_gradient],
    mutants={"all but one are": dict(fewer=1), "half of them are": dict(share=0.5)},
)
def proof(J: Tensor, *, fewer: int = 0, share: float = 1.0) -> Relation:
    r"""If the n rows of K are different, K has rank n.

    Counterexample: as in crc.proposition2, rank 1 of 2.
    """
    K = gram(J)
    rank = al.conditioning.numerical_rank(K, rtol=RTOL)
    n = share * (K.shape[-1] - fewer)
    return leq(n * torch.ones_like(K[:, 0, 0]), rank.to(torch.float64), names=["n", "rank"])


@claim(
    id="crc.proposition2.gap",
    title="Proposition 2, corrected: the gap is the smallest eigenvalue itself",
    source=f"replaces {PROPOSITION2}",
    amends="crc.proposition2",
    K=D.psd("n"),
    dims={"n": (2, 4)},
    mutants={"one percent more": dict(share=1.01), "the last point left out instead": dict(copy=False)},
)
def gap(K: Tensor, *, share: float = 1.0, copy: bool = True) -> Relation:
    r"""For every kernel, singular or not, $\lambda_{\min}(K)-\lambda_{\min}(K\mathrm{\ with\ }x_i\mathrm{\ replaced\ by\ a\
    copy\ of\ }x_j) = \lambda_{\min}(K)$. So (10) holds if and only if $K(X_L\cup X_u^*)$ is nonsingular, that is, if the
    gradients are linearly independent.

    Proof: two equal rows make the kernel singular.
    """
    low = lowest(K)
    other = lowest(_with_copy(K) if copy else K[:, :-1, :-1])
    return eq(low - other, share * low, names=["gap", "lambda_min"])


@claim(
    id="crc.proposition2.collinear",
    title="The relu kernel cannot tell a point from its double, up to a factor",
    source="own derivation, for CRC, section 3.2, Proposition 2",
    amends="crc.proposition2",
    x=D.points("n", "d"),
    s=D.interval(0.125, 8),
    dims={"n": (1, 2), "d": (1, 2)},
    mutants={"off by one percent": dict(share=1.01), "doubled twice": dict(power=2)},
)
def collinear(x: Tensor, s: Tensor, *, share: float = 1.0, power: int = 1) -> Relation:
    r"""For the infinitely wide bias-free relu network, first layer or both trained, and $s > 0$, the row of $sx_1$ is s times
    the row of $x_1$: $\sum_jK(sx_1,x_j) = s\sum_jK(x_1,x_j)$. So the kernel of $x_1$, $sx_1$ and any other points is singular.

    Notes: $x$ and $2x$ with $|x| = 1$: $K = ((1/2, 1), (1, 2))$, different rows, singular.
    """
    links = []
    for both in (False, True):
        K = al.kernels.analytic(s[:, None, None] * x[:, :1], x, train_output=both).sum((-2, -1))
        own = al.kernels.analytic(x[:, :1], x, train_output=both).sum((-2, -1))
        layers = "both layers" if both else "first layer"
        links.append(eq(K, share * s**power * own, names=[f"row of s x, {layers}", f"s times the row of x, {layers}"]))
    return all_of(*links)


@claim(
    id="crc.proposition2.six_points",
    title="Six distinct unit points at which the relu kernel is singular",
    source="own derivation, for CRC, section 2.3, 'non-degenerate training set', and Proposition 2",
    amends="crc.proposition2",
    uses=["common.antipodal_pairs"],
    x=D.unit_vectors(3, 2),
    mutants={"coefficients off by one percent": dict(tilt=0.01), "the third pair left out": dict(keep=0.0)},
)
def six_points(x: Tensor, *, tilt: float = 0.0, keep: float = 1.0) -> Relation:
    r"""Let $\alpha_1x_1+\alpha_2x_2+\alpha_3x_3 = 0$ for three unit vectors of the plane, and $c = (\alpha,-\alpha)$. For the
    six points $\pm x_1,\pm x_2,\pm x_3$ and the infinitely wide bias-free relu network, $c^\top K^{(1)}c = 0$ and $c^\top
    K^{(2)}c = 0$ for the kernels of the first and of the second layer, hence for their sum.

    Proof: $\mathrm{relu}(z)-\mathrm{relu}(-z) = z$, so on c both kernels see the $x_i$ linearly.

    Notes: $\pm e_1,\pm e_2,\pm(3/5,4/5)$ are at least 0.63 apart, so $\|x_i-x_j\|\ge\delta$ (section 2.3) is not enough for
    $\lambda_{\min}(K) > 0$: parallel points must be excluded, antipodes included.
    """
    y = torch.roll(x, -1, -2)
    z = torch.roll(y, -1, -2)
    alpha = y[..., 0] * z[..., 1] - y[..., 1] * z[..., 0]
    alpha = alpha * torch.tensor([1.0 + tilt, 1.0, keep], dtype=torch.float64)
    points, c = torch.cat([x, -x], -2), torch.cat([alpha, -alpha], -1)
    first, both = (quadratic(al.kernels.analytic(points, train_output=t), c) for t in (False, True))
    return all_of(eq(first, 0.0 * first, names=["c'Kc, first layer", "0"]), eq(both, 0.0 * first, names=["c'Kc, both", "0"]))


@claim(
    id="crc.proposition2.search",
    title="Proposition 2 for exhaustive search with the smallest eigenvalue",
    source=f"{PROPOSITION2}; 'CRC never queries identical samples or those already in the labeled set'",
    reading="score lambda_min, all candidates scored (G = Q = 1), kernel of the distinct points nonsingular",
    amends="crc.proposition2",
    uses=["crc.proposition2.gap"],
    K=D.psd("n", cond=COND),
    dims={"n": (2, 3)},
    mutants={"scored by the smallest positive eigenvalue": dict(score=positive), "one percent more": dict(share=1.01)},
)
def search(K: Tensor, *, score: object = lowest, share: float = 1.0) -> Relation:
    r"""Let K be nonsingular on the labelled points and one new point. The best score $\lambda_{\min}$ of a copy of a labelled
    point is less than that of the new point, by $\lambda_{\min}(K)$ at least.

    Proof: a copy scores 0.

    Tight at: always.
    """
    of = score if callable(score) else lowest
    n = K.shape[-1]
    copies = of(sub(K, [[*range(n - 1), i] for i in range(n - 1)])).amax(-1)
    return leq(copies + share * lowest(K), of(K), names=["best copy + lambda_min(K)", "the new point"])


@claim(
    id="crc.proposition2.algorithm1",
    title="Proposition 2 for the score of Algorithm 1",
    source=f"{PROPOSITION2}, with the smallest positive eigenvalue of Algorithm 1",
    reading="score lambda_min^+ as printed in Algorithm 1: a new point scores at least as much as a copy",
    expect="refuted",
    K=D.psd("n", cond=COND),
    dims={"n": (2, 2)},
    mutants={"half as much": dict(share=0.51), "nine tenths": dict(share=0.9)},
)
def algorithm1_score(K: Tensor, *, share: float = 1.0) -> Relation:
    r"""If K is nonsingular on the labelled points and a new one, every copy of a labelled point scores at most as much as the
    new point.

    Counterexample: one labelled point with $k = 1$: its copy scores 2; a new point at a right angle with $k = 1$ scores 1.

    Notes: it is always the other way round (crc.proposition2.reversed): on data with repeated points the printed algorithm
    prefers the repetitions.
    """
    n = K.shape[-1]
    copy = positive(sub(K, [*range(n - 1), 0]))
    return leq(share * copy, positive(K), names=["a copy", "the new point"])


@claim(
    id="crc.proposition2.reversed",
    title="The reverse of Proposition 2 holds for the score of Algorithm 1",
    source=f"replaces {PROPOSITION2}, with the smallest positive eigenvalue of Algorithm 1; own derivation",
    amends="crc.proposition2.algorithm1",
    uses=["crc.eq9.interlacing"],
    K=D.psd("n", cond=COND),
    more=D.real(2),
    times=D.integer(1, 2),
    dims={"n": (3, 4)},
    mutants={"copies one percent less": dict(share=0.99), "new point one percent more": dict(new=1.01)},
)
def reversed_(K: Tensor, more: Tensor, times: Tensor, *, share: float = 1.0, new: float = 1.0) -> Relation:
    r"""Let $K_L$ be nonsingular. For all copies $u'$ of labelled points, any number of each, and all new points $X_u$ with
    $K(X_L\cup X_u)$ nonsingular, $\lambda_{\min}^+(X_L\cup X_u) \le \lambda_{\min}(K_L) \le \lambda_{\min}^+(X_L\cup u')$.

    Here two points are labelled, one or two further points are new, and each labelled point gets 0, 1 or 2 copies.

    Proof: the left side is interlacing. On the right, the nonzero eigenvalues with copies are those of $D^{1/2}K_LD^{1/2}$, D
    the multiplicities, at least 1.

    Tight at: $K = \mathrm{diag}(1, 2, 5)$ with copies of the second point: all three are 1. So the order is strict in general
    position only.

    Notes: with m copies of every labelled point the score is $(m+1)\lambda_{\min}(K_L)$.
    """
    labelled = sub(K, [0, 1])
    copies = torch.where(more > 0, times[:, None], torch.zeros_like(times)[:, None])
    # each labelled point three times; where there are fewer copies the row is 0, and adds a zero eigenvalue
    kept = torch.stack([torch.ones_like(more), one_if(copies >= 1, more), one_if(copies >= 2, more)], -1).reshape(len(K), 6)
    multiset = sub(labelled, [0, 0, 0, 1, 1, 1]) * kept[:, :, None] * kept[:, None, :]
    return chain(
        new * positive(K),
        lowest(labelled),
        share * positive(multiset),
        names=["new points", "lambda_min(K_L)", "copies"],
    )
