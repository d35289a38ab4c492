"""Theorem 2 (eq. 19 and 30): the generalisation bound between two multiples of 1/alignment, its proof, its sharp form."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory.spectra import LabelMeasure
from proofs_check import chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings import (
    KERNEL_MEASURES,
    KERNELS,
    MEASURES,
    SOURCE,
    SPECTRA,
    labels_not_zero,
    mass_not_zero,
    positive_definite,
    positive_spectrum,
)
from proofs_check.relations import Relation

STATEMENT = f"{SOURCE}, section 4.1, Theorem 2, eq. (19); proof in appendix B.2"
PROOF = f"{SOURCE}, appendix B.2, proof of Theorem 2, third display"


@claim(
    id="dynamical.theorem2",
    title="Theorem 2",
    source=STATEMENT,
    theta=D.psd("n", cond=1e6),
    Y=D.real("n", "k"),
    dims={"k": (1, 4)},
    on=SPECTRA,
    also_on=KERNELS,
    assumes=[positive_definite, labels_not_zero],
    uses=["dynamical.definition1", "dynamical.label_measure"],
    mutants={"lower bound one percent higher": dict(below=1.01), "upper bound one percent lower": dict(above=0.99)},
)
def theorem2(theta: Tensor, Y: Tensor, *, below: float = 1.0, above: float = 1.0) -> Relation:
    r"""If $\Theta$ is positive definite with condition number $\kappa = \lambda_{\max}/\lambda_{\min}$ and $Y \ne 0$, then
    $\frac{T^2}{A} \;\le\; I = \mathrm{Tr}[Y^\top\Theta^{-1}Y] \;\le\; \kappa\,\frac{T^2}{A}$.

    In the paper: with $B = \sqrt{2I/n}$, so that the middle is $nB^2/2$.

    Proof: Cauchy-Schwarz on the label measure; $\lambda/\lambda' \le \kappa$ term by term.

    Tight at: any kernel that is a multiple of the identity (both sides), and all mass on one eigenvalue (left).

    Notes: the upper bound loses up to a factor 4, see dynamical.theorem2.kantorovich. One step of the printed proof is
    false, see dynamical.theorem2.termwise.
    """
    mass = (Y * Y).sum((-2, -1))
    inverse = (Y * torch.linalg.solve(theta, Y)).sum((-2, -1))
    align = al.alignment.alignment(theta, Y)
    values = torch.linalg.eigvalsh(theta)
    kappa = values[..., -1] / values[..., 0]
    return chain(
        below * mass**2 / align,
        inverse,
        above * kappa * mass**2 / align,
        names=["T^2/A", "Tr[Y' Theta^-1 Y]", "kappa T^2/A"],
    )


@claim(
    id="dynamical.theorem2.sharp",
    title="Theorem 2, sharp: Jensen below, the chord above",
    source="replaces dynamicAL, Theorem 2; Jensen's inequality and the chord of 1/lambda",
    sharpens="dynamical.theorem2",
    lam=D.spectrum("n", lo=1e-6, hi=1),
    w=D.nonneg("n"),
    dims={"k": (1, 4)},
    on=MEASURES,
    also_on=KERNEL_MEASURES,
    assumes=[positive_spectrum, mass_not_zero],
    uses=["dynamical.label_measure"],
    mutants={"lower bound 0.1 percent higher": dict(below=1.001), "chord 0.1 percent lower": dict(above=0.999)},
)
def theorem2_sharp(lam: Tensor, w: Tensor, *, below: float = 1.0, above: float = 1.0) -> Relation:
    r"""For every measure on $[\lambda_1, \lambda_n]$, $\lambda_1 > 0$, with mass T and first moment A:
    $\frac{T^2}{A} \;\le\; I \;\le\; \frac{T(\lambda_1+\lambda_n) - A}{\lambda_1\lambda_n}$.

    Proof: $1/\lambda$ is convex; Jensen's inequality on the left, the chord over $[\lambda_1, \lambda_n]$ on the right.

    Tight at: all mass on one eigenvalue (left), all mass on the two ends (right). Given T, A and the two ends nothing better
    is possible.
    """
    mu = LabelMeasure(lam, w)
    return chain(
        below * mu.T**2 / mu.A,
        mu.I,
        above * al.spectra.chord_I(mu.T, mu.A, mu.lo, mu.hi),
        names=["T^2/A", "I", "chord"],
    )


@claim(
    id="dynamical.theorem2.kantorovich",
    title="Where Theorem 2 loses: chord, Kantorovich, condition number",
    source="between dynamicAL, Theorem 2, and its sharp form; Kantorovich 1948",
    sharpens="dynamical.theorem2",
    lam=D.spectrum("n", lo=1e-6, hi=1),
    w=D.nonneg("n"),
    dims={"k": (1, 4)},
    on=MEASURES,
    also_on=KERNEL_MEASURES,
    assumes=[positive_spectrum, mass_not_zero],
    uses=["dynamical.theorem2", "dynamical.theorem2.sharp"],
    mutants={
        "Kantorovich one percent lower": dict(middle=0.99),
        "condition number one percent lower": dict(above=0.99),
    },
)
def theorem2_kantorovich(lam: Tensor, w: Tensor, *, middle: float = 1.0, above: float = 1.0) -> Relation:
    r"""For every measure on $[\lambda_1, \lambda_n]$, $\lambda_1 > 0$:
    $I \;\le\; \frac{T(\lambda_1+\lambda_n)-A}{\lambda_1\lambda_n} \;\le\;
    \frac{(\lambda_1+\lambda_n)^2}{4\lambda_1\lambda_n}\frac{T^2}{A} \;\le\; \kappa\,\frac{T^2}{A}$.

    Tight at: half the mass on each end of the spectrum: with $\lambda = (1, 9)$ it is $I = 5/9$ against $5/9$ by
    Kantorovich and $9/5$ by the paper.
    """
    mu = LabelMeasure(lam, w)
    return chain(
        mu.I,
        al.spectra.chord_I(mu.T, mu.A, mu.lo, mu.hi),
        middle * al.spectra.kantorovich_I(mu.T, mu.A, mu.lo, mu.hi),
        above * mu.hi / mu.lo * mu.T**2 / mu.A,
        names=["I", "chord", "Kantorovich", "kappa T^2/A"],
    )


def _termwise(lam: Tensor, p: Tensor, q: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The two products of one pair of outputs, and the product of their masses."""
    return (lam * p).sum(-1) * (q / lam).sum(-1), (lam * q).sum(-1) * (p / lam).sum(-1), p.sum(-1) * q.sum(-1)


@claim(
    id="dynamical.theorem2.termwise",
    title="The step in the proof of Theorem 2, as printed",
    source=PROOF,
    reading="term by term over pairs of outputs (k, k')",
    expect="refuted",
    lam=D.spectrum("n", lo=1 / 64, hi=1),
    p=D.nonneg("n"),
    q=D.nonneg("n"),
    on=MEASURES,
    mutants={"one percent more": dict(factor=1.01), "ten percent more": dict(factor=1.1)},
)
def theorem2_termwise(lam: Tensor, p: Tensor, q: Tensor, *, factor: float = 1.0) -> Relation:
    r"""For two outputs with masses $p_i = (v_i^\top Y^k)^2$, $q_i = (v_i^\top Y^{k'})^2$:
    $\sum_ip_i\,\sum_iq_i \;\le\; \sum_i\lambda_ip_i\,\sum_i\lambda_i^{-1}q_i$.

    In the paper: "due to quadratic mean is greater or equal to geometric mean", applied to each pair (k, k').

    Counterexample: $\lambda = (1, 4)$, $Y^1 = e_1$, $Y^2 = e_2$: $1 \cdot \frac{1}{4} < 1$.

    Notes: the conclusion survives, since the sum over all pairs is symmetric; see dynamical.theorem2.symmetrised.
    """
    product, _, masses = _termwise(lam, p, q)
    return leq(factor * masses, product, names=["sum p * sum q", "sum lambda p * sum q / lambda"])


@claim(
    id="dynamical.theorem2.symmetrised",
    title="The step in the proof of Theorem 2, repaired",
    source=PROOF,
    amends="dynamical.theorem2.termwise",
    lam=D.spectrum("n", lo=1 / 64, hi=1),
    p=D.nonneg("n"),
    q=D.nonneg("n"),
    on=MEASURES,
    mutants={"one percent more": dict(factor=1.01), "0.1 percent more": dict(factor=1.001)},
)
def theorem2_symmetrised(lam: Tensor, p: Tensor, q: Tensor, *, factor: float = 1.0) -> Relation:
    r"""For two outputs with masses p and q:
    $2\sum_ip_i\sum_iq_i \;\le\; \sum_i\lambda_ip_i\sum_i\lambda_i^{-1}q_i + \sum_i\lambda_iq_i\sum_i\lambda_i^{-1}p_i$.

    Repairs: the pairs (k, k') and (k', k) are taken together.

    Proof: the double sum of $p_iq_j(\lambda_i/\lambda_j + \lambda_j/\lambda_i)$, each bracket at least 2.

    Tight at: all eigenvalues equal.
    """
    product, mirrored, masses = _termwise(lam, p, q)
    return leq(2 * factor * masses, product + mirrored, names=["2 sum p sum q", "the two products together"])
