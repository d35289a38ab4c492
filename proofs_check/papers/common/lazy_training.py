r"""Lazy training: as the width m grows, a trained network stays with its linearisation, and its kernel where it was.

All papers use the limit; here is the rate, $m^{-1/2}$, for ten unit vectors in dimension 4 with labels $\pm 1/2$, gradient
descent on the squared error with step size $1/\lambda_{\max}(K)$, 40 steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.relations import Rate

SOURCE = "Chizat, Oyallon, Bach (2019), arXiv:1812.07956; Lee et al. (2019), arXiv:1902.06720, theorem 2.1"
WIDTHS = (256, 1024, 4096, 16384)
REPLICATES = 2
POINTS, DIMENSION, STEPS = 10, 4, 40
SEEDS = D.seed()


@dataclass(frozen=True)
class Distances:
    """What training moved, shape (seeds, widths) each."""

    kernel: Tensor
    weights: Tensor
    parameters: Tensor
    outputs: Tensor
    from_kernel: Tensor


@remembered
def distances(seed: Tensor, antisymmetric: bool = True, activation: str = "relu") -> Distances:
    """Train networks of each width beside their linearisation and the kernel of infinite width; geometric means of two."""
    table = [
        [[_one(s + replicate, m, antisymmetric, activation) for replicate in range(REPLICATES)] for m in WIDTHS]
        for s in seed.tolist()
    ]
    return Distances(*torch.tensor(table, dtype=torch.float64).log().mean(2).exp().permute(2, 0, 1))


def _one(seed: int, width: int, antisymmetric: bool, activation: str) -> tuple[float, ...]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(POINTS, DIMENSION, generator=generator, dtype=torch.float64)
    x = x / x.norm(dim=1, keepdim=True)
    y = torch.randint(0, 2, (POINTS,), generator=generator).to(torch.float64) - 0.5
    K = al.kernels.analytic(x, activation=activation)
    lr = 1 / float(torch.linalg.eigvalsh(K)[-1])
    net = al.TwoLayerNet(DIMENSION, width, activation=activation, antisymmetric=antisymmetric, seed=seed + width)
    record = al.training.Record(kernel=[STEPS], weights=[STEPS])
    run = al.training.gradient_descent(net, x, y, lr, STEPS, record=record)
    line = al.training.linearised(net, x, y, lr, STEPS)
    limit = al.training.kernel_descent(K, y, lr, STEPS)
    assert run.kernel_drift is not None
    assert run.weights_drift is not None
    assert run.parameter_drift is not None
    apart = (run.outputs - line.outputs).abs().amax()
    from_kernel = (run.outputs - limit.outputs).abs().amax()
    moved = (run.kernel_drift[-1], run.weights_drift[-1], run.parameter_drift[-1], apart, from_kernel)
    return tuple(float(v) for v in moved)


@claim(
    id="common.kernel_drift",
    title="The kernel moves less and less as the width grows",
    source=SOURCE,
    experiment="common.lazy_training",
    seed=SEEDS,
    uses=["common.kernel_rate"],
    mutants={"no fall at all": dict(exponent=0.0), "rate -1": dict(exponent=-1.0)},
)
def kernel_drift(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""For the relu network with antisymmetric initialisation, $|K_t-K_0|_F/|K_0|_F$ after training falls as $m^{-1/2}$.

    Notes: for a smooth activation it falls as $m^{-1}$: the changes of the neurons cancel in pairs of signs. A
    relu neuron gains or loses an input in a way that does not cancel.
    """
    return rate(WIDTHS, distances(seed).kernel, exponent=exponent, tolerance=0.15)


@claim(
    id="common.weights_drift",
    title="Each neuron moves by one over the square root of the width",
    source=SOURCE,
    experiment="common.lazy_training",
    seed=SEEDS,
    mutants={"rate -1": dict(exponent=-1.0), "no movement in the limit of all together": dict(which="parameters")},
)
def weights_drift(seed: Tensor, *, exponent: float = -0.5, which: str = "weights") -> Rate:
    r"""For the relu network with antisymmetric initialisation, $\max_r|w_r(t)-w_r(0)|$ after training falls as $m^{-1/2}$.

    Notes: the whole parameter vector moves by a constant, whatever the width; see common.parameters_drift.
    """
    moved = distances(seed)
    return rate(WIDTHS, moved.weights if which == "weights" else moved.parameters, exponent=exponent, tolerance=0.15)


@claim(
    id="common.parameters_drift",
    title="All neurons together move by a constant",
    source=SOURCE,
    experiment="common.lazy_training",
    seed=SEEDS,
    mutants={"rate -1/4": dict(exponent=-0.25), "rate -1/2": dict(exponent=-0.5)},
)
def parameters_drift(seed: Tensor, *, exponent: float = 0.0) -> Rate:
    r"""For the relu network with antisymmetric initialisation, $|\theta_t-\theta_0|$ after training does not depend on m.

    Notes: it tends to $\sqrt{y^\top K^{-1}y}$ as training converges, the norm in the generalisation bounds.
    """
    return rate(WIDTHS, distances(seed).parameters, exponent=exponent, tolerance=0.1)


@claim(
    id="common.linearisation",
    title="A wide network trains as its linearisation",
    source=SOURCE,
    experiment="common.lazy_training",
    seed=SEEDS,
    uses=["common.linear_training", "common.kernel_drift"],
    mutants={"no fall at all": dict(exponent=0.0), "rate -1": dict(exponent=-1.0)},
)
def linearisation(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""For the relu network with antisymmetric initialisation, $\max_{t,i}|f_t(x_i)-f_t^{lin}(x_i)|$ falls as $m^{-1/2}$."""
    return rate(WIDTHS, distances(seed).outputs, exponent=exponent, tolerance=0.15)


@claim(
    id="common.linearisation.limit",
    title="A wide network trains as the kernel of infinite width says",
    source=SOURCE,
    experiment="common.lazy_training",
    seed=SEEDS,
    uses=["common.linearisation", "common.kernel_rate"],
    mutants={"rate -1": dict(exponent=-1.0), "without antisymmetric initialisation": dict(antisymmetric=False)},
)
def linearisation_limit(seed: Tensor, *, exponent: float = -0.5, antisymmetric: bool = True) -> Rate:
    r"""For the relu network with antisymmetric initialisation, the distance of $f_t$ from gradient descent with the kernel K of
    infinite width, started at 0, falls as $m^{-1/2}$.

    Notes: with an ordinary initialisation $f_0$ is of order 1 at every width and the distance does not fall: a mutant says so.
    """
    return rate(WIDTHS, distances(seed, antisymmetric).from_kernel, exponent=exponent, tolerance=0.15)


@claim(
    id="common.linearisation.smooth",
    title="A smooth network is closer to its linearisation than a relu network",
    source="own derivation",
    experiment="common.lazy_training",
    seed=SEEDS,
    sharpens="common.linearisation",
    mutants={"rate -1.5": dict(exponent=-1.5), "relu": dict(activation="relu")},
)
def linearisation_smooth(seed: Tensor, *, exponent: float = -1.0, activation: str = "tanh") -> Rate:
    r"""For the tanh network with antisymmetric initialisation, $\max_{t,i}|f_t(x_i)-f_t^{lin}(x_i)|$ falls as $m^{-1}$.

    Proof: neuron r moves by $a_r c_r/\sqrt m$, so the second-order term is
    $m^{-1/2}\sum_r a_r\phi''(w_r\cdot x)(c_r\cdot x)^2/(2m)$, a sum of m terms that are odd in the sign $a_r$: its size is
    $m^{-3/2}\sqrt m$. With relu the neurons that cross the kink add terms that are even in $a_r$.
    """
    return rate(WIDTHS, distances(seed, activation=activation).outputs, exponent=exponent, tolerance=0.2)
