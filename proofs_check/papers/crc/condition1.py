r"""Conditions 1 and 2, and what they do not give: theorem 1 does not follow from them."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import semi_smooth
from proofs_check import claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_valleys import NARROW, SOURCE, step
from proofs_check.relations import Relation

THEOREM = f"{SOURCE}, theorem 1, eq. (7), 'directly follows from lemmas 3 and 4'"


def _ridge(w: Tensor, a: Tensor, f: Tensor) -> semi_smooth.Valley:
    """f = a |x| + z with its kink rounded over [-w, w], moved to [0, 2w]; the value at both ends of the rounding is f."""
    return semi_smooth.Valley(semi_smooth.SlopeProfile(2 * w[:, None], -a, a[:, None], f), torch.ones_like(a))


@claim(
    id="crc.condition1.alpha",
    title="Condition 1 does not keep alpha below the root of mu",
    source=f"{SOURCE}, condition 1 and condition 2",
    reading="the condition by itself makes kinks small against the gradient: alpha < sqrt(mu), with beta = max |grad f|^2",
    expect="refuted",
    a=D.interval(0, 2),
    w=NARROW,
    r=D.interval(0.0009765625, 1),
    mutants={"alpha < 1.1 sqrt(mu)": dict(factor=1.1), "alpha < 2 sqrt(mu)": dict(factor=2.0)},
)
def condition1_alpha(a: Tensor, w: Tensor, r: Tensor, *, factor: float = 1.0) -> Relation:
    r"""If a squared loss $f^2$ satisfies condition 1 with $(\alpha,\beta,\mu,M)$, $\beta = \max|\nabla f|^2$, then
    $\alpha \le \sqrt{\mu}$ will do in definition 1: no pair of points needs more.

    Counterexample: $f = 2|x|+z$, its kink rounded over a small width, $L = f^2$: $(\alpha,\beta,\mu,M) = (8,5,4,20)$ by
    crc.definition1. From the upper side of the kink, f = 1, to a point at distance r below, definition 1 needs $\alpha$ near 8,
    while $\sqrt{\mu} = 2$.

    Notes: what makes a step decrease the loss is $\alpha < \sqrt{\mu}$ (crc.theorem1), and condition 1 does not say so: it is
    insufficient for theorem 1 (crc.theorem1.condition1). Width enters the argument of Allen-Zhu et al. only by making $\alpha$
    small.
    """
    loss = _ridge(w, a, torch.ones_like(a))
    c = loss.constants()
    top = torch.stack([2 * w, 0 * w], -1)
    below = torch.stack([2 * w - r, 0 * w], -1)
    line = semi_smooth.upper_bound(loss.loss(top), loss.gradient(top), below - top, 0 * a, c.beta)
    needed = (loss.loss(below) - line) / (torch.sqrt(loss.loss(top)) * r)
    return leq(needed, factor * torch.sqrt(c.mu), names=["alpha that this pair needs", "sqrt(mu)"])


@claim(
    id="crc.theorem1.condition1",
    title="Theorem 1 from condition 1",
    source=THEOREM,
    reading="step size and c depend on the constants of condition 1 alone; here eta <= 1/1000 and c = 1/1000",
    expect="refuted",
    w=NARROW,
    eta=D.interval(2.0**-24, 0.001),
    x=D.derived(lambda w: 2 * w, "w", text="the upper side of the kink, 2w"),
    mutants={"c = 2/1000": dict(c=0.002), "c = 1/100": dict(c=0.01)},
)
def theorem1_condition1(w: Tensor, eta: Tensor, x: Tensor, *, c: float = 0.001) -> Relation:
    r"""A loss that satisfies condition 1 with $(\alpha,\beta,\mu,M)$ has $L_{t+1} \le (1-c\,\eta\lambda_{\min}(K_t))L_t$ for
    all small $\eta$, with a bound on $\eta$ and a constant $c > 0$ that depend on $(\alpha,\beta,\mu,M)$ only.

    Counterexample: $f = 2s_w(x)+z$ with $s_w$ the rounded |x|, $L = f^2$: constants (8, 5, 4, 20) for every w. From the upper
    side of the kink with f = 1 one step of size $\eta \ge w/2$ gives $L_{t+1} = (1+6\eta-4w)^2L_t$.

    Notes: for every $\eta$ there is such a loss (crc.theorem1.ascent). For one fixed loss and $\eta$ much smaller than its w
    the loss does fall (crc.theorem1.one_function), so constants that depend on the loss, not only on its
    $(\alpha,\beta,\mu,M)$, are not refuted. Nor is the theorem on wide networks (crc.theorem1.wide).
    """
    one = torch.ones_like(w)
    now = step(_ridge(w, 2 * one, one), x, eta)
    return leq(now.after, (1 - c * eta * now.scale / 4) * now.loss, names=["L_{t+1}", "(1 - c eta lambda_min) L_t"])


@claim(
    id="crc.theorem1.ascent",
    title="For every step size a loss that rises",
    source=f"replaces {THEOREM}; own construction",
    amends="crc.theorem1.condition1",
    eta=D.interval(2.0**-24, 1),
    tau=NARROW,
    uses=["crc.definition1", "crc.definition2.valleys"],
    mutants={"6.06 for 6": dict(rise=6.06), "3.9 for 4": dict(loss=3.9)},
)
def theorem1_ascent(eta: Tensor, tau: Tensor, *, rise: float = 6.0, loss: float = 4.0) -> Relation:
    r"""For every $0 < \eta \le 1$ and $0 < \tau \le 1/4$ the loss of crc.theorem1.condition1 with $w = \tau\eta$, constants (8,
    5, 4, 20), has from the upper side of its kink $L_{t+1} = (1+(6-4\tau)\eta)^2L_t$.

    Proof: $\nabla L = 2f(2,1)$; the step goes from $x = w$ to $w-4\eta \le -w$, so s rises by $4\eta-2w$ and z falls by
    $2\eta$.

    Notes: without the rounding ($\tau\to0$) $2|x|+z$ rises at every step size from x = 0, but it is not continuously
    differentiable.
    """
    one = torch.ones_like(eta)
    w = tau * eta
    now = step(_ridge(w, 2 * one, one), 2 * w, eta)
    return eq(now.after, (1 + (rise - loss * tau) * eta) ** 2 * now.loss, names=["L_{t+1}", "(1 + (6 - 4 tau) eta)^2 L_t"])


@claim(
    id="crc.theorem1.one_function",
    title="One fixed loss: small steps do decrease it",
    source=f"{THEOREM}; own derivation",
    reading="step size and constant may depend on the loss",
    w=D.interval(2.0**-10, 1),
    x=D.real(),
    f=D.real(),
    sigma=D.interval(0, 1),
    mutants={"one percent more": dict(rate=4.04), "two percent more": dict(rate=4.08)},
)
def theorem1_one_function(w: Tensor, x: Tensor, f: Tensor, sigma: Tensor, *, rate: float = 4.0) -> Relation:
    r"""For the loss $(2s_w(x)+z)^2$ with fixed w, a start with value f of the model, and
    $\eta = \sigma/(10+8|f|/w)$, $0 \le \sigma \le 1$: $L_{t+1} \le (1-4\eta(1-\sigma/2))L_t$.

    Proof: on the step $|f|$ at most doubles, so the second derivative of L along it is at most $10+8|f|/w$; $|\nabla L|^2
    \ge 4L$.

    Tight at: the bottom of the kink, in the limit of small steps.

    Notes: so eq. (7) with constants that depend on the loss holds for these. The bound on $\eta$ goes to 0 with w, while
    $(\alpha,\beta,\mu,M) = (8,5,4,20)$ do not change.
    """
    one = torch.ones_like(w)
    flat = _ridge(w, 2 * one, one).profile.value(x) - one
    eta = sigma / (10 + 8 * torch.abs(f) / w)
    now = step(_ridge(w, 2 * one, f - flat), x, eta)
    return leq(rate * eta * (1 - sigma / 2) * now.loss, now.loss - now.after, names=["4 eta (1 - sigma/2) L_t", "decrease"])


@claim(
    id="crc.theorem1.ridge",
    title="A kinked floor: alpha against the root of mu",
    source="own construction",
    a=D.interval(0, 2),
    eta=D.interval(0, 1),
    mutants={"one percent more": dict(rate=2.02), "a^2 - 0.99": dict(one=0.99)},
)
def theorem1_ridge(a: Tensor, eta: Tensor, *, rate: float = 2.0, one: float = 1.0) -> Relation:
    r"""$L = (a|x|+z)^2$ has the constants $\alpha = 4a$, $\mu = 4$ of definitions 1 and 2, and from $x = 0$, with the slope
    a of its right side as the gradient, one step gives $L_{t+1} = (1+2\eta(a^2-1))^2L_t$.

    Notes: not continuously differentiable, so outside definition 1 as stated; rounded over a width much smaller than $\eta$
    the ratio is the same up to $O(w/\eta)$ (crc.theorem1.beyond). The loss rises as soon as $a > 1$, that is $\alpha >
    2\sqrt{\mu}$. It cannot rise for $\alpha < \sqrt{\mu}$ and small steps (crc.theorem1). Between $\sqrt{\mu}$ and
    $2\sqrt{\mu}$ the question is open.
    """
    x, z = -2 * eta * a, 1 - 2 * eta
    after = (a * torch.abs(x) + z) ** 2
    return eq(after, (1 + rate * eta * (a * a - one)) ** 2, names=["L_{t+1} / L_t", "(1 + 2 eta (a^2 - 1))^2"])


@claim(
    id="crc.theorem1.beyond",
    title="Descent when alpha is a little above twice the root of mu",
    source="own question",
    reading="alpha up to 2.2 sqrt(mu) and steps up to 1/1000, for continuously differentiable losses",
    expect="refuted",
    a=D.interval(0, 1.1),
    w=NARROW,
    eta=D.interval(2.0**-24, 0.001),
    x=D.derived(lambda w: 2 * w, "w", text="the upper side of the kink, 2w"),
    mutants={"a factor 0.9999": dict(factor=0.9999), "a factor 0.99999": dict(factor=0.99999)},
)
def theorem1_beyond(a: Tensor, w: Tensor, eta: Tensor, x: Tensor, *, factor: float = 1.0) -> Relation:
    r"""A loss that satisfies condition 1 with $\alpha \le 2.2\sqrt{\mu}$ does not rise in a step of size $\eta \le 1/1000$.

    Counterexample: $a|x|+z$ with a = 1.1, its kink rounded over a width much smaller than $\eta$: $L_{t+1} > L_t$.

    Notes: the rounded losses have the constants $(4a,1+a^2,4,4+4a^2)$ and are continuously differentiable.
    """
    now = step(_ridge(w, a, torch.ones_like(a)), x, eta)
    return leq(now.after, factor * now.loss, names=["L_{t+1}", "L_t"])
