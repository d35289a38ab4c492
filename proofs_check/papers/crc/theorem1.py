r"""Theorem 1 (eq. 7), corrected: condition 1 with $\alpha < \sqrt{\mu}$ makes every small step decrease the loss, at a known
rate."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from altheory import semi_smooth
from altheory.semi_smooth import Valley
from proofs_check import all_of, chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_valleys import PIECES, SOURCE, scaled, step, valley
from proofs_check.relations import Relation

STATEMENT = f"{SOURCE}, theorem 1, eq. (7)"
#: slopes from p up to p + sqrt(p^2 + b^2), which is what alpha <= sqrt(mu) means for a valley with tilt b
GENTLE: dict[str, Any] = {
    "widths": D.positive("k"),
    "p": D.positive(),
    "rise": D.spectrum("k", lo=0, hi=1),
    "start": D.interval(0, 1),
    "height": D.real(),
    "tilt": D.interval(0, 2),
    "x": D.real(),
    "sigma": D.interval(0, 1),
}
ON = "squared losses with alpha <= sqrt(mu)"


def _gentle(widths: Tensor, p: Tensor, rise: Tensor, start: Tensor, height: Tensor, tilt: Tensor) -> Valley:
    room = torch.sqrt(p * p + tilt * tilt)
    return valley(widths, p + start * room, p[:, None] + rise * room[:, None], height, tilt)


@claim(
    id="crc.theorem1",
    title="Theorem 1, corrected",
    source=f"replaces {STATEMENT}",
    amends="crc.theorem1.condition1",
    **GENTLE,
    dims=PIECES,
    on=ON,
    uses=["crc.eq16"],
    mutants={
        "beta two percent smaller": dict(b=0.98),
        "mu one percent larger": dict(m=1.01),
        "steps a tenth longer": dict(sigma=D.interval(0, 1.1)),
    },
)
def theorem1(
    widths: Tensor,
    p: Tensor,
    rise: Tensor,
    start: Tensor,
    height: Tensor,
    tilt: Tensor,
    x: Tensor,
    sigma: Tensor,
    *,
    b: float = 1.0,
    m: float = 1.0,
) -> Relation:
    r"""If L satisfies condition 1 with $\alpha < \sqrt{\mu}$ and $0 < \eta < (1-\alpha/\sqrt{\mu})/\beta$, then
    $L_{t+1} \le [1-\eta(\mu(1-\beta\eta)-\alpha\sqrt{\mu})]L_t$.

    In the paper: $L_{t+1} \le (1-c\,\eta\lambda_{\min}(K_t))L_t$ for $\eta = O(\lambda_{\min}(K_t))$, from condition 1 alone.

    Proof: with $G = |\nabla L_t|^2/L_t \ge \mu$, definition 1 gives $L_{t+1}/L_t \le 1-\eta
    G(1-\beta\eta)+\alpha\eta\sqrt{G}$, which falls in G where $\sqrt{G} \ge \alpha/(2(1-\beta\eta))$, so for all $G \ge \mu$
    in that range of steps.

    Tight at: a parabola. The middle term of the chain is the bound with G.

    Notes: the factor is below 1 for all these steps. For $L = \frac{1}{2}|e|^2$ put $\mu = 2\lambda$, $\lambda$ the smallest
    eigenvalue of the kernel on the step's neighbourhood. Width enters by making $\alpha$ small: this is the route of
    Allen-Zhu et al. (2019) to linear convergence. The drawn step is $\sigma$ times the largest allowed one.
    """
    loss = _gentle(widths, p, rise, start, height, tilt)
    c = loss.constants()
    eta = sigma * (1 - c.alpha / torch.sqrt(c.mu)) / c.beta
    now, claimed = step(loss, x, eta), scaled(c, beta=b, mu=m)
    return chain(
        now.after,
        semi_smooth.step_bound(now.scale, eta, claimed.alpha, claimed.beta) * now.loss,
        semi_smooth.contraction(eta, claimed) * now.loss,
        names=["L_{t+1}", "bound with G", "bound with mu"],
    )


@claim(
    id="crc.theorem1.best_step",
    title="The best step of theorem 1, corrected, and its rate",
    source=f"replaces {STATEMENT}",
    sharpens="crc.theorem1",
    **GENTLE,
    dims=PIECES,
    on=ON,
    uses=["crc.theorem1"],
    mutants={"one percent faster": dict(rate=1.01), "a step ten percent longer": dict(length=1.1)},
)
def theorem1_best_step(
    widths: Tensor,
    p: Tensor,
    rise: Tensor,
    start: Tensor,
    height: Tensor,
    tilt: Tensor,
    x: Tensor,
    sigma: Tensor,
    *,
    rate: float = 1.0,
    length: float = 1.0,
) -> Relation:
    r"""Under condition 1 with $\alpha < \sqrt{\mu}$ the step $\eta^* = (1-\alpha/\sqrt{\mu})/(2\beta)$ gives
    $L_{t+1} \le (1-(\sqrt{\mu}-\alpha)^2/(4\beta))L_t$, and no other step has a smaller bound in crc.theorem1.

    Proof: the bound is quadratic in $\eta$ with its minimum at $\eta^*$.

    Tight at: a parabola, which one such step brings to 0.
    """
    loss = _gentle(widths, p, rise, start, height, tilt)
    c = loss.constants()
    room = 1 - c.alpha / torch.sqrt(c.mu)
    best = length * room / (2 * c.beta)
    factor = 1 - rate * (torch.sqrt(c.mu) - c.alpha) ** 2 / (4 * c.beta)
    now = step(loss, x, best)
    other = semi_smooth.contraction(sigma * room / c.beta, c)
    return all_of(
        leq(now.after, factor * now.loss, names=["L_{t+1}", "(1 - (sqrt(mu) - alpha)^2 / (4 beta)) L_t"]),
        leq(factor, other, names=["factor of the best step", "factor of another step"]),
    )
