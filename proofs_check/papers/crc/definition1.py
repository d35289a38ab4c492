r"""Definitions 1 and 3: semi-smoothness, the losses that have it with known constants, and what it says of gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import semi_smooth
from altheory.semi_smooth import Constants
from proofs_check import all_of, chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_valleys import KINKED, NARROW, ON, PIECES, RIDGED, SOURCE, VALLEYS, scaled, valley
from proofs_check.relations import Relation

DEFINITION = f"{SOURCE}, definition 1, eq. (5), and definition 3, eq. (13)"


@claim(
    id="crc.definition1",
    title="Definition 1: a family of losses that satisfies it",
    source=DEFINITION,
    reading="the definition, for the squared losses of piecewise quadratic models",
    **VALLEYS,
    x=D.real(),
    y=D.real(2),
    dims=PIECES,
    on=ON,
    also_on={"scalar models with a convex kink": KINKED, "valleys with a kinked floor": RIDGED},
    mutants={"alpha one percent smaller": dict(a=0.99), "beta one percent smaller": dict(b=0.99)},
)
def definition1(
    widths: Tensor,
    first: Tensor,
    slopes: Tensor,
    height: Tensor,
    tilt: Tensor,
    x: Tensor,
    y: Tensor,
    *,
    a: float = 1.0,
    b: float = 1.0,
) -> Relation:
    r"""Let s be continuously differentiable with slopes between p and q (of either sign), $f(x,z) = s(x)+bz$ and $L = f^2$.
    Then $L(\theta') \le L(\theta)+\langle\nabla L(\theta),h\rangle+\alpha\sqrt{L(\theta)}|h|+\beta|h|^2$, $h = \theta'-\theta$,
    for all $\theta,\theta'$, with $\alpha = 2(q-p)$ and $\beta = \max s'^2+b^2$.

    In the paper: a non-negative $g\in C^1$ is $(\alpha,\beta)$-smooth if (5) holds for every x, y.

    Proof: with $\Delta = f(\theta')-f(\theta)$, $L(\theta') = L+2f\Delta+\Delta^2$; $|\Delta-\langle\nabla f,h\rangle| \le
    (q-p)|h|$ by the mean value theorem, and $\Delta^2 \le \beta|h|^2$.

    Tight at: linear s and f = 0 (the constant $\beta$); in the limit of a narrow kink next to $\theta$ (the constant $\alpha$).

    Notes: the definition is stated for all x and y, but used in a ball around the start of training only. It admits convex
    kinks of size $\alpha\sqrt{g}$ and concave kinks of any size, so it cannot give gradients that are continuous, let alone
    Lipschitz.
    """
    loss = valley(widths, first, slopes, height, tilt)
    start = torch.stack([x, 0 * x], -1)
    c = scaled(loss.constants(), alpha=a, beta=b)
    allowed = semi_smooth.upper_bound(loss.loss(start), loss.gradient(start), y - start, c.alpha, c.beta)
    return leq(loss.loss(y), allowed, names=["L(y)", "what definition 1 allows"])


@claim(
    id="crc.definition1.unsigned",
    title="The same family by the size of the slopes alone",
    source="own first form of the family, which must not be used",
    reading="slopes bounded in size, p = 0 <= |s'| <= q, with alpha = 2(q - p)",
    expect="refuted",
    widths=D.positive("k"),
    first=D.real(),
    slopes=D.real("k"),
    height=D.real(),
    x=D.real(),
    y=D.real(),
    dims=PIECES,
    on="scalar models",
    mutants={"alpha 1.98 q": dict(a=1.98), "alpha 2.5 q": dict(a=2.5)},
)
def definition1_unsigned(
    widths: Tensor, first: Tensor, slopes: Tensor, height: Tensor, x: Tensor, y: Tensor, *, a: float = 2.0
) -> Relation:
    r"""If u is continuously differentiable and $0 \le |u'| \le q$, then $L = u^2$ is $(2q,q^2)$-smooth.

    Counterexample: $u = 1+|x|$, its kink rounded over a small width. From $x = 0^+$ to $y = -1/10$: $L(y) = 1.21$, while
    $L+L'h+2|h|+h^2 = 1-0.2+0.2+0.01 = 1.01$.

    Notes: slopes of both signs need $\alpha = 2(\max u'-\min u') = 4q$ here; with $0 < p \le |u'|$ the slope keeps its sign and
    the formula $2(q-p)$ is right (crc.definition1).
    """
    loss = valley(widths, first, slopes, height, 0 * height)
    here, there = (torch.stack([v, 0 * v], -1) for v in (x, y))
    q = torch.maximum(torch.abs(loss.profile.lowest), torch.abs(loss.profile.highest))
    allowed = semi_smooth.upper_bound(loss.loss(here), loss.gradient(here), there - here, a * q, q * q)
    return leq(loss.loss(there), allowed, names=["L(y)", "L + L'h + 2q sqrt(L) |h| + q^2 h^2"])


@claim(
    id="crc.definition1.gradient",
    title="What definition 1 says of gradients",
    source=f"{DEFINITION}; own consequence",
    **VALLEYS,
    x=D.real(),
    dims=PIECES,
    on=ON,
    also_on={"scalar models with a convex kink": KINKED, "valleys with a kinked floor": RIDGED},
    uses=["crc.definition1"],
    mutants={"one percent less": dict(share=0.99), "1.99 for 2": dict(twice=1.99)},
)
def definition1_gradient(
    widths: Tensor,
    first: Tensor,
    slopes: Tensor,
    height: Tensor,
    tilt: Tensor,
    x: Tensor,
    *,
    share: float = 1.0,
    twice: float = 2.0,
) -> Relation:
    r"""A nonnegative $(\alpha,\beta)$-smooth g on all of $R^p$ has $|\nabla g|^2 \le (\alpha+2\sqrt{\beta})^2g$.

    Proof: $0 \le g(x-t\nabla g) \le g-t|\nabla g|^2+\alpha\sqrt{g}\,t|\nabla g|+\beta t^2|\nabla g|^2$ for every $t \ge 0$; the
    least right side is nonnegative only if $|\nabla g| \le (\alpha+2\sqrt{\beta})\sqrt{g}$.

    Tight at: $g = x^2$.

    Notes: so the upper half of definition 2 follows from definition 1, with $M = (\alpha+2\sqrt{\beta})^2$, when definition 1
    holds everywhere; not when it is only known in a ball.
    """
    loss = valley(widths, first, slopes, height, tilt)
    start = torch.stack([x, 0 * x], -1)
    c = loss.constants()
    gradient = loss.gradient(start)
    bound = (c.alpha + twice * torch.sqrt(c.beta)) ** 2 * loss.loss(start)
    return leq((gradient * gradient).sum(-1), share * bound, names=["|grad g|^2", "(alpha + 2 sqrt(beta))^2 g"])


# losses whose constants are attained: a bump of the slope


def bump_constants(w: Tensor, a: float = 1.0, b: float = 1.0) -> Constants:
    """Of the square of a function with slope 1/2, and a bump of width w up to slope 1 where its value is 1."""
    return Constants(a * (1 + w), b * (w / 4 + 0.5) ** 2, 1 + 0 * w, 4 + 0 * w)


@claim(
    id="crc.definition1.bumps",
    title="Losses with the constants (1, 1/4), in the limit",
    source="own construction",
    w=NARROW,
    x=D.real(),
    y=D.real(),
    on="x anywhere",
    also_on={"x on the bump": {"x": D.derived(lambda w, c: c * w, "w", D.interval(0, 1), text="x in [0, w]")}},
    mutants={
        "alpha two percent smaller": dict(a=0.98),
        "beta two percent smaller": dict(b=0.98),
        "M one percent smaller": dict(M=0.99),
    },
)
def definition1_bumps(w: Tensor, x: Tensor, y: Tensor, *, a: float = 1.0, b: float = 1.0, M: float = 1.0) -> Relation:
    r"""Let $u' = 1/2$ except on $[0,w]$, where $u'$ rises to 1 at $w/2$ and falls again, and $u(w/2) = 1$; $0 < w \le 1/4$.
    Then $u^2$ is $(1+w, (1/2+w/4)^2)$-smooth, with gradient scale (1, 4).

    Proof: $\Delta u$ exceeds $|h|/2$ by $e \le \min(w/4,|h|/2)$, and only where the move meets the bump. If it does and
    $|h| \le 1$, then $u \ge 3/8$ and $2ue+|h|e+e^2 \le (1+w)u|h|$; if $|h| \ge 1$, $(|h|/2+e)^2 \le (1/2+w/4)^2h^2$.

    Notes: the general formula (crc.definition1) gives (1, 1) for these. With $\beta = 1/4$ exactly no $\alpha$ would do.
    """
    zero = 0 * w
    loss = semi_smooth.Valley(semi_smooth.bump(w, 0.5 + zero, 1 + zero, at_peak=1.0), zero)
    here, there = (torch.stack([v, 0 * v], -1) for v in (x, y))
    c = bump_constants(w, a, b)
    value, gradient = loss.loss(here), loss.gradient(here)
    allowed = semi_smooth.upper_bound(value, gradient, there - here, c.alpha, c.beta)
    squared = (gradient * gradient).sum(-1)
    return all_of(
        leq(loss.loss(there), allowed, names=["L(y)", "what definition 1 allows"]),
        chain(c.mu * value, squared, M * c.M * value, names=["mu L", "|grad L|^2", "M L"]),
    )


@claim(
    id="crc.definition1.gradient_limit",
    title="The bound on the gradient is the best one",
    source="own construction",
    sharpens="crc.definition1.gradient",
    w=NARROW,
    uses=["crc.definition1.bumps", "crc.definition1.gradient"],
    mutants={"alpha one percent smaller": dict(a=0.99), "beta one percent smaller": dict(b=0.99)},
)
def definition1_gradient_limit(w: Tensor, *, a: float = 1.0, b: float = 1.0) -> Relation:
    r"""At the bump of crc.definition1.bumps $g = 1$, $|\nabla g|^2 = 4$, and
    $(1+w)^{-2}(\alpha+2\sqrt{\beta})^2g \le |\nabla g|^2 \le (\alpha+2\sqrt{\beta})^2g$.

    Notes: equality in the limit $w\to0$, with $\alpha\to1$ and $\beta\to1/4$: so $(\alpha+2\sqrt{\beta})^2$ is the best
    constant there, and it is a limit that no single function attains.
    """
    zero = 0 * w
    loss = semi_smooth.Valley(semi_smooth.bump(w, 0.5 + zero, 1 + zero, at_peak=1.0), zero)
    peak = torch.stack([w / 2, zero], -1)
    gradient = loss.gradient(peak)
    c = bump_constants(w, a, b)
    bound = semi_smooth.gradient_bound(loss.loss(peak), c.alpha, c.beta)
    return chain(
        bound / (1 + w) ** 2,
        (gradient * gradient).sum(-1),
        bound,
        names=["bound / (1 + w)^2", "|grad g|^2", "(alpha + 2 sqrt(beta))^2 g"],
    )


@claim(
    id="crc.definition1.root_kink",
    title="One fixed loss with the constants (1, 1, 1, 4)",
    source="own construction",
    x=D.real(),
    y=D.real(),
    mutants={
        "beta one percent smaller": dict(b=0.99),
        "mu one percent larger": dict(m=1.01),
        "M one percent smaller": dict(M=0.99),
    },
)
def definition1_root_kink(x: Tensor, y: Tensor, *, b: float = 1.0, m: float = 1.0, M: float = 4.0) -> Relation:
    r"""Let $u(1-s) = 1-s+s^{3/2}/3$ for $0 \le s \le 1$, continued linearly with slopes 1 and 1/2. Then $L = u^2$ is (1,
    1)-smooth and its gradients scale as (1, 4).

    Proof: $u'$ is continuous with values in [1/2, 1]; the mean value theorem, as for crc.definition1.

    Notes: the fixed loss of crc.lemma2.one_function. Its slope is not Lipschitz at 1.
    """
    (value, slope), (there, _) = semi_smooth.root_kink(x), semi_smooth.root_kink(y)
    loss, gradient = value * value, 2 * value * slope
    allowed = semi_smooth.upper_bound(loss, gradient[:, None], (y - x)[:, None], torch.ones_like(x), b * torch.ones_like(x))
    return all_of(
        leq(there * there, allowed, names=["L(y)", "what definition 1 allows"]),
        chain(m * loss, gradient * gradient, M * loss, names=["mu L", "|grad L|^2", "M L"]),
    )
