r"""Lemmas 2 and 4, first half: $\xi_t \le O(\eta^2)L_t$ does not follow from condition 1.

$\xi = \int_0^\eta\langle\nabla L_t,\nabla L_t-\nabla L(\theta_t-\gamma\nabla L_t)\rangle d\gamma = L_{t+1}-L_t+\eta|\nabla
L_t|^2$ is the first-order remainder of the step; the claims compute it by its right side, an identity. What is true instead
stands in ``lemma2_sharp.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import semi_smooth
from altheory.semi_smooth import SlopeProfile
from proofs_check import chain, claim, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_valleys import NARROW, SOURCE, Step, step
from proofs_check.relations import Relation

STATEMENT = f"{SOURCE}, lemma 2 and lemma 4, first inequality"
#: small steps, half of them on a logarithmic scale
STEPS = D.interval(2.0**-24, 0.5)


def _remainder(now: Step, eta: Tensor) -> Tensor:
    return semi_smooth.perturbation(now.loss, now.after, now.squared, eta)


def _kinked(eta: Tensor) -> Step:
    """The step from x = 1 on the square of u_eta: slope 1 right of 1, 1/2 left of 1 - eta, linear between; u(1) = 1."""
    one = torch.ones_like(eta)
    u = semi_smooth.kink(eta, one / 2, one, at_end=1.0)  # moved: 1 is at the right end of the kink, that is at eta
    return step(semi_smooth.Valley(u, 0 * eta), eta, eta)


@claim(
    id="crc.lemma2",
    title="Lemma 2: the remainder is of second order in the step",
    source=STATEMENT,
    reading="O(eta^2) with a constant that depends on (alpha, beta, mu, M) only; here 1000",
    expect="refuted",
    eta=STEPS,
    mutants={"constant 900": dict(C=900.0), "constant 500": dict(C=500.0)},
)
def lemma2(eta: Tensor, *, C: float = 1000.0) -> Relation:
    r"""If L satisfies condition 1, then $\xi_t \le C\eta^2L_t$ for all small steps, with C depending on
    $(\alpha,\beta,\mu,M)$ only. Here $L = u_\eta^2$, $\theta_t = 1$, with $u_\eta$ of slope 1 for $x \ge 1$, 1/2 for
    $x \le 1-\eta$, linear between, and $u_\eta(1) = 1$; every $u_\eta^2$ has the constants (1, 1, 1, 4).

    Counterexample: $\xi = \frac{3}{2}\eta+\frac{25}{16}\eta^2$ and $L_t = 1$: at $\eta = 1/1024$, $\xi > 1500\,\eta^2L_t$. No C
    does: crc.lemma2.every_constant.

    Notes: the first wrong step of the proof is its last line: $\int_0^\eta(a'\gamma+c'')d\gamma = c''\eta+a'\eta^2/2$ with $c''
    \ge \alpha\sqrt{M} > 0$ is of first order. Condition 1 allows kinks, and a kink next to $\theta_t$ costs a multiple of
    $\eta$. For $\alpha = 0$ the lemma is true. On wide networks it is seen to hold (crc.lemma2.wide), because the many small
    kinks average out, which condition 1 does not say. That wide networks satisfy the lemma with high probability is not refuted
    here.
    """
    now = _kinked(eta)
    return leq(_remainder(now, eta), C * eta * eta * now.loss, names=["xi", "C eta^2 L"])


@claim(
    id="crc.lemma2.every_constant",
    title="No constant makes the remainder of second order",
    source=f"replaces {STATEMENT}",
    amends="crc.lemma2",
    eta=STEPS,
    uses=["crc.definition1", "crc.definition2.valleys"],
    mutants={"1.51 for 3/2": dict(low=1.51), "25/16 less one percent": dict(high=0.99 * 25 / 16)},
)
def lemma2_every_constant(eta: Tensor, *, low: float = 1.5, high: float = 25 / 16) -> Relation:
    r"""For the losses of crc.lemma2 and every $\eta \le 1/2$:
    $\frac{3}{2}\eta L_t \le \xi_t \le (\frac{3}{2}\eta+\frac{25}{16}\eta^2)L_t$. So for every C some loss with the constants
    (1, 1, 1, 4), and some $\eta < 3/(2C)$, has $\xi_t > C\eta^2L_t$.

    Proof: $u_\eta(1-2\eta) = 1-\frac{5}{4}\eta$, so $\xi = (1-\frac{5}{4}\eta)^2-1+4\eta$.

    Tight at: the right side is an equality.
    """
    now = _kinked(eta)
    return chain(
        low * eta * now.loss,
        _remainder(now, eta),
        (1.5 * eta + high * eta * eta) * now.loss,
        names=["3/2 eta L", "xi", "(3/2 eta + 25/16 eta^2) L"],
    )


# one fixed function


def _one_function(eta: Tensor) -> Step:
    one = torch.ones_like(eta)
    value, slope = semi_smooth.root_kink(one)
    gradient = 2 * value * slope
    after, _ = semi_smooth.root_kink(one - eta * gradient)
    return Step(value * value, gradient * gradient, after * after)


@claim(
    id="crc.lemma2.one_function",
    title="Lemma 2 for one fixed loss",
    source=STATEMENT,
    reading="O(eta^2) with a constant that depends on the loss; here 1000",
    expect="refuted",
    eta=STEPS,
    mutants={"constant 900": dict(C=900.0), "constant 500": dict(C=500.0)},
)
def lemma2_one_function(eta: Tensor, *, C: float = 1000.0) -> Relation:
    r"""If L satisfies condition 1, then $\xi_t \le C_L\eta^2L_t$ for all small $\eta$, with $C_L$ depending on the loss. Here
    $L = u^2$, $\theta_t = 1$, $u(1-s) = 1-s+s^{3/2}/3$ for $0 \le s \le 1$, linear elsewhere: u is continuously differentiable
    with slopes in [1/2, 1], so that L has the constants (1, 1, 1, 4).

    Counterexample: $\xi \ge \frac{2}{3}(2\eta)^{3/2}$, so $\xi/(\eta^2L_t)$ exceeds 1000 at $\eta = 2^{-20}$, and every other
    constant at some smaller step.

    Notes: for one fixed function and point $\xi = o(\eta)$, but not of order $\eta^2$. See crc.lemma2.one_function_rate.
    """
    now = _one_function(eta)
    return leq(_remainder(now, eta), C * eta * eta * now.loss, names=["xi", "C eta^2 L"])


@claim(
    id="crc.lemma2.one_function_rate",
    title="One fixed loss whose remainder is of order 3/2",
    source=f"replaces {STATEMENT}",
    amends="crc.lemma2.one_function",
    eta=STEPS,
    uses=["crc.definition1.root_kink"],
    mutants={"one percent more": dict(part=1.01), "eta^2 one percent less": dict(square=3.96)},
)
def lemma2_one_function_rate(eta: Tensor, *, part: float = 1.0, square: float = 4.0) -> Relation:
    r"""For the loss of crc.lemma2.one_function and $0 < \eta \le 1/2$:
    $\frac{2}{3}(2\eta)^{3/2}L_t \le \xi_t \le (\frac{2}{3}(2\eta)^{3/2}+4\eta^2)L_t$.

    Proof: with $s = 2\eta$ and $r = s^{3/2}/3$, $\xi = (1-s+r)^2-1+2s = 2r+(s-r)^2$.

    Tight at: the limit of small steps, both sides.
    """
    now = _one_function(eta)
    first = 2 * (2 * eta) * torch.sqrt(2 * eta) / 3
    return chain(
        part * first * now.loss,
        _remainder(now, eta),
        (first + square * eta * eta) * now.loss,
        names=["2/3 (2 eta)^(3/2) L", "xi", "(2/3 (2 eta)^(3/2) + 4 eta^2) L"],
    )


# a relu network that is not wide


@claim(
    id="crc.lemma2.one_neuron",
    title="Lemma 2 for a relu network of width 1",
    source=STATEMENT,
    reading="every relu network, without 'sufficiently wide'; here f(x) = relu(w x), two examples, constant 1000",
    expect="refuted",
    w=D.interval(2.0**-24, 1),
    eta=STEPS,
    mutants={"constant 900": dict(C=900.0), "constant 500": dict(C=500.0)},
)
def lemma2_one_neuron(w: Tensor, eta: Tensor, *, C: float = 1000.0) -> Relation:
    r"""For $f(x) = \mathrm{relu}(wx)$, the examples $x = \pm1$ with labels -1, and $L = \frac{1}{2}\sum(f-y)^2$:
    $\xi \le C\eta^2L$ from every w > 0.

    Counterexample: $w \to 0^+$: $L = 1$, $L' = 1$, and the step crosses the kink: $L_{t+1} = 1+\eta+\eta^2/2$, $\xi =
    2\eta+\eta^2/2$. The loss rises, at every step size.

    Notes: this loss is not continuously differentiable, so it does not satisfy definition 1 as stated, and the paper speaks of
    wide networks only.
    """

    def loss(v: Tensor) -> Tensor:
        on, off = torch.clamp(v, min=0), torch.clamp(-v, min=0)
        return ((on + 1) ** 2 + (off + 1) ** 2) / 2

    slope = w + 1
    xi = semi_smooth.perturbation(loss(w), loss(w - eta * slope), slope * slope, eta)
    return leq(xi, C * eta * eta * loss(w), names=["xi", "C eta^2 L"])


@claim(
    id="crc.lemma2.converse",
    title="A remainder of second order without a Lipschitz gradient",
    source="own first form of the corrected lemma 2, which must not be used",
    reading="'only if': order eta^2 needs a gradient that is Lipschitz on the segment; here with constant 1000",
    expect="refuted",
    w=NARROW,
    drop=D.interval(0, 0.5),
    eta=STEPS,
    mutants={"Lipschitz constant 900": dict(H=900.0), "Lipschitz constant 500": dict(H=500.0)},
)
def lemma2_converse(w: Tensor, drop: Tensor, eta: Tensor, *, H: float = 1000.0) -> Relation:
    r"""If $\xi \le 0$ for all steps from $\theta_t$, then $|L'(\theta_t)-L'(\theta_{t+1})| \le H|\theta_t-\theta_{t+1}|$.

    Counterexample: a concave kink: $L' = 1$ for $z \le 0$, falling to 1/2 on $[0,w]$, w = 1/10000. From $z = w$ every step goes
    to larger slopes, so $\xi \le 0$; the first one of length w changes the slope by 1/2.

    Notes: only the other direction is true (crc.lemma2.lipschitz). The kink here is $1-\mathrm{drop}$ after 1.
    """
    one = torch.ones_like(w)
    L = SlopeProfile(w[:, None], one, (one - drop)[:, None], 4 * one)
    start = w
    slope = L.slope(start)
    end = start - eta * slope
    xi = semi_smooth.perturbation(L.value(start), L.value(end), slope * slope, eta)
    turned = torch.abs(L.slope(end) - slope)
    return leq(
        torch.where(xi <= 0, turned, 0 * turned), H * torch.abs(end - start), names=["|L'(end) - L'(start)|", "H |step|"]
    )
