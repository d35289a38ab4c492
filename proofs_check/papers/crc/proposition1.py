r"""Propositions 1 and 3 (eq. 15): what semi-smoothness says of the difference of two gradients, and what it does not."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from altheory import semi_smooth
from altheory.semi_smooth import Bowl, SlopeProfile
from proofs_check import chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_valleys import NARROW, SOURCE
from proofs_check.relations import Relation

STATEMENT = f"{SOURCE}, proposition 1 and proposition 3, eq. (15)"
BOWLS: dict[str, Any] = {"alpha": D.interval(0, 8), "share": D.interval(0, 1), "w": NARROW}


@claim(
    id="crc.proposition1",
    title="Proposition 1, from what definition 1 says of two points",
    source=STATEMENT,
    gx=D.nonneg(),
    gy=D.nonneg(),
    r=D.nonneg(),
    alpha=D.nonneg(),
    beta=D.nonneg(),
    spare=D.nonneg(2),
    mutants={
        "1.98 beta": dict(b=1.98),
        "one root of the larger value": dict(roots=1),
        "alpha one percent smaller": dict(a=0.99),
    },
)
def proposition1(
    gx: Tensor,
    gy: Tensor,
    r: Tensor,
    alpha: Tensor,
    beta: Tensor,
    spare: Tensor,
    *,
    a: float = 1.0,
    b: float = 2.0,
    roots: int = 2,
) -> Relation:
    r"""If g is $(\alpha,\beta)$-smooth, then
    $\langle\nabla g(y)-\nabla g(x),y-x\rangle \le \alpha(\sqrt{g(x)}+\sqrt{g(y)})|y-x|+2\beta|y-x|^2$.

    Proof: add definition 1 at (x, y) and at (y, x).

    Tight at: equality in definition 1 at both pairs; for functions see crc.proposition1.bowls.

    Notes: the claim draws what any such function shows at two points: values g(x), g(y), the distance r, and the slopes
    $\langle\nabla g(x),y-x\rangle$, $\langle\nabla g(y),y-x\rangle$, which meet definition 1 at (x, y) and (y, x) with
    something to spare. So it covers every $(\alpha,\beta)$-smooth function in any dimension.
    """
    at_x = gy - gx - alpha * torch.sqrt(gx) * r - beta * r * r + spare[:, 0]
    at_y = gy - gx + alpha * torch.sqrt(gy) * r + beta * r * r - spare[:, 1]
    if roots == 2:
        bound = semi_smooth.monotonicity_bound(gx, gy, r, a * alpha, b / 2 * beta)
    else:
        bound = alpha * torch.sqrt(torch.maximum(gx, gy)) * r + 2 * beta * r * r
    return leq(at_y - at_x, bound, names=["<grad g(y) - grad g(x), y - x>", "bound of proposition 1"])


@claim(
    id="crc.proposition1.bowls",
    title="Bowls with two bumps are semi-smooth",
    source="own construction",
    **BOWLS,
    x=D.real(),
    y=D.real(),
    mutants={"alpha two percent smaller": dict(a=0.98), "beta two percent smaller": dict(b=0.98)},
)
def proposition1_bowls(
    alpha: Tensor, share: Tensor, w: Tensor, x: Tensor, y: Tensor, *, a: float = 1.0, b: float = 1.0
) -> Relation:
    r"""Let $g(z) = 1-\beta+\beta z^2+P(z)$, where $P(0) = 0$ and $P'$ is a bump of width w and height $\alpha$ at 1, and one of
    height $-\alpha$ at -1; $0 < w \le 1/4$, $0 \le \beta \le 1-w$. Then g is $(\alpha(1+w),\beta)$-smooth.

    Proof: the parabola uses up $\beta h^2$ exactly. P rises by at most $\alpha w/2$ in all, and $\sqrt{g} \ge 1-w/2$ on the
    bumps.

    Notes: at $\beta = 1$ it fails: g(0) = 0 would make 0 a minimum that the bumps do not respect.
    """
    beta = share * (1 - w)
    g = Bowl(alpha, beta, w)
    allowed = semi_smooth.upper_bound(g.value(x), g.slope(x)[:, None], (y - x)[:, None], a * alpha * (1 + w), b * beta)
    return leq(g.value(y), allowed, names=["g(y)", "what definition 1 allows"])


@claim(
    id="crc.proposition1.limit",
    title="Proposition 1 has the best constants",
    source=f"{STATEMENT}; own construction",
    sharpens="crc.proposition1",
    **BOWLS,
    uses=["crc.proposition1", "crc.proposition1.bowls"],
    mutants={"one percent less": dict(part=0.99), "0.99 alpha": dict(a=0.99)},
)
def proposition1_limit(alpha: Tensor, share: Tensor, w: Tensor, *, part: float = 1.0, a: float = 1.0) -> Relation:
    r"""For the bowls of crc.proposition1.bowls and the pair x = -1, y = 1 both sides of proposition 1 agree up to
    $(1+w)(1+\alpha w/8)$: $\mathrm{bound}/((1+w)(1+\alpha w/8)) \le \langle g'(1)-g'(-1),2\rangle \le \mathrm{bound}$.

    Notes: so for all $\alpha$ and all $\beta < 1$ (by scaling, all $\beta$) neither constant can be lowered. With $\alpha > 0$
    equality is a limit, $w\to0$.
    """
    beta = share * (1 - w)
    g = Bowl(alpha, beta, w)
    one = torch.ones_like(w)
    left = 2 * (g.slope(one) - g.slope(-one))
    bound = semi_smooth.monotonicity_bound(g.value(-one), g.value(one), 2 * one, a * alpha * (1 + w), beta)
    near = (1 + w) * (1 + alpha * w / 8)
    return chain(bound / near, left, part * bound, names=["bound / near 1", "<g'(1) - g'(-1), 2>", "bound"])


@claim(
    id="crc.proposition1.lipschitz",
    title="Proposition 1 read as Lipschitz continuity of the gradient",
    source=f"{SOURCE}, the sentence before proposition 1",
    reading="two-sided: the same bound for |grad g(y) - grad g(x)| |y - x|",
    expect="refuted",
    drop=D.nonneg(),
    w=NARROW,
    x=D.real(),
    y=D.real(),
    mutants={"a tenth more": dict(b=2.2), "twice as much": dict(b=4.0)},
)
def proposition1_lipschitz(drop: Tensor, w: Tensor, x: Tensor, y: Tensor, *, b: float = 2.0) -> Relation:
    r"""If g is $(\alpha,\beta)$-smooth, then
    $|\nabla g(y)-\nabla g(x)| \le \alpha(\sqrt{g(x)}+\sqrt{g(y)})+2\beta|y-x|$.

    In the paper: "Proposition 1 below shows that the extended notion can be expressed similarly to the Lipschitz continuity of
    gradients".

    Counterexample: $g = z^2+P(z)+c$ with $P'$ falling from 0 to -4 on [0, 1/4], c large enough for $g \ge 0$: $g'' \le 2$, so g
    is (0, 1)-smooth, but $|g'(1/4)-g'(0)| = 7/2 > 2\cdot\frac{1}{4}$.

    Notes: definition 1 says nothing against concave kinks; proposition 1 is the one-sided inequality that is left of Lipschitz
    continuity. Here $g'' \le 2\beta = 2$, $\alpha = 0$.
    """
    P = SlopeProfile(w[:, None], 0 * w, -drop[:, None], 0 * w)
    turned = torch.abs(2 * y + P.slope(y) - 2 * x - P.slope(x))
    return leq(turned, b * torch.abs(y - x), names=["|g'(y) - g'(x)|", "2 beta |y - x|"])
