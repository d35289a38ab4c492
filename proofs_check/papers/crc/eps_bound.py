r"""Lemma 2, second half, and Lemma 4, eq. (17): the bound of $\varepsilon_t$, and the sentence that says what it is for."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory.recursion import QuadraticModel
from proofs_check import chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_recursion import (
    ETA,
    HESSIAN,
    JACOBIAN,
    ON_MODELS,
    RESIDUAL,
    SOURCE,
    stepped,
)
from proofs_check.relations import Relation

BOUND = f"{SOURCE}, section 2.3, Lemma 2; appendix A.2, Lemma 4, eq. (17)"
LAYERS = f"{SOURCE}, appendix A.2, from Propositions 4 to 6 to eq. (17)"
SENTENCE = f"{SOURCE}, appendix A.2, 'It is sufficient that eps_t <= (a eta^2 + lambda_min eta) L_t'"


def _operator(J: Tensor) -> Tensor:
    """|J|^2, the largest eigenvalue of JJ'"""
    return torch.linalg.eigvalsh(J @ torch.transpose(J, -1, -2))[..., -1]


@claim(
    id="crc.eps_bound",
    title="eps is of order eta^2 L for every model with bounded gradients",
    source=f"replaces {BOUND}; own derivation",
    reading="given a bound on the gradients of f along the step, which eq. (17) uses",
    expect="tight",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    c=D.interval(0.0625, 4),
    dims={"n": (1, 2)},
    on=ON_MODELS,
    mutants={"one percent less of the Lipschitz bound": dict(first=0.99), "one percent less of 4c": dict(second=0.99)},
)
def eps_bound(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, c: Tensor, *, first: float = 1.0, second: float = 1.0) -> Relation:
    r"""Let $\Lambda$ be the largest $|J|^2$ on the segment from $\theta_t$ to $\theta_{t+1}$, and $L = c\,|e|^2$. Then
    $\varepsilon_t = \frac12|f_{t+1}-f_t|^2 \le \frac12\Lambda\,\eta^2\,|\nabla L_t|^2 \le 2c\,\Lambda^2\,\eta^2\,L_t$.

    In the paper: $\varepsilon_t = |f_{t+1}-f_t|^2 \le O(L^3dM)\,\eta^2L_t$ for relu networks near initialisation, by
    Propositions 4 to 6.

    Repairs: the lemma has half the square, eq. (17) the square.

    Proof: $|f_{t+1}-f_t| \le \int_0^\eta|J_\gamma\nabla L_t|\,d\gamma$, and $|\nabla L_t|^2 \le 4c\,\lambda_{\max}(K_t)L_t$.

    Tight at: one example, a linear model.

    Notes: nothing about relu or initialisation is needed beyond $\Lambda$, which eq. (17) estimates by $L^3d$ times
    constants that it hides, the number of examples among them. For the models here $|J_\gamma|$ is convex in $\gamma$, so
    $\Lambda$ is at an end. By crc.lemma1.sharp the bound is not needed at all.
    """
    step = stepped(e, J, Q, eta, c)
    gradient = -2 * c[:, None] * (J * e[..., None]).sum(-2)
    end = QuadraticModel(0 * e, J, Q).moved(-eta[:, None] * gradient)
    here = step.eigenvalues[..., -1]
    steepest = torch.maximum(here, _operator(end.jacobian))
    return chain(
        step.eps,
        first * steepest * eta * eta * step.gradient_square / 2,
        second * 2 * c * steepest * here * eta * eta * step.loss,
        names=["eps", "Lambda eta^2 |grad L|^2 / 2", "2c Lambda lambda_max eta^2 L"],
    )


@claim(
    id="crc.eps_bound.condition2",
    title="eps is of order eta^2 L by Condition 2 alone",
    source=BOUND,
    reading="as stated: constants that depend on (alpha, beta, mu, M) only; any constant, here 100",
    expect="refuted",
    theta=D.interval(-2, 2),
    omega=D.interval(0, 100),
    eta=D.interval(0, 1),
    on="e(theta) = theta (cos omega theta, sin omega theta)",
    mutants={"a constant of 50": dict(constant=50.0), "a constant of 10": dict(constant=10.0)},
)
def eps_bound_condition2(theta: Tensor, omega: Tensor, eta: Tensor, *, constant: float = 100.0) -> Relation:
    r"""If $L = \frac12|e|^2$ is $(\alpha,\beta)$-smooth and its gradients scale as $(\mu,M)$, then
    $\varepsilon_t \le C\eta^2L_t$ with a C that depends on $(\alpha,\beta,\mu,M)$ only; here $(0,\frac12,2,2)$ and $C = 100$.

    In the paper: "If L satisfies Condition 2, we have ... $\varepsilon_t \le O(\eta^2)L_t$".

    Counterexample: two outputs and one parameter, $e(\theta) = \theta\,(\cos\omega\theta,\sin\omega\theta)$, so that
    $L = \frac12\theta^2$ for every $\omega$; at $\theta = 1$, $\eta = 1/10$, $\omega = 30$: $\varepsilon_t \approx 1.8$, and
    $C\eta^2L_t = 1/2$.

    Notes: Condition 2 looks at the loss, which does not see f turn around y. The proof uses the network as well; with a
    bound on its gradients the statement is right (crc.eps_bound). With one output it follows from Condition 2.
    """
    after = (1 - eta) * theta
    turn = omega * eta * theta
    eps = (theta * theta + after * after - 2 * theta * after * torch.cos(turn)) / 2
    return leq(eps, constant * eta * eta * theta * theta / 2, names=["eps", "C eta^2 L"])


@claim(
    id="crc.eq17.layers",
    title="Eq. (17): the number of layers",
    source=LAYERS,
    expect="tight",
    g=D.nonneg("depth"),
    share=D.spectrum("depth", lo=0, hi=1),
    dims={"depth": (1, 6)},
    mutants={"one percent less": dict(first=0.99), "depth^0.9 for depth": dict(power=0.9)},
)
def eq17_layers(g: Tensor, share: Tensor, *, first: float = 1.0, power: float = 1.0) -> Relation:
    r"""If layer r of N contributes at most $\sqrt{N}\,g_r$ to $|f_{t+1}-f_t|$, where $g_r$ is the norm of the loss gradient in
    its weights, then all together at most $N\,|g|$, and so at most $N^{1.5}|g|$: with $s_r \in [0,1]$,
    $\sum_rs_r\sqrt{N}\,g_r \le N\,|g| \le N^{1.5}\,|g|$.

    In the paper: $|f_{t+1}-f_t| \le \eta\,O(L^{1.5}\sqrt{d})\,|\nabla L_t|$ for L layers of width d, "norm of sums <= sum of
    norms".

    Proof: Cauchy-Schwarz over the layers, where the paper bounds every $g_r$ by $|g|$.

    Tight at: all layers alike (left); one layer (right).

    Notes: so $L^3$ in eq. (17) may be $L^2$.
    """
    depth = g.shape[-1] + 0 * g[..., 0]
    root = torch.sqrt(depth)
    norm = torch.linalg.vector_norm(g, dim=-1)
    return chain(
        (share * g).sum(-1) * root,
        first * depth**power * norm,
        depth * root * norm,
        names=["sum over the layers", "N |g|", "N^1.5 |g|"],
    )


# "It is sufficient that ..."


@claim(
    id="crc.sufficient",
    title="What would be sufficient, as a deduction from eq. (11)",
    source=SENTENCE,
    reading="a deduction from eq. (11), for any a >= 0, with xi = 0",
    expect="refuted",
    L=D.nonneg(),
    lam=D.nonneg(),
    eta=D.interval(0, 1),
    a=D.nonneg(),
    mutants={"one percent more of lambda": dict(share=1.01), "a decrease by one percent": dict(left=0.99)},
)
def sufficient(L: Tensor, lam: Tensor, eta: Tensor, a: Tensor, *, share: float = 1.0, left: float = 1.0) -> Relation:
    r"""If $\varepsilon_t = (a\eta^2+\lambda\eta)L_t$ with $a \ge 0$, and $\xi_t = 0$, then the right side of eq. (11) is at
    most $L_t$ for small $\eta$: $(1-\eta\lambda)L_t+(a\eta^2+\lambda\eta)L_t \le L_t$.

    In the paper: "It is sufficient that $\varepsilon_t \le (a\eta^2+\lambda_{\min}\eta)L_t$ for any a so that $L_t$ is
    guaranteed to decrease for small $\eta$".

    Counterexample: $L = \lambda = \eta = a = 1$: $2 > 1$. The right side is $(1+a\eta^2)L_t$ at every step size.

    Notes: the coefficient of $\eta$ must be below $\lambda$ (crc.sufficient.corrected), or a negative
    (crc.sufficient.negative_a). About gradient descent itself the sentence is true, because $\varepsilon_t$ does not matter
    (crc.sufficient.descent).
    """
    right = (1 - eta * lam) * L + (a * eta * eta + share * lam * eta) * L
    return leq(right, left * L, names=["(1 - eta lambda) L + eps", "L"])


@claim(
    id="crc.sufficient.negative_a",
    title="What would be sufficient, with a negative a",
    source=SENTENCE,
    reading="'for any a so that': a <= -C, where xi <= C eta^2 L",
    expect="tight",
    L=D.nonneg(),
    lam=D.nonneg(),
    eta=D.interval(0, 1),
    C=D.nonneg(),
    more=D.nonneg(),
    mutants={"0.99 C": dict(share=0.99), "one percent more of lambda": dict(lift=1.01)},
)
def sufficient_negative_a(
    L: Tensor, lam: Tensor, eta: Tensor, C: Tensor, more: Tensor, *, share: float = 1.0, lift: float = 1.0
) -> Relation:
    r"""If $\xi_t \le C\eta^2L_t$ and $\varepsilon_t \le (a\eta^2+\lambda\eta)L_t$ with $a \le -C$, then the right side of
    eq. (11) is at most $L_t$: $(1-\eta\lambda)L_t+C\eta^2L_t+(a\eta^2+\lambda\eta)L_t \le L_t$.

    Tight at: $a = -C$.
    """
    a = -share * C - more
    right = (1 - eta * lam) * L + C * eta * eta * L + (a * eta * eta + lift * lam * eta) * L
    return leq(right, L, names=["(1 - eta lambda) L + xi + eps", "L"])


def _xi_of_second_order(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, C: Tensor) -> Tensor:
    """xi <= C eta^2 L"""
    step = stepped(e, J, Q, eta, 0.5)
    return step.xi <= C * eta * eta * step.loss


@claim(
    id="crc.sufficient.descent",
    title="What is sufficient for gradient descent: a bound of xi alone",
    source=SENTENCE,
    reading="a statement about gradient descent, given xi <= C eta^2 L; L = |e|^2 / 2",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    C=D.nonneg(),
    dims={"n": (1, 2)},
    on=ON_MODELS,
    assumes=[_xi_of_second_order],
    uses=["crc.lemma1.sharp"],
    mutants={"2.02 lambda for 2 lambda": dict(contraction=2.02), "0.99 C": dict(share=0.99)},
)
def sufficient_descent(
    e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, C: Tensor, *, contraction: float = 2.0, share: float = 1.0
) -> Relation:
    r"""If $\xi_t \le C\eta^2L_t$, then $L_{t+1} \le (1-2\eta\,\lambda_{\min}(K_t)+C\eta^2)L_t$, whatever $\varepsilon_t$: for
    $L = \frac12|e|^2$ the loss decreases as soon as $\lambda_{\min} > 0$ and $\eta < 2\lambda_{\min}/C$.

    Tight at: a linear model with $K = I$, $C = 1$.
    """
    step = stepped(e, J, Q, eta, 0.5)
    factor = 1 - contraction * eta * step.eigenvalues[..., 0] + share * C * eta * eta
    return leq(step.loss_next, factor * step.loss, names=["L_{t+1}", "(1 - 2 eta lambda + C eta^2) L_t"])


@claim(
    id="crc.sufficient.corrected",
    title="What would be sufficient: a coefficient below lambda",
    source=f"replaces {SENTENCE}",
    amends="crc.sufficient",
    expect="tight",
    L=D.nonneg(),
    lam=D.nonneg(),
    gap=D.interval(0, 1),
    a=D.nonneg(),
    C=D.nonneg(),
    share=D.interval(0, 1),
    mutants={"steps one percent longer": dict(longer=1.01), "one percent more of lambda": dict(lift=1.01)},
)
def sufficient_corrected(
    L: Tensor,
    lam: Tensor,
    gap: Tensor,
    a: Tensor,
    C: Tensor,
    share: Tensor,
    *,
    longer: float = 1.0,
    lift: float = 1.0,
) -> Relation:
    r"""If $\xi_t \le C\eta^2L_t$ and $\varepsilon_t \le (a\eta^2+\kappa\eta)L_t$ with $\kappa < \lambda$, then the right
    side of eq. (11) is at most $L_t$ for $\eta(a+C) \le \lambda-\kappa$: here $\kappa = (1-g)\lambda$, $\eta =
    s\,g\,\lambda/(a+C+1)$ with $g, s \in [0,1]$, and a + 1 for a.

    Tight at: $s = 1$.
    """
    curve = a + 1
    eta = longer * share * gap * lam / (curve + C)
    kappa = (1 - gap) * lift * lam
    right = (1 - eta * lam) * L + C * eta * eta * L + (curve * eta * eta + kappa * eta) * L
    return leq(right, L, names=["(1 - eta lambda) L + xi + eps", "L"])
