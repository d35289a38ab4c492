r"""Eq. (9), the objective: how the smallest eigenvalue changes when points are labelled."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

import altheory as al
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.crc._selection import (
    EQ9,
    GRADIENTS,
    KERNEL,
    NONSINGULAR,
    chosen_by,
    gram,
    lowest,
    no_zero_gradient,
    positive,
    sub,
)
from proofs_check.relations import Relation


def _with_each_candidate(K: Tensor) -> tuple[Tensor, Tensor]:
    """lambda_min of the labelled set (all points but the last two, at least one), and with each candidate added, (batch, m)."""
    n = K.shape[-1]
    labelled = list(range(max(1, n - 2)))
    return lowest(sub(K, labelled)), lowest(sub(K, [[*labelled, u] for u in range(len(labelled), n)]))


@claim(
    id="crc.eq9.increase",
    title="Labelling the best candidate increases the smallest eigenvalue",
    source=EQ9,
    reading="'how much the Gram matrix' smallest eigenvalue can increase upon labeling' taken at its word",
    expect="refuted",
    K=NONSINGULAR,
    dims={"n": (2, 3)},
    mutants={"by one percent": dict(share=1.01), "by a tenth": dict(share=1.1)},
)
def increase(K: Tensor, *, share: float = 1.0) -> Relation:
    r"""If the pool is not empty, $\lambda_{\min}(X_L) \le \max_u\lambda_{\min}(X_L\cup\{u\})$ over the candidates u.

    Counterexample: $K = ((1, 1/2), (1/2, 1))$, the first point labelled: 1 before, 1/2 after.

    Notes: the change is never positive (crc.eq9.interlacing); it can be 0 at best.
    """
    before, scores = _with_each_candidate(K)
    return leq(share * before, scores.amax(-1), names=["lambda_min(X_L)", "best lambda_min(X_L + u)"])


@claim(
    id="crc.eq9.interlacing",
    title="Labelling never increases the smallest eigenvalue",
    source=f"replaces the sentence before {EQ9}; Cauchy's interlacing theorem",
    amends="crc.eq9.increase",
    K=KERNEL,
    dims={"n": (2, 4)},
    mutants={"falls by one percent at least": dict(share=1.01), "by a thousandth at least": dict(share=1.001)},
)
def interlacing(K: Tensor, *, share: float = 1.0) -> Relation:
    r"""For every candidate u, $\lambda_{\min}(X_L\cup\{u\}) \le \lambda_{\min}(X_L)$.

    Proof: $\lambda_{\min}$ is a minimum of $v^\top Kv$ over unit vectors, and the larger set has more of them.

    Tight at: a candidate orthogonal to the labelled points with $k(u,u)\ge\lambda_{\min}(X_L)$.

    Notes: so eq. (9) chooses the smallest unavoidable loss.
    """
    before, scores = _with_each_candidate(K)
    return leq(share * scores.amax(-1), before, names=["best lambda_min(X_L + u)", "lambda_min(X_L)"])


@claim(
    id="crc.eq9.relative",
    title="Eq. (9) as a comparison of candidates",
    source=EQ9,
    reading="'how much it can increase' as a score relative to other candidates only",
    amends="crc.eq9.increase",
    K=KERNEL,
    dims={"n": (3, 4)},
    mutants={"by the size of the change": dict(sign=-1.0), "one percent less": dict(share=0.99)},
)
def relative(K: Tensor, *, sign: float = 1.0, share: float = 1.0) -> Relation:
    r"""The candidate with the largest change $\lambda_{\min}(X_L\cup\{u\})-\lambda_{\min}(X_L)$ has the largest
    $\lambda_{\min}(X_L\cup\{u\})$: scoring by change and by eq. (9) is the same.
    """
    before, scores = _with_each_candidate(K)
    change = sign * (scores - before[:, None])
    return eq(share * chosen_by(change, scores), scores.amax(-1), names=["lambda_min of the largest change", "eq. (9)"])


def _best_of_each_size(K: Tensor) -> list[Tensor]:
    """The best lambda_min(X_L + X_u) over the sets of q = 0, 1, 2 of two candidates, the last two points."""
    n = K.shape[-1]
    start, pool = list(range(n - 2)), (n - 2, n - 1)
    best = []
    for q in range(3):
        values = lowest(sub(K, [[*start, *chosen] for chosen in itertools.combinations(pool, q)]))
        best.append(values.amax(-1))
    return best


@claim(
    id="crc.eq9.any_size",
    title="Eq. (9) has a solution that queries something",
    source=EQ9,
    reading="as printed: the maximum is over all subsets of the pool, of any size",
    expect="refuted",
    K=NONSINGULAR,
    dims={"n": (3, 3)},
    mutants={"one percent better": dict(share=1.01), "a tenth better": dict(share=1.1)},
)
def any_size(K: Tensor, *, share: float = 1.0) -> Relation:
    r"""Over all $X_u\subset X_U$, $\lambda_{\min}(X_L\cup X_u)$ is largest for a set that is not empty.

    Counterexample: one labelled point and two candidates, all pairs with kernel 1/2, all points 1 with themselves: the empty
    set gives 1, every other one 1/2.

    Notes: $|X_u| = Q$ is missing in eq. (9) and plainly meant; see crc.eq9.sizes.
    """
    empty, *others = _best_of_each_size(K)
    return leq(share * empty, torch.stack(others, -1).amax(-1), names=["empty set", "best nonempty set"])


@claim(
    id="crc.eq9.sizes",
    title="The larger the query, the smaller the best eigenvalue",
    source=f"replaces {EQ9}, where no size is given; own derivation",
    amends="crc.eq9.any_size",
    uses=["crc.eq9.interlacing"],
    K=KERNEL,
    dims={"n": (3, 4)},
    mutants={"falls by one percent at least": dict(share=1.01), "by a thousandth at least": dict(share=1.001)},
)
def sizes(K: Tensor, *, share: float = 1.0) -> Relation:
    r"""The best $\lambda_{\min}(X_L\cup X_u)$ over the sets of q candidates does not rise with q; it is
    $\lambda_{\min}(X_L)$ for q = 0.

    Proof: leave a point out of the best set of q + 1.

    Notes: so without $|X_u| = Q$ the empty set solves (9), and with $|X_u|\le Q$ too.
    """
    empty, one, two = _best_of_each_size(K)
    return chain(share * two, one, empty / share, names=["best of size 2", "best of size 1", "lambda_min(X_L)"])


@claim(
    id="crc.eq9.positive",
    title="Labelling never increases the smallest positive eigenvalue",
    source=f"{EQ9}, with the positive eigenvalues of Algorithm 1",
    reading="lambda_min^+, which Algorithm 1 computes, in place of lambda_min",
    expect="refuted",
    J=GRADIENTS,
    dims={"n": (2, 3), "p": (1, 1)},
    assumes=[no_zero_gradient],
    mutants={"it may double": dict(share=0.5), "it may grow fourfold": dict(share=0.25)},
)
def positive_(J: Tensor, *, share: float = 1.0) -> Relation:
    r"""For every candidate u, $\lambda_{\min}^+(X_L\cup\{u\}) \le \lambda_{\min}^+(X_L)$.

    Counterexample: one parameter, gradients 1 and 2: 1 before, 5 after. With gradients (1, 0), (1, 1/10) and the candidate
    (0, 1) it rises from 0.00499 to 1.

    Notes: here an increase is possible, but only once the kernel is singular: among nonsingular kernels $\lambda_{\min}^+$ is
    $\lambda_{\min}$.
    """
    K = gram(J)
    before = positive(sub(K, range(K.shape[-1] - 1)))
    return leq(share * positive(K), before, names=["lambda_min+ after", "lambda_min+ before"])


def below_the_old(K: Tensor, b: Tensor, k: Tensor, away: Tensor) -> Tensor:
    """lambda_min(X_L + u) + s is below lambda_min(X_L), by more than rounding (2^-30 of the largest eigenvalue)"""
    values = torch.linalg.eigvalsh(K)
    return lowest(al.conditioning.bordered(K, b, k)) + away < values[..., 0] - 2.0**-30 * values[..., -1]


@claim(
    id="crc.eq9.secular",
    title="One candidate's eigenvalue from a secular equation",
    source=f"own derivation, for {EQ9}; Golub (SIAM Review 1973)",
    uses=["crc.eq9.interlacing"],
    K=D.psd("n"),
    b=D.real("n"),
    k=D.real(),
    away=D.positive(),
    dims={"n": (1, 3)},
    assumes=[below_the_old],
    mutants={"coupling one percent too large": dict(coupling=1.01), "corner one percent too small": dict(corner=0.99)},
)
def secular(K: Tensor, b: Tensor, k: Tensor, away: Tensor, *, coupling: float = 1.0, corner: float = 1.0) -> Relation:
    r"""Let $w_1 = \lambda_{\min}(X_L)$, let b be the candidate's kernel with $X_L$, k its kernel with itself, and
    $s(t) = k-t-b^\top(K-tI)^{-1}b$. If $\lambda = \lambda_{\min}(X_L\cup\{u\}) < w_1$, then
    $s(\lambda+s_0) \le 0 \le s(\lambda-s_0)$ for all $s_0 > 0$ with $\lambda+s_0 < w_1$: $\lambda$ is the only root of s below
    $w_1$. Without a root there, $\lambda = w_1$.

    Proof: $\det(K_u-tI) = s(t)\det(K-tI)$, and s falls below $w_1$.

    Notes: there need not be a root: $K = \mathrm{diag}(1, 2)$, b = 0, k = 3 has $\lambda = w_1 = 1$. So
    $\lambda = \min(w_1, \mathrm{root})$, which `altheory.conditioning.secular_smallest` computes for all candidates from one
    eigendecomposition of K, in $O(n^2)$ operations a candidate.
    """
    found = lowest(al.conditioning.bordered(K, b, k))
    eye = torch.eye(K.shape[-1], dtype=torch.float64)

    def s(t: Tensor) -> Tensor:
        solved = torch.linalg.solve(K - t[:, None, None] * eye, b[..., None])[..., 0]
        return corner * k - t - coupling * (b * solved).sum(-1)

    return chain(s(found + away), 0.0 * k, s(found - away), names=["s(lambda + s0)", "0", "s(lambda - s0)"])
