r"""What a query costs: scores, subsets, and how hard the exact problem (10) is."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import dynamics
from proofs_check import chain, claim, eq, leq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.dynamical._settings_gradients import SOURCE, best_subset
from proofs_check.relations import Measurement, Relation

COST = f"{SOURCE}, section 3.2: from O(N^b) to O(b), 'constant time complexity'"
SCORES = D.real("n")


def _value(scores: Tensor, chosen: Tensor) -> Tensor:
    return (scores * torch.where(chosen, torch.ones_like(scores), torch.zeros_like(scores))).sum(-1)


@claim(
    id="dynamical.complexity.constant",
    title="A query at a cost that does not grow with the pool",
    source=COST,
    reading="total cost, scores included: 2 b scores are looked at, whatever the pool",
    expect="refuted",
    scores=SCORES,
    b=D.integer(1, 2),
    dims={"n": (5, 8)},
    mutants={"b scores are enough": dict(looks=1), "b scores, and half the optimum": dict(looks=1, share=0.5)},
)
def constant(scores: Tensor, b: Tensor, *, looks: int = 2, share: float = 1.0) -> Relation:
    r"""The b best of the first 2b candidates have the largest $\sum_{u\in Q}\Delta(\{u\}|S)$ over all sets Q of b candidates.

    In the paper: "which can be solved by a greedy algorithm with O(b)"; "reduce the time complexity from polynomial to
    constant".

    Counterexample: b = 1 and scores (0, 0, 1, 0, 0): the third is the best and was not looked at.

    Notes: no choice of which scores to look at helps (dynamical.complexity.adversary). The cost is one gradient of L(S), one
    backward pass for each candidate and a selection in O(N + b log b); dynamical.complexity.passes counts it.
    """
    n = scores.shape[-1]
    seen = torch.arange(n)[None] < looks * b[:, None]
    floor = torch.amin(scores, -1)[:, None] - 1
    chosen = dynamics.top(torch.where(seen, scores, floor), b)
    rows = dynamics.subsets(n)
    best = best_subset((rows @ scores[..., None])[..., 0], (rows > 0).sum(-1)[None], b)
    return leq(share * best, _value(scores, chosen), names=["optimum", "best of the candidates looked at"])


@claim(
    id="dynamical.complexity.adversary",
    title="Every score is needed",
    source=f"replaces {COST}",
    amends="dynamical.complexity.constant",
    scores=SCORES,
    order=D.real("n"),
    b=D.integer(1, 3),
    unseen=D.integer(0, 3),
    gap=D.interval(0, 4),
    dims={"n": (4, 6)},
    mutants={"by one percent more": dict(share=1.01), "raised by half the gap": dict(raised=0.5)},
)
def adversary(
    scores: Tensor, order: Tensor, b: Tensor, unseen: Tensor, gap: Tensor, *, share: float = 1.0, raised: float = 1.0
) -> Relation:
    r"""Let a method answer with a set Q of $b < N$ candidates without looking at the score of one of them. That score can be
    changed, to more than all others by $\delta$ when it is not in Q, to less than all others by $\delta$ when it is, so that Q
    is worse than the best set by at least $\delta$.

    Proof: exchange the unseen candidate for another.

    Tight at: all other scores equal.

    Notes: so any method that is right for all pools looks at all N scores: $\Omega(N)$, not $O(b)$.
    """
    n = scores.shape[-1]
    here = torch.arange(n)[None] == unseen[:, None]
    answer = dynamics.top(order, b)
    inside = (here & answer).any(-1)
    high = torch.where(here, torch.amin(scores, -1)[:, None], scores).amax(-1) + raised * gap
    low = torch.where(here, torch.amax(scores, -1)[:, None], scores).amin(-1) - gap
    changed = torch.where(here, torch.where(inside, low, high)[:, None], scores)
    best = _value(changed, dynamics.top(changed, b))
    return leq(share * gap, best - _value(changed, answer), names=["gap", "what the answer falls short"])


@claim(
    id="dynamical.complexity.sorted",
    title="Once scores are computed and sorted, b looks are enough",
    source=COST,
    reading="the selection alone, with all scores computed and sorted",
    amends="dynamical.complexity.constant",
    scores=SCORES,
    b=D.integer(1, 3),
    dims={"n": (4, 6)},
    mutants={"b - 1 looks": dict(fewer=1), "one percent more": dict(share=1.01)},
)
def sorted_(scores: Tensor, b: Tensor, *, fewer: int = 0, share: float = 1.0) -> Relation:
    r"""If the scores are sorted, the first b of them have the largest $\sum_{u\in Q}\Delta(\{u\}|S)$ over all sets Q of b: a
    selection with b looks.

    Notes: sorting costs $O(N\log N)$ and computing the scores N backward passes; this is not where the time goes.
    """
    n = scores.shape[-1]
    values = torch.sort(scores, -1, descending=True).values
    seen = torch.arange(n)[None] < (b - fewer)[:, None]
    rows = dynamics.subsets(n)
    best = best_subset((rows @ scores[..., None])[..., 0], (rows > 0).sum(-1)[None], b)
    return eq(share * _value(values, seen), best, names=["sum of the first b", "max over subsets"])


class _Counting:
    """A network that counts how many gradients are taken of it."""

    def __init__(self, generator: torch.Generator) -> None:
        self.W = torch.randn(8, 3, generator=generator, dtype=torch.float64)
        self.a = torch.randn(8, 2, generator=generator, dtype=torch.float64) / 8**0.5
        self.passes = 0

    def gradient(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """One backward pass: the gradient of the summed loss of the rows of x, under pseudo labels unless y is given."""
        self.passes += 1
        f = dynamics.two_layer(self.W, self.a, x, activation="tanh")
        d = dynamics.residual(f, dynamics.pseudo_labels(f) if y is None else y)
        return dynamics.sample_gradients(dynamics.two_layer_jacobian(self.W, self.a, x, activation="tanh"), d).sum(0)

    def query(self, pool: Tensor, labelled: Tensor, y: Tensor, b: int) -> Tensor:
        """The b candidates that eq. (12) chooses."""
        total = self.gradient(labelled, y)
        candidates = torch.stack([self.gradient(x[None]) for x in pool])
        return dynamics.top(dynamics.change(candidates, total), b)


@remembered
def _passes_for_each(seed: Tensor) -> Tensor:
    """How many more backward passes 24 candidates take than 8, for each of them, shape (seeds,)."""
    found = []
    for s in seed.tolist():
        generator = torch.Generator().manual_seed(s)
        labelled = torch.randn(4, 3, generator=generator, dtype=torch.float64)
        y = torch.nn.functional.one_hot(torch.arange(4) % 2, 2).to(torch.float64)
        passes = []
        for n in (8, 24):
            counting = _Counting(generator)
            counting.query(torch.randn(n, 3, generator=generator, dtype=torch.float64), labelled, y, 3)
            passes.append(counting.passes)
        found.append((passes[1] - passes[0]) / 16)
    return torch.tensor(found, dtype=torch.float64)


@claim(
    id="dynamical.complexity.passes",
    title="Backward passes of one query, counted",
    source=COST,
    reading="total cost, scores included",
    amends="dynamical.complexity.constant",
    expect="reproduced",
    experiment="dynamical.passes",
    seed=D.seed(),
    mutants={"none: a constant cost": dict(each=0.0), "one for every two candidates": dict(each=0.5)},
)
def passes(seed: Tensor, *, each: float = 1.0) -> Measurement:
    r"""One query by (12), scored by eq. (15), takes one backward pass more for every candidate more (counted on pools of 8 and
    of 24 candidates, b = 3): $N+1$ passes, one of them for the labelled set.
    """
    return measurement(_passes_for_each(seed), expect=(each, each))


def _binomial(n: Tensor, b: Tensor) -> Tensor:
    total = torch.ones_like(n)
    for i in range(6):
        total = torch.where(i < b, total * (n - i) / (i + 1), total)
    return total


@claim(
    id="dynamical.complexity.subsets",
    title="How many sets exact selection looks at",
    source=COST,
    n=D.integer(6, 100_000),
    b=D.integer(1, 6),
    mutants={"one percent fewer": dict(above=0.99), "one percent more": dict(below=1.01)},
)
def subsets(n: Tensor, b: Tensor, *, above: float = 1.0, below: float = 1.0) -> Relation:
    r"""There are $\binom{N}{b}$ sets of b candidates, and $\frac{N^b}{b^b} \le \binom{N}{b} \le \frac{N^b}{b!}$: for fixed b
    their number is of order $N^b$, as the paper says.

    Tight at: b = 1.

    Notes: for b a fixed share of N the number is exponential in N.
    """
    size = n.to(torch.float64)
    count, low, high = _binomial(size, b), torch.ones_like(size), torch.ones_like(size)
    for i in range(6):
        low = torch.where(i < b, low * size / b, low)
        high = torch.where(i < b, high * size / (i + 1), high)
    return chain(below * low, count, above * high, names=["(N/b)^b", "N choose b", "N^b / b!"])


def _adjacency(entries: Tensor) -> Tensor:
    """A graph: an edge where the entry above the diagonal is positive."""
    n = entries.shape[-1]
    above = torch.triu(torch.ones(n, n, dtype=torch.float64), 1)
    edges = torch.where(entries > 0, torch.ones_like(entries), torch.zeros_like(entries)) * above
    return edges + torch.transpose(edges, -1, -2)


@claim(
    id="dynamical.complexity.densest_subgraph",
    title="Exact selection (10) is the densest-b-subgraph problem",
    source=f"replaces {COST}; the densest-b-subgraph problem is NP-hard (Feige, Peleg, Kortsarz 2001)",
    graph=D.derived(_adjacency, D.real("n", "n"), text="adjacency matrix of a graph with n vertices", dims=("n", "n")),
    b=D.integer(1, 3),
    dims={"n": (3, 5)},
    mutants={"edges counted once": dict(edges=1.0), "n - 1 on the diagonal": dict(less=1)},
)
def densest_subgraph(graph: Tensor, b: Tensor, *, edges: float = 2.0, less: int = 0) -> Relation:
    r"""For every graph with n vertices there are pseudo-gradients with $|g_u|^2 = n$ and $\langle g_u,g_v\rangle = 1$ for edges
    uv, else 0. With $g_S = 0$ and e(Q) the number of edges inside Q,
    $\max_{|Q| = b}\Delta(Q|S) = nb+2\max_{|Q| = b}e(Q)$.

    Proof: one coordinate for each edge, 1 at both its ends, and one of size $\sqrt{n-\deg u}$ for each vertex.

    Notes: so (10) is NP-hard when the number of parameters is free. For a fixed number it is a convex maximum over a polytope,
    and polynomial.
    """
    n = graph.shape[-1]
    rows, columns = torch.triu_indices(n, n, 1)
    incidence = torch.zeros(n, len(rows), dtype=torch.float64)
    incidence[rows, torch.arange(len(rows))] = 1.0
    incidence[columns, torch.arange(len(rows))] = 1.0
    own = torch.diag_embed(torch.sqrt(n - less - graph.sum(-1)))
    gradients = torch.cat([incidence * graph[:, rows, columns][:, None, :], own], -1)
    sets = dynamics.subsets(n)
    sizes = (sets > 0).sum(-1)[None]
    sums = sets @ gradients
    change = best_subset((sums * sums).sum(-1), sizes, b)
    inside = best_subset(((sets @ graph) * sets).sum(-1) / 2, sizes, b)
    return eq(change, n * b + edges * inside, names=["max Delta(Q|S)", "n b + 2 max e(Q)"])
