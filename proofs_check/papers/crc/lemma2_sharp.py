r"""Lemmas 2 and 4, first half, corrected: the remainder of a step is of first order in the step, with the best constants."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import semi_smooth
from altheory.semi_smooth import SlopeProfile
from proofs_check import chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_valleys import AT_THE_KINK, NARROW, ON, PIECES, VALLEYS, scaled, step, valley
from proofs_check.papers.crc.definition1 import bump_constants
from proofs_check.papers.crc.lemma2 import STATEMENT
from proofs_check.relations import Relation


@claim(
    id="crc.lemma2.corrected",
    title="Lemma 2, corrected",
    source=f"replaces {STATEMENT}",
    amends="crc.lemma2",
    **VALLEYS,
    x=D.real(),
    eta=D.interval(0, 1),
    dims=PIECES,
    on=ON,
    also_on=AT_THE_KINK,
    uses=["crc.definition1", "crc.definition2.valleys"],
    mutants={
        "alpha two percent smaller": dict(a=0.98),
        "beta one percent smaller": dict(b=0.99),
        "M one percent smaller": dict(M=0.99),
    },
)
def lemma2_corrected(
    widths: Tensor,
    first: Tensor,
    slopes: Tensor,
    height: Tensor,
    tilt: Tensor,
    x: Tensor,
    eta: Tensor,
    *,
    a: float = 1.0,
    b: float = 1.0,
    M: float = 1.0,
) -> Relation:
    r"""If L is $(\alpha,\beta)$-smooth and its gradients scale as $(\mu,M)$, then for every $\eta \ge 0$
    $\xi_t \le \alpha\eta\sqrt{L_t}|\nabla L_t|+\beta\eta^2|\nabla L_t|^2 \le (\alpha\sqrt{M}\,\eta+\beta M\eta^2)L_t$.

    In the paper: $\xi_t \le O(\eta^2)L_t$.

    Proof: the left inequality is definition 1 at $(\theta_t,\theta_{t+1})$; no integral and no proposition 1 are needed.

    Tight at: linear s ($\alpha = 0$); with $\alpha > 0$ in a limit (crc.lemma2.limit).
    """
    loss = valley(widths, first, slopes, height, tilt)
    now, c = step(loss, x, eta), scaled(loss.constants(), alpha=a, beta=b, M=M)
    return chain(
        semi_smooth.perturbation(now.loss, now.after, now.squared, eta),
        semi_smooth.perturbation_bound(now.loss, now.squared, eta, c.alpha, c.beta),
        (c.alpha * eta * torch.sqrt(c.M) + c.beta * c.M * eta * eta) * now.loss,
        names=["xi", "alpha eta sqrt(L) |grad| + beta eta^2 |grad|^2", "(alpha sqrt(M) eta + beta M eta^2) L"],
    )


@claim(
    id="crc.lemma2.limit",
    title="Lemma 2, corrected, has the best constants",
    source="own construction",
    sharpens="crc.lemma2.corrected",
    eta=D.interval(2.0**-12, 0.25),
    tau=NARROW,
    uses=["crc.definition1.bumps", "crc.lemma2.corrected"],
    mutants={"alpha one percent smaller": dict(a=0.99), "beta one percent smaller": dict(b=0.99)},
)
def lemma2_limit(eta: Tensor, tau: Tensor, *, a: float = 1.0, b: float = 1.0) -> Relation:
    r"""From the bump of crc.definition1.bumps, of width $w = \tau\eta$ with $0 < \tau \le 1/4$, for $0 < \eta \le 1/4$:
    $(1-\tau)(\alpha\sqrt{M}\,\eta+\beta M\eta^2)L_t \le \xi_t \le (\alpha\sqrt{M}\,\eta+\beta M\eta^2)L_t$.

    Notes: in the limit $w\to0$ the constants are (1, 1/4, 1, 4) and $\xi = 2\eta+\eta^2$ is the bound: 9/16 at $\eta = 1/4$. So
    at every $\eta$ neither term can be lowered, and the order in $\eta$ is 1.
    """
    w, zero = tau * eta, 0 * eta
    loss = semi_smooth.Valley(semi_smooth.bump(w, 0.5 + zero, 1 + zero, at_peak=1.0), zero)
    now, c = step(loss, w / 2, eta), bump_constants(w, a, b)
    bound = (c.alpha * eta * torch.sqrt(c.M) + c.beta * c.M * eta * eta) * now.loss
    return chain(
        (1 - tau) * bound,
        semi_smooth.perturbation(now.loss, now.after, now.squared, eta),
        bound,
        names=["(1 - tau) bound", "xi", "(alpha sqrt(M) eta + beta M eta^2) L"],
    )


@claim(
    id="crc.lemma2.constants",
    title="The corrected constants against those of the paper's proof",
    source=f"{STATEMENT}, last line of the proof",
    reading="a' and c'' as printed",
    alpha=D.nonneg(),
    beta=D.positive(),
    mu=D.nonneg(),
    more=D.nonneg(),
    eta=D.interval(0, 1),
    mutants={"first term 2.02 times": dict(times=2.02), "second term 1.01 times": dict(second=1.01)},
)
def lemma2_constants(
    alpha: Tensor, beta: Tensor, mu: Tensor, more: Tensor, eta: Tensor, *, times: float = 2.0, second: float = 1.0
) -> Relation:
    r"""The bound that the paper's proof ends with, $c''\eta+\frac{1}{2}a'\eta^2$ with $b = (\alpha\sqrt{M}-\mu)/(2\beta)$, $c
    = 1/\beta-b^2$, $c' = 1+\sqrt{\beta}(|b|+\sqrt{|c|})$, $a' = \alpha\sqrt{M\beta}+2\beta M$ and $c'' = \alpha\sqrt{M}\,c'$,
    is at least $2\alpha\sqrt{M}\,\eta+\beta M\eta^2$: its first-order term is at least twice that of crc.lemma2.corrected.

    Proof: $\sqrt{\beta}(|b|+\sqrt{|c|}) = v+\sqrt{|1-v^2|} \ge 1$ with $v = \sqrt{\beta}|b|$.

    Tight at: $\alpha = 0$, where both bounds are $\beta M\eta^2$.

    Notes: so the corrected constants are strictly better whenever $\alpha > 0$, and the same at $\alpha = 0$.
    """
    M = mu + more
    root = torch.sqrt(M)
    b = (alpha * root - mu) / (2 * beta)
    c = 1 / beta - b * b
    c1 = 1 + torch.sqrt(beta) * (torch.abs(b) + torch.sqrt(torch.abs(c)))
    a2 = alpha * root * torch.sqrt(beta) + 2 * beta * M
    ours = times * alpha * root * eta + second * beta * M * eta * eta
    return leq(ours, alpha * root * c1 * eta + a2 * eta * eta / 2, names=["2 alpha sqrt(M) eta + beta M eta^2", "the paper's"])


@claim(
    id="crc.lemma2.lipschitz",
    title="When the remainder is of second order",
    source=f"replaces {STATEMENT}",
    amends="crc.lemma2",
    widths=D.positive("k"),
    first=D.real(),
    slopes=D.real("k"),
    x=D.real(),
    eta=D.interval(0, 2),
    dims={"k": (1, 3)},
    mutants={"one percent less": dict(share=0.99), "the curvature at the start": dict(everywhere=False)},
)
def lemma2_lipschitz(
    widths: Tensor,
    first: Tensor,
    slopes: Tensor,
    x: Tensor,
    eta: Tensor,
    *,
    share: float = 1.0,
    everywhere: bool = True,
) -> Relation:
    r"""If $\langle\nabla L(\theta)-\nabla L(\theta'),\theta-\theta'\rangle \le H|\theta-\theta'|^2$ on the segment from
    $\theta_t$ to $\theta_{t+1}$ (in particular if $\nabla L$ is Lipschitz there with constant H), then $\xi_t \le
    \frac{1}{2}H\eta^2|\nabla L_t|^2$.

    Proof: the integrand of $\xi$ is at most $H\gamma|\nabla L_t|^2$.

    Tight at: a parabola.

    Notes: this is how far lemma 2 goes. It is not "if and only if": a concave kink has $\xi \le 0$ (crc.lemma2.converse).
    Attacked on losses of one variable whose slope is piecewise linear; H is the largest curvature that the segment meets, or 0.
    """
    L = SlopeProfile(widths, first, slopes, 0 * x)
    slope = L.slope(x)
    end = x - eta * slope
    met = L.meets(x, end) if everywhere else L.meets(x, x - slope / 2**20)
    H = torch.clamp(torch.where(met, L.curvatures(), 0 * widths), min=0).amax(-1)
    xi = semi_smooth.perturbation(L.value(x), L.value(end), slope * slope, eta)
    return leq(xi, share * H * eta * eta * slope * slope / 2, names=["xi", "H eta^2 |grad L|^2 / 2"])
