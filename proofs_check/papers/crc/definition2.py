r"""Definitions 2 and 4: the scale of the gradients, its best constants, and where it cannot hold."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from altheory import dynamics
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.crc._settings_valleys import KINKED, ON, PIECES, RIDGED, SOURCE, VALLEYS, scaled, valley
from proofs_check.relations import Relation

DEFINITION = f"{SOURCE}, definition 2, eq. (6), and definition 4, eq. (14)"
SMALL = {"n": (1, 3), "m": (1, 2)}


@claim(
    id="crc.definition2",
    title="Definition 2: the best constants are eigenvalues of the kernel",
    source=DEFINITION,
    reading="at one parameter vector, over all residuals",
    J=D.real("n", "p"),
    e=D.real("n"),
    c=D.interval(0, 1),
    dims={"n": (1, 3), "p": (1, 4)},
    mutants={"mu one percent larger": dict(low=4.04), "M one percent smaller": dict(high=3.96)},
)
def definition2(J: Tensor, e: Tensor, c: Tensor, *, low: float = 4.0, high: float = 4.0) -> Relation:
    r"""For $L = c|e|^2$ with residual $e = y-f$ and $K = JJ^\top$, J the Jacobian of the outputs:
    $4c\lambda_{\min}(K)\,L \le |\nabla L|^2 \le 4c\lambda_{\max}(K)\,L$.

    In the paper: gradients scale as $(\mu,M)$ if $\mu g(x) \le |\nabla g(x)|^2 \le Mg(x)$ for all x.

    Proof: $\nabla L = -2cJ^\top e$, so $|\nabla L|^2 = 4c^2e^\top Ke$.

    Tight at: e an eigenvector of the smallest, or of the largest, eigenvalue; so over all residuals no better constants exist,
    and on a set of parameters $\mu = 4c\inf\lambda_{\min}(K)$, $M = 4c\sup\lambda_{\max}(K)$.

    Notes: with more examples than parameters $\lambda_{\min}(K) = 0$ and so $\mu = 0$.
    """
    values = torch.linalg.eigvalsh(J @ J.mT)
    loss = c * (e * e).sum(-1)
    gradient = -2 * c[:, None] * (e[:, None, :] @ J)[:, 0]
    names = ["4c lambda_min L", "|grad L|^2", "4c lambda_max L"]
    return chain(low * c * values[..., 0] * loss, (gradient * gradient).sum(-1), high * c * values[..., -1] * loss, names=names)


@claim(
    id="crc.definition2.valleys",
    title="Definition 2: the scale of the gradients of the family",
    source=f"{DEFINITION}; own construction",
    **VALLEYS,
    x=D.real(),
    dims=PIECES,
    on=ON,
    also_on={"scalar models with a convex kink": KINKED, "valleys with a kinked floor": RIDGED},
    mutants={"mu one percent larger": dict(low=1.01), "M one percent smaller": dict(high=0.99)},
)
def definition2_valleys(
    widths: Tensor,
    first: Tensor,
    slopes: Tensor,
    height: Tensor,
    tilt: Tensor,
    x: Tensor,
    *,
    low: float = 1.0,
    high: float = 1.0,
) -> Relation:
    r"""The losses $L = (s(x)+bz)^2$ of crc.definition1 have gradients on the scale $(\mu,M)$ with $\mu = 4(\min s'^2+b^2)$ and
    $M = 4(\max s'^2+b^2)$: $\mu L \le |\nabla L|^2 \le ML$ everywhere.

    Proof: $|\nabla L|^2 = 4L(s'^2+b^2)$; the kernel of this model is $K = s'^2+b^2$.

    Tight at: the points where the slope is least, or largest, in size.

    Notes: so (1, 1, 1, 4) for slopes between 1/2 and 1 with b = 0, and (8, 5, 4, 20) for $2|x|+z$ with its kink rounded, over
    any width.
    """
    loss = valley(widths, first, slopes, height, tilt)
    start = torch.stack([x, 0 * x], -1)
    gradient, value, c = loss.gradient(start), loss.loss(start), scaled(loss.constants(), mu=low, M=high)
    return chain(c.mu * value, (gradient * gradient).sum(-1), c.M * value, names=["mu L", "|grad L|^2", "M L"])


def _network(
    W: Tensor, a: Tensor, X: Tensor, Y: Tensor, activation: str = "relu", bias: Tensor | float = 0.0
) -> tuple[Tensor, Tensor]:
    """The loss |f - y|^2 / 2 and its squared gradient, all layers trained; with bias = 1 an output bias (0 here) too."""
    e = (dynamics.two_layer(W, a, X, activation=activation) - Y[..., None])[..., 0]
    J = dynamics.two_layer_jacobian(W, a, X, activation=activation, train_output=True)[:, :, 0]
    gradient = (e[:, None, :] @ J)[:, 0]
    return (e * e).sum(-1) / 2, (gradient * gradient).sum(-1) + bias * e.sum(-1) ** 2


NETWORK: dict[str, Any] = {"W": D.real("m", 2), "a": D.real("m", 1), "X": D.unit_vectors("n", 2), "Y": D.real("n")}


@claim(
    id="crc.definition2.everywhere",
    title="Definition 2, lower half, for all parameters",
    source=f"{DEFINITION}, with condition 1",
    reading="literally for all x: every parameter vector of a relu network; here mu = 1/1000",
    expect="refuted",
    **NETWORK,
    dims=SMALL,
    mutants={"mu = 1/500": dict(mu=0.002), "mu = 1/100": dict(mu=0.01)},
)
def definition2_everywhere(W: Tensor, a: Tensor, X: Tensor, Y: Tensor, *, mu: float = 0.001) -> Relation:
    r"""There is $\mu > 0$ with $\mu L(\theta) \le |\nabla L(\theta)|^2$ for all parameters $\theta$ of a relu network with one
    hidden layer, $L = \frac{1}{2}\sum_i(f(x_i)-y_i)^2$, both layers trained.

    Counterexample: all weights 0, $y = 1$: $L = 1/2$ and $\nabla L = 0$, whatever $\mu$. See crc.definition2.origin.

    Notes: under the literal "for all x" condition 1 is met by no loss of such a network, and lemma 2 and theorem 1 say nothing.
    The paper states the condition "in a neighborhood of initialization"; there it has content (crc.definition2.neighbourhood).
    """
    loss, squared = _network(W, a, X, Y)
    return leq(mu * loss, squared, names=["mu L", "|grad L|^2"])


@claim(
    id="crc.definition2.everywhere_above",
    title="Definition 2, upper half, for all parameters",
    source=f"{DEFINITION}, with condition 1",
    reading="literally for all x: every parameter vector of a relu network; here M = 1000",
    expect="refuted",
    **NETWORK,
    dims=SMALL,
    mutants={"M = 900": dict(M=900.0), "M = 500": dict(M=500.0)},
)
def definition2_everywhere_above(W: Tensor, a: Tensor, X: Tensor, Y: Tensor, *, M: float = 1000.0) -> Relation:
    r"""There is M with $|\nabla L(\theta)|^2 \le ML(\theta)$ for all parameters $\theta$ of a relu network with one hidden
    layer.

    Counterexample: $f = a\,\mathrm{relu}(wx)$ with $x = 1$, $y = 0$: $|\nabla L|^2 = 2(a^2+w^2)L$ for $w > 0$, without bound.

    Notes: with crc.definition1.gradient: such a loss is $(\alpha,\beta)$-smooth on all of the parameter space for no constants
    either.
    """
    loss, squared = _network(W, a, X, Y)
    return leq(squared, M * loss, names=["|grad L|^2", "M L"])


@claim(
    id="crc.definition2.origin",
    title="The gradient where all weights are 0",
    source=f"replaces the global reading of {DEFINITION}",
    amends="crc.definition2.everywhere",
    c0=D.real(),
    c1=D.real(),
    X=D.real("n", 2),
    Y=D.real("n"),
    bias=D.integer(0, 1),
    dims={"n": (1, 3)},
    mutants={"one neuron fewer": dict(counted=1), "a bias in any case": dict(always=1.0)},
)
def definition2_origin(
    c0: Tensor, c1: Tensor, X: Tensor, Y: Tensor, bias: Tensor, *, counted: int = 2, always: float = 0.0
) -> Relation:
    r"""A network $f(x) = \sum_{r\le m}v_r\sigma(w_r\cdot x)$, with or without a trained output bias, has at $\theta = 0$
    $|\nabla L|^2 = (m\,\sigma(0)^2+1_{bias})(\sum_iy_i)^2$, for $L = \frac{1}{2}\sum_i(f(x_i)-y_i)^2$ with everything trained.

    Notes: so the gradient vanishes at the origin, while $L = |y|^2/2 > 0$, exactly for networks with $\sigma(0) = 0$ (relu,
    tanh) and no output bias, or labels that sum to 0. Here m = 2 and $\sigma(u) = c_0+c_1u+u^2$.
    """
    one = torch.ones_like(c0)
    W, a = 0 * X[:, :1, :].expand(-1, 2, -1), 0 * X[:, 0, :, None]
    e = -Y
    u = X @ W.mT
    value, slope = c0[:, None, None] + c1[:, None, None] * u + u * u, c1[:, None, None] + 2 * u
    to_v = (e[..., None] * value).sum(-2)
    to_w = ((e[..., None] * slope * a.mT)[..., None] * X[..., None, :]).sum(-3)
    squared = (to_v * to_v).sum(-1) + (to_w * to_w).sum(-1).sum(-1) + bias * e.sum(-1) ** 2
    wanted = (counted * c0 * c0 + torch.maximum(bias * one, always * one)) * Y.sum(-1) ** 2
    return eq(squared, wanted, names=["|grad L(0)|^2", "(m sigma(0)^2 + bias) (sum y)^2"])


@claim(
    id="crc.definition2.any_network",
    title="A critical point at the origin, for every network",
    source="own first form of the objection to definition 2, which must not be used",
    reading="whatever the activation",
    expect="refuted",
    X=D.real("n", 2),
    Y=D.real("n"),
    dims={"n": (1, 3)},
    mutants={"with an output bias": dict(bias=1.0), "relu, with an output bias": dict(bias=1.0, activation="relu")},
)
def definition2_any_network(X: Tensor, Y: Tensor, *, bias: float = 0.0, activation: str = "softplus") -> Relation:
    r"""At $\theta = 0$ the gradient of the loss of a network with one hidden layer, both layers trained, vanishes; here with
    softplus.

    Counterexample: $f = v\,\mathrm{softplus}(wx)$, $y = 1$: $\nabla L(0) = (0,-\log2)$.

    Notes: crc.definition2.origin tells when it does.
    """
    W, a = 0 * X[:, :1], 0 * X[:, :1, :1]
    _, squared = _network(W, a, X, Y, activation, bias)
    return eq(squared, 0 * squared, names=["|grad L(0)|^2", "0"])
