r"""Step 5 of algorithm 1, the triangle inequality: what two stages with an accuracy each give together."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from altheory import orthonormal_basis, sparsifier
from proofs_check import all_of, claim, eq, leq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Table
from proofs_check.papers.sample_complexity._settings_bss import SOURCE
from proofs_check.relations import Measurement, Relation

COMPOSITION = f"{SOURCE}, section 5 and algorithm 1: from lemmas 5.8 and 5.9 to theorem 4.1"
FACTOR = (1 + math.sqrt(4 / 3)) ** 2


def _errors(X: Tensor, Y: Tensor, g: Tensor, chance: Tensor) -> tuple[Tensor, Tensor]:
    r"""$\mathrm{E}|X+Y|^2$ and the larger of $\mathrm{E}|X|^2$ and $\mathrm{E}\sum_dg_dY_d^2$."""
    law = chance / chance.sum(-1)[:, None]
    total = (law * ((X + Y) ** 2).sum(-1)).sum(-1)
    first, second = (law * (X * X).sum(-1)).sum(-1), (law * (g * Y * Y).sum(-1)).sum(-1)
    return total, torch.maximum(first, second)


@claim(
    id="sample_complexity.composition",
    title="Two stages of accuracy eps have accuracy eps",
    source=COMPOSITION,
    reading="what each stage guarantees of itself, and the triangle inequality",
    expect="refuted",
    X=D.real("r", "D"),
    Y=D.real("r", "D"),
    g=D.spectrum("D", lo=0.75, hi=1.25),
    chance=D.positive("r"),
    dims={"r": (1, 3), "D": (1, 2)},
    mutants={"three times as much": dict(factor=3.0), "four times as much": dict(factor=4.0)},
)
def composition(X: Tensor, Y: Tensor, g: Tensor, chance: Tensor, *, factor: float = 1.0) -> Relation:
    r"""Let X and Y be the coefficients of $f'-f^*$ and $\tilde f-f'$: the best function on the pool against the best, and the
    learnt one against the best on the pool. If $\mathrm{E}|f'-f^*|_D^2\le s$ and $\mathrm{E}|\tilde f-f'|_{D_0}^2\le s$,
    then $\mathrm{E}|\tilde f-f^*|_D^2\le s$; g are the eigenvalues of the pool's Gram matrix, in [3/4, 5/4].

    Counterexample: X = Y = 1 and g = 1: $|X+Y|^2 = 4$.

    Notes: an argument that does not give the constant, not an algorithm that misses it: sample_complexity.composition.measured.
    """
    total, each = _errors(X, Y, g[:, None], chance)
    return leq(total, factor * each, names=["error of both stages", "error of each stage"])


@claim(
    id="sample_complexity.composition.factor",
    title="Two stages cost a factor (1 + sqrt(4/3))^2",
    source=f"replaces {COMPOSITION}",
    amends="sample_complexity.composition",
    X=D.real("r", "D"),
    Y=D.real("r", "D"),
    g=D.spectrum("D", lo=0.75, hi=1.25),
    chance=D.positive("r"),
    share=D.interval(0, 1),
    dims={"r": (1, 2), "D": (1, 2)},
    mutants={"a factor of 4.6": dict(factor=4.6), "norms of D and of the pool taken to be the same": dict(factor=4.0)},
)
def composition_factor(X: Tensor, Y: Tensor, g: Tensor, chance: Tensor, share: Tensor, *, factor: float = FACTOR) -> Relation:
    r"""Under the same hypotheses $\mathrm{E}|\tilde f-f^*|_D^2\le(1+\sqrt{4/3})^2\,s = 4.643\,s$.

    Proof: Minkowski's inequality in $L^2$, and $|h|_D^2\le\frac43|h|_{D_0}^2$ on a good pool.

    Tight at: Y parallel to X and $\sqrt{4/3}$ as long, g = 3/4.

    Notes: with the 10/9 of theorem 5.7 for each stage that is 5.16 eps; run the procedure with eps/5.2 to be safe. The
    second stage's noise is $\mathrm{E}|y-f'|_{D_0}^2\le\mathrm{E}|y-f^*|^2$ (sample_complexity.composition.pool_noise).
    """
    Y = share[:, None, None] * math.sqrt(4 / 3) * X + (1 - share)[:, None, None] * Y
    total, each = _errors(X, Y, g[:, None], chance)
    return leq(total, factor * each, names=["error of both stages", "4.643 times each"])


@claim(
    id="sample_complexity.composition.constant",
    title="The composition for the two procedures the paper uses",
    source=f"replaces {COMPOSITION}",
    sharpens="sample_complexity.composition.factor",
    gamma=D.interval(2.0**-10, 0.11),
    D=D.integer(1, 100),
    uses=[
        "sample_complexity.composition.factor",
        "sample_complexity.lemma58.sum_beta",
        "sample_complexity.lemma58.eigenvalues",
    ],
    mutants={"3.9 eps": dict(constant=3.9), "0.81 for the second stage": dict(second=0.81)},
)
def composition_constant(gamma: Tensor, D: Tensor, *, constant: float = 3.934, second: float = 0.812) -> Relation:
    r"""Independent rows (betas that sum to 1, $\lambda\ge\frac34$) give the first stage $\frac{16}9\cdot\frac12 = \frac89$, and
    randomized BSS with $\gamma\le0.11$ the second
    $\frac12(1+\frac{\gamma^2}{D(1-\gamma^2)})(\frac{1-\gamma^2}{1-2\gamma})^2\le0.812$; together
    $(\sqrt{8/9}+\sqrt{4/3\cdot0.812})^2\le3.934$ times $\varepsilon\,\mathrm{E}|y-f^*|^2$.

    Proof: each stage has $\mathrm{E}\le\lambda_{\min}^{-2}\,\frac\varepsilon2\sum\beta$ times the noise.

    Notes: less than the printed 1 for each stage, more for both. Bad outputs of the first stage count as zero.
    """
    square, size = gamma**2, D.to(torch.float64)
    stage = (1 + square / (size * (1 - square))) / 2 * ((1 - square) / (1 - 2 * gamma)) ** 2
    both = (math.sqrt(8 / 9) + torch.sqrt(4 / 3 * stage)) ** 2
    return all_of(
        leq(stage, second + 0 * gamma, names=["second stage", "0.812"]),
        leq(both, constant + 0 * gamma, names=["both stages", "3.934"]),
    )


@claim(
    id="sample_complexity.composition.pool_noise",
    title="On average the noise on the pool is not larger",
    source=f"replaces {COMPOSITION}",
    y=D.real("n"),
    p=D.positive("n"),
    dims={"n": (1, 4)},
    mutants={"two fifths for a half": dict(share=0.4), "pools of three": dict(three=True)},
)
def pool_noise(y: Tensor, p: Tensor, *, share: float = 0.5, three: bool = False) -> Relation:
    r"""For constants and pools of two points drawn from p, by enumeration: the mean over pools of
    $\min_c\mathrm{E}_{D_0}|y-c|^2$ is $\frac12\min_c\mathrm{E}|y-c|^2$, so at most $\mathrm{E}|y-f^*|^2$.

    Proof: in general $\mathrm{E}\min\le\min\mathrm{E}$; for k points and constants the factor is $1-\frac1k$.
    """
    law = p / p.sum(-1)[:, None]
    mean = (law * y).sum(-1)
    noise = (law * (y - mean[:, None]) ** 2).sum(-1)
    pairs = law[:, :, None] * law[:, None, :]
    halves = (y[:, :, None] - y[:, None, :]) ** 2 / 4
    found = (pairs * halves).sum((-1, -2))
    if three:
        found = found * 4 / 3
    return eq(found, share * noise, names=["mean noise on pools of two", "half of the noise"])


@remembered
def two_stages(seed: Tensor, repeats: int = 6) -> dict[str, Tensor]:
    """Algorithm 1 for a linear space of dimension 3 and eps = 0.1: errors over eps times the noise, one mean a seed."""
    n, size, eps = 200, 3, 0.1
    kept: dict[str, list[float]] = {"pool": [], "labels": [], "final": [], "unlabelled": [], "bought": []}
    for one in seed.tolist():
        generator = torch.Generator().manual_seed(one)
        x = torch.linspace(-1, 1, n, dtype=torch.float64)
        uniform = torch.full((n,), 1 / n, dtype=torch.float64)
        V = orthonormal_basis.orthonormal_basis(torch.stack([torch.ones_like(x), x, x * x], -1), uniform)
        target = torch.sign(x - 0.3)
        sums = dict.fromkeys(kept, 0.0)
        for _ in range(repeats):
            draw = int(torch.randint(2**31 - 1, (1,), generator=generator))
            pooled = sparsifier.uniform(V, eps, seed=draw).indices
            best = (uniform * target) @ V
            noise = float(uniform @ (target - V @ best) ** 2) + 1
            own = orthonormal_basis.orthonormal_basis(
                V[pooled], torch.full((len(pooled),), 1 / len(pooled), dtype=torch.float64)
            )
            on_pool = own.mT @ target[pooled] / len(pooled)
            chosen, weights, history = sparsifier.randomized_bss(own, eps, seed=draw, batch=4 * size)
            fresh = target[pooled][chosen] + torch.randn(len(chosen), generator=generator, dtype=torch.float64)
            learnt = sparsifier.weighted_regression(own[chosen], fresh, weights)
            # the same functions in the basis of D
            change = torch.linalg.lstsq(V[pooled], own).solution
            first, last = change @ on_pool - best, change @ learnt - best
            sums["pool"] += float(first @ first) / (eps * noise)
            sums["labels"] += float((learnt - on_pool) @ (learnt - on_pool)) / (eps * noise)
            sums["final"] += float(last @ last) / (eps * noise)
            sums["unlabelled"] += len(pooled)
            sums["bought"] += history.distinct
        for name, value in sums.items():
            kept[name].append(value / repeats)
    return {name: torch.tensor(values, dtype=torch.float64) for name, values in kept.items()}


@claim(
    id="sample_complexity.composition.measured",
    title="Algorithm 1 for a linear space, measured",
    source=COMPOSITION,
    expect="reproduced",
    experiment="sample_complexity.two_stages",
    seed=D.seed(),
    mutants={"at most a hundredth of eps": dict(most=0.01), "at least eps": dict(least=1.0)},
)
def in_runs(seed: Tensor, *, least: float = 0.0, most: float = 1.0) -> Measurement:
    r"""Polynomials of degree two on [-1, 1], labels $\mathrm{sign}(x-0.3)$ and noise, eps = 0.1: pool by lemma 5.9, rows by
    lemma 5.8, weighted regression. The mean of $|\tilde f-f^*|_D^2$ is below $\varepsilon\,\mathrm{E}|y-f^*|^2$, the
    printed constant.

    Notes: so the constant that the triangle inequality does not give is not refuted by such an instance. The bound 3.93 is
    loose.
    """
    found = two_stages(seed)
    columns = ["over eps E|y - f*|^2"]
    named = {
        "the best on the pool": found["pool"],
        "rows against the best on the pool": found["labels"],
        "both": found["final"],
        "bound of the composition": "3.93",
        "unlabelled points drawn": found["unlabelled"],
        "different rows labelled": found["bought"],
    }
    table: list[tuple[str, list[Any]]] = [(name, [cell]) for name, cell in named.items()]
    return measurement(found["final"], expect=(least, most), show=[Table("Two stages", columns, table)])
