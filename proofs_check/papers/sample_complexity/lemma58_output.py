r"""Lemma 5.8, the output: properties 1 and 2 of definition 5.5 with certainty, for which gamma, and in runs."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import sparsifier
from proofs_check import all_of, chain, claim, eq, event, leq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Table
from proofs_check.papers.sample_complexity._settings_bss import (
    LEMMA58,
    eigenvalues,
    gammas,
    mirror,
    needed_gamma,
    points,
    round_from,
    rows,
    runs,
    state_after,
)
from proofs_check.relations import Event, Measurement, Relation

PROPERTY1 = f"{LEMMA58}; definition 5.5, property 1, with constants of our own"
SAFE = 0.1165  # (1 + 2 g) / (1 - g^2) <= 5/4 up to g = (sqrt(21) - 4) / 5 = 0.116515
LAST = "eigenvalues between the barriers, in any basis; the last round"


def _beta(lam: Tensor, gamma: Tensor, total: Tensor) -> Tensor:
    """The beta of a round in which the betas sum to `total` so far: gamma over m times the potential at these eigenvalues."""
    size = lam.shape[-1]
    width = (1 + total) * 4 * size / gamma
    return gamma * width / (1 / lam + 1 / (1 - lam)).sum(-1) / sparsifier.middle(size, gamma)


def _total(lam: Tensor, gamma: Tensor, late: Tensor) -> Tensor:
    """A sum of the betas before a last round: 1 minus a part of what the round adds."""
    return 1 - late * _beta(lam, gamma, 1 + 0 * gamma)


def ends_the_run(lam: Tensor, gamma: Tensor, late: Tensor) -> Tensor:
    """The betas sum to 1 or more after the round."""
    total = _total(lam, gamma, late)
    return total + _beta(lam, gamma, total) >= 1


@claim(
    id="sample_complexity.lemma58.property1",
    title="Property 1 on termination",
    source=PROPERTY1,
    reading="on termination, with certainty, for gamma at most 0.1165; the run stops once u - l >= 8D/gamma",
    lam=eigenvalues(),
    h=mirror(),
    X=points(),
    gamma=gammas(high=SAFE),
    late=D.interval(2.0**-10, 1),
    dims={"D": (1, 2), "e": (1, 1)},
    assumes=[ends_the_run],
    on=LAST,
    uses=["sample_complexity.lemma58.eigenvalues"],
    mutants={
        "gamma up to 1/8": dict(gamma=D.interval(2.0**-6, 0.125)),
        "the upper end 5/4 one percent lower": dict(most=1.2375),
        "the lower end 3/4 five percent higher": dict(least=0.7875),
    },
)
def property1(
    lam: Tensor, h: Tensor, X: Tensor, gamma: Tensor, late: Tensor, *, least: float = 0.75, most: float = 1.25
) -> Relation:
    r"""If $\gamma\le0.1165$, then whatever rows were drawn $\lambda(A^*A)\in[\frac34,\frac54]$ when the run stops: definition
    5.5 asks for it with probability 0.9.

    In the paper: "With probability 0.9, the matrix A ... has $\lambda(A^*A)\in[\frac34,\frac54]$".

    Proof: $\frac{1+2\gamma}{1-\gamma^2}\le\frac54$ for $\gamma\le\frac{\sqrt{21}-4}{5} = 0.11651$, and
    $\frac{1-2\gamma}{1-\gamma^2}\ge\frac34$ for $\gamma\le0.1315$.

    Notes: for every D; `altheory.sparsifier` takes 0.11. Of the state before the last round only $l\prec B\prec u$ is used,
    so for larger gamma an admissible state fails; runs that reach such a state have not been seen.
    """
    now = state_after(lam, h, gamma, _total(lam, gamma, late))
    middle = sparsifier.middle(lam.shape[-1], gamma)
    values = torch.linalg.eigvalsh(round_from(now, rows(X), gamma).B / middle[:, None, None, None])
    low, high = torch.amin(values[..., 0], -1), torch.amax(values[..., -1], -1)
    return chain(least + 0 * low, low, high, most + 0 * high, names=["3/4", "lambda_min(A*A)", "lambda_max(A*A)", "5/4"])


def _barrier(lam: Tensor, gamma: Tensor, late: Tensor) -> tuple[Tensor, Tensor]:
    """The upper barrier after the last round over m, and the bound with the overshoot."""
    size, total = lam.shape[-1], _total(lam, gamma, late)
    high, middle = sparsifier.start(size, gamma)[1], sparsifier.middle(size, gamma)
    after = high / middle + (total + _beta(lam, gamma, total)) / (1 - gamma)
    square = 1 - gamma**2
    return after, (1 + 2 * gamma) / square + gamma**2 / (size * square * (1 - gamma))


@claim(
    id="sample_complexity.lemma58.barrier",
    title="The barriers themselves end below 5/4",
    source=PROPERTY1,
    reading="the certificate u / m <= 5/4, for gamma up to 0.1165: an account that forgets the last round's overshoot",
    expect="refuted",
    lam=eigenvalues(),
    gamma=D.interval(0.1, SAFE),
    late=D.interval(2.0**-10, 1),
    dims={"D": (1, 4)},
    assumes=[ends_the_run],
    on=LAST,
    mutants={"half a percent lower": dict(most=1.24375), "one percent lower": dict(most=1.2375)},
)
def barrier(lam: Tensor, gamma: Tensor, late: Tensor, *, most: float = 1.25) -> Relation:
    r"""If $\gamma\le0.1165$, then the upper barrier at the stop has $u/m\le\frac54$.

    Counterexample: D = 1, $\gamma = 0.1165$, B in the middle, the betas just below 1: the last round adds
    $\gamma/\Phi = 2$, and $u/m = 1.265$.

    Notes: the eigenvalues do not follow the barrier there: sample_complexity.lemma58.property1. Where several draws share a
    potential they may, and then the smaller gamma of lemma58.barrier.safe is the safe one.
    """
    after, _ = _barrier(lam, gamma, late)
    return leq(after, most + 0 * after, names=["u / m", "5/4"])


@claim(
    id="sample_complexity.lemma58.barrier.safe",
    title="The barriers end below 5/4, overshoot and all",
    source=f"replaces {PROPERTY1}",
    amends="sample_complexity.lemma58.barrier",
    lam=eigenvalues(),
    gamma=gammas(high=0.1105),
    late=D.interval(2.0**-10, 1),
    dims={"D": (1, 4)},
    assumes=[ends_the_run],
    on=LAST,
    mutants={
        "no overshoot": dict(overshoot=0.0),
        "nine tenths of the overshoot": dict(overshoot=0.9),
        "gamma up to 0.1165": dict(gamma=D.interval(2.0**-6, SAFE)),
    },
)
def barrier_safe(lam: Tensor, gamma: Tensor, late: Tensor, *, overshoot: float = 1.0) -> Relation:
    r"""At the stop $\frac um\le\frac{1+2\gamma}{1-\gamma^2}+\frac{\gamma^2}{D(1-\gamma^2)(1-\gamma)}$, which is at most 5/4 for
    $\gamma\le0.1105$ and every D.

    Proof: before the last round the betas sum to less than 1; the round adds at most $\gamma/\Phi\le2$ to their m-fold.

    Tight at: B in the middle, the betas just below 1.

    Notes: the largest gamma is 0.1105, 0.1133, 0.1152 for D = 1, 2, 5 (`altheory.sparsifier.safe_gamma`).
    """
    after, bound = _barrier(lam, gamma, late)
    plain = (1 + 2 * gamma) / (1 - gamma**2)
    return chain(after, plain + overshoot * (bound - plain), 1.25 + 0 * after, names=["u / m", "bound", "5/4"])


@claim(
    id="sample_complexity.lemma58.gamma",
    title="The gamma that an accuracy needs",
    source=f"{LEMMA58}; definition 5.5, property 2, beta_i K <= eps / 2 for each i",
    eps=D.interval(2.0**-10, 1),
    mutants={"without the square of gamma": dict(square=0.0), "a gamma half a percent larger": dict(larger=1.005)},
)
def gamma_of(eps: Tensor, *, square: float = 1.0, larger: float = 1.0) -> Relation:
    r"""$\frac{\gamma^2}{1-\gamma^2} = \frac\varepsilon2$ exactly at $\gamma = \sqrt{\frac{\varepsilon}{2+\varepsilon}}$; every
    smaller gamma gives less.
    """
    gamma = larger * torch.sqrt(eps / (2 + eps))
    return eq(gamma**2 / (1 - square * gamma**2), eps / 2, names=["gamma^2 / (1 - gamma^2)", "eps / 2"])


@claim(
    id="sample_complexity.lemma58",
    title="Lemma 5.8: what its constants come to",
    source=LEMMA58,
    reading="F_nn a linear space of dimension D, gamma = min(0.11, sqrt(eps / (2 + eps)))",
    eps=D.interval(2.0**-14, 1),
    D=D.integer(1, 1000),
    uses=[
        "sample_complexity.lemma58.beta_K",
        "sample_complexity.lemma58.sum_beta",
        "sample_complexity.lemma58.eigenvalues",
        "sample_complexity.lemma58.gamma",
        "sample_complexity.rounds.markov",
    ],
    mutants={
        "gamma up to 0.12": dict(cap=0.12),
        "gamma = sqrt(eps / 2)": dict(add=0.0),
        "c 164 D/eps rounds": dict(constant=164.0),
    },
)
def lemma58(eps: Tensor, D: Tensor, *, cap: float = 0.11, add: float = 1.0, constant: float = 166.0) -> Relation:
    r"""For every $\varepsilon\in(0,1)$, $D\ge1$ and $\gamma = \min(0.11,\sqrt{\varepsilon/(2+\varepsilon)})$ the bounds of the
    run are what definition 5.5 asks for: $\frac{\gamma^2}{1-\gamma^2}\le\frac\varepsilon2$ (each $\beta K$),
    $1+\frac{\gamma^2}{D(1-\gamma^2)}\le\frac54$ (the sum of the betas), $\frac34\le\frac{1-2\gamma}{1-\gamma^2}$ and
    $\frac{1+2\gamma}{1-\gamma^2}\le\frac54$ (the eigenvalues); and $\frac{2cD}{\gamma^2}\le166\,\frac{cD}\varepsilon$,
    which bounds the rounds with probability at least $1-\frac1c$.

    In the paper: "there exists an $\varepsilon$-importance sampling procedure that terminates in $O(d/\varepsilon)$ rounds with
    arbitrarily large constant probability".

    Notes: so the lemma is true, for linear spaces. The paper applies it to networks, which are none. The constant 166
    belongs to eps near 1, where gamma = 0.11 is a floor; for eps up to 0.0244 it is $4+2\varepsilon$.
    """
    gamma = torch.minimum(torch.sqrt(eps / (2 * 1.0 + add * eps)), cap + 0 * eps)
    square, size = gamma**2, D.to(torch.float64)
    one = 0 * eps + 1
    return all_of(
        leq(square / (1 - square), eps / 2, names=["bound of beta K", "eps / 2"]),
        leq(1 + square / (size * (1 - square)), 1.25 * one, names=["bound of the sum of the betas", "5/4"]),
        leq(0.75 * one, (1 - 2 * gamma) / (1 - square), names=["3/4", "lower end"]),
        leq((1 + 2 * gamma) / (1 - square), 1.25 * one, names=["upper end", "5/4"]),
        leq(2 * size / square, constant * size / eps, names=["2 D / gamma^2", "166 D / eps"]),
    )


# ---- runs ------------------------------------------------------------------------------------------------


@claim(
    id="sample_complexity.lemma58.good",
    title="A good output with probability 0.9",
    source=f"{LEMMA58}; definition 5.5, property 1; definition 5.6",
    experiment="sample_complexity.runs",
    seed=D.seed(),
    uses=["sample_complexity.lemma58.property1"],
    mutants={"within a twentieth": dict(within=0.05), "within a fiftieth": dict(within=0.02)},
)
def good(seed: Tensor, *, within: float = 0.25) -> Event:
    r"""A run on a heavy-tailed pool (D = 2, 12 points, eps = 1/2) ends with $\lambda(A^*A)\in[\frac34,\frac54]$ with
    probability at least 0.9.

    Notes: it does so always (lemma58.property1).
    """
    found = runs(seed, 2, sparsifier.gamma_for(0.5))
    return event((found["least"] >= 1 - within) & (found["most"] <= 1 + within), delta=0.1)


CASES = ((1, 0.5), (2, 0.5), (3, 0.5), (1, 0.02), (2, 0.02))


@remembered
def measured(seed: Tensor) -> dict[tuple[int, float], dict[str, Tensor]]:
    """Runs of several dimensions and accuracies, one a seed."""
    return {(size, eps): runs(seed, size, sparsifier.gamma_for(eps)) for size, eps in CASES}


@claim(
    id="sample_complexity.lemma58.measured",
    title="Both properties in every run",
    source=LEMMA58,
    expect="reproduced",
    experiment="sample_complexity.measured",
    seed=D.seed(),
    mutants={"eigenvalues within a twentieth": dict(within=0.05), "beta K at most 0.4 eps": dict(half=0.4)},
)
def in_runs(seed: Tensor, *, within: float = 0.25, half: float = 0.5) -> Measurement:
    r"""Runs with D = 1, 2, 3 and eps = 1/2, 1/50 on heavy-tailed pools of 12 points: in each one B stays between its barriers,
    $\lambda(A^*A)\in[\frac34,\frac54]$, $\sum\beta\le\frac54$ and every $\beta K\le\frac\varepsilon2$.

    Notes: 1000 runs with D = 5, 20, 50 and eps = 0.05, 0.1, 0.5: `benchmarks/bench_sparsifier.py`, test_property_one.
    """
    kept, table = torch.ones(len(seed), dtype=torch.bool), []
    for (size, eps), run in measured(seed).items():
        spectrum = (run["least"] >= 1 - within) & (run["most"] <= 1 + within)
        kept &= run["inside"] & spectrum & (run["total"] <= 1.25) & (run["beta_K"] <= half * eps * (1 + 1e-9))
        cells = [run["least"], run["most"], run["total"], run["beta_K"] / eps, run["peak"]]
        table.append((f"D = {size}, eps = {eps:g}, gamma = {min(0.11, needed_gamma(eps)):.4f}", cells))
    columns = ["least eigenvalue", "largest eigenvalue", "sum of betas", "largest beta K / eps", "largest Phi / gamma"]
    return measurement(kept.to(torch.float64), expect=(1, 1), show=[Table("Runs of randomized BSS", columns, table)])
