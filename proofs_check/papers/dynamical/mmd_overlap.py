"""The number that Figures 1 and 7 and Table 10 plot compares the seeds with a set that contains them."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import mmd
from proofs_check import claim, eq
from proofs_check import domains as D
from proofs_check.relations import Relation


@claim(
    id="dynamical.mmd_overlap",
    title="The discrepancy between a set and a part of it is shrunk by the share of the rest",
    source="own derivation; what Figures 1 and 7 and Table 10 plot",
    seeds=D.points("n", "d"),
    query=D.points("b", "d"),
    dims={"n": (1, 4), "b": (1, 4), "d": (1, 3)},
    mutants={"one percent more": dict(share=1.01), "b/(n - 1) for b/n": dict(less=1)},
)
def mmd_overlap(seeds: Tensor, query: Tensor, *, share: float = 1.0, less: int = 0) -> Relation:
    r"""For the infinite-width kernel (and every other), any seeds $S_0$, any query Q of b points and $S = S_0\cup Q$ of n
    points: $\mathrm{MMD}_v^2(S_0,S) = (\frac{b}{n})^2\,\mathrm{MMD}_v^2(S_0,Q)$, where v is the biased estimate of appendix
    B.3, the distance of the empirical means.

    Proof: $\mu_S = (n_0\mu_{S_0}+b\mu_Q)/n$.

    Notes: at $n_0 = 500$ and b = 250, 500, 1000 the number that is reported as small is 1/3, 1/2, 2/3 of the discrepancy
    between seeds and query: part of "larger batches have larger MMD" is this factor.
    """
    b = query.shape[-2]
    n = seeds.shape[-2] + b
    whole = mmd.mmd2(seeds, torch.cat([seeds, query], -2))
    return eq(
        whole * (n - less) ** 2,
        share * b * b * mmd.mmd2(seeds, query),
        names=["n^2 MMD^2(S_0, S)", "b^2 MMD^2(S_0, Q)"],
    )
