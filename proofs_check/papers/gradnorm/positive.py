r"""Below eq. (2): "the total influence is generally positive ... removing a training sample will tend to increase the test loss"."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

import altheory as al
from proofs_check import all_of, claim, eq, leq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Table
from proofs_check.papers.gradnorm._settings_influence import METHOD, dot
from proofs_check.relations import Measurement, Relation

POSITIVE = f"{METHOD}: 'sum_j I_loss(x, x_j) is generally positive' (after Koh and Liang, 2017)"
TRAINED, TESTED, REMOVED = 60, 300, 60
#: penalties of the softmax regression, over n
PENALTIES = (1e-3, 1e-2, 1e-1)


def _total(X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor) -> tuple[al.influence.RidgeFit, Tensor]:
    fit = al.influence.ridge(X, y, rho)
    return fit, fit.influences(Z, t).sum(-1)


@claim(
    id="gradnorm.positive",
    title="The total influence of every training point is nonnegative",
    source=POSITIVE,
    reading="of every training point",
    expect="refuted",
    x=D.positive("n"),
    y=D.real("n"),
    Z=D.real("m", 1),
    t=D.real("m"),
    dims={"n": (1, 3), "m": (1, 2)},
    mutants={"less one percent of the gradient": dict(less=0.01), "half": dict(less=0.5)},
)
def positive(x: Tensor, y: Tensor, Z: Tensor, t: Tensor, *, less: float = 0.0) -> Relation:
    r"""For least squares in one dimension with points $x_i>0$ and any test set, $\sum_jI(x_i,x_j)\ge0$ for every training point.

    Counterexample: points 1 and 1 with labels 0 and 2, so $\theta = 1$; test point 1 with label 0: the influences are 1/2 and
    $-1/2$.

    Notes: not an accident: gradnorm.positive.sum.
    """
    fit, total = _total(x[..., None], y, Z, t, 0 * y[:, 0])
    return leq(less * fit.gradients[:, 0, 0].abs(), total[:, 0], names=["0", "total influence"])


@claim(
    id="gradnorm.positive.sum",
    title="The total influences of all training points add up to zero",
    source=f"{METHOD}, eq. (2); own derivation",
    amends="gradnorm.positive",
    reading="no penalty: theta is stationary for the sum of the losses",
    x=D.positive("n"),
    y=D.real("n"),
    Z=D.real("m", 1),
    t=D.real("m"),
    dims={"n": (1, 5), "m": (1, 3)},
    uses=["gradnorm.eq2"],
    mutants={"positive ones one percent larger": dict(scale=1.01), "with a penalty": dict(rho=0.125)},
)
def positive_sum(
    x: Tensor, y: Tensor, Z: Tensor, t: Tensor, *, scale: float = 1.0, rho: float = 0.0
) -> Relation:
    r"""At the minimiser of $\sum_i\ell_i$, for any test set, the positive and the negative total influences of the training points
    cancel: $\sum_x\sum_jI(x,x_j) = 0$. So unless all of them vanish, some training point has a negative one.

    Proof: the sum is $\frac1n\bigl(\sum_jg_j\bigr)^\top H^{-1}\sum_xg_x$, and $\sum_xg_x = 0$: this is what being trained means.
    Nothing else about the model enters.

    Tight at: everywhere.
    """
    _, total = _total(x[..., None], y, Z, t, 0 * y[:, 0] + rho)
    up, down = (total + total.abs()).sum(-1) / 2, (total.abs() - total).sum(-1) / 2
    smallest = total.amin(-1)
    return all_of(eq(scale * up, down, names=["positive influences", "negative influences"]), leq(smallest, 0 * up))


@claim(
    id="gradnorm.positive.ridge_sum",
    title="With a penalty the sum of the total influences has either sign",
    source=f"{METHOD}, eq. (2); own derivation",
    reading="with weight decay",
    X=D.real("n", "d"),
    y=D.real("n"),
    Z=D.real("m", "d"),
    t=D.real("m"),
    rho=D.interval(0.125, 4),
    dims={"n": (1, 4), "d": (1, 2), "m": (1, 3)},
    uses=["gradnorm.eq2"],
    mutants={"one percent more": dict(scale=1.01), "the penalty left out": dict(kept=0.0)},
)
def positive_ridge_sum(
    X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, scale: float = 1.0, kept: float = 1.0
) -> Relation:
    r"""With the penalty $\frac\rho2|\theta|^2$ the sum over the training set is $\sum_x\sum_jI(x,x_j) = -\rho\,\theta^\top A^{-1}
    \sum_jg_j$.

    Proof: $\sum_xg_x = -\rho\theta$ at the minimiser.
    """
    fit, total = _total(X, y, Z, t, rho)
    slope = fit.gradients_at(Z, t).sum(-2)
    rest = rho * dot(fit.theta, torch.linalg.solve(fit.A, slope[..., None])[..., 0])
    return eq(scale * total.sum(-1), -kept * rest, names=["sum of total influences", "-rho theta'A^-1 g"])


@claim(
    id="gradnorm.positive.ridge_sign",
    title="With a penalty the sum of the total influences is nonnegative",
    source=POSITIVE,
    reading="on average over the training set, with weight decay",
    expect="refuted",
    X=D.real("n", "d"),
    y=D.real("n"),
    Z=D.real("m", "d"),
    t=D.real("m"),
    rho=D.interval(0.125, 4),
    dims={"n": (1, 2), "d": (1, 2), "m": (1, 2)},
    mutants={"less one percent of |theta|": dict(less=0.01), "half of it": dict(less=0.5)},
)
def positive_ridge_sign(
    X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, *, less: float = 0.0
) -> Relation:
    r"""With a penalty, $\sum_x\sum_jI(x,x_j)\ge0$ for any test set.

    Counterexample: $x = 1$, label 2, $\rho = 1$, so $\theta = 1$; test point 1 with label 0: the only influence is $-1/2$.
    """
    fit, total = _total(X, y, Z, t, rho)
    return leq(less * fit.theta.abs().sum(-1), total.sum(-1), names=["0", "sum of total influences"])


@dataclass(frozen=True)
class Digits:
    """Total influences and true changes of the test loss, (seeds, penalties, removed)."""

    influences: Tensor
    changes: Tensor


@remembered
def digits(seed: Tensor) -> Digits:
    """Softmax regression on ten principal components of digits of four classes, every training point removed once."""
    rows = [[_removals(s, rate) for rate in PENALTIES] for s in seed.tolist()]
    return Digits(*torch.stack([torch.stack(row) for row in rows]).transpose(0, 2).transpose(1, 2))


@functools.cache
def _components() -> tuple[Tensor, Tensor]:
    data = al.data.load("digits")
    X, y = torch.as_tensor(data.X, dtype=torch.float64), torch.as_tensor(data.y)
    X, y = X[y < 4], y[y < 4]
    X = X - X.mean(0)
    V = torch.linalg.eigh(X.T @ X)[1][:, -10:]
    return X @ V / (X @ V).std(), y


def _removals(seed: int, rate: float) -> Tensor:
    X, y = _components()
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(seed))
    train, test = order[:TRAINED], order[TRAINED : TRAINED + TESTED]
    fit = al.influence.softmax(X[train], y[train], rate * TRAINED, classes=4)
    Z, t = X[test], y[test]
    influences = fit.influences(Z, t).sum(-1)[:REMOVED]
    changes = fit.without(range(REMOVED)).losses(Z, t).sum(-1) - fit.losses(Z, t).sum(-1)
    return torch.stack([influences, changes])


def _shown(seed: Tensor) -> list[Table]:
    run = digits(seed)
    rows = []
    for i, rate in enumerate(PENALTIES):
        I, true = run.influences[:, i], run.changes[:, i]
        rows.append(
            (f"{rate:g}", f"{float((I < 0).double().mean()):.0%}", f"{float((true < 0).double().mean()):.0%}",
             f"{float(I.mean() / I.abs().mean()):+.2f}", f"{float(true.mean() / I.abs().mean()):+.2f}")
        )  # fmt: skip
    columns = ["penalty over n", "influence < 0", "loss falls", "mean influence", "mean true change"]
    return [Table("Removing a training point of digits; means in units of the mean absolute influence", columns, rows)]


@claim(
    id="gradnorm.positive.digits",
    title="On digits, nine in ten training points have a positive total influence",
    source=POSITIVE,
    reading="'generally': at least 90 percent of the training points of a real data set",
    expect="not-reproduced",
    experiment="gradnorm.positive",
    seed=D.seed(),
    mutants={"95 percent": dict(share=0.95), "all": dict(share=1.0)},
)
def positive_digits(seed: Tensor, *, share: float = 0.9) -> Measurement:
    r"""Softmax regression on 60 digits of four classes in ten dimensions, 300 test digits, penalties from $10^{-3}n$ to $n/10$: at
    least 90 percent of the training points have $\sum_jI(x,x_j)>0$.

    Notes: the influences are exact (Newton to $10^{-11}$). gradnorm.positive.sum says why about half of them are negative.
    """
    value = (digits(seed).influences > 0).double().mean((1, 2))
    return measurement(value, expect=(share, math.inf), show=_shown(seed))


@claim(
    id="gradnorm.positive.removal",
    title="On digits, removing a training point raises the test loss on average",
    source=f"{METHOD}: 'removing a training sample will tend to increase the expected test loss'",
    reading="true retraining, the mean over training points",
    expect="reproduced",
    amends="gradnorm.positive.digits",
    experiment="gradnorm.positive",
    seed=D.seed(),
    mutants={"as predicted by eq. (2) and no more": dict(against=-math.inf, most=0.0), "ten times the mean influence": dict(against=10.0)},
)
def positive_removal(seed: Tensor, *, against: float = 0.0, most: float = math.inf) -> Measurement:
    r"""In the same experiment the models are fitted again without each point. The mean of the true change minus the mean of the total
    influence, in units of the mean absolute influence, is positive: removals hurt more than eq. (2) says.

    Proof: for quadratic losses the difference is $\frac{Ih}{1-h}+\frac12|ZA^{-1}g_x|^2/(1-h)^2$, whose last part is never negative;
    eq. (3) drops exactly this part.

    Notes: the paper's tendency is real, and of second order; eq. (2) does not contain it.
    """
    run = digits(seed)
    value = (run.changes.mean((1, 2)) - run.influences.mean((1, 2))) / run.influences.abs().mean((1, 2))
    return measurement(value, expect=(against, most), show=_shown(seed))
