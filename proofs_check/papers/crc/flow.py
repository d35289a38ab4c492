r"""Equations (1) and (2): the flow of the outputs, and the kernel that does not move."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

import altheory as al
from altheory import dynamics
from proofs_check import claim, eq, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.crc._settings_recursion import SOURCE, column
from proofs_check.relations import Rate, Relation

FLOW = f"{SOURCE}, section 2.2, eq. (1)"
LIMIT = f"{SOURCE}, section 2.2, eq. (2)"
#: phi(u) = u + u^2 / 2: along a line in its first layer such a network is a polynomial of degree two
QUADRATIC = al.activations.polynomial(0, 1, 0.5)
#: two neurons, two inputs, two outputs; u are the coefficients with which the equation is tested
WEIGHTS, SIGNS, INPUTS, LABELS, PROBE = D.real(2, 2), D.real(2, 2), D.real("n", 2), D.real("n", 2), D.real("n", 2)
SMALL = {"n": (1, 2)}
SIDES = ["u' df/dt", "-2c u' K (f - Y)"]


def _flow(W: Tensor, a: Tensor, X: Tensor, Y: Tensor, u: Tensor, c: float | Tensor, cross: float) -> tuple[Tensor, Tensor]:
    """u' df/dt along the gradient flow of c |f - Y|^2, and -u' K (f - Y)."""
    gap = dynamics.two_layer(W, a, X, activation=QUADRATIC) - Y
    J = dynamics.two_layer_jacobian(W, a, X, activation=QUADRATIC)
    gradient = 2 * dynamics.sample_gradients(J, gap).sum(-2)
    gradient = gradient * column(c)
    move = -gradient.reshape(W.shape)
    ahead = dynamics.two_layer(W + move, a, X, activation=QUADRATIC)
    behind = dynamics.two_layer(W - move, a, X, activation=QUADRATIC)
    slope = (ahead - behind) / 2  # exact: f is a polynomial of degree two along the line
    K = dynamics.tangent_kernel(J)
    same = torch.eye(K.shape[-3], dtype=torch.float64)[:, :, None, None]
    kept = K * (same + cross * (1 - same))
    pulled = (kept * torch.transpose(gap, -1, -2)[:, None, :, None, :]).sum(-1).sum(-2)
    return (u * slope).sum(-1).sum(-1), -(torch.transpose(u, -1, -2) * pulled).sum(-1).sum(-1)


@claim(
    id="crc.eq1",
    title="Eq. (1) for half the squared error",
    source=FLOW,
    reading="L = |f - Y|^2 / 2",
    W=WEIGHTS,
    a=SIGNS,
    X=INPUTS,
    Y=LABELS,
    u=PROBE,
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "each output moved by its own error only": dict(cross=0.0)},
)
def eq1(
    W: Tensor, a: Tensor, X: Tensor, Y: Tensor, u: Tensor, *, c: float = 0.5, share: float = 1.0, cross: float = 1.0
) -> Relation:
    r"""Under the gradient flow of $L = \frac12|f-Y|^2$ the outputs move as $\frac{d}{dt}f(X) = -K_t\,(f(X)-Y)$, with the block
    kernel $K_t^{ij}(x,x') = \langle\nabla f^i(x),\nabla f^j(x')\rangle$: tested with every coefficients u.

    In the paper: eq. (1), for "the mean-squared error (MSE) loss".

    Repairs: $\nabla f(x)^\top\nabla f(x')$ is C x C, as the text says, if $\nabla f$ has one column an output.

    Proof: the chain rule.

    Notes: of all $L = c\,|f-Y|^2$ only $c = 1/2$ gives eq. (1). Eq. (12) of the same paper goes with $c = 1$. Tested on
    two-layer networks with $\phi(u) = u+u^2/2$, so that the derivative on the left is an exact difference; for relu it
    holds off the kinks.
    """
    left, right = _flow(W, a, X, Y, u, c, cross)
    return eq(left, share * right, names=SIDES)


@claim(
    id="crc.eq1.eq12",
    title="Eq. (1) for the loss of eq. (12)",
    source=FLOW,
    reading="L = |f - Y|^2, which eq. (12) needs",
    expect="refuted",
    W=WEIGHTS,
    a=SIGNS,
    X=INPUTS,
    Y=LABELS,
    u=PROBE,
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "each output moved by its own error only": dict(cross=0.0)},
)
def eq1_eq12(
    W: Tensor, a: Tensor, X: Tensor, Y: Tensor, u: Tensor, *, c: float = 1.0, share: float = 1.0, cross: float = 1.0
) -> Relation:
    r"""Under the gradient flow of $L = |f-Y|^2$, $\frac{d}{dt}f(X) = -K_t\,(f(X)-Y)$.

    Counterexample: $f = \theta$ at $\theta = 1$, $Y = 0$: f moves with speed $-2$, the right side is $-1$.
    """
    left, right = _flow(W, a, X, Y, u, c, cross)
    return eq(left, share * right, names=SIDES)


@claim(
    id="crc.eq1.mean",
    title="Eq. (1) for the mean of the squared errors",
    source=FLOW,
    reading="L = |f - Y|^2 / n, the words 'mean-squared error' taken literally",
    expect="refuted",
    W=WEIGHTS,
    a=SIGNS,
    X=INPUTS,
    Y=LABELS,
    u=PROBE,
    dims={"n": (1, 3)},
    mutants={"one percent more": dict(share=1.01), "each output moved by its own error only": dict(cross=0.0)},
)
def eq1_mean(W: Tensor, a: Tensor, X: Tensor, Y: Tensor, u: Tensor, *, share: float = 1.0, cross: float = 1.0) -> Relation:
    r"""Under the gradient flow of $L = \frac1n|f-Y|^2$ over n examples, $\frac{d}{dt}f(X) = -K_t\,(f(X)-Y)$.

    Counterexample: one example, $f = \theta$ at $\theta = 1$, $Y = 0$: f moves with speed $-2$, the right side is $-1$.

    Notes: the factor is $2/n$, so that n = 2 happens to be right. A change of the unit of time mends eq. (1), (2) and (3),
    but not the step size in Lemma 1.
    """
    left, right = _flow(W, a, X, Y, u, 1 / (X.shape[-2] + 0 * W[:, 0, 0]), cross)
    return eq(left, share * right, names=SIDES)


@claim(
    id="crc.eq1.normalised",
    title="Eq. (1) for every normalisation",
    source=f"replaces {FLOW}",
    amends="crc.eq1.mean",
    W=WEIGHTS,
    a=SIGNS,
    X=INPUTS,
    Y=LABELS,
    u=PROBE,
    c=D.interval(0.0625, 4),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "each output moved by its own error only": dict(cross=0.0)},
)
def eq1_normalised(
    W: Tensor, a: Tensor, X: Tensor, Y: Tensor, u: Tensor, c: Tensor, *, share: float = 1.0, cross: float = 1.0
) -> Relation:
    r"""Under the gradient flow of $L = c\,|f-Y|^2$ the outputs move as $\frac{d}{dt}f(X) = -2c\,K_t\,(f(X)-Y)$."""
    left, right = _flow(W, a, X, Y, u, c, cross)
    return eq(left, share * 2 * c * right, names=SIDES)


# eq. (2)


@claim(
    id="crc.eq2.as_printed",
    title="Eq. (2) at finite width",
    source=LIMIT,
    reading="an equality that holds with high probability at some finite width",
    expect="refuted",
    W=D.real("m", 2),
    x=D.points("n", 2),
    e=D.real("n"),
    dims={"m": (1, 5), "n": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def eq2_as_printed(W: Tensor, x: Tensor, e: Tensor, *, share: float = 1.0) -> Relation:
    r"""For a relu network $f(x) = m^{-1/2}\sum_r\pm\max(w_r\cdot x,0)$ of width m, with $e = f(X)-Y$, the flow of its
    outputs at initialisation is that of the limit: $e^\top\frac{df}{dt} = -e^\top K_0e = -e^\top Ke$, with K the kernel of
    infinite width.

    In the paper: "Properly initialized infinite-width networks satisfy a remarkable property ... which holds with high
    probability over random initialization".

    Counterexample: width 1, one input $x = (1, 0)$: $K_0$ is 0 or 1, as the neuron is off or on, and $K = 1/2$.

    Notes: at odd width $K_0(x,x)$ is an odd multiple of $|x|^2/m$, counted from either end, so equality has probability
    zero. As a limit, in probability, eq. (2) is right: crc.eq2, crc.eq2.outputs. "With high probability" belongs to a bound
    at finite width.
    """
    one = torch.ones_like(W[..., :1])
    J = dynamics.two_layer_jacobian(W, one, x)
    finite = dynamics.by_kernel(dynamics.tangent_kernel(J), e[..., None]) / W.shape[-2]
    limit = al.alignment.alignment(al.kernels.analytic(x), e)
    return eq(finite, share * limit, names=["e' K_0 e", "e' K e"])


WIDTHS = (64, 256, 1024, 4096)
NETWORKS = 4
POINTS, DIMENSION, STEPS = 8, 5, 20


@dataclass(frozen=True)
class Distances:
    """How far networks are from the flow of eq. (2), shape (seeds, widths) each: means over networks."""

    kernel: Tensor
    outputs: Tensor
    smallest: Tensor


@remembered
def _distances(seed: Tensor) -> Distances:
    """Relu networks with both layers' signs drawn, trained by small steps, beside the kernel of infinite width."""
    table = [[[_one(s + 1000 * k, m) for k in range(NETWORKS)] for m in WIDTHS] for s in seed.tolist()]
    return Distances(*torch.tensor(table, dtype=torch.float64).mean(2).permute(2, 0, 1))


def _one(seed: int, width: int) -> tuple[float, float, float]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(POINTS, DIMENSION, generator=generator, dtype=torch.float64)
    x = x / x.norm(dim=1, keepdim=True)
    y = torch.randint(0, 2, (POINTS,), generator=generator).to(torch.float64) - 0.5
    K = al.kernels.analytic(x)
    lam = torch.linalg.eigvalsh(K)
    lr = 1 / (2 * float(lam[-1]))
    net = al.TwoLayerNet(DIMENSION, width, antisymmetric=False, seed=generator)
    run = al.training.gradient_descent(net, x, y, lr, STEPS)
    limit = al.training.kernel_descent(K, y, lr, STEPS, f0=run.outputs[0])
    kernels = [al.kernels.empirical(one, x) for one in (net, run.net)]
    moved = max(float((k - K).norm() / K.norm()) for k in kernels)
    apart = float((run.outputs - limit.outputs).norm(dim=(1, 2)).amax())
    lowest = max(abs(float(torch.linalg.eigvalsh(k)[0] / lam[0]) - 1) for k in kernels)
    return moved, apart, lowest


@claim(
    id="crc.eq2",
    title="Eq. (2) as a limit: the kernel",
    source=LIMIT,
    reading="in the limit of large width, up to a fixed time",
    amends="crc.eq2.as_printed",
    experiment="crc.eq2",
    seed=D.seed(),
    uses=["common.kernel_rate", "common.kernel_drift"],
    mutants={"rate -0.75": dict(exponent=-0.75), "rate -1": dict(exponent=-1.0)},
)
def eq2(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""For relu networks with the first layer trained, $\max_t\|K_t-K\|_F/\|K\|_F$, at the start and after twenty steps of size
    $1/(2\lambda_{\max})$, falls as $m^{-1/2}$ (8 unit vectors in dimension 5, m from 64 to 4096).
    """
    return rate(WIDTHS, _distances(seed).kernel, exponent=exponent, tolerance=0.12)


@claim(
    id="crc.eq2.outputs",
    title="Eq. (2) as a limit: the outputs",
    source=LIMIT,
    reading="in the limit of large width, up to a fixed time",
    amends="crc.eq2.as_printed",
    experiment="crc.eq2",
    seed=D.seed(),
    uses=["crc.eq2"],
    mutants={"no fall at all": dict(exponent=0.0), "rate -1": dict(exponent=-1.0)},
)
def eq2_outputs(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""In the same experiment, $\max_t|f_t-f_t^\infty|$ falls as $m^{-1/2}$, where $f^\infty$ moves by the kernel of infinite
    width from the same $f_0$, with the same steps.
    """
    return rate(WIDTHS, _distances(seed).outputs, exponent=exponent, tolerance=0.2)


@claim(
    id="crc.eq2.smallest_eigenvalue",
    title="Eq. (2) as a limit: the smallest eigenvalue, by which CRC queries",
    source=LIMIT,
    reading="in the limit of large width, up to a fixed time",
    experiment="crc.eq2",
    seed=D.seed(),
    uses=["crc.eq2"],
    mutants={"no fall at all": dict(exponent=0.0), "rate -1": dict(exponent=-1.0)},
)
def eq2_smallest(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""In the same experiment, $\max_t|\lambda_{\min}(K_t)/\lambda_{\min}(K)-1|$ falls as $m^{-1/2}$.

    Notes: at width 64 the smallest eigenvalue is off by half of itself, so narrow networks do not show it.
    """
    return rate(WIDTHS, _distances(seed).smallest, exponent=exponent, tolerance=0.2)
