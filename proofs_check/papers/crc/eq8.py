r"""Equation (8) and section 2.4: what a small Hessian of f does to the perturbations."""

from __future__ import annotations

import torch
from torch import Tensor

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
    apply,
    stepped,
)
from proofs_check.relations import Relation

EQ8 = f"{SOURCE}, section 2.4, eq. (8)"
LIPSCHITZ = f"{SOURCE}, section 2.4, 'a hard constraint' on the Hessian"


def _bend(Q: Tensor) -> Tensor:
    """H, the largest spectral norm of the second derivatives of an output"""
    lam = torch.linalg.eigvalsh((Q + torch.transpose(Q, -1, -2)) / 2)
    return torch.maximum(-lam[..., 0], lam[..., -1]).amax(-1)


@claim(
    id="crc.eq8.xi",
    title="Eq. (8) for xi, as an order of magnitude",
    source=EQ8,
    reading="xi <= C H eta^2 L with some constant; here C = 100",
    expect="refuted",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    mutants={"C = 50": dict(constant=50.0), "C = 10": dict(constant=10.0)},
)
def eq8_xi(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, constant: float = 100.0) -> Relation:
    r"""If $\|\nabla^2f_i\| \le H$ and $L = \frac12|e|^2$, then $\xi_t \le C\,H\,\eta^2L_t$ with a constant C, here 100.

    In the paper: $\xi_t,\varepsilon_t \sim L_t\,\eta^2H$.

    Counterexample: $f = \theta$, $e = 1$, $\eta = 1$: $H = 0$ and $\xi_t = \frac12$.

    Notes: for every linear model $\xi_t = \varepsilon_t = \frac12\eta^2e^\top K^2e$, so no constant helps, nor one that
    depends on K. It is the difference $\xi_t-\varepsilon_t$ that H controls: crc.eq8.
    """
    step = stepped(e, J, Q, eta, 0.5)
    return leq(step.xi, constant * _bend(Q) * eta * eta * step.loss, names=["xi", "C H eta^2 L"])


@claim(
    id="crc.eq8.eps",
    title="Eq. (8) for eps, as an order of magnitude",
    source=EQ8,
    reading="eps <= C H eta^2 L with some constant; here C = 100",
    expect="refuted",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    mutants={"C = 50": dict(constant=50.0), "C = 10": dict(constant=10.0)},
)
def eq8_eps(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, constant: float = 100.0) -> Relation:
    r"""If $\|\nabla^2f_i\| \le H$ and $L = \frac12|e|^2$, then $\varepsilon_t \le C\,H\,\eta^2L_t$ with a constant C, here 100.

    Counterexample: $f = \theta$, $e = 1$, $\eta = 1$: $H = 0$ and $\varepsilon_t = \frac12$.
    """
    step = stepped(e, J, Q, eta, 0.5)
    return leq(step.eps, constant * _bend(Q) * eta * eta * step.loss, names=["eps", "C H eta^2 L"])


@claim(
    id="crc.eq8",
    title="Eq. (8), corrected: the Hessian controls the difference",
    source=f"replaces {EQ8}; own derivation",
    reading="'the part that depends on H'",
    amends="crc.eq8.xi",
    expect="tight",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    c=D.interval(0.0625, 4),
    dims=SMALL,
    on=ON_MODELS,
    uses=["crc.perturbation"],
    mutants={
        "the 2-norm of e for its 1-norm": dict(norm=2),
        "one percent less": dict(share=0.99),
        "the largest eigenvalue of the Hessians for their norm": dict(one_sided=True),
    },
)
def eq8(
    e: Tensor,
    J: Tensor,
    Q: Tensor,
    eta: Tensor,
    c: Tensor,
    *,
    norm: int = 1,
    share: float = 1.0,
    one_sided: bool = False,
) -> Relation:
    r"""If $\|\nabla^2f_i\| \le H$ along the step and $L = c\,|e|^2$, then
    $|\xi_t-2c\,\varepsilon_t| \le c\,H\,|e|_1\,|\nabla L_t|^2\,\eta^2$; that is
    $|\xi_t-\varepsilon_t| \le \frac12H\,|e|_1|\nabla L_t|^2\eta^2$ for $c = 1/2$.

    Proof: $\xi_t-2c\,\varepsilon_t = -2c\,e^\top\int_0^\eta(h'(\gamma)-h'(0))\,d\gamma$ (crc.perturbation), and
    $|h_i'(\gamma)-h_i'(0)| \le \gamma H|\nabla L_t|^2$.

    Tight at: $\nabla^2f_i = \mathrm{sign}(e_i)\,H\,I$, in particular one example.
    """
    step = stepped(e, J, Q, eta, c)
    size = torch.linalg.vector_norm(e, dim=-1) if norm == 2 else e.abs().sum(-1)
    symmetric = (Q + torch.transpose(Q, -1, -2)) / 2
    bend = torch.relu(torch.linalg.eigvalsh(symmetric)[..., -1].amax(-1)) if one_sided else _bend(Q)
    return leq(
        (step.xi - 2 * c * step.eps).abs(),
        share * c * bend * size * step.gradient_square * eta * eta,
        names=["|xi - 2c eps|", "c H |e|_1 |grad L|^2 eta^2"],
    )


@claim(
    id="crc.eq8.power_of_the_loss",
    title="Eq. (8), corrected, in powers of the loss",
    source=f"replaces {EQ8}; own derivation",
    sharpens="crc.eq8",
    expect="tight",
    e=RESIDUAL,
    J=JACOBIAN,
    Q=HESSIAN,
    eta=ETA,
    dims=SMALL,
    on=ON_MODELS,
    uses=["crc.eq8"],
    mutants={"one percent less of the first": dict(first=0.99), "one percent less of the second": dict(second=0.99)},
)
def eq8_power_of_the_loss(e: Tensor, J: Tensor, Q: Tensor, eta: Tensor, *, first: float = 1.0, second: float = 1.0) -> Relation:
    r"""For $L = \frac12|e|^2$: $|\xi_t-\varepsilon_t| \le \frac12H\eta^2|e|_1|\nabla L_t|^2 \le
    \sqrt{2n}\,H\,\lambda_{\max}(K_t)\,\eta^2L_t^{3/2}$.

    Tight at: one example.

    Notes: so the power of the loss is $3/2$, and eq. (8) has 1. While the loss stays below $L_0$ that is only another constant.
    """
    step = stepped(e, J, Q, eta, 0.5)
    bend, n = _bend(Q), e.shape[-1] + 0 * eta
    root = torch.sqrt(2 * n * step.loss)
    return chain(
        (step.xi - step.eps).abs(),
        first * bend * e.abs().sum(-1) * step.gradient_square * eta * eta / 2,
        second * bend * root * step.eigenvalues[..., -1] * eta * eta * step.loss,
        names=["|xi - eps|", "H |e|_1 |grad L|^2 eta^2 / 2", "sqrt(2n) H lambda_max eta^2 L^(3/2)"],
    )


# the constraint


@claim(
    id="crc.eq8.one_sided",
    title="A bound of the Hessian from above makes the gradient Lipschitz",
    source=LIPSCHITZ,
    reading="as printed: the Hessian is at most H I, from above only",
    expect="refuted",
    Q=D.real("p", "p"),
    v=D.real("p"),
    gamma=D.interval(0, 1),
    more=D.nonneg(),
    dims={"p": (1, 3)},
    mutants={"one percent less": dict(share=0.99), "half": dict(share=0.5)},
)
def eq8_one_sided(Q: Tensor, v: Tensor, gamma: Tensor, more: Tensor, *, share: float = 1.0) -> Relation:
    r"""If $\nabla^2f \le H\,I$ (as quadratic forms) with $H \ge 0$, then $\|\nabla f(\theta-\gamma v)-\nabla f(\theta)\| \le
    \gamma H\|v\|$: for $f(\theta) = \frac12\theta^\top Q\theta$ and every $H \ge \max(\lambda_{\max}(Q), 0)$.

    In the paper: "Supposing a hard constraint $\nabla^2f \preceq HI$, we have $\|\nabla f(\theta-\gamma v)-\nabla
    f(\theta)\| \le \gamma Hv$".

    Repairs: $\gamma Hv$ is read as $\gamma H\|v\|$.

    Counterexample: $f(t) = -5t^2$, $H = 0$, $\gamma = v = 1$: $\|\nabla f(-1)-\nabla f(0)\| = 10$.

    Notes: with $-HI$ below as well it is right, crc.eq8.two_sided; the sentence before speaks of Lipschitz gradients.
    """
    symmetric = (Q + torch.transpose(Q, -1, -2)) / 2
    bound = torch.relu(torch.linalg.eigvalsh(symmetric)[..., -1]) + more
    moved = torch.linalg.vector_norm(apply(symmetric, gamma[:, None] * v), dim=-1)
    length = torch.linalg.vector_norm(v, dim=-1)
    return leq(moved, share * gamma * bound * length, names=["|grad f(theta - gamma v) - grad f(theta)|", "gamma H |v|"])


@claim(
    id="crc.eq8.two_sided",
    title="A bound of the Hessian from both sides makes the gradient Lipschitz",
    source=f"replaces {LIPSCHITZ}",
    reading="a slip of notation: the norm of the Hessian is at most H",
    amends="crc.eq8.one_sided",
    expect="tight",
    Q=D.real("p", "p"),
    v=D.real("p"),
    gamma=D.interval(0, 1),
    more=D.nonneg(),
    dims={"p": (1, 3)},
    mutants={"one percent less": dict(share=0.99), "one percent less on the way": dict(step=1.01)},
)
def eq8_two_sided(Q: Tensor, v: Tensor, gamma: Tensor, more: Tensor, *, share: float = 1.0, step: float = 1.0) -> Relation:
    r"""If $-HI \le \nabla^2f \le HI$, then $\|\nabla f(\theta-\gamma v)-\nabla f(\theta)\| \le \gamma H\|v\|$: for
    $f(\theta) = \frac12\theta^\top Q\theta$ and every $H \ge \|Q\|$.

    Tight at: v a top eigenvector.
    """
    symmetric = (Q + torch.transpose(Q, -1, -2)) / 2
    bound = _bend(Q[:, None]) + more
    moved = torch.linalg.vector_norm(apply(symmetric, step * gamma[:, None] * v), dim=-1)
    length = torch.linalg.vector_norm(v, dim=-1)
    return leq(moved, share * gamma * bound * length, names=["|grad f(theta - gamma v) - grad f(theta)|", "gamma H |v|"])
