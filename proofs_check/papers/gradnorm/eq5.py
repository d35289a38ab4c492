r"""Equation (5), second line: is the gradient of a sample's loss smaller once the sample was trained on?

"This is reasonable since x is used to train $T^{c+1}$ rather than $T^c$", the paper says, and: "it is not a rigorous guarantee
for any sample". Here: one added sample, exact minimisers, as inequality for all samples. How far it can fail is in
`eq5_constants`, several samples at once in `eq5_batch`, what usually happens in `eq5_measured`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import gradient_change
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_convex import EQ5, dot, square, times, wrong
from proofs_check.relations import Relation


@claim(
    id="gradnorm.eq5.as_printed",
    title="Eq. (5): a sample's gradient is never larger after training on it",
    source=EQ5,
    reading="as an inequality for every sample, which the paper itself does not promise; one sample, exact minimisers",
    expect="refuted",
    lam=D.spectrum("n", lo=0.125, hi=8),
    v=D.real("n"),
    eps=D.interval(0.0009765625, 1),
    g0=D.real("n"),
    dims={"n": (2, 2)},
    mutants={"at least one percent smaller": dict(share=0.98), "the square at least five percent smaller": dict(share=0.95)},
)
def eq5_as_printed(lam: Tensor, v: Tensor, eps: Tensor, g0: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let $F(\theta) = \frac12\sum_i\lambda_i\theta_i^2$, all $\lambda_i > 0$, be the training loss (about its minimiser, in
    eigenvectors), and $l(\theta) = \frac12(v^\top(\theta-t))^2+\frac\epsilon2|\theta-t|^2 \ge 0$ the loss of a sample,
    $\epsilon > 0$. Then $|\nabla l(\theta_1)|^2 \le |\nabla l(\theta_0)|^2$, $\theta_0$ the minimiser of F and $\theta_1$
    that of $F+l$.

    In the paper: $\|\nabla L(T^{c+1}(x))\|\lesssim\|\nabla L(T^c(x))\|$, with the words "it is not a rigorous guarantee for any
    sample".

    Counterexample: $F = \frac12\theta_1^2+\frac52\theta_2^2$, $v = (1, 2)$, $\epsilon = \frac14$ and t such that
    $\nabla l(0) = (1, -1)$: the square of the gradient norm is multiplied by 74000/72361.

    Notes: a squared loss with several outputs, or with one output and weight decay counted with the sample; convex and
    nonnegative: all hypotheses are met. Without $\epsilon$ it is true for such l (gradnorm.eq5.scalar) except where l has
    no lower bound: $\lambda = (1, 4)$, $v = (10, 20)$ and $g_0 = (6, -3)$ give 6989/4489, $\epsilon = \frac1{1000}$ repairs
    this (1.55497).
    """
    B = v[..., :, None] * v[..., None, :] + eps[..., None, None] * torch.eye(v.shape[-1], dtype=torch.float64)
    g1 = gradient_change.gradient_after(torch.diag_embed(lam), B, g0)
    return leq(square(g1), share * square(g0), names=["|g_1|^2", "|g_0|^2"])


@claim(
    id="gradnorm.eq5.scalar",
    title="Eq. (5) for one sample and one output: true, whatever the losses",
    source=EQ5,
    reading="one added sample, a loss phi(x'theta) of one linear output, exact minimisers",
    amends="gradnorm.eq5.as_printed",
    d=D.real(),
    g0=D.real(),
    g1=D.real(),
    assumes=[lambda d: d != 0, lambda d, g1: g1 * d <= 0, lambda d, g0, g1: (g1 - g0) * d >= 0],
    mutants={
        "one percent smaller": dict(share=0.99),
        "F need not be convex": dict(assumes=[lambda d: d != 0, lambda d, g0, g1: (g1 - g0) * d >= 0]),
        "phi need not be convex": dict(assumes=[lambda d: d != 0, lambda d, g1: g1 * d <= 0]),
    },
)
def eq5_scalar(d: Tensor, g0: Tensor, g1: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let $l(\theta) = \phi(x^\top\theta)$ with $\phi$ convex and differentiable, and F convex. Then $|\nabla l(\theta_1)| \le
    |\nabla l(\theta_0)|$. In the output $m = x^\top\theta$, where it moves ($m_1 \ne m_0$): if $\phi'(m_1)\,(m_1-m_0) \le
    0$ and $(\phi'(m_1)-\phi'(m_0))(m_1-m_0) \ge 0$, then $|\phi'(m_1)| \le |\phi'(m_0)|$.

    Proof: $\tilde F(m) = \min_{x^\top\theta=m}F$ is convex with its minimum at $m_0$, and $-\phi'(m_1)$ is a slope of it at
    $m_1$: the first inequality; the second is convexity of $\phi$. So $\phi'(m_1)$ lies between 0 and $\phi'(m_0)$. And
    $|\nabla l| = |\phi'||x|$.

    Tight at: $\phi$ linear between the two outputs.

    Notes: the two inequalities are all that convexity says about two points. Ridge regression, logistic regression with two
    classes (with or without a bias) are covered; several outputs are not.
    """
    return leq(g1.abs(), share * g0.abs(), names=["|phi'(m_1)|", "|phi'(m_0)|"])


@claim(
    id="gradnorm.eq5.ridge",
    title="Eq. (5) for least squares: the factor is one over one plus the leverage",
    source=EQ5,
    sharpens="gradnorm.eq5.scalar",
    A=D.psd("n", cond=1000),
    x=D.real("n"),
    r=D.real(),
    dims={"n": (1, 3)},
    mutants={"one percent more": dict(share=1.01), "one percent more leverage": dict(more=1.01)},
)
def eq5_ridge(A: Tensor, x: Tensor, r: Tensor, *, share: float = 1.0, more: float = 1.0) -> Relation:
    r"""For least squares with Hessian A of the training loss, ridge included, and one added sample x:
    $|g_1|^2 = |g_0|^2/(1+h)^2$ with $h = x^\top A^{-1}x$.

    Proof: Sherman and Morrison: the residual shrinks to $r/(1+h)$.
    """
    g0 = -r[..., None] * x
    g1 = gradient_change.gradient_after(A, x[..., :, None] * x[..., None, :], g0)
    h = dot(x, torch.linalg.solve(A, x[..., None])[..., 0])
    return eq(square(g1), share * square(g0) / (1 + more * h) ** 2, names=["|g_1|^2", "|g_0|^2 / (1 + h)^2"])


@claim(
    id="gradnorm.eq5.logistic",
    title="Eq. (5) for logistic regression with two classes",
    source=EQ5,
    reading="one added sample, exact minimisers; a quadratic stands for the training loss in the sample's margin",
    z=D.interval(-12, 12),
    a=D.interval(0.015625, 1024),
    uses=["gradnorm.eq5.scalar"],
    mutants={"one percent smaller": dict(share=0.99), "0.2 percent smaller": dict(share=0.998)},
)
def eq5_logistic(z: Tensor, a: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let the training loss have curvature a in the margin $z = y\,x^\top\theta$ of a new sample, with loss $\log(1+e^{-z})$.
    Training on it moves the margin from $z_0$ to $z_1$ with $a(z_1-z_0) = \sigma(-z_1)$, and the gradient norm in the
    margin falls: $\sigma(-z_1) \le \sigma(-z_0)$.

    Tight at: $a\to\infty$.
    """
    before = z - wrong(z) / a
    return leq(wrong(z), share * wrong(before), names=["|g_1|", "|g_0|"])


@claim(
    id="gradnorm.eq5.energy_norm",
    title="Eq. (5) in the norm of the inverse Hessian: true for every convex loss",
    source=EQ5,
    reading="one added sample or a whole batch, quadratic training loss, the norm of A^-1 in place of the Euclidean one",
    amends="gradnorm.eq5.as_printed",
    A=D.psd("n", cond=100),
    d=D.real("n"),
    p=D.nonneg(),
    r=D.real("n"),
    dims={"n": (1, 3)},
    assumes=[lambda d: square(d) > 0],
    mutants={"convexity of l, one percent too strong": dict(below=1.01), "one percent smaller": dict(share=0.99)},
)
def eq5_energy_norm(A: Tensor, d: Tensor, p: Tensor, r: Tensor, *, below: float = 1.0, share: float = 1.0) -> Relation:
    r"""Let $F = \frac12\theta^\top A\theta$, A positive definite, and l convex: of one sample or the sum over a batch. Then
    $g_1^\top A^{-1}g_1 \;\le\; \langle g_0,d\rangle^2/d^\top Ad \;\le\; g_0^\top A^{-1}g_0$, $d = \theta_1-\theta_0$.

    Proof: $g_1 = -Ad$, so the left side is $d^\top Ad$; l is convex: $-\langle g_0,d\rangle \ge -\langle g_1,d\rangle =
    d^\top Ad$. Then the Cauchy-Schwarz inequality in the norm of A.

    Tight at: l linear.

    Notes: this is the norm in which eq. (1) and (3) measure influence. $g_0$ is drawn among all that convexity allows.
    """
    energy = dot(d, times(A, d))
    g0 = gradient_change.sloped(d, -(1 + p) * energy / square(d), r)
    middle = dot(g0, d) ** 2 / energy
    last = dot(g0, torch.linalg.solve(A, g0[..., None])[..., 0])
    return chain(below * energy, middle, share * last, names=["g_1' A^-1 g_1", "<g_0, d>^2 / d'Ad", "g_0' A^-1 g_0"])


@claim(
    id="gradnorm.eq5.absolute_constant",
    title="Eq. (5) up to the factor 2",
    source=EQ5,
    reading="the sign <~ as: up to a factor that does not depend on the problem, here 2",
    expect="refuted",
    root=D.interval(1, 32),
    mutants={"up to the factor 1.9": dict(factor=1.9), "up to the factor 1.5": dict(factor=1.5)},
)
def eq5_absolute_constant(root: Tensor, *, factor: float = 2.0) -> Relation:
    r"""For strongly convex and smooth training losses of every condition number $\kappa$ and every nonnegative convex l:
    $|g_1| \le 2\,|g_0|$.

    Counterexample: $\kappa = 16$, in the plane: $d = (1, 0)$, $-g_1 = \nabla F(\theta_1) = (32/17, 60/17)$ and
    $g_0 = (-32/17, 0)$: the norm grows by 17/8. l is the largest of two linear functions with these gradients and 0.

    Notes: the same family grows by $(\kappa+1)/(2\sqrt{\kappa})$, so no number in place of 2 will do; with a factor that
    depends on $\kappa$ it is true (gradnorm.eq5.kantorovich).
    """
    _, h, g0 = gradient_change.worst_for_smooth(root)
    return leq(square(h), factor**2 * square(g0), names=["|g_1|^2", "4 |g_0|^2"])


@claim(
    id="gradnorm.eq5.entropy",
    title="Eq. (5) for the label-free loss that is computed",
    source=EQ5,
    reading="the gradient of the entropy, at a model trained with the sample's label: what entropy-gradnorm uses eq. (5) for",
    expect="refuted",
    z=D.interval(-12, 12),
    a=D.interval(0.015625, 1024),
    mutants={"at least one percent smaller": dict(share=0.99), "up to the curvature 64": dict(a=D.interval(0.015625, 64))},
)
def eq5_entropy(z: Tensor, a: Tensor, *, share: float = 1.0) -> Relation:
    r"""In the setting of gradnorm.eq5.logistic, where eq. (5) is true for the loss that is trained, it is true for the
    score: with $|\partial H/\partial z| = |z|\,p(1-p)$, H the entropy and p the probability of the label, the score at
    $z_1$ is at most that at $z_0$.

    In the paper: "both the expected empirical loss and the entropy loss can be used in Eq. 5 as the loss function L".

    Counterexample: a sample on the decision boundary, $z_0 = 0$: its score is 0, and 0.1966 once training has moved it to
    $z_1 = 1$ (curvature $a = \sigma(-1)$).

    Notes: no factor helps, since the score before is 0. The entropy is neither convex nor the loss that is trained.
    """

    def score(margin: Tensor) -> Tensor:
        return margin.abs() * wrong(margin) * wrong(-margin)

    before = z - wrong(z) / a
    return leq(score(z), share * score(before), names=["score after", "score before"])
