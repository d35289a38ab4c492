r"""What a query costs: the operations that the paper lists, those it leaves out, and how much faster than retraining it is.

L labelled points, U candidates, P parameters, C classes, E epochs. Counts are of multiplications to leading order; the ones
marked as counted come from running al.lookahead under a counter of products of matrices.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory.lookahead import listed_naive_operations, listed_operations, naive_operations, operations
from proofs_check import chain, claim, eq, leq, measurement, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.lookahead._settings_queries import POOL, SOURCE, ahead_of
from proofs_check.papers.lookahead._work import Work
from proofs_check.relations import Measurement, Rate, Relation

TIME = f"{SOURCE}, section 3, 'Time complexity'"
APPENDIX = f"{SOURCE}, appendix B"
L, U, E = D.integer(1, 10**5), D.integer(1, 10**5), D.integer(1, 100)
MORE = D.integer(0, 10**6)


def _real(*counts: Tensor) -> tuple[Tensor, ...]:
    return tuple(count.to(torch.float64) for count in counts)


@claim(
    id="lookahead.complexity.pool_kernel",
    title="The kernels that Algorithm 1 computes determine the scores",
    source=f"{SOURCE}, Algorithm 1, first line of the loop; {TIME}",
    reading="the scores need the kernel of the pool with L, that of L, and the diagonal of the pool's",
    expect="refuted",
    first=D.integer(-4, 4),
    second=D.integer(-4, 4),
    tenths=D.integer(0, 9),
    mutants={"and are one percent larger": dict(factor=1.01), "and are one percent smaller": dict(factor=0.99)},
)
def pool_kernel(first: Tensor, second: Tensor, tenths: Tensor, *, factor: float = 1.0) -> Relation:
    r"""If two pools have the same outputs, the same $\Theta(X_U,X_L)$, $\Theta(X_L,X_L)$ and $\Theta(x,x)$ for all x in U,
    then the first candidate has the same score MLMOC (converged model): here $\Theta(x,x) = \Theta(X_L,X_L) = 1$,
    $\Theta(X_U,X_L) = 0$, and between candidates 0 in one pool, c in [0, 0.9] in the other.

    In the paper: Algorithm 1 computes "$\Theta(X_U,X_L)$, $\Theta(X_L,X_L)$ and $\Theta(X_L,X_L)^{-1}$".

    Counterexample: the score is the distance of the candidate's outputs from the label times $\sum_x|\Theta(x,x')| = 1+2c$.

    Notes: so all of $\Theta(X_U,X_U)$ is needed, at a cost of $U^2P$ that the paper does not count.
    """
    c = tenths.to(torch.float64)[:, None, None] / 10
    eye = torch.eye(1 + POOL, dtype=torch.float64)
    inside = torch.ones(1 + POOL, 1 + POOL, dtype=torch.float64) - eye
    inside = inside * (torch.arange(1 + POOL) > 0) * (torch.arange(1 + POOL) > 0)[:, None]
    outputs = torch.stack([first, second], -1).to(torch.float64) / 4
    F = outputs[:, None] + 0 * eye[:, :1]
    scores = [al.lookahead.most_likely_change(ahead_of(K, F))[:, 0] for K in (eye + 0 * c, eye + c * inside)]
    return eq(factor * scores[0], scores[1], names=["score", "score with another kernel inside the pool"])


def _steps(sizes: tuple[int, ...], seed: int, pool: bool) -> list[float]:
    """Multiplications in products of matrices, from gradients to scores, with and without the kernel inside the pool."""
    labelled, parameters = 8, 512
    generator = torch.Generator().manual_seed(seed)
    found = []
    for size in sizes:
        J = torch.randn(labelled + size, parameters, generator=generator, dtype=torch.float64)
        F = torch.rand(labelled + size, 2, generator=generator, dtype=torch.float64)
        J_L, J_U = J[:labelled], J[labelled:]
        with Work() as counted:
            K_L, K_UL = J_L @ J_L.T, J_U @ J_L.T
            if pool:
                ahead = al.lookahead.from_kernels(K_L, K_UL, J_U @ J_U.T, F[:labelled], F[:labelled], F[labelled:])
                al.lookahead.most_likely_change(ahead)
        found.append(float(counted.products))
    return found


POOLS = (64, 128, 256, 512)


@remembered
def flops(seed: Tensor, pool: bool) -> Tensor:
    """Counted operations for pools of 64 to 512 candidates, 8 labelled points, 512 parameters: (seeds, 4)."""
    return torch.tensor([_steps(POOLS, int(s), pool) for s in seed], dtype=torch.float64)


@claim(
    id="lookahead.complexity.listed",
    title="A query's cost is linear in the pool",
    source=f"{TIME}: 'dominated by computing Theta(X_U,X_L) in O(LUP) time if U > L'",
    reading="all of (13), for U > L",
    expect="refuted",
    experiment="lookahead.flops",
    seed=D.seed(),
    mutants={"without a cost": dict(exponent=0.0), "as the root of the pool": dict(exponent=0.5)},
)
def listed(seed: Tensor, *, exponent: float = 1.0) -> Rate:
    r"""For fixed L and P and $U > L$ the operations from gradients to the scores (13) grow as U (counted: matrix products).

    Notes: they grow as $U^2$: lookahead.complexity.quadratic.
    """
    return rate(POOLS, flops(seed, pool=True), exponent=exponent, tolerance=0.2)


@claim(
    id="lookahead.complexity.quadratic",
    title="A query's cost is quadratic in the pool",
    source=f"replaces {TIME}",
    amends="lookahead.complexity.listed",
    experiment="lookahead.flops",
    seed=D.seed(),
    mutants={"linear": dict(exponent=1.0), "the listed kernels alone": dict(pool=False)},
)
def quadratic(seed: Tensor, *, exponent: float = 2.0, pool: bool = True) -> Rate:
    r"""For fixed L and P and $U > L$ they grow as $U^2$: the kernel of the pool with itself, $U^2P$, is what the paper's count
    leaves out.

    Notes: where (13) sums over m points instead of all of U, the term is mUP.
    """
    return rate(POOLS, flops(seed, pool), exponent=exponent, tolerance=0.2)


@claim(
    id="lookahead.complexity.dominated",
    title="The listed operations bound the cost",
    source=f"{APPENDIX}: O(LUP + L^2 P + L^3 + U L^2)",
    reading="up to a factor of 100, for U > L and P > U",
    expect="refuted",
    L=L,
    U=U,
    more=MORE,
    mutants={"up to 50": dict(constant=50.0), "up to 90": dict(constant=90.0)},
)
def dominated(L: Tensor, U: Tensor, more: Tensor, *, constant: float = 100.0) -> Relation:
    r"""For $P > U > L$ the operations of all scores, $\frac12(L+U)^2P+\frac13L^3+L^2U+LU^2$, are at most 100 times
    $LUP+L^2P+L^3+UL^2$.

    Counterexample: L = 1 and U = 300: half of $U^2P$ is more than 100 times 2UP. No other constant serves either.

    Notes: at the paper's sizes (L, U) = (100, 4000), (1000, 6000), the missing $U^2P$ is 40 and 6 times the listed LUP.
    """
    few, many, extra = _real(L, U, more)
    many = few + many
    P = many + 1 + extra
    return leq(operations(few, many, P), constant * listed_operations(few, many, P), names=["operations", "100 times listed"])


@claim(
    id="lookahead.complexity.simplified",
    title="Two of the four listed terms dominate",
    source=APPENDIX,
    L=L,
    U=U,
    more=MORE,
    mutants={"a factor of 1.98": dict(factor=1.98), "LUP alone": dict(square=0.0)},
)
def simplified(L: Tensor, U: Tensor, more: Tensor, *, factor: float = 2.0, square: float = 1.0) -> Relation:
    r"""If $P \ge \max(L,U)$, then $LUP+L^2P \le LUP+L^2P+L^3+UL^2 \le 2\,(LUP+L^2P)$.

    Tight at: P = L >= U.

    Notes: true of the listed terms; the missing $U^2P$ cannot be dropped in this way.
    """
    few, many, extra = _real(L, U, more)
    P = torch.maximum(few, many) + extra
    kept = few * many * P + square * few * few * P
    return chain(kept, listed_operations(few, many, P), factor * kept, names=["LUP + L^2 P", "all four terms", "twice the two"])


@claim(
    id="lookahead.faster.listed",
    title="Faster than retraining by the number of epochs, as listed",
    source=f"{TIME}: 'If U > L, then the proposed method is faster by an order of O(E)'",
    reading="the ratio of the paper's own counts, LUPE over LUP + L^2 P + L^3 + U L^2, for P > U > L",
    L=L,
    U=U,
    E=E,
    more=MORE,
    mutants={"a factor of 3.9 for 4": dict(four=3.9), "half a percent less than E": dict(share=0.995)},
)
def faster_listed(L: Tensor, U: Tensor, E: Tensor, more: Tensor, *, four: float = 4.0, share: float = 1.0) -> Relation:
    r"""For $P \ge U \ge L$: $\frac E4 \le \frac{LUPE}{LUP+L^2P+L^3+UL^2} \le E$.

    Tight at: L = U = P for the lower bound.

    Notes: the counts leave out $U^2P$ on one side and the U forward passes for each candidate on the other.
    """
    few, many, epochs, extra = _real(L, U, E, more)
    many = few + many - 1
    P = many + extra
    naive, ours = listed_naive_operations(few, many, P, epochs), listed_operations(few, many, P)
    return chain(epochs * ours, four * naive, four * share * epochs * ours, names=["E ours", "4 naive", "4 E ours"])


@claim(
    id="lookahead.faster.times_E",
    title="E times faster than retraining",
    source=f"{TIME}: 'faster by an order of O(E)'",
    reading="E times faster, up to a factor of 10, whatever U > L; all operations counted",
    expect="refuted",
    L=L,
    U=U,
    E=E,
    more=MORE,
    mutants={"up to 5": dict(share=0.2), "up to 8": dict(share=0.125)},
)
def times_E(L: Tensor, U: Tensor, E: Tensor, more: Tensor, *, share: float = 0.1) -> Relation:
    r"""For $P > U > L$ retraining, $UP(3E(L+1)+U)$ with the predictions on the pool, takes at least $E/10$ times the
    operations of all scores.

    Counterexample: L = 1, U = 1000, E = 100: $U\cdot1600\,P$ against $10\cdot\frac12(1001)^2P$ and more.

    Notes: the ratio is of order $\frac{LE+U}{L+U}$. At the paper's (L, U) = (100, 4000), (1000, 6000), (10000, 6000) and E =
    15 it is about 4, 12 and 21 for dense networks.
    """
    few, many, epochs, extra = _real(L, U, E, more)
    many = few + many
    P = many + 1 + extra
    return leq(
        share * epochs * operations(few, many, P), naive_operations(few, many, P, epochs), names=["E/10 times ours", "naive"]
    )


@claim(
    id="lookahead.faster.at_most",
    title="Not more than a few times E",
    source=f"{TIME}: 'faster by an order of O(E)'",
    reading="O(E) as an upper bound; all operations counted",
    L=L,
    U=U,
    E=E,
    more=MORE,
    mutants={"at most E": dict(constant=1.0), "at most twice": dict(constant=1.5)},
)
def at_most(L: Tensor, U: Tensor, E: Tensor, more: Tensor, *, constant: float = 5.0) -> Relation:
    r"""For $P > U > L$ retraining takes at most 5E times the operations of all scores.

    Proof: $(L+U)^2 \ge 4LU$ and $\ge U^2$; so $3E(L+1)UP \le 6ELUP \le 3E\cdot\frac12(L+U)^2P$ and $U^2P \le
    2\cdot\frac12(L+U)^2P$.
    """
    few, many, epochs, extra = _real(L, U, E, more)
    many = few + many
    P = many + 1 + extra
    ours, naive = operations(few, many, P), naive_operations(few, many, P, epochs)
    return leq(naive, constant * epochs * ours, names=["naive", "5 E times ours"])


@claim(
    id="lookahead.faster.fixed_ratio",
    title="E times faster where the pool is not much larger than the labelled set",
    source=f"{TIME}: 'faster by an order of O(E)'",
    reading="the order at a fixed ratio U/L; all operations counted",
    amends="lookahead.faster.times_E",
    L=L,
    above=D.interval(1, 10),
    E=E,
    more=MORE,
    mutants={"three times": dict(least=0.6), "four times": dict(least=0.8)},
)
def fixed_ratio(L: Tensor, above: Tensor, E: Tensor, more: Tensor, *, least: float = 0.2) -> Relation:
    r"""For $L \le U \le 10L$ and $P \ge L+U$ retraining takes at least $E/5$ times the operations of all scores.

    Proof: with $a = U/L \le 10$ and the solves at most as large as the kernel, the ratio is at least
    $\frac{6aE}{(1+a)^2}\cdot\frac{(1+a)^2/2}{(1+a)^2/2+(1/3+a+a^2)/(1+a)} \ge \frac{E}{5}$.
    """
    few, epochs, extra = _real(L, E, more)
    many = above * few
    P = few + many + extra
    return leq(
        least * epochs * operations(few, many, P), naive_operations(few, many, P, epochs), names=["E/5 times ours", "naive"]
    )


@claim(
    id="lookahead.faster.many_labels",
    title="Conjugate gradients are faster for every L > EU",
    source=f"{TIME}: 'if L > EU ... O(L sqrt L P), which is faster than the naive SGD training by an order of O(UE / sqrt L)'",
    reading="faster: a factor above 1, by the paper's own counts",
    expect="refuted",
    U=D.integer(1, 100),
    E=E,
    more=MORE,
    mutants={"by one percent": dict(factor=1.01), "by two percent": dict(factor=1.02)},
)
def many_labels(U: Tensor, E: Tensor, more: Tensor, *, factor: float = 1.0) -> Relation:
    r"""If $L > EU$, then $L\sqrt L\,P \le LUPE$.

    Counterexample: U = E = 1, L = 2: $2\sqrt2 > 2$. With E = 15 and one candidate, every L above 225.

    Notes: the gain is $UE/\sqrt L$, which falls below 1 at $L = (UE)^2$.
    """
    many, epochs, extra = _real(U, E, more)
    few = epochs * many + 1 + extra
    return leq(factor * torch.sqrt(few), many * epochs, names=["sqrt L", "U E"])


@claim(
    id="lookahead.faster.many_labels.range",
    title="Conjugate gradients, by the listed counts, up to the square",
    source=f"replaces {TIME}",
    amends="lookahead.faster.many_labels",
    U=D.integer(1, 100),
    E=E,
    share=D.interval(0, 1),
    P=D.integer(1, 10**6),
    mutants={"by one percent": dict(factor=1.01), "up to one percent more": dict(beyond=1.03)},
)
def many_labels_range(U: Tensor, E: Tensor, share: Tensor, P: Tensor, *, factor: float = 1.0, beyond: float = 1.0) -> Relation:
    r"""If $UE \le L \le (UE)^2$, then $L\sqrt L\,P \le LUPE$, the ratio being $UE/\sqrt L$.

    Tight at: $L = (UE)^2$.
    """
    many, epochs, parameters = _real(U, E, P)
    work = many * epochs
    few = beyond * work * (1 + share * (work - 1))
    naive = listed_naive_operations(few, many, parameters, epochs)
    return leq(factor * few * torch.sqrt(few) * parameters, naive, names=["L sqrt L P", "L U P E"])


@remembered
def forward_flops(seed: Tensor) -> dict[str, Tensor]:
    """Operations of the outputs of dense networks on pools of 16 to 128 points, (seeds, 4), and over U P, (seeds,)."""
    sizes, counts, shares = (16, 32, 64, 128), [], []
    for s in seed.tolist():
        generator = torch.Generator().manual_seed(s)
        width = 32 + int(s) % 32
        layers = [
            torch.randn(a, b, generator=generator, dtype=torch.float64) for a, b in ((20, width), (width, width), (width, 5))
        ]
        row = []
        for size in sizes:
            x = torch.randn(size, 20, generator=generator, dtype=torch.float64)
            with Work() as counted:
                for layer in layers[:-1]:
                    x = torch.relu(x @ layer)
                torch.special.entr(torch.softmax(x @ layers[-1], -1)).sum(-1)
            row.append(counted.products)
        counts.append(row)
        shares.append(row[-1] / (sizes[-1] * sum(layer.numel() for layer in layers)))
    return {"counts": torch.tensor(counts, dtype=torch.float64), "shares": torch.tensor(shares, dtype=torch.float64)}


@claim(
    id="lookahead.complexity.entropy",
    title="Entropy takes O(UP)",
    source=f"{SOURCE}, section 6: 'entropy requires O(UP) time'",
    expect="reproduced",
    experiment="lookahead.forward",
    seed=D.seed(),
    mutants={"half of it": dict(each=0.5), "twice": dict(each=2.0)},
)
def entropy_cost(seed: Tensor, *, each: float = 1.0) -> Measurement:
    """The entropies of U candidates take UP multiplications, for dense networks of three layers and different widths (counted;
    biases left out): one forward pass, each parameter once for each point.

    Notes: a convolution uses a parameter many times for each point, so there it is a forward pass, not P.
    """
    return measurement(forward_flops(seed)["shares"], expect=(each, each))
