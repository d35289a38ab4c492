r"""Lemma 5.8, how many rounds: O(D/eps), from below with certainty and from above with probability."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from altheory import sparsifier
from proofs_check import all_of, claim, event, leq, measurement
from proofs_check import domains as D
from proofs_check.figure import Table
from proofs_check.papers.sample_complexity._settings_bss import (
    LEMMA58,
    eigenvalues,
    gammas,
    mirror,
    runs,
    state_after,
)
from proofs_check.papers.sample_complexity.lemma58_output import measured
from proofs_check.relations import Event, Measurement, Relation

ROUNDS = f"{LEMMA58}: 'terminates in O(d/eps) rounds with arbitrarily large constant probability'"
LEAST = 2 * math.log(2)


@claim(
    id="sample_complexity.rounds.lower",
    title="A run has at least 2 ln 2 D (1 - gamma^2) / gamma^2 rounds",
    source=f"replaces {ROUNDS}, from below",
    lam=eigenvalues(),
    h=mirror(),
    gamma=gammas(),
    total=D.interval(0, 1),
    dims={"D": (1, 3)},
    mutants={"the barriers part one percent slower": dict(share=0.99), "1.4 for 2 ln 2": dict(least=1.4)},
)
def lower(lam: Tensor, h: Tensor, gamma: Tensor, total: Tensor, *, share: float = 1.0, least: float = LEAST) -> Relation:
    r"""In a round $\frac{u'-l'}{u-l}\le1+\frac{\gamma^2}{2D(1-\gamma^2)}$, and twice the first width takes at least
    $2\ln2\,\frac{D(1-\gamma^2)}{\gamma^2}$ rounds of this growth: $\ln2\,/\ln(1+\frac{\gamma^2}{2D(1-\gamma^2)})$ of them.

    Proof: $\Phi\ge4D/(u-l)$; $\ln(1+x)\le x$.

    Tight at: B in the middle between the barriers (the first link); gamma to 0 (the second).
    """
    now, size = state_after(lam, h, gamma, total), lam.shape[-1]
    unit = gamma / sparsifier.potential(*now)
    width = now.upper - now.lower
    growth = gamma**2 / (2 * size * (1 - gamma**2))
    count = math.log(2) / torch.log(1 + growth)
    return all_of(
        leq(width + unit / (1 - gamma) - unit / (1 + gamma), width * (1 + share * growth), names=["u' - l'", "(u - l) growth"]),
        leq(least / (2 * growth), count, names=["2 ln 2 D (1 - gamma^2) / gamma^2", "rounds of this growth"]),
    )


@claim(
    id="sample_complexity.rounds.markov",
    title="A long run has large potentials",
    source=f"replaces {ROUNDS}",
    phi=D.positive("k"),
    gamma=gammas(),
    D=D.integer(1, 100),
    dims={"k": (1, 8)},
    mutants={"by two percent more": dict(factor=1.02), "middle two percent smaller": dict(shrink=0.98)},
)
def markov(phi: Tensor, gamma: Tensor, D: Tensor, *, factor: float = 1.0, shrink: float = 1.0) -> Relation:
    r"""If k rounds have $\sum_j\gamma/\Phi_j\le m$, then their mean potential is at least $k\gamma/m$, and
    $m\le2D/\gamma^2$. So with $\mathrm{E}\,\Phi_j\le\Phi_0 = \gamma$ (sample_complexity.potential.mean) and Markov's
    inequality $P(\mathrm{rounds} > k)\le m/k$: at most $2cD/\gamma^2$ rounds with probability at least $1-\frac1c$.

    Proof: Cauchy and Schwarz, $k^2\le\sum_j\Phi_j\sum_j1/\Phi_j$.

    Tight at: equal potentials.

    Notes: a run that has stopped counts with the potentials of a round never made, which the expectation allows: $\Phi_j$
    stays at its last value.
    """
    size, k = D.to(torch.float64), phi.shape[-1]
    middle = shrink * 2 * size * (1 - gamma**2) / gamma**2
    scaled = phi * (gamma / middle * (1 / phi).sum(-1))[:, None]  # the largest sum that is allowed
    return all_of(
        leq(factor * k * gamma / middle, scaled.sum(-1) / k, names=["k gamma / m", "mean potential"]),
        leq(middle / shrink, 2 * shrink * size / gamma**2, names=["m", "2 D / gamma^2"]),
    )


@claim(
    id="sample_complexity.rounds.small_eps",
    title="For small eps the hidden constant is four",
    source=ROUNDS,
    eps=D.interval(2.0**-14, 0.024),
    D=D.integer(1, 1000),
    uses=["sample_complexity.rounds.markov", "sample_complexity.rounds.lower"],
    mutants={"4 + eps": dict(above=1.0), "from below 1.4": dict(below=1.4)},
)
def small_eps(eps: Tensor, D: Tensor, *, above: float = 2.0, below: float = LEAST) -> Relation:
    r"""For $\varepsilon\le0.024$ the bounds of the rounds are $4\ln2\,\frac D\varepsilon$ from below, with certainty, and
    $c\,(4+2\varepsilon)\frac D\varepsilon$ from above, with probability at least $1-\frac1c$.

    Proof: here $\gamma^2 = \varepsilon/(2+\varepsilon)$, so $\frac{1-\gamma^2}{\gamma^2} = \frac2\varepsilon$.

    Tight at: both are equalities.

    Notes: the measured mean is near 3 D/eps, twice the 1.5 D/eps that every procedure needs.
    """
    size = D.to(torch.float64)
    square = torch.minimum(torch.sqrt(eps / (2 + eps)), 0.11 + 0 * eps) ** 2
    return all_of(
        leq(2 * below * size / eps, LEAST * size * (1 - square) / square, names=["4 ln 2 D / eps", "least rounds"]),
        leq(2 * size / square, (4 + above * eps) * size / eps, names=["2 D / gamma^2", "(4 + 2 eps) D / eps"]),
    )


@claim(
    id="sample_complexity.rounds.few_at_every_eps",
    title="The hidden constant stays small",
    source=ROUNDS,
    reading="a hidden constant of 100 for every eps < 1, for this algorithm",
    expect="refuted",
    eps=D.interval(2.0**-14, 1),
    D=D.integer(1, 1000),
    mutants={"at most 90": dict(constant=90.0), "at most 80": dict(constant=80.0)},
)
def few_at_every_eps(eps: Tensor, D: Tensor, *, constant: float = 100.0) -> Relation:
    r"""For every $\varepsilon\in(0,1)$ the least number of rounds, $2\ln2\,\frac{D(1-\gamma^2)}{\gamma^2}$ with $\gamma =
    \min(0.11,\sqrt{\varepsilon/(2+\varepsilon)})$, is at most $100\,D/\varepsilon$.

    Counterexample: eps = 1: at least 113.2 D rounds, whatever the pool.

    Notes: the constant of this algorithm, not of the paper, which hides it. A floor of 113 D labels stands for all eps
    above 0.0244, since the barriers must keep the spectrum in [3/4, 5/4] however coarse the accuracy.
    """
    size = D.to(torch.float64)
    square = torch.minimum(torch.sqrt(eps / (2 + eps)), 0.11 + 0 * eps) ** 2
    return leq(LEAST * size * (1 - square) / square, constant * size / eps, names=["least rounds", "100 D / eps"])


@claim(
    id="sample_complexity.rounds",
    title="O(D/eps) rounds with probability one half",
    source=ROUNDS,
    reading="at most 2 c D / gamma^2 rounds with probability 1 - 1/c, at c = 2",
    experiment="sample_complexity.runs",
    seed=D.seed(),
    uses=["sample_complexity.rounds.markov", "sample_complexity.potential.mean"],
    mutants={"in 1.4 D / gamma^2 rounds": dict(c=0.7), "in D / gamma^2 rounds": dict(c=0.5)},
)
def rounds(seed: Tensor, *, c: float = 2.0) -> Event:
    r"""A run on a heavy-tailed pool (D = 2, 12 points, eps = 1/2) ends within $4D/\gamma^2$ rounds with probability at least
    $\frac12$.

    Notes: Markov's inequality is generous: of 4000 such runs ten took more than $2D/\gamma^2$ rounds, none more than
    2.5 times $D/\gamma^2$.
    """
    gamma = sparsifier.gamma_for(0.5)
    return event(runs(seed, 2, gamma)["rounds"] <= 2 * c * 2 / gamma**2, delta=0.5)


@claim(
    id="sample_complexity.rounds.measured",
    title="Rounds, measured",
    source=ROUNDS,
    expect="reproduced",
    experiment="sample_complexity.measured",
    seed=D.seed(),
    mutants={"at most 1.39 D / gamma^2": dict(most=1.39), "at least 1.6 D / gamma^2": dict(least=1.6)},
)
def in_runs(seed: Tensor, *, least: float = 1.37, most: float = 1.8) -> Measurement:
    r"""Runs with D = 1, 2, 3 and eps = 1/2, 1/50 take between 1.37 and 1.8 times $D/\gamma^2$ rounds on average, and none
    fewer than $2\ln2\,D(1-\gamma^2)/\gamma^2$: near 120 D rounds at eps = 1/2 and 3 D/eps at eps = 1/50.

    Notes: in single runs up to 2.7 times $D/\gamma^2$ (D = 2). For D = 1 the number is certain.
    """
    scaled, table = [], []
    for (size, eps), run in measured(seed).items():
        square = sparsifier.gamma_for(eps) ** 2
        unit = run["rounds"] * square / size
        scaled.append(torch.where(unit >= LEAST * (1 - square), unit, math.inf))
        cells = [run["rounds"], unit, run["rounds"] / size, run["rounds"] * eps / size]
        table.append((f"D = {size}, eps = {eps:g}", cells))
    columns = ["rounds", "times gamma^2 / D", "over D", "times eps / D"]
    shown = [Table("Rounds of randomized BSS", columns, table)]
    return measurement(torch.stack(scaled).mean(0), expect=(least, most), show=shown)
