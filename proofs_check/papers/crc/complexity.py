r"""Section 3.2, what a query costs: how many kernels are decomposed, what each costs, and what the greedy query reaches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from altheory.acquisition import CRC, GreedyCRC
from proofs_check import chain, claim, leq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Table
from proofs_check.papers.crc._selection import SECTION32, chosen_by, gram, lowest, sub
from proofs_check.relations import Measurement, Relation

COST = f"{SECTION32}, 'requiring O(UQ) eigen-decompositions instead of our O(Q/G)'"
POOL, GROUP, GROUPS = D.integer(1, 100_000), D.integer(1, 20), D.integer(1, 20)


def fits(U: Tensor, G: Tensor, g: Tensor) -> Tensor:
    """the pool has Q = G g points"""
    return G * g <= U


def _loop(U: Tensor, G: Tensor) -> Tensor:
    """ceil(U / G), the decompositions of Algorithm 1, as float64 (a constant times int64 would be float32)."""
    return ((U + G - 1) // G).to(torch.float64)


def _greedy(U: Tensor, Q: Tensor) -> Tensor:
    """sum over q < Q of U - q, the decompositions of the greedy query, as float64."""
    return (Q * U - Q * (Q - 1) // 2).to(torch.float64)


@claim(
    id="crc.complexity.printed",
    title="Algorithm 1 takes O(Q/G) eigendecompositions",
    source=COST,
    reading="against the printed loop, with 1000 as the constant",
    expect="refuted",
    U=POOL,
    G=GROUP,
    g=GROUPS,
    assumes=[fits],
    mutants={"100 as the constant": dict(constant=100), "10 as the constant": dict(constant=10)},
)
def printed(U: Tensor, G: Tensor, g: Tensor, *, constant: int = 1000) -> Relation:
    r"""For a pool of U points and a query of Q = gG, the loop of Algorithm 1 decomposes at most $1000\,Q/G$ kernels.

    Counterexample: U = 1001, Q = G = 1: 1001. With the paper's U = 49900, Q = 50, G = 5: 9980, and Q/G = 10.

    Notes: the loop runs over all ceil(U/G) groups, and it must: if only Q/G groups were scored, all of them would be selected.
    """
    return leq(_loop(U, G), constant * g, names=["ceil(U / G)", "1000 Q / G"])


@claim(
    id="crc.complexity.loop",
    title="Algorithm 1 takes O(U/G) eigendecompositions",
    source=COST,
    reading="'O(Q/G)' as a misprint of O(U/G)",
    amends="crc.complexity.printed",
    U=POOL,
    G=GROUP,
    g=GROUPS,
    assumes=[fits],
    mutants={"U / G at most": dict(more=0), "one percent more at least": dict(below=1.01)},
)
def loop(U: Tensor, G: Tensor, g: Tensor, *, below: float = 1.0, more: int = 1) -> Relation:
    r"""For every pool of U points, the loop of Algorithm 1 decomposes $\frac{U}{G} \le \lceil\frac{U}{G}\rceil \le
    \frac{U}{G}+\frac{G-1}{G}$ kernels.

    Tight at: G = 1.

    Notes: 9980 for the paper's U = 49900, G = 5. The printed bound of the loop, "ceil(X_U)/G", can only mean ceil(|X_U|/G).
    """
    size = U.to(torch.float64)
    return chain(below * size, _loop(U, G) * G, size + more * (G - 1), names=["U", "ceil(U / G) G", "U + G - 1"])


@claim(
    id="crc.complexity.greedy",
    title="The greedy query takes O(UQ) eigendecompositions",
    source=COST,
    reading="every candidate's kernel is decomposed in every round",
    U=POOL,
    G=GROUP,
    g=GROUPS,
    assumes=[fits],
    mutants={"one percent fewer": dict(above=0.99), "nearly UQ": dict(below=0.75)},
)
def greedy(U: Tensor, G: Tensor, g: Tensor, *, above: float = 1.0, below: float = 0.5) -> Relation:
    r"""$\frac{1}{2}UQ \le \sum_{q<Q}(U-q) \le UQ$.

    Tight at: Q = 1 (right).

    Notes: 2,493,775 for the paper's U = 49900, Q = 50. It is not the only greedy query: by the secular equation Q
    decompositions do (crc.complexity.counted).
    """
    Q = G * g
    size = (U * Q).to(torch.float64)
    return chain(below * size, _greedy(U, Q), above * size, names=["UQ / 2", "sum of U - q", "UQ"])


@claim(
    id="crc.complexity.saving",
    title="How many times fewer eigendecompositions than the greedy query",
    source=f"replaces {COST}",
    amends="crc.complexity.printed",
    U=POOL,
    G=GROUP,
    g=GROUPS,
    assumes=[fits],
    mutants={"one percent fewer": dict(share=0.99), "Q times at most": dict(with_group=False)},
)
def saving(U: Tensor, G: Tensor, g: Tensor, *, share: float = 1.0, with_group: bool = True) -> Relation:
    r"""The greedy query decomposes at most QG times as many kernels as Algorithm 1 (UG times by the paper's count).

    Tight at: Q = G = 1.

    Notes: 249.9 times for U = 49900, Q = 50, G = 5.
    """
    Q = G * g
    times = Q * G if with_group else Q
    return leq(_greedy(U, Q), share * _loop(U, G) * times, names=["greedy", "QG times Algorithm 1"])


class _Decompositions(TorchFunctionMode):
    """Counts the matrices that are handed to an eigensolver, whoever calls it."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (torch.linalg.eigvalsh, torch.linalg.eigh):
            self.count += args[0].shape[:-2].numel()
        return func(*args, **(kwargs or {}))


#: pools and queries whose decompositions are counted: U, Q, G
CASES = ((24, 4, 2), (48, 4, 2), (50, 6, 3))


@remembered
def _counts(seed: Tensor) -> dict[str, Tensor]:
    """Eigendecompositions of the three queries on 5 labelled points and each pool, (seeds, cases); and whether both greedy
    queries choose the same points."""
    found: dict[str, list[list[float]]] = {"Algorithm 1": [], "greedy": [], "greedy, secular": [], "same": []}
    for s in seed.tolist():
        rows: dict[str, list[float]] = {name: [] for name in found}
        for U, Q, G in CASES:
            J = torch.randn(5 + U, 40, generator=torch.Generator().manual_seed(s), dtype=torch.float64)
            K, labelled = gram(J), range(5)
            with _Decompositions() as of_algorithm1:
                CRC(G).query(K, labelled, Q, seed=s)
            with _Decompositions() as of_greedy:
                plain = GreedyCRC(secular=False).query(K, labelled, Q)
            with _Decompositions() as of_secular:
                secular = GreedyCRC().query(K, labelled, Q)
            rows["Algorithm 1"].append(of_algorithm1.count)
            rows["greedy"].append(of_greedy.count)
            rows["greedy, secular"].append(of_secular.count)
            rows["same"].append(torch.equal(plain.chosen, secular.chosen))
        for name, row in rows.items():
            found[name].append(row)
    return {name: torch.tensor(values, dtype=torch.float64) for name, values in found.items()}


@claim(
    id="crc.complexity.counted",
    title="Eigendecompositions of the three queries, counted",
    source=COST,
    reading="total cost, scores included",
    amends="crc.complexity.printed",
    expect="reproduced",
    experiment="crc.decompositions",
    seed=D.seed(),
    mutants={
        "Algorithm 1 takes Q / G": dict(of_query=True),
        "the secular greedy takes one less": dict(fewer=1),
    },
)
def counted(seed: Tensor, *, of_query: bool = False, fewer: int = 0) -> Measurement:
    r"""On pools of U = 24, 48 and 50 points with Q = 4, 4, 6 and G = 2, 2, 3, Algorithm 1 decomposes $\lceil U/G\rceil$
    kernels, the greedy query $\sum_{q<Q}(U-q)$, and the greedy query by the secular equation Q, with the same choices (the
    value is the total deviation from these counts).
    """
    counts = _counts(seed)
    U, Q, G = (torch.tensor(values) for values in zip(*CASES, strict=True))
    expected = {"Algorithm 1": Q // G if of_query else _loop(U, G), "greedy": _greedy(U, Q), "greedy, secular": Q - fewer}
    off = sum(((counts[name] - wanted).abs() for name, wanted in expected.items()), (1 - counts["same"]))
    rows: list[tuple[str, list[Any]]] = [("the paper's Q/G", (Q // G).tolist())]
    rows += [(name, list(counts[name].T)) for name in expected]
    table = Table("eigendecompositions of one query", [f"U = {u}, Q = {q}, G = {g}" for u, q, g in CASES], rows)
    return measurement(off.sum(-1), expect=(0.0, 0.0), show=[table])


def large_groups(G: Tensor, L: Tensor) -> Tensor:
    """the group has at least as many points as the labelled set"""
    return G >= L


@claim(
    id="crc.complexity.cubic",
    title="One decomposition is cubic in the group size",
    source=f"{SECTION32}, 'the inner-minimization (cubic in group size ...)'",
    reading="for labelled sets of any size: at most 1000 G^3",
    expect="refuted",
    L=D.integer(1, 600),
    G=D.integer(1, 100),
    mutants={"at most 100 G^3": dict(constant=100), "at most 10 G^3": dict(constant=10)},
)
def cubic(L: Tensor, G: Tensor, *, constant: int = 1000) -> Relation:
    r"""With L labelled points and a group of G, $(L+G)^3 \le 1000\,G^3$.

    Counterexample: L = 10, G = 1: 1331 against 1000. The paper's last query, L = 550 and G = 5, has 111 G in place of G.

    Notes: the power method named there finds $\lambda_{\max}$; $\lambda_{\min}$ needs a shift or an inverse.
    """
    return leq((L + G) * (L + G) * (L + G), constant * G * G * G, names=["(L + G)^3", "1000 G^3"])


@claim(
    id="crc.complexity.cubic_large_groups",
    title="One decomposition is cubic in the group size, for large groups",
    source=f"{SECTION32}, 'the inner-minimization (cubic in group size ...)'",
    reading="groups at least as large as the labelled set",
    amends="crc.complexity.cubic",
    L=D.integer(1, 100),
    G=D.integer(1, 100),
    assumes=[large_groups],
    mutants={"7 G^3": dict(constant=7), "twice the labelled set": dict(labelled=2)},
)
def cubic_large_groups(L: Tensor, G: Tensor, *, constant: int = 8, labelled: int = 1) -> Relation:
    r"""If $G \ge L$, then $(L+G)^3 \le 8\,G^3$.

    Tight at: G = L.
    """
    n = labelled * L + G
    return leq(n * n * n, constant * G * G * G, names=["(L + G)^3", "8 G^3"])


@claim(
    id="crc.complexity.greedy_half",
    title="The greedy query reaches half of the optimum",
    source=f"{SECTION32}, 'the selected batch may be highly sub-optimal'",
    reading="the opposite of the paper's sentence, which says that such a case exists",
    expect="refuted",
    J=D.real(3, 2),
    mutants={"0.6 of it": dict(share=0.6), "0.75 of it": dict(share=0.75)},
)
def greedy_half(J: Tensor, *, share: float = 0.5) -> Relation:
    r"""With no labelled point, three candidates and Q = 2, the greedy query reaches at least half of the largest
    $\lambda_{\min}$ of two points.

    Counterexample: gradients (3, 3), (2, 0), (0, 2): the longest is taken first, and the best that can follow gives
    $11-\sqrt{85} = 1.78$; the other two give 4.

    Notes: so the paper's sentence is true. On real pools the greedy query reached more than Algorithm 1 in our runs.
    """
    K = gram(J)
    # the pairs of points 0 and 1, 0 and 2, 1 and 2; the best pair that contains each point
    pairs = lowest(sub(K, [[0, 1], [0, 2], [1, 2]]))
    after = torch.maximum(pairs[:, [0, 0, 1]], pairs[:, [1, 2, 2]])
    reached = chosen_by(torch.diagonal(K, 0, -2, -1), after)
    return leq(share * pairs.amax(-1), reached, names=["half of the optimum", "greedy"])
