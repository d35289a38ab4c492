r"""Training a model that is linear in its parameters, in kernel form: exact, and the reason why kernels matter at all."""

from __future__ import annotations

import torch
from torch import Tensor

from proofs_check import chain, claim, eq
from proofs_check import domains as D
from proofs_check.papers.common.odd_part import quadratic
from proofs_check.relations import Relation

SOURCE = "Jacot, Gabriel, Hongler (2018), arXiv:1806.07572; Lee et al. (2019), arXiv:1902.06720, section 2.2"
STEPS = 6


@claim(
    id="common.linear_training",
    title="Gradient descent on a linearised model is linear in the residual",
    source=SOURCE,
    jacobian=D.real("n", "p"),
    y=D.real("n"),
    eta=D.interval(0, 2),
    t=D.integer(0, STEPS),
    dims={"n": (1, 6), "p": (1, 6)},
    mutants={"one step fewer": dict(late=1), "one percent larger steps": dict(factor=1.01)},
)
def linear_training(jacobian: Tensor, y: Tensor, eta: Tensor, t: Tensor, *, late: int = 0, factor: float = 1.0) -> Relation:
    r"""Let $f(\theta) = J\theta$ and $\theta_{s+1} = \theta_s - \eta J^\top(J\theta_s-y)$ from $\theta_0 = 0$. Then after
    t steps $|J\theta_t-y|^2 = |(I-\eta JJ^\top)^ty|^2$, for every step size.
    """
    theta, residual = 0 * jacobian[:, 0], y
    K = jacobian @ jacobian.mT
    for s in range(STEPS):
        running = (s < t)[:, None]
        step = eta[:, None] * (jacobian.mT @ ((jacobian @ theta[..., None])[..., 0] - y)[..., None])[..., 0]
        theta = torch.where(running, theta - step, theta)
        counted = (s < t - late)[:, None]
        residual = torch.where(counted, residual - factor * eta[:, None] * (K @ residual[..., None])[..., 0], residual)
    error = (jacobian @ theta[..., None])[..., 0] - y
    return eq((error * error).sum(-1), (residual * residual).sum(-1), names=["|J theta_t - y|^2", "|(I - eta K)^t y|^2"])


@claim(
    id="common.one_step",
    title="What one step of gradient descent does to the squared error",
    source=SOURCE,
    K=D.psd("n"),
    u=D.real("n"),
    eta=D.step_size("K", D.interval(0, 1)),
    dims={"n": (1, 8)},
    mutants={"one percent faster at most": dict(fast=0.99), "one percent faster at least": dict(slow=1.01)},
)
def one_step(K: Tensor, u: Tensor, eta: Tensor, *, fast: float = 1.0, slow: float = 1.0) -> Relation:
    r"""If $0 \le \eta\lambda_i \le 1$ for every eigenvalue of K, then
    $|u|^2 - 2\eta\,u^\top Ku \;\le\; |(I-\eta K)u|^2 \;\le\; |u|^2 - \eta\,u^\top Ku$.

    Tight at: u an eigenvector with eigenvalue 0 (both) or $1/\eta$ (right).
    """
    moved = u - eta[:, None] * (K @ u[..., None])[..., 0]
    square, drop = (u * u).sum(-1), eta * quadratic(K, u)
    names = ["|u|^2 - 2 eta u'Ku", "|(I - eta K) u|^2", "|u|^2 - eta u'Ku"]
    return chain(square - 2 * fast * drop, (moved * moved).sum(-1), square - slow * drop, names=names)
