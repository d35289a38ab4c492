r"""Equation (8), appendix A.1: the gradient after one step, by the mean of the Hessian along it."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory.gradient_change import RidgePolynomial
from proofs_check import claim, eq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_convex import A1, dot, times
from proofs_check.relations import Relation

EQ8 = f"{A1}, eq. (8)"
SMALL = {"n": (1, 2), "k": (1, 2)}


def _sides(
    A: Tensor, b: Tensor, V: Tensor, c: Tensor, q: Tensor, w: Tensor, eta: Tensor, v: Tensor, where: str
) -> tuple[Tensor, Tensor]:
    """<v, grad f(w')>, and <v, grad f(w) - eta H grad f(w)> with H the Hessian as `where` says."""
    f = RidgePolynomial((A + torch.transpose(A, -1, -2)) / 2, b, V, c, q)
    g = f.gradient(w)
    step = w - eta[:, None] * g
    H = {"on average": f.mean_hessian, "at w": lambda w, _: f.hessian(w), "halfway": lambda w, u: f.hessian((w + u) / 2)}[
        where
    ](w, step)
    return dot(v, f.gradient(step)), dot(v, g - eta[:, None] * times(H, g))


@claim(
    id="gradnorm.eq8",
    title="Eq. (8): the gradient after one step",
    source=EQ8,
    reading="H the mean of the Hessian over the segment from w to w', as the equation itself defines it",
    A=D.real("n", "n"),
    b=D.real("n"),
    V=D.real("k", "n"),
    c=D.real("k"),
    q=D.real("k"),
    w=D.real("n"),
    eta=D.interval(0, 2),
    v=D.real("n"),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "the Hessian halfway": dict(where="halfway")},
)
def eq8(
    A: Tensor,
    b: Tensor,
    V: Tensor,
    c: Tensor,
    q: Tensor,
    w: Tensor,
    eta: Tensor,
    v: Tensor,
    *,
    share: float = 1.0,
    where: str = "on average",
) -> Relation:
    r"""For f in $C^2$ on the segment from w to $w' = w-\eta\nabla f(w)$: $\nabla f(w') = \nabla f(w)-\eta\bar H\,\nabla f(w)$,
    $\bar H = \int_0^1\nabla^2f(w-\tau\eta\nabla f(w))\,d\tau$; both sides times any v.

    Repairs: the first integral of the paper is a line integral of the Hessian, a vector.

    Proof: the fundamental theorem of calculus.

    Notes: tested on polynomials of degree four, for which the integral is exact by Simpson's rule.
    """
    after, formula = _sides(A, b, V, c, q, w, eta, v, where)
    return eq(after, share * formula, names=["<v, grad f(w')>", "<v, grad f - eta H grad f>"])


@claim(
    id="gradnorm.eq8.at_w",
    title="Eq. (8) with the Hessian at w",
    source=EQ8,
    reading="H the Hessian at w, as eq. (9) re-uses the letter",
    expect="refuted",
    A=D.real("n", "n"),
    b=D.real("n"),
    V=D.real("k", "n"),
    c=D.real("k"),
    q=D.real("k"),
    w=D.real("n"),
    eta=D.interval(0, 2),
    v=D.real("n"),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "the Hessian halfway": dict(where="halfway")},
)
def eq8_at_w(
    A: Tensor,
    b: Tensor,
    V: Tensor,
    c: Tensor,
    q: Tensor,
    w: Tensor,
    eta: Tensor,
    v: Tensor,
    *,
    share: float = 1.0,
    where: str = "at w",
) -> Relation:
    r"""$\nabla f(w') = \nabla f(w)-\eta\nabla^2f(w)\nabla f(w)$; both sides times any v.

    In the paper: "$\mu I \le H = \nabla^2f(w) \le LI$", where eq. (8) has H as a mean over the segment.

    Counterexample: $f = \frac16w^3$, $w = 1$, $\eta = 1$: $f' = \frac12$, $w' = \frac12$, and $f'(w') = \frac18$, but the
    right side is 0.

    Notes: a slip of notation. With $\mu$ and L bounds at every point, which the paper assumes, $\bar H$ obeys them too, and
    eq. (9) stands (gradnorm.eq9).
    """
    after, formula = _sides(A, b, V, c, q, w, eta, v, where)
    return eq(after, share * formula, names=["<v, grad f(w')>", "<v, grad f - eta H grad f>"])
