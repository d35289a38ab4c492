r"""Remark A.1: the integral of the training direction over infinite time, and the steps of its proof.

The cost is $C(f) = \frac1N\sum_i(f(x_i)-y_i)^2$ over all N points of $p^{in}$, training on the set S of them has the direction
$d = 2(f-y)$ on S and 0 elsewhere (`eq16`), and under a constant kernel $r_t = f_t(S)-y$ obeys $\dot r =
-\frac2N\mathcal{K}_Sr$. With $\|d\|_{p^{in}}^2 = \frac1N\sum_id(x_i)^2$ the direction has the norm $\frac{2}{\sqrt{N}}|r_t|$.
"""

from __future__ import annotations

import torch
from torch import Tensor

from altheory.lookahead import Converged, Flow
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.lookahead._settings_training import SOURCE, in_units_of, quadratic, square, times
from proofs_check.relations import Relation

REMARK = f"{SOURCE}, Remark A.1"


def _distinct(x: Tensor) -> Tensor:
    """no two of the three inputs are the same"""
    gaps = (x - x[:, [1, 2, 0]])[..., 0]
    return torch.amin(gaps.abs(), -1) > 0


@claim(
    id="lookahead.remark_a1.as_printed",
    title="Remark A.1: the training direction has a bounded integral",
    source=REMARK,
    reading="any Lipschitz, twice differentiable activation, as printed: the identity is one",
    expect="refuted",
    x=D.real(3, 1),
    y=D.real(3),
    line=D.real(2),
    beta=D.interval(0.0625, 1),
    assumes=[_distinct],
    mutants={"one percent less": dict(below=0.01), "no more than the start": dict(below=0.5)},
)
def remark_a1_as_printed(x: Tensor, y: Tensor, line: Tensor, beta: Tensor, *, below: float = 0.0) -> Relation:
    r"""Let the activation be the identity: the limiting kernel is $axz+b\beta^2$, $a, b > 0$ by depth (here 1), and $f_0$ a
    line. Then $\int_0^T\|d\|_{p^{in}}dt$ stays bounded as $T \to \infty$ for three different points and any labels. The norm
    never grows, so that a bounded integral forces $\|d\|_{p^{in}}^2 \to 0$: here the limit is claimed to be at most 0.

    Counterexample: inputs 0, 1, 2 (or 0, u, 2u in any dimension), labels 0, 1, 0: no line fits them, the residual tends to
    (1, -2, 1)/3, of norm .816, the norm of d to $\sqrt{8/9}$, and the integral grows linearly.

    Notes: $\mathcal{K}$ is singular on these points. Jacot et al. assume an activation for which it is not; under that reading:
    lookahead.remark_a1. The proof is invalid either way (lookahead.remark_a1.decreasing, lookahead.remark_a1.never_fitted), and
    circular: the constant kernel that gives the decay is itself deduced from the bounded integral.
    """
    K = x @ x.mT + (beta * beta)[:, None, None]
    start = line[:, :1] * x[..., 0] + line[:, 1:]
    end = times(Converged().remain(K), start - y)
    return leq(4 * square(end) / 3, below * 4 * square(start - y) / 3, names=["lim |d|^2", "0"])


@claim(
    id="lookahead.remark_a1",
    title="Remark A.1 for a kernel that is not singular: how fast the direction dies",
    source=REMARK,
    reading="constant kernel, positive definite on S, as Jacot et al. have it: what remains is true",
    amends="lookahead.remark_a1.as_printed",
    J=D.real("m", 2),
    r=D.real("m"),
    others=D.integer(0, 3),
    time=D.interval(0, 8),
    dims={"m": (1, 2)},
    assumes=[lambda J: torch.linalg.det(J @ J.mT) > 0],
    mutants={"one percent less": dict(share=0.99), "the speed one percent up": dict(speed=1.01)},
)
def remark_a1(J: Tensor, r: Tensor, others: Tensor, time: Tensor, *, share: float = 1.0, speed: float = 1.0) -> Relation:
    r"""Let $\lambda_{\min} > 0$ be the smallest eigenvalue of $\mathcal{K}_S$ and N the number of points of $p^{in}$. At all
    times $\|d\|_{p^{in}}^2 \le \frac4Ne^{-4t\lambda_{\min}/N}|r_0|^2$. Hence $\int_0^\infty\|d\|_{p^{in}}dt \le
    \sqrt{N}\,|r_0|/\lambda_{\min}$.

    Tight at: $r_0$ an eigenvector of $\lambda_{\min}$, at all times, so that the integral is attained too.

    Notes: "bounded" holds stage by stage, each with its own $r_0$. For a network this needs the kernel to stay near its start
    for all times, and $\lambda_{\min} > 0$, which the paper does not assume.
    """
    K, N = J @ J.mT, J.shape[-2] + others.double()
    t = N * in_units_of(J, time)
    rest = times(Flow(2 * t / N).remain(K), r)
    lowest = torch.amin(torch.linalg.eigvalsh(K), -1)
    bound = share * 4 / N * torch.exp(-4 * speed * t * lowest / N) * square(r)
    return leq(4 / N * square(rest), bound, names=["|d|^2", "4/N e^(-4 t lambda_min / N) |r_0|^2"])


@claim(
    id="lookahead.remark_a1.fitting_labels",
    title="Remark A.1 for a singular kernel and labels that it can fit",
    source=REMARK,
    reading="constant kernel, singular, with the labels in f_0 + range K",
    sharpens="lookahead.remark_a1",
    v=D.real("m"),
    w=D.real(),
    others=D.integer(0, 3),
    time=D.interval(0, 8),
    dims={"m": (1, 3)},
    assumes=[lambda v: square(v) > 0],
    mutants={"one percent more": dict(share=1.01), "the speed one percent up": dict(speed=1.01)},
)
def remark_a1_fitting_labels(
    v: Tensor, w: Tensor, others: Tensor, time: Tensor, *, share: float = 1.0, speed: float = 1.0
) -> Relation:
    r"""If $r_0$ lies in the range of $\mathcal{K}_S$, its least positive eigenvalue takes the place of $\lambda_{\min}$. Here
    $\mathcal{K}_S = vv^\top$ and $r_0 = wv$: $\|d\|_{p^{in}}^2 = \frac4Ne^{-4t|v|^2/N}w^2|v|^2$, exactly.
    """
    N = v.shape[-1] + others.double()
    t = N * in_units_of(v[:, None], time)
    rest = times(Flow(2 * t / N).remain(v[:, :, None] * v[:, None, :]), w[:, None] * v)
    decay = torch.exp(-4 * speed * t * square(v) / N)
    return eq(
        4 / N * square(rest), share * 4 / N * decay * w * w * square(v), names=["|d|^2", "4/N e^(-4 t |v|^2 / N) |r_0|^2"]
    )


@claim(
    id="lookahead.remark_a1.squared_norm",
    title="Remark A.1 with the square of the norm under the integral, as eq. (22) has it",
    source=REMARK,
    reading="the left side of eq. (22) taken as printed: E[d^2] in the place of the norm; kernel not singular",
    J=D.real("m", 2),
    r=D.real("m"),
    others=D.integer(0, 3),
    time=D.interval(0, 64),
    dims={"m": (1, 2)},
    assumes=[lambda J: torch.linalg.det(J @ J.mT) > 0],
    mutants={"one percent less": dict(share=0.99), "N one too small": dict(fewer=1)},
)
def remark_a1_squared_norm(
    J: Tensor, r: Tensor, others: Tensor, time: Tensor, *, share: float = 1.0, fewer: int = 0
) -> Relation:
    r"""$\int_0^T\|d\|_{p^{in}}^2dt = \frac4N\,r_0^\top\phi_{4T/N}(\mathcal{K}_S)\,r_0 \le r_0^\top\mathcal{K}_S^{-1}r_0$, with
    $\phi_t(\mathcal{K}) = \int_0^te^{-s\mathcal{K}}ds$: bounded, whatever N.

    Tight at: $T \to \infty$.
    """
    K, N = J @ J.mT, J.shape[-2] + others.double()
    span = 4 * in_units_of(J, time)
    # in the time s = 4 t / N the square of the norm, 4/N |r|^2 dt, is |r|^2 ds
    integral = quadratic(Flow(span).pull(K), r)
    limit = (r * torch.linalg.solve(K, r[..., None])[..., 0]).sum(-1)
    return leq(integral, share * (N - fewer) / N * limit, names=["integral of |d|^2", "r_0' K^-1 r_0"])


# the steps of the proof


@claim(
    id="lookahead.remark_a1.decreasing",
    title="Remark A.1, proof: a strictly decreasing norm need not have a bounded integral",
    source=f"against {REMARK}, proof: 'this norm is strictly decreasing and thus the integral is bounded'",
    bound=D.interval(0, 64),
    mutants={"one percent more": dict(share=1.01), "by one more than the bound": dict(slack=1.0)},
)
def remark_a1_decreasing(bound: Tensor, *, share: float = 1.0, slack: float = 0.0) -> Relation:
    r"""The function $h(t) = 1/(1+t)$ decreases strictly to 0, and for every B its integral from 0 to $T = e^B$ is at least B:
    $B \le \log(1+e^B)$.
    """
    return leq(share * bound + slack, torch.log1p(torch.exp(bound)), names=["B", "integral of h up to e^B"])


@claim(
    id="lookahead.remark_a1.never_fitted",
    title="Remark A.1, proof: gradient flow fits no label in finite time",
    source=f"against {REMARK}, proof: 'there is t with f_t(x_j) = f*(x_j)'",
    J=D.real("m", 2),
    r=D.real("m"),
    time=D.interval(0, 8),
    dims={"m": (1, 2)},
    assumes=[lambda J: square(J.flatten(1)) > 0],
    mutants={"one percent more": dict(share=1.01), "the speed one percent down": dict(speed=0.99)},
)
def remark_a1_never_fitted(J: Tensor, r: Tensor, time: Tensor, *, share: float = 1.0, speed: float = 1.0) -> Relation:
    r"""At every finite time $0 < e^{-4t\lambda_{\max}/N}|r_0|^2 \le |r_t|^2 \le |r_0|^2$ unless $r_0 = 0$ (here $N = m$): the
    labels are reached at $t = \infty$ only.

    Tight at: $r_0$ an eigenvector of $\lambda_{\max}$ (left), a residual that the kernel does not see (right).

    Notes: on the right the norm is constant, not strictly decreasing, where $\mathcal{K}_Sr_0 = 0$.
    """
    K = J @ J.mT
    t = in_units_of(J, time)  # 2 / N times the time
    rest = square(times(Flow(t).remain(K), r))
    highest = torch.amax(torch.linalg.eigvalsh(K), -1)
    return chain(
        share * torch.exp(-2 * speed * t * highest) * square(r),
        rest,
        square(r),
        names=["e^(-4 t lambda_max / N) |r_0|^2", "|r_t|^2", "|r_0|^2"],
    )
