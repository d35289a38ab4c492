"""Eq. (31) and (32): the discrepancy as an expectation, and what the paper's estimate of it estimates.

Means of estimators are computed by going through all samples of points from a few atoms, so that they are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from altheory import mmd
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings import SOURCE
from proofs_check.relations import Relation

EQ31 = f"{SOURCE}, appendix D.1, eq. (31)"
EQ32 = f"{SOURCE}, appendix D.1, eq. (32)"

#: sizes (n0, b) of the first sample and of the queried rest for which the mean is computed
SIZES = ((2, 1), (2, 2))


def mean_over_samples(theta: Tensor, laws: Sequence[Tensor], estimate: Callable[[Tensor], Tensor]) -> Tensor:
    """The mean of `estimate` over independent points, point i drawn from the law laws[i] on the rows of theta.

    Args:
        theta: (batch, a, a) kernel of the atoms.
        laws: one (batch, a) tensor of masses for each point.
        estimate: from the kernel of a sample, (batch, samples, points, points), to its estimate, (batch, samples).

    Returns:
        (batch,), the sum over all a^points samples.
    """
    atoms = torch.arange(theta.shape[-1])
    samples = torch.cartesian_prod(*[atoms] * len(laws)).reshape(-1, len(laws))
    chance = torch.stack(tuple(laws), 1)[:, torch.arange(len(laws)), samples].prod(-1)
    return (chance * estimate(theta[:, samples[:, :, None], samples[:, None, :]])).sum(-1)


def eq32(n0: int, n: int, *, contained: bool = True) -> Callable[[Tensor], Tensor]:
    """Eq. (32) on the kernel of a sample, S_0 its first n0 points and S all n of them (or the n after them)."""
    first, second = range(n0), range(n) if contained else range(n0, n0 + n)
    return lambda K: mmd.mmd2(list(first), list(second), K, "paper")


def mixture(p: Tensor, r: Tensor, n0: int, b: int) -> Tensor:
    """The law of a random element of n0 points from p and b points from r."""
    return (n0 * p + b * r) / (n0 + b)


def _mean_of_eq32(theta: Tensor, p: Tensor, r: Tensor, n0: int, b: int) -> Tensor:
    return mean_over_samples(theta, [p] * n0 + [r] * b, eq32(n0, n0 + b))


@claim(
    id="dynamical.eq31",
    title="Eq. (31): the squared discrepancy as an expectation over independent copies",
    source=EQ31,
    phi=D.real("n", "d"),
    p=D.simplex("n"),
    q=D.simplex("n"),
    dims={"n": (1, 6), "d": (1, 4)},
    mutants={"0.1 percent off": dict(share=1.001), "one copy instead of two": dict(copies=1)},
)
def eq31(phi: Tensor, p: Tensor, q: Tensor, *, share: float = 1.0, copies: int = 2) -> Relation:
    r"""For a kernel $\Theta(x,z) = \langle\phi(x),\phi(z)\rangle$ and laws p, q with means $\mu_p$, $\mu_q$ of $\phi$:
    $\|\mu_p-\mu_q\|^2 = E[\Theta(x_i,x_j)+\Theta(x_i',x_j')-2\,\Theta(x_i,x_j')]$ with $x_i, x_j\sim p$ and
    $x_i', x_j'\sim q$ independent, which for finitely many points is $(p-q)^\top\Theta(p-q)$.

    In the paper: the primes are lost in our copy, and that i and j are different draws is not said; with $i = j$ the
    identity is false.

    Tight at: everywhere, it is an identity.
    """
    theta = phi @ phi.mT
    means = ((p - q)[:, None, :] @ phi)[:, 0]
    outer = [p[:, :, None] * p[:, None, :], q[:, :, None] * q[:, None, :], p[:, :, None] * q[:, None, :]]
    if copies == 1:
        outer[:2] = [torch.diag_embed(p), torch.diag_embed(q)]
    cross = 2 * (outer[2] * theta).sum((-2, -1))
    distance = (means * means).sum(-1)
    return all_of(
        eq(
            distance + cross,
            share * ((outer[0] + outer[1]) * theta).sum((-2, -1)),
            names=["MMD^2 + 2 E k(x, z)", "E k(x, x') + E k(z, z')"],
        ),
        eq(distance, mmd.population_mmd2(p, q, theta), names=["|mu_p - mu_q|^2", "(p - q)' Theta (p - q)"]),
    )


@claim(
    id="dynamical.eq32.unbiased",
    title="Eq. (32) is unbiased, with q the law of a random element of S",
    source=EQ32,
    reading="S contains S_0, q = (n0 p + b r)/n is the law of a random element of S",
    expect="refuted",
    theta=D.psd("a"),
    p=D.simplex("a"),
    r=D.simplex("a"),
    dims={"a": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "ten percent more": dict(share=1.1)},
)
def eq32_unbiased(theta: Tensor, p: Tensor, r: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let $S_0$ be $n_0$ draws from p, Q be b draws from r, all independent, $S = S_0\cup Q$ and $n = n_0+b$. The mean of
    eq. (32) is $\mathrm{MMD}^2(p,q)$ with $q = (n_0p+br)/n$ (here $n_0 = b = 2$).

    In the paper: "MMD$^2(S_0,S)$ is an unbiased estimation for MMD$^2(p,q)$", with $S_0\subseteq S$ (appendix B.3).

    Repairs: our copy prints $\sum_{i,j}$ before the term that c leaves out; it is read as the $n_0$ pairs of a point with
    itself, with m = $n_0$.

    Counterexample: two atoms, $\Theta_{11} = 1$, $\Theta_{12} = 1/4$, $\Theta_{22} = 1/2$, $p = (1/3, 2/3)$,
    $r = (3/4, 1/4)$: the mean is $5/288$, but $\mathrm{MMD}^2(p,q) = 25/576$, and $\mathrm{MMD}^2(p,r) = 25/144$.

    Notes: this is the easiest case, the query independent of the seeds. With $p = r$ the mean is right
    (dynamical.eq32.null); for independent samples it is right too (dynamical.eq32.independent); the exact mean is
    dynamical.eq32.mean and an unbiased estimate dynamical.eq32.nested.
    """
    target = mmd.population_mmd2(p, mixture(p, r, 2, 2), theta)
    return eq(_mean_of_eq32(theta, p, r, 2, 2), share * target, names=["mean of eq. (32)", "MMD^2(p, q)"])


@claim(
    id="dynamical.eq32.unbiased_for_query_law",
    title="Eq. (32) is unbiased, with q the law of the queried points",
    source=EQ32,
    reading="S contains S_0, q = r is the law of the queried points alone",
    expect="refuted",
    theta=D.psd("a"),
    p=D.simplex("a"),
    r=D.simplex("a"),
    dims={"a": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "ten percent more": dict(share=1.1)},
)
def eq32_unbiased_for_query_law(theta: Tensor, p: Tensor, r: Tensor, *, share: float = 1.0) -> Relation:
    r"""As dynamical.eq32.unbiased, but the mean of eq. (32) is $\mathrm{MMD}^2(p,r)$.

    Counterexample: two atoms, $\Theta_{11} = 1$, $\Theta_{12} = 1/4$, $\Theta_{22} = 1/2$, $p = (1/3, 2/3)$,
    $r = (3/4, 1/4)$, $n_0 = b = 2$: $5/288$ against $25/144$, a tenth.
    """
    target = mmd.population_mmd2(p, r, theta)
    return eq(_mean_of_eq32(theta, p, r, 2, 2), share * target, names=["mean of eq. (32)", "MMD^2(p, r)"])


@claim(
    id="dynamical.eq32.mean",
    title="The mean of eq. (32), exactly",
    source="own derivation, by enumeration",
    amends="dynamical.eq32.unbiased",
    theta=D.psd("a"),
    p=D.simplex("a"),
    r=D.simplex("a"),
    dims={"a": (1, 2)},
    uses=["dynamical.eq31"],
    mutants={
        "0.1 percent more": dict(share=1.001),
        "without the lengths of the means": dict(lengths=False),
    },
)
def eq32_mean(theta: Tensor, p: Tensor, r: Tensor, *, share: float = 1.0, lengths: bool = True) -> Relation:
    r"""Let $S_0\sim p^{n_0}$ and $Q\sim r^b$ be independent, $S = S_0\cup Q$, $n = n_0+b$, $D = \mathrm{MMD}^2(p,r)$. The
    mean of eq. (32) is
    $(\frac{b}{n})^2D + \frac{b^2D}{n^2(n-1)} + \frac{b\,(\|\mu_p\|^2-\|\mu_r\|^2)}{n(n-1)}$.
    Checked for $(n_0, b) = (2, 1), (2, 2)$.

    Proof: the seeds appear in both samples, so $E\tilde b$ and $E\tilde c$ contain $\|\mu_p\|^2$ in the shares
    $n_0(n_0-1)/(n(n-1))$ and $(n_0-1)/(n-1)$; collect terms.

    Tight at: everywhere, it is an identity. The bias is of order $1/n$ and may have either sign: the difference of the
    lengths is not a distance.
    """
    links = []
    for n0, b in SIZES:
        mean = mmd.nested_mean(p, r, theta, n0, b) if lengths else _two_terms(theta, p, r, n0, b)
        links.append(
            eq(_mean_of_eq32(theta, p, r, n0, b), share * mean, names=[f"mean, n0 = {n0}, b = {b}", "the three terms"])
        )
    return all_of(*links)


def _two_terms(theta: Tensor, p: Tensor, r: Tensor, n0: int, b: int) -> Tensor:
    """What `mmd.nested_mean` would be without the lengths of the means."""
    n = n0 + b
    return mmd.population_mmd2(p, r, theta) * (b * b * n) / (n * n * (n - 1))


@claim(
    id="dynamical.eq32.independent",
    title="Eq. (32) is unbiased for independent samples",
    source=EQ32,
    reading="S ~ q independent of S_0, as the text before eq. (32) says",
    theta=D.psd("a"),
    p=D.simplex("a"),
    q=D.simplex("a"),
    dims={"a": (1, 2)},
    uses=["dynamical.eq31"],
    mutants={"0.1 percent more": dict(share=1.001), "the seeds counted in S": dict(contained=True)},
)
def eq32_independent(theta: Tensor, p: Tensor, q: Tensor, *, share: float = 1.0, contained: bool = False) -> Relation:
    r"""Let $S_0\sim p^{n_0}$ and $S\sim q^n$ be independent, $n_0\le n$. The mean of eq. (32), which leaves out the pairs
    $(x_i, x_i')$ with equal index, is $\mathrm{MMD}^2(p,q)$. Checked for $(n_0, n) = (2, 2)$ and $(2, 3)$.

    In the paper: "$S_0\sim p(x)$ and S as ... $\sim q(x)$"; read on its own, that is this.

    Proof: c has $n_0n-n_0$ terms, each with mean $\langle\mu_p,\mu_q\rangle$, and the weight $1/(n_0(n-1))$.

    Notes: but then S does not contain $S_0$, which appendix B.3 says it does and Algorithm 1 makes it do.
    """
    target = share * mmd.population_mmd2(p, q, theta)
    links = []
    for n0, n in ((2, 2), (2, 3)):
        laws = [p] * n0 + [q] * (n - n0 if contained else n)
        mean = mean_over_samples(theta, laws, eq32(n0, n, contained=contained))
        links.append(eq(mean, target, names=[f"mean, n0 = {n0}, n = {n}", "MMD^2(p, q)"]))
    return all_of(*links)


@claim(
    id="dynamical.eq32.nested",
    title="An unbiased estimate when S contains the seeds",
    source="own derivation: the U-statistic of Gretton et al. (2012) for the seeds and the query",
    amends="dynamical.eq32.unbiased",
    theta=D.psd("a"),
    p=D.simplex("a"),
    r=D.simplex("a"),
    dims={"a": (1, 2)},
    uses=["dynamical.eq31"],
    mutants={"0.1 percent more": dict(share=1.001), "eq. (32) in its place": dict(estimator="paper")},
)
def eq32_nested(theta: Tensor, p: Tensor, r: Tensor, *, share: float = 1.0, estimator: str = "nested") -> Relation:
    r"""Let $S_0\sim p^{n_0}$ and $Q\sim r^b$ be independent and $S = S_0\cup Q$, $n = n_0+b$. With U the unbiased estimate
    for $S_0$ and Q, the mean of $(b/n)^2\,U$ is $\mathrm{MMD}^2(p,q)$, $q = (n_0p+br)/n$. Checked for $n_0 = b = 2$.

    Repairs: eq. (32), which compares $S_0$ with a sample that contains it.

    Notes: nothing of the kind can hold for queries that depend on the seeds: then r is not the law of an independent sample.
    """
    mean = mean_over_samples(theta, [p, p, r, r], lambda K: mmd.mmd2([0, 1], [0, 1, 2, 3], K, estimator))
    return eq(
        mean, share * mmd.population_mmd2(p, mixture(p, r, 2, 2), theta), names=["mean of (b/n)^2 U(S_0, Q)", "MMD^2(p, q)"]
    )


def _null(theta: Tensor, p: Tensor, left_out: str, sizes: Sequence[tuple[int, int]] = ((2, 1), (2, 2))) -> Relation:
    """When all points come from p: the means of the two inner terms together, and of the cross term."""
    links = []
    for n0, b in sizes:
        n = n0 + b

        def inner(K: Tensor, n0: int = n0, n: int = n) -> Tensor:
            own = torch.diagonal(K, dim1=-2, dim2=-1)
            a, a_self = K[..., :n0, :n0].sum((-2, -1)), own[..., :n0].sum(-1)
            return (a - a_self) / (n0 * (n0 - 1)) + (K.sum((-2, -1)) - own.sum(-1)) / (n * (n - 1))

        def cross(K: Tensor, n0: int = n0, n: int = n) -> Tensor:
            c, own = K[..., :n0, :].sum((-2, -1)), torch.diagonal(K, dim1=-2, dim2=-1)[..., :n0].sum(-1)
            if left_out == "nothing":
                return 2 * c / (n0 * n)
            less = {"the pairs": own, "the block": K[..., :n0, :n0].sum((-2, -1)), "n0 times the pairs": n0 * own}[left_out]
            return 2 * (c - less) / (n0 * (n - 1))

        means = [mean_over_samples(theta, [p] * n, part) for part in (inner, cross)]
        links.append(eq(*means, names=[f"mean of the inner terms, n0 = {n0}, b = {b}", "mean of the cross term"]))
    return all_of(*links)


@claim(
    id="dynamical.eq32.null",
    title="Eq. (32) has mean zero when query and seeds have the same law",
    source=EQ32,
    reading="c leaves out the n0 pairs of a point with itself",
    theta=D.psd("a"),
    p=D.simplex("a"),
    dims={"a": (1, 2)},
    mutants={
        "nothing left out, weight 2/(n0 n)": dict(left_out="nothing"),
        "the block S_0 x S_0 left out": dict(left_out="the block"),
    },
)
def eq32_null(theta: Tensor, p: Tensor, *, left_out: str = "the pairs") -> Relation:
    r"""Let all n points of S be independent draws from p, $S_0$ the first $n_0$ of them. The mean of eq. (32) is 0: the terms
    $\tilde a/(n_0(n_0-1))+\tilde b/(n(n-1))$ and $2\tilde c/(n_0(n-1))$ have the same mean. Checked for
    $(n_0, b) = (2, 1), (2, 2)$.

    Repairs: the term that c leaves out is damaged in our copy. The weight $2/(n_0(n-1))$ counts $n_0n-n_0$ pairs, so it must
    be the $n_0$ pairs of a point with itself.

    Notes: leaving out the block $S_0\times S_0$ has mean zero as well with the weight $2/(n_0b)$, which is not printed.
    """
    return _null(theta, p, left_out)


@claim(
    id="dynamical.eq32.null_block",
    title="Eq. (32) has mean zero when query and seeds have the same law",
    source=EQ32,
    reading="c leaves out the sum over i, j <= m of Theta(x_i, x_j'), the block of the seeds",
    expect="refuted",
    theta=D.psd("a"),
    p=D.simplex("a"),
    dims={"a": (1, 2)},
    mutants={"for n0 = 2, b = 1 alone": dict(query=1), "for n0 = b = 2 alone": dict(query=2)},
)
def eq32_null_block(theta: Tensor, p: Tensor, *, query: int = 0) -> Relation:
    r"""As dynamical.eq32.null, with c read as leaving out $\sum_{i,j\le m}\Theta(x_i,x_j')$.

    Counterexample: one point, $\Theta = 1$, $n_0 = 2$, $b = 1$: the inner terms are 2, the cross term is 1. In general the mean
    is $2\,\|\mu_p\|^2(n_0-1)/(n-1)$.

    Notes: the sign $\sum_{i,j}$ in our copy suggests this; the weight excludes it.
    """
    return _null(theta, p, "the block", ((2, query),) if query else ((2, 1), (2, 2)))


@claim(
    id="dynamical.eq32.null_double_sum",
    title="Eq. (32) has mean zero when query and seeds have the same law",
    source=EQ32,
    reading="letter by letter: c leaves out the sum over i, j <= m of Theta(x_i, x_i')",
    expect="refuted",
    theta=D.psd("a"),
    p=D.simplex("a"),
    dims={"a": (1, 2)},
    mutants={"for n0 = 2, b = 1 alone": dict(query=1), "for n0 = b = 2 alone": dict(query=2)},
)
def eq32_null_double_sum(theta: Tensor, p: Tensor, *, query: int = 0) -> Relation:
    r"""As dynamical.eq32.null, with c read as leaving out $\sum_{i,j\le m}\Theta(x_i,x_i') = m\sum_i\Theta(x_i,x_i)$.

    Counterexample: one point, $\Theta = 1$, $n_0 = 2$, $b = 1$: the inner terms are 2, the cross term is 1.
    """
    return _null(theta, p, "n0 times the pairs", ((2, query),) if query else ((2, 1), (2, 2)))


@claim(
    id="dynamical.eq32.nonnegative",
    title="Eq. (32) is nonnegative, so that its root exists",
    source=f"{EQ32} and the sentence after it: MMD is approximated by the root",
    reading="for every S_0 contained in S, so that the root is real",
    expect="refuted",
    x=D.unit_vectors("n", "d"),
    dims={"n": (3, 5), "d": (2, 4)},
    mutants={"at least 1/100": dict(floor=0.01), "at least 1/10": dict(floor=0.1)},
)
def eq32_nonnegative(x: Tensor, *, floor: float = 0.0) -> Relation:
    r"""For the infinite-width kernel of unit vectors, the first two of them the seeds and all of them S, eq. (32) is
    nonnegative.

    In the paper: "MMD$(S_0,S)$ can be empirically approximated by" the root of eq. (32).

    Counterexample: $n_0 = 2$, $b = 1$, where eq. (32) is $\Theta_{12}/3-(\Theta_{13}+\Theta_{23})/6$; the points (1, 0),
    (0, 1), (3/5, 4/5) give $-0.0883$, and $-7/30$ with the linear kernel.

    Notes: no unbiased estimate can be nonnegative where the discrepancy is 0; for independent samples of one law it is
    negative about half of the time. With one seed, eq. (32) divides by 0.
    """
    names = list(range(x.shape[-2]))
    estimate = mmd.mmd2(x[:, :2], x, "ntk", "paper", ids=(names[:2], names))
    return leq(floor + 0 * estimate, estimate, names=["0", "eq. (32)"])
