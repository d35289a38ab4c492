r"""Algorithm 1: groups, their scores, and the union of the best of them."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, leq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Table
from proofs_check.papers.crc._selection import (
    ALGORITHM1,
    B3,
    SECTION32,
    chosen_by,
    gram,
    lowest,
    no_zero_gradient,
    positive,
    sub,
)
from proofs_check.relations import Measurement, Relation


@claim(
    id="crc.algorithm1.union",
    title="The union of the best groups is the best union",
    source=f"{ALGORITHM1}, 'batch-mode solution to (9)'; {B3}, 'the fastest convergence rate among all considered candidates'",
    reading="candidates are the unions of Q/G groups, G < Q (here G = 1, Q = 2); score and rate are lambda_min",
    expect="refuted",
    J=D.real(4, 3),
    assumes=[no_zero_gradient],
    mutants={"up to a tenth": dict(share=0.9), "up to a factor of 2": dict(share=0.5)},
)
def union(J: Tensor, *, share: float = 1.0) -> Relation:
    r"""Of all unions of Q/G groups, the union of the Q/G groups of best score has the largest $\lambda_{\min}$ with the
    labelled set.

    Counterexample: $X_L = \{2e_1\}$, pool $\{2e_2, 2e_2, e_3\}$: the scores are 4, 4, 1, the union of the first two is
    singular, and $\{2e_2, e_3\}$ gives 1. Without copies: $X_L = \{(2,0,0)\}$, pool $\{(0,2,2), (-1,2,2), (-1,-1,2)\}$ with
    scores 4, 3.298, 2.764; the union of the first two is singular, another one gives 2.759. So it is not the best up to any
    factor.

    Notes: the union is never scored. Within one group (G = Q) nothing is lost but the groups that were not sampled.
    """
    K = gram(J)
    scores = lowest(sub(K, [[0, u] for u in (1, 2, 3)]))
    # the pair that leaves out candidate u, for every u
    pairs = lowest(sub(K, [[0, *pair] for pair in ((2, 3), (1, 3), (1, 2))]))
    left_out = ~al.dynamics.top(scores, 2)
    reached = torch.where(left_out, pairs, torch.zeros_like(pairs)).sum(-1)
    return leq(share * pairs.amax(-1), reached, names=["best union", "union of the best groups"])


@claim(
    id="crc.algorithm1.one_group",
    title="The chosen group has the fastest bound of all sampled groups",
    source=f"{B3}, 'will enjoy the fastest convergence rate among all considered candidates'",
    reading="candidates are the sampled groups, G = Q, score lambda_min; rate is the bound (1 - eta lambda_min)^2t",
    amends="crc.algorithm1.union",
    K=D.psd(5),
    eta=D.step_size("K", D.interval(0, 1)),
    t=D.integer(1, 8),
    mutants={"one percent lower": dict(share=0.99), "the worst group": dict(sign=-1.0)},
)
def one_group(K: Tensor, eta: Tensor, t: Tensor, *, share: float = 1.0, sign: float = 1.0) -> Relation:
    r"""With G = Q the returned group has the smallest $(1-\eta\lambda_{\min})^{2t}$ of all sampled groups (here two groups of
    two), for $\eta\lambda_{\max}\le1$.

    Notes: about the upper bound; the error itself may fall faster with another group (crc.conditioning.faster).
    """
    scores = lowest(sub(K, [[0, 1, 2], [0, 3, 4]]))
    bounds = (1 - eta[:, None] * scores) ** (2 * t[:, None])
    return leq(chosen_by(sign * scores, bounds), share * bounds.amin(-1), names=["bound of the chosen", "smallest bound"])


@claim(
    id="crc.myopic.smallest",
    title="Q = 1 with all candidates scored is optimal",
    source=f"{SECTION32}, 'trivially optimal for acquisition size 1'",
    reading="score lambda_min, optimal for eq. (9)",
    K=D.psd(4),
    mutants={"one percent more": dict(share=1.01), "the second best": dict(skip=True)},
)
def myopic(K: Tensor, *, share: float = 1.0, skip: bool = False) -> Relation:
    r"""With G = Q = 1 and every candidate scored by $\lambda_{\min}$, Algorithm 1 solves eq. (9) for $|X_u| = 1$.

    Tight at: always.
    """
    scores = lowest(sub(K, [[0, u] for u in (1, 2, 3)]))
    first = al.dynamics.top(scores, 1)
    masked = torch.where(first, scores - scores.amax(-1)[:, None] - 1, scores) if skip else scores
    return leq(share * scores.amax(-1), chosen_by(masked, scores), names=["eq. (9)", "the chosen candidate"])


@claim(
    id="crc.myopic.positive",
    title="Q = 1 with the positive eigenvalue is optimal for eq. (9)",
    source=f"{SECTION32}, 'trivially optimal for acquisition size 1', with the score of Algorithm 1",
    reading="score lambda_min^+ as printed in Algorithm 1, judged by eq. (9)",
    expect="refuted",
    J=D.real(3, "p"),
    dims={"p": (2, 2)},
    assumes=[no_zero_gradient],
    mutants={"a tenth is enough": dict(share=0.1), "half is enough": dict(share=0.5)},
)
def myopic_positive(J: Tensor, *, share: float = 0.01) -> Relation:
    r"""With G = Q = 1 and every candidate scored by $\lambda_{\min}^+$, the chosen one reaches at least a hundredth of the best
    $\lambda_{\min}(X_L\cup\{u\})$.

    Counterexample: $X_L = \{e_1\}$, candidates $e_1$ (a copy) and $e_2$: the scores are 2 and 1, so the copy is chosen and
    $\lambda_{\min}$ is 0; the other gives 1.

    Notes: it is optimal for its own score, trivially.
    """
    K = gram(J)
    pairs = sub(K, [[0, 1], [0, 2]])
    scores, values = positive(pairs), lowest(pairs)
    return leq(share * values.amax(-1), chosen_by(scores, values), names=["best lambda_min / 100", "the chosen candidate"])


@claim(
    id="crc.myopic.sampled_groups",
    title="G = Q solves eq. (9)",
    source=f"{SECTION32}, 'the collective importance of all queried samples (G = Q)'",
    reading="the best sampled group is within a factor of 2 of the best set of Q points",
    expect="refuted",
    J=D.real(4, "p"),
    dims={"p": (2, 2)},
    assumes=[no_zero_gradient],
    mutants={"up to a tenth": dict(share=0.9), "up to a quarter": dict(share=0.75)},
)
def sampled_groups(J: Tensor, *, share: float = 0.5) -> Relation:
    r"""With no labelled point, a pool of four points in two groups of Q = 2, the better group has at least half of the largest
    $\lambda_{\min}$ of two points.

    Counterexample: gradients $e_1, e_1, e_2, e_2$ in this order: both groups are singular, and $\{e_1, e_2\}$ gives 1.

    Notes: G = Q is exact over the ceil(U/G) sampled groups only, out of all sets of Q; how much that loses on real pools is an
    experiment, not a "negligible constant factor".
    """
    K = gram(J)
    pairs = lowest(sub(K, list(itertools.combinations(range(4), 2))))  # 01, 02, 03, 12, 13, 23
    groups = torch.maximum(pairs[:, 0], pairs[:, 5])
    return leq(share * pairs.amax(-1), groups, names=["half of the best pair", "better group"])


@remembered
def _noise(seed: Tensor) -> dict[str, Tensor]:
    """The smallest positive eigenvalue of 40 points with 20 features over the true one: literally, and by the rank rule."""
    found: dict[str, list[float]] = {"float64, > 0": [], "float64, rank rule": [], "float32, > 0": [], "float32, rank rule": []}
    for s in seed.tolist():
        H = torch.randn(40, 20, generator=torch.Generator().manual_seed(s), dtype=torch.float64)
        true = torch.linalg.svdvals(H)[-1] ** 2
        for dtype, name in ((torch.float64, "float64"), (torch.float32, "float32")):
            K = gram(H.to(dtype))
            for rtol, rule in ((0.0, "> 0"), (None, "rank rule")):
                value = al.conditioning.smallest_positive_eigenvalue(K, rtol=rtol)
                found[f"{name}, {rule}"].append(float(value / true))
    return {name: torch.tensor(values, dtype=torch.float64) for name, values in found.items()}


def _ratios(seed: Tensor) -> Table:
    return Table(
        "smallest positive eigenvalue of 40 points with 20 features, over the true one",
        ["ratio"],
        [(name, [values]) for name, values in _noise(seed).items()],
        note="by singular values of the features: 1",
    )


@claim(
    id="crc.algorithm1.literal_positive",
    title="The smallest positive eigenvalue, taken literally in float64",
    source=f"{ALGORITHM1}; section 3.1, 'considering only the positive eigenvalues'",
    reading="the smallest computed eigenvalue > 0, more points than features",
    expect="not-reproduced",
    experiment="crc.noise",
    seed=D.seed(),
    mutants={"within a factor of 2": dict(low=0.5, high=2.0), "within a factor of 10^6": dict(low=1e-6, high=1e6)},
)
def literal_positive(seed: Tensor, *, low: float = 0.9, high: float = 1.1) -> Measurement:
    r"""For 40 points with 20 features, the smallest eigenvalue > 0 that float64 computes is $\lambda_{\min}^+$ up to a tenth.

    Notes: the 20 zeros are computed as numbers around $10^{-14}$ of either sign, and the smallest positive one is chosen: a
    score made of rounding noise. The paper states no rule; see crc.algorithm1.rank_rule.
    """
    return measurement(_noise(seed)["float64, > 0"], expect=(low, high), show=[_ratios(seed)])


@claim(
    id="crc.algorithm1.rank_rule",
    title="The smallest positive eigenvalue by a rank rule",
    source=f"replaces {ALGORITHM1}; numpy.linalg.matrix_rank",
    amends="crc.algorithm1.literal_positive",
    expect="reproduced",
    experiment="crc.noise",
    seed=D.seed(),
    mutants={"one percent more": dict(share=1.01), "literally > 0": dict(rule="> 0")},
)
def rank_rule(seed: Tensor, *, share: float = 1.0, rule: str = "rank rule") -> Measurement:
    r"""With every eigenvalue below $n\varepsilon\lambda_{\max}$ counted as zero, float32 computes $\lambda_{\min}^+$ of the
    same kernels up to one part in a thousand, float64 up to one in $10^{9}$.
    """
    ratios = _noise(seed)
    single, double = ratios[f"float32, {rule}"], ratios[f"float64, {rule}"]
    error = torch.maximum((share * single - 1).abs() / 1e-3, (share * double - 1).abs() / 1e-9)
    return measurement(error, expect=(0.0, 1.0), show=[_ratios(seed)])
