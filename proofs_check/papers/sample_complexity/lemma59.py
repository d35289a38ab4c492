r"""Lemma 5.9, independent rows, k = Theta(K log D + K/eps): which constants do, and whether the logarithm is needed.

The exact laws are those of cells: D functions, each $\sqrt K$ on a cell of mass $1/K$ of its own and 0 elsewhere, drawn
from D itself. The eigenvalues of $A^*A$ are $KN_i/k$ with the numbers $N_i$ of rows in the cells, each binomial(k,
1/K).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from altheory import sparsifier
from proofs_check import all_of, chain, claim, eq, event, leq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Table
from proofs_check.papers.sample_complexity._settings_bss import SOURCE
from proofs_check.relations import Event, Measurement, Relation

LEMMA59 = f"{SOURCE}, lemma 5.9: k = Theta(K log d + K / eps)"
LOWER = 0.75 * math.log(0.75) + 0.25  # 0.0342
UPPER = 1.25 * math.log(1.25) - 0.25  # 0.0289
MOST = 64


def _tail(k: Tensor, K: Tensor) -> Tensor:
    """The probability that a cell of mass 1/K gets fewer than 3/4 k/K or more than 5/4 k/K of k rows; k at most MOST."""
    count = torch.arange(MOST + 1, dtype=torch.float64)
    size = k.to(torch.float64)[:, None]
    miss = torch.lgamma(size + 1) - torch.lgamma(count + 1) - torch.lgamma(torch.clamp(size - count, min=0) + 1)
    share = K[:, None]
    # (1/K)^N (1 - 1/K)^(k - N), which is 0^0 = 1 at K = 1 and N = k
    rest = torch.where(size > count, size - count, 0 * size * count)
    law = torch.exp(miss) * (1 / share) ** count * ((share - 1) / share) ** rest
    mean = size / share
    outside = (count < 0.75 * mean) | (count > 1.25 * mean)
    return torch.where(outside & (count <= size), law, torch.zeros_like(law)).sum(-1)


def _chernoff(k: Tensor, K: Tensor) -> Tensor:
    return torch.exp(-LOWER * k / K) + torch.exp(-UPPER * k / K)


@claim(
    id="sample_complexity.lemma59.chernoff",
    title="The tail bound, against the exact law of a cell",
    source=f"{LEMMA59}; Tropp (2012), matrix Chernoff",
    k=D.integer(1, MOST),
    K=D.interval(1, 16),
    mutants={"exponents four times as large": dict(times=4.0), "the upper tail alone": dict(lower=0.0)},
)
def chernoff(k: Tensor, K: Tensor, *, times: float = 1.0, lower: float = 1.0) -> Relation:
    r"""A cell of mass $1/K$ gets a share of k independent rows outside $[\frac34,\frac54]/K$ with probability at most
    $e^{-0.0342k/K}+e^{-0.0289k/K}$; so with D such cells the output is bad with probability at most D times this.

    Proof: Chernoff; in general the matrix bound of Tropp, for which $\mathrm{E}\,u\,vv^\top = I/k$ and
    $|u\,vv^\top|\le K/k$ are all that is needed: the same exponents with the factor D, for every D' and every basis.

    Notes: the exponents are $\frac34\ln\frac34+\frac14$ and $\frac54\ln\frac54-\frac14$. Sharp on the exponential scale for
    large k, which small k do not show.
    """
    real = k.to(torch.float64)
    bound = lower * torch.exp(-times * LOWER * real / K) + torch.exp(-times * UPPER * real / K)
    return leq(_tail(k, K), bound, names=["P(outside)", "Chernoff"])


@claim(
    id="sample_complexity.lemma59.moments",
    title="What the tail bound needs: mean and size of a summand",
    source=f"{LEMMA59}; definition 5.4",
    W=D.unit_vectors("n", "D"),
    lengths=D.positive("n"),
    law=D.positive("n"),
    a=D.real("D"),
    dims={"n": (1, 4), "D": (1, 3)},
    mutants={"weights one percent larger": dict(factor=1.01), "sizes at most 0.99 K": dict(share=0.99)},
)
def moments(W: Tensor, lengths: Tensor, law: Tensor, a: Tensor, *, factor: float = 1.0, share: float = 1.0) -> Relation:
    r"""For a row from any D' with the support of D and $u = D(x)/D'(x)$: $\mathrm{E}\,u\,(a\cdot v)^2 =
    \mathrm{E}_D(a\cdot v)^2$ for every a, and $u|v|^2\le K = \max_xD(x)|v|^2/D'(x)$, with equality at some x.

    Proof: the law cancels.
    """
    chance = law / law.sum(-1)[:, None]
    rows = lengths[..., None] * W  # the root of D(x) times v(x)
    squares = (rows @ a[..., None])[..., 0] ** 2
    weight = factor / chance
    K = torch.amax((rows * rows).sum(-1) / chance, -1)
    sizes = torch.amax(lengths**2 * weight, -1)
    return all_of(
        eq((chance * weight * squares).sum(-1), squares.sum(-1), names=["E u (a.v)^2", "E_D (a.v)^2"]),
        leq(sizes, share * factor * K, names=["largest u |v|^2", "K"]),
    )


@claim(
    id="sample_complexity.lemma59",
    title="Lemma 5.9 with a constant, for every dimension",
    source=LEMMA59,
    reading="as printed, with the hidden constant 104: k = 34.6 K ln D + 104 K / eps",
    D=D.integer(1, 10**6),
    times=D.interval(1, 1000),
    eps=D.interval(2.0**-10, 1),
    uses=["sample_complexity.lemma59.chernoff", "sample_complexity.lemma59.moments"],
    mutants={
        "95 K / eps": dict(second=95.0),
        "33 K ln D": dict(first=33.0),
        "a failure probability of 0.077": dict(level=0.077),
    },
)
def lemma59(
    D: Tensor, times: Tensor, eps: Tensor, *, first: float = 34.6, second: float = 104.0, level: float = 0.0788
) -> Relation:
    r"""For every $D\ge1$, $K\ge D$ and $\varepsilon\in(0,1)$, $k = 34.6\,K\ln D+104\,K/\varepsilon$ rows (or more) have
    $D\,(e^{-0.0342k/K}+e^{-0.0289k/K})\le0.0788\le\frac1{10}$ and $\beta K = \frac Kk\le\frac\varepsilon2$; the betas sum to 1.

    In the paper: "with $k = \Theta(K\log(d)+\varepsilon^{-1}K)$ i.i.d. random samples ... is an $\varepsilon$-importance
    sampling procedure".

    Proof: $\varepsilon < 1$, so $104\,K/\varepsilon\ge34.6\,K\ln20$ and $k\ge34.6\,K\ln(20D)$.

    Notes: true, for D = 1 as well, where log d = 0. $K\ge D$ always.
    """
    size = D.to(torch.float64)
    K = times * size
    k = first * K * torch.log(size) + second * K / eps
    bad = size * _chernoff(k, K)
    one = 0 * eps + 1
    return all_of(
        chain(bad, level * one, 0.1 * one, names=["bound of P(not good)", "0.0788", "1/10"]),
        leq(K / k, eps / 2, names=["beta K", "eps / 2"]),
    )


@claim(
    id="sample_complexity.lemma59.log20D",
    title="Lemma 5.9 with log(20 D)",
    source=f"replaces {LEMMA59}; the constants of altheory.sparsifier.leverage and .uniform",
    sharpens="sample_complexity.lemma59",
    D=D.integer(1, 10**6),
    times=D.interval(1, 1000),
    eps=D.interval(2.0**-10, 1),
    uses=["sample_complexity.lemma59.chernoff"],
    mutants={"ln(15 D)": dict(inside=15.0), "33 K ln(20 D)": dict(first=33.0)},
)
def log20D(D: Tensor, times: Tensor, eps: Tensor, *, inside: float = 20.0, first: float = 34.6) -> Relation:
    r"""$k = \max(34.6\,K\ln(20D),\,2K/\varepsilon)$ rows have $D\,(e^{-0.0342k/K}+e^{-0.0289k/K})\le0.0788$, $\beta
    K\le\varepsilon/2$, and are never more than $34.6\,K\ln D+104\,K/\varepsilon$.

    Proof: $\max(a,b)$ is what each property needs: $1/34.6$ is below 0.02893.
    """
    size = D.to(torch.float64)
    K = times * size
    k = torch.maximum(first * K * torch.log(inside * size), 2 * K / eps)
    one = 0 * eps + 1
    return all_of(
        leq(size * _chernoff(k, K), 0.0788 * one, names=["bound of P(not good)", "0.0788"]),
        leq(K / k, eps / 2, names=["beta K", "eps / 2"]),
        leq(k, 34.6 * K * torch.log(size) + 104 * K / eps, names=["k", "34.6 K ln D + 104 K / eps"]),
    )


def _real_K(k: Tensor, eps: Tensor, *, constant: float = 2.0) -> Tensor:
    """K >= 1, and an accuracy for which k = constant K / eps."""
    return eps * k.to(torch.float64) >= constant


@claim(
    id="sample_complexity.lemma59.small_constant",
    title="Two K / eps rows are enough for D = 1",
    source=LEMMA59,
    reading="a small hidden constant: k = 2 (K log D + K / eps), the least that property 2 allows, at D = 1",
    expect="refuted",
    k=D.integer(2, MOST),
    eps=D.interval(2.0**-5, 1 - 2.0**-10),
    assumes=[_real_K],
    mutants={"with probability 0.95": dict(level=0.05), "with probability 0.91": dict(level=0.09)},
)
def small_constant(k: Tensor, eps: Tensor, *, constant: float = 2.0, level: float = 0.1) -> Relation:
    r"""For D = 1 and every $\varepsilon\in(0,1)$, $K\ge1$ with $k = 2K/\varepsilon$ an integer, k rows are good with
    probability at least 0.9.

    Counterexample: $\varepsilon = \frac12$, K = 2, k = 8 (the function is $\sqrt{2}$ on half of the mass): $P(N\in\{3,4,5\}) =
    182/256 = 0.711$.

    Notes: so "Theta" hides no small constant: with $\varepsilon$ next to 1 and K large, k = cK has probability 0.37, 0.27,
    0.55, 0.74, 0.96 for c = 1, 2, 4, 16, 64. With 104 it is true: sample_complexity.lemma59.
    """
    K = eps * k.to(torch.float64) / constant
    return leq(_tail(k, K), level + 0 * eps, names=["P(not good)", "1/10"])


@claim(
    id="sample_complexity.lemma59.without_log",
    title="Without the logarithm",
    source=LEMMA59,
    reading="k = 128 K rows, K = D: a constant number a function, whatever D up to 10^6",
    expect="refuted",
    D=D.integer(2, 10**6),
    mutants={"130 rows a function": dict(each=130), "140 rows a function": dict(each=140)},
)
def without_log(D: Tensor, *, each: int = 128) -> Relation:
    r"""128 D rows from D equally likely cells (K = D, as $2K/\varepsilon$ is for $\varepsilon = \frac1{64}$) are good with
    probability at least 0.9, for every D.

    Counterexample: D = 100: one cell has fewer than 96 of its 128 rows with probability 0.0013, and 100 cells all have 96
    or more with probability at most $0.9987^{100} = 0.88$.

    Proof: the numbers in the cells are negatively associated, so $P(\mathrm{all}\ge a)\le P(N_1\ge a)^D$. For $D\to\infty$ it
    tends to 0 whatever the constant.
    """
    size = D.to(torch.float64)
    k, count = each * size, torch.arange(math.ceil(0.75 * each), dtype=torch.float64)
    ways = torch.lgamma(k + 1)[:, None] - torch.lgamma(count + 1) - torch.lgamma(k[:, None] - count + 1)
    few = torch.exp(ways - count * torch.log(size)[:, None] + (k[:, None] - count) * torch.log1p(-1 / size)[:, None])
    return leq(0.9 + 0 * size, (1 - few.sum(-1)) ** size, names=["9/10", "bound of P(good)"])


# ---- draws -----------------------------------------------------------------------------------------------


def _cells(seed: Tensor, size: int, k: int) -> tuple[Tensor, Tensor]:
    """Least and largest eigenvalue of k rows from `size` equally likely cells, one draw a seed."""
    ends = []
    for one in seed.tolist():
        generator = torch.Generator().manual_seed(one)
        counts = torch.bincount(torch.randint(size, (k,), generator=generator), minlength=size)
        ends.append((int(counts.min()), int(counts.max())))
    found = torch.tensor(ends, dtype=torch.float64) * size / k
    return found[:, 0], found[:, 1]


@claim(
    id="sample_complexity.lemma59.good",
    title="A good output with probability 0.9, on cells",
    source=f"replaces {LEMMA59}",
    experiment="sample_complexity.cells",
    seed=D.seed(),
    uses=["sample_complexity.lemma59.log20D"],
    mutants={"k = 10 K ln(20 D)": dict(first=10.0), "k = 2 K / eps": dict(first=1.0)},
)
def good(seed: Tensor, *, first: float = 34.6, size: int = 20) -> Event:
    r"""$34.6\,K\ln(20D)$ rows from D = 20 equally likely cells (K = D, $\varepsilon = \frac12$) are good with probability at
    least 0.9.

    Notes: the worst case of the tail bound. About half as many are enough here: the measured constant is 15 to 27.
    """
    k = math.ceil(max(first * size * math.log(20 * size), 4 * size))
    least, most = _cells(seed, size, k)
    return event((least >= 0.75) & (most <= 1.25), delta=0.1)


@remembered
def share_good(seed: Tensor, size: int, draws: int) -> Tensor:
    """The share of good outputs of `altheory.sparsifier.leverage` among 2, on equally likely cells, one a seed."""
    V = math.sqrt(size) * torch.eye(size, dtype=torch.float64)
    source, found = sparsifier.pool(V), []
    for one in seed.tolist():
        outputs = [sparsifier.leverage(source, 0.5, seed=one + j, draws=draws).history.good for j in range(2)]
        found.append(sum(outputs) / len(outputs))
    return torch.tensor(found, dtype=torch.float64)


@claim(
    id="sample_complexity.lemma59.blocks",
    title="Leverage sampling without the logarithm is never good",
    source=f"replaces {LEMMA59}",
    amends="sample_complexity.lemma59.without_log",
    expect="reproduced",
    experiment="sample_complexity.blocks",
    seed=D.seed(),
    mutants={"good one time in ten": dict(share=0.1), "with 30 times as many rows": dict(draws=12000)},
)
def blocks(seed: Tensor, *, share: float = 0.0, draws: int = 400) -> Measurement:
    r"""On D = 100 equally likely cells with $\varepsilon = \frac12$ the $2K/\varepsilon = 400$ rows of leverage sampling are
    never good: each cell would need 3, 4 or 5 rows.

    Notes: 0.55 to the power 100 is below $10^{-25}$.
    """
    found = share_good(seed, 100, draws)
    enough = math.ceil(3460 * math.log(2000))
    least, most = _cells(seed, 100, enough)
    wanted = ((least >= 0.75) & (most <= 1.25)).to(torch.float64)
    table = [(f"{draws} rows, leverage sampling", [found]), (f"34.6 K ln(20 D) = {enough} rows", [wanted])]
    return measurement(found, expect=(share, share), show=[Table("Share of good outputs, D = 100", ["share"], table)])
