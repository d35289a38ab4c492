r"""Three sharp constants against semidefinite programs that do not know them (`altheory.gradient_change`).

Every seed draws moduli of its own: for gradient descent $\kappa\in[1.1, 32]$ and seven step sizes between 0 and 3/L; for an
added sample $\kappa\in[1.1, 64]$ and $\ell/\mu\in[0.1, 64]$, two of each.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from altheory import gradient_change
from proofs_check import claim, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Figure, Series, Table
from proofs_check.papers.gradnorm._settings_convex import A1, EQ5
from proofs_check.relations import Measurement

STEPS = (0.0, 0.25, 0.75, 1.0, 1.5, 2.0, 3.0)
PAIRS = 2


class Optima(NamedTuple):
    """Moduli and the programs' optima: squared growth of a gradient norm."""

    kappa: Tensor  # (seeds,)
    step: Tensor  # (seeds, steps): mu = 1 / kappa, L = 1
    ratio: Tensor  # (seeds, pairs)
    smooth: Tensor  # (seeds, pairs): mu = 1, L = ratio
    smooth_loss: Tensor  # (seeds, pairs): mu = 1, ell = ratio


@remembered
def optima(seed: Tensor) -> Optima:
    """The optima of all programs for each seed."""
    rows = []
    for s in seed.tolist():
        u = torch.rand(1 + PAIRS, generator=torch.Generator().manual_seed(s), dtype=torch.float64)
        kappa = 1.1 * (32 / 1.1) ** float(u[0])
        ratios = (1.1 * (64 / 1.1) ** u[1:]).tolist()
        step = [gradient_change.largest_step_factor(1 / kappa, 1.0, x) for x in STEPS]
        smooth = [gradient_change.largest_growth(1.0, L) for L in ratios]
        smooth_loss = [gradient_change.largest_growth(1.0, ell=ell) for ell in ratios]
        rows.append((kappa, step, ratios, smooth, smooth_loss))
    return Optima(*(torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True)))


def _off(found: Tensor, closed: Tensor) -> Tensor:
    """The largest distance of a seed, relative where the values exceed 1."""
    return ((found - closed).abs() / closed.clamp(min=1)).amax(-1)


@claim(
    id="gradnorm.eq9.performance_estimation",
    title="The sharp form of eq. (9) against a semidefinite program",
    source=f"{A1}, eq. (9); performance estimation: Drori and Teboulle 2014, Taylor, Hendrickx and Glineur 2017",
    expect="reproduced",
    experiment="gradnorm.performance_estimation",
    seed=D.seed(),
    uses=["gradnorm.eq9.sharp"],
    mutants={"one ten-thousandth smaller": dict(share=0.9999), "the factor of the printed proof": dict(printed=True)},
)
def step(seed: Tensor, *, share: float = 1.0, printed: bool = False) -> Measurement:
    r"""The largest $|\nabla f(w')|^2/|\nabla f(w)|^2$ that a semidefinite program finds over all $\mu$-strongly convex f with
    L-Lipschitz gradient is $\max((1-\eta\mu)^2,(1-\eta L)^2)$, to within $10^{-6}$, for every pair $(\mu, L)$ and seven
    step sizes.
    """
    found = optima(seed)
    eta = torch.tensor(STEPS, dtype=torch.float64)
    mu, L = 1 / found.kappa[:, None], torch.ones(len(seed), 1, dtype=torch.float64)
    sharp, loose = gradient_change.step_factor(mu, L, eta), gradient_change.step_factor_printed(mu, L, eta)
    x = list(STEPS)
    curves = [Series("worst case (program)", x, found.step), Series("max(..)^2", x, sharp), Series("printed proof", x, loose)]
    return measurement(
        _off(found.step, share * (loose if printed else sharp)),
        expect=(0.0, 1e-6),
        show=[Figure("One gradient step", "eta L", "growth of the squared gradient norm", curves)],
    )


@claim(
    id="gradnorm.eq5.kantorovich.performance_estimation",
    title="Kantorovich's constant in eq. (5) against a semidefinite program",
    source=f"{EQ5}; performance estimation: Drori and Teboulle 2014, Taylor, Hendrickx and Glineur 2017",
    expect="reproduced",
    experiment="gradnorm.performance_estimation",
    seed=D.seed(),
    uses=["gradnorm.eq5.kantorovich"],
    mutants={"one ten-thousandth smaller": dict(share=0.9999), "one ten-thousandth larger": dict(share=1.0001)},
)
def kantorovich(seed: Tensor, *, share: float = 1.0) -> Measurement:
    r"""The largest $|g_1|^2/|g_0|^2$ that a semidefinite program finds over all $\mu$-strongly convex F with L-Lipschitz
    gradient and all convex l is $(\kappa+1)^2/(4\kappa)$, to within $10^{-6}$ of its size.
    """
    found = optima(seed)
    closed = gradient_change.growth_smooth(torch.ones_like(found.ratio), found.ratio)
    rows = [
        (f"L / mu = {k:.4g}", [f"{a:.7f}", f"{b:.7f}"])
        for k, a, b in zip(*_flat(found.ratio, found.smooth, closed), strict=True)
    ]
    return measurement(
        _off(found.smooth, share * closed),
        expect=(0.0, 1e-6),
        show=[Table("Growth of the squared gradient norm", ["program", "closed form"], rows)],
    )


@claim(
    id="gradnorm.eq5.smooth_loss.performance_estimation",
    title="1 + l / (4 mu) in eq. (5) against a semidefinite program",
    source=f"{EQ5}; performance estimation: Drori and Teboulle 2014, Taylor, Hendrickx and Glineur 2017",
    expect="reproduced",
    experiment="gradnorm.performance_estimation",
    seed=D.seed(),
    uses=["gradnorm.eq5.smooth_loss"],
    mutants={"one ten-thousandth smaller": dict(share=0.9999), "one ten-thousandth larger": dict(share=1.0001)},
)
def smooth_loss(seed: Tensor, *, share: float = 1.0) -> Measurement:
    r"""The largest $|g_1|^2/|g_0|^2$ that a semidefinite program finds over all $\mu$-strongly convex F and all convex l with
    $\ell$-Lipschitz gradient is $1+\ell/(4\mu)$, to within $10^{-6}$ of its size.
    """
    found = optima(seed)
    closed = gradient_change.growth_smooth_loss(torch.ones_like(found.ratio), found.ratio)
    rows = [
        (f"l / mu = {k:.4g}", [f"{a:.7f}", f"{b:.7f}"])
        for k, a, b in zip(*_flat(found.ratio, found.smooth_loss, closed), strict=True)
    ]
    return measurement(
        _off(found.smooth_loss, share * closed),
        expect=(0.0, 1e-6),
        show=[Table("Growth of the squared gradient norm", ["program", "closed form"], rows)],
    )


def _flat(*values: Tensor) -> list[list[float]]:
    return [v.flatten().tolist() for v in values]
