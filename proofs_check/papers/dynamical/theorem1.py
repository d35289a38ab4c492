r"""Theorem 1 (eq. 17 and 28): the training error between two lines in the alignment, and the curves that replace them."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory.spectra import LabelMeasure
from proofs_check import chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings import (
    KERNEL_MEASURES,
    KERNEL_UNITS,
    KERNELS,
    MEASURE_UNITS,
    MEASURES,
    SOURCE,
    SPECTRA,
)
from proofs_check.relations import Relation

STATEMENT = f"{SOURCE}, section 4.1, Theorem 1, eq. (17); proof in appendix B.1"


def _paper_form(theta: Tensor, Y: Tensor, eta: Tensor, t: Tensor, slope: float, fall: float) -> Relation:
    mu = al.spectra.label_measure(theta, Y)
    return chain(
        mu.T - slope * t * eta * mu.A,
        mu.E2(t, eta),
        mu.T - fall * eta * mu.A,
        names=["T - 2 t eta A", "E_t^2", "T - eta A"],
    )


@claim(
    id="dynamical.theorem1",
    title="Theorem 1 on its hypotheses",
    source=STATEMENT,
    reading="t >= 1 and eta lambda <= 1, as the proof assumes",
    theta=D.psd("n"),
    Y=D.real("n", "k"),
    eta=D.step_size("theta", D.interval(0, 1)),
    t=D.integer(1, 60),
    dims={"k": (1, 4)},
    on=SPECTRA,
    also_on=KERNELS,
    invariant=KERNEL_UNITS,
    uses=["dynamical.definition1", "dynamical.label_measure"],
    mutants={
        "lower slope 1.98 for 2": dict(slope=1.98),
        "upper slope 1.01 for 1": dict(fall=1.01),
        "t = 0 allowed": dict(t=D.integer(0, 60)),
        "eta lambda up to 1.1": dict(eta=D.step_size("theta", D.interval(0, 1.1))),
    },
)
def theorem1(theta: Tensor, Y: Tensor, eta: Tensor, t: Tensor, *, slope: float = 2.0, fall: float = 1.0) -> Relation:
    r"""If $\Theta$ is positive semidefinite, $0 \le \eta\lambda_i \le 1$ for every eigenvalue and $t \ge 1$, then
    $T - 2t\,\eta A \;\le\; E_t^2 \;\le\; T - \eta A$, where $T = \mathrm{Tr}[Y^\top Y]$, $A = \mathrm{Tr}[Y^\top\Theta Y]$
    and $E_t^2 = \|(I-\eta\Theta)^tY\|_F^2$.

    In the paper: $\mathrm{Tr}[Y^\top Y]-2t\eta A(X,Y) \le E_t^2(X,Y) \le \mathrm{Tr}[Y^\top Y]-\eta A(X,Y)$, under the
    assumptions of Lemma 1 ($\eta = O(\lambda_0/n^2)$); the statement names no range for t, its proof says $t \ge 1$ and
    $0 \le 1-\eta\lambda_i \le 1$.

    Proof: the lower bound is the tangent at 0 of the convex $(1-x)^{2t}$; the upper one is $(1-x)^{2t} \le 1-x$ on
    $[0, 1]$ for $t \ge 1/2$.

    Notes: true and loose. The lower bound is negative once $t > T/(2\eta A)$, the upper one does not fall with t.
    """
    return _paper_form(theta, Y, eta, t, slope, fall)


@claim(
    id="dynamical.theorem1.as_printed",
    title="Theorem 1 with t = 0 not excluded",
    source=STATEMENT,
    reading="as printed: no range for t is named, so t = 0 is included",
    expect="refuted",
    theta=D.psd("n"),
    Y=D.real("n", "k"),
    eta=D.step_size("theta", D.interval(0, 1)),
    t=D.integer(0, 60),
    dims={"k": (1, 4)},
    on=SPECTRA,
    also_on=KERNELS,
    invariant=KERNEL_UNITS,
    mutants={"lower slope 1.98 for 2": dict(slope=1.98), "upper slope 1.01 for 1": dict(fall=1.01)},
)
def theorem1_as_printed(theta: Tensor, Y: Tensor, eta: Tensor, t: Tensor, *, slope: float = 2.0, fall: float = 1.0) -> Relation:
    r"""If $0 \le \eta\lambda_i \le 1$ for every eigenvalue and $t \ge 0$, then
    $T - 2t\,\eta A \;\le\; E_t^2 \;\le\; T - \eta A$.

    Counterexample: $n = 1$, $\Theta = 1$, $y = 1$, $\eta = 1/2$, $t = 0$: $E_0^2 = 1$, but $T - \eta A = 1/2$. At
    $t = 0$ the error is T, whatever the alignment.

    Notes: the proof assumes $t \ge 1$, so this is a slip of the statement, not of the argument; see dynamical.theorem1.
    """
    return _paper_form(theta, Y, eta, t, slope, fall)


@claim(
    id="dynamical.theorem1.large_steps",
    title="Theorem 1, upper bound, beyond eta lambda = 1",
    source=STATEMENT,
    reading="outside the hypotheses: 1 < eta lambda_max <= 2",
    expect="refuted",
    theta=D.psd("n"),
    Y=D.real("n", "k"),
    eta=D.step_size("theta", D.interval(1.0009765625, 2)),
    t=D.integer(1, 60),
    dims={"k": (1, 4)},
    on=SPECTRA,
    also_on=KERNELS,
    invariant=KERNEL_UNITS,
    mutants={"upper slope 1.01 for 1": dict(fall=1.01), "upper slope 1.5 for 1": dict(fall=1.5)},
)
def theorem1_large_steps(theta: Tensor, Y: Tensor, eta: Tensor, t: Tensor, *, fall: float = 1.0) -> Relation:
    r"""If $1 < \eta\lambda_{\max} \le 2$ and $t \ge 1$, then $E_t^2 \le T - \eta A$.

    Counterexample: $n = 1$, $\eta\lambda = 3/2$, $t = 1$: $E_1^2 = 1/4$, but $T - \eta A = -1/2$.

    Notes: gradient descent still converges for $\eta\lambda_{\max} < 2$, so this is what the step-size hypothesis is
    for. It does not count against the paper, which assumes $\eta = O(\lambda_0/n^2)$.
    """
    mu = al.spectra.label_measure(theta, Y)
    return leq(mu.E2(t, eta), mu.T - fall * eta * mu.A, names=["E_t^2", "T - eta A"])


@claim(
    id="dynamical.theorem1.lower",
    title="Theorem 1, lower bound, for every step size",
    source=STATEMENT,
    reading="no bound on the step size, t >= 0",
    sharpens="dynamical.theorem1",
    theta=D.psd("n"),
    Y=D.real("n", "k"),
    eta=D.step_size("theta", D.interval(0, 3)),
    t=D.integer(0, 60),
    dims={"k": (1, 4)},
    on=SPECTRA,
    also_on=KERNELS,
    invariant=KERNEL_UNITS,
    uses=["dynamical.label_measure"],
    mutants={"slope 1.98 for 2": dict(slope=1.98), "one percent of eta A too much": dict(lift=0.01)},
)
def theorem1_lower(theta: Tensor, Y: Tensor, eta: Tensor, t: Tensor, *, slope: float = 2.0, lift: float = 0.0) -> Relation:
    r"""For every positive semidefinite $\Theta$, every $\eta \ge 0$ and $t = 0, 1, 2, \dots$:
    $T - 2t\,\eta A \le E_t^2$.

    In the paper: proved from $-\eta\lambda_i \ge -1$, which the proof does not need, since the exponent 2t is even.

    Tight at: $t = 0$, and to first order at $\eta = 0$.
    """
    mu = al.spectra.label_measure(theta, Y)
    return leq(mu.T - (slope * t - lift) * eta * mu.A, mu.E2(t, eta), names=["T - 2 t eta A", "E_t^2"])


@claim(
    id="dynamical.theorem1.sharp",
    title="Theorem 1, sharp: Jensen below, the chord above",
    source="replaces dynamicAL, Theorem 1; Jensen's inequality and the chord of a convex function",
    sharpens="dynamical.theorem1",
    lam=D.spectrum("n", lo=0, hi=1),
    w=D.nonneg("n"),
    eta=D.step_size("lam", D.interval(0, 3)),
    t=D.integer(0, 60),
    dims={"k": (1, 4)},
    on=MEASURES,
    also_on=KERNEL_MEASURES,
    invariant=MEASURE_UNITS,
    uses=["dynamical.label_measure"],
    mutants={
        "Jensen, 0.1 percent too high": dict(below=1.001),
        "chord, 0.1 percent too low": dict(above=0.999),
        "chord of the range of the mass shrunk by 1 percent": dict(reach=0.99),
    },
)
def theorem1_sharp(
    lam: Tensor, w: Tensor, eta: Tensor, t: Tensor, *, below: float = 1.0, above: float = 1.0, reach: float = 1.0
) -> Relation:
    r"""For every measure $\mu$ on $[\lambda_1, \lambda_n]$ with mass T and mean $A/T$, every $\eta \ge 0$ and
    $t = 0, 1, 2, \dots$:
    $T\,(1-\eta A/T)^{2t} \;\le\; E_t^2 \;\le\;
    \frac{(\lambda_nT-A)(1-\eta\lambda_1)^{2t}+(A-\lambda_1T)(1-\eta\lambda_n)^{2t}}{\lambda_n-\lambda_1}$.

    Proof: $(1-\eta\lambda)^{2t}$ is convex in $\lambda$ for every $\eta$; Jensen's inequality gives the left side, the
    chord over $[\lambda_1, \lambda_n]$ the right one. No step-size condition is needed.

    Tight at: all mass on one eigenvalue (left); all mass on the two ends of the spectrum (right). Given only T, A and
    the two ends nothing better is possible: both sides are attained.
    """
    mu = LabelMeasure(lam, w)
    return chain(
        below * al.spectra.jensen_E2(mu.T, mu.A, t, eta),
        mu.E2(t, eta),
        above * al.spectra.chord_E2(mu.T, mu.A, mu.lo, reach * mu.hi, t, eta),
        names=["Jensen", "E_t^2", "chord"],
    )


@claim(
    id="dynamical.theorem1.full_spectrum",
    title="Theorem 1, lower bound, when all eigenvalues are known",
    source="replaces the lower bound of dynamicAL, Theorem 1; own derivation",
    sharpens="dynamical.theorem1.sharp",
    lam=D.spectrum("n", lo=0, hi=1),
    w=D.nonneg("n"),
    eta=D.step_size("lam", D.interval(0, 3)),
    t=D.integer(0, 60),
    dims={"n": (1, 8), "k": (1, 4)},
    on=MEASURES,
    also_on=KERNEL_MEASURES,
    invariant=MEASURE_UNITS,
    uses=["dynamical.label_measure", "dynamical.theorem1.sharp"],
    mutants={"0.1 percent too high": dict(above=1.001), "the two ends for the two neighbours": dict(neighbours=False)},
)
def theorem1_full_spectrum(
    lam: Tensor, w: Tensor, eta: Tensor, t: Tensor, *, above: float = 1.0, neighbours: bool = True
) -> Relation:
    r"""Let $a \le A/T \le b$ be the eigenvalues next to $A/T$. For every $\eta \ge 0$ and $t = 0, 1, 2, \dots$:
    $T(1-\eta A/T)^{2t} \le \frac{(bT-A)(1-\eta a)^{2t}+(A-aT)(1-\eta b)^{2t}}{b-a} \le E_t^2$.

    Proof: the measure sits on the eigenvalues, where the convex $(1-\eta\lambda)^{2t}$ equals its piecewise linear interpolant;
    Jensen's inequality for that.

    Tight at: all mass on a and b (right). Given T, A and the spectrum nothing better is possible.
    """
    mu = LabelMeasure(lam, w)

    def decay(eigenvalue: Tensor) -> Tensor:
        return (1 - eta[:, None] * eigenvalue) ** (2 * t[:, None])

    known = al.spectra.envelope(lam, mu.T, mu.A, decay)
    if not neighbours:
        known = al.spectra.chord_E2(mu.T, mu.A, mu.lo, mu.hi, t, eta)
    return chain(
        al.spectra.jensen_E2(mu.T, mu.A, t, eta), above * known, mu.E2(t, eta), names=["Jensen", "interpolation", "E_t^2"]
    )


@claim(
    id="dynamical.theorem1.loss",
    title="Where Theorem 1 loses: from its bounds to the sharp ones",
    source=STATEMENT,
    lam=D.spectrum("n", lo=0, hi=1),
    w=D.nonneg("n"),
    eta=D.step_size("lam", D.interval(0, 1)),
    t=D.integer(1, 60),
    dims={"k": (1, 4)},
    on=MEASURES,
    also_on=KERNEL_MEASURES,
    invariant=MEASURE_UNITS,
    uses=["dynamical.theorem1", "dynamical.theorem1.sharp"],
    mutants={"lower slope 1.98 for 2": dict(slope=1.98), "upper slope 1.01 for 1": dict(fall=1.01)},
)
def theorem1_loss(lam: Tensor, w: Tensor, eta: Tensor, t: Tensor, *, slope: float = 2.0, fall: float = 1.0) -> Relation:
    r"""If $0 \le \eta\lambda_i \le 1$ and $t \ge 1$, then
    $T-2t\eta A \le T(1-\eta A/T)^{2t} \le E_t^2 \le \mathrm{chord} \le T-\eta A$: the sharp bounds lie between the
    error and the paper's bounds.

    Notes: the median ratio of each step shows how much of the looseness it causes.
    """
    mu = LabelMeasure(lam, w)
    return chain(
        mu.T - slope * t * eta * mu.A,
        al.spectra.jensen_E2(mu.T, mu.A, t, eta),
        mu.E2(t, eta),
        al.spectra.chord_E2(mu.T, mu.A, mu.lo, mu.hi, t, eta),
        mu.T - fall * eta * mu.A,
        names=["T - 2 t eta A", "Jensen", "E_t^2", "chord", "T - eta A"],
    )


@claim(
    id="dynamical.theorem1.flow",
    title="Theorem 1, sharp, for gradient flow",
    source="replaces dynamicAL, Theorem 1, for gradient flow",
    sharpens="dynamical.theorem1",
    lam=D.spectrum("n", lo=0, hi=1),
    w=D.nonneg("n"),
    time=D.interval(0, 50),
    dims={"k": (1, 4)},
    on=MEASURES,
    also_on=KERNEL_MEASURES,
    mutants={"Jensen, 0.1 percent too high": dict(below=1.001), "chord, 0.1 percent too low": dict(above=0.999)},
)
def theorem1_flow(lam: Tensor, w: Tensor, time: Tensor, *, below: float = 1.0, above: float = 1.0) -> Relation:
    r"""Along gradient flow, with $\tau = \eta t$ and $E_\tau^2 = \int e^{-2\lambda\tau}\,d\mu$:
    $T\,e^{-2\tau A/T} \;\le\; E_\tau^2 \;\le\; \mathrm{chord\ of\ } e^{-2\lambda\tau}
    \mathrm{\ over\ } [\lambda_1,\lambda_n]$, for every $\tau \ge 0$.

    Tight at: as for gradient descent.
    """
    mu = LabelMeasure(lam, w)

    def decay(eigenvalue: Tensor) -> Tensor:
        return torch.exp(-2 * time * eigenvalue)

    return chain(
        below * al.spectra.jensen(mu.T, mu.A, decay),
        mu.flow_E2(time),
        above * al.spectra.chord(mu.T, mu.A, mu.lo, mu.hi, decay),
        names=["Jensen", "E_tau^2", "chord"],
    )
