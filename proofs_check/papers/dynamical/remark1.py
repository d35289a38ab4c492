"""Remark 1: "higher alignment will lead to achieving faster convergence", in its readings."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory.spectra import LabelMeasure
from proofs_check import all_of, chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings import KERNEL_MEASURES, MEASURES, SOURCE, positive_spectrum
from proofs_check.papers.dynamical._settings_pairs import (
    ALSO_ON_KERNELS,
    ARORA_STEP,
    LAM,
    ON_PAIRS,
    W1,
    W2,
    first_has_higher_alignment,
)
from proofs_check.relations import Relation

STATEMENT = f"{SOURCE}, section 4.1, Remark 1"


def bounds_are_separated(lam: Tensor, w1: Tensor, w2: Tensor, eta: Tensor, t: Tensor) -> Tensor:
    """the chord of the first lies below Jensen's bound of the second"""
    one, two = LabelMeasure(lam, w1), LabelMeasure(lam, w2)
    chord = al.spectra.chord_E2(one.T, one.A, one.lo, one.hi, t, eta)
    return chord <= al.spectra.jensen_E2(two.T, two.A, t, eta)


@claim(
    id="dynamical.remark1.higher_is_faster",
    title="Remark 1: higher alignment, smaller error at every step",
    source=STATEMENT,
    reading="at every t >= 1, within the hypotheses (eta = c lambda_min / n^2)",
    expect="refuted",
    lam=LAM,
    w1=W1,
    w2=W2,
    eta=ARORA_STEP,
    t=D.integer(1, 4096),
    dims={"n": (1, 8)},
    on=ON_PAIRS,
    also_on=ALSO_ON_KERNELS,
    assumes=[positive_spectrum, first_has_higher_alignment],
    mutants={"by one percent": dict(factor=0.99), "whatever the alignment": dict(assumes=[positive_spectrum])},
)
def higher_is_faster(lam: Tensor, w1: Tensor, w2: Tensor, eta: Tensor, t: Tensor, *, factor: float = 1.0) -> Relation:
    r"""If two sets of labels have the same mass T on the same kernel and $A^{(1)} \ge A^{(2)}$, then
    $E_t^2{}^{(1)} \le E_t^2{}^{(2)}$ for every $t \ge 1$.

    In the paper: both bounds of Theorem 1 are inversely proportional to the alignment, "which implies that higher
    alignment will lead to achieving faster convergence".

    Counterexample: $\lambda = (1/10, 1/2, 1)$, masses $(1/5, 0, 4/5)$ against $(0, 1, 0)$, $\eta = 1/90$: the first
    has $A = 41/50$ against $1/2$, is ahead at t = 90 and behind from about t = 180 on.

    Notes: alignment is the speed at the start (dynamical.remark1.initial_speed). Mass on a small eigenvalue is hidden by it
    and rules later. The bounds are affine in A, not inversely proportional to it.
    """
    one, two = LabelMeasure(lam, w1), LabelMeasure(lam, w2)
    return leq(one.E2(t, eta), factor * two.E2(t, eta), names=["E_t^2 of the first", "E_t^2 of the second"])


@claim(
    id="dynamical.remark1.bounds_fall",
    title="Remark 1: the bounds fall as the alignment grows",
    source=STATEMENT,
    reading="about the bounds of Theorem 1, not about the error",
    lam=LAM,
    w1=W1,
    w2=W2,
    eta=D.step_size("lam", D.interval(0, 1)),
    t=D.integer(1, 60),
    dims={"n": (1, 8)},
    on=ON_PAIRS,
    also_on=ALSO_ON_KERNELS,
    assumes=[first_has_higher_alignment],
    uses=["dynamical.theorem1"],
    mutants={"by one percent of eta A": dict(gain=0.01), "whatever the alignment": dict(assumes=[])},
)
def bounds_fall(lam: Tensor, w1: Tensor, w2: Tensor, eta: Tensor, t: Tensor, *, gain: float = 0.0) -> Relation:
    r"""If $T^{(1)} = T^{(2)}$, $A^{(1)} \ge A^{(2)}$, $0 \le \eta\lambda_i \le 1$ and $t \ge 1$, then both bounds of Theorem 1,
    and both of its sharp form, are at most as large for the first set of labels as for the second.

    Notes: this much of the remark is true. It orders bounds; the errors between them may come in the other order.
    """
    one, two = LabelMeasure(lam, w1), LabelMeasure(lam, w2)
    mass = torch.ones_like(eta)
    higher = one.A
    lower = two.A + gain * two.A
    return all_of(
        leq(mass - 2 * t * eta * higher, mass - 2 * t * eta * lower, names=["T - 2 t eta A(1)", "T - 2 t eta A(2)"]),
        leq(mass - eta * higher, mass - eta * lower, names=["T - eta A(1)", "T - eta A(2)"]),
        leq(
            al.spectra.jensen_E2(mass, higher, t, eta),
            al.spectra.jensen_E2(mass, lower, t, eta),
            names=["Jensen(1)", "Jensen(2)"],
        ),
        leq(
            al.spectra.chord_E2(mass, higher, one.lo, one.hi, t, eta),
            al.spectra.chord_E2(mass, lower, one.lo, one.hi, t, eta),
            names=["chord(1)", "chord(2)"],
        ),
    )


@claim(
    id="dynamical.remark1.initial_speed",
    title="What alignment does determine: the speed at the start",
    source="replaces dynamicAL, Remark 1",
    amends="dynamical.remark1.higher_is_faster",
    lam=D.spectrum("n", lo=0, hi=1),
    w=D.nonneg("n"),
    time=D.interval(0, 4),
    on=MEASURES,
    also_on=KERNEL_MEASURES,
    dims={"k": (1, 4)},
    mutants={"speed 1.98 A": dict(speed=1.98), "curvature one percent smaller": dict(bend=0.99)},
)
def initial_speed(lam: Tensor, w: Tensor, time: Tensor, *, speed: float = 2.0, bend: float = 1.0) -> Relation:
    r"""Along gradient flow, with $\tau = \eta t$:
    $T - 2\tau A \;\le\; E_\tau^2 \;\le\; T - 2\tau A + 2\tau^2\int\lambda^2\,d\mu$. So $-dE_\tau^2/d\tau = 2A$ at
    $\tau = 0$, and the alignment says no more than that.

    Proof: $1 - x \le e^{-x} \le 1 - x + x^2/2$ for $x \ge 0$.

    Tight at: $\tau = 0$, to second order.
    """
    mu = LabelMeasure(lam, w)
    line = mu.T - speed * time * mu.A
    second = (lam * lam * w).sum(-1)
    return chain(
        line,
        mu.flow_E2(time),
        mu.T - 2 * time * mu.A + 2 * bend * time**2 * second,
        names=["T - 2 tau A", "E_tau^2", "T - 2 tau A + 2 tau^2 M_2"],
    )


@claim(
    id="dynamical.remark1.certified_order",
    title="When alignment does order the errors",
    source="replaces dynamicAL, Remark 1",
    amends="dynamical.remark1.higher_is_faster",
    lam=LAM,
    w1=W1,
    w2=W2,
    eta=D.step_size("lam", D.interval(0, 3)),
    t=D.integer(0, 60),
    dims={"n": (1, 8)},
    on=ON_PAIRS,
    also_on=ALSO_ON_KERNELS,
    assumes=[bounds_are_separated],
    uses=["dynamical.theorem1.sharp"],
    mutants={
        "by one percent": dict(factor=0.99),
        "higher alignment is enough": dict(assumes=[first_has_higher_alignment]),
    },
)
def certified_order(lam: Tensor, w1: Tensor, w2: Tensor, eta: Tensor, t: Tensor, *, factor: float = 1.0) -> Relation:
    r"""If the chord bound of the first set of labels is at most Jensen's bound of the second, then
    $E_t^2{}^{(1)} \le E_t^2{}^{(2)}$.

    Notes: the condition involves T, A and the two ends of the spectrum only, so it can be checked before training.
    """
    one, two = LabelMeasure(lam, w1), LabelMeasure(lam, w2)
    return leq(one.E2(t, eta), factor * two.E2(t, eta), names=["E_t^2 of the first", "E_t^2 of the second"])
