"""Section 4.2 for queries that depend on the seeds: what q may mean in eq. (20) and (23), and what survives."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory import mmd
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical import _clusters as example
from proofs_check.papers.dynamical._settings import SOURCE
from proofs_check.papers.dynamical.mmd_concentration import printed_error
from proofs_check.relations import Relation

SECTION = f"{SOURCE}, section 4.2"
APPENDIX = f"{SOURCE}, appendix B.3"
CLUSTERED = "near-copies of the seeds"

#: the kernel is at most 1/2 for unit vectors
HALF = 0.5


@claim(
    id="dynamical.eq20.example",
    title="The learner that queries near-copies of its seeds, on real points",
    source="own construction",
    t=D.interval(2.0**-6, 0.5),
    mutants={"0.1 percent off": dict(share=1.001), "one copy more in the formulas": dict(more=1)},
)
def clusters_example(t: Tensor, *, share: float = 1.0, more: int = 0, seeds: int = 2, copies: int = 2) -> Relation:
    r"""Let $n_0$ orthogonal clusters of m unit vectors each, with inner product $c^2$ within a cluster, be labelled 1, and let
    $a = c^2(\pi-\arccos c^2)/(2\pi)$ be the infinite-width kernel of two points of a cluster. Then
    $\mathrm{Tr}[Y^\top\Theta^{-1}Y] = n_0m/(\frac{1}{2}-a+ma)$; the interpolant at a new point of a cluster is
    $ma/(\frac{1}{2}-a+ma)$; and one point of each against all of them gives
    $\mathrm{MMD}_v^2 = (\frac{1}{2}-a)(m-1)/(mn_0)$. Checked for $n_0 = m = 2$, with $c = (1-t^2)/(1+t^2)$.

    Notes: in a new cluster the interpolant is 0, since the kernel with all labelled points is. This is the example of
    dynamical.eq20.marginal and its neighbours.
    """
    n = seeds * copies
    c, s = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
    eye = torch.eye(seeds + n + 1, dtype=torch.float64)
    home = eye[torch.arange(n + 1) % seeds]
    x = c[:, None, None] * home + s[:, None, None] * eye[seeds:]
    theta = al.kernels.analytic(x)
    inner, pi = c * c, torch.acos(-torch.ones_like(c))
    a = inner * (pi - torch.acos(inner)) / (2 * pi)
    m = torch.full_like(a, copies + more)
    below = example.denominator(a, m)
    weights = torch.linalg.solve(theta[:, :n, :n], torch.ones_like(theta[:, :n, 0]))
    points = list(range(n))
    return all_of(
        eq(weights.sum(-1), share * n / below, names=["Tr[Y' Theta^-1 Y]", "n / (1/2 - a + m a)"]),
        eq((theta[:, n, :n] * weights).sum(-1), share * m * a / below, names=["f at a new point", "m a / (1/2 - a + m a)"]),
        eq(
            mmd.mmd2(points[:seeds], points, theta),
            share * (0.5 - a) * (m - 1) / (m * seeds),
            names=["MMD_v^2(S_0, S)", "(1/2 - a)(m - 1)/(m n0)"],
        ),
    )


@claim(
    id="dynamical.eq20.marginal",
    title="Eq. (20), with q the law of a labelled point",
    source=f"{SECTION}, eq. (20)",
    reading="q is the marginal law of a point of S, before the seeds are seen",
    expect="refuted",
    a=example.WITHIN,
    n0=example.N0,
    copies=example.COPIES,
    clusters=example.CLUSTERS,
    delta=example.DELTA,
    on=CLUSTERED,
    uses=["dynamical.eq20.example"],
    mutants={"constant 99": dict(constant=99.0), "constant 50": dict(constant=50.0)},
)
def eq20_marginal(
    a: Tensor, n0: Tensor, copies: Tensor, clusters: Tensor, delta: Tensor, *, constant: float = 100.0
) -> Relation:
    r"""With probability at least $1-\delta$:
    $L_p \;\le\; (L_p-L_q)+\sqrt{2\,\mathrm{Tr}[Y^\top\Theta^{-1}Y]/n}+100\sqrt{\log(n/(\lambda_0\delta))/n}$ for S made of
    $n_0$ seeds from p and of queries, q the law of a point of S. Here the learner queries $m-1$ near-copies of every seed,
    from N clusters of inputs. Every labelled point has the law p, so $L_p-L_q = 0$; but $L_p\ge 1-n_0/N$.

    In the paper: Lemma 2 is applied to q. It needs n *independent* draws of q, which the queries are not, even where each alone
    has the law p.

    Counterexample: $n_0 = 100$ seeds, $N = 10^4$ clusters, $n = 10^5$, $c^2 = 0.999$: $L_p \ge 0.99$, B = 0.064,
    $\lambda_0 = 0.0076$, and the last root is 0.014. As n grows B and the root tend to 0, so that no constant repairs it.

    Notes: it happens with probability 1, whatever the seeds. The effective sample size is $n_0$, not n. With q the law *given*
    the seeds see dynamical.eq20.conditional.
    """
    n = n0.double() * copies
    right = example.dominant_term(a, copies) + constant * example.order_term(a, n, delta)
    return leq(example.lost(clusters), right, names=["1 - n0/N", "B + 100 sqrt(log(n/(lambda_0 delta))/n)"])


@claim(
    id="dynamical.eq20.conditional",
    title="Eq. (20), with q the law of a queried point given the seeds",
    source=f"{SECTION}, eq. (20)",
    reading="q is the law of a new point chosen as the queries were, given the seeds",
    a=D.interval(0, 0.5 - 2.0**-20),
    copies=example.COPIES,
    on=CLUSTERED,
    uses=["dynamical.eq20.example"],
    mutants={"one percent less": dict(share=0.99), "half of it": dict(share=0.5)},
)
def eq20_conditional(a: Tensor, copies: Tensor, *, share: float = 1.0) -> Relation:
    r"""For the learner of dynamical.eq20.marginal and q uniform over the clusters of its seeds: $L_q \le B/2$, so that
    $L_p \le (L_p-L_q)+B$, whatever $L_p$ is.

    Proof: $L_q = (\frac{1}{2}-a)/(\frac{1}{2}-a+ma) = (\frac{1}{2}-a)B^2/2$, and $B\le 2$.

    Tight at: $a = 0$.

    Notes: in this reading eq. (20) is Lemma 2 for q with $L_p-L_q$ added on both sides: it says nothing about p. All the
    weight is on eq. (23), which is then false (dynamical.eq23.conditional).
    """
    return leq(example.loss_at_home(a, copies), share * example.dominant_term(a, copies) / 2, names=["L_q", "B/2"])


@claim(
    id="dynamical.eq23.conditional",
    title="Eq. (23), with q the law of a queried point given the seeds",
    source=f"{APPENDIX}, the display before the last",
    reading="q is the law of a new point chosen as the queries were, given the seeds",
    expect="refuted",
    a=example.WITHIN,
    n0=example.N0,
    copies=example.COPIES,
    clusters=example.CLUSTERS,
    delta=example.DELTA,
    on=CLUSTERED,
    uses=["dynamical.eq20.example"],
    mutants={"one percent more": dict(factor=1.01), "ten percent more": dict(factor=1.1)},
)
def eq23_conditional(
    a: Tensor, n0: Tensor, copies: Tensor, clusters: Tensor, delta: Tensor, *, factor: float = 1.0
) -> Relation:
    r"""With probability at least $1-\delta$:
    $L_p-L_q \;\le\; \mathrm{MMD}_v(S_0,S)+4\sqrt{C/n}+\sqrt{4C\log(4/\delta)/(\gamma n)}$, with $\Theta\le C = \frac{1}{2}$ and
    $\gamma = n_0/n$, for the learner of dynamical.eq20.marginal and q uniform over the clusters of its seeds.

    Counterexample: $n_0 = 10^4$ seeds in $N = 10^6$ clusters, 1000 points a seed, $a = 0.492$, $\delta = 0.05$:
    $L_p-L_q \ge 0.989$, but the right side is below 0.032; it tends to 0 as $n_0$ grows.

    Notes: $S_0$ is in S, so the two samples see the same clusters and their distance says nothing of the clusters that
    neither of them sees.
    """
    n = n0.double() * copies
    left = example.lost(clusters) - example.loss_at_home(a, copies)
    C = HALF * torch.ones_like(a)
    right = example.discrepancy(a, n0, copies) + printed_error(C, n0, n, delta)
    return leq(factor * left, right, names=["L_p - L_q", "MMD_v + 4 sqrt(C/n) + sqrt(4C log(4/delta)/n0)"])


@claim(
    id="dynamical.eq20.with_eq23",
    title="Eq. (20) and (23) together: a bound without q",
    source=f"{SECTION}, eq. (20) with (23)",
    reading="whatever q means, since the two together do not contain it",
    expect="refuted",
    a=example.WITHIN,
    n0=example.N0,
    copies=example.COPIES,
    clusters=example.CLUSTERS,
    delta=example.DELTA,
    on=CLUSTERED,
    uses=["dynamical.eq20.example"],
    mutants={"constant 99": dict(constant=99.0), "constant 50": dict(constant=50.0)},
)
def eq20_with_eq23(
    a: Tensor, n0: Tensor, copies: Tensor, clusters: Tensor, delta: Tensor, *, constant: float = 100.0
) -> Relation:
    r"""With probability at least $1-2\delta$, for $n_0$ seeds from p and any queries:
    $L_p \;\le\; \sqrt{2\,\mathrm{Tr}[Y^\top\Theta^{-1}Y]/n}+\mathrm{MMD}_v(S_0,S)+4\sqrt{C/n}
    +\sqrt{4C\log(4/\delta)/(\gamma n)}+100\sqrt{\log(n/(\lambda_0\delta))/n}$.

    In the paper: this is the conclusion of section 4.2: the MMD is "much smaller than" B, "therefore, the lemma 2 still holds"
    for the queried set.

    Counterexample: the learner of dynamical.eq20.marginal: with $n_0 = 100$, $N = 10^4$, $n = 10^5$, $c^2 = 0.999$,
    $\delta = 0.05$ and the constant 1, the right side is below 0.40 and $L_p\ge 0.99$. As $n_0$, $n/n_0$ and $N/n_0$ grow the
    right side tends to 0, with any constant, and $L_p$ to 1.

    Notes: what fails is Lemma 2, or eq. (23), according to what q means. No small MMD between seeds and training set can
    certify a training set that contains its seeds.
    """
    n = n0.double() * copies
    C = HALF * torch.ones_like(a)
    right = example.dominant_term(a, copies) + example.discrepancy(a, n0, copies) + printed_error(C, n0, n, delta)
    return leq(example.lost(clusters), right + constant * example.order_term(a, n, delta), names=["1 - n0/N", "the right side"])


def heads_more_often_than_allowed(heads: Tensor, delta: Tensor) -> Tensor:
    """the coin shows heads with probability more than delta"""
    return heads > delta


def _some_mass_everywhere(law: Tensor) -> Tensor:
    return (99 * law + torch.ones_like(law) / law.shape[-1]) / 100


@claim(
    id="dynamical.eq23.one_coin",
    title="The error of the empirical discrepancy for queries decided by one coin",
    source=f"{APPENDIX}, the display before the last",
    reading="S contains S_0 and its queries are not independent, q is the marginal law of a point of S",
    expect="refuted",
    theta=D.psd("n", cond=16),
    p=D.derived(
        _some_mass_everywhere, D.simplex("n"), text="a probability vector with every mass at least 1/(100 n)", dims=("n",)
    ),
    r=D.simplex("n"),
    heads=D.interval(0, 1),
    n0=D.integer(1, 10**6),
    times=D.integer(1, 1000),
    delta=example.DELTA,
    dims={"n": (2, 4)},
    assumes=[heads_more_often_than_allowed],
    mutants={"one percent more": dict(factor=1.01), "ten percent more": dict(factor=1.1)},
)
def one_coin(
    theta: Tensor,
    p: Tensor,
    r: Tensor,
    heads: Tensor,
    n0: Tensor,
    times: Tensor,
    delta: Tensor,
    *,
    factor: float = 1.0,
) -> Relation:
    r"""Draw $n_0$ seeds from p, then toss one coin for the whole batch (the initialisation of the network, say). Heads, with
    probability h: query each seed again, equally often. Tails: draw the batch from r. With probability at least $1-\delta$,
    $\mathrm{MMD}(p,q) \;\le\; \mathrm{MMD}_v(S_0,S)+4\sqrt{C/n}+\sqrt{4C\log(4/\delta)/(\gamma n)}$, q the law of a random
    point of S. On heads $\mathrm{MMD}_v(S_0,S) = 0$; so if $h > \delta$ then $\mathrm{MMD}(p,q) =
    (1-h)(1-\gamma)\,\mathrm{MMD}(p,r)$ is at most $4\sqrt{C/n}+\sqrt{4C\log(4/\delta)/(\gamma n)}$.

    Counterexample: two orthonormal inputs (C = 1), $p = (0.99, 0.01)$, r on the second, $h = 1/2$, $n_0 = 2000$, $n = 4000$,
    $\delta = 0.05$: $\mathrm{MMD}(p,q) = 0.350$ (0.700 for q the law of a query), while the error is 0.157, and the
    event has probability 1/2.

    Notes: p gives every input some mass, or the pool would not contain it. Independence within the batch is what
    Gretton et al. assume and what a policy does not have; dynamical.eq23.any_policy is what remains.
    """
    C = torch.diagonal(theta, dim1=-2, dim2=-1).amax(-1)
    n = n0.double() * times
    share = (1 - heads) * (times - 1) / times
    distance = share * torch.sqrt(mmd.population_mmd2(p, r, theta).clamp(min=0))
    return leq(factor * distance, printed_error(C, n0, n, delta), names=["MMD(p, q)", "4 sqrt(C/n) + sqrt(4C log(4/delta)/n0)"])


def _rows_sum_to_one(x: Tensor) -> Tensor:
    return x / x.sum(-1)[..., None]


_SAMPLES = D.derived(_rows_sum_to_one, D.positive("k", "n"), text="k empirical laws", dims=("k", "n"))
_OTHERS = D.derived(_rows_sum_to_one, D.positive("k", "n"), text="k empirical laws", dims=("k", "n"))


@claim(
    id="dynamical.eq23.any_policy",
    title="What holds for every query policy: on average",
    source="own derivation: Jensen's inequality",
    amends="dynamical.eq23.one_coin",
    theta=D.psd("n"),
    chance=D.simplex("k"),
    first=_SAMPLES,
    second=_OTHERS,
    dims={"n": (1, 4), "k": (1, 4)},
    mutants={"one percent less": dict(share=0.99), "the smallest outcome for the mean": dict(least=True)},
)
def any_policy(
    theta: Tensor, chance: Tensor, first: Tensor, second: Tensor, *, share: float = 1.0, least: bool = False
) -> Relation:
    r"""Let $(S_0,S)$ be any pair of random samples, dependent in any way, with marginal laws p and q of their points:
    $\mathrm{MMD}(p,q) \le E[\mathrm{MMD}_v(S_0,S)]$. Here $(S_0,S)$ takes k values with any probabilities.

    Repairs: the statement with high probability, which is false for adaptive queries.

    Proof: the mean embeddings of p and q are the means of those of $S_0$ and S; the norm is convex.

    Tight at: one outcome.

    Notes: the mean is over repetitions of the whole experiment, seeds and all. One run does not show it.
    """
    p, q = ((chance[:, None, :] @ laws)[:, 0] for laws in (first, second))
    whole = torch.sqrt(mmd.population_mmd2(p, q, theta).clamp(min=0))
    distances = torch.sqrt(mmd.population_mmd2(first, second, theta[:, None] + 0 * first[..., None]).clamp(min=0))
    mean = distances.amin(-1) if least else (chance * distances).sum(-1)
    return leq(whole, share * mean, names=["MMD(p, q)", "E MMD_v(S_0, S)"])
