r"""Eq. (9): how far a network of width n trains from its linearisation, and how far its tangent kernel moves.

As printed, $\sup_t\|f_t(x)-f_t^{lin}(x)\|_2 = \sup_t\|\Theta_t-\Theta_0\|_F = O(n^{-1/2})$. Lee et al. (2019) have two bounds,
not an equation. Both are true; whether they are sharp hangs on the activation and on the law of the output weights.

The networks are $f(x) = n^{-1/2}\sum_ia_i\phi(w_i\cdot x)$, both layers trained by gradient descent.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.relations import Relation

SOURCE = "Mohamadi, Bae, Sutherland (2022), eq. (9); Lee et al. (2019), arXiv:1902.06720, theorem 2.1"
NETWORK: dict[str, Any] = {"a": D.real("n"), "w": D.real("n")}
WIDTHS = {"n": (1, 4)}


def outputs_at_start_not_zero(a: Tensor, w: Tensor) -> Tensor:
    """f_0 is not 0"""
    return (a * w).sum(-1) != 0


def _one_step(a: Tensor, w: Tensor, s: Tensor) -> tuple[Tensor, ...]:
    r"""The network $\sum_ia_iw_ix$ on the point x = 1 with $\eta\Theta_0 = s$ and that label which it reaches in one step.

    Returns f_0, the residual r = y - f_0, f_1, Theta_0 and Theta_1.
    """
    f, theta = (a * w).sum(-1), (a * a + w * w).sum(-1)
    eta = s / theta
    r = (1 - s) / (eta * eta * f)
    push = (eta * r)[..., None]
    a1, w1 = a + push * w, w + push * a
    return f, r, (a1 * w1).sum(-1), theta, (a1 * a1 + w1 * w1).sum(-1)


@claim(
    id="lookahead.eq9.as_printed",
    title="Eq. (9): the two suprema are equal",
    source=SOURCE,
    reading="the first equality sign taken literally, at any width",
    expect="refuted",
    **NETWORK,
    s=D.interval(0.125, 1),
    dims=WIDTHS,
    assumes=[outputs_at_start_not_zero],
    mutants={"half of it": dict(share=0.5), "a quarter of it": dict(share=0.25)},
)
def eq9_as_printed(a: Tensor, w: Tensor, s: Tensor, *, share: float = 1.0) -> Relation:
    r"""$\sup_{t\ge0}|f_t(x)-f_t^{lin}(x)| = \sup_{t\ge0}|\Theta_t-\Theta_0|$ for $f(x) = \sum_ia_iw_ix$ trained by gradient
    descent on the point x = 1, with a step size below the threshold, $s = \eta\Theta_0\le 1$.

    Counterexample: a = w = 1, step size 1/4 (s = 1/2), label 9: from f_0 = 1 one step leads to a = w = 3, f_1 = 9, and training
    is over. The linearisation is at 5 after that step and approaches 9: the left supremum is 4, the right one 18 - 2 = 16.

    Proof: for the label $f_0+r$ with $\eta^2rf_0 = 1-s$ the network interpolates after one step, so $\Theta_t = \Theta_1$ from
    then on, while $|f_t-f_t^{lin}| = |1-s|^t|r|$ is largest at t = 1: both suprema are exact.

    Notes: the left side depends on x and is measured in units of f, the right one on the training set, in units of f/eta.
    """
    _f, r, _f1, theta, theta1 = _one_step(a, w, s)
    return eq((1 - s) * r.abs(), share * (theta1 - theta).abs(), names=["sup |f - f lin|", "sup |Theta_t - Theta_0|"])


@claim(
    id="lookahead.eq9.threshold",
    title="Above the threshold the linearisation diverges even where the network converges",
    source="own derivation; the threshold: Lee et al. (2019), eta < 2/(lambda_min + lambda_max)",
    **NETWORK,
    s=D.interval(2, 4),
    dims=WIDTHS,
    assumes=[outputs_at_start_not_zero],
    mutants={"one percent faster": dict(pace=1.01), "the second step's pace at the first": dict(pace=1.5)},
)
def eq9_threshold(a: Tensor, w: Tensor, s: Tensor, *, pace: float = 1.0) -> Relation:
    r"""For $f(x) = \sum_ia_iw_ix$, trained on x = 1 with $s = \eta\Theta_0\ge 2$ and the label $f_0+r$, $\eta^2rf_0 = 1-s$: the
    network interpolates after one step, $f_1 = f_0+r$, and the linearisation is off by $|f_t^{lin}-f_0-r|\ge(1+t(s-2))\,|r|$
    at every step $t$ (here to 4): for $s>2$ the left supremum of eq. (9) is infinite at every width.

    Proof: $|1-s|^t = (1+(s-2))^t\ge 1+t(s-2)$ (Bernoulli).

    Tight at: s = 2, and t = 1 for every s.
    """
    f, r, f1, _theta, _theta1 = _one_step(a, w, s)
    links = [eq(f1, f + r, names=["f_1", "label"])]
    linear = r
    for t in range(1, 5):
        linear = linear - s * linear
        grown = (1 + pace * t * (s - 2)) * r.abs()
        links.append(leq(grown, linear.abs(), names=[f"(1 + {t}(s - 2)) |r|", f"|residual of f lin| after {t}"]))
    return all_of(*links)


@claim(
    id="lookahead.eq9.relu_step",
    title="The mean change of a relu network's kernel in one step",
    source="own derivation",
    c=D.interval(0, 2),
    mutants={"half of the second order": dict(second=0.5), "no second order": dict(second=0.0)},
)
def eq9_relu_step(c: Tensor, *, second: float = 1.0) -> Relation:
    r"""One point, $|x| = s$, relu, standard normal weights, a step with residual r; $c = \eta s|r|n^{-1/2}$. The mean change is
    $E[\Theta_1-\Theta_0] = s^2\left(c^2-\frac{(1+c^2)\arctan c}{\pi}+\frac{2c^3}{\pi(1+c^2)}\right)$, and so
    $E[\Theta_1-\Theta_0] = -\frac{\eta s^3|r|}{\pi\sqrt n}+O(1/n)$: precisely, with $\rho(c)$ the bracket,
    $|\rho(c)+c/\pi|\le c^2(1+c/2)$. The rate $n^{-1/2}$ of eq. (9) is attained by relu.

    Proof: with $z_i = s\zeta_i$, the neuron's new pre-activation is $s(\zeta+ca)$ and its new weight $a+c\zeta$ (r > 0), if
    $\zeta>0$; it adds $s^2[(\zeta+ca)^2+(a+c\zeta)^2]$ to $n\Theta_1$ if besides $\zeta+ca>0$, and had $s^2[\zeta^2+a^2]$.
    What is lost lies in a sector of angle $\arctan c$ of the plane of $(\zeta,a)$; both integrals over it are elementary.
    Units that are off at x get no gradient and cannot come on: the loss is one-sided, where a smooth activation gains as much.

    Notes: lookahead.eq9.relu_constant measures the same.
    """
    pi = 4 * torch.atan(torch.ones_like(c))
    mean = c * c - (1 + c * c) * torch.atan(c) / pi + 2 * c * c * c / (pi * (1 + c * c))
    return leq((mean + c / pi).abs(), c * c * (second + c / 2), names=["|E dTheta / s^2 + c/pi|", "c^2 (1 + c/2)"])
