r"""From eq. (5) to the selection: what the bound says about removing x, and what it does not say about adding x.

Let $s = H^{-1}\sum_j\nabla L_j$ and $I = \frac1n\langle s,g\rangle$, g the gradient of the sample's loss, $r = |g|$.
Removing x changes the test loss from L to $L+I$, adding it changes the test loss of the model without x from L to $L-I$,
both to first order. The paper bounds I by $r|s|/n$ and knows r only.
"""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import gradient_change
from proofs_check import chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_convex import SOURCE, dot, square
from proofs_check.relations import Relation

AFTER_EQ5 = f"{SOURCE}, section 3, the conclusion after eq. (5)"
ABSTRACT = f"{SOURCE}, abstract and the conclusion after eq. (5)"
SMALLER = [lambda a, b: square(a) <= square(b)]
SMALL = {"m": (1, 3)}


def _reach(g: Tensor, s: Tensor, n: Tensor) -> Tensor:
    """r |s| / n, the most that a sample with gradient norm r = |g| can change the test loss, to first order."""
    return torch.sqrt(square(g) * square(s)) / n


@claim(
    id="gradnorm.removal",
    title="Removing a sample of larger gradient norm: a larger upper bound",
    source=AFTER_EQ5,
    reading="of the first-order prediction, with L, s and n fixed",
    loss=D.nonneg(),
    s=D.real("m"),
    n=D.integer(1, 50),
    a=D.real("m"),
    b=D.real("m"),
    dims=SMALL,
    assumes=SMALLER,
    mutants={"the bound one percent lower": dict(first=0.99), "one percent more growth": dict(second=0.99)},
)
def removal(loss: Tensor, s: Tensor, n: Tensor, a: Tensor, b: Tensor, *, first: float = 1.0, second: float = 1.0) -> Relation:
    r"""Let $|a| \le |b|$ be the gradients of two samples. Without the first the predicted test loss is $L+\frac1n\langle
    s,a\rangle \;\le\; L+\frac1n|a||s| \;\le\; L+\frac1n|b||s|$: the larger the gradient norm, the larger the upper bound.

    In the paper: "removing a training sample x of higher $\|\nabla L(T^c(x))\|$ will result in a higher upper-bound".

    Tight at: a in the direction of s.

    Notes: true as it stands, and with eq. (5) assumed for $T^c$ too. The lower bound $L-\frac1n r|s|$ falls just as fast.
    """
    return chain(
        loss + dot(s, a) / n,
        loss + first * _reach(a, s, n),
        loss + first * second * _reach(b, s, n),
        names=["L + I_a", "L + |a| |s| / n", "L + |b| |s| / n"],
    )


@claim(
    id="gradnorm.selection.regret",
    title="The worst case of not selecting a sample grows with its gradient norm",
    source=AFTER_EQ5,
    reading="the conclusion as: leaving out x costs at most, and possibly, r |s| / n",
    s=D.real("m"),
    n=D.integer(1, 50),
    a=D.real("m"),
    b=D.real("m"),
    dims=SMALL,
    assumes=[*SMALLER, lambda s: square(s) > 0],
    uses=["gradnorm.removal"],
    mutants={"one percent less": dict(share=0.99), "0.2 percent less": dict(share=0.998)},
)
def selection_regret(s: Tensor, n: Tensor, a: Tensor, b: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let $|a| \le |b|$. The regret of leaving out a sample with gradient a is at most that of a sample with norm $|b|$ in
    the worst direction: $\frac1n\langle s,a\rangle \le \frac1n\langle s,b^*\rangle$, $b^* = |b|\,s/|s|$.

    Tight at: $a = b^*$.

    Notes: the reading under which the conclusion is right: it guards against regret, in the model trained with x. It says
    nothing about which sample lowers the test loss.
    """
    worst = torch.sqrt(square(b) / square(s))[..., None] * s
    return leq(dot(s, a) / n, share * dot(s, worst) / n, names=["I_a", "largest I of norm |b|"])


@claim(
    id="gradnorm.selection.as_printed",
    title="Selecting a higher gradient norm lowers the upper bound of the test loss",
    source=ABSTRACT,
    reading="as printed: the upper bound of the test loss once x is added, given its gradient norm",
    expect="refuted",
    loss=D.nonneg(),
    s=D.real("m"),
    n=D.integer(1, 50),
    a=D.real("m"),
    b=D.real("m"),
    dims=SMALL,
    assumes=SMALLER,
    mutants={"the bound one percent lower": dict(share=0.99), "the bound five percent lower": dict(share=0.95)},
)
def selection_as_printed(loss: Tensor, s: Tensor, n: Tensor, a: Tensor, b: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let $|a| \le |b|$, and let L be the test loss of the model without either sample. The upper bound of the predicted
    test loss after adding the sample with gradient b is at most that for a: $L+\frac1n|b||s| \le L+\frac1n|a||s|$.

    In the paper: "selecting unlabeled data of higher gradient norm leads to a lower upper-bound of test loss".

    Counterexample: $L = 0$, $s = 1$, $n = 1$, $a = 0$, $b = 1$: the bounds are 0 and 1.

    Notes: given r alone, $L-I$ takes exactly the values between $L-\frac1n r|s|$ and $L+\frac1n r|s|$. The paper's argument
    keeps $L^{c+1}_{test}$ fixed, the loss of the model trained with x, and then compares different x. What is true:
    gradnorm.selection.upper_bound, gradnorm.selection.lower_bound, gradnorm.selection.regret.
    """
    return leq(loss + _reach(b, s, n), share * (loss + _reach(a, s, n)), names=["L + |b| |s| / n", "L + |a| |s| / n"])


@claim(
    id="gradnorm.selection.upper_bound",
    title="The upper bound of the test loss rises with the gradient norm of the added sample",
    source=ABSTRACT,
    amends="gradnorm.selection.as_printed",
    loss=D.nonneg(),
    s=D.real("m"),
    n=D.integer(1, 50),
    a=D.real("m"),
    b=D.real("m"),
    dims=SMALL,
    assumes=SMALLER,
    mutants={"the bound one percent lower": dict(first=0.99), "one percent more growth": dict(second=0.99)},
)
def selection_upper_bound(
    loss: Tensor, s: Tensor, n: Tensor, a: Tensor, b: Tensor, *, first: float = 1.0, second: float = 1.0
) -> Relation:
    r"""Let $|a| \le |b|$. After adding the sample with gradient a the predicted test loss is
    $L-\frac1n\langle s,a\rangle \;\le\; L+\frac1n|a||s| \;\le\; L+\frac1n|b||s|$.

    Tight at: a opposite to s.

    Notes: the direction of the gradient decides whether the sample helps, and r is silent about it.
    """
    return chain(
        loss - dot(s, a) / n,
        loss + first * _reach(a, s, n),
        loss + first * second * _reach(b, s, n),
        names=["L - I_a", "L + |a| |s| / n", "L + |b| |s| / n"],
    )


@claim(
    id="gradnorm.selection.lower_bound",
    title="The lower bound of the test loss falls with the gradient norm of the added sample",
    source=ABSTRACT,
    reading="the conclusion for the lower bound in place of the upper one",
    amends="gradnorm.selection.as_printed",
    loss=D.nonneg(),
    s=D.real("m"),
    n=D.integer(1, 50),
    a=D.real("m"),
    b=D.real("m"),
    dims=SMALL,
    assumes=SMALLER,
    mutants={"one percent less far": dict(first=0.99), "one percent more growth": dict(second=0.99)},
)
def selection_lower_bound(
    loss: Tensor, s: Tensor, n: Tensor, a: Tensor, b: Tensor, *, first: float = 1.0, second: float = 1.0
) -> Relation:
    r"""Let $|a| \le |b|$. After adding the sample with gradient a the predicted test loss is at least
    $L-\frac1n|a||s| \ge L-\frac1n|b||s|$: the best case is better for a larger gradient norm.

    Tight at: a in the direction of s.
    """
    return chain(
        loss - first * second * _reach(b, s, n),
        loss - first * _reach(a, s, n),
        loss - dot(s, a) / n,
        names=["L - |b| |s| / n", "L - |a| |s| / n", "L - I_a"],
    )


@claim(
    id="gradnorm.selection.rank",
    title="A higher gradient norm has a higher influence",
    source=ABSTRACT,
    reading="of the size of the influence itself, to first order",
    expect="refuted",
    s=D.real("m"),
    a=D.real("m"),
    b=D.real("m"),
    dims=SMALL,
    assumes=SMALLER,
    mutants={"by one percent": dict(share=0.99), "by five percent": dict(share=0.95)},
)
def selection_rank(s: Tensor, a: Tensor, b: Tensor, *, share: float = 1.0) -> Relation:
    r"""If $|a| \le |b|$, then $|\langle s,a\rangle| \le |\langle s,b\rangle|$.

    Counterexample: $s = (3, 4)$, $a = (3/5, 4/5)$, $b = (4, -3)$: norms 1 and 5, influences 5 and 0.
    """
    return leq(dot(s, a).abs(), share * dot(s, b).abs(), names=["|I_a|", "|I_b|"])


@claim(
    id="gradnorm.addition_bound",
    title="A rigorous bound of the test loss after a sample is added; it rises with the gradient norm",
    source="replaces gradnorm, eq. (4), (5) and the conclusion; own derivation",
    amends="gradnorm.selection.as_printed",
    loss=D.nonneg(),
    slope=D.real("n"),
    M=D.interval(0, 4),
    tau=D.interval(-1, 1),
    m=D.interval(0.25, 4),
    d=D.real("n"),
    p=D.nonneg(),
    across=D.real("n"),
    more=D.nonneg(),
    dims={"n": (1, 3)},
    mutants={
        "smoothness one percent less": dict(smooth=0.99),
        "a step one percent shorter": dict(shorter=0.99),
        "the term in r squared one percent smaller": dict(quadratic=0.99),
    },
)
def addition_bound(
    loss: Tensor,
    slope: Tensor,
    M: Tensor,
    tau: Tensor,
    m: Tensor,
    d: Tensor,
    p: Tensor,
    across: Tensor,
    more: Tensor,
    *,
    smooth: float = 1.0,
    shorter: float = 1.0,
    quadratic: float = 1.0,
) -> Relation:
    r"""Let the enlarged training loss be m-strongly convex and the test loss L have M-Lipschitz gradient. With
    $r = |\nabla l(\theta_0)|$, the true gradient norm of the added sample at $T^c$, the retrained model has
    $L(\theta_1) \;\le\; L(\theta_0)+|\nabla L||d|+\frac M2|d|^2 \;\le\; L(\theta_0)+|\nabla L|\frac rm+\frac M2(\frac rm)^2$,
    $\nabla L$ at $\theta_0$, and the right side rises with r.

    Proof: the enlarged loss has gradient $\nabla l(\theta_0)$ at $\theta_0$ and 0 at $\theta_1 = \theta_0+d$, so $m|d| \le r$.

    Tight at: $F = \frac12\theta^2$, $l = -r\theta$ near 0, test loss $\frac12(\theta+1)^2$: 2, 9/2 and 8 on both sides for
    $r = 1, 2, 3$.

    Notes: no Hessian is inverted, nothing is ignored, and eq. (5) is not used.
    """
    pull = gradient_change.sloped(d, m * (1 + p), across)  # minus the gradient of l at theta_0
    r = torch.sqrt(square(pull))
    G = torch.sqrt(square(slope))
    length = torch.sqrt(square(d))

    def bound(step: Tensor, share: float = 1.0) -> Tensor:
        return loss + G * step + share * M / 2 * step**2

    return chain(
        loss + dot(slope, d) + tau * M / 2 * length**2,
        bound(length, smooth),
        bound(shorter * r / m, quadratic * smooth),
        bound(shorter * (r + more) / m, quadratic * smooth),
        names=["L(theta_1)", "bound by |d|", "bound by r", "bound by more than r"],
    )
