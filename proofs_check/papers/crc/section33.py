r"""Section 3.3: the kernel of the last layer in place of the sum over layers."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.crc._selection import RTOL, SECTION33, gram, lowest, positive, ruled
from proofs_check.relations import Relation


@claim(
    id="crc.section33",
    title="The sum of the layers' kernels has the better bound",
    source=f"{SECTION33}, '1 - c eta lambda_min(K) <= 1 - c eta lambda_min(K^L)'",
    K1=D.psd("n"),
    K2=D.psd("n"),
    rate=D.interval(0, 1),
    dims={"n": (1, 2)},
    mutants={"one percent more than the sum": dict(share=1.01), "the larger one counts twice": dict(twice=True)},
)
def section33(K1: Tensor, K2: Tensor, rate: Tensor, *, share: float = 1.0, twice: bool = False) -> Relation:
    r"""For the kernels $K^1$ of one layer and $K^2$ of the last, positive semidefinite, and $r = c\eta\ge0$:
    $1-r\lambda_{\min}(K^1+K^2) \le 1-r(\lambda_{\min}(K^1)+\lambda_{\min}(K^2)) \le 1-r\lambda_{\min}(K^2)$.

    Proof: Weyl's inequality.

    Tight at: kernels with a common bottom eigenvector.
    """
    first, last = lowest(K1), lowest(K2)
    parts = first + last + (torch.maximum(first, last) if twice else 0.0)
    return chain(
        1 - rate * lowest(K1 + K2),
        1 - rate * share * parts,
        1 - rate * last,
        names=["all layers", "sum of both", "last layer"],
    )


@claim(
    id="crc.section33.vacuous",
    title="With more points than features the last layer's bound says nothing",
    source=f"{SECTION33}, 'convergence ... can also be established with respect to using just the last layer's Gram matrix'",
    reading="one fully connected last layer; Algorithm 1 says 'final layers', which may have more features",
    H=D.real("n", 2),
    rate=D.interval(0, 1),
    dims={"n": (3, 4)},
    mutants={"as many points as features": dict(H=D.real(2, 2)), "with one percent of the identity": dict(ridge=0.01)},
)
def vacuous(H: Tensor, rate: Tensor, *, ridge: float = 0.0) -> Relation:
    r"""For n points and $p < n$ features of the last layer (here p = 2), $\lambda_{\min}(K^L) = 0$ for $K^L = HH^\top$, so
    the bound $1-c\eta\lambda_{\min}(K^L)$ is 1.

    Notes: the last layer of WRN-28-2 has 128 features, 129 with the bias: from n = 130 on the bound is empty, and the paper
    labels up to 600 points. Its appendix A.2 freezes the last layer, whose kernel is then no part of K.
    """
    K = gram(H)
    trace = torch.diagonal(K, 0, -2, -1).sum(-1)
    K = K + ridge * trace[:, None, None] * torch.eye(K.shape[-1], dtype=torch.float64)
    return eq(1 - rate * ruled(K), 1 + 0.0 * rate, names=["1 - r lambda_min(K^L)", "1"])


def preferred_in_full(A1: Tensor, A2: Tensor, B1: Tensor, B2: Tensor) -> Tensor:
    """all layers together prefer the second set"""
    return lowest(gram(B1) + gram(B2)) > lowest(gram(A1) + gram(A2))


@claim(
    id="crc.section33.ranking",
    title="The last layer ranks candidate sets as all layers do",
    source=f"{SECTION33}, lambda_min(K) replaced by lambda_min(K^L)",
    reading="the replacement keeps the order of scores",
    expect="refuted",
    A1=D.real("n", 1),
    A2=D.real("n", 1),
    B1=D.real("n", 1),
    B2=D.real("n", 1),
    dims={"n": (1, 1)},
    assumes=[preferred_in_full],
    mutants={"up to a factor of 2": dict(share=0.5), "up to a factor of 10": dict(share=0.1)},
)
def ranking(A1: Tensor, A2: Tensor, B1: Tensor, B2: Tensor, *, share: float = 0.01) -> Relation:
    r"""If the second of two sets has the larger $\lambda_{\min}(K^1+K^2)$, its $\lambda_{\min}(K^2)$ is at least a hundredth
    of the first one's.

    Counterexample: one point each, gradients 0 and 1 in the two layers against 2 and 0: 1 against 4 with both layers, 1 against
    0 with the last. Or $K^1 = 0$, $K^2 = I$ against $K^1 = 5I$, $K^2 = ((1, 1), (1, 1))$: 1 against 5, and 1 against 0.

    Notes: what the paper's Table 2 compares is therefore two criteria, not one criterion at two costs.
    """
    return leq(share * lowest(gram(A2)), lowest(gram(B2)), names=["a share of the first", "last layer of the preferred"])


@claim(
    id="crc.section33.beyond_rank",
    title="Beyond the rank the smallest positive eigenvalue rises with every point",
    source=f"own derivation, for {SECTION33} and figure 3 (b)",
    uses=["crc.section33.vacuous"],
    s=D.spectrum("p", lo=1, hi=8),
    u=D.unit_vectors(2, "p"),
    length=D.interval(0, 8),
    dims={"p": (1, 2)},
    mutants={"rises by one percent at least": dict(share=1.01), "and falls at the second point": dict(swap=True)},
)
def beyond_rank(s: Tensor, u: Tensor, length: Tensor, *, share: float = 1.0, swap: bool = False) -> Relation:
    r"""Let the features H of a set have full column rank p. Then $\lambda_{\min}^+(HH^\top) = \lambda_{\min}(H^\top H)$, and
    adding a point with features h gives $\lambda_{\min}^+ = \lambda_{\min}(H^\top H+hh^\top)$, which is not smaller.

    Here H has p rows $s_ie_i$ (singular values are all that matters), and two points are added.

    Tight at: h orthogonal to a bottom eigenvector.

    Notes: so $\lambda_{\min}^+$ is U-shaped in the number of labelled points: it falls up to the rank (crc.figure3b.nested)
    and rises after it, where Algorithm 1 is an E-optimal design in feature space and no longer a bound on the speed of
    training.
    """
    H = torch.diag_embed(s)
    rows = length[:, None, None] * u
    sets = [H, torch.cat([H, rows[:, :1]], -2), torch.cat([H, rows], -2)]
    values = [positive(gram(h)) for h in (reversed(sets) if swap else sets)]
    covariance = al.conditioning.eigenvalues(torch.transpose(sets[2], -1, -2) @ sets[2], rtol=RTOL)[..., 0]
    return chain(
        share * values[0], values[1], values[2], covariance, names=["p points", "p + 1 points", "p + 2 points", "covariance"]
    )
