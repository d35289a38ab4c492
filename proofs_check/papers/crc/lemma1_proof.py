r"""The proof of Lemma 3, line by line (appendix A.1), in both normalisations it uses and with both signs of e it may mean.

The proof sets $e_t = y-f_{\theta_t}$. Eq. (12) goes with $L = |e|^2$, the line for $h'(0)$ with $L = \frac12|e|^2$ and with
$e_t = f_{\theta_t}-y$, and the line that ends it, between $\xi_t$ and h, holds for no loss and no sign.
"""

from __future__ import annotations

from torch import Tensor

from altheory.recursion import QuadraticModel, Step
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_recursion import (
    ETA,
    HESSIAN,
    JACOBIAN,
    ON_MODELS,
    PROOF,
    RESIDUAL,
    SMALL,
    column,
    dot,
    energy,
    stepped,
)
from proofs_check.relations import Relation

LINE12 = f"{PROOF}, eq. (12)"
SLOPE = f"{PROOF}, the line for h'(0)"
NORMALISATION = D.interval(0.0625, 4)


# eq. (12)


def _line12(step: Step, square: float | Tensor, cross: float | Tensor) -> Tensor:
    """L + |Df|^2 - 2 e'Df"""
    return step.loss + square * dot(step.move, step.move) - cross * dot(step.residual, step.move)


@claim(
    id="crc.eq12",
    title="Eq. (12) for the squared error is an identity",
    source=LINE12,
    reading="L = |e|^2",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent less of |Df|^2": dict(square=0.99), "2.02 e'Df for 2 e'Df": dict(cross=2.02)},
)
def eq12(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, c: float = 1.0, square: float = 1.0, cross: float = 2.0) -> Relation:
    r"""For $L = |e|^2$, $e = y-f$ and $Df = f_{t+1}-f_t$: $L_{t+1} = L_t+|Df|^2-2e_t^\top Df$.

    In the paper: with $\le$, from "a standard technique with triangular inequality".

    Notes: it is the square of $e_{t+1} = e_t-Df$; no inequality is involved.
    """
    step = stepped(e, J, Q, eta, c)
    return eq(step.loss_next, _line12(step, square, cross), names=["L_{t+1}", "L_t + |Df|^2 - 2 e'Df"])


@claim(
    id="crc.eq12.half",
    title="Eq. (12) for half the squared error",
    source=LINE12,
    reading="L = |e|^2 / 2, as eq. (1) and the line for h'(0) need",
    expect="refuted",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent less of |Df|^2": dict(square=0.99), "2.02 e'Df for 2 e'Df": dict(cross=2.02)},
)
def eq12_half(
    e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, c: float = 0.5, square: float = 1.0, cross: float = 2.0
) -> Relation:
    r"""For $L = \frac12|e|^2$, $e = y-f$ and $Df = f_{t+1}-f_t$: $L_{t+1} \le L_t+|Df|^2-2e_t^\top Df$.

    Counterexample: $f = \theta$, $e = 1$, $\eta = 1$: $L_{t+1} = 0$, and the right side is $\frac12+1-2 = -\frac12$.

    Notes: fails whenever the loss decreases (crc.eq12.half.gap). Divided by two, $L_{t+1} = L_t+\frac12|Df|^2-e_t^\top Df$,
    it is an identity (crc.eq12.normalised), and $\frac12|Df|^2$ is the $\varepsilon_t$ of the lemma.
    """
    step = stepped(e, J, Q, eta, c)
    return leq(step.loss_next, _line12(step, square, cross), names=["L_{t+1}", "L_t + |Df|^2 - 2 e'Df"])


@claim(
    id="crc.eq12.half.gap",
    title="When eq. (12) holds for half the squared error",
    source=f"decides {LINE12}; own derivation",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent more": dict(share=1.01), "one percent less of |Df|^2": dict(square=0.99)},
)
def eq12_half_gap(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, share: float = 1.0, square: float = 1.0) -> Relation:
    r"""For $L = \frac12|e|^2$ the right side of eq. (12) minus the left is $L_{t+1}-L_t$: so it holds iff the loss does not
    decrease.
    """
    step = stepped(e, J, Q, eta, 0.5)
    return eq(
        _line12(step, square, 2.0) - step.loss_next,
        share * (step.loss_next - step.loss),
        names=["right side - left side", "L_{t+1} - L_t"],
    )


@claim(
    id="crc.eq12.normalised",
    title="Eq. (12) for every normalisation",
    source=f"replaces {LINE12}",
    amends="crc.eq12.half",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    c=NORMALISATION,
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent less of |Df|^2": dict(square=0.99), "2.02 e'Df for 2 e'Df": dict(cross=2.02)},
)
def eq12_normalised(
    e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, c: Tensor, *, square: float = 1.0, cross: float = 2.0
) -> Relation:
    r"""For $L = c\,|e|^2$: $L_{t+1} = L_t+c\,|Df|^2-2c\,e_t^\top Df$."""
    step = stepped(e, J, Q, eta, c)
    return eq(step.loss_next, _line12(step, square * c, cross * c), names=["L_{t+1}", "L_t + c |Df|^2 - 2 c e'Df"])


# the slope of h


def _slope(e: Tensor, J: Tensor, Q: Tensor, c: float | Tensor) -> Tensor:
    """h'(0), an exact difference: along a line a model of degree two is a polynomial of degree two."""
    model = QuadraticModel(0 * e, J, Q)
    gradient = -2 * column(c) * (J * e[..., None]).sum(-2)
    return (model.moved(-gradient).outputs - model.moved(gradient).outputs) / 2


def _pulled(J: Tensor, e: Tensor) -> Tensor:
    """K e"""
    return (J * (J * e[..., None]).sum(-2)[:, None, :]).sum(-1)


@claim(
    id="crc.h_prime.as_printed",
    title="The slope of h, as printed",
    source=SLOPE,
    reading="e_t = y - f_t as the proof defines it, L = |e|^2 / 2",
    expect="refuted",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    u=D.real("n"),
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent more": dict(share=1.01), "twice as much": dict(share=2.0)},
)
def h_prime_as_printed(e: Tensor, J: Tensor, Q: Tensor, u: Tensor, *, c: float = 0.5, share: float = 1.0) -> Relation:
    r"""For $h(\gamma) = f(\theta_t-\gamma\nabla L_t)$, $e_t = y-f_t$ and $L = \frac12|e|^2$, $h'(0) = -K_te_t$: for every u,
    $u^\top h'(0) = -u^\top K_te_t$.

    In the paper: $h'(0) = -\nabla f(\theta_t)\nabla L_t = -e\,\nabla f^\top\nabla f = -e\hat K_t$.

    Counterexample: $f = \theta$, $e = 1$: $h'(0) = 1$, against $-1$. Descent moves f towards y.

    Notes: $\nabla L_t = -J^\top e$; the paper's second equality drops this sign.
    """
    return eq(dot(u, _slope(e, J, Q, c)), -share * dot(u, _pulled(J, e)), names=["u' h'(0)", "-u' K e"])


@claim(
    id="crc.h_prime.eq12",
    title="The slope of h, as printed, for the loss of eq. (12)",
    source=SLOPE,
    reading="e_t = y - f_t as the proof defines it, L = |e|^2 as eq. (12) needs",
    expect="refuted",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    u=D.real("n"),
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent more": dict(share=1.01), "the other sign": dict(share=-1.0)},
)
def h_prime_eq12(e: Tensor, J: Tensor, Q: Tensor, u: Tensor, *, c: float = 1.0, share: float = 1.0) -> Relation:
    r"""For $L = |e|^2$, $h'(0) = -K_te_t$: for every u, $u^\top h'(0) = -u^\top K_te_t$.

    Counterexample: $f = \theta$, $e = 1$: $h'(0) = 2$, against $-1$.

    Notes: with the other sign of e the factor 2 is still missing.
    """
    return eq(dot(u, _slope(e, J, Q, c)), -share * dot(u, _pulled(J, e)), names=["u' h'(0)", "-u' K e"])


@claim(
    id="crc.h_prime.other_sign",
    title="The slope of h with the other sign of e",
    source=SLOPE,
    reading="e_t = f_t - y in this line only, L = |e|^2 / 2",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    u=D.real("n"),
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent more": dict(share=1.01), "L = |e|^2": dict(c=1.0)},
)
def h_prime_other_sign(e: Tensor, J: Tensor, Q: Tensor, u: Tensor, *, c: float = 0.5, share: float = 1.0) -> Relation:
    r"""With $e_t = f_t-y$ and $L = \frac12|e|^2$, $h'(0) = -K_te_t$: for every u, $u^\top h'(0) = -u^\top K_te_t$.

    Notes: charitable, but then eq. (12) has the wrong sign, and the wrong loss.
    """
    return eq(dot(u, _slope(-e, J, Q, c)), -share * dot(u, _pulled(J, e)), names=["u' h'(0)", "-u' K e"])


@claim(
    id="crc.h_prime",
    title="The slope of h",
    source=f"replaces {SLOPE}",
    amends="crc.h_prime.as_printed",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    u=D.real("n"),
    c=NORMALISATION,
    dims=SMALL,
    on=ON_MODELS,
    mutants={"one percent more": dict(share=1.01), "without the factor 2": dict(share=0.5)},
)
def h_prime(e: Tensor, J: Tensor, Q: Tensor, u: Tensor, c: Tensor, *, share: float = 1.0) -> Relation:
    r"""With $e_t = y-f_t$ and $L = c\,|e|^2$, $h'(0) = 2c\,K_te_t$: for every u, $u^\top h'(0) = 2c\,u^\top K_te_t$."""
    return eq(dot(u, _slope(e, J, Q, c)), share * 2 * c * dot(u, _pulled(J, e)), names=["u' h'(0)", "2 c u' K e"])


@claim(
    id="crc.lemma1.repaired_proof",
    title="The proof of Lemma 1, repaired",
    source=f"replaces {PROOF}",
    sharpens="crc.lemma1",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    c=NORMALISATION,
    dims=SMALL,
    on=ON_MODELS,
    uses=["crc.eq12.normalised", "crc.h_prime", "crc.perturbation"],
    mutants={"4.04 c for 4 c": dict(four=4.04), "one percent less of eps": dict(eps=0.99)},
)
def lemma1_repaired_proof(
    e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, c: Tensor, *, four: float = 4.0, eps: float = 1.0
) -> Relation:
    r"""For $L = c\,|e|^2$, $b = \int_0^\eta(h'(\gamma)-h'(0))\,d\gamma$, the four lines of the proof:
    $L_{t+1} = L_t+c\,|Df|^2-2c\,e^\top Df$; $e^\top Df = 2c\,\eta\,e^\top Ke+e^\top b$;
    $-2c\,e^\top b = \xi_t-2c\,\varepsilon_t$; $4c^2e^\top Ke \ge 4c\,\lambda_{\min}(K)\,L$. Together
    $L_{t+1} \le (1-4c\,\eta\lambda_{\min}(K_t))L_t+\xi_t$.
    """
    step = stepped(e, J, Q, eta, c)
    pull = energy(step)
    return all_of(
        eq(step.loss_next, _line12(step, c, 2 * c), names=["L_{t+1}", "L_t + c |Df|^2 - 2 c e'Df"]),
        eq(dot(e, step.move), 2 * c * eta * pull + dot(e, step.bend), names=["e'Df", "2 c eta e'Ke + e'b"]),
        eq(-2 * c * dot(e, step.bend), step.xi - eps * 2 * c * step.eps, names=["-2 c e'b", "xi - 2 c eps"]),
        leq(four * c * step.eigenvalues[..., 0] * step.loss, 4 * c * c * pull, names=["4 c lambda L", "4 c^2 e'Ke"]),
    )


@claim(
    id="crc.lemma1.eps_of_eq12",
    title="Lemma 1 with the eps of eqs. (12) and (17)",
    source=f"{PROOF}, eq. (12); appendix A.2, eq. (17)",
    reading="eps = |f_{t+1} - f_t|^2, without the half of the lemma, and c >= 1/4",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    c=D.interval(0.25, 4),
    dims=SMALL,
    on=ON_MODELS,
    uses=["crc.lemma1.normalised"],
    mutants={"1.01 lambda for lambda": dict(contraction=1.01), "c from 0.2 on": dict(c=D.interval(0.2, 4))},
)
def lemma1_eps_of_eq12(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, c: Tensor, *, contraction: float = 1.0) -> Relation:
    r"""For $L = c\,|e|^2$, $c \ge \frac14$: $L_{t+1} \le (1-\eta\,\lambda_{\min}(K_t))\,L_t+\xi_t+|f_{t+1}-f_t|^2$.

    In the paper: $\varepsilon_t$ is half the square in Lemma 1, and the whole in eqs. (12) and (17).
    """
    step = stepped(e, J, Q, eta, c)
    return leq(step.loss_next, step.bound(contraction, eps=2), names=["L_{t+1}", "(1 - eta lambda) L_t + xi + |Df|^2"])
