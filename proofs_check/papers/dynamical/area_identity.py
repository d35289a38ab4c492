r"""The area identity: the generalisation bound is the area under the training curve. It replaces Proposition 1.

With $V_t = \mathrm{Tr}[r_t^\top\Theta^{-1}r_t]$ and $r_{t+1} = (I-\eta\Theta)r_t$, one step of gradient descent lowers V by
$\eta(2E_t^2 - \eta G_t)$, and $V_0 = I$. Found in the audit of the paper; it is not in the paper.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from altheory.spectra import LabelMeasure
from proofs_check import chain, claim, eq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings import (
    KERNEL_MEASURES,
    KERNEL_UNITS,
    KERNELS,
    MEASURE_UNITS,
    MEASURES,
    SPECTRA,
    positive_definite,
    positive_spectrum,
)
from proofs_check.relations import Relation

SOURCE = "replaces dynamicAL, Proposition 1 and Remark 2"
STEPS = 24


@claim(
    id="dynamical.area_identity",
    title="Area identity for gradient descent",
    source=SOURCE,
    amends="dynamical.proposition1.faster_at_first",
    theta=D.psd("n", cond=1e6),
    Y=D.real("n", "k"),
    eta=D.step_size("theta", D.interval(0, 3)),
    t=D.integer(0, STEPS),
    dims={"k": (1, 4)},
    on=SPECTRA,
    also_on=KERNELS,
    invariant=KERNEL_UNITS,
    assumes=[positive_definite],
    uses=["dynamical.label_measure"],
    mutants={"1.99 for 2": dict(weight=1.99), "without the remainder": dict(rest=0.0), "without G": dict(speed=0.0)},
)
def area_identity(
    theta: Tensor, Y: Tensor, eta: Tensor, t: Tensor, *, weight: float = 2.0, speed: float = 1.0, rest: float = 1.0
) -> Relation:
    r"""For every step size $\eta$ and every t, with $r_s = (I-\eta\Theta)^sY$ and $G_s = \mathrm{Tr}[r_s^\top\Theta r_s]$:
    $\mathrm{Tr}[Y^\top\Theta^{-1}Y] = \sum_{s<t}\eta\,(2E_s^2 - \eta G_s) + \mathrm{Tr}[r_t^\top\Theta^{-1}r_t]$.

    Proof: $V_s - V_{s+1} = 2\eta E_s^2 - \eta^2G_s$ for $V_s = \mathrm{Tr}[r_s^\top\Theta^{-1}r_s]$; sum over s.

    Notes: for $0 < \eta\lambda_{\max} < 2$ the remainder goes to 0 (dynamical.area_identity.remainder), so I is the whole sum:
    fast training at all times is the same thing as a small bound. The left side solves a linear system, the right side
    runs gradient descent.
    """
    inverse = (Y * torch.linalg.solve(theta, Y)).sum((-2, -1))
    residual, last, area = Y, Y, torch.zeros_like(eta)
    for step in range(STEPS):
        moved = theta @ residual
        error, dynamics = (residual * residual).sum((-2, -1)), (residual * moved).sum((-2, -1))
        area = area + torch.where(t > step, eta * (weight * error - speed * eta * dynamics), torch.zeros_like(area))
        residual = residual - eta[:, None, None] * moved
        last = torch.where((t == step + 1)[:, None, None], residual, last)
    remainder = (last * torch.linalg.solve(theta, last)).sum((-2, -1))
    return eq(inverse, area + rest * remainder, names=["Tr[Y' Theta^-1 Y]", "area and remainder"])


@claim(
    id="dynamical.area_identity.remainder",
    title="The remainder of the area identity vanishes",
    source=SOURCE,
    lam=D.spectrum("n", lo=1e-6, hi=1),
    w=D.nonneg("n"),
    eta=D.step_size("lam", D.interval(0, 2)),
    t=D.integer(0, 60),
    dims={"k": (1, 4)},
    on=MEASURES,
    also_on=KERNEL_MEASURES,
    invariant=MEASURE_UNITS,
    assumes=[positive_spectrum],
    uses=["dynamical.area_identity"],
    mutants={"rate one percent faster": dict(rate=0.99), "the smallest eigenvalue alone": dict(both=0.0)},
)
def remainder(lam: Tensor, w: Tensor, eta: Tensor, t: Tensor, *, rate: float = 1.0, both: float = 1.0) -> Relation:
    r"""For $0 \le \eta\lambda_{\max} \le 2$:
    $0 \le \int\frac{(1-\eta\lambda)^{2t}}{\lambda}\,d\mu \;\le\; \rho^{2t}\,I$ with
    $\rho = \max(|1-\eta\lambda_1|, |1-\eta\lambda_n|)$.

    Notes: $\rho < 1$ when $0 < \eta\lambda_i < 2$, so that $I = \sum_{t\ge0}\eta(2E_t^2-\eta G_t)$.
    """
    mu = LabelMeasure(lam, w)
    left, right = (1 - eta * mu.lo).abs(), (1 - eta * mu.hi).abs()
    rho = torch.maximum(left, both * right) * rate
    tail = LabelMeasure(lam, w / lam).E2(t, eta)
    return chain(torch.zeros_like(tail), tail, rho ** (2 * t) * mu.I, names=["0", "remainder", "rho^(2t) I"])


@claim(
    id="dynamical.area_identity.flow",
    title="Area identity for gradient flow",
    source=SOURCE,
    lam=D.spectrum("n", lo=1e-6, hi=1),
    w=D.nonneg("n"),
    time=D.step_size("lam", D.interval(0, 8)),
    dims={"k": (1, 4)},
    on=MEASURES,
    also_on=KERNEL_MEASURES,
    assumes=[positive_spectrum],
    mutants={"1.99 for 2": dict(weight=1.99), "without the remainder": dict(rest=0.0)},
)
def flow(lam: Tensor, w: Tensor, time: Tensor, *, weight: float = 2.0, rest: float = 1.0) -> Relation:
    r"""Along gradient flow, for every $\tau \ge 0$:
    $I = 2\int_0^\tau E_s^2\,ds + \int\lambda^{-1}e^{-2\lambda\tau}\,d\mu$; the last term vanishes as $\tau \to \infty$.

    Notes: the time integral is a Gauss-Legendre sum of 40 values of the training curve, not a formula; for
    $\lambda\tau \le 8$ its error is below rounding.
    """
    mu = LabelMeasure(lam, w)
    nodes, shares = (torch.as_tensor(x, device=lam.device) for x in np.polynomial.legendre.leggauss(40))
    curve = LabelMeasure(lam[:, None, :], w[:, None, :]).flow_E2(time[:, None] * (nodes + 1) / 2)
    area = time / 2 * (shares * curve).sum(-1)
    tail = LabelMeasure(lam, w / lam).flow_E2(time)
    return eq(mu.I, weight * area + rest * tail, names=["I", "area and remainder"])


@claim(
    id="dynamical.area_identity.sandwich",
    title="The bound between one and two areas",
    source=SOURCE,
    lam=D.spectrum("n", lo=1e-6, hi=1),
    w=D.nonneg("n"),
    eta=D.step_size("lam", D.interval(1 / 1024, 1)),
    dims={"k": (1, 4)},
    on=MEASURES,
    also_on=KERNEL_MEASURES,
    invariant=MEASURE_UNITS,
    assumes=[positive_spectrum],
    uses=["dynamical.area_identity"],
    mutants={"one area and one percent": dict(below=1.01), "two areas less 0.1 percent": dict(above=0.999)},
)
def sandwich(lam: Tensor, w: Tensor, eta: Tensor, *, below: float = 1.0, above: float = 1.0) -> Relation:
    r"""If $0 < \eta\lambda_i \le 1$, then with $S = \eta\sum_{t\ge0}E_t^2$:
    $S \;\le\; (2-\eta\lambda_n)\,S \;\le\; I \;\le\; (2-\eta\lambda_1)\,S \;\le\; 2S$.

    Proof: $S = \int\frac{d\mu}{\lambda(2-\eta\lambda)}$ by the geometric series, and I is the integral of $2-\eta\lambda$
    against the same measure.

    Tight at: all eigenvalues equal (the inner two), $\eta\lambda = 1$ (the first).
    """
    mu = LabelMeasure(lam, w)
    area = eta * mu.total_E2(eta)
    return chain(
        below * area,
        (2 - eta * mu.hi) * area,
        mu.I,
        (2 - eta * mu.lo) * area,
        2 * above * area,
        names=["S", "(2 - eta hi) S", "I", "(2 - eta lo) S", "2 S"],
    )


@claim(
    id="dynamical.area_identity.bracket",
    title="Anytime bracket: the bound from the first t steps",
    source=SOURCE,
    lam=D.spectrum("n", lo=1e-6, hi=1),
    w=D.nonneg("n"),
    eta=D.step_size("lam", D.interval(0, 3)),
    t=D.integer(0, STEPS),
    dims={"k": (1, 4)},
    on=MEASURES,
    also_on=KERNEL_MEASURES,
    invariant=MEASURE_UNITS,
    assumes=[positive_spectrum],
    uses=["dynamical.area_identity"],
    mutants={
        "lower end one percent of the rest higher": dict(below=1.01),
        "upper end one percent of the rest lower": dict(above=0.99),
    },
)
def bracket(lam: Tensor, w: Tensor, eta: Tensor, t: Tensor, *, below: float = 1.0, above: float = 1.0) -> Relation:
    r"""With $P_t = \sum_{s<t}\eta(2E_s^2-\eta G_s)$, for every t:
    $P_t + E_t^2/\lambda_n \;\le\; I \;\le\; P_t + E_t^2/\lambda_1$.

    Tight at: all mass on the largest eigenvalue (left), on the smallest (right).

    Notes: everything but the two ends of the spectrum is read off the training curve.
    """
    mu = LabelMeasure(lam, w)
    steps = torch.arange(STEPS, device=lam.device)
    curve, rate = LabelMeasure(lam[:, None, :], w[:, None, :]), eta[:, None]
    gained = rate * (2 * curve.E2(steps, rate) - rate * curve.training_dynamics(steps, rate))
    area = torch.where(steps < t[:, None], gained, torch.zeros_like(gained)).sum(-1)
    rest = mu.E2(t, eta)
    return chain(
        area + below * rest / mu.hi, mu.I, area + above * rest / mu.lo, names=["P_t + E_t^2/hi", "I", "P_t + E_t^2/lo"]
    )
