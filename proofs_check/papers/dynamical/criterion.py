r"""Equation (15), appendix A.5 and what the paper reads into it: the influence remark, the variants of section 5.2."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import dynamics
from proofs_check import claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings_gradients import (
    CANDIDATES,
    LABELLED,
    ON_GRADIENTS,
    SOURCE,
)
from proofs_check.relations import Relation

EQ15 = f"{SOURCE}, section 3.3, eq. (15); derivation in appendix A.5"
INFLUENCE = f"{SOURCE}, section 3.3: the second term as influence function with identity Hessian"
GAMMA = f"{SOURCE}, section 5.2, comparison with different variants"
POOL = {"n": (1, 3), "p": (1, 3)}
MEMBERS = D.real("s", "p")


@claim(
    id="dynamical.eq15",
    title="Eq. (15): the change that one candidate makes",
    source=EQ15,
    J=D.real("n", 2, 2),
    d=D.real("n", 2),
    dims={"n": (1, 3)},
    uses=["dynamical.eq8"],
    mutants={"the first term one percent larger": dict(norm=1.01), "the second term 1.98 times": dict(gamma=1.98)},
)
def eq15(J: Tensor, d: Tensor, *, norm: float = 1.0, gamma: float = 2.0) -> Relation:
    r"""$\Delta(\{(x_u,\hat y_u)\}|S) = |\nabla_\theta\ell(f(x_u),\hat y_u)|^2+
    2\sum_{(x,y)\in S}\nabla_\theta\ell(f(x_u),\hat y_u)^\top\nabla_\theta\ell(f(x),y)$, where the left side is
    $G(S\cup\{u\})-G(S)$ with G from the kernel, eq. (8). (The first example is u, the others are S.)
    """
    kernel = dynamics.tangent_kernel(J)
    rest = torch.where(torch.arange(J.shape[1])[:, None] == 0, torch.zeros_like(d), d)
    change = dynamics.by_kernel(kernel, d) - dynamics.by_kernel(kernel, rest)
    g = dynamics.sample_gradients(J, d)
    total = g.sum(-2) - g[:, 0]
    right = dynamics.criterion(g[:, :1], total, gamma)[:, 0] + (norm - 1) * (g[:, 0] * g[:, 0]).sum(-1)
    return eq(change, right, names=["G(S + u) - G(S)", "|g_u|^2 + 2 <g_u, g_S>"])


def _influence(candidates: Tensor, labelled: Tensor) -> Tensor:
    """How the loss on S moves when a candidate is upweighted by 1 in a quadratic model with Hessian I, for each candidate."""
    eye = torch.eye(candidates.shape[-1], dtype=torch.float64)
    hessian = eye + 0 * candidates[:, 0, :, None]
    move = torch.linalg.solve(hessian, -torch.transpose(candidates, -1, -2))
    return (labelled[:, None, :] @ move)[:, 0]


@claim(
    id="dynamical.influence_remark",
    title="The second term of eq. (15) is an influence, up to sign",
    source=INFLUENCE,
    reading="up to sign and the factor 2",
    amends="dynamical.influence_remark.with_sign",
    candidates=CANDIDATES,
    labelled=LABELLED,
    c=D.real("n"),
    dims=POOL,
    on=ON_GRADIENTS,
    mutants={"one percent more": dict(share=1.01), "the sign kept": dict(share=-1.0)},
)
def influence_remark(candidates: Tensor, labelled: Tensor, c: Tensor, *, share: float = 1.0) -> Relation:
    r"""Upweighting a candidate u by $\varepsilon$ moves the minimiser of a loss with Hessian H by $-\varepsilon H^{-1}g_u$, and
    the loss on S by $\varepsilon\,\mathcal{I}(u,S)$, $\mathcal{I}(u,S) = -g_S^\top H^{-1}g_u$ (Koh and Liang, 2017). With
    $H = I$, $2\langle g_u,g_S\rangle = -2\,\mathcal{I}(u,S)$ for every candidate (here: in every combination c of them).

    Notes: a candidate that helps S has a negative influence on the loss of S and a positive second term.
    """
    second = dynamics.change(candidates, labelled) - (candidates * candidates).sum(-1)
    influence = _influence(candidates, labelled)
    return eq((c * second).sum(-1), -2 * share * (c * influence).sum(-1), names=["second term", "-2 influence"])


@claim(
    id="dynamical.influence_remark.with_sign",
    title="The second term of eq. (15) is the influence, sign included",
    source=INFLUENCE,
    reading="with the sign of the influence function",
    expect="refuted",
    candidates=CANDIDATES,
    labelled=LABELLED,
    c=D.real("n"),
    dims=POOL,
    on=ON_GRADIENTS,
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def influence_remark_with_sign(candidates: Tensor, labelled: Tensor, c: Tensor, *, share: float = 1.0) -> Relation:
    r"""With $H = I$, $2\langle g_u,g_S\rangle = 2\,\mathcal{I}(u,S)$, where $\mathcal{I}(u,S) = -g_S^\top H^{-1}g_u$.

    Counterexample: $g_u = g_S = 1$: 2 against -2.

    Notes: the paper says "can be regarded as"; that is right up to sign (dynamical.influence_remark).
    """
    second = dynamics.change(candidates, labelled) - (candidates * candidates).sum(-1)
    influence = _influence(candidates, labelled)
    return eq((c * second).sum(-1), 2 * share * (c * influence).sum(-1), names=["second term", "2 influence"])


@claim(
    id="dynamical.influence_remark.at_convergence",
    title="At convergence the influence is zero and eq. (15) is the gradient norm",
    source=f"{INFLUENCE}; Algorithm 1, training until convergence",
    candidates=CANDIDATES,
    members=MEMBERS,
    c=D.real("n"),
    dims={"n": (1, 3), "p": (1, 2), "s": (1, 3)},
    mutants={"one percent away from convergence": dict(left=0.01), "one percent more": dict(share=1.01)},
)
def influence_at_convergence(
    candidates: Tensor, members: Tensor, c: Tensor, *, left: float = 0.0, share: float = 1.0
) -> Relation:
    r"""If the gradients of the labelled examples sum to zero, then $\Delta(\{u\}|S) = |g_u|^2$ and $\mathcal{I}(u,S) = 0$
    for every candidate (here: in every combination c of them).

    Notes: Algorithm 1 trains until convergence before it scores. There the term that sets eq. (15) apart from the gradient norm
    has gone, and every $\gamma$ of section 5.2 but infinity gives the same query (dynamical.algorithm1.near_convergence).
    """
    centred = members - (1 - left) * members.mean(-2, keepdim=True)
    change = dynamics.change(candidates, centred.sum(-2))
    return eq((c * change).sum(-1), share * (c * (candidates * candidates).sum(-1)).sum(-1), names=["Delta({u}|S)", "|g_u|^2"])


# the variants of section 5.2


def _as_printed(candidates: Tensor, members: Tensor, gamma: Tensor | float) -> Tensor:
    """Sum over x in S of |g_u|^2 + gamma <g_u, g_x>, (batch, n)."""
    return sum(
        (dynamics.criterion(candidates, members[:, x], gamma) for x in range(1, members.shape[1])),
        start=dynamics.criterion(candidates, members[:, 0], gamma),
    )


@claim(
    id="dynamical.gamma",
    title="The variants of section 5.2: gamma = 2 is eq. (15)",
    source=GAMMA,
    reading="the sum over S stands before the second term only, as in eq. (15), which the text cites",
    amends="dynamical.gamma.as_printed",
    candidates=CANDIDATES,
    members=MEMBERS,
    c=D.real("n"),
    dims={"n": (1, 2), "p": (1, 2), "s": (1, 3)},
    mutants={"gamma = 1.98": dict(gamma=1.98), "gamma = 2 / |S|": dict(gamma=2.0, spread=True)},
)
def gamma(candidates: Tensor, members: Tensor, c: Tensor, *, gamma: float = 2.0, spread: bool = False) -> Relation:
    r"""$|g_u|^2+\gamma\sum_{x\in S}\langle g_u,g_x\rangle = \Delta(\{u\}|S)$ for $\gamma = 2$, where
    $\Delta(\{u\}|S) = G(S\cup\{u\})-G(S)$ (here: in every combination c of the candidates).
    """
    total = members.sum(-2)
    joined = total[:, None, :] + candidates
    change = (joined * joined).sum(-1) - (total * total).sum(-1)[:, None]
    variant = dynamics.criterion(candidates, total, gamma / members.shape[1] if spread else gamma)
    return eq((c * variant).sum(-1), (c * change).sum(-1), names=["|g_u|^2 + gamma <g_u, g_S>", "Delta({u}|S)"])


@claim(
    id="dynamical.gamma.as_printed",
    title="The variants of section 5.2 as printed: gamma = 2 is eq. (15)",
    source=GAMMA,
    reading="as printed: the sum over S stands before both terms",
    expect="refuted",
    candidates=CANDIDATES,
    members=MEMBERS,
    dims={"n": (1, 1), "p": (1, 2), "s": (1, 3)},
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def gamma_as_printed(candidates: Tensor, members: Tensor, *, share: float = 1.0) -> Relation:
    r"""$\sum_{x\in S}\left(|g_u|^2+\gamma\langle g_u,g_x\rangle\right) = \Delta(\{u\}|S)$ for $\gamma = 2$.

    Counterexample: $|S| = 2$, $g_u = 1$, both gradients of S zero: 2 against 1.

    Notes: the first term is counted $|S|$ times (dynamical.gamma.scaled). Read as a slip of the sum, dynamical.gamma holds.
    """
    printed = _as_printed(candidates, members, 2.0)[:, 0]
    return eq(
        printed,
        share * dynamics.change(candidates, members.sum(-2))[:, 0],
        names=["sum of |g_u|^2 + 2 <g_u, g_x>", "Delta({u}|S)"],
    )


@claim(
    id="dynamical.gamma.scaled",
    title="What the printed variant is",
    source=GAMMA,
    reading="as printed, for any gamma",
    amends="dynamical.gamma.as_printed",
    candidates=CANDIDATES,
    members=MEMBERS,
    gamma=D.interval(0, 16),
    dims={"n": (1, 1), "p": (1, 2), "s": (1, 4)},
    mutants={"one percent more": dict(share=1.01), "gamma not divided": dict(divide=False)},
)
def gamma_scaled(candidates: Tensor, members: Tensor, gamma: Tensor, *, share: float = 1.0, divide: bool = True) -> Relation:
    r"""$\sum_{x\in S}\left(|g_u|^2+\gamma\langle g_u,g_x\rangle\right) =
    |S|\left(|g_u|^2+\frac{\gamma}{|S|}\langle g_u,g_S\rangle\right)$: the variant with $\gamma/|S|$, which orders candidates as
    eq. (15) does for $\gamma = 2|S|$.
    """
    size = members.shape[1]
    right = dynamics.criterion(candidates, members.sum(-2), gamma / size if divide else gamma)
    return eq(
        _as_printed(candidates, members, gamma)[:, 0],
        share * size * right[:, 0],
        names=["sum of |g_u|^2 + gamma <g_u, g_x>", "|S| (|g_u|^2 + gamma / |S| <g_u, g_S>)"],
    )


def _ordered(candidates: Tensor, labelled: Tensor) -> Tensor:
    """<g_1 - g_2, g_S> > 0, at least 1/1024 of |g_1 - g_2| |g_S|, and |g_1 - g_2| at least 1/1024 of |g_1|"""
    difference = candidates[:, 0] - candidates[:, 1]
    inner = (difference * labelled).sum(-1)
    apart, size = (difference * difference).sum(-1), (candidates[:, 0] * candidates[:, 0]).sum(-1)
    most = apart * (labelled * labelled).sum(-1)
    return (inner > 0) & (most <= 2**20 * inner * inner) & (size <= 2**20 * apart)


@claim(
    id="dynamical.gamma.infinity",
    title="The variant gamma = infinity: the order in the limit, and from where",
    source=GAMMA,
    reading="gamma = infinity ranks by the second term alone",
    candidates=D.real(2, "p"),
    labelled=LABELLED,
    excess=D.interval(0, 8),
    dims={"p": (1, 3)},
    assumes=[_ordered],
    mutants={"from one percent earlier": dict(early=0.99), "from one percent of the second norm earlier": dict(less=0.01)},
)
def gamma_infinity(candidates: Tensor, labelled: Tensor, excess: Tensor, *, early: float = 1.0, less: float = 0.0) -> Relation:
    r"""If $\langle g_1,g_S\rangle > \langle g_2,g_S\rangle$, then $|g_2|^2+\gamma\langle g_2,g_S\rangle \le
    |g_1|^2+\gamma\langle g_1,g_S\rangle$ for every $\gamma \ge \max\left(0,
    \frac{|g_2|^2-|g_1|^2}{\langle g_1-g_2,g_S\rangle}\right)$: in the limit the second term alone ranks.

    Tight at: equality in the threshold.
    """
    norms = (candidates * candidates).sum(-1)
    lead = dynamics.criterion(candidates[:, :1] - candidates[:, 1:], labelled, float("inf"))[:, 0]
    start = (norms[:, 1] - norms[:, 0] - less * norms[:, 1]) / torch.where(lead > 0, lead, torch.ones_like(lead))
    weight = early * torch.clamp(start, min=0) * (1 + excess)
    score = dynamics.criterion(candidates, labelled, weight)
    return leq(score[:, 1], score[:, 0], names=["criterion of the second", "criterion of the first"])
