r"""Equation (3): what solves eq. (2), in its readings, in discrete time, and at which rate."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory.spectra import LabelMeasure
from proofs_check import chain, claim, eq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_recursion import SOURCE, apply, dot
from proofs_check.relations import Relation

EQ3 = f"{SOURCE}, section 2.2, eq. (3)"
KERNEL, LABELS, START, PROBE = D.psd("n"), D.real("n"), D.real("n"), D.real("n")
TIME = D.step_size("K", D.interval(0, 8))
SMALL = {"n": (1, 2)}


def _flow(K: Tensor, y: Tensor, f0: Tensor, time: Tensor) -> Tensor:
    """f_t of df/dt = -K (f - y), by the exponential of the linear system of (f, 1)."""
    drift = torch.cat([-K, apply(K, y)[..., None]], -1)
    system = torch.cat([drift, torch.zeros_like(drift[..., :1, :])], -2)
    start = torch.cat([f0, torch.ones_like(f0[..., :1])], -1)
    return apply(torch.linalg.matrix_exp(time[:, None, None] * system), start)[..., :-1]


def _sum(K: Tensor, start: Tensor, u: Tensor, time: Tensor) -> Tensor:
    """u' sum_i c_i v_i exp(-lambda_i t) with c_i = v_i' start."""
    lam, v = torch.linalg.eigh(K)
    c, seen = apply(torch.transpose(v, -1, -2), start), apply(torch.transpose(v, -1, -2), u)
    return (c * seen * torch.exp(-lam * time[:, None])).sum(-1)


@claim(
    id="crc.eq3.as_printed",
    title="Eq. (3) as the outputs",
    source=EQ3,
    reading="the left side is f_t, as printed",
    expect="refuted",
    K=KERNEL,
    y=LABELS,
    f0=START,
    u=PROBE,
    time=TIME,
    dims=SMALL,
    mutants={"one percent later": dict(late=1.01), "one percent more": dict(share=1.01)},
)
def eq3_as_printed(
    K: Tensor, y: Tensor, f0: Tensor, u: Tensor, time: Tensor, *, late: float = 1.0, share: float = 1.0
) -> Relation:
    r"""If $\dot f = -K(f-y)$, then $f_t = \sum_ic_iv_ie^{-\lambda_it}$ for some constants $c_i$; those are $c_i = v_i^\top
    f_0$, as $t = 0$ shows. So for every u, $u^\top f_t = \sum_i(u^\top v_i)(v_i^\top f_0)e^{-\lambda_it}$.

    Counterexample: $n = 1$, $K = 1$, $y = 1$, $f_0 = 0$: $f_t = 1-e^{-t}$, against 0; no c makes $ce^{-t}$ of it.

    Notes: with K positive definite the printed $f_t$ tends to 0 and not to y. Right for $y = 0$, and as the part that decays
    (crc.eq3.homogeneous).
    """
    return eq(
        dot(u, _flow(K, y, f0, time)),
        share * _sum(K, f0, u, late * time),
        names=["u' f_t", "u' sum c_i v_i exp(-lambda_i t)"],
    )


@claim(
    id="crc.eq3.homogeneous",
    title="Eq. (3) as the part that decays",
    source=EQ3,
    reading="'transient' in the sense of the textbooks: the solution of the homogeneous equation, Y left out",
    K=KERNEL,
    g0=START,
    u=PROBE,
    time=TIME,
    dims=SMALL,
    mutants={"one percent later": dict(late=1.01), "one percent more": dict(share=1.01)},
)
def eq3_homogeneous(K: Tensor, g0: Tensor, u: Tensor, time: Tensor, *, late: float = 1.0, share: float = 1.0) -> Relation:
    r"""If $\dot g = -Kg$, then $g_t = \sum_ic_iv_ie^{-\lambda_it}$ with $c_i = v_i^\top g_0$: for every u,
    $u^\top g_t = \sum_i(u^\top v_i)\,c_i\,e^{-\lambda_it}$.
    """
    return eq(
        dot(u, apply(torch.linalg.matrix_exp(-time[:, None, None] * K), g0)),
        share * _sum(K, g0, u, late * time),
        names=["u' g_t", "u' sum c_i v_i exp(-lambda_i t)"],
    )


@claim(
    id="crc.eq3",
    title="Eq. (3) with the labels",
    source=f"replaces {EQ3}",
    amends="crc.eq3.as_printed",
    K=KERNEL,
    y=LABELS,
    f0=START,
    u=PROBE,
    time=TIME,
    dims=SMALL,
    uses=["crc.eq3.homogeneous"],
    mutants={"one percent later": dict(late=1.01), "f_0 for f_0 - y in the constants": dict(taken=0.0)},
)
def eq3(K: Tensor, y: Tensor, f0: Tensor, u: Tensor, time: Tensor, *, late: float = 1.0, taken: float = 1.0) -> Relation:
    r"""If $\dot f = -K(f-y)$, then $f_t-y = \sum_ic_iv_ie^{-\lambda_it}$ with $c_i = v_i^\top(f_0-y)$, singular K included: for
    every u, $u^\top f_t = u^\top y+\sum_i(u^\top v_i)\,c_i\,e^{-\lambda_it}$.
    """
    return eq(
        dot(u, _flow(K, y, f0, time)),
        dot(u, y) + _sum(K, f0 - taken * y, u, late * time),
        names=["u' f_t", "u' y + u' sum c_i v_i exp(-lambda_i t)"],
    )


@claim(
    id="crc.eq3.discrete",
    title="Eq. (3) for gradient descent",
    source=f"extends {EQ3}",
    J=D.psd("n"),
    y=LABELS,
    theta=D.real("n"),
    u=PROBE,
    eta=D.step_size("J", D.interval(0, 2)),
    c=D.interval(0.25, 1),
    steps=D.integer(0, 4),
    dims=SMALL,
    mutants={"one percent more of lambda": dict(share=1.01), "one step more": dict(more=1)},
)
def eq3_discrete(
    J: Tensor,
    y: Tensor,
    theta: Tensor,
    u: Tensor,
    eta: Tensor,
    c: Tensor,
    steps: Tensor,
    *,
    share: float = 1.0,
    more: int = 0,
) -> Relation:
    r"""For $f = J\theta$, gradient descent on $L = c\,|f-y|^2$ gives $f_t-y = \sum_ic_iv_i(1-2c\,\eta\lambda_i)^t$ with
    $c_i = v_i^\top(f_0-y)$ and $(\lambda_i,v_i)$ of $K = JJ^\top$, for every step size.

    Notes: steps of the parameters on the left, tested with every u.
    """
    rate = (2 * c * eta)[:, None]
    now, at = theta, apply(J, theta)
    for t in range(1, 5):
        now = now - rate * apply(torch.transpose(J, -1, -2), apply(J, now) - y)
        at = torch.where((steps >= t)[:, None], apply(J, now), at)
    lam, v = torch.linalg.eigh(J @ torch.transpose(J, -1, -2))
    turned = torch.transpose(v, -1, -2)
    factor = (1 - share * rate * lam) ** (steps + more)[:, None]
    right = (apply(turned, apply(J, theta) - y) * apply(turned, u) * factor).sum(-1)
    return eq(dot(u, at - y), right, names=["u' (f_t - y)", "u' sum c_i v_i (1 - 2c eta lambda_i)^t"])


def _mass(w: Tensor) -> Tensor:
    """the labels are not fitted at the start"""
    return w.sum(-1) > 0


@claim(
    id="crc.eq3.rate",
    title="At which rate eq. (3) decays",
    source=f"extends {EQ3}: 'the NTK, and in turn the convergence rate'",
    lam=D.spectrum("n", lo=0, hi=1),
    w=D.nonneg("n"),
    time=D.interval(0, 50),
    dims={"n": (1, 8)},
    assumes=[_mass],
    mutants={
        "lambda_min of the whole spectrum below": dict(whole=True),
        "one percent more mass below": dict(below=1.01),
        "1.01 lambda above": dict(above=1.01),
    },
)
def eq3_rate(lam: Tensor, w: Tensor, time: Tensor, *, whole: bool = False, below: float = 1.0, above: float = 1.0) -> Relation:
    r"""Along $\dot e = -Ke$, with mass $w_i = (v_i^\top e_0)^2$, let $\lambda_*$ be the smallest eigenvalue with $w_i > 0$
    and $w_*$ its mass. Then $w_*e^{-2\lambda_*t} \le |e_t|^2 \le |e_0|^2e^{-2\lambda_*t}$.

    Tight at: all mass on one eigenvalue.

    Notes: so the rate is $\lambda_*$, which the labels choose; $\lambda_{\min}$, by which CRC queries, is its worst case
    over y.
    """
    top = torch.amax(lam, -1)[..., None]
    lowest = torch.amin(torch.where(w > 0, lam, top), -1)
    mass = torch.where(lam == lowest[..., None], w, torch.zeros_like(w)).sum(-1)
    slow = torch.amin(lam, -1) if whole else lowest
    return chain(
        below * mass * torch.exp(-2 * slow * time),
        LabelMeasure(lam, w).flow_E2(time),
        w.sum(-1) * torch.exp(-2 * above * lowest * time),
        names=["w_* exp(-2 lambda_* t)", "|e_t|^2", "|e_0|^2 exp(-2 lambda_* t)"],
    )
