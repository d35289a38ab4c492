r"""When the relu kernel is positive definite, and when "distinct inputs" is not enough.

Every convergence proof in the five papers divides by $\lambda_{\min}(K)$. It is positive when no two inputs are parallel
(Du, Zhai, Poczos, Singh, ICLR 2019, theorem 3.1), quantitatively when inputs are separated from each other and from each
other's antipodes (Oymak, Soltanolkotabi, 2020, arXiv:1902.04674); distinct inputs alone do not suffice.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.common.odd_part import quadratic
from proofs_check.relations import Relation

SEPARATED = "Oymak and Soltanolkotabi (2020), arXiv:1902.04674: separated inputs on the sphere"


def lowest(K: Tensor) -> Tensor:
    """The smallest eigenvalue, shape (batch,)."""
    return torch.linalg.eigvalsh(K)[..., 0]


def separation(x: Tensor, *, antipodes: bool) -> Tensor:
    """The smallest distance between two of the points, to each other's antipodes too when asked, shape (batch,)."""
    i, j = torch.triu_indices(x.shape[-2], x.shape[-2], 1)
    first, second = x[:, i], x[:, j]
    apart = ((first - second) ** 2).sum(-1)
    if antipodes:
        apart = torch.minimum(apart, ((first + second) ** 2).sum(-1))
    return torch.sqrt(apart.amin(-1))


def separated(x: Tensor) -> Tensor:
    """no two inputs are parallel"""
    return separation(x, antipodes=True) > 0


def distinct(x: Tensor) -> Tensor:
    """no two inputs are equal"""
    return separation(x, antipodes=False) > 0


@claim(
    id="common.kernel_bounds",
    title="The relu kernel lies between zero and its trace",
    source="the kernel is a Gram matrix; Cho and Saul (2009)",
    x=D.points("n", "d"),
    c=D.real("n"),
    dims={"n": (1, 8), "d": (1, 6)},
    mutants={
        "one percent of the diagonal taken away": dict(less=0.01),
        "trace one percent smaller": dict(share=0.495),
    },
)
def kernel_bounds(x: Tensor, c: Tensor, *, less: float = 0.0, share: float = 0.5) -> Relation:
    r"""For all inputs and all c, $0 \le c^\top Kc \le \frac{1}{2}\sum_i|x_i|^2\,|c|^2$.

    Tight at: equal inputs, with c of sum zero (left) and c constant (right).
    """
    K = al.kernels.analytic(x)
    norms = (x * x).sum(-1)
    value = quadratic(K, c) - less * (c * c * norms).sum(-1) / 2
    return chain(0.0 * value, value, share * norms.sum(-1) * (c * c).sum(-1), names=["0", "c'Kc", "trace |c|^2"])


@claim(
    id="common.two_points",
    title="The smallest eigenvalue of two points",
    source="own derivation",
    x=D.unit_vectors(2, "d"),
    dims={"d": (1, 6)},
    mutants={"one percent more": dict(share=1.01), "the sign of the angle ignored": dict(fold=False)},
)
def two_points(x: Tensor, *, share: float = 1.0, fold: bool = True) -> Relation:
    r"""For two unit vectors at angle $\theta$, $\lambda_{\min}(K) = \frac{1}{2} - \frac{|\cos\theta|(\pi-\theta)}{2\pi}$. It
    is 0 for equal inputs, but 1/2 for antipodal ones: a single antipodal pair is harmless.
    """
    inner = (x[:, 0] * x[:, 1]).sum(-1)
    angle = torch.acos(inner.clamp(-1, 1))
    pi = torch.acos(-torch.ones_like(inner))
    off = (inner.abs() if fold else inner) * (pi - angle) / (2 * pi)
    return eq(lowest(al.kernels.analytic(x)), share * (0.5 - off), names=["lambda_min", "1/2 - |cos| (pi - angle) / 2 pi"])


@claim(
    id="common.separated_inputs",
    title="Separated inputs give a positive definite kernel",
    source=SEPARATED,
    x=D.unit_vectors("n", "d"),
    dims={"n": (2, 6), "d": (1, 3)},
    assumes=[separated],
    mutants={
        "constant 0.65 for 1/100 (two close points give 2 / pi)": dict(factor=0.65),
        "n to the power 1": dict(power=1.0, factor=0.35),
    },
)
def separated_inputs(x: Tensor, *, factor: float = 0.01, power: float = 2.0) -> Relation:
    r"""For unit vectors with $\min(|x_i-x_j|, |x_i+x_j|) \ge \delta > 0$ for all $i \ne j$:
    $\lambda_{\min}(K) \ge \frac{\delta}{100\,n^2}$.

    Notes: loose: two points at a small distance have $\lambda_{\min} = \delta/(2\pi)$, 64 times the bound.
    """
    n = x.shape[-2]
    bound = factor * separation(x, antipodes=True) / n**power
    return leq(bound, lowest(al.kernels.analytic(x)), names=["delta / 100 n^2", "lambda_min"])


@claim(
    id="common.distinct_inputs",
    title="Distinct inputs do not give a positive definite kernel",
    source="quoted without the antipodes in much of the literature; see common.separated_inputs",
    reading="inputs distinct, antipodal pairs allowed",
    expect="refuted",
    x=D.unit_vectors("n", "d"),
    dims={"n": (2, 6), "d": (1, 3)},
    assumes=[distinct],
    uses=["common.antipodal_pairs"],
    mutants={"constant 0.1 for 1/100": dict(factor=0.1), "n to the power 1": dict(power=1.0)},
)
def distinct_inputs(x: Tensor, *, factor: float = 0.01, power: float = 2.0) -> Relation:
    r"""For unit vectors with $|x_i-x_j| \ge \delta > 0$ for all $i \ne j$: $\lambda_{\min}(K) \ge \frac{\delta}{100\,n^2}$.

    Counterexample: in dimension 1 there are only the two points 1 and -1, and they are fine; in the plane, three
    antipodal pairs, such as the regular hexagon, have $\lambda_{\min} = 0$ (common.antipodal_pairs).
    """
    n = x.shape[-2]
    bound = factor * separation(x, antipodes=False) / n**power
    return leq(bound, lowest(al.kernels.analytic(x)), names=["delta / 100 n^2", "lambda_min"])
