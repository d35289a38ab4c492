r"""Section 2.1: optimisation error and asymptotic generalisation error."""

from __future__ import annotations

import torch
from torch import Tensor

from proofs_check import claim, leq
from proofs_check import domains as D
from proofs_check.papers.crc._selection import PAPER
from proofs_check.relations import Relation


def _norm(x: Tensor) -> Tensor:
    return torch.sqrt((x * x).sum(-1))


@claim(
    id="crc.section21",
    title="The error is at most optimisation error plus asymptotic error",
    source=f"{PAPER}, section 2.1",
    now=D.real("n"),
    limit=D.real("n"),
    best=D.real("n"),
    dims={"n": (1, 4)},
    mutants={"one percent less": dict(share=0.99), "the larger of the two": dict(larger=True)},
)
def section21(now: Tensor, limit: Tensor, best: Tensor, *, share: float = 1.0, larger: bool = False) -> Relation:
    r"""$\|f^{(T)}-f^*\| \le \|f^{(T)}-f^{(\infty)}\|+\|f^{(\infty)}-f^*\|$ for the outputs on n points.

    Tight at: $f^{(\infty)}$ between the other two.

    Notes: the triangle inequality. The sample sizes beside it ("$O(1/\epsilon)\approx 50{,}000$ at $\epsilon\approx6\%$", where
    $1/\epsilon$ is 17) are an analogy, not a claim.
    """
    first, second = _norm(now - limit), _norm(limit - best)
    both = torch.maximum(first, second) if larger else first + second
    return leq(_norm(now - best), share * both, names=["error", "optimisation + asymptotic error"])
