r"""Equation (5): the outputs of a constant kernel along gradient flow and gradient descent."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory.lookahead import Descent, Flow
from proofs_check import claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.lookahead._settings_training import (
    SOURCE,
    chosen,
    descent_everywhere,
    eye,
    flow_everywhere,
    square,
    times,
)
from proofs_check.relations import Relation

EQ5 = f"{SOURCE}, section 3, eq. (5)"
STEPS = 4
SMALL = {"n": (2, 3)}


@claim(
    id="lookahead.eq5.as_printed",
    title="Eq. (5): the outputs along gradient flow, kernel invertible",
    source=EQ5,
    reading="constant kernel, invertible on the training points; the loss is half the sum of squares of section 3",
    K=D.psd("n", cond=1e3),
    f=D.real("n"),
    y=D.real("n"),
    t=D.step_size("K", D.interval(0, 8)),
    dims=SMALL,
    mutants={"the clock one percent fast": dict(clock=1.01), "the pull one percent too strong": dict(share=1.01)},
)
def eq5_as_printed(K: Tensor, f: Tensor, y: Tensor, t: Tensor, *, clock: float = 1.0, share: float = 1.0) -> Relation:
    r"""Let $\dot f_t(x) = -\mathcal{K}(x,X)(f_t(X)-Y)$, gradient flow of $\frac12\|Y-f(X)\|^2$ under a constant kernel, and
    $\mathcal{K} = \mathcal{K}(X,X)$ invertible. Then for every x and $t \ge 0$:
    $f_t(x) = f_0(x)+\mathcal{K}(x,X)\,\mathcal{K}^{-1}(I-e^{-t\mathcal{K}})(Y-f_0(X))$.

    Notes: for a network it holds in the limit of infinite width only. For the mean of the squares, as in the appendix, the
    clock differs: see lookahead.eq26.
    """
    X = slice(0, K.shape[-1] - 1)
    left = eye(K.shape[-1] - 1) - torch.linalg.matrix_exp(-clock * t[:, None, None] * K[:, X, X])
    pull = torch.linalg.solve(K[:, X, X], times(left, (y - f)[:, X])[..., None])[..., 0]
    printed = f[:, -1] + share * (K[:, -1, X] * pull).sum(-1)
    return eq(flow_everywhere(K, f, y, t)[:, -1], printed, names=["f_t(x)", "eq. (5)"])


@claim(
    id="lookahead.eq5",
    title="Eq. (5) for every kernel, singular ones included",
    source=EQ5,
    sharpens="lookahead.eq5.as_printed",
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    t=D.step_size("K", D.interval(0, 8)),
    dims=SMALL,
    mutants={"the clock one percent fast": dict(clock=1.01), "the pull one percent too strong": dict(share=1.01)},
)
def eq5(K: Tensor, f: Tensor, y: Tensor, t: Tensor, *, clock: float = 1.0, share: float = 1.0) -> Relation:
    r"""For every positive semidefinite kernel, with duplicated points and conflicting labels if need be: $f_t(x) =
    f_0(x)+\mathcal{K}(x,X)\,\phi_t(\mathcal{K})\,(Y-f_0(X))$ with $\phi_t(\mathcal{K}) = \int_0^te^{-s\mathcal{K}}ds$.

    Proof: $\phi_t$ is entire, and $\phi_t(\mathcal{K}) = \mathcal{K}^{-1}(I-e^{-t\mathcal{K}})$ where the inverse exists; both
    sides solve the same linear equation.
    """
    now = al.lookahead.train(K, f, y, range(K.shape[-1] - 1), Flow(clock * t))[:, -1]
    return eq(flow_everywhere(K, f, y, t)[:, -1], f[:, -1] + share * (now - f[:, -1]), names=["f_t(x)", "phi_t form"])


@claim(
    id="lookahead.eq5.descent",
    title="Eq. (5) for gradient descent",
    source=EQ5,
    reading="gradient descent with a finite step, which is what the paper trains with",
    K=D.psd("n"),
    f=D.real("n"),
    y=D.real("n"),
    eta=D.step_size("K", D.interval(0, 3)),
    m=D.integer(0, STEPS),
    dims=SMALL,
    mutants={"steps one percent longer": dict(longer=1.01), "the pull one percent too strong": dict(share=1.01)},
)
def eq5_descent(
    K: Tensor, f: Tensor, y: Tensor, eta: Tensor, m: Tensor, *, longer: float = 1.0, share: float = 1.0
) -> Relation:
    r"""After m steps of size $\eta$ on $\frac12\|Y-f(X)\|^2$:
    $f_m(x) = f_0(x)+\mathcal{K}(x,X)\,\eta\sum_{s<m}(I-\eta\mathcal{K})^s\,(Y-f_0(X))$, for every step size; where the inverse
    exists the sum is $\mathcal{K}^{-1}(I-(I-\eta\mathcal{K})^m)$.
    """
    X = range(K.shape[-1] - 1)
    closed = chosen([al.lookahead.train(K, f, y, X, Descent(longer * eta, s))[:, -1] for s in range(STEPS + 1)], m)
    stepped = descent_everywhere(K, f, y, eta, m, STEPS)[:, -1]
    return eq(stepped, f[:, -1] + share * (closed - f[:, -1]), names=["f_m(x), step by step", "closed form"])


@claim(
    id="lookahead.eq5.descent.error",
    title="Gradient descent converges for steps below 2 over the largest eigenvalue",
    source=EQ5,
    lam=D.spectrum("n", lo=0, hi=1),
    r=D.real("n"),
    eta=D.step_size("lam", D.interval(0, 3)),
    m=D.integer(0, 6),
    dims={"n": (1, 2)},
    mutants={"one percent less": dict(share=0.99), "one step further": dict(ahead=1)},
)
def eq5_descent_error(lam: Tensor, r: Tensor, eta: Tensor, m: Tensor, *, share: float = 1.0, ahead: int = 0) -> Relation:
    r"""With $\rho = \max_i|1-\eta\lambda_i|$ the residual after m steps has $|r_m|^2 \le \rho^{2m}|r_0|^2$. All positive
    eigenvalues below $2/\eta$: it converges, whatever the labels.

    Tight at: $r_0$ an eigenvector for the largest $|1-\eta\lambda|$. At $\eta\lambda = 2$ that factor is 1: the bound of the
    step size is strict (lookahead.eq5.descent.one_mode).
    """
    factors = 1 - eta[:, None] * lam
    error = square(factors ** m[:, None] * r)
    rho = torch.amax(factors.abs(), -1)
    return leq(error, share * rho ** (2 * (m + ahead)) * square(r), names=["|r_m|^2", "rho^(2 m) |r_0|^2"])


@claim(
    id="lookahead.eq5.descent.one_mode",
    title="One eigenvector under gradient descent: killed at 1, oscillating at 2",
    source=EQ5,
    v=D.real("n"),
    f=D.real("n"),
    y=D.real("n"),
    u=D.interval(0, 3),
    m=D.integer(0, STEPS),
    dims=SMALL,
    assumes=[lambda v: square(v[:, :-1]) > 0],
    uses=["lookahead.eq5.descent"],
    mutants={"the factor one percent larger": dict(share=1.01), "u off by 0.01": dict(off=0.01)},
)
def eq5_descent_one_mode(
    v: Tensor, f: Tensor, y: Tensor, u: Tensor, m: Tensor, *, share: float = 1.0, off: float = 0.0
) -> Relation:
    r"""Let the kernel have rank one, $\mathcal{K}(x,z) = v(x)v(z)$, with eigenvalue $\lambda$ on the training points, and
    $\eta\lambda = u$. Then $f_m(x)-f_\infty(x) = (1-u)^m\,(f_0(x)-f_\infty(x))$, $f_\infty$ the limit of gradient flow:
    done after one step at $u = 1$, swinging for ever between $f_0$ and its mirror image at $u = 2$, diverging beyond.
    """
    kept = v[:, :-1]
    limit = f[:, -1] + v[:, -1] * (kept * (y - f)[:, :-1]).sum(-1) / square(kept)
    now = descent_everywhere(v[:, :, None] * v[:, None, :], f, y, u / square(kept), m, STEPS)[:, -1]
    factor = share * (1 - u - off) ** m
    return eq(now - limit, factor * (f[:, -1] - limit), names=["f_m - f_inf", "(1 - u)^m (f_0 - f_inf)"])


@claim(
    id="lookahead.eq5.descent.closed_interval",
    title="The smallest eigenvalue alone sets the speed, steps up to 2 included",
    source=EQ5,
    reading="a step size up to 2 over the largest eigenvalue, as if descent were the flow",
    expect="refuted",
    lam=D.spectrum("n", lo=0, hi=1),
    r=D.real("n"),
    eta=D.step_size("lam", D.interval(0, 2)),
    m=D.integer(1, 6),
    dims={"n": (1, 2)},
    mutants={"one percent less": dict(share=0.99), "one step further": dict(ahead=1)},
)
def eq5_descent_closed_interval(
    lam: Tensor, r: Tensor, eta: Tensor, m: Tensor, *, share: float = 1.0, ahead: int = 0
) -> Relation:
    r"""For $0 \le \eta\lambda_{\max} \le 2$ and $m \ge 1$ the residual falls as its slowest mode does in eq. (5):
    $|r_m|^2 \le (1-\eta\lambda_{\min})^{2m}|r_0|^2$.

    Counterexample: $\eta\lambda = (1, 2)$, $r_0 = (0, 1)$: the right side is 0 after one step, the left side 1 for ever.

    Notes: true for $\eta\lambda_{\max} \le 1$, and for the flow. The paper has gradient flow in its formulas and gradient
    descent in its experiments.
    """
    error = square((1 - eta[:, None] * lam) ** m[:, None] * r)
    slowest = (1 - eta * torch.amin(lam, -1)) ** (2 * (m + ahead))
    return leq(error, share * slowest * square(r), names=["|r_m|^2", "(1 - eta lambda_min)^(2 m) |r_0|^2"])
