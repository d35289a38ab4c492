r"""Equation (14): the approximation ratio, what it can be, and what it says about the chosen set."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import dynamics
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings_gradients import (
    CANDIDATES,
    DIGITS,
    LABELLED,
    ON_GRADIENTS,
    SOURCE,
)
from proofs_check.relations import Relation

EQ14 = f"{SOURCE}, section 3.2, eq. (14)"
NEAR = f"{SOURCE}, section 3.2, after eq. (14)"
SET = {"n": (1, 4), "p": (1, 2)}
#: query sets of two out of a small pool
POOL = {"n": (3, 5), "p": (1, 2)}


def _changes_something(candidates: Tensor, labelled: Tensor) -> Tensor:
    """Delta(Q|S) is not 0"""
    return dynamics.change_of_set(candidates, labelled) != 0


def _adds_up(candidates: Tensor) -> Tensor:
    """the pseudo-gradients do not sum to 0"""
    return (candidates.sum(-2) != 0).any(-1)


@claim(
    id="dynamical.eq14",
    title="Eq. (14): what the ratio measures",
    source=EQ14,
    candidates=CANDIDATES,
    labelled=LABELLED,
    dims=SET,
    on=ON_GRADIENTS,
    also_on=DIGITS,
    assumes=[_changes_something],
    uses=["dynamical.eq13"],
    mutants={"one percent more of the pairs": dict(each=1.01), "pairs counted once": dict(each=0.5)},
)
def eq14(candidates: Tensor, labelled: Tensor, *, each: float = 1.0) -> Relation:
    r"""Where $\Delta(Q|S) \ne 0$, the ratio $R(Q|S) = \frac{\sum_{u\in Q}\Delta(\{u\}|S)}{\Delta(Q|S)}$ is
    $1-\frac{1}{\Delta(Q|S)}\sum_{u\ne u'}\langle g_u,g_{u'}\rangle$: it is 1 when the pseudo-gradients are uncorrelated on the
    whole, and undefined when the set changes nothing.
    """
    change = dynamics.change_of_set(candidates, labelled)
    return eq(
        dynamics.approximation_ratio(candidates, labelled),
        1 - each * dynamics.cross_terms(candidates) / change,
        names=["R", "1 - pairs / Delta(Q|S)"],
    )


@claim(
    id="dynamical.eq14.nonnegative",
    title="Eq. (14): a ratio that is not negative",
    source=EQ14,
    reading="a ratio of changes of the same sign, at any state of training",
    expect="refuted",
    candidates=CANDIDATES,
    labelled=LABELLED,
    dims={"n": (2, 3), "p": (1, 2)},
    on=ON_GRADIENTS,
    assumes=[_changes_something],
    mutants={"above 0.01": dict(low=0.01), "above -0.5": dict(low=-0.5)},
)
def eq14_nonnegative(candidates: Tensor, labelled: Tensor, *, low: float = 0.0) -> Relation:
    r"""Where $\Delta(Q|S) \ne 0$, $R(Q|S) \ge 0$.

    Counterexample: one parameter, $g_S = -3/4$, two candidates with $g_u = 1$: $\sum\Delta(\{u\}|S) = -1$, $\Delta(Q|S) = 1$,
    $R = -1$.

    Notes: before convergence the ratio has any sign and size, and its mean over random sets need not exist.
    """
    ratio = dynamics.approximation_ratio(candidates, labelled)
    return leq(low + 0 * ratio, ratio, names=["0", "R"])


@claim(
    id="dynamical.eq14.at_convergence",
    title="Eq. (14) at convergence: at least 1/b",
    source=EQ14,
    reading="at convergence on S, g_S = 0",
    candidates=CANDIDATES,
    dims={"n": (1, 4), "p": (1, 2)},
    on=ON_GRADIENTS,
    assumes=[_adds_up],
    mutants={"1.01 / b": dict(share=1.01), "1 / (b - 0.1)": dict(fewer=0.1)},
)
def eq14_at_convergence(candidates: Tensor, *, share: float = 1.0, fewer: float = 0.0) -> Relation:
    r"""If $g_S = 0$ and the pseudo-gradients of the b members of Q do not sum to 0, then
    $R(Q|S) = \frac{\sum_u|g_u|^2}{|\sum_ug_u|^2} \ge \frac{1}{b}$.

    Proof: $|\sum_ug_u|^2 \le b\sum_u|g_u|^2$ (Cauchy-Schwarz).

    Tight at: all pseudo-gradients equal. There is no upper bound: they may nearly cancel.

    Notes: so convergence does not bring R to 1; copies of one candidate have R = 1/b.
    """
    b = candidates.shape[-2]
    ratio = dynamics.approximation_ratio(candidates, 0 * candidates[:, 0])
    return leq(share / (b - fewer) + 0 * ratio, ratio, names=["1/b", "R"])


def _far(candidates: Tensor, labelled: Tensor) -> Tensor:
    """2 |<g_S, sum g_u>| > |sum g_u|^2"""
    total = candidates.sum(-2)
    return 2 * (total * labelled).sum(-1).abs() > (total * total).sum(-1)


@claim(
    id="dynamical.eq14.far_from_convergence",
    title="Eq. (14) far from convergence: the ratio tends to 1",
    source=EQ14,
    reading="as the gradient of S grows",
    candidates=CANDIDATES,
    labelled=LABELLED,
    dims={"n": (1, 3), "p": (1, 2)},
    on=ON_GRADIENTS,
    assumes=[_far],
    uses=["dynamical.eq14"],
    mutants={"one percent less": dict(share=0.99), "2.02 for 2": dict(twice=2.02)},
)
def eq14_far_from_convergence(candidates: Tensor, labelled: Tensor, *, share: float = 1.0, twice: float = 2.0) -> Relation:
    r"""If $2|\langle g_S,g_Q\rangle| > |g_Q|^2$ with $g_Q = \sum_{u\in Q}g_u$, then
    $|R(Q|S)-1|\,\left(2|\langle g_S,g_Q\rangle|-|g_Q|^2\right) \;\le\; \left|\sum_{u\ne u'}\langle g_u,g_{u'}\rangle\right|$;
    so R tends to 1 as $g_S$ grows in a direction that is not orthogonal to $g_Q$.

    Tight at: $\langle g_S,g_Q\rangle < 0$.

    Notes: training towards convergence removes the term that forces R to 1. With $g_u = 2, 3$ and $g_S = M$ the
    ratio is 23/35, 113/125 and 10013/10025 for M = 1, 10 and 1000.
    """
    total = candidates.sum(-2)
    reach = twice * (total * labelled).sum(-1).abs() - (total * total).sum(-1)
    return leq(
        (dynamics.approximation_ratio(candidates, labelled) - 1).abs() * reach,
        share * dynamics.cross_terms(candidates).abs(),
        names=["|R - 1| (2 |<g_S, g_Q>| - |g_Q|^2)", "|pairs|"],
    )


@claim(
    id="dynamical.eq14.ratio_of_means",
    title="Eq. (14) at convergence: the ratio of the means over random sets",
    source=f"{NEAR}, the expectation over Q",
    reading="at convergence, means of both sides over all sets of size b",
    candidates=CANDIDATES,
    b=D.integer(1, 3),
    dims={"n": (3, 5), "p": (1, 2)},
    on=ON_GRADIENTS,
    mutants={"b for b - 1": dict(less=0), "one percent more": dict(share=1.01)},
)
def eq14_ratio_of_means(candidates: Tensor, b: Tensor, *, less: int = 1, share: float = 1.0) -> Relation:
    r"""If $g_S = 0$, then over the sets Q of b of the N candidates
    $E_Q\Delta(Q|S) = \left(1+(b-1)\rho\right)E_Q\sum_{u\in Q}\Delta(\{u\}|S)$, where $\rho$ is the mean of
    $\langle g_u,g_{u'}\rangle$ over pairs $u \ne u'$, relative to the mean of $|g_u|^2$.

    Notes: so the ratio of the means is $1/(1+(b-1)\rho)$: with pseudo-gradients that have a mean, it goes to 0 as b grows, and
    not to 1.
    """
    n = candidates.shape[-2]
    rows = dynamics.subsets(n)
    sums = rows @ candidates
    norms = (candidates * candidates).sum(-1)
    inside = ((rows > 0).sum(-1)[None] == b[:, None]).to(torch.float64)
    joint = (inside * (sums * sums).sum(-1)).sum(-1)
    single = (inside * (rows @ norms[..., None])[..., 0]).sum(-1)
    pairs = dynamics.cross_terms(candidates)  # over n (n - 1) ordered pairs
    # both sides times the number of sets: nothing is divided by the mean square
    count = inside.sum(-1) * b
    return eq(
        joint,
        share * (single + count * (b - less) * pairs / (n * (n - 1))),
        names=["sum of Delta(Q)", "(1 + (b-1) rho) sum of sums"],
    )


# from the ratio to the chosen set


def _of_two(candidates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Delta(Q) and R(Q) of all pairs at convergence, and Delta of the two candidates with the largest scores."""
    rows = dynamics.subsets(candidates.shape[-2], 2)
    sums = rows @ candidates
    joint = (sums * sums).sum(-1)
    norms = (candidates * candidates).sum(-1)
    single = (rows @ norms[..., None])[..., 0]
    chosen = dynamics.top(norms, 2)
    taken = (candidates * torch.where(chosen, torch.ones_like(norms), torch.zeros_like(norms))[..., None]).sum(-2)
    return joint, single, (taken * taken).sum(-1)


def _ratio_is_one_on_average(candidates: Tensor) -> Tensor:
    """|E_Q R - 1| <= 1/100 over all pairs Q"""
    joint, single, _ = _of_two(candidates)
    defined = (joint > 0).all(-1)
    ratio = single / torch.where(joint > 0, joint, torch.ones_like(joint))
    return defined & (100 * (ratio.mean(-1) - 1).abs() <= 1)


def _family(long: Tensor, short: Tensor, rest: Tensor) -> Tensor:
    """(long, 0), (-long, short) and 18 times (0, rest)."""
    zero = 0 * long
    first, second = torch.stack([long, zero], -1), torch.stack([-long, short], -1)
    other = torch.stack([zero, rest], -1)
    return torch.cat([first[:, None], second[:, None], other[:, None] + torch.zeros(18, 2, dtype=torch.float64)], 1)


@claim(
    id="dynamical.near_optimal",
    title="A ratio of 1 on average means a nearly optimal query",
    source=NEAR,
    reading="E_Q R within 1/100 of 1 over all sets of size b = 2, at convergence; near means at least 1/20 of the optimum",
    expect="refuted",
    candidates=D.derived(
        _family,
        D.interval(6, 6.5),
        D.interval(0.96875, 1.03125),
        D.interval(2, 4),
        text="(s, 0), (-s, t) and 18 times (0, r)",
        dims=(20, 2),
    ),
    assumes=[_ratio_is_one_on_average],
    on="two long opposite pseudo-gradients among 20",
    mutants={"at least 1/10": dict(share=0.1), "at least 1/2": dict(share=0.5)},
)
def near_optimal(candidates: Tensor, *, share: float = 0.05) -> Relation:
    r"""If $g_S = 0$, b = 2 and $|E_QR(Q|S)-1| \le \frac{1}{100}$, the mean over all sets of two candidates, then the set chosen
    by (12) reaches at least one twentieth of the largest $\Delta(Q|S)$.

    In the paper: "$E_{Q\sim U}R(\hat Q|S) \approx 1$ when the model is converged. Therefore, the approximated result delivered
    by greedy algorithm is close to the global optimal solution of the original maximization problem".

    Counterexample: pseudo-gradients (31/5, 0), (-31/5, 1) and 18 times (0, 3): $E_QR = .99156$; the two longest give
    $\Delta = 1$, the best pair 1361/25, so the chosen set reaches 25/1361 = .018 of the optimum.

    Notes: the mean is over random sets, and says nothing about the one that is chosen. With two exactly opposite long gradients
    the chosen set would reach 0.
    """
    joint, _, taken = _of_two(candidates)
    return leq(share * joint.amax(-1), taken, names=["a share of the optimum", "Delta of the chosen set"])


def _three(across: Tensor, down: Tensor, last: Tensor) -> Tensor:
    """(across, -down), (-across, -down) and (1, -last)."""
    rows = [(across, -down), (-across, -down), (torch.ones_like(last), -last)]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


@claim(
    id="dynamical.near_optimal.few_candidates",
    title="A ratio of 1 on average, and three candidates",
    source=NEAR,
    reading="the same with three candidates; near means at least nine tenths of the optimum",
    expect="refuted",
    candidates=D.derived(
        _three,
        D.interval(2.875, 3.125),
        D.interval(1.9375, 2.0625),
        D.interval(2.875, 3.125),
        text="(s, -t), (-s, -t) and (1, -q)",
        dims=(3, 2),
    ),
    assumes=[_ratio_is_one_on_average],
    on="two pseudo-gradients that nearly cancel, and one more",
    mutants={"at least 0.95": dict(share=0.95), "the optimum itself": dict(share=1.0)},
)
def near_optimal_few_candidates(candidates: Tensor, *, share: float = 0.9) -> Relation:
    r"""If $g_S = 0$, b = 2 and $|E_QR(Q|S)-1| \le \frac{1}{100}$ over the three sets of two of three candidates, then the set
    chosen by (12) reaches at least nine tenths of the largest $\Delta(Q|S)$.

    Counterexample: pseudo-gradients (3, -2), (-3, -2) and (1, -3): $E_QR = 28337/28536$; the two longest give $\Delta = 16$,
    the first and the last 41, so the chosen set reaches .39 of the optimum.
    """
    joint, _, taken = _of_two(candidates)
    return leq(share * joint.amax(-1), taken, names=["nine tenths of the optimum", "Delta of the chosen set"])


def _all_sets(candidates: Tensor, labelled: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For all subsets: whether of size b, Delta(Q|S), and R(Q|S) where the change is positive."""
    rows = dynamics.subsets(candidates.shape[-2])
    sums = rows @ candidates
    joint = (sums * sums).sum(-1) + 2 * (sums * labelled[:, None, :]).sum(-1)
    single = (rows @ dynamics.change(candidates, labelled)[..., None])[..., 0]
    return (rows > 0).sum(-1)[None] == b[:, None], joint, single / torch.where(joint > 0, joint, torch.ones_like(joint))


def _uniformly_near_one(candidates: Tensor, labelled: Tensor, b: Tensor) -> Tensor:
    """Delta(Q|S) > 0 and |R - 1| < 1 for every set of size b"""
    inside, joint, ratio = _all_sets(candidates, labelled, b)
    return (~inside | ((joint > 0) & ((ratio - 1).abs() < 1))).all(-1)


@claim(
    id="dynamical.near_optimal.uniform",
    title="A ratio near 1 for every set gives a guarantee",
    source=f"replaces {NEAR}",
    amends="dynamical.near_optimal",
    candidates=CANDIDATES,
    labelled=LABELLED,
    b=D.integer(1, 3),
    dims={"n": (3, 4), "p": (1, 4)},
    on=ON_GRADIENTS,
    also_on=DIGITS,
    assumes=[_uniformly_near_one],
    mutants={"by one percent": dict(share=1.01), "near 1 on average over the sets": dict(average=True)},
)
def near_optimal_uniform(
    candidates: Tensor, labelled: Tensor, b: Tensor, *, share: float = 1.0, average: bool = False
) -> Relation:
    r"""If $\Delta(Q|S) > 0$ and $|R(Q|S)-1| \le e < 1$ for every set Q of b candidates, then the chosen set $Q_g$ has
    $\Delta(Q_g|S) \ge \frac{1-e}{1+e}\,\max_Q\Delta(Q|S)$.

    Proof: with $s(Q) = \sum_{u\in Q}\Delta(\{u\}|S)$ and $Q^*$ the best set, $\Delta(Q_g) \ge \frac{s(Q_g)}{1+e} \ge
    \frac{s(Q^*)}{1+e} \ge \frac{1-e}{1+e}\,\Delta(Q^*)$.

    Tight at: equality for every e up to 1/2, dynamical.near_optimal.uniform_is_sharp.

    Notes: e is a maximum over all sets, which is as hard to compute as the optimum.
    """
    inside, joint, ratio = _all_sets(candidates, labelled, b)
    off = torch.where(inside, (ratio - 1).abs(), torch.zeros_like(ratio))
    e = off.sum(-1) / inside.sum(-1) if average else off.amax(-1)
    best = torch.where(inside, joint, torch.zeros_like(joint)).amax(-1)
    scores = dynamics.change(candidates, labelled)
    chosen = torch.where(dynamics.top(scores, b), torch.ones_like(scores), torch.zeros_like(scores))
    taken = dynamics.change_of_set(candidates * chosen[..., None], labelled)
    return leq(share * (1 - e) * best, taken * (1 + e), names=["(1-e) optimum", "(1+e) Delta of the chosen set"])


@claim(
    id="dynamical.near_optimal.uniform_is_sharp",
    title="The guarantee is attained",
    source=f"replaces {NEAR}",
    sharpens="dynamical.near_optimal.uniform",
    e=D.interval(0, 0.5),
    size=D.positive(),
    mutants={"by one percent": dict(share=1.01), "inner products one percent smaller": dict(shrink=0.99)},
)
def near_optimal_uniform_is_sharp(e: Tensor, size: Tensor, *, share: float = 1.0, shrink: float = 1.0) -> Relation:
    r"""Two pairs of pseudo-gradients of one length, orthogonal to each other, with cosines $-\frac{e}{1+e}$ and $\frac{e}{1-e}$
    ($0 \le e \le 1/2$), have $|R-1| \le e$ for all sets of two, all scores equal, and
    $\Delta(\mathrm{first\ pair}) = \frac{1-e}{1+e}\,\max_Q\Delta(Q)$ with $g_S = 0$: the bound of
    dynamical.near_optimal.uniform, attained when ties are broken in favour of the first pair.

    Proof: for unit vectors the pairs have $\Delta = \frac{2}{1+e}$ with $R = 1+e$ and $\Delta = \frac{2}{1-e}$ with $R = 1-e$;
    mixed sets have $\Delta = 2$, $R = 1$.
    """
    one, zero = torch.ones_like(e), torch.zeros_like(e)
    low, high = -shrink * e / (1 + e), shrink * e / (1 - e)
    gram = torch.stack(
        [
            torch.stack([one, low, zero, zero], -1),
            torch.stack([low, one, zero, zero], -1),
            torch.stack([zero, zero, one, high], -1),
            torch.stack([zero, zero, high, one], -1),
        ],
        -2,
    )
    gram = size[:, None, None] * gram
    rows = dynamics.subsets(4, 2)
    joint = ((rows @ gram) * rows).sum(-1)
    scores = torch.diagonal(gram, 0, -2, -1)
    spread = ((rows @ scores[..., None])[..., 0] / joint - 1).abs().amax(-1)
    chosen = torch.where(dynamics.top(scores, 2), torch.ones_like(scores), torch.zeros_like(scores))
    taken = ((gram @ chosen[..., None])[..., 0] * chosen).sum(-1)
    return all_of(
        eq(share * spread, e, names=["max |R - 1|", "e"]),
        eq((1 + e) * taken, (1 - e) * joint.amax(-1), names=["(1+e) Delta of the first pair", "(1-e) optimum"]),
    )
