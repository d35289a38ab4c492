r"""Eq. (5) for the softmax and its cross-entropy: one added sample.

For a sample x with logits $z = W^\top x$ (a bias is one more feature) the gradient is $(p-e_y)$ times x, so its norm is
$|p-e_y|\,|x|$, x fixed. A training loss enters through $\tilde F(z) = \min_{W^\top x=z}F$, convex with its minimum at the
logits $z_0$ before; training on the sample moves them to $z_1$ with $e_y-p(z_1)\in\partial\tilde F(z_1)$. Such an F exists
exactly when $\langle e_y-p(z_1),\,z_1-z_0\rangle \ge 0$. The label is class 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import gradient_change
from proofs_check import chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_convex import EQ5, dot, square
from proofs_check.relations import Relation


def _label(z: Tensor) -> Tensor:
    """One-hot: the first class."""
    return torch.nn.functional.one_hot(torch.zeros(z.shape[-1:], dtype=torch.int64)[:1], z.shape[-1])[0].to(torch.float64)


def _pulled(z0: Tensor, z1: Tensor) -> Tensor:
    """Whether a convex training loss exists that lets the sample move its logits from z0 to z1."""
    g1, _ = gradient_change.added_logits(z1, _label(z1))
    return dot(g1, z1 - z0) <= 0


@claim(
    id="gradnorm.eq5.softmax",
    title="Eq. (5) for one sample and the softmax",
    source=EQ5,
    reading="as an inequality for every sample, classification with at least three classes possible, convex training loss",
    expect="refuted",
    z0=D.real("N"),
    z1=D.real("N"),
    dims={"N": (2, 5)},
    assumes=[_pulled],
    mutants={"at least one percent smaller": dict(share=0.98), "the square at least five percent smaller": dict(share=0.95)},
)
def eq5_softmax(z0: Tensor, z1: Tensor, *, share: float = 1.0) -> Relation:
    r"""If a convex training loss and the sample's cross-entropy move its logits from $z_0$ to $z_1$, then
    $|p(z_1)-e_y| \le |p(z_0)-e_y|$.

    Counterexample: three classes, y the first: $z_0 = (1, 2, 3)$ and $z_1 = (1, -1, 3)$. The probability of the label
    hardly changes (0.090 to 0.117), that of the others is more uneven after: $|p-e_y|^2$ grows from 1.33 to 1.53.

    Notes: it happens with trained softmax regression too, with and without a bias (gradnorm.eq5.softmax.trained).
    """
    g0, _ = gradient_change.added_logits(z0, _label(z0))
    g1, _ = gradient_change.added_logits(z1, _label(z1))
    return leq(square(g1), share * square(g0), names=["|g_1|^2", "|g_0|^2"])


@claim(
    id="gradnorm.eq5.softmax.sharp",
    title="Eq. (5) for the softmax up to 2 (N - 1) / N",
    source="replaces gradnorm, eq. (5), for the softmax; own derivation",
    reading="the sign <~ as: up to a factor, here one that depends on the number of classes only",
    amends="gradnorm.eq5.softmax",
    z0=D.real("N"),
    z1=D.real("N"),
    dims={"N": (2, 5)},
    assumes=[_pulled],
    mutants={
        "the gradient, one percent too small": dict(first=0.99),
        "the label's probability must rise": dict(second=0.99),
        "the constant one percent smaller": dict(third=0.99),
    },
)
def eq5_softmax_sharp(z0: Tensor, z1: Tensor, *, first: float = 1.0, second: float = 1.0, third: float = 1.0) -> Relation:
    r"""Whatever the convex training loss and the label, with N classes: $|p_1-e_y|^2 \;\le\; 2(1-p_{1y})^2 \;\le\;
    2(1-p_{0y})^2 \;\le\; \frac{2(N-1)}{N}|p_0-e_y|^2$, $p_0, p_1$ the probabilities before and after. So the gradient norm
    grows by at most $\sqrt{2(N-1)/N} < \sqrt{2}$, and the probability of the label never falls.

    Proof: the other N - 1 probabilities sum to $1-p_y$, so the sum of their squares is at most $(1-p_y)^2$ (first step) and
    at least $(1-p_y)^2/(N-1)$ (third). The cross-entropy l is convex in the logits: $l(z_0)-l(z_1) \ge \langle
    e_y-p_1,z_1-z_0\rangle \ge 0$ (second).

    Tight at: each step by itself; together in the limit where $p_y\to0$, the others are even before and all in one after.
    """
    y = _label(z0)
    g0, before = gradient_change.added_logits(z0, y)
    g1, after = gradient_change.added_logits(z1, y)
    missing = ((g0 * (1 - y)).sum(-1), (g1 * (1 - y)).sum(-1))  # 1 - p_y, without cancellation
    c = gradient_change.growth_softmax(z0.shape[-1])
    bound = 2 * missing[0] ** 2
    return chain(
        square(g1),
        first * 2 * missing[1] ** 2,
        first * second * bound,
        first * second * third * c * square(g0),
        names=["|g_1|^2", "2 (1 - p_1y)^2", "2 (1 - p_0y)^2", "2 (N - 1) / N |g_0|^2"],
    )
