r"""Lemma 1 and Lemma 3 (eqs. 4 and 11): the recursion of the loss, for every normalisation of the loss that the paper may mean.

The lemma says "the MSE loss" and fixes no factor: eq. (1) needs $L = \frac12|e|^2$, eq. (12) needs $L = |e|^2$, and the
words say the mean. With $L = c\,|e|^2$ the lemma is true iff $c \ge 1/4$.
"""

from __future__ import annotations

import torch
from torch import Tensor

from proofs_check import claim, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_recursion import (
    ETA,
    HESSIAN,
    JACOBIAN,
    LEMMA,
    ON_MODELS,
    RESIDUAL,
    SMALL,
    stepped,
)
from proofs_check.relations import Relation

SIDES = ["L_{t+1}", "(1 - eta lambda) L_t + xi + eps"]


@claim(
    id="crc.lemma1",
    title="Lemma 1 for half the squared error",
    source=LEMMA,
    reading="L = |e|^2 / 2, the loss that eq. (1) goes with",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    uses=["crc.lemma1.identity"],
    mutants={"2.02 lambda for lambda": dict(contraction=2.02), "one percent less of xi": dict(xi=0.99)},
)
def lemma1(
    e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, c: float = 0.5, contraction: float = 1.0, xi: float = 1.0
) -> Relation:
    r"""For $L = \frac12|e|^2$, $e = y-f(\theta)$, every step of gradient descent satisfies
    $L_{t+1} \le (1-\eta\,\lambda_{\min}(K_t))\,L_t+\xi_t+\varepsilon_t$, where $K_t = JJ^\top$,
    $\xi_t = \int_0^\eta\nabla L_t^\top(\nabla L_t-\nabla L(\theta_t-\gamma\nabla L_t))\,d\gamma$ and
    $\varepsilon_t = \frac12|f_{t+1}-f_t|^2$.

    In the paper: "For any DNN architecture with once-differentiable activation functions, gradient descent on the MSE loss".

    Repairs: $\varepsilon_t = \frac12(f_{\theta_{t+1}}-f_{\theta_t})^2$ is read as half the squared norm.

    Proof: the right side exceeds the left by $\varepsilon_t+\eta(|\nabla L_t|^2-\lambda L_t)$ (crc.lemma1.slack).

    Notes: true and very loose: $2\lambda$ stands where the lemma has $\lambda$, and $\varepsilon_t$ is not needed
    (crc.lemma1.sharp). The paper's proof is another matter, see crc.eq12 and what follows it.
    """
    step = stepped(e, J, Q, eta, c)
    return leq(step.loss_next, step.bound(contraction, xi=xi), names=SIDES)


@claim(
    id="crc.lemma1.eq12",
    title="Lemma 1 for the squared error",
    source=LEMMA,
    reading="L = |e|^2, the loss that eq. (12) goes with",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    uses=["crc.lemma1.identity"],
    mutants={"4.04 lambda for lambda": dict(contraction=4.04), "one percent less of xi": dict(xi=0.99)},
)
def lemma1_eq12(
    e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, c: float = 1.0, contraction: float = 1.0, xi: float = 1.0
) -> Relation:
    r"""For $L = |e|^2$, every step of gradient descent satisfies
    $L_{t+1} \le (1-\eta\,\lambda_{\min}(K_t))\,L_t+\xi_t+\varepsilon_t$.

    Notes: here $4\lambda$ stands where the lemma has $\lambda$.
    """
    step = stepped(e, J, Q, eta, c)
    return leq(step.loss_next, step.bound(contraction, xi=xi), names=SIDES)


@claim(
    id="crc.lemma1.mean",
    title="Lemma 1 for the mean of the squared errors",
    source=LEMMA,
    reading="L = |e|^2 / n, the words 'mean-squared error' taken literally",
    expect="refuted",
    e=RESIDUAL,
    s=D.spectrum("n", lo=0, hi=2),
    eta=ETA,
    dims={"n": (5, 5)},
    on="models linear in the parameters",
    mutants={"1.01 lambda for lambda": dict(contraction=1.01), "half of eps": dict(eps=0.5)},
)
def lemma1_mean(e: Tensor, s: Tensor, eta: Tensor, *, contraction: float = 1.0, eps: float = 1.0) -> Relation:
    r"""For $L = \frac1n|e|^2$, $n = 5$ and a model linear in its parameters, $f_i = s_i\theta_i$ in suitable
    coordinates, every step of gradient descent satisfies $L_{t+1} \le
    (1-\eta\,\lambda_{\min}(K_t))\,L_t+\xi_t+\varepsilon_t$.

    Counterexample: $f = \theta \in R^5$, $y-f = (1,\dots,1)$, so $K = I$; $\eta = 1/4$: $L_{t+1} = 81/100$, and the right
    side is $157/200$.

    Notes: fails for $K = I$ iff $\eta < (1-4c)/(2c)$, $c = 1/n$, so for some step size iff $n \ge 5$ (crc.lemma1.boundary).
    The paper's own formulas want another loss: eq. (1) forces $c = 1/2$, eq. (12) $c = 1$. With $\varepsilon_t$ divided by
    n as well the right side is smaller still. Right is $\frac4n\lambda$ for $\lambda$ (crc.lemma1.sharp).
    """
    step = stepped(e, torch.diag_embed(s), None, eta, 1 / (e.shape[-1] + 0 * eta))
    return leq(step.loss_next, step.bound(contraction, eps=eps), names=SIDES)


@claim(
    id="crc.lemma1.mean_up_to_4",
    title="Lemma 1 for the mean over at most four examples",
    source=LEMMA,
    reading="L = |e|^2 / n, n at most 4",
    amends="crc.lemma1.mean",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims={"n": (1, 4)},
    on=ON_MODELS,
    uses=["crc.lemma1.identity"],
    mutants={"1.05 lambda for lambda": dict(contraction=1.05), "one percent of eps taken off": dict(eps=-0.01)},
)
def lemma1_mean_up_to_4(
    e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, contraction: float = 1.0, eps: float = 1.0
) -> Relation:
    r"""For $L = \frac1n|e|^2$ and $n \le 4$, every step of gradient descent satisfies
    $L_{t+1} \le (1-\eta\,\lambda_{\min}(K_t))\,L_t+\xi_t+\varepsilon_t$.

    Notes: at $n = 4$, $f = \theta$, $e = (1,1,1,1)$, $\eta = 1/4$ the sides are $49/64$ and $51/64$.
    """
    step = stepped(e, J, Q, eta, 1 / (e.shape[-1] + 0 * eta))
    return leq(step.loss_next, step.bound(contraction, eps=eps), names=SIDES)


@claim(
    id="crc.lemma1.half_mean",
    title="Lemma 1 for half the mean of the squared errors",
    source=LEMMA,
    reading="L = |e|^2 / (2n)",
    expect="refuted",
    e=RESIDUAL,
    s=D.spectrum("n", lo=0, hi=2),
    eta=ETA,
    dims={"n": (3, 3)},
    on="models linear in the parameters",
    mutants={"1.01 lambda for lambda": dict(contraction=1.01), "half of eps": dict(eps=0.5)},
)
def lemma1_half_mean(e: Tensor, s: Tensor, eta: Tensor, *, contraction: float = 1.0, eps: float = 1.0) -> Relation:
    r"""For $L = \frac1{2n}|e|^2$, $n = 3$ and a model linear in its parameters, $f_i = s_i\theta_i$ in suitable
    coordinates, every step of gradient descent satisfies $L_{t+1} \le
    (1-\eta\,\lambda_{\min}(K_t))\,L_t+\xi_t+\varepsilon_t$.

    Counterexample: $f = \theta \in R^3$, $y-f = (1,1,1)$, $\eta = 1/4$: $L_{t+1} = 121/288$, and the right side is $112/288$.

    Notes: true for $n \le 2$ (crc.lemma1.half_mean_up_to_2), where $c = 1/(2n) \ge 1/4$.
    """
    step = stepped(e, torch.diag_embed(s), None, eta, 1 / (2 * e.shape[-1] + 0 * eta))
    return leq(step.loss_next, step.bound(contraction, eps=eps), names=SIDES)


@claim(
    id="crc.lemma1.half_mean_up_to_2",
    title="Lemma 1 for half the mean over one or two examples",
    source=LEMMA,
    reading="L = |e|^2 / (2n), n at most 2",
    amends="crc.lemma1.half_mean",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims={"n": (1, 2)},
    on=ON_MODELS,
    uses=["crc.lemma1.identity"],
    mutants={"1.05 lambda for lambda": dict(contraction=1.05), "one percent of eps taken off": dict(eps=-0.01)},
)
def lemma1_half_mean_up_to_2(
    e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, contraction: float = 1.0, eps: float = 1.0
) -> Relation:
    r"""For $L = \frac1{2n}|e|^2$ and $n \le 2$, every step of gradient descent satisfies
    $L_{t+1} \le (1-\eta\,\lambda_{\min}(K_t))\,L_t+\xi_t+\varepsilon_t$.
    """
    step = stepped(e, J, Q, eta, 1 / (2 * e.shape[-1] + 0 * eta))
    return leq(step.loss_next, step.bound(contraction, eps=eps), names=SIDES)


@claim(
    id="crc.lemma1.normalised",
    title="Lemma 1 for every normalisation from 1/4 on",
    source=LEMMA,
    reading="L = c |e|^2 with c >= 1/4",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    c=D.interval(0.25, 4),
    dims=SMALL,
    on=ON_MODELS,
    uses=["crc.lemma1.identity"],
    mutants={"1.01 lambda for lambda": dict(contraction=1.01), "c from 0.2 on": dict(c=D.interval(0.2, 4))},
)
def lemma1_normalised(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, c: Tensor, *, contraction: float = 1.0) -> Relation:
    r"""For $L = c\,|e|^2$ with $c \ge \frac14$, every step of gradient descent satisfies
    $L_{t+1} \le (1-\eta\,\lambda_{\min}(K_t))\,L_t+\xi_t+\varepsilon_t$.

    Proof: $|\nabla L|^2 = 4c^2e^\top Ke \ge 4c\,\lambda L \ge \lambda L$.

    Notes: 1/4 is the least such c: crc.lemma1.boundary.
    """
    step = stepped(e, J, Q, eta, c)
    return leq(step.loss_next, step.bound(contraction), names=SIDES)
