r"""Equations (4) to (6) and appendices A.1, A.2: the gradient of the cross-entropy, and what it asks of the labels."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import dynamics
from proofs_check import chain, claim, eq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings_gradients import SOURCE
from proofs_check.relations import Relation

A1, A2 = f"{SOURCE}, eq. (5); derivation in appendix A.1", f"{SOURCE}, eq. (6); derivation in appendix A.2"

#: outputs of the network, a direction in which they move, and labels: probability vectors, or anything
LOGITS, MOVE, SOFT, ANY = D.real("k"), D.real("k"), D.simplex("k"), D.real("k")
CLASSES = {"k": (2, 3)}


def _calm(f: Tensor) -> Tensor:
    """|f| <= 100: no probability underflows in float64"""
    return f.flatten(1).abs().amax(-1) <= 100


def _small_move(h: Tensor) -> Tensor:
    """|h| <= 100: no exponential overflows in float64"""
    return h.abs().amax(-1) <= 100


def _rate_of_change(f: Tensor, y: Tensor, v: Tensor) -> Tensor:
    """d/dt of -<y, f> + (sum y) log sum exp f as f moves with velocity v."""
    weights = torch.exp(f - torch.amax(f, -1)[:, None])
    return y.sum(-1) * (weights * v).sum(-1) / weights.sum(-1) - (y * v).sum(-1)


@claim(
    id="dynamical.eq4",
    title="Eq. (4): the cross-entropy of a set, and where it lies",
    source=f"{SOURCE}, section 3.1, eq. (4)",
    f=D.real("n", "k"),
    y=D.labels("n", "k"),
    dims={"n": (1, 3), "k": (2, 4)},
    assumes=[_calm],
    mutants={"one percent of the margin added below": dict(low=0.01), "log K left out": dict(full=0.0)},
)
def eq4(f: Tensor, y: Tensor, *, low: float = 0.0, full: float = 1.0) -> Relation:
    r"""With $L(S) = -\sum_{x\in S}\sum_iy^i\log\sigma^i(f(x))$, $\sigma$ the softmax and one-hot labels,
    $\sum_x(\max_if^i(x)-\langle y,f(x)\rangle) \;\le\; L(S) \;\le\; \sum_x(\max_if^i(x)-\langle y,f(x)\rangle)+n\log K$.

    Proof: $-\langle y,\log\sigma(f)\rangle = \log\sum_ie^{f^i}-\langle y,f\rangle$ for labels with sum 1, and
    $\max f \le \log\sum_ie^{f^i} \le \max f+\log K$.

    Tight at: equal outputs (right); outputs far apart, in the limit (left).

    Notes: eq. (4) is a definition; this ties it to the outputs.
    """
    gap = (torch.amax(f, -1) - (y * f).sum(-1)).sum(-1)
    classes = torch.ones_like(f).sum(-1).amax(-1)
    total = dynamics.loss(f, y)
    return chain(
        gap + low * torch.exp(-gap),
        total,
        gap + full * f.shape[-2] * torch.log(classes),
        names=["margins", "L(S)", "margins + n log K"],
    )


@claim(
    id="dynamical.eq24",
    title="Eq. (24) and (25): the derivative of the softmax, and the step that needs labels with sum 1",
    source=A1,
    f=LOGITS,
    v=MOVE,
    y=SOFT,
    dims=CLASSES,
    assumes=[_calm],
    mutants={"one percent more": dict(share=1.01), "the diagonal term without its square": dict(square=0.0)},
)
def eq24(f: Tensor, v: Tensor, y: Tensor, *, share: float = 1.0, square: float = 1.0) -> Relation:
    r"""With $\frac{\partial\sigma^i}{\partial f^j} = \sigma^i(1[i=j]-\sigma^j)$ and labels with sum 1,
    $-\sum_i\frac{y^i}{\sigma^i}\sum_j\frac{\partial\sigma^i}{\partial f^j}v^j = -\sum_j(y^j-\sigma^j)\,v^j$ for every
    velocity v, and both are $\frac{d\ell}{dt}$ as the outputs move with velocity v.

    In the paper: the two cases of (24), and the chain of equalities (25).

    Repairs: the left side of (24) is $\partial\sigma^i/\partial f^j$.

    Proof: the last step is $\sum_iy^i(1[i=j]-\sigma^j) = y^j-\sigma^j$, true exactly when $\sum_iy^i = 1$.
    """
    sigma = torch.softmax(f, -1)
    moved = sigma * v - square * sigma * (sigma * v).sum(-1)[:, None]  # sum over j of d sigma^i / d f^j v^j
    return eq(
        _rate_of_change(f, y, v),
        -share * (y * moved / sigma).sum(-1),
        names=["d loss / dt", "- sum y^i / sigma^i d sigma^i / dt"],
    )


@claim(
    id="dynamical.eq5",
    title="Eq. (5): the loss of one example as the parameters move",
    source=A1,
    reading="labels that sum to 1, one-hot or soft",
    f=LOGITS,
    J=D.real("k", 2),
    velocity=D.real(2),
    y=SOFT,
    dims={"k": (2, 3)},
    assumes=[_calm],
    uses=["dynamical.eq24"],
    mutants={"one percent more": dict(share=1.01), "the sign the other way": dict(share=-1.0)},
)
def eq5(f: Tensor, J: Tensor, velocity: Tensor, y: Tensor, *, share: float = 1.0) -> Relation:
    r"""If $\sum_iy^i = 1$, then along any path of the parameters
    $\frac{d}{dt}\ell(f(x;\theta),y) = -\sum_i(y^i-\sigma^i(f(x;\theta)))\,\langle\nabla f^i(x;\theta),\dot\theta\rangle$.

    In the paper: $\frac{\partial\ell}{\partial t} = -\sum_i(y^i-\sigma^i)\,\nabla_\theta f^i\,\nabla_t^\top\theta$.

    Notes: true for soft labels too. "$\nabla_t\theta = \theta_{t+1}-\theta_t$" in the paper is a first-order statement about a
    small learning rate (dynamical.eq7.gradient_descent).
    """
    move = (J * velocity[:, None, :]).sum(-1)
    d = dynamics.residual(f[:, None, :], y[:, None, :])[:, 0]
    return eq(
        _rate_of_change(f, y, move), share * (d * move).sum(-1), names=["d loss / dt", "-sum (y - sigma) <grad f, theta'>"]
    )


@claim(
    id="dynamical.eq5.labels_of_any_sum",
    title="Eq. (5) for labels that do not sum to 1",
    source=A1,
    reading="y any vector: eq. (4) does not say that labels sum to 1",
    expect="refuted",
    f=LOGITS,
    J=D.real("k", 1),
    velocity=D.real(1),
    y=ANY,
    dims={"k": (2, 3)},
    assumes=[_calm],
    mutants={"one percent more": dict(share=1.01), "the sign the other way": dict(share=-1.0)},
)
def eq5_labels_of_any_sum(f: Tensor, J: Tensor, velocity: Tensor, y: Tensor, *, share: float = 1.0) -> Relation:
    r"""For every y, along any path of the parameters
    $\frac{d}{dt}\ell(f(x;\theta),y) = -\sum_i(y^i-\sigma^i(f(x;\theta)))\,\langle\nabla f^i(x;\theta),\dot\theta\rangle$.

    Counterexample: $y = 0$: the loss is 0 and stays 0, but the right side is
    $\sum_i\sigma^i\langle\nabla f^i,\dot\theta\rangle$; at $f = (1/2, 0)$ its coefficients are .622 and .378.

    Notes: the paper's labels are one-hot, so this does not count against it; pseudo labels that are not normalised would.
    """
    move = (J * velocity[:, None, :]).sum(-1)
    d = dynamics.residual(f[:, None, :], y[:, None, :])[:, 0]
    return eq(
        _rate_of_change(f, y, move), share * (d * move).sum(-1), names=["d loss / dt", "-sum (y - sigma) <grad f, theta'>"]
    )


@claim(
    id="dynamical.eq5.general",
    title="Eq. (5) for any labels",
    source=A1,
    amends="dynamical.eq5.labels_of_any_sum",
    f=LOGITS,
    J=D.real("k", 2),
    velocity=D.real(2),
    y=ANY,
    dims={"k": (2, 3)},
    assumes=[_calm],
    mutants={"one percent more": dict(share=1.01), "the sum of the labels taken as 1": dict(sum_=0.0)},
)
def eq5_general(f: Tensor, J: Tensor, velocity: Tensor, y: Tensor, *, share: float = 1.0, sum_: float = 1.0) -> Relation:
    r"""For every y, with $s = \sum_iy^i$:
    $\frac{d}{dt}\ell(f(x;\theta),y) = \sum_i(s\,\sigma^i(f(x;\theta))-y^i)\,\langle\nabla f^i(x;\theta),\dot\theta\rangle$.
    """
    move = (J * velocity[:, None, :]).sum(-1)
    true = dynamics.logit_gradient(f[:, None, :], y[:, None, :])[:, 0]
    d = sum_ * true + (1 - sum_) * dynamics.residual(f[:, None, :], y[:, None, :])[:, 0]
    return eq(
        _rate_of_change(f, y, move), share * (d * move).sum(-1), names=["d loss / dt", "sum (s sigma - y) <grad f, theta'>"]
    )


@claim(
    id="dynamical.eq6",
    title="Eq. (6): the gradient of the cross-entropy, as a tangent with a bound on what it misses",
    source=A2,
    reading="labels that sum to 1, one-hot or soft",
    sharpens="dynamical.eq5",
    f=LOGITS,
    h=MOVE,
    y=SOFT,
    dims=CLASSES,
    assumes=[_calm, _small_move],
    mutants={
        "1/8 taken as 1/8.1": dict(eighth=1 / 8.1),
        "one percent of the gradient missing": dict(share=0.99),
    },
)
def eq6(f: Tensor, h: Tensor, y: Tensor, *, eighth: float = 0.125, share: float = 1.0) -> Relation:
    r"""If $\sum_iy^i = 1$, then for every change h of the outputs
    $0 \;\le\; \ell(f+h,y)-\ell(f,y)-\langle\sigma(f)-y,h\rangle \;\le\; \frac{1}{8}(\max_ih^i-\min_ih^i)^2$.
    So $\partial\ell/\partial f^j = \sigma^j-y^j$, and $\frac{\partial\ell}{\partial\theta} =
    \sum_j(\sigma^j(f(x;\theta))-y^j)\frac{\partial f^j(x;\theta)}{\partial\theta}$.

    Proof: the middle is $\log\sum_i\sigma^ie^{h^i}-\langle\sigma,h\rangle$, the logarithm of the moment generating function
    of h under $\sigma$, centred: not negative by Jensen, at most an eighth of the squared range by Hoeffding's lemma.

    Tight at: h constant (left); two equal outputs and $h \to 0$ (right).
    """
    d = dynamics.residual(f[:, None, :], y[:, None, :])[:, 0]
    missed = dynamics.loss_change(f[:, None, :], h[:, None, :], y[:, None, :]) - share * (d * h).sum(-1)
    width = torch.amax(h, -1) - torch.amin(h, -1)
    return chain(0.0 * missed, missed, eighth * width * width, names=["0", "loss(f+h) - tangent", "range^2 / 8"])
