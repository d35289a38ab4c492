r"""Definition 3.3: the condition number $K = \sup_f\sup_xf(x)^2/\mathrm{E}f^2$, of linear spans and in general."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import orthonormal_basis as ob
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_basis import (
    SOURCE,
    SQUARE,
    distribution,
    independent,
    masses,
    signs,
)
from proofs_check.relations import Relation

TEXT = f"{SOURCE}, section 3.3, definition 3.3, eq. (1)"
#: V has full rank by construction, so no singular value is taken for zero
EXACT_RANK = 0.0


def _number(V: Tensor, p: Tensor) -> Tensor:
    return ob.condition_number(V, p, rtol=EXACT_RANK)


@claim(
    id="sample_complexity.definition33.nonzero",
    title="The supremum over W other than 0",
    source=TEXT,
    reading="as printed: the supremum is over W other than 0",
    expect="refuted",
    x=D.real(1, "d"),
    W=D.real(2, "d"),
    dims={"d": (1, 3)},
    mutants={"squared weights above 1/2": dict(least=0.5), "squared weights above 1/4": dict(least=0.25)},
)
def nonzero(x: Tensor, W: Tensor, *, least: float = 0.0) -> Relation:
    r"""If W is not 0 (and the support is not the point 0), then $\mathrm{E}f(W,\cdot)^2 > 0$, so that the quotient in K is
    defined. Here $\phi(t) = t^2$, $m = 2$, $a = (1,-1)$, one point.

    Counterexample: $w_1 = w_2 = 1$, $x = 1$: $f = 0$, and the quotient is 0/0.

    Repairs: the supremum is over W with $f(W,\cdot)$ not 0 almost everywhere.

    Notes: 1 stands for "not zero", 0 for "zero".
    """
    values = ob.network_values(x, W, torch.tensor([1.0, -1.0], dtype=torch.float64)[None], SQUARE)[..., 0]
    size, support = (W * W).sum((-2, -1)), (x * x).sum((-2, -1))
    one, zero = torch.ones_like(size), torch.zeros_like(size)
    given = torch.where(size > least, torch.where(support > 0, one, zero), zero)
    return leq(given, torch.where(values * values > 0, one, zero), names=["W is not 0", "E f^2 is not 0"])


@claim(
    id="sample_complexity.definition33.linear",
    title="K of a linear span by leverage",
    source=f"on {TEXT}; Chen and Price (2019)",
    V=independent("k", "n"),
    p=masses("k", "n"),
    c=D.real("k"),
    dims={"k": (1, 2), "n": (1, 2)},
    mutants={"one percent less": dict(share=0.99), "the mean over points for the maximum": dict(mean=True)},
)
def linear(V: Tensor, p: Tensor, c: Tensor, *, share: float = 1.0, mean: bool = False) -> Relation:
    r"""Let the class be the span of the columns of V, $v_i$ the i-th row and $G = \mathrm{E}vv^\top$. Every $h = Vc$ has
    $\max_ih(x_i)^2 \le K\,\mathrm{E}h^2$ with $K = \max_iv_i^\top G^{-1}v_i$, the largest leverage score over the mass of its
    point.

    Proof: Cauchy-Schwarz in the norm of G.

    Tight at: $c = G^{-1}v_i$ (sample_complexity.definition33.attained).

    Notes: for such classes the definition is the one of Chen and Price, as the paper says.
    """
    h = (V @ c[..., None])[..., 0]
    ratios = ob.pointwise_ratio(V, p, rtol=EXACT_RANK)
    K = ratios.mean(-1) if mean else torch.amax(ratios, -1)
    return leq(torch.amax(h * h, -1), share * K * (p * h * h).sum(-1), names=["max h^2", "K E h^2"])


@claim(
    id="sample_complexity.definition33.attained",
    title="The function that peaks most",
    source=f"on {TEXT}",
    uses=["sample_complexity.definition33.linear"],
    V=independent("k", "n"),
    p=masses("k", "n"),
    dims={"k": (1, 2), "n": (1, 2)},
    mutants={"one percent less": dict(share=0.99), "one percent more": dict(share=1.01)},
)
def attained(V: Tensor, p: Tensor, *, share: float = 1.0) -> Relation:
    r"""$h = VG^{-1}v_i$, for the point $x_i$ with the largest $v_i^\top G^{-1}v_i$, has $\max_jh(x_j)^2/\mathrm{E}h^2 = K$."""
    h = (V @ ob.maximiser(V, p, rtol=EXACT_RANK)[..., None])[..., 0]
    return eq(ob.peak_ratio(h, p), share * _number(V, p), names=["max h^2 / E h^2", "K"])


@claim(
    id="sample_complexity.definition33.dimension",
    title="K of a linear span is at least its dimension",
    source=f"on {TEXT}",
    uses=["sample_complexity.definition33.linear"],
    V=independent("k", "n"),
    p=masses("k", "n"),
    dims={"k": (1, 2), "n": (1, 1)},
    mutants={"one percent more": dict(share=1.01), "the dimension plus 1/100": dict(more=0.01)},
)
def dimension(V: Tensor, p: Tensor, *, share: float = 1.0, more: float = 0.0) -> Relation:
    r"""$K \ge k$ for a linear class of dimension k.

    Proof: $\mathrm{E}\,v^\top G^{-1}v = k$, and the maximum is at least the mean.

    Tight at: constant $v_i^\top G^{-1}v_i$, e.g. $n = k$ points of equal mass, Hadamard rows, quadratic forms on the sphere.
    """
    K = _number(V, p)
    return leq(share * V.shape[-1] + more + 0 * K, K, names=["dimension", "K"])


@claim(
    id="sample_complexity.definition33.ceiling",
    title="K is at most the inverse of the smallest mass",
    source=f"on {TEXT}",
    h=D.real("n"),
    p=distribution("n"),
    dims={"n": (1, 5)},
    mutants={"one percent less": dict(share=0.99), "the second smallest mass": dict(place=1)},
)
def ceiling(h: Tensor, p: Tensor, *, share: float = 1.0, place: int = 0) -> Relation:
    r"""On a support with masses $p_i$ every class has $K \le 1/\min_ip_i$; K is n at most on n points of equal mass.

    Proof: $\mathrm{E}h^2 \ge p_ih(x_i)^2$.

    Tight at: h zero outside a point of least mass.
    """
    lightest = torch.sort(p, -1).values[..., min(place, p.shape[-1] - 1)]
    return leq(lightest * ob.peak_ratio(h, p), share + 0 * lightest, names=["K min p", "1"])


@claim(
    id="sample_complexity.definition33.below_span",
    title="K of a network is at most K of the span",
    source=f"on {TEXT}",
    uses=["sample_complexity.definition33.linear"],
    x=D.real("n", 2),
    p=masses(3, "n"),
    W=D.real("m", 2),
    a=signs("m"),
    dims={"m": (2, 2), "n": (1, 1)},
    mutants={"one percent less": dict(share=0.99), "without the mixed monomial": dict(mixed=0.0)},
)
def below_span(x: Tensor, p: Tensor, W: Tensor, a: Tensor, *, share: float = 1.0, mixed: float = 1.0) -> Relation:
    r"""For $\phi(t) = t^2$, $d = 2$ and every W: $\max_if(W,x_i)^2/\mathrm{E}f^2$ is at most K of the span $x_1^2, x_1x_2,
    x_2^2$ of all neurons, of which f is a combination. Here $e_1, e_2, e_1+e_2$ are among the points, so that the three are
    independent.

    Tight at: a W at which f is the function of sample_complexity.definition33.attained.
    """
    three = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    points = torch.cat([three + 0 * x[:, :1], x], -2)
    first, second = points[..., 0], points[..., 1]
    V = torch.stack([first * first, mixed * first * second, second * second], -1)
    K = torch.amax(ob.pointwise_ratio(V, p, rtol=1e-14 if mixed == 0 else EXACT_RANK), -1)
    f = ob.network_values(points, W, a, SQUARE)
    c = (a[..., None] * torch.stack([W[..., 0] ** 2, 2 * W[..., 0] * W[..., 1], W[..., 1] ** 2], -1)).sum(-2)
    here = points[:, -1]
    form = c[:, 0] * here[:, 0] ** 2 + c[:, 1] * here[:, 0] * here[:, 1] + c[:, 2] * here[:, 1] ** 2
    return all_of(
        eq(f[:, -1], form, names=["network", "combination of the monomials"]),
        leq(torch.amax(f * f, -1), share * K * (p * f * f).sum(-1), names=["max f^2", "K E f^2"]),
    )
