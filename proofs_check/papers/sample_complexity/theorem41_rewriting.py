r"""After Theorem 4.1: its bound rewritten as one on the risk."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_theorems import (
    EPS0,
    SOURCE,
    SQUARE,
    apply,
    functions,
    masses,
    mean_square,
    moments,
    numbers,
    transposed,
)
from proofs_check.papers.sample_complexity.theorem41 import best_network
from proofs_check.relations import Relation

REWRITING = f"{SOURCE}, section 4, after Theorem 4.1: 'equivalently rewrite the bound'"
#: one point e1, and the weight of the one neuron at it
POINT = torch.tensor([[1.0]], dtype=torch.float64)
SMALL = {"D": (1, 2), "m": (1, 1)}


def _best(V: Tensor, p: Tensor, y: Tensor) -> Tensor:
    """The coefficients of the best function of a linear space under masses p."""
    return torch.linalg.solve(moments(V, p), apply(transposed(V), p * y))


@claim(
    id="sample_complexity.theorem41_rewriting",
    title="The rewritten bound, for networks",
    source=REWRITING,
    reading="as printed, for the networks of definition 3.1 that meet the hypotheses of Theorem 4.1",
    expect="refuted",
    w=D.interval(-0.75, 0.75),
    y=D.interval(1, 2),
    eps0=D.interval(0, EPS0[1]),
    mutants={"without eps_0": dict(slack=0.0), "with half of eps": dict(share=0.5)},
)
def rewriting(w: Tensor, y: Tensor, eps0: Tensor, *, slack: float = 1.0, share: float = 1.0) -> Relation:
    r"""If $\|f(\hat W)-f(W^*)\|_D^2 = \varepsilon\,E|y-f(W^*)|^2$, then $E|y-f(\hat W)|^2 \le
    \varepsilon_0+(1+\varepsilon)E|y-f(W^*)|^2$. Here $\phi(t) = t^2$, $m = 1$, $a = -1$, $x = e_1$, $y \ge 1$, so that $f(w,
    x) = -w_1^2$ and $W^* = 0$.

    In the paper: "equivalently rewrite the bound in Theorem 4.1 as $E\,E[|y-f(\hat W,x)|^2] \le
    \varepsilon_0+(1+\varepsilon)\,E[|y-f(W^*,x)|^2]$".

    Counterexample: $y = 1$, $w_1 = \frac{1}{2}$, so $\varepsilon = \frac{1}{16}$: the risk is $\frac{25}{16}$, but
    $\varepsilon_0+\frac{17}{16} < \frac{1}{10}+\frac{17}{16}$. With $w_1^2 = \frac{1}{10}$, $\varepsilon = \frac{1}{100}$:
    $\frac{121}{100}$ against at most $\frac{111}{100}$.

    Notes: $\hat f-f$ may add to $f-y$ at full length; $(1+\sqrt{\varepsilon})^2$ is what is true (theorem41_rewriting.sharp).
    In a linear class the two are orthogonal, and the rewriting is right up to a lost factor (theorem41_rewriting.linear).
    """
    weights = torch.stack([w], -1)[..., None]
    output = al.orthonormal_basis.network_values(POINT, weights, -1 + 0 * weights[..., 0], SQUARE)[..., 0]
    return leq(
        (y - output) ** 2,
        slack * eps0 + y * y + share * output * output,
        names=["E|y - f^|^2", "eps_0 + (1 + eps) E|y - f*|^2"],
    )


@claim(
    id="sample_complexity.theorem41_rewriting.sharp",
    title="What the bound says of the risk, whatever the class",
    source=f"replaces {REWRITING}",
    amends="sample_complexity.theorem41_rewriting",
    y=D.real("n"),
    best=D.real("n"),
    output=D.real("n"),
    p=D.simplex("n"),
    dims={"n": (1, 2)},
    mutants={"one percent less": dict(share=0.99), "0.98 for 1 before the square root": dict(move=0.98)},
)
def sharp(y: Tensor, best: Tensor, output: Tensor, p: Tensor, *, share: float = 1.0, move: float = 1.0) -> Relation:
    r"""If $\|\hat f-f\|_D^2 \le \varepsilon_0+\varepsilon\,E|y-f|^2$, then $E|y-\hat f|^2 \le
    \left(\sqrt{E|y-f|^2}+\sqrt{\varepsilon_0+\varepsilon\,E|y-f|^2}\right)^2$, which is $(1+\sqrt{\varepsilon})^2E|y-f|^2$ for
    $\varepsilon_0 = 0$.

    Proof: the triangle inequality.

    Tight at: $\hat f-f$ a multiple of $f-y$, as in theorem41_rewriting.
    """
    risk, least, moved = mean_square(p, y - output), mean_square(p, y - best), mean_square(p, output - best)
    return leq(
        risk,
        share * (torch.sqrt(least) + move * torch.sqrt(moved)) ** 2,
        names=["E|y - f^|^2", "(|y - f| + |f^ - f|)^2"],
    )


@claim(
    id="sample_complexity.theorem41_rewriting.linear",
    title="The rewriting in a linear class",
    source=REWRITING,
    reading="for a linear class, the factor 1 + rho d_tilde kept",
    amends="sample_complexity.theorem41_rewriting",
    V=functions(),
    p=masses(),
    y=numbers(),
    c=D.real("D"),
    dims=SMALL,
    mutants={
        "the distance counted one percent more": dict(share=1.01),
        "the risk of the best one percent less": dict(least=0.99),
    },
)
def linear(V: Tensor, p: Tensor, y: Tensor, c: Tensor, *, share: float = 1.0, least: float = 1.0) -> Relation:
    r"""In a linear class with best function f, every $\hat f$ has $E|y-\hat f|^2 = E|y-f|^2+\|\hat f-f\|_D^2$; so
    $\|\hat f-f\|_D^2 \le \varepsilon_0+\varepsilon(1+\rho\tilde d)E|y-f|^2$ and
    $E|y-\hat f|^2 \le \varepsilon_0+(1+\varepsilon(1+\rho\tilde d))E|y-f|^2$ say the same.

    Proof: Pythagoras, as $y-f$ is orthogonal to the class.
    """
    best = _best(V, p, y)
    output = apply(V, c)
    return eq(
        mean_square(p, y - output),
        least * mean_square(p, y - apply(V, best)) + share * mean_square(p, output - apply(V, best)),
        names=["E|y - f^|^2", "E|y - f|^2 + |f^ - f|^2"],
    )


@claim(
    id="sample_complexity.theorem41_rewriting.lost_factor",
    title="The rewriting in a linear class, as printed",
    source=REWRITING,
    reading="for a linear class and rho d_tilde > 0: the factor 1 + rho d_tilde of Theorem 4.1 dropped, as printed",
    expect="refuted",
    least=D.interval(0, 4),
    eps=D.interval(2.0**-10, 1),
    load=D.interval(0, 1),
    eps0=D.interval(0, EPS0[1]),
    mutants={"half the load": dict(share=0.5), "a tenth of it": dict(share=0.1)},
)
def lost_factor(least: Tensor, eps: Tensor, load: Tensor, eps0: Tensor, *, share: float = 1.0) -> Relation:
    r"""In a linear class, an output at the distance that Theorem 4.1 allows, $\|\hat f-f\|_D^2 =
    \varepsilon_0+\varepsilon(1+\rho\tilde d)E|y-f|^2$, has $E|y-\hat f|^2 \le \varepsilon_0+(1+\varepsilon)E|y-f|^2$.

    Counterexample: $\varepsilon_0 = 0$, $\varepsilon = \rho\tilde d = E|y-f|^2 = 1$: 3 against 2.

    Notes: a slip; $\rho\tilde d$ is no more than a constant, so that $\varepsilon$ can take it up.
    """
    risk = least + eps0 + eps * (1 + share * load) * least
    return leq(risk, eps0 + (1 + eps) * least, names=["E|y - f^|^2", "eps_0 + (1 + eps) E|y - f|^2"])


@claim(
    id="sample_complexity.theorem41_rewriting.convex",
    title="The way back in a convex class",
    source=REWRITING,
    reading="from the risk to the distance, for a convex class: the networks with phi(t) = t^2, m = 1 and a = -1 on one point",
    y=D.interval(-2, 2),
    w=D.interval(-2, 2),
    mutants={"the distance counted one percent more": dict(share=1.01), "outputs of either sign": dict(sign=1.0)},
)
def convex(y: Tensor, w: Tensor, *, share: float = 1.0, sign: float = -1.0) -> Relation:
    r"""In a convex class, $\|\hat f-f\|_D^2 \le E|y-\hat f|^2-E|y-f|^2$: a bound on the risk gives one on the distance. Here
    the class is $\{f \le 0\}$, with the best function $\min(y, 0)$.

    Proof: $E(y-f)(\hat f-f) \le 0$.

    Tight at: $y \le 0$.

    Notes: so for a convex class one direction holds, and the one that the paper uses does not.
    """
    best, output = torch.clamp(y, max=0), sign * w * w
    return leq(
        share * (output - best) ** 2 + (y - best) ** 2,
        (y - output) ** 2,
        names=["|f^ - f|^2 + E|y - f|^2", "E|y - f^|^2"],
    )


@claim(
    id="sample_complexity.theorem41_rewriting.converse",
    title="The way back for networks",
    source=REWRITING,
    reading="'equivalently': from the risk to the distance, for networks",
    expect="refuted",
    u=D.unit_vectors(1, 2),
    v=D.unit_vectors(1, 2),
    eps=D.interval(2.0**-10, 0.5),
    eps0=D.interval(0, EPS0[1]),
    mutants={"without eps_0": dict(slack=0.0), "half of eps": dict(share=0.5)},
)
def converse(u: Tensor, v: Tensor, eps: Tensor, eps0: Tensor, *, slack: float = 1.0, share: float = 1.0) -> Relation:
    r"""If $E|y-f(\hat W)|^2 \le \varepsilon_0+(1+\varepsilon)E|y-f(W^*)|^2$, then $\|f(\hat W)-f(W^*)\|_D^2 \le
    \varepsilon_0+\varepsilon\,E|y-f(W^*)|^2$. Here both are minimisers of the risk, which is 1/3, on the four points of
    theorem41.minimisers.

    Counterexample: the directions $e_1$ and $e_2$: equal risks, and $\|f(\hat W)-f(W^*)\|^2 = \frac{8}{9}$.

    Notes: on a convex class it holds (theorem41_rewriting.convex).
    """
    apart = ((best_network(u) - best_network(v)) ** 2).mean(-1)
    return leq(apart, slack * eps0 + share * eps / 3, names=["|f^ - f*|^2", "eps_0 + eps E|y - f*|^2"])
