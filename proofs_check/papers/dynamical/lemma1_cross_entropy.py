r"""Lemma 1 for cross-entropy: "the conclusion can be extended to other loss functions such as cross-entropy loss".

Two readings. That the network follows its kernel's ordinary differential equation (Lee et al. 2019, appendix B.2) is true.
That the error then has the exponential form (16) is not: on separable data the loss falls as 1/t.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import chain, claim, eq, leq, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.dynamical._settings import SOURCE
from proofs_check.papers.dynamical.lemma1 import INPUTS, POINTS, SEEDS, inputs
from proofs_check.relations import Rate, Relation

STATEMENT = f"{SOURCE}, section 4.1, the sentence after Lemma 1; Lee et al. (2019), arXiv:1902.06720, appendix B.2"
STEPS, CLASSES, WIDTHS, NETWORKS = 40, 2, (64, 256, 1024, 4096), 10


@claim(
    id="dynamical.lemma1.cross_entropy",
    title="Cross-entropy: training a linear model, in kernel form",
    source=STATEMENT,
    reading="the conclusion is that the outputs follow the kernel's own dynamics",
    jacobian=D.real("n", "p"),
    weights=D.real("p", "k"),
    Y=D.labels("n", "k"),
    eta=D.interval(0, 2),
    dims={"n": (1, 4), "p": (1, 4), "k": (2, 3)},
    uses=["common.linear_training"],
    mutants={"one percent larger steps": dict(factor=1.01), "the residual of the squared loss": dict(squared=True)},
)
def kernel_form(
    jacobian: Tensor, weights: Tensor, Y: Tensor, eta: Tensor, *, factor: float = 1.0, squared: bool = False
) -> Relation:
    r"""Let $f = JW$ and let W follow gradient descent on the cross-entropy $-\sum_{ik}Y_{ik}\log\sigma_k(f_i)$. Then with
    $\Theta = JJ^\top$ the outputs follow $f_{t+1} = f_t - \eta\,\Theta\,(\sigma(f_t)-Y)$ (here for three steps): training in
    the weights and training in the outputs is the same.

    Notes: a wide network is linear in its weights up to an error of order $m^{-1/2}$ (dynamical.lemma1.cross_entropy.width).
    """
    theta = jacobian @ jacobian.mT
    outputs, W = jacobian @ weights, weights
    step = eta[:, None, None]
    for _ in range(3):
        slope = torch.softmax(jacobian @ W, -1) - Y
        W = W - step * (jacobian.mT @ slope)
        moved = outputs - Y if squared else torch.softmax(outputs, -1) - Y
        outputs = outputs - factor * step * (theta @ moved)
    error = [torch.softmax(f, -1) - Y for f in (jacobian @ W, outputs)]
    return eq(*((e * e).sum((-2, -1)) for e in error), names=["error of the model", "error of the kernel's dynamics"])


@remembered
def deviations(seed: Tensor) -> Tensor:
    """The greatest distance between the outputs of networks and of the kernel's dynamics over t, shape (seeds, widths)."""
    rows = []
    for s in seed.tolist():
        generator, x, K = inputs(int(s))
        classes = torch.arange(POINTS) % CLASSES
        ideal = al.training.kernel_descent(K, classes, 1.0, STEPS, loss="cross_entropy").outputs
        row = []
        for width in WIDTHS:
            nets = [al.TwoLayerNet(INPUTS, width, CLASSES, seed=generator) for _ in range(NETWORKS)]
            runs = al.training.gradient_descent(nets, x, classes, 1.0, STEPS, loss="cross_entropy")
            off = torch.stack([(r.outputs - ideal).norm(dim=(-2, -1)).amax() for r in runs])
            row.append(off.square().mean().sqrt())
        rows.append(torch.stack(row))
    return torch.stack(rows)


@claim(
    id="dynamical.lemma1.cross_entropy.width",
    title="Cross-entropy: wide networks follow the kernel's dynamics",
    source=STATEMENT,
    reading="the conclusion is that the outputs follow the kernel's own dynamics, for a bounded time",
    experiment="dynamical.lemma1.cross_entropy",
    seed=SEEDS,
    uses=["dynamical.lemma1.cross_entropy", "common.kernel_rate"],
    mutants={"rate -1.5": dict(exponent=-1.5), "growth, rate 1/4": dict(exponent=0.25)},
)
def width(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""For the two-layer relu network with f = 0 at initialisation, trained on the cross-entropy of two classes, the greatest
    distance over t of its outputs from $f_{t+1} = f_t - \eta\,\Theta\,(\sigma(f_t)-Y)$ falls as $m^{-1/2}$.

    Notes: 40 steps of $\eta = 1$ on 4 unit vectors. Bounded time matters: on separable data the weights grow for ever.
    """
    return rate(WIDTHS, deviations(seed), exponent=exponent)


def _flow(margin: Tensor) -> tuple[Tensor, Tensor]:
    r"""Time and loss at which logistic gradient flow has this margin: $\tau = m + e^m - 1$, $L = \log(1+e^{-m})$."""
    return margin + torch.exp(margin) - 1, torch.nn.functional.softplus(-margin)


@claim(
    id="dynamical.lemma1.cross_entropy.exponential",
    title="Cross-entropy: an error of the exponential form (16)",
    source=STATEMENT,
    reading="the conclusion is the form (16): the error falls exponentially, at a rate that the kernel sets",
    expect="refuted",
    margin=D.interval(0, 16),
    c=D.interval(1 / 64, 2),
    C=D.interval(1, 64),
    mutants={"twice the rate": dict(faster=2.0), "a hundredth of the constant": dict(share=0.01)},
)
def exponential(margin: Tensor, c: Tensor, C: Tensor, *, faster: float = 1.0, share: float = 1.0) -> Relation:
    r"""Logistic regression with one point, kernel $\Theta = 1$, gradient flow from f = 0, time $\tau = \eta t$: the loss is at
    most $C\,L_0\,e^{-c\tau}$, for any $c \ge 1/64$ and $C \ge 1$ (the form (16) has c = 2 and C = 1).

    Counterexample: with any c and C from some time on: at margin 8 the time is about 2988 and the loss $3.4\cdot10^{-4}$, but
    $64\,L_0\,e^{-2988/64}$ is below $10^{-18}$.

    Notes: the flow is $m' = 1/(1+e^m)$, solved by $\tau = m+e^m-1$. The loss goes as $1/\tau$
    (dynamical.lemma1.cross_entropy.rate), on every kernel (dynamical.lemma1.cross_entropy.step).
    """
    time, loss = _flow(margin)
    start = torch.log(2 * torch.ones_like(margin))
    return leq(loss, share * C * start * torch.exp(-faster * c * time), names=["L", "C L_0 exp(-c tau)"])


@claim(
    id="dynamical.lemma1.cross_entropy.rate",
    title="Cross-entropy: the loss falls as one over the time",
    source="replaces the form (16) of dynamicAL, Lemma 1, for cross-entropy; own derivation",
    amends="dynamical.lemma1.cross_entropy.exponential",
    margin=D.interval(0, 30),
    mutants={"one percent more below": dict(below=1.01), "one percent less above": dict(above=0.99)},
)
def one_over_time(margin: Tensor, *, below: float = 1.0, above: float = 1.0) -> Relation:
    r"""Logistic regression with one point, $\Theta = 1$, gradient flow from f = 0: $\log\left(1+\frac{1}{1+\tau}\right) \le
    L_\tau \le \log\left(1+\frac{1}{1+\tau-\log(1+\tau)}\right)$ for every $\tau = \eta t$, so that $\tau L_\tau \to 1$.

    Proof: $e^m = 1+\tau-m$ and $0 \le m \le \log(1+\tau)$.

    Tight at: $\tau = 0$; and both ratios tend to 1 as $\tau \to \infty$.
    """
    time, loss = _flow(margin)
    low = torch.log1p(1 / (1 + time))
    high = torch.log1p(1 / (1 + time - torch.log1p(time)))
    return chain(below * low, loss, above * high, names=["log(1 + 1/(1+tau))", "L", "log(1 + 1/(1+tau-log(1+tau)))"])


@claim(
    id="dynamical.lemma1.cross_entropy.step",
    title="Cross-entropy: no kernel makes it exponential",
    source="replaces the form (16) of dynamicAL, Lemma 1, for cross-entropy; own derivation",
    amends="dynamical.lemma1.cross_entropy.exponential",
    theta=D.psd("n"),
    outputs=D.real("n", "k"),
    Y=D.labels("n", "k"),
    s=D.interval(1 / 64, 2),
    dims={"n": (1, 4), "k": (2, 4)},
    uses=["dynamical.lemma1.cross_entropy"],
    mutants={"1.8 for 2": dict(factor=1.8), "the loss to the power 2.2": dict(power=2.2)},
)
def step(theta: Tensor, outputs: Tensor, Y: Tensor, s: Tensor, *, factor: float = 2.0, power: float = 2.0) -> Relation:
    r"""One step $f - \eta\,\Theta\,(\sigma(f)-Y)$ on the cross-entropy L (a sum over the points) lowers it by at most
    $2\eta\lambda_{\max}L^2$: $L - L_+ \le 2\eta\lambda_{\max}L^2$ for all outputs f, one-hot Y, kernels and step sizes. Along
    the flow therefore $L_\tau \ge \frac{1}{1/L_0+2\lambda_{\max}\tau}$.

    Proof: L is convex in f, so $L - L_+ \le \eta\,\mathrm{Tr}[r^\top\Theta r] \le \eta\lambda_{\max}|r|^2$ with $r =
    \sigma-Y$, and $|r_i|^2 \le 2(1-p_i)^2 \le 2(\log p_i)^2$ for the probability $p_i$ of the label.

    Tight at: two classes and large margins, in the limit of small steps.
    """
    top = torch.linalg.eigvalsh(theta)[..., -1]
    eta = s / torch.where(top > 0, top, torch.ones_like(top))
    r = torch.softmax(outputs, -1) - Y

    def loss(f: Tensor) -> Tensor:
        return (torch.logsumexp(f, -1) - (Y * f).sum(-1)).sum(-1)

    before, after = loss(outputs), loss(outputs - eta[:, None, None] * (theta @ r))
    return leq(before - after, factor * eta * top * before**power, names=["L - L_+", "2 eta lambda_max L^2"])
