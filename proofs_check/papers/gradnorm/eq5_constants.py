r"""How large the gradient of one added sample can become: the sharp constants of eq. (5), and where they are attained."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from altheory import gradient_change
from proofs_check import all_of, chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_convex import dot, square
from proofs_check.relations import Relation

NONZERO = [lambda d: square(d) > 0]


def _plane(function: Callable[[Tensor], tuple[Tensor, Tensor]], of: str, text: str) -> D.Domain:
    """A vector of the plane that depends on one scalar argument."""
    return D.derived(lambda x: torch.stack(function(x), -1), of, text=text, dims=(2,))


def _axis(of: str) -> D.Domain:
    return _plane(lambda x: (torch.ones_like(x), torch.zeros_like(x)), of, "(1, 0)")


#: further settings, whose members with s = 1 and p = 0 attain the constants
WORST_SMOOTH = {
    "around the worst": {
        "d": _axis("kappa"),
        "q": _plane(lambda kappa: (torch.ones_like(kappa), torch.sqrt(kappa)), "kappa", "(1, sqrt kappa)"),
        "r": _axis("kappa"),
    }
}
WORST_SMOOTH_LOSS = {
    "around the worst": {
        "d": _axis("t"),
        "q": _plane(lambda t: (torch.ones_like(t), -torch.sqrt(t + 3)), "t", "(1, -sqrt(t + 3))"),
        "r": D.derived(
            lambda mu, t: torch.stack([torch.zeros_like(t), mu * torch.sqrt(t + 3)], -1),
            "mu",
            "t",
            text="mu (0, sqrt(t + 3))",
            dims=(2,),
        ),
    }
}


@claim(
    id="gradnorm.eq5.kantorovich",
    title="Eq. (5) up to Kantorovich's constant",
    source="replaces gradnorm, eq. (5); own derivation, with the constant of Kantorovich 1948",
    reading="the sign <~ as: up to a factor that depends on the condition number of the training loss",
    amends="gradnorm.eq5.absolute_constant",
    mu=D.interval(0.25, 4),
    kappa=D.interval(1, 64),
    d=D.real("n"),
    q=D.real("n"),
    s=D.interval(0, 1),
    p=D.nonneg(),
    r=D.real("n"),
    dims={"n": (1, 3)},
    also_on=WORST_SMOOTH,
    assumes=NONZERO,
    mutants={
        "the constant one percent smaller": dict(share=0.99),
        "convexity of l, one percent too strong": dict(bent=1.01),
        "Cauchy-Schwarz, one percent too strong": dict(last=0.99),
    },
)
def eq5_kantorovich(
    mu: Tensor,
    kappa: Tensor,
    d: Tensor,
    q: Tensor,
    s: Tensor,
    p: Tensor,
    r: Tensor,
    *,
    share: float = 1.0,
    bent: float = 1.0,
    last: float = 1.0,
) -> Relation:
    r"""Let F be $\mu$-strongly convex with L-Lipschitz gradient, $\kappa = L/\mu$, and l convex. Then $|g_1|^2 \le
    \frac{(\kappa+1)^2}{4\kappa}|g_0|^2$, that is $|g_1| \le \frac{\kappa+1}{2\sqrt{\kappa}}|g_0|$. Step by step, with $c =
    (\kappa+1)^2/(4\kappa)$ and $d = \theta_1-\theta_0$: $|g_1|^2 \;\le\; c\,\langle g_1,d\rangle^2/|d|^2 \;\le\; c\,\langle
    g_0,d\rangle^2/|d|^2 \;\le\; c\,|g_0|^2$.

    Proof: $h = \nabla F(\theta_1) = -g_1$ lies in the ball $\langle h-\mu d,Ld-h\rangle \ge 0$, whose vectors make an angle
    with d whose cosine is at least $2\sqrt{\kappa}/(\kappa+1)$. Convexity of l: $-\langle g_0,d\rangle \ge -\langle
    g_1,d\rangle > 0$. Then the Cauchy-Schwarz inequality.

    Tight at: gradnorm.eq5.kantorovich.attained.

    Notes: h and $g_0$ are drawn among all that such F and l allow. That l is nonnegative costs nothing: the maximum with a
    constant far below changes neither gradient.
    """
    L = mu * kappa
    h = gradient_change.secant(mu, L, d, q, s)
    along = dot(h, d)
    g0 = gradient_change.sloped(d, -(1 + p) * along / square(d), r)
    c = share * gradient_change.growth_smooth(mu, L)
    first = c * along**2 / square(d)
    second = c * dot(g0, d) ** 2 / square(d)
    return chain(
        square(h),
        first,
        second / bent,
        last * c * square(g0) / bent,
        names=["|g_1|^2", "c <g_1, d>^2 / |d|^2", "c <g_0, d>^2 / |d|^2", "c |g_0|^2"],
    )


@claim(
    id="gradnorm.eq5.kantorovich.attained",
    title="Kantorovich's constant is attained, for every condition number",
    source="replaces gradnorm, eq. (5); own derivation",
    sharpens="gradnorm.eq5.kantorovich",
    root=D.interval(1, 32),
    mutants={"one percent larger": dict(share=1.01), "a class one percent wider": dict(wider=1.01)},
)
def eq5_kantorovich_attained(root: Tensor, *, share: float = 1.0, wider: float = 1.0) -> Relation:
    r"""For every $\kappa = \rho^2$ there is a quadratic F with $\mu = 1$ and $L = \kappa$, and a nonnegative convex l, with
    $|g_1|^2 = \frac{(\kappa+1)^2}{4\kappa}|g_0|^2$: the change h of F's gradient lies on the surface of the ball,
    $(\mu+L)\langle h,d\rangle = |h|^2+\mu L|d|^2$, and $\langle g_1-g_0,d\rangle = 0$.

    Proof: d, h and $g_0$ as in `altheory.gradient_change.worst_for_smooth`; l is the maximum of two linear functions and a
    constant.

    Notes: for smooth l it is the limit $\beta\to\infty$ of $\langle g_0,\theta\rangle+\frac\beta2\langle b,\theta\rangle^2$
    with b across d, and not attained.
    """
    d, h, g0 = gradient_change.worst_for_smooth(root)
    L = wider * root**2
    c = share * gradient_change.growth_smooth(root / root, L)
    return all_of(
        eq(square(h), c * square(g0), names=["|g_1|^2", "c |g_0|^2"]),
        eq((1 + L) * dot(h, d), square(h) + L * square(d), names=["(mu + L) <h, d>", "|h|^2 + mu L |d|^2"]),
        leq(dot(g0, d), -dot(h, d), names=["<g_0, d>", "<g_1, d>"]),
    )


@claim(
    id="gradnorm.eq5.smooth_loss",
    title="Eq. (5) up to 1 + l / (4 mu), whatever the training loss",
    source="replaces gradnorm, eq. (5); own derivation",
    reading="the sign <~ as: up to a factor that depends on l / mu, the sample's smoothness over F's strong convexity",
    amends="gradnorm.eq5.absolute_constant",
    mu=D.interval(0.25, 4),
    t=D.interval(0, 64),
    d=D.real("n"),
    q=D.real("n"),
    s=D.interval(0, 1),
    p=D.nonneg(),
    r=D.real("n"),
    dims={"n": (1, 2)},
    also_on=WORST_SMOOTH_LOSS,
    mutants={"the constant one percent smaller": dict(share=0.99), "l / (4.1 mu)": dict(quarter=1 / 4.1)},
)
def eq5_smooth_loss(
    mu: Tensor,
    t: Tensor,
    d: Tensor,
    q: Tensor,
    s: Tensor,
    p: Tensor,
    r: Tensor,
    *,
    share: float = 1.0,
    quarter: float = 0.25,
) -> Relation:
    r"""Let F be $\mu$-strongly convex, smooth or not, and l convex with $\ell$-Lipschitz gradient. Then
    $|g_1|^2 \le (1+\frac{\ell}{4\mu})\,|g_0|^2$.

    Proof: with $e = g_1-g_0$, $d = \theta_1-\theta_0$: $\langle e,d\rangle \ge |e|^2/\ell$ and $-\langle g_1,d\rangle \ge
    \mu|d|^2$. The first times $\ell+4\mu$ and the second times $\ell$, added, read $(1+\frac{\ell}{4\mu})|g_0|^2-|g_1|^2
    \ge$ a square $\ge 0$.

    Tight at: gradnorm.eq5.smooth_loss.attained.

    Notes: with n training samples, each $\mu$-strongly convex on average, F has modulus $n\mu$: the excess is of order 1/n, and
    eq. (5) is almost true for one sample.
    """
    ell = mu * t
    e = gradient_change.secant(0 * ell, ell, d, q, s)
    h = gradient_change.sloped(d, mu * (1 + p), r)
    c = share * (1 + (gradient_change.growth_smooth_loss(mu, ell) - 1) * (4 * quarter))
    return leq(square(h), c * square(h + e), names=["|g_1|^2", "(1 + l / (4 mu)) |g_0|^2"])


@claim(
    id="gradnorm.eq5.smooth_loss.attained",
    title="1 + l / (4 mu) is attained, for every ratio",
    source="replaces gradnorm, eq. (5); own derivation",
    sharpens="gradnorm.eq5.smooth_loss",
    root=D.interval(1.75, 16),
    mutants={"one percent larger": dict(share=1.01), "a loss one percent smoother": dict(smoother=0.99)},
)
def eq5_smooth_loss_attained(root: Tensor, *, share: float = 1.0, smoother: float = 1.0) -> Relation:
    r"""For every $t = \ell/\mu = \rho^2-3$ there are F with $\mu = 1$ and a convex l with t-Lipschitz gradient and
    $|g_1|^2 = (1+\frac t4)|g_0|^2$: there $-\langle g_1,d\rangle = |d|^2$ and $t\,\langle g_1-g_0,d\rangle = |g_1-g_0|^2$.

    Proof: d, h and $g_0$ as in `altheory.gradient_change.worst_for_smooth_loss`; F is $\frac12|\theta|^2$ plus a kink across d.
    """
    d, h, g0 = gradient_change.worst_for_smooth_loss(root)
    t = root**2 - 3
    e = -h - g0
    c = share * gradient_change.growth_smooth_loss(root / root, t)
    return all_of(
        eq(square(h), c * square(g0), names=["|g_1|^2", "(1 + t / 4) |g_0|^2"]),
        eq(square(e), smoother * t * dot(e, d), names=["|g_1 - g_0|^2", "t <g_1 - g_0, d>"]),
        eq(dot(h, d), square(d), names=["-<g_1, d>", "|d|^2"]),
    )
