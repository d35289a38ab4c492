r"""Figure 2 (section 4.3, appendix D.2): does a large training dynamics go with a large alignment?

The paper fixes a labelled set S, draws the query set Q at random 150 times, and plots $G_{MSE}(S\cup Q)$ against the alignment
$A(S\cup Q)$ for one trained CNN on CIFAR10; it prints no correlation. Here: digits, $|S| = 100$, $|Q| = 50$, the kernel of the
infinitely wide relu network, gradient descent on S with step size $1/\lambda_{\max}$ from f = 0, stopped after t steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Figure, Series
from proofs_check.relations import Measurement

SOURCE = "dynamicAL (ICLR 2022 submission), section 4.3, figure 2; appendix D.2"
LABELLED, QUERIED, DRAWS = 100, 50, 150
STEPS = (0.0, 1.0, 10.0, 100.0, math.inf)
ROWS = D.dataset("digits", n=600, repeats=False)
SEEDS = D.seed()


@dataclass(frozen=True)
class Correlations:
    """Kendall's tau over the 150 query sets, shape (seeds, len(STEPS)) each."""

    dynamics_alignment: Tensor
    dynamics_bound: Tensor
    dynamics: Tensor
    alignment: Tensor


@remembered
def correlations(x: Tensor, labels: Tensor, seed: Tensor) -> Correlations:
    """The experiment, one seed a row."""
    found = [_one_seed(*row) for row in zip(x, labels, seed.tolist(), strict=True)]
    return Correlations(*(torch.stack(columns) for columns in zip(*found, strict=True)))


def _one_seed(x: Tensor, labels: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    theta = al.kernels.analytic(x)
    pool = torch.arange(LABELLED, len(x))
    draws = torch.stack([pool[torch.randperm(len(pool), generator=generator)[:QUERIED]] for _ in range(DRAWS)])
    chosen = torch.cat([torch.arange(LABELLED).expand(DRAWS, -1), draws], 1)
    blocks = theta[chosen[:, :, None], chosen[:, None, :]]
    alignment = al.alignment.alignment(blocks, labels[chosen])
    # by Cholesky: torch's batched solve is refused by MKL at this size on several threads
    inverse = (labels[chosen] * torch.cholesky_solve(labels[chosen], torch.linalg.cholesky(blocks))).sum((-2, -1))
    lam, vectors = torch.linalg.eigh(theta[:LABELLED, :LABELLED])
    coefficients = vectors.T @ labels[:LABELLED]
    with_alignment, with_bound, dynamics = [], [], []
    for t in STEPS:
        gain = (1 - (1 - lam / lam[-1]) ** t) / lam if t < math.inf else 1 / lam
        residual = labels - theta[:, :LABELLED] @ (vectors @ (gain[:, None] * coefficients))
        G = al.alignment.alignment(blocks, residual[chosen])
        with_alignment.append(float(al.rank_correlation.kendall_tau(G, alignment)))
        with_bound.append(float(al.rank_correlation.kendall_tau(G, inverse)))
        dynamics.append(G)
    return torch.tensor(with_alignment).double(), torch.tensor(with_bound).double(), torch.stack(dynamics), alignment


def _shown(found: Correlations) -> list[Figure]:
    where = ["0", "1", "10", "100", "converged"]
    return [
        Figure(
            "Kendall tau over 150 random query sets",
            "steps of gradient descent on S",
            "tau",
            [
                Series("G with alignment A", where, found.dynamics_alignment),
                Series("G with the bound B", where, found.dynamics_bound),
            ],
            note="The argument wants the first near 1 and the second negative, at convergence, when the algorithm queries.",
        ),
        *(
            Figure(
                f"One seed, {when}: one point a query set",
                "G(S u Q)",
                "A(S u Q)",
                [Series("", found.dynamics[0, step], found.alignment[0], dots=True)],
            )
            for when, step in (("before training", 0), ("converged on S", 4))
        ),
    ]


@claim(
    id="dynamical.figure2",
    title="Figure 2: training dynamics agrees with alignment, before training",
    source=SOURCE,
    reading="at initialisation, f = 0",
    expect="reproduced",
    experiment="dynamical.figure2",
    x=ROWS,
    labels=ROWS.labels,
    seed=SEEDS,
    uses=["dynamical.definition1"],
    mutants={"after 100 steps": dict(step=3), "at convergence": dict(step=4)},
)
def figure2(x: Tensor, labels: Tensor, seed: Tensor, *, step: int = 0) -> Measurement:
    r"""Over 150 random query sets, Kendall's $\tau$ between $G_{MSE}(S\cup Q)$ and $A(S\cup Q)$ is above 0.9 when f = 0.

    Notes: at f = 0 the residual is the label, so $G_{MSE} = A$ identically and $\tau = 1$: agreement here says nothing.
    """
    found = correlations(x, labels, seed)
    return measurement(found.dynamics_alignment[:, step], expect=(0.9, 1.0), show=_shown(found))


@claim(
    id="dynamical.figure2.converged",
    title="Figure 2: training dynamics agrees with alignment, at convergence",
    source=SOURCE,
    reading="trained to convergence on S, as algorithm 1 does before it queries; strong agreement means tau above 0.3",
    expect="not-reproduced",
    experiment="dynamical.figure2",
    x=ROWS,
    labels=ROWS.labels,
    seed=SEEDS,
    mutants={"tau above 0.5": dict(least=0.5), "after 100 steps": dict(step=3)},
)
def figure2_converged(x: Tensor, labels: Tensor, seed: Tensor, *, step: int = 4, least: float = 0.3) -> Measurement:
    r"""Over 150 random query sets, Kendall's $\tau$ between $G_{MSE}(S\cup Q)$ and $A(S\cup Q)$ is above 0.3 when the network
    has converged on S.

    Notes: not reproduced; the correlation is negative. At convergence $G_{MSE} = r_Q^\top\Theta_{QQ}r_Q$: it is the alignment
    of the residual, not of the labels.
    """
    found = correlations(x, labels, seed)
    return measurement(found.dynamics_alignment[:, step], expect=(least, 1.0), show=_shown(found))


@claim(
    id="dynamical.figure2.bound",
    title="Figure 2's conclusion: a larger training dynamics, a smaller bound",
    source=SOURCE,
    reading="at convergence on S",
    expect="not-reproduced",
    experiment="dynamical.figure2",
    x=ROWS,
    labels=ROWS.labels,
    seed=SEEDS,
    mutants={"tau below -0.3": dict(most=-0.3), "tau below -0.1": dict(most=-0.1)},
)
def figure2_bound(x: Tensor, labels: Tensor, seed: Tensor, *, most: float = 0.0) -> Measurement:
    r"""Over 150 random query sets, Kendall's $\tau$ between $G_{MSE}(S\cup Q)$ and the bound
    $\mathrm{Tr}[Y^\top\Theta^{-1}Y]$ on $S\cup Q$ is negative when the network has converged on S.

    In the paper: "increasing the training dynamics will lead to a faster convergence and better generalization performance".

    Notes: not reproduced; the correlation is positive, as the growth of the bound at convergence says it must tend to be.
    """
    found = correlations(x, labels, seed)
    return measurement(found.dynamics_bound[:, 4], expect=(-1.0, most), show=_shown(found))
