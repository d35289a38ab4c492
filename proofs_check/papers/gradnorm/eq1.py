r"""Eq. (1): the influence of removing a training point on the loss at a test point."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, eq, leq, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.gradnorm._settings_influence import METHOD, SOURCE, all_but_one, dot, loss, refitted
from proofs_check.relations import Rate, Relation

EQ1 = f"{METHOD}, eq. (1)"
SIZES = (50, 100, 200, 400)
REMOVED, TESTED = 25, 50


@claim(
    id="gradnorm.eq1.ridge",
    title="Eq. (1) made exact: the parameters after a removal",
    source=f"{EQ1}; Cook (1977)",
    reading="squared loss with a ridge penalty that does not change when a point is removed",
    X=D.real("n", "d"),
    y=D.real("n"),
    rho=D.interval(0.125, 4),
    dims={"n": (1, 4), "d": (1, 2)},
    mutants={"one percent more": dict(scale=1.01), "1 - h dropped: eq. (1) itself": dict(leverage=0.0)},
)
def eq1_ridge(X: Tensor, y: Tensor, rho: Tensor, *, scale: float = 1.0, leverage: float = 1.0) -> Relation:
    r"""For least squares with penalty $\frac\rho2|\theta|^2$, $A = X^\top X+\rho I$, $g_x$ the gradient of the loss of x and
    $h = x^\top A^{-1}x$ its leverage, training without x gives exactly $\theta_{-x} = \theta+\frac{A^{-1}g_x}{1-h}$.

    In the paper: removing x "will approximately influence the loss at a test sample" by $\frac1n\nabla L(f(x_j))^\top H^{-1}\nabla
    L(f(x))$, that is by the gradient there times $A^{-1}g_x$; labels are suppressed.

    Proof: Sherman and Morrison's formula for $A-xx^\top$.
    """
    fit = al.influence.ridge(X, y, rho)
    steps = torch.linalg.solve(fit.A, fit.gradients.mT).mT / (1 - leverage * fit.leverages)[..., None]
    there = refitted(X, y, rho, all_but_one(X))
    weights = 1 + torch.arange(X.shape[-1] * X.shape[-2]).reshape(X.shape[-2:])
    claimed = fit.theta[:, None] + scale * steps
    return eq((weights * claimed).flatten(1).sum(-1), (weights * there).flatten(1).sum(-1), names=["formula", "refit"])


@claim(
    id="gradnorm.eq1.weights",
    title="Eq. (1) is the derivative: sign and factor 1/n",
    source=EQ1,
    reading="the weight of x is changed by any amount, of which removal is -1",
    X=D.real("n", "d"),
    y=D.real("n"),
    Z=D.real("m", "d"),
    t=D.real("m"),
    rho=D.interval(0.125, 4),
    eps=D.interval(-1, 3),
    dims={"n": (1, 3), "d": (1, 2), "m": (1, 2)},
    uses=["gradnorm.eq1.ridge"],
    mutants={"the influence one percent larger": dict(scale=1.01), "no second order": dict(second=0.0)},
)
def eq1_weights(
    X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, eps: Tensor, *, scale: float = 1.0, second: float = 1.0
) -> Relation:
    r"""Let the loss of one training point x have weight $1+\varepsilon$ in place of 1. With $I = \frac1n\sum_jg_j^\top
    H^{-1}g_x$ the total test loss becomes exactly
    $L(\varepsilon) = L-\frac{\varepsilon I}{1+\varepsilon h}+\frac{\varepsilon^2}{2}\frac{|ZA^{-1}g_x|^2}{(1+\varepsilon h)^2}$, so
    that $L'(0) = -I$: removal changes the weight by $-1$ and the loss by $+I$, to first order.

    Notes: two minus signs cancel, and the paper's sign and its factor $1/n$ are right for $H = A/n$.
    """
    fit = al.influence.ridge(X, y, rho)
    h, I = fit.leverages, fit.influences(Z, t).sum(-1)
    factor = eps[:, None] / (1 + eps[:, None] * h)
    moved = torch.linalg.solve(fit.A, fit.gradients.mT).mT @ Z.mT
    claimed = fit.loss(Z, t)[:, None] - scale * factor * I + second * (factor * factor) * dot(moved, moved) / 2
    weights = 1 + eps[:, None, None] * torch.eye(X.shape[-2])
    there = loss(refitted(X, y, rho, weights), Z, t)
    return eq(claimed.sum(-1), there.sum(-1), names=["formula", "refit"])


@claim(
    id="gradnorm.eq1.copies",
    title="Eq. (1) is right to first order: the error falls as 1/n^2",
    source=EQ1,
    reading="n grows by copies: every training point k times, the penalty too, one copy removed",
    X=D.real("n", "d"),
    y=D.real("n"),
    Z=D.real("m", "d"),
    t=D.real("m"),
    rho=D.interval(0.125, 4),
    k=D.integer(1, 50),
    dims={"n": (1, 3), "d": (1, 2), "m": (1, 2)},
    uses=["gradnorm.eq1.weights"],
    mutants={"constant one percent smaller": dict(scale=0.99), "1/n^3": dict(power=3)},
)
def eq1_copies(
    X: Tensor, y: Tensor, Z: Tensor, t: Tensor, rho: Tensor, k: Tensor, *, scale: float = 1.0, power: int = 2
) -> Relation:
    r"""Let every training point occur k times and the penalty be $k\rho$; the fit is the same for all k. Removing one copy of x
    changes the total test loss by $I/k$ to first order, where I is its influence for k = 1, with an error of at most
    $\frac1{k^2}\left(\frac{|I|\,h}{1-h}+\frac12\frac{|ZA^{-1}g_x|^2}{(1-h)^2}\right)$.

    Proof: gradnorm.eq1.weights with $\varepsilon = -1/k$: the error is $\frac1{k^2}$ times $\frac{Ih}{1-h/k}+\frac12\frac{|ZA^{-1}
    g_x|^2}{(1-h/k)^2}$.

    Tight at: $k = 1$, $I\ge0$.
    """
    fit = al.influence.ridge(X, y, rho)
    h, I = fit.leverages[:, 0], fit.influences(Z, t).sum(-1)[:, 0]
    moved = torch.linalg.solve(fit.A, fit.gradients[:, 0, :, None])
    square = ((Z @ moved) ** 2)[..., 0].sum(-1)
    weights = k[:, None, None] * torch.ones(X.shape[-2]) - torch.nn.functional.one_hot(torch.tensor([0]), X.shape[-2])
    after = loss(refitted(X, y, k * rho, weights), Z, t)[:, 0]
    error = (after - fit.loss(Z, t) - I / k).abs()
    constant = I.abs() * h / (1 - h) + square / (2 * (1 - h) ** 2)
    return leq(error * k**power, scale * constant, names=["k^2 |error|", "constant"])


@remembered
def errors(seed: Tensor) -> Tensor:
    r"""(seeds, sizes): root mean squares over removed points of L' - L - I, for logistic regression and exact refits."""
    return torch.tensor([[_error(s, n) for n in SIZES] for s in seed.tolist()])


def _error(seed: int, n: int) -> float:
    generator = torch.Generator().manual_seed(seed)
    X, Z = (torch.randn(k, 3, generator=generator) for k in (SIZES[-1], TESTED))
    chance = torch.sigmoid(torch.cat([X, Z]) @ torch.tensor([1.0, -1.0, 0.5]))
    labels = 2 * torch.bernoulli(chance, generator=generator) - 1
    fit = al.influence.logistic(X[:n], labels[:n], 0.1 * n)
    test = Z, labels[SIZES[-1] :]
    after = fit.without(range(REMOVED)).losses(*test).sum(-1)
    gap = after - fit.losses(*test).sum(-1) - fit.influences(*test).sum(-1)[:REMOVED]
    return float(gap.square().mean().sqrt())


@claim(
    id="gradnorm.eq1.rate",
    title="Eq. (1) is right to first order, for logistic regression",
    source=EQ1,
    reading="labelled points drawn independently, convex loss, exact retraining",
    seed=D.seed(),
    mutants={"1/n": dict(exponent=-1.0), "1/n^3": dict(exponent=-3.0)},
)
def eq1_rate(seed: Tensor, *, exponent: float = -2.0) -> Rate:
    r"""The error $L'-L-\sum_jI(x,x_j)$ of the influence falls as $n^{-2}$: logistic regression in dimension 3 with penalty $n/10$,
    50 test points, every one of 25 training points removed and the model fitted again to a gradient of $10^{-11}$; root mean square
    over the removed points, n from 50 to 400.

    Notes: the influence itself falls as $1/n$, so its relative error does too.
    """
    return rate(SIZES, errors(seed), exponent=exponent, tolerance=0.2)


@claim(
    id="gradnorm.eq1.renormalised",
    title="Eq. (1) when the penalty is for each sample: the mean gradient enters",
    source=f"{EQ1}, with the weight decay of {SOURCE}, appendix A.8",
    reading="the mean of the losses is taken over n - 1 points after the removal, the weight decay stays",
    X=D.real("n", "d"),
    y=D.real("n"),
    lam=D.interval(0.125, 4),
    dims={"n": (2, 4), "d": (1, 2)},
    mutants={"the mean gradient dropped": dict(mean=0.0), "n for n - 1": dict(less=0)},
)
def eq1_renormalised(X: Tensor, y: Tensor, lam: Tensor, *, mean: float = 1.0, less: int = 1) -> Relation:
    r"""Let training minimise $\frac1n\sum_i\ell_i+\frac\lambda2|\theta|^2$, and after the removal of x the mean over the other $n-1$
    points with the same $\lambda$. For the squared loss the parameters move by exactly $\frac1{n-1}H_{-x}^{-1}(g_x-\bar g)$,
    where $\bar g = -\lambda\theta$ is the mean gradient of the losses and $H_{-x}$ the new average Hessian, penalty included.

    Proof: the gradient of the new objective at $\theta$ is $-(g_x-\bar g)/(n-1)$, and it is quadratic.

    Notes: eq. (1) has $g_x$ alone; with weight decay a point with the mean gradient has no influence at all.
    """
    n = X.shape[-2]
    fit = al.influence.ridge(X, y, n * lam)
    there = refitted(X, y, (n - 1) * lam, all_but_one(X)[:, :1])[:, 0]
    others = X[:, 1:]
    H = others.mT @ others / (n - 1) + lam[:, None, None] * torch.eye(X.shape[-1])
    pull = fit.gradients[:, 0] + mean * lam[:, None] * fit.theta
    step = torch.linalg.solve(H, pull[..., None])[..., 0] / (n - less)
    weights = 1 + torch.arange(X.shape[-1])
    return eq(dot(weights, fit.theta + step), dot(weights, there), names=["formula", "refit"])


@claim(
    id="gradnorm.eq1.interpolation",
    title="Eq. (1) says nothing about a model that fits all its training points",
    source=EQ1,
    reading="more parameters than samples, least norm solution, H inverted on its range: eq. (1) used as an equality",
    expect="refuted",
    a=D.positive(),
    b=D.real(),
    c=D.positive(),
    y=D.real(2),
    Z=D.real("m", 2),
    t=D.real("m"),
    dims={"m": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def eq1_interpolation(
    a: Tensor, b: Tensor, c: Tensor, y: Tensor, Z: Tensor, t: Tensor, *, share: float = 1.0
) -> Relation:
    r"""Two training points $(a, 0)$ and $(b, c)$ with $a, c>0$ are interpolated by a linear model of two parameters, so both have
    gradient $g_x = 0$ and influence 0. Then the test loss after removing the second (least norm solution) is what it was.

    Counterexample: points $(1,0)$ and $(0,1)$ with labels 0 and 1, test point $(0,1)$ with label 0: the test loss is 1/2 before
    and 0 after.

    Notes: for interpolating networks eq. (1) is not wrong but empty: every training point has influence 0.
    """
    zero = 0 * b
    X = torch.stack([torch.stack([a, zero], -1), torch.stack([b, c], -1)], -2)
    theta = torch.linalg.solve(X, y[..., None])[..., 0]
    alone = torch.stack([y[:, 0] / a, zero], -1)
    before, after = (loss(one[:, None], Z, t)[:, 0] for one in (theta, alone))
    return eq(share * before, after, names=["loss with x", "loss without x"])
