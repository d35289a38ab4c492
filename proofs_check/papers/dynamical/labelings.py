r"""Remark 1 and Proposition 1 read as "usually": over all labelings of random points, on the kernel of a wide network.

Eight unit vectors in $R^4$, each of their $2^7$ labelings by 1 and -1 (a labeling and its negative are the same), the kernel
of the relu network with its first layer trained, gradient descent from f = 0 with $\eta = 1/\lambda_{\max}$.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

import altheory as al
from altheory import rank_correlation
from proofs_check import claim, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Figure, Series
from proofs_check.papers.dynamical._settings import SOURCE
from proofs_check.relations import Measurement

POINTS, INPUTS, TIMES = 8, 4, (1, 3, 10, 30, 100)
SEEDS = D.seed()


@dataclass(frozen=True)
class Labelings:
    """Kendall's tau over the labelings, one row a seed."""

    error: Tensor  #: of A with -E_t^2, (seeds, times)
    bound: Tensor  #: of A with -I, (seeds,)
    area: Tensor  #: of the total error with I, (seeds,)
    alignment: Tensor  #: (seeds, labelings)
    norm: Tensor  #: I, (seeds, labelings)


@remembered
def labelings(seed: Tensor) -> Labelings:
    """The experiment."""
    signs = torch.tensor(list(itertools.product((1.0, -1.0), repeat=POINTS - 1)), dtype=torch.float64)
    y = torch.cat([torch.ones_like(signs[:, :1]), signs], 1)
    kernels = []
    for s in seed.tolist():
        x = torch.randn(POINTS, INPUTS, generator=torch.Generator().manual_seed(int(s)), dtype=torch.float64)
        kernels.append(al.kernels.analytic(x / x.norm(dim=1, keepdim=True)))
    theta = torch.stack(kernels)[:, None].expand(-1, len(y), -1, -1)
    mu = al.spectra.label_measure(theta, y.expand(len(seed), -1, -1))
    eta = 1 / mu.hi
    tau = rank_correlation.kendall_tau
    error = torch.stack([tau(mu.A, -mu.E2(t, eta)) for t in TIMES], -1)
    # the total error grows without bound where mass sits at lambda_min alone; it is finite for a positive definite kernel
    return Labelings(error, tau(mu.A, -mu.I), tau(mu.total_E2(eta), mu.I), mu.A, mu.I)


def _shown(found: Labelings) -> list[Figure]:
    return [
        Figure(
            "Kendall tau of the alignment with -E_t^2, over all labelings",
            "steps",
            "tau",
            [Series("alignment", TIMES, found.error)],
            log_x=True,
            note="1 at the start, less at every later step.",
        ),
        Figure(
            "One seed: one labeling a point",
            "A",
            "Tr[Y' Theta^-1 Y]",
            [Series("", found.alignment[0], found.norm[0], dots=True)],
            log_y=True,
        ),
    ]


@claim(
    id="dynamical.remark1.usually",
    title="Remark 1: higher alignment usually means a smaller error",
    source=f"{SOURCE}, section 4.1, Remark 1",
    reading="usually: Kendall tau over labelings above 0.3, after 10 steps",
    expect="reproduced",
    experiment="dynamical.labelings",
    seed=SEEDS,
    uses=["dynamical.remark1.initial_speed"],
    mutants={"always": dict(least=0.98), "tau above 0.9": dict(least=0.9)},
)
def usually_faster(seed: Tensor, *, least: float = 0.3, time: int = 2) -> Measurement:
    r"""Over the labelings of eight random points by 1 and -1, Kendall's $\tau$ between the alignment and $-E_{10}^2$ is above
    0.3.

    Notes: a correlate that fades: the figure has $\tau$ at 1, 3, 10, 30 and 100 steps. As a theorem the sentence is false
    (dynamical.remark1.higher_is_faster).
    """
    found = labelings(seed)
    return measurement(found.error[:, time], expect=(least, 1.0), show=_shown(found))


@claim(
    id="dynamical.proposition1.usually",
    title="Proposition 1: higher alignment usually means a smaller bound",
    source=f"{SOURCE}, section 3.2, Proposition 1",
    reading="usually: Kendall tau over labelings above 0.3",
    expect="reproduced",
    experiment="dynamical.labelings",
    seed=SEEDS,
    mutants={"always": dict(least=0.98), "tau above 0.9": dict(least=0.9)},
)
def usually_generalises(seed: Tensor, *, least: float = 0.3) -> Measurement:
    r"""Over the labelings of eight random points by 1 and -1, Kendall's $\tau$ between the alignment and
    $-\mathrm{Tr}[Y^\top\Theta^{-1}Y]$ is above 0.3.

    Notes: as a theorem the sentence is false (dynamical.proposition1.faster_at_first). The total error does far better:
    dynamical.proposition1.total_error_ranks.
    """
    found = labelings(seed)
    return measurement(found.bound, expect=(least, 1.0), show=_shown(found))


@claim(
    id="dynamical.proposition1.total_error_ranks",
    title="Proposition 1, repaired: the total training error ranks the bounds",
    source="replaces dynamicAL, Proposition 1",
    amends="dynamical.proposition1.faster_at_first",
    expect="reproduced",
    experiment="dynamical.labelings",
    seed=SEEDS,
    uses=["dynamical.area_identity.sandwich", "dynamical.proposition1.total_error"],
    mutants={"in no order": dict(least=-0.3, most=0.3), "tau below 0.9": dict(least=0.3, most=0.9)},
)
def total_error_ranks(seed: Tensor, *, least: float = 0.95, most: float = 1.0) -> Measurement:
    r"""Over the labelings of eight random points by 1 and -1, Kendall's $\tau$ between the total training error
    $\sum_{t\ge0}E_t^2$ and $\mathrm{Tr}[Y^\top\Theta^{-1}Y]$ is above 0.95.

    Notes: the two are within a factor 2 of each other (dynamical.area_identity.sandwich), and equal up to a constant factor for
    small steps.
    """
    found = labelings(seed)
    return measurement(found.area, expect=(least, most))
