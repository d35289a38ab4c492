"""Proposition 1: "converge faster leads to a lower worst-case generalization error", in its readings.

The error that the paper's theory speaks of is the bound B, and B^2 = 2 I / n: so every reading compares
I = Tr[Y' Theta^-1 Y] for two sets of labels on one kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory.spectra import LabelMeasure
from proofs_check import all_of, claim, leq
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

STATEMENT = f"{SOURCE}, section 3.2, Proposition 1"
BOUNDS = ["I of the first", "I of the second"]


def faster_at_the_first_step(lam: Tensor, w1: Tensor, w2: Tensor, eta: Tensor) -> Tensor:
    """E_1^2(1) < E_1^2(2)"""
    return LabelMeasure(lam, w1).E2(1, eta) < LabelMeasure(lam, w2).E2(1, eta)


@claim(
    id="dynamical.proposition1.faster_at_first",
    title="Proposition 1: faster at the start, smaller bound",
    source=STATEMENT,
    reading="faster at first: higher alignment and a smaller error after one step, within the hypotheses",
    expect="refuted",
    lam=LAM,
    w1=W1,
    w2=W2,
    eta=ARORA_STEP,
    dims={"n": (1, 8)},
    on=ON_PAIRS,
    also_on=ALSO_ON_KERNELS,
    assumes=[positive_spectrum, first_has_higher_alignment, faster_at_the_first_step],
    mutants={"by one percent": dict(factor=0.99), "whatever the speed": dict(assumes=[positive_spectrum])},
)
def faster_at_first(lam: Tensor, w1: Tensor, w2: Tensor, eta: Tensor, *, factor: float = 1.0) -> Relation:
    r"""If two sets of labels have the same mass on the same kernel, $A^{(1)} \ge A^{(2)}$ and $E_1^{2\,(1)} < E_1^{2\,(2)}$,
    then $I^{(1)} \le I^{(2)}$.

    In the paper: "For deep neural networks, converge faster leads to a lower worst-case generalization error".

    Counterexample: $\lambda = (1/10, 1/2, 1)$, masses $(1/5, 0, 4/5)$ against $(0, 1, 0)$: alignment $41/50$ against $1/2$,
    but $I = 14/5$ against $2$.

    Notes: n = 2 is too small for a counterexample (dynamical.proposition1.two_eigenvalues).
    """
    return leq(LabelMeasure(lam, w1).I, factor * LabelMeasure(lam, w2).I, names=BOUNDS)


@claim(
    id="dynamical.proposition1.two_eigenvalues",
    title="Proposition 1 with two eigenvalues",
    source=STATEMENT,
    reading="faster at first, n = 2",
    lam=LAM,
    w1=W1,
    w2=W2,
    eta=D.step_size("lam", D.interval(0, 1)),
    t=D.integer(0, 60),
    dims={"n": (2, 2)},
    on=ON_PAIRS,
    assumes=[first_has_higher_alignment],
    mutants={
        "by one percent": dict(factor=0.99),
        "whatever the alignment": dict(assumes=[]),
        "three eigenvalues": dict(lam=D.spectrum(3, lo=1 / 64, hi=1), w1=D.simplex(3), w2=D.simplex(3)),
    },
)
def two_eigenvalues(lam: Tensor, w1: Tensor, w2: Tensor, eta: Tensor, t: Tensor, *, factor: float = 1.0) -> Relation:
    r"""For $n = 2$: if $T^{(1)} = T^{(2)}$ and $A^{(1)} \ge A^{(2)}$, then $I^{(1)} \le I^{(2)}$, and
    $E_t^{2\,(1)} \le E_t^{2\,(2)}$ for every t if $\eta\lambda_i \le 1$.

    Proof: with two eigenvalues T and A fix the measure, so every functional is affine in A.
    """
    one, two = LabelMeasure(lam, w1), LabelMeasure(lam, w2)
    return all_of(
        leq(one.I, factor * two.I, names=BOUNDS),
        leq(one.E2(t, eta), factor * two.E2(t, eta), names=["E_t^2 of the first", "E_t^2 of the second"]),
    )


def _exponential_sum(a: Tensor, c: Tensor, b: Tensor, e: Tensor, gap: Tensor) -> tuple[Tensor, Tensor]:
    r"""Atoms and signed masses of $(\sum_i c_ie^{-a_i\tau})^2 + (1-e^{-\delta\tau})(\sum_i e_ie^{-b_i\tau})^2$."""
    atoms = (a[:, :, None] + a[:, None, :]).flatten(1)
    later = (b[:, :, None] + b[:, None, :]).flatten(1)
    first = (c[:, :, None] * c[:, None, :]).flatten(1)
    second = (e[:, :, None] * e[:, None, :]).flatten(1)
    return torch.cat([atoms, later, later + gap[:, None]], 1), torch.cat([first, second, -second], 1)


@claim(
    id="dynamical.proposition1.faster_at_all_times",
    title="Proposition 1: faster at all times, smaller bound",
    source=STATEMENT,
    reading="faster at every time of gradient flow",
    a=D.spectrum("n", lo=1 / 64, hi=1),
    c=D.real("n"),
    b=D.spectrum("n", lo=1 / 64, hi=1),
    e=D.real("n"),
    gap=D.interval(1 / 64, 1),
    common=D.interval(0, 1),
    dims={"n": (1, 6)},
    on="pairs of label measures, the first ahead at every time",
    uses=["dynamical.area_identity.flow"],
    mutants={
        "by one percent of what they share": dict(factor=0.99),
        "ahead at the start only": dict(cross=1.0),
    },
)
def faster_at_all_times(
    a: Tensor,
    c: Tensor,
    b: Tensor,
    e: Tensor,
    gap: Tensor,
    common: Tensor,
    *,
    factor: float = 1.0,
    cross: float = 0.0,
) -> Relation:
    r"""If $E_\tau^{2\,(1)} \le E_\tau^{2\,(2)}$ for every $\tau \ge 0$ along gradient flow, then $I^{(1)} \le I^{(2)}$.

    Proof: $I = 2\int_0^\infty E_\tau^2\,d\tau$ (dynamical.area_identity.flow).

    Notes: the condition is built in, not sampled: the difference of the two errors is
    $(\sum_ic_ie^{-a_i\tau})^2 + (1-e^{-\delta\tau})(\sum_ie_ie^{-b_i\tau})^2$, which is what nonnegative polynomials in
    $e^{-\tau}$ look like; its positive terms belong to the second measure, its negative ones to the first. Both share a
    further mass at eigenvalue 1. Then the statement says that Cauchy matrices are positive semidefinite.
    """
    atoms, signed = _exponential_sum(a, c, b, e, gap)
    if cross:  # the mutant's difference is the first sum times its own value at time 0: positive there, not later
        atoms, signed = torch.cat([a, atoms[:, :0]], 1), c.sum(-1, keepdim=True) * c
    shared = common * signed.abs().sum(-1)
    first = ((-signed).clamp(min=0) / atoms).sum(-1) + shared
    second = (signed.clamp(min=0) / atoms).sum(-1) + shared
    return leq(first, factor * second, names=BOUNDS)


def _raised(lam: Tensor, share: Tensor) -> Tensor:
    return lam + share * (1 - lam)


@claim(
    id="dynamical.proposition1.dominance",
    title="Proposition 1 under stochastic dominance",
    source="replaces dynamicAL, Proposition 1 and Remark 1",
    amends="dynamical.proposition1.faster_at_first",
    lam2=D.spectrum("n", lo=1 / 64, hi=1),
    share=D.spectrum("n", lo=0, hi=1),
    w=D.nonneg("n"),
    s=D.interval(0, 1),
    t=D.integer(0, 60),
    uses=["dynamical.label_measure"],
    on="label measures, the first with its mass on larger eigenvalues",
    mutants={"by one percent": dict(factor=0.99), "eta lambda up to 1.9": dict(s=D.interval(0, 1.9))},
)
def dominance(lam2: Tensor, share: Tensor, w: Tensor, s: Tensor, t: Tensor, *, factor: float = 1.0) -> Relation:
    r"""If the first measure arises from the second by moving mass to larger eigenvalues, every atom as far as it likes, and
    $\eta\lambda_{\max} \le 1$, then
    $E_t^{2\,(1)} \le E_t^{2\,(2)}$ for every t, $I^{(1)} \le I^{(2)}$ and $A^{(1)} \ge A^{(2)}$.

    Notes: this is first-order stochastic dominance at equal mass T (every dominating pair arises so, an atom split where its
    mass goes to several places). It orders everything at once; the alignment alone does not. Beyond
    $\eta\lambda = 1$ the error is no longer decreasing in the eigenvalue, and the order of the errors is lost.
    """
    one, two = LabelMeasure(_raised(lam2, share), w), LabelMeasure(lam2, w)
    return all_of(
        leq(one.E2(t, s), factor * two.E2(t, s), names=["E_t^2 of the first", "E_t^2 of the second"]),
        leq(one.I, factor * two.I, names=BOUNDS),
        leq(two.A, one.A, names=["A of the second", "A of the first"]),
    )


@claim(
    id="dynamical.proposition1.bounds_fall",
    title="Proposition 1: the bounds of Theorem 2 fall as the alignment grows",
    source=STATEMENT,
    reading="about the two-sided bounds of Theorem 2 at equal mass and spectrum",
    lam=LAM,
    w1=W1,
    w2=W2,
    dims={"n": (1, 8)},
    on=ON_PAIRS,
    also_on=ALSO_ON_KERNELS,
    assumes=[positive_spectrum, first_has_higher_alignment],
    uses=["dynamical.theorem2"],
    mutants={"by one percent": dict(factor=0.99), "whatever the alignment": dict(assumes=[positive_spectrum])},
)
def bounds_fall(lam: Tensor, w1: Tensor, w2: Tensor, *, factor: float = 1.0) -> Relation:
    r"""If $T^{(1)} = T^{(2)}$ and $A^{(1)} \ge A^{(2)}$ on one kernel, then $T^2/A$, $\kappa T^2/A$ and the chord bound on I
    are at most as large for the first set of labels as for the second.

    Notes: true, and all that Theorem 2 gives: it orders the bounds on the bound, not the bound.
    """
    one, two = LabelMeasure(lam, w1), LabelMeasure(lam, w2)
    mass = torch.ones_like(one.T)
    kappa = one.hi / one.lo

    def chord(mu: LabelMeasure) -> Tensor:
        return al.spectra.chord_I(mass, mu.A, mu.lo, mu.hi)

    return all_of(
        leq(mass / one.A, factor * mass / two.A, names=["T^2/A(1)", "T^2/A(2)"]),
        leq(kappa * mass / one.A, factor * kappa * mass / two.A, names=["kappa T^2/A(1)", "kappa T^2/A(2)"]),
        leq(chord(one), factor * chord(two), names=["chord(1)", "chord(2)"]),
    )


@claim(
    id="dynamical.proposition1.total_error",
    title="Proposition 1 for gradient descent: smaller total error, smaller bound up to a factor",
    source="replaces dynamicAL, Proposition 1",
    amends="dynamical.proposition1.faster_at_first",
    lam=D.spectrum("n", lo=1 / 64, hi=1),
    nu1=D.simplex("n"),
    nu2=D.simplex("n"),
    eta=D.step_size("lam", D.interval(1 / 64, 1)),
    on="pairs of label measures of equal total error",
    uses=["dynamical.area_identity.sandwich"],
    mutants={"factor one percent smaller": dict(factor=0.99), "factor 1": dict(plain=1.0)},
)
def total_error(lam: Tensor, nu1: Tensor, nu2: Tensor, eta: Tensor, *, factor: float = 1.0, plain: float = 0.0) -> Relation:
    r"""If $\eta\lambda_{\max} \le 1$ and $\sum_{t\ge0}E_t^{2\,(1)} \le \sum_{t\ge0}E_t^{2\,(2)}$, which holds when the first is
    ahead at every step, then $I^{(1)} \le \frac{2-\eta\lambda_1}{2-\eta\lambda_n}\,I^{(2)}$.

    Proof: $\eta\sum_tE_t^2 = \int\frac{d\mu}{\lambda(2-\eta\lambda)}$, and I is the integral of $2-\eta\lambda$ against the
    same measure.

    Tight at: mass of the first on the smallest eigenvalue, of the second on the largest, with equal total error.

    Notes: the measures are drawn through $\nu = \mu/(\lambda(2-\eta\lambda))$, so that the total errors are equal, which is
    the worst case. That no such factor is needed in continuous time is dynamical.proposition1.faster_at_all_times.
    """
    speed = lam * (2 - eta[:, None] * lam)
    one, two = LabelMeasure(lam, nu1 * speed), LabelMeasure(lam, nu2 * speed)
    allowed = (2 - eta * one.lo) / (2 - eta * one.hi)
    allowed = torch.ones_like(allowed) if plain else factor * allowed
    return leq(one.I, allowed * two.I, names=["I of the first", "the factor times I of the second"])
