r"""Eq. (2): the total influence of a training point, summed over the test set."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, eq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_influence import METHOD, dot, loss, refitted
from proofs_check.relations import Relation

EQ2 = f"{METHOD}, eq. (2)"


@claim(
    id="gradnorm.eq2",
    title="The total influence is one product with the summed test gradient",
    source=EQ2,
    X=D.real("n", "d"),
    y=D.real("n"),
    Z=D.real("m", "d"),
    t=D.real("m"),
    rho=D.interval(0.125, 4),
    dims={"n": (1, 4), "d": (1, 3), "m": (1, 4)},
    uses=["gradnorm.eq1.weights"],
    mutants={"one percent more": dict(scale=1.01), "the last test point forgotten": dict(forgotten=1)},
)
def eq2(
    X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, scale: float = 1.0, forgotten: int = 0
) -> Relation:
    r"""$\sum_jI(x,x_j) = \frac1n\bigl(\sum_jg_j\bigr)^\top H^{-1}g_x$ for every training point x.

    Notes: by linearity. n is the size of the training set, j runs over the test set; x must have been trained on.
    """
    fit = al.influence.ridge(X, y, rho)
    n, count = X.shape[-2], Z.shape[-2] - forgotten
    total = fit.gradients_at(Z[:, :count], t[:, :count]).sum(-2)
    average = fit.A / n
    once = dot(fit.gradients, torch.linalg.solve(average, total[..., None]).mT) / n
    weights = 1 + torch.arange(n)
    return eq(scale * dot(weights, fit.influences(Z, t).sum(-1)), dot(weights, once), names=["sum of influences", "one product"])


@claim(
    id="gradnorm.eq2.mean_loss",
    title="The test loss that eq. (2) belongs to is a sum: with the mean it fails",
    source=EQ2,
    reading="the test loss is the mean over the test set",
    expect="refuted",
    X=D.real("n", "d"),
    y=D.real("n"),
    Z=D.real("m", "d"),
    t=D.real("m"),
    rho=D.interval(0.125, 4),
    dims={"n": (1, 2), "d": (1, 2), "m": (1, 3)},
    mutants={"one percent more": dict(scale=1.01), "one percent less": dict(scale=0.99)},
)
def eq2_mean_loss(X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, scale: float = 1.0) -> Relation:
    r"""Let $L_\pm$ be the *mean* test losses when the weight of the first training point is changed by $\pm1$, and S the mean of
    $(z_j\cdot A^{-1}g_x)^2$. Then $\frac12(L_--L_+) = \frac{\sum_jI(x,x_j)}{1-h^2}+\frac{hS}{(1-h^2)^2}$: the total influence is
    the derivative of the mean test loss.

    Counterexample: train (1, label 1), penalty 1, and two test points (1, label 0): the difference is $-1/9$, the right side
    $-5/18$.

    Notes: so $L_{test}$ in eq. (3) must be the sum of the test losses: gradnorm.eq2.sum_loss.
    """
    return _symmetric_difference(X, y, Z, t, rho, scale, mean=True)


@claim(
    id="gradnorm.eq2.sum_loss",
    title="The total influence is the derivative of the summed test loss",
    source=EQ2,
    amends="gradnorm.eq2.mean_loss",
    reading="the test loss is the sum over the test set",
    X=D.real("n", "d"),
    y=D.real("n"),
    Z=D.real("m", "d"),
    t=D.real("m"),
    rho=D.interval(0.125, 4),
    dims={"n": (1, 2), "d": (1, 2), "m": (1, 3)},
    uses=["gradnorm.eq1.weights"],
    mutants={"one percent more": dict(scale=1.01), "the mean": dict(mean=True)},
)
def eq2_sum_loss(
    X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, scale: float = 1.0, mean: bool = False
) -> Relation:
    r"""Let $L_\pm$ be the total test losses when the weight of the first training point is changed by $\pm1$. Then
    $\frac12(L_--L_+) = \frac{\sum_jI(x,x_j)}{1-h^2}+\frac{h\,|ZA^{-1}g_x|^2}{(1-h^2)^2}$.
    """
    return _symmetric_difference(X, y, Z, t, rho, scale, mean=mean)


def _symmetric_difference(
    X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, scale: float, *, mean: bool
) -> Relation:
    fit = al.influence.ridge(X, y, rho)
    weights = torch.ones(2, X.shape[-2])
    weights[0, 0], weights[1, 0] = 0.0, 2.0
    both = loss(refitted(X, y, rho, weights + 0 * rho[:, None, None]), Z, t)
    change = (both[:, 0] - both[:, 1]) / (2 * Z.shape[-2] if mean else 2)
    h, I = fit.leverages[:, 0], fit.influences(Z, t).sum(-1)[:, 0]
    moved = (Z @ torch.linalg.solve(fit.A, fit.gradients[:, 0, :, None]))[..., 0]
    share = 1 - h * h
    second = h * dot(moved, moved) / (share * share) / (Z.shape[-2] if mean else 1)
    return eq(change, scale * I / share + second, names=["half the difference of the losses", "by the influence"])
