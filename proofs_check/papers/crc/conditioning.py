r"""Section 3.1, "the best problem conditioning": the smallest eigenvalue, the condition number, and the speed of training."""

from __future__ import annotations

from torch import Tensor

from altheory.spectra import LabelMeasure
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.crc._selection import PAPER
from proofs_check.relations import Relation

SOURCE = f"{PAPER}, section 3.1, 'the best problem conditioning'"
LAM, W = D.spectrum("n", lo=0, hi=1), D.nonneg("n")


def first_preferred(lam1: Tensor, lam2: Tensor) -> Tensor:
    """the first kernel has the larger lambda_min"""
    return lam1.amin(-1) > lam2.amin(-1)


def nonsingular(lam2: Tensor) -> Tensor:
    """the other kernel is nonsingular"""
    return lam2.amin(-1) > 0


@claim(
    id="crc.conditioning",
    title="The larger smallest eigenvalue is the better conditioning",
    source=SOURCE,
    reading="conditioning as the condition number",
    expect="refuted",
    lam1=D.spectrum("n", lo=0, hi=256),
    lam2=D.spectrum("n", lo=0, hi=256),
    dims={"n": (2, 2)},
    assumes=[first_preferred, nonsingular],
    mutants={"at most twice as large": dict(share=0.5), "at most ten times as large": dict(share=0.1)},
)
def conditioning(lam1: Tensor, lam2: Tensor, *, share: float = 1.0) -> Relation:
    r"""If $\lambda_{\min}(K_1) > \lambda_{\min}(K_2) > 0$, then $\kappa(K_1) \le \kappa(K_2)$, where
    $\kappa = \lambda_{\max}/\lambda_{\min}$ (the arguments are the kernels' eigenvalues).

    Counterexample: $K_2 = I$ has $\lambda_{\min} = 1$ and $\kappa = 1$; $K_1 = ((101, 99), (99, 101))$ has $\lambda_{\min} = 2$
    and $\kappa = 100$. At its best step size gradient descent solves the first in one step and contracts by 99/101 a step on
    the second, where step size 1 diverges.
    """
    kappa1, kappa2 = (lam.amax(-1) / lam.amin(-1) for lam in (lam1, lam2))
    return leq(share * kappa1, kappa2, names=["kappa of the preferred", "kappa of the other"])


def not_zero(lam: Tensor) -> Tensor:
    """the kernel is not zero"""
    return lam.amax(-1) > 0


@claim(
    id="crc.conditioning.best_step",
    title="What the condition number decides: the best step size",
    source="replaces CRC, section 3.1; textbook",
    amends="crc.conditioning",
    lam=LAM,
    eta=D.step_size("lam", D.interval(0, 3)),
    dims={"n": (1, 3)},
    assumes=[not_zero],
    mutants={"one percent faster": dict(share=1.01), "the step 2 / lambda_max": dict(low=0.0)},
)
def best_step(lam: Tensor, eta: Tensor, *, share: float = 1.0, low: float = 1.0) -> Relation:
    r"""One step of gradient descent multiplies the error by at most $\max_i|1-\eta\lambda_i|$, which is at least
    $(\kappa-1)/(\kappa+1)$ for every $\eta$, with equality at $\eta = 2/(\lambda_1+\lambda_n)$.

    Notes: $\lambda_{\min}$ decides only when $\eta$ may not grow with $1/\lambda_{\max}$.
    """
    first, last = lam.amin(-1), lam.amax(-1)
    best = (last - first) / (last + first)
    there = 2 / (low * first + last)
    return all_of(
        leq(share * best, (1 - eta[:, None] * lam).abs().amax(-1), names=["(kappa-1)/(kappa+1)", "factor at eta"]),
        eq((1 - there[:, None] * lam).abs().amax(-1), best, names=["factor at 2/(l_1 + l_n)", "(kappa-1)/(kappa+1)"]),
    )


@claim(
    id="crc.conditioning.faster",
    title="The larger smallest eigenvalue trains faster",
    source=f"{SOURCE}; appendix B.3, 'will enjoy the fastest convergence rate'",
    reading="faster for the labels at hand, one step size for both, eta lambda_max <= 1",
    expect="refuted",
    lam1=D.spectrum("n", lo=0, hi=1),
    lam2=D.spectrum("n", lo=0, hi=1),
    w=W,
    eta=D.interval(0, 1),
    t=D.integer(1, 8),
    dims={"n": (2, 2)},
    assumes=[first_preferred],
    mutants={"at most twice the error": dict(share=0.5), "at most four times the error": dict(share=0.25)},
)
def faster(lam1: Tensor, lam2: Tensor, w: Tensor, eta: Tensor, t: Tensor, *, share: float = 1.0) -> Relation:
    r"""If $\lambda_{\min}(K_1) > \lambda_{\min}(K_2)$ and both kernels have the same eigenvectors, then for all labels the
    error after t steps is no larger with $K_1$: $\sum_iw_i(1-\eta\lambda_i)^{2t} \le \sum_iw_i(1-\eta\lambda'_i)^{2t}$, $w_i$
    the labels' mass on eigenvector i.

    Counterexample: $K_1 = \mathrm{diag}(1/5, 1/5)$, $K_2 = \mathrm{diag}(1/10, 1)$, labels $(0, 1)$, $\eta = 1/2$: the error
    falls by 9/10 a step with $K_1$, by 1/2 with $K_2$.

    Notes: the order holds for the worst labels (crc.conditioning.worst_case), so $\lambda_{\min}$ ranks upper bounds.
    """
    first, second = LabelMeasure(lam1, w), LabelMeasure(lam2, w)
    return leq(share * first.E2(t, eta), second.E2(t, eta), names=["error, larger lambda_min", "error, smaller lambda_min"])


@claim(
    id="crc.conditioning.worst_case",
    title="What the smallest eigenvalue decides: the worst labels",
    source="replaces CRC, section 3.1; own derivation",
    amends="crc.conditioning.faster",
    lam=LAM,
    w=W,
    eta=D.interval(0, 1),
    t=D.integer(1, 8),
    dims={"n": (1, 3)},
    mutants={"one percent faster": dict(speed=1.01), "one percent lower": dict(share=0.99)},
)
def worst_case(lam: Tensor, w: Tensor, eta: Tensor, t: Tensor, *, speed: float = 1.0, share: float = 1.0) -> Relation:
    r"""If $0\le\eta\lambda_{\max}\le1$, the error after t steps is at most $(1-\eta\lambda_{\min})^{2t}$ times the initial one.

    Tight at: labels along a bottom eigenvector. So over all labels the error factor is exactly $(1-\eta\lambda_{\min})^{2t}$.
    """
    mu = LabelMeasure(lam, w)
    bound = (1 - speed * eta * lam.amin(-1)) ** (2 * t) * mu.T
    return leq(mu.E2(t, eta), share * bound, names=["E_t^2", "(1 - eta lambda_min)^2t T"])
