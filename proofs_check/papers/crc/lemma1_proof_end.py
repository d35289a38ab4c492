r"""The proof of Lemma 3, its last two lines (appendix A.1): the bound of $e^\top Df$, and the two forms of the perturbation.

The line that ends the proof, between $\xi_t$ and h, holds for no loss and no sign of e; what holds instead is crc.perturbation.
"""

from __future__ import annotations

from torch import Tensor

from altheory.recursion import Step
from proofs_check import claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_recursion import (
    ETA,
    HESSIAN,
    JACOBIAN,
    ON_MODELS,
    PROOF,
    RESIDUAL,
    SMALL,
    dot,
    energy,
    stepped,
)
from proofs_check.relations import Relation

INNER = f"{PROOF}, the bound of e'(f_{{t+1}} - f_t)"
LAST = f"{PROOF}, the last line"
NORMALISATION = D.interval(0.0625, 4)


# the bound of the inner product


@claim(
    id="crc.eigenvalue_step",
    title="From e'Ke to lambda L",
    source=INNER,
    reading="L = c |e|^2 with c at most 1: all losses the paper may mean",
    expect="tight",
    e=RESIDUAL,
    J=JACOBIAN,
    eta=ETA,
    c=D.interval(0.0625, 1),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "c up to 1.01": dict(c=D.interval(0.0625, 1.01))},
)
def eigenvalue_step(e: Tensor, J: Tensor, eta: Tensor, c: Tensor, *, share: float = 1.0) -> Relation:
    r"""For $L = c\,|e|^2$ with $c \le 1$: $-\eta\,e^\top Ke \le -\eta\,\lambda_{\min}(K)\,L$.

    In the paper: part of the last inequality of the proof, without a word on c.

    Tight at: $c = 1$, e a bottom eigenvector.
    """
    step = stepped(e, J, None, eta, c)
    return leq(share * eta * step.eigenvalues[..., 0] * step.loss, eta * energy(step), names=["eta lambda L", "eta e'Ke"])


@claim(
    id="crc.eigenvalue_step.any_normalisation",
    title="From e'Ke to lambda L, whatever the normalisation",
    source=INNER,
    reading="L = c |e|^2 with c above 1",
    expect="refuted",
    e=RESIDUAL,
    J=JACOBIAN,
    eta=ETA,
    c=D.interval(1.0625, 4),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "two percent more": dict(share=1.02)},
)
def eigenvalue_step_any(e: Tensor, J: Tensor, eta: Tensor, c: Tensor, *, share: float = 1.0) -> Relation:
    r"""For $L = c\,|e|^2$ with any $c > 1$: $-\eta\,e^\top Ke \le -\eta\,\lambda_{\min}(K)\,L$.

    Counterexample: $f = \theta$, $e = 1$, $\eta = 1$, $c = 2$: $-1$ against $-2$.

    Notes: no loss that the paper may mean has $c > 1$; this only says what the step rests on.
    """
    step = stepped(e, J, None, eta, c)
    return leq(share * eta * step.eigenvalues[..., 0] * step.loss, eta * energy(step), names=["eta lambda L", "eta e'Ke"])


def _inner(step: Step, sign: float, share: float, xi: float) -> Relation:
    """sign e'Df <= -eta lambda L + xi, with the first and the second term on the other side."""
    return leq(
        share * step.eta * step.eigenvalues[..., 0] * step.loss,
        xi * step.xi - sign * dot(step.residual, step.move),
        names=["eta lambda L", "xi - e'Df" if sign > 0 else "xi + e'Df"],
    )


@claim(
    id="crc.inner_product.as_printed",
    title="The bound of e'Df, as printed",
    source=INNER,
    reading="e_t = y - f_t as the proof defines it, L = |e|^2 / 2",
    expect="refuted",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent more of lambda": dict(share=1.01), "one percent less of xi": dict(xi=0.99)},
)
def inner_product_as_printed(
    e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, c: float = 0.5, share: float = 1.0, xi: float = 1.0
) -> Relation:
    r"""With $e_t = y-f_t$, $Df = f_{t+1}-f_t$ and $L = \frac12|e|^2$:
    $e_t^\top Df \le -\eta\,\lambda_{\min}(K_t)\,L_t+\xi_t$.

    Counterexample: $f = \theta$, $e = 1$, $\eta = 1$: $e\,Df = 1$, and the right side is $-\frac12+\frac12 = 0$.

    Notes: $e^\top Df$ is positive in descent. And eq. (12) wants it bounded from below, since it enters with $-2$.
    """
    return _inner(stepped(e, J, Q, eta, c), 1.0, share, xi)


@claim(
    id="crc.inner_product.eq12",
    title="The bound of e'Df, as printed, for the loss of eq. (12)",
    source=INNER,
    reading="e_t = y - f_t as the proof defines it, L = |e|^2",
    expect="refuted",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent more of lambda": dict(share=1.01), "one percent less of xi": dict(xi=0.99)},
)
def inner_product_eq12(
    e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, c: float = 1.0, share: float = 1.0, xi: float = 1.0
) -> Relation:
    r"""With $e_t = y-f_t$ and $L = |e|^2$: $e_t^\top Df \le -\eta\,\lambda_{\min}(K_t)\,L_t+\xi_t$.

    Counterexample: $f = \theta$, $e = 1$, $\eta = 1/4$: $e\,Df = \frac12$, and the right side is $-\frac14+\frac14 = 0$.
    """
    return _inner(stepped(e, J, Q, eta, c), 1.0, share, xi)


@claim(
    id="crc.inner_product.other_sign",
    title="The bound of e'Df with the other sign of e",
    source=INNER,
    reading="e_t = f_t - y in these lines, L = |e|^2 / 2",
    amends="crc.inner_product.as_printed",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    uses=["crc.perturbation"],
    mutants={"2.02 lambda for lambda": dict(share=2.02), "one percent less of xi": dict(xi=0.99)},
)
def inner_product_other_sign(
    e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, c: float = 0.5, share: float = 1.0, xi: float = 1.0
) -> Relation:
    r"""With $e = y-f_t$ and $L = \frac12|e|^2$: $(f_t-y)^\top Df \le -\eta\,\lambda_{\min}(K_t)\,L_t+\xi_t$.

    Proof: $-e^\top Df = -\eta\,e^\top Ke+\xi_t-\varepsilon_t$ (crc.perturbation).

    Notes: this is what the paper's proof is after; $\varepsilon_t$ has already been spent here, and eq. (12) adds it again.
    """
    return _inner(stepped(e, J, Q, eta, c), -1.0, share, xi)


@claim(
    id="crc.inner_product.other_sign_eq12",
    title="The bound of e'Df with the other sign of e, for the loss of eq. (12)",
    source=INNER,
    reading="e_t = f_t - y in these lines, L = |e|^2",
    expect="refuted",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent more of lambda": dict(share=1.01), "one percent less of xi": dict(xi=0.99)},
)
def inner_product_other_sign_eq12(
    e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, c: float = 1.0, share: float = 1.0, xi: float = 1.0
) -> Relation:
    r"""With $e = y-f_t$ and $L = |e|^2$: $(f_t-y)^\top Df \le -\eta\,\lambda_{\min}(K_t)\,L_t+\xi_t$.

    Counterexample: $f(\theta) = \theta+24\theta^2$ at $\theta = 0$, $e = 1$, $\eta = 1/16$: $\theta_{t+1} = \frac18$,
    $-e\,Df = -\frac12$, $\xi_t = -\frac12$, and the right side is $-\frac1{16}-\frac12$.

    Notes: $-2e^\top Df = -4\eta\,e^\top Ke+\xi_t-2\varepsilon_t$, so half of $\xi_t$ is all there is.
    """
    return _inner(stepped(e, J, Q, eta, c), -1.0, share, xi)


# the last line


@claim(
    id="crc.perturbation.as_printed",
    title="The two forms of the perturbation, as printed",
    source=LAST,
    reading="L = |e|^2 / 2",
    expect="refuted",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent more": dict(share=1.01), "the other sign of e": dict(share=-1.0)},
)
def perturbation_as_printed(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, c: float = 0.5, share: float = 1.0) -> Relation:
    r"""For $h(\gamma) = f(\theta_t-\gamma\nabla L_t)$ and $L = \frac12|e|^2$,
    $e_t^\top\int_0^\eta(h'(\gamma)-h'(0))\,d\gamma = \xi_t$.

    In the paper: $e_t\int_0^\eta h'(\gamma)-h'(0)\,d\gamma =
    \int_0^\eta\nabla L_t^\top(\nabla L_t-\nabla L(\theta_t-\gamma\nabla L_t))\,d\gamma$, which "gives Eq. 11".

    Counterexample: $f = \theta$, $e = 1$, $\eta = 1$: h is linear and the left side 0; $\xi_t = \frac12$.

    Notes: $\nabla L(\theta_t-\gamma\nabla L_t)$ carries the residual at $\gamma$, h' goes with the one at 0. The sign of e does
    not matter at a linear model.
    """
    step = stepped(e, J, Q, eta, c)
    return eq(share * dot(e, step.bend), step.xi, names=["e' int (h' - h'(0))", "xi"])


@claim(
    id="crc.perturbation.eq12",
    title="The two forms of the perturbation, as printed, for the loss of eq. (12)",
    source=LAST,
    reading="L = |e|^2",
    expect="refuted",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent more": dict(share=1.01), "the factor -2 of eq. (12)": dict(share=-2.0)},
)
def perturbation_eq12(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, c: float = 1.0, share: float = 1.0) -> Relation:
    r"""For $L = |e|^2$, $e_t^\top\int_0^\eta(h'(\gamma)-h'(0))\,d\gamma = \xi_t$.

    Counterexample: $f = \theta$, $e = 1$, $\eta = 1$: the left side is 0; $\xi_t = 4$.
    """
    step = stepped(e, J, Q, eta, c)
    return eq(share * dot(e, step.bend), step.xi, names=["e' int (h' - h'(0))", "xi"])


@claim(
    id="crc.perturbation.any_factor",
    title="The two forms of the perturbation, up to a factor",
    source=LAST,
    reading="the two sides are proportional, with any factor and either sign: so both vanish for linear models",
    expect="refuted",
    e=RESIDUAL,
    J=JACOBIAN,
    eta=ETA,
    c=NORMALISATION,
    dims=SMALL,
    on="models linear in the parameters, where h' is constant",
    mutants={"one percent of eps instead": dict(eps=0.01), "eps / 10 instead": dict(eps=0.1)},
)
def perturbation_any_factor(e: Tensor, J: Tensor, eta: Tensor, c: Tensor, *, eps: float = 0.0) -> Relation:
    r"""For a linear model, where $h'(\gamma) = h'(0)$, and $L = c\,|e|^2$, $\xi_t = 0$.

    Counterexample: $f = \theta$, $e = 1$, $\eta = 1$, $c = 1/2$: $\xi_t = \frac12$. For every linear model
    $\xi_t = 2c\,\varepsilon_t$.
    """
    step = stepped(e, J, None, eta, c)
    return eq(step.xi, eps * step.eps, names=["xi", "0"])


@claim(
    id="crc.perturbation",
    title="The two forms of the perturbation differ by 2c eps",
    source=f"replaces {LAST}; own derivation",
    amends="crc.perturbation.as_printed",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    c=NORMALISATION,
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent less of eps": dict(eps=0.99), "one percent more of the integral": dict(share=1.01)},
)
def perturbation(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, c: Tensor, *, eps: float = 1.0, share: float = 1.0) -> Relation:
    r"""For $L = c\,|e|^2$: $\xi_t-2c\,\varepsilon_t = -2c\,e_t^\top\int_0^\eta(h'(\gamma)-h'(0))\,d\gamma$.

    Proof: both sides are $L_{t+1}-L_t+\eta|\nabla L_t|^2-c\,|Df|^2$, by the fundamental theorem of calculus for L and for h.

    Notes: so $\xi_t$ already contains $\varepsilon_t$, and Lemma 1 counts it twice.
    """
    step = stepped(e, J, Q, eta, c)
    return eq(
        step.xi - eps * 2 * c * step.eps,
        -share * 2 * c * dot(e, step.bend),
        names=["xi - 2 c eps", "-2 c e' int (h' - h'(0))"],
    )
