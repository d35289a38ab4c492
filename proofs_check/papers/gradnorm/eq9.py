r"""Equation (9), appendix A.1: for which step sizes does one gradient step not increase the gradient norm?

A claim draws $g_0 = \nabla f(w)$ and $\bar Hg_0$ among all that a $\mu$-strongly convex f with L-Lipschitz gradient allows
over the displacement $-\eta g_0$ (`altheory.gradient_change.secant`); $g_1 = g_0-\eta\bar Hg_0$. All of them occur for
quadratic functions.
"""

from __future__ import annotations

from torch import Tensor

from altheory import gradient_change
from proofs_check import chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_convex import A1, square
from proofs_check.relations import Relation

EQ9 = f"{A1}, eq. (9)"
SMALL = {"n": (1, 3)}


def _moved(mu: Tensor, L: Tensor, eta: Tensor, g: Tensor, q: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient after the step, and H g."""
    h = gradient_change.secant(mu, L, g, q, s)
    return g - eta[..., None] * h, h


@claim(
    id="gradnorm.eq9",
    title="Eq. (9): steps up to 2 mu / L^2 do not increase the gradient norm",
    source=EQ9,
    reading="mu and L bounds at every point, as the paper assumes; the gradient of the average loss, one gradient step",
    mu=D.interval(0.25, 4),
    kappa=D.interval(1, 32),
    u=D.interval(0, 1),
    g=D.real("n"),
    q=D.real("n"),
    s=D.interval(0, 1),
    dims=SMALL,
    uses=["gradnorm.eq8"],
    mutants={"steps up to 2.04 mu / L^2": dict(reach=1.02), "at least one percent smaller": dict(share=0.99)},
)
def eq9(
    mu: Tensor, kappa: Tensor, u: Tensor, g: Tensor, q: Tensor, s: Tensor, *, reach: float = 1.0, share: float = 1.0
) -> Relation:
    r"""Let f be $\mu$-strongly convex with L-Lipschitz gradient, and $0 \le \eta \le 2\mu/L^2$. Then one step
    $w' = w-\eta\nabla f(w)$ has $|\nabla f(w')|^2 = |g|^2+\eta(\eta|\bar Hg|^2-2g^\top\bar Hg) \;\le\;
    (1-2\eta\mu+\eta^2L^2)\,|g|^2 \;\le\; |g|^2$, $g = \nabla f(w)$.

    Repairs: $\|L^2\nabla f\|^2$ in our copy is $L^2\|\nabla f\|^2$.

    Tight at: $\eta = 0$; $\mu = L$ and $\eta = 2/L$.

    Notes: true and loose by the factor $\kappa = L/\mu$: steps up to 2/L will do, and $\mu$ may be 0
    (gradnorm.eq9.two_over_L). It is about one step on one average loss. In eq. (5) the models are trained, each on a loss
    of its own, where the average gradient is 0 before and after, and a sample's gradient is what counts
    (gradnorm.eq9.individual).
    """
    L = mu * kappa
    eta = 2 * reach * u * mu / L**2
    g1, _ = _moved(mu, L, eta, g, q, s)
    middle = gradient_change.step_factor_printed(mu, L, eta) * square(g)
    return chain(square(g1), middle, share * square(g), names=["|grad f(w')|^2", "(1 - 2 eta mu + eta^2 L^2) |g|^2", "|g|^2"])


@claim(
    id="gradnorm.eq9.sharp",
    title="Eq. (9), sharp: the factor is the larger of |1 - eta mu| and |1 - eta L|",
    source="replaces gradnorm, eq. (9); known for gradient descent (Taylor, Hendrickx and Glineur 2018), own proof",
    sharpens="gradnorm.eq9",
    expect="tight",
    L=D.interval(0.25, 4),
    v=D.interval(0, 1),
    x=D.interval(0, 4),
    g=D.real("n"),
    q=D.real("n"),
    s=D.interval(0, 1),
    dims=SMALL,
    mutants={"one percent smaller": dict(share=0.99), "0.2 percent smaller": dict(share=0.998)},
)
def eq9_sharp(L: Tensor, v: Tensor, x: Tensor, g: Tensor, q: Tensor, s: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let f have L-Lipschitz gradient and be $\mu$-strongly convex, $\mu = 0$ included. For every step size $\eta \ge 0$:
    $|\nabla f(w')|^2 \le \max((1-\eta\mu)^2,(1-\eta L)^2)\,|\nabla f(w)|^2$.

    Proof: with $a = 1-\eta\mu$ and $b = 1-\eta L$ the interpolation inequality reads $\langle ag_0-g_1,\,g_1-bg_0\rangle
    \ge 0$: $g_1$ lies in the ball with centre $\frac{a+b}2g_0$ and radius $\frac{|a-b|}2|g_0|$.

    Tight at: quadratics with curvature $\mu$ or L in the direction of the gradient.

    Notes: two derivatives are not needed. At $\eta = 1/L$, $\mu = 1$, $L = 10$ the factor is 81/100, that of the paper's
    proof 9/5.
    """
    mu, eta = v * L, x / L
    g1, _ = _moved(mu, L, eta, g, q, s)
    factor = gradient_change.step_factor(mu, L, eta)
    return leq(square(g1), share * factor * square(g), names=["|grad f(w')|^2", "max(..)^2 |g|^2"])


@claim(
    id="gradnorm.eq9.two_over_L",
    title="Eq. (9) for all steps up to 2 / L, without strong convexity",
    source="replaces gradnorm, eq. (9)",
    sharpens="gradnorm.eq9",
    L=D.interval(0.25, 4),
    v=D.interval(0, 1),
    x=D.interval(0, 2),
    g=D.real("n"),
    q=D.real("n"),
    s=D.interval(0, 1),
    dims=SMALL,
    uses=["gradnorm.eq9.sharp"],
    mutants={"steps up to 2.02 / L": dict(x=D.interval(0, 2.02)), "at least one percent smaller": dict(share=0.99)},
)
def eq9_two_over_l(L: Tensor, v: Tensor, x: Tensor, g: Tensor, q: Tensor, s: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let f be convex with L-Lipschitz gradient. For $0 \le \eta \le 2/L$ one step has $|\nabla f(w')|^2 \le |\nabla f(w)|^2$.

    Tight at: $\eta = 2/L$ and $f = \frac L2w^2$, for which every longer step increases the gradient: the range of step
    sizes cannot be extended.

    Notes: the paper's $2\mu/L^2$ is sufficient, not necessary, and smaller by the condition number.
    """
    g1, _ = _moved(v * L, L, x / L, g, q, s)
    return leq(square(g1), share * square(g), names=["|grad f(w')|^2", "|g|^2"])


@claim(
    id="gradnorm.eq9.loss",
    title="Where the proof of eq. (9) loses",
    source=EQ9,
    reading="both inequalities of the proof, for every step size",
    L=D.interval(0.25, 4),
    v=D.interval(0, 1),
    x=D.interval(0, 4),
    g=D.real("n"),
    q=D.real("n"),
    s=D.interval(0, 1),
    dims=SMALL,
    uses=["gradnorm.eq9.sharp"],
    mutants={"sharp factor one percent smaller": dict(share=0.99), "printed factor two percent smaller": dict(printed=0.98)},
)
def eq9_loss(
    L: Tensor, v: Tensor, x: Tensor, g: Tensor, q: Tensor, s: Tensor, *, share: float = 1.0, printed: float = 1.0
) -> Relation:
    r"""For every $\eta \ge 0$: $|\nabla f(w')|^2 \;\le\; \max((1-\eta\mu)^2,(1-\eta L)^2)\,|g|^2 \;\le\;
    (1-2\eta\mu+\eta^2L^2)\,|g|^2$.

    Notes: the proof bounds $|\bar Hg|$ by its largest and $g^\top\bar Hg$ by its least value at once; no $\bar H$ has both,
    unless $\mu = L$.
    """
    mu, eta = v * L, x / L
    g1, _ = _moved(mu, L, eta, g, q, s)
    sharp = share * gradient_change.step_factor(mu, L, eta) * square(g)
    loose = printed * share * gradient_change.step_factor_printed(mu, L, eta) * square(g)
    return chain(square(g1), sharp, loose, names=["|grad f(w')|^2", "max(..)^2 |g|^2", "(1 - 2 eta mu + eta^2 L^2) |g|^2"])


@claim(
    id="gradnorm.eq9.at_w_only",
    title="Eq. (9) with mu and L at w only",
    source=EQ9,
    reading="local as: bounds of the Hessian at the starting point alone; the paper assumes them at each w",
    expect="refuted",
    a=D.interval(-4, 4),
    q=D.interval(-8, 8),
    w=D.interval(-2, 2),
    u=D.interval(0, 1),
    assumes=[lambda a, q, w: a + q * w**2 / 2 > 0],
    mutants={"at least one percent smaller": dict(share=0.99), "half the step size": dict(u=D.interval(0, 0.5))},
)
def eq9_at_w_only(a: Tensor, q: Tensor, w: Tensor, u: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let $f(w) = \frac a2w^2+\frac q{24}w^4$ have $\mu = L = f''(w) > 0$ at the point w. For $0 \le \eta \le 2\mu/L^2$
    one step has $f'(w')^2 \le f'(w)^2$.

    Counterexample: $f = \frac12w^2-\frac14w^4$, $w = \frac12$, $f'' = \frac14$, $\eta = 8$: $f'$ goes from 3/8 to 105/8 in
    absolute value.

    Notes: not against the paper, which assumes the bounds at each w: it shows that "locally" must mean the whole segment.
    """
    curvature = a + q * w**2 / 2
    slope = a * w + q * w**3 / 6
    after = w - 2 * u / curvature * slope
    return leq((a * after + q * after**3 / 6) ** 2, share * slope**2, names=["f'(w')^2", "f'(w)^2"])


@claim(
    id="gradnorm.eq9.individual",
    title="Eq. (9) for the gradient of a single sample",
    source=f"{A1}: the rationale of bounding a sample's gradient in eq. (5)",
    reading="for each sample of the average loss, which is what eq. (5) is about; the paper proves it of the average",
    expect="refuted",
    centre=D.real("n"),
    theta=D.real(),
    u=D.interval(0, 1),
    dims={"n": (2, 3)},
    mutants={"at least one percent smaller": dict(share=0.99), "half the step size": dict(u=D.interval(0, 0.5))},
)
def eq9_individual(centre: Tensor, theta: Tensor, u: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let $f(\theta) = \frac1n\sum_i\frac12(\theta-c_i)^2$, so that $\mu = L = 1$. For $0 \le \eta \le 2\mu/L^2$ one step on f
    does not increase the gradient of the first sample, and so of any: $(\theta'-c_1)^2 \le (\theta-c_1)^2$.

    Counterexample: $c = (1, -1)$, $\theta = \frac12$, $\eta = 1$: the average gradient goes from 1/2 to 0, that of the
    first sample from 1/2 to 1 in absolute value.

    Notes: the paper says so itself ("not a rigorous guarantee for any sample"). The average gradient of $T^c$ on its
    training set is 0 already.
    """
    after = theta - 2 * u * (theta - centre.mean(-1))
    return leq((after - centre[..., 0]) ** 2, share * (theta - centre[..., 0]) ** 2, names=["|g'|^2", "|g|^2"])
