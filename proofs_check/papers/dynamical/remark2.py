r"""Remark 2: "the cause for the correlated phenomenons 'Train Faster' and 'Generalize Better' is the alignment", its readings.

What does cause both is that error and bound are integrals against one measure (dynamical.label_measure), and that one is the
area under the other (dynamical.area_identity); the alignment is one number of that measure.
"""

from __future__ import annotations

import torch
from torch import Tensor

from altheory.spectra import LabelMeasure
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings import SOURCE, positive_spectrum
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

STATEMENT = f"{SOURCE}, section 4.1, Remark 2"


@claim(
    id="dynamical.remark2.orders_both",
    title="Remark 2: higher alignment, faster training and a smaller bound",
    source=STATEMENT,
    reading="deterministic: the alignment orders both the error at every t >= 1 and the bound, within the hypotheses",
    expect="refuted",
    lam=LAM,
    w1=W1,
    w2=W2,
    eta=ARORA_STEP,
    t=D.integer(1, 4096),
    dims={"n": (1, 8)},
    on=ON_PAIRS,
    assumes=[positive_spectrum, first_has_higher_alignment],
    mutants={"by one percent": dict(factor=0.99), "whatever the alignment": dict(assumes=[positive_spectrum])},
)
def orders_both(lam: Tensor, w1: Tensor, w2: Tensor, eta: Tensor, t: Tensor, *, factor: float = 1.0) -> Relation:
    r"""If two sets of labels have the same mass on the same kernel and $A^{(1)} \ge A^{(2)}$, then $E_t^{2\,(1)} \le
    E_t^{2\,(2)}$ for every $t \ge 1$ and $I^{(1)} \le I^{(2)}$.

    Counterexample: $\lambda = (1/10, 1/2, 1)$, masses $(1/5, 0, 4/5)$ against $(0, 1, 0)$: alignment $41/50$ against $1/2$,
    $I = 14/5$ against 2.
    """
    one, two = LabelMeasure(lam, w1), LabelMeasure(lam, w2)
    return all_of(
        leq(one.E2(t, eta), factor * two.E2(t, eta), names=["E_t^2 of the first", "E_t^2 of the second"]),
        leq(one.I, factor * two.I, names=["I of the first", "I of the second"]),
    )


@claim(
    id="dynamical.remark2.determines_both",
    title="Remark 2: the alignment determines error and bound",
    source=STATEMENT,
    reading="causal: with the mass fixed, equal alignment means equal error and equal bound",
    expect="refuted",
    centre=D.interval(1 / 2, 1),
    width1=D.interval(0, 1 / 4),
    width2=D.interval(0, 1 / 4),
    s=D.interval(1 / 64, 1),
    t=D.integer(1, 60),
    on="pairs of label measures of mass 1 and equal alignment",
    mutants={"one percent apart": dict(factor=1.01), "a tenth apart": dict(factor=1.1)},
)
def determines_both(centre: Tensor, width1: Tensor, width2: Tensor, s: Tensor, t: Tensor, *, factor: float = 1.0) -> Relation:
    r"""Two label measures of mass 1 with equal alignment have equal errors $E_t^2$ for every $t \ge 1$, and equal I. (Each has
    half of its mass at $a - h$ and half at $a + h$: $A = a$ for every width h; $\eta = s$.)

    Counterexample: $a = 1/2$, $h = 1/4$ against $h = 0$: $A = 1/2$ for both, but $I = 8/3$ against 2.
    """
    half = torch.full_like(centre, 0.5)

    def measure(width: Tensor) -> LabelMeasure:
        return LabelMeasure(torch.stack([centre - width, centre + width], -1), torch.stack([half, half], -1))

    one, two = measure(width1), measure(width2)
    return all_of(
        eq(one.E2(t, s), factor * two.E2(t, s), names=["E_t^2 of the first", "E_t^2 of the second"]),
        eq(one.I, factor * two.I, names=["I of the first", "I of the second"]),
    )


@claim(
    id="dynamical.remark2.bounds",
    title="Remark 2: the alignment orders all the bounds",
    source=STATEMENT,
    reading="what Theorems 1 and 2 reveal: their bounds, not the quantities between them",
    lam=LAM,
    w1=W1,
    w2=W2,
    eta=ARORA_STEP,
    t=D.integer(1, 4096),
    dims={"n": (1, 8)},
    on=ON_PAIRS,
    also_on=ALSO_ON_KERNELS,
    assumes=[positive_spectrum, first_has_higher_alignment],
    uses=["dynamical.remark1.bounds_fall", "dynamical.proposition1.bounds_fall"],
    mutants={"by one percent": dict(factor=1.01), "whatever the alignment": dict(assumes=[positive_spectrum])},
)
def bounds(lam: Tensor, w1: Tensor, w2: Tensor, eta: Tensor, t: Tensor, *, factor: float = 1.0) -> Relation:
    r"""If two sets of labels have the same mass on the same kernel and $A^{(1)} \ge A^{(2)}$, then the bounds of Theorem 1 on
    the error and those of Theorem 2 on I are all at most as large for the first.

    Notes: true, by arithmetic: the labels enter these bounds through T and A only. It says nothing about a cause: the same
    holds for any other number that the bounds are made to depend on.
    """
    one, two = LabelMeasure(lam, w1), LabelMeasure(lam, w2)
    mass, kappa = torch.ones_like(eta), one.hi / one.lo
    pairs = [
        ("T - 2 t eta A", mass - 2 * t * eta * one.A, mass - 2 * t * eta * factor * two.A),
        ("T - eta A", mass - eta * one.A, mass - eta * factor * two.A),
        ("T^2/A", mass / one.A, mass / (factor * two.A)),
        ("kappa T^2/A", kappa * mass / one.A, kappa * mass / (factor * two.A)),
    ]
    return all_of(*(leq(a, b, names=[f"{name} (1)", f"{name} (2)"]) for name, a, b in pairs))


@claim(
    id="dynamical.remark2.one_measure",
    title="Remark 2, repaired: the bound is the integral of the training error",
    source="replaces dynamicAL, Remark 2",
    amends="dynamical.remark2.orders_both",
    lam=LAM,
    w1=W1,
    w2=W2,
    eta=D.step_size("lam", D.interval(1 / 64, 1)),
    dims={"n": (1, 8)},
    on=ON_PAIRS,
    also_on=ALSO_ON_KERNELS,
    assumes=[positive_spectrum],
    uses=["dynamical.area_identity", "dynamical.area_identity.remainder"],
    mutants={"1.99 for 2": dict(weight=1.99), "without G": dict(speed=0.0)},
)
def one_measure(lam: Tensor, w1: Tensor, w2: Tensor, eta: Tensor, *, weight: float = 2.0, speed: float = 1.0) -> Relation:
    r"""For two sets of labels on one kernel and $0 < \eta\lambda_{\max} \le 1$,
    $I^{(1)} - I^{(2)} = \eta\sum_{t\ge0}\left[2(E_t^{2\,(1)}-E_t^{2\,(2)}) - \eta(G_t^{(1)}-G_t^{(2)})\right]$,
    with $G_t = \mathrm{Tr}[r_t^\top\Theta r_t]$: the difference of the bounds is the area between the two training curves, and
    the alignments are the two terms $G_0$ of it.

    Proof: the area identity for each, with remainder 0 in the limit.
    """
    one, two = LabelMeasure(lam, w1), LabelMeasure(lam, w2)

    def area(mu: LabelMeasure) -> Tensor:
        moved = LabelMeasure(mu.eigenvalues, mu.weights * mu.eigenvalues)  # sum of G_t: the same series with lambda w
        return eta * (weight * mu.total_E2(eta) - speed * eta * moved.total_E2(eta))

    return eq(one.I + area(two), two.I + area(one), names=["I(1) and the area of (2)", "I(2) and the area of (1)"])
