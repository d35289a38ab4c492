r"""Equations (1) to (3): the flow of the outputs, the kernel of infinite width, and the closed form of training."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory import dynamics
from proofs_check import claim, eq, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.dynamical._settings_gradients import QUADRATIC, SOURCE, signs
from proofs_check.relations import Rate, Relation

FLOW = f"{SOURCE}, section 2.3, eq. (1)"
LIMIT = f"{SOURCE}, section 2.3, eq. (2)"
WEIGHTS, SIGNS = D.real(2, 2), D.real(2, 2)
INPUTS, LABELS, PROBE = D.real("n", 2), D.real("n", 2), D.real("n", 2)
SMALL = {"n": (1, 2)}
SEEDS = D.seed()
WIDTHS = (64, 128, 256, 512, 1024)
NETWORKS = 6


def _flow(
    W: Tensor, a: Tensor, X: Tensor, Y: Tensor, c: Tensor, eta: Tensor, mean: bool, cross: float
) -> tuple[Tensor, Tensor]:
    """c' df/dt along gradient flow, and -c'K(f - Y)."""
    f = dynamics.two_layer(W, a, X, activation=QUADRATIC)
    J = dynamics.two_layer_jacobian(W, a, X, activation=QUADRATIC)
    d = f - Y
    velocity = -eta[:, None] * dynamics.sample_gradients(J, d).sum(-2) / (X.shape[-2] if mean else 1)
    move = velocity.reshape(W.shape)
    ahead = dynamics.two_layer(W + move, a, X, activation=QUADRATIC)
    behind = dynamics.two_layer(W - move, a, X, activation=QUADRATIC)
    slope = (ahead - behind) / 2  # exact: f is a polynomial of degree two along the line
    K = dynamics.tangent_kernel(J)
    same = torch.eye(K.shape[-3], dtype=torch.float64)[:, :, None, None]
    kept = K * (same + cross * (1 - same))
    pulled = (kept * torch.transpose(d, -1, -2)[:, None, :, None, :]).sum(-1).sum(-2)
    return (c * slope).sum(-1).sum(-1), -(torch.transpose(c, -1, -2) * pulled).sum(-1).sum(-1)


@claim(
    id="dynamical.eq1",
    title="Eq. (1): the outputs under gradient flow",
    source=FLOW,
    reading="time counted so that the step size is 1",
    W=WEIGHTS,
    a=SIGNS,
    X=INPUTS,
    Y=LABELS,
    c=PROBE,
    dims=SMALL,
    mutants={
        "one percent more": dict(share=1.01),
        "the mean of the squared errors, not their sum": dict(mean=True),
        "each output moved by its own error only": dict(cross=0.0),
    },
)
def eq1(
    W: Tensor, a: Tensor, X: Tensor, Y: Tensor, c: Tensor, *, share: float = 1.0, mean: bool = False, cross: float = 1.0
) -> Relation:
    r"""Under gradient flow $\dot\theta = -\nabla\frac{1}{2}\sum_x|f(x)-y|^2$ the outputs move as
    $\frac{d}{dt}f(X) = -K_t(X,X)\,(f(X)-Y)$, $K_t^{ij}(x,x') = \langle\nabla f^i(x),\nabla f^j(x')\rangle$: for every
    coefficients c, $\sum c\,\dot f = -\sum_{ij}c^{i\top}K^{ij}(f^j-Y^j)$.

    In the paper: $\frac{\partial f(X;\theta(t))}{\partial t} = -K_t(X,X)(f(X;\theta(t))-Y)$, for "the mean squared error loss".

    Repairs: the left side is lost in our copy. The loss is the sum of half the squared errors; with their mean the right side
    is divided by n and doubled.

    Proof: the chain rule.

    Notes: tested on two-layer networks with $\phi(u) = u+u^2/2$, whose outputs are polynomials of degree two along the flow, so
    that the derivative on the left is an exact difference. For relu it holds off the kinks.
    """
    left, right = _flow(W, a, X, Y, c, torch.ones_like(c[:, 0, 0]), mean, cross)
    return eq(left, share * right, names=["c' df/dt", "-c' K (f - Y)"])


@claim(
    id="dynamical.eq1.learning_rate",
    title="Eq. (1) with the learning rate that eq. (3) uses",
    source=FLOW,
    amends="dynamical.eq1.as_printed",
    W=WEIGHTS,
    a=SIGNS,
    X=INPUTS,
    Y=LABELS,
    c=PROBE,
    eta=D.interval(0, 2),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "each output moved by its own error only": dict(cross=0.0)},
)
def eq1_learning_rate(
    W: Tensor, a: Tensor, X: Tensor, Y: Tensor, c: Tensor, eta: Tensor, *, share: float = 1.0, cross: float = 1.0
) -> Relation:
    r"""Under $\dot\theta = -\eta\,\nabla\frac{1}{2}\sum_x|f(x)-y|^2$ the outputs move as
    $\frac{d}{dt}f(X) = -\eta\,K_t(X,X)\,(f(X)-Y)$.

    Notes: this is what eq. (3) and eq. (8) go with.
    """
    left, right = _flow(W, a, X, Y, c, eta, False, cross)
    return eq(left, share * eta * right, names=["c' df/dt", "-eta c' K (f - Y)"])


@claim(
    id="dynamical.eq1.as_printed",
    title="Eq. (1) next to eq. (3), without the learning rate",
    source=FLOW,
    reading="with the learning rate of eq. (3), which eq. (1) does not carry",
    expect="refuted",
    W=D.real(1, 1),
    a=D.real(1, 1),
    X=D.real("n", 1),
    Y=D.real("n", 1),
    c=D.real("n", 1),
    eta=D.interval(0, 2),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "the mean of the squared errors, not their sum": dict(mean=True)},
)
def eq1_as_printed(
    W: Tensor, a: Tensor, X: Tensor, Y: Tensor, c: Tensor, eta: Tensor, *, share: float = 1.0, mean: bool = False
) -> Relation:
    r"""Under $\dot\theta = -\eta\,\nabla\frac{1}{2}\sum_x|f(x)-y|^2$ the outputs move as
    $\frac{d}{dt}f(X) = -K_t(X,X)\,(f(X)-Y)$, whatever $\eta$.

    Counterexample: one example, one weight, $K(f-Y) = 1$ and $\eta = 0$: nothing moves.

    Notes: a slip of bookkeeping. Time in units of $1/\eta$ makes eq. (1) right (dynamical.eq1) and takes $\eta$ out of eq. (3).
    """
    left, right = _flow(W, a, X, Y, c, eta, mean, 1.0)
    return eq(left, share * right, names=["c' df/dt", "-c' K (f - Y)"])


# eq. (2)


@claim(
    id="dynamical.eq2.as_printed",
    title="Eq. (2) as an equality at finite width",
    source=LIMIT,
    reading="as printed: an equality, at some finite width",
    expect="refuted",
    W=D.real("m", 2),
    a=D.real("m", 2),
    x=D.points("n", 2),
    c=D.real("n", 2),
    dims={"m": (1, 5), "n": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "blocks of different outputs left out": dict(cross=0.0)},
)
def eq2_as_printed(W: Tensor, a: Tensor, x: Tensor, c: Tensor, *, share: float = 1.0, cross: float = 1.0) -> Relation:
    r"""For a relu network of width m with output signs $\pm m^{-1/2}$ and its first layer trained,
    $K(X,X) = \Theta(X,X)\otimes I_K$: for every c, $\sum_{ij}c^{i\top}K^{ij}c^j = \sum_ic^{i\top}\Theta c^i$.

    In the paper: "if the neural network is sufficiently wide and properly initialized, then
    $K_t(X,X) = \Theta(X,X)\otimes I_K$" with high probability.

    Counterexample: width 1, one input $x = 1$, one output: $K = 0$ or 1, as the neuron is off or on, and $\Theta = 1/2$.

    Notes: at every odd width $K(x,x)$ is an odd multiple of $|x|^2/m$, counted from either end, and never $|x|^2/2$. The limit
    is true (dynamical.eq2). With the outputs of an example next to each other, $\Theta\otimes I_K$ is the right order.
    """
    A = signs(a)
    J = dynamics.two_layer_jacobian(W, A, x)
    K = dynamics.tangent_kernel(J) / W.shape[-2]
    same = torch.eye(K.shape[-3], dtype=torch.float64)[:, :, None, None]
    finite = dynamics.by_kernel(K * (same + cross * (1 - same)), c)
    limit = al.alignment.alignment(al.kernels.analytic(x), c)
    return eq(finite, share * limit, names=["c' K c", "c' (Theta x I) c"])


def _points(generator: torch.Generator, n: int = 12, d: int = 6) -> Tensor:
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return x / x.norm(dim=1, keepdim=True)


@remembered
def _distances(seed: Tensor) -> Tensor:
    """|K_0 - Theta x I| / |Theta x I| for 12 unit vectors in dimension 6 and three outputs, (seeds, widths), a mean of six."""
    rows = []
    for s in seed.tolist():
        generator = torch.Generator().manual_seed(s)
        x = _points(generator)
        limit = torch.eye(3, dtype=torch.float64)[:, :, None, None] * al.kernels.analytic(x)
        row = []
        for m in WIDTHS:
            nets = (al.TwoLayerNet(6, m, 3, antisymmetric=False, seed=generator) for _ in range(NETWORKS))
            gaps = [float((al.kernels.empirical(net, x, outputs="pairs") - limit).norm() / limit.norm()) for net in nets]
            row.append(sum(gaps) / NETWORKS)
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float64)


@claim(
    id="dynamical.eq2",
    title="Eq. (2) as a limit, at initialisation",
    source=LIMIT,
    reading="in the limit of large width, at initialisation",
    amends="dynamical.eq2.as_printed",
    experiment="dynamical.wide_start",
    seed=SEEDS,
    mutants={"rate -0.75": dict(exponent=-0.75), "rate -1": dict(exponent=-1.0)},
)
def eq2(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""For relu networks with three outputs and the first layer trained, $\|K_0-\Theta\otimes I_K\|_F$ falls as $m^{-1/2}$ (12
    unit vectors in dimension 6, m from 64 to 1024).

    Proof: every entry is a mean of m independent terms, with mean $\Theta$ or, between different outputs, 0.
    """
    return rate(WIDTHS, _distances(seed), exponent=exponent, tolerance=0.1)
