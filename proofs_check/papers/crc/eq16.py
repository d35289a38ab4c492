r"""Equation (16): the loss along the step, and what the proof of lemma 4 makes of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from altheory import semi_smooth
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_valleys import (
    AT_THE_KINK,
    ON,
    PIECES,
    SOURCE,
    VALLEYS,
    loss_is_positive,
    scaled,
    step,
    valley,
)
from proofs_check.relations import Relation

STATEMENT = f"{SOURCE}, proof of lemma 4, eq. (16)"
STEP = D.interval(0, 1)
NUMBERS: dict[str, Any] = {
    "alpha": D.nonneg(),
    "beta": D.positive(),
    "mu": D.nonneg(),
    "more": D.nonneg(),
    "gamma": STEP,
}


@claim(
    id="crc.eq16.as_printed",
    title="Eq. (16) as printed",
    source=STATEMENT,
    reading="as printed: beta gamma^2, without M; the constants b and c that follow are made from this form",
    expect="refuted",
    **VALLEYS,
    x=D.real(),
    gamma=STEP,
    dims=PIECES,
    on=ON,
    mutants={"beta one percent smaller": dict(b=0.99), "mu one percent larger": dict(m=1.01)},
)
def eq16_as_printed(
    widths: Tensor,
    first: Tensor,
    slopes: Tensor,
    height: Tensor,
    tilt: Tensor,
    x: Tensor,
    gamma: Tensor,
    *,
    b: float = 1.0,
    m: float = 1.0,
) -> Relation:
    r"""$L(\theta_t-\gamma\nabla L_t) \le (1+\gamma(\alpha\sqrt{M}-\mu)+\beta\gamma^2)L_t$ under condition 1.

    Counterexample: $L = x^2$, with constants (0, 1, 4, 4), $\gamma = 1$: $L(\theta_t-\nabla L_t) = L_t$, but the right side is
    $-2L_t$.

    Notes: the line before has $\beta\gamma^2|\nabla L_t|^2$, and $|\nabla L_t|^2 \le ML_t$: the factor M is missing. Not damage
    of our copy, since b and c are made without it too. Harmless for the order in $\gamma$. See crc.eq16.
    """
    loss = valley(widths, first, slopes, height, tilt)
    now, c = step(loss, x, gamma), scaled(loss.constants(), beta=b, mu=m)
    right = (1 + gamma * (c.alpha * torch.sqrt(c.M) - c.mu) + c.beta * gamma * gamma) * now.loss
    return leq(now.after, right, names=["L(theta - gamma grad L)", "(1 + gamma (alpha sqrt(M) - mu) + beta gamma^2) L"])


@claim(
    id="crc.eq16",
    title="Eq. (16) with its factor M, and where it loses",
    source=f"replaces {STATEMENT}",
    amends="crc.eq16.as_printed",
    **VALLEYS,
    x=D.real(),
    gamma=STEP,
    dims=PIECES,
    on=ON,
    also_on=AT_THE_KINK,
    assumes=[loss_is_positive],
    uses=["crc.definition1", "crc.definition2.valleys"],
    mutants={
        "alpha five percent smaller": dict(a=0.95),
        "beta one percent smaller": dict(b=0.99),
        "mu one percent larger": dict(m=1.01),
    },
)
def eq16(
    widths: Tensor,
    first: Tensor,
    slopes: Tensor,
    height: Tensor,
    tilt: Tensor,
    x: Tensor,
    gamma: Tensor,
    *,
    a: float = 1.0,
    b: float = 1.0,
    m: float = 1.0,
) -> Relation:
    r"""Under condition 1, with $G = |\nabla L_t|^2/L_t$, which lies in $[\mu,M]$:
    $L(\theta_t-\gamma\nabla L_t) \le (1-\gamma G+\alpha\gamma\sqrt{G}+\beta\gamma^2G)L_t \le
    (1+\gamma(\alpha\sqrt{M}-\mu)+\beta M\gamma^2)L_t$.

    Proof: definition 1, then $\mu \le G \le M$ in each term by itself.

    Tight at: both, at a parabola.

    Notes: the form in the middle keeps the terms together, so that a large G, which costs on the right, pays on the left.
    """
    loss = valley(widths, first, slopes, height, tilt)
    now, c = step(loss, x, gamma), scaled(loss.constants(), alpha=a, beta=b, mu=m)
    return chain(
        now.after,
        semi_smooth.step_bound(now.scale, gamma, c.alpha, c.beta) * now.loss,
        (1 + gamma * (c.alpha * torch.sqrt(c.M) - c.mu) + c.beta * c.M * gamma * gamma) * now.loss,
        names=["L(theta - gamma grad L)", "with G", "with mu and M"],
    )


@claim(
    id="crc.eq16.small_gradients",
    title="Eq. (16) as printed, when M is at most 1",
    source=STATEMENT,
    reading="as printed, with gradients on the scale M <= 1",
    widths=D.positive("k"),
    first=D.interval(0, 0.5),
    slopes=D.spectrum("k", lo=0, hi=0.5),
    height=D.real(),
    x=D.real(),
    gamma=STEP,
    dims=PIECES,
    on="scalar models with slopes in [0, 1/2]",
    uses=["crc.eq16"],
    mutants={
        "slopes up to 0.52": dict(first=D.interval(0, 0.52), slopes=D.spectrum("k", lo=0, hi=0.52)),
        "beta one percent smaller": dict(b=0.99),
    },
)
def eq16_small_gradients(
    widths: Tensor, first: Tensor, slopes: Tensor, height: Tensor, x: Tensor, gamma: Tensor, *, b: float = 1.0
) -> Relation:
    r"""Under condition 1 with $M \le 1$: $L(\theta_t-\gamma\nabla L_t) \le (1+\gamma(\alpha\sqrt{M}-\mu)+\beta\gamma^2)L_t$.

    Proof: crc.eq16 and $M \le 1$.

    Tight at: a parabola with M = 1.
    """
    loss = valley(widths, first, slopes, height, 0 * height)
    now, c = step(loss, x, gamma), loss.constants()
    right = (1 + gamma * (c.alpha * torch.sqrt(c.M) - c.mu) + b * c.beta * gamma * gamma) * now.loss
    return leq(now.after, right, names=["L(theta - gamma grad L)", "(1 + gamma (alpha sqrt(M) - mu) + beta gamma^2) L"])


@claim(
    id="crc.eq16.square",
    title="Completing the square in eq. (16)",
    source=f"{STATEMENT}, the constants b and c after it",
    **NUMBERS,
    mutants={"c one percent larger": dict(share=1.01), "b without M": dict(without=True)},
)
def eq16_square(
    alpha: Tensor,
    beta: Tensor,
    mu: Tensor,
    more: Tensor,
    gamma: Tensor,
    *,
    share: float = 1.0,
    without: bool = False,
) -> Relation:
    r"""With $b = (\alpha\sqrt{M}-\mu)/(2\beta M)$ and $c = 1/(\beta M)-b^2$:
    $1+\gamma(\alpha\sqrt{M}-\mu)+\beta M\gamma^2 = \beta M((\gamma+b)^2+c)$, for M > 0.

    In the paper: $b = (\alpha\sqrt{M}-\mu)/2\beta$ and $c = 1/\beta-b^2$, which completes the square of the printed form
    without M.
    """
    M = mu + more + 1
    slope = alpha * torch.sqrt(M) - mu
    b = slope / (2 * beta * M)
    c = share * (1 / (beta * M) - b * b)
    if without:
        b = slope / (2 * beta)
    left = 1 + gamma * slope + beta * M * gamma * gamma
    return eq(left, beta * M * ((gamma + b) ** 2 + c), names=["1 + gamma (...) + beta M gamma^2", "beta M ((gamma + b)^2 + c)"])


@claim(
    id="crc.eq16.root_as_printed",
    title="The bound on the root of the loss, as printed",
    source=f"{STATEMENT}, the line after it",
    reading="as printed: b = (alpha sqrt(M) - mu)/(2 beta), c = 1/beta - b^2, factor sqrt(beta)",
    expect="refuted",
    **VALLEYS,
    x=D.real(),
    gamma=D.interval(0, 8),
    dims=PIECES,
    on=ON,
    mutants={"two percent less": dict(share=0.98), "five percent less": dict(share=0.95)},
)
def eq16_root_as_printed(
    widths: Tensor,
    first: Tensor,
    slopes: Tensor,
    height: Tensor,
    tilt: Tensor,
    x: Tensor,
    gamma: Tensor,
    *,
    share: float = 1.0,
) -> Relation:
    r"""$\sqrt{L(\theta_t-\gamma\nabla L_t)} \le \sqrt{\beta}(\gamma+|b|+\sqrt{|c|})\sqrt{L_t}$ under condition 1, with the
    printed b and c.

    Counterexample: $L = x^2$: b = -2, c = -3, and $L(\theta_t-8\nabla L_t) = 15^2L_t$, but $8+2+\sqrt{3} < 15$.

    Notes: inherits the M that eq. (16) lost; see crc.eq16.root.
    """
    loss = valley(widths, first, slopes, height, tilt)
    now, c = step(loss, x, gamma), loss.constants()
    one = torch.ones_like(gamma)
    beta = torch.where(c.beta == 0, one, c.beta)  # a constant loss has no gradient and no step
    b = (c.alpha * torch.sqrt(c.M) - c.mu) / (2 * beta)
    right = torch.sqrt(beta) * (gamma + torch.abs(b) + torch.sqrt(torch.abs(1 / beta - b * b)))
    return leq(torch.sqrt(now.after), share * right * torch.sqrt(now.loss), names=["sqrt(L after)", "printed bound"])


@claim(
    id="crc.eq16.root",
    title="The bound on the root of the loss, corrected",
    source=f"replaces {STATEMENT}, the line after it",
    amends="crc.eq16.root_as_printed",
    **VALLEYS,
    x=D.real(),
    gamma=D.interval(0, 8),
    dims=PIECES,
    on=ON,
    assumes=[loss_is_positive],
    uses=["crc.eq16", "crc.eq16.square"],
    mutants={"one percent less": dict(share=0.99), "0.98 gamma": dict(g=0.98)},
)
def eq16_root(
    widths: Tensor,
    first: Tensor,
    slopes: Tensor,
    height: Tensor,
    tilt: Tensor,
    x: Tensor,
    gamma: Tensor,
    *,
    share: float = 1.0,
    g: float = 1.0,
) -> Relation:
    r"""$\sqrt{L(\theta_t-\gamma\nabla L_t)} \le \sqrt{\beta M}(\gamma+|b|+\sqrt{|c|})\sqrt{L_t}$ under condition 1, with
    $b = (\alpha\sqrt{M}-\mu)/(2\beta M)$ and $c = 1/(\beta M)-b^2$, for $\beta M > 0$.

    Proof: crc.eq16.square and the triangle inequality for $(\gamma+b,\sqrt{|c|})$.

    Tight at: $\gamma = 0$ with $b = 0$.
    """
    loss = valley(widths, first, slopes, height, tilt)
    now, c = step(loss, x, gamma), loss.constants()
    one = torch.ones_like(gamma)
    scale = torch.where(c.M == 0, one, c.beta * c.M)
    b = (c.alpha * torch.sqrt(c.M) - c.mu) / (2 * scale)
    right = torch.sqrt(scale) * (g * gamma + torch.abs(b) + torch.sqrt(torch.abs(1 / scale - b * b)))
    return leq(torch.sqrt(now.after), share * right * torch.sqrt(now.loss), names=["sqrt(L after)", "corrected bound"])
