r"""After Theorem 1: $\lambda_{\min}(K)$ for $\lambda_{\min}(K_t)$, and "linear convergence $L_T =
O((1-\eta\lambda_{\min}(K))^T)$"."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory.recursion import QuadraticModel, polynomial_step
from altheory.spectra import LabelMeasure
from proofs_check import chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_recursion import (
    ETA,
    HESSIAN,
    JACOBIAN,
    ON_MODELS,
    RESIDUAL,
    SMALL,
    SOURCE,
)
from proofs_check.relations import Relation

REPLACED = f"{SOURCE}, section 2.3, Theorem 1, last sentence, and the paragraph after its proof"
LINEAR = f"{SOURCE}, section 2.3, after Theorem 1: 'linear convergence L_T = O((1 - eta lambda_min(K))^T)'"
SPECTRUM, MASS = D.spectrum("n", lo=0, hi=1), D.nonneg("n")


def _ends(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The smallest eigenvalue of a symmetric matrix and its spectral norm."""
    lam = torch.linalg.eigvalsh(matrix)
    return lam[..., 0], torch.maximum(-lam[..., 0], lam[..., -1])


@claim(
    id="crc.fixed_kernel",
    title="The kernel of infinite width in place of the empirical one",
    source=f"{REPLACED}; Weyl's inequality",
    reading="with another constant: the factor (lambda - delta) / lambda",
    expect="tight",
    K=D.psd("n"),
    Kt=D.psd("n"),
    L=D.nonneg(),
    rate=D.interval(0, 1),
    dims=SMALL,
    mutants={"0.99 delta": dict(share=0.99), "1.01 lambda": dict(lift=1.01)},
)
def fixed_kernel(K: Tensor, Kt: Tensor, L: Tensor, rate: Tensor, *, share: float = 1.0, lift: float = 1.0) -> Relation:
    r"""If $\|K_t-K\| = \delta$, then $(1-c\eta\,\lambda_{\min}(K_t))L_t \le (1-c\eta\,(\lambda_{\min}(K)-\delta))L_t$, so
    that eq. (7) holds with $c\,\frac{\lambda-\delta}{\lambda}$ for c and $\lambda = \lambda_{\min}(K)$ for
    $\lambda_{\min}(K_t)$.

    In the paper: "$\|K_t-K\|$ is small for all t and can be combined with Matrix-Chernoff techniques"; section 2.3 speaks of "a
    constant multiple".

    Proof: Weyl's inequality; no Chernoff bound is needed.

    Tight at: $K_t = K-\delta I$.

    Notes: useful while $\delta < \lambda_{\min}(K)$. Narrow networks are not meant: section 2.4 says that the replacement
    is not applicable to them, and with fewer parameters than examples $\lambda_{\min}(K_t) = 0$.
    """
    lowest, _ = _ends(K)
    _, delta = _ends(Kt - K)
    now, _ = _ends(Kt)
    return leq(
        (1 - rate * now) * L,
        (1 - rate * (lift * lowest - share * delta)) * L,
        names=["(1 - c eta lambda_min(K_t)) L", "(1 - c eta (lambda_min(K) - delta)) L"],
    )


def _close(K: Tensor, Kt: Tensor) -> Tensor:
    """|K_t - K| <= lambda_min(K) / 2"""
    lowest, _ = _ends(K)
    _, delta = _ends(Kt - K)
    return 2 * delta <= lowest


@claim(
    id="crc.fixed_kernel.same_constant",
    title="The kernel of infinite width, with the same constant",
    source=REPLACED,
    reading="the same c in eq. (7), with |K_t - K| <= lambda_min(K) / 2",
    expect="refuted",
    K=D.psd("n"),
    Kt=D.derived(
        lambda K, s, S: (1 - s / 2)[:, None, None] * K + 0 * S,
        "K",
        D.interval(0, 1),
        D.psd("n"),
        text="(1 - s/2) K with s in [0, 1]",
        dims=("n", "n"),
    ),
    L=D.nonneg(),
    rate=D.interval(0, 1),
    dims=SMALL,
    assumes=[_close],
    mutants={"one percent more": dict(lift=1.01), "0.99 lambda": dict(lift=0.99)},
)
def fixed_kernel_same_constant(K: Tensor, Kt: Tensor, L: Tensor, rate: Tensor, *, lift: float = 1.0) -> Relation:
    r"""If $\|K_t-K\| \le \frac12\lambda_{\min}(K)$, then whatever is at most $(1-c\eta\,\lambda_{\min}(K_t))L_t$ is at most
    $(1-c\eta\,\lambda_{\min}(K))L_t$.

    In the paper: "Alternatively, we can replace $\lambda_{\min}(\hat K_t)$ in the step size and recursion with
    $\lambda_{\min}(K)$".

    Counterexample: $K = 1$, $K_t = 1/2$, $L = 1$, $c\eta = 1$: $1/2$ against 0.

    Notes: the constant of eq. (7) is not specified, so the sentence may be meant with another one (crc.fixed_kernel).
    """
    lowest, _ = _ends(K)
    now, _ = _ends(Kt)
    return leq(
        (1 - rate * now) * L,
        (1 - rate * lift * lowest) * L,
        names=["(1 - c eta lambda_min(K_t)) L", "(1 - c eta lambda_min(K)) L"],
    )


# the power


def _loss(lam: Tensor, w: Tensor, eta: Tensor, T: Tensor, c: Tensor | float) -> Tensor:
    """c sum w_i (1 - 2c eta lambda_i)^(2T): the loss of a linear model after T steps."""
    return c * LabelMeasure(lam, w).E2(T, 2 * c * eta)


@claim(
    id="crc.power.as_printed",
    title="Linear convergence at the rate of lambda_min, for the mean of the squared errors",
    source=LINEAR,
    reading="the constant 1 taken literally, L the mean of the squared errors; any constant in O, here 1000",
    expect="refuted",
    lam=SPECTRUM,
    w=MASS,
    eta=D.step_size("lam", D.interval(0, 0.5)),
    T=D.integer(0, 150),
    dims={"n": (1, 6)},
    on="linear models",
    mutants={"a constant of 100": dict(constant=100.0), "a constant of 10": dict(constant=10.0)},
)
def power_as_printed(lam: Tensor, w: Tensor, eta: Tensor, T: Tensor, *, constant: float = 1000.0) -> Relation:
    r"""For a linear model with kernel K, $\eta\lambda_{\max}(K) \le \frac12$ and $L = \frac1n|e|^2$:
    $L_T \le C\,(1-\eta\lambda_{\min}(K))^TL_0$ with a constant C, here 1000.

    Counterexample: $n = 5$, $K = I$, $\eta = 1/4$: $L_T = (9/10)^{2T}L_0$, and $0.81/0.75 = 1.08$, so the ratio after 100
    steps is $1.08^{100} = 2199.8$, and grows without bound.

    Notes: the loss falls by $(1-2x/n)^2$ on an eigenvector with $\eta\lambda = x$, which is at most $1-x$ for $n \le 3$ and
    these steps, and more for $n \ge 4$.
    """
    c = 1 / (lam.shape[-1] + 0 * eta)
    start = c * w.sum(-1)
    return leq(
        _loss(lam, w, eta, T, c),
        constant * (1 - eta * torch.amin(lam, -1)) ** T * start,
        names=["L_T", "C (1 - eta lambda)^T L_0"],
    )


@claim(
    id="crc.power.from_eq7",
    title="Linear convergence at the rate of lambda_min, deduced from eq. (7)",
    source=LINEAR,
    reading="a deduction from eq. (7) with its constant c < 1; any constant in O, here 1000",
    expect="refuted",
    rate=D.interval(0, 0.96875),
    c=D.interval(0.0625, 0.9375),
    T=D.integer(0, 200),
    on="c and x = eta lambda",
    mutants={"a constant of 100": dict(constant=100.0), "a constant of 10": dict(constant=10.0)},
)
def power_from_eq7(rate: Tensor, c: Tensor, T: Tensor, *, constant: float = 1000.0) -> Relation:
    r"""If $L_{t+1} \le (1-cx)L_t$ at every step, $x = \eta\lambda_{\min}(K)$, $0 < c < 1$, then $L_T \le C\,(1-x)^TL_0$ with a
    constant C, here 1000: $(1-cx)^T \le 1000\,(1-x)^T$.

    Counterexample: $x = 1/2$, $c = 1/2$, $T = 100$: $(3/2)^{100} > 10^{17}$.

    Notes: with c kept it is right, crc.power.product.
    """
    return leq((1 - c * rate) ** T, constant * (1 - rate) ** T, names=["(1 - c eta lambda)^T", "C (1 - eta lambda)^T"])


@claim(
    id="crc.power.product",
    title="Linear convergence with c kept, and the product that is stronger",
    source=LINEAR,
    reading="informal: O hides c, L_T <= (1 - c eta lambda)^T L_0",
    amends="crc.power.from_eq7",
    expect="tight",
    lam=D.spectrum(4, lo=0, hi=1),
    kept=D.spectrum(4, lo=0, hi=1),
    L=D.nonneg(),
    step=D.interval(0, 1),
    mutants={"1.01 lambda_min": dict(lift=1.01), "one percent less of the product": dict(share=0.99)},
)
def power_product(lam: Tensor, kept: Tensor, L: Tensor, step: Tensor, *, lift: float = 1.0, share: float = 1.0) -> Relation:
    r"""If $L_{t+1} \le (1-c\eta\lambda_t)L_t$ with $0 \le c\eta\lambda_t \le 1$ for $t < T$, then
    $L_T \le \prod_t(1-c\eta\lambda_t)\,L_0 \le (1-c\eta\min_t\lambda_t)^TL_0$ (here T = 4).

    In the paper: "we leave the recursion at its current form which gives a stronger and useful bound".

    Tight at: $\lambda_t$ constant, equality in every step.

    Notes: by the inequality of the means, the mean of the $\lambda_t$ may stand for their minimum.
    """
    factors = 1 - step[:, None] * lam
    slowest = lift * torch.amin(lam, -1)
    return chain(
        torch.prod(kept * factors, -1) * L,
        share * torch.prod(factors, -1) * L,
        (1 - step * slowest) ** 4 * L,
        names=["L_T", "product of (1 - c eta lambda_t)", "(1 - c eta lambda_min)^T"],
    )


@claim(
    id="crc.power.half",
    title="Linear convergence at the rate of lambda_min, for half the squared error",
    source=f"replaces {LINEAR}",
    reading="L = |e|^2 / 2, a linear model, eta lambda_max <= 1",
    amends="crc.power.as_printed",
    lam=SPECTRUM,
    w=MASS,
    eta=D.step_size("lam", D.interval(0, 1)),
    T=D.integer(0, 60),
    dims={"n": (1, 6)},
    on="linear models",
    mutants={
        "eta lambda_max up to 2": dict(eta=D.step_size("lam", D.interval(0, 2))),
        "2.02 lambda for lambda": dict(lift=2.02),
    },
)
def power_half(lam: Tensor, w: Tensor, eta: Tensor, T: Tensor, *, lift: float = 1.0) -> Relation:
    r"""For a linear model with kernel K, $L = \frac12|e|^2$ and $\eta\lambda_{\max}(K) \le 1$: $L_T \le
    (1-\eta\lambda_{\min}(K))^TL_0$.

    Proof: $(1-\eta\lambda_i)^2 \le 1-\eta\lambda_i \le 1-\eta\lambda_{\min}$.

    Notes: $\eta\lambda_{\min} \le 1$ is not enough: with $K = \mathrm{diag}(1/2, 199/100)$ and $\eta = 1$ the loss on the
    second eigenvector falls by $.98$ a step, and not by $.5$.
    """
    slow = 1 - lift * eta * torch.amin(lam, -1)
    return leq(_loss(lam, w, eta, T, 0.5), slow**T * w.sum(-1) / 2, names=["L_T", "(1 - eta lambda)^T L_0"])


def _fast_enough(lam: Tensor, eta: Tensor, c: Tensor) -> Tensor:
    """(1 - 2c eta lambda_i)^2 <= 1 - eta lambda_min for every i"""
    factors = (1 - 2 * (c * eta)[:, None] * lam) ** 2
    return torch.amax(factors, -1) <= 1 - eta * torch.amin(lam, -1)


@claim(
    id="crc.power",
    title="Linear convergence at the rate of lambda_min, when exactly",
    source=f"replaces {LINEAR}",
    reading="L = c |e|^2, a linear model",
    amends="crc.power.as_printed",
    expect="tight",
    lam=SPECTRUM,
    w=MASS,
    eta=D.step_size("lam", D.interval(0, 2)),
    c=D.interval(0.0625, 1),
    T=D.integer(0, 60),
    dims={"n": (1, 4)},
    on="linear models",
    assumes=[_fast_enough],
    mutants={"without the condition": dict(assumes=[]), "1.01 lambda for lambda": dict(lift=1.01)},
)
def power(lam: Tensor, w: Tensor, eta: Tensor, c: Tensor, T: Tensor, *, lift: float = 1.0) -> Relation:
    r"""For a linear model with kernel K and $L = c\,|e|^2$, if $(1-2c\,\eta\lambda_i)^2 \le 1-\eta\lambda_{\min}(K)$ for every
    eigenvalue, then $L_T \le (1-\eta\lambda_{\min}(K))^TL_0$.

    Tight at: all mass on an eigenvalue with equality in the condition; without the condition on an eigenvalue that carries mass
    the statement fails at $T = 1$.
    """
    slow = 1 - lift * eta * torch.amin(lam, -1)
    return leq(_loss(lam, w, eta, T, c), slow**T * c * w.sum(-1), names=["L_T", "(1 - eta lambda)^T L_0"])


def _never_fitted(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, c: Tensor) -> Tensor:
    """L_0 and L_1 are not 0"""
    step = polynomial_step(QuadraticModel(0 * e, J, Q), e, eta, c=c)
    return (step.loss > 0) & (step.loss_next > 0)


@claim(
    id="crc.power.steps",
    title="What two steps do, without any condition",
    source=f"replaces {LINEAR}; own derivation",
    sharpens="crc.power.product",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    c=D.interval(0.0625, 4),
    dims={"n": (1, 2)},
    on=ON_MODELS,
    assumes=[_never_fitted],
    uses=["crc.lemma1.sharp"],
    mutants={"4.04 c for 4 c": dict(four=4.04), "one percent less of xi": dict(xi=0.99)},
)
def power_steps(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, c: Tensor, *, four: float = 4.0, xi: float = 1.0) -> Relation:
    r"""For $L = c\,|e|^2$ and any model, $L_T \le \prod_{t<T}\left(1-4c\,\eta\,\lambda_{\min}(K_t)+\xi_t/L_t\right)L_0$ while
    no $L_t$ is 0 (here T = 2).

    Proof: crc.lemma1.sharp, step by step; every factor is at least $L_{t+1}/L_t$.
    """
    model = QuadraticModel(0 * e, J, Q)
    first = polynomial_step(model, e, eta, c=c)
    gradient = -2 * c[:, None] * (J * e[..., None]).sum(-2)
    second = polynomial_step(model.moved(-eta[:, None] * gradient), e, eta, c=c)
    factors = [step.bound(four * c, xi=xi, eps=0) / step.loss for step in (first, second)]
    return leq(second.loss_next, factors[0] * factors[1] * first.loss, names=["L_2", "product of the factors, times L_0"])
