r"""Equation (3): what training gives at any time, in its readings, and how far wide networks follow it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, eq, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.dynamical._settings_gradients import SOURCE
from proofs_check.relations import Rate, Relation

STATEMENT = f"{SOURCE}, section 2.3, eq. (3)"
WIDTHS = (64, 128, 256, 512, 1024)
NETWORKS = 3
STEPS = 6

THETA, CROSS, LABELS, START = D.psd("n", cond=100), D.real("n"), D.real("n"), D.real("n")
TIME = D.step_size("theta", D.interval(0, 8))


def _apply(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector[..., None])[..., 0]


def _followed(theta: Tensor, cross: Tensor, gap: Tensor, time: Tensor) -> Tensor:
    """f_t(x) - f_0(x) by integrating the linear flow of outputs and of f(x) together, gap = Y - f_0(X)."""
    n = theta.shape[-1]
    rows = torch.cat([cross[:, None, :], theta], -2)  # f(x)' and f(X)' as functions of Y - f(X)
    system = torch.cat([torch.zeros_like(rows[:, :, :1]), rows * torch.cat([torch.ones(1, 1), -torch.ones(n, 1)]).to(rows)], -1)
    start = torch.cat([torch.zeros_like(gap[:, :1]), gap], -1)
    return _apply(torch.linalg.matrix_exp(time[:, None, None] * system), start)[:, 0]


def _printed(theta: Tensor, cross: Tensor, Y: Tensor, time: Tensor) -> Tensor:
    """k(x)' Theta^-1 (I - exp(-time Theta)) Y."""
    done = Y - _apply(torch.linalg.matrix_exp(-time[:, None, None] * theta), Y)
    return (cross * torch.linalg.solve(theta, done)).sum(-1)


@claim(
    id="dynamical.eq3.centred",
    title="Eq. (3) for a model that starts at zero",
    source=STATEMENT,
    reading="f_0 = 0, at the training inputs and at x",
    theta=THETA,
    cross=CROSS,
    Y=LABELS,
    time=TIME,
    dims={"n": (1, 2)},
    mutants={"one percent later": dict(late=1.01), "one percent more": dict(share=1.01)},
)
def eq3_centred(theta: Tensor, cross: Tensor, Y: Tensor, time: Tensor, *, late: float = 1.0, share: float = 1.0) -> Relation:
    r"""If $\dot f(X) = -\eta\,\Theta\,(f(X)-Y)$ and $\dot f(x) = -\eta\,k(x)^\top(f(X)-Y)$ from $f_0 = 0$, with $\Theta$
    positive definite, then $f_t(x) = k(x)^\top\Theta^{-1}(I-e^{-\eta\Theta t})\,Y$, for each output.

    In the paper: $f(x;\theta(t)) \approx \Theta(x,X)^\top\Theta(X,X)^{-1}(I-e^{-\eta\Theta(X,X)t})Y$ for "the final learned
    neural network at iteration t".

    Proof: $f_t(X)-Y = e^{-\eta\Theta t}(f_0(X)-Y)$; integrate.

    Notes: antisymmetric initialisation makes $f_0 = 0$ exactly (`TwoLayerNet`).
    """
    return eq(
        _followed(theta, cross, Y, time),
        share * _printed(theta, cross, Y, late * time),
        names=["f_t(x)", "k' Theta^-1 (I - exp(-eta t Theta)) Y"],
    )


@claim(
    id="dynamical.eq3.as_printed",
    title="Eq. (3) for a model that starts anywhere",
    source=STATEMENT,
    reading="one network at ordinary initialisation, where f_0 is not zero at any width",
    expect="refuted",
    theta=THETA,
    cross=CROSS,
    Y=LABELS,
    f0=START,
    f0_x=D.real(),
    time=D.step_size("theta", D.interval(1, 8)),
    dims={"n": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "f_0(x) added, but not taken off the labels": dict(carried=1.0)},
)
def eq3_as_printed(
    theta: Tensor,
    cross: Tensor,
    Y: Tensor,
    f0: Tensor,
    f0_x: Tensor,
    time: Tensor,
    *,
    share: float = 1.0,
    carried: float = 0.0,
) -> Relation:
    r"""If $\dot f(X) = -\eta\,\Theta\,(f(X)-Y)$ and $\dot f(x) = -\eta\,k(x)^\top(f(X)-Y)$ from any $f_0$, and
    $\eta t\lambda_{\max} \ge 1$, then $f_t(x) = k(x)^\top\Theta^{-1}(I-e^{-\eta\Theta t})\,Y$.

    Counterexample: one training input, labels and outputs there 0, and $f_0(x) = 1$ at an input with $k(x) = 0$: nothing moves
    and $f_t(x) = 1$, against 0.

    Notes: in the standard initialisation $f_0$ is of order 1 at every width, so the error of eq. (3) does not fall with it
    (dynamical.eq3.plain_network). It is right for $f_0 = 0$, on average over initialisations, and with $f_0$ carried.
    """
    return eq(
        f0_x + _followed(theta, cross, Y - f0, time),
        share * (_printed(theta, cross, Y, time) + carried * f0_x),
        names=["f_t(x)", "k' Theta^-1 (I - exp(-eta t Theta)) Y"],
    )


@claim(
    id="dynamical.eq3",
    title="Eq. (3) with the start carried, singular kernels included",
    source=STATEMENT,
    reading="corrected: f_0 carried",
    amends="dynamical.eq3.as_printed",
    theta=D.psd("n"),
    cross=CROSS,
    Y=LABELS,
    f0=START,
    f0_x=D.real(),
    time=TIME,
    dims={"n": (1, 2)},
    mutants={
        "one percent later": dict(late=1.01),
        "f_0 not taken off the labels": dict(taken=0.0),
        "nothing where the eigenvalue is 0": dict(null=0.0),
    },
)
def eq3(
    theta: Tensor,
    cross: Tensor,
    Y: Tensor,
    f0: Tensor,
    f0_x: Tensor,
    time: Tensor,
    *,
    late: float = 1.0,
    taken: float = 1.0,
    null: float = 1.0,
) -> Relation:
    r"""If $\dot f(X) = -\eta\,\Theta\,(f(X)-Y)$ and $\dot f(x) = -\eta\,k(x)^\top(f(X)-Y)$ from any $f_0$, with $\Theta$
    positive semidefinite, then $f_t(x) = f_0(x)+k(x)^\top\phi_t(\Theta)\,(Y-f_0(X))$, where
    $\phi_t(\lambda) = (1-e^{-\eta\lambda t})/\lambda$ and $\phi_t(0) = \eta t$.

    Proof: as for dynamical.eq3.centred, on each eigenvector; $\phi_t(\lambda) = \int_0^{\eta t}e^{-\lambda s}ds$ asks for no
    inverse.

    Notes: duplicate inputs make $\Theta$ singular; the closed form with $\Theta^{-1}$ has no value there, this one has.
    """
    values, vectors = torch.linalg.eigh(theta)
    s = late * time[:, None]
    zero = values <= 0
    phi = torch.where(zero, null * s, -torch.expm1(-s * values) / torch.where(zero, torch.ones_like(values), values))
    moved = _apply(vectors, phi * _apply(torch.transpose(vectors, -1, -2), Y - taken * f0))
    return eq(
        f0_x + _followed(theta, cross, Y - f0, time),
        f0_x + (cross * moved).sum(-1),
        names=["f_t(x)", "f_0(x) + k' phi_t(Theta) (Y - f_0(X))"],
    )


@claim(
    id="dynamical.eq3.mean",
    title="Eq. (3) on average over initialisations",
    source=STATEMENT,
    reading="on average over initialisations with mean zero, under one fixed kernel",
    amends="dynamical.eq3.as_printed",
    theta=THETA,
    cross=CROSS,
    Y=LABELS,
    starts=D.real(2, "n"),
    starts_x=D.real(2),
    time=TIME,
    dims={"n": (1, 2)},
    mutants={"starts with a mean of their own": dict(centre=0.0), "one percent more": dict(share=1.01)},
)
def eq3_mean(
    theta: Tensor,
    cross: Tensor,
    Y: Tensor,
    starts: Tensor,
    starts_x: Tensor,
    time: Tensor,
    *,
    centre: float = 1.0,
    share: float = 1.0,
) -> Relation:
    r"""If the starts $f_0$ of several models with the same kernel have mean zero, at the training inputs and at x, then the
    mean of their predictions is $\overline{f_t(x)} = k(x)^\top\Theta^{-1}(I-e^{-\eta\Theta t})\,Y$.

    Proof: $f_t$ is affine in $f_0$, with the printed value at $f_0 = 0$.

    Notes: for networks of width m the kernels differ too, by $m^{-1/2}$ (dynamical.eq2).
    """
    f0 = starts - centre * starts.mean(-2, keepdim=True)
    f0_x = starts_x - centre * starts_x.mean(-1, keepdim=True)
    total = f0_x.sum(-1)
    for s in range(starts.shape[-2]):
        total = total + _followed(theta, cross, Y - f0[:, s], time)
    return eq(
        total / starts.shape[-2],
        share * _printed(theta, cross, Y, time),
        names=["mean of f_t(x)", "k' Theta^-1 (I - exp(-eta t Theta)) Y"],
    )


@claim(
    id="dynamical.eq3.gradient_descent",
    title="Eq. (3) for gradient descent",
    source=STATEMENT,
    sharpens="dynamical.eq3.centred",
    theta=THETA,
    cross=CROSS,
    Y=LABELS,
    f0=START,
    f0_x=D.real(),
    eta=D.step_size("theta", D.interval(0, 2)),
    t=D.integer(0, STEPS),
    dims={"n": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "f_0 not taken off the labels": dict(taken=0.0)},
)
def eq3_gradient_descent(
    theta: Tensor,
    cross: Tensor,
    Y: Tensor,
    f0: Tensor,
    f0_x: Tensor,
    eta: Tensor,
    t: Tensor,
    *,
    share: float = 1.0,
    taken: float = 1.0,
) -> Relation:
    r"""For t steps of gradient descent, $f_{s+1}(X) = f_s(X)-\eta\,\Theta\,(f_s(X)-Y)$ and
    $f_{s+1}(x) = f_s(x)-\eta\,k(x)^\top(f_s(X)-Y)$, with $\Theta$ positive definite and any $\eta$:
    $f_t(x) = f_0(x)+k(x)^\top\Theta^{-1}(I-(I-\eta\Theta)^t)(Y-f_0(X))$.
    """
    at_x, at_X = f0_x, f0
    left = Y - taken * f0
    decayed = left
    for s in range(STEPS):
        running = s < t
        error = at_X - Y
        at_x = torch.where(running, at_x - eta * (cross * error).sum(-1), at_x)
        at_X = torch.where(running[:, None], at_X - eta[:, None] * _apply(theta, error), at_X)
        decayed = torch.where(running[:, None], decayed - eta[:, None] * _apply(theta, decayed), decayed)
    closed = f0_x + share * (cross * torch.linalg.solve(theta, left - decayed)).sum(-1)
    return eq(at_x, closed, names=["f_t(x)", "f_0(x) + k' Theta^-1 (I - (I - eta Theta)^t)(Y - f_0(X))"])


# networks


@remembered
def _trained(seeds: tuple[int, ...], antisymmetric: bool) -> Any:
    """For each seed and width, after 24 steps: how far the kernel is from its limit, and the predictions from eq. (3)."""
    kernels, predictions = [], []
    for s in seeds:
        generator = torch.Generator().manual_seed(s)
        x, z = (torch.nn.functional.normalize(torch.randn(12, 6, generator=generator, dtype=torch.float64)) for _ in range(2))
        Y = torch.nn.functional.one_hot(torch.arange(12) % 3, 3).to(torch.float64)
        theta, cross = al.kernels.analytic(x), al.kernels.analytic(z, x)
        eta, steps = 1 / float(torch.linalg.eigvalsh(theta)[-1]), 24
        closed = al.training.kernel_descent(theta, Y, eta, steps, kernel_test=cross, record=[steps]).test_outputs
        if closed is None:
            raise AssertionError("kernel_descent returns predictions where kernel_test is given")
        limit = torch.eye(3, dtype=torch.float64)[:, :, None, None] * theta
        kernel_row, prediction_row = [], []
        for m in WIDTHS:
            nets = [al.TwoLayerNet(6, m, 3, antisymmetric=antisymmetric, seed=generator) for _ in range(NETWORKS)]
            runs = al.training.gradient_descent(nets, x, Y, eta, steps, record=[steps])
            pairs = [al.kernels.empirical(run.net, x, outputs="pairs") for run in runs]
            kernel_row.append(sum(float((K - limit).norm() / limit.norm()) for K in pairs) / NETWORKS)
            prediction_row.append(sum(float((run.net(z) - closed[-1]).norm() / closed[-1].norm()) for run in runs) / NETWORKS)
        kernels.append(kernel_row)
        predictions.append(prediction_row)
    return torch.tensor(kernels, dtype=torch.float64), torch.tensor(predictions, dtype=torch.float64)


@claim(
    id="dynamical.eq2.trained",
    title="Eq. (2) as a limit, after training",
    source=f"{SOURCE}, section 2.3, eq. (2)",
    reading="in the limit of large width, after training on the squared loss for a bounded time",
    amends="dynamical.eq2.as_printed",
    experiment="dynamical.wide_training",
    seed=D.seed(),
    mutants={"rate -0.75": dict(exponent=-0.75), "rate -1": dict(exponent=-1.0)},
)
def eq2_trained(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""For relu networks with three outputs, the first layer trained for 24 steps from an ordinary start,
    $\|K_{24}-\Theta\otimes I_K\|_F$ falls as $m^{-1/2}$ (12 unit vectors in dimension 6, m from 64 to 1024).

    Proof: the kernel starts at this distance (dynamical.eq2), and moves by no more than this order: a neuron's weights move
    by $m^{-1/2}$, so that the share of neurons that switch at an input is of this order too.

    Notes: for the squared loss. Cross-entropy on separable data drives the weights to infinity, and the kernel away from its
    start, so there the limit holds on bounded time only.
    """
    return rate(WIDTHS, _trained(tuple(seed.tolist()), False)[0], exponent=exponent, tolerance=0.15)


@claim(
    id="dynamical.eq3.centred_network",
    title="Eq. (3) in wide networks that start at zero",
    source=STATEMENT,
    reading="a network of width m with f_0 = 0",
    uses=["dynamical.eq3.gradient_descent"],
    experiment="dynamical.wide_training",
    seed=D.seed(),
    mutants={"rate -0.75": dict(exponent=-0.75), "does not fall": dict(exponent=0.0)},
)
def eq3_centred_network(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""For relu networks with an antisymmetric start, the relative error of eq. (3) (for gradient descent) on other points
    falls as $m^{-1/2}$ (12 training and 12 other unit vectors in dimension 6, 24 steps, m from 64 to 1024).
    """
    return rate(WIDTHS, _trained(tuple(seed.tolist()), True)[1], exponent=exponent, tolerance=0.15)


@claim(
    id="dynamical.eq3.plain_network",
    title="Eq. (3) in wide networks at ordinary initialisation: the error stays",
    source=STATEMENT,
    reading="one network at ordinary initialisation",
    amends="dynamical.eq3.as_printed",
    experiment="dynamical.wide_training",
    seed=D.seed(),
    mutants={"rate -0.5": dict(exponent=-0.5), "rate -0.3": dict(exponent=-0.3)},
)
def eq3_plain_network(seed: Tensor, *, exponent: float = 0.0) -> Rate:
    r"""For relu networks at ordinary initialisation the relative error of eq. (3) on other points does not fall with the width:
    its rate is $m^0$ (the same points and steps as in dynamical.eq3.centred_network).

    Proof: $f_0$ is of order 1 at every width, and what training leaves of it at other points is
    $f_0(x)-k(x)^\top\phi_t(\Theta)f_0(X)$.
    """
    return rate(WIDTHS, _trained(tuple(seed.tolist()), False)[1], exponent=exponent, tolerance=0.15)
