r"""Section 3.2: on a data set with repeats, does CRC query what it has?

The paper: "Proposition 2 alone resolves issues with many AL algorithms that acquire identical samples on repeated datasets such
as 'repeated MNIST'". Proposition 2 is about $\lambda_{\min}$; algorithm 1 scores by $\lambda_{\min}^+$, the smallest positive
eigenvalue. Here: repeated digits. 20 labelled, a pool of 200 fresh digits and 200 copies of labelled ones (ten of each), the
kernel of the infinitely wide relu network, Q = 10, groups of G. Measured is the share of copies among the ten. The paper prints
no numbers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Figure, Series, Table
from proofs_check.relations import Measurement

SOURCE = "CRC (Kong et al.), section 3.2, proposition 2 and algorithm 1"
LABELLED, FRESH, COPIES, QUERIED, GROUP_SIZES, REPEATS = 20, 200, 10, 10, (1, 2, 5, 10), 2
#: how a set is scored: (name, CRC's options, dtype)
SCORES: dict[str, tuple[dict[str, Any], torch.dtype]] = {
    "lambda_min": (dict(score="smallest"), torch.float64),
    "lambda_min+, rank rule": (dict(score="positive", rtol=1e-10), torch.float64),
    "lambda_min+, > 0 in float64": (dict(score="positive", rtol=0.0), torch.float64),
    "lambda_min+, > 0 in float32": (dict(score="positive", rtol=0.0), torch.float32),
}
ROWS = D.dataset("digits", n=LABELLED + FRESH, repeats=False)


@remembered
def shares(x: Tensor, seed: Tensor) -> Tensor:
    """The share of copies of labelled digits among the queried, shape (seeds, SCORES, GROUP_SIZES)."""
    pool_of = torch.arange(LABELLED, LABELLED + FRESH + COPIES * LABELLED)
    found = torch.zeros(len(seed), len(SCORES), len(GROUP_SIZES), dtype=torch.float64)
    for row, (points, number) in enumerate(zip(x, seed.tolist(), strict=True)):
        of = torch.cat([torch.arange(len(points)), torch.arange(LABELLED).repeat(COPIES)])
        theta = al.kernels.analytic(points)[of][:, of]
        for i, (options, dtype) in enumerate(SCORES.values()):
            kernel = theta.to(dtype)
            for j, G in enumerate(GROUP_SIZES):
                for repeat in range(REPEATS):
                    query = al.acquisition.CRC(G, **options).query(
                        kernel, range(LABELLED), QUERIED, pool=pool_of, seed=number + repeat
                    )
                    found[row, i, j] += (of[query.chosen] < LABELLED).double().mean() / REPEATS
    return found


def _shown(found: Tensor) -> list[Figure | Table]:
    groups = [str(G) for G in GROUP_SIZES]
    return [
        Figure(
            "Copies of labelled digits among the queried",
            "group size G",
            "share",
            [Series(name, groups, found[:, i]) for i, name in enumerate(SCORES)],
            note="Half of the pool are copies. The paper says that there are none among the queried.",
        ),
        Table(
            "Share of copies among ten queried digits",
            [f"G = {G}" for G in GROUP_SIZES],
            [(name, list(found[:, i].T)) for i, name in enumerate(SCORES)],
            note="The rank rule calls an eigenvalue zero below 1e-10 of the largest.",
        ),
    ]


def _index(score: str, G: int) -> tuple[slice, int, int]:
    return slice(None), list(SCORES).index(score), GROUP_SIZES.index(G)


@claim(
    id="crc.repeated_digits",
    title="Repeated digits: CRC never queries a copy",
    source=SOURCE,
    reading="scored by lambda_min, one point at a time",
    expect="reproduced",
    experiment="crc.repeated_digits",
    x=ROWS,
    seed=D.seed(),
    mutants={"scored by lambda_min+": dict(score="lambda_min+, rank rule"), "half of them": dict(least=0.5, most=1.0)},
)
def repeated_digits(
    x: Tensor, seed: Tensor, *, score: str = "lambda_min", G: int = 1, least: float = 0.0, most: float = 0.0
) -> Measurement:
    r"""With the score $\lambda_{\min}$ and G = 1 no copy of a labelled digit is queried.

    Notes: a copy makes the kernel singular, score 0; the fresh digits are different points, and score above 0.
    """
    found = shares(x, seed)
    return measurement(found[_index(score, G)], expect=(least, most), show=_shown(found))


@claim(
    id="crc.repeated_digits.positive",
    title="Repeated digits with the score of algorithm 1",
    source=SOURCE,
    reading="scored by the smallest positive eigenvalue (rank rule), one point at a time; at most one copy in twenty",
    expect="not-reproduced",
    experiment="crc.repeated_digits",
    x=ROWS,
    seed=D.seed(),
    mutants={"at most half": dict(most=0.5), "at most nine in ten": dict(most=0.9)},
)
def repeated_digits_positive(x: Tensor, seed: Tensor, *, G: int = 1, most: float = 0.05) -> Measurement:
    r"""With the score $\lambda_{\min}^+$ and G = 1 at most 5 percent of the queried digits are copies of labelled ones.

    Notes: not reproduced: all of them are. Copies raise $\lambda_{\min}^+$, other points lower it (crc.proposition2.reversed).
    """
    found = shares(x, seed)
    return measurement(found[_index("lambda_min+, rank rule", G)], expect=(0.0, most), show=_shown(found))


@claim(
    id="crc.repeated_digits.groups",
    title="Repeated digits with the score of algorithm 1, in groups",
    source=SOURCE,
    reading="scored by the smallest positive eigenvalue (rank rule), G = 5; at most one copy in twenty",
    expect="not-reproduced",
    experiment="crc.repeated_digits",
    x=ROWS,
    seed=D.seed(),
    mutants={"at most a quarter": dict(most=0.25), "at most a half": dict(most=0.5)},
)
def repeated_digits_groups(x: Tensor, seed: Tensor, *, G: int = 5, most: float = 0.05) -> Measurement:
    r"""With the score $\lambda_{\min}^+$ and G = 5 at most 5 percent of the queried digits are copies of labelled ones.

    Notes: not reproduced: about three quarters are, where random queries would have half.
    """
    found = shares(x, seed)
    return measurement(found[_index("lambda_min+, rank rule", G)], expect=(0.0, most), show=_shown(found))


@claim(
    id="crc.repeated_digits.literal",
    title="Repeated digits with the literal score",
    source=SOURCE,
    reading="the smallest eigenvalue above 0 as computed, G = 5, the mean of float32 and float64; at most one copy in twenty",
    expect="not-reproduced",
    experiment="crc.repeated_digits",
    x=ROWS,
    seed=D.seed(),
    mutants={"at most a sixth": dict(most=1 / 6), "one point at a time": dict(G=1)},
)
def repeated_digits_literal(x: Tensor, seed: Tensor, *, G: int = 5, most: float = 0.05) -> Measurement:
    r"""With the smallest eigenvalue above 0 as computed, and G = 5, at most 5 percent of the queried digits are copies.

    Notes: not reproduced. A singular kernel has its zeros scattered around the rounding error, half of them above 0: where one
    of them is, the literal score is noise and the group loses; where none is, it is $\lambda_{\min}^+$ and the group wins.
    """
    found = shares(x, seed)
    both = (found[_index("lambda_min+, > 0 in float64", G)] + found[_index("lambda_min+, > 0 in float32", G)]) / 2
    return measurement(both, expect=(0.0, most), show=_shown(found))
